"""The behaviour of BufferedH2Connection: one test for each row of the table in its design."""

from __future__ import annotations

import base64

import pytest

from h2.buffered import BufferedH2Connection
from h2.config import DummyLogger, H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    StreamOpened,
    StreamReset,
    StreamWritable,
)
from h2.exceptions import ProtocolError, StreamClosedError, StreamIDTooLowError
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

END = wire.Flag.END_STREAM
FRAME = wire.DEFAULT_FRAME_SIZE
CONNECT = [(b":method", b"CONNECT"), (b":authority", b"example.com:443")]
EXTENDED_CONNECT = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *REQUEST[1:]]


def test_window_and_frame_size() -> None:
    """Both only matter when a frame is created."""
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(200_000))
    # Content queued under other windows and sizes is neither split nor reserved in advance.
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 30_000)))
    assert [length for _, length, _ in shape(frames(conn))] == [FRAME, 30_000 - FRAME]
    conn.reset_stream(1, ErrorCodes.CANCEL)
    assert conn.outbound_flow_control_window == wire.MAX_WINDOW - 30_000
    assert nothing_is_left(conn)


def test_negative_window() -> None:
    """The stream is parked until its own window opens, or INITIAL_WINDOW_SIZE changes."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 10_000)), 1, 3)
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(20_000))
    assert shape(frames(conn)) == [(1, 10_000, 0), (3, 10_000, 0)]
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 4_000)))
    assert conn.local_flow_control_window(1) == -6_000
    assert shape(frames(conn)) == []
    wire.feed(conn, wire.window_update(1, 6_000))
    assert shape(frames(conn)) == []
    wire.feed(conn, wire.window_update(1, 1))
    assert shape(frames(conn)) == [(1, 1, 0)]
    for size in (5_000, 9_000, 12_000):
        wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, size)))
    assert sorted(shape(frames(conn))) == [(1, 8_000, 0), (3, 2_000, 0)]


@pytest.mark.parametrize("pad_length", [None, 0])
def test_negative_window_of_a_stream_whose_turn_it_is(pad_length: int | None) -> None:
    """A stream whose content was partly taken is not parked yet when its window shrinks."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 20_000)), 1, 3)
    conn.send_data(1, bytes(20_000), pad_length=pad_length)
    assert [stream for stream, _, _ in shape(frames(conn, FRAME + wire.FRAME_HEADER))] == [1]
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, FRAME - 1)))
    window = conn.outbound_flow_control_window
    assert conn.local_flow_control_window(1) == -1
    conn.send_data(3, bytes(100))
    assert shape(frames(conn)) == [(3, 100, 0)]
    assert conn.outbound_flow_control_window == window - 100
    left = conn.send_buffer_size(1)
    wire.feed(conn, wire.window_update(1, 1))
    assert shape(frames(conn)) == []
    wire.feed(conn, wire.window_update(1, FRAME))
    (frame,) = frames(conn)
    assert len(frame.data) == left


def test_a_parked_stream_that_the_program_has_taken_out_of_the_streams() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1, 3)
    for stream_id in (1, 3):
        conn.send_data(stream_id, b"content")
    assert shape(frames(conn)) == []
    del conn.streams[1]
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 100)))
    assert shape(frames(conn)) == [(3, 7, 0)]


def test_connection_window() -> None:
    """The streams keep their order while the window of the connection is exhausted."""
    conn = BufferedH2Connection(H2Configuration(client_side=False))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(*WIDE), wire.settings(ack=True))
    responding(conn, 1, 3)
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(100_000))
    assert sum(length for _, length, _ in shape(frames(conn))) == wire.DEFAULT_WINDOW
    assert shape(frames(conn)) == []
    wire.feed(conn, wire.window_update(0, 2 * FRAME))
    assert [stream for stream, _, _ in shape(frames(conn))] in ([1, 3], [3, 1])


