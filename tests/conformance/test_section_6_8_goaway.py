"""RFC 9113 section 6.8: GOAWAY frames and graceful shutdown."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PushedStreamReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import (
    assert_connection_error,
    assert_ignored,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import DEFAULT_FRAME_SIZE, MAX_STREAM_ID, Code, Type


def open_server(*streams: int) -> H2Connection:
    conn = wire.server()
    wire.feed(conn, *(wire.headers(n, wire.POST) for n in streams))
    conn.clear_outbound_data_buffer()
    return conn


def open_client(*streams: int) -> H2Connection:
    conn = wire.client()
    for stream_id in streams:
        conn.send_headers(stream_id, wire.POST)
    conn.clear_outbound_data_buffer()
    return conn


def test_goaway_is_reported() -> None:
    """The error code, the last stream and the debug data are reported."""
    conn = open_client(1)
    event = only(
        wire.feed(conn, wire.goaway(1, Code.ENHANCE_YOUR_CALM, b"too\x00much")),
        ConnectionTerminated,
    )
    assert event.error_code is ErrorCodes.ENHANCE_YOUR_CALM
    assert event.last_stream_id == 1
    assert event.additional_data == b"too\x00much"


def test_goaway_names_the_streams_that_were_not_processed() -> None:
    """Our own above the last one, in order; not those of the peer, or that have ended."""
    conn = open_client(3, 5, 7, 9, 11, 13)
    conn.reset_stream(9)
    wire.feed(conn, wire.push_promise(3, 2), wire.push_promise(3, 30))
    wire.feed(conn, wire.headers(30, wire.RESPONSE))
    conn.clear_outbound_data_buffer()
    first = only(wire.feed(conn, wire.goaway(MAX_STREAM_ID)), ConnectionTerminated)
    assert first.unprocessed_stream_ids == ()
    second = only(wire.feed(conn, wire.goaway(9)), ConnectionTerminated)
    assert second.unprocessed_stream_ids == (11, 13)
    third = only(wire.feed(conn, wire.goaway(4)), ConnectionTerminated)
    assert third.unprocessed_stream_ids == (5, 7)
    again = only(wire.feed(conn, wire.goaway(4)), ConnectionTerminated)
    assert again.unprocessed_stream_ids == ()
    assert sorted(conn.streams) == [2, 3, 30]
    assert (conn.open_outbound_streams, conn.open_inbound_streams) == (1, 1)
    # Frames that the server still sends there are ignored.
    assert_ignored(conn, wire.headers(11, wire.RESPONSE), wire.data(11, b"x"), wire.rst_stream(13))


def test_promised_streams_go_on_after_the_servers_goaway() -> None:
    """The last stream of its GOAWAY only refers to streams of the client."""
    conn = open_client(1)
    wire.feed(conn, wire.push_promise(1, 2), wire.goaway(0))
    assert sorted(conn.streams) == [2]
    events = wire.feed(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x", end_stream=True))
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]


def test_requests_go_on_after_the_clients_goaway() -> None:
    """It refers to the promised streams; those above the last one are discarded."""
    conn = open_server(1, 3)
    for promised in (2, 4):
        conn.push_stream(1, promised, wire.REQUEST)
    conn.clear_outbound_data_buffer()
    event = only(wire.feed(conn, wire.goaway(2)), ConnectionTerminated)
    assert event.unprocessed_stream_ids == (4,)
    assert sorted(conn.streams) == [1, 2, 3]
    for stream_id in (1, 2, 3):
        conn.send_headers(stream_id, wire.RESPONSE)
    assert len(sent(conn)) == 3


@pytest.mark.parametrize("last", [0, 1, 5])
def test_goaway_before_any_stream(last: int) -> None:
    event = only(wire.feed(wire.client(), wire.goaway(last)), ConnectionTerminated)
    assert event.unprocessed_stream_ids == ()


def test_goaway_without_debug_data() -> None:
    """Debug data is optional; without it the event has None."""
    event = only(wire.feed(wire.client(), wire.goaway(0)), ConnectionTerminated)
    assert event.additional_data is None
    assert event.error_code is ErrorCodes.NO_ERROR


@pytest.mark.parametrize("stream_id", [1, 2, MAX_STREAM_ID])
def test_goaway_on_a_stream(stream_id: int) -> None:
    """GOAWAY belongs to the connection; on a stream it is PROTOCOL_ERROR."""
    frame = wire.frame(Type.GOAWAY, 0, stream_id, bytes(8))
    assert_connection_error(wire.server(), frame, code=Code.PROTOCOL_ERROR)
    assert_connection_error(wire.client(), frame, code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("size", [0, 1, 4, 7])
def test_goaway_too_short(size: int) -> None:
    """A frame without both of its fixed fields is FRAME_SIZE_ERROR."""
    assert_connection_error(
        wire.server(), wire.frame(Type.GOAWAY, 0, 0, bytes(size)), code=Code.FRAME_SIZE_ERROR
    )


# Received: streams up to the last stream identifier complete --------------------------


def test_streams_complete_after_the_servers_goaway() -> None:
    """A request that the server includes continues in both directions to its end."""
    conn = open_client(1)
    wire.feed(conn, wire.goaway(1))
    conn.send_data(1, b"body", end_stream=True)
    assert conn.data_to_send() == wire.data(1, b"body", end_stream=True)
    events = wire.feed(
        conn,
        wire.headers(1, wire.RESPONSE),
        wire.data(1, b"content"),
        wire.headers(1, wire.TRAILERS, end_stream=True),
    )
    assert kinds(events) == [ResponseReceived, DataReceived, TrailersReceived, StreamEnded]


def test_connection_frames_after_the_servers_goaway() -> None:
    """Flow control, PING and SETTINGS work until the last stream has ended."""
    conn = open_client(1)
    wire.feed(conn, wire.goaway(1))
    wire.feed(conn, wire.ping(), wire.settings(), wire.window_update(0, 5))
    assert conn.data_to_send() == wire.ping(ack=True) + wire.settings(ack=True)
    conn.increment_flow_control_window(10, stream_id=1)
    conn.ping(b"12345678")
    assert [f.type for f in sent(conn)] == [Type.WINDOW_UPDATE, Type.PING]


def test_output_that_waited_is_kept() -> None:
    """Receiving GOAWAY discards no pending output."""
    conn = open_client(1)
    conn.send_data(1, b"body", end_stream=True)
    wire.feed(conn, wire.goaway(1))
    assert conn.data_to_send() == wire.data(1, b"body", end_stream=True)


def test_no_new_streams_after_the_servers_goaway() -> None:
    """A client that has received GOAWAY cannot open a stream: the call raises."""
    conn = open_client(1)
    wire.feed(conn, wire.goaway(1))
    error = assert_refused(conn, "send_headers", 3, wire.REQUEST)
    assert isinstance(error, ProtocolError)
    assert conn.open_outbound_streams == 1


def test_no_promises_after_the_clients_goaway() -> None:
    """A server that has received GOAWAY cannot promise a stream, but still responds."""
    conn = open_server(1)
    wire.feed(conn, wire.goaway(0))
    assert_refused(conn, "push_stream", 1, 2, wire.REQUEST)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS]


def test_a_client_may_go_away_and_still_send_requests_of_old_streams() -> None:
    """The client's GOAWAY refers to pushed streams; its own open streams are not affected."""
    conn = open_server(1)
    events = wire.feed(
        conn, wire.goaway(0), wire.data(1, b"x", end_stream=True), wire.headers(3, wire.REQUEST)
    )
    assert kinds(events) == [ConnectionTerminated, DataReceived, StreamEnded, RequestReceived]


