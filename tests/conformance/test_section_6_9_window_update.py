"""RFC 9113 sections 6.9 to 6.9.2: WINDOW_UPDATE and the windows of a sender."""

from __future__ import annotations

import pytest

from h2.events import (
    PingReceived,
    RemoteSettingsChanged,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import FlowControlError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_ignored,
    assert_refused,
    assert_stream_error,
    kinds,
    only,
    sent,
)
from support.wire import DEFAULT_WINDOW, MAX_WINDOW, Code, Setting, Type, open_client


def test_increments_add_up() -> None:
    """Each increment is added to the window of its stream or of the connection."""
    conn = open_client((Setting.MAX_FRAME_SIZE, 1_000_000))
    for stream_id, increment in ((1, 1), (1, 999), (0, 500), (0, 500)):
        event = only(wire.feed(conn, wire.window_update(stream_id, increment)), WindowUpdated)
        assert (event.stream_id, event.delta) == (stream_id, increment)
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW + 1_000
    conn.send_data(1, bytes(DEFAULT_WINDOW + 1_000))
    assert conn.local_flow_control_window(1) == 0
    assert_refused(conn, "send_data", 1, b"x")


def test_the_smaller_window_counts() -> None:
    """A stream with credit still waits for the connection, and vice versa."""
    conn = open_client()
    wire.feed(conn, wire.window_update(1, 100))
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW
    wire.feed(conn, wire.window_update(0, 50))
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW + 50


@pytest.mark.parametrize("reserved", [0, wire.RESERVED])
def test_increment_of_zero_on_a_stream(reserved: int) -> None:
    """An increment of 0 is a stream error PROTOCOL_ERROR."""
    assert_stream_error(
        open_client(), wire.window_update(1, reserved), stream_id=1, code=Code.PROTOCOL_ERROR
    )


