"""Pending content of a stream that either end resets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from support import wire
from support.wire import DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, Frame, Setting, Type

WINDOW = 1_000_000
FRAME = bytes(DEFAULT_FRAME_SIZE)


def responding(*streams: int) -> H2Connection:
    """A server whose response headers have been sent."""
    conn = wire.server((Setting.INITIAL_WINDOW_SIZE, WINDOW))
    wire.feed(conn, wire.window_update(0, WINDOW - DEFAULT_WINDOW))
    for stream_id in streams:
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        conn.send_headers(stream_id, wire.RESPONSE)
    conn.clear_outbound_data_buffer()
    return conn


def pending(conn: H2Connection) -> list[Frame]:
    return wire.parse(conn.data_to_send())


def types(frames: list[Frame]) -> list[int]:
    return [frame.type for frame in frames]


Reset = Callable[[H2Connection], object]


def by_us(conn: H2Connection) -> None:
    conn.reset_stream(1, ErrorCodes.CANCEL)


def by_the_peer(conn: H2Connection) -> None:
    wire.feed(conn, wire.rst_stream(1))


def by_an_error_of_the_peer(conn: H2Connection) -> None:
    wire.feed(conn, wire.window_update(1, 0))


def by_goaway(conn: H2Connection) -> None:
    wire.feed(conn, wire.goaway(0))


@pytest.mark.parametrize("reset", [by_us, by_the_peer, by_an_error_of_the_peer])
def test_content_is_dropped_and_its_window_comes_back(reset: Reset) -> None:
    conn = responding(1, 3)
    for _ in range(4):
        conn.send_data(1, FRAME)
        conn.send_data(3, b"other")
    conn.send_data(1, FRAME, end_stream=True)
    assert conn.outbound_flow_control_window == WINDOW - 5 * len(FRAME) - 4 * 5
    reset(conn)
    assert conn.outbound_flow_control_window == WINDOW - 4 * 5
    frames = pending(conn)
    assert {(frame.type, frame.stream_id) for frame in frames} <= {
        (Type.DATA, 3),
        (Type.RST_STREAM, 1),
    }
    assert types(frames).count(Type.DATA) == 4
    conn.send_data(3, b"more", end_stream=True)
    assert types(pending(conn)) == [Type.DATA]


def test_content_of_requests_that_the_peer_will_not_process() -> None:
    conn = wire.client((Setting.INITIAL_WINDOW_SIZE, WINDOW))
    wire.feed(conn, wire.window_update(0, WINDOW - DEFAULT_WINDOW))
    for stream_id in (1, 3):
        conn.send_headers(stream_id, wire.POST)
        conn.send_data(stream_id, FRAME)
        conn.send_data(stream_id, FRAME)
    wire.feed(conn, wire.goaway(1))
    frames = pending(conn)
    assert [(f.type, f.stream_id) for f in frames if f.type == Type.DATA] == [(Type.DATA, 1)] * 2
    assert conn.outbound_flow_control_window == WINDOW - 2 * len(FRAME)


@pytest.mark.parametrize("taken", [1, 9, 10, 5_000, 16_392])
@pytest.mark.parametrize("reset", [by_us, by_the_peer])
def test_a_frame_that_has_begun_to_go_out_goes_on(reset: Reset, taken: int) -> None:
    conn = responding(1)
    for _ in range(3):
        conn.send_data(1, FRAME)
    first = conn.data_to_send(taken)
    assert len(first) == taken
    reset(conn)
    frames = wire.parse(first + conn.data_to_send())
    assert types(frames).count(Type.DATA) == 1
    assert conn.outbound_flow_control_window == WINDOW - len(FRAME)


def test_padding_counts_for_the_window() -> None:
    conn = responding(1)
    for _ in range(2):
        conn.send_data(1, bytes(16_000), pad_length=255)
    by_the_peer(conn)
    assert conn.outbound_flow_control_window == WINDOW
    assert pending(conn) == []


def test_little_content_goes_out_before_our_reset() -> None:
    """As in h2 4.4.1, content that a program sends just before it resets a stream arrives."""
    conn = responding(1)
    conn.send_data(1, b"the reason why")
    by_us(conn)
    assert types(pending(conn)) == [Type.DATA, Type.RST_STREAM]
    assert conn.outbound_flow_control_window == WINDOW - 14


@pytest.mark.parametrize("more", [0, 1])
def test_up_to_a_frame_of_the_usual_size_goes_out_before_our_reset(more: int) -> None:
    conn = responding(1)
    conn.send_data(1, FRAME)
    conn.send_data(1, bytes(more))
    by_us(conn)
    kept = [Type.RST_STREAM] if more else [Type.DATA, Type.DATA, Type.RST_STREAM]
    assert types(pending(conn)) == kept


def test_little_content_is_dropped_where_the_peer_reads_nothing_more() -> None:
    conn = responding(1)
    conn.send_data(1, b"too late")
    by_the_peer(conn)
    assert pending(conn) == []
    assert conn.outbound_flow_control_window == WINDOW


def test_our_reset_keeps_content_whose_trailers_are_pending() -> None:
    """Without its content the message would be too short and still look complete."""
    conn = responding(1)
    for _ in range(3):
        conn.send_data(1, FRAME)
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    by_us(conn)
    assert types(pending(conn)) == [Type.DATA] * 3 + [Type.HEADERS, Type.RST_STREAM]
    assert conn.outbound_flow_control_window == WINDOW - 3 * len(FRAME)


def test_our_reset_drops_content_whose_end_is_pending() -> None:
    """Its end is dropped, so the message cannot be mistaken for a complete one."""
    conn = responding(1)
    for last in (False, False, True):
        conn.send_data(1, FRAME, end_stream=last)
    by_us(conn)
    assert types(pending(conn)) == [Type.RST_STREAM]


@pytest.mark.parametrize("answered", [False, True])
def test_a_reset_without_error_lets_the_response_go_out(answered: bool) -> None:
    """ "after sending a complete response", "without error" (section 8.1): the client reads it."""
    conn = responding(1)
    for last in (False, False, answered):
        conn.send_data(1, FRAME, end_stream=last)
    conn.reset_stream(1, ErrorCodes.NO_ERROR)
    out = pending(conn)
    assert types(out) == [Type.DATA] * (3 if answered else 0) + [Type.RST_STREAM]
    assert out[-1].error_code == ErrorCodes.NO_ERROR
    assert conn.outbound_flow_control_window == WINDOW - (3 * len(FRAME) if answered else 0)


@pytest.mark.parametrize("trailers", [False, True])
def test_the_peer_resets_a_stream_that_has_ended_while_its_content_is_pending(
    trailers: bool,
) -> None:
    """The program has sent all of the response, and the client cancels its download."""
    conn = responding(1, 3)
    wire.feed(conn, wire.data(1, end_stream=True))
    for _ in range(3):
        conn.send_data(1, FRAME)
        conn.send_data(3, b"other")
    if trailers:
        conn.send_headers(1, wire.TRAILERS, end_stream=True)
    else:
        conn.end_stream(1)
    taken = conn.data_to_send(5)
    assert wire.feed(conn, wire.rst_stream(1), wire.rst_stream(1)) == []
    frames = wire.parse(taken + conn.data_to_send())
    # One frame had begun to be sent.
    assert [f.stream_id for f in frames if f.type == Type.DATA] == [1, 3, 3, 3]
    assert conn.outbound_flow_control_window == WINDOW - len(FRAME) - 3 * 5


def test_the_peer_resets_a_stream_that_we_have_reset() -> None:
    conn = responding(1)
    conn.send_data(1, b"the reason why")
    by_us(conn)
    by_the_peer(conn)
    assert types(pending(conn)) == [Type.RST_STREAM]
    assert conn.outbound_flow_control_window == WINDOW


def test_content_of_a_promised_stream() -> None:
    conn = responding(1)
    conn.push_stream(1, 2, wire.REQUEST)
    conn.send_headers(2, wire.RESPONSE)
    conn.send_data(2, FRAME, end_stream=True)
    wire.feed(conn, wire.rst_stream(2))
    assert types(pending(conn)) == [Type.PUSH_PROMISE, Type.HEADERS]
    assert conn.outbound_flow_control_window == WINDOW


def test_content_that_has_gone_out_does_not_come_back() -> None:
    """A reset of another stream has indexed the content, and then a part of it is sent."""
    conn = responding(1, 3)
    for _ in range(3):
        conn.send_data(1, FRAME)
        conn.send_data(3, FRAME)
    conn.send_data(1, b"the end", end_stream=True)
    wire.feed(conn, wire.rst_stream(3))
    taken = conn.data_to_send(len(FRAME) + 9)
    wire.feed(conn, wire.rst_stream(1))
    assert conn.outbound_flow_control_window == WINDOW - len(FRAME)
    assert [(f.type, f.stream_id) for f in wire.parse(taken)] == [(Type.DATA, 1)]
    assert conn.outbound_buffer_size == 0
    assert conn.data_to_send() == b""


def test_many_streams_are_reset_one_after_the_other() -> None:
    """Dropping visits each frame once, so it does not take quadratic time."""
    streams = [*range(1, 200, 2)]
    conn = responding(*streams)
    for _ in range(3):
        for stream_id in streams:
            conn.send_data(stream_id, bytes(1_100))
    for stream_id in streams[:-1]:
        wire.feed(conn, wire.rst_stream(stream_id))
    frames = pending(conn)
    assert [(f.type, f.stream_id) for f in frames] == [(Type.DATA, streams[-1])] * 3
    assert conn.outbound_flow_control_window == WINDOW - 3 * 1_100
