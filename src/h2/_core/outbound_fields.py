"""Header fields to send: normalized, classified, looked up, then encoded.

Planning a field block changes neither the HPACK table nor the connection, so everything that can
reject the block is checked before the encoder runs (RFC 9113 section 4.3: the peer's decoder has to
process every block that our encoder produced).
"""

from __future__ import annotations

from typing import Any, Final

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._compiled import COMPILED
from h2._core.field_lookup import (
    MAY_COMPARE,
    Remembered,
    are_plain,
    are_same,
    find,
    find_entries,
)
from h2._core.hpack_foreign import ForeignEncoder
from h2._core.options import Options
from h2._core.static_table import STATIC
from h2._hpack import LEADING, Encoder, Entry
from h2._native import i64, mypyc_attr
from h2._rules.fields import (
    AUTHORITY,
    CONNECT,
    CONNECTION_FIELD,
    COOKIE,
    DECIDING,
    KNOWN_NAMES,
    PLAIN,
    SENSITIVE,
    classify,
    classify_name,
    classify_value,
    is_connection_field,
    is_plain,
    is_sensitive,
    low_at_an_end,
)
from h2._rules.quote import quoted

_STATIC_ENTRIES: Final = STATIC.exact
_LONGEST_STATIC: Final = max(len(value) for _, value in _STATIC_ENTRIES)

#: Fields that may be replaced by none or several, or may have to be never-indexed.
_SPECIAL: Final = CONNECTION_FIELD | COOKIE | SENSITIVE

#: The most fields that are remembered with their normalized form.
_MAX_NORMALIZED: Final = 64

#: The most encoded blocks that a connection keeps, and the most octets in one.
_MAX_BLOCKS: Final = 16
_MAX_BLOCK_SIZE: Final = 128

#: Fields of these types are looked up in the table as they are. A never-indexed field is not: it
#: equals a plain one but must be sent never-indexed.
_PLAIN_TYPES: Final = ({tuple}, {HeaderTuple}, {tuple, HeaderTuple}) if MAY_COMPARE else ()


@mypyc_attr(acyclic=True, free_list_len=1)
class Plan:
    """A field block that can be sent: the entries to encode, and their combined properties."""

    __slots__ = ("authority", "encoded", "entries", "fields", "new_fields", "seen", "valid")

    #: What was planned; only plans with ``encoded`` have it.
    fields: list[Any]

    def __init__(
        self,
        entries: list[Any],
        seen: int,
        authority: bytes | None,
        valid: bool,
        new_fields: bool,
    ) -> None:
        self.entries = entries
        self.seen = seen  #: union of the class masks
        self.authority = authority  #: value of ":authority"
        #: Known to be a valid message: by the class masks alone (:data:`h2._rules.fields.PLAIN`),
        #: or because it was checked.
        self.valid = valid
        self.new_fields = new_fields  #: some field is not in a table
        self.encoded = b""  #: the field block, if the same octets can be sent again


#: Represent nothing; nothing is ever added to them.
_NO_BLOCKS: Final[dict[tuple[object, ...], Plan]] = {}
_NO_PLANS: Final[list[Plan | None]] = [None, None, None]
_NOTHING: Final[list[Remembered | None]] = []


