"""RFC 9113 section 8.4: server push; the frame itself is in section 6.6."""

from __future__ import annotations

import pytest

from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    PushedStreamReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from support import wire
from support.outcome import (
    assert_alive,
    assert_answered_with_reset,
    assert_ignored,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import Code, Type, requesting_client


def test_a_push_from_promise_to_end() -> None:
    """Section 8.4.2: a pushed response has the frames of any response."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.REQUEST, end_stream=True)
    wire.exchange(ours, theirs)
    theirs.push_stream(1, 2, wire.REQUEST)
    theirs.send_headers(1, wire.RESPONSE, end_stream=True)
    theirs.send_headers(2, [(b":status", b"103")])
    theirs.send_headers(2, wire.RESPONSE)
    theirs.send_data(2, b"pushed")
    theirs.send_headers(2, wire.TRAILERS, end_stream=True)
    events, _ = wire.exchange(ours, theirs)
    assert kinds(events) == [
        PushedStreamReceived,
        ResponseReceived,
        StreamEnded,
        InformationalResponseReceived,
        ResponseReceived,
        DataReceived,
        TrailersReceived,
        StreamEnded,
    ]
    assert ours.open_inbound_streams == theirs.open_outbound_streams == 0


def test_promises_between_the_frames_of_a_response() -> None:
    """Promises are allowed anywhere between the frames of a response, not inside a block."""
    conn = requesting_client()
    events = wire.feed(
        conn,
        wire.push_promise(1, 2),
        wire.headers(1, wire.RESPONSE),
        wire.push_promise(1, 4),
        wire.data(1, b"x"),
        wire.push_promise(1, 6),
        wire.data(1, end_stream=True),
    )
    assert kinds(events).count(PushedStreamReceived) == 3
    assert_alive(conn)


def test_the_pushed_response_may_come_after_the_request_is_done() -> None:
    """A promised stream continues after the stream of the promise is closed."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2), wire.headers(1, wire.RESPONSE, end_stream=True))
    events = wire.feed(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x", end_stream=True))
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]


@pytest.mark.parametrize("code", [Code.CANCEL, Code.REFUSED_STREAM])
@pytest.mark.parametrize("responding", [False, True], ids=["reserved", "responding"])
def test_a_client_cancels_a_push(responding: bool, code: Code) -> None:
    """RST_STREAM on the promised stream, before or during the response."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2))
    if responding:
        wire.feed(conn, wire.headers(2, wire.RESPONSE))
    conn.reset_stream(2, code)
    assert conn.data_to_send() == wire.rst_stream(2, code)
    assert conn.open_inbound_streams == 0


def test_flow_control_of_pushed_responses() -> None:
    """A client sends credit for a pushed stream with WINDOW_UPDATE."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2), wire.headers(2, wire.RESPONSE))
    conn.increment_flow_control_window(100, stream_id=2)
    assert conn.data_to_send() == wire.window_update(2, 100)


UNSAFE = [b"POST", b"PUT", b"DELETE", b"PATCH", b"CONNECT"]


def with_method(method: bytes) -> wire.Fields:
    if method == b"CONNECT":
        return [(b":method", method), (b":authority", b"example.com:443")]
    return [(b":method", method), *wire.REQUEST[1:]]


@pytest.mark.parametrize("method", UNSAFE)
def test_promise_of_an_unsafe_method(method: bytes) -> None:
    """Section 8.4.1: a method that is not safe is a stream error on the promised stream.

    The application gets no event for the promise, and later frames on the stream are ignored.
    """
    conn = requesting_client()
    assert_answered_with_reset(
        conn,
        wire.push_promise(1, 2, with_method(method)),
        stream_id=2,
        code=Code.PROTOCOL_ERROR,
    )
    assert_ignored(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x", end_stream=True))


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_promise_of_a_safe_method(method: bytes) -> None:
    """GET and HEAD are safe and cacheable."""
    fields = with_method(method)
    events = wire.feed(requesting_client(), wire.push_promise(1, 2, fields))
    assert tuple(only(events, PushedStreamReceived).headers) == tuple(fields)


def test_promise_of_a_request_with_content() -> None:
    """Section 8.4: a promised request that indicates content is a stream error as well."""
    assert_answered_with_reset(
        requesting_client(),
        wire.push_promise(1, 2, [*wire.REQUEST, (b"content-length", b"5")]),
        stream_id=2,
        code=Code.PROTOCOL_ERROR,
    )


@pytest.mark.parametrize("method", UNSAFE)
def test_we_do_not_promise_unsafe_methods(method: bytes) -> None:
    """The method of a promise must be safe and cacheable."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert_refused(conn, "push_stream", 1, 2, with_method(method))
    conn.push_stream(1, 2, wire.REQUEST)
    assert [f.type for f in sent(conn)] == [Type.PUSH_PROMISE]
