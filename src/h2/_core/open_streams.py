"""The streams that are not closed, as programs see them: programs may remove streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2._core.counts import Counts

# The other methods of a dict: those that change it, and those that do not.
_CHANGING = ("__ior__", "__setitem__", "setdefault", "update")
_READING = (
    *("__contains__", "__eq__", "__getitem__", "__iter__", "__len__", "__ne__", "__or__"),
    *("__repr__", "__reversed__", "__ror__", "copy", "get", "items", "keys", "values"),
)


class OpenStreams(dict[int, Any]):
    """Streams by identifier. Consumers know it as ``H2Connection.streams``.

    A stream that they remove is no longer counted. The streams themselves are in a plain dict,
    which is faster: this object is empty as a dict, and all of its methods use the other.
    """

    __slots__ = ("_counts", "_table")

    def __init__(self, table: dict[int, Any], counts: Counts) -> None:
        # dict.__init__ is not called: there is nothing to insert.
        self._table = table
        self._counts = counts

    def __reduce__(self) -> tuple[Any, ...]:
        # Not as a dict with items, which would be added before the object has a table.
        return OpenStreams, (self._table, self._counts)

    def __copy__(self) -> dict[int, Any]:
        return self._table.copy()

    def pop(self, stream_id: int, *default: Any) -> Any:
        """Remove a stream."""
        self._counts.altered = True
        stream = self._table.pop(stream_id, *default)
        if getattr(stream, "open", False):
            self._counts.change(stream_id, -1)
        return stream

    def popitem(self) -> tuple[int, Any]:
        """Remove the stream that was opened last."""
        self._counts.altered = True
        stream_id, stream = self._table.popitem()
        if stream.open:
            self._counts.change(stream_id, -1)
        return stream_id, stream

    def clear(self) -> None:
        """Remove all streams."""
        self._table.clear()
        self._counts.altered = True
        self._counts.inbound = self._counts.outbound = 0

    def __delitem__(self, stream_id: int) -> None:
        self.pop(stream_id)


def _delegating(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    def delegate(self: OpenStreams, *arguments: Any, **named: Any) -> Any:
        if name in _CHANGING:
            self._counts.altered = True
        return method(self._table, *arguments, **named)

    delegate.__name__ = name
    delegate.__doc__ = method.__doc__
    return delegate


for _name in _CHANGING + _READING:
    setattr(OpenStreams, _name, _delegating(_name))
