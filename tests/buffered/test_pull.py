"""data_to_send creates frames as late as possible, never exceeds the amount, loses nothing."""

from __future__ import annotations

import pytest
from hpack.struct import NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import StreamOpened, StreamWritable
from h2.exceptions import ProtocolError, StreamClosedError
from tests.buffered.ends import (
    POST,
    REQUEST,
    RESPONSE,
    TRAILERS,
    WIDE,
    client,
    content,
    frames,
    nothing_is_left,
    responding,
    server,
    shape,
    types,
)
from tests.support import wire
from tests.support.wire import Setting, Type

FRAME = wire.DEFAULT_FRAME_SIZE
HEADER = wire.FRAME_HEADER
END = wire.Flag.END_STREAM


def test_a_frame_that_does_not_fit_is_left_for_the_next_call() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(4 * FRAME))
    assert [length for _, length, _ in shape(frames(conn, 65536))] == [FRAME] * 3
    conn.ping(b"01234567")
    assert types(frames(conn, FRAME + HEADER)) == [Type.PING]
    assert [length for _, length, _ in shape(frames(conn, 65536))] == [FRAME]


@pytest.mark.parametrize("pad_length", [None, 99])
def test_a_frame_that_just_fits_behind_another_one(pad_length: int | None) -> None:
    conn = responding(server(*WIDE), 1, 3, 5)
    size = HEADER + 100 + (0 if pad_length is None else 1 + pad_length)
    for stream_id in (1, 3):
        conn.set_priority(stream_id, incremental=True)
    for missing in (1, 0):
        conn.send_data(5, b"straight into the output")
        pending = conn.outbound_buffer_size
        for stream_id in (1, 3):
            conn.send_data(stream_id, bytes(100), pad_length=pad_length)
        sent = frames(conn, pending + size - missing)
        assert [frame.stream_id for frame in sent] == ([5] if missing else [5, 1])
        assert [frame.stream_id for frame in frames(conn)] == ([1, 3] if missing else [3])


def test_a_single_octet_of_room_is_used() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(2 * FRAME))
    assert len(conn.data_to_send(1)) == 1


def test_a_single_octet_of_the_window_of_the_connection_is_used() -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=False))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(*WIDE), wire.settings(ack=True))
    responding(conn, 1)
    conn.send_data(1, bytes(2 * wire.DEFAULT_WINDOW))
    conn.data_to_send()
    wire.feed(conn, wire.window_update(0, 1))
    assert shape(frames(conn)) == [(1, 1, 0)]


def test_frames_of_an_odd_size() -> None:
    conn = responding(server((Setting.MAX_FRAME_SIZE, FRAME + 1), *WIDE), 1)
    conn.send_data(1, bytes(2 * FRAME + 3))
    assert [length for _, length, _ in shape(frames(conn))] == [FRAME + 1, FRAME + 1, 1]


def test_the_first_frame_of_a_call_may_be_shorter() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(FRAME + 1))
    assert [length for _, length, _ in shape(frames(conn, 5000))] == [5000 - HEADER]
    # But not much shorter: it continues in the next call.
    pieces = [conn.data_to_send(100) for _ in range(11)]
    assert [len(piece) for piece in pieces] == [100] * 10 + [1024 + HEADER - 1000]
    assert shape(wire.parse(b"".join(pieces))) == [(1, 1024, 0)]
    assert conn.data_to_send(0) == b""
    assert conn.send_buffer_size() == FRAME + 1 - 4991 - 1024


def test_amount_with_padding() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(100), pad_length=100)
    conn.send_data(1, bytes(50), pad_length=100)
    conn.ping(b"01234567")
    assert types(frames(conn, 200)) == [Type.PING]
    assert len(conn.data_to_send(200)) == 200
    assert len(conn.data_to_send(HEADER + 201 - 200 + HEADER + 150)) == HEADER + 201 - 200
    assert shape(frames(conn)) == [(1, 151, wire.Flag.PADDED)]


def test_what_is_pending_counts() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(1000))
    assert len(conn.data_to_send(500)) == 500
    conn.send_data(1, bytes(FRAME + 1))
    assert len(conn.data_to_send(509 + FRAME)) == 509
    assert [length for _, length, _ in shape(frames(conn))] == [FRAME, 1]


