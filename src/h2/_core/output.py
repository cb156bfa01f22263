"""Bytes out: pending frames, in the order of the calls that created them."""

from __future__ import annotations

from typing import Final

from h2._frames.decode import ID_MASK, unpack_header
from h2._frames.describe import LoggedFrame
from h2._frames.layout import ACK, END_STREAM, HEADER_LENGTH, PING, PREFACE, SETTINGS
from h2.config import DummyLogger, OutputLogger

#: Content of at least this size is a separate chunk, after the header of its frame. Smaller content
#: is copied to the header, which is cheaper than joining one more chunk later.
COPY_BELOW: Final = 1024

#: This many answers are merged into one chunk, so that a peer that keeps asking but never reads
#: does not make us keep an object for each.
ANSWERS_TOGETHER: Final = 256

#: A larger chunk is not an answer.
_LARGEST_ANSWER: Final = 64

#: The sizes of this many chunks are added at a time.
_TOGETHER: Final = 32

#: Frames, or part of one. Content may be a view of what the application passed.
Chunk = bytes | memoryview

#: The type octet of a DATA frame.
_DATA_TYPE: Final = b"\0"


class Output:
    """The pending frames, as a list of chunks.

    A chunk is one or more whole frames, or the header of a DATA frame whose content is the next
    chunk. Most are added with ``chunks.append``, without a call in between. Content can be dropped
    until its frame has been partly sent. ``answers`` counts the frames that answer something from
    the peer, since the output was last empty.
    """

    __slots__ = (
        "_content",
        "_first",
        "_indexed",
        "_logging",
        "_position",
        "_untouched",
        "answers",
        "chunks",
    )

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.answers = 0
        self._first = 0  # chunks at the front that have been sent, but not cut off yet
        self._position = 0  # octets of the next chunk that have been sent
        # Where the content of each stream is, among the first _indexed chunks. Computed when a
        # stream is reset, so that sending does not pay for it.
        self._content: dict[int, list[int]] = {}
        self._indexed = 0
        self._untouched = True  # the four above have their initial values
        self._logging = False  # what is taken is being passed to the logger

    @property
    def size(self) -> int:
        """The number of pending octets."""
        return sum(map(len, self.chunks[self._first :])) - self._position

    def room(self, amount: int) -> int:
        """Return how much of ``amount`` is left after what is pending; below 0 if that is more.

        Looks at hardly more chunks than it takes to fill ``amount``.
        """
        amount += self._position
        chunks = self.chunks
        place = self._first
        while amount >= 0 and place < len(chunks):
            amount -= sum(map(len, chunks[place : place + _TOGETHER]))
            place += _TOGETHER
        return amount

    def answer(self, frame: bytes) -> None:
        """Add a frame that answers something from the peer."""
        self.chunks.append(frame)
        self.answers += 1
        if not self.answers % ANSWERS_TOGETHER:
            self.put_answers_together()

    def count_acknowledgments(self) -> int:
        """Return how many acknowledgments are pending; ``answers`` then counts only these."""
        chunks = self.chunks
        count = 0
        place, gone = self._first, self._position
        while place < len(chunks):
            chunk = chunks[place]
            if _announces_content(chunk):
                place += 1
            else:
                count += _acknowledgments(chunk, gone)
            gone = 0
            place += 1
        self.answers = count
        return count

    def put_answers_together(self) -> None:
        """Merge the small frames at the end that are not DATA into one chunk."""
        chunks = self.chunks
        lowest = self._first + 1  # the chunk there may have been partly sent
        start = len(chunks)
        while (
            start > lowest
            and len(chunks[start - 1]) <= _LARGEST_ANSWER
            and chunks[start - 1][3:4] != _DATA_TYPE
        ):
            start -= 1
        chunks[start:] = [b"".join(chunks[start:])]
        self._indexed = min(self._indexed, start)

    def insert_first(self, frames: bytes) -> bool:
        """Insert frames before all others; return whether they overtake any.

        If something has been sent already, they are added at the end.
        """
        if self._first or self._position:
            self.chunks.append(frames)
            return False
        if not self.chunks:
            self.chunks.append(frames)
            return False
        self.chunks.insert(0, frames)
        self._content.clear()
        self._indexed = 0
        return any(self.chunks[1:])  # dropped content leaves an empty chunk

    def pending_content(self, stream_id: int) -> tuple[int, bool]:
        """Return how much content of a stream can be dropped, and whether it ends the stream."""
        if not self.chunks:
            return 0, False
        self._find_content()
        first = self._first + (self._position > 0)
        places = [place for place in self._content.get(stream_id, ()) if place >= first]
        headers = [self.chunks[place] for place in places]
        octets = sum(int.from_bytes(header[:3], "big") for header in headers)
        return octets, bool(headers) and bool(headers[-1][4] & END_STREAM)

    def drop_content(self, stream_id: int) -> int:
        """Drop the DATA frames of a stream that have not begun to go out.

        Returns how many octets they would have taken from the flow-control windows.
        """
        if not self.chunks:
            return 0
        self._find_content()
        octets = 0
        chunks = self.chunks
        first = self._first + (self._position > 0)
        for place in self._content.pop(stream_id, ()):
            if place >= first:
                header = chunks[place]
                octets += int.from_bytes(header[:3], "big")
                if _announces_content(header):
                    chunks[place + 1] = b""
                chunks[place] = b""
        return octets

    def _find_content(self) -> None:
        """Index the content. Visits each chunk once, however many streams are reset."""
        chunks = self.chunks
        place = max(self._indexed, self._first + (self._position > 0))
        self._untouched = False
        while place < len(chunks):
            chunk = chunks[place]
            if chunk[3:4] == _DATA_TYPE:
                stream_id = int.from_bytes(chunk[5:HEADER_LENGTH], "big")
                self._content.setdefault(stream_id, []).append(place)
                if _announces_content(chunk):
                    place += 1
            place += 1
        self._indexed = place

    def take_all(self, log: DummyLogger | OutputLogger | None) -> bytes:
        """Remove and return everything that is pending.

        Frames are passed to the logger when their first octet is taken.
        """
        if log is not None or not self._untouched:
            return self.take(self.size, log)
        chunks = self.chunks
        data = b"".join(chunks)
        chunks.clear()
        self.answers = 0
        return data

    def clear(self) -> None:
        """Drop everything that is pending."""
        self.chunks.clear()
        self.answers = 0
        self._first = self._position = 0
        self._content.clear()
        self._indexed = 0
        self._untouched = True

    def take(self, left: int, log: DummyLogger | OutputLogger | None) -> bytes:
        """Remove and return the next octets, at most ``left``.

        Works piece by piece, so that what remains is not copied.
        """
        if log is not None:
            left = self._log(left, log)
        chunks = self.chunks
        place, position = self._first, self._position
        pieces: list[Chunk] = []
        while left > 0 and place < len(chunks):
            chunk = chunks[place]
            if not position and _announces_content(chunk):
                content = chunks[place + 1]
                if left >= HEADER_LENGTH + len(content):
                    pieces.append(chunk)
                    chunk = content
                    left -= HEADER_LENGTH
                else:
                    # The frame is partly sent: from now on it is one chunk.
                    chunks[place] = b""
                    chunk = chunks[place + 1] = b"".join((chunk, content))
                place += 1
            piece = chunk[position : position + left]
            pieces.append(piece)
            left -= len(piece)
            position += len(piece)
            if position == len(chunk):
                place += 1
                position = 0
        self._leave(place, position)
        return b"".join(pieces)

    def _log(self, most: int, log: DummyLogger | OutputLogger) -> int:
        """Pass the frames that begin in the next ``most`` octets to the logger.

        Returns how many octets there are. The logger may call the connection, so nothing has been
        taken yet. It must not take anything itself: that would be sent twice.
        """
        if self._logging:
            raise RuntimeError("data_to_send must not be called while it is running")
        self._logging = True
        try:
            position = self._position
            chunks = self.chunks[self._first :]
            left = most + position
            place = 0
            while left > 0 and place < len(chunks):
                chunk = chunks[place]
                if position:
                    position = 0  # its frame was logged when it was begun
                elif _announces_content(chunk):
                    left -= HEADER_LENGTH
                    place += 1
                    _log_frame(log, chunk, chunks[place])
                else:
                    _log_frames(log, chunk)
                left -= len(chunks[place])
                place += 1
            return most - max(left, 0)
        finally:
            self._logging = False

    def _leave(self, place: int, position: int) -> None:
        """Note what has been sent. Cutting it off only when it is most of the list is linear."""
        while place < len(self.chunks) and not self.chunks[place]:
            place += 1  # dropped content
        if place == len(self.chunks):
            self.clear()
            return
        self._first, self._position = place, position
        self._untouched = False
        if 2 * place >= len(self.chunks):
            del self.chunks[:place]
            self._first = 0
            self._content.clear()
            self._indexed = 0


