"""RFC 9113 section 8.1: the frames of a message, malformed messages."""

from __future__ import annotations

from conformance.build import data, headers, message, trailers
from conformance.case import CLIENT, SERVER, Item, Situation, case
from conformance.expect import Expectation, either, goes_on, leaves, malformed, stream
from conformance.hpack import block
from conformance.peer import On, Role
from conformance.wire import Code

FRESH, OPEN = Situation.FRESH, Situation.OPEN
ANSWERED = goes_on(answered=On.CURRENT)
FINE = goes_on()


def _interim(status: bytes, end: bool = False) -> Item:
    return headers(block([(b":status", status)]), end)


# Frames in the wrong order -----------------------------------------------------------------------

case(
    "message-data-first",
    "8.1",
    "DATA before the header section of the response",
    [data(b"abc")],
    malformed(),
    at=FRESH,
    roles=CLIENT,
)
case(
    "message-data-after-interim",
    "8.1",
    "DATA between an interim and the final response",
    [_interim(b"100"), data(b"abc")],
    malformed(),
    at=FRESH,
    roles=CLIENT,
)
case(
    "message-interim-ends",
    "8.1",
    "An interim response that ends the stream",
    [_interim(b"103", end=True)],
    malformed(),
    at=FRESH,
    roles=CLIENT,
)
case(
    "message-interim-after-final",
    "8.1",
    "An interim response after the final one",
    [_interim(b"103")],
    malformed(),
    at=OPEN,
    roles=CLIENT,
)
case(
    "message-two-responses",
    "8.1",
    "A second final response",
    [_interim(b"200")],
    malformed(),
    at=OPEN,
    roles=CLIENT,
)
case(
    "message-interim",
    "8.1",
    "Interim responses (100, 103, 199) and the final one",
    [_interim(b"100"), _interim(b"103"), _interim(b"199"), message(), data(b"abc")],
    FINE,
    at=FRESH,
    roles=CLIENT,
)
case(
    "message-trailers-go-on",
    "8.1",
    "A second HEADERS frame that does not end the stream",
    [data(b"abc"), trailers(end=False)],
    malformed(),
    at=OPEN,
)
case(
    "message-trailers",
    "8.1",
    "Content and trailers",
    [data(b"abc"), trailers((b"x-one", b"1"), (b"x-two", b"2"))],
    either(ANSWERED, leaves()),
    at=OPEN,
)
case(
    "message-trailers-only",
    "8.1",
    "Trailers without content",
    [trailers()],
    either(ANSWERED, leaves()),
    at=OPEN,
)
case(
    "message-data-after-trailers",
    "5.1",
    "DATA after trailers",
    [trailers(), data(b"abc")],
    stream(Code.STREAM_CLOSED),
    at=OPEN,
    roles=SERVER,
)
case(
    "message-content",
    "8.1",
    "A message with content in three frames",
    [data(b"abc"), data(), data(b"abc", end=True)],
    either(ANSWERED, leaves()),
    at=OPEN,
)
TRAILERS: list[tuple[str, str, bytes, bytes]] = [
    ("pseudo-method", "8.1", b":method", b"GET"),
    ("pseudo-status", "8.1", b":status", b"200"),
    ("pseudo-path", "8.1", b":path", b"/"),
    ("pseudo-unknown", "8.1", b":unknown", b"x"),
    ("uppercase", "8.2.1", b"X-Trailer", b"x"),
    ("space", "8.2.1", b"x trailer", b"x"),
    ("nul", "8.2.1", b"x-trailer", b"a\x00b"),
    ("line-feed", "8.2.1", b"x-trailer", b"a\nb"),
    ("connection", "8.2.2", b"connection", b"close"),
    ("transfer-encoding", "8.2.2", b"transfer-encoding", b"chunked"),
]
for name, section, field, value in TRAILERS:
    case(
        f"trailers-{name}",
        section,
        f"Trailers with {field.decode()}: {value!r}",
        [data(b"abc"), trailers((field, value))],
        malformed(),
        at=OPEN,
    )

# Content-Length ----------------------------------------------------------------------------------


def _with_length(value: bytes, *behind: Item, more: bytes | None = None) -> list[Item]:
    fields = [(b"content-length", value)]
    if more is not None:
        fields.append((b"content-length", more))
    return [message(*fields, end=False, method=b"POST"), *behind]


def _last(content: bytes) -> Item:
    """Content that ends a request. A client that has a complete response may disconnect."""
    return lambda peer: data(content, end=peer.role is Role.SERVER)(peer)


LENGTHS: list[tuple[str, str, list[Item], Expectation]] = [
    ("too-much", "more content than declared", _with_length(b"3", _last(b"abcd")), malformed()),
    (
        "too-much-later",
        "more content than declared, in the second frame",
        _with_length(b"3", data(b"abc"), _last(b"d")),
        malformed(),
    ),
    (
        "too-little",
        "less content than declared",
        _with_length(b"10", data(b"abc", end=True)),
        malformed(),
    ),
    (
        "too-little-empty",
        "10 declared, but no content",
        _with_length(b"10", data(end=True)),
        malformed(),
    ),
    (
        "too-little-trailers",
        "less content than declared, and trailers",
        _with_length(b"10", data(b"abc"), trailers()),
        malformed(),
    ),
    (
        "different",
        "two values, 3 and 4, and content of 3 octets",
        _with_length(b"3", data(b"abc", end=True), more=b"4"),
        malformed(),
    ),
    ("no-number", "the value abc", _with_length(b"abc", data(b"abc", end=True)), malformed()),
    ("negative", "the value -3", _with_length(b"-3", data(b"abc", end=True)), malformed()),
    ("sign", "the value +3", _with_length(b"+3", data(b"abc", end=True)), malformed()),
    (
        "right",
        "as much content as declared",
        _with_length(b"3", data(b"abc", end=True)),
        either(ANSWERED, leaves()),
    ),
    (
        "right-padded",
        "as much content as declared, and padding, which does not count",
        _with_length(b"6", data(b"abc", pad=10), data(b"abc", end=True, pad=0)),
        either(ANSWERED, leaves()),
    ),
    (
        "right-trailers",
        "as much content as declared, and trailers",
        _with_length(b"3", data(b"abc"), trailers()),
        either(ANSWERED, leaves()),
    ),
]
for name, words, items, expect in LENGTHS:
    case(f"content-length-{name}", "8.1.1", f"Content-Length: {words}", items, expect, at=FRESH)
case(
    "content-length-headers-only",
    "8.1.1",
    "Content-Length: 10 in a request without content",
    [message((b"content-length", b"10"), end=True)],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
case(
    "content-length-not-modified",
    "8.1.1",
    "Content-Length: 10 in a response 304, which has no content",
    [message((b"content-length", b"10"), end=True, change={b":status": b"304"})],
    either(FINE, leaves()),
    at=FRESH,
    roles=CLIENT,
)
