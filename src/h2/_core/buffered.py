"""The parts of a connection that buffers, combined: all of them follow what the peer does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from h2._core import enqueue
from h2._core.follow import follow
from h2._core.reader import receive_data
from h2._core.receive_queue import ReceiveQueue
from h2._core.receive_windows import AutomaticWindow, ReceiveWindows
from h2._core.send_queue import SendQueue
from h2._core.shutdown import Shutdown
from h2._core.state import Connection
from h2._core.timers import Timers
from h2.config import H2Configuration
from h2.events import Event, PingAckReceived
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
    """The state of a buffering connection, in addition to that of every connection."""

    __slots__ = (
        "automatic",
        "conn",
        "keepalive",
        "receiving",
        "sending",
        "shutdown",
        "timers",
        "windows",
    )

    def __init__(
        self,
        conn: Connection,
        receive_buffering: bool,
        windows: ReceiveWindows,
        automatic: AutomaticWindow | None,
        timers: Timers,
    ) -> None:
        self.conn = conn
        self.sending = SendQueue(conn)
        self.receiving = ReceiveQueue(conn, self.sending) if receive_buffering else None
        self.windows = windows
        self.automatic = automatic
        self.timers = timers
        self.keepalive = timers.keepalive
        self.shutdown: Shutdown | None = None  #: once it has begun

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Do what is due before our first SETTINGS and right after them.

        If they cannot be sent, nothing changes.
        """
        local = self.conn.local_settings
        before = copy(local)
        enqueue.prepare(self.sending)
        self.windows.prepare()
        try:
            yield
        except BaseException:
            local.adopt(before)
            raise
        self.sending.started()
        self.windows.started()
        self.timers.started()

    def receive_data(self, data: bytes) -> list[Event]:
        """Process bytes from the peer; all parts follow the events."""
        if self.keepalive is not None and data:
            self.keepalive.heard()
        try:
            events = receive_data(self.conn, data)
        except ProtocolError as error:
            raised = error.events
            error.events = self._follow(raised if isinstance(raised, list) else list(raised))
            raise
        return self._follow(events)

    def _follow(self, events: list[Event]) -> list[Event]:
        if (self.keepalive or self.shutdown) and self._awaits_acknowledgment():
            events = [event for event in events if not self._takes_acknowledgment(event)]
        events = follow(self.sending, events)
        if self.automatic is not None:
            events = self.automatic.follow(events)
        if self.receiving is not None:
            events = self.receiving.follow(events)
        if self.shutdown is not None:
            events += self.take_events()
        return events

    def _awaits_acknowledgment(self) -> bool:
        keepalive, shutdown = self.keepalive, self.shutdown
        return (keepalive is not None and keepalive.unanswered > 0) or (
            shutdown is not None and shutdown.unanswered
        )

    def _takes_acknowledgment(self, event: Event) -> bool:
        """Return whether an event acknowledges a PING that the program did not send."""
        if not isinstance(event, PingAckReceived):
            return False
        data = event.ping_data
        keepalive, shutdown = self.keepalive, self.shutdown
        return (keepalive is not None and keepalive.acknowledged(data)) or (
            shutdown is not None and shutdown.acknowledged(data)
        )

    def take_events(self) -> list[Event]:
        """Return the events that no call has returned yet."""
        if self.shutdown is not None and self.shutdown.advance():
            self.timers.shutdown_ended()
        return self.sending.take_events()

    def graceful_shutdown(self) -> None:
        """Accept no new streams, and finish the existing ones."""
        if self.shutdown is None:
            self.timers.shutdown_began()
            self.shutdown = Shutdown(self.sending)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        shutdown = self.shutdown
        late = self.timers.handle(self.sending, now)
        if late and shutdown is not None and not shutdown.advance():
            given_up = shutdown.give_up()
            if self.receiving is not None:
                for stream_id in given_up:
                    self.receiving.we_reset(stream_id)
