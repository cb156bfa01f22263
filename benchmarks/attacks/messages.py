"""Field blocks that many attacks use: the smallest messages, and ordinary requests."""

from __future__ import annotations

from collections.abc import Iterator

from . import wire
from .wire import block, indexed, literal

# Fields of the static table (RFC 7541 appendix A).
METHOD_GET, METHOD_POST, PATH_ROOT, SCHEME_HTTPS, STATUS_200 = map(indexed, (2, 3, 4, 7, 8))
AUTHORITY = literal(1, b"example.com")

#: The smallest request without and with content to come, and the smallest response.
GET = METHOD_GET + SCHEME_HTTPS + AUTHORITY + PATH_ROOT
POST = METHOD_POST + SCHEME_HTTPS + AUTHORITY + PATH_ROOT
RESPONSE = STATUS_200

#: Fields that a browser sends with every request of a page.
BROWSER = (
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"referer", b"https://www.example.com/dashboard"),
    (b"cookie", b"session=0123456789abcdef0123456789abcdef"),
)


def ordinary_requests() -> Iterator[bytes]:
    """The fields that a browser sends: the same each time, except for the path and an identifier.

    The other fields are in the table after the first request.
    """
    last = 62 + len(BROWSER)
    again = b"".join(map(indexed, range(last, 61, -1)))
    for number, stream_id in enumerate(wire.odd_numbers()):
        path = literal(4, b"/api/v2/items?page=%d" % number)
        mark = literal(b"x-request-id", b"%016x" % number)
        if number:
            fields = again
        else:
            fields = literal(1, b"www.example.com", add=True) + block(BROWSER, add=True)
        yield wire.headers(stream_id, METHOD_GET + SCHEME_HTTPS + path + fields + mark, end=True)


def request_without_table(number: int) -> bytes:
    """The fields of a request that does not use the dynamic table, which is left to the attack."""
    path = literal(4, b"/api/v2/items/%016x?page=%d&sort=descending" % (number * 7919, number))
    host = literal(1, b"www.example.com")
    return METHOD_GET + SCHEME_HTTPS + host + path + literal(b"x-request-id", b"%016x" % number)


def response_without_table(number: int) -> bytes:
    """The same for a response."""
    date = literal(33, b"Sun, 29 Nov 2026 04:55:%02d GMT" % (number % 60))
    return STATUS_200 + date + literal(34, b'"%016x"' % number) + literal(54, b"example/1.0")
