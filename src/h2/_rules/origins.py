"""The ASCII serialization of an origin: RFC 6454 section 6.2, as ORIGIN frames carry it."""

from __future__ import annotations

import re
from typing import Final

#: Scheme, host and port. A host is a name, an IPv4 address, or an IPv6 address in brackets. No
#: wildcards: "the ORIGIN frame does not support wildcard names" (RFC 8336 section 2.2). "null", the
#: serialization of any other origin, names nothing that a connection could be authoritative for.
_match_origin: Final = re.compile(
    rb"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
).fullmatch

_LARGEST_PORT: Final = 0xFFFF


def parse_origin(octets: bytes) -> bytes | None:
    """Return an origin in lower case, or None if it is not an origin.

    Scheme and host are case-insensitive (RFC 6454 section 4), so origins in lower case can be
    compared.
    """
    origin = octets.lower()
    match = _match_origin(origin)
    if match is None or int(match[1] or 0) > _LARGEST_PORT:
        return None
    return origin
