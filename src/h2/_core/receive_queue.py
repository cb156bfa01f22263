"""Content that has arrived and that the application has not read yet."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from h2._core.flow_control import acknowledge_reads, hand_back
from h2._core.pieces import Pieces
from h2._core.receive_windows import AutomaticWindow, ReceiveWindows
from h2._core.send_queue import SendQueue
from h2._core.state import Connection
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.registry import Violation
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataAvailable,
    DataReceived,
    Event,
    PingAckReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error, StreamClosedError

_new: Final = object.__new__

#: What the content of one stream takes beside its octets, where it is kept without a window.
_OVERHEAD: Final = 128

#: Streams that have ended are remembered as long as somebody may ask how; at least so many.
_REMEMBERED: Final = 64

Content = bytes | Pieces

#: Nothing is ever added to these.
_NO_CONTENT: Final[dict[int, Content]] = {}
_NO_STREAMS: Final[set[int]] = set()
_NONE_KEPT: Final[OrderedDict[int, Content]] = OrderedDict()
_NONE_DROPPED: Final[OrderedDict[int, None]] = OrderedDict()


class ReceiveQueue:
    """The content that waits for the application, and which of it is all that there is.

    Content is in ``_waiting`` as long as its window was not given back, so that the windows bound
    it. The content of a stream that was reset, or of a request that was answered before anybody has
    read it, gives its window back at once: often nobody wants it any more. It can still be read.
    ``_kept`` has it, at most as much as the window of the connection is large, and the oldest is
    dropped if there is more.
    """

    __slots__ = (
        "_automatic",
        "_buffering",
        "_conn",
        "_dropped",
        "_ended",
        "_ignored",
        "_kept",
        "_kept_size",
        "_waiting",
        "following",
        "sending",
        "unread_requests",
        "windows",
    )

    def __init__(
        self,
        conn: Connection,
        buffering: bool,
        windows: ReceiveWindows,
        automatic: AutomaticWindow | None,
    ) -> None:
        self._conn = conn
        self._buffering = buffering
        self._automatic = automatic
        self.windows = windows
        self.sending: SendQueue  #: what goes the other way, and which requests wait to be opened
        #: Whether there is anything to do for events.
        self.following = buffering or automatic is not None
        # Those who only send have no use for the rest: empty ones that they share cost nothing.
        self._waiting: dict[int, Content] = {} if buffering else _NO_CONTENT
        self._kept: OrderedDict[int, Content] = OrderedDict() if buffering else _NONE_KEPT
        self._kept_size = 0
        #: Requests that arrived in full and were not read in full, to see when they are answered.
        self.unread_requests: set[int] = set() if buffering else _NO_STREAMS
        # Streams of which no content is kept.
        self._ignored: set[int] = set() if buffering else _NO_STREAMS
        # Streams on which all content has arrived; how others ended can be told from their state.
        self._ended: set[int] = set() if buffering else _NO_STREAMS
        # The latest streams of which content was lost.
        self._dropped: OrderedDict[int, None] = OrderedDict() if buffering else _NONE_DROPPED

    # What arrives.

    def follow(self, events: list[Event]) -> list[Event]:
        """Take the content out of the events of a call of receive_data; return what is left."""
        automatic = self._automatic
        if automatic is not None:
            events = _measure(automatic, events)
            if not self._buffering:
                return events
        left: list[Event] = []
        told: set[int] = set()
        waiting, ignored = self._waiting, self._ignored
        for event in events:
            if not isinstance(event, DataReceived):
                self._act(event)
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
        """Keep the content of a DATA frame of this length; tell whether there is any."""
        size = 0 if stream_id in self._ignored else len(content)
        if length != size:
            # Nobody reads padding, nor what is ignored.
            acknowledge_reads(self._conn, length - size, stream_id)
        if not size:
            return False
        before = self._waiting.get(stream_id)
        if isinstance(before, Pieces):
            before.append(content)
        elif before is not None:
            pieces = self._waiting[stream_id] = Pieces(before)
            pieces.append(content)
        else:
            self._waiting[stream_id] = content
        return True

    def _act(self, event: Event) -> None:
        """Follow an event that says how a stream goes on."""
        if isinstance(event, StreamEnded):
            self._end(event.stream_id)
        elif isinstance(event, StreamReset):
            self._cut(event.stream_id, event.error_code)
        elif isinstance(event, ConnectionTerminated):
            for stream_id in event.unprocessed_stream_ids:
                self._cut(stream_id, ErrorCodes.REFUSED_STREAM)

    def _end(self, stream_id: int) -> None:
        """Note that all content of a stream has arrived."""
        ended = self._ended
        ended.add(stream_id)
        self._ignored.discard(stream_id)
        streams = self._conn.streams
        if stream_id in self._waiting and not self._conn.client:
            self.unread_requests.add(stream_id)
        worth_keeping = len(streams) + len(streams.reset) + len(self._waiting) + len(self._kept)
        if len(ended) > 2 * (worth_keeping + _REMEMBERED):
            self._ended = {
                stream_id
                for stream_id in ended
                if stream_id in streams
                or stream_id in streams.reset
                or stream_id in self._waiting
                or stream_id in self._kept
            }

    def _cut(self, stream_id: int, error_code: int) -> None:
        """Give back the window of a stream that was reset; what has arrived can still be read."""
        self._ignored.discard(stream_id)
        # "Clients MUST NOT discard responses as a result of receiving such a RST_STREAM", that is
        # one with NO_ERROR after a complete response (section 8.1).
        if error_code != ErrorCodes.NO_ERROR or stream_id not in self._ended:
            self._keep(stream_id)

    def release_answered(self) -> bool:
        """Give back the windows of requests that were answered before they were read in full.

        Tells whether there were any.
        """
        streams = self._conn.streams
        over = [stream_id for stream_id in self.unread_requests if stream_id not in streams]
        for stream_id in over:
            self._keep(stream_id)
        return bool(over)

    def _keep(self, stream_id: int) -> None:
        """Keep content without its window, and drop the oldest if it is too much."""
        self.unread_requests.discard(stream_id)
        content = self._waiting.pop(stream_id, None)
        if content is None:
            return
        conn = self._conn
        if conn.state != connection_states.TERMINATED:
            hand_back(conn, len(content))
        kept = self._kept
        kept[stream_id] = content
        self._kept_size += len(content) + _OVERHEAD
        while self._kept_size > conn.window.limit and len(kept) > 1:
            oldest, content = kept.popitem(last=False)
            self._kept_size -= len(content) + _OVERHEAD
            self._forget(oldest)

    def _forget(self, stream_id: int) -> None:
        """Note that a stream has lost content."""
        self._ended.discard(stream_id)
        dropped = self._dropped
        dropped[stream_id] = None
        if len(dropped) > self._conn.max_reset:
            dropped.popitem(last=False)

    # What the application takes.

    def read(self, stream_id: int, amount: int | None) -> bytes:
        """Return content that has arrived, and acknowledge it."""
        content = self._waiting.get(stream_id)
        if content is None:
            return self._read_kept(stream_id, amount)
        if amount is None or amount >= len(content):
            del self._waiting[stream_id]
            if self.unread_requests:
                self.unread_requests.discard(stream_id)
            data = content if isinstance(content, bytes) else content.take_all()
        else:
            if isinstance(content, bytes):
                content = self._waiting[stream_id] = Pieces(content)
            data = content.take(amount)
        acknowledge_reads(self._conn, len(data), stream_id)
        return data

    def _read_kept(self, stream_id: int, amount: int | None) -> bytes:
        """Return content whose window was given back before."""
        content = self._kept.get(stream_id)
        if content is None:
            self._check_buffering("read_data")
            return self._read_nothing(stream_id)
        if amount is None or amount >= len(content):
            del self._kept[stream_id]
            self._kept_size -= len(content) + _OVERHEAD
            return content if isinstance(content, bytes) else content.take_all()
        if isinstance(content, bytes):
            content = self._kept[stream_id] = Pieces(content)
        self._kept_size -= amount
        return content.take(amount)

    def _read_nothing(self, stream_id: int) -> bytes:
        """Return b"" if content may still come, or all has come and was read; raise otherwise."""
        conn = self._conn
        if self._is_complete(stream_id):
            return b""
        state = conn.streams.state_of(stream_id)
        if state == states.IDLE:
            # A request of ours may wait to be opened.
            if not self.sending.line or stream_id not in self.sending.line:
                raise self.sending.no_stream(stream_id)
        elif state > states.CLOSED:
            raise _cut_off(stream_id, f"Stream {stream_id} was reset before all of it was read")
        elif stream_id in self._dropped:
            raise _cut_off(stream_id, f"The content of stream {stream_id} was dropped")
        elif state == states.CLOSED:
            raise self.sending.no_stream(stream_id)
        if conn.state == connection_states.TERMINATED:
            raise Violation(
                rules.CONNECTION_CLOSED,
                f"The connection has ended before the content of stream {stream_id} was complete",
            ).exception()
        return b""

    def readable(self, stream_id: int) -> int:
        """Return how many octets wait."""
        content = self._waiting.get(stream_id)
        if content is None:
            self._check_buffering("readable")
            content = self._kept.get(stream_id, b"")
        return len(content)

    def at_end(self, stream_id: int) -> bool:
        """Tell whether all content has come and was read."""
        self._check_buffering("at_end")
        return (
            stream_id not in self._waiting
            and stream_id not in self._kept
            and self._is_complete(stream_id)
        )

    def _is_complete(self, stream_id: int) -> bool:
        """Tell whether all content of a stream has arrived, and none was dropped."""
        if stream_id in self._ended:
            return True
        streams = self._conn.streams
        state = streams.state_of(stream_id)
        if state != states.CLOSED:
            return states.FIRST_PEER_ENDED <= state < states.CLOSED
        return stream_id not in self._dropped and not streams.was_skipped(stream_id)

    def discard(self, stream_id: int) -> None:
        """Drop what waits on a stream, and what is to come."""
        self._check_buffering("discard_data")
        conn = self._conn
        self.unread_requests.discard(stream_id)
        content = self._waiting.pop(stream_id, None)
        if content is not None:
            acknowledge_reads(conn, len(content), stream_id)
        content = self._kept.pop(stream_id, None)
        if content is not None:
            self._kept_size -= len(content) + _OVERHEAD
        stream = conn.streams.get(stream_id)
        if stream is not None and stream.state < states.FIRST_PEER_ENDED:
            ignored = self._ignored
            ignored.add(stream_id)
            # Of streams that we reset there is no event.
            if len(ignored) > 2 * (len(conn.streams) + _REMEMBERED):
                ignored.intersection_update(conn.streams)

    def we_reset(self, stream_id: int) -> None:
        """Drop what waits on a stream that the application has reset."""
        if self._buffering:
            self._ignored.discard(stream_id)
            self.discard(stream_id)
            self._forget(stream_id)

    def _check_buffering(self, what: str) -> None:
        if not self._buffering:
            raise RuntimeError(f"{what}() needs a connection with receive_buffering=True")


def _measure(automatic: AutomaticWindow, events: list[Event]) -> list[Event]:
    """Let windows grow by what has arrived; return the events without those of our own PING."""
    left: list[Event] = []
    octets = 0
    for event in events:
        if isinstance(event, DataReceived):
            octets += event.flow_controlled_length
        elif isinstance(event, PingAckReceived) and automatic.acknowledged(event.ping_data):
            continue
        left.append(event)
    automatic.received(octets)
    return left


def _cut_off(stream_id: int, message: str) -> H2Error:
    """Return the exception for a stream that ended before all of its content was read."""
    error = StreamClosedError(stream_id)
    return Violation(rules.NOT_ALLOWED_NOW, message, stream_id, error).exception()
