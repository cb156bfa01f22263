"""Values in the texts of exceptions: enough to recognize them, never all of them."""

from __future__ import annotations

from typing import Final

#: So many octets are shown. A peer may have chosen them, and texts end up in logs.
_SHOWN: Final = 60

#: So many characters show that many octets. Anything but octets and text is cut there.
_CHARACTERS: Final = 4 * _SHOWN + len("b''")


def quoted(value: object) -> str:
    """Return a value as a literal, cut off where it is too long to read."""
    if isinstance(value, (bytes, str)) and len(value) > _SHOWN:
        unit = "octets" if isinstance(value, bytes) else "characters"
        return f"{value[:_SHOWN]!r}... ({len(value)} {unit})"
    text = repr(value)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}..."
