"""PRIORITY_UPDATE frames for requests not sent yet (RFC 9218 section 7.1)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from h2.priorities import Priority


class EarlyUpdates:
    """Priorities to send as soon as their requests have been sent.

    Identifiers only increase (RFC 9113 section 5.1.1), so the priority of a skipped identifier is
    dropped.
    """

    __slots__ = ("_ids", "_priorities")

    def __init__(self) -> None:
        self._ids: list[int] = []  # in order
        self._priorities: dict[int, Priority] = {}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def keep(self, stream_id: int, priority: Priority) -> None:
        """Keep the priority of a stream that can still be opened, replacing any earlier one."""
        if stream_id not in self._priorities:
            insort(self._ids, stream_id)
        self._priorities[stream_id] = priority

    def take(self, stream_id: int) -> Priority | None:
        """Return the priority of a stream that has been opened, and forget it."""
        priority = self._priorities.get(stream_id)
        self._forget(0, bisect_right(self._ids, stream_id))
        return priority

    def pass_over(self, highest: int, stream_id: int) -> None:
        """Forget identifiers above the highest one reserved so far and below the next one."""
        self._forget(bisect_right(self._ids, highest), bisect_left(self._ids, stream_id))

    def drop(self, stream_id: int) -> None:
        """Forget the priority of a stream, if there is one."""
        if stream_id in self._priorities:
            self.pass_over(stream_id - 1, stream_id + 1)

    def _forget(self, start: int, stop: int) -> None:
        for stream_id in self._ids[start:stop]:
            del self._priorities[stream_id]
        del self._ids[start:stop]