def test_small_content_goes_straight_into_the_output_where_nothing_else_waits() -> None:
    conn = responding(server(*WIDE), 1, 3)
    conn.send_data(1, b"one")
    assert conn.outbound_buffer_size == HEADER + 3
    # The second write does not end the stream; then nothing may pass it.
    conn.send_data(1, b"two")
    conn.send_data(3, b"three", end_stream=True)
    assert conn.outbound_buffer_size == HEADER + 3
    sent = frames(conn)
    assert content(sent, 1) == b"onetwo"
    assert content(sent, 3) == b"three"


def test_how_much_goes_straight_into_the_output() -> None:
    conn = responding(server(*WIDE), 1, 3, 5)
    conn.send_data(1, bytes(FRAME - 1), end_stream=True)
    conn.send_data(3, bytes(2), end_stream=True)
    assert conn.send_buffer_size(3) == 2
    # It does not have to wait: END_STREAM needs no window.
    conn.end_stream(5)
    assert [stream for stream, _, _ in shape(frames(conn))] == [1, 5, 3]


def test_as_much_goes_straight_after_each_call_that_takes_bytes() -> None:
    conn = responding(server(*WIDE), 1)
    for size in (FRAME - 1, FRAME, FRAME + 1, FRAME - 1):
        conn.send_data(1, bytes(size))
        assert conn.send_buffer_size() == (size if size > FRAME else 0)
        assert len(conn.data_to_send()) >= HEADER + size
    conn.ping(b"01234567")
    assert len(conn.data_to_send(HEADER + 7)) == HEADER + 7
    assert conn.data_to_send(1) == b"7"


@pytest.mark.parametrize("window", ["stream", "connection", "frame"])
def test_content_that_does_not_fit_is_kept(window: str) -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=False))
    conn.initiate_connection()
    size = 10 if window == "stream" else 2**20
    wire.feed(conn, wire.PREFACE, wire.settings((Setting.INITIAL_WINDOW_SIZE, size)))
    responding(conn, 1, 3)
    if window == "connection":
        conn.send_data(1, bytes(wire.DEFAULT_WINDOW - 10))
        conn.data_to_send()
    elif window == "frame":
        conn.max_outbound_frame_size = 10
    conn.send_data(3, bytes(11), end_stream=True)
    assert conn.send_buffer_size(3) == 11
    assert shape(frames(conn))[0] == (3, 10, 0)


