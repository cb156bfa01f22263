"""Receive windows that a program configures, and windows that grow automatically."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from operator import index
from typing import Any, Final

from h2._core import lifecycle, send
from h2._core.flow_control import increment_flow_control_window
from h2._core.state import Connection
from h2._frames import encode
from h2._rules import connection_states
from h2._rules.flow_control import DEFAULT_WINDOW, MAX_WINDOW
from h2._rules.setting_bounds import INITIAL_WINDOW_SIZE
from h2.events import DataReceived, Event, PingAckReceived
from h2.exceptions import FlowControlError

#: The payload of the PING frames that measure.
_MEASURING: Final = b"h2window"

#: A measurement begins after a quarter of a window has arrived, so a connection that receives
#: little sends no PING.
_WORTH_MEASURING: Final = 4

#: Windows grow if this much of one arrives in a round trip: less than half, because windows open by
#: halves, and a frame more or less may be in flight when the acknowledgment arrives.
_USED: Final = 0.4

#: Seconds until the next measurement after one that found nothing; doubled each time.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0

#: The shortest plausible round trip, in seconds.
_SHORTEST_ROUND_TRIP: Final = 1e-6


class ReceiveWindows:
    """The windows that a connection starts with; the protocol's defaults if not configured."""

    __slots__ = ("_conn", "_connection_window", "_stream_window")

    def __init__(self, conn: Connection, stream_window: Any, connection_window: Any) -> None:
        self._conn = conn
        self._stream_window = _checked("stream_window", stream_window, 1)
        # SETTINGS does not change the window of the connection, and WINDOW_UPDATE can only enlarge
        # it (section 6.9.2).
        self._connection_window = _checked("connection_window", connection_window, DEFAULT_WINDOW)
        self.prepare()

    def prepare(self) -> None:
        """Put the stream window into the settings, even if the program has replaced them."""
        if self._stream_window is not None and not self._conn.initiated:
            self._conn.local_settings.start_with({INITIAL_WINDOW_SIZE: self._stream_window})

    def started(self) -> None:
        """Enlarge the connection window, once our first SETTINGS are pending."""
        if self._connection_window is not None:
            increment = self._connection_window - self._conn.window.limit
            if increment > 0:
                increment_flow_control_window(self._conn, increment, None)


def _checked(name: str, size: Any, smallest: int) -> int | None:
    """Return the size of a window if it is valid, or raise."""
    if size is None:
        return None
    octets = index(size)
    if not smallest <= octets <= MAX_WINDOW:
        raise ValueError(f"{name} must be between {smallest} and {MAX_WINDOW}, not {octets}")
    return octets


class AutomaticWindow:
    """Windows that grow with the amount of content in a round trip.

    A PING is sent while content arrives. What arrives until its acknowledgment is what the sender
    has in flight in a round trip. If that is about half of a window, the window may be the limit,
    because windows open by halves. Then it is doubled, up to ``largest``.

    Larger windows can just fill a queue in the network. That makes round trips longer, so what has
    arrived is scaled by the ratio to the shortest one. If a window has not grown, the next PING
    is sent later.
    """

    __slots__ = (
        "_clock",
        "_conn",
        "_measured",
        "_next",
        "_octets",
        "_pause",
        "_sent_at",
        "_shortest",
        "largest",
    )

    def __init__(self, conn: Connection, clock: Callable[[], float]) -> None:
        self._conn = conn
        self._clock = clock
        self.largest = 0  #: how large a window may become
        self._octets = 0  # arrived since the PING was sent, otherwise since the last measurement
        self._sent_at: float | None = None  # of the unacknowledged PING
        self._measured = False  # it was acknowledged in this call of receive_data
        self._shortest = inf  # round trip so far, in seconds
        self._pause = 0.0
        self._next = -inf  # no PING before that time

    def follow(self, events: list[Event]) -> list[Event]:
        """Measure the content of a call of receive_data; return the events for the program."""
        left: list[Event] = []
        octets = 0
        for event in events:
            if isinstance(event, DataReceived):
                octets += event.flow_controlled_length
            elif isinstance(event, PingAckReceived) and self._is_ours(event):
                self._measured = True
                continue
            left.append(event)
        self._count(octets)
        return left

    def _is_ours(self, event: PingAckReceived) -> bool:
        """Return whether a PING acknowledgment ends a measurement."""
        asked = self._sent_at is not None and not self._measured
        return asked and event.ping_data == _MEASURING

    def _count(self, octets: int) -> None:
        """Count the content of a call of receive_data; end a measurement, or begin one."""
        self._octets += octets
        conn = self._conn
        size = min(conn.window.limit, self._stream_window())
        if conn.transitions[connection_states.SEND_CONTROL] < 0:
            return
        if self._sent_at is not None:
            if self._measured:
                self._finish(self._sent_at, size, octets)
                self._octets = 0
                self._measured = False
                self._sent_at = None
        elif octets and _WORTH_MEASURING * self._octets >= size and size < self.largest:
            now = self._clock()
            if now >= self._next:
                send.ping(conn, _MEASURING)
                self._sent_at = now
                self._octets = 0

    def _stream_window(self) -> int:
        """Return the window of streams, including what SETTINGS in flight add to it.

        So a peer that acknowledges PING but never SETTINGS is not sent the same value repeatedly.
        """
        size = self._conn.recv_initial_window()
        return size + self._conn.announced.window_growth(size)

    def _finish(self, sent_at: float, size: int, octets: int) -> None:
        """Enlarge the windows if one of this size limits the peer.

        If half a window was unread when this call of receive_data began, the application is what
        limits the peer.
        """
        now = self._clock()
        round_trip = max(now - sent_at, _SHORTEST_ROUND_TRIP)
        self._shortest = min(self._shortest, round_trip)
        carried = self._octets * self._shortest / round_trip
        window = self._conn.window
        unread = window.limit - window.value - window.handed_back - octets
        if carried >= _USED * size and 2 * unread < size:
            self._pause = 0.0
            self._grow(min(2 * size, self.largest))
        else:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._next = now + self._pause

    def _grow(self, size: int) -> None:
        """Make the windows of the connection and of all streams as large as this."""
        conn = self._conn
        if size > self._stream_window():
            try:
                lifecycle.update_settings(conn, {INITIAL_WINDOW_SIZE: size})
            except FlowControlError:
                return  # the program has enlarged the window of a stream to the maximum
        change = size - conn.window.limit
        if change > 0:
            # Less than half of the old size was acknowledged, so there is nothing to announce.
            conn.window.resize(change)
            if conn.conduct.small is not None:
                conn.window_given += change
            conn.out.chunks.append(encode.window_update(0, change))
