"""String literals of HPACK and the Huffman code (RFC 7541 5.2 and Appendix B)."""

from __future__ import annotations

import sys
from codecs import charmap_encode
from functools import cache
from typing import Any, cast

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
_LENGTH_BITS: tuple[bytes, ...] = tuple([f"1{length:07b}".encode() for length in range(0x7F)])

# Decoding is an automaton over octets. A state is a node of the code tree, named by the bits that
# lead to it; its row maps the next octet to a cell (next row, decoded text as Latin-1, because
# joining str is faster than joining bytes). A cell is computed when it is first needed, so a
# process pays only for the text it actually sees. It depends only on its place, so threads that
# compute the same cell at the same time store equal ones. The tree has 256 inner nodes, so there
# are at most 256 rows and one for failure. Two more places of a row hold cells whose text is the
# name of the state, and whether a string may end in it (then not empty): after whole symbols and at
# most seven bits of padding.
#
# Peers choose the text. All 65,536 cells would take 6 MB of the process, so there are no more than
# _MOST_CELLS, which take 1.7 MB. More than a million octets of the recorded traffic need 11,519
# cells, of which the last 1,300 are hardly ever used. A string that needs others is decoded by a
# second automaton over half octets. It is complete with 4,096 cells but takes three times as long.
Row = list[tuple[Any, str]]
HalfRow = dict[str, tuple[Any, str]]

_MOST_CELLS = 10_240
_cells_left = _MOST_CELLS

_NAME = 256
_MAY_END = 257
_SYMBOLS: dict[str, str] = dict(zip(_BITS, map(chr, range(256)), strict=True))
_ROWS: dict[str, Row] = {}
_FAILED: Row = []
_FAILED += [(_FAILED, "")] * 258


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
    cell: tuple[Any, str] = _START
    try:
        text = "".join([(cell := cell[0][octet])[1] for octet in data])
        end = cell[0][_MAY_END]
    except TypeError:  # a cell that was not needed before
        text, end = _decode_first(data) if _cells_left else _decode_halves(data)
    if not end[1]:
        raise HpackDecodingError("Huffman-encoded string with EOS or invalid padding")
    return text.encode("latin-1")


def _decode_first(data: bytes) -> tuple[str, tuple[Any, str]]:
    """Decode with cells that may have to be computed; return the text and the final cell."""
    row: Row = _ROOT
    parts: list[str] = []
    for octet in data:
        cell = row[octet] or _work_out(row, octet)
        if cell is None:
            return _decode_halves(data)
        row, text = cell
        parts.append(text)
    return "".join(parts), row[_MAY_END]


def _decode_halves(data: bytes) -> tuple[str, tuple[Any, str]]:
    """Decode by half octets; return the text and the final cell."""
    cell: tuple[Any, str] = (_half_rows(), "")
    text = "".join([(cell := cell[0][half])[1] for half in data.hex()])
    return text, cell[0]["end"]


def _row(name: str) -> Row:
    """Return the row of a state."""
    row = _ROWS.get(name)
    if row is None:
        row = cast(Row, [None] * 256)
        row += [(row, name), (row, _end(name))]
        row = _ROWS.setdefault(name, row)
    return row


def _end(name: str) -> str:
    """Return some text if a string may end in this state."""
    return "end" if len(name) < 8 and "0" not in name else ""


def _work_out(row: Row, octet: int) -> tuple[Row, str] | None:
    """Compute and return the cell of a row; None if there are too many cells already."""
    global _cells_left
    if not _cells_left:
        return None
    _cells_left -= 1
    step = _follow(row[_NAME][1], format(octet, "08b"))
    cell = _FAILED[0] if step is None else (_row(step[0]), sys.intern(step[1]))
    row[octet] = cell
    return cell


@cache
def _half_rows() -> HalfRow:
    """Return the first row of the automaton over half octets, created on first use."""
    failed: HalfRow = {}
    names = {bits[:length] for bits in (*_BITS, _EOS) for length in range(len(bits))}
    rows: dict[str, HalfRow] = {name: {} for name in names}
    for half in "0123456789abcdef":
        failed[half] = (failed, "")
        for name, row in rows.items():
            step = _follow(name, format(int(half, 16), "04b"))
            row[half] = (failed, "") if step is None else (rows[step[0]], step[1])
    failed["end"] = (failed, "")
    for name, row in rows.items():
        row["end"] = (row, _end(name))
    return rows[""]


def _follow(bits: str, more: str) -> tuple[str, str] | None:
    """Return the state that more bits lead to and what they decode to, None for EOS."""
    text = ""
    for bit in more:
        bits += bit
        if bits in _SYMBOLS:
            text += _SYMBOLS[bits]
            bits = ""
        elif bits == _EOS:
            return None
    return bits, text


_ROOT = _row("")
_START: tuple[Any, str] = (_ROOT, "")