def test_settings_that_change_no_window_stop_nothing() -> None:
    """Small content is still added directly to the output, even if another stream has no window."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1, 3)
    wire.feed(conn, wire.window_update(3, 100))
    conn.send_data(1, b"waits")
    assert shape(frames(conn)) == []
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 0)))
    conn.send_data(3, b"straight")
    assert conn.send_buffer_size(3) == 0
    # And if no stream waits, a new window does not matter, either.
    other = responding(server(*WIDE), 1)
    wire.feed(other, wire.settings((Setting.INITIAL_WINDOW_SIZE, 100)))
    other.send_data(1, b"straight")
    assert other.send_buffer_size(1) == 0


def test_an_end_leaves_nothing_behind_on_a_stream_that_had_a_queue() -> None:
    conn = responding(server(*WIDE), 1, 3)
    conn.send_data(1, bytes(FRAME + 1))
    conn.set_priority(1, urgency=1)
    conn.data_to_send()
    conn.send_data(3, b"straight")
    conn.send_data(1, b"", end_stream=True, pad_length=1)
    conn.reset_stream(3)
    assert nothing_is_left(conn)


def test_an_end_with_padding_in_the_last_octet_of_a_window() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 1)), 1)
    conn.send_data(1, b"", end_stream=True, pad_length=3)
    assert shape(frames(conn)) == [(1, 1, END | wire.Flag.PADDED)]


def test_an_end_with_padding() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 5)), 1, 3, 5, 7)
    conn.send_data(1, b"", end_stream=True, pad_length=3)
    conn.send_data(3, b"", end_stream=True, pad_length=30)
    conn.send_data(5, bytes(5), pad_length=0)
    conn.send_data(7, bytes(4), pad_length=0)
    assert shape(frames(conn)) == [
        (1, 4, END | wire.Flag.PADDED),
        (3, 5, END | wire.Flag.PADDED),
        (5, 5, wire.Flag.PADDED),
        (7, 5, wire.Flag.PADDED),
    ]
    wire.feed(conn, wire.window_update(5, 1))
    conn.data_to_send()
    conn.send_data(5, b"", end_stream=True, pad_length=30)
    conn.send_data(7, b"", end_stream=True, pad_length=30)
    assert shape(frames(conn)) == [(5, 0, END), (7, 0, END)]


def test_windows_that_the_peer_has_used_up_are_opened() -> None:
    """Even if the application acknowledges octets after the read in which they arrived."""
    conn = client()
    conn.send_headers(1, POST, end_stream=True)
    conn.data_to_send()
    content = [wire.data(1, bytes(size)) for size in (*[FRAME] * 3, FRAME - 1)]
    wire.feed(conn, wire.headers(1, wire.RESPONSE), *content)
    conn.acknowledge_received_data(100, 1)
    assert {frame.type for frame in frames(conn)} == {Type.WINDOW_UPDATE}


def test_a_request_that_has_waited_without_content() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 0))
    conn.send_headers(1, POST)
    conn.set_priority(1, urgency=1)
    assert conn.get_priority(1) == (1, True)
    assert conn.is_writable(1)
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
    conn.data_to_send()
    assert conn.events() == [StreamOpened(stream_id=1)]
    conn.send_data(1, b"content")
    conn.send_headers(1, TRAILERS, end_stream=True)
    assert types(frames(conn)) == [Type.DATA, Type.HEADERS]
    assert nothing_is_left(conn)


def test_a_request_that_has_waited_with_trailers_and_no_content() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 0))
    conn.send_headers(1, POST)
    conn.send_data(1, b"")
    conn.send_headers(1, TRAILERS, end_stream=True)
    conn.send_headers(3, POST)
    conn.end_stream(3)
    with pytest.raises(ProtocolError):
        conn.end_stream(3)
    conn.send_headers(5, REQUEST, end_stream=True)
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 10)))
    sent = [(frame.type, frame.stream_id, frame.has(END)) for frame in frames(conn)[1:]]
    assert sent == [
        (Type.HEADERS, 1, False),
        (Type.HEADERS, 1, True),
        (Type.HEADERS, 3, False),
        (Type.DATA, 3, True),
        (Type.HEADERS, 5, True),
    ]
    assert nothing_is_left(conn)


def test_trailers_of_a_request_that_goes_on() -> None:
    """They do not close the stream, so later calls raise a different error."""
    conn = client(*WIDE)
    conn.send_headers(1, POST)
    conn.send_data(1, bytes(2 * FRAME))
    conn.send_headers(1, TRAILERS, end_stream=True)
    for call in (conn.end_stream, lambda stream_id: conn.send_headers(stream_id, TRAILERS, True)):
        with pytest.raises(ProtocolError, match="in state HALF_LOCAL_WAITING"):
            call(1)


def test_parked_streams_wake_in_the_order_of_what_they_lack() -> None:
    """Even if the peer has changed the windows so often that the list was rebuilt."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1, 3, 5)
    for stream_id, size in ((1, 10_000), (3, 9_000), (5, 8_000)):
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, size)))
        conn.send_data(stream_id, bytes(20_000))
        assert shape(frames(conn)) == [(stream_id, size, 0)]
    queue = conn._sending
    for number in range(100):
        wire.feed(conn, wire.window_update(1, 1))
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 7_000 + number % 2)))
        assert shape(frames(conn)) == []
        assert len(queue._lacking) <= 2 * (3 + 32)
        assert not queue.parked
    for size, woken in ((8_001, 5), (9_001, 3), (9_901, 1)):
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, size)))
        assert (woken, 1, 0) in shape(frames(conn))


def test_a_parked_stream_that_is_gone_when_the_list_is_made_again() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 10_000)), 1, 3)
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(20_000))
    conn.data_to_send()
    del conn.streams[3]
    for number in range(100):
        wire.feed(conn, wire.window_update(1, 1))
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 7_000 + number % 2)))
        assert shape(frames(conn)) == []
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 10_000)))
    assert shape(frames(conn)) == [(1, 100, 0)]


def test_what_is_remembered_of_parked_streams_goes_with_the_last_of_them() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1, 3)
    queue = conn._sending
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(10))
    conn.data_to_send()
    assert [*queue.parked] == [1, 3]
    conn.reset_stream(1)
    assert [*queue.parked] == [3]
    wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True))
    conn.send_headers(5, RESPONSE)
    conn.send_data(5, bytes(10))
    conn.data_to_send()
    for changed in (False, True):
        wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 0)))
        conn.data_to_send()
        if changed:
            wire.feed(conn, wire.rst_stream(3))
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, changed)))
        sent = shape(frames(conn))
    assert sent == [(5, 1, 0)]
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)))
    conn.data_to_send()
    wire.feed(conn, wire.rst_stream(5))
    assert (queue.parked, queue._lacking) == ({}, [])


