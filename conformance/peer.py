"""The suite's end of a connection: sends what a case specifies, and records what comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from conformance import hpack, wire
from conformance.wire import Flag, Frame, Type


class Role(Enum):
    """The role of the endpoint under test."""

    SERVER = "server"
    CLIENT = "client"


class On(Enum):
    """A stream that a case refers to without knowing its number."""

    CURRENT = "the stream of the case"
    NEXT = "the next stream that the suite may open"
    IDLE = "a stream of the client that nobody has opened"
    IDLE_EVEN = "a stream of the server that nobody has opened"
    PROMISED = "the promised stream"


Stream = On | int
_IDLE = 1_000_001
_PROMISED = 2


class NotPossibleError(Exception):
    """The situation of a case cannot be reached, and why."""


class NotApplicableError(NotPossibleError):
    """The case does not apply to this endpoint, and why."""


class Link(Protocol):
    """The connection to the endpoint under test."""

    #: Whether the output of the endpoint is available immediately, and nothing comes later.
    instant: bool
    #: How the endpoint crashed, if it did.
    crash: str

    def send(self, octets: bytes) -> None:
        """Send octets. `OSError` means that the endpoint has disconnected."""

    def receive(self, seconds: float) -> bytes | None:
        """Return what arrives within this time, possibly nothing; None after the end."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True)
class Target:
    """The request that the suite makes."""

    scheme: bytes = b"http"
    authority: bytes = b"localhost"
    path: bytes = b"/"
    post_path: bytes = b"/"


