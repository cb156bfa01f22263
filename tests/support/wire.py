"""Frames as bytes, for tests: a builder and a parser that share no code with the package.

Field blocks are written as plain literals (RFC 7541 section 6.2, no Huffman coding), so a test
decides which entries the HPACK table of a peer has. Blocks that the package wrote are read with the
decoder of the ``hpack`` package.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NamedTuple

from hpack import Decoder

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER = 9
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_SIZE = 16_384
MAX_WINDOW = 2**31 - 1
MAX_STREAM_ID = 2**31 - 1
RESERVED = 1 << 31

Field = tuple[bytes, bytes]
Fields = Sequence[Field]
Factory = Callable[[], H2Connection]


class Type(IntEnum):
    """Frame types: RFC 9113 section 6, RFC 7838 section 4, RFC 8336, RFC 9218."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    ALTSVC = 10
    ORIGIN = 0x0C
    PRIORITY_UPDATE = 0x10


class Flag(IntEnum):
    """Frame flags: RFC 9113 section 6."""

    END_STREAM = 0x01
    ACK = 0x01
    END_HEADERS = 0x04
    PADDED = 0x08
    PRIORITY = 0x20


class Code(IntEnum):
    """Error codes: RFC 9113 section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """Settings: RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8
    NO_RFC7540_PRIORITIES = 9


REQUEST: Fields = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"example.com"),
    (b":path", b"/"),
)
POST: Fields = ((b":method", b"POST"), *REQUEST[1:])
RESPONSE: Fields = ((b":status", b"200"),)
TRAILERS: Fields = ((b"checksum", b"0"),)


class Frame(NamedTuple):
    """One frame as sent on the wire; ``payload`` includes padding and pad length."""

    type: int
    flags: int
    stream_id: int
    payload: bytes
    reserved: bool = False

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)

    @property
    def error_code(self) -> int:
        """The code of a RST_STREAM or GOAWAY frame."""
        start = 0 if self.type == Type.RST_STREAM else 4
        return int.from_bytes(self.payload[start : start + 4], "big")

    @property
    def last_stream_id(self) -> int:
        return int.from_bytes(self.payload[:4], "big")

    @property
    def debug_data(self) -> bytes:
        return self.payload[8:]

    @property
    def increment(self) -> int:
        return int.from_bytes(self.payload, "big")

    @property
    def promised_stream_id(self) -> int:
        return int.from_bytes(self._content[:4], "big")

    @property
    def settings(self) -> list[tuple[int, int]]:
        return list(struct.iter_unpack(">HL", self.payload))

    @property
    def data(self) -> bytes:
        """The content of a DATA frame without padding."""
        return self._content

    @property
    def fragment(self) -> bytes:
        """The field block fragment of a HEADERS, PUSH_PROMISE or CONTINUATION frame."""
        if self.type == Type.PUSH_PROMISE:
            return self._content[4:]
        if self.type == Type.HEADERS and self.has(Flag.PRIORITY):
            return self._content[5:]
        return self._content

    @property
    def _content(self) -> bytes:
        if self.type == Type.CONTINUATION or not self.has(Flag.PADDED):
            return self.payload
        return self.payload[1 : len(self.payload) - self.payload[0]]


def parse(data: bytes) -> list[Frame]:
    """Cut complete frames out of ``data``, which may start with the client's preface."""
    at = len(PREFACE) if data.startswith(PREFACE) else 0
    frames = []
    while at < len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        end = at + FRAME_HEADER + length
        if end > len(data):
            raise ValueError(f"incomplete frame at offset {at} of {len(data)}: {data[at:]!r}")
        stream = int.from_bytes(data[at + 5 : at + 9], "big")
        payload = bytes(data[at + FRAME_HEADER : end])
        frames.append(
            Frame(data[at + 3], data[at + 4], stream & ~RESERVED, payload, bool(stream & RESERVED))
        )
        at = end
    return frames


# Field blocks --------------------------------------------------------------------------------


def first(data: bytes) -> tuple[Frame, bytes] | None:
    """The first of these frames and the rest; None until it is complete."""
    size = FRAME_HEADER + int.from_bytes(data[:3], "big")
    if len(data) < size:
        return None
    (frame,) = parse(data[:size])
    return frame, data[size:]