def test_nothing_is_remembered_of_parked_streams_after_the_end_of_the_connection() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 10)), 1, 3)
    queue = conn._sending
    conn.send_data(1, bytes(20))
    conn.data_to_send()
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 5)))
    conn.data_to_send()
    conn.send_data(3, bytes(20))
    conn.data_to_send()
    assert queue.parked
    assert queue._lacking
    conn.close_connection(1)
    assert (queue.parked, queue._lacking) == ({}, [])


def test_nothing_passes_a_single_octet() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    conn.send_data(1, b"x")
    conn.send_headers(1, TRAILERS, end_stream=True)
    assert frames(conn) == []
    wire.feed(conn, wire.window_update(1, 1))
    assert types(frames(conn)) == [Type.DATA, Type.HEADERS]


def test_requests_that_would_wait_in_vain_are_refused() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 0))
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.reset_stream(1)
    with pytest.raises(StreamClosedError):
        conn.send_data(1, b"late")
    wire.feed(conn, wire.goaway(0))
    with pytest.raises(ProtocolError):
        conn.send_headers(3, REQUEST, end_stream=True)
    assert conn.waiting_streams == 0


def test_responses_that_would_wait_in_vain_are_refused() -> None:
    conn = responding(server((Setting.MAX_CONCURRENT_STREAMS, 0)), 1)
    for promised in (2, 4):
        conn.push_stream(1, promised, REQUEST)
    conn.send_headers(2, RESPONSE)
    with pytest.raises(ProtocolError, match="A server cannot send HEADERS that open"):
        conn.send_headers(99, RESPONSE)
    conn.data_to_send()
    conn.close_connection(1)
    with pytest.raises(ProtocolError):
        conn.send_headers(4, RESPONSE)
    assert conn.waiting_streams == 0


def test_a_queue_that_was_empty_begins_anew() -> None:
    """Old content and padding are not sent again, and the order is that of the calls."""
    conn = responding(server(*WIDE), 1)
    sizes = (FRAME + 1, FRAME + 2)
    for letter in b"ab":
        conn.send_data(1, bytes([letter]) * sizes[0], pad_length=3)
        conn.send_data(1, bytes([letter]) * sizes[1], pad_length=3)
        assert content(frames(conn), 1) == bytes([letter]) * sum(sizes)
    for letter, size in zip(b"cd", sizes, strict=True):
        conn.send_data(1, bytes([letter]) * size)
    sent = frames(conn)
    assert content(sent, 1) == b"c" * sizes[0] + b"d" * sizes[1]
    assert not any(frame.has(wire.Flag.PADDED) for frame in sent)


def test_many_chunks_leave_one_by_one_in_order() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    for number in range(200):
        conn.send_data(1, bytes([number]) * 2)
    sent = b""
    for _ in range(200):
        wire.feed(conn, wire.window_update(1, 2))
        sent += content(frames(conn), 1)
    assert sent == b"".join(bytes([number]) * 2 for number in range(200))


def test_the_first_content_of_a_stream_that_was_opened_passes_those_that_are_busy() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 2), *WIDE)
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, POST)
        conn.send_data(stream_id, bytes(3 * FRAME))
    conn.data_to_send(2 * (FRAME + HEADER) + 200)
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 3)))
    assert shape(frames(conn))[0][0] == 5


def test_fields_are_sent_the_same_way_whether_or_not_they_have_waited() -> None:
    fields = [*REQUEST, NeverIndexedHeaderTuple(b"x-secret", b"s"), (b"x-open", b"o")]
    blocks = []
    for limit in (0, 2):
        conn = client((Setting.MAX_CONCURRENT_STREAMS, limit))
        conn.send_headers(1, fields, end_stream=True)
        assert conn.waiting_streams == (limit == 0)
        wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 2)))
        blocks += [frame.payload for frame in frames(conn) if frame.type == Type.HEADERS]
    assert blocks[0] == blocks[1]


