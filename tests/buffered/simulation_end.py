"""One end of a simulated connection: the actions and events of its program, and its invariants.

The content of a message is a piece of one random text, which depends on the stream and the sender.
So each received octet can be compared with the one that was written, and nothing has to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from h2.buffered import BufferedH2Connection
from h2.events import (
    ConnectionDrained,
    ConnectionTerminated,
    DataAvailable,
    DataReceived,
    Event,
    InformationalResponseReceived,
    PushedStreamReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamOpened,
    StreamReset,
    StreamWritable,
    TrailersReceived,
)

from .simulation_text import Broken, content, demand

#: Before the peer has announced its stream limit (`STREAMS_BEFORE_SETTINGS`).
BEFORE_SETTINGS: Final = BufferedH2Connection.STREAMS_BEFORE_SETTINGS

_LARGEST_CUT: Final = 65_536
_FRAME_HEADER: Final = 9


class Message:
    """What the program at one end knows about a stream: its own message and that of the peer."""

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id
        # What the program has sent.
        self.begun = False  #: a header section that is not informational
        self.early = 0  #: informational responses
        self.written = 0  #: octets
        self.ended = False
        self.trailers = False
        self.reset: int | None = None  #: the code, once the program has reset the stream
        self.complete = False  #: it had ended when the program reset it with NO_ERROR
        self.tunnel = False
        self.parent = 0  #: the stream on which it was promised
        self.waited = False  #: it had to wait to be opened
        self.opened = False  #: StreamOpened has been returned
        self.hasty = False  #: sent before the peer announced its limit
        self.full = False  #: the program has seen that it is not writable, and waits
        # What it has received.
        self.heard = False
        self.heard_early = 0
        self.read = 0
        self.heard_trailers = False
        self.heard_end = False
        self.lost: int | None = None  #: the code of StreamReset
        self.owed = 0  #: octets that were received and not acknowledged
        self.ignored = False  #: the program has called discard_data
        self.available = False  #: content can be read, according to the events

    def __repr__(self) -> str:
        said = [f"{name}={value}" for name, value in vars(self).items() if value]
        return f"<{' '.join(said)}>"

    @property
    def over(self) -> bool:
        """Whether the stream was reset by either end, as far as the program knows."""
        return self.reset is not None or self.lost is not None

    @property
    def may_write(self) -> bool:
        return self.begun and not self.ended and not self.over

    @property
    def done(self) -> bool:
        return self.over or (self.ended and self.heard_end)


class End:
    """One end: the connection under test, and the actions and events of its program."""

    def __init__(self, conn: BufferedH2Connection, buffering: bool) -> None:
        self.conn = conn
        self.client = conn.config.client_side
        self.name = "client" if self.client else "server"
        self.buffering = buffering
        self.messages: dict[int, Message] = {}
        self.settings_heard = False
        self.goaway_heard = False
        self.shut_down = False  #: the program has called graceful_shutdown
        self.closing = False  #: it has sent GOAWAY in one step
        self.drained = 0
        self.opened: list[int] = []  #: the last one of StreamOpened
        self.ended = False  #: by an error
        self.late = False  #: the program has not asked for events after the last pull

    def __repr__(self) -> str:
        return self.name

    @property
    def going(self) -> bool:
        """Whether no new streams can be opened any more."""
        return self.goaway_heard or self.shut_down or self.closing or self.ended

    # Events.

    def take(self, events: Iterable[Event]) -> None:
        """Let the program handle events. No wake-up may be lost."""
        for event in events:
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        for message in self.messages.values():
            if message.full and not message.over:
                writable = self.conn.is_writable(message.stream_id)
                demand(not writable, "no StreamWritable event", self, message)
                size = self.conn.send_buffer_size(message.stream_id)
                enough = size > self.conn.SEND_BUFFER_LOW or self.ended
                demand(enough, "a writer waits although little is left", self, message, size)
            if self.buffering and not message.available and not message.over:
                there = self.conn.readable(message.stream_id)
                demand(not there, "no DataAvailable event", self, message, there)
        self.late = False

    def _message(self, event: Any, what: str) -> Message:
        message = self.messages.get(event.stream_id)
        demand(message is not None, f"{what} on an unknown stream", self, event)
        assert message is not None
        demand(message.lost is None, f"{what} after StreamReset", self, event)
        ours = message.reset is not None and not message.complete and what != "StreamReset"
        demand(not ours, f"{what} after reset_stream", self, event)
        demand(not message.heard_end or what == "StreamReset", f"{what} after the end", self, event)
        return message

    def on_request(self, event: RequestReceived) -> None:
        demand(event.stream_id not in self.messages, "a request comes twice", self, event)
        message = self.messages[event.stream_id] = Message(event.stream_id)
        message.heard = True
        message.tunnel = dict(event.headers)[b":method"] == b"CONNECT"

    def on_response(self, event: ResponseReceived) -> None:
        message = self._message(event, "ResponseReceived")
        demand(not message.heard, "a response comes twice", self, event)
        message.heard = True

    def on_early(self, event: InformationalResponseReceived) -> None:
        message = self._message(event, "InformationalResponseReceived")
        demand(not message.heard, "1xx behind the response", self, event)
        message.heard_early += 1

    def on_promise(self, event: PushedStreamReceived) -> None:
        stream_id = event.pushed_stream_id
        demand(stream_id not in self.messages, "a promise comes twice", self, event)
        message = self.messages[stream_id] = Message(stream_id)
        message.begun = message.ended = True

    def on_data(self, event: DataReceived) -> None:
        message = self._message(event, "DataReceived")
        demand(not self.buffering, "DataReceived in place of DataAvailable", self)
        length = event.flow_controlled_length
        demand(event.data or event.stream_ended, "DATA without content", self, event)
        message.owed += length
        self.check_content(message, event.data)

    def check_content(self, message: Message, data: bytes) -> None:
        """Compare received octets with those that were written."""
        demand(message.heard or not data, "content before the header section", self, message)
        late = message.heard_trailers and not self.buffering
        demand(not late, "content behind trailers", self, message)
        expected = content(message.stream_id, not self.client, message.read, len(data))
        message.read += len(data)
        where = (self, message.stream_id, message.read)
        demand(data == expected, "the content is another one", *where)

    def on_available(self, event: DataAvailable) -> None:
        message = self._message(event, "DataAvailable")
        demand(not message.ignored, "DataAvailable after discard_data", self, event)
        message.available = True
        demand(self.buffering, "DataAvailable in place of DataReceived", self)

    def on_trailers(self, event: TrailersReceived) -> None:
        self._message(event, "TrailersReceived").heard_trailers = True

    def on_end(self, event: StreamEnded) -> None:
        self._message(event, "StreamEnded").heard_end = True

    def on_reset(self, event: StreamReset) -> None:
        if event.stream_id not in self.messages and not event.remote_reset:
            # A request sent before our limit was known; the program gets no event for it.
            demand(event.error_code == 7, "an error of the other end", self, event)
            return
        message = self._message(event, "StreamReset")
        demand(event.remote_reset, "an error of the other end", self, event)
        message.lost = event.error_code
        message.full = False

    def on_writable(self, event: StreamWritable) -> None:
        message = self._message_that_is_written(event)
        message.full = False
        if message.may_write and not self.late:
            size = self.conn.send_buffer_size(event.stream_id)
            low = self.conn.SEND_BUFFER_LOW
            demand(size <= low, "StreamWritable too early", self, event.stream_id, size)
            writable = self.conn.is_writable(event.stream_id)
            demand(writable, "StreamWritable, and it is not", self, event.stream_id, size)

    def on_opened(self, event: StreamOpened) -> None:
        message = self._message_that_is_written(event)
        demand(message.waited, "StreamOpened for a stream that did not wait", self, event)
        demand(not message.opened, "StreamOpened twice", self, event)
        message.opened = True
        # Responses on promised streams may start in any order.
        ordered = not self.client or self.opened < [event.stream_id]
        demand(ordered, "opened out of order", self, event, self.opened)
        self.opened = [event.stream_id]

    def _message_that_is_written(self, event: StreamWritable | StreamOpened) -> Message:
        message = self.messages.get(event.stream_id)
        demand(message is not None, "an event for an unknown stream", self, event)
        assert message is not None
        return message

    def on_settings(self, event: RemoteSettingsChanged) -> None:
        self.settings_heard = True

    def on_terminated(self, event: ConnectionTerminated) -> None:
        self.goaway_heard = True

    def on_drained(self, event: ConnectionDrained) -> None:
        self.drained += 1
        demand(self.shut_down, "ConnectionDrained without a shutdown", self)
        left = [] if self.ended else list(self.conn.streams)
        demand(not left, "drained with streams", self, left)
        demand(not self.conn.send_buffer_size(), "drained with content", self)

    # Invariants.

    def limit(self) -> int:
        """How many streams this end may have open."""
        if not self.settings_heard:
            return min(BEFORE_SETTINGS, self.conn.remote_settings.max_concurrent_streams)
        return self.conn.remote_settings.max_concurrent_streams

    def sendable(self) -> int | None:
        """A stream that has octets and an open window, if there is one."""
        core = self.conn._core
        if core.send_windows.connection <= 0 or self.ended:
            return None
        initial = core.send_windows.initial
        for stream_id, stream in core.streams.items():
            size = self.conn.send_buffer_size(stream_id)
            if size and stream.open and initial + stream.send_offset > 0:
                return stream_id
        return None

    def pull(self, amount: int | None) -> bytes:
        """Take output, and check that nothing that can be sent is left."""
        conn = self.conn
        before = self.sendable() if amount != 0 else None
        opened = conn.open_outbound_streams
        try:
            data = conn.data_to_send(amount)
        except Exception as error:
            raise Broken("data_to_send raises", f"{self}: {error!r}") from error
        demand(amount is None or len(data) <= amount, "more than amount", self, amount, len(data))
        demand(data or before is None, "nothing goes although it may", self, before, amount)
        now = conn.open_outbound_streams
        demand(now <= max(opened, self.limit()), "too many streams", self, now, self.limit())
        spare = _FRAME_HEADER + min(conn.max_outbound_frame_size, _LARGEST_CUT)
        if amount is None or len(data) + spare <= amount:
            left = self.sendable()
            demand(left is None, "octets and a window, and nothing goes", self, left, amount)
            if conn.waiting_streams and not self.ended:
                demand(now >= self.limit(), "a request waits without need", self, now, self.limit())
        return data

    def check_sizes(self) -> None:
        """The total is the sum of the sizes of all queues."""
        conn = self.conn
        each = sum(conn.send_buffer_size(stream_id) for stream_id in self.messages)
        demand(each == conn.send_buffer_size(), "sizes do not add up", self, each)
        for message in self.messages.values():
            size = conn.send_buffer_size(message.stream_id)
            kept = message.over and not message.complete
            demand(size == 0 or not kept, "a queue of a closed stream", self, message)
            demand(size <= message.written, "more waits than was written", self, message)
            if message.complete and message.stream_id not in conn._sending.queues:
                gone = self.ended or message.stream_id not in conn.streams
                demand(gone, "no RST_STREAM behind a response", self, message)
            if size:
                state = conn.is_writable(message.stream_id)
                full = size >= conn.SEND_BUFFER_HIGH or message.ended
                demand(not (state and full), "writable though full", self, message.stream_id, size)

    def reads(self, stream_id: int, amount: int | None) -> int:
        """Read the content that has arrived; return its size."""
        message = self.messages[stream_id]
        there = self.conn.readable(stream_id)
        data = self.conn.read_data(stream_id, amount)
        wanted = there if amount is None else min(there, amount)
        where = (self, stream_id, there, amount, len(data))
        demand(len(data) == wanted, "reads not what is readable", *where)
        self.check_content(message, data)
        left = self.conn.readable(stream_id)
        demand(left == there - len(data), "readable after reading", *where, left)
        message.available = left > 0
        whole = message.heard_end and not left
        said = message.over or self.conn.at_end(stream_id) == whole
        demand(said, "at_end", self, message, left)
        return len(data)

    def acknowledge(self, message: Message, octets: int) -> None:
        """Hand back octets that were received."""
        message.owed -= octets
        self.conn.acknowledge_received_data(octets, message.stream_id)


_HANDLERS: Final[dict[type, Any]] = {
    RequestReceived: End.on_request,
    ResponseReceived: End.on_response,
    InformationalResponseReceived: End.on_early,
    PushedStreamReceived: End.on_promise,
    DataReceived: End.on_data,
    DataAvailable: End.on_available,
    TrailersReceived: End.on_trailers,
    StreamEnded: End.on_end,
    StreamReset: End.on_reset,
    StreamWritable: End.on_writable,
    StreamOpened: End.on_opened,
    RemoteSettingsChanged: End.on_settings,
    ConnectionTerminated: End.on_terminated,
    ConnectionDrained: End.on_drained,
}
