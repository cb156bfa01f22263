"""What the application has passed but cannot be sent yet, and the resulting events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from h2._core.early_updates import EarlyUpdates
from h2._core.misuse import no_stream, stream_closed
from h2._core.outbound import Opening, Outbound
from h2._core.priority_merging import Priorities
from h2._core.scheduler import PARKED, Scheduler
from h2._core.state import Connection
from h2._rules import stream_states as states
from h2._rules.connection_states import TERMINATED
from h2.errors import ErrorCodes
from h2.events import Event, StreamReset, StreamWritable
from h2.exceptions import H2Error
from h2.priorities import Priority

#: How much content goes directly into the output between two calls that take bytes, if nothing else
#: is queued. Its order is clear, and small messages need no queue then.
STRAIGHT: Final = 2**14

_new: Final = object.__new__

#: How many stale entries of parked streams are kept.
_FEW: Final = 32

_ON_DATA: Final = states.TABLE[states.SEND_DATA]


class SendQueue:
    """What one connection has to send: the queues of its streams, and streams to be opened.

    Invariant: ``queues`` has the streams with something pending, and those that had something and
    may get more. All of them are streams of the connection, or in ``line``.
    """

    __slots__ = (
        "_lacking",
        "answered",
        "closing",
        "conn",
        "early_updates",
        "events",
        "first_settings",
        "high",
        "highest_given",
        "line",
        "low",
        "parked",
        "priorities",
        "queues",
        "scheduler",
        "size",
        "straight",
        "streams_before_settings",
        "takes_old_signals",
        "takes_updates",
        "unread_requests",
        "windows_changed",
    )

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.high = self.low = 0  #: marks for the size of a queue
        self.streams_before_settings = 0
        self.queues: dict[int, Outbound] = {}
        self.scheduler: Scheduler[Outbound] = Scheduler()
        #: Streams that have been parked, or whose window has grown, since ``wake_all``.
        self.parked: dict[int, None] = {}
        # A heap of those parked before: by the INITIAL_WINDOW_SIZE that they lack, the least first.
        # Entries of streams that no longer wait, or that now lack something else, are stale.
        self._lacking: list[tuple[int, int]] = []
        self.priorities = Priorities(conn)
        self.size = 0  #: octets in all queues
        #: How many octets may go directly into the output. 0 as soon as something is pending that
        #: the next call that takes bytes has to process, and until the connection is initiated.
        self.straight = 0
        #: Streams waiting to be opened, in order; created for the first one.
        self.line: OrderedDict[int, Opening] | None = None
        self.highest_given = 0  #: the highest identifier of a request that had to wait
        self.closing = False  #: the application opens no more streams
        #: The peer's INITIAL_WINDOW_SIZE has changed: parked streams may have a window.
        self.windows_changed = False
        self.first_settings = False  #: the peer's first SETTINGS have arrived
        # What a server announced about priorities in them (RFC 9218 section 2.1.1).
        self.takes_updates = True
        self.takes_old_signals = True
        #: PRIORITY_UPDATE for requests that are not open yet.
        self.early_updates: EarlyUpdates | None = None
        self.events: list[Event] = []
        #: With receive buffering: requests that arrived in full but were not fully read, and those
        #: of them that may have been answered since the last check.
        self.unread_requests: set[int] | None = None
        self.answered: list[int] = []
        if not conn.client:
            conn.signals = []

    # Queries by the application.

    def take_events(self) -> list[Event]:
        """Return the events that no call has returned yet."""
        events = self.events
        if events:
            self.events = []
            return events
        return []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is pending: no content, no trailers, no stream to be opened."""
        return not self.size and not self.line and not self.scheduler.ready

    @property
    def waiting_streams(self) -> int:
        """The number of streams waiting to be opened."""
        return len(self.line) if self.line else 0

    def buffer_size(self, stream_id: int | None) -> int:
        """Return how many octets are pending on a stream, or on all."""
        if stream_id is None:
            return self.size
        outbound = self.queues.get(stream_id)
        return 0 if outbound is None else outbound.size

    def is_writable(self, stream_id: int) -> bool:
        """Return whether to continue writing on a stream."""
        outbound = self.queues.get(stream_id)
        stream = self.conn.streams.table.get(stream_id)
        if outbound is not None:
            if outbound.full or outbound.ended:
                return False
            if outbound.opening is not None:
                stream = outbound.opening.stream
        return stream is not None and _ON_DATA[stream.state] >= 0 and self.conn.state != TERMINATED

    def no_stream(self, stream_id: int) -> H2Error:
        """Return the exception for a stream that is idle or closed, or was never opened."""
        if 0 < stream_id <= self.highest_given and not self.conn.streams.is_inbound(stream_id):
            return stream_closed(stream_id)
        return no_stream(self.conn, stream_id)

    def get_priority(self, stream_id: int) -> Priority:
        """Return the priority of what we send on a stream."""
        outbound = self.queues.get(stream_id)
        if outbound is not None:
            return Priority(outbound.urgency, outbound.incremental)
        return self.priorities.of(stream_id)

    def set_priority(self, stream_id: int, priority: Priority) -> None:
        """Set the priority of what we send on a stream; ignored if nothing more is sent."""
        outbound = self.queues.get(stream_id)
        if outbound is not None:
            self.scheduler.reprioritize(outbound, priority.urgency, priority.incremental)
        if stream_id not in self.conn.streams:
            if outbound is None:
                raise self.no_stream(stream_id)
        elif (
            self.conn.streams[stream_id].state not in states.UNENDED
            or self.conn.state == TERMINATED
        ):
            return
        self.priorities.set(stream_id, priority)

    # For the other modules.

    def started(self) -> None:
        """Allow content to be sent: it is now preceded by the preface."""
        if self.is_empty:
            self.straight = STRAIGHT

    def begin(self, stream_id: int, data: bytes, pad_length: int | None) -> Outbound:
        """Create the queue of a stream, with this content."""
        urgency, incremental = self.priorities.of(stream_id)
        outbound = self.queues[stream_id] = Outbound(stream_id, urgency, incremental)
        size = len(data)
        self.size += size
        if pad_length is None:
            outbound.chunk = data
        else:
            outbound.append(data, pad_length)
        if size >= self.high:
            outbound.full = True
        self.scheduler.add(outbound, True)
        self.straight = 0
        return outbound

    def append(self, outbound: Outbound, data: bytes, pad_length: int | None) -> None:
        """Add content to a queue."""
        self.size += len(data)
        if outbound.chunk or pad_length is not None:
            outbound.append(data, pad_length)
        else:
            outbound.chunk = data
        if outbound.size >= self.high:
            outbound.full = True
        if outbound.opening is None and outbound.place is None:
            self.scheduler.add(outbound, True)
            self.straight = 0

    def wake(self, outbound: Outbound) -> None:
        """Reschedule a parked stream if it has a window."""
        stream = self.conn.streams.table.get(outbound.stream_id)
        if stream is None:
            return
        if self.conn.send_windows.initial + stream.send_offset > 0:
            self.scheduler.wake(outbound)
            self.straight = 0
        else:
            self.parked[outbound.stream_id] = None  # it lacks less than before

    def wake_all(self) -> None:
        """Wake the parked streams that have a window now.

        Those that have none are visited once, however often the peer changes INITIAL_WINDOW_SIZE.
        """
        self.windows_changed = False
        streams = self.conn.streams.table
        lacking = self._lacking
        for stream_id in self.parked:
            stream = streams.get(stream_id)
            if stream is not None:
                heappush(lacking, (-stream.send_offset, stream_id))
        self.parked.clear()
        initial = self.conn.send_windows.initial
        while lacking and lacking[0][0] < initial:
            outbound = self.queues.get(heappop(lacking)[1])
            if outbound is not None and outbound.place == PARKED:
                self.wake(outbound)
        if len(lacking) > 2 * (len(self.queues) + _FEW):
            # Only when most entries are stale, so that the amortized cost stays constant.
            self._lacking = [
                (-streams[stream_id].send_offset, stream_id)
                for stream_id, outbound in self.queues.items()
                if outbound.place == PARKED and stream_id in streams
            ]
            heapify(self._lacking)

    def note_writable(self, outbound: Outbound) -> None:
        """Report that the application may continue: enough has been sent."""
        outbound.full = False
        event = _new(StreamWritable)
        event.stream_id = outbound.stream_id
        self.events.append(event)

    def finish(self, stream_id: int) -> None:
        """Forget a stream on which our message has ended."""
        outbound = self.queues.pop(stream_id, None)
        if outbound is not None:
            if outbound.place is not None or outbound.marks:
                self.scheduler.remove(outbound)
            if self.parked:
                self.parked.pop(stream_id, None)
            if self._lacking and not self.queues:
                self._lacking.clear()
        known = self.priorities.known
        if known is not None:
            known.pop(stream_id, None)
        if self.unread_requests and stream_id in self.unread_requests:
            self.answered.append(stream_id)

    def drop(self, stream_id: int) -> None:
        """Forget a stream with everything pending on it."""
        outbound = self.queues.get(stream_id)
        if outbound is not None:
            self.size -= outbound.size
            if self.line is not None:
                self.line.pop(stream_id, None)
        if self.early_updates:
            self.early_updates.drop(stream_id)
        self.finish(stream_id)

    def drop_all(self) -> None:
        """Forget everything pending: the connection has ended."""
        self.queues.clear()
        self.parked.clear()
        self._lacking.clear()
        self.line = self.early_updates = None
        self.scheduler = Scheduler()
        self.priorities = Priorities(self.conn)
        self.size = 0

    def refuse(self, stream_id: int) -> None:
        """Forget one of our streams that the peer has not processed, and report it."""
        self.drop(stream_id)
        self.events.append(StreamReset(stream_id=stream_id, error_code=ErrorCodes.REFUSED_STREAM))

    def peer_goes_away(self, stream_ids: Iterable[int]) -> None:
        """Forget what cannot be sent after GOAWAY: those of these streams that it has ended.

        "Any protocol activity that uses higher-numbered streams can be safely retried using a new
        connection." (RFC 9113 section 6.8) So can pending requests.
        """
        for stream_id in stream_ids:
            if stream_id not in self.conn.streams:
                self.refuse(stream_id)
        if self.conn.client:
            self.refuse_waiting()
            self.early_updates = None

    def refuse_waiting(self) -> None:
        """Forget the requests waiting to be opened: they no longer can be."""
        for stream_id in list(self.line or ()):
            self.refuse(stream_id)