def test_graceful_shutdown_received() -> None:
    """Two GOAWAY frames, the first with 2^31-1, are two events; open streams complete."""
    conn = open_client(1, 3)
    first = wire.feed(conn, wire.goaway(MAX_STREAM_ID))
    second = wire.feed(conn, wire.goaway(3))
    assert only(first, ConnectionTerminated).last_stream_id == MAX_STREAM_ID
    assert only(second, ConnectionTerminated).last_stream_id == 3
    events = wire.feed(
        conn,
        wire.headers(1, wire.RESPONSE, end_stream=True),
        wire.headers(3, wire.RESPONSE, end_stream=True),
    )
    assert kinds(events) == [ResponseReceived, StreamEnded] * 2


def test_events_of_the_same_read_behind_goaway() -> None:
    """Frames after the GOAWAY in the same read are not lost."""
    conn = open_client(1)
    events = wire.feed(conn, wire.goaway(1), wire.headers(1, wire.RESPONSE, end_stream=True))
    assert kinds(events) == [ConnectionTerminated, ResponseReceived, StreamEnded]


# Sent: new streams above the last stream identifier are ignored ----------------------------------


def test_goaway_that_we_send() -> None:
    """The last stream defaults to the peer's highest; code and debug data are those of the call."""
    conn = open_server(1, 5)
    conn.close_connection()
    assert conn.data_to_send() == wire.goaway(5)
    other = open_server(1, 5)
    other.close_connection(Code.INTERNAL_ERROR, b"bye", last_stream_id=1)
    assert other.data_to_send() == wire.goaway(1, Code.INTERNAL_ERROR, b"bye")
    client = open_client(1)
    client.close_connection()
    assert client.data_to_send() == wire.goaway(0)


