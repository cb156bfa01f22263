"""Clients that speak HTTP/1 to an HTTP/2 server."""

from __future__ import annotations

import re
from typing import Final

from h2._cli.text import printable

_REQUEST: Final = re.compile(rb"[A-Z]{3,20} ")
_SHOWN: Final = 80  # characters of a request line


def _answer(status: str, text: str) -> bytes:
    content = text.encode("ascii") + b"\n"
    return b"\r\n".join(
        [
            f"HTTP/1.1 {status}".encode("ascii"),
            b"content-type: text/plain",
            b"content-length: %d" % len(content),
            b"connection: close",
            b"",
            content,
        ]
    )


#: The answer to a client in cleartext.
ANSWER: Final = _answer(
    "505 HTTP Version Not Supported",
    "This server speaks HTTP/2 only: try 'python -m h2 get', 'curl --http2-prior-knowledge', or, "
    "for a browser, start it with --tls and use https.",
)
#: The answer to a client over TLS that did not offer HTTP/2.
ANSWER_OVER_TLS: Final = _answer(
    "505 HTTP Version Not Supported",
    "This server speaks HTTP/2 only, and your client did not offer it (ALPN h2).",
)
#: The answer to a client that does not use TLS on the TLS port.
ANSWER_TO_PLAINTEXT: Final = _answer(
    "400 Bad Request", "This port expects TLS: use https instead of http."
)


def is_http1(octets: bytes) -> bool:
    """Whether a client seems to speak HTTP/1, judging by its first octets."""
    return _REQUEST.match(octets) is not None and not octets.startswith(b"PRI ")


def first_line(octets: bytes) -> str:
    """Return the first line of what a client sent, for the log."""
    line = octets.partition(b"\n")[0].rstrip(b"\r")[:_SHOWN]
    return f'"{printable(line)}"'