@dataclass(frozen=True)
class Section:
    """A field section that the endpoint under test sent."""

    stream_id: int
    fields: list[hpack.Field]
    end_stream: bool
    updates: list[int]  # dynamic table size updates before it

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field with this name."""
        return next((value for key, value in self.fields if key == name), None)


@dataclass
class Seen:
    """The answers of the endpoint under test since the action of the case began."""

    frames: list[Frame] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    resets: dict[int, int] = field(default_factory=dict)
    goaway: int | None = None  # the first error code, or NO_ERROR
    ended: set[int] = field(default_factory=set)
    alive: bool = False  # the PING at the end of the case was acknowledged
    closed: bool = False

    def status(self, stream_id: int) -> int | None:
        """The status code of the final response on this stream."""
        found = None
        for section in self.sections:
            text = section.get(b":status")
            if section.stream_id == stream_id and text is not None and text.isdigit():
                found = int(text)
        return found if found is not None and found >= 200 else None

    def words(self) -> str:
        """The answers, in short."""
        parts = []
        if self.goaway is not None:
            parts.append(f"GOAWAY({wire.code_name(self.goaway)})")
        for stream_id, code in sorted(self.resets.items()):
            parts.append(f"RST_STREAM({wire.code_name(code)}) on stream {stream_id}")
        parts += [
            f"response {status} on stream {stream_id}"
            for stream_id in sorted({section.stream_id for section in self.sections})
            if (status := self.status(stream_id))
        ]
        if self.closed and self.goaway is None:
            parts.append("connection closed without GOAWAY")
        if self.alive:
            parts.append("PING acknowledged")
        return ", ".join(parts) or "nothing"


PROBE = b"\x00probe??"


class Peer:
    """The peer of the endpoint under test."""

    def __init__(self, link: Link, role: Role, target: Target, seconds: float) -> None:
        self.link = link
        self.role = role
        self.target = target
        self.deadline = time.monotonic() + seconds
        self.stream = 1 if role is Role.SERVER else 0
        self.settings: dict[int, int] = {}  # what the endpoint announced
        self.acknowledged = 0  # how many of our SETTINGS were
        self.decoder = hpack.Decoder()
        self.problem = ""  # what is wrong with what the endpoint sent
        self.complaint = ""  # the result of the check of the case
        self.before = Seen()  # what arrived before the action of the case
        self.seen = self.before
        self.sent: list[str] = []
        self.preface = b""  # the first octets of a client
        self._reader = wire.FrameReader()
        self._log = wire.FrameReader()
        self._pending: list[bytes] = []
        self._held: list[bytes] | None = []  # what must not be sent before our own preface
        self._block: tuple[Frame, bytes] | None = None

    # Sending ------------------------------------------------------------------------------------

    def resolve(self, on: Stream) -> int:
        """The number of a stream."""
        if isinstance(on, int):
            return on
        return {
            On.CURRENT: self.stream,
            On.NEXT: self.stream + 2 if self.role is Role.SERVER else _PROMISED,
            On.IDLE: _IDLE,
            On.IDLE_EVEN: _IDLE + 1,
            On.PROMISED: _PROMISED,
        }[on]

    def send(self, octets: bytes) -> None:
        """Send with the next flush."""
        self._pending.append(octets)

    def flush(self) -> None:
        """Send what is pending."""
        octets, self._pending = b"".join(self._pending), []
        if not octets:
            return
        self._note(octets)
        try:
            self.link.send(octets)
        except OSError:
            self.seen.closed = True

    def _note(self, octets: bytes) -> None:
        if octets.startswith(wire.PREFACE):
            self.sent.append("connection preface")
            octets = octets.removeprefix(wire.PREFACE)
        self.sent += map(str, self._log.feed(octets))

    def release(self) -> None:
        """Our preface was sent: allow answers."""
        if self._held is not None:
            self._pending += self._held
            self._held = None

    def begin(self) -> None:
        """The situation is reached; what arrives from now on counts."""
        self.seen = Seen(closed=self.before.closed)

    # Receiving ----------------------------------------------------------------------------------

    def pump(self, seconds: float) -> bool:
        """Process what arrives within this time; return whether anything did."""
        self.flush()
        if self.seen.closed:
            return False
        octets = self.link.receive(max(0.0, min(seconds, self.deadline - time.monotonic())))
        if octets is None:
            self.seen.closed = True
            return False
        if self.role is Role.CLIENT and len(self.preface) < len(wire.PREFACE):
            room = len(wire.PREFACE) - len(self.preface)
            self.preface += octets[:room]
            octets = octets[room:]
        for frame in self._reader.feed(octets):
            self.seen.frames.append(frame)
            self._take(frame)
        return bool(octets)

    def _take(self, frame: Frame) -> None:
        seen = self.seen
        if frame.type == Type.SETTINGS:
            self._take_settings(frame)
        elif frame.type == Type.PING:
            if not frame.has(wire.ACK):
                self._answer(wire.ping(frame.payload, ack=True))
            elif frame.payload == PROBE:
                seen.alive = True
        elif frame.type == Type.RST_STREAM:
            seen.resets.setdefault(frame.stream_id, frame.number())
        elif frame.type == Type.GOAWAY:
            seen.goaway = seen.goaway or frame.number(4)
        elif frame.type in (Type.HEADERS, Type.PUSH_PROMISE, Type.CONTINUATION):
            self._take_fragment(frame)
        elif frame.type == Type.DATA and frame.has(Flag.END_STREAM):
            seen.ended.add(frame.stream_id)

    def _take_settings(self, frame: Frame) -> None:
        if frame.has(wire.ACK):
            self.acknowledged += 1
            return
        for place in range(0, len(frame.payload), 6):
            key = int.from_bytes(frame.payload[place : place + 2], "big")
            self.settings[key] = frame.number(place + 2)
        self._answer(wire.settings(ack=True))

    def _answer(self, octets: bytes) -> None:
        """Send what the protocol requires immediately."""
        if self._held is not None:
            self._held.append(octets)
            return
        try:
            self.link.send(octets)
        except OSError:
            self.seen.closed = True

    def _take_fragment(self, frame: Frame) -> None:
        if frame.type == Type.CONTINUATION:
            if self._block is None:
                self.problem = "CONTINUATION without a beginning"
                return
            first, octets = self._block
            octets += frame.fragment()
        else:
            first, octets = frame, frame.fragment()
        if not frame.has(Flag.END_HEADERS):
            self._block = (first, octets)
            return
        self._block = None
        try:
            fields = self.decoder.decode(octets)
        except hpack.DecodingError as error:
            self.problem = f"field block: {error}"
            return
        end = first.has(Flag.END_STREAM)
        section = Section(first.stream_id, fields, end, self.decoder.updates)
        self.seen.sections.append(section)
        if end:
            self.seen.ended.add(first.stream_id)
        if self.role is Role.CLIENT and not self.stream and section.get(b":method"):
            self.stream = first.stream_id

    @property
    def no_frames(self) -> bytes:
        """Received octets that are not a whole frame."""
        return self._reader.rest

    # Waiting ------------------------------------------------------------------------------------

    def wait(self, what: str, done: Waiting) -> None:
        """Process what arrives until this is true; raises `NotPossibleError` if it never is."""
        while not done(self):
            if not self.pump(self.deadline - time.monotonic()):
                if done(self):
                    return
                if self.seen.closed or self.link.instant or time.monotonic() >= self.deadline:
                    raise NotPossibleError(f"{what} did not come: {self.seen.words()}")


class Waiting(Protocol):
    """A condition that a peer waits for."""

    def __call__(self, peer: Peer, /) -> bool:
        """Whether it has happened."""
