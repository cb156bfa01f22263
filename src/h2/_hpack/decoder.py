"""Decoding of field blocks (RFC 7541 3, 6)."""

from __future__ import annotations

from typing import Any, Final

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._compiled import COMPILED
from h2._hpack.entry import LEADING, NOTED, OVERHEAD, FieldSection, Received, Run
from h2._hpack.errors import (
    HeaderListTooLarge,
    HpackDecodingError,
    TableIndexError,
    TableSizeError,
)
from h2._hpack.integers import decode_integer
from h2._hpack.static import StaticTable
from h2._native import i64

if COMPILED:
    from h2._hpack.huffman_native import decode as huffman_decode
else:
    from h2._hpack.huffman import decode as huffman_decode

_STATIC: Final = 61
_CACHED_BLOCKS: Final = 16
_CACHED_OCTETS: Final = 128

# Size updates at the start of one block (CVE-2022-41723).
_MOST_UPDATES: Final = 32

# Larger than any list, and the largest number that is compared as a machine word.
_NO_LIMIT: Final = (1 << 62) - 1

# A name of another module is looked up in a dict at each use, a constant is not.
_HEADER_TUPLE: Final[type[HeaderTuple]] = HeaderTuple
_NEVER_INDEXED: Final[type[NeverIndexedHeaderTuple]] = NeverIndexedHeaderTuple

# Shorter runs of indexed fields are read just as fast one by one.
_SHORTEST_RUN: Final = 3


