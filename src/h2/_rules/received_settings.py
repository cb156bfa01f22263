"""The entries of a received SETTINGS frame: the resulting values, and what to report.

Separate from :mod:`h2.settings`, which stays interpreted because programs see it, since this runs
at the beginning of every connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from h2._rules.setting_bounds import NO_RFC7540_PRIORITIES, Bound, invalid

#: Limits of the cache: the number of results, and the entries of each frame.
_MOST_KNOWN: Final = 16
_LONGEST_KNOWN: Final = 16


class _Taken:
    """The effect of the entries of a frame."""

    __slots__ = ("after", "before", "bounds", "changes", "entries")

    def __init__(
        self,
        entries: tuple[tuple[int, int], ...],
        before: dict[Any, int],
        bounds: dict[int, Bound],
        after: dict[Any, int],
        changes: list[tuple[Any, Any, Any]],
    ) -> None:
        self.entries: Any = entries
        self.before = before
        self.bounds = bounds
        self.after = after
        self.changes = changes  #: setting, value before, value after


#: By the identities of the entries and of the values before, combined. Most peers of a program
#: announce the same, for which `h2._frames.decode` returns the same tuple, and most connections
#: begin with the same values. Entries and values never change, and exist as long as the result that
#: refers to them, so their identity is enough. Hashing the entries costs more.
_KNOWN: Final[dict[int, _Taken]] = {}


def take(
    pairs: Iterable[tuple[int, int]],
    before: dict[Any, int],
    bounds: dict[int, Bound],
    names: dict[int, Any],
) -> tuple[dict[Any, int], list[tuple[Any, Any, Any]]]:
    """Return all values after a SETTINGS frame, and what to report for each setting in it.

    That is the setting, its value before, and its value. ``before`` has the values before,
    ``bounds`` those that the sender may send, and ``names`` the enum members of known settings.
    Raises a Violation for a value out of bounds.
    """
    key = id(pairs) ^ id(before)
    taken = _KNOWN.get(key)
    if (
        taken is None
        or taken.entries is not pairs
        or taken.before is not before
        or taken.bounds is not bounds
    ):
        entries = tuple(pairs)
        taken = _work_out(entries, before, bounds, names)
        if isinstance(pairs, tuple) and len(entries) <= _LONGEST_KNOWN:
            if len(_KNOWN) >= _MOST_KNOWN:
                _KNOWN.clear()
            _KNOWN[key] = taken
    return taken.after, taken.changes


def _work_out(
    entries: tuple[tuple[int, int], ...],
    before: dict[Any, int],
    bounds: dict[int, Bound],
    names: dict[int, Any],
) -> _Taken:
    """Check the entries of a frame in order, and compute their effect."""
    after = before.copy()
    changed: dict[Any, int] = {}
    for code, value in entries:
        setting = names.get(code)
        if setting is None:
            # Not kept, because a peer could send any number of them. Any value of 32 bits is valid.
            changed[code] = value
            continue
        minimum, maximum, error_code = bounds[code]
        changed[setting] = value
        if minimum <= value <= maximum:
            after[setting] = value
        elif code == NO_RFC7540_PRIORITIES:
            # With `strict=True` the connection has refused it. Otherwise it is ignored, and so is
            # an earlier value in the same frame.
            after.pop(setting, None)
            if setting in before:
                after[setting] = before[setting]
        else:
            raise invalid(setting, value, error_code)
    changes = [
        (setting, before.get(setting) if setting in names else None, value)
        for setting, value in changed.items()
    ]
    return _Taken(entries, before, bounds, after, changes)
