"""Bytes as hexadecimal text: plain digits, and dumps in the style of hexdump -C, xxd etc."""

from __future__ import annotations

import re
from typing import Final

_TEXT: Final = frozenset(b"\t\n\r\f" + bytes(range(0x20, 0x7F)))
_BEGINNING: Final = re.compile(rb"\s*(?:#|\\x|(?:0x)?[0-9a-f]{2})", re.IGNORECASE)

#: An offset, octets, and possibly the same octets as text.
_WITH_COLON: Final = re.compile(
    r"\s*(?:0x)?([0-9a-f]{4,16}):\s+((?:[0-9a-f]{2} ?)+)(?:\s.*)?$", re.IGNORECASE
)
_WITHOUT_COLON: Final = re.compile(
    r"\s*(?:0x)?([0-9a-f]{4,16})\s+((?:[0-9a-f]{2}(?: {1,2}|$))+)(?:[\s|>].*)?$", re.IGNORECASE
)
_ONLY_OFFSET: Final = re.compile(r"\s*(?:0x)?([0-9a-f]{4,16}):?()\s*$", re.IGNORECASE)

#: What may occur between digits: white space, and the prefixes of other notations.
_BETWEEN: Final = re.compile(r"\b0x|\\x|[\s:,;]+", re.IGNORECASE)
_NO_DIGIT: Final = re.compile(r"[^0-9a-f]", re.IGNORECASE)


def looks_like_hex(data: bytes) -> bool:
    """Whether the beginning of a file looks like text.

    Frame headers have octets that do not occur in text.
    """
    return _TEXT.issuperset(data) and _BEGINNING.match(data) is not None


def parse(text: str) -> bytes:
    """Return the bytes that a text represents. Lines that begin with ``#`` are comments.

    Raises ValueError, with the number of the line, for what is not hexadecimal text.
    """
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    is_dump = lines and (_WITH_COLON.match(lines[0][1]) or _WITHOUT_COLON.match(lines[0][1]))
    return _dump(lines) if is_dump else _digits(lines)


def _digits(lines: list[tuple[int, str]]) -> bytes:
    """Return the bytes of lines of digits, grouped in any way."""
    out = bytearray()
    half = ""  # the first digit of an octet whose second one is on the next line
    number = 0
    for number, line in lines:
        digits = half + _BETWEEN.sub("", line)
        if wrong := _NO_DIGIT.search(digits):
            raise ValueError(f"line {number}: {wrong[0]!r} is not a hexadecimal digit")
        whole = len(digits) & ~1
        out += bytes.fromhex(digits[:whole])
        half = digits[whole:]
    if half:
        raise ValueError(f"line {number}: the number of hexadecimal digits is odd")
    return bytes(out)


def _dump(lines: list[tuple[int, str]]) -> bytes:
    """Return the bytes of lines that begin with their offset."""
    out = bytearray()
    first: int | None = None
    for number, line in lines:
        if line.strip() == "*":
            raise ValueError(f"line {number}: repeated lines were left out (hexdump -v shows them)")
        match = _WITH_COLON.match(line) or _WITHOUT_COLON.match(line) or _ONLY_OFFSET.match(line)
        if match is None:
            raise ValueError(f"line {number}: not a line of a dump, unlike those above")
        offset = int(match[1], 16)
        if first is None:
            first = offset
        if offset - first != len(out):
            expected = first + len(out)
            raise ValueError(f"line {number}: offset {offset:#x}, expected {expected:#x}")
        out += bytes.fromhex(match[2])
    return bytes(out)
