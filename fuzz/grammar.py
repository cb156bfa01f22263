"""Frames that a peer may send, and some that it must not, chosen by the octets of an input."""

from __future__ import annotations

from . import wire
from .source import Source

Field = tuple[bytes, bytes]

REQUEST: list[Field] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/"),
    (b":authority", b"example.com"),
]
POST = [(b":method", b"POST"), *REQUEST[1:]]
HEAD = [(b":method", b"HEAD"), *REQUEST[1:]]
CONNECT = [(b":method", b"CONNECT"), (b":authority", b"a.b:1")]
EXTENDED_CONNECT = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *REQUEST[1:]]
SIZED = [*POST, (b"content-length", b"12")]
RESPONSE = [(b":status", b"200")]
SIZED_RESPONSE = [*RESPONSE, (b"content-length", b"12")]
EARLY = [(b":status", b"103"), (b"link", b"</a>")]
NO_CONTENT = [(b":status", b"204")]
TRAILERS = [(b"checksum", b"0")]

REQUESTS = [REQUEST, POST, HEAD, CONNECT, SIZED, POST, EXTENDED_CONNECT, REQUEST]
RESPONSES = [RESPONSE, SIZED_RESPONSE, EARLY, NO_CONTENT, RESPONSE]
SECTIONS = [*REQUESTS, *RESPONSES, TRAILERS, TRAILERS, []]

#: Fields that are added: some valid, some not.
EXTRA: list[Field] = [
    *((b"x", b"y"), (b"cookie", b"a=b"), (b"cookie", b"c=d; e=f"), (b"te", b"trailers")),
    *((b"content-length", b"0"), (b"content-length", b"12"), (b"content-length", b"x")),
    *((b"accept", b""), (b"host", b"example.com"), (b"host", b"other"), (b"x-long", b"v" * 90)),
    *((b"X-Upper", b"1"), (b"connection", b"close"), (b"te", b"gzip"), (b"", b"")),
    *((b"x", b"a\nb"), (b"x", b" padded "), (b"x", b"\x80\xff"), (b"a b", b"c"), (b"x:", b"y")),
    *((b":path", b"/"), (b":path", b""), (b":status", b"200"), (b":status", b"20"), (b":x", b"")),
    *((b":scheme", b"x"), (b":authority", b"user@host"), (b":protocol", b"websocket")),
    *((b"authorization", b"Basic x"), (b"content-length", b"9" * 30), (b"x-big", b"b" * 1_500)),
    *((b"priority", b"u=1"), (b":method", b"OPTIONS"), (b"upgrade", b"h2c"), (b"x", b"\x00")),
]

STREAM_IDS = (1, 1, 1, 3, 3, 5, 7, 9, 2, 2, 4, 6, 0, 11, 21, wire.MAX_ID)
CODES = (0, 1, 8, 5, 7, 11, 99, 2**32 - 1)
PADDING = (None, None, None, None, None, 0, 7, 255)
INCREMENTS = (1, 1_000, 65_535, 0, wire.MAX_WINDOW, wire.MAX_WINDOW - wire.DEFAULT_WINDOW, 16_384)
VALUES = (
    *(0, 1, 2, 10, 100, 4_096, 65_535, 65_536, 16_384, 16_385, 20_000),
    *(2**24 - 1, 2**24, wire.MAX_WINDOW, 2**31, 2**32 - 1),
)
LENGTHS = (0, 1, 12, 5, 100, 1_000, 1_024, 9_000, 16_384, 16_385, 2, 11)

#: The most octets in one history, however short its input, so that many can be tried.
LARGEST = 200_000

#: RFC 7541 section 6.2: without indexing (twice), with it, never indexed.
_PATTERNS = (0x00, 0x40, 0x40, 0x10)


