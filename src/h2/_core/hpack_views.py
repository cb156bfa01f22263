"""The HPACK encoder and decoder of a connection, with the interface of the hpack package.

Programs use them with the names that ``hpack.Encoder`` and ``hpack.Decoder`` have. A view is
created on demand; what a program sets is passed on to the object behind it.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hpack.exceptions import HPACKDecodingError, InvalidTableIndex
from hpack.struct import HeaderTuple

from h2._core.hpack_foreign import ForeignDecoder, ForeignEncoder
from h2._core.state import Connection
from h2._hpack import Decoder, Encoder, Entry
from h2._hpack.tables import STATIC_TABLE
from h2._rules.fields import classify

_FIRST_DYNAMIC: Final = len(STATIC_TABLE) + 1


class HeaderTable:
    """The dynamic table of one direction at the moment it was asked for (RFC 7541 2.3)."""

    DEFAULT_SIZE = 4096
    STATIC_TABLE = STATIC_TABLE
    STATIC_TABLE_LENGTH = len(STATIC_TABLE)

    def __init__(
        self,
        owner: HeaderEncoder | HeaderDecoder,
        entries: list[tuple[bytes, bytes]],
        resized: bool,
    ) -> None:
        #: The fields in the table, the newest one first.
        self.dynamic_entries = deque(entries)
        #: Whether its size differs from what the peer was told, or expects.
        self.resized = resized
        self._owner = owner

    def __repr__(self) -> str:
        return f"HeaderTable({self.maxsize}, {self.resized}, {self.dynamic_entries!r})"

    @property
    def maxsize(self) -> int:
        """The size of the table in octets (RFC 7541 4.1)."""
        return self._owner.header_table_size

    @maxsize.setter
    def maxsize(self, size: int) -> None:
        self._owner.header_table_size = size

    def get_by_index(self, index: int) -> tuple[bytes, bytes]:
        """Return the field at an index of both tables (RFC 7541 2.3.3)."""
        if 0 < index < _FIRST_DYNAMIC:
            return STATIC_TABLE[index - 1]
        if 0 <= index - _FIRST_DYNAMIC < len(self.dynamic_entries):
            return self.dynamic_entries[index - _FIRST_DYNAMIC]
        raise InvalidTableIndex(f"Invalid table index {index}")

    def search(self, name: bytes, value: bytes) -> tuple[int, bytes, bytes | None] | None:
        """Return index, name and value of a field, without the value if only the name matches.

        Returns None if neither table has the name.
        """
        partial = None
        for index, field in enumerate((*STATIC_TABLE, *self.dynamic_entries), start=1):
            if field == (name, value):
                return index, name, value
            if partial is None and field[0] == name:
                partial = index, name, None
        return partial


class HeaderEncoder:
    """The HPACK encoder of a connection, for programs that encode field blocks themselves."""

    def __init__(self, core: Connection, encoder: Encoder) -> None:
        self._core = core
        self._encoder = encoder

    @property
    def header_table_size(self) -> int:
        """The size of the dynamic table in octets; a change is announced in the next block.

        The peer's SETTINGS_HEADER_TABLE_SIZE is the largest that can be set.
        """
        return self._encoder.header_table_size

    @header_table_size.setter
    def header_table_size(self, size: int) -> None:
        allowed = self._core.remote_settings.header_table_size
        self._encoder.header_table_size = min(_checked(size), allowed)

    @property
    def huffman(self) -> bool:
        """Whether strings are Huffman-encoded if that makes them shorter."""
        return self._encoder.huffman

    @huffman.setter
    def huffman(self, allowed: bool) -> None:
        self._encoder.huffman = bool(allowed)

    @property
    def header_table(self) -> HeaderTable:
        """The dynamic table, read-only."""
        encoder = self._encoder
        return HeaderTable(self, encoder.dynamic_entries(), encoder.pending_update)

    def encode(self, headers: Iterable[Any] | Mapping[Any, Any], huffman: bool = True) -> bytes:
        """Return the field block for the given fields, and advance the table.

        :param headers: (name, value) or (name, value, sensitive) tuples, or a mapping of names to
            values, whose pseudo-header fields go first; ``hpack.NeverIndexedHeaderTuple`` and
            sensitive fields are never indexed
        :param huffman: whether strings may be Huffman-encoded
        """
        fields: Iterable[Any] = headers
        if isinstance(headers, Mapping):
            fields = sorted(headers.items(), key=lambda item: not _octets(item[0]).startswith(b":"))
        return self._encode([self._entry(field) for field in fields], huffman)

    def add(self, to_add: tuple[bytes, bytes], sensitive: bool, huffman: bool = False) -> bytes:
        """Return the representation of one field, and advance the table."""
        return self._encode([self._entry((*to_add, sensitive))], huffman)

    def _entry(self, field: Any) -> Entry:
        name, value = _octets(field[0]), _octets(field[1])
        never = not getattr(field, "indexable", True) or (len(field) > 2 and bool(field[2]))
        entry = None if never else self._encoder.find((name, value))
        return entry or self._encoder.literal(name, value, classify(name, value), never)

    def _encode(self, entries: list[Entry], huffman: bool) -> bytes:
        encoder = self._encoder
        allowed = encoder.huffman
        encoder.huffman = allowed and huffman
        block = encoder.encode(entries)
        encoder.huffman = allowed
        # The table now has fields that were not checked as those of a message.
        self._core.planner.check_all_fields()
        return block


class HeaderDecoder:
    """The HPACK decoder of a connection, for programs that set its limits or decode a block."""

    def __init__(self, core: Connection, decoder: Decoder) -> None:
        self._core = core
        self._decoder = decoder

    @property
    def header_table_size(self) -> int:
        """The size of the dynamic table in octets, which the peer's encoder chooses."""
        return self._decoder.header_table_size

    @header_table_size.setter
    def header_table_size(self, size: int) -> None:
        self._decoder.header_table_size = _checked(size)

    @property
    def max_allowed_table_size(self) -> int:
        """The largest size that the peer's encoder may choose."""
        return self._decoder.max_allowed_table_size

    @max_allowed_table_size.setter
    def max_allowed_table_size(self, size: int) -> None:
        self._decoder.max_allowed_table_size = _checked(size)

    @property
    def max_header_list_size(self) -> int:
        """The largest header list that is accepted, in octets as section 6.5.2 counts them.

        It is the value in our settings, unless set here. It becomes the setting again when the peer
        acknowledges another value of SETTINGS_MAX_HEADER_LIST_SIZE.
        """
        return self._core.header_list_limit()

    @max_header_list_size.setter
    def max_header_list_size(self, size: int) -> None:
        self._decoder.max_header_list_size = _checked(size)

    @property
    def header_table(self) -> HeaderTable:
        """The dynamic table, read-only."""
        resized = self.header_table_size != HeaderTable.DEFAULT_SIZE
        return HeaderTable(self, self._decoder.dynamic_entries(), resized)

    def decode(self, data: bytes, raw: bool = False) -> list[HeaderTuple]:
        """Return the fields of a field block, and advance the table.

        :param data: a complete field block
        :param raw: whether names and values are ``bytes``; otherwise they are decoded as UTF-8
        :raises hpack.HPACKDecodingError: if it cannot be decoded
        :raises hpack.OversizedHeaderListError: if it is larger than :attr:`max_header_list_size`
        """
        block = bytes(memoryview(data))
        fields = self._decoder.decode(block, self._core.header_list_limit()).fields
        if raw:
            return fields.copy()
        try:
            return [field.__class__(field[0].decode(), field[1].decode()) for field in fields]
        except UnicodeDecodeError as error:
            raise HPACKDecodingError(f"Unable to decode headers as UTF-8: {error}") from None


