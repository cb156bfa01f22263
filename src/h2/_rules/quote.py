"""How values show in the texts of errors."""

from __future__ import annotations

from typing import Final

_MOST_OCTETS: Final = 60
_MOST_CHARACTERS: Final = 4 * _MOST_OCTETS + len("b''")


def quoted(value: object) -> str:
    """Return how a value shows in the text of an error: its start, where it is long.

    Texts of errors go into logs, and the value may be one that the peer chose.
    """
    if isinstance(value, (bytes, str)) and len(value) > _MOST_OCTETS:
        unit = "octets" if isinstance(value, bytes) else "characters"
        return f"{value[:_MOST_OCTETS]!r}... ({len(value)} {unit})"
    return shortened(repr(value))


def shortened(text: str) -> str:
    """Return a text that may quote what the peer sent: its start, where it is long."""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
