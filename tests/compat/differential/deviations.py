"""The intended differences from h2 4.4.1.

There are two kinds. A passing deviation covers some of the differing parts of a step; these are
ignored, and the comparison continues. An ending one explains why two runs diverge permanently, and
the comparison of that program stops there. A difference that no entry explains is a failure.
Numbers refer to the list "Where we go further than 4.4.1 on purpose"; 0 means not on the list.
"""

from __future__ import annotations

from dataclasses import replace

from .compare import Difference
from .ending import ENDING, Ending
from .passing import PASSING

NAMES = tuple(entry.name for entry in (*PASSING, *ENDING))


def look_past(difference: Difference) -> tuple[Difference | None, set[str]]:
    """The rest of a difference after applying the passing entries, and the entries that applied."""
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
    """The entry that explains why the runs diverge, if there is one."""
    return next((entry for entry in ENDING if entry.explains(difference)), None)