class Decoder:
    """The decoding side of a connection: one dynamic table and what it is allowed to be.

    ``max_table_size`` is the size in octets that the table starts with and the largest one that
    the peer's encoder may choose, until ``max_allowed_table_size`` is set.
    ``max_header_list_size`` is what the application set instead of the announced setting, or None;
    ``decode`` takes the effective limit as an argument.
    """

    __slots__ = (
        "_allowed",
        "_blocks",
        "_changed",
        "_entries",
        "_evicted",
        "_must_reach",
        "_runs",
        "_static",
        "_used",
        "max_header_list_size",
        "table_size",
    )

    def __init__(self, static: StaticTable, max_table_size: int = 4096) -> None:
        self._static = static
        self.table_size = max_table_size
        self._allowed = max_table_size
        self.max_header_list_size: int | None = None
        # The size to which the next block must reduce the table at its start, or -1.
        self._must_reach = -1
        # Oldest first; the first _evicted places are dead but not cut off yet.
        self._entries: list[Received] = []
        self._evicted = 0
        self._used = 0
        # Blocks that consist of indexed fields only, valid until the dynamic table changes.
        self._blocks: dict[bytes, FieldSection] = {}
        # Runs of indexed fields inside other blocks, by their first octet, valid as long.
        self._runs: dict[int, Run] = {}
        # Whether the table changed since the last block began.
        self._changed = True

    @property
    def header_table_size(self) -> int:
        """Size of the dynamic table that the peer's encoder chose, in octets (RFC 7541 4.2)."""
        return self.table_size

    @header_table_size.setter
    def header_table_size(self, size: int) -> None:
        self.table_size = size
        self._evict(size)
        self._forget()

    @property
    def max_allowed_table_size(self) -> int:
        """Largest size that the peer's encoder may choose: our acknowledged setting.

        If it is lowered below the current size, the next block has to start with a size update to
        it or less (RFC 9113 4.3.1).
        """
        return self._allowed

    @max_allowed_table_size.setter
    def max_allowed_table_size(self, size: int) -> None:
        self._allowed = size
        if size < self.table_size and (self._must_reach < 0 or size < self._must_reach):
            self._must_reach = size
            self._forget()

    def dynamic_entries(self) -> list[tuple[bytes, bytes]]:
        """Return the fields in the dynamic table, the newest one first."""
        entries = reversed(self._entries[self._evicted :])
        return [(entry.field[0], entry.field[1]) for entry in entries]

    def decode(self, data: bytes, max_list_size: int) -> FieldSection:
        """Return the fields of a complete field block.

        ``max_list_size`` bounds the size of the list as RFC 9113 6.5.2 counts it. The result may
        be shared with other calls: copy ``fields`` before changing or passing on the list. Raises
        HpackDecodingError for a block that violates RFC 7541; the decoder is unusable then. Raises
        HeaderListTooLarge for a list over the bound; the table is updated even so.
        """
        # One long loop on purpose: a function call for each field or string would cost as much as
        # everything else. The branches for indexed and for literal fields join in a common tail.
        end: i64 = len(data)
        if self._blocks and end <= _CACHED_OCTETS:
            known = self._blocks.get(data)
            if known is not None:
                if known.size > max_list_size:
                    raise HeaderListTooLarge(_too_large(max_list_size))
                return known
        pos: i64 = 0
        if self._must_reach >= 0 or (end and data[0] & 0xE0 == 0x20):
            pos = self._update_size(data)
        static = self._static.received
        name_at = self._static.name_at
        mask_at = self._static.mask_at
        classify_name = self._static.classify_name
        classify_value = self._static.classify_value
        new = _new_tuple  # with arguments in one tuple, which it would make from separate ones
        table = self._entries
        highest: i64 = _STATIC + len(table) - self._evicted
        fields: list[Any] = []
        seen: i64 = 0
        repeated: i64 = 0
        leading: i64 = 0
        size: i64 = 0
        noted: bytes | None = None
        cacheable = pos == 0
        oversized = False
        # The compiler must know which numbers fit into a machine word.
        field: Any
        octet: i64
        index: i64
        prefix: i64
        first: i64
        length: i64
        mask: i64
        cost: i64
        limit: i64 = max_list_size if max_list_size < _NO_LIMIT else _NO_LIMIT
        runs = self._runs
        stable = not self._changed
        self._changed = False
        begin: i64 = pos  # where the current run of indexed fields began
        while pos < end:
            if runs and pos == begin:
                run = runs.get(data[pos])
                if run is not None and (
                    data[pos : pos + len(run.octets)] == run.octets
                    if COMPILED
                    else data.startswith(run.octets, pos)
                ):
                    block = run.section
                    if block.leading:
                        leading = len(fields) + block.leading
                    fields += block.fields
                    repeated |= seen & block.seen | block.repeated
                    seen |= block.seen
                    if block.noted is not None:
                        noted = block.noted
                    size += block.size
                    if size > limit:
                        stable = False
                        oversized = True
                        fields.clear()
                        size = 0
                    pos += len(run.octets)
                    begin = pos
                    continue
            octet = data[pos]
            pos += 1
            if octet > 0x80:
                if octet < 0xBE:
                    entry = static[octet]
                else:
                    index = octet - 0x80
                    if index == 0x7F:
                        index, pos = decode_integer(data, pos, 0x7F)
                    if index > highest:
                        raise TableIndexError(_no_entry(index))
                    entry = table[_STATIC - index]
                field = entry.field
                mask = entry.mask
                cost = entry.size
            else:
                cacheable = False
                if stable and pos - begin > _SHORTEST_RUN and not self._changed:
                    self._remember_run(data[begin : pos - 1], max_list_size)
                # The name: by index, or as a string.
                if octet >= 0x40:
                    index = octet & 0x3F
                    prefix = 0x3F
                elif octet < 0x20:
                    index = octet & 0x0F
                    prefix = 0x0F
                else:
                    raise HpackDecodingError("table size update after the first field")
                if index == prefix:
                    if pos < end and data[pos] < 0x80:
                        index += data[pos]
                        pos += 1
                    else:
                        index, pos = decode_integer(data, pos, prefix)
                if index > _STATIC:
                    if index > highest:
                        raise TableIndexError(_no_entry(index))
                    name = table[_STATIC - index].field[0]
                    of_name = classify_name(name)
                elif index:
                    name = name_at[index]
                    of_name = mask_at[index]
                elif octet == 0x80:
                    raise TableIndexError(_no_entry(0))
                else:
                    name, pos = _string(data, pos)
                    of_name = classify_name(name)
                # The value: _string(), inlined.
                if pos >= end:
                    raise HpackDecodingError("block ends inside a field")
                first = data[pos]
                pos += 1
                length = first & 0x7F
                if length == 0x7F:
                    length, pos = decode_integer(data, pos, 0x7F)
                stop = pos + length
                if stop > end:
                    raise HpackDecodingError("block ends inside a string")
                value = data[pos:stop]
                pos = stop
                if first >= 0x80:
                    value = huffman_decode(value)
                mask = classify_value(of_name, value)
                cost = len(name) + len(value) + OVERHEAD
                if octet >= 0x40:
                    field = new(*(_HEADER_TUPLE, (name, value)))
                    self._insert(Received(field, mask, cost))
                    highest = _STATIC + len(table) - self._evicted
                elif octet >= 0x10:
                    field = new(*(_NEVER_INDEXED, (name, value)))
                else:
                    field = new(*(_HEADER_TUPLE, (name, value)))
                begin = pos
            fields.append(field)
            if mask:
                repeated |= seen & mask
                seen |= mask
                if mask & LEADING:
                    leading = len(fields)
                elif mask & NOTED:
                    noted = field[1]
            size += cost
            if size > limit:
                # The rest is decoded only for the table; its fields are not kept.
                stable = False
                oversized = True
                fields.clear()
                size = 0
        if stable and not cacheable and pos - begin >= _SHORTEST_RUN and not self._changed:
            self._remember_run(data[begin:pos], max_list_size)
        if oversized:
            raise HeaderListTooLarge(_too_large(max_list_size))
        block = FieldSection(fields, seen, repeated, leading, noted, size)
        if cacheable and end <= _CACHED_OCTETS:
            blocks = self._blocks
            if len(blocks) >= _CACHED_BLOCKS:
                blocks.clear()
            blocks[data] = block
        return block

    def _remember_run(self, octets: bytes, max_list_size: int) -> None:
        """Cache what a run of indexed fields represents, until the dynamic table changes."""
        if len(octets) <= _CACHED_OCTETS:
            self._runs[octets[0]] = Run(octets, self.decode(octets, max_list_size))

    def _forget(self) -> None:
        """Drop what is only valid for the current dynamic table."""
        self._changed = True
        if self._blocks:
            self._blocks.clear()
        if self._runs:
            self._runs.clear()

    def _insert(self, entry: Received) -> None:
        """Add an entry to the dynamic table, evicting what it displaces (RFC 7541 4.4)."""
        if not self._changed:
            self._forget()
        used = self._used + entry.size
        if used > self.table_size:
            self._evict(self.table_size - entry.size)
            if entry.size > self.table_size:
                return
            used = self._used + entry.size
        self._used = used
        self._entries.append(entry)

    def _evict(self, room: int) -> None:
        """Drop the oldest entries until the rest takes up at most ``room`` octets."""
        table = self._entries
        used = self._used
        first = self._evicted
        end = len(table)
        while used > room and first < end:
            used -= table[first].size
            table[first] = table[-1]
            first += 1
        # Cutting off dead places only when they are the majority keeps the cost of an eviction
        # constant.
        if 2 * first >= end:
            del table[:first]
            first = 0
        self._used = used
        self._evicted = first

    def _update_size(self, data: bytes) -> int:
        """Apply the size updates at the start of a block and return the position after them.

        An encoder needs at most two (RFC 7541 section 4.2). Some send one for each change of the
        setting, so a few more are accepted.
        """
        pos = count = 0
        bound = self._allowed if self._must_reach < 0 else self._must_reach
        while pos < len(data) and data[pos] & 0xE0 == 0x20:
            size = data[pos] & 0x1F
            pos += 1
            count += 1
            if count > _MOST_UPDATES:
                raise TableSizeError(f"more than {_MOST_UPDATES} table size updates in a block")
            if size == 0x1F:
                size, pos = decode_integer(data, pos, 0x1F)
            if size > bound:
                raise TableSizeError(f"table size update to {size} exceeds the limit of {bound}")
            bound = self._allowed
            self.table_size = size
            self._evict(size)
        if not pos:
            raise TableSizeError(f"block lacks the required table size update to {bound}")
        self._must_reach = -1
        self._forget()
        return pos


def _string(data: bytes, pos: i64) -> tuple[bytes, i64]:
    """Return the string literal at a position and the position after it (RFC 7541 5.2)."""
    if pos >= len(data):
        raise HpackDecodingError("block ends inside a field")
    first = data[pos]
    pos += 1
    length = first & 0x7F
    if length == 0x7F:
        length, pos = decode_integer(data, pos, 0x7F)
    stop = pos + length
    if stop > len(data):
        raise HpackDecodingError("block ends inside a string")
    text = data[pos:stop]
    return (huffman_decode(text) if first >= 0x80 else text), stop


_new_tuple: Final[Any] = tuple.__new__


def _no_entry(index: int) -> str:
    return f"index {index} is in neither table"


def _too_large(limit: int) -> str:
    return f"header list larger than the limit of {limit} octets"
