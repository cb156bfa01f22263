"""The ASCII serialization of an origin: RFC 6454 section 6.2, as ORIGIN frames carry it."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

#: Scheme, host and port. A host is a name, an IPv4 address, or an IPv6 address in brackets. No
#: wildcards: "the ORIGIN frame does not support wildcard names" (RFC 8336 section 2.2). "null", the
#: serialization of any other origin, names nothing that a connection could be authoritative for.
_ORIGIN: Final = rb"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"

_LARGEST_PORT: Final = 0xFFFF


@cache
def _pattern() -> re.Pattern[bytes]:
    """Compile the pattern when it is first needed: few connections get ORIGIN frames."""
    return re.compile(_ORIGIN)


def parse_origin(octets: bytes) -> bytes | None:
    """Return an origin in lower case, or None if it is not an origin.

    Scheme and host are case-insensitive (RFC 6454 section 4), so origins in lower case can be
    compared.
    """
    origin = octets.lower()
    match = _pattern().fullmatch(origin)
    if match is None or int(match[1] or 0) > _LARGEST_PORT:
        return None
    return origin
