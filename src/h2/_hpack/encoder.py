"""Encoding of field blocks (RFC 7541 6) with adaptive indexing.

Whether a literal goes into the dynamic table is learned per name. The encoder counts a miss when a
name comes as a literal although its newest entry was never sent as an index, and takes one back
when that entry was used or when the value itself was sent as a literal not long ago. A name starts
with one miss, so that its first entry has to prove itself; with two or more (request ids, entity
tags, the paths of an API client) it is no longer inserted, except with a value that comes back or
to have its name in the table.
"""

from __future__ import annotations

from zlib import crc32

from h2._hpack.entry import Entry
from h2._hpack.huffman import encode_string, plain_string
from h2._hpack.integers import (
    INDEXED,
    INSERTED,
    NEVER_INDEXED,
    NOT_INDEXED,
    encode_integer,
    literal_head,
)
from h2._hpack.static import StaticTable

_NEXT_INDEX = 62
_DEFAULT_SIZE = 4096
_LARGEST_SIZE = 65536

# The state of a name is (sequence number of its newest insertion) << 3 | misses.
_MISSES = 7
_STOPPED = 2
_NEW_NAME = 1

# Names whose entries are evicted are forgotten unless they are stopped and there is room for them.
_KEPT_NAMES = 64

_RECENT = 128


