"""The static table (RFC 7541 2.3.1), built once and shared by all connections."""

from __future__ import annotations

from hpack.struct import HeaderTuple

from h2._hpack.entry import OVERHEAD, ClassifyName, ClassifyValue, Entry, Received
from h2._hpack.tables import STATIC_TABLE


class StaticTable:
    """The static table in the forms that encoder and decoder use for look-ups; never changes.

    ``received`` is what a decoder finds under the first octet of an indexed field (0x81 to 0xBD),
    ``name_at`` the name of each index, ``mask_at`` the mask of this name. ``exact`` is what an
    encoder finds under (name, value), ``names`` the lowest index of each name.
    """

    __slots__ = (
        "classify_name",
        "classify_value",
        "exact",
        "mask_at",
        "name_at",
        "names",
        "received",
    )

    def __init__(self, classify_name: ClassifyName, classify_value: ClassifyValue) -> None:
        self.classify_name = classify_name
        self.classify_value = classify_value
        self.exact: dict[tuple[bytes, bytes], Entry] = {}
        self.names: dict[bytes, int] = {}
        # The first place is never read; it saves the decoder a subtraction for each field.
        names = [b""]
        masks = [0]
        rows: list[Received] = []
        for index, key in enumerate(STATIC_TABLE, 1):
            name, value = key
            of_name = classify_name(name)
            mask = classify_value(of_name, value)
            size = len(name) + len(value) + OVERHEAD
            names.append(name)
            masks.append(of_name)
            rows.append(Received(tuple.__new__(HeaderTuple, key), mask, size))
            self.exact[key] = Entry(key, mask, seq=-index)
            self.names.setdefault(name, index)
        self.name_at: tuple[bytes, ...] = tuple(names)
        self.mask_at: tuple[int, ...] = tuple(masks)
        # The rows before 0x81 are never read, either.
        self.received: tuple[Received, ...] = (rows[0],) * 0x81 + tuple(rows)


def build_static_table(classify_name: ClassifyName, classify_value: ClassifyValue) -> StaticTable:
    """Return the static table with the masks that these functions give to its fields."""
    return StaticTable(classify_name, classify_value)
