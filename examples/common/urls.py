"""URLs on the command lines of clients, and the requests for them."""

from __future__ import annotations

import contextlib
from urllib.parse import SplitResult, urlsplit

PORTS = {"https": 443, "http": 80, "wss": 443}


def split_url(text: str, *schemes: str) -> SplitResult:
    """Parse a URL with one of these schemes.

    :raises ValueError: if it is not one
    """
    with contextlib.suppress(ValueError):
        url = urlsplit(text)
        if url.scheme in schemes and url.hostname and url.port != 0:
            return url
    raise ValueError(f"{text} is no URL of a web page")


def host_and_port(url: SplitResult) -> tuple[str, int]:
    """Return where to connect to."""
    return url.hostname or "", url.port or PORTS[url.scheme]


def request_fields(method: str, url: SplitResult) -> list[tuple[str, str]]:
    """Return the pseudo-header fields of a request for this URL."""
    return [
        (":method", method),
        (":scheme", url.scheme.replace("wss", "https")),
        (":authority", url.netloc.rpartition("@")[2]),
        (":path", (url.path or "/") + (f"?{url.query}" if url.query else "")),
    ]
