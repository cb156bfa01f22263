"""RFC 9113 sections 4.1, 4.2 and 5.5: the frame header, sizes of frames, unknown types."""

from __future__ import annotations

from collections.abc import Callable

from conformance import hpack, wire
from conformance.build import (
    Made,
    continuation,
    data,
    headers,
    message,
    priority,
    promise,
    raw,
    request_fields,
    reset,
    window,
)
from conformance.case import CLIENT, SERVER, Item, Need, Situation, case
from conformance.expect import Expectation, connection, either, goes_on, stream
from conformance.peer import NotApplicableError, On, Peer, Stream
from conformance.wire import DEFAULT_FRAME_SIZE, Code, Flag, Setting, Type, u32

SIZE = connection(Code.FRAME_SIZE_ERROR)
# DATA changes the window of the connection; the RFC does not say that it "could alter the state of
# the entire connection".
SIZE_OF_DATA = either(SIZE, stream(Code.FRAME_SIZE_ERROR))
OPEN, FRESH = Situation.OPEN, Situation.FRESH
RESERVED = 1 << 31
UNKNOWN = 0xFA

# Unknown types -----------------------------------------------------------------------------------

UNKNOWN_FRAMES: list[tuple[str, str, Stream, bytes, int]] = [
    ("connection", "on stream 0", 0, b"abc", 0),
    ("stream", "on an open stream", On.CURRENT, b"abc", 0),
    ("idle", "on an idle stream", On.IDLE, b"abc", 0),
    ("empty", "without a payload", On.CURRENT, b"", 0),
    ("full", "of 16,384 octets", On.CURRENT, bytes(DEFAULT_FRAME_SIZE), 0),
    ("flags", "with all flags set", On.CURRENT, b"abc", 0xFF),
]
for name, words, on, payload, flags in UNKNOWN_FRAMES:
    case(
        f"unknown-frame-{name}",
        "5.5" if name == "idle" else "4.1",
        f"A frame of an unknown type {words}",
        [raw(UNKNOWN, payload, flags, on)],
        goes_on(),
        at=OPEN,
    )
for kind in (0x0B, 0x20, 0x7F, 0xFF):
    case(
        f"unknown-frame-type-{kind}",
        "4.1",
        f"A frame of type {kind:#04x}",
        [raw(kind, b"12345678", 0, 0)],
        goes_on(),
    )


def _split(*between: Item) -> list[Item]:
    """The header section of a message with something in the middle of its field block."""

    def first(peer: Peer) -> bytes:
        whole = message(x_field())(peer)
        flags, stream_id = whole[4] & ~Flag.END_HEADERS, int.from_bytes(whole[5:9], "big")
        return wire.frame(Type.HEADERS, flags, stream_id, whole[9:-4])

    def last(peer: Peer) -> bytes:
        return continuation(message(x_field())(peer)[-4:])(peer)

    return [first, *between, last]


def x_field() -> hpack.Field:
    """A field whose value is long enough to be split."""
    return (b"x-field", b"0123456789")


case(
    "unknown-frame-in-block",
    "5.5",
    "A frame of an unknown type in the middle of a field block",
    _split(raw(UNKNOWN, b"abc")),
    connection(Code.PROTOCOL_ERROR),
    at=FRESH,
)
case(
    "unknown-frame-in-block-connection",
    "5.5",
    "A frame of an unknown type on stream 0 in the middle of a field block",
    _split(raw(UNKNOWN, b"abc", 0, 0)),
    connection(Code.PROTOCOL_ERROR),
    at=FRESH,
)

# Undefined flags ----------------------------------------------------------------------


def _flagged(name: str, flags: int, item: Item, at: Situation = OPEN) -> None:
    def send(peer: Peer) -> bytes:
        octets = item if isinstance(item, bytes) else item(peer)
        return octets[:4] + bytes([octets[4] | flags]) + octets[5:]

    case(
        f"unused-flags-{name}",
        "4.1",
        f"{name.upper().replace('-', '_')} with all undefined flags set",
        [send],
        goes_on(),
        at=at,
    )


_flagged("data", 0xF6, data(b"abc"))
_flagged("headers", 0xD2, message(), FRESH)
_flagged("priority", 0xFF, priority())
_flagged("settings", 0xFE, wire.settings())
_flagged("ping", 0xFE, wire.ping(b"12345678"))
_flagged("window-update", 0xFF, window(10))
case(
    "unused-flags-rst-stream",
    "4.1",
    "RST_STREAM with all flags set",
    [raw(Type.RST_STREAM, u32(Code.CANCEL), 0xFF)],
    goes_on(),
    at=OPEN,
    roles=SERVER,
)
case(
    "unused-flags-continuation",
    "4.1",
    "CONTINUATION with all flags set",
    [
        lambda peer: headers(hpack.block(request_fields(peer)), True, end_headers=False)(peer),
        raw(Type.CONTINUATION, b"", 0xFF),
    ],
    goes_on(answered=On.CURRENT),
    at=FRESH,
    roles=SERVER,
)

