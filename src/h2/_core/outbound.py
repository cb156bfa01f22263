"""What waits on one stream: content, and the field blocks in front of it and behind it."""

from __future__ import annotations

from typing import Final

from h2._core.scheduler import Turn
from h2._core.send_headers import CheckedFields
from h2._core.stream import Stream

#: So many chunks that are gone stay in the list; more are cut off when they are half of it.
_FEW: Final = 32

#: Marks a chunk without padding in the list of paddings.
_UNPADDED: Final = -1


class Block:
    """A field block that waits. It was checked in the call that gave it."""

    __slots__ = ("end_stream", "fields", "priority")

    def __init__(self, fields: CheckedFields, end_stream: bool, priority: bytes) -> None:
        self.fields = fields
        self.end_stream = end_stream
        self.priority = priority  #: the packed priority fields of RFC 7540, or empty


class Opening:
    """The field blocks with which a stream opens, as long as the peer allows no more streams.

    ``stream`` is in the state that the stream will be in behind these blocks. It is not among the
    streams of the connection.
    """

    __slots__ = ("blocks", "stream")

    def __init__(self, stream: Stream, first: Block) -> None:
        self.blocks: list[Block] = [first]
        self.stream = stream


class Outbound(Turn):
    """The content that waits on one stream, in chunks as the application gave it."""

    __slots__ = (
        "_chunks",
        "_first",
        "_offset",
        "_paddings",
        "opening",
        "reset_behind",
        "trailers",
        "unwritable",
    )

    def __init__(self, stream_id: int, urgency: int, incremental: bool) -> None:
        super().__init__(stream_id, urgency, incremental)
        self._chunks: list[bytes] = []
        self._first: int = 0  # chunks at the front that are gone
        self._offset: int = 0  # octets of the next chunk that are gone
        # The padding of each chunk; None as long as no chunk has any.
        self._paddings: list[int] | None = None
        self.opening: Opening | None = None  #: what goes first on a stream that is not open yet
        self.trailers: Block | None = None
        self.unwritable: bool = False  #: so much waits that the application should not go on
        self.reset_behind: bool = False  #: RST_STREAM follows the end of our message

    @property
    def holds(self) -> bool:
        """Whether something waits that what is added now has to go behind."""
        return self.size > 0 or self.ended or self.opening is not None

    def append(self, data: bytes, pad_length: int | None) -> None:
        """Add content that is not empty."""
        if pad_length is not None and self._paddings is None:
            self._paddings = [_UNPADDED] * len(self._chunks)
        self._chunks.append(data)
        self.size += len(data)
        if self._paddings is not None:
            self._paddings.append(_UNPADDED if pad_length is None else pad_length)

    def next_padding(self) -> tuple[int, int] | None:
        """Return the padding of the next chunk, and how much of that chunk is left.

        None where no chunk is padded. Chunks are not put together where one is.
        """
        if self._paddings is None:
            return None
        left = len(self._chunks[self._first]) - self._offset
        return self._paddings[self._first], left

    def take(self, size: int) -> bytes:
        """Return the next octets, at least one and not more than there are, and forget them."""
        self.size -= size
        chunk = self._chunks[self._first]
        offset = self._offset
        left = len(chunk) - offset
        if left > size:
            self._offset = offset + size
            return chunk[offset : self._offset]
        if offset:
            chunk = chunk[offset:]
            self._offset = 0
        first = self._first = self._first + 1
        if left < size:
            chunk = self._join(chunk, size - left)
            first = self._first
        if not self.size:
            self._chunks.clear()
            self._paddings = None
            self._first = 0
        elif first > _FEW and 2 * first > len(self._chunks):
            # Only when these prevail, so that the cost stays linear.
            del self._chunks[:first]
            if self._paddings is not None:
                del self._paddings[:first]
            self._first = 0
        return chunk

    def _join(self, start: bytes, missing: int) -> bytes:
        """Put small chunks together."""
        pieces = [start]
        while missing:
            chunk = self._chunks[self._first]
            if len(chunk) > missing:
                chunk = chunk[:missing]
                self._offset = missing
            else:
                self._first += 1
            pieces.append(chunk)
            missing -= len(chunk)
        return b"".join(pieces)
