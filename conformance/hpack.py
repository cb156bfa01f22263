"""HPACK for the suite: an encoder that can make deliberate errors, and a decoder for answers.

Written from RFC 7541 alone, independent of the package under test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Field = tuple[bytes, bytes]

# Appendix A: one entry in each line, its value after the first "=" that is not at the beginning.
_STATIC_TEXT = """
:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""

# Appendix B: the length of the code of each octet, and of EOS. The code is canonical, so these
# lengths determine it.
_LENGTHS = """
13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28
28 6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7
7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6
5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23
24 23 23 23 23 21 22 23 22 23 23 24 22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22
21 23 22 23 23 20 22 22 22 23 22 22 23 26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21
26 27 27 26 27 24 21 21 26 26 28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26
27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30
"""


def _static_table() -> list[Field]:
    entries = []
    for line in _STATIC_TEXT.split("\n")[1:-1]:
        name, _, value = line.partition("=")
        entries.append((name.encode(), value.encode()))
    return entries


def _codes() -> list[tuple[int, int]]:
    """The code of each symbol and its length in bits."""
    lengths = [int(text) for text in _LENGTHS.split()]
    codes = [(0, 0)] * len(lengths)
    code = last = 0
    for symbol in sorted(range(len(lengths)), key=lambda number: (lengths[number], number)):
        code <<= lengths[symbol] - last
        last = lengths[symbol]
        codes[symbol] = (code, last)
        code += 1
    return codes


STATIC_TABLE = _static_table()
_CODES = _codes()
_SYMBOLS = {(length, code): symbol for symbol, (code, length) in enumerate(_CODES)}
EOS = 256
DEFAULT_TABLE_SIZE = 4096
_OVERHEAD = 32  # of each entry of a table, section 4.1

# Encoding ---------------------------------------------------------------------------------------


def integer(value: int, prefix: int, pattern: int = 0) -> bytes:
    """An integer with a prefix of this many bits; the bits before it are those of the pattern."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([pattern | value])
    octets = [pattern | limit]
    value -= limit
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def huffman(symbols: Sequence[int]) -> bytes:
    """Symbols (octets, or EOS) in the Huffman code, padded with ones."""
    bits = "".join(f"{code:0{length}b}" for code, length in (_CODES[item] for item in symbols))
    return packed(bits + "1" * (-len(bits) % 8))


def packed(bits: str) -> bytes:
    """Octets from a text of zeros and ones."""
    return bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8))


def string(content: bytes, coded: bool = False) -> bytes:
    """A string literal, plain or in the Huffman code."""
    if coded:
        return coded_string(huffman(content))
    return integer(len(content), 7) + content


def coded_string(octets: bytes) -> bytes:
    """A string literal that marks these octets as Huffman code."""
    return integer(len(octets), 7, 0x80) + octets


def indexed(index: int) -> bytes:
    """An indexed field line, section 6.1."""
    return integer(index, 7, 0x80)


def literal(name: bytes | int, value: bytes, coded: bool = False) -> bytes:
    """A literal without indexing, section 6.2.2; the name may be an index."""
    return _literal(name, value, coded, 4, 0)


def never_indexed(name: bytes | int, value: bytes) -> bytes:
    """A literal never indexed, section 6.2.3."""
    return _literal(name, value, False, 4, 0x10)


def added(name: bytes | int, value: bytes, coded: bool = False) -> bytes:
    """A literal with incremental indexing, section 6.2.1: it is added to the dynamic table."""
    return _literal(name, value, coded, 6, 0x40)


def _literal(name: bytes | int, value: bytes, coded: bool, prefix: int, pattern: int) -> bytes:
    if isinstance(name, int):
        return integer(name, prefix, pattern) + string(value, coded)
    return bytes([pattern]) + string(name, coded) + string(value, coded)


def table_size(size: int) -> bytes:
    """A dynamic table size update, section 6.3."""
    return integer(size, 5, 0x20)


def block(fields: Iterable[Field]) -> bytes:
    """A field block of literals, which does not change tables."""
    return b"".join(literal(name, value) for name, value in fields)


# Decoding ---------------------------------------------------------------------------------------


class DecodingError(Exception):
    """The endpoint under test has sent an invalid field block."""


class Decoder:
    """Decodes the field blocks of the endpoint under test, with its dynamic table."""

    def __init__(self) -> None:
        self.entries: list[Field] = []  # newest first
        self.maximum = DEFAULT_TABLE_SIZE
        self.updates: list[int] = []  # size updates at the beginning of the last block

    def decode(self, octets: bytes) -> list[Field]:
        """The fields of one block; raises `DecodingError`."""
        fields: list[Field] = []
        self.updates = []
        place = 0
        while place < len(octets):
            first = octets[place]
            if first & 0x80:
                index, place = _integer(octets, place, 7)
                fields.append(self._entry(index))
            elif first & 0xE0 == 0x20:
                size, place = _integer(octets, place, 5)
                if fields:
                    raise DecodingError("a table size update after a field")
                self.updates.append(size)
                self.maximum = size
                self._evict()
            else:
                place = self._literal(octets, place, fields)
        return fields

    def _literal(self, octets: bytes, place: int, fields: list[Field]) -> int:
        adds = bool(octets[place] & 0x40)
        index, place = _integer(octets, place, 6 if adds else 4)
        if index:
            name = self._entry(index)[0]
        else:
            name, place = _string(octets, place)
        value, place = _string(octets, place)
        fields.append((name, value))
        if adds:
            self.entries.insert(0, (name, value))
            self._evict()
        return place

    def _entry(self, index: int) -> Field:
        if 0 < index <= len(STATIC_TABLE):
            return STATIC_TABLE[index - 1]
        try:
            return self.entries[index - len(STATIC_TABLE) - 1] if index else _no_entry(index)
        except IndexError:
            return _no_entry(index)

    def _evict(self) -> None:
        while self.entries and self.size() > self.maximum:
            self.entries.pop()

    def size(self) -> int:
        """The size of the dynamic table, section 4.1."""
        return sum(len(name) + len(value) + _OVERHEAD for name, value in self.entries)


def _no_entry(index: int) -> Field:
    raise DecodingError(f"index {index} is in no table")


def _integer(octets: bytes, place: int, prefix: int) -> tuple[int, int]:
    limit = (1 << prefix) - 1
    try:
        value = octets[place] & limit
        place += 1
        if value < limit:
            return value, place
        shift = 0
        while True:
            octet = octets[place]
            place += 1
            value += (octet & 127) << shift
            shift += 7
            if octet < 128:
                return value, place
    except IndexError:
        raise DecodingError("the block ends within an integer") from None


def _string(octets: bytes, place: int) -> tuple[bytes, int]:
    if place >= len(octets):
        raise DecodingError("the block ends before a string")
    coded = bool(octets[place] & 0x80)
    length, place = _integer(octets, place, 7)
    end = place + length
    if end > len(octets):
        raise DecodingError("the block ends within a string")
    content = octets[place:end]
    return (_unpacked(content) if coded else content), end


def _unpacked(content: bytes) -> bytes:
    symbols = bytearray()
    code = length = 0
    for octet in content:
        for bit in range(7, -1, -1):
            code = code << 1 | octet >> bit & 1
            length += 1
            symbol = _SYMBOLS.get((length, code))
            if symbol == EOS:
                raise DecodingError("EOS in a string")
            if symbol is not None:
                symbols.append(symbol)
                code = length = 0
    if length > 7 or code != (1 << length) - 1:
        raise DecodingError("the padding of a string is wrong")
    return bytes(symbols)
