"""Header fields as the tables keep them, and the result of decoding a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hpack.struct import HeaderTuple

from h2._native import mypyc_attr

LEADING: Final = 0xFF
"""Class bits of the fields that must lead a block (pseudo-header fields)."""

NOTED: Final = 0x100
"""Class bit of the field whose value a decoded block remembers (content-length)."""

OVERHEAD: Final = 32
"""Octets that a field counts in addition to its name and value (RFC 7541 4.1)."""

ClassifyName = Callable[[bytes], int]
"""Maps a name to the part of the class mask that does not depend on the value."""

ClassifyValue = Callable[[int, bytes], int]
"""Maps the mask of a name and a value to the class mask of the field: 0 for an ordinary valid one,
otherwise bits that are opaque to HPACK, except LEADING and NOTED."""


@mypyc_attr(acyclic=True)
class Received:
    """A field in the tables of a decoder: the tuple that events carry, class mask and size."""

    __slots__ = ("field", "mask", "size")

    def __init__(self, field: HeaderTuple, mask: int, size: int) -> None:
        self.field = field
        self.mask = mask
        self.size = size


@mypyc_attr(acyclic=True)
class Run:
    """Octets that encode indexed fields, and the fields, while the table does not change."""

    __slots__ = ("octets", "section")

    def __init__(self, octets: bytes, section: FieldSection) -> None:
        self.octets = octets
        self.section = section


@mypyc_attr(acyclic=True, free_list_len=1)
class Entry:
    """A field in an encoder, with everything about it that is computed once.

    ``field`` is the (name, value) tuple that is its key in ``Encoder.fields``, ``mask`` its class.
    ``seq`` is its place: -index in the static table, 0 in no table (any more), n > 0 as the n-th
    insertion into the dynamic table of its encoder. ``never`` makes the encoder send it as a
    never-indexed literal (RFC 7541 6.2.3).

    The encoder sets the rest when it inserts the entry: ``size`` is its size in the table (RFC 7541
    4.1), ``used`` whether it was sent as an index since then.
    """

    __slots__ = ("field", "mask", "never", "seq", "size", "used")

    size: int
    used: bool

    def __init__(
        self, field: tuple[bytes, bytes], mask: int, never: bool = False, seq: int = 0
    ) -> None:
        self.field = field
        self.mask = mask
        self.never = never
        self.seq = seq


@mypyc_attr(acyclic=True, free_list_len=1)
class FieldSection:
    """A decoded field block.

    A block may be shared with later calls of the decoder that made it: copy ``fields`` before
    changing or passing on the list.

    ``seen`` is the union of the class masks of all fields, ``repeated`` the bits that occurred
    more than once, ``leading`` the number of fields up to and including the last one with a LEADING
    bit, ``noted`` the value of the last field with the NOTED bit, ``size`` the size of the list in
    octets as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 6.5.2).
    """

    __slots__ = ("fields", "leading", "noted", "repeated", "seen", "size")

    def __init__(
        self,
        fields: list[HeaderTuple],
        seen: int,
        repeated: int,
        leading: int,
        noted: bytes | None,
        size: int,
    ) -> None:
        self.fields = fields
        self.seen = seen
        self.repeated = repeated
        self.leading = leading
        self.noted = noted
        self.size = size
