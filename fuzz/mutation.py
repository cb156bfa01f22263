"""Inputs derived from inputs: the same seed and corpus give the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

#: Octets at the boundaries of fields of frames and representations of HPACK.
_INTERESTING: Final = (0, 1, 2, 4, 5, 8, 9, 0x0F, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF)

Mutation = Callable[[Random, bytearray, Sequence[bytes]], None]


def mutated(random: Random, corpus: Sequence[bytes], longest: int) -> bytes:
    """Return an input made from one of the corpus by a few mutations."""
    data = bytearray(random.choice(corpus))
    for _ in range(1 << random.randrange(4)):
        random.choice(_MUTATIONS)(random, data, corpus)
    return bytes(data[:longest])


def _place(random: Random, data: bytearray) -> int:
    return random.randrange(len(data) + 1)


def _set_octet(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _set_interesting(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice(_INTERESTING)


def _flip(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _add(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        at = random.randrange(len(data))
        data[at] = (data[at] + random.choice((-2, -1, 1, 2))) % 256


def _insert(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    at = _place(random, data)
    data[at:at] = random.randbytes(1 + random.randrange(4))


def _remove(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    at = _place(random, data)
    del data[at : at + 1 + random.randrange(8)]


def _repeat(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    start = _place(random, data)
    at = _place(random, data)
    data[at:at] = data[start : start + 1 + random.randrange(16)]


def _splice(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    """Insert a piece of another input, or replace a piece of the same length."""
    other = random.choice(corpus)
    start = random.randrange(len(other) + 1)
    piece = other[start : start + 1 + random.randrange(32)]
    at = _place(random, data)
    data[at : at + len(piece) * random.randrange(2)] = piece


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(_set_octet, _set_interesting, _flip, _add, _insert, _insert, _remove, _repeat, _splice),
)
