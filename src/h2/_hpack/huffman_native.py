"""The Huffman code (RFC 7541 5.2 and Appendix B) as loops over bits, for the compiled build.

:mod:`h2._hpack.huffman` does the same in the way that is fast without a compiler. The importing
module chooses between the two.
"""

from __future__ import annotations

from typing import Final

from h2._hpack.errors import HpackDecodingError
from h2._hpack.integers import OCTETS, SHORT, encode_integer
from h2._hpack.tables import HUFFMAN_CODE
from h2._native import i64

_EOS: Final = 256
_LONGEST: Final = 30

# By symbol.
_CODES: Final[list[int]] = [code for code, _ in HUFFMAN_CODE]
_LENGTHS: Final[bytes] = bytes([length for _, length in HUFFMAN_CODE])


def _codes_in_octets() -> list[tuple[int, int, int]]:
    """Return (octet, symbol, length) for each octet that begins with a whole code."""
    return [
        (code << (8 - length) | rest, symbol, length)
        for symbol, (code, length) in enumerate(HUFFMAN_CODE)
        if length <= 8
        for rest in range(1 << (8 - length))
    ]


def _by_octet(place: int) -> bytes:
    table = bytearray(256)
    for row in _codes_in_octets():
        table[row[0]] = row[place]
    return bytes(table)


# By the next eight bits: the symbol that they begin with, and the length of its code; 0 if the code
# is longer.
_SYMBOL_AT: Final[bytes] = _by_octet(1)
_LENGTH_AT: Final[bytes] = _by_octet(2)

# The code is canonical: codes of the same length are consecutive numbers, in the order of their
# symbols. By length: the lowest code, how many there are, and where their symbols begin.
_ORDER: Final[list[int]] = sorted(range(257), key=lambda symbol: HUFFMAN_CODE[symbol][::-1])
_COUNT: Final[list[int]] = [_LENGTHS.count(length) for length in range(_LONGEST + 1)]
_BEGIN: Final[list[int]] = [sum(_COUNT[:length]) for length in range(_LONGEST + 1)]
_LOWEST: Final[list[int]] = [
    _CODES[_ORDER[_BEGIN[length]]] if _COUNT[length] else 0 for length in range(_LONGEST + 1)
]


def encode_string(text: bytes) -> bytes:
    """Return a string literal with its length, Huffman-encoded if that is worthwhile."""
    length: i64 = len(text)
    if length < SHORT:
        return OCTETS[length] + text
    lengths = _LENGTHS
    bits: i64 = 7
    at: i64 = 0
    octet: i64
    while at < length:
        octet = text[at]
        bits += lengths[octet]
        at += 1
    size: i64 = bits >> 3
    if size >= length:
        return encode_integer(length, 0x7F, 0) + text
    return encode_integer(size, 0x7F, 0x80) + encode(text)


def encode(data: bytes) -> bytes:
    """Return the Huffman code of the octets, padded with the first bits of EOS."""
    out: list[bytes] = []
    codes = _CODES
    lengths = _LENGTHS
    word: i64 = 0  # its last bits have not been written yet
    bits: i64 = 0  # how many those are
    at: i64 = 0
    end: i64 = len(data)
    octet: i64
    length: i64
    code: i64
    one: i64 = 1
    written: int
    while at < end:
        octet = data[at]
        at += 1
        length = lengths[octet]
        code = codes[octet]
        word = word << length | code
        bits += length
        if bits >= 32:
            bits -= 32
            written = word >> bits
            out.append(written.to_bytes(4, "big"))
            word &= (one << bits) - 1
    padding: i64 = -bits & 7
    written = (word << padding) | ((one << padding) - 1)
    size: int = (bits + padding) >> 3
    out.append(written.to_bytes(size, "big"))
    return b"".join(out)


def decode(data: bytes) -> bytes:
    """Return the octets that the Huffman code represents.

    Raises HpackDecodingError if the string contains EOS or does not end with padding of at most
    seven one bits (RFC 7541 5.2).
    """
    out: list[bytes] = []
    length_at = _LENGTH_AT
    symbol_at = _SYMBOL_AT
    word: i64 = 0  # its last bits have not been decoded yet
    bits: i64 = 0  # how many those are
    at: i64 = 0
    end: i64 = len(data)
    octet: i64
    length: i64
    symbol: i64
    symbols: i64 = 0  # those that have not been written yet
    held: i64 = 0  # how many those are
    written: int
    while True:
        while bits < 32 and at < end:
            octet = data[at]
            at += 1
            word = (word << 8 | octet) & 0xFFFFFFFFFF
            bits += 8
        octet = (word << 8 | 0xFF) >> bits & 0xFF  # filled up with padding at the end
        length = length_at[octet]
        if not length and bits >= 8:
            length = _long_code(word, bits)
            symbol = _long_symbol(word >> (bits - length), length) if length else _EOS
        else:
            symbol = symbol_at[octet]
        if not length or length > bits:
            break
        if symbol == _EOS:
            raise HpackDecodingError("Huffman-encoded string with EOS or invalid padding")
        bits -= length
        symbols = symbols << 8 | symbol
        held += 1
        if held == 7:
            written = symbols
            out.append(written.to_bytes(7, "big"))
            symbols = held = 0
    if bits >= 8 or (word | -1 << bits) != -1:
        raise HpackDecodingError("Huffman-encoded string with EOS or invalid padding")
    written = symbols
    size: int = held
    out.append(written.to_bytes(size, "big"))
    return b"".join(out)


def _long_code(word: i64, bits: i64) -> i64:
    """Return the length of the next code, of more than eight bits; 0 if it is truncated."""
    length: i64 = 9
    code: i64
    lowest: i64
    count: i64
    while length <= bits and length <= _LONGEST:
        code = word >> (bits - length) & 0x3FFFFFFF >> (_LONGEST - length)
        lowest = _LOWEST[length]
        count = _COUNT[length]
        if code < lowest + count:
            return length
        length += 1
    return 0


def _long_symbol(code: i64, length: i64) -> i64:
    lowest: i64 = _LOWEST[length]
    begin: i64 = _BEGIN[length]
    place: i64 = begin - lowest + (code & 0x3FFFFFFF >> (_LONGEST - length))
    symbol: i64 = _ORDER[place]
    return symbol
