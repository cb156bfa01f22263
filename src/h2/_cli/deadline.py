"""How much time is left."""

from __future__ import annotations

import time

from h2._cli.failure import Failure, Status


class Deadline:
    """The end of a time span; there is none if the seconds are None.

    :param what: what has timed out, for the message
    """

    def __init__(self, seconds: float | None, what: str) -> None:
        self._start = time.monotonic()
        self._seconds = seconds
        self._what = what

    def left(self) -> float | None:
        """Return the seconds that are left, more than 0; raises Failure if there are none."""
        if self._seconds is None:
            return None
        spent = time.monotonic() - self._start
        if spent < self._seconds:
            return self._seconds - spent
        text = f"{self._what} timed out after {spent * 1000:.0f} milliseconds"
        raise Failure(Status.TIMEOUT, text)

    def within(self, seconds: float, what: str) -> Deadline:
        """Return the earlier of this deadline and one this many seconds from now."""
        left = self.left()
        return self if left is not None and left < seconds else Deadline(seconds, what)
