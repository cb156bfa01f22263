"""The exception of a failed check."""

from __future__ import annotations


class Broken(AssertionError):  # noqa: N818 - what it says is that an invariant is broken
    """An invariant does not hold: the input is a finding."""


def require(holds: object, *what: object) -> None:
    """Raise unless something holds; ``what`` describes it, as words and values."""
    if not holds:
        raise Broken(" ".join(map(str, what)))


def require_same(got: object, wanted: object, what: str) -> None:
    """Raise unless two values are equal."""
    if got != wanted:
        raise Broken(f"{what}: {got!r} is not {wanted!r}")
