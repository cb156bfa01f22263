"""Uses of the package by grpclib beyond the documented API; see test_consumers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import h2.exceptions
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes
from support import wire
from support.exchange import REQUEST, RESPONSE, assert_works, server_connection, shake_hands


class GrpclibStyleProcessor:
    """Finds the handler of an event by its exact class."""

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
        """Forget a stream that has ended."""
        stream = self.connection.streams.get(stream_id)
        if stream is not None and stream.closed:
            self.connection.streams.pop(stream_id)

    def close(self) -> None:
        """Break the reference cycle, if there is one."""
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


def test_grpclib_tests_take_an_open_stream_away() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    client.send_headers(1, REQUEST)
    wire.exchange(client, server)
    assert server.streams.pop(1).open
    assert 1 not in server.streams
    assert not any(stream.open for stream in server.streams.values())
    client.send_data(1, b"late")
    wire.exchange(client, server)
    assert_works(client, server)


def test_grpclib_widens_windows_before_the_first_byte() -> None:
    client, server = H2Connection(), server_connection()
    size = 4 * 2**20
    for side in (client, server):
        side.initiate_connection()
        initial = side.local_settings.initial_window_size
        side.increment_flow_control_window(size - initial)
        side.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
    wire.exchange(client, server)
    client.send_headers(1, REQUEST)
    assert client.local_flow_control_window(1) == size
    wire.exchange(client, server)
    assert server.local_flow_control_window(1) == size
    assert_works(client, server)


def test_grpclib_waits_when_there_are_too_many_streams() -> None:
    client, server = H2Connection(), server_connection()
    server.local_settings.max_concurrent_streams = 1
    server.local_settings.acknowledge()
    shake_hands(client, server)
    client.send_headers(1, REQUEST)
    stream_id = client.get_next_available_stream_id()
    with pytest.raises(h2.exceptions.TooManyStreamsError):
        client.send_headers(stream_id, REQUEST)
    wire.exchange(client, server)
    server.reset_stream(1)
    wire.exchange(client, server)
    assert client.get_next_available_stream_id() == stream_id
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
