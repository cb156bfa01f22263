"""Names that are not documented and that well-known consumers use all the same.

Each section does with the package what one consumer does with it, as far as that goes beyond the
documented API. All of it passes on the published h2 4.4.1 too: that is what makes a replacement a
drop-in. The last part of a test is always an exchange that has to work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import hpack
import hyperframe.frame
import pytest

import h2
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import h2.stream
import h2.utilities
from h2.config import DummyLogger, H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    UnknownFrameReceived,
)
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream, StreamState
from h2.utilities import HeaderValidationFlags, normalize_outbound_headers
from support import wire
from support.processes import python_command, require_module, run

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]
RESPONSE = [(":status", "200")]


def server_connection() -> H2Connection:
    return H2Connection(H2Configuration(client_side=False))


def shake_hands(client: H2Connection, server: H2Connection) -> None:
    client.initiate_connection()
    server.initiate_connection()
    wire.exchange(client, server)


def kinds(events: Iterable[Event]) -> list[type]:
    return [event.__class__ for event in events]


def assert_works(client: H2Connection, server: H2Connection) -> None:
    """Carry a request and a response, with a body each, over a connection that is set up."""
    stream_id = client.get_next_available_stream_id()
    client.send_headers(stream_id, [(":method", "POST"), *REQUEST[1:]])
    client.send_data(stream_id, b"question", end_stream=True)
    _, events = wire.exchange(client, server)
    assert kinds(events) == [RequestReceived, DataReceived, StreamEnded]
    server.send_headers(stream_id, RESPONSE)
    server.send_data(stream_id, b"answer", end_stream=True)
    events, _ = wire.exchange(client, server)
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]


def in_a_new_interpreter(code: str) -> str:
    done = run(python_command("-c", code))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- httpcore (under httpx) ---


class HttpcoreStyleConnection:
    """Its configuration belongs to the class, so all connections share one object."""

    CONFIG: ClassVar[H2Configuration] = H2Configuration(validate_inbound_headers=False)

    def __init__(self) -> None:
        self.h2 = H2Connection(config=self.CONFIG)
        self.h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
            },
        )
        del self.h2.local_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL]
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**24)


def test_httpcore_assigned_settings_are_what_goes_out() -> None:
    client = HttpcoreStyleConnection().h2
    settings, update = wire.parse(client.data_to_send())
    assert dict(settings.settings) == {
        SettingCodes.HEADER_TABLE_SIZE: 4096,
        SettingCodes.ENABLE_PUSH: 0,
        SettingCodes.INITIAL_WINDOW_SIZE: 65_535,
        SettingCodes.MAX_FRAME_SIZE: 16_384,
        SettingCodes.MAX_CONCURRENT_STREAMS: 100,
        SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
    }
    assert (update.type, update.increment) == (wire.Type.WINDOW_UPDATE, 2**24)


def test_httpcore_settings_count_for_the_server_too() -> None:
    client, server = HttpcoreStyleConnection().h2, server_connection()
    server.initiate_connection()
    events, _ = wire.exchange(client, server)
    (changed,) = (event for event in events if isinstance(event, RemoteSettingsChanged))
    limit = changed.changed_settings[SettingCodes.MAX_CONCURRENT_STREAMS].new_value
    assert limit == 100
    assert client.local_settings.max_concurrent_streams == 100
    client.send_headers(1, REQUEST, end_stream=True)
    wire.exchange(client, server)
    with pytest.raises(h2.exceptions.ProtocolError):
        server.push_stream(1, 2, REQUEST)
    server.send_headers(1, RESPONSE, end_stream=True)
    wire.exchange(client, server)
    assert_works(client, server)


def test_httpcore_connections_that_share_a_configuration_are_independent() -> None:
    first, second = HttpcoreStyleConnection().h2, HttpcoreStyleConnection().h2
    for client in (first, second):
        server = server_connection()
        server.initiate_connection()
        wire.exchange(client, server)
        assert_works(client, server)
    first.close_connection()
    assert first.state_machine.state == h2.connection.ConnectionState.CLOSED
    assert second.state_machine.state != h2.connection.ConnectionState.CLOSED


def test_httpcore_accepts_fields_that_a_check_would_refuse() -> None:
    client = HttpcoreStyleConnection().h2
    wire.feed(client, wire.settings(), wire.settings(ack=True))
    client.send_headers(1, REQUEST, end_stream=True)
    fields = [(b":status", b"200"), (b"Server", b"old"), (b"connection", b"close")]
    response, ended = wire.feed(client, wire.headers(1, fields, end_stream=True))
    assert isinstance(response, ResponseReceived)
    assert response.headers == fields
    assert getattr(ended, "stream_id", 0) == 1


# --- hypercorn, aiosonic ---


def test_hypercorn_and_aiosonic_import_one_module_and_use_them_all() -> None:
    code = """
