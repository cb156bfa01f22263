"""RFC 9113 sections 5.2, 6.9.1 and 6.9.3: the windows of a receiver."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import DataReceived, SettingsAcknowledged
from h2.exceptions import FlowControlError, NoSuchStreamError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_refused,
    assert_resets_if_strict,
    kinds,
    only,
    sent,
)
from support.wire import (
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    MAX_WINDOW,
    Code,
    Setting,
    Type,
    open_server,
)


class Peer:
    """A sender that tracks the connection window, as section 6.9.1 requires."""

    def __init__(self, conn: H2Connection) -> None:
        self.conn = conn
        self.window = DEFAULT_WINDOW

    def send(self, frame: bytes) -> list[int]:
        """Send one DATA frame within the window; return the types of the answering frames."""
        size = len(frame) - wire.FRAME_HEADER
        assert size <= self.window, "the receiver kept credit for itself"
        self.window -= size
        wire.feed(self.conn, frame)
        out = sent(self.conn)
        self.window += sum(
            f.increment for f in out if f.type == Type.WINDOW_UPDATE and f.stream_id == 0
        )
        assert self.conn.inbound_flow_control_window == self.window
        return [f.type for f in out]


def test_a_connection_window_that_is_used_up_opens_as_far_as_there_is_room() -> None:
    """An application that holds the content of one stream does not block the others."""
    conn = open_server()
    wire.feed(conn, wire.headers(3, wire.POST))
    peer = Peer(conn)
    assert [peer.send(wire.data(1, bytes(15_000))) for _ in range(2)] == [[], []]
    conn.acknowledge_received_data(30_000, 1)  # less than half a window: nothing is sent yet
    assert sent(conn) == []
    kept = DEFAULT_WINDOW - 30_000
    for size in (DEFAULT_FRAME_SIZE, DEFAULT_FRAME_SIZE):
        assert peer.send(wire.data(3, bytes(size))) == []
        kept -= size
    assert peer.send(wire.data(3, bytes(kept))) == [Type.WINDOW_UPDATE]
    assert peer.window == 30_000


def test_a_stream_window_that_is_used_up_opens_as_far_as_there_is_room() -> None:
    """An application may wait for more content before it acknowledges the rest."""
    conn = wire.server()
    conn.increment_flow_control_window(DEFAULT_WINDOW)
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.clear_outbound_data_buffer()
    sizes = [DEFAULT_FRAME_SIZE] * 3 + [DEFAULT_WINDOW - 3 * DEFAULT_FRAME_SIZE]
    *first, last = (wire.data(1, bytes(size)) for size in sizes)
    wire.feed(conn, *first)
    conn.acknowledge_received_data(20_000, 1)
    assert sent(conn) == []
    wire.feed(conn, last)
    (update,) = sent(conn)
    assert (update.type, update.stream_id, update.increment) == (Type.WINDOW_UPDATE, 1, 20_000)


def test_initial_windows() -> None:
    """New streams and the connection begin with 65,535 octets, in both directions."""
    conn = open_server()
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW
    assert conn.remote_flow_control_window(1) == DEFAULT_WINDOW
    assert conn.local_flow_control_window(1) == DEFAULT_WINDOW


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (wire.data(1, b"abcde"), 5),
        (wire.data(1), 0),
        (wire.data(1, b"abc", pad=0), 4),
        (wire.data(1, b"abc", pad=10), 14),
        (wire.data(1, pad=255), 256),
    ],
    ids=["plain", "empty", "pad length only", "padding", "padding only"],
)
def test_the_whole_payload_counts(frame: bytes, size: int) -> None:
    """Pad length and padding count like data; the frame header does not."""
    conn = open_server()
    event = only(wire.feed(conn, frame), DataReceived)
    assert event.flow_controlled_length == size
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW - size
    assert conn.remote_flow_control_window(1) == DEFAULT_WINDOW - size


def test_only_data_counts() -> None:
    """No other frame type consumes a window."""
    conn = open_server()
    wire.feed(
        conn,
        wire.headers(3, wire.REQUEST),
        wire.priority(1),
        wire.ping(),
        wire.window_update(1, 5),
        wire.frame(0xBE, 0, 1, bytes(1_000)),
        wire.headers(1, wire.TRAILERS, end_stream=True),
    )
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW


def fill(conn: H2Connection, stream_id: int, size: int) -> None:
    """Receive that many octets of data in frames of any legal size."""
    while size:
        part = min(size, DEFAULT_FRAME_SIZE)
        wire.feed(conn, wire.data(stream_id, bytes(part)))
        size -= part


def test_the_window_may_be_used_to_the_last_octet() -> None:
    """Content that fills the window is allowed, and DATA of length zero after it."""
    conn = open_server()
    fill(conn, 1, DEFAULT_WINDOW)
    assert conn.remote_flow_control_window(1) == 0
    assert kinds(wire.feed(conn, wire.data(1))) == [DataReceived]


@pytest.mark.parametrize(
    "frame",
    [wire.data(1, b"x"), wire.data(1, pad=0)],
    ids=["one octet", "one octet of pad length"],
)
def test_stream_window_overrun(frame: bytes) -> None:
    """More than the stream's window is a FLOW_CONTROL_ERROR."""
    conn = open_server()
    conn.increment_flow_control_window(DEFAULT_WINDOW)
    fill(conn, 1, DEFAULT_WINDOW)
    assert_stream_overrun(conn, frame)


