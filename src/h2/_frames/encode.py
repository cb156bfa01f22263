"""Frames to bytes (RFC 9113 sections 4.1 and 6, and the extensions)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from h2._compiled import COMPILED
from h2._frames.layout import (
    ACK,
    ALTSVC,
    CONTINUATION,
    END_HEADERS,
    GOAWAY,
    ORIGIN,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

# Packs a frame header: length (24 bits as 16 + 8), type, flags, stream identifier.
if COMPILED:
    from h2._frames.native_header import pack_header as pack_header
else:
    pack_header = struct.Struct(">HBBBL").pack

_pack_short: Final = struct.Struct(">HBBBLL").pack
_pack_setting: Final = struct.Struct(">HL").pack
_pack_long: Final = struct.Struct(">L").pack
_pack_priority: Final = struct.Struct(">LB").pack
_pack_goaway: Final = struct.Struct(">LL").pack

#: It is always the same (section 6.5.3).
SETTINGS_ACK: Final = pack_header(0, 0, SETTINGS, ACK, 0)

# The frame header of PING (section 6.7), without and with ACK. The opaque data is appended where it
# is sent.
PING_HEADER: Final = pack_header(0, 8, PING, 0, 0)
PING_ACK_HEADER: Final = pack_header(0, 8, PING, ACK, 0)


def frame(type_: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return any frame."""
    length = len(payload)
    return pack_header(length >> 8, length & 0xFF, type_, flags, stream_id) + payload


def window_update(stream_id: int, increment: int) -> bytes:
    """Return WINDOW_UPDATE (section 6.9); stream 0 is the connection."""
    return _pack_short(0, 4, WINDOW_UPDATE, 0, stream_id, increment)


def rst_stream(stream_id: int, error_code: int) -> bytes:
    """Return RST_STREAM (section 6.4)."""
    return _pack_short(0, 4, RST_STREAM, 0, stream_id, error_code)


def settings_payload(settings: Iterable[tuple[int, int]]) -> bytes:
    """Return the payload of SETTINGS (section 6.5.1), which is also HTTP2-Settings."""
    return b"".join([_pack_setting(code, value) for code, value in settings])


def settings(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Return SETTINGS without ACK (section 6.5)."""
    return frame(SETTINGS, 0, 0, settings_payload(pairs))


def goaway(last_stream_id: int, error_code: int, debug_data: bytes) -> bytes:
    """Return GOAWAY (section 6.8)."""
    return frame(GOAWAY, 0, 0, _pack_goaway(last_stream_id, error_code) + debug_data)


def priority_fields(depends_on: int, weight: int, exclusive: bool) -> bytes:
    """Return the priority fields of PRIORITY and HEADERS; ``weight`` is 1 to 256 (section 6.3)."""
    return _pack_priority(depends_on | (0x80000000 if exclusive else 0), weight - 1)


def priority(stream_id: int, fields: bytes) -> bytes:
    """Return PRIORITY (section 6.3) from its packed fields."""
    return frame(PRIORITY, 0, stream_id, fields)


def altsvc(stream_id: int, origin: bytes, field_value: bytes) -> bytes:
    """Return ALTSVC (RFC 7838 section 4)."""
    length = len(origin)
    payload = bytes((length >> 8, length & 0xFF)) + origin + field_value
    return frame(ALTSVC, 0, stream_id, payload)


def origin(origins: Iterable[bytes]) -> bytes:
    """Return ORIGIN (RFC 8336 section 2)."""
    payload = b"".join([len(entry).to_bytes(2, "big") + entry for entry in origins])
    return frame(ORIGIN, 0, 0, payload)


def priority_update(stream_id: int, field_value: bytes) -> bytes:
    """Return PRIORITY_UPDATE (RFC 9218 section 7.1)."""
    return frame(PRIORITY_UPDATE, 0, 0, _pack_long(stream_id) + field_value)


def field_block(
    type_: int, flags: int, stream_id: int, prefix: bytes, block: bytes, max_size: int
) -> bytes:
    """Return HEADERS or PUSH_PROMISE, continued in CONTINUATION frames if it is too long.

    ``prefix`` goes before the field block in the first frame: priority fields or the promised
    stream identifier (sections 6.2, 6.6, 6.10).
    """
    length = len(prefix) + len(block)
    if length <= max_size:
        header = pack_header(length >> 8, length & 0xFF, type_, flags | END_HEADERS, stream_id)
        return header + prefix + block
    cut = max(max_size - len(prefix), 0)
    frames = [frame(type_, flags, stream_id, prefix + block[:cut])]
    last = len(block) - max_size
    while cut < last:
        frames.append(frame(CONTINUATION, 0, stream_id, block[cut : cut + max_size]))
        cut += max_size
    frames.append(frame(CONTINUATION, END_HEADERS, stream_id, block[cut:]))
    return b"".join(frames)
