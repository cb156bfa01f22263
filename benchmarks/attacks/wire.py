"""Frames and field blocks as bytes (RFC 9113, RFC 7541), independent of the package under test.

Nothing is checked: anything that an attack needs can be built, valid or not.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE = range(6)
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, ALTSVC = range(6, 11)
ORIGIN, PRIORITY_UPDATE = 12, 16

END_STREAM = ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
WITH_PRIORITY = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = range(1, 5)
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 5, 6
ENABLE_CONNECT_PROTOCOL = 8

CANCEL = 8
LARGEST = 2**31 - 1
FRAME_HEADER = 9

# Frames.


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Any frame."""
    size = len(payload)
    return struct.pack(">BHBBL", size >> 16, size & 0xFFFF, kind, flags, stream_id) + payload


def headers(
    stream_id: int, block: bytes, *, end: bool = False, whole: bool = True, priority: bytes = b""
) -> bytes:
    """HEADERS with a ready field block; `whole` says that no CONTINUATION follows."""
    flags = END_STREAM * end | END_HEADERS * whole | (WITH_PRIORITY if priority else 0)
    return frame(HEADERS, flags, stream_id, priority + block)


def continuation(stream_id: int, block: bytes = b"", *, whole: bool = False) -> bytes:
    """CONTINUATION."""
    return frame(CONTINUATION, END_HEADERS * whole, stream_id, block)


def data(stream_id: int, content: bytes = b"", *, end: bool = False, pad: int = -1) -> bytes:
    """DATA; a pad of 0 sets the flag and the length, -1 neither."""
    if pad < 0:
        return frame(DATA, END_STREAM * end, stream_id, content)
    return frame(DATA, END_STREAM * end | PADDED, stream_id, bytes([pad]) + content + bytes(pad))


def rst_stream(stream_id: int, code: int = CANCEL) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream_id, struct.pack(">L", code))


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, 0, stream_id, struct.pack(">L", increment))


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS with these entries, in this order."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HL", *pair) for pair in pairs))


def settings_ack() -> bytes:
    """The acknowledgment of SETTINGS."""
    return frame(SETTINGS, ACK, 0)


def ping(content: bytes = b"\0" * 8, *, ack: bool = False) -> bytes:
    """PING."""
    return frame(PING, ACK * ack, 0, content)


def goaway(last_stream_id: int, code: int = 0, debug: bytes = b"") -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", last_stream_id, code) + debug)


def priority_fields(depends_on: int = 0, weight: int = 15, exclusive: bool = False) -> bytes:
    """The five octets of PRIORITY, with which HEADERS may also begin."""
    return struct.pack(">LB", depends_on | exclusive << 31, weight)


def priority(stream_id: int, depends_on: int = 0, exclusive: bool = False) -> bytes:
    """PRIORITY."""
    return frame(PRIORITY, 0, stream_id, priority_fields(depends_on, exclusive=exclusive))


def push_promise(stream_id: int, promised: int, block: bytes, *, whole: bool = True) -> bytes:
    """PUSH_PROMISE with a ready field block."""
    payload = struct.pack(">L", promised) + block
    return frame(PUSH_PROMISE, END_HEADERS * whole, stream_id, payload)


def altsvc(stream_id: int, origin: bytes, value: bytes) -> bytes:
    """ALTSVC (RFC 7838 section 4)."""
    return frame(ALTSVC, 0, stream_id, struct.pack(">H", len(origin)) + origin + value)


def frame_ends(octets: bytes) -> Iterator[int]:
    """Where each of these whole frames ends."""
    at = 0
    while at < len(octets):
        at += FRAME_HEADER + int.from_bytes(octets[at : at + 3], "big")
        yield at


def last_goaway_code(octets: bytes) -> int | None:
    """The error code of the last GOAWAY among these whole frames, if there is one."""
    code, start = None, 0
    for end in frame_ends(octets):
        if octets[start + 3] == GOAWAY:
            code = int.from_bytes(octets[start + 13 : start + 17], "big")
        start = end
    return code


# Field blocks.


def integer(value: int, prefix: int, pattern: int = 0) -> bytes:
    """An integer with a prefix of this many bits (RFC 7541 section 5.1)."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([pattern | value])
    octets = [pattern | limit]
    value -= limit
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def string(text: bytes) -> bytes:
    """A string as it is, without Huffman coding (section 5.2)."""
    return integer(len(text), 7) + text


def indexed(index: int) -> bytes:
    """A field of a table (section 6.1); 62 is the newest of the dynamic table."""
    return integer(index, 7, 0x80)


def literal(name: bytes | int, value: bytes, *, add: bool = False) -> bytes:
    """A literal (section 6.2) with a name or the index of one; `add` puts it into the table."""
    prefix, pattern = (6, 0x40) if add else (4, 0x00)
    if isinstance(name, int):
        return integer(name, prefix, pattern) + string(value)
    return bytes([pattern]) + string(name) + string(value)


def block(fields: Iterable[tuple[bytes, bytes]], *, add: bool = False) -> bytes:
    """A block of literals."""
    return b"".join(literal(name, value, add=add) for name, value in fields)


def table_size_update(size: int) -> bytes:
    """A dynamic table size update (section 6.3)."""
    return integer(size, 5, 0x20)


# The lengths of the Huffman codes (RFC 7541 appendix B), with the octets that have them. The codes
# follow from that: they are ordered by length, and then by octet.
_LENGTHS = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: bytes.fromhex("212228293f"),
    11: bytes.fromhex("272b7c"),
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: bytes.fromhex("5cc3d0"),
    20: bytes.fromhex("808283a2b8c2e0e2"),
    21: bytes.fromhex("99a1a7acb0b1b3d1d8d9e3e5e6"),
    22: bytes.fromhex("8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    23: bytes.fromhex("0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    24: bytes.fromhex("098e9091949fabced7e1eced"),
    25: bytes.fromhex("c7cfeaeb"),
    26: bytes.fromhex("c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    27: bytes.fromhex("cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    28: bytes.fromhex("020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    30: bytes.fromhex("0a0d16"),
}


def huffman(text: bytes) -> bytes:
    """A string in Huffman code, its length included (RFC 7541 section 5.2)."""
    bits = "".join(map(_codes().__getitem__, text))
    bits += "1" * (-len(bits) % 8)
    return integer(len(bits) // 8, 7, 0x80) + int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def _codes() -> dict[int, str]:
    """The Huffman code of each octet, as text of digits."""
    codes: dict[int, str] = {}
    code, before = 0, 0
    for length, octets in _LENGTHS.items():
        code <<= length - before
        for octet in octets:
            codes[octet] = f"{code:0{length}b}"
            code += 1
        before = length
    return codes


def odd_numbers(first: int = 1) -> Iterator[int]:
    """The identifiers of streams that a client opens, one after the other."""
    return iter(itertools.count(first, 2))
