"""Content that has arrived and that the application has not taken yet."""

from __future__ import annotations

from h2._core.state import Connection
from h2.events import Event


class ReceiveQueue:
    """The content that waits for the application, and the windows of one connection."""

    __slots__ = ("automatic", "buffering", "conn", "connection_window", "stream_window")

    def __init__(
        self,
        conn: Connection,
        buffering: bool,
        stream_window: int | None,
        connection_window: int | None,
        automatic: bool,
    ) -> None:
        self.conn = conn
        self.buffering = buffering
        self.stream_window = stream_window
        self.connection_window = connection_window
        self.automatic = automatic

    def prepare(self) -> None:
        """Put the windows into the settings, before they are announced."""

    def started(self) -> None:
        """Enlarge the window of the connection, once the settings are on their way."""

    def follow(self, events: list[Event]) -> list[Event]:
        """Take the content out of the events of a call of receive_data."""
        return events

    def read(self, stream_id: int, amount: int | None) -> bytes:
        """Return content that has arrived, and acknowledge it."""
        return b""

    def readable(self, stream_id: int) -> int:
        """Return how many octets wait."""
        return 0

    def at_end(self, stream_id: int) -> bool:
        """Tell whether all content has come and was taken."""
        return False
