"""Content that cannot be sent yet, and what goes next when bytes are taken."""

from __future__ import annotations

from typing import Any

from h2._core import flow_control, lifecycle, priority_update, send, send_headers
from h2._core.state import Connection
from h2.events import Event
from h2.priorities import Priority


class SendQueue:
    """What one connection has to send and cannot send yet."""

    __slots__ = ("_events", "conn", "high", "low", "streams_before_settings")

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.high = 0
        self.low = 0
        self.streams_before_settings = 0
        self._events: list[Event] = []

    def prepare(self) -> None:
        """Do what has to be done before our first SETTINGS."""

    def next_stream_id(self, highest: int) -> int:
        """Return the identifier of the next stream that we can open."""
        return lifecycle.next_stream_id(self.conn, highest)

    def send_headers(self, stream_id: int, headers: Any, end_stream: bool, priority: bytes) -> None:
        """Send a field block, or keep it."""
        send_headers.send_headers(self.conn, stream_id, headers, end_stream, priority)

    def send_data(
        self, stream_id: int, data: bytes, end_stream: bool, pad_length: int | None
    ) -> None:
        """Keep content."""
        send.send_data(self.conn, stream_id, data, end_stream, pad_length)

    def reset_stream(self, stream_id: int, error_code: int) -> None:
        """Drop what waits, and reset the stream."""
        send.reset_stream(self.conn, stream_id, error_code)

    def send_priority_update(self, stream_id: int, priority: Priority) -> None:
        """Send PRIORITY_UPDATE, or keep it."""
        priority_update.send(self.conn, stream_id, priority)

    def connection_closed(self) -> None:
        """Drop everything if the connection has ended."""

    def follow(self, events: list[Event]) -> list[Event]:
        """Act on the events of a call of receive_data; return them with our own."""
        return events

    def take(self, amount: int | None) -> bytes:
        """Return bytes for the peer, and forget them."""
        conn = self.conn
        if conn.exhausted:
            flow_control.reopen(conn)
        if not conn.out.chunks:
            return b""
        return conn.out.take(amount, conn.config._active_logger)

    def take_events(self) -> list[Event]:
        """Return what no call has told yet."""
        events, self._events = self._events, []
        return events

    def is_writable(self, stream_id: int) -> bool:
        """Tell whether to go on writing."""
        return stream_id in self.conn.streams

    def buffer_size(self, stream_id: int | None) -> int:
        """Return how many octets wait."""
        return 0

    @property
    def waiting_streams(self) -> int:
        """How many streams wait to be opened."""
        return 0

    def set_priority(self, stream_id: int, urgency: int | None, incremental: bool | None) -> None:
        """Say how urgent what we send on a stream is."""

    def get_priority(self, stream_id: int) -> Priority:
        """Return how urgent what we send on a stream is."""
        return Priority()
