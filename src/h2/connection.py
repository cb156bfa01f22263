"""The connection: the public API of this package. The implementation is in :mod:`h2._core`."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import TYPE_CHECKING, Any

from hyperframe.frame import GoAwayFrame

import h2.config
import h2.events
import h2.priorities
import h2.settings
from h2._core import (
    flow_control,
    hpack_views,
    lifecycle,
    origin,
    priority_update,
    receive,
    send,
    send_headers,
)
from h2._core.flow_control import acknowledge_received_data as _acknowledge_received_data
from h2._core.flow_control import local_flow_control_window as _local_flow_control_window
from h2._core.flow_control import take_all as _take_all
from h2._core.reader import receive_data as _receive_data
from h2._core.send import ping as _ping
from h2._core.send import send_data as _send_data
from h2._core.send_headers import send_headers as _send_headers
from h2._core.state import Connection
from h2._core.stream import Stream
from h2._core.views import ConnectionState, StreamState, stream_state
from h2._core.views import ConnectionStateMachine as H2ConnectionStateMachine
from h2._reachable import exported as _exported
from h2.errors import ErrorCodes
from h2.frame_buffer import CONTINUATION_BACKLOG

if TYPE_CHECKING:
    from hpack.struct import HeaderWeaklyTyped
else:
    # Names of other modules, such as `h2.connection.H2Configuration`, as in h2 4.4.1.
    __getattr__ = _exported

__all__ = ["ConnectionState", "H2Connection", "H2ConnectionStateMachine"]

_LARGEST_CODE = 2**32 - 1


class H2Connection:
    """One end of an HTTP/2 connection (RFC 9113), without any I/O.

    Bytes from the peer go into :meth:`receive_data` and come out as events; calls that send
    something leave bytes for :meth:`data_to_send`. The object is not thread-safe; connections do
    not affect each other.

    A call that raises changes nothing. If the peer violates the protocol, :meth:`receive_data`
    raises, and the frame that tells the peer is pending in :meth:`data_to_send`.

    :param config: how the connection behaves; a client with default options if ``None``
    """

    #: Not used: ``local_settings.max_frame_size`` applies. Kept for programs that assign it.
    DEFAULT_MAX_INBOUND_FRAME_SIZE = 2**24

    #: Not used: the peer's SETTINGS_MAX_FRAME_SIZE applies. Kept for programs that assign it.
    DEFAULT_MAX_OUTBOUND_FRAME_SIZE = 65535

    #: SETTINGS_MAX_HEADER_LIST_SIZE of a new connection, in octets (RFC 9113 section 6.5.2).
    DEFAULT_MAX_HEADER_LIST_SIZE = 2**16

    #: The highest stream identifier there is (RFC 9113 section 5.1.1).
    HIGHEST_ALLOWED_STREAM_ID = 2**31 - 1

    #: The largest increment of a flow-control window in octets (RFC 9113 section 6.9).
    MAX_WINDOW_INCREMENT = 2**31 - 1

    #: How many streams that ended with RST_STREAM are remembered, to distinguish frames that were
    #: in flight from errors (RFC 9113 section 5.1). Streams that ended normally take no memory.
    MAX_CLOSED_STREAMS = 1024

    #: A field block with this many CONTINUATION frames is an attack (RFC 9113 section 10.5): 64
    #: frames of the smallest maximum size carry 1 MiB.
    CONTINUATION_BACKLOG = CONTINUATION_BACKLOG

    def __init__(self, config: h2.config.H2Configuration | None = None) -> None:
        self._core = Connection(
            h2.config.H2Configuration() if config is None else config,
            self.DEFAULT_MAX_HEADER_LIST_SIZE,
            self.MAX_CLOSED_STREAMS,
            self.CONTINUATION_BACKLOG,
        )
        if type(self)._receive_goaway_frame is not H2Connection._receive_goaway_frame:
            self._core.goaway_hook = self._ask_subclass

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.describe()}>"

    def _limit_core(self) -> None:
        """Pass on limits that programs set on a subclass or on the instance."""
        self._core.max_reset = self.MAX_CLOSED_STREAMS
        self._core.max_continuations = self.CONTINUATION_BACKLOG

    def _ask_subclass(self, last: int, code: int, debug_data: bytes) -> list[h2.events.Event]:
        """Let a subclass that overrides the handling of GOAWAY handle it."""
        frame = GoAwayFrame(0, last, code, debug_data)
        frames, events = self._receive_goaway_frame(frame)
        for answer in frames:
            self._core.out.answer(answer.serialize())
        return events

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[h2.events.Event]]:
        """Handle a received GOAWAY; return frames to send and events. Subclasses override it."""
        event = receive.drain(
            self._core, frame.last_stream_id, frame.error_code, frame.additional_data
        )
        return [], [event]

    # Attributes.

    @property
    def config(self) -> h2.config.H2Configuration:
        """The configuration of this connection."""
        return self._core.config

    @config.setter
    def config(self, config: h2.config.H2Configuration) -> None:
        self._core.use_config(config)

    @property
    def local_settings(self) -> h2.settings.Settings:
        """Our settings (RFC 9113 section 6.5). May be replaced before the connection starts."""
        return self._core.local_settings

    @local_settings.setter
    def local_settings(self, settings: h2.settings.Settings) -> None:
        self._core.local_settings = settings

    @property
    def remote_settings(self) -> h2.settings.Settings:
        """The settings of the peer (RFC 9113 section 6.5)."""
        return self._core.remote_settings

    @remote_settings.setter
    def remote_settings(self, settings: h2.settings.Settings) -> None:
        self._core.remote_settings = settings
        self._core.send_windows.initial = settings.initial_window_size

    @property
    def max_inbound_frame_size(self) -> int:
        """The largest frame payload in octets that is accepted (RFC 9113 section 4.2)."""
        return self._core.max_inbound_frame_size

    @max_inbound_frame_size.setter
    def max_inbound_frame_size(self, size: int) -> None:
        self._core.max_inbound_frame_size = index(size)

    @property
    def max_outbound_frame_size(self) -> int:
        """The largest frame payload in octets that the peer accepts (RFC 9113 section 4.2)."""
        return self._core.max_outbound_frame_size

    @max_outbound_frame_size.setter
    def max_outbound_frame_size(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"max_outbound_frame_size must be positive, not {size}")
        self._core.max_outbound_frame_size = index(size)

    @property
    def open_inbound_streams(self) -> int:
        """How many streams that the peer opened are open or half-closed (section 5.1.2)."""
        return self._core.streams.inbound_open

    @property
    def open_outbound_streams(self) -> int:
        """How many streams that we opened are open or half-closed (section 5.1.2)."""
        return self._core.streams.outbound_open

    @property
    def inbound_flow_control_window(self) -> int:
        """How many octets the peer may send on the whole connection (section 6.9)."""
        return self._core.window.value

    @property
    def outbound_flow_control_window(self) -> int:
        """How many octets we may send on the whole connection (section 6.9)."""
        return self._core.send_windows.connection

    @property
    def highest_inbound_stream_id(self) -> int:
        """The highest identifier of a stream that the peer opened or promised, or 0."""
        return self._core.streams.highest_inbound

    @property
    def highest_outbound_stream_id(self) -> int:
        """The highest identifier of a stream that we opened or promised, or 0."""
        return self._core.streams.highest_outbound

    @property
    def outbound_buffer_size(self) -> int:
        """How many octets are pending in frames.

        :meth:`data_to_send` may add a few WINDOW_UPDATE frames, if windows are exhausted.
        """
        return self._core.out.size

    # Starting.

    def initiate_connection(self) -> None:
        """Send the connection preface: both ends must, before anything else (section 3.4).

        :raises ProtocolError: if the connection has ended
        """
        self._limit_core()
        lifecycle.initiate(self._core)

    def initiate_upgrade_connection(self, settings_header: bytes | None = None) -> bytes | None:
        """Start on a connection that was upgraded from HTTP/1.1 (RFC 7540 section 3.2).

        Call this instead of :meth:`initiate_connection`. Stream 1 represents the HTTP/1.1 request:
        it is half-closed and waits for the response.

        :param settings_header: servers pass the value of the ``HTTP2-Settings`` field that the
            client sent
        :returns: for clients, the value to send in ``HTTP2-Settings``; for servers ``None``
        :raises ProtocolError: if the field is not valid, or stream 1 was used already
        """
        self._limit_core()
        return lifecycle.initiate_upgrade(self._core, settings_header)

    # Streams.

    def get_next_available_stream_id(self) -> int:
        """Return the identifier of the next stream that we can open (section 5.1.1).

        The result does not change until that stream is opened with :meth:`send_headers` or
        promised with :meth:`push_stream`.

        :raises NoAvailableStreamIDError: if all identifiers have been used
        """
        return lifecycle.next_stream_id(self._core, self.HIGHEST_ALLOWED_STREAM_ID)

    def stream_state(self, stream_id: int) -> StreamState:
        """Return the state of a stream in the terms of RFC 9113 section 5.1.

        Any identifier is valid: a stream that was never opened is idle; a stream that has ended,
        or was skipped because a higher one was opened, is closed.

        :param stream_id: the stream, 1 to 2**31 - 1
        :raises ValueError: if there is no such identifier
        """
        stream_id = index(stream_id)
        if not 1 <= stream_id <= 2**31 - 1:
            raise ValueError(f"stream_id must be between 1 and 2**31 - 1, not {stream_id}")
        return stream_state(self._core.streams.state_of(stream_id))

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

        A client's first block on a new stream is the request. A server's blocks are any number of
        informational responses, then the response. A block after that is the trailers, which must
        end the stream.

        A client must not exceed the server's limit on concurrent streams;
        :class:`~h2.buffered.BufferedH2Connection` queues requests instead.

        :param stream_id: the stream; a client opens it with this call
        :param headers: (name, value) pairs in order, pseudo-header fields first, as ``bytes`` or
            ``str``; ``hpack.NeverIndexedHeaderTuple`` keeps a field out of compression tables
        :param end_stream: whether nothing follows on this stream
        :param priority_weight: see :meth:`prioritize`; clients only
        :param priority_depends_on: see :meth:`prioritize`; clients only
        :param priority_exclusive: see :meth:`prioritize`; clients only
        :raises ProtocolError: if the stream or the connection does not allow it now, or the fields
            are not a valid message
        :raises StreamClosedError: if the stream is closed
        :raises StreamIDTooLowError: if a stream with a higher identifier was opened already
        :raises TooManyStreamsError: if the peer allows no more concurrent streams
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
        _send_headers(self._core, stream_id, headers, end_stream, priority)

    def send_data(
        self,
        stream_id: int,
        data: bytes | bytearray | memoryview,
        end_stream: bool = False,
        pad_length: int | None = None,
    ) -> None:
        """Send content in one DATA frame (RFC 9113 section 6.1).

        The content must fit into the windows and into a frame;
        :class:`~h2.buffered.BufferedH2Connection` accepts any amount at any time.

        :param stream_id: the stream; its header section must have been sent
        :param data: any bytes-like object; mutable ones are copied
        :param end_stream: whether nothing follows on this stream
        :param pad_length: octets of padding, 0 to 255; their number takes one more octet
        :raises FlowControlError: if it does not fit into :meth:`local_flow_control_window`
        :raises FrameTooLargeError: if it is larger than :attr:`max_outbound_frame_size`
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if the stream does not allow DATA now
        :raises ValueError: if ``pad_length`` is out of range
        :raises TypeError: if an argument has a wrong type
        """
        if pad_length is not None:
            if not isinstance(pad_length, int):
                raise TypeError("pad_length must be an int")
            if not 0 <= pad_length <= 255:
                raise ValueError("pad_length must be within range: [0, 255]")
        _send_data(self._core, stream_id, data, end_stream, pad_length)

    def end_stream(self, stream_id: int) -> None:
        """End our side of a stream with an empty DATA frame (RFC 9113 section 6.1).

        :param stream_id: the stream
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ProtocolError: if our side has already ended or has not started
        """
        _send_data(self._core, index(stream_id), b"", True, None)

    def push_stream(
        self,
        stream_id: int,
        promised_stream_id: int,
        request_headers: Iterable[HeaderWeaklyTyped],
    ) -> None:
        """Promise the response to a request that the client did not make (section 8.4).

        The response is then sent on the promised stream with :meth:`send_headers`.

        :param stream_id: the stream of the request that the promise belongs to
        :param promised_stream_id: an even identifier from :meth:`get_next_available_stream_id`
        :param request_headers: the fields of the promised request
        :raises ProtocolError: if the client disabled push, the state of either stream does not
            allow it, or the fields are not a valid request
        :raises StreamIDTooLowError: if ``promised_stream_id`` was used or skipped
        """
        send_headers.push_stream(
            self._core, index(stream_id), index(promised_stream_id), request_headers
        )

    def reset_stream(self, stream_id: int, error_code: ErrorCodes | int = 0) -> None:
        """Terminate a stream immediately with RST_STREAM (RFC 9113 section 6.4).

        Pending content of the stream is dropped if it is more than 16 KiB, unless trailers or, with
        ``NO_ERROR``, the end of the stream follow it.

        :param stream_id: the stream
        :param error_code: why (RFC 9113 section 7)
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        :raises ValueError: if ``error_code`` does not fit into 32 bits
        """
        send.reset_stream(self._core, index(stream_id), _checked_code(error_code))

    def prioritize(
        self,
        stream_id: int,
        weight: int | None = None,
        depends_on: int | None = None,
        exclusive: bool | None = None,
    ) -> None:
        """Send PRIORITY, which RFC 9113 deprecates (section 5.3.2); clients only.

        :param stream_id: the stream, in any state
        :param weight: 1 to 256; 16 if ``None``
        :param depends_on: the stream it depends on; 0, meaning none, if ``None``
        :param exclusive: whether it becomes the only stream that depends on ``depends_on``
        :raises RFC1122Error: if this is a server
        :raises ProtocolError: if the weight is out of range or the stream depends on itself
        :raises ValueError: if an identifier is out of range
        """
        fields = send.priority_fields(self._core, stream_id, weight, depends_on, exclusive)
        send.prioritize(self._core, stream_id, fields)

    def send_priority_update(
        self, stream_id: int, urgency: int = 3, incremental: bool = False
    ) -> None:
        """Send PRIORITY_UPDATE: how urgent a response is (RFC 9218 section 7.1); clients only.

        The frame overrides the request's ``priority`` field. It is not part of the stream, so it
        may also be sent before the request. :mod:`h2.priorities` explains both.

        :param stream_id: a stream of this client that is not open yet or whose response has not
            ended, or a promised stream
        :param urgency: from 0, the most urgent, to 7
        :param incremental: whether the client can use parts of the response as they arrive
        :raises ValueError: if ``urgency`` or ``stream_id`` is out of range
        :raises NoSuchStreamError: if only the server can promise the stream, and it has not
        :raises StreamClosedError: if the stream is closed
        :raises TooManyStreamsError: if the stream is not open yet, and the open streams and those
            with a priority that are not open yet would together exceed what the server allows
        :raises ProtocolError: if this is a server, the response has ended, or the stream can no
            longer be opened because of GOAWAY
        """
        stream_id, urgency = index(stream_id), index(urgency)
        if not 0 < stream_id <= 2**31 - 1:
            raise ValueError(f"Stream {stream_id} does not exist")
        priority = h2.priorities.Priority(urgency, bool(incremental))
        priority_update.send(self._core, stream_id, priority)

    # Flow control.

    def local_flow_control_window(self, stream_id: int) -> int:
        """Return how many octets we may send on a stream now (RFC 9113 section 6.9.1).

        The smaller of the stream's and the connection's window, possibly negative. For a closed
        stream, it is what a new stream would have.

        :param stream_id: the stream
        :raises NoSuchStreamError: if the stream was never opened
        """
        return _local_flow_control_window(self._core, stream_id)

    def remote_flow_control_window(self, stream_id: int) -> int:
        """Return how many octets the peer may send on a stream now (RFC 9113 section 6.9.1).

        The smaller of the stream's and the connection's window, possibly negative. For a closed
        stream, it is what a new stream would have.

        :param stream_id: the stream
        :raises NoSuchStreamError: if the stream was never opened
        """
        return flow_control.remote_flow_control_window(self._core, stream_id)

    def increment_flow_control_window(self, increment: int, stream_id: int | None = None) -> None:
        """Let the peer send more: send WINDOW_UPDATE (RFC 9113 section 6.9).

        Programs that call :meth:`acknowledge_received_data` need this only to make windows larger
        than their initial size.

        :param increment: octets, 1 to 2**31 - 1
        :param stream_id: the stream; the connection if ``None``
        :raises ValueError: if ``increment`` is out of range
        :raises FlowControlError: if the window would become larger than 2**31 - 1
        :raises StreamClosedError: if the stream is closed
        :raises NoSuchStreamError: if the stream was never opened
        """
        increment = index(increment)
        if not 1 <= increment <= self.MAX_WINDOW_INCREMENT:
            raise ValueError(
                f"Flow control increment must be between 1 and {self.MAX_WINDOW_INCREMENT}"
            )
        flow_control.increment_flow_control_window(
            self._core, increment, None if stream_id is None else index(stream_id)
        )

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Report that received content was processed, so that the peer may send more.

        WINDOW_UPDATE frames are sent once enough has accumulated (RFC 9113 section 6.9.1); for the
        connection, also after the stream was closed.

        :param acknowledged_size: octets, the ``flow_controlled_length`` of
            :class:`~h2.events.DataReceived`
        :param stream_id: the stream on which they arrived
        :raises ValueError: if ``acknowledged_size`` is negative or ``stream_id`` not positive
        :raises NoSuchStreamError: if the stream was never opened
        """
        _acknowledge_received_data(self._core, acknowledged_size, stream_id)

    # The connection as a whole.

    def ping(self, opaque_data: bytes) -> None:
        """Send PING (RFC 9113 section 6.7).

        :param opaque_data: 8 octets, which come back in the acknowledgment
        :raises ValueError: if it is not ``bytes`` of that length
        """
        _ping(self._core, opaque_data)

    def update_settings(self, new_settings: dict[h2.settings.SettingCodes | int, int]) -> None:
        """Send SETTINGS; the values take effect when the peer acknowledges them (section 6.5.3).

        :param new_settings: values by setting
        :raises InvalidSettingsValueError: if a value is out of bounds
        :raises FlowControlError: if a stream's window would become larger than 2**31 - 1
        :raises TypeError: if ``new_settings`` does not map integers to integers
        """
        lifecycle.update_settings(self._core, new_settings)

    def advertise_alternative_service(
        self,
        field_value: bytes,
        origin: bytes | None = None,
        stream_id: int | None = None,
    ) -> None:
        """Send ALTSVC: the same origin is available elsewhere too (RFC 7838 section 4).

        Give either ``origin`` or ``stream_id``; servers only.

        :param field_value: an Alt-Svc field value (RFC 7838 section 3), not checked
        :param origin: the origin to which it applies
        :param stream_id: a stream whose request went to that origin and has no response yet
        :raises ValueError: if ``field_value`` is not ``bytes``, both or neither of ``origin`` and
            ``stream_id`` are given, or ``origin`` is empty or longer than 65,535 octets
        :raises ProtocolError: if this is a client, or the stream has its response
        :raises NoSuchStreamError: if the stream was never opened
        """
        if not isinstance(field_value, bytes):
            raise ValueError("Field must be bytestring.")
        if origin is not None and stream_id is not None:
            raise ValueError("Must not provide both origin and stream_id")
        if origin is None and stream_id is None:
            raise ValueError("Must provide origin or stream_id")
        if origin is not None and not isinstance(origin, bytes):
            raise TypeError("origin must be bytes")
        # "An ALTSVC frame on stream 0 with empty (length 0) 'Origin' information is invalid"
        if origin == b"":
            raise ValueError("origin must not be empty")
        send.advertise(self._core, stream_id, origin or b"", field_value)

    def advertise_origins(self, origins: Iterable[str | bytes]) -> None:
        """Send ORIGIN: this connection may also be used for these origins (RFC 8336).

        Servers only, and only if the client uses TLS: others ignore the frame. Send it before the
        first response if possible. A client that supports it uses the connection only for the
        origin it connected to and for those named in any such call. So a server with a certificate
        for ``*.example.com`` has to name each origin.

        :param origins: such as ``"https://example.com"``; they are sent in lower case. Empty if
            there is none besides the one the client connected to.
        :raises ValueError: if one of them is not an origin: scheme, host and optionally a port
        :raises FrameTooLargeError: if the peer does not accept a frame with that many
        :raises ProtocolError: if this is a client
        :raises TypeError: if ``origins`` is a single origin, or one of them is neither ``str`` nor
            ``bytes``
        """
        if isinstance(origins, (str, bytes)):
            raise TypeError("origins must be an iterable of origins, not a single origin")
        origin.advertise(self._core, [_octets(entry) for entry in origins])

    def close_connection(
        self,
        error_code: ErrorCodes | int = 0,
        additional_data: bytes | None = None,
        last_stream_id: int | None = None,
    ) -> None:
        """Send GOAWAY (RFC 9113 section 6.8).

        With ``NO_ERROR``, existing streams continue to completion and only new ones are refused. A
        graceful shutdown takes two calls: the first with ``last_stream_id=2**31 - 1``, the second
        one round trip later. With any other code, the connection ends.

        :param error_code: why (RFC 9113 section 7)
        :param additional_data: debug data for the peer
        :param last_stream_id: the highest stream of the peer that was or may be processed; the
            highest one received if ``None``
        :raises ProtocolError: if ``last_stream_id`` is higher than in a GOAWAY sent before
        :raises ValueError: if a number is out of range
        :raises FrameTooLargeError: if the peer does not accept a frame with that much data
        :raises TypeError: if ``additional_data`` is not ``bytes``
        """
        if additional_data is not None and not isinstance(additional_data, bytes):
            raise TypeError("additional_data must be bytes")
        if last_stream_id is not None and not 0 <= last_stream_id <= 2**31 - 1:
            raise ValueError("last_stream_id must be between 0 and 2**31 - 1")
        lifecycle.close(
            self._core, _checked_code(error_code), additional_data or b"", last_stream_id
        )

    # Bytes.

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[h2.events.Event]:
        """Process bytes from the peer.

        :param data: any bytes-like object; frames may be split anywhere
        :returns: the events that it completes, in order
        :raises ProtocolError: if the peer violates the protocol in a way that ends the
            connection. ``exc.events`` has the events of the frames before; GOAWAY is pending in
            :meth:`data_to_send`. Anything that arrives later is ignored: the call raises again.
        :raises RuntimeError: if it is called from within itself, by a logger for example
        """
        return _receive_data(self._core, data)

    def data_to_send(self, amount: int | None = None) -> bytes:
        """Return pending bytes for the peer, and remove them from the connection.

        :param amount: the maximum number of octets; all if ``None``
        :raises ValueError: if ``amount`` is negative
        :raises RuntimeError: if it is called from within itself, by a logger for example
        """
        if amount is None:
            return _take_all(self._core)
        core = self._core
        amount = index(amount)
        if amount < 0:
            raise ValueError("amount must not be negative")
        if core.exhausted:
            flow_control.reopen(core)
        return core.out.take(amount, core.options.log)

    def clear_outbound_data_buffer(self) -> None:
        """Discard all pending bytes for the peer. The connection cannot continue after that."""
        self._core.out.clear()

    # Names that programs use although they are undocumented.

    @property
    def streams(self) -> dict[int, Stream]:
        """The streams that are not closed, by identifier."""
        return self._core.streams.seen_by_program

    @property
    def state_machine(self) -> H2ConnectionStateMachine:
        """The coarse state of the connection, in its attribute ``state``."""
        core = self._core
        used = bool(core.streams.highest_inbound or core.streams.highest_outbound)
        return H2ConnectionStateMachine(core.state, core.client, used)

    @property
    def encoder(self) -> Any:
        """The HPACK encoder of this connection, with the interface of ``hpack.Encoder``.

        Another object with that interface may be assigned; it then encodes what is sent.
        """
        return hpack_views.encoder_of(self._core)

    @encoder.setter
    def encoder(self, encoder: Any) -> None:
        hpack_views.assign_encoder(self._core, encoder)

    @property
    def decoder(self) -> Any:
        """The HPACK decoder of this connection, with the interface of ``hpack.Decoder``.

        Another object with that interface may be assigned; it then decodes what arrives.
        """
        return hpack_views.decoder_of(self._core)

    @decoder.setter
    def decoder(self, decoder: Any) -> None:
        hpack_views.assign_decoder(self._core, decoder)


def _checked_code(error_code: int) -> int:
    """Return an error code as the integer that goes into a frame (RFC 9113 section 7)."""
    code = index(error_code)
    if not 0 <= code <= _LARGEST_CODE:
        raise ValueError(f"error_code must be between 0 and {_LARGEST_CODE}")
    return code


def _octets(text: str | bytes) -> bytes:
    """Return an origin as octets; non-ASCII characters become ones that no origin contains."""
    if isinstance(text, str):
        return text.encode("ascii", "replace")
    if not isinstance(text, bytes):
        raise TypeError(f"an origin must be str or bytes, not {type(text).__name__}")
    return text
