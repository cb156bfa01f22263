"""RFC 9113 sections 5.2 and 6.9: WINDOW_UPDATE and the windows."""

from __future__ import annotations

from conformance import wire
from conformance.build import data, message, window
from conformance.case import CLIENT, SERVER, Need, Script, Situation, case
from conformance.expect import Check, client_leaves, connection, either, goes_on, stream
from conformance.peer import NotApplicableError, Peer
from conformance.wire import DEFAULT_WINDOW, MAX_WINDOW, Code, Setting, Type

OPEN, ENDED = Situation.OPEN, Situation.ENDED
FLOW = connection(Code.FLOW_CONTROL_ERROR)
STREAM_FLOW = stream(Code.FLOW_CONTROL_ERROR)
FINE = goes_on()

case(
    "window-zero-connection",
    "6.9",
    "WINDOW_UPDATE with an increment of 0 on the connection",
    [window(0, on=0)],
    connection(Code.PROTOCOL_ERROR),
)
case(
    "window-zero-stream",
    "6.9",
    "WINDOW_UPDATE with an increment of 0 on a stream",
    [window(0)],
    stream(Code.PROTOCOL_ERROR),
    at=OPEN,
)
case(
    "window-connection-most",
    "6.9.1",
    "WINDOW_UPDATE that makes the window of the connection 2,147,483,647",
    [window(MAX_WINDOW - DEFAULT_WINDOW, on=0)],
    FINE,
)
case(
    "window-connection-overflow",
    "6.9.1",
    "WINDOW_UPDATE that makes the window of the connection larger than 2,147,483,647",
    [window(MAX_WINDOW, on=0)],
    FLOW,
)
case(
    "window-connection-overflow-twice",
    "6.9.1",
    "Two WINDOW_UPDATE frames that make it larger together",
    [window(MAX_WINDOW - DEFAULT_WINDOW, on=0), window(DEFAULT_WINDOW, on=0)],
    FLOW,
)
case(
    "window-stream-most",
    "6.9.1",
    "WINDOW_UPDATE that makes the window of a stream 2,147,483,647",
    [window(MAX_WINDOW - DEFAULT_WINDOW)],
    FINE,
    at=OPEN,
)
case(
    "window-stream-overflow",
    "6.9.1",
    "WINDOW_UPDATE that makes the window of a stream larger than 2,147,483,647",
    [window(MAX_WINDOW)],
    STREAM_FLOW,
    at=OPEN,
)
case(
    "window-stream-overflow-twice",
    "6.9.1",
    "Two WINDOW_UPDATE frames that make it larger together",
    [window(MAX_WINDOW - DEFAULT_WINDOW), window(DEFAULT_WINDOW)],
    STREAM_FLOW,
    at=OPEN,
)
case(
    "window-settings-overflow",
    "6.9.2",
    "WINDOW_UPDATE on a stream, then SETTINGS_INITIAL_WINDOW_SIZE = 2,147,483,647",
    [window(1), wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW))],
    FLOW,
    at=OPEN,
)
case(
    "window-settings-change",
    "6.9.2",
    "SETTINGS_INITIAL_WINDOW_SIZE = 0, then 2,147,483,647",
    [
        wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)),
        wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)),
    ],
    FINE,
    at=OPEN,
)
case(
    "window-settings-not-connection",
    "6.9.2",
    "SETTINGS_INITIAL_WINDOW_SIZE = 2,147,483,647, then a legal increment on the connection",
    [
        wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)),
        window(MAX_WINDOW - DEFAULT_WINDOW, on=0),
    ],
    FINE,
)

# What the endpoint receives ----------------------------------------------------------------------


