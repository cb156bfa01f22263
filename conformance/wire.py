"""Frames as octets, for the suite: RFC 9113 sections 4 and 6.

Written from the RFC alone, independent of the package under test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE = 9
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_SIZE = 16_384


class Type(IntEnum):
    """Types of frames."""

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


class Flag(IntEnum):
    """Flags; END_STREAM and ACK are the same bit."""

    NONE = 0
    END_STREAM = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 0x20


ACK = 1


class Code(IntEnum):
    """Error codes."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """Settings."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """Any frame; the reserved bit is the highest of the stream identifier."""
    header = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return header + stream_id.to_bytes(4, "big") + payload


def settings(*pairs: tuple[int, int], ack: bool = False) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs)
    return frame(Type.SETTINGS, ACK if ack else 0, 0, payload)


def ping(payload: bytes, ack: bool = False) -> bytes:
    """A PING frame."""
    return frame(Type.PING, ACK if ack else 0, 0, payload)


def goaway(last: int = 0, code: int = 0, debug: bytes = b"") -> bytes:
    """A GOAWAY frame."""
    return frame(Type.GOAWAY, 0, 0, u32(last) + u32(code) + debug)


def u32(value: int) -> bytes:
    """A number of 32 bits."""
    return value.to_bytes(4, "big")


def code_name(code: int) -> str:
    """The name of an error code."""
    try:
        return Code(code).name
    except ValueError:
        return f"error code {code}"


@dataclass(frozen=True)
class Frame:
    """A frame that was parsed."""

    type: int
    flags: int
    stream_id: int
    payload: bytes

    def has(self, flag: int) -> bool:
        """Whether the flag is set."""
        return bool(self.flags & flag)

    def number(self, start: int = 0) -> int:
        """The 32-bit number at this position of the payload."""
        return int.from_bytes(self.payload[start : start + 4], "big")

    def content(self) -> bytes:
        """The payload of DATA, HEADERS or PUSH_PROMISE without padding."""
        if not self.has(Flag.PADDED):
            return self.payload
        return self.payload[1 : len(self.payload) - self.payload[0]]

    def fragment(self) -> bytes:
        """The fragment of a field block in the frame."""
        content = self.payload if self.type == Type.CONTINUATION else self.content()
        if self.type == Type.HEADERS and self.has(Flag.PRIORITY):
            return content[5:]
        return content[4:] if self.type == Type.PUSH_PROMISE else content

    def __str__(self) -> str:
        try:
            name = Type(self.type).name
        except ValueError:
            name = f"frame of type {self.type}"
        words = [name]
        if self.type == Type.RST_STREAM and len(self.payload) == 4:
            words.append(f"({code_name(self.number())})")
        if self.type == Type.GOAWAY and len(self.payload) >= 8:
            words.append(f"({code_name(self.number(4))}, last stream {self.number()})")
        if self.type == Type.WINDOW_UPDATE and len(self.payload) == 4:
            words.append(f"(+{self.number() & MAX_WINDOW})")
        words.append(f"length {len(self.payload)}")
        if self.flags:
            words.append(f"flags {self.flags:#04x}")
        if self.stream_id:
            words.append(f"stream {self.stream_id & MAX_WINDOW}")
        return " ".join(words)


class FrameReader:
    """Cuts octets into frames."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, octets: bytes) -> list[Frame]:
        """The frames that are complete now."""
        rest = self.rest + octets
        frames = []
        while len(rest) >= HEADER_SIZE:
            end = HEADER_SIZE + int.from_bytes(rest[:3], "big")
            if len(rest) < end:
                break
            stream_id = int.from_bytes(rest[5:9], "big")
            frames.append(Frame(rest[3], rest[4], stream_id, rest[HEADER_SIZE:end]))
            rest = rest[end:]
        self.rest = rest
        return frames