def assert_stream_overrun(conn: H2Connection, frame: bytes) -> None:
    """Exceed the window of the stream. The octets still count for the connection."""
    window = conn.inbound_flow_control_window
    handed_back = conn._core.window.handed_back
    assert_resets_if_strict(
        conn,
        frame,
        stream_id=1,
        code=Code.FLOW_CONTROL_ERROR,
        error=FlowControlError,
        last_stream_id=1,
    )
    if conn.config.strict:
        length = len(frame) - wire.FRAME_HEADER
        assert conn.inbound_flow_control_window == window - length
        assert conn._core.window.handed_back == handed_back + length


def test_connection_window_overrun() -> None:
    """All streams together may not exceed the window of the connection."""
    conn = open_server()
    wire.feed(conn, wire.headers(3, wire.POST))
    fill(conn, 1, DEFAULT_WINDOW - 10)
    fill(conn, 3, 10)
    assert_connection_error(
        conn,
        wire.data(3, b"x"),
        code=Code.FLOW_CONTROL_ERROR,
        error=FlowControlError,
        last_stream_id=3,
    )


def test_zero_length_end_of_stream_without_any_window() -> None:
    """An empty DATA frame with END_STREAM needs no window."""
    conn = open_server()
    fill(conn, 1, DEFAULT_WINDOW)
    assert kinds(wire.feed(conn, wire.data(1, end_stream=True)))[0] is DataReceived
    assert_alive(conn)


# Returning credit -------------------------------------------------------------------------------


def test_increments_of_the_caller_are_sent_at_once() -> None:
    """increment_flow_control_window sends one WINDOW_UPDATE for the stream or the connection."""
    conn = open_server()
    conn.increment_flow_control_window(1_000, stream_id=1)
    conn.increment_flow_control_window(2_000)
    assert conn.data_to_send() == wire.window_update(1, 1_000) + wire.window_update(0, 2_000)
    assert conn.remote_flow_control_window(1) == DEFAULT_WINDOW + 1_000
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW + 2_000


@pytest.mark.parametrize("increment", [0, -1, MAX_WINDOW + 1])
@pytest.mark.parametrize("stream_id", [None, 1])
def test_increments_out_of_range_are_refused(stream_id: int | None, increment: int) -> None:
    """The legal range is 1 to 2^31-1."""
    conn = open_server()
    error = assert_refused(conn, "increment_flow_control_window", increment, stream_id=stream_id)
    assert isinstance(error, ValueError)
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW


@pytest.mark.parametrize("stream_id", [None, 1])
def test_we_do_not_raise_a_window_above_the_maximum(stream_id: int | None) -> None:
    """No window may exceed 2^31-1 octets."""
    conn = open_server()
    room = MAX_WINDOW - DEFAULT_WINDOW
    assert_refused(conn, "increment_flow_control_window", room + 1, stream_id=stream_id)
    conn.increment_flow_control_window(room, stream_id=stream_id)
    assert conn.data_to_send() == wire.window_update(stream_id or 0, room)


def test_acknowledged_data_comes_back_on_both_levels() -> None:
    """Credit for consumed content is returned to the stream and to the connection."""
    conn = open_server()
    peer_stream = peer_connection = DEFAULT_WINDOW
    for _ in range(100):
        size = min(peer_stream, peer_connection, 10_000)
        assert size == 10_000, "the peer is stuck"
        wire.feed(conn, wire.data(1, bytes(size)))
        conn.acknowledge_received_data(size, 1)
        updates = sent(conn)
        assert {f.type for f in updates} <= {Type.WINDOW_UPDATE}
        peer_stream += sum(f.increment for f in updates if f.stream_id == 1) - size
        peer_connection += sum(f.increment for f in updates if f.stream_id == 0) - size
        assert max(peer_stream, peer_connection) <= DEFAULT_WINDOW
        assert conn.inbound_flow_control_window == peer_connection


