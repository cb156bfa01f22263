"""HPACK encoders and decoders of the application, in place of the built-in ones.

A program may assign any object with the methods of ``hpack.Encoder`` and ``hpack.Decoder`` to
``H2Connection.encoder`` and ``H2Connection.decoder``. These adapters make such an object look like
a built-in one to the rest of the core. Nothing is cached then, and every field is checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._hpack import LEADING, NOTED, Entry, FieldSection, HeaderListTooLarge, HpackDecodingError
from h2._hpack.entry import OVERHEAD
from h2._rules.fields import classify
from h2._rules.quote import quoted

#: The size that an object without the attribute is assumed to use (RFC 9113 section 6.5.2).
_DEFAULT_TABLE_SIZE: Final = 4096


class ForeignEncoder:
    """An encoder of the application, as the planner of field blocks uses it."""

    __slots__ = ("fields", "foreign", "generation", "must_update", "pending_update")

    def __init__(self, foreign: Any, size_without_update: int, must_update: bool) -> None:
        """Use ``foreign`` from now on; the peer assumes a table of at most the given size.

        ``must_update`` says whether the next block has to start with a table size update.
        """
        if not callable(getattr(foreign, "encode", None)):
            raise TypeError(f"an encoder must have a method encode; {quoted(foreign)} has none")
        self.foreign = foreign
        self.fields: dict[tuple[bytes, bytes], Entry] = {}  # none is known to be in its table
        self.generation = 0
        self.pending_update = True  # possibly, so no block is cached
        self.must_update = must_update  #: the next block may have to start with a size update
        size = self.header_table_size
        if size > size_without_update:
            self.header_table_size = size_without_update
        elif must_update:
            # Only a change makes the object send an update.
            self.header_table_size = 0
            self.header_table_size = size

    @property
    def header_table_size(self) -> int:
        """The peer's SETTINGS_HEADER_TABLE_SIZE, as the object knows it."""
        size: int = getattr(self.foreign, "header_table_size", _DEFAULT_TABLE_SIZE)
        return size

    @header_table_size.setter
    def header_table_size(self, size: int) -> None:
        self.foreign.header_table_size = size
        self.must_update = True

    size_without_update = header_table_size

    def encode(self, entries: list[Entry]) -> bytes:
        """Return the field block for these entries. Raises whatever the object raises."""
        block = bytes(
            self.foreign.encode(
                [
                    (NeverIndexedHeaderTuple if entry.never else HeaderTuple)(*entry.field)
                    for entry in entries
                ]
            )
        )
        self.must_update = False
        return block


class ForeignDecoder:
    """A decoder of the application, as the handlers of field blocks use it."""

    __slots__ = ("foreign",)

    def __init__(self, foreign: Any, max_allowed_table_size: int) -> None:
        """Use ``foreign`` from now on; the peer may choose a table of the given size."""
        if not callable(getattr(foreign, "decode", None)):
            raise TypeError(f"a decoder must have a method decode; {quoted(foreign)} has none")
        self.foreign = foreign
        if max_allowed_table_size > self.max_allowed_table_size:
            self.max_allowed_table_size = max_allowed_table_size

    @property
    def max_allowed_table_size(self) -> int:
        """Largest size that the peer's encoder may choose: our acknowledged setting."""
        size: int = getattr(self.foreign, "max_allowed_table_size", _DEFAULT_TABLE_SIZE)
        return size

    @max_allowed_table_size.setter
    def max_allowed_table_size(self, size: int) -> None:
        self.foreign.max_allowed_table_size = size

    @property
    def max_header_list_size(self) -> int | None:
        """The limit that the object enforces, if it has one."""
        limit: int | None = getattr(self.foreign, "max_header_list_size", None)
        return limit

    @max_header_list_size.setter
    def max_header_list_size(self, size: int) -> None:
        self.foreign.max_header_list_size = size

    def decode(self, data: bytes, max_list_size: int) -> FieldSection:
        """Return the fields of a complete field section. Raises exceptions of the hpack package."""
        try:
            section = _block(self.foreign.decode(data, raw=True))
        except (LookupError, TypeError, UnicodeError) as error:
            # Decoders may fail in any way on an invalid block.
            raise HpackDecodingError(str(error)) from error
        if section.size > max_list_size:
            raise HeaderListTooLarge(f"header list larger than the limit of {max_list_size} octets")
        return section


def _block(decoded: Iterable[Any]) -> FieldSection:
    """Return decoded fields with their combined class masks."""
    fields: list[HeaderTuple] = []
    seen = repeated = leading = size = 0
    noted: bytes | None = None
    for field in decoded:
        name, value = bytes(memoryview(field[0])), bytes(memoryview(field[1]))
        never = not getattr(field, "indexable", True)
        fields.append((NeverIndexedHeaderTuple if never else HeaderTuple)(name, value))
        mask = classify(name, value)
        repeated |= seen & mask
        seen |= mask
        if mask & LEADING:
            leading = len(fields)
        elif mask & NOTED:
            noted = value
        size += len(name) + len(value) + OVERHEAD
    return FieldSection(fields, seen, repeated, leading, noted, size)
