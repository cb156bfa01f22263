"""Frame headers as bytes, in the way that is fast in the compiled build.

Uncompiled it is slower than `struct`, so `h2._frames.encode` uses one or the other.
"""

from __future__ import annotations

import struct
from typing import Final

from h2._native import i64

_pack: Final = struct.Struct(">HBBBL").pack


def pack_header(high: i64, low: i64, type_: i64, flags: i64, stream_id: i64, /) -> bytes:
    """Return a frame header (RFC 9113 section 4.1); the length is ``high << 8 | low``."""
    if high < 0x80:  # the number fits into 63 bits
        octets: int = high << 56 | low << 48 | type_ << 40 | flags << 32 | stream_id
        return octets.to_bytes(9, "big")
    return _pack(high, low, type_, flags, stream_id)