class Encoder:
    """The encoding side of a connection: one dynamic table and what was learned about names.

    ``fields`` holds the entries that can be sent as an index: those of the dynamic table, and
    those of the static table that were used before. ``generation`` changes whenever the dynamic
    table does: as long as it stays and no update is pending, equal entries encode to equal blocks.
    ``pending_update`` tells whether the next block starts with a table size update.
    """

    __slots__ = (
        "_allowed",
        "_announced",
        "_entries",
        "_evicted",
        "_inserted",
        "_lowest",
        "_names",
        "_recent",
        "_size",
        "_static",
        "_string",
        "_used",
        "fields",
        "generation",
        "pending_update",
    )

    def __init__(self, static: StaticTable) -> None:
        self._static = static
        self._string = encode_string
        self.fields: dict[tuple[bytes, bytes], Entry] = {}
        self.generation = 0
        self.pending_update = False
        # What the peer allows, what we use of it, what the last block left the peer at, and the
        # lowest size since then.
        self._allowed = self._size = self._announced = self._lowest = _DEFAULT_SIZE
        # Oldest first. The n-th insertion stands at place n - 1 - (_inserted - len(_entries)).
        self._entries: list[Entry] = []
        self._inserted = 0
        self._evicted = 0
        self._used = 0
        self._names: dict[bytes, int] = {}
        # A check octet of each literal value sent lately, at a place that depends on the value. Not
        # many more places than a table of the usual size has room for: a value that comes back
        # only after the table has turned over does not count as returning.
        self._recent = bytearray(_RECENT)

    @property
    def header_table_size(self) -> int:
        """The peer's SETTINGS_HEADER_TABLE_SIZE in octets; of more than 64 KiB we use 64 KiB.

        A change takes effect at once and is told to the peer at the start of the next block: the
        lowest size passed, then the present one (RFC 7541 4.2).
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

    @property
    def huffman(self) -> bool:
        """Whether strings may be Huffman-coded (RFC 7541 5.2)."""
        return self._string is encode_string

    @huffman.setter
    def huffman(self, allowed: bool) -> None:
        self._string = encode_string if allowed else plain_string

    @property
    def size_without_update(self) -> int:
        """The largest table that another encoder may use without a size update of its own."""
        return self._lowest

    def dynamic_entries(self) -> list[tuple[bytes, bytes]]:
        """Return the fields in the dynamic table, the newest one first."""
        first = self._evicted - self._inserted + len(self._entries)
        return [entry.field for entry in reversed(self._entries[first:])]

    def literal(self, name: bytes, value: bytes, mask: int, never: bool = False) -> Entry:
        """Return an entry that is in no table, for a field that ``find`` does not know.

        With ``never`` the field is sent as a never-indexed literal (RFC 7541 6.2.3).
        """
        return Entry((name, value), mask, never)

    def find(self, key: tuple[bytes, bytes]) -> Entry | None:
        """Return the entry that stands for exactly this field in one of the tables, if any."""
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
        out: list[bytes] = []
        if self.pending_update:
            out.append(self._updates())
        indexed = INDEXED
        evicted = self._evicted
        following = self._inserted + _NEXT_INDEX
        for entry in entries:
            seq = entry.seq
            if seq > evicted:
                entry.used = True
                try:
                    out.append(indexed[following - seq])
                except IndexError:
                    out.append(encode_integer(following - seq, 0x7F, 0x80))
            elif seq < 0:
                out.append(indexed[-seq])
            else:
                self._literal(entry, out)
                evicted = self._evicted
                following = self._inserted + _NEXT_INDEX
        return b"".join(out)

    def _updates(self) -> bytes:
        """Return the size updates that are due (RFC 7541 4.2)."""
        out = encode_integer(self._size, 0x1F, 0x20)
        if self._lowest < min(self._size, self._announced):
            out = encode_integer(self._lowest, 0x1F, 0x20) + out
        self._lowest = self._announced = self._size
        self.pending_update = False
        return out

    def _literal(self, entry: Entry, out: list[bytes]) -> None:
        """Append the representation of an entry that is in no table, which may insert it."""
        name = entry.name
        state = self._names.get(name, 0)
        index = self._static.names.get(name, 0)
        if index == 0 and state >> 3 > self._evicted:
            index = self._inserted + _NEXT_INDEX - (state >> 3)
        if entry.never:
            heads = NEVER_INDEXED
        else:
            digest = crc32(entry.value)
            place = digest & (_RECENT - 1)
            returning = self._recent[place] == digest >> 24
            self._recent[place] = digest >> 24
            if not returning and index and state & _MISSES == _MISSES:
                # Nothing to learn: the name is stopped, and its value did not come back.
                heads = NOT_INDEXED
            elif entry.field in self.fields:
                # Inserted since the caller looked: the same field stands twice in the list.
                self._indexed(self.fields[entry.field], out)
                return
            elif self._is_worth_inserting(entry, index, state, returning):
                heads = INSERTED
            else:
                heads = NOT_INDEXED
        out.append(heads[index] if index < len(heads) else literal_head(index, heads))
        if index == 0:
            out.append(self._string(name))
        out.append(self._string(entry.value))
        if heads is INSERTED:
            self._insert(entry)

    def _indexed(self, entry: Entry, out: list[bytes]) -> None:
        """Append the index of an entry of the dynamic table."""
        entry.used = True
        out.append(encode_integer(self._inserted + _NEXT_INDEX - entry.seq, 0x7F, 0x80))

    def _is_worth_inserting(self, entry: Entry, index: int, state: int, returning: bool) -> bool:
        """Learn from a literal, and tell whether to insert it.

        ``index`` is that of its name; ``returning`` says that its value was sent not long ago.
        """
        if entry.size * 4 > self._size * 3:
            return False
        if state == 0:
            return True
        seq = state >> 3
        misses = state & _MISSES
        if seq > self._evicted:
            newest = self._entries[seq - 1 - self._inserted]
            if newest.used:
                newest.used = False
                if misses:
                    misses -= 1
            elif misses < _MISSES:
                misses += 1
        if returning and misses:
            misses -= 1
        self._names[entry.name] = seq << 3 | misses
        return returning or misses < _STOPPED or index == 0

    def _insert(self, entry: Entry) -> None:
        """Add an entry to the dynamic table, evicting what it displaces (RFC 7541 4.4)."""
        self.generation += 1
        if self._used + entry.size > self._size:
            self._evict(self._size - entry.size)
        self._used += entry.size
        self._entries.append(entry)
        self._inserted = seq = self._inserted + 1
        entry.seq = seq
        entry.used = False
        self.fields[entry.field] = entry
        self._names[entry.name] = seq << 3 | self._names.get(entry.name, _NEW_NAME) & _MISSES

    def _evict(self, room: int) -> None:
        """Drop the oldest entries until the rest takes up at most ``room`` octets."""
        entries = self._entries
        names = self._names
        first = self._evicted - self._inserted + len(entries)
        while self._used > room:
            entry = entries[first]
            entries[first] = entries[-1]
            first += 1
            self._used -= entry.size
            self._evicted += 1
            del self.fields[entry.field]
            state = names[entry.name]
            if state >> 3 == entry.seq and (state & 7 < _STOPPED or len(names) > _KEPT_NAMES):
                del names[entry.name]
        # Cutting off dead places only when they prevail keeps the cost per eviction constant.
        if 2 * first >= len(entries):
            del entries[:first]
