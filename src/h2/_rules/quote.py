"""How error messages quote values."""

from __future__ import annotations

from typing import Final

_MOST_OCTETS: Final = 60
_MOST_CHARACTERS: Final = 4 * _MOST_OCTETS + len("b''")


def quoted(value: object) -> str:
    """Return a value as it appears in an error message; a long one is truncated.

    Error messages go into logs, and the peer may have chosen the value.
    """
    if isinstance(value, (bytes, str)) and len(value) > _MOST_OCTETS:
        unit = "octets" if isinstance(value, bytes) else "characters"
        return f"{value[:_MOST_OCTETS]!r}... ({len(value)} {unit})"
    return shortened(repr(value))


def shortened(text: str) -> str:
    """Truncate a text that may quote what the peer sent."""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
