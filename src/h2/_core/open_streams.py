"""The streams that are not closed, as programs see them: programs may remove streams."""

from __future__ import annotations

from typing import Any

from h2._core.counts import Counts


class OpenStreams(dict[int, Any]):
    """Streams by identifier. Consumers know it as ``H2Connection.streams``.

    A stream that they remove is no longer counted.
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Counts) -> None:
        # dict.__init__ is not called: there is nothing to insert.
        self._counts = counts

    def pop(self, stream_id: int, *default: Any) -> Any:
        """Remove a stream."""
        self._counts.altered = True
        stream = dict.pop(self, stream_id, *default)
        if getattr(stream, "open", False):
            self._counts.change(stream_id, -1)
        return stream

    def popitem(self) -> tuple[int, Any]:
        """Remove the stream that was opened last."""
        self._counts.altered = True
        stream_id, stream = dict.popitem(self)
        if stream.open:
            self._counts.change(stream_id, -1)
        return stream_id, stream

    def clear(self) -> None:
        """Remove all streams."""
        dict.clear(self)
        self._counts.altered = True
        self._counts.inbound = self._counts.outbound = 0

    def __delitem__(self, stream_id: int) -> None:
        self.pop(stream_id)
