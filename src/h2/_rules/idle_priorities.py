"""Streams that have a priority before they are open: RFC 9218 section 7.1 limits their number."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

#: So many are remembered. A peer without a limit could make them pile up otherwise.
_MOST: Final = 1024


class IdlePriorities:
    """The idle streams for which PRIORITY_UPDATE was sent or received."""

    __slots__ = ("_heap", "_ids")

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._heap: list[int] = []  # the same identifiers: streams are opened in their order

    def count_with(self, stream_id: int, highest_used: int) -> int:
        """Return how many streams there are together with another one.

        Identifiers up to ``highest_used`` are not idle any more, and are forgotten.
        """
        while self._heap and self._heap[0] <= highest_used:
            self._ids.remove(heappop(self._heap))
        return len(self._ids) + (stream_id not in self._ids)

    def add(self, stream_id: int) -> None:
        """Remember a stream, unless there are too many already."""
        if stream_id not in self._ids and len(self._ids) < _MOST:
            self._ids.add(stream_id)
            heappush(self._heap, stream_id)
