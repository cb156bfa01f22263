"""The static table (RFC 7541 2.3.1), built once and shared by all connections."""

from __future__ import annotations

from hpack.struct import HeaderTuple

from h2._hpack.entry import OVERHEAD, Classify, Entry, Received
from h2._hpack.tables import STATIC_TABLE


class StaticTable:
    """The static table in the forms that encoder and decoder use for look-ups; never changes.

    ``received`` is what a decoder finds under the first octet of an indexed field (0x81 to 0xBD),
    ``name_at`` the name of each index. ``exact`` is what an encoder finds under (name, value),
    ``names`` the lowest index of each name.
    """

    __slots__ = ("classify", "exact", "name_at", "names", "received")

    def __init__(self, classify: Classify) -> None:
        self.classify = classify
        self.exact: dict[tuple[bytes, bytes], Entry] = {}
        self.names: dict[bytes, int] = {}
        rows: list[Received] = []
        for index, key in enumerate(STATIC_TABLE, 1):
            name, value = key
            mask = classify(name, value)
            size = len(name) + len(value) + OVERHEAD
            rows.append(Received(tuple.__new__(HeaderTuple, key), mask, size))
            self.exact[key] = Entry(key, mask, seq=-index)
            self.names.setdefault(name, index)
        # The rows before 0x81 are never read; they save the decoder a subtraction for each field.
        self.name_at: tuple[bytes, ...] = (b"", *(name for name, _ in STATIC_TABLE))
        self.received: tuple[Received, ...] = (rows[0],) * 0x81 + tuple(rows)


def build_static_table(classify: Classify) -> StaticTable:
    """Return the static table with the masks that ``classify`` gives to its fields."""
    return StaticTable(classify)