def integer(value: int, prefix: int, pattern: int = 0) -> bytes:
    """An HPACK integer with a prefix of that many bits under ``pattern`` (RFC 7541 5.1)."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([pattern | value])
    out = [pattern | limit]
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def string(value: bytes) -> bytes:
    """An HPACK string without Huffman coding (RFC 7541 5.2)."""
    return integer(len(value), 7) + value


def literal(name: bytes, value: bytes, *, pattern: int = 0x00) -> bytes:
    """One literal field line: 0x00 not indexed, 0x40 added to the table, 0x10 never indexed."""
    return bytes([pattern]) + string(name) + string(value)


def indexed(index: int) -> bytes:
    """A reference into the static (1 to 61) or dynamic (62 on, newest first) table."""
    return integer(index, 7, 0x80)


def table_size_update(size: int) -> bytes:
    return integer(size, 5, 0x20)


def block(fields: Iterable[Field], *, add: bool = False) -> bytes:
    """A field block of literals; with ``add`` every field goes into the peer's dynamic table."""
    pattern = 0x40 if add else 0x00
    return b"".join(literal(name, value, pattern=pattern) for name, value in fields)


def decode(*fragments: bytes, decoder: Decoder | None = None) -> list[Field]:
    """The fields of a block that the package wrote."""
    fields = (decoder or Decoder()).decode(b"".join(fragments), raw=True)
    return [(bytes(name), bytes(value)) for name, value in fields]


def _fragment(fields: Fields | bytes) -> bytes:
    return bytes(fields) if isinstance(fields, bytes) else block(fields)


# Frames --------------------------------------------------------------------------------------


