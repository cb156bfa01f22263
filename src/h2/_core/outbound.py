"""What is pending on one stream: content, and the field blocks before and after it."""

from __future__ import annotations

from typing import Final

from h2._core.output import COPY_BELOW, Chunk
from h2._core.scheduler import Turn
from h2._core.send_headers import CheckedFields
from h2._core.stream import Stream

#: This many sent chunks may stay in the list; more are cut off once they are half of it.
_FEW: Final = 32

#: Marks a chunk without padding in the list of paddings.
_UNPADDED: Final = -1


class Block:
    """A pending field block. It was checked in the call that passed it."""

    __slots__ = ("end_stream", "fields", "priority")

    def __init__(self, fields: CheckedFields, end_stream: bool, priority: bytes) -> None:
        self.fields = fields
        self.end_stream = end_stream
        self.priority = priority  #: the packed priority fields of RFC 7540, or empty


class Opening:
    """The field blocks that open a stream, while the peer allows no more streams.

    ``stream`` has the state in which the stream will be after these blocks. It is not one of the
    streams of the connection yet.
    """

    __slots__ = ("blocks", "stream")

    def __init__(self, stream: Stream, first: Block) -> None:
        self.blocks: list[Block] = [first]
        self.stream = stream


class Outbound(Turn):
    """The pending content of one stream, in chunks as the application passed it."""

    __slots__ = (
        "_chunks",
        "_first",
        "_offset",
        "opening",
        "paddings",
        "reset_behind",
        "trailers",
        "unwritable",
    )

    def __init__(self, stream_id: int, urgency: int, incremental: bool) -> None:
        super().__init__(stream_id, urgency, incremental)
        self._chunks: list[bytes] = []
        self._first: int = 0  # chunks at the front that have been sent
        self._offset: int = 0  # octets of the next chunk that have been sent
        #: The padding of each chunk; None while no chunk has any. Chunks are not joined if one has.
        self.paddings: list[int] | None = None
        self.opening: Opening | None = None  #: what goes first on a stream that is not open yet
        self.trailers: Block | None = None
        self.unwritable: bool = False  #: so much is pending that the application should pause
        self.reset_behind: bool = False  #: RST_STREAM follows the end of our message

    @property
    def holds(self) -> bool:
        """Whether something is pending that must be sent before what is added now."""
        return self.size > 0 or self.ended or self.opening is not None

    def append(self, data: bytes, pad_length: int | None) -> None:
        """Add content, which must not be empty."""
        if pad_length is not None and self.paddings is None:
            self.paddings = [_UNPADDED] * len(self._chunks)
        self._chunks.append(data)
        self.size += len(data)
        if self.paddings is not None:
            self.paddings.append(_UNPADDED if pad_length is None else pad_length)

    def next_padding(self) -> tuple[int, int]:
        """Return the padding of the next chunk, and how much of that chunk is left."""
        padding = _UNPADDED if self.paddings is None else self.paddings[self._first]
        return padding, len(self._chunks[self._first]) - self._offset

    def cut(self, size: int, largest: int) -> list[Chunk]:
        """Remove and return the next octets, at least one and no more than there are.

        They come in pieces of ``largest`` octets, except for the last one. Only small chunks are
        copied, to join them.
        """
        self.size -= size
        chunk = self._chunks[self._first]
        offset = self._offset
        left = len(chunk) - offset
        if size > left:
            return self._cut_chunks(size, largest)
        pieces: list[Chunk]
        if size == left and size <= largest and not offset:
            pieces = [chunk]
        elif size < COPY_BELOW and size <= largest:
            stop = offset + size
            pieces = [chunk[offset:stop]]  # a view would cost more than the copy
        else:
            view = memoryview(chunk)
            stop = offset + size
            pieces = []
            while stop - offset > largest:
                end = offset + largest
                pieces.append(view[offset:end])
                offset = end
            pieces.append(view[offset:stop])
        if size == left:
            self._first += 1
            self._offset = 0
            self._tidy()
        else:
            self._offset = stop
        return pieces

    def _cut_chunks(self, size: int, largest: int) -> list[Chunk]:
        """Return octets that span several chunks."""
        pieces = []
        while size:
            length = size if size < largest else largest
            size -= length
            pieces.append(self._take(length))
        self._tidy()
        return pieces

    def _take(self, size: int) -> Chunk:
        """Return the octets of one piece."""
        chunk = self._chunks[self._first]
        offset = self._offset
        left = len(chunk) - offset
        if left > size:
            self._offset = offset + size
            return memoryview(chunk)[offset : self._offset]
        self._first += 1
        self._offset = 0
        piece: Chunk = memoryview(chunk)[offset:] if offset else chunk
        return self._join(piece, size - left) if left < size else piece

    def _tidy(self) -> None:
        """Release chunks that have been sent."""
        if not self.size:
            self._chunks.clear()
            self.paddings = None
            self._first = 0
        elif self._first > _FEW and 2 * self._first > len(self._chunks):
            # Only when most are of this kind, so that the cost stays linear.
            del self._chunks[: self._first]
            if self.paddings is not None:
                del self.paddings[: self._first]
            self._first = 0

    def _join(self, start: Chunk, missing: int) -> bytes:
        """Join small chunks."""
        pieces: list[Chunk] = [start]
        while missing:
            chunk: Chunk = self._chunks[self._first]
            if len(chunk) > missing:
                chunk = memoryview(chunk)[:missing]
                self._offset = missing
            else:
                self._first += 1
            pieces.append(chunk)
            missing -= len(chunk)
        return b"".join(pieces)