def ended_by_the_peer(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    return 1


def reset_by_us(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.reset_stream(1)
    return 1


def above_our_goaway(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.close_connection()
    wire.feed(conn, wire.headers(3, wire.POST))
    return 3


def reset_by_the_peer(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.POST), wire.rst_stream(1))
    return 1


def closed(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    return 1


@pytest.mark.parametrize(
    "scene", [reset_by_us, reset_by_the_peer, ended_by_the_peer, closed, above_our_goaway]
)
@pytest.mark.parametrize("pad", [None, 255], ids=["plain", "padded"])
def test_discarded_data_counts_and_is_given_back(
    scene: Callable[[H2Connection], int], pad: int | None
) -> None:
    """DATA that will not be consumed counts for the connection window but does not exhaust it."""
    conn = wire.server()
    stream_id = scene(conn)
    conn.clear_outbound_data_buffer()
    peer = Peer(conn)
    for _ in range(60):
        types = peer.send(wire.data(stream_id, bytes(8_000), pad=pad))
        assert set(types) <= {Type.WINDOW_UPDATE, Type.RST_STREAM}
    assert peer.window > 0


@pytest.mark.parametrize("scene", [reset_by_us, closed, ended_by_the_peer])
def test_discarded_data_beyond_the_connection_window(
    scene: Callable[[H2Connection], int],
) -> None:
    """Data for a stream that has ended must still fit into the connection window."""
    conn = wire.server()
    stream_id = scene(conn)
    wire.feed(conn, wire.headers(5, wire.POST))
    fill(conn, 5, DEFAULT_WINDOW)
    assert_connection_error(
        conn,
        wire.data(stream_id, b"x"),
        code=Code.FLOW_CONTROL_ERROR,
        error=FlowControlError,
        last_stream_id=5,
    )


@pytest.mark.parametrize("scene", [reset_by_us, closed, ended_by_the_peer])
def test_discarded_data_is_still_checked_for_its_padding(
    scene: Callable[[H2Connection], int],
) -> None:
    """A malformed frame is an error on any stream."""
    conn = wire.server()
    stream_id = scene(conn)
    assert_connection_error(
        conn,
        wire.frame(Type.DATA, wire.Flag.PADDED, stream_id, b"\x05abc"),
        code=Code.PROTOCOL_ERROR,
        last_stream_id=1,
    )


def test_windows_of_streams_that_are_over() -> None:
    """They are those of a new stream, because programs ask before they know of the end."""
    conn = wire.server((wire.Setting.INITIAL_WINDOW_SIZE, 5_000))
    conn.update_settings({wire.Setting.INITIAL_WINDOW_SIZE: 7_000})
    request = wire.headers(5, wire.POST)
    wire.feed(conn, wire.settings(ack=True), request, wire.data(5, bytes(10)), wire.rst_stream(5))
    for stream_id in (1, 5):
        assert conn.local_flow_control_window(stream_id) == 5_000
        assert conn.remote_flow_control_window(stream_id) == 7_000
    wire.feed(conn, wire.headers(7, wire.POST), wire.data(7, bytes(7_000)))
    for _ in range(13):
        conn.send_headers(conn.highest_inbound_stream_id, wire.RESPONSE)
        conn.send_data(conn.highest_inbound_stream_id, bytes(5_000))
        stream_id = conn.highest_inbound_stream_id + 2
        wire.feed(conn, wire.headers(stream_id, wire.POST), wire.data(stream_id, bytes(4_000)))
    # It is never larger than the window of the connection.
    assert conn.local_flow_control_window(5) == conn.outbound_flow_control_window == 535
    assert conn.remote_flow_control_window(5) == conn.inbound_flow_control_window == 6_525
    for call in (conn.local_flow_control_window, conn.remote_flow_control_window):
        with pytest.raises(NoSuchStreamError):
            call(4)


def uploaded(size: int) -> H2Connection:
    """A server that has received a whole request, with a large window for the connection."""
    conn = wire.server()
    conn.increment_flow_control_window(DEFAULT_WINDOW)
    wire.feed(conn, wire.headers(1, wire.POST))
    while size:
        length = min(size, DEFAULT_FRAME_SIZE)
        size -= length
        wire.feed(conn, wire.data(1, bytes(length), end_stream=not size))
    conn.clear_outbound_data_buffer()
    return conn


@pytest.mark.parametrize("size", [10, 40_000, DEFAULT_WINDOW])
def test_no_credit_for_a_stream_that_the_peer_has_ended(size: int) -> None:
    """No content can arrive there; the window of the connection still reopens."""
    conn = uploaded(size)
    for _ in range(size // 10):
        conn.acknowledge_received_data(10, 1)
    conn.acknowledge_received_data(size % 10, 1)
    conn.update_settings({wire.Setting.INITIAL_WINDOW_SIZE: 20_000})
    wire.feed(conn, wire.settings(ack=True))
    updates = [f for f in sent(conn) if f.type == Type.WINDOW_UPDATE]
    assert all(update.stream_id == 0 for update in updates)
    assert bool(updates) is (size == DEFAULT_WINDOW)
    assert_refused(conn, "increment_flow_control_window", 9, 99)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS]


def test_no_credit_for_such_a_stream_when_windows_shrink() -> None:
    """The octets acknowledged before its end would suffice for an update of the smaller window."""
    conn = wire.server()
    for stream_id in (1, 3, 5):
        wire.feed(conn, wire.headers(stream_id, wire.POST), wire.data(stream_id, bytes(10_000)))
        conn.acknowledge_received_data(10_000, stream_id)
    wire.feed(conn, wire.data(1, end_stream=True), wire.data(3, end_stream=True))
    conn.send_headers(3, wire.RESPONSE)
    conn.update_settings({wire.Setting.INITIAL_WINDOW_SIZE: 15_000})
    conn.clear_outbound_data_buffer()
    wire.feed(conn, wire.settings(ack=True))
    assert conn.data_to_send() == wire.window_update(5, 10_000)


def test_windows_that_were_reopened_are_forgotten() -> None:
    """They leave no state behind, however often they were exhausted."""
    conn = wire.server()
    conn.update_settings({wire.Setting.INITIAL_WINDOW_SIZE: 10})
    wire.feed(conn, wire.headers(1, wire.POST), wire.settings(ack=True))
    for _ in range(3):
        wire.feed(conn, wire.data(1, bytes(10)))
        assert conn._core.exhausted == [1]
        conn.acknowledge_received_data(10, 1)
        conn.data_to_send()
        assert conn._core.exhausted == []


def test_data_received_before_our_reset_can_still_be_given_back() -> None:
    """Content that was not acknowledged before a reset can be acknowledged after it."""
    conn = open_server()
    fill(conn, 1, 60_000)
    conn.reset_stream(1)
    conn.clear_outbound_data_buffer()
    conn.acknowledge_received_data(60_000, 1)
    updates = sent(conn)
    assert [(f.type, f.stream_id) for f in updates] == [(Type.WINDOW_UPDATE, 0)]
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW - 60_000 + updates[0].increment


# Section 6.9.3: a smaller local initial window -------------------------------------------


def test_a_smaller_window_binds_the_peer_from_its_ack_on() -> None:
    """Data sent before the peer saw the smaller window is received; then the window is negative."""
    conn = open_server()
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 100})
    events = wire.feed(conn, wire.data(1, bytes(5_000)), wire.settings(ack=True))
    assert kinds(events) == [DataReceived, SettingsAcknowledged]
    assert conn.remote_flow_control_window(1) == 100 - 5_000
    assert_stream_overrun(conn, wire.data(1, b"x"))


def test_empty_end_of_stream_in_a_negative_window() -> None:
    """A peer whose window is negative may still end its stream."""
    conn = open_server()
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 0})
    wire.feed(conn, wire.data(1, bytes(5_000)), wire.settings(ack=True))
    assert conn.remote_flow_control_window(1) == -5_000
    assert kinds(wire.feed(conn, wire.data(1, end_stream=True)))[0] is DataReceived


def test_a_smaller_window_of_new_streams() -> None:
    """Streams opened after the ACK begin with the new size."""
    conn = wire.server()
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 3})
    wire.feed(conn, wire.settings(ack=True), wire.headers(1, wire.POST))
    assert kinds(wire.feed(conn, wire.data(1, b"abc"))) == [DataReceived]
    assert_stream_overrun(conn, wire.data(1, b"d"))


def test_a_larger_window_for_open_streams() -> None:
    """A larger local initial window enlarges those of open streams when it is acknowledged."""
    conn = open_server()
    conn.increment_flow_control_window(DEFAULT_WINDOW)
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: DEFAULT_WINDOW + 10})
    wire.feed(conn, wire.settings(ack=True))
    fill(conn, 1, DEFAULT_WINDOW + 10)
    assert conn.remote_flow_control_window(1) == 0


def test_our_setting_does_not_touch_the_connection_window() -> None:
    """SETTINGS_INITIAL_WINDOW_SIZE only applies to streams."""
    conn = open_server()
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 1_000_000})
    wire.feed(conn, wire.settings(ack=True))
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW
    conn.increment_flow_control_window(900_000)
    fill(conn, 1, 900_000)
    assert conn.remote_flow_control_window(1) == DEFAULT_WINDOW
