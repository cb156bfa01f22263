"""A printer for HTTP/2 connections: a line for every frame, from the raw bytes of both ways.

It sees what a packet capture would see after TLS is taken off, and it knows nothing of the program
that it watches. Give it the bytes as the client sends and receives them:

    log = WireLog(sys.stdout)
    log.sent(data)
    log.received(data)

Each direction keeps a state of its own (half a frame that waits for its rest, the HPACK table), so
all bytes must be shown to the log, in order and once. It reads connections in which both ends keep
to the rules, and makes no promises about others.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple, TextIO

import hpack

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
HEADER_SIZE = 9  # RFC 9113 section 4.1: length (24 bits), type (8), flags (8), stream (31)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20

COLUMNS = "{:>7}  {:<3}  {:<13}  {:>6}  {:>6}  {:<22}  {}"
INDENT = 20 * " "  # of the lines below a frame's own
CYAN, YELLOW, DIM, PLAIN = "\x1b[36m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


class FrameType(IntEnum):
    """Frame types of RFC 9113 section 6, and ALTSVC of RFC 7838."""

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


FLAG_NAMES: dict[int, dict[int, str]] = {
    FrameType.DATA: {END_STREAM: "END_STREAM", PADDED: "PADDED"},
    FrameType.HEADERS: {
        END_STREAM: "END_STREAM",
        END_HEADERS: "END_HEADERS",
        PADDED: "PADDED",
        PRIORITY: "PRIORITY",
    },
    FrameType.SETTINGS: {ACK: "ACK"},
    FrameType.PUSH_PROMISE: {END_HEADERS: "END_HEADERS", PADDED: "PADDED"},
    FrameType.PING: {ACK: "ACK"},
    FrameType.CONTINUATION: {END_HEADERS: "END_HEADERS"},
}


class Frame(NamedTuple):
    """One frame as it was on the wire."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def content(self) -> bytes:
        """The payload without padding (RFC 9113 sections 6.1, 6.2 and 6.6)."""
        if self.flags & PADDED and PADDED in FLAG_NAMES.get(self.kind, {}):
            return self.payload[1 : len(self.payload) - self.payload[0]]
        return self.payload

    @property
    def flag_names(self) -> str:
        """The flags that are set and that mean something on this type of frame."""
        names = FLAG_NAMES.get(self.kind, {})
        return " ".join(name for bit, name in names.items() if self.flags & bit)


class Direction:
    """What travels one way: bytes in, frames and header fields out."""

    def __init__(self) -> None:
        self.decoder = hpack.Decoder()
        self.pending = b""  # the beginning of a frame
        self.block = b""  # the beginning of a header block that CONTINUATION frames go on with

    def frames(self, data: bytes) -> Iterator[Frame]:
        """Cut out the frames that these bytes complete."""
        self.pending += data
        start = 0
        while len(self.pending) - start >= HEADER_SIZE:
            high, low, kind, flags, stream = struct.unpack_from(">BHBBL", self.pending, start)
            body = start + HEADER_SIZE
            end = body + (high << 16 | low)
            if end > len(self.pending):
                break
            yield Frame(kind, flags, stream & 0x7FFFFFFF, self.pending[body:end])
            start = end
        self.pending = self.pending[start:]

    def fields(self, frame: Frame, fragment: bytes) -> list[str]:
        """Decode a header block into lines of text; none as long as a part of it is missing."""
        self.block += fragment
        if not frame.flags & END_HEADERS:
            return []
        block, self.block = self.block, b""
        fields = self.decoder.decode(block, raw=True)
        return [f"{text(name)}: {text(value)}" for name, value in fields]