def test_streams_complete_after_our_goaway() -> None:
    """Streams up to the last one complete in both directions."""
    conn = open_server(1)
    conn.close_connection()
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, wire.data(1, b"body"), wire.headers(1, wire.TRAILERS, end_stream=True))
    assert kinds(events) == [DataReceived, TrailersReceived, StreamEnded]
    conn.send_headers(1, wire.RESPONSE)
    conn.send_data(1, b"content", end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS, Type.DATA]


def test_new_streams_after_our_goaway_are_ignored() -> None:
    """Requests above the last stream are ignored: no event, no stream, no answer."""
    conn = open_server(1)
    conn.close_connection()
    conn.clear_outbound_data_buffer()
    assert_ignored(
        conn,
        wire.headers(3, wire.POST),
        wire.data(3, b"x"),
        wire.window_update(3, 5),
        wire.headers(3, wire.TRAILERS, end_stream=True),
        wire.rst_stream(3),
        wire.headers(5, b"", end_stream=True, end_headers=False),
        wire.continuation(5, wire.REQUEST),
    )
    assert conn.open_inbound_streams == 1


def test_ignored_streams_keep_the_compression_state() -> None:
    """The field blocks of ignored streams are decoded."""
    conn = open_server(1)
    conn.close_connection()
    block = wire.block(wire.REQUEST) + wire.block([(b"a", b"b")], add=True)
    wire.feed(conn, wire.headers(3, block))
    events = wire.feed(conn, wire.headers(1, wire.indexed(62), end_stream=True))
    assert only(events, TrailersReceived).headers == [(b"a", b"b")]


def test_promises_after_our_goaway_are_ignored() -> None:
    """A client that has sent GOAWAY ignores promised streams above its last stream."""
    conn = open_client(1)
    conn.close_connection()
    conn.clear_outbound_data_buffer()
    events = wire.feed(
        conn,
        wire.push_promise(1, 2),
        wire.headers(2, wire.RESPONSE),
        wire.data(2, b"x", end_stream=True),
        wire.headers(1, wire.RESPONSE, end_stream=True),
    )
    assert kinds(events) == [ResponseReceived, StreamEnded]
    assert sent(conn) == []


def test_promises_up_to_the_last_stream_of_our_goaway() -> None:
    """The last stream is among those that may still be processed."""
    conn = open_client(1)
    conn.close_connection(last_stream_id=4)
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, *(wire.push_promise(1, promised) for promised in (2, 4, 6)))
    assert kinds(events) == [PushedStreamReceived] * 2
    assert sorted(conn.streams) == [1, 2, 4]


def test_we_open_no_streams_after_our_goaway() -> None:
    """An endpoint that has sent GOAWAY opens no streams itself."""
    client = open_client(1)
    client.close_connection()
    assert_refused(client, "send_headers", 3, wire.REQUEST)
    server = open_server(1)
    server.close_connection()
    assert_refused(server, "push_stream", 1, 2, wire.REQUEST)


def test_graceful_shutdown_by_us() -> None:
    """GOAWAY with 2^31-1 first, then with the real last stream: nothing in flight is lost."""
    conn = open_server(1)
    conn.close_connection(last_stream_id=MAX_STREAM_ID)
    assert conn.data_to_send() == wire.goaway(MAX_STREAM_ID)
    assert kinds(wire.feed(conn, wire.headers(3, wire.POST))) == [RequestReceived]
    conn.close_connection()
    assert conn.data_to_send() == wire.goaway(3)
    assert_ignored(conn, wire.headers(5, wire.REQUEST, end_stream=True))
    for stream_id in (1, 3):
        wire.feed(conn, wire.data(stream_id, end_stream=True))
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS, Type.HEADERS]


@pytest.mark.parametrize("spare", [0, 1])
def test_the_longest_debug_data(spare: int) -> None:
    """Eight octets of the frame are taken by other fields."""
    conn = open_server(1)
    data = bytes(DEFAULT_FRAME_SIZE - 8 - spare)
    assert_refused(conn, "close_connection", additional_data=data + bytes(spare + 1))
    conn.close_connection(additional_data=data)
    assert conn.data_to_send() == wire.goaway(1, debug_data=data)