def _acknowledgments(chunk: Chunk, gone: int) -> int:
    """Count the acknowledgments in a chunk of which ``gone`` octets have been sent."""
    count = 0
    start = len(PREFACE) if chunk[: len(PREFACE)] == PREFACE else 0
    while start < len(chunk):
        _, _, type_, flags, _ = unpack_header(chunk, start)
        stop = start + HEADER_LENGTH + int.from_bytes(chunk[start : start + 3], "big")
        if type_ in (PING, SETTINGS) and flags & ACK and stop > gone:
            count += 1
        start = stop
    return count


def _announces_content(chunk: Chunk) -> bool:
    """Return whether a chunk is the header of a DATA frame whose content is the next chunk."""
    return len(chunk) == HEADER_LENGTH and chunk[3] == 0 and chunk[:3] != b"\0\0\0"


def _log_frames(log: DummyLogger | OutputLogger, chunk: Chunk) -> None:
    """Write the frames of a chunk to the logger of the connection."""
    start = 0
    if chunk[: len(PREFACE)] == PREFACE:
        log.debug("Sent connection preface")
        start = len(PREFACE)
    while start < len(chunk):
        body = start + HEADER_LENGTH
        stop = body + int.from_bytes(chunk[start : start + 3], "big")
        _log_frame(log, chunk[start:body], chunk[body:stop])
        start = stop


def _log_frame(log: DummyLogger | OutputLogger, header: Chunk, payload: Chunk) -> None:
    _, _, type_, flags, stream_id = unpack_header(header)
    log.debug("Sent frame: %s", LoggedFrame(type_, flags, stream_id & ID_MASK, bytes(payload)))