def test_a_quiet_stream_passes_those_that_are_busy() -> None:
    conn = responding(server(*WIDE), 1, 3, 5)
    for stream_id in (1, 3, 5):
        conn.set_priority(stream_id, incremental=True)
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(5 * FRAME))
    for stream_id in (1, 3):
        assert [frame.stream_id for frame in frames(conn, FRAME + HEADER)] == [stream_id]
    conn.send_data(5, b"quiet")
    assert frames(conn)[0].stream_id == 5


def test_a_stream_is_writable_or_not() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(conn.SEND_BUFFER_HIGH - 1))
    assert conn.is_writable(1) is True
    conn.send_data(1, b"x")
    assert conn.is_writable(1) is False


def test_a_shutdown_opens_no_more_streams() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1))
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.send_headers(3, REQUEST, end_stream=True)
    conn._sending.closing = True
    with pytest.raises(ProtocolError, match="shutting down"):
        conn.send_headers(5, REQUEST, end_stream=True)
    assert not conn._sending.is_empty
    conn.data_to_send()
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    assert types(frames(conn)) == [Type.HEADERS]
    assert conn._sending.is_empty


def test_a_server_may_say_that_it_closes() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(2 * FRAME), end_stream=True)
    conn.close_connection()
    assert types(frames(conn)) == [Type.GOAWAY, Type.DATA, Type.DATA]
    assert conn.events() == []


def test_writers_are_woken_where_the_stream_ends() -> None:
    """A program that saw the stream unwritable may wait for the event or a reset."""
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(conn.SEND_BUFFER_HIGH))
    assert not conn.is_writable(1)
    conn.end_stream(1)
    conn.data_to_send()
    assert conn.events() == [StreamWritable(stream_id=1)]
    assert conn.events() == []


def test_events_come_with_what_is_received_too() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(conn.SEND_BUFFER_HIGH))
    conn.data_to_send()
    events = wire.feed(conn, wire.window_update(1, 1), wire.ping())
    assert StreamWritable(stream_id=1) in events


SIZES = st.integers(0, 40) | st.integers(0, 3 * FRAME)
WRITES = st.lists(st.tuples(SIZES, st.none() | st.integers(0, 255)), max_size=60)


@given(
    writes=WRITES,
    ended=st.booleans(),
    window=st.integers(0, 3 * FRAME),
    updates=st.lists(st.integers(1, 3 * FRAME), max_size=10),
    amounts=st.lists(st.none() | st.integers(0, 40_000), min_size=1, max_size=30),
    frame_size=st.integers(1, 3 * FRAME),
)
def test_content_arrives_as_it_was_written(
    writes: list[tuple[int, int | None]],
    ended: bool,
    window: int,
    updates: list[int],
    amounts: list[int | None],
    frame_size: int,
) -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, window)), 1)
    conn.max_outbound_frame_size = frame_size
    written = b""
    sent = b""
    taking = iter(amounts * 10)

    def take() -> None:
        nonlocal sent
        amount = next(taking, None)
        data = conn.data_to_send(amount)
        assert amount is None or len(data) <= amount
        sent += data

    for number, (size, pad_length) in enumerate(writes):
        data = bytes([number % 251]) * size
        conn.send_data(1, data, pad_length=pad_length)
        written += data
        if number % 4 == 0:
            take()
    if ended:
        conn.end_stream(1)
    for update in updates:
        if 1 in conn.streams:
            wire.feed(conn, wire.window_update(1, update))
        take()
    while data := conn.data_to_send():
        sent += data
    received = wire.parse(sent)
    arrived = content(received, 1)
    assert arrived == written[: len(arrived)]
    assert conn.send_buffer_size(1) == len(written) - len(arrived)
    used = sum(length for _, length, _ in shape(received))
    assert used <= window + sum(updates)
    assert all(length <= frame_size for _, length, _ in shape(received))
    # Work conservation: remaining content has no window.
    assert len(arrived) == len(written) or used == window + sum(updates)
    assert any(frame.has(END) for frame in received) == (ended and arrived == written)
    if ended and arrived == written:
        assert nothing_is_left(conn)


@given(
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=400),
    window=st.integers(1, 50),
    pad_length=st.none() | st.integers(0, 3),
)
def test_small_chunks_in_small_windows(
    sizes: list[int], window: int, pad_length: int | None
) -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    written = b""
    for number, size in enumerate(sizes):
        conn.send_data(1, bytes([number % 256]) * size, pad_length=pad_length)
        written += bytes([number % 256]) * size
    conn.end_stream(1)
    received: list[wire.Frame] = []
    while conn.send_buffer_size():
        wire.feed(conn, wire.window_update(1, window))
        received += frames(conn)
    assert content(received, 1) == written
    assert received[-1].has(END)


