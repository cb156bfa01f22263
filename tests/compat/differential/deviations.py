"""The differences from h2 4.4.1 that are meant.

Two kinds. A passing deviation covers some of the parts that differ in a step; what it covers is
looked past and the comparison continues. An ending one explains why two runs part for good, and the
comparison of that program stops there. What no entry explains is a failure. Numbers refer to the
list "Where we go further than 4.4.1 on purpose"; 0 means that it is not on the list.
"""

from __future__ import annotations

from dataclasses import replace

from .compare import Difference
from .ending import ENDING, Ending
from .passing import PASSING

NAMES = tuple(entry.name for entry in (*PASSING, *ENDING))


def look_past(difference: Difference) -> tuple[Difference | None, set[str]]:
    """What is left of a difference after the passing entries, and which of them it met."""
    met = set()
    left = []
    for part in difference.parts:
        entry = next((entry for entry in PASSING if entry.covers(difference, part)), None)
        if entry is None:
            left.append(part)
        else:
            met.add(entry.name)
    return (replace(difference, parts=tuple(left)) if left else None), met


def ending(difference: Difference) -> Ending | None:
    """The entry that explains why the runs part, if there is one."""
    return next((entry for entry in ENDING if entry.explains(difference)), None)
