"""Attributes of a connection that programs read and assign."""

from __future__ import annotations

import pytest
from hpack import Decoder

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import FrameTooLargeError
from h2.settings import SettingCodes, Settings
from support import wire


def test_remote_settings_may_be_replaced() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    conn.remote_settings = Settings(
        client=False, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: 100}
    )
    assert conn.remote_settings.initial_window_size == 100
    assert conn.local_flow_control_window(1) == 100


def test_the_largest_outbound_frame_may_be_assigned() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    conn.max_outbound_frame_size = 20_000
    assert conn.max_outbound_frame_size == 20_000
    conn.send_data(1, bytes(20_000))
    with pytest.raises(FrameTooLargeError):
        conn.send_data(1, bytes(20_001))


def test_the_largest_inbound_frame_may_be_assigned() -> None:
    conn = wire.server()
    conn.max_inbound_frame_size = 20_000
    assert conn.max_inbound_frame_size == 20_000
    wire.feed(conn, wire.frame(0x77, 0, 0, bytes(20_000)))
    with pytest.raises(FrameTooLargeError):
        wire.feed(conn, wire.frame(0x77, 0, 0, bytes(20_001)))


@pytest.mark.parametrize("size", [2**24, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 2**200])
def test_the_largest_inbound_frame_may_be_any_number(size: int) -> None:
    conn = wire.server()
    conn.max_inbound_frame_size = size
    for length in (1, 2**14, 2**24 - 1):
        frame = wire.frame(0x77, 0, 0, bytes(length))
        assert len(wire.feed(conn, frame)) == 1
        assert conn.receive_data(frame[:9]) == []
        assert len(conn.receive_data(frame[9:])) == 1


@pytest.mark.parametrize("size", [-1, -(2**63), -(2**63) - 1, -(2**200)])
def test_the_largest_inbound_frame_may_be_less_than_none(size: int) -> None:
    conn = wire.server()
    conn.max_inbound_frame_size = size
    with pytest.raises(FrameTooLargeError, match=f"the limit is {size}"):
        wire.feed(conn, wire.frame(0x77, 0, 0, b""))


def test_the_configuration_may_be_replaced() -> None:
    conn = wire.server()
    other = H2Configuration(client_side=False, header_encoding="utf-8")
    conn.config = other
    assert conn.config is other
    (event,) = wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert event.headers[0] == (":method", "GET")  # type: ignore[attr-defined]  # a RequestReceived


def test_identifiers_used_so_far() -> None:
    client, server = wire.pair()
    assert (client.highest_inbound_stream_id, client.highest_outbound_stream_id) == (0, 0)
    client.send_headers(5, wire.POST)
    wire.exchange(client, server)
    server.push_stream(5, 2, wire.REQUEST)
    wire.exchange(client, server)
    assert (client.highest_inbound_stream_id, client.highest_outbound_stream_id) == (2, 5)
    assert (server.highest_inbound_stream_id, server.highest_outbound_stream_id) == (5, 2)


def test_windows_of_the_connection() -> None:
    client, server = wire.pair()
    client.send_headers(1, wire.POST)
    client.send_data(1, bytes(1_000))
    wire.exchange(client, server)
    assert client.outbound_flow_control_window == 64_535
    assert server.inbound_flow_control_window == 64_535
    assert client.inbound_flow_control_window == server.outbound_flow_control_window == 65_535
    server.increment_flow_control_window(5)
    assert server.inbound_flow_control_window == 64_540


def test_limits_that_a_program_sets_on_the_instance() -> None:
    conn = H2Connection(H2Configuration(client_side=False))
    conn.CONTINUATION_BACKLOG = 1
    conn.MAX_CLOSED_STREAMS = 2
    conn.initiate_connection()
    assert (conn._core.max_continuations, conn._core.max_reset) == (1, 2)


@pytest.mark.parametrize("size", [0, -1])
def test_a_frame_size_without_room_for_anything(size: int) -> None:
    conn = wire.client()
    with pytest.raises(ValueError, match=f"must be positive, not {size}"):
        conn.max_outbound_frame_size = size
    assert conn.max_outbound_frame_size == 16_384


@pytest.mark.parametrize("size", [1, 3, 5, 6])
def test_field_blocks_end_however_small_the_frames_are(size: int) -> None:
    conn = wire.client()
    conn.max_outbound_frame_size = size
    conn.send_headers(1, wire.REQUEST, priority_weight=7)
    frames = wire.parse(conn.data_to_send())
    block = b"".join(frame.payload for frame in frames)[5:]
    assert list(map(tuple, Decoder().decode(block, raw=True))) == list(wire.REQUEST)
    assert all(0 < len(frame.payload) <= size for frame in frames[1:])