def test_small_writes() -> None:
    """They are joined into frames; empty ones do not create a frame."""
    conn = responding(server(*WIDE), 1)
    for number in range(1000):
        conn.send_data(1, bytes([number % 256]) * 40)
        conn.send_data(1, b"")
    sent = frames(conn)
    # The first write was added directly to the output.
    assert [length for _, length, _ in shape(sent)] == [40, FRAME, FRAME, 39_960 - 2 * FRAME]
    assert content(sent, 1) == b"".join(bytes([number % 256]) * 40 for number in range(1000))


def test_end_stream() -> None:
    """END_STREAM is on the last frame, which is empty only if nothing is queued."""
    conn = responding(server(*WIDE), 1, 3)
    conn.send_data(1, bytes(FRAME + 1))
    conn.end_stream(1)
    assert shape(frames(conn)) == [(1, FRAME, 0), (1, 1, END)]
    conn.send_data(3, bytes(FRAME + 1))
    assert shape(frames(conn)) == [(3, FRAME, 0), (3, 1, 0)]
    conn.end_stream(3)
    assert shape(frames(conn)) == [(3, 0, END)]
    assert nothing_is_left(conn)


def test_trailers() -> None:
    """They follow the content and carry END_STREAM; send_data raises afterwards."""
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(2 * FRAME))
    with pytest.raises(ProtocolError, match="Trailers must have END_STREAM set"):
        conn.send_headers(1, TRAILERS)
    conn.send_headers(1, TRAILERS, end_stream=True)
    with pytest.raises(StreamClosedError):
        conn.send_data(1, b"late")
    with pytest.raises(StreamClosedError):
        conn.send_headers(1, TRAILERS, end_stream=True)
    sent = frames(conn)
    assert types(sent) == [Type.DATA, Type.DATA, Type.HEADERS]
    assert [frame.has(END) for frame in sent] == [False, False, True]
    assert nothing_is_left(conn)
    with pytest.raises(StreamClosedError):
        conn.send_data(1, b"late")


def test_other_frames_go_first_in_the_order_of_the_calls() -> None:
    conn = responding(server(*WIDE), 1)
    wire.feed(conn, wire.headers(3, wire.REQUEST, end_stream=True))
    conn.send_data(1, bytes(3 * FRAME))
    conn.send_headers(3, [(b":status", b"103")])
    conn.ping(b"01234567")
    conn.push_stream(3, 2, REQUEST)
    conn.send_headers(3, RESPONSE)
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 70_000})
    conn.increment_flow_control_window(1000)
    assert types(frames(conn)) == [
        Type.HEADERS,
        Type.PING,
        Type.PUSH_PROMISE,
        Type.HEADERS,
        Type.SETTINGS,
        Type.WINDOW_UPDATE,
        *[Type.DATA] * 3,
    ]


def test_reset_stream_drops_what_waits() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(100_000))
    conn.send_headers(1, TRAILERS, end_stream=True)
    conn.reset_stream(1, ErrorCodes.CANCEL)
    (sent,) = frames(conn)
    assert (sent.type, sent.error_code) == (Type.RST_STREAM, ErrorCodes.CANCEL)
    assert nothing_is_left(conn)


def test_reset_stream_on_which_nothing_waits() -> None:
    conn = responding(server(*WIDE), 1)
    conn.set_priority(1, urgency=0)
    conn.reset_stream(1)
    assert types(frames(conn)) == [Type.RST_STREAM]
    assert nothing_is_left(conn)


