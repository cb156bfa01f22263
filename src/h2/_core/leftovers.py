"""Content whose window was given back because it will probably not be read any more."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from h2._core.pieces import Content, take

#: The memory that the content of one stream takes in addition to its octets.
_OVERHEAD: Final = 128


class Leftovers:
    """The content of some streams, by age, and which streams have lost content."""

    __slots__ = ("_content", "_forgotten", "_lost", "_size")

    def __init__(self) -> None:
        self._content: OrderedDict[int, Content] = OrderedDict()
        self._size = 0
        # Streams that have lost content, and whether that was because there was too much of it.
        self._lost: OrderedDict[int, bool] = OrderedDict()
        # The highest identifier, even and odd, of such a stream that is no longer in there.
        self._forgotten = (0, 0)

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._content

    def __len__(self) -> int:
        return len(self._content)

    def keep(self, stream_id: int, content: Content, room: int) -> list[int]:
        """Add content; return the oldest streams, whose content was dropped to make room."""
        self._content[stream_id] = content
        self._size += len(content) + _OVERHEAD
        dropped: list[int] = []
        while self._size > room and len(self._content) > 1:
            oldest, content = self._content.popitem(last=False)
            self._size -= len(content) + _OVERHEAD
            dropped.append(oldest)
        return dropped

    def readable(self, stream_id: int) -> int:
        """Return the number of octets of a stream."""
        content = self._content.get(stream_id)
        return 0 if content is None else len(content)

    def read(self, stream_id: int, amount: int | None) -> bytes:
        """Remove and return octets of a stream, which must have some."""
        data = take(self._content, stream_id, amount)
        self._size -= len(data)
        if stream_id not in self._content:
            self._size -= _OVERHEAD
        return data

    def discard(self, stream_id: int) -> None:
        """Drop the content of a stream."""
        content = self._content.pop(stream_id, None)
        if content is not None:
            self._size -= len(content) + _OVERHEAD

    def note_lost(self, stream_id: int, too_much: bool, most: int) -> None:
        """Note that a stream has lost content; the latest ``most`` of them are remembered.

        ``too_much`` means that the program did not ask for it. It must never mistake the rest for
        everything, so the streams below one that was forgotten count as lost, too.
        """
        self._lost[stream_id] = too_much
        if len(self._lost) > most:
            oldest, too_much = self._lost.popitem(last=False)
            if too_much:
                even, odd = self._forgotten
                self._forgotten = (
                    (even, max(odd, oldest)) if oldest & 1 else (max(even, oldest), odd)
                )

    def has_lost(self, stream_id: int) -> bool:
        """Return whether a stream has lost content, or may have."""
        return stream_id in self._lost or stream_id <= self._forgotten[stream_id & 1]
