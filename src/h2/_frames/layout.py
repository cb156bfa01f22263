"""Frame types, flags, and the shape of each kind of frame (RFC 9113 sections 4.1 and 6)."""

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
ORIGIN: Final = 0x0C
PRIORITY_UPDATE: Final = 0x10

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

# Which stream identifier a frame type requires
ANY_STREAM: Final = 0
ON_STREAM: Final = 1
ON_CONNECTION: Final = 2

#: Every kind of frame that this package knows: its type on the wire, its name, which stream
#: identifier it requires, smallest and largest payload length, section of RFC 9113.
_ROWS: Final[tuple[tuple[int, str, int, int, int, str], ...]] = (
    (DATA, "DATA", ON_STREAM, 0, MAX_FRAME_SIZE_UPPER, "6.1"),
    (HEADERS, "HEADERS", ON_STREAM, 0, MAX_FRAME_SIZE_UPPER, "6.2"),
    (PRIORITY, "PRIORITY", ON_STREAM, 5, 5, "6.3"),
    (RST_STREAM, "RST_STREAM", ON_STREAM, 4, 4, "6.4"),
    (SETTINGS, "SETTINGS", ON_CONNECTION, 0, MAX_FRAME_SIZE_UPPER, "6.5"),
    (PUSH_PROMISE, "PUSH_PROMISE", ON_STREAM, 4, MAX_FRAME_SIZE_UPPER, "6.6"),
    (PING, "PING", ON_CONNECTION, 8, 8, "6.7"),
    (GOAWAY, "GOAWAY", ON_CONNECTION, 8, MAX_FRAME_SIZE_UPPER, "6.8"),
    (WINDOW_UPDATE, "WINDOW_UPDATE", ANY_STREAM, 4, 4, "6.9"),
    (CONTINUATION, "CONTINUATION", ON_STREAM, 0, MAX_FRAME_SIZE_UPPER, "6.10"),
    (ALTSVC, "ALTSVC", ANY_STREAM, 2, MAX_FRAME_SIZE_UPPER, "RFC 7838 4"),
    (ORIGIN, "ORIGIN", ON_CONNECTION, 0, MAX_FRAME_SIZE_UPPER, "RFC 8336 2"),
    (PRIORITY_UPDATE, "PRIORITY_UPDATE", ON_CONNECTION, 4, MAX_FRAME_SIZE_UPPER, "RFC 9218 7.1"),
)

#: A kind is the index of a frame type in the tables of this package. Unlike types on the wire,
#: kinds have no gaps. All unknown types are one kind.
UNKNOWN_KIND: Final = len(_ROWS)
_KNOWN_KINDS: Final = {row[0]: kind for kind, row in enumerate(_ROWS)}

#: The kind of each type on the wire.
KIND_OF: Final = tuple([_KNOWN_KINDS.get(type_, UNKNOWN_KIND) for type_ in range(256)])

#: By kind.
NAMES: Final = tuple(row[1] for row in _ROWS)

#: By kind: which stream identifier it requires, smallest and largest payload length, section.
SHAPES: Final = tuple(row[2:] for row in _ROWS)
