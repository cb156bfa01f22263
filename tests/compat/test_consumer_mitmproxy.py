"""Uses of the package by mitmproxy beyond the documented API; see test_consumers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import hpack
import pytest

import h2.errors
import h2.events
import h2.exceptions
from h2.config import DummyLogger, H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
)
from h2.settings import SettingCodes
from h2.stream import H2Stream, StreamState
from h2.utilities import HeaderValidationFlags, normalize_outbound_headers
from support import wire
from support.exchange import (
    REQUEST,
    RESPONSE,
    assert_works,
    kinds,
    server_connection,
    shake_hands,
)


class BufferedH2Connection(H2Connection):
    """Buffers content that does not fit into the windows, by overriding public methods.

    The buffering is only correct if no method of the connection calls the overridden ones: an
    internal call would be buffered a second time. `nested` records such calls.
    """

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.depth = 0
        self.nested: list[str] = []
        self.initiated = False
        self.buffers: dict[int, list[tuple[bytes | memoryview, bool]]] = {}
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
        self,
        stream_id: int,
        data: bytes | memoryview,
        end_stream: bool = False,
        pad_length: Any = None,
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
            self._enter("send_data", partial(send, stream_id, piece, ends))

    def end_stream(self, stream_id: int) -> None:
        if self.depth:
            self.nested.append("end_stream")
        self.send_data(stream_id, b"", end_stream=True)

    def reset_stream(self, stream_id: int, error_code: int = 0) -> None:
        self.buffers.pop(stream_id, None)
        reset = super().reset_stream
        self._enter("reset_stream", partial(reset, stream_id, error_code))

    def receive_data(self, data: bytes) -> list[Event]:
        receive = super().receive_data
        events: list[Event] = self._enter("receive_data", partial(receive, data))
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
    # Errors and closing do not call public methods, either.
    with pytest.raises(h2.exceptions.ProtocolError):
        server.receive_data(wire.data(0, b"no stream"))
    client.close_connection()
    assert client.nested == server.nested == []


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


def test_mitmproxy_changes_a_configuration_that_connections_share() -> None:
    config = H2Configuration(client_side=False, header_encoding=False)
    config.validate_inbound_headers = False
    config.normalize_inbound_headers = False
    spaced = [*wire.REQUEST, (b"X-Upper", b" padded ")]
    for validates in (False, True, False):
        config.validate_inbound_headers = validates
        server = H2Connection(config)
        server.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = 2**24
        server.initiate_connection()
        wire.feed(server, wire.PREFACE, wire.settings(), wire.settings(ack=True))
        assert server.local_settings.initial_window_size == 2**24
        if validates:
            with pytest.raises(h2.exceptions.ProtocolError):
                wire.feed(server, wire.headers(1, spaced))
        else:
            (request,) = wire.feed(server, wire.headers(1, spaced))
            assert isinstance(request, RequestReceived)
            assert request.headers == spaced


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
