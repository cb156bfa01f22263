"""Undocumented names that well-known consumers use.

Each section uses the package like one consumer, as far as that goes beyond the documented API. All
of it passes with the published h2 4.4.1, too, as a drop-in replacement must. grpclib and mitmproxy,
which use most internals, have separate files.
"""

from __future__ import annotations

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
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    UnknownFrameReceived,
)
from h2.settings import SettingCodes, Settings
from support import wire
from support.exchange import (
    REQUEST,
    RESPONSE,
    assert_works,
    kinds,
    server_connection,
    shake_hands,
)
from support.processes import python_command, require_module, run


def in_a_new_interpreter(code: str) -> str:
    done = run(python_command("-c", code))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- httpcore (under httpx) ---


class HttpcoreStyleConnection:
    """It stores the configuration on the class, so all connections share one object."""

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
    # The request arrived over HTTP/1.1, so the server passes it to its own connection.
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


def test_gunicorn_tests_look_into_the_table() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    assert len(client.encoder.header_table.dynamic_entries) == 0
    client.send_headers(1, [*REQUEST, ("x-custom", "value")])
    assert (b"x-custom", b"value") in client.encoder.header_table.dynamic_entries
    wire.exchange(client, server)
    assert (b"x-custom", b"value") in server.decoder.header_table.dynamic_entries


# --- echocorn, and code in the wild ---


def test_echocorn_sets_the_limit_of_the_decoder() -> None:
    client, server = H2Connection(), server_connection()
    server.decoder.max_header_list_size = 150
    assert server.decoder.max_header_list_size == 150
    shake_hands(client, server)
    client.send_headers(1, [*REQUEST])
    with pytest.raises(h2.exceptions.DenialOfServiceError) as caught:
        wire.exchange(client, server)
    assert caught.value.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    server = server_connection()
    server.decoder.max_header_list_size = 2**20
    client = H2Connection()
    shake_hands(client, server)
    client.send_headers(1, [*REQUEST, *((f"x-{number}", "v" * 1_000) for number in range(100))])
    _, (event,) = wire.exchange(client, server)
    assert isinstance(event, RequestReceived)
    assert len(event.headers) == 104


def test_programs_bring_an_encoder_and_a_decoder() -> None:
    client, server = H2Connection(), server_connection()
    client.encoder, client.decoder = hpack.Encoder(), hpack.Decoder()
    server.encoder, server.decoder = hpack.Encoder(), hpack.Decoder(max_header_list_size=1_000)
    assert isinstance(client.encoder, hpack.Encoder)
    assert isinstance(client.decoder, hpack.Decoder)
    shake_hands(client, server)
    for _ in range(3):
        assert_works(client, server)
    client.send_headers(7, [*REQUEST, ("x", "v" * 1_000)])
    with pytest.raises(h2.exceptions.DenialOfServiceError):
        wire.exchange(client, server)


def test_programs_set_the_sizes_of_tables() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    assert client.encoder.header_table_size == server.decoder.header_table_size == 4_096
    client.encoder.header_table_size = 1_024
    assert client.encoder.header_table_size == 1_024
    assert_works(client, server)
    assert server.decoder.header_table_size == 1_024
    server.decoder.header_table_size = 1_024
    server.decoder.max_allowed_table_size = 8_192
    client.encoder.huffman = False
    assert_works(client, server)


def test_programs_encode_and_decode_by_themselves() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    block = client.encoder.encode({"x": "1", ":method": "GET"}, huffman=False)
    assert server.decoder.decode(block) == [(":method", "GET"), ("x", "1")]
    block = client.encoder.encode([("y", "2", True), (b"z", b"3")])
    assert server.decoder.decode(block, raw=True) == [(b"y", b"2"), (b"z", b"3")]
    assert client.encoder.header_table.get_by_index(62) == (b"z", b"3")
    with pytest.raises(hpack.HPACKDecodingError):
        server.decoder.decode(b"\xff")
    assert_works(client, server)


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
        request = events[0]
        assert isinstance(request, RequestReceived)
        assert (b"host", b"a.example") in request.headers
    assert client.get_next_available_stream_id() == 103
    assert_works(client, server)


# --- urllib3 ---


def test_urllib3_checks_the_version() -> None:
    assert h2.__version__.startswith("4.")
    assert [int(part) >= 0 for part in h2.__version__.split(".")] == [True] * 3


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
    assert order == [1, 3]  # a stream follows the one on which it depends
    events, _ = wire.exchange(client, server)
    assert kinds(events).count(StreamEnded) == 2
    assert_works(client, server)
