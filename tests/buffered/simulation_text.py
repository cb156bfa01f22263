"""Histories as values, choices made from numbers, and the content of messages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

#: The text from which the content of messages is taken.
_TEXT: Final = random.Random(9218).randbytes(1 << 21)
_PLACES: Final = 1 << 20

#: The maximum of octets in a message.
LONGEST: Final = len(_TEXT) - _PLACES


class Broken(AssertionError):  # noqa: N818 - what it says is that an invariant is broken
    """A violated invariant. ``kind`` names it, independently of the stream."""

    def __init__(self, kind: str, details: str) -> None:
        super().__init__(f"{kind}: {details}")
        self.kind = kind


def demand(condition: object, kind: str, *details: object) -> None:
    """Raise `Broken` unless a condition holds."""
    if not condition:
        raise Broken(kind, " ".join(map(str, details)))


def content(stream_id: int, client: bool, start: int, length: int) -> bytes:
    """The octets of a message from an offset on, by its stream and its sender."""
    place = (stream_id * 7_919 + client * 104_729) % _PLACES + start
    return _TEXT[place : place + length]


class Choices:
    """Choices made from the digits of one number. 0 always makes the first choice."""

    def __init__(self, number: int) -> None:
        self._left = number

    def below(self, limit: int) -> int:
        self._left, found = divmod(self._left, limit)
        return found

    def pick(self, options: Sequence[T]) -> T:
        self._left, place = divmod(self._left, len(options))
        return options[place]

    def one_in(self, number: int) -> bool:
        """Whether a rare choice is made; the number 0 never makes it."""
        return self.below(number) == number - 1


class Step(NamedTuple):
    """An action, and the number that determines its details."""

    kind: str
    number: int


class History(NamedTuple):
    """One history, which is always played in the same way."""

    setup: int
    steps: tuple[Step, ...]


#: The frequencies of steps, for several kinds of histories.
MOODS: Final[tuple[dict[str, int], ...]] = (
    {"open": 6, "respond": 8, "write": 20, "finish": 4, "reset": 1, "carry": 30, "hand_back": 10},
    {"open": 12, "respond": 14, "write": 14, "finish": 9, "reset": 2, "carry": 30, "hand_back": 8},
    {"open": 3, "respond": 8, "write": 20, "finish": 1, "settings": 10, "carry": 30, "more": 4},
    {"open": 10, "respond": 8, "write": 20, "reset": 8, "carry": 20, "settings": 2, "more": 2},
    {"open": 8, "respond": 10, "write": 20, "finish": 4, "pull": 20, "deliver": 12, "settings": 3},
    {"open": 20, "respond": 12, "finish": 12, "settings": 4, "carry": 20, "write": 5, "pull": 4},
)

#: Steps that occur in every history.
_ALWAYS: Final = {
    "open": 2,
    "respond": 2,
    "write": 2,
    "finish": 1,
    "early": 1,
    "push": 2,
    "priority": 2,
    "update": 2,
    "ping": 1,
    "hand_back": 4,
    "carry": 4,
    "pull": 1,
    "deliver": 1,
    "reset": 1,
    "settings": 1,
    "more": 1,
    "wait": 2,
    "misuse": 1,
    "discard": 1,
}


def generate(seed: int, shortest: int = 20, longest: int = 110) -> History:
    """Generate a history from a seed."""
    rng = random.Random(seed)
    weights = dict(_ALWAYS)
    for kind, weight in rng.choice(MOODS).items():
        weights[kind] = weights.get(kind, 0) + weight
    kinds = rng.choices(list(weights), list(weights.values()), k=rng.randint(shortest, longest))
    if rng.random() < 0.15:
        kinds[rng.randrange(len(kinds))] = "shutdown"
    if rng.random() < 0.04:
        kinds[rng.randrange(len(kinds))] = "goaway"
    steps = tuple(Step(kind, rng.getrandbits(64)) for kind in kinds)
    return History(rng.getrandbits(160), steps)