# The reserved bit --------------------------------------------------------------------------------


def _with_reserved(item: Item) -> Item:
    def send(peer: Peer) -> bytes:
        octets = item if isinstance(item, bytes) else item(peer)
        return octets[:5] + bytes([octets[5] | 0x80]) + octets[6:]

    return send


WITH_RESERVED: list[tuple[str, Item, Situation]] = [
    ("settings", wire.settings(), OPEN),
    ("ping", wire.ping(b"12345678"), OPEN),
    ("data", data(b"abc"), OPEN),
    ("headers", message(), FRESH),
    ("window-update", window(1), OPEN),
    ("priority", priority(), OPEN),
]
for name, item, situation in WITH_RESERVED:
    case(
        f"reserved-bit-{name}",
        "4.1",
        f"{name.upper().replace('-', '_')} with the reserved bit of the frame header set",
        [_with_reserved(item)],
        goes_on(),
        at=situation,
    )
case(
    "reserved-bit-of-increment",
    "6.9",
    "WINDOW_UPDATE with the reserved bit of the payload set",
    [raw(Type.WINDOW_UPDATE, u32(RESERVED | 10), 0, 0)],
    goes_on(),
)

# Sizes -------------------------------------------------------------------------------------------

_PADDING = hpack.literal(b"x-padding", b"")[:-1]  # a name, to which a value is added


def _too_large(peer: Peer) -> int:
    """One octet more than the endpoint accepts in a frame."""
    limit = peer.settings.get(Setting.MAX_FRAME_SIZE, DEFAULT_FRAME_SIZE)
    if limit > 2**20:
        raise NotApplicableError(f"the endpoint takes frames of {limit:,} octets")
    return limit + 1


def _block(size: int) -> bytes:
    """A field block of this size that can be decoded."""
    length = size - len(_PADDING)
    return _PADDING + hpack.string(bytes([97]) * (length - len(hpack.integer(length, 7))))


