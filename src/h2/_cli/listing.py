"""What can be said about bytes of a connection: frames, lines below them, faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """Something to say about the byte at an offset."""

    offset: int
    text: str
    fault: bool = False


@dataclass
class Frame:
    """A frame in words; also the connection preface, and bytes that make no frame."""

    offset: int
    name: str
    stream: str = ""
    length: int = 0
    flags: str = ""
    content: str = ""
    lines: list[Line] = field(default_factory=list)

    def line(self, offset: int, text: str) -> None:
        """Add a line below the frame."""
        self.lines.append(Line(offset, text))

    def fault(self, offset: int, text: str) -> None:
        """Say that something is wrong at this offset."""
        self.lines.append(Line(offset, text, fault=True))


class Damage(Exception):  # noqa: N818 - of the input; nothing in the program is in error
    """A payload cannot be read on from this offset."""

    def __init__(self, offset: int, text: str) -> None:
        super().__init__(text)
        self.offset = offset