def test_the_last_stream_never_grows() -> None:
    """A later GOAWAY may name a lower last stream, never a higher one."""
    conn = open_server(1, 3, 5)
    conn.close_connection(last_stream_id=3)
    conn.clear_outbound_data_buffer()
    assert_refused(conn, "close_connection", last_stream_id=5)
    conn.close_connection(last_stream_id=1)
    assert conn.data_to_send() == wire.goaway(1)


def test_goaway_of_an_error_after_a_lower_one() -> None:
    """The GOAWAY of a later error has no higher last stream than the one before it."""
    conn = open_server(1, 3, 5)
    conn.close_connection(last_stream_id=3)
    assert_connection_error(
        conn,
        wire.frame(Type.PING, 0, 1, bytes(8)),
        code=Code.PROTOCOL_ERROR,
        last_stream_id=3,
    )


@pytest.mark.parametrize("last", [-1, 2**31])
def test_last_stream_out_of_range(last: int) -> None:
    """The field has 31 bits."""
    conn = open_server(1)
    assert_refused(conn, "close_connection", last_stream_id=last)
    assert kinds(wire.feed(conn, wire.headers(3, wire.REQUEST))) == [RequestReceived]


def test_goaway_both_ways() -> None:
    """Both sides may shut down at the same time, and still complete open streams."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.POST)
    wire.exchange(ours, theirs)
    ours.close_connection()
    theirs.close_connection()
    wire.exchange(ours, theirs)
    ours.send_data(1, b"body", end_stream=True)
    theirs.send_headers(1, wire.RESPONSE, end_stream=True)
    mine, other = wire.exchange(ours, theirs)
    assert kinds(mine) == [ResponseReceived, StreamEnded]
    assert kinds(other) == [DataReceived, StreamEnded]


def test_pushed_streams_complete_after_our_goaway() -> None:
    """A promised stream that a client's GOAWAY includes continues."""
    conn = open_client(1)
    assert kinds(wire.feed(conn, wire.push_promise(1, 2))) == [PushedStreamReceived]
    conn.close_connection()
    assert conn.data_to_send() == wire.goaway(2)
    events = wire.feed(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x", end_stream=True))
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]


#: What happened, whether later requests of the peer are accepted, and whether streams continue.
MOMENTS = {
    "first": (lambda conn: conn.close_connection(last_stream_id=MAX_STREAM_ID), True, True),
    "last": (lambda conn: conn.close_connection(), False, True),
    "received": (lambda conn: wire.feed(conn, wire.goaway(0)), True, True),
    "received error": (lambda conn: wire.feed(conn, wire.goaway(0, 2)), True, True),
    "error": (lambda conn: conn.close_connection(ErrorCodes.INTERNAL_ERROR), False, False),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_the_manual_says_of_each_goaway(moment: str) -> None:
    """The table in `docs/shutdown.md`; and a server opens no streams itself."""
    happen, accepted, goes_on = MOMENTS[moment]
    conn = open_server(1)
    happen(conn)
    assert [frame.type for frame in sent(conn)] == ([] if "received" in moment else [Type.GOAWAY])
    assert_refused(conn, "push_stream", 1, 2, wire.REQUEST)
    if not goes_on:
        assert_refused(conn, "send_headers", 1, wire.RESPONSE)
        with pytest.raises(ProtocolError):
            wire.feed(conn, wire.headers(3, wire.REQUEST, end_stream=True))
        return
    events = wire.feed(conn, wire.headers(3, wire.REQUEST, end_stream=True))
    assert kinds(events) == ([RequestReceived, StreamEnded] if accepted else [])
    assert kinds(wire.feed(conn, wire.data(1, b"x", end_stream=True))) == [
        DataReceived,
        StreamEnded,
    ]
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    assert [frame.type for frame in sent(conn)] == [Type.HEADERS]


def test_of_a_request_that_was_not_processed_only_the_content_is_left_out() -> None:
    """Both ends keep their compression tables in step; all other pending output is sent."""
    conn = wire.client()
    for stream_id in (1, 3):
        conn.send_headers(stream_id, [*wire.POST, (b"x-new", b"%d" % stream_id)])
        conn.send_data(stream_id, b"content")
    conn.ping(b"12345678")
    wire.feed(conn, wire.goaway(1))
    assert [(frame.type, frame.stream_id) for frame in sent(conn)] == [
        *((Type.HEADERS, 1), (Type.DATA, 1)),
        *((Type.HEADERS, 3), (Type.PING, 0)),
    ]
