"""The Huffman code (RFC 7541 5.2 and Appendix B), for the pure build.

:mod:`h2._hpack.huffman_native` does the same for the compiled build, which never imports this
module: its tables take memory.
"""

from __future__ import annotations

from codecs import charmap_encode
from functools import cache
from typing import Any

from h2._hpack.errors import HpackDecodingError
from h2._hpack.integers import OCTETS, SHORT, encode_integer
from h2._hpack.tables import HUFFMAN_CODE

_BITS: list[str] = [f"{code:0{length}b}" for code, length in HUFFMAN_CODE[:256]]

# Encoding uses a character codec to look up the bits, then converts them to a number: both are
# loops in C. mypy expects such a codec to map each character to a number.
_CODEC: Any = dict(enumerate(map(str.encode, _BITS)))
_EOS = format(HUFFMAN_CODE[256][0], "b")

# The first bits of EOS, which fill the last octet, by the number of bits that are in it.
_PADDING: tuple[bytes, ...] = tuple(b"1" * (-length % 8) for length in range(8))

# Bits are converted to octets in pieces, which bounds the memory that a long string needs.
_PIECE = 1024

# The first octet of a Huffman-encoded string literal, as bits, by length.
_LENGTH_BITS: tuple[bytes, ...] = tuple(
    format(0x80 | length, "b").encode() for length in range(0x7F)
)

# Decoding is an automaton over octets. A state is a node of the code tree, named by the bits that
# lead to it; its row has a cell for each octet: the next row and the decoded text, as Latin-1
# because joining bytes takes 80 octets of memory for each piece. A cell is computed when it is
# first needed, so a process pays only for the text it actually sees. It depends only on its place,
# so threads that compute the same cell at the same time store equal ones. The last place of a row
# has the name.
#
# Peers choose the text, so there are limits on rows and cells. A string that needs others is
# decoded by a second automaton, over half octets, which is complete with 4,112 places (85 KB) but
# takes almost three times as long. Together they take at most 1.5 MB.
Row = list[Any]


class Cell:
    """A step of the automaton. Slots take less memory and fewer instructions than a tuple."""

    __slots__ = ("row", "text")

    row: Row
    text: str


# There are cells for ASCII text only, which takes less memory than other text. The longest code of
# a visible character has 19 bits, so there is no row for the inside of a longer code: this leaves
# 110 rows out of 256.
_DEEPEST = 18

# More than a million octets of the recorded traffic need 11,239 cells.
_MOST_CELLS = 11_520
_cells_left = _MOST_CELLS

_NAME = 256
_SYMBOLS: dict[str, str] = dict(zip(_BITS, map(chr, range(256)), strict=True))
_ROWS: dict[str, Row] = {}

# The value of a hexadecimal digit, by its octet.
_HALF_OF_DIGIT = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))

# The states that a string may end in: after whole symbols and at most seven bits of padding.
_ENDS = frozenset("1" * length for length in range(8))


def encode_string(text: bytes) -> bytes:
    """Return a string literal with its length, Huffman-encoded if that is worthwhile."""
    length = len(text)
    if length < SHORT:
        return OCTETS[length] + text
    if length > _PIECE:
        code = encode(text)
        size = len(code)
    else:
        bits = charmap_encode(text.decode("latin-1"), "strict", _CODEC)[0]
        size = (len(bits) + 7) >> 3
        if size < 0x7F and size < length:
            # The usual case: the length and the code in one conversion.
            whole = _LENGTH_BITS[size] + bits + _PADDING[len(bits) & 7]
            return int(whole, 2).to_bytes(size + 1, "big")
        code = int(bits + _PADDING[len(bits) & 7], 2).to_bytes(size, "big")
    if size < length:
        return encode_integer(size, 0x7F, 0x80) + code
    return encode_integer(length, 0x7F, 0) + text


