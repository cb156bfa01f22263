"""Payloads of received frames (RFC 9113 section 6, and the extensions)."""

from __future__ import annotations

import struct
from typing import Final

from h2._native import i64

#: Length (16 + 8 bits), type, flags, stream identifier with its reserved bit.
unpack_header: Final = struct.Struct(">HBBBL").unpack_from
_unpack_setting: Final = struct.Struct(">HL").iter_unpack
_unpack_priority: Final = struct.Struct(">LB").unpack_from
#: 32 bits. The handler of WINDOW_UPDATE uses it directly, because there are many (section 6.9).
unpack_long: Final = struct.Struct(">L").unpack_from
_unpack_goaway: Final = struct.Struct(">LL").unpack_from

#: The decoded entries of earlier SETTINGS payloads: most peers of a program announce the same. The
#: cache is limited in the number of payloads and their length.
_KNOWN_SETTINGS: Final[dict[bytes, tuple[tuple[int, int], ...]]] = {}
_MOST_KNOWN: Final = 16
_LONGEST_KNOWN: Final = 96

#: Without the reserved bit: "The semantics of this bit are undefined, and the bit MUST remain unset
#: (0x00) when sending and MUST be ignored when receiving." (section 4.1)
ID_MASK: Final = 0x7FFFFFFF


# The same as `unpack_header` and `unpack_long`, in the way that is fast in the compiled build.


def u24(data: bytes, at: i64) -> i64:
    """Return the 24 bits at an index: the length of a frame."""
    high: i64 = data[at]
    middle: i64 = data[at + 1]
    low: i64 = data[at + 2]
    return high << 16 | middle << 8 | low


def u31(data: bytes, at: i64) -> i64:
    """Return the 32 bits at an index without the first one: a stream identifier, an increment."""
    first: i64 = data[at]
    return (first & 0x7F) << 24 | u24(data, at + 1)


def strip_padding(payload: bytes) -> bytes | None:
    """Return the content of a padded payload, or None if the padding is too long (6.1).

    The payload must have at least the Pad Length field.
    """
    # "If the length of the padding is the length of the frame payload or greater, the recipient
    # MUST treat this as a connection error" (sections 6.1, 6.2, 6.6)
    if payload[0] >= len(payload):
        return None
    return payload[1 : len(payload) - payload[0]]


def settings(payload: bytes) -> tuple[tuple[int, int], ...]:
    """Return the (identifier, value) pairs of SETTINGS in order (section 6.5.1)."""
    pairs = _KNOWN_SETTINGS.get(payload)
    if pairs is None:
        pairs = tuple(_unpack_setting(payload))
        if len(payload) <= _LONGEST_KNOWN:
            if len(_KNOWN_SETTINGS) >= _MOST_KNOWN:
                _KNOWN_SETTINGS.clear()
            _KNOWN_SETTINGS[payload] = pairs
    return pairs


def priority(payload: bytes) -> tuple[int, int, bool]:
    """Return (depends on, weight 1 to 256, exclusive) of the priority fields (section 6.3)."""
    dependency, weight = _unpack_priority(payload)
    return dependency & ID_MASK, weight + 1, dependency > ID_MASK


def error_code(payload: bytes) -> int:
    """Return the error code of RST_STREAM (section 6.4)."""
    code: int = unpack_long(payload)[0]
    return code


def stream_id(payload: bytes) -> int:
    """Return the 31 bits at the start: a promised stream (6.6), a prioritized one (RFC 9218)."""
    id: int = unpack_long(payload)[0] & ID_MASK
    return id


def goaway(payload: bytes) -> tuple[int, int, bytes]:
    """Return (last stream identifier, error code, debug data) of GOAWAY (section 6.8)."""
    last_stream_id, code = _unpack_goaway(payload)
    return last_stream_id & ID_MASK, code, payload[8:]


def altsvc(payload: bytes) -> tuple[bytes, bytes] | None:
    """Return (origin, field value) of ALTSVC, or None if the origin is truncated (RFC 7838)."""
    end = 2 + (payload[0] << 8 | payload[1])
    if end > len(payload):
        return None
    return payload[2:end], payload[end:]


def origins(payload: bytes) -> list[bytes] | None:
    """Return the entries of ORIGIN, or None if the last one is truncated (RFC 8336 section 2.1)."""
    entries = []
    start = 0
    while start < len(payload):
        begin = start + 2
        end = begin + int.from_bytes(payload[start:begin], "big")
        if end > len(payload):
            return None
        entries.append(payload[begin:end])
        start = end
    return entries