def test_reset_stream_of_a_request_that_was_not_opened() -> None:
    """It creates no frame, and its identifier is skipped."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1))
    conn.send_headers(1, REQUEST, end_stream=True)
    for stream_id in (3, 5):
        conn.send_headers(stream_id, POST)
        conn.send_data(stream_id, b"content")
    frames(conn)
    conn.reset_stream(5)
    assert frames(conn) == []
    assert conn.get_next_available_stream_id() == 7
    with pytest.raises(StreamIDTooLowError):
        conn.send_headers(5, REQUEST)
    for call in (conn.end_stream, conn.reset_stream):
        with pytest.raises(StreamClosedError):
            call(5)
    conn.end_stream(3)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    sent = frames(conn)
    assert [(frame.type, frame.stream_id) for frame in sent] == [(Type.HEADERS, 3), (Type.DATA, 3)]


def test_reset_stream_without_error_goes_behind_the_response() -> None:
    conn = server(*WIDE)
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.send_headers(1, RESPONSE)
    conn.send_data(1, bytes(2 * FRAME), end_stream=True)
    conn.reset_stream(1)
    for call in (conn.reset_stream, conn.end_stream):
        with pytest.raises(StreamClosedError):
            call(1)
    sent = frames(conn)
    assert types(sent) == [Type.HEADERS, Type.DATA, Type.DATA, Type.RST_STREAM]
    assert sent[2].has(END)
    assert nothing_is_left(conn)


def test_a_reset_with_an_error_overtakes_the_one_without() -> None:
    conn = server(*WIDE)
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.send_headers(1, RESPONSE)
    conn.send_data(1, bytes(2 * FRAME), end_stream=True)
    conn.reset_stream(1)
    conn.reset_stream(1, ErrorCodes.INTERNAL_ERROR)
    sent = frames(conn)
    assert types(sent) == [Type.HEADERS, Type.RST_STREAM]
    assert sent[1].error_code == ErrorCodes.INTERNAL_ERROR
    assert nothing_is_left(conn)


class Failing(DummyLogger):
    """A logger that fails at PING."""

    def debug(self, fmtstr: str, *args: object) -> None:
        if "PING" in fmtstr % args:
            raise OSError("disk full")


def test_no_reset_behind_a_response_after_the_end_of_the_connection() -> None:
    """Even if something other than the peer has ended it."""
    conn = BufferedH2Connection(H2Configuration(client_side=False, logger=Failing()))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(*WIDE))
    responding(conn, 1)
    conn.send_data(1, bytes(2 * FRAME), end_stream=True)
    with pytest.raises(OSError, match="disk full"):
        wire.feed(conn, wire.ping())
    with pytest.raises(ProtocolError):
        conn.reset_stream(1)


def test_no_reset_where_the_response_has_closed_the_stream() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(2 * FRAME), end_stream=True)
    conn.reset_stream(1)
    assert types(frames(conn)) == [Type.DATA, Type.DATA]
    assert nothing_is_left(conn)


def test_rst_stream_received() -> None:
    """Pending content is dropped."""
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(100_000))
    assert not conn.is_writable(1)
    events = wire.feed(conn, wire.rst_stream(1))
    assert [type(event) for event in events] == [StreamReset]
    assert frames(conn) == []
    assert nothing_is_left(conn)


def test_goaway_received() -> None:
    """Streams up to the last one continue; the others, and waiting ones, are refused."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 2), *WIDE)
    for stream_id in (1, 3, 5, 7):
        conn.send_headers(stream_id, POST)
        conn.send_data(stream_id, bytes(50_000))
    conn.data_to_send(20_000)
    events = wire.feed(conn, wire.goaway(1))
    assert isinstance(events[0], ConnectionTerminated)
    refused = [event for event in events if isinstance(event, StreamReset)]
    assert [event.stream_id for event in refused] == [3, 5, 7]
    assert {event.error_code for event in refused} == {ErrorCodes.REFUSED_STREAM}
    conn.end_stream(1)
    conn.data_to_send()
    assert nothing_is_left(conn)
    with pytest.raises(ProtocolError):
        conn.send_headers(9, REQUEST)


def test_goaway_received_by_a_server() -> None:
    """A waiting promised stream continues, unless it is above the last stream."""
    conn = pushing_server(2, 4, 6)
    assert conn.waiting_streams == 2
    events = wire.feed(conn, wire.goaway(4))
    assert [event.stream_id for event in events if isinstance(event, StreamReset)] == [6]
    assert conn.waiting_streams == 1


