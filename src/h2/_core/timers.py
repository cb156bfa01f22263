"""What has to happen at a time: keepalive, and limits for answers that do not come."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from h2._core.state import Connection


class Keepalive(NamedTuple):
    """When to ask whether the peer is still there.

    :param idle: seconds without a frame from the peer, after which PING is sent
    :param timeout: seconds that the peer has to send anything after that
    """

    idle: float
    timeout: float


class Timers:
    """The times at which something has to happen on one connection."""

    __slots__ = ("clock", "conn", "keepalive", "settings_timeout", "shutdown_timeout")

    def __init__(
        self,
        conn: Connection,
        keepalive: Keepalive | None,
        settings_timeout: float | None,
        shutdown_timeout: float | None,
        clock: Callable[[], float],
    ) -> None:
        self.conn = conn
        self.keepalive = keepalive
        self.settings_timeout = settings_timeout
        self.shutdown_timeout = shutdown_timeout
        self.clock = clock

    def due(self) -> float | None:
        """Return the next time at which something has to happen, None for never."""
        return None

    def handle(self, now: float) -> None:
        """Do what is due."""