def encode(data: bytes) -> bytes:
    """Return the Huffman code of the octets, padded with the first bits of EOS."""
    pieces: list[bytes] = []
    rest = b""
    for start in range(0, len(data), _PIECE):
        text = data[start : start + _PIECE].decode("latin-1")
        bits = rest + charmap_encode(text, "strict", _CODEC)[0]
        whole = len(bits) & -8
        rest = bits[whole:]
        pieces.append(int(bits[:whole] or b"0", 2).to_bytes(whole >> 3, "big"))
    if rest:
        pieces.append(bytes((int(rest + _PADDING[len(rest)], 2),)))
    return b"".join(pieces)


def decode(data: bytes) -> bytes:
    """Return the octets that the Huffman code represents.

    Raises HpackDecodingError if the string contains EOS or does not end with padding of at most
    seven one bits (RFC 7541 5.2).
    """
    cell = _START
    try:
        text = "".join([(cell := cell.row[octet]).text for octet in data])
        valid = cell.row[_NAME] in _ENDS
    except AttributeError:  # a cell that was not needed before
        text, valid = _decode_first(data) if _cells_left else _decode_halves(data)
    if not valid:
        raise HpackDecodingError("Huffman-encoded string with EOS or invalid padding")
    return text.encode("latin-1")


def _decode_first(data: bytes) -> tuple[str, bool]:
    """Decode with cells that may have to be computed; return the text and if it may end there."""
    row = _ROOT
    parts: list[str] = []
    for octet in data:
        cell: Cell | None = row[octet] or _work_out(row, octet)
        if cell is None:
            return _decode_halves(data)
        row = cell.row
        parts.append(cell.text)
    return "".join(parts), row[_NAME] in _ENDS


def _work_out(row: Row, octet: int) -> Cell | None:
    """Compute and return the cell of a row; None if it is beyond a limit."""
    global _cells_left
    name, text = _follow(row[_NAME], format(octet, "08b"))
    if not _cells_left or len(name) > _DEEPEST or not text.isascii():
        return None
    _cells_left -= 1
    cell = Cell()
    cell.row = _ROWS.get(name) or _ROWS.setdefault(name, _new_row(name))
    cell.text = text
    row[octet] = cell
    return cell


def _new_row(name: str) -> Row:
    """Return a row without cells."""
    return [*[None] * 256, name]


def _decode_halves(data: bytes) -> tuple[str, bool]:
    """Decode by half octets; return the text and if it may end there."""
    following, texts, ends = _half_octets()
    place = len(texts) - 1
    text = "".join(
        [
            texts[place := following[place] | half]
            for half in data.hex().encode().translate(_HALF_OF_DIGIT)
        ]
    )
    return text, following[place] in ends


@cache
def _half_octets() -> tuple[list[int], list[str], frozenset[int]]:
    """Return the automaton over half octets, created on first use.

    A place is the number of a state times 16, plus the half octet that is read in it. By place:
    where the places of the next state begin, and the decoded text. In the last place nothing has
    been read. The third item is where the places of the states begin that a string may end in.
    """
    names = {bits[:length] for bits in (*_BITS, _EOS) for length in range(len(bits))}
    begin = {name: 16 * number for number, name in enumerate((*sorted(names, key=len), _EOS))}
    following: list[int] = []
    texts: list[str] = []
    for name in begin:
        for half in range(16):
            after, text = _follow(name, format(half, "04b"))
            following.append(begin[after])
            texts.append(text)
    return [*following, begin[""]], [*texts, ""], frozenset(begin[name] for name in _ENDS)


def _follow(bits: str, more: str) -> tuple[str, str]:
    """Return the state that more bits lead to and what they decode to; nothing follows EOS."""
    text = ""
    for bit in more:
        bits += bit
        if bits in _SYMBOLS:
            text += _SYMBOLS[bits]
            bits = ""
    return (bits if len(bits) < len(_EOS) else _EOS), text


_ROOT = _ROWS.setdefault("", _new_row(""))
_START = Cell()
_START.row = _ROOT