def encoder_of(core: Connection) -> Any:
    """Return the encoder of a connection as programs see it, or the one they assigned."""
    encoder = core.planner.encoder
    if isinstance(encoder, ForeignEncoder):
        return encoder.foreign
    return HeaderEncoder(core, encoder)


def assign_encoder(core: Connection, encoder: Any) -> None:
    """Encode with an object of the application from now on, or with the built-in one again."""
    planner = core.planner
    present = planner.encoder
    if not isinstance(encoder, HeaderEncoder):
        planner.use_encoder(
            ForeignEncoder(encoder, present.size_without_update, present.must_update)
        )
    elif encoder._encoder is not present:
        # The peer's table holds fields of another encoder: both sides start with an empty one.
        ours = encoder._encoder
        ours.header_table_size = 0
        ours.header_table_size = core.remote_settings.header_table_size
        planner.use_encoder(ours)


def decoder_of(core: Connection) -> Any:
    """Return the decoder of a connection as programs see it, or the one they assigned."""
    decoder = core.decoder
    if isinstance(decoder, ForeignDecoder):
        return decoder.foreign
    return HeaderDecoder(core, decoder)


def assign_decoder(core: Connection, decoder: Any) -> None:
    """Decode with an object of the application from now on, or with the built-in one again."""
    if isinstance(decoder, HeaderDecoder):
        core.decoder = decoder._decoder
    else:
        core.decoder = ForeignDecoder(decoder, core.decoder.max_allowed_table_size)


def _octets(part: Any) -> bytes:
    """Return a name or a value as octets; other types are converted to text first."""
    if isinstance(part, (bytes, bytearray, memoryview)):
        return bytes(part)
    return str(part).encode("utf-8")


def _checked(size: int) -> int:
    """Return a size as an integer if it is valid, or raise."""
    size = operator.index(size)
    if size < 0:
        raise ValueError(f"size must not be negative, not {size}")
    return size
