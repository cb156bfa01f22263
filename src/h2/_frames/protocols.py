"""Other protocols, recognized by the first octets that arrive instead of HTTP/2."""

from __future__ import annotations

import re
from typing import Final

#: What :func:`protocol_of` calls readable octets that match none of the protocols below.
TEXT: Final = "plain text"

# Compiled when they are first needed, which few processes do.
_SIGNS: Final = (
    # A status line, or a request line with any method (RFC 9112 sections 3 and 4); a corrupted
    # HTTP/2 preface is neither.
    (
        "HTTP/1",
        rb"HTTP/|[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]* HTTP/1|(?!PRI )[A-Z]{3,} [/*]",
    ),
    # A record of alerts or of a handshake (RFC 8446 section 5.1).
    ("TLS", rb"[\x15\x16]\x03[\x00-\x04]"),
    ("SSH", rb"SSH-"),
    (TEXT, rb"[\t\r\n -~]{9}"),
)


def protocol_of(octets: bytes) -> str | None:
    """Return the protocol that a peer seems to speak, judging by what it sent first."""
    return next((name for name, sign in _SIGNS if re.match(sign, octets)), None)
