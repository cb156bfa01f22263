"""Readable text: bytes from a peer made harmless, and sizes."""

from __future__ import annotations

from typing import Final

from h2.errors import ErrorCodes

_SHOWN: Final = 60  # characters to show of what a peer sent that is not HTTP/2


def printable(raw: bytes | str) -> str:
    """Return text that is safe for a terminal: it cannot move the cursor or set colours.

    Backslashes are not escaped: the result is for reading, not for parsing.
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
    """Return a number of bytes in a readable form."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if octets >= factor:
            return f"{octets / factor:.1f} {unit}"
    return f"{octets:.0f} bytes"


def named(code: ErrorCodes | int) -> str:
    """Return the name of an HTTP/2 error code, or its number if it has no name."""
    return code.name if isinstance(code, ErrorCodes) else f"{code:#x}"


def reason(error: Exception) -> str:
    """Return what is wrong, without error number and file name."""
    return getattr(error, "strerror", None) or str(error)


def other_protocol(octets: bytes, scheme: str) -> str | None:
    """Return which protocol a server seems to speak, judging by its first octets; None for HTTP/2.

    :param scheme: of the URL, which may be wrong
    """
    if not octets or octets[3:4] == b"\x04":  # the first frame of HTTP/2 is SETTINGS
        return None
    if octets.startswith(b"\x15\x03"):
        return "The server speaks TLS on this port; try https://"
    line = octets.partition(b"\n")[0].rstrip(b"\r")
    if not (line.isascii() and line.decode("ascii").isprintable()):
        return None
    shown = printable(line[:_SHOWN])
    where = "here" if scheme == "https" else "without TLS"
    if line.upper().startswith(b"HTTP"):
        return f"The server answers in HTTP/1 and does not speak HTTP/2 {where}: {shown}"
    return f"The server answers with text and does not speak HTTP/2 {where}: {shown}"
