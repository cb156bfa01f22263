"""The streams that are not closed, as programs see them: they may take streams out."""

from __future__ import annotations

from typing import Any

from h2._core.counts import Counts


class OpenStreams(dict[int, Any]):
    """Streams by identifier. Consumers know it as ``H2Connection.streams``.

    A stream that they take out is not counted any more.
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Counts) -> None:
        # No call of dict.__init__: there is nothing that it could put in.
        self._counts = counts

    def pop(self, stream_id: int, *default: Any) -> Any:
        """Take a stream out."""
        stream = dict.pop(self, stream_id, *default)
        if getattr(stream, "open", False):
            self._counts.change(stream_id, -1)
        return stream

    def popitem(self) -> tuple[int, Any]:
        """Take out the stream that was opened last."""
        stream_id, stream = dict.popitem(self)
        if stream.open:
            self._counts.change(stream_id, -1)
        return stream_id, stream

    def clear(self) -> None:
        """Take out all streams."""
        dict.clear(self)
        self._counts.inbound = self._counts.outbound = 0

    def __delitem__(self, stream_id: int) -> None:
        self.pop(stream_id)