def test_goaway_sent_with_an_error() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(100_000))
    conn.close_connection(ErrorCodes.INTERNAL_ERROR)
    assert nothing_is_left(conn)
    assert types(frames(conn)) == [Type.GOAWAY]


def test_goaway_sent_without_error() -> None:
    """Pending content is sent, but a client cannot open another stream."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1), *WIDE)
    for stream_id in (1, 3):
        conn.send_headers(stream_id, POST)
        conn.send_data(stream_id, bytes(FRAME), end_stream=True)
    conn.close_connection()
    assert types(frames(conn)) == [Type.HEADERS, Type.DATA, Type.GOAWAY]
    (refused,) = conn.events()
    assert isinstance(refused, StreamReset)
    assert (refused.stream_id, refused.error_code) == (3, ErrorCodes.REFUSED_STREAM)
    assert nothing_is_left(conn)


def test_connection_error() -> None:
    conn = responding(server(*WIDE), 1, 3)
    conn.send_data(1, bytes(100_000))
    conn.set_priority(3, urgency=1)
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, wire.rst_stream(1), wire.window_update(0, 0))
    assert [type(event) for event in caught.value.events] == [StreamReset]
    conn.set_priority(3, urgency=2)
    assert types(frames(conn)) == [Type.GOAWAY]
    assert nothing_is_left(conn)
    assert not conn.is_writable(1)
    assert not conn.is_writable(3)


def test_max_concurrent_streams() -> None:
    """Requests wait in the order of their identifiers."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 2))
    for stream_id in (1, 3, 5, 7, 9, 13):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
    assert conn.get_next_available_stream_id() == 15
    assert conn.waiting_streams == 4
    assert [frame.stream_id for frame in frames(conn)] == [1, 3]
    # Lowered: no stream opens until enough have ended.
    wire.feed(
        conn,
        wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)),
        wire.headers(1, wire.RESPONSE, end_stream=True),
    )
    assert types(frames(conn)) == [Type.SETTINGS]
    wire.feed(conn, wire.headers(3, wire.RESPONSE, end_stream=True))
    assert [frame.stream_id for frame in frames(conn)] == [5]
    assert conn.events() == [StreamOpened(stream_id=5)]
    # Raised: more streams open at the next call.
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 3)))
    assert [frame.stream_id for frame in frames(conn)] == [0, 7, 9]
    assert conn.open_outbound_streams == 3
    assert conn.waiting_streams == 1
    # Identifiers are those of the calls.
    with pytest.raises(StreamIDTooLowError):
        conn.send_headers(11, REQUEST, end_stream=True)


def test_before_settings() -> None:
    """100 requests are sent before the server has announced its limit."""
    conn = BufferedH2Connection()
    conn.initiate_connection()
    for number in range(103):
        conn.send_headers(2 * number + 1, REQUEST, end_stream=True)
    assert conn.waiting_streams == 3
    assert types(frames(conn)).count(Type.HEADERS) == 100
    # No limit.
    wire.feed(conn, wire.settings())
    assert types(frames(conn)).count(Type.HEADERS) == 3


def test_before_settings_with_another_limit() -> None:
    class Patient(BufferedH2Connection):
        STREAMS_BEFORE_SETTINGS = 1

    conn = Patient()
    conn.initiate_connection()
    for number in range(3):
        conn.send_headers(2 * number + 1, REQUEST, end_stream=True)
    assert conn.waiting_streams == 2


def pushing_server(*promised: int) -> BufferedH2Connection:
    """A server whose client allows one promised stream at a time, with responses on these."""
    conn = responding(server((Setting.MAX_CONCURRENT_STREAMS, 1), *WIDE), 1)
    for stream_id in promised:
        conn.push_stream(1, stream_id, REQUEST)
    conn.data_to_send()
    for stream_id in promised:
        conn.send_headers(stream_id, RESPONSE)
        conn.send_data(stream_id, bytes(2 * FRAME), end_stream=True)
    return conn


