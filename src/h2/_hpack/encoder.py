"""Encoding of field blocks (RFC 7541 6) with adaptive indexing.

Value and name of a literal determine whether it is inserted into the dynamic table.

A value that was recently sent as a literal, or whose entry was evicted although it had been used,
is a returning one: it is inserted. The encoder remembers checksums of such values, not the values.

Any other value is inserted on the credit of its name. A new name has credit for all values of its
first block and for one more. After that each insertion costs one, and a name earns some when one of
its entries is used for the first time, or when a value returns that was not inserted. Names whose
values never return (request ids, entity tags, the paths of an API client) soon run out of credit;
then their values are inserted only if the name itself is not in a table.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from h2._compiled import COMPILED
from h2._hpack.entry import OVERHEAD, Entry
from h2._hpack.integers import (
    INDEXED,
    INSERTED,
    NEVER_INDEXED,
    NOT_INDEXED,
    OCTETS,
    SHORT,
    encode_integer,
    literal_head,
    plain_string,
)
from h2._hpack.static import StaticTable

if COMPILED:
    from h2._hpack.huffman_native import encode_string
else:
    from h2._hpack.huffman import encode_string

_chr: Final = chr
_crc32: Final = crc32

_NEXT_INDEX: Final = 62
_DEFAULT_SIZE: Final = 4096
_LARGEST_SIZE: Final = 65536

# The state of a name is (sequence number of its newest insertion) << 8 | credit, where the highest
# credit means that its first block is not complete.
_CREDIT: Final = 0xFF
_NEW_NAME: Final = 0xFF

# Names without an entry are remembered while there are at most this many names.
_KEPT_NAMES: Final = 64

# A name with this much credit earns no more. The value grows with the table up to a maximum.
_ENOUGH: Final = 80
_HIGHEST: Final = 230

# The minimum number of checksums, octets of the table for each, how many extra ones to collect
# before cutting off, and the bits of a CRC-32 that do not fit in a character.
_RECENT: Final = 32
_OCTETS_PER_RECENT: Final = 128
_MORE_RECENT: Final = 8
_SPARE_BITS: Final = 12


class Encoder:
    """The encoding side of a connection: one dynamic table and the statistics about names.

    ``fields`` holds the entries that can be sent as an index: those of the dynamic table, and those
    of the static table that were used before. ``generation`` changes whenever the dynamic table
    does: while it is unchanged and no update is pending, equal entries encode to equal blocks.
    ``pending_update`` says whether the next block starts with a table size update.
    """

    __slots__ = (
        "_allowed",
        "_announced",
        "_earned",
        "_enough",
        "_entries",
        "_evicted",
        "_inserted",
        "_lowest",
        "_names",
        "_recent",
        "_recent_full",
        "_size",
        "_static",
        "_static_names",
        "_string",
        "_used",
        "fields",
        "generation",
        "pending_update",
    )

    def __init__(self, static: StaticTable) -> None:
        self._static = static
        self._static_names = static.names
        self._string = encode_string
        self.fields: dict[tuple[bytes, bytes], Entry] = {}
        self.generation = 0
        self.pending_update = False
        # The size that the peer allows, the one that we use, the one after the last block, and the
        # lowest since then.
        self._allowed = self._size = self._announced = self._lowest = _DEFAULT_SIZE
        # Oldest first. The n-th insertion is at index n - 1 - (_inserted - len(_entries)).
        self._entries: list[Entry] = []
        self._inserted = 0
        self._evicted = 0
        self._used = 0
        self._names: dict[bytes, int] = {}
        # What depends on the size of the table: see _adapt.
        self._earned = 1
        self._enough = _ENOUGH
        self._recent = ""
        self._recent_full = _RECENT + _MORE_RECENT

    @property
    def header_table_size(self) -> int:
        """The peer's SETTINGS_HEADER_TABLE_SIZE in octets; at most 64 KiB are used.

        A change takes effect immediately and is announced at the start of the next block: the
        lowest size since then, and the current one (RFC 7541 4.2).
        """
        return self._allowed

    @header_table_size.setter
    def header_table_size(self, size: int) -> None:
        self._allowed = size
        size = min(size, _LARGEST_SIZE)
        if size != self._size:
            self._size = size
            self._lowest = min(self._lowest, size)
            self.pending_update = size != self._announced or self._lowest < self._announced
            self.generation += 1
            self._evict(size)
            self._adapt(size)

    def _adapt(self, size: int) -> None:
        """Set what depends on the size of the table; forget recent literals."""
        # About half of the values of a name have to return, or their insertion costs more than it
        # saves, because it evicts others. A larger table has room for more that do not.
        scale = max(1, size // _DEFAULT_SIZE)
        self._earned = scale
        self._enough = min(scale * _ENOUGH, _HIGHEST)
        # Checksums of the latest literal values, a character for each: finding and appending a
        # character in a string is fast. Not many more than the table has room for entries: a value
        # that returns only after the table has turned over does not count as returning.
        self._recent = ""
        self._recent_full = max(_RECENT, size // _OCTETS_PER_RECENT) + _MORE_RECENT

    @property
    def huffman(self) -> bool:
        """Whether strings may be Huffman-encoded (RFC 7541 5.2)."""
        return self._string is encode_string

    @huffman.setter
    def huffman(self, allowed: bool) -> None:
        self._string = encode_string if allowed else plain_string

    @property
    def size_without_update(self) -> int:
        """The largest table that another encoder may use without a size update."""
        return self._lowest

    @property
    def must_update(self) -> bool:
        """Whether the next block has to start with a size update, whoever encodes it."""
        return self._lowest < self._announced

    def dynamic_entries(self) -> list[tuple[bytes, bytes]]:
        """Return the fields in the dynamic table, the newest one first."""
        first = self._evicted - self._inserted + len(self._entries)
        return [entry.field for entry in reversed(self._entries[first:])]

    def literal(self, name: bytes, value: bytes, mask: int, never: bool = False) -> Entry:
        """Return an entry that is not in a table, for a field that ``find`` does not find.

        With ``never`` the field is sent as a never-indexed literal (RFC 7541 6.2.3).
        """
        return Entry((name, value), mask, never)

    def find(self, key: tuple[bytes, bytes]) -> Entry | None:
        """Return the entry for exactly this field in one of the tables, if any."""
        entry = self.fields.get(key)
        if entry is None:
            entry = self._static.exact.get(key)
            if entry is not None:
                self.fields[key] = entry
        return entry

    def encode(self, entries: list[Entry]) -> bytes:
        """Return the field block for these entries and advance the dynamic table. Cannot fail.

        An entry that was evicted since it was found is sent as a literal again.
        """
        # One long loop on purpose: a call for each literal costs 2.5 % of all instructions here.
        out: list[bytes] = []
        if self.pending_update:
            out.append(self._updates())
        indexed = INDEXED
        evicted = self._evicted
        before = self._inserted
        following = before + _NEXT_INDEX
        for entry in entries:
            seq = entry.seq
            if seq > evicted:
                if not entry.used:
                    self._first_use(entry)
                try:
                    out.append(indexed[following - seq])
                except IndexError:
                    out.append(encode_integer(following - seq, 0x7F, 0x80))
                continue
            if seq < 0:
                out.append(indexed[-seq])
                continue
            field = entry.field
            name, value = field
            state = self._names.get(name, _NEW_NAME)
            index = self._static_names.get(name, 0)
            if index == 0 and state >> 8 > evicted:
                index = following - (state >> 8)
            length = len(value)
            if entry.never:
                heads = NEVER_INDEXED
            else:
                check = _chr(_crc32(value, len(name)) >> _SPARE_BITS)
                recent = self._recent
                returning = check in recent
                recent += check
                if len(recent) >= self._recent_full:
                    recent = recent[_MORE_RECENT:]
                self._recent = recent
                if not returning and index and not state & _CREDIT:
                    heads = NOT_INDEXED
                elif field in self.fields:
                    # Inserted since the look-up: the same field is in the list twice.
                    self._indexed(self.fields[field], out)
                    continue
                elif (size := len(name) + length + OVERHEAD) > self._size:
                    heads = NOT_INDEXED
                else:
                    heads = INSERTED
                    entry.size = size
                    self._insert(entry, name, self._charge(state, returning, before))
                    following = self._inserted + _NEXT_INDEX
                    evicted = self._evicted
            try:
                out.append(heads[index])
            except IndexError:
                out.append(literal_head(index, heads))
            if index == 0:
                out.append(self._string(name))
            # Short strings are the same with and without Huffman coding, so they need no call.
            out.append(OCTETS[length] + value if length < SHORT else self._string(value))
        return b"".join(out)

    def _updates(self) -> bytes:
        """Return the size updates that are due (RFC 7541 4.2)."""
        out = encode_integer(self._size, 0x1F, 0x20)
        if self._lowest < min(self._size, self._announced):
            out = encode_integer(self._lowest, 0x1F, 0x20) + out
        self._lowest = self._announced = self._size
        self.pending_update = False
        return out

    def _indexed(self, entry: Entry, out: list[bytes]) -> None:
        """Append the index of an entry of the dynamic table."""
        if not entry.used:
            self._first_use(entry)
        out.append(encode_integer(self._inserted + _NEXT_INDEX - entry.seq, 0x7F, 0x80))

    def _first_use(self, entry: Entry) -> None:
        """Note that an entry was worth its insertion."""
        entry.used = True
        name = entry.field[0]
        state = self._names[name]
        if state & _CREDIT == _NEW_NAME:
            state -= _NEW_NAME
        if state & _CREDIT < self._enough:
            self._names[name] = state + self._earned

    def _charge(self, state: int, returning: bool, before: int) -> int:
        """Return the credit of a name after the insertion of one of its values."""
        credit = state & _CREDIT
        if credit == _NEW_NAME:
            if state >> 8 > before or state == _NEW_NAME:
                return credit
            credit = 0
        if returning:
            if credit < self._enough:
                credit += self._earned
        elif credit:
            credit -= 1
        return credit

    def _insert(self, entry: Entry, name: bytes, credit: int) -> None:
        """Add an entry to the dynamic table, evicting what it displaces (RFC 7541 4.4)."""
        self.generation += 1
        used = self._used + entry.size
        if used > self._size:
            self._evict(self._size - entry.size)
            used = self._used + entry.size
        self._used = used
        self._entries.append(entry)
        self._inserted = seq = self._inserted + 1
        entry.seq = seq
        entry.used = False
        self.fields[entry.field] = entry
        self._names[name] = seq << 8 | credit

    def _evict(self, room: int) -> None:
        """Drop the oldest entries until the rest takes up at most ``room`` octets."""
        entries = self._entries
        names = self._names
        used = self._used
        evicted = self._evicted
        first = evicted - self._inserted + len(entries)
        while used > room:
            entry = entries[first]
            entries[first] = entries[-1]
            first += 1
            used -= entry.size
            evicted += 1
            seq = entry.seq
            entry.seq = 0
            field = entry.field
            del self.fields[field]
            name, value = field
            if entry.used:
                # The value returns: it counts as sent just now.
                recent = self._recent + _chr(_crc32(value, len(name)) >> _SPARE_BITS)
                full = len(recent) >= self._recent_full
                self._recent = recent[_MORE_RECENT:] if full else recent
            if names[name] >> 8 == seq and len(names) > _KEPT_NAMES:
                del names[name]
        self._used = used
        self._evicted = evicted
        # Cutting off dead places only when they are the majority keeps the cost of an eviction
        # constant.
        if 2 * first >= len(entries):
            del entries[:first]
