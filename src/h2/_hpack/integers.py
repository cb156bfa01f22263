"""Integers and plain strings of HPACK (RFC 7541 5.1 and 5.2)."""

from __future__ import annotations

from typing import Final

from h2._hpack.errors import HpackDecodingError
from h2._native import i64

_MOST_OCTETS: Final = 5
_LIMIT: Final = 1 << 32
#: Shorter strings are sent as they are: the code would save about five octets, and cost more time
# at both ends than everything else about the field. The blocks of the recorded traffic
# (tests/unit/hpack/test_stories.py) are within 1 % of those of an encoder that encodes every string
# and inserts every field.
SHORT: Final = 24

OCTETS: Final[tuple[bytes, ...]] = tuple([b"%c" % octet for octet in range(256)])


def encode_integer(value: int, prefix: int, first: int) -> bytes:
    """Return the integer with the given prefix mask (2**N - 1), merged into the first octet."""
    if value < prefix:
        return OCTETS[first | value]
    value -= prefix
    if value < 0x80:
        return OCTETS[first | prefix] + OCTETS[value]
    out = bytearray((first | prefix,))
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_integer(data: bytes, pos: i64, prefix: i64) -> tuple[i64, i64]:
    """Return the integer whose prefix was all ones, and the position after it.

    ``pos`` is the position after the prefix, ``prefix`` its mask. Raises HpackDecodingError if the
    integer is truncated, has more than five octets after the prefix or is 2**32 or more.
    """
    value: i64 = prefix
    shift: i64 = 0
    octet: i64
    for octet in data[pos : pos + _MOST_OCTETS]:
        pos += 1
        value += (octet & 0x7F) << shift
        if octet < 0x80:
            if value >= _LIMIT:
                raise HpackDecodingError("integer is 2**32 or more")
            return value, pos
        shift += 7
    if shift == 7 * _MOST_OCTETS:
        raise HpackDecodingError("integer is encoded in more than five octets")
    raise HpackDecodingError("block ends inside an integer")


def plain_string(text: bytes) -> bytes:
    """Return a string literal with its length, not Huffman-encoded."""
    return encode_integer(len(text), 0x7F, 0) + text


# What a table of 4096 octets needs.
_INDICES: Final = 192

# The octets after a full prefix, by what is left of the integer.
_RESTS: Final[tuple[bytes, ...]] = OCTETS[:0x80] + tuple([low + b"\1" for low in OCTETS[0x80:]])


def _encoded_indices(prefix: int, first: int) -> tuple[bytes, ...]:
    """Return what `encode_integer` returns for each index: all at once, as every import pays."""
    full = OCTETS[first | prefix]
    return OCTETS[first : first + prefix] + tuple(
        [full + rest for rest in _RESTS[: _INDICES - prefix]]
    )


# The representation of indexed fields (RFC 7541 6.1), by index.
INDEXED: Final[tuple[bytes, ...]] = _encoded_indices(0x7F, 0x80)

# The first octets of literals (RFC 7541 6.2), by the index of the name, 0 for a literal name.
INSERTED: Final[tuple[bytes, ...]] = _encoded_indices(0x3F, 0x40)
NOT_INDEXED: Final[tuple[bytes, ...]] = _encoded_indices(0x0F, 0x00)
NEVER_INDEXED: Final[tuple[bytes, ...]] = _encoded_indices(0x0F, 0x10)


def literal_head(index: int, heads: tuple[bytes, ...]) -> bytes:
    """Return the first octets of a literal whose index is beyond the tables above."""
    if heads is INSERTED:
        return encode_integer(index, 0x3F, 0x40)
    return encode_integer(index, 0x0F, heads[0][0])