class Peer:
    """The other end: creates frames that fit the history."""

    def __init__(self, client: bool) -> None:
        self.next_id = 1 if client else 2  #: the next stream that it opens or promises
        self.inserted = 0  #: approximate number of entries in the table of its encoder
        self.octets = 0  #: of all frames

    def stream(self, source: Source) -> int:
        """Return a stream identifier: mostly one in use."""
        choice = source.octet()
        if choice < 0x10:
            return source.number(4)
        return STREAM_IDS[choice % len(STREAM_IDS)]

    def opened(self) -> int:
        """Return the identifier of a new stream."""
        stream_id = self.next_id
        self.next_id += 2
        return stream_id

    def block(self, source: Source, base: list[Field]) -> bytes:
        """Return a field block with sensible fields, and others."""
        choice = source.octet()
        parts = []
        if choice & 0xE0 == 0xE0:
            parts.append(wire.size_update(source.pick(VALUES)))
        elif choice & 0xE0 == 0xC0:
            return source.take(choice & 0x1F)
        pattern = _PATTERNS[choice & 3]
        parts += [self._field(name, value, pattern) for name, value in base]
        for _ in range(choice >> 2 & 3):
            name, value = source.pick(EXTRA)
            parts.append(self._field(name, value, _PATTERNS[source.octet() & 3]))
        if choice & 0x10:
            index = source.octet()
            if self.inserted and index & 0x80:
                index = 62 + index % self.inserted
            parts.append(wire.indexed(index & 0x7F))
        return b"".join(parts)

    def _field(self, name: bytes, value: bytes, pattern: int) -> bytes:
        self.inserted += pattern == 0x40
        return wire.literal(name, value, pattern)


def frame(source: Source, peer: Peer) -> bytes:
    """Return one frame, or several that belong together."""
    made = _KINDS[source.octet() % len(_KINDS)](source, peer)
    peer.octets += len(made)
    return made


def _request(source: Source, peer: Peer) -> bytes:
    base = source.pick(REQUESTS)
    return _field_section(source, peer, peer.opened(), base)


def _headers(source: Source, peer: Peer) -> bytes:
    return _field_section(source, peer, peer.stream(source), source.pick(SECTIONS))


def _response(source: Source, peer: Peer) -> bytes:
    return _field_section(source, peer, peer.stream(source), source.pick(RESPONSES))


def _field_section(source: Source, peer: Peer, stream_id: int, base: list[Field]) -> bytes:
    choice = source.octet()
    block = peer.block(source, base)
    flags, payload = 0, block
    if choice & 0x30 == 0x30:
        fields = peer.stream(source) | (source.octet() & 1) << 31
        flags, payload = wire.PRIORITIZED, fields.to_bytes(4, "big") + bytes([choice]) + block
    padding, payload = wire.padded(payload, PADDING[choice >> 1 & 7])
    return _cut(source, wire.HEADERS, flags | padding | choice & 1, stream_id, payload)


def _promise(source: Source, peer: Peer) -> bytes:
    stream_id = peer.stream(source)
    promised = peer.opened() if not source.chance(4) else peer.stream(source)
    block = peer.block(source, source.pick(REQUESTS))
    flags, payload = wire.padded(promised.to_bytes(4, "big") + block, source.pick(PADDING))
    return _cut(source, wire.PUSH_PROMISE, flags, stream_id, payload)