class FieldPlanner:
    """Plans and encodes the field blocks of one connection.

    It owns the HPACK encoder and caches facts about the fields that the application sends: which
    entries may be sent as they are, the normalized form of other fields, and encoded blocks.
    """

    __slots__ = (
        "_blocks",
        "_blocks_generation",
        "_checked",
        "_kept",
        "_normalize",
        "_normalized",
        "_options",
        "_remembered",
        "_repeats",
        "_split_cookies",
        "encoder",
    )

    def __init__(self) -> None:
        self.encoder: Encoder | ForeignEncoder = Encoder(STATIC)
        # Entries of fields that were normalized and classified with the current options.
        self._checked = self.encoder.fields
        # The normalized form of fields that the application passes in another one.
        self._normalized: dict[object, tuple[bytes, bytes]] | None = None
        # Encoded blocks that consist of indexed fields, and the state of the HPACK table in which
        # they represent these fields.
        self._blocks: dict[tuple[object, ...], Plan] = _NO_BLOCKS
        self._blocks_generation = -1
        self._repeats = False  # the last block was one of these: look here before planning
        # Of these, the last one of each kind.
        self._kept = _NO_PLANS
        self._remembered = _NOTHING  # by kind
        self._options = -1  # the version of the options below, none before the first block
        self._normalize = self._split_cookies = False

    def options_changed(self) -> None:
        """Read the options again before the next block: the connection has a new object."""
        self._options = -1

    def use_encoder(self, encoder: Encoder | ForeignEncoder) -> None:
        """Use another encoder from now on. Nothing is known about its table."""
        self.encoder = encoder
        self._checked = {}
        self._remembered = _NOTHING
        self._blocks_generation = -1

    def check_all_fields(self) -> None:
        """Check every field from now on: the HPACK table has some that were not checked.

        They were inserted with other options than the current ones, or by the application itself.
        """
        if self.encoder.fields:
            self._checked = {}
            self._remembered = _NOTHING

    def plan(self, options: Options, kind: int, headers: list[Any]) -> Plan:
        """Return what to encode for these fields.

        ``kind`` is one of REQUEST, RESPONSE, TRAILERS (:mod:`h2._rules.fields`). Unless the plan
        is marked ``valid``, the caller has to check it as a message.
        """
        if self._options != options.version:
            self._read_options(options)
        elif self._repeats and self._blocks_generation == self.encoder.generation:
            if COMPILED:
                sent = self._find_block(kind, headers)
                if sent is not None:
                    return sent
            else:
                try:
                    sent = self._blocks.get((kind, *headers))
                except TypeError:  # a field is not hashable, so the block was never kept
                    sent = None
                if sent is not None and {*map(type, headers)} in _PLAIN_TYPES:
                    return sent
        entries: list[Entry | None]
        if COMPILED:
            # Taken away meanwhile: what fields do when they are looked up may call the connection.
            memory = self._memory()
            remembered = memory[kind] or Remembered()
            memory[kind] = None
            entries = find_entries(self._checked, headers, remembered)
        elif {*map(type, headers)} in _PLAIN_TYPES:
            try:
                entries = list(map(self._checked.get, headers))
            except TypeError:  # a field is not hashable
                entries = self._find_entries(headers)
        else:
            entries = self._find_entries(headers)
        new_fields = False
        authority: bytes | None = None
        seen: i64 = 0
        repeated: i64 = 0
        leading: i64 = 0
        mask: i64
        for position, entry in enumerate(entries):
            if entry is None:
                entry = self._entry(headers[position])
                if entry is None:
                    # Some fields are replaced by none or several: replace them and start again.
                    return self.plan(options, kind, self._replace(headers))
                entries[position] = entry
                if not entry.seq:
                    new_fields = True
            mask = entry.mask
            if mask:
                repeated |= seen & mask
                seen |= mask
                if mask & LEADING:
                    leading = position + 1
                    if mask & AUTHORITY:
                        authority = entry.field[1]
        valid = not repeated and (
            is_plain(kind, seen, leading)
            if COMPILED
            else PLAIN[kind].get(seen & DECIDING) == leading
        )
        if COMPILED:
            memory[kind] = remembered
        return Plan(entries, seen, authority, valid, new_fields)

    def encode(self, plan: Plan, kind: int, headers: list[Any]) -> bytes:
        """Return the field block for a plan of these fields, and advance the HPACK table.

        The block is kept if sending it again does not change the table.
        """
        encoder = self.encoder
        if plan.new_fields or encoder.pending_update:
            self._repeats = False
            return encoder.encode(plan.entries)
        before = encoder.generation
        encoded = encoder.encode(plan.entries)
        self._repeats = again = encoder.generation == before and len(encoded) <= _MAX_BLOCK_SIZE
        if again and not plan.seen & CONNECT and {*map(type, headers)} in _PLAIN_TYPES:
            blocks = self._blocks
            if self._blocks_generation != before or len(blocks) >= _MAX_BLOCKS:
                blocks = self._blocks = {}
                self._kept = _NO_PLANS
                self._blocks_generation = before
            plan.encoded = encoded
            plan.fields = headers.copy()
            plan.entries = plan.entries.copy()
            key = (kind, *headers)
            blocks[key] = plan
        return encoded

    def _read_options(self, options: Options) -> None:
        """Read the options, and forget what was computed with the old ones."""
        self._options = options.version
        self._normalize = options.normalize
        self._split_cookies = options.split_cookies
        self._normalized = None
        self._blocks_generation = -1
        self._repeats = False
        self.check_all_fields()

    def _find_block(self, kind: int, headers: list[Any]) -> Plan | None:
        """Do what `plan` does to find an encoded block, in the way that is fast when compiled."""
        kept = self._kept[kind]
        if kept is not None and are_same(kept.fields, headers):
            return kept
        if not are_plain(headers):
            return None
        kept = find(self._blocks, (kind, *headers))
        if kept is not None:
            if self._kept is _NO_PLANS:
                self._kept = [None, None, None]
            self._kept[kind] = kept
        return kept

    def _memory(self) -> list[Remembered | None]:
        """Return what is remembered, by kind. Lists of entries are used again for the next plan."""
        if self._remembered is _NOTHING:
            self._remembered = [None, None, None]
        return self._remembered

    def _find_entries(self, headers: list[Any]) -> list[Entry | None]:
        """Return the entry for each field, or None if it has none; checks the type of each."""
        checked = self._checked
        # A never-indexed field equals a plain one, but must not be mistaken for it.
        return [
            find(checked, field) if field.__class__ is tuple and MAY_COMPARE else None
            for field in headers
        ]

    def _entry(self, field: Any) -> Entry | None:
        """Return the entry for a field that is not in the table as it is.

        None means that it is replaced by no field or by several.
        """
        if type(field) is not tuple:
            return self._normalized_entry(field)
        try:
            name, value = field
        except ValueError:
            return self._normalized_entry(field)
        if type(name) is not bytes or type(value) is not bytes:
            return self._normalized_entry(field)
        mask = KNOWN_NAMES.get(name)
        if self._normalize and (
            ((not COMPILED or low_at_an_end(value)) and value.strip() != value)
            or (mask is None and name.strip().lower() != name)
        ):
            return self._normalized_entry(field)
        if len(value) <= _LONGEST_STATIC:
            entry = _STATIC_ENTRIES.get(field)
            if entry is not None:
                self._checked[field] = entry
                return entry
        mask = classify_value(classify_name(name) if mask is None else mask, value)
        return self._classified_entry(field, mask) if mask & _SPECIAL else Entry(field, mask)

    def _classified_entry(self, field: tuple[bytes, bytes], mask: int) -> Entry | None:
        """Return the entry for a field in normalized form that has a class of its own."""
        never = False
        if self._normalize:
            if mask & CONNECTION_FIELD or (mask & COOKIE and self._is_split(field[1])):
                return None
            never = is_sensitive(mask, field[1])
        return Entry(field, mask, never)

    def _normalized_entry(self, field: Any) -> Entry | None:
        """Return the entry for a field that is text, not normalized, or never-indexed."""
        plain = field.__class__ is tuple
        key = None
        if plain and self._normalized is not None:
            key = find(self._normalized, field)
        if key is None:
            name, value = _as_bytes(field)
            if self._normalize:
                name = name.strip().lower()
                value = value.strip()
            key = (name, value)
        never = not plain and not getattr(field, "indexable", True)
        known = None if never else self._checked.get(key) or _STATIC_ENTRIES.get(key)
        if known is None:
            entry = self._classified_entry(key, classify(*key))
            if entry is not None and never:
                entry.never = True
            return entry
        if plain:
            self._remember_normalized(field, key)
        return known

    def _remember_normalized(self, field: object, key: tuple[bytes, bytes]) -> None:
        """Remember the normalized form of a field that is in the table in that form."""
        if not MAY_COMPARE:
            return
        if self._normalized is None or len(self._normalized) >= _MAX_NORMALIZED:
            self._normalized = {}
        self._normalized[field] = key

    def _is_split(self, cookie: bytes) -> bool:
        return self._split_cookies and b"; " in cookie

    def _replace(self, headers: list[Any]) -> list[Any]:
        """Return the fields without connection-specific ones, and with cookies split."""
        fields: list[Any] = []
        for field in headers:
            name, value = _as_bytes(field)
            name = name.strip().lower()
            # "An intermediary transforming an HTTP/1.x message to HTTP/2 MUST remove
            # connection-specific header fields" (section 8.2.2)
            if is_connection_field(name):
                continue
            if name == b"cookie" and self._is_split(value):
                # "the Cookie header field MAY be split into separate header fields, each with one
                # or more cookie-pairs" (section 8.2.3)
                cls = HeaderTuple if getattr(field, "indexable", True) else NeverIndexedHeaderTuple
                fields += [cls(name, crumb) for crumb in value.strip().split(b"; ")]
            else:
                fields.append(field)
        return fields


def _as_bytes(field: Any) -> tuple[bytes, bytes]:
    """Return name and value of a field that the application passed."""
    if isinstance(field, (str, bytes)):
        raise TypeError(f"a header field must be a (name, value) tuple, not {quoted(field)}")
    if len(field) < 2:
        raise ValueError(f"a header field must be a (name, value) tuple, not {quoted(field)}")
    name, value = field[0], field[1]
    if name.__class__ is not bytes or value.__class__ is not bytes:
        name, value = _text_as_bytes(name), _text_as_bytes(value)
    return name, value


def _text_as_bytes(part: Any) -> bytes:
    if isinstance(part, str):
        # Octets that were not UTF-8 when they arrived are surrogates in the text.
        return part.encode("utf-8", "surrogateescape")
    if isinstance(part, bytes):
        return bytes(part)  # a subclass may have methods of its own, and refer to the connection
    raise TypeError(f"name and value of a header field must be bytes or str, not {quoted(part)}")
