"""Frames to and from bytes for the differential driver, independent of any implementation.

Runs under both interpreters: nothing but the standard library and hpack.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from hpack import Decoder, HPACKError
from hpack.struct import NeverIndexedHeaderTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_LENGTH = 9
NAMES = (
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
    "ALTSVC",
)
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE = range(6)
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, ALTSVC = range(6, 11)
ORIGIN, PRIORITY_UPDATE = 0x0C, 0x10
END_STREAM = ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
WITH_PRIORITY = 0x20

#: Longer payloads appear in a trace as their length and checksum.
SHOWN_BYTES = 40

Canonical = list[Any]


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One frame as it is on the wire; nothing is checked."""
    length = struct.pack(">I", len(payload))[1:]
    return length + bytes((kind, flags)) + struct.pack(">I", stream_id) + payload


def literal_block(fields: list[list[str]]) -> bytes:
    """A field block that leaves every HPACK table as it was (RFC 7541 section 6.2.2)."""
    out = bytearray()
    for name, value in fields:
        out += b"\x00" + _string(name) + _string(value)
    return bytes(out)


def _string(text: str) -> bytes:
    raw = text.encode("latin-1")
    return _integer(len(raw), 7) + raw


def _integer(value: int, prefix: int) -> bytes:
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes((value,))
    out = bytearray((limit,))
    value -= limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def show(data: bytes) -> str | list[int]:
    """Bytes for a trace: in full if short, otherwise length and checksum."""
    if len(data) <= SHOWN_BYTES:
        return data.hex()
    return [len(data), zlib.crc32(data)]


def split(data: bytes) -> Iterator[bytes]:
    """Split outbound bytes into units that belong together.

    A unit is one frame, or a field block with its CONTINUATION frames; the connection preface
    belongs to the frame after it.
    """
    start = 0
    position = len(PREFACE) if data.startswith(PREFACE) else 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 3], "big")
        kind, flags = data[position + 3], data[position + 4]
        position += HEADER_LENGTH + length
        if kind in (HEADERS, PUSH_PROMISE, CONTINUATION) and not flags & END_HEADERS:
            continue
        yield data[start:position]
        start = position


class Reader:
    """Reads what one endpoint sent: one HPACK table for the direction, as a peer has it."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=1 << 30)
        # Any table size that the endpoint may choose is allowed here: the choice is not compared.
        self._decoder.max_allowed_table_size = 1 << 32

    def read(self, data: bytes) -> list[Canonical]:
        """Every frame in ``data`` as [name, flags, stream, content]."""
        out: list[Canonical] = []
        for unit in split(data):
            if unit.startswith(PREFACE):
                out.append(["PREFACE"])
                unit = unit[len(PREFACE) :]
            out.append(self._unit(unit))
        return out

    def _unit(self, unit: bytes) -> Canonical:
        length = int.from_bytes(unit[:3], "big")
        kind, flags = unit[3], unit[4]
        stream_id = int.from_bytes(unit[5:9], "big")
        payload = unit[HEADER_LENGTH : HEADER_LENGTH + length]
        rest = unit[HEADER_LENGTH + length :]
        name = NAMES[kind] if kind < len(NAMES) else f"0x{kind:02x}"
        if kind in (HEADERS, PUSH_PROMISE):
            content = self._block(kind, flags, payload, rest)
            return [name, flags & ~END_HEADERS, stream_id, content]
        return [name, flags, stream_id, _content(kind, flags, payload)]

    def _block(self, kind: int, flags: int, payload: bytes, rest: bytes) -> list[Any]:
        content: list[Any] = []
        if flags & PADDED:
            content.append(["pad", payload[0]])
            payload = payload[1 : len(payload) - payload[0]]
        if kind == PUSH_PROMISE:
            content.append(["promised", int.from_bytes(payload[:4], "big")])
            payload = payload[4:]
        elif flags & WITH_PRIORITY:
            content.append(["priority", *_priority(payload)])
            payload = payload[5:]
        while rest:
            length = int.from_bytes(rest[:3], "big")
            payload += rest[HEADER_LENGTH : HEADER_LENGTH + length]
            rest = rest[HEADER_LENGTH + length :]
        try:
            content.extend(fields(self._decoder.decode(payload, raw=True)))
        except HPACKError as exc:
            # The table of the sender is ahead of its output. That is an error, and a difference.
            content.append(["undecodable", type(exc).__name__])
        return content


def _priority(payload: bytes) -> tuple[int, bool, int]:
    word, weight = struct.unpack(">IB", payload[:5])
    return word & 0x7FFFFFFF, bool(word >> 31), weight + 1


def _content(kind: int, flags: int, payload: bytes) -> Any:
    if kind == SETTINGS:
        return [list(pair) for pair in struct.iter_unpack(">HI", payload)]
    if kind == PRIORITY:
        return list(_priority(payload))
    if kind == GOAWAY:
        return [*struct.unpack(">II", payload[:8]), show(payload[8:])]
    if kind in (RST_STREAM, WINDOW_UPDATE):
        return int.from_bytes(payload, "big")
    if kind == DATA and flags & PADDED:
        return [payload[0], show(payload[1:])]
    return show(payload)


def fields(block: Any) -> list[list[str]]:
    """Header fields for a trace: name, value, and marks for text and for never indexed."""
    out = []
    for field in block:
        mark = "N" if isinstance(field, NeverIndexedHeaderTuple) else ""
        name, value = field
        if isinstance(name, bytes):
            name, value = name.decode("latin-1"), value.decode("latin-1")
        else:
            mark += "s"
        if len(value) > SHOWN_BYTES:
            value = f"{len(value)}:{zlib.crc32(value.encode('latin-1', 'replace'))}"
        out.append([name, value, mark])
    return out
