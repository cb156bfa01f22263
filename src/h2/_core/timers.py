"""Timers: keepalive, and time limits for answers that do not arrive.

Nothing here runs by itself: the program asks when a timer is due, and calls at that time.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final

from h2._core import send
from h2._core.announced import Frame
from h2._core.faults import send_goaway
from h2._core.send_queue import SendQueue
from h2._core.state import Connection
from h2._rules.connection_states import TERMINATED
from h2.errors import ErrorCodes
from h2.events import KeepaliveTimedOut, SettingsTimedOut

#: The payload of the PING that checks whether the peer is still there.
_STILL_THERE: Final = b"h2-alive"


def checked_number(name: str, number: Any) -> float:
    """Return a number as a float, or raise TypeError: the same in both builds of the package."""
    if not isinstance(number, (int, float)):
        raise TypeError(f"{name} must be a number, not {type(number).__name__}")
    return float(number)


def checked_seconds(name: str, seconds: Any) -> float:
    """Return a number of seconds, or raise ValueError or TypeError."""
    number = checked_number(name, seconds)
    if not 0 < number < inf:
        raise ValueError(f"{name} must be a number of seconds greater than 0, not {seconds}")
    return number


class KeepaliveTimer:
    """Sends PING after a long silence, and gives up if nothing arrives after that either."""

    __slots__ = ("_clock", "_conn", "_heard", "_idle", "_pinged", "_timeout", "unanswered")

    def __init__(
        self, conn: Connection, idle: Any, timeout: Any, clock: Callable[[], float]
    ) -> None:
        self._conn = conn
        self._clock = clock
        self._idle = checked_seconds("keepalive.idle", idle)
        self._timeout = checked_seconds("keepalive.timeout", timeout)
        #: When something last arrived; None before the connection has begun, and after giving up.
        self._heard: float | None = None
        #: When PING was sent, if nothing has arrived since.
        self._pinged: float | None = None
        #: PING frames that have not been acknowledged.
        self.unanswered = 0

    def heard(self) -> None:
        """Note that something has arrived, or that the connection begins."""
        if not self._conn.initiated:
            return  # PING must not be sent before our first SETTINGS
        self._heard = self._clock()
        self._pinged = None

    def due(self) -> float | None:
        """Return when the timer is due, None for never."""
        if self._pinged is not None:
            return self._pinged + self._timeout
        return None if self._heard is None else self._heard + self._idle

    def handle(self, now: float) -> bool:
        """Do what is due; return whether the time has expired."""
        if self._pinged is None:
            send.ping(self._conn, _STILL_THERE)
            self.unanswered += 1
            self._pinged = now
            return False
        self._heard = self._pinged = None
        return True

    def acknowledged(self, ping_data: bytes) -> bool:
        """Return whether an acknowledgment is for one of our PING frames; count it if so."""
        if not self.unanswered or ping_data != _STILL_THERE:
            return False
        self.unanswered -= 1
        return True


class SettingsTimer:
    """Checks that the peer acknowledges SETTINGS (RFC 9113 section 6.5.3).

    The time runs from when this first sees a frame as the oldest one in flight. It checks when the
    connection begins and when the program asks what is due, so it is at most a little late.
    """

    __slots__ = ("_clock", "_conn", "_oldest", "_since", "_timeout")

    def __init__(self, conn: Connection, timeout: Any, clock: Callable[[], float]) -> None:
        self._conn = conn
        self._clock = clock
        self._timeout = checked_seconds("settings_timeout", timeout)
        self._oldest: Frame | None = None
        self._since = 0.0

    def due(self) -> float | None:
        """Return when the time expires, None if every frame was acknowledged."""
        in_flight = self._conn.announced.in_flight
        if not in_flight or not self._conn.initiated:
            self._oldest = None
            return None
        if in_flight[0] is not self._oldest:
            self._oldest = in_flight[0]
            self._since = self._clock()
        return self._since + self._timeout


class Timers:
    """All timers of one connection; none if the program configures none."""

    __slots__ = ("_clock", "_settings", "_shutdown_due", "_shutdown_timeout", "conn", "keepalive")

    def __init__(
        self,
        conn: Connection,
        keepalive: Any,
        settings_timeout: Any,
        shutdown_timeout: Any,
        clock: Callable[[], float],
    ) -> None:
        self.conn = conn
        self.keepalive = (
            None
            if keepalive is None
            else KeepaliveTimer(conn, keepalive.idle, keepalive.timeout, clock)
        )
        self._settings = (
            None if settings_timeout is None else SettingsTimer(conn, settings_timeout, clock)
        )
        self._shutdown_timeout = (
            None
            if shutdown_timeout is None
            else checked_seconds("shutdown_timeout", shutdown_timeout)
        )
        self._shutdown_due: float | None = None
        self._clock = clock

    def started(self) -> None:
        """Start the timers: our preface has been sent."""
        if self.keepalive is not None:
            self.keepalive.heard()
        if self._settings is not None:
            self._settings.due()

    def shutdown_began(self) -> None:
        """Start the timer of a graceful shutdown."""
        if self._shutdown_timeout is not None:
            self._shutdown_due = self._clock() + self._shutdown_timeout

    def shutdown_ended(self) -> None:
        """Stop the timer: the shutdown is complete."""
        self._shutdown_due = None

    def due(self) -> float | None:
        """Return the next time at which a timer is due, None for never."""
        if self.conn.state == TERMINATED:
            return None
        times = (
            None if self.keepalive is None else self.keepalive.due(),
            None if self._settings is None else self._settings.due(),
            self._shutdown_due,
        )
        return min((time for time in times if time is not None), default=None)

    def handle(self, queue: SendQueue, now: float) -> bool:
        """Do what is due; return whether the time of a graceful shutdown has expired."""
        conn = self.conn
        if conn.state == TERMINATED:
            return False
        settings = self._settings
        if settings is not None and _is_over(settings.due(), now):
            # "If the sender of a SETTINGS frame does not receive an acknowledgment within a
            # reasonable amount of time, it MAY issue a connection error (Section 5.4.1) of type
            # SETTINGS_TIMEOUT."
            send_goaway(conn, ErrorCodes.SETTINGS_TIMEOUT)
            conn.end()
            queue.drop_all()
            queue.events.append(SettingsTimedOut())
            return False
        keepalive = self.keepalive
        if keepalive is not None and _is_over(keepalive.due(), now) and keepalive.handle(now):
            queue.events.append(KeepaliveTimedOut())
        if _is_over(self._shutdown_due, now):
            self._shutdown_due = None
            return True
        return False


def _is_over(due: float | None, now: float) -> bool:
    return due is not None and now >= due