def frame(
    type_: int,
    flags: int = 0,
    stream_id: int = 0,
    payload: bytes = b"",
    *,
    length: int | None = None,
) -> bytes:
    """Any frame; ``length`` overrides the real one, RESERVED may be or-ed to ``stream_id``."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBL", size >> 16, size & 0xFFFF, type_, flags, stream_id) + payload


def padded(content: bytes, pad: int | None) -> tuple[int, bytes]:
    """The flag and the payload of ``content`` with that much padding; None is no padding."""
    if pad is None:
        return 0, content
    return Flag.PADDED, bytes([pad]) + content + bytes(pad)


def data(
    stream_id: int, content: bytes = b"", *, end_stream: bool = False, pad: int | None = None
) -> bytes:
    flags, payload = padded(content, pad)
    return frame(Type.DATA, flags | (Flag.END_STREAM if end_stream else 0), stream_id, payload)


def priority_fields(depends_on: int = 0, weight: int = 16, exclusive: bool = False) -> bytes:
    """The priority fields, with the weight as in events, 1 to 256."""
    return struct.pack(">LB", depends_on | (RESERVED if exclusive else 0), weight - 1)


def headers(
    stream_id: int,
    fields: Fields | bytes,
    *,
    end_stream: bool = False,
    end_headers: bool = True,
    pad: int | None = None,
    priority: bytes = b"",
) -> bytes:
    """A HEADERS frame around fields or around a ready fragment."""
    flags, payload = padded(priority + _fragment(fields), pad)
    flags |= Flag.END_STREAM if end_stream else 0
    flags |= Flag.END_HEADERS if end_headers else 0
    flags |= Flag.PRIORITY if priority else 0
    return frame(Type.HEADERS, flags, stream_id, payload)


def continuation(stream_id: int, fields: Fields | bytes, *, end_headers: bool = True) -> bytes:
    flags = Flag.END_HEADERS if end_headers else 0
    return frame(Type.CONTINUATION, flags, stream_id, _fragment(fields))


def push_promise(
    stream_id: int,
    promised: int,
    fields: Fields | bytes = REQUEST,
    *,
    end_headers: bool = True,
    pad: int | None = None,
) -> bytes:
    flags, payload = padded(struct.pack(">L", promised) + _fragment(fields), pad)
    flags |= Flag.END_HEADERS if end_headers else 0
    return frame(Type.PUSH_PROMISE, flags, stream_id, payload)


def priority(
    stream_id: int, depends_on: int = 0, weight: int = 16, exclusive: bool = False
) -> bytes:
    return frame(Type.PRIORITY, 0, stream_id, priority_fields(depends_on, weight, exclusive))


def rst_stream(stream_id: int, code: int = Code.CANCEL) -> bytes:
    return frame(Type.RST_STREAM, 0, stream_id, struct.pack(">L", code))


def settings(*pairs: tuple[int, int], ack: bool = False) -> bytes:
    payload = b"".join(struct.pack(">HL", *pair) for pair in pairs)
    return frame(Type.SETTINGS, Flag.ACK if ack else 0, 0, payload)


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
    return frame(Type.PING, Flag.ACK if ack else 0, 0, payload)


def goaway(last_stream_id: int, code: int = Code.NO_ERROR, debug_data: bytes = b"") -> bytes:
    return frame(Type.GOAWAY, 0, 0, struct.pack(">LL", last_stream_id, code) + debug_data)


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(Type.WINDOW_UPDATE, 0, stream_id, struct.pack(">L", increment))


def altsvc(stream_id: int, origin: bytes, field_value: bytes) -> bytes:
    return frame(Type.ALTSVC, 0, stream_id, struct.pack(">H", len(origin)) + origin + field_value)


def origin(*origins: bytes) -> bytes:
    return frame(Type.ORIGIN, 0, 0, b"".join(struct.pack(">H", len(o)) + o for o in origins))


def priority_update(prioritized: int, field_value: bytes = b"", *, stream_id: int = 0) -> bytes:
    payload = struct.pack(">L", prioritized) + field_value
    return frame(Type.PRIORITY_UPDATE, 0, stream_id, payload)


# Connections ---------------------------------------------------------------------------------


def feed(conn: H2Connection, *frames: bytes) -> list[Event]:
    """Hand all frames to ``conn`` in one call."""
    return conn.receive_data(b"".join(frames))


_STRICT = [False]


@contextmanager
def mode(strict: bool) -> Iterator[None]:
    """Make connections strict within the block, unless specified otherwise."""
    _STRICT.append(strict)
    yield
    _STRICT.pop()


def configuration(**options: Any) -> H2Configuration:
    """A configuration of the current mode."""
    return H2Configuration(**{"strict": _STRICT[-1], **options})


def server(*peer_settings: tuple[int, int], **config: Any) -> H2Connection:
    """A server after the handshake; the client announced ``peer_settings``."""
    conn = H2Connection(configuration(client_side=False, **config))
    conn.initiate_connection()
    feed(conn, PREFACE, settings(*peer_settings), settings(ack=True))
    conn.clear_outbound_data_buffer()
    return conn


def client(*peer_settings: tuple[int, int], **config: Any) -> H2Connection:
    """A client after the handshake; the server announced ``peer_settings``."""
    conn = H2Connection(configuration(client_side=True, **config))
    conn.initiate_connection()
    feed(conn, settings(*peer_settings), settings(ack=True))
    conn.clear_outbound_data_buffer()
    return conn


def requested_server(*peer_settings: tuple[int, int]) -> H2Connection:
    """A server that has received a complete request on stream 1."""
    conn = server(*peer_settings)
    feed(conn, headers(1, REQUEST, end_stream=True))
    conn.clear_outbound_data_buffer()
    return conn


def requesting_client(method: bytes = b"GET") -> H2Connection:
    """A client that has sent a complete request on stream 1."""
    conn = client()
    conn.send_headers(1, [(b":method", method), *REQUEST[1:]], end_stream=True)
    conn.clear_outbound_data_buffer()
    return conn


def open_server() -> H2Connection:
    """A server with an open stream: a request on stream 1 continues."""
    conn = server()
    feed(conn, headers(1, POST))
    conn.clear_outbound_data_buffer()
    return conn


def open_client(*peer_settings: tuple[int, int]) -> H2Connection:
    """A client with an open stream: its request on stream 1 continues."""
    conn = client(*peer_settings)
    conn.send_headers(1, POST)
    conn.clear_outbound_data_buffer()
    return conn


def pair(**config: Any) -> tuple[H2Connection, H2Connection]:
    """A client and a server after their handshake."""
    ours = H2Connection(configuration(client_side=True, **config))
    theirs = H2Connection(configuration(client_side=False, **config))
    ours.initiate_connection()
    theirs.initiate_connection()
    exchange(ours, theirs)
    return ours, theirs


def exchange(one: H2Connection, other: H2Connection) -> tuple[list[Event], list[Event]]:
    """Transfer output both ways until there is none; return the events of ``one`` and ``other``."""
    events: tuple[list[Event], list[Event]] = ([], [])
    while True:
        out, back = one.data_to_send(), other.data_to_send()
        if not out and not back:
            return events
        if out:
            events[1].extend(other.receive_data(out))
        if back:
            events[0].extend(one.receive_data(back))
