"""The parts of a connection that buffers, put together: all follow what the peer does."""

from __future__ import annotations

from copy import copy

from h2._core import enqueue
from h2._core.follow import follow
from h2._core.reader import receive_data
from h2._core.receive_queue import ReceiveQueue
from h2._core.send_queue import SendQueue
from h2._core.state import Connection
from h2._core.timers import Timers
from h2.config import H2Configuration
from h2.events import Event
from h2.exceptions import ProtocolError


def strict_unless_said(config: H2Configuration | None) -> H2Configuration:
    """Return a configuration in which ``strict`` is set, unless the program has set it itself."""
    if config is None:
        return H2Configuration(strict=True)
    if not config._says_strict:
        config = copy(config)
        config.strict = True
    return config


class Buffers:
    """What a connection that buffers has beside the state of every connection."""

    __slots__ = ("conn", "receiving", "sending", "timers")

    def __init__(self, conn: Connection, receiving: ReceiveQueue, timers: Timers) -> None:
        self.conn = conn
        self.sending = SendQueue(conn)
        self.receiving = receiving
        receiving.sending = self.sending
        self.timers = timers

    def prepare(self) -> None:
        """Do what has to be done before our first SETTINGS."""
        enqueue.prepare(self.sending)
        self.receiving.windows.prepare()

    def started(self) -> None:
        """Do what has to be done right after our first SETTINGS."""
        self.receiving.windows.started()

    def receive_data(self, data: bytes) -> list[Event]:
        """Take in bytes from the peer; let all parts follow the events."""
        try:
            events = receive_data(self.conn, data)
        except ProtocolError as error:
            error.events = self._follow(list(error.events))
            raise
        return self._follow(events)

    def _follow(self, events: list[Event]) -> list[Event]:
        events = follow(self.sending, events)
        return self.receiving.follow(events) if self.receiving.following else events

    def graceful_shutdown(self) -> None:
        """Take no new streams, and finish those that exist."""
