"""ORIGIN: the origins for which a connection may be used (RFC 8336)."""

from __future__ import annotations

from typing import Final

from h2._core import abuse
from h2._core.misuse import check_frame_size
from h2._core.state import Connection
from h2._frames import decode, encode
from h2._frames.layout import HEADER_LENGTH
from h2._rules import connection_states
from h2._rules.origins import parse_origin
from h2._rules.quote import quoted
from h2.events import OriginReceived

#: This many octets, about one origin, count as one glitch: the event keeps all of them.
_OCTETS_FOR_GLITCH: Final = 20

#: Its length has 16 bits (section 2.1).
_LONGEST_ORIGIN: Final = 0xFFFF

#: "The first four flags (0x1, 0x2, 0x4, and 0x8) are reserved for backwards-incompatible changes".
_RESERVED_FLAGS: Final = 0x0F


def origin(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """Report the origins of a received frame; ignores what is invalid, and everything at a server.

    Nothing is kept: a client that keeps the Origin Set limits it (section 4).
    """
    abuse.glitch(conn, "ORIGIN frame", 1 + len(payload) // _OCTETS_FOR_GLITCH)
    # "an ORIGIN frame on any other stream is invalid and MUST be ignored." "it MUST be ignored when
    # received on a connection with the "h2c" protocol identifier." "when any of them are set, the
    # ORIGIN frame containing them MUST be ignored" (section 2.2)
    if not conn.client or stream_id or flags & _RESERVED_FLAGS or conn.upgraded:
        return
    entries = decode.origins(payload)
    if entries is None:
        return
    # "Each ASCII-Origin field in the frame's payload MUST be parsed as an ASCII serialization of an
    # origin ([RFC6454], Section 6.2). If parsing fails, the field MUST be ignored." (section 2.2)
    parsed = map(parse_origin, entries)
    conn.events.append(OriginReceived(origins=tuple([entry for entry in parsed if entry])))


def advertise(conn: Connection, origins: list[bytes]) -> None:
    """Send ORIGIN, on stream 0 (section 2.2)."""
    conn.check_send(connection_states.SEND_ORIGIN)
    entries = []
    for octets in origins:
        entry = parse_origin(octets)
        if entry is None:
            raise ValueError(f"{quoted(octets)} is not an origin such as b'https://example.com'")
        if len(entry) > _LONGEST_ORIGIN:
            raise ValueError(
                f"an origin must be at most {_LONGEST_ORIGIN} octets long, not {len(entry)}"
            )
        entries.append(entry)
    frame = encode.origin(entries)
    check_frame_size(conn, len(frame) - HEADER_LENGTH)
    conn.out.chunks.append(frame)