@pytest.mark.parametrize("pad_length", [None, 0])
def test_many_small_chunks_cost_the_same_each(pad_length: int | None) -> None:
    """Chunks that were sent are removed in groups, not one by one."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    for _ in range(2_000):
        conn.send_data(1, b"xy", pad_length=pad_length)
    outbound = conn._sending.queues[1]
    for _ in range(1_800):
        wire.feed(conn, wire.window_update(1, 3))
        conn.data_to_send()
        chunks = [] if outbound.later is None else outbound.later.chunks
        assert len(chunks) <= outbound.size + 100


def queued(*stream_ids: int, size: int) -> BufferedH2Connection:
    """A server with so much content on each of these streams, and windows for that much only."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), *stream_ids)
    for stream_id in stream_ids:
        conn.send_data(stream_id, bytes(size))
        wire.feed(conn, wire.window_update(stream_id, size))
    return conn


@pytest.mark.parametrize("missing", [0, 1])
def test_frames_that_take_all_of_a_stream_fill_the_amount(missing: int) -> None:
    """The last one is sent if it just fits, and is not shortened otherwise."""
    conn = queued(1, 3, 5, size=100)
    sent = frames(conn, 3 * (HEADER + 100) - missing)
    assert shape(sent) == [(number, 100, 0) for number in (1, 3, 5)][: 3 - missing]
    assert len(frames(conn)) == missing


def test_a_small_frame_does_not_overtake_one_that_does_not_fit() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1, 3, 5)
    conn.set_priority(1, urgency=0)
    for stream_id, size in ((1, 10), (3, 2 * FRAME), (5, 10)):
        if stream_id > 1:
            conn.set_priority(stream_id, incremental=True)
        conn.send_data(stream_id, bytes(size))
        wire.feed(conn, wire.window_update(stream_id, size))
    assert shape(frames(conn, HEADER + 10 + 1_000)) == [(1, 10, 0)]
    assert [frame.stream_id for frame in frames(conn)] == [3, 5, 3]


def test_a_frame_that_takes_all_of_a_stream_uses_its_window() -> None:
    conn = queued(1, 3, size=100)
    assert len(frames(conn)) == 2
    assert conn.local_flow_control_window(1) == 0
    conn.send_data(1, b"more")
    assert frames(conn) == []
    wire.feed(conn, wire.window_update(1, 3))
    assert shape(frames(conn)) == [(1, 3, 0)]


@pytest.mark.parametrize("high", [100, 101])
def test_a_frame_that_takes_all_of_a_stream_makes_it_writable(high: int) -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    conn._sending.high, conn._sending.low = high, 0
    conn.send_data(1, bytes(100))
    assert conn.is_writable(1) == (high > 100)
    wire.feed(conn, wire.window_update(1, 1_000))
    assert shape(frames(conn)) == [(1, 100, 0)]
    assert conn.is_writable(1)
    events = [event for event in conn.events() if isinstance(event, StreamWritable)]
    assert [event.stream_id for event in events] == ([1] if high == 100 else [])


def test_chunks_that_were_sent_are_not_kept() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    for _ in range(20):
        conn.send_data(1, b"x" * 1_000)
    wire.feed(conn, wire.window_update(1, 10_000))
    conn.data_to_send()
    outbound = conn._sending.queues[1]
    assert outbound.size == conn.send_buffer_size(1) == 10_000
    assert len(outbound.chunk) + sum(map(len, outbound.later.chunks)) == 10_000
    wire.feed(conn, wire.window_update(1, 9_000))
    conn.data_to_send()
    assert (outbound.size, outbound.later) == (1_000, None)


def test_several_frames_out_of_several_chunks() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    conn.send_data(1, b"a" * 10)
    conn.send_data(1, b"b" * 40_000)
    wire.feed(conn, wire.window_update(1, 30_000))
    sent = frames(conn)
    assert content(sent, 1) == b"a" * 10 + b"b" * 29_990
    assert [length for _, length, _ in shape(sent)] == [FRAME, 30_000 - FRAME]
    conn.reset_stream(1)
    assert nothing_is_left(conn)
