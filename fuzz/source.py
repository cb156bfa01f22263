"""An input as a source of decisions: a small change of it is a small change of the case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Source:
    """The octets of an input, read from the front. Past the end there are zeros."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def more(self) -> bool:
        """Whether there is anything left."""
        return self._position < len(self._data)

    def octet(self) -> int:
        """Return the next octet."""
        position = self._position
        self._position = position + 1
        return self._data[position] if position < len(self._data) else 0

    def number(self, octets: int) -> int:
        """Return a number of this many octets."""
        return int.from_bytes(self.take(octets), "big")

    def take(self, length: int) -> bytes:
        """Return the next octets, or fewer at the end."""
        start = self._position
        self._position = start + length
        return self._data[start : start + length]

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(max(0, len(self._data) - self._position))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices. Equal octets give equal choices, whatever comes before."""
        return choices[self.octet() % len(choices)]

    def chance(self, one_in: int) -> bool:
        """Return whether something rare happens; never after the end of the input."""
        return self.octet() % one_in == one_in - 1
