"""Field blocks of one direction, one field at a time, each with its offset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from h2._cli.listing import Line
from h2._cli.text import printable
from h2._hpack import Decoder, HeaderListTooLarge, HpackDecodingError, build_static_table
from h2._hpack.integers import decode_integer

#: A block is not decoded beyond this: a few octets can expand to gigabytes.
MAX_SECTION_SIZE: Final = 1024 * 1024

_STATIC: Final = build_static_table(lambda _name: 0, lambda _mask, _value: 0)
_LONGEST_INTEGER: Final = 5  # octets after the prefix, as the decoder allows


class FieldBlocks:
    """The HPACK state of one direction (RFC 7541), and the current block.

    The decoder gets the representations of a block one by one. So everything before an error is
    decoded, and the error has an offset.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(_STATIC)
        # The limit is in the SETTINGS of the other end, which this direction does not carry.
        # The encoder announces the size it uses in its blocks.
        self._decoder.max_allowed_table_size = 2**32 - 1
        self._lost_at: int | None = None
        self.begin()

    def begin(self) -> None:
        """Start a block, whatever happened to the previous one."""
        self._rest = bytearray()  # the beginning of a representation
        self._rest_offset = 0
        self._size = 0
        self._fields = 0

    def lose(self, offset: int) -> None:
        """Note that a part of a block is missing: what comes later cannot be decoded."""
        if self._lost_at is None:
            self._lost_at = offset

    def add(self, fragment: bytes, offset: int, last: bool) -> Iterator[Line]:
        """Decode what this fragment completes: the fields, then an error if there is one."""
        if self._lost_at is not None:
            yield Line(offset, f"(not decoded: HPACK state was lost at offset {self._lost_at})")
            return
        carried = len(self._rest)
        rest = self._rest
        rest += fragment
        start = self._rest_offset if carried else offset
        position = 0
        try:
            while (end := _end(rest, position)) is not None:
                yield from self._decode(bytes(rest[position:end]), start)
                position = end
                start = offset + position - carried
            if len(rest) - position > MAX_SECTION_SIZE:
                raise HeaderListTooLarge
            if last and position < len(rest):
                yield from self._decode(bytes(rest[position:]), start)  # reports what is missing
        except HpackDecodingError as error:
            self.lose(start)
            yield Line(start, f"HPACK: {error}", fault=True)
        except HeaderListTooLarge:
            self.lose(start)
            text = f"field section exceeds {MAX_SECTION_SIZE} octets: not decoded further"
            yield Line(start, text, fault=True)
        del rest[:position]
        self._rest_offset = start

    def _decode(self, piece: bytes, offset: int) -> Iterator[Line]:
        """Decode one representation."""
        is_update = piece[0] & 0xE0 == 0x20
        # The decoder treats each piece as the start of a block, where size updates are allowed.
        if is_update and self._fields:
            raise HpackDecodingError("table size update after the first field")
        block = self._decoder.decode(piece, MAX_SECTION_SIZE - self._size)
        self._size += block.size
        if is_update:
            yield Line(offset, f"(table size update to {self._decoder.table_size})")
        for name, value in block.fields:
            self._fields += 1
            yield Line(offset, f"{printable(name)}: {printable(value)}")


def _end(data: bytearray, position: int) -> int | None:
    """Return where the representation at this position ends; None if it has not arrived yet.

    RFC 7541 section 6. Raises HpackDecodingError for an integer that is out of range.
    """
    if position >= len(data):
        return None
    first = data[position]
    if first >= 0x80:  # indexed field
        return _skip_integer(data, position, 0x7F)[0]
    if first & 0xE0 == 0x20:  # table size update
        return _skip_integer(data, position, 0x1F)[0]
    end, index = _skip_integer(data, position, 0x3F if first >= 0x40 else 0x0F)
    for _ in range(1 if index else 2):  # the name, unless there is an index for it, and the value
        if end is None or end >= len(data):
            return None
        end, length = _skip_integer(data, end, 0x7F)
        if end is not None:
            end += length
    return end if end is not None and end <= len(data) else None


def _skip_integer(data: bytearray, position: int, prefix: int) -> tuple[int | None, int]:
    """Return where an integer ends, if that is known, and its value (RFC 7541 section 5.1)."""
    value = data[position] & prefix
    if value < prefix:
        return position + 1, value
    tail = bytes(data[position + 1 : position + 1 + _LONGEST_INTEGER])
    if len(tail) < _LONGEST_INTEGER and all(octet >= 0x80 for octet in tail):
        return None, 0
    value, end = decode_integer(tail, 0, prefix)
    return position + 1 + end, value
