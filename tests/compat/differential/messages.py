"""Header sections with all kinds of errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import frames
from .situations import EARLY, GET, RESPONSE, TUNNEL, WEBSOCKET, continuation, headers, promise
from .vocabulary import spec

Json = Any

#: Visible characters not allowed in tokens (RFC 9110 section 5.6.2), except the colon.
SEPARATORS = '"(),/;<=>?@[\\]{}'

#: Fields that are invalid, or may be mistaken for invalid, in one kind of message or in all.
FIELDS = [
    *([f"x{char}y", "1"] for char in "\0\1\t\n\r \x1f\x7f\x80\xff" + "A:" + SEPARATORS),
    *([f"{char}x", "1"] for char in "\t :A"),
    *([f"x{char}", "1"] for char in "\t :A"),
    *(["x", f"a{char}b"] for char in "\0\1\t\n\r \x1f\x7f\x80\xff"),
    *(["x", value] for value in (" a", "a ", "\ta", "a\t", " ", "\t", "")),
    *(["cookie", value] for value in (" a=1", "a=1; ", "", "\0", "a=1;b=2", "\xff")),
    ["", "1"],
    [":", "1"],
    [":unknown", "1"],
    *([name, "close"] for name in ("connection", "keep-alive", "proxy-connection", "upgrade")),
    *(["transfer-encoding", value] for value in ("chunked", "identity")),
    ["http2-settings", "AAA"],
    *(
        ["te", value]
        for value in ("trailers", "Trailers", "gzip", "", "trailers, gzip", "trailers ")
    ),
    *(
        ["host", value]
        for value in ("example.com", "EXAMPLE.com", "example.com:443", "a", "", "u@a")
    ),
    *(
        ["content-length", value]
        for value in (
            "0",
            "3",
            "03",
            "+3",
            "-1",
            "x",
            "",
            "3, 3",
            "3,4",
            "3 ",
            "1" * 20,
            "1" * 700,
            "\xb3",
        )
    ),
    *(
        [name, value]
        for name, value in (
            *((":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")),
            *((":status", "200"), (":protocol", "websocket"), (":protocol", "")),
        )
    ),
]

METHODS = ("", "GE T", "GET ", "get", "G\x01", "G\x80", "G()", "OPTIONS", "CONNECT", "HEAD", "FOO")
PATHS = (
    "",
    "a",
    "*",
    "?q",
    "/a b",
    "/a\tb",
    "/\x01",
    "/\x7f",
    "/\x80",
    "/#a",
    " /",
    "/ ",
    "/\0",
    "http://a/",
)
SCHEMES = ("", "http", "HTTPS", "ftp", "ht tp", "1a", "http://", "h\x01")
AUTHORITIES = (
    "",
    "u@example.com",
    "u:p@a",
    "a b",
    " a",
    "a/b",
    "a\x01",
    "a\x7f",
    "a\x80",
    "a,b",
    "a:b",
)
STATUSES = (
    *("", "1", "20", "099", "100", "101", "103", "199", "204", "205", "304", "600", "999"),
    *("2000", "2x0", "abc", "+20", " 200", "200 ", "\xb2\xb2\xb2"),
)


def replaced(block: Json, name: str, value: str | None) -> Json:
    """The block with a different value for a field, or without the field."""
    return [[n, v if n != name else value] for n, v in block if n != name or value is not None]


def requests() -> Iterator[Json]:
    """Header sections of requests."""
    for block in (GET, TUNNEL, WEBSOCKET):
        yield block
        for name, _ in block:
            yield replaced(block, name, None)
        for name, values in (
            *((":method", METHODS), (":path", PATHS), (":scheme", SCHEMES)),
            *((":authority", AUTHORITIES), (":protocol", ("", "a b", "a\x01"))),
        ):
            yield from (replaced(block, name, value) for value in values)
    yield replaced(replaced(GET, ":method", "OPTIONS"), ":path", "*")
    for scheme in ("ftp", "http"):
        other = replaced(GET, ":scheme", scheme)
        yield replaced(other, ":authority", None)
        yield from (replaced(other, ":path", path) for path in ("", "a"))
    yield [*replaced(GET, ":authority", None), ["host", "a"]]
    yield [*replaced(TUNNEL, ":authority", None), ["host", "a:1"]]
    for name in ("x", "cookie"):
        yield [[name, "y"], *GET]
        yield [*GET[:3], [name, "y"], GET[3]]
    yield from with_fields(GET)


def responses() -> Iterator[Json]:
    """Header sections of responses."""
    for status in STATUSES:
        yield [[":status", status]]
        yield [[":status", status], ["content-length", "3"]]
    yield from ([[name, "y"], *RESPONSE] for name in ("x", "cookie"))
    yield []
    yield from with_fields(RESPONSE)
    yield from with_fields(EARLY)


def with_fields(block: Json) -> Iterator[Json]:
    """A header section with one more field, once and twice."""
    for field in FIELDS:
        yield [*block, field]
        if field[0] in ("host", "content-length", "te", "cookie"):
            yield [*block, field, field]
            yield [*block, field, [field[0], "3"]]


def clumsy(stream: int) -> list[Json]:
    """A request of 60,000 octets that Huffman coding (RFC 7541 appendix B) expands to 225,000."""
    value = int("3ffffffe", 16)  # 30 bits for the octet 0x16
    four = sum(value << 30 * place for place in range(4)).to_bytes(15, "big")
    block = b"\x00\x01x\xff" + integer(225_000 - 127) + four * 15_000
    pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
    more = [continuation(stream, piece.hex(), end=piece is pieces[-1]) for piece in pieces]
    return [spec(frames.HEADERS, 0, stream, GET), *more]


def integer(value: int) -> bytes:
    """The octets after a prefix of ones (RFC 7541 section 5.1)."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def messages(side: str) -> Iterator[tuple[str, list[Json]]]:
    """A situation, and a header section that is received then."""
    if side == "server":
        yield "nothing", clumsy(1)
        for block in requests():
            yield "nothing", [headers(1, block)]
            yield "nothing", [headers(1, block, end=True)]
            yield "websockets", [headers(1, block)]
    else:
        for status in STATUSES:
            yield "tunnel asked for", [headers(1, [[":status", status]])]
        for block in requests():
            yield "open", [promise(1, 2, block), headers(2, RESPONSE, end=True)]
        for block in responses():
            yield "half-closed local", [headers(1, block)]
            yield "half-closed local", [headers(1, block, end=True)]
            yield "promised", [headers(2, block, end=True)]
    for block in with_fields([]):
        yield "responding", [headers(1, block, end=True)]
