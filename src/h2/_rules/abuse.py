"""Counts what a peer does that is harmful only in excess. Knows no frames, and no limits."""

from __future__ import annotations

from typing import Final

from h2._native import mypyc_attr
from h2._rules.flow_control import DEFAULT_WINDOW

#: Frames of this many octets of content carry more than they cost.
SMALL_DATA: Final = 256

#: Increments of this size or more: 2**17 of them overflow a window, so they need no other limit.
SMALL_INCREMENT: Final = 2**14

#: Ordinary traffic has a few frames without effect for each stream: those that were in flight when
#: the stream ended, priorities, informational responses.
FREE_PER_STREAM: Final = 8

#: The most WINDOW_UPDATE frames that a receiver sends for one octet: one for the stream, one for
#: the connection.
_FREE_PER_OCTET: Final = 2

#: The size of legitimate fields apart from entries of the dynamic table: 32 octets for each, plus
#: possibly an entry of the static table, and the literals, which the Huffman code shortens.
FOR_FIELD: Final = 64
FOR_OCTET: Final = 2


@mypyc_attr(acyclic=True)
class TokenBucket:
    """A burst, and a number more each second; the caller passes the time."""

    __slots__ = ("_at", "used")

    def __init__(self) -> None:
        self.used = 0.0
        self._at = 0.0

    def take(self, amount: float, burst: int, per_second: float, now: float) -> bool:
        """Take this amount; return whether it is within the limit."""
        elapsed = now - self._at
        used = self.used - elapsed * per_second if elapsed > 0 else self.used
        self.used = used = amount + (used if used > 0 else 0.0)
        self._at = now
        return used <= burst


@mypyc_attr(acyclic=True)
class SmallFrames:
    """An upper bound for the number of small DATA frames that have not been acknowledged.

    The application acknowledges octets, not frames. They are attributed to small frames first,
    and are subtracted only when the count exceeds its limit.
    """

    __slots__ = ("_acknowledged", "count", "octets")

    def __init__(self, acknowledged: int) -> None:
        self.count = 0
        self.octets = 0
        self._acknowledged = acknowledged

    def settle(self, acknowledged: int) -> int:
        """Subtract what was acknowledged since the last call; return the count.

        ``acknowledged`` is the total of all octets.
        """
        given_back = acknowledged - self._acknowledged
        self._acknowledged = acknowledged
        if given_back >= self.octets:
            self.count = self.octets = 0
        else:
            self.count -= self.count * given_back // self.octets
            self.octets -= given_back
        return self.count


@mypyc_attr(acyclic=True)
class Conduct:
    """The actions of one peer so far. Those that most peers never take need no memory."""

    __slots__ = (
        "_due_updates",
        "buckets",
        "empty",
        "extras",
        "pings",
        "promises",
        "send_window",
        "settings_came",
        "small",
    )

    def __init__(self) -> None:
        self.buckets: dict[str, TokenBucket] = {}  #: by the name of the limit
        self.empty = 0  #: empty DATA frames, as many as ordinary traffic has
        self.extras: float = 0.0  #: extra frames, as many as ordinary traffic has for each stream
        self._due_updates: float = 0.0  # small WINDOW_UPDATE frames that what was sent accounts for
        #: Of the connection: after the last small update, and with the large ones since then. None
        #: as long as no small one came.
        self.send_window: int | None = None
        self.settings_came = False
        self.pings = 0  #: our PING frames without an answer
        self.promises = 0  #: valid ones, all of them
        #: None while all small DATA frames are acknowledged.
        self.small: SmallFrames | None = None

    def is_due_update(self, before: int, after: int) -> bool:
        """Count a small WINDOW_UPDATE; return False if the octets sent do not account for it.

        It changed the window of the connection from ``before`` to ``after``. The octets sent are
        the amount by which the window fell since the last small update, large ones aside.
        """
        known = DEFAULT_WINDOW if self.send_window is None else self.send_window
        sent = known - before
        self.send_window = after
        if sent > 0:
            self._due_updates += _FREE_PER_OCTET * sent
        if not self._due_updates:
            return False
        self._due_updates -= 1
        return True