def _settings(size: int) -> bytes:
    return wire.settings(*[(0xFF00, 0)] * (size // 6 + 1))[9:]


def _size(name: str, words: str, item: Callable[[int], Made], expect: Expectation) -> None:
    """A frame whose payload is one octet too long."""
    at = FRESH if name in ("headers", "continuation") else OPEN
    make: Item = lambda peer: item(_too_large(peer))(peer)  # noqa: E731  (it is an item)
    first = [headers(b"", end_headers=False)] if name == "continuation" else []
    case(f"size-{name}-too-large", "4.2", words, [*first, make], expect, at=at)


case("size-data-full", "4.2", "DATA of 16,384 octets", [data(bytes(16_384))], goes_on(), at=OPEN)
ABOVE = "of more octets than SETTINGS_MAX_FRAME_SIZE"
_size("data", f"DATA {ABOVE}", lambda size: data(bytes(size)), SIZE_OF_DATA)
_size("headers", f"HEADERS {ABOVE}", lambda size: headers(_block(size)), SIZE)
_size("continuation", f"CONTINUATION {ABOVE}", lambda size: continuation(_block(size)), SIZE)
_size("settings", f"SETTINGS {ABOVE}", lambda size: raw(Type.SETTINGS, _settings(size), 0, 0), SIZE)
_size("goaway", f"GOAWAY {ABOVE}", lambda size: raw(Type.GOAWAY, bytes(size), 0, 0), SIZE)
_size("unknown", f"An unknown frame {ABOVE}", lambda size: raw(UNKNOWN, bytes(size), 0, 0), SIZE)
for length in (0, 7, 9):
    case(
        f"size-ping-{length}",
        "6.7",
        f"PING of {length} octets",
        [raw(Type.PING, bytes(length), 0, 0)],
        SIZE,
    )
PLACES: list[tuple[str, Stream]] = [("connection", 0), ("stream", On.CURRENT)]
for length in (0, 3, 5):
    words = f"{length} octets"
    reset_frame = raw(Type.RST_STREAM, bytes(length))
    case(f"size-rst-stream-{length}", "6.4", f"RST_STREAM of {words}", [reset_frame], SIZE, at=OPEN)
    for where, on in PLACES:
        case(
            f"size-window-update-{where}-{length}",
            "6.9",
            f"WINDOW_UPDATE of {words} on the {where}",
            [raw(Type.WINDOW_UPDATE, bytes(length), 0, on)],
            SIZE,
            at=OPEN,
        )
for length in (0, 4, 6):
    case(
        f"size-priority-{length}",
        "6.3",
        f"PRIORITY of {length} octets",
        [raw(Type.PRIORITY, bytes(length))],
        stream(Code.FRAME_SIZE_ERROR),
        at=OPEN,
    )
for length in (1, 5, 7):
    case(
        f"size-settings-{length}",
        "6.5",
        f"SETTINGS of {length} octets",
        [raw(Type.SETTINGS, bytes(length), 0, 0)],
        SIZE,
    )
for length in (0, 4, 7):
    case(
        f"size-goaway-{length}",
        "4.2",
        f"GOAWAY of {length} octets",
        [raw(Type.GOAWAY, bytes(length), 0, 0)],
        SIZE,
    )
case(
    "size-settings-ack",
    "6.5",
    "An acknowledgment of SETTINGS with a payload",
    [raw(Type.SETTINGS, wire.settings((3, 100))[9:], wire.ACK, 0)],
    SIZE,
)
case(
    "size-data-no-pad-length",
    "4.2",
    "DATA with the PADDED flag and no payload",
    [raw(Type.DATA, b"", Flag.PADDED)],
    SIZE_OF_DATA,
    at=OPEN,
)
case(
    "size-headers-no-pad-length",
    "4.2",
    "HEADERS with the PADDED flag and no payload",
    [raw(Type.HEADERS, b"", Flag.PADDED | Flag.END_HEADERS)],
    SIZE,
    at=FRESH,
)
case(
    "size-headers-priority",
    "4.2",
    "HEADERS with the PRIORITY flag and 4 octets",
    [raw(Type.HEADERS, bytes(4), Flag.PRIORITY | Flag.END_HEADERS)],
    SIZE,
    at=FRESH,
)
case(
    "size-headers-padded-priority",
    "4.2",
    "HEADERS with the flags PADDED and PRIORITY and 5 octets",
    [raw(Type.HEADERS, bytes(5), Flag.PADDED | Flag.PRIORITY | Flag.END_HEADERS)],
    SIZE,
    at=FRESH,
)
case(
    "size-push-promise",
    "4.2",
    "PUSH_PROMISE of 3 octets",
    [raw(Type.PUSH_PROMISE, bytes(3), Flag.END_HEADERS)],
    SIZE,
    at=OPEN,
    roles=CLIENT,
    needs=Need.PUSH,
)
case(
    "size-push-promise-too-large",
    "4.2",
    f"PUSH_PROMISE {ABOVE}",
    [lambda peer: promise(block=_block(_too_large(peer) - 4))(peer)],
    SIZE,
    at=OPEN,
    roles=CLIENT,
    needs=Need.PUSH,
)


# What the endpoint sends -------------------------------------------------------------------------

_USED = {
    Type.DATA: Flag.END_STREAM | Flag.PADDED,
    Type.HEADERS: Flag.END_STREAM | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY,
    Type.SETTINGS: wire.ACK,
    Type.PING: wire.ACK,
    Type.PUSH_PROMISE: Flag.END_HEADERS | Flag.PADDED,
    Type.CONTINUATION: Flag.END_HEADERS,
}


def _tidy(peer: Peer) -> str:
    for frame in peer.before.frames + peer.seen.frames:
        if frame.type in list(Type) and frame.flags & ~_USED.get(Type(frame.type), 0):
            return f"flags of {frame}"
        if frame.stream_id & RESERVED:
            return f"reserved bit of {frame}"
        if len(frame.payload) > DEFAULT_FRAME_SIZE:
            return f"length of {frame}"
        if frame.type == Type.DATA and frame.has(Flag.PADDED) and any(_padding(frame)):
            return f"padding of {frame}"
    return ""


def _padding(frame: wire.Frame) -> bytes:
    return frame.payload[len(frame.payload) - frame.payload[0] :]


case(
    "sent-frames-tidy",
    "4.1",
    "A message; then the frames of the endpoint are checked",
    [message(), window(1000), reset(on=On.CURRENT)],
    goes_on("no unused flag, reserved bit or frame over 16,384 octets", check=_tidy),
    at=FRESH,
    roles=SERVER,
)
case(
    "sent-frames-tidy-client",
    "4.1",
    "The beginning of a response; then the frames of the endpoint are checked",
    [message(), data(b"abc")],
    goes_on("no unused flag, reserved bit or frame over 16,384 octets", check=_tidy),
    at=FRESH,
    roles=CLIENT,
)