class WireLog:
    """Prints the frames of one connection, seen from its client; in color on a terminal."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.color = out.isatty()
        self.start = time.monotonic()
        self.outbound = Direction()
        self.inbound = Direction()
        self.preface_left = len(PREFACE)
        titles = COLUMNS.format("seconds", "", "frame", "stream", "length", "flags", "content")
        print(titles, file=out)

    def note(self, line: str) -> None:
        """Print a line of its own between the frames."""
        print(f"\n{line}", file=self.out)

    def sent(self, data: bytes) -> None:
        """Show bytes that the client sent."""
        if self.preface_left:
            part = min(len(data), self.preface_left)
            self.preface_left -= part
            data = data[part:]
            if not self.preface_left:
                self._row("-->", "(preface)", "", len(PREFACE), "", "PRI * HTTP/2.0")
        self._show("-->", self.outbound, self.inbound, data)

    def received(self, data: bytes) -> None:
        """Show bytes that the client received."""
        self._show("<--", self.inbound, self.outbound, data)

    def _show(self, way: str, direction: Direction, opposite: Direction, data: bytes) -> None:
        for frame in direction.frames(data):
            if frame.kind == FrameType.SETTINGS:
                # Who sends this setting allows the other end's encoder a table of that size.
                size = dict(settings_of(frame)).get(SettingCodes.HEADER_TABLE_SIZE, 0)
                allowed = opposite.decoder.max_allowed_table_size
                opposite.decoder.max_allowed_table_size = max(size, allowed)
            content, more_lines = describe(frame, direction)
            name = name_of(FrameType, frame.kind)
            stream = str(frame.stream_id)
            self._row(way, name, stream, len(frame.payload), frame.flag_names, content)
            for line in more_lines:
                print(self._paint(DIM, INDENT + line), file=self.out)

    def _row(self, way: str, name: str, stream: str, length: int, flags: str, content: str) -> None:
        seconds = f"{time.monotonic() - self.start:.4f}"
        row = COLUMNS.format(seconds, way, name, stream, length, flags, content).rstrip()
        print(self._paint(CYAN if way == "-->" else YELLOW, row), file=self.out)

    def _paint(self, color: str, line: str) -> str:
        return f"{color}{line}{PLAIN}" if self.color else line


def describe(frame: Frame, direction: Direction) -> tuple[str, list[str]]:
    """Put a frame's payload into words: a short text, and lines for settings or header fields."""
    body = frame.content
    match frame.kind:
        case FrameType.DATA:
            return f"{len(body)} bytes", []
        case FrameType.HEADERS:
            start = 5 if frame.flags & PRIORITY else 0
            return priority(body) if start else "", direction.fields(frame, body[start:])
        case FrameType.PRIORITY:
            return priority(body), []
        case FrameType.RST_STREAM:
            return name_of(ErrorCodes, number(body)), []
        case FrameType.SETTINGS:
            pairs = settings_of(frame)
            return "", [f"{name_of(SettingCodes, key)} = {value}" for key, value in pairs]
        case FrameType.PUSH_PROMISE:
            return f"promises stream {number(body)}", direction.fields(frame, body[4:])
        case FrameType.PING:
            return body.hex(), []
        case FrameType.GOAWAY:
            error = name_of(ErrorCodes, number(body[4:]))
            return f"last stream {number(body)}, {error} {text(body[8:])}".rstrip(), []
        case FrameType.WINDOW_UPDATE:
            return f"+{number(body)}", []
        case FrameType.CONTINUATION:
            return "", direction.fields(frame, body)
    return "", []


def settings_of(frame: Frame) -> list[tuple[int, int]]:
    """Return the entries of a SETTINGS frame (RFC 9113 section 6.5.1)."""
    return list(struct.iter_unpack(">HL", frame.payload))


def priority(payload: bytes) -> str:
    """Put the priority fields into words (RFC 9113 section 6.3)."""
    exclusive = "exclusively " if payload[0] & 0x80 else ""
    return f"depends {exclusive}on {number(payload)}, weight {payload[4] + 1}"


def number(payload: bytes) -> int:
    """Read the four bytes that a payload starts with, but for their reserved highest bit."""
    return int.from_bytes(payload[:4], "big") & 0x7FFFFFFF


def name_of(registry: type[IntEnum], value: int) -> str:
    """Name a number; numbers that the registry does not know stay numbers."""
    try:
        return registry(value).name
    except ValueError:
        return f"{value:#x}"


def text(raw: bytes) -> str:
    """Decode bytes of a peer for printing."""
    return raw.decode("utf-8", "backslashreplace")
