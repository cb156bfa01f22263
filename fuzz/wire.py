"""Frames and field blocks as octets, from RFC 9113 sections 4 and 6 and RFC 7541 section 6.

Independent of the package under test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE = range(6)
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, ALTSVC = range(6, 11)
ORIGIN, PRIORITY_UPDATE = 0x0C, 0x10

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

#: The flags that each type of frame defines.
FLAGS = {
    DATA: END_STREAM | PADDED,
    HEADERS: END_STREAM | END_HEADERS | PADDED | PRIORITIZED,
    PRIORITY: 0,
    RST_STREAM: 0,
    SETTINGS: ACK,
    PUSH_PROMISE: END_HEADERS | PADDED,
    PING: ACK,
    GOAWAY: 0,
    WINDOW_UPDATE: 0,
    CONTINUATION: END_HEADERS,
    ALTSVC: 0,
    ORIGIN: 0,
    PRIORITY_UPDATE: 0,
}

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = range(1, 5)
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, _, ENABLE_CONNECT_PROTOCOL = range(5, 9)

DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_SIZE = 16_384
MAX_WINDOW = MAX_ID = 2**31 - 1

_HEADER = struct.Struct(">BHBBL")
_PAIRS = struct.Struct(">HL")


class Frame(NamedTuple):
    """A frame on the wire; padding is part of the payload."""

    type: int
    flags: int
    stream_id: int
    payload: bytes


def frame(type_: int, flags: int, stream_id: int, payload: bytes, length: int = -1) -> bytes:
    """Return a frame; ``length`` may differ from its real length."""
    size = len(payload) if length < 0 else length
    return _HEADER.pack(size >> 16, size & 0xFFFF, type_, flags, stream_id) + payload


def split(data: bytes, start: int = 0) -> Iterator[tuple[Frame, int]]:
    """Yield the complete frames and the position after each."""
    end = len(data)
    while end - start >= 9:
        high, low, type_, flags, stream_id = _HEADER.unpack_from(data, start)
        stop = start + 9 + (high << 16 | low)
        if stop > end:
            return
        yield Frame(type_, flags, stream_id & MAX_ID, data[start + 9 : stop]), stop
        start = stop


def settings(*pairs: tuple[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, payload_of(pairs))


def payload_of(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Return the payload of a SETTINGS frame."""
    return b"".join(_PAIRS.pack(*pair) for pair in pairs)


def pairs_of(payload: bytes) -> list[tuple[int, int]]:
    """Return the settings in the payload of a frame; an incomplete one is left out."""
    return list(_PAIRS.iter_unpack(payload[: len(payload) // 6 * 6]))


SETTINGS_ACK = frame(SETTINGS, ACK, 0, b"")
PROBE = frame(PING, 0, 0, b"in step?")
PROBE_ACK = frame(PING, ACK, 0, b"in step?")


def window_update(stream_id: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def padded(content: bytes, pad: int | None) -> tuple[int, bytes]:
    """Return flag and payload for content with padding, or without."""
    if pad is None:
        return 0, content
    return PADDED, bytes([pad]) + content + bytes(pad)


def content_of(received: Frame) -> bytes | None:
    """Return the payload without padding and priority fields, None if it is too short."""
    payload = received.payload
    start, stop = 0, len(payload)
    if received.flags & PADDED and received.type in (DATA, HEADERS, PUSH_PROMISE):
        if not payload:
            return None
        start, stop = 1, stop - payload[0]
    if received.flags & PRIORITIZED and received.type == HEADERS:
        start += 5
    return payload[start:stop] if start <= stop else None


# Field blocks -----------------------------------------------------------------------------------


def integer(value: int, bits: int, pattern: int) -> bytes:
    """Return an integer with a prefix of this many bits (RFC 7541 section 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([pattern | value])
    value -= limit
    octets = [pattern | limit]
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


def indexed(index: int) -> bytes:
    """Return an indexed field (RFC 7541 section 6.1)."""
    return integer(index, 7, 0x80)


def literal(name: bytes | int, value: bytes, pattern: int = 0x00) -> bytes:
    """Return a literal field (RFC 7541 section 6.2) with a name or the index of one."""
    bits = 6 if pattern == 0x40 else 4
    head = integer(name if isinstance(name, int) else 0, bits, pattern)
    if not isinstance(name, int):
        head += integer(len(name), 7, 0) + name
    return head + integer(len(value), 7, 0) + value


def size_update(size: int) -> bytes:
    """Return a dynamic table size update (RFC 7541 section 6.3)."""
    return integer(size, 5, 0x20)