def _cut(source: Source, type_: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return a field block in one frame, or in several."""
    cuts = source.octet() & 7
    if cuts < 6 or not payload:
        # The last choice omits the end, which another frame may or may not supply.
        end = wire.END_HEADERS if cuts else 0
        return wire.frame(type_, flags | end, stream_id, payload)
    size = max(1, len(payload) // cuts)
    first = payload[:size]
    if flags & wire.PADDED:
        flags, first = flags & ~wire.PADDED, payload[1:][:size]
    rest = [payload[start : start + size] for start in range(size, len(payload), size)] or [b""]
    frames = [wire.frame(type_, flags, stream_id, first)]
    frames += [wire.frame(wire.CONTINUATION, 0, stream_id, part) for part in rest[:-1]]
    frames.append(wire.frame(wire.CONTINUATION, wire.END_HEADERS, stream_id, rest[-1]))
    return b"".join(frames)


def _data(source: Source, peer: Peer) -> bytes:
    stream_id = peer.stream(source)
    choice = source.octet()
    length = LENGTHS[(choice >> 4) % len(LENGTHS)]
    if peer.octets > LARGEST:
        length = min(length, 100)
    flags, payload = wire.padded(bytes(length), PADDING[choice >> 1 & 7])
    return wire.frame(wire.DATA, flags | choice & 1, stream_id, payload)


def _priority(source: Source, peer: Peer) -> bytes:
    fields = peer.stream(source).to_bytes(4, "big") + bytes([source.octet()])
    if source.chance(8):
        fields = fields[1:]
    return wire.frame(wire.PRIORITY, 0, peer.stream(source), fields)


def _rst_stream(source: Source, peer: Peer) -> bytes:
    code = source.pick(CODES).to_bytes(4, "big")
    return wire.frame(wire.RST_STREAM, 0, peer.stream(source), code)


def _settings(source: Source, peer: Peer) -> bytes:
    choice = source.octet()
    pairs = [(source.octet() % 10, source.pick(VALUES)) for _ in range(choice & 3)]
    if choice & 0xF0 == 0xF0:
        return wire.settings(*pairs) + wire.settings(*pairs)
    return wire.settings(*pairs)


def _settings_ack(source: Source, peer: Peer) -> bytes:
    return wire.SETTINGS_ACK


def _ping(source: Source, peer: Peer) -> bytes:
    choice = source.octet()
    payload = choice.to_bytes(8 if choice < 0xF0 else 7, "big")
    return wire.frame(wire.PING, choice & wire.ACK, 0, payload)


def _goaway(source: Source, peer: Peer) -> bytes:
    payload = peer.stream(source).to_bytes(4, "big") + source.pick(CODES).to_bytes(4, "big")
    return wire.frame(wire.GOAWAY, 0, 0, payload + source.take(source.octet() & 3))


def _window_update(source: Source, peer: Peer) -> bytes:
    return wire.window_update(peer.stream(source), source.pick(INCREMENTS))


def _continuation(source: Source, peer: Peer) -> bytes:
    stream_id = peer.stream(source)
    block = peer.block(source, source.pick(SECTIONS))
    return wire.frame(wire.CONTINUATION, wire.END_HEADERS, stream_id, block)


def _extension(source: Source, peer: Peer) -> bytes:
    origin = source.pick((b"", b"https://a.b", b"x" * 300, None, None))
    if origin is None:
        return _newer_extension(source, peer)
    payload = len(origin).to_bytes(2, "big") + origin + b"h2=x"
    return wire.frame(wire.ALTSVC, 0, peer.stream(source), payload)


def _newer_extension(source: Source, peer: Peer) -> bytes:
    """ORIGIN or PRIORITY_UPDATE, usually on stream 0 and without flags."""
    type_, flags, stream_id = wire.ORIGIN, 0, 0
    choice = source.octet()
    payload = b"\0\x0bhttps://a.b"[: choice >> 4 or None] * (choice & 3)
    if choice & 4:
        type_ = wire.PRIORITY_UPDATE
        payload = peer.stream(source).to_bytes(4, "big") + source.take(choice >> 4)
    if choice & 8:
        flags, stream_id = source.octet(), peer.stream(source)
    return wire.frame(type_, flags, stream_id, payload)


def _anything(source: Source, peer: Peer) -> bytes:
    type_, flags = source.octet(), source.octet()
    stream_id = peer.stream(source)
    payload = source.take(source.octet() & 0x1F)
    length = source.pick((-1, -1, -1, -1, len(payload) + 1, 16_384, 16_385, 2**24 - 1))
    return wire.frame(type_, flags, stream_id, payload, length)


_KINDS = (
    *(_request, _request, _response, _response, _headers, _headers, _promise),
    *(_data, _data, _data, _data, _window_update, _window_update, _settings, _settings_ack),
    *(_rst_stream, _rst_stream, _ping, _goaway, _priority, _continuation, _extension, _anything),
)