@pytest.mark.parametrize("make", [wire.server, wire.client], ids=["server", "client"])
def test_increment_of_zero_on_the_connection(make: wire.Factory) -> None:
    """Every error in the connection window is a connection error."""
    assert_connection_error(make(), wire.window_update(0, 0), code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("stream_id", [0, 1, 3])
@pytest.mark.parametrize("size", [0, 1, 3, 5, 8])
def test_window_update_of_another_length(size: int, stream_id: int) -> None:
    """A length other than four octets is a connection error FRAME_SIZE_ERROR, even on a stream."""
    assert_connection_error(
        open_client(),
        wire.frame(Type.WINDOW_UPDATE, 0, stream_id, bytes(size)),
        code=Code.FRAME_SIZE_ERROR,
    )


@pytest.mark.parametrize("stream_id", [2, 3], ids=["even", "odd"])
def test_window_update_on_an_idle_stream(stream_id: int) -> None:
    """A stream that was not opened has no window: a connection error PROTOCOL_ERROR."""
    assert_connection_error(
        open_client(), wire.window_update(stream_id, 1), code=Code.PROTOCOL_ERROR
    )


def test_window_update_after_the_peer_ended_its_side() -> None:
    """A peer that has sent END_STREAM still sends credit for our content."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    event = only(wire.feed(conn, wire.window_update(1, 7)), WindowUpdated)
    assert (event.stream_id, event.delta) == (1, 7)
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW


def test_window_update_on_a_closed_stream() -> None:
    """Late credit is ignored after both sides have ended, or after a reset."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True), wire.headers(3, wire.POST))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    conn.reset_stream(3)
    conn.clear_outbound_data_buffer()
    assert_ignored(conn, wire.window_update(1, 1), wire.window_update(3, MAX_WINDOW))
    assert_ignored(conn, wire.window_update(1, MAX_WINDOW), wire.window_update(1, MAX_WINDOW))


@pytest.mark.parametrize("role", ["client", "server"])
def test_frames_other_than_data_need_no_window(role: str) -> None:
    """If both windows are exhausted, all other frames are still sent and received."""
    client, server = wire.pair()
    client.send_headers(1, wire.POST)
    wire.exchange(client, server)
    server.send_headers(1, wire.RESPONSE)
    wire.exchange(client, server)
    sender, receiver = (client, server) if role == "client" else (server, client)
    for size in (16_384, 16_384, 16_384, 16_383):
        sender.send_data(1, bytes(size))
    wire.exchange(sender, receiver)
    assert sender.local_flow_control_window(1) == receiver.inbound_flow_control_window == 0
    sender.ping(b"no space")
    sender.update_settings({Setting.MAX_HEADER_LIST_SIZE: 7_000})
    sender.increment_flow_control_window(5)
    sender.send_headers(1, wire.TRAILERS, end_stream=True)
    _, events = wire.exchange(sender, receiver)
    assert kinds(events) == [
        PingReceived,
        RemoteSettingsChanged,
        WindowUpdated,
        TrailersReceived,
        StreamEnded,
    ]


# Section 6.9.1: at most 2^31-1 -------------------------------------------------------------------


def test_the_largest_windows() -> None:
    """2^31-1 is a legal window, for the stream and for the connection."""
    conn = open_client()
    room = MAX_WINDOW - DEFAULT_WINDOW
    wire.feed(conn, wire.window_update(1, room), wire.window_update(0, room))
    assert conn.local_flow_control_window(1) == MAX_WINDOW
    assert_alive(conn)


@pytest.mark.parametrize(
    "increments",
    [(MAX_WINDOW - DEFAULT_WINDOW + 1,), (MAX_WINDOW,), (MAX_WINDOW - DEFAULT_WINDOW, 1)],
    ids=["one too many", "largest increment", "in two steps"],
)
def test_stream_window_above_the_maximum(increments: tuple[int, ...]) -> None:
    """A stream's window above 2^31-1: RST_STREAM with FLOW_CONTROL_ERROR."""
    *fine, last = (wire.window_update(1, n) for n in increments)
    conn = open_client()
    wire.feed(conn, *fine)
    assert_stream_error(conn, last, stream_id=1, code=Code.FLOW_CONTROL_ERROR)


@pytest.mark.parametrize(
    "increments",
    [(MAX_WINDOW - DEFAULT_WINDOW + 1,), (MAX_WINDOW,), (MAX_WINDOW - DEFAULT_WINDOW, 1)],
    ids=["one too many", "largest increment", "in two steps"],
)
def test_connection_window_above_the_maximum(increments: tuple[int, ...]) -> None:
    """The connection's window above 2^31-1: GOAWAY with FLOW_CONTROL_ERROR."""
    *fine, last = (wire.window_update(0, n) for n in increments)
    conn = open_client()
    wire.feed(conn, *fine)
    assert_connection_error(conn, last, code=Code.FLOW_CONTROL_ERROR, error=FlowControlError)


def test_data_sent_makes_room_for_increments() -> None:
    """The maximum applies to the window, not to the sum of all increments."""
    conn = open_client()
    wire.feed(conn, wire.window_update(0, MAX_WINDOW - DEFAULT_WINDOW))
    conn.send_data(1, bytes(1_000))
    wire.feed(conn, wire.window_update(0, 1_000))
    conn.clear_outbound_data_buffer()
    assert_connection_error(conn, wire.window_update(0, 1), code=Code.FLOW_CONTROL_ERROR)


# Section 6.9.2: SETTINGS_INITIAL_WINDOW_SIZE ----------------------------------------


def test_a_window_of_one_octet() -> None:
    """With an initial window of 1 a stream sends one octet, and the rest when the window grows."""
    conn = open_client((Setting.INITIAL_WINDOW_SIZE, 1))
    assert_refused(conn, "send_data", 1, b"ab")
    conn.send_data(1, b"a")
    assert_refused(conn, "send_data", 1, b"b")
    wire.feed(conn, wire.window_update(1, 1))
    conn.send_data(1, b"b", end_stream=True)
    assert conn.data_to_send() == wire.data(1, b"b", end_stream=True)


@pytest.mark.parametrize("value", [0, 1, 100_000])
def test_open_streams_follow_the_difference(value: int) -> None:
    """A change adjusts the windows of open streams by the difference."""
    conn = open_client()
    wire.feed(conn, wire.window_update(0, 1_000_000), wire.settings((4, value)))
    assert conn.local_flow_control_window(1) == value
    conn.send_headers(3, wire.POST)
    assert conn.local_flow_control_window(3) == value


def test_the_connection_window_does_not_follow_settings() -> None:
    """Only WINDOW_UPDATE changes the connection's window."""
    conn = open_client()
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)))
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW


def test_negative_window() -> None:
    """The example of the section: 60 KB sent, then an initial window of 16 KB: -44 KB."""
    conn = open_client((Setting.MAX_FRAME_SIZE, 61_440))
    conn.send_data(1, bytes(61_440))
    wire.feed(conn, wire.window_update(0, 100_000), wire.settings((4, 16_384)))
    conn.clear_outbound_data_buffer()
    assert conn.local_flow_control_window(1) == 16_384 - 61_440
    assert_refused(conn, "send_data", 1, b"x")
    wire.feed(conn, wire.window_update(1, 61_440 - 16_384))
    assert conn.local_flow_control_window(1) == 0
    assert_refused(conn, "send_data", 1, b"x")
    wire.feed(conn, wire.window_update(1, 1))
    conn.send_data(1, b"x")
    assert conn.data_to_send() == wire.data(1, b"x")


def test_empty_data_in_a_negative_window() -> None:
    """An empty DATA frame with END_STREAM is sent whatever the windows are."""
    conn = open_client()
    conn.send_data(1, bytes(1_000))
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)))
    conn.clear_outbound_data_buffer()
    assert conn.local_flow_control_window(1) == -1_000
    conn.send_data(1, b"", end_stream=True)
    assert conn.data_to_send() == wire.data(1, end_stream=True)


def test_back_and_forth() -> None:
    """Changes that cancel out leave the window as it was."""
    conn = open_client()
    conn.send_data(1, bytes(500))
    for value in (0, 100, 70_000, 3, DEFAULT_WINDOW):
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, value)))
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW - 500


def test_several_values_in_one_frame() -> None:
    """Each value is applied in order; the last one remains in effect."""
    conn = open_client()
    wire.feed(conn, wire.settings((4, 100), (4, 0), (4, 10)))
    assert conn.local_flow_control_window(1) == 10


def test_a_change_that_overflows_a_window() -> None:
    """A change that raises any window above 2^31-1 is a connection error FLOW_CONTROL_ERROR."""
    conn = open_client()
    wire.feed(conn, wire.window_update(1, 1))
    assert_connection_error(
        conn,
        wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)),
        code=Code.FLOW_CONTROL_ERROR,
        error=FlowControlError,
    )


def test_an_increment_of_ours_beside_settings_in_flight() -> None:
    """Their effect on the window counts already, so that it cannot overflow at the peer."""
    conn = open_client()
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: MAX_WINDOW - 1})
    conn.increment_flow_control_window(1, 1)
    with pytest.raises(FlowControlError):
        conn.increment_flow_control_window(1, 1)


def test_a_change_that_just_fits() -> None:
    """The largest initial window is legal when no stream has more credit than that."""
    conn = open_client()
    conn.send_data(1, bytes(1))
    wire.feed(conn, wire.window_update(1, 1))
    events = wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)))
    assert kinds(events) == [RemoteSettingsChanged]


def test_closed_streams_do_not_overflow() -> None:
    """A closed stream has no window that a change could enlarge."""
    conn = open_client()
    wire.feed(conn, wire.window_update(1, MAX_WINDOW - DEFAULT_WINDOW))
    conn.reset_stream(1)
    events = wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)))
    assert kinds(events) == [RemoteSettingsChanged]


def test_promised_streams_follow_too() -> None:
    """A reserved stream starts with the size that is in effect when it is used."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.push_stream(1, 2, wire.REQUEST)
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 10)))
    conn.send_headers(2, wire.RESPONSE)
    assert conn.local_flow_control_window(2) == 10
    wire.feed(conn, wire.window_update(2, 5))
    assert conn.local_flow_control_window(2) == 15


def test_other_streams_after_an_overflow() -> None:
    """The stream whose window overflowed is reset; the others continue to send."""
    conn = open_client()
    conn.send_headers(3, wire.POST)
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, wire.window_update(1, MAX_WINDOW), wire.window_update(3, 5))
    assert kinds(events) == [StreamReset, WindowUpdated]
    conn.send_data(3, b"x")
    assert [(f.type, f.stream_id) for f in sent(conn)] == [(Type.RST_STREAM, 1), (Type.DATA, 3)]


@pytest.mark.parametrize("smaller", [1, 100])
def test_the_largest_window_counts_not_the_last_one(smaller: int) -> None:
    """A change of INITIAL_WINDOW_SIZE must not overflow any stream, whichever grew last."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    wire.feed(conn, wire.window_update(1, 2**30), wire.window_update(3, smaller))
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**30 - 1)))
    conn.clear_outbound_data_buffer()
    assert_connection_error(
        conn,
        wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**30)),
        code=Code.FLOW_CONTROL_ERROR,
        last_stream_id=3,
        error=FlowControlError,
    )
