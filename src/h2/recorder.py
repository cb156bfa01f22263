"""Recordings of connections: every frame with its time, as JSON and as an HTML page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final, Protocol

from h2._frames.describe import LoggedFrame, flag_names, name_of
from h2._recording.details import Direction, memory
from h2._recording.page import page
from h2.config import DummyLogger

__all__ = ["Frame", "Recorder", "to_json", "waterfall"]

#: The name of the format, and its version: both are in every recording.
FORMAT: Final = "h2-recording"
VERSION: Final = 1


class Frame(Protocol):
    """The argument of a message about a frame that loggers get; its text is created on demand."""

    @property
    def type(self) -> int:
        """The type of the frame (RFC 9113 section 4.1)."""

    @property
    def flags(self) -> int:
        """The flags of the frame."""

    @property
    def stream_id(self) -> int:
        """The stream that it is on, 0 for the connection."""

    @property
    def payload(self) -> bytes:
        """The payload, padding included."""


class Recorder(DummyLogger):
    """A logger that keeps what a connection sends and receives, frame by frame.

        recorder = Recorder("my client")
        conn = H2Connection(H2Configuration(logger=recorder))

    It keeps kinds of frames, times, lengths, settings and header fields, but no content. A recorder
    is for one connection, and must be attached from the start: header fields can be decoded only if
    all earlier ones were seen.

    :param title: the name of the connection
    :param limit: the number of frames to keep; later ones are only counted, in :attr:`dropped`
    :param octet_limit: about how many octets of memory the values may take that a peer chooses:
        header fields, settings and texts. Later frames are only counted, too. A frame takes up to
        1,000 octets in addition.
    :param secrets: whether to keep the values of ``authorization``, ``cookie``,
        ``proxy-authorization`` and ``set-cookie``
    :param clock: returns the time in seconds
    """

    #: The unit of ``at``. A program without times may set it to ``"octets"``.
    unit: str = "seconds"

    def __init__(
        self,
        title: str = "",
        *,
        limit: int = 100_000,
        octet_limit: int = 50_000_000,
        secrets: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self.limit = limit
        self.octet_limit = octet_limit
        #: The frames, as they are in the JSON format.
        self.frames: list[dict[str, Any]] = []
        #: How many frames exceeded one of the limits.
        self.dropped: int = 0
        self._octets = 0
        #: When the recording began, in UTC (ISO 8601).
        self.began: str = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._clock = clock
        self._start = clock()
        self._directions = {True: Direction(secrets), False: Direction(secrets)}

    def debug(self, *vargs: Any, **kwargs: Any) -> None:
        """Keep a frame. Other messages are ignored."""
        if len(vargs) == 2 and isinstance(vargs[1], LoggedFrame):
            self.record(vargs[1], sent=vargs[0].startswith("Sent"))

    def record(self, frame: Frame, *, sent: bool, at: float | None = None) -> None:
        """Keep a frame.

        :param frame: the frame, as loggers get it
        :param sent: whether this end sent it
        :param at: when, in the unit of the recording; now if ``None``
        """
        if self.dropped or len(self.frames) >= self.limit:
            self.dropped += 1
            return
        found: dict[str, Any] = {
            "at": round(self._clock() - self._start if at is None else at, 6),
            "sent": sent,
            "type": name_of(frame.type),
            "stream": frame.stream_id,
            "length": len(frame.payload),
            "flags": flag_names(frame.type, frame.flags),
        }
        direction = self._directions[sent]
        about, details = direction.look(frame.type, frame.flags, frame.payload, found)
        self._octets += memory(details)
        if self._octets > self.octet_limit:
            self.dropped += 1
            return
        about |= details
        self.frames.append(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the part of the JSON format for this connection."""
        return {
            "title": self.title,
            "began": self.began,
            "unit": self.unit,
            "dropped": self.dropped,
            "frames": self.frames,
        }


def to_json(*recorders: Recorder) -> str:
    """Return recordings in their JSON format, one connection for each recorder."""
    connections = [recorder.to_dict() for recorder in recorders]
    return json.dumps({"format": FORMAT, "version": VERSION, "connections": connections})


def waterfall(recording: str, title: str = "HTTP/2 connections") -> str:
    """Return an HTML page that shows a recording: streams over time, frames, and windows.

    :param recording: JSON text of :func:`to_json`
    :param title: the title of the page
    :raises ValueError: if it is not a recording, or one of a later version
    """
    try:
        found = json.loads(recording)
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"the format is not {FORMAT!r}")
    if found.get("version") != VERSION:
        raise ValueError(f"version {found.get('version')!r} instead of {VERSION}")
    if not isinstance(found.get("connections"), list):
        raise ValueError("the list of connections is missing")
    return page(title, recording)
