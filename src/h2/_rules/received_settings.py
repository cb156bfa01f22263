"""The entries of a received SETTINGS frame: the resulting values, and what to report.

Separate from :mod:`h2.settings`, which stays interpreted because programs see it, since this runs
at the beginning of every connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from h2._rules.setting_bounds import NO_RFC7540_PRIORITIES, Bound, invalid

_new: Final[Any] = object.__new__


def take(
    pairs: Iterable[tuple[int, int]],
    before: dict[Any, int],
    bounds: dict[int, Bound],
    names: dict[int, Any],
    change_class: Any,
) -> tuple[dict[Any, int], dict[Any, Any]]:
    """Return all values after a SETTINGS frame, and a change for each setting in it.

    ``before`` has the values before, ``bounds`` those that the sender may send, and ``names`` the
    enum members of known settings. Raises a Violation for a value out of bounds.
    """
    after = before.copy()
    reported: dict[Any, Any] = {}
    change: Any
    for code, value in pairs:
        setting = names.get(code)
        if setting is None:
            # Not kept, because a peer could make them pile up. Any value of 32 bits is valid.
            reported[code] = change_class(code, None, value)
            continue
        minimum, maximum, error_code = bounds[code]
        if not minimum <= value <= maximum:
            if code == NO_RFC7540_PRIORITIES:
                # With `strict=True` the connection has refused it. Otherwise it is ignored, and so
                # is an earlier value in the same frame.
                reported[setting] = change_class(setting, before.get(setting), value)
                after.pop(setting, None)
                if setting in before:
                    after[setting] = before[setting]
                continue
            raise invalid(setting, value, error_code)
        # Without the constructor: every connection begins with half a dozen of these.
        reported[setting] = change = _new(change_class)
        change.setting = setting
        change.original_value = before.get(setting)
        change.new_value = value
        after[setting] = value
    return after, reported
