"""RFC 9113 section 5.1: states of streams, their identifiers, their number."""

from __future__ import annotations

from conformance.build import (
    continuation,
    data,
    message,
    priority,
    reset,
    trailers,
    window,
)
from conformance.case import CLIENT, SERVER, Item, Situation, case
from conformance.expect import (
    Expectation,
    client_leaves,
    connection,
    either,
    goes_on,
    leaves,
    stream,
)
from conformance.peer import NotApplicableError, On, Peer
from conformance.wire import Code, Setting

FRESH, OPEN, ENDED = Situation.FRESH, Situation.OPEN, Situation.ENDED
PROTOCOL = connection(Code.PROTOCOL_ERROR)
FINE = goes_on()
#: A client that no longer needs the connection may also end it.
IGNORED = either(FINE, leaves())

# Idle streams ------------------------------------------------------------------------------------

IDLE: list[tuple[str, Item, Expectation | None]] = [
    ("DATA", data(b"abc", on=On.IDLE), None),
    # By default the package treats a reset of an idle stream like one of a closed stream.
    ("RST_STREAM", reset(on=On.IDLE), FINE),
    ("WINDOW_UPDATE", window(1, on=On.IDLE), None),
    ("CONTINUATION", continuation(on=On.IDLE), None),
]
for name, item, by_default in IDLE:
    case(
        f"idle-{name.lower().replace('_', '-')}",
        "5.1",
        f"{name} on an idle stream of the client",
        [item],
        PROTOCOL,
        by_default=by_default,
    )
IDLE_EVEN: list[tuple[str, Item, Expectation | None]] = [
    ("DATA", data(b"abc", on=On.IDLE_EVEN), None),
    ("RST_STREAM", reset(on=On.IDLE_EVEN), FINE),
    ("WINDOW_UPDATE", window(1, on=On.IDLE_EVEN), None),
]
for name, item, by_default in IDLE_EVEN:
    case(
        f"idle-even-{name.lower().replace('_', '-')}",
        "5.1",
        f"{name} on an idle stream of the server",
        [item],
        PROTOCOL,
        by_default=by_default,
    )
case("idle-priority", "5.1", "PRIORITY on an idle stream", [priority(on=On.IDLE)], FINE)
case(
    "idle-priority-even",
    "5.1",
    "PRIORITY on an idle stream of the server",
    [priority(on=On.IDLE_EVEN)],
    FINE,
)
case(
    "id-even",
    "5.1.1",
    "A request on an even stream",
    [message(on=2)],
    PROTOCOL,
    roles=SERVER,
)
case(
    "id-of-client",
    "5.1.1",
    "HEADERS on an odd stream that the client has not opened",
    [message(on=On.IDLE)],
    PROTOCOL,
    roles=CLIENT,
)
case(
    "id-not-promised",
    "5.1",
    "HEADERS on an even stream that was not promised",
    [message(on=On.IDLE_EVEN)],
    PROTOCOL,
    roles=CLIENT,
    by_default=stream(Code.PROTOCOL_ERROR, on=On.IDLE_EVEN),
)

# Identifiers -------------------------------------------------------------------------------------

case(
    "id-lower",
    "5.1.1",
    "A request on stream 5, then one on stream 3",
    [message(on=5), message(on=3)],
    connection(Code.PROTOCOL_ERROR, Code.STREAM_CLOSED),
    roles=SERVER,
)
case(
    "id-skipped-data",
    "5.1.1",
    "A request on stream 5, then DATA on stream 3, which was skipped",
    [message(on=5), data(b"abc", on=3)],
    either(
        stream(Code.STREAM_CLOSED, on=3),
        connection(Code.STREAM_CLOSED, Code.PROTOCOL_ERROR),
        goes_on("it is discarded"),
    ),
    roles=SERVER,
)
case(
    "id-skipped",
    "5.1.1",
    "The first request on stream 7",
    [message(on=7)],
    goes_on(answered=7),
    roles=SERVER,
)
case(
    "id-highest",
    "5.1.1",
    "A request on stream 2,147,483,647",
    [message(on=2**31 - 1)],
    goes_on(answered=2**31 - 1),
    roles=SERVER,
)
case(
    "id-headers-zero",
    "6.2",
    "HEADERS on stream 0",
    [message(on=0)],
    PROTOCOL,
)

# Half-closed (remote) ----------------------------------------------------------------------------

