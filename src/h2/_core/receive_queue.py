"""Content that has arrived but that the application has not read yet."""

from __future__ import annotations

from typing import Final

from h2._core.flow_control import acknowledge_reads, hand_back
from h2._core.leftovers import Leftovers
from h2._core.pieces import SMALL, Content, Pieces, take
from h2._core.send_queue import SendQueue
from h2._core.state import Connection
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.registry import Violation
from h2.errors import ErrorCodes
from h2.events import (
    DataAvailable,
    DataReceived,
    Event,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error, StreamClosedError

_new: Final = object.__new__

#: Ended streams are remembered while the application may ask how they ended; at least this many.
_REMEMBERED: Final = 64


class ReceiveQueue:
    """The unread content, and whether it is complete.

    Content is in ``_waiting`` until its window is given back, so the windows bound it. The content
    of a stream that was reset, or of a request that was answered before it was read, gives its
    window back immediately, because the application often does not want it any more. It can still
    be read from ``_leftovers``, whose size is bounded by the connection window; beyond that, the
    oldest content is dropped.
    """

    __slots__ = (
        "_conn",
        "_ended",
        "_ignored",
        "_leftovers",
        "_sending",
        "_waiting",
        "unread_requests",
    )

    def __init__(self, conn: Connection, sending: SendQueue) -> None:
        self._conn = conn
        self._sending = sending  #: knows which requests are waiting to be opened
        self._waiting: dict[int, Content] = {}
        self._leftovers: Leftovers | None = None  # created when there are any
        #: Requests that arrived in full but were not read in full. The sending half reports when
        #: one of them is answered, because searching would take time for each.
        self.unread_requests: set[int] = set()
        sending.unread_requests = self.unread_requests
        self._ignored: set[int] = set()  # streams whose content is not kept
        # Streams whose content arrived in full; how others ended follows from their state.
        self._ended: set[int] = set()

    # What arrives.

    def follow(self, events: list[Event]) -> list[Event]:
        """Take the content out of the events of receive_data; return the resulting events."""
        left: list[Event] = []
        told: set[int] = set()
        waiting, ignored = self._waiting, self._ignored
        events.reverse()
        while events:
            event = events.pop()  # the event of a frame is gone when its content is kept
            if not isinstance(event, DataReceived):
                if isinstance(event, StreamEnded):
                    self._end(event.stream_id)
                elif isinstance(event, StreamReset):  # also for what GOAWAY leaves unprocessed
                    self._cut(event.stream_id, event.error_code)
                left.append(event)
                continue
            stream_id, content = event.stream_id, event.data
            length = event.flow_controlled_length
            if length == len(content) > 0 and stream_id not in waiting and not ignored:
                waiting[stream_id] = content
            elif not self._take_in(stream_id, content, length):
                continue
            if stream_id not in told:
                told.add(stream_id)
                available = _new(DataAvailable)
                available.stream_id = stream_id
                left.append(available)
        return left

    def _take_in(self, stream_id: int, content: bytes, length: int) -> bool:
        """Keep the content of a DATA frame of this length; return whether there is any."""
        size = 0 if stream_id in self._ignored else len(content)
        if length != size:
            # Padding and ignored content are never read.
            acknowledge_reads(self._conn, length - size, stream_id)
        if not size:
            return False
        before = self._waiting.get(stream_id)
        if isinstance(before, Pieces):
            before.append(content)
        elif before is not None and len(before) + size <= SMALL:
            self._waiting[stream_id] = before + content
        elif before is not None:
            pieces = self._waiting[stream_id] = Pieces(before)
            pieces.append(content)
        else:
            self._waiting[stream_id] = content
        return True

    def _end(self, stream_id: int) -> None:
        """Note that all content of a stream has arrived."""
        ended = self._ended
        ended.add(stream_id)
        self._ignored.discard(stream_id)
        streams = self._conn.streams
        if stream_id in self._waiting and not self._conn.client:
            self.unread_requests.add(stream_id)
            if stream_id not in streams:
                self._sending.answered.append(stream_id)  # before it was complete
        left = self._leftovers or ()
        worth_keeping = len(streams) + len(streams.reset) + len(self._waiting) + len(left)
        if len(ended) > 2 * (worth_keeping + _REMEMBERED):
            self._ended = {
                stream_id
                for stream_id in ended
                if stream_id in streams
                or stream_id in streams.reset
                or stream_id in self._waiting
                or stream_id in left
            }

    def _cut(self, stream_id: int, error_code: int) -> None:
        """Give back the window of a stream that was reset; what has arrived can still be read."""
        self._ignored.discard(stream_id)
        # "Clients MUST NOT discard responses as a result of receiving such a RST_STREAM", that is
        # one with NO_ERROR after a complete response (section 8.1).
        if error_code != ErrorCodes.NO_ERROR or stream_id not in self._ended:
            self._keep(stream_id)

    def release_answered(self) -> bool:
        """Give back the windows of requests that were answered before they were fully read.

        Returns whether there were any.
        """
        answered = self._sending.answered
        self._sending.answered = []
        released = False
        for stream_id in answered:
            if stream_id in self.unread_requests:
                self._keep(stream_id)
                released = True
        return released

    def _keep(self, stream_id: int) -> None:
        """Keep content whose window was given back; drop the oldest if it is too much."""
        self.unread_requests.discard(stream_id)
        content = self._waiting.pop(stream_id, None)
        if content is None:
            return
        conn = self._conn
        if conn.state != connection_states.TERMINATED:
            hand_back(conn, len(content))
        if self._leftovers is None:
            self._leftovers = Leftovers()
        for dropped in self._leftovers.keep(stream_id, content, conn.window.limit):
            self._lose(dropped, too_much=True)

    def _lose(self, stream_id: int, too_much: bool) -> None:
        """Note that a stream has lost content, because of the limit or by request."""
        self._ended.discard(stream_id)
        if self._leftovers is None:
            self._leftovers = Leftovers()
        self._leftovers.note_lost(stream_id, too_much, self._conn.max_reset)

    # What the application takes.

    def read(self, stream_id: int, amount: int | None) -> bytes:
        """Return content that has arrived, and acknowledge it."""
        waiting = self._waiting
        content = waiting.get(stream_id)
        if content is None:
            if self._leftovers is not None and stream_id in self._leftovers:
                return self._leftovers.read(stream_id, amount)
            return self._read_nothing(stream_id)
        if amount is None and isinstance(content, bytes):
            del waiting[stream_id]
            data = content
        else:
            data = take(waiting, stream_id, amount)
        if self.unread_requests and stream_id not in waiting:
            self.unread_requests.discard(stream_id)
        acknowledge_reads(self._conn, len(data), stream_id)
        return data

    def _read_nothing(self, stream_id: int) -> bytes:
        """Return b"" if more content may arrive, or all of it was read; raise otherwise."""
        conn = self._conn
        if self._is_complete(stream_id):
            return b""
        state = conn.streams.state_of(stream_id)
        if state == states.IDLE:
            # Our request may be waiting to be opened.
            if not self._waits_to_open(stream_id):
                raise self._sending.no_stream(stream_id)
        elif state > states.CLOSED:
            raise _cut_off(
                stream_id, f"Stream {stream_id} was reset before all of its content was read"
            )
        elif self._leftovers is not None and self._leftovers.has_lost(stream_id):
            raise _cut_off(stream_id, f"The content of stream {stream_id} was discarded")
        elif state == states.CLOSED:
            raise self._sending.no_stream(stream_id)
        if conn.state == connection_states.TERMINATED:
            raise Violation(
                rules.CONNECTION_CLOSED,
                f"The connection ended before the content of stream {stream_id} was complete",
            ).exception()
        return b""

    def readable(self, stream_id: int) -> int:
        """Return the number of unread octets."""
        content = self._waiting.get(stream_id)
        if content is not None:
            return len(content)
        return 0 if self._leftovers is None else self._leftovers.readable(stream_id)

    def at_end(self, stream_id: int) -> bool:
        """Return whether all content has arrived and was read."""
        return not self.readable(stream_id) and self._is_complete(stream_id)

    def _is_complete(self, stream_id: int) -> bool:
        """Return whether all content of a stream has arrived, and none was dropped."""
        if stream_id in self._ended:
            return True
        streams = self._conn.streams
        state = streams.state_of(stream_id)
        if state != states.CLOSED:
            return states.FIRST_PEER_ENDED <= state < states.CLOSED
        lost = self._leftovers is not None and self._leftovers.has_lost(stream_id)
        return not lost and not streams.was_skipped(stream_id)

    def discard(self, stream_id: int) -> None:
        """Drop the unread content of a stream, and what has yet to arrive."""
        conn = self._conn
        self.unread_requests.discard(stream_id)
        content = self._waiting.pop(stream_id, None)
        if content is not None:
            acknowledge_reads(conn, len(content), stream_id)
        if self._leftovers is not None:
            self._leftovers.discard(stream_id)
        stream = conn.streams.get(stream_id)
        if stream is None:
            more_may_come = self._waits_to_open(stream_id)
        else:
            more_may_come = stream.state < states.FIRST_PEER_ENDED
        if more_may_come:
            ignored = self._ignored
            ignored.add(stream_id)
            # There is no event for streams that we reset.
            if len(ignored) > 2 * (len(conn.streams) + self._sending.waiting_streams + _REMEMBERED):
                self._ignored = {
                    stream_id
                    for stream_id in ignored
                    if stream_id in conn.streams or self._waits_to_open(stream_id)
                }

    def _waits_to_open(self, stream_id: int) -> bool:
        """Return whether the request of a stream is waiting to be opened."""
        line = self._sending.line
        return line is not None and stream_id in line

    def we_reset(self, stream_id: int) -> None:
        """Drop the unread content of a stream that the application has reset."""
        self._ignored.discard(stream_id)
        self.discard(stream_id)
        self._lose(stream_id, too_much=False)


def _cut_off(stream_id: int, message: str) -> H2Error:
    """Return the exception for a stream that ended before all of its content was read."""
    error = StreamClosedError(stream_id)
    return Violation(rules.NOT_ALLOWED_NOW, message, stream_id, error).exception()