import h2.connection
config = h2.config.H2Configuration(client_side=False, header_encoding=None)
conn = h2.connection.H2Connection(config=config)
conn.local_settings = h2.settings.Settings(client=False)
names = ["RequestReceived", "DataReceived", "PriorityUpdated", "NoSuchEvent"]
print(*(getattr(h2.events, name, None) is not None for name in names))
print(h2.exceptions.ProtocolError.__name__, h2.errors.ErrorCodes.CANCEL.value)
"""
    assert in_a_new_interpreter(code).split() == [
        *("True", "True", "True", "False"),
        *("ProtocolError", "8"),
    ]


class HypercornStyleServer:
    """A server that sets its limits between construction and the first byte."""

    def __init__(self) -> None:
        self.h2 = H2Connection(config=H2Configuration(client_side=False, header_encoding=None))
        self.h2.DEFAULT_MAX_INBOUND_FRAME_SIZE = 2**17
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: 2,
                SettingCodes.MAX_HEADER_LIST_SIZE: 2**16,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
            },
        )


def test_hypercorn_settings_of_its_own() -> None:
    client, server = H2Connection(), HypercornStyleServer().h2
    shake_hands(client, server)
    assert client.remote_settings.max_concurrent_streams == 2
    assert client.remote_settings.enable_connect_protocol == 1
    assert H2Connection.DEFAULT_MAX_INBOUND_FRAME_SIZE == 2**24
    assert_works(client, server)
    connect = [(":method", "CONNECT"), (":protocol", "websocket"), *REQUEST[1:]]
    client.send_headers(3, connect)
    _, events = wire.exchange(client, server)
    assert kinds(events) == [RequestReceived]


def test_hypercorn_upgrade_from_http_1() -> None:
    client, server = H2Connection(), HypercornStyleServer().h2
    header = client.initiate_upgrade_connection()
    server.initiate_upgrade_connection(header)
    # The request came as HTTP/1.1, so the server tells itself about it.
    event = RequestReceived(stream_id=1, headers=[(b":method", b"GET"), (b":path", b"/")])
    assert (event.stream_id, event.stream_ended, event.priority_updated) == (1, None, None)
    wire.exchange(client, server)
    server.send_headers(event.stream_id, RESPONSE)
    server.send_data(event.stream_id, b"upgraded", end_stream=True)
    events, _ = wire.exchange(client, server)
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]
    assert_works(client, server)


def test_hypercorn_push() -> None:
    client, server = H2Connection(), HypercornStyleServer().h2
    shake_hands(client, server)
    client.send_headers(1, REQUEST, end_stream=True)
    wire.exchange(client, server)
    pushed = server.get_next_available_stream_id()
    fields = [(name.encode(), value.encode()) for name, value in REQUEST]
    server.push_stream(stream_id=1, promised_stream_id=pushed, request_headers=fields)
    event = RequestReceived(stream_id=pushed, headers=fields)
    server.send_headers(event.stream_id, RESPONSE, end_stream=True)
    server.send_headers(1, RESPONSE, end_stream=True)
    events, _ = wire.exchange(client, server)
    assert [event.__class__.__name__ for event in events] == [
        "PushedStreamReceived",
        *("ResponseReceived", "StreamEnded") * 2,
    ]


# --- gunicorn ---


class GunicornStyleConnection(H2Connection):
    """Builds the event of a GOAWAY frame itself."""

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.built: list[ConnectionTerminated] = []

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        super()._receive_goaway_frame(frame)
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        event.additional_data = frame.additional_data or None
        self.built.append(event)
        return [], [event]


@pytest.mark.parametrize(
    ("code", "text", "code_seen"),
    [
        (h2.errors.ErrorCodes.NO_ERROR, b"", h2.errors.ErrorCodes.NO_ERROR),
        (h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, b"slow", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM),
        (0xABCD, b"unknown", 0xABCD),
    ],
)
def test_gunicorn_overrides_the_goaway_handler(code: int, text: bytes, code_seen: int) -> None:
    server = GunicornStyleConnection(H2Configuration(client_side=False))
    assert not server.config.client_side
    client = H2Connection()
    shake_hands(client, server)
    assert_works(client, server)
    client.send_headers(3, REQUEST)
    wire.exchange(client, server)
    assert server.open_inbound_streams == 1
    goaway = wire.goaway(0, code, text)
    before, event = server.receive_data(wire.ping() + goaway)
    assert before.__class__ is h2.events.PingReceived
    assert event.__class__ is ConnectionTerminated
    assert server.built == [event]
    assert server.built[0] is event
    assert (event.error_code, event.last_stream_id) == (code_seen, 0)
    assert event.additional_data == (text or None)


def test_gunicorn_tests_write_header_blocks_with_the_connection() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    for stream_id in (1, 3):
        fields = [*REQUEST, ("x-stream", str(stream_id))]
        frame = hyperframe.frame.HeadersFrame(stream_id, flags=["END_HEADERS", "END_STREAM"])
        frame.data = client.encoder.encode([(n.encode(), v.encode()) for n, v in fields])
        request, _ = server.receive_data(frame.serialize())
        assert isinstance(request, RequestReceived)
        assert request.headers[-1] == (b"x-stream", str(stream_id).encode())


# --- grpclib ---


class GrpclibStyleProcessor:
    """Finds what to do with an event by its exact class."""

    def __init__(self, connection: H2Connection) -> None:
        self.connection = connection
        self.seen: list[str] = []
        self.processors: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: lambda event: self.seen.append(f"request {event.stream_id}"),
            ResponseReceived: lambda event: self.seen.append(f"response {event.stream_id}"),
            DataReceived: lambda event: self.seen.append(f"data {event.stream_id}"),
            StreamEnded: lambda event: self.seen.append(f"end {event.stream_id}"),
            StreamReset: lambda event: self.seen.append(f"reset {event.stream_id}"),
        }

    def process(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            process = self.processors.get(event.__class__)
            if process is not None:
                process(event)

    def release(self, stream_id: int) -> None:
        """Forget a stream that is finished."""
        stream = self.connection.streams.get(stream_id)
        if stream is not None and stream.closed:
            self.connection.streams.pop(stream_id)

    def close(self) -> None:
        """Break the reference cycle, where there is one."""
        if hasattr(self.connection, "_frame_dispatch_table"):
            del self.connection._frame_dispatch_table


def test_grpclib_looks_at_the_streams() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    ours, theirs = GrpclibStyleProcessor(client), GrpclibStyleProcessor(server)
    assert 1 not in client.streams
    for stream_id in (1, 3):
        client.send_headers(stream_id, REQUEST)
        assert stream_id in client.streams
        stream = client.streams[stream_id]
        assert (stream.open, stream.closed) == (True, False)
    assert client.outbound_flow_control_window == 65_535
    client.send_data(1, b"12345", end_stream=True)
    assert client.outbound_flow_control_window == 65_530
    assert client.streams[1].open
    theirs.process(client.data_to_send())
    assert theirs.seen == ["request 1", "request 3", "data 1", "end 1"]
    assert sum(stream.open for stream in server.streams.values()) == 2

    server.send_headers(1, RESPONSE, end_stream=True)
    server.reset_stream(3)
    for stream_id in (1, 3):
        closed = server.streams.get(stream_id)
        assert closed is None or (closed.open, closed.closed) == (False, True)
        theirs.release(stream_id)
        assert stream_id not in server.streams
    assert not any(stream.open for stream in server.streams.values())
    ours.process(server.data_to_send())
    assert ours.seen == ["response 1", "end 1", "reset 3"]
    for stream_id in (1, 3):
        ours.release(stream_id)
    assert list(client.streams) == []
    assert_works(client, server)


def test_grpclib_leaves_a_stream_that_it_has_not_finished() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    client.send_headers(1, REQUEST)
    wire.exchange(client, server)
    theirs = GrpclibStyleProcessor(server)
    theirs.release(1)
    theirs.release(99)
    assert server.streams.get(1) is not None
    assert server.streams.get(99) is None
    server.send_headers(1, RESPONSE)
    assert_works(client, server)


def test_grpclib_closes() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    assert client.state_machine.state is ConnectionState.IDLE
    assert_works(client, server)
    assert client.state_machine.state is ConnectionState.CLIENT_OPEN
    assert server.state_machine.state is ConnectionState.SERVER_OPEN
    processor = GrpclibStyleProcessor(client)
    client.close_connection()
    assert client.state_machine.state is ConnectionState.CLOSED
    processor.close()
    assert not hasattr(client, "_frame_dispatch_table")


# --- scrapy ---


def test_scrapy_reads_what_errors_say() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    client.send_headers(1, REQUEST)
    with pytest.raises(h2.exceptions.FrameTooLargeError) as too_large:
        client.send_data(1, bytes(20_000))
    assert too_large.value.error_code == h2.errors.ErrorCodes.FRAME_SIZE_ERROR
    with pytest.raises(h2.exceptions.NoSuchStreamError) as missing:
        client.send_data(17, b"x")
    assert missing.value.stream_id == 17
    client.reset_stream(1)
    with pytest.raises(h2.exceptions.StreamClosedError) as closed:
        client.send_data(1, b"x")
    assert closed.value.stream_id == 1
    wire.exchange(client, server)
    client.send_headers(3, REQUEST, end_stream=True)
    length = [(b":status", b"200"), (b"content-length", b"10")]
    with pytest.raises(h2.exceptions.InvalidBodyLengthError) as wrong:
        wire.feed(client, wire.headers(3, length), wire.data(3, b"short", end_stream=True))
    assert (wrong.value.expected_length, wrong.value.actual_length) == (10, 5)
    assert wrong.value.error_code == h2.errors.ErrorCodes.PROTOCOL_ERROR
    for error in (too_large, missing, closed, wrong):
        assert isinstance(error.value, h2.exceptions.H2Error)
        assert str(error.value)


def test_scrapy_looks_at_limits_and_unknown_frames() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    limits = (client.local_settings, client.remote_settings)
    assert [settings.max_concurrent_streams for settings in limits] == [100, 100]
    (event,) = client.receive_data(wire.frame(0xFA, 0x3, 7, b"extension"))
    assert isinstance(event, UnknownFrameReceived)
    assert isinstance(event.frame, hyperframe.frame.ExtensionFrame)
    assert (event.frame.type, event.frame.stream_id, event.frame.body) == (0xFA, 7, b"extension")
    assert event.frame.flag_byte == 0x3
    assert_works(client, server)


# --- aioapns ---


def test_aioapns_chooses_its_own_stream_ids() -> None:
    client, server = H2Connection(), server_connection()
    assert client.config.client_side
    shake_hands(client, server)
    assert H2Connection.HIGHEST_ALLOWED_STREAM_ID == 2**31 - 1
    fields = [(":method", "POST"), (":scheme", "https"), (":path", "/3"), ("host", "a.example")]
    for stream_id in (5, 7, 101):
        client.send_headers(stream_id, fields)
        client.send_data(stream_id, b"{}", end_stream=True)
        _, events = wire.exchange(client, server)
        assert kinds(events) == [RequestReceived, DataReceived, StreamEnded]
        assert (b"host", b"a.example") in events[0].headers
    assert client.get_next_available_stream_id() == 103
    assert_works(client, server)


# --- urllib3 ---


def test_urllib3_checks_the_version() -> None:
    assert h2.__version__.startswith("4.")
    assert [int(part) >= 0 for part in h2.__version__.split(".")] == [True] * 3


# --- mitmproxy ---


class BufferedH2Connection(H2Connection):
    """Buffers what the windows have no room for, by overriding public methods.

    The buffering is only right if the connection's own methods never call the overridden ones: a
    call that comes from inside would be buffered a second time. `nested` records such calls.
    """

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.depth = 0
        self.nested: list[str] = []
        self.initiated = False
        self.buffers: dict[int, list[tuple[bytes, bool]]] = {}
        self.local_settings.initial_window_size = 2**18
        self.local_settings.max_frame_size = 2**17
        self.max_inbound_frame_size = 2**17
        if config.client_side:
            self.local_settings.enable_push = 0
        self.local_settings.acknowledge()

    def _enter(self, name: str, call: Callable[[], Any]) -> Any:
        if self.depth:
            self.nested.append(name)
        self.depth += 1
        try:
            return call()
        finally:
            self.depth -= 1

    def initiate_connection(self) -> None:
        self._enter("initiate_connection", super().initiate_connection)
        self.initiated = True

    def send_data(
        self, stream_id: int, data: bytes, end_stream: bool = False, pad_length: Any = None
    ) -> None:
        room = self.local_flow_control_window(stream_id)
        buffer = self.buffers.setdefault(stream_id, [])
        if buffer or len(data) > room:
            buffer.append((data, end_stream))
            return
        size = self.max_outbound_frame_size
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        send = super().send_data
        for number, piece in enumerate(pieces, 1):
            ends = end_stream and number == len(pieces)
            self._enter("send_data", lambda piece=piece, ends=ends: send(stream_id, piece, ends))

    def end_stream(self, stream_id: int) -> None:
        if self.depth:
            self.nested.append("end_stream")
        self.send_data(stream_id, b"", end_stream=True)

    def reset_stream(self, stream_id: int, error_code: int = 0) -> None:
        self.buffers.pop(stream_id, None)
        reset = super().reset_stream
        self._enter("reset_stream", lambda: reset(stream_id, error_code))

    def receive_data(self, data: bytes) -> list[Event]:
        receive = super().receive_data
        events = self._enter("receive_data", lambda: receive(data))
        for event in events:
            if isinstance(event, h2.events.WindowUpdated | RemoteSettingsChanged):
                for stream_id, waiting in self.buffers.items():
                    buffered, waiting[:] = waiting[:], []
                    for piece, end_stream in buffered:
                        self.send_data(stream_id, piece, end_stream)
            elif isinstance(event, DataReceived) and event.flow_controlled_length:
                self.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        return events


def buffered(client_side: bool) -> BufferedH2Connection:
    return BufferedH2Connection(
        H2Configuration(
            client_side=client_side,
            header_encoding=False,
            validate_inbound_headers=False,
            normalize_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
    )


def test_mitmproxy_overridden_methods_are_not_entered_from_inside() -> None:
    client, server = buffered(True), buffered(False)
    shake_hands(client, server)
    assert client.initiated
    assert server.initiated
    assert server.remote_settings.initial_window_size == 2**18
    body = bytes(200_000)
    client.send_headers(1, REQUEST)
    client.send_data(1, body)  # more than the connection's window: buffered
    client.end_stream(1)
    wire.exchange(client, server)
    assert client.buffers[1]
    server.increment_flow_control_window(2**20)
    _, events = wire.exchange(client, server)
    received = b"".join(event.data for event in events if isinstance(event, DataReceived))
    assert received == body
    assert events[-1].__class__ is StreamEnded
    server.send_headers(1, RESPONSE)
    server.send_data(1, b"part")
    server.end_stream(1)
    client.send_headers(3, REQUEST)
    client.reset_stream(3, h2.errors.ErrorCodes.CANCEL)
    client.ping(b"12345678")
    events, _ = wire.exchange(client, server)
    assert kinds(events)[:4] == [ResponseReceived, DataReceived, DataReceived, StreamEnded]
    # Errors, closing and the upgrade call nothing public either.
    with pytest.raises(h2.exceptions.ProtocolError):
        server.receive_data(wire.data(0, b"no stream"))
    client.close_connection()
    upgraded = buffered(False)
    header = H2Connection().initiate_upgrade_connection()
    upgraded.initiate_upgrade_connection(header)
    assert client.nested == server.nested == []
    assert [name for name in upgraded.nested if name != "initiate_connection"] == []


def test_mitmproxy_looks_at_the_states_of_streams() -> None:
    client, server = buffered(True), buffered(False)
    shake_hands(client, server)

    def states(stream_id: int) -> tuple[StreamState, StreamState]:
        sides = (client.streams[stream_id], server.streams[stream_id])
        assert all(isinstance(side, H2Stream) for side in sides)
        ours, theirs = (side.state_machine.state for side in sides)
        return ours, theirs

    client.send_headers(1, REQUEST)
    wire.exchange(client, server)
    ours, theirs = states(1)
    assert ours is StreamState.OPEN
    assert theirs is StreamState.OPEN
    assert client.streams[1].state_machine.headers_sent
    assert not server.streams[1].state_machine.headers_sent
    client.end_stream(1)
    wire.exchange(client, server)
    ours, theirs = states(1)
    assert ours is StreamState.HALF_CLOSED_LOCAL
    assert theirs is StreamState.HALF_CLOSED_REMOTE
    server.send_headers(1, [(":status", "103")])
    assert not server.streams[1].state_machine.headers_sent
    server.send_headers(1, RESPONSE)
    assert server.streams[1].state_machine.headers_sent
    wire.exchange(client, server)
    server.end_stream(1)
    wire.exchange(client, server)
    for side in (client, server):
        stream = side.streams.get(1)
        assert stream is None or stream.state_machine.state is StreamState.CLOSED


def test_mitmproxy_windows() -> None:
    client, server = buffered(True), buffered(False)
    shake_hands(client, server)
    assert client.outbound_flow_control_window == client.inbound_flow_control_window == 65_535
    client.send_headers(1, REQUEST)
    client.send_data(1, bytes(1000))
    assert client.outbound_flow_control_window == 64_535
    server.receive_data(client.data_to_send())
    server.increment_flow_control_window(100_000)
    wire.exchange(client, server)
    assert client.outbound_flow_control_window == 64_535 + 100_000
    assert client.max_inbound_frame_size == 2**17
    assert client.max_outbound_frame_size == 2**17


def test_mitmproxy_sends_what_checks_would_refuse() -> None:
    client, server = buffered(True), buffered(False)
    shake_hands(client, server)
    fields = [*REQUEST, ("X-Upper", " padded "), ("connection", "close")]
    client.send_headers(1, fields, end_stream=True)
    _, (request, _) = wire.exchange(client, server)
    assert isinstance(request, RequestReceived)
    assert request.headers == [(name.encode(), value.encode()) for name, value in fields]


@pytest.mark.parametrize("fields", [[], [("only a name",)]], ids=["no field", "no value"])
def test_mitmproxy_survives_fields_that_cannot_be_sent(fields: Any) -> None:
    client, server = buffered(True), buffered(False)
    shake_hands(client, server)
    with pytest.raises((ValueError, IndexError)):
        client.send_headers(client.get_next_available_stream_id(), fields)
    client.send_headers(3, REQUEST)
    _, events = wire.exchange(client, server)
    assert kinds(events) == [RequestReceived]


def test_mitmproxy_normalizes_fields_itself() -> None:
    flags = HeaderValidationFlags(True, False, False, False)
    fields = [(b":method", b"GET"), (b"X-Name", b" value "), (b"Authorization", b"secret")]
    normalized = list(normalize_outbound_headers(fields, flags))
    assert normalized == [
        (b":method", b"GET"),
        (b"x-name", b"value"),
        (b"authorization", b"secret"),
    ]
    assert isinstance(normalized[2], hpack.NeverIndexedHeaderTuple)
    assert not isinstance(normalized[1], hpack.NeverIndexedHeaderTuple)


def test_mitmproxy_logs() -> None:
    class Logger(DummyLogger):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def debug(self, fmtstr: str, *args: object) -> None:
            self.lines.append(fmtstr % args)

        def trace(self, fmtstr: str, *args: object) -> None:
            self.lines.append(fmtstr % args)

    logger = Logger()
    client = H2Connection(H2Configuration(logger=logger))
    server = server_connection()
    shake_hands(client, server)
    assert_works(client, server)
    assert logger.lines
    assert client.config.logger is logger


# --- twisted, daphne ---


def test_twisted_serves_streams_by_priority() -> None:
    priority = require_module("priority")
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    tree = priority.PriorityTree()
    client.send_headers(1, REQUEST, end_stream=True, priority_weight=10)
    client.send_headers(3, REQUEST, end_stream=True, priority_depends_on=1, priority_weight=256)
    client.prioritize(1, weight=32, depends_on=0, exclusive=False)
    _, events = wire.exchange(client, server)
    for event in events:
        if isinstance(event, RequestReceived):
            tree.insert_stream(event.stream_id)
        elif isinstance(event, h2.events.PriorityUpdated):
            if event.stream_id not in tree._streams:
                tree.insert_stream(event.stream_id)
            tree.reprioritize(event.stream_id, event.depends_on, event.weight, event.exclusive)
    for stream_id in (1, 3):
        server.send_headers(stream_id, RESPONSE)
    order = []
    for stream_id in tree:
        order.append(stream_id)
        frame = min(server.local_flow_control_window(stream_id), server.max_outbound_frame_size)
        assert frame == 16_384
        server.send_data(stream_id, b"body", end_stream=True)
        tree.remove_stream(stream_id)
        if len(order) == 2:
            break
    assert order == [1, 3]  # a stream that depends on another comes after it
    events, _ = wire.exchange(client, server)
    assert kinds(events).count(StreamEnded) == 2
    assert_works(client, server)
