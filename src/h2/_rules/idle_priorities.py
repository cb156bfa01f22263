"""Streams that have a priority before they are open: RFC 9218 section 7.1 limits their number."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Final

#: The maximum that is remembered. Otherwise, without a stream limit, a peer could add any number.
_MOST: Final = 1024


class IdlePriorities:
    """The idle streams for which PRIORITY_UPDATE was sent or received.

    Streams are opened in the order of their identifiers; when one is used, those below it are no
    longer idle (RFC 9113 section 5.1.1).
    """

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: list[int] = []  # in order

    def count_with(self, stream_id: int, highest_used: int) -> int:
        """Return how many streams there are, including another idle one."""
        gone = bisect_right(self._ids, highest_used)
        return len(self._ids) - gone + (stream_id not in self)

    def add(self, stream_id: int, highest_used: int) -> None:
        """Remember an idle stream, unless there are too many already."""
        del self._ids[: bisect_right(self._ids, highest_used)]
        if len(self._ids) < _MOST and stream_id not in self:
            insort(self._ids, stream_id)

    def __contains__(self, stream_id: int) -> bool:
        """Return whether a stream is remembered."""
        place = bisect_left(self._ids, stream_id)
        return self._ids[place : place + 1] == [stream_id]
