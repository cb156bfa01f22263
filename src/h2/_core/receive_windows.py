"""The receive windows that a program asks for, and windows that grow by themselves."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Final

from h2._core import lifecycle, send
from h2._core.flow_control import increment_flow_control_window
from h2._core.state import Connection
from h2._frames import encode
from h2._rules import connection_states
from h2._rules.flow_control import DEFAULT_WINDOW, MAX_WINDOW
from h2._rules.setting_bounds import INITIAL_WINDOW_SIZE
from h2.exceptions import FlowControlError

#: The payload of the PING frames that measure.
_MEASURING: Final = b"h2window"

#: A measurement begins after so many quarters of a window have arrived, so that those who receive
#: little send no PING.
_WORTH_MEASURING: Final = 4

#: By so much the rate has to be higher than ever before: a queue on the way makes the round trip
#: longer, and so more arrives within one, but not faster.
_FASTER: Final = 1.1

#: Seconds between two measurements of which the first has found nothing: doubled each time.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0

#: The shortest round trip that is believed, in seconds.
_SHORTEST_ROUND_TRIP: Final = 1e-6


class ReceiveWindows:
    """The windows that a connection starts with; those of the protocol where none was asked for."""

    __slots__ = ("_conn", "_connection_window", "_stream_window")

    def __init__(
        self, conn: Connection, stream_window: int | None, connection_window: int | None
    ) -> None:
        self._conn = conn
        self._stream_window = _checked("stream_window", stream_window, 1)
        # SETTINGS does not change the window of the connection, and WINDOW_UPDATE can only enlarge
        # it (section 6.9.2).
        self._connection_window = _checked("connection_window", connection_window, DEFAULT_WINDOW)
        self.prepare()

    def prepare(self) -> None:
        """Put the window of streams into the settings, also where the program has replaced them."""
        if self._stream_window is not None and not self._conn.initiated:
            self._conn.local_settings.start_with(INITIAL_WINDOW_SIZE, self._stream_window)

    def started(self) -> None:
        """Enlarge the window of the connection, once our first SETTINGS are pending."""
        if self._connection_window is not None:
            increment = self._connection_window - self._conn.window.limit
            self._connection_window = None
            if increment > 0:
                increment_flow_control_window(self._conn, increment, None)


def _checked(name: str, size: int | None, smallest: int) -> int | None:
    """Return the size of a window, or raise."""
    if size is None:
        return None
    size = index(size)
    if not smallest <= size <= MAX_WINDOW:
        raise ValueError(f"{name} must be between {smallest} and {MAX_WINDOW}, not {size}")
    return size


class AutomaticWindow:
    """Windows that grow with what the connection carries in a round trip.

    A PING is sent while content arrives. What has arrived until its acknowledgment is as much as
    the sender could have on the way. If that is about the size of a window, the window may be what
    limits it: it becomes twice of that, up to ``largest``. The time tells whether a larger window
    has made anything faster; if it has not, it does not grow, and the next PING comes later.
    """

    __slots__ = (
        "_best",
        "_clock",
        "_conn",
        "_next",
        "_octets",
        "_pause",
        "_sent_at",
        "largest",
    )

    def __init__(self, conn: Connection, clock: Callable[[], float]) -> None:
        self._conn = conn
        self._clock = clock
        self.largest = 0  #: how large a window may become
        self._octets = 0  # arrived since the PING was sent, or else since the last measurement
        self._sent_at: float | None = None  # of the PING that is not acknowledged
        self._best = 0.0  # the highest rate so far, in octets per second
        self._pause = 0.0
        self._next = 0.0  # no PING before that time

    def received(self, octets: int) -> None:
        """Count octets of content; begin a measurement if it is time for one."""
        self._octets += octets
        conn = self._conn
        if self._sent_at is not None or _WORTH_MEASURING * self._octets < self._size():
            return
        if self._size() >= self.largest or conn.transitions[connection_states.SEND_CONTROL] < 0:
            return
        now = self._clock()
        if self._pause and now < self._next:
            return
        send.ping(conn, _MEASURING)
        self._sent_at = now
        self._octets = 0

    def _size(self) -> int:
        """Return the size of the smaller window, that of the connection or that of a stream."""
        conn = self._conn
        return min(conn.window.limit, conn.recv_initial_window())

    def acknowledged(self, ping_data: bytes) -> bool:
        """Tell whether an acknowledgment of PING ends a measurement; enlarge the windows then."""
        if self._sent_at is None or ping_data != _MEASURING:
            return False
        now = self._clock()
        rate = self._octets / max(now - self._sent_at, _SHORTEST_ROUND_TRIP)
        self._sent_at = None
        if 3 * self._octets >= 2 * self._size() and rate > _FASTER * self._best:
            self._best = rate
            self._pause = 0.0
            self._grow(min(2 * self._octets, self.largest))
        else:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._next = now + self._pause
        self._octets = 0
        return True

    def _grow(self, size: int) -> None:
        """Make the windows of the connection and of all streams as large as this."""
        conn = self._conn
        if conn.transitions[connection_states.SEND_CONTROL] < 0:
            return
        if size > conn.recv_initial_window():
            try:
                lifecycle.update_settings(conn, {INITIAL_WINDOW_SIZE: size})
            except FlowControlError:
                return  # the program has enlarged the window of a stream as far as it goes
        change = size - conn.window.limit
        if change > 0:
            increment = change + conn.window.resize(change)
            if conn.conduct.small is not None:
                conn.window_given += increment
            conn.out.append(encode.window_update(0, increment))
