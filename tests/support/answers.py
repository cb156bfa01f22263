"""A request over a new connection, and all frames received on its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpack import Decoder

from support import wire
from support.clients import Target
from support.raw import RawClient, content, ends, fields_of
from support.wire import Field, Frame, Type


@dataclass(frozen=True)
class Answer:
    """The frames that a server sent on a stream."""

    sections: list[list[Field]]  # informational ones first, trailers last
    content: bytes
    reset: int | None  # the code of RST_STREAM, if one came before the end of the stream

    @property
    def statuses(self) -> list[bytes]:
        """The status codes of all responses, informational ones included."""
        return [value for section in self.sections for name, value in section if name == b":status"]

    @property
    def status(self) -> int:
        """The status code of the final response."""
        return int(self.statuses[-1])

    def values(self, wanted: bytes) -> list[bytes]:
        """The values of all fields of this name, in any section."""
        return [value for section in self.sections for name, value in section if name == wanted]


def answer(frames: Sequence[Frame], stream_id: int = 1) -> Answer:
    """The part of these frames (all that a server sent) that belongs to one stream."""
    decoder = Decoder()
    sections, reset = [], None
    for frame in frames:
        if frame.type == Type.HEADERS:
            fields = wire.decode(frame.fragment, decoder=decoder)
            if frame.stream_id == stream_id:
                sections.append(fields)
        elif frame.type == Type.RST_STREAM and frame.stream_id == stream_id:
            reset = frame.error_code
    return Answer(sections, content(frames, stream_id), reset)


def ask(
    target: Target,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    *,
    fields: Sequence[tuple[str, str]] = (),
    settings: Sequence[Any] = (),
) -> Answer:
    """Make one request; return the frames of the response when the stream has ended."""
    with RawClient(target, *settings) as client:
        section = fields_of(path, method, *fields)
        client.send(wire.headers(1, section, end_stream=body is None))
        if body is not None:
            client.send(wire.data(1, body, end_stream=True))
        return answer(client.until(ends(1)))
