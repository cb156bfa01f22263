"""How fields that a program passes are looked up in the compiled build, where loops cost little.

:mod:`h2._core.outbound_fields` does the same with built-in functions in the pure build.
"""

from __future__ import annotations

import sys
from typing import Any, Final, TypeVar

from hpack.struct import HeaderTuple

from h2._hpack import Entry
from h2._native import i64, mypyc_attr

T = TypeVar("T")

#: Whether a look-up may compare text with octets, which have the same hash. With Python's option -b
#: this warns, so every field is then checked separately.
MAY_COMPARE: Final = not sys.flags.bytes_warning

#: In place of a field that is not remembered. A program cannot pass it, but may pass None.
_NO_FIELD: Final = object()

# A name of another module is looked up in a dict at each use, a constant is not.
_HEADER_TUPLE: Final[type[HeaderTuple]] = HeaderTuple


@mypyc_attr(acyclic=True)
class Remembered:
    """Fields that were found in a table, by their position in the last block of a kind.

    Programs often pass the same objects again, and a comparison of objects costs a tenth of a
    look-up. Only the compiled build uses this: in the other one, a look-up costs less.
    """

    __slots__ = ("entries", "fields")

    def __init__(self) -> None:
        self.fields: list[Any] = []  #: `_NO_FIELD` where a field was not in a table
        #: The entries of the fields; one that was evicted since then has lost its ``seq``.
        self.entries: list[Entry | None] = []


def find_entries(
    checked: dict[Any, Entry], headers: list[Any], remembered: Remembered
) -> list[Entry | None]:
    """Do what `FieldPlanner._find_entries` does, in the way that is fast in the compiled build."""
    fields = remembered.fields
    entries = remembered.entries
    size: i64 = len(fields)
    position: i64 = 0
    for field in headers:
        if position == size:
            fields.append(_NO_FIELD)
            entries.append(None)
            size += 1
        elif fields[position] is field:
            entry = entries[position]
            if entry is not None and entry.seq:
                position += 1
                continue
        cls = type(field)
        plain = (cls is tuple or cls is _HEADER_TUPLE) and MAY_COMPARE
        entry = find(checked, field) if plain else None
        fields[position] = _NO_FIELD if entry is None else field
        entries[position] = entry
        position += 1
    if position < size:
        del fields[position:]
        del entries[position:]
    return entries


def are_same(fields: list[Any], headers: list[Any]) -> bool:
    """Tell whether both lists have the same objects."""
    size: i64 = len(headers)
    if len(fields) != size:
        return False
    position: i64 = 0
    while position < size:
        if fields[position] is not headers[position]:
            return False
        position += 1
    return True


def are_plain(headers: list[Any]) -> bool:
    """Tell whether all fields have types that can be looked up as they are."""
    for field in headers:
        cls = type(field)
        if cls is not tuple and cls is not _HEADER_TUPLE:
            return False
    return MAY_COMPARE


def find(known: dict[Any, T], field: object) -> T | None:
    """Look up a field that may not be hashable."""
    try:
        return known.get(field)
    except TypeError:
        return None