CLOSED_STREAM = stream(Code.STREAM_CLOSED)
ENDED_CASES: list[tuple[str, Item, Expectation]] = [
    ("DATA", data(b"abc"), CLOSED_STREAM),
    ("DATA without content", data(), CLOSED_STREAM),
    ("HEADERS", trailers(), CLOSED_STREAM),
    ("CONTINUATION", continuation(), PROTOCOL),
    ("WINDOW_UPDATE", window(1), FINE),
    ("PRIORITY", priority(), FINE),
    ("RST_STREAM", reset(), FINE),
]
for name, item, expect in ENDED_CASES:
    case(
        f"ended-{name.lower().replace('_', '-').replace(' ', '-')}",
        "5.1",
        f"{name} after the end of the request, before the end of the response",
        [item],
        expect,
        at=ENDED,
        roles=SERVER,
    )

# Closed ------------------------------------------------------------------------------------------

#: "An endpoint MAY treat receipt of any other type of frame on a closed stream as a connection
#: error"; it "can perform this minimal processing for all streams that are in the "closed" state".
MAY_DISCARD = either(connection(Code.STREAM_CLOSED), stream(Code.STREAM_CLOSED), FINE, leaves())
CLOSED_CASES: list[tuple[str, str, Item, Expectation]] = [
    ("data", "DATA", data(b"abc"), MAY_DISCARD),
    ("headers", "HEADERS", trailers(), MAY_DISCARD),
    ("continuation", "CONTINUATION", continuation(), either(PROTOCOL, client_leaves())),
    ("window-update", "WINDOW_UPDATE", window(1), IGNORED),
    ("priority", "PRIORITY", priority(), IGNORED),
    ("rst-stream", "RST_STREAM", reset(), IGNORED),
]
for name, words, item, expect in CLOSED_CASES:
    case(
        f"closed-{name}",
        "5.1",
        f"{words} after request and response are complete",
        [item],
        expect,
        at=Situation.CLOSED,
    )
RESET_CASES: list[tuple[str, str, Item, Expectation]] = [
    ("data", "DATA", data(b"abc"), MAY_DISCARD),
    ("headers", "HEADERS", trailers(), MAY_DISCARD),
    ("window-update", "WINDOW_UPDATE", window(1), either(IGNORED, connection(Code.STREAM_CLOSED))),
    ("priority", "PRIORITY", priority(), IGNORED),
    ("rst-stream", "RST_STREAM", reset(), either(IGNORED, connection(Code.STREAM_CLOSED))),
]
for name, words, item, expect in RESET_CASES:
    case(
        f"reset-{name}",
        "5.1",
        f"{words} after RST_STREAM",
        [item],
        expect,
        at=Situation.RESET,
    )
#: "an endpoint SHOULD NOT send more than one RST_STREAM frame for any stream. However, an endpoint
#: MAY send additional RST_STREAM frames [...] after more than a round-trip time."
DISCARDED = either(FINE, leaves(), stream(Code.STREAM_CLOSED))
REFUSED_CASES: list[tuple[str, Item, Expectation]] = [
    ("DATA", data(b"abc"), DISCARDED),
    ("HEADERS", trailers(), DISCARDED),
    ("WINDOW_UPDATE", window(1), IGNORED),
    ("PRIORITY", priority(), IGNORED),
    ("RST_STREAM", reset(), IGNORED),
]
for name, item, expect in REFUSED_CASES:
    case(
        f"refused-{name.lower().replace('_', '-')}",
        "5.4.2",
        f"{name} on a stream that the endpoint has reset",
        [item],
        expect,
        at=Situation.REFUSED,
    )

# Several streams ---------------------------------------------------------------------------------

case(
    "streams-interleaved",
    "5",
    "A POST, a GET on another stream, then the content of the POST",
    [
        message(end=False, method=b"POST"),
        message(on=On.NEXT),
        data(b"abc"),
        data(b"abc", end=True),
    ],
    goes_on(answered=On.NEXT),
    at=FRESH,
    roles=SERVER,
)
case(
    "stream-error-alone",
    "5.4.2",
    "A request followed by an invalid increment, then a request on another stream",
    [message(end=False, method=b"POST"), window(0), message(on=On.NEXT)],
    stream(Code.PROTOCOL_ERROR),
    at=FRESH,
    roles=SERVER,
)


def _too_many(peer: Peer) -> None:
    limit = peer.settings.get(Setting.MAX_CONCURRENT_STREAMS)
    if limit is None or limit > 1000:
        raise NotApplicableError(f"the server allows {limit or 'any number of'} streams")
    for number in range(1, 2 * limit + 2, 2):
        peer.send(message(on=number, end=False, method=b"POST")(peer))
    peer.stream = 2 * limit + 1


case(
    "streams-too-many",
    "5.1.2",
    "One request more than SETTINGS_MAX_CONCURRENT_STREAMS allows, all unfinished",
    _too_many,
    stream(Code.REFUSED_STREAM, Code.PROTOCOL_ERROR),
    at=FRESH,
    roles=SERVER,
)
