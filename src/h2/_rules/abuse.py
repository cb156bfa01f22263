"""What a peer did that harms only if there is too much of it. Knows no frames, and no limits."""

from __future__ import annotations

from typing import Final

from h2._rules.flow_control import DEFAULT_WINDOW

#: Frames of this many octets of content carry more than they cost.
SMALL_DATA: Final = 256

#: Increments of this size or more: 2**17 of them overflow a window, so they need no other limit.
SMALL_INCREMENT: Final = 2**14

#: Ordinary traffic has some frames for each stream that do nothing: those that were under way when
#: the stream ended, priority, informational responses.
FREE_PER_STREAM: Final = 8

#: The most window updates that a receiver sends for an octet: one for the stream, one for the
#: connection.
_FREE_PER_OCTET: Final = 2

#: What honest fields count beside the entries of the dynamic table: each one 32 octets, and perhaps
#: an entry of the static table; and the octets of literals, which the Huffman code makes shorter.
FOR_FIELD: Final = 64
FOR_OCTET: Final = 2


class TokenBucket:
    """A number at once and a number more each second; each call passes the time."""

    __slots__ = ("_at", "used")

    def __init__(self) -> None:
        self.used = 0.0
        self._at = 0.0

    def take(self, amount: float, burst: int, per_second: float, now: float) -> bool:
        """Count this amount; return whether it is still allowed."""
        elapsed = now - self._at
        used = self.used - elapsed * per_second if elapsed > 0 else self.used
        self.used = used = amount + (used if used > 0 else 0.0)
        self._at = now
        return used <= burst


class SmallFrames:
    """How many small DATA frames are not acknowledged, at most.

    The application acknowledges octets, not frames. They are taken to be those of small frames
    first, and are subtracted only when the count exceeds its limit.
    """

    __slots__ = ("_acknowledged", "count", "octets")

    def __init__(self, acknowledged: int) -> None:
        self.count = 0
        self.octets = 0
        self._acknowledged = acknowledged

    def settle(self, acknowledged: int) -> int:
        """Subtract what was acknowledged since, given the total of all octets; return the count."""
        given_back = acknowledged - self._acknowledged
        self._acknowledged = acknowledged
        if given_back >= self.octets:
            self.count = self.octets = 0
        else:
            self.count -= self.count * given_back // self.octets
            self.octets -= given_back
        return self.count


class Conduct:
    """What one peer did so far. What most peers never do takes no memory."""

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
        self.buckets: dict[str, TokenBucket] = {}  #: by the limit that they belong to
        self.empty = 0  #: DATA frames without content that ordinary traffic has
        self.extras: float = 0.0  #: frames that ordinary traffic has for each stream
        self._due_updates: float = 0.0  # small window updates that follow from what was sent
        #: Of the connection: after the last small update, and with the large ones since then. None
        #: as long as no small one came.
        self.send_window: int | None = None
        self.settings_came = False
        self.pings = 0  #: PING frames of ours without an answer
        self.promises = 0  #: valid ones, all of them
        #: None as long as all small DATA frames are acknowledged.
        self.small: SmallFrames | None = None

    def is_due_update(self, before: int, after: int) -> bool:
        """Count a small window update; False if the octets sent give no reason for it.

        It has changed the window of the connection from ``before`` to ``after``. By how much the
        window fell since the last small update, large ones aside, is what was sent.
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
