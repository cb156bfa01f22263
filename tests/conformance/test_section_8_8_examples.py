"""RFC 9113 section 8.8: the examples of the document, and 8.7: request reliability."""

from __future__ import annotations

from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    PingAckReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import StreamClosedError
from support import wire
from support.outcome import assert_refused, kinds, only, sent
from support.wire import Code, Flag, Type

GET_RESOURCE = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"example.org"),
    (b":path", b"/resource"),
    (b"host", b"example.org"),
    (b"accept", b"image/jpeg"),
]


def test_simple_request() -> None:
    """8.8.1: one HEADERS frame with END_STREAM and END_HEADERS."""
    conn = wire.client()
    conn.send_headers(1, GET_RESOURCE, end_stream=True)
    (frame,) = sent(conn)
    assert (frame.type, frame.flags) == (Type.HEADERS, Flag.END_STREAM | Flag.END_HEADERS)
    events = wire.feed(wire.server(), wire.headers(1, GET_RESOURCE, end_stream=True))
    assert kinds(events) == [RequestReceived, StreamEnded]
    assert only(events, RequestReceived).headers == GET_RESOURCE


def test_simple_response() -> None:
    """8.8.2: a 304 in one HEADERS frame."""
    fields = [
        (b":status", b"304"),
        (b"etag", b'"xyzzy"'),
        (b"expires", b"Thu, 23 Jan 2025 00:00:00 GMT"),
    ]
    conn = wire.client()
    conn.send_headers(1, GET_RESOURCE, end_stream=True)
    events = wire.feed(conn, wire.headers(1, fields, end_stream=True))
    assert kinds(events) == [ResponseReceived, StreamEnded]
    assert only(events, ResponseReceived).headers == fields


def test_complex_request() -> None:
    """8.8.3: HEADERS, CONTINUATION, DATA with END_STREAM."""
    first = [
        (b":method", b"POST"),
        (b":authority", b"example.org"),
        (b":path", b"/resource"),
        (b":scheme", b"https"),
    ]
    second = [
        (b"content-type", b"image/jpeg"),
        (b"host", b"example.org"),
        (b"content-length", b"123"),
    ]
    events = wire.feed(
        wire.server(),
        wire.headers(1, first, end_headers=False),
        wire.continuation(1, second),
        wire.data(1, bytes(123), end_stream=True),
    )
    assert kinds(events) == [RequestReceived, DataReceived, StreamEnded]
    assert only(events, RequestReceived).headers == first + second


def test_response_with_body() -> None:
    """8.8.4: HEADERS, DATA with END_STREAM."""
    fields = [(b":status", b"200"), (b"content-type", b"image/jpeg"), (b"content-length", b"123")]
    conn = wire.client()
    conn.send_headers(1, GET_RESOURCE, end_stream=True)
    events = wire.feed(conn, wire.headers(1, fields), wire.data(1, bytes(123), end_stream=True))
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]


def test_informational_response_and_trailers() -> None:
    """8.8.5: 100 with its own field, 200, DATA, trailers."""
    conn = wire.client()
    conn.send_headers(1, [*GET_RESOURCE, (b"expect", b"100-continue")])
    events = wire.feed(
        conn,
        wire.headers(1, [(b":status", b"100"), (b"extension-field", b"bar")]),
        wire.headers(
            1,
            [(b":status", b"200"), (b"content-type", b"image/jpeg"), (b"trailer", b"Foo")],
        ),
        wire.data(1, bytes(123)),
        wire.headers(1, [(b"foo", b"bar")], end_stream=True),
    )
    assert kinds(events) == [
        InformationalResponseReceived,
        ResponseReceived,
        DataReceived,
        TrailersReceived,
        StreamEnded,
    ]
    assert only(events, InformationalResponseReceived).headers[-1] == (b"extension-field", b"bar")
    assert only(events, TrailersReceived).headers == [(b"foo", b"bar")]


# Section 8.7 --------------------------------------------------------------------------------------


def test_refused_stream_reaches_the_client() -> None:
    """REFUSED_STREAM tells that a request was not processed and can be retried on a new stream."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    event = only(wire.feed(conn, wire.rst_stream(1, Code.REFUSED_STREAM)), StreamReset)
    assert event.error_code == Code.REFUSED_STREAM
    conn.clear_outbound_data_buffer()
    conn.send_headers(3, wire.REQUEST, end_stream=True)
    assert sent(conn)[0].stream_id == 3


def test_goaway_tells_which_requests_were_not_processed() -> None:
    """Streams above the last stream identifier can be retried; those below complete."""
    conn = wire.client()
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
    event = only(wire.feed(conn, wire.goaway(3)), ConnectionTerminated)
    assert event.last_stream_id == 3
    assert conn.open_outbound_streams == 2
    assert isinstance(assert_refused(conn, "send_data", 5, b"x"), StreamClosedError)
    events = wire.feed(
        conn,
        wire.headers(1, wire.RESPONSE, end_stream=True),
        wire.headers(3, wire.RESPONSE, end_stream=True),
    )
    assert kinds(events) == [ResponseReceived, StreamEnded] * 2
    assert conn.open_outbound_streams == 0


def test_our_goaway_covers_every_request_that_was_reported() -> None:
    """A stream that reached the application is at or below the last stream identifier."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST), wire.headers(9, wire.REQUEST, end_stream=True))
    conn.send_headers(9, wire.RESPONSE, end_stream=True)
    wire.feed(conn, wire.rst_stream(1))
    conn.clear_outbound_data_buffer()
    conn.close_connection()
    assert sent(conn)[0].last_stream_id == 9


def test_ping_shows_that_a_connection_is_alive() -> None:
    """PING neither needs nor affects a stream."""
    ours, theirs = wire.pair()
    ours.ping(b"alive???")
    mine, _ = wire.exchange(ours, theirs)
    assert only(mine, PingAckReceived).ping_data == b"alive???"
    assert (ours.open_outbound_streams, theirs.open_inbound_streams) == (0, 0)