def _overfill(pad: int | None) -> Script:
    """One DATA frame that is longer than both windows."""

    def script(peer: Peer) -> None:
        room = peer.settings.get(Setting.INITIAL_WINDOW_SIZE, DEFAULT_WINDOW)
        for frame in peer.before.frames:
            if frame.type == Type.WINDOW_UPDATE and frame.stream_id == peer.stream:
                room += frame.number()
        if room > 2**20:
            raise NotApplicableError(f"the window of the stream has {room} octets")
        for _ in range(room // 16_000 + 1):
            padding = pad or 0
            size = 16_000 - padding - (0 if pad is None else 1)
            peer.send(data(bytes(size), pad=pad)(peer))

    return script


def _was_enlarged(peer: Peer) -> str:
    updates = [item for item in peer.seen.frames if item.type == Type.WINDOW_UPDATE]
    return "" if updates else "no WINDOW_UPDATE"


EXCEEDED = either(
    FLOW,
    STREAM_FLOW,
    stream(Code.STREAM_CLOSED),
    goes_on("the window was enlarged meanwhile", check=_was_enlarged),
)
case(
    "window-exceeded",
    "6.9.1",
    "DATA that is longer than the window",
    _overfill(None),
    EXCEEDED,
    at=OPEN,
)
case(
    "window-exceeded-padding",
    "6.1",
    "DATA that is longer than the window with its padding",
    _overfill(255),
    EXCEEDED,
    at=OPEN,
)

# What the endpoint sends -------------------------------------------------------------------------


def _received(peer: Peer) -> int:
    frames = peer.before.frames + peer.seen.frames
    return sum(len(f.payload) for f in frames if f.type == Type.DATA and f.stream_id == peer.stream)


def _exactly(number: int) -> Check:
    def check(peer: Peer) -> str:
        found = _received(peer)
        return "" if found == number else f"{found} octets of DATA"

    return check


def _stepwise(*steps: tuple[bytes | int, int]) -> Script:
    """Increments (or frames), and how much DATA must follow each."""

    def script(peer: Peer) -> None:
        for step, expected in steps:
            peer.send(step if isinstance(step, bytes) else window(step)(peer))
            peer.flush()
            peer.wait(f"{expected} octets of DATA", lambda p, n=expected: _received(p) >= n)

    return script


def _initial(size: int) -> bytes:
    return wire.settings((Setting.INITIAL_WINDOW_SIZE, size))


case(
    "window-sent-none",
    "6.9.1",
    "A request while SETTINGS_INITIAL_WINDOW_SIZE is 0",
    [],
    goes_on("no content", check=_exactly(0)),
    at=ENDED,
    roles=SERVER,
)
case(
    "window-sent-exactly",
    "6.9.1",
    "The same, then increments of 10, 1 and 100",
    _stepwise((10, 10), (1, 11), (100, 111)),
    goes_on("111 octets of DATA", check=_exactly(111)),
    at=ENDED,
    roles=SERVER,
)
case(
    "window-sent-settings",
    "6.9.2",
    "The same, then SETTINGS_INITIAL_WINDOW_SIZE = 100",
    _stepwise((_initial(100), 100)),
    goes_on("100 octets of DATA", check=_exactly(100)),
    at=ENDED,
    roles=SERVER,
)
case(
    "window-sent-negative",
    "6.9.2",
    "SETTINGS_INITIAL_WINDOW_SIZE = 100, then 0, then increments of 100 and 1",
    _stepwise((_initial(100), 100), (_initial(0), 100), (100, 100), (1, 101)),
    goes_on("101 octets of DATA", check=_exactly(101)),
    at=ENDED,
    roles=SERVER,
)
case(
    "window-sent-connection",
    "6.9.1",
    "A window of 1,000,000 octets for the stream, none for the connection",
    _stepwise((1_000_000, DEFAULT_WINDOW)),
    goes_on("65,535 octets of DATA (the content must be longer)", check=_exactly(DEFAULT_WINDOW)),
    at=ENDED,
    roles=SERVER,
)
case(
    "window-sent-frame-size",
    "4.2",
    "SETTINGS_MAX_FRAME_SIZE is not changed, the window has 60,000 octets",
    _stepwise((60_000, 60_000)),
    goes_on(
        "no frame over 16,384 octets",
        check=lambda peer: (
            "" if all(len(item.payload) <= 16_384 for item in peer.seen.frames) else "too large"
        ),
    ),
    at=ENDED,
    roles=SERVER,
)
case(
    "window-sent-upload",
    "6.9.1",
    "Nothing, while a client has content for more than both windows",
    _stepwise((wire.settings(), DEFAULT_WINDOW)),
    goes_on("65,535 octets of DATA", check=_exactly(DEFAULT_WINDOW)),
    at=Situation.FRESH,
    roles=CLIENT,
    needs=Need.UPLOAD,
)
case(
    "window-sent-upload-more",
    "6.9.1",
    "Increments of 10 for the stream and for the connection",
    _stepwise(
        (wire.settings(), DEFAULT_WINDOW),
        (wire.frame(Type.WINDOW_UPDATE, 0, 0, wire.u32(10)), DEFAULT_WINDOW),
        (10, DEFAULT_WINDOW + 10),
    ),
    goes_on("65,545 octets of DATA", check=_exactly(DEFAULT_WINDOW + 10)),
    at=Situation.FRESH,
    roles=CLIENT,
    needs=Need.UPLOAD,
)
case(
    "window-response-before-upload",
    "8.1",
    "A complete response and RST_STREAM (NO_ERROR) before the end of the request",
    [
        message(end=True),
        lambda peer: wire.frame(Type.RST_STREAM, 0, peer.stream, wire.u32(Code.NO_ERROR)),
    ],
    either(FINE, client_leaves()),
    at=Situation.FRESH,
    roles=CLIENT,
    needs=Need.UPLOAD,
)
