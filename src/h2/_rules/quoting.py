"""Octets of a peer in the texts of exceptions: enough to recognize them, never all of them."""

from __future__ import annotations

from typing import Final

#: So many octets are shown. A peer chooses their number; texts end up in logs.
_SHOWN: Final = 60


def quoted(octets: bytes) -> str:
    """Return octets as a literal, cut off where they are too long to read."""
    if len(octets) <= _SHOWN:
        return repr(octets)
    return f"{octets[:_SHOWN]!r}... ({len(octets)} octets)"
