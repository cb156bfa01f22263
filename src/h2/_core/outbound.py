"""What is pending on one stream: content, and the field blocks before and after it."""

from __future__ import annotations

from collections import deque
from typing import Final

from h2._core.output import COPY_BELOW, Chunk
from h2._core.scheduler import Turn
from h2._core.send_headers import CheckedFields
from h2._core.stream import Stream

#: The list keeps the places of this many chunks that have been taken, or of half of all chunks.
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

    __slots__ = ("blocks", "increment", "stream")

    def __init__(self, stream: Stream, first: Block) -> None:
        self.blocks: list[Block] = [first]
        self.stream = stream
        self.increment = 0  #: how much larger its receive window will be than that of others


class Later:
    """The chunks behind the next one, and the padding of all of them."""

    __slots__ = ("chunks", "first", "paddings", "size")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.first: int = 0  #: chunks at the front that have been taken
        self.size: int = 0  #: octets in the others
        #: The padding of each chunk, that of the next one first; None while no chunk has any.
        #: Chunks are not joined if one has.
        self.paddings: deque[int] | None = None

    def append(self, chunk: bytes) -> None:
        """Add a chunk."""
        self.chunks.append(chunk)
        self.size += len(chunk)

    def take(self) -> bytes:
        """Remove and return the first chunk."""
        chunk = self.chunks[self.first]
        self.chunks[self.first] = b""
        self.first += 1
        self.size -= len(chunk)
        if self.first > _FEW and 2 * self.first > len(self.chunks):
            # Only when most have been taken, so that the cost stays linear.
            del self.chunks[: self.first]
            self.first = 0
        return chunk


class Outbound(Turn):
    """The pending content of one stream, in chunks as the application passed it.

    Most streams have a single chunk, so the next one is an attribute, and there is nothing else.
    What is used for each frame comes first: CPython sorts slots by name, and with thousands of
    streams each line of the cache that a frame needs has to be fetched.
    """

    __slots__ = (
        "chunk",
        "full",
        "gone",
        "later",
        "opening",
        "reset_behind",
        "trailers",
    )

    def __init__(self, stream_id: int, urgency: int, incremental: bool) -> None:
        # What Turn.__init__ does, without the call.
        self.stream_id = stream_id
        self.bit = 1 << urgency
        self.incremental = incremental
        self.ended = False
        self.place = None
        self._fresh = False
        self._line = 0
        self.marks = 0
        self.chunk: bytes = b""  #: the next one, empty if there is none
        self.full: bool = False  #: so much is pending that the application should pause
        self.gone: int = 0  #: octets of the next chunk that have been sent
        self.later: Later | None = None  #: None if nothing follows the next chunk, without padding
        self.opening: Opening | None = None  #: what goes first on a stream that is not open yet
        self.reset_behind: bool = False  #: RST_STREAM follows the end of our message
        self.trailers: Block | None = None

    @property
    def size(self) -> int:
        """The number of pending octets."""
        left = len(self.chunk) - self.gone
        return left if self.later is None else left + self.later.size

    @property
    def holds(self) -> bool:
        """Whether something is pending that must be sent before what is added now."""
        return self.chunk != b"" or self.ended or self.opening is not None

    def append(self, data: bytes, pad_length: int | None) -> None:
        """Add content behind other content, or with padding. It must not be empty."""
        later = self.later
        if later is None:
            later = self.later = Later()
        if later.paddings is None and pad_length is not None:
            number = len(later.chunks) - later.first + (self.chunk != b"")
            later.paddings = deque([_UNPADDED] * number)
        if self.chunk:
            later.append(data)
        else:
            self.chunk = data
        if later.paddings is not None:
            later.paddings.append(_UNPADDED if pad_length is None else pad_length)

    def take(self, size: int) -> Chunk:
        """Remove and return the next octets, at least one and no more than there are.

        Only small chunks are copied, to join them.
        """
        chunk = self.chunk
        start = self.gone
        stop = start + size
        if stop < len(chunk):
            self.gone = stop
        elif stop > len(chunk):
            return self._join(size)
        else:
            self._advance()
            if not start:
                return chunk
        if size < COPY_BELOW:
            return chunk[start:stop]  # a view would cost more than the copy
        return memoryview(chunk)[start:stop]

    def take_several(self, size: int, length: int) -> list[Chunk]:
        """Do the same in pieces of this length, except for the last one, which may be shorter."""
        start = self.gone
        stop = start + size
        if stop > len(self.chunk):
            whole, rest = divmod(size - 1, length)
            pieces = [self.take(length) for _ in range(whole)]
            pieces.append(self.take(rest + 1))
            return pieces
        view = memoryview(self.chunk)[start:stop]
        if stop < len(self.chunk):
            self.gone = stop
        else:
            self._advance()
        return [view[place : place + length] for place in range(0, size, length)]

    def _join(self, size: int) -> bytes:
        """Return octets that span several chunks."""
        pieces: list[Chunk] = []
        while size:
            part = min(size, len(self.chunk) - self.gone)
            pieces.append(self.take(part))
            size -= part
        return b"".join(pieces)

    def _advance(self) -> None:
        """Proceed to the next chunk, if there is one."""
        self.gone = 0
        later = self.later
        if later is None or not later.size:
            self.chunk = b""
            self.later = None
            return
        self.chunk = later.take()
        if later.paddings is not None:
            later.paddings.popleft()
        elif not later.size:
            self.later = None