def test_push() -> None:
    """Responses on promised streams above the limit wait; when one ends, the next one opens."""
    conn = pushing_server(2, 4, 6)
    assert conn.waiting_streams == 2
    sent = frames(conn)
    assert [(frame.type, frame.stream_id) for frame in sent] == [
        (kind, stream_id)
        for stream_id in (2, 4, 6)
        for kind in (Type.HEADERS, Type.DATA, Type.DATA)
    ]
    assert conn.events() == [StreamOpened(stream_id=4), StreamOpened(stream_id=6)]
    assert nothing_is_left(conn)


def test_push_with_informational_responses_and_trailers() -> None:
    conn = responding(server((Setting.MAX_CONCURRENT_STREAMS, 0), *WIDE), 1)
    conn.push_stream(1, 2, REQUEST)
    conn.data_to_send()
    conn.send_headers(2, [(b":status", b"103")])
    assert not conn.is_writable(2)
    with pytest.raises(ProtocolError):
        conn.send_data(2, b"too early")
    with pytest.raises(ProtocolError):
        conn.send_headers(2, [(b":status", b"103")], end_stream=True)
    conn.send_headers(2, RESPONSE)
    assert conn.is_writable(2)
    conn.send_data(2, b"content")
    conn.send_headers(2, TRAILERS, end_stream=True)
    for call in (conn.end_stream, lambda stream_id: conn.send_headers(stream_id, RESPONSE)):
        with pytest.raises(StreamClosedError):
            call(2)
    assert frames(conn) == []
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
    sent = [frame for frame in frames(conn) if frame.stream_id == 2]
    assert types(sent) == [Type.HEADERS, Type.HEADERS, Type.DATA, Type.HEADERS]
    assert nothing_is_left(conn)


def test_push_that_is_reset_while_it_waits() -> None:
    """The promise was sent, so RST_STREAM must be sent, too."""
    conn = pushing_server(2, 4, 6)
    wire.feed(conn, wire.rst_stream(4))
    conn.reset_stream(6, ErrorCodes.CANCEL)
    assert conn.waiting_streams == 0
    sent = frames(conn)
    assert [(frame.type, frame.stream_id) for frame in sent if frame.stream_id != 2] == [
        (Type.RST_STREAM, 6)
    ]


@pytest.mark.parametrize("request_fields", [CONNECT, EXTENDED_CONNECT])
def test_connect(request_fields: list[tuple[bytes, bytes]]) -> None:
    """A tunnel is like any stream, but its content cannot be followed by trailers."""
    limits = ((Setting.MAX_CONCURRENT_STREAMS, 1), (Setting.ENABLE_CONNECT_PROTOCOL, 1))
    conn = client(*limits, *WIDE)
    conn.send_headers(1, request_fields)
    conn.send_headers(3, request_fields)
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(2 * FRAME))
        with pytest.raises(ProtocolError):
            conn.send_headers(stream_id, TRAILERS, end_stream=True)
    assert shape(frames(conn)) == [(1, FRAME, 0), (1, FRAME, 0)]
    conn.end_stream(3)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    conn.end_stream(1)
    assert shape(frames(conn)) == [(1, 0, END), (3, FRAME, 0), (3, FRAME, END)]


@pytest.mark.parametrize("request_fields", [CONNECT, EXTENDED_CONNECT])
def test_connect_is_incremental(request_fields: list[tuple[bytes, bytes]]) -> None:
    """Even if the client sends priorities, because a tunnel may last forever."""
    conn = BufferedH2Connection(H2Configuration(client_side=False))
    conn.update_settings({Setting.ENABLE_CONNECT_PROTOCOL: 1})
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(*WIDE), *[wire.settings(ack=True)] * 2)
    wire.feed(conn, wire.headers(1, [*wire.REQUEST, (b"priority", b"u=3")], end_stream=True))
    wire.feed(conn, wire.headers(3, request_fields))
    wire.feed(conn, wire.headers(5, [*request_fields, (b"priority", b"u=1")]))
    wire.feed(conn, wire.headers(7, [*request_fields, (b"priority", b"i=?0")]))
    assert [conn.get_priority(stream_id) for stream_id in (1, 3, 5, 7)] == [
        (3, False),
        (3, True),
        (1, True),
        (3, False),
    ]


