"""Compressed siblings of files, such as `page.html.gz` next to `page.html`.

The server compresses nothing itself. It sends a sibling to clients that accept its coding (RFC 9110
section 12.5.3).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

_SUFFIXES: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_UNNAMED: Final = 0.0001  # the weight of unencoded content if the client does not mention it


class Choice(NamedTuple):
    """The file to send."""

    path: Path
    coding: str | None
    #: Whether the choice depended on the request.
    varies: bool


def choose(path: Path, accept: bytes, may_send: Callable[[Path], bool]) -> Choice:
    """Return the best of a file and its siblings for an `accept-encoding`: the smallest of equals.

    A sibling that is older than the file is not used, because its content is outdated.

    :param may_send: returns whether an existing path may be sent
    """
    about = path.stat()
    weights = _weights(accept)
    plain = weights.get("identity", weights.get("*", _UNNAMED))
    best = (plain, -about.st_size)
    choice = Choice(path, None, varies=False)
    varies = False
    for coding, suffix in _SUFFIXES.items():
        sibling = path.with_name(path.name + suffix)
        with contextlib.suppress(OSError):
            found = sibling.stat()
            if found.st_mtime < about.st_mtime or not sibling.is_file() or not may_send(sibling):
                continue
            varies = True
            rank = (weights.get(coding, weights.get("*", 0.0)), -found.st_size)
            if rank[0] and rank > best:
                best = rank
                choice = Choice(sibling, coding, varies=True)
    return choice._replace(varies=varies)


def _weights(accept: bytes) -> dict[str, float]:
    """Return the weight of each coding that a client names (RFC 9110 section 12.4.2)."""
    weights = {}
    for part in accept.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        weight = 1.0
        if parameter.strip().startswith("q="):
            try:
                weight = min(1.0, max(0.0, float(parameter.strip()[2:])))
            except ValueError:
                weight = 0.0
        if name.strip():
            weights[name.strip()] = weight
    return weights
