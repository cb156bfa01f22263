"""Text for people: the bytes of a peer made harmless, and sizes."""

from __future__ import annotations

from h2.errors import ErrorCodes


def printable(raw: bytes | str) -> str:
    """Return text that a terminal takes for text: nothing in it moves the cursor or sets colours.

    Backslashes stand for themselves, too: the result is for reading, and not for parsing.
    """
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else _escaped(char) for char in text])


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def preview(raw: bytes, most: int = 16) -> str:
    """Return the first bytes in hexadecimal."""
    return raw[:most].hex() + ("..." if len(raw) > most else "")


def size(octets: float) -> str:
    """Return a number of bytes as people read it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if octets >= factor:
            return f"{octets / factor:.1f} {unit}"
    return f"{octets:.0f} bytes"


def named(code: ErrorCodes | int) -> str:
    """Return the name of an error code of HTTP/2, or the number of one that has no name."""
    return code.name if isinstance(code, ErrorCodes) else f"{code:#x}"


def reason(error: Exception) -> str:
    """Return what is wrong, without the number of the error and the name of a file."""
    return getattr(error, "strerror", None) or str(error)
