"""The output of a decoded connection: frames, lines below them, errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """A note about the byte at an offset."""

    offset: int
    text: str
    fault: bool = False


@dataclass
class Frame:
    """A described frame; also the connection preface, and bytes that are not a frame."""

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
        """Note that something is wrong at this offset."""
        self.lines.append(Line(offset, text, fault=True))


class Damage(Exception):  # noqa: N818 - of the input; nothing in the program is in error
    """A payload cannot be read beyond this offset."""

    def __init__(self, offset: int, text: str) -> None:
        super().__init__(text)
        self.offset = offset
