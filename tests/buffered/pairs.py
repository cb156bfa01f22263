"""Pairs of buffering connections, and helpers for their tests."""

from __future__ import annotations

from typing import Any

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.limits import AbuseLimits
from support import wire

REQUEST = list(wire.REQUEST)
POST = list(wire.POST)
RESPONSE = list(wire.RESPONSE)


def client(**options: Any) -> BufferedH2Connection:
    return BufferedH2Connection(H2Configuration(header_encoding=None), **options)


def server(**options: Any) -> BufferedH2Connection:
    limits = AbuseLimits(fields=None, cookie_crumbs=None)
    config = H2Configuration(client_side=False, header_encoding=None, limits=limits)
    return BufferedH2Connection(config, **options)


def pair(ours: dict[int, int], theirs: dict[int, int], **options: Any) -> Any:
    """A client and a server that have exchanged and acknowledged their settings."""
    one, other = client(**options), server(**options)
    for conn, settings in ((one, ours), (other, theirs)):
        conn.initiate_connection()
        if settings:
            conn.update_settings(settings)
    wire.exchange(one, other)
    return one, other
