"""A connection that buffers what cannot be sent yet, and decides what to send next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from operator import index
from typing import TYPE_CHECKING

from h2._core import enqueue, send, waiting_windows
from h2._core.buffered import Buffers, strict_unless_said
from h2._core.enqueue import send_data as _send_data
from h2._core.enqueue import send_headers as _send_headers
from h2._core.keepalive import Keepalive
from h2._core.pull import data_to_send as _data_to_send
from h2._core.receive_queue import ReceiveQueue
from h2._core.receive_windows import AutomaticWindow, ReceiveWindows
from h2._core.timers import Timers, checked_number
from h2.connection import H2Connection, _checked_code
from h2.priorities import Priority

if TYPE_CHECKING:
    from hpack.struct import HeaderWeaklyTyped

    from h2.config import H2Configuration
    from h2.errors import ErrorCodes
    from h2.events import Event

__all__ = ["BufferedH2Connection", "Keepalive"]

#: More octets or streams than there can be.
_UNLIMITED = 2**62 - 1


class BufferedH2Connection(H2Connection):
    """An :class:`~h2.connection.H2Connection` that accepts everything at any time.

    It buffers what cannot be sent yet: content for which there is no window, requests above the
    peer's limit on concurrent streams, trailers after content. :meth:`data_to_send` decides as late
    as possible what to send next, by the priorities of RFC 9218. So sending never raises
    ``FlowControlError`` or ``TooManyStreamsError``, nor ``FrameTooLargeError`` for content.

    Methods that :class:`~h2.connection.H2Connection` also has require less and guarantee the same.

    :param config: how the connection behaves; a client if ``None``. Errors have the scope of RFC
        9113 unless the configuration says otherwise: if ``strict`` was not set, the connection uses
        a copy with ``strict=True``.
    :param receive_buffering: whether content that arrives is buffered until :meth:`read_data`
        returns it. :class:`~h2.events.DataAvailable` then replaces
        :class:`~h2.events.DataReceived`.
    :param stream_window: octets that the peer may send on each stream before any is acknowledged,
        1 to 2**31 - 1; 65,535, or what the settings say, if ``None``
    :param connection_window: the same for the whole connection, 65,535 to 2**31 - 1; 65,535 if
        ``None``
    :param automatic_window: whether the windows grow with what the connection carries in a round
        trip, up to :attr:`LARGEST_AUTOMATIC_WINDOW`. PING frames measure that.
    :param keepalive: when to send PING because nothing arrives, and when to give up; never if
        ``None``
    :param settings_timeout: seconds that the peer has to acknowledge SETTINGS; no limit if ``None``
    :param shutdown_timeout: seconds for :meth:`graceful_shutdown`; no limit if ``None``
    :param clock: returns the time in seconds, for the four above
    :raises ValueError: if a window is out of range, or a number of seconds is not above 0
    """

    #: :meth:`is_writable` is false once this many octets are buffered on a stream.
    SEND_BUFFER_HIGH = 65_536

    #: It is true again, with :class:`~h2.events.StreamWritable`, when this many octets are left.
    SEND_BUFFER_LOW = 16_384

    #: How many requests are sent before the server has announced how many it allows. As with the
    #: other three, what is set on an instance applies from :meth:`initiate_connection` on.
    STREAMS_BEFORE_SETTINGS = 100

    #: The largest size to which windows grow with ``automatic_window``, in octets.
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
        if keepalive is not None and not isinstance(keepalive, Keepalive):
            raise TypeError("keepalive must be a Keepalive")
        buffers = self._buffers = Buffers(
            self._core,
            bool(receive_buffering),
            ReceiveWindows(self._core, stream_window, connection_window),
            AutomaticWindow(self._core, clock) if automatic_window else None,
            Timers(self._core, keepalive, settings_timeout, shutdown_timeout, clock),
        )
        self._sending = buffers.sending
        self._receiving = buffers.receiving
        self._limit_queues()

    def _limit_queues(self) -> None:
        """Pass on limits that programs set on a subclass or on the instance."""
        sending = self._sending
        sending.high = _limit(self.SEND_BUFFER_HIGH)
        sending.low = max(0, _limit(self.SEND_BUFFER_LOW))  # an empty buffer is always low enough
        sending.streams_before_settings = _limit(self.STREAMS_BEFORE_SETTINGS)
        if self._buffers.automatic is not None:
            self._buffers.automatic.largest = min(_limit(self.LARGEST_AUTOMATIC_WINDOW), 2**31 - 1)

    def _ask_subclass(self, last: int, code: int, debug_data: bytes) -> list[Event]:
        """Let a subclass handle GOAWAY, whatever events it makes of it."""
        streams = list(self._core.streams)
        events = super()._ask_subclass(last, code, debug_data)
        self._sending.peer_goes_away(streams)
        return events

    # Methods that H2Connection also has.

    @property
    def config(self) -> H2Configuration:
        """The configuration of this connection; its ``strict`` is always set."""
        return self._core.config

    @config.setter
    def config(self, config: H2Configuration) -> None:
        self._core.use_config(strict_unless_said(config))

    def initiate_connection(self) -> None:
        """Send the connection preface, as ``H2Connection.initiate_connection`` does.

        This also announces the windows that were passed to the constructor. A server announces that
        it uses the priorities of RFC 9218 only (SETTINGS_NO_RFC7540_PRIORITIES), unless its
        settings already have another value.

        :raises ProtocolError: if the connection has ended
        """
        self._limit_queues()
        with self._buffers.starting():
            super().initiate_connection()

    def initiate_upgrade_connection(self, settings_header: bytes | None = None) -> bytes | None:
        """Start on a connection that was upgraded from HTTP/1.1, as in ``H2Connection``.

        :param settings_header: see ``H2Connection.initiate_upgrade_connection``
        :raises ProtocolError: if the field is not valid, or stream 1 was used already, even by a
            request that is queued
        """
        self._limit_queues()
        enqueue.check_upgrade(self._sending)
        with self._buffers.starting():
            return super().initiate_upgrade_connection(settings_header)

    def get_next_available_stream_id(self) -> int:
        """Return the identifier of the next stream that we can open (section 5.1.1).

        Pending requests already have theirs.

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

        A request, or the response on a promised stream, is queued while the peer allows no more
        concurrent streams; :class:`~h2.events.StreamOpened` reports when a queued request is sent.
        Trailers are sent after the content of their message. The fields are always checked in this
        call.

        The arguments are those of ``H2Connection.send_headers``.

        :raises ProtocolError: if the stream or the connection does not allow it now, or the fields
            are not a valid message
        :raises StreamClosedError: if the stream is closed
        :raises StreamIDTooLowError: if a stream with a higher identifier was opened already
        :raises RFC1122Error: if a server passes a priority
        :raises ValueError: if a ``str`` cannot be encoded as UTF-8, or if fields are not validated
            and a request or response has none
        :raises TypeError: if a field is not a pair of ``bytes`` or ``str``
        """
        priority = b""
        if (
            priority_weight is not None
            or priority_depends_on is not None
            or priority_exclusive is not None
        ):
            priority = send.priority_fields(
                self._core, stream_id, priority_weight, priority_depends_on, priority_exclusive
            )
        if stream_id.__class__ is not int:
            stream_id = index(stream_id)
        if end_stream.__class__ is not bool:
            end_stream = bool(end_stream)
        _send_headers(self._sending, stream_id, headers, end_stream, priority)

    def send_data(
        self,
        stream_id: int,
        data: bytes | bytearray | memoryview,
        end_stream: bool = False,
        pad_length: int | None = None,
    ) -> None:
        """Send content, of any length and at any time (RFC 9113 section 6.1).

        :meth:`data_to_send` splits or combines it into DATA frames. Content that is written while
        :meth:`is_writable` is false is buffered, too.

        :param stream_id: the stream; its header section must have been sent or queued
        :param data: any bytes-like object; mutable ones are copied
        :param end_stream: whether nothing follows on this stream
        :param pad_length: octets of padding for every frame of this content, 0 to 255; fewer if a
            window would leave no room for content
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
        if end_stream.__class__ is not bool:
            end_stream = bool(end_stream)
        _send_data(self._sending, stream_id, data, end_stream, pad_length)

    def end_stream(self, stream_id: int) -> None:
        """End our side of a stream, after what is buffered (RFC 9113 section 6.1).

        :param stream_id: the stream
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if our side has already ended or has not started
        """
        _send_data(self._sending, index(stream_id), b"", True, None)

    def push_stream(
        self,
        stream_id: int,
        promised_stream_id: int,
        request_headers: Iterable[HeaderWeaklyTyped],
    ) -> None:
        """Promise a response, as ``H2Connection.push_stream`` does (section 8.4).

        The response is queued while the client allows no more concurrent streams.

        :param stream_id: the stream of the request that the promise belongs to
        :param promised_stream_id: an even identifier from :meth:`get_next_available_stream_id`
        :param request_headers: the fields of the promised request
        :raises ProtocolError: if the client disabled push, the state of either stream does not
            allow it, or the fields are not a valid request
        :raises StreamIDTooLowError: if ``promised_stream_id`` was used or skipped
        """
        enqueue.push_stream(
            self._sending, index(stream_id), index(promised_stream_id), request_headers
        )

    def reset_stream(self, stream_id: int, error_code: ErrorCodes | int = 0) -> None:
        """Terminate a stream immediately with RST_STREAM; drop what is buffered (section 6.4).

        With ``NO_ERROR`` after the end of our message, RST_STREAM is sent after the message, so
        that a server can tell its client not to send the rest of a request (section 8.1). Some
        clients lose the message then; :meth:`discard_data` is safer. A pending request is dropped
        without a frame.

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

        Nothing is sent to a server whose first SETTINGS frame shows that it ignores PRIORITY_UPDATE
        because SETTINGS_NO_RFC7540_PRIORITIES is not 1 (section 2.1.1). For a pending request, the
        frame is sent together with the request.

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

        Nothing is sent to a server whose first SETTINGS frame shows that it ignores PRIORITY
        because SETTINGS_NO_RFC7540_PRIORITIES is 1 (RFC 9218 section 2.1.1).

        :param stream_id: the stream, in any state
        :param weight: 1 to 256; 16 if ``None``
        :param depends_on: the stream it depends on; 0, meaning none, if ``None``
        :param exclusive: whether it becomes the only stream that depends on ``depends_on``
        :raises RFC1122Error: if this is a server
        :raises ProtocolError: if the weight is out of range or the stream depends on itself
        :raises ValueError: if an identifier is out of range
        """
        fields = send.priority_fields(self._core, stream_id, weight, depends_on, exclusive)
        enqueue.prioritize(self._sending, stream_id, fields)

    def local_flow_control_window(self, stream_id: int) -> int:
        """Return how many octets could be sent on a stream now, if nothing else were pending.

        That of a queued request is the window its stream would have. Sending does not require it:
        :meth:`is_writable` says when to pause.

        :param stream_id: the stream
        :raises NoSuchStreamError: if the stream was never opened
        """
        return waiting_windows.local_flow_control_window(self._sending, stream_id)

    def remote_flow_control_window(self, stream_id: int) -> int:
        """Return how many octets the peer may send on a stream now (RFC 9113 section 6.9.1).

        That of a queued request is the window its stream would have.

        :param stream_id: the stream
        :raises NoSuchStreamError: if the stream was never opened
        """
        return waiting_windows.remote_flow_control_window(self._sending, stream_id)

    def increment_flow_control_window(self, increment: int, stream_id: int | None = None) -> None:
        """Let the peer send more: send WINDOW_UPDATE (RFC 9113 section 6.9).

        For a queued request, the frame is sent right after the request.

        The arguments and exceptions are those of ``H2Connection.increment_flow_control_window``.
        """
        increment = index(increment)
        if not 1 <= increment <= self.MAX_WINDOW_INCREMENT:
            raise ValueError(
                f"Flow control increment must be between 1 and {self.MAX_WINDOW_INCREMENT}"
            )
        waiting_windows.increment_flow_control_window(
            self._sending, increment, None if stream_id is None else index(stream_id)
        )

    def close_connection(
        self,
        error_code: ErrorCodes | int = 0,
        additional_data: bytes | None = None,
        last_stream_id: int | None = None,
    ) -> None:
        """Send GOAWAY, as ``H2Connection.close_connection`` does (section 6.8).

        With ``NO_ERROR``, buffered content is still sent, and a client's requests that were not
        sent are refused; with any other code, everything is dropped.
        :meth:`graceful_shutdown` does everything that a shutdown needs.
        """
        super().close_connection(error_code, additional_data, last_stream_id)
        enqueue.connection_closed(self._sending)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """Process bytes from the peer, as ``H2Connection.receive_data`` does.

        The result includes the events of :meth:`events`.

        :param data: any bytes-like object; frames may be split anywhere
        :raises ProtocolError: if the peer violates the protocol in a way that ends the
            connection. ``exc.events`` has the events of the frames before; what was buffered for
            sending is dropped.
        :raises RuntimeError: if it is called from within itself, by a logger for example
        """
        if data.__class__ is not bytes:
            data = bytes(memoryview(data))
        return self._buffers.receive_data(data)

    def data_to_send(self, amount: int | None = None) -> bytes:
        """Return bytes for the peer, and remove them; only now is their order decided.

        Frames other than DATA are first, in the order of the calls. Then come requests that can be
        opened, then content by priority. Errors of earlier calls are never raised here. Before
        :meth:`initiate_connection` there is nothing to send: what other calls have asked for waits
        until it can follow the connection preface.

        :param amount: the maximum number of octets, of which a few remain unused if the next frame
            does not fit; everything that may be sent if ``None``
        :raises ValueError: if ``amount`` is negative
        :raises RuntimeError: if it is called from within itself, by a logger for example
        """
        if amount is not None:
            amount = index(amount)
            if amount < 0:
                raise ValueError("amount must not be negative")
        data = _data_to_send(self._sending, amount)
        receiving = self._receiving
        if receiving is not None and self._sending.answered and receiving.release_answered():
            # Responses that have just ended return window space to the peer; send that, too.
            left = None if amount is None else amount - len(data)
            data += _data_to_send(self._sending, left)
        return data

    def clear_outbound_data_buffer(self) -> None:
        """Discard everything pending and buffered. The connection cannot continue after that."""
        super().clear_outbound_data_buffer()
        self._sending.drop_all()

    @property
    def outbound_buffer_size(self) -> int:
        """How many octets are pending in frames. Buffered content is not in a frame yet."""
        return self._core.out.size

    # What is buffered for sending.

    def events(self) -> list[Event]:
        """Return the events that sending has caused, and that no call has returned yet.

        Call it after :meth:`data_to_send`. :meth:`receive_data` returns these events too, so a
        program that forgets the call gets them late rather than never.
        """
        if self._sending.events or self._buffers.shutdown is not None:
            return self._buffers.take_events()
        return []

    def is_writable(self, stream_id: int) -> bool:
        """Return whether a program should continue to write on a stream.

        False once :attr:`SEND_BUFFER_HIGH` octets are buffered, until
        :class:`~h2.events.StreamWritable`; and for a stream on which content cannot be sent. It
        remains false after a reset, so wait for an event, not until this is true, or in a loop
        until :meth:`send_buffer_size` is below the mark: nothing is buffered after a reset.

        :param stream_id: the stream
        """
        if stream_id.__class__ is not int:
            stream_id = index(stream_id)
        return self._sending.is_writable(stream_id)

    def send_buffer_size(self, stream_id: int | None = None) -> int:
        """Return how many octets of content are buffered, on one stream or on all.

        :param stream_id: the stream; all of them if ``None``
        """
        if stream_id is not None:
            stream_id = index(stream_id)
        return self._sending.buffer_size(stream_id)

    @property
    def waiting_streams(self) -> int:
        """How many requests, and responses on promised streams, are queued."""
        return self._sending.waiting_streams

    # Priorities.

    def set_priority(
        self, stream_id: int, urgency: int | None = None, incremental: bool | None = None
    ) -> None:
        """Set the priority of what we send on a stream; ``None`` means unchanged (RFC 9218).

        It replaces what the peer has asked for so far; nothing is sent. The latest priority
        applies, whether the program or the peer sets it.

        :param stream_id: a stream that is open or queued
        :param urgency: from 0, the most urgent, to 7
        :param incremental: whether the peer can use parts as they arrive
        :raises ValueError: if ``urgency`` is out of range
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        """
        enqueue.set_priority(self._sending, index(stream_id), urgency, incremental)

    def get_priority(self, stream_id: int) -> Priority:
        """Return the priority of what we send on a stream; the default if it is not open.

        :param stream_id: the stream
        """
        return self._sending.get_priority(index(stream_id))

    # What arrives. Only with `receive_buffering`.

    def read_data(self, stream_id: int, amount: int | None = None) -> bytes:
        """Return content that has arrived on a stream, and let the peer send as much again.

        Returns ``b""`` if nothing is buffered: either all content was read, and :meth:`at_end` is
        true, or more may arrive, which :class:`~h2.events.DataAvailable` will report. Raises if
        nothing is buffered and nothing more can arrive although the content is incomplete, so
        truncated content is never mistaken for complete content.

        Content that had arrived when a stream was reset can still be read, and so can the content
        of closed streams.

        :param stream_id: the stream
        :param amount: the maximum number of octets; everything that is buffered if ``None``
        :raises StreamClosedError: if the stream was reset before its content was complete
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if the connection ended before the content was complete
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
        """Return how many octets of received content are buffered on a stream.

        :param stream_id: the stream
        :raises RuntimeError: without ``receive_buffering``
        """
        return self._kept().readable(index(stream_id))

    def at_end(self, stream_id: int) -> bool:
        """Return whether all content of a stream has arrived and been read; false if truncated.

        :param stream_id: the stream
        :raises RuntimeError: without ``receive_buffering``
        """
        if stream_id.__class__ is not int:
            stream_id = index(stream_id)
        return self._kept().at_end(stream_id)

    def discard_data(self, stream_id: int) -> None:
        """Drop the content of a stream: what is buffered, and what is yet to arrive.

        Its space in the windows is returned to the peer. Call it when a program is no longer
        interested in a stream, in any state; :meth:`reset_stream` does it too.

        :param stream_id: the stream
        :raises RuntimeError: without ``receive_buffering``
        """
        self._kept().discard(index(stream_id))

    def _kept(self) -> ReceiveQueue:
        """Return the buffer of received content, or raise if there is none."""
        if self._receiving is None:
            raise RuntimeError("This call requires receive_buffering=True")
        return self._receiving

    # The end, and time.

    def graceful_shutdown(self) -> None:
        """Accept no new streams and finish those that exist (RFC 9113 section 6.8). Never raises.

        A server sends GOAWAY with the highest identifier and PING, then, once the PING is
        acknowledged, GOAWAY with the last stream that it has received. If the client has closed its
        sending side, no acknowledgment can arrive: :meth:`close_connection` then names the last
        stream, before this call or after it. A client refuses new requests from the program, sends
        those that are queued, and sends GOAWAY when all of them have ended. When nothing is left on
        either side, :class:`~h2.events.ConnectionDrained` is reported.

        When ``shutdown_timeout`` expires, streams that are not complete are reset with ``CANCEL``,
        and queued requests are refused with ``REFUSED_STREAM``; each is reported with
        :class:`~h2.events.StreamReset`.
        """
        self._buffers.graceful_shutdown()

    def get_timer(self) -> float | None:
        """Return when to call :meth:`handle_timer`, in seconds of the clock; ``None`` means never.

        Any other call may change it, so ask again after each iteration of the event loop.
        """
        return self._buffers.timers.due()

    def handle_timer(self, now: float) -> None:
        """Do what is due at this time, if anything. Never raises.

        Before it, pass what has arrived to :meth:`receive_data`; after it, call
        :meth:`data_to_send` and :meth:`events`. :class:`~h2.events.KeepaliveTimedOut` means that
        nothing has arrived, :class:`~h2.events.SettingsTimedOut` that the connection has ended.

        The connection's own PING frames are not reported: there is no
        :class:`~h2.events.PingAckReceived` for them.

        :param now: the time, in the seconds of the clock
        """
        self._buffers.handle_timer(checked_number("now", now))


def _limit(number: float) -> int:
    """Return a limit as an integer, whatever kind of number it is; infinity means none."""
    return int(min(number, _UNLIMITED))


def _check_padding(pad_length: object) -> None:
    """Raise if a padding length is invalid."""
    if not isinstance(pad_length, int):
        raise TypeError("pad_length must be an int")
    if not 0 <= pad_length <= 255:
        raise ValueError("pad_length must be within range: [0, 255]")
