"""A connection that keeps what cannot be sent yet, and decides what goes next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from operator import index
from typing import TYPE_CHECKING

from h2._core import enqueue, send
from h2._core.buffered import Buffers, strict_unless_said
from h2._core.enqueue import send_data as _send_data
from h2._core.enqueue import send_headers as _send_headers
from h2._core.pull import data_to_send as _data_to_send
from h2._core.receive_queue import ReceiveQueue
from h2._core.receive_windows import AutomaticWindow, ReceiveWindows
from h2._core.timers import Keepalive, Timers
from h2.connection import H2Connection, _checked_code
from h2.priorities import Priority

if TYPE_CHECKING:
    from hpack.struct import HeaderWeaklyTyped

    from h2.config import H2Configuration
    from h2.errors import ErrorCodes
    from h2.events import Event

__all__ = ["BufferedH2Connection", "Keepalive"]


class BufferedH2Connection(H2Connection):
    """An :class:`~h2.connection.H2Connection` that takes everything at any time.

    What cannot be sent yet is kept: content for which there is no window, requests above the
    peer's limit of concurrent streams, trailers behind content. :meth:`data_to_send` decides as
    late as possible what goes next, by the priorities of RFC 9218. So nothing here raises
    ``FlowControlError``, ``FrameTooLargeError`` for content, or ``TooManyStreamsError``.

    Names that :class:`~h2.connection.H2Connection` has, too, ask for less and promise the same.

    :param config: how the connection behaves; a client if ``None``. Errors have the scope of RFC
        9113 unless it says otherwise: where ``strict`` was not given, the connection uses a copy
        with ``strict=True``.
    :param receive_buffering: whether content that arrives is kept until :meth:`read_data` takes
        it. :class:`~h2.events.DataAvailable` then takes the place of
        :class:`~h2.events.DataReceived`.
    :param stream_window: octets that the peer may send on each stream before any is acknowledged,
        1 to 2**31 - 1; 65,535, or what the settings say, if ``None``
    :param connection_window: the same for the whole connection, 65,535 to 2**31 - 1; 65,535 if
        ``None``
    :param automatic_window: whether the windows grow with what the connection turns out to carry in
        a round trip, up to :attr:`LARGEST_AUTOMATIC_WINDOW`. PING frames measure that.
    :param keepalive: when to send PING because nothing comes, and when to give up; never if
        ``None``
    :param settings_timeout: seconds that the peer has to acknowledge SETTINGS; no limit if ``None``
    :param shutdown_timeout: seconds for :meth:`graceful_shutdown`; no limit if ``None``
    :param clock: returns the time in seconds, for the four above
    :raises ValueError: if a window is out of range, or a number of seconds is not above 0
    """

    #: Octets that wait on a stream from which :meth:`is_writable` is false.
    SEND_BUFFER_HIGH = 65_536

    #: Octets at which it is true again, and :class:`~h2.events.StreamWritable` says so.
    SEND_BUFFER_LOW = 16_384

    #: Requests that are sent before the server has said how many it allows.
    STREAMS_BEFORE_SETTINGS = 100

    #: Octets to which windows grow with ``automatic_window``, at most.
    LARGEST_AUTOMATIC_WINDOW = 16_777_216

    def __init__(
        self,
        config: H2Configuration | None = None,
        *,
        receive_buffering: bool = False,
        stream_window: int | None = None,
        connection_window: int | None = None,
        automatic_window: bool = False,
        keepalive: Keepalive | None = None,
        settings_timeout: float | None = None,
        shutdown_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(strict_unless_said(config))
        buffers = self._buffers = Buffers(
            self._core,
            receive_buffering,
            ReceiveWindows(self._core, stream_window, connection_window),
            AutomaticWindow(self._core, clock) if automatic_window else None,
            Timers(self._core, keepalive, settings_timeout, shutdown_timeout, clock),
        )
        self._sending = buffers.sending
        self._receiving = buffers.receiving
        self._limit_queues()

    def _limit_queues(self) -> None:
        """Hand on limits that programs set on a subclass or on the instance."""
        sending = self._sending
        sending.high = self.SEND_BUFFER_HIGH
        sending.low = self.SEND_BUFFER_LOW
        sending.streams_before_settings = self.STREAMS_BEFORE_SETTINGS
        if self._buffers.automatic is not None:
            self._buffers.automatic.largest = self.LARGEST_AUTOMATIC_WINDOW

    # What H2Connection has, too.

    @property
    def config(self) -> H2Configuration:
        """The configuration of this connection, which says ``strict`` in any case."""
        return self._core.config

    @config.setter
    def config(self, config: H2Configuration) -> None:
        self._core.config = strict_unless_said(config)
        self._core.planner.options_changed()

    def initiate_connection(self) -> None:
        """Send the connection preface, as ``H2Connection.initiate_connection`` does.

        The windows that the constructor was given are announced with it. A server says that it goes
        by RFC 9218 and by nothing else (SETTINGS_NO_RFC7540_PRIORITIES), unless its settings have
        another value already.

        :raises ProtocolError: if the connection has ended
        """
        self._limit_queues()
        with self._buffers.starting():
            super().initiate_connection()

    def initiate_upgrade_connection(self, settings_header: bytes | None = None) -> bytes | None:
        """Start on a connection that was upgraded from HTTP/1.1, as in ``H2Connection``.

        :param settings_header: see ``H2Connection.initiate_upgrade_connection``
        :raises ProtocolError: if the field is not valid, or stream 1 was used already
        """
        self._limit_queues()
        with self._buffers.starting():
            return super().initiate_upgrade_connection(settings_header)

    def get_next_available_stream_id(self) -> int:
        """Return the identifier of the next stream that we can open (section 5.1.1).

        Requests that wait have theirs already.

        :raises NoAvailableStreamIDError: if all identifiers have been used
        """
        return enqueue.next_stream_id(self._sending, self.HIGHEST_ALLOWED_STREAM_ID)

    def send_headers(
        self,
        stream_id: int,
        headers: Iterable[HeaderWeaklyTyped],
        end_stream: bool = False,
        priority_weight: int | None = None,
        priority_depends_on: int | None = None,
        priority_exclusive: bool | None = None,
    ) -> None:
        """Send a field block: a request, a response, or trailers (RFC 9113 section 8.1).

        A request, and the response on a promised stream, waits where the peer allows no more
        concurrent streams; :class:`~h2.events.StreamOpened` tells when a request that has waited is
        on its way. Trailers wait behind the content of their message. The fields are checked in the
        call, also where they have to wait.

        The arguments are those of ``H2Connection.send_headers``.

        :raises ProtocolError: if the stream or the connection does not allow it now, or the fields
            make no valid message
        :raises StreamClosedError: if the stream is closed
        :raises StreamIDTooLowError: if the identifier was passed over by a higher one
        :raises RFC1122Error: if a server gives priority
        :raises ValueError: if a text has characters that UTF-8 does not have, or if fields are not
            validated and a request or response has none
        :raises TypeError: if a field is not a pair of ``bytes`` or ``str``
        """
        priority = b""
        given = (priority_weight, priority_depends_on, priority_exclusive)
        if given != (None, None, None):
            priority = send.priority_fields(self._core, stream_id, *given)
        if stream_id.__class__ is not int:
            stream_id = index(stream_id)
        _send_headers(self._sending, stream_id, headers, bool(end_stream), priority)

    def send_data(
        self,
        stream_id: int,
        data: bytes | bytearray | memoryview,
        end_stream: bool = False,
        pad_length: int | None = None,
    ) -> None:
        """Send content, of any length and at any time (RFC 9113 section 6.1).

        It is cut into DATA frames, or put together, when :meth:`data_to_send` takes them. What a
        program goes on to write while :meth:`is_writable` is false is kept, too.

        :param stream_id: the stream, on which a header section was sent or waits
        :param data: any bytes-like object; mutable ones are copied
        :param end_stream: whether nothing follows on this stream
        :param pad_length: octets of padding of every frame of this content, 0 to 255; fewer where
            a window would leave no room for content
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if the stream does not allow DATA now
        :raises ValueError: if ``pad_length`` is out of range
        :raises TypeError: if an argument has a wrong type
        """
        if data.__class__ is not bytes:
            data = bytes(memoryview(data))
        if stream_id.__class__ is not int:
            stream_id = index(stream_id)
        if pad_length is not None:
            _check_padding(pad_length)
        _send_data(self._sending, stream_id, data, bool(end_stream), pad_length)

    def end_stream(self, stream_id: int) -> None:
        """End our side of a stream, behind what waits (RFC 9113 section 6.1).

        :param stream_id: the stream
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if our side ended already or has not begun
        """
        _send_data(self._sending, index(stream_id), b"", True, None)

    def push_stream(
        self,
        stream_id: int,
        promised_stream_id: int,
        request_headers: Iterable[HeaderWeaklyTyped],
    ) -> None:
        """Promise a response, as ``H2Connection.push_stream`` does (section 8.4).

        Above the client's limit of concurrent streams the response waits.

        :param stream_id: the stream of the request that this belongs to
        :param promised_stream_id: an even identifier from :meth:`get_next_available_stream_id`
        :param request_headers: the fields of the request that is promised
        :raises ProtocolError: if the client disabled push, either stream is in a state that does
            not allow it, or the fields make no valid request
        :raises StreamIDTooLowError: if ``promised_stream_id`` was used or passed over
        """
        enqueue.push_stream(
            self._sending, index(stream_id), index(promised_stream_id), request_headers
        )

    def reset_stream(self, stream_id: int, error_code: ErrorCodes | int = 0) -> None:
        """Terminate a stream at once with RST_STREAM; what waits on it is dropped (section 6.4).

        With ``NO_ERROR`` after the end of our message RST_STREAM goes behind the message, so that a
        server can tell its client not to send the rest of a request (section 8.1). A request that
        waits to be opened is dropped without a frame.

        :param stream_id: the stream
        :param error_code: why (RFC 9113 section 7)
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ValueError: if ``error_code`` does not fit into 32 bits
        """
        stream_id = index(stream_id)
        enqueue.reset_stream(self._sending, stream_id, _checked_code(error_code))
        if self._receiving is not None:
            self._receiving.we_reset(stream_id)

    def send_priority_update(
        self, stream_id: int, urgency: int = 3, incremental: bool = False
    ) -> None:
        """Send PRIORITY_UPDATE: how urgent a response is (RFC 9218 section 7.1); clients only.

        Nothing is sent to a server whose first SETTINGS say that it ignores the frame, that is
        which lack SETTINGS_NO_RFC7540_PRIORITIES with a value of 1 (section 2.1.1). For a request
        that waits to be opened the frame goes out with it.

        The arguments and exceptions are those of ``H2Connection.send_priority_update``, without
        ``TooManyStreamsError``.
        """
        stream_id, urgency = index(stream_id), index(urgency)
        if not 0 < stream_id <= 2**31 - 1:
            raise ValueError(f"Stream {stream_id} does not exist")
        priority = Priority(urgency, bool(incremental))
        enqueue.send_priority_update(self._sending, stream_id, priority)

    def prioritize(
        self,
        stream_id: int,
        weight: int | None = None,
        depends_on: int | None = None,
        exclusive: bool | None = None,
    ) -> None:
        """Send PRIORITY, as ``H2Connection.prioritize`` does; clients only.

        Nothing is sent to a server whose first SETTINGS say that it ignores the frame, by
        SETTINGS_NO_RFC7540_PRIORITIES with a value of 1 (RFC 9218 section 2.1.1).

        :param stream_id: the stream, in any state
        :param weight: 1 to 256; 16 if ``None``
        :param depends_on: the stream on which it depends; 0, none, if ``None``
        :param exclusive: whether it becomes the only one that depends on ``depends_on``
        :raises RFC1122Error: if this is a server
        :raises ProtocolError: if the weight is out of range or the stream depends on itself
        :raises ValueError: if an identifier is out of range
        """
        fields = send.priority_fields(self._core, stream_id, weight, depends_on, exclusive)
        enqueue.prioritize(self._sending, stream_id, fields)

    def close_connection(
        self,
        error_code: ErrorCodes | int = 0,
        additional_data: bytes | None = None,
        last_stream_id: int | None = None,
    ) -> None:
        """Send GOAWAY, as ``H2Connection.close_connection`` does (section 6.8).

        With ``NO_ERROR`` content that waits still goes out, and a client's requests that wait to be
        opened are refused; with any other code everything is dropped.
        :meth:`graceful_shutdown` does all that a shutdown needs.
        """
        super().close_connection(error_code, additional_data, last_stream_id)
        enqueue.connection_closed(self._sending)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """Take in bytes from the peer, as ``H2Connection.receive_data`` does.

        The events of :meth:`events` come with the others.

        :param data: any bytes-like object, cut anywhere
        :raises ProtocolError: if the peer violates the protocol in a way that ends the
            connection. ``exc.events`` has the events of the frames before; nothing waits any more.
        :raises RuntimeError: if it is called from within itself, by a logger for example
        """
        if data.__class__ is not bytes:
            data = bytes(memoryview(data))
        return self._buffers.receive_data(data)

    def data_to_send(self, amount: int | None = None) -> bytes:
        """Return bytes for the peer, and forget them; what goes into them is decided now.

        Frames other than DATA go first, in the order of the calls. Then come requests that can be
        opened, then content by priority. Never raises for what has happened before.

        :param amount: at most so many octets, and a little less where the next frame does not fit;
            all that may go if ``None``
        :raises ValueError: if ``amount`` is negative
        """
        if amount is not None:
            amount = index(amount)
            if amount < 0:
                raise ValueError("amount must not be negative")
        data = _data_to_send(self._sending, amount)
        receiving = self._receiving
        if receiving is not None and receiving.unread_requests and receiving.release_answered():
            # What the responses that have just ended give back goes with them.
            left = None if amount is None else amount - len(data)
            data += _data_to_send(self._sending, left)
        return data

    def clear_outbound_data_buffer(self) -> None:
        """Forget all bytes for the peer, and all that waits. The connection cannot go on then."""
        super().clear_outbound_data_buffer()
        self._sending.drop_all()

    @property
    def outbound_buffer_size(self) -> int:
        """How many octets are pending in frames. Content that waits is no frame yet."""
        return self._core.out.size

    # What waits.

    def events(self) -> list[Event]:
        """Return what sending has brought about, and what no call has told yet.

        Call it after :meth:`data_to_send`. :meth:`receive_data` returns these events, too, so a
        program that forgets the call is late, not stuck.
        """
        if self._sending.events or self._buffers.shutdown is not None:
            return self._buffers.take_events()
        return []

    def is_writable(self, stream_id: int) -> bool:
        """Tell whether to go on writing on a stream.

        False from :attr:`SEND_BUFFER_HIGH` octets that wait, until
        :class:`~h2.events.StreamWritable`; and for a stream on which content cannot be sent, for
        ever if it was reset. So wait for an event, not until this is true.

        :param stream_id: the stream
        """
        return self._sending.is_writable(stream_id)

    def send_buffer_size(self, stream_id: int | None = None) -> int:
        """Return how many octets of content wait, on one stream or on all.

        :param stream_id: the stream; all of them if ``None``
        """
        return self._sending.buffer_size(stream_id)

    @property
    def waiting_streams(self) -> int:
        """How many requests, and responses on promised streams, wait to be opened."""
        return self._sending.waiting_streams

    # Priorities.

    def set_priority(
        self, stream_id: int, urgency: int | None = None, incremental: bool | None = None
    ) -> None:
        """Say how urgent what we send on a stream is; what is ``None`` stays (RFC 9218).

        Takes the place of what the peer has said so far; nothing is sent. The latest word counts,
        whoever says it.

        :param stream_id: a stream that is open or waits to be
        :param urgency: from 0, the most urgent, to 7
        :param incremental: whether the peer can use parts as they come in
        :raises ValueError: if ``urgency`` is out of range
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        """
        enqueue.set_priority(self._sending, index(stream_id), urgency, incremental)

    def get_priority(self, stream_id: int) -> Priority:
        """Return how urgent what we send on a stream is; the default for one that is not open.

        :param stream_id: the stream
        """
        return self._sending.get_priority(stream_id)

    # What arrives. Only with `receive_buffering`.

    def read_data(self, stream_id: int, amount: int | None = None) -> bytes:
        """Take content that has arrived on a stream, and give its space back to the peer.

        Returns ``b""`` where nothing waits: either all content was read, and :meth:`at_end` is
        true, or more may come, and :class:`~h2.events.DataAvailable` will say so. Raises where
        nothing waits and nothing can come any more although the content is not complete: so content
        that was cut is never taken for all of it.

        What had arrived when a stream was reset can still be read, and so can the content of
        streams that are closed.

        :param stream_id: the stream
        :param amount: at most so many octets; all that wait if ``None``
        :raises StreamClosedError: if the stream was reset before its content was complete
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if the connection has ended before the content was complete
        :raises ValueError: if ``amount`` is negative
        :raises RuntimeError: without ``receive_buffering``
        """
        if amount is not None:
            amount = index(amount)
            if amount < 0:
                raise ValueError("amount must not be negative")
        if stream_id.__class__ is not int:
            stream_id = index(stream_id)
        receiving = self._receiving
        return (self._kept() if receiving is None else receiving).read(stream_id, amount)

    def readable(self, stream_id: int) -> int:
        """Return how many octets of content wait on a stream to be read.

        :param stream_id: the stream
        :raises RuntimeError: without ``receive_buffering``
        """
        return self._kept().readable(stream_id)

    def at_end(self, stream_id: int) -> bool:
        """Tell whether all content of a stream has come and was read; false if it was cut.

        :param stream_id: the stream
        :raises RuntimeError: without ``receive_buffering``
        """
        return self._kept().at_end(stream_id)

    def discard_data(self, stream_id: int) -> None:
        """Drop the content of a stream: what waits to be read, and what is to come.

        Its space goes back to the peer. For programs that have lost interest in a stream, in any
        state of it; :meth:`reset_stream` does it, too.

        :param stream_id: the stream
        :raises RuntimeError: without ``receive_buffering``
        """
        self._kept().discard(index(stream_id))

    def _kept(self) -> ReceiveQueue:
        """Return what keeps content that arrives, or raise if nothing does."""
        if self._receiving is None:
            raise RuntimeError("This needs a connection with receive_buffering=True")
        return self._receiving

    # The end, and time.

    def graceful_shutdown(self) -> None:
        """Take no new streams and finish those that exist (RFC 9113 section 6.8). Never raises.

        A server sends GOAWAY with the highest identifier and PING, and GOAWAY with the last stream
        that it has received once the acknowledgment is there. A client refuses new requests of the
        program, sends those that wait to be opened, and sends GOAWAY when all are over. Then, with
        nothing left on either side, comes :class:`~h2.events.ConnectionDrained`.

        With ``shutdown_timeout`` what is not complete by then is reset with ``CANCEL``, or refused
        with ``REFUSED_STREAM`` if it was not opened; :class:`~h2.events.StreamReset` tells of each.
        """
        self._buffers.graceful_shutdown()

    def get_timer(self) -> float | None:
        """Return when to call :meth:`handle_timer`, in the seconds of the clock; ``None``: never.

        Any other call may change it, so ask again after each turn of the event loop.
        """
        return self._buffers.timers.due()

    def handle_timer(self, now: float) -> None:
        """Do what is due at this time, and nothing if that is nothing. Never raises.

        Take in what has arrived first; call :meth:`data_to_send` and :meth:`events` afterwards.
        :class:`~h2.events.KeepaliveTimedOut` says that nothing has come,
        :class:`~h2.events.SettingsTimedOut` that the connection has ended.

        PING frames that the connection sends by itself are not shown: there is no
        :class:`~h2.events.PingAckReceived` for them.

        :param now: the time, in the seconds of the clock
        """
        self._buffers.handle_timer(now)


def _check_padding(pad_length: object) -> None:
    """Refuse what is no length of padding."""
    if not isinstance(pad_length, int):
        raise TypeError("pad_length must be an int")
    if not 0 <= pad_length <= 255:
        raise ValueError("pad_length must be within range: [0, 255]")
