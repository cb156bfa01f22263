"""Frame types, flags and the shape that each type must have (RFC 9113 sections 4.1 and 6)."""

from __future__ import annotations

from typing import Final

DATA: Final = 0x00
HEADERS: Final = 0x01
PRIORITY: Final = 0x02
RST_STREAM: Final = 0x03
SETTINGS: Final = 0x04
PUSH_PROMISE: Final = 0x05
PING: Final = 0x06
GOAWAY: Final = 0x07
WINDOW_UPDATE: Final = 0x08
CONTINUATION: Final = 0x09
ALTSVC: Final = 0x0A

NAMES: Final = (
    "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
    "WINDOW_UPDATE", "CONTINUATION", "ALTSVC",
)  # fmt: skip

END_STREAM: Final = 0x01
ACK: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITY_FLAG: Final = 0x20

HEADER_LENGTH: Final = 9
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: The maximum allowed frame size (section 6.5.2).
MAX_FRAME_SIZE_LOWER: Final = 2**14
MAX_FRAME_SIZE_UPPER: Final = 2**24 - 1

# Which stream identifier a frame type takes
ANY_STREAM: Final = 0
ON_STREAM: Final = 1
ON_CONNECTION: Final = 2

#: Per type: stream rule, least and largest payload length, section of RFC 9113.
SHAPES: Final[tuple[tuple[int, int, int, str], ...]] = (
    (ON_STREAM, 0, MAX_FRAME_SIZE_UPPER, "6.1"),
    (ON_STREAM, 0, MAX_FRAME_SIZE_UPPER, "6.2"),
    (ON_STREAM, 5, 5, "6.3"),
    (ON_STREAM, 4, 4, "6.4"),
    (ON_CONNECTION, 0, MAX_FRAME_SIZE_UPPER, "6.5"),
    (ON_STREAM, 4, MAX_FRAME_SIZE_UPPER, "6.6"),
    (ON_CONNECTION, 8, 8, "6.7"),
    (ON_CONNECTION, 8, MAX_FRAME_SIZE_UPPER, "6.8"),
    (ANY_STREAM, 4, 4, "6.9"),
    (ON_STREAM, 0, MAX_FRAME_SIZE_UPPER, "6.10"),
    (ANY_STREAM, 2, MAX_FRAME_SIZE_UPPER, "RFC 7838 4"),
)