def test_padding_behind_content_of_which_a_part_was_sent() -> None:
    """Only the write that asked for padding is padded."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    for _ in range(4):
        conn.send_data(1, bytes(10))
    wire.feed(conn, wire.window_update(1, 20))
    assert [len(frame.data) for frame in frames(conn)] == [20]
    conn.send_data(1, bytes(10), pad_length=5)
    conn.send_data(1, bytes(7))
    wire.feed(conn, wire.window_update(1, 100))
    sent = [(frame.flags & wire.Flag.PADDED, len(frame.payload)) for frame in frames(conn)]
    assert [length for padded, length in sent if padded] == [1 + 10 + 5]
    assert sum(length for padded, length in sent if not padded) == 20 + 7


def test_padding() -> None:
    """Every frame of a write is padded, with less if the window has no room for content."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 20_000)), 1)
    conn.send_data(1, bytes(17_000), pad_length=10)
    conn.send_data(1, bytes(5))
    conn.send_data(1, bytes(2_900), end_stream=True, pad_length=255)
    sent = frames(conn)
    assert [(len(frame.data), len(frame.payload), frame.flags) for frame in sent] == [
        (FRAME - 11, FRAME, wire.Flag.PADDED),
        (17_000 - FRAME + 11, 17_011 - FRAME + 11, wire.Flag.PADDED),
        (5, 5, 0),
        (20_000 - 17_022 - 5 - 256, 20_000 - 17_022 - 5, wire.Flag.PADDED),
    ]
    left = conn.send_buffer_size(1)
    for window, data, payload in ((1, 1, 1), (2, 1, 2), (3, 1, 3), (257, 1, 257), (258, 2, 258)):
        wire.feed(conn, wire.window_update(1, window))
        (frame,) = frames(conn)
        assert (len(frame.data), len(frame.payload)) == (data, payload)
        left -= data
    wire.feed(conn, wire.window_update(1, 5_000))
    (frame,) = frames(conn)
    assert (len(frame.data), len(frame.payload)) == (left, left + 256)
    assert frame.has(END)
    assert nothing_is_left(conn)


def test_upgrade() -> None:
    """Stream 1 is the request of HTTP/1.1."""
    conn = BufferedH2Connection()
    settings = conn.initiate_upgrade_connection()
    assert settings is not None
    assert conn.get_next_available_stream_id() == 3
    other = BufferedH2Connection(H2Configuration(client_side=False))
    other.initiate_upgrade_connection(settings)
    assert base64.urlsafe_b64decode(settings)
    other.send_headers(1, RESPONSE)
    other.send_data(1, bytes(100_000), end_stream=True)
    events = conn.receive_data(other.data_to_send())
    assert {event.stream_id for event in events if hasattr(event, "stream_id")} == {1}
    assert other.send_buffer_size(1) == 100_000 - wire.DEFAULT_WINDOW


def test_writable() -> None:
    """False from the high mark on; true again at the low mark, with an event."""
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(conn.SEND_BUFFER_HIGH - 1))
    assert conn.is_writable(1)
    conn.send_data(1, b"x")
    assert not conn.is_writable(1)
    while conn.send_buffer_size(1) > conn.SEND_BUFFER_LOW:
        assert not conn.events()
        assert not conn.is_writable(1)
        conn.data_to_send(FRAME + 9)
    assert conn.events() == [StreamWritable(stream_id=1)]
    assert conn.is_writable(1)
