"""RFC 9113 section 6.2: HEADERS frames."""

from __future__ import annotations

import pytest

from h2.events import (
    InformationalResponseReceived,
    PriorityUpdated,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import Code, Flag, Type

PRIORITY = wire.priority_fields(depends_on=0, weight=32)


def test_every_amount_of_padding() -> None:
    """Padding of 0 to 255 octets is removed."""
    for pad in range(256):
        events = wire.feed(wire.server(), wire.headers(1, wire.REQUEST, pad=pad))
        assert tuple(only(events, RequestReceived).headers) == wire.REQUEST


@pytest.mark.parametrize("end_stream", [False, True], ids=["", "end_stream"])
@pytest.mark.parametrize("priority", [b"", PRIORITY], ids=["", "priority"])
@pytest.mark.parametrize("pad", [None, 0, 9, 255])
@pytest.mark.parametrize("cut", [None, 0, 5], ids=["whole", "empty fragment", "continued"])
def test_all_combinations_of_flags(
    end_stream: bool, priority: bytes, pad: int | None, cut: int | None
) -> None:
    """Padding, priority, END_STREAM and END_HEADERS are independent of each other."""
    block = wire.block(wire.REQUEST)
    conn = wire.server()
    if cut is None:
        frames = [wire.headers(1, block, end_stream=end_stream, pad=pad, priority=priority)]
    else:
        frames = [
            wire.headers(
                1,
                block[:cut],
                end_stream=end_stream,
                end_headers=False,
                pad=pad,
                priority=priority,
            ),
            wire.continuation(1, block[cut:]),
        ]
    events = wire.feed(conn, *frames)
    request = only(events, RequestReceived)
    assert tuple(request.headers) == wire.REQUEST
    assert (StreamEnded in kinds(events)) is end_stream
    assert (PriorityUpdated in kinds(events)) is bool(priority)
    assert (request.stream_ended is not None) is end_stream
    assert (request.priority_updated is not None) is bool(priority)
    assert_alive(conn)


def test_end_stream_on_headers_ends_after_the_continuation() -> None:
    """END_STREAM is on HEADERS even when CONTINUATION frames follow."""
    conn = wire.server()
    assert wire.feed(conn, wire.headers(1, b"", end_stream=True, end_headers=False)) == []
    events = wire.feed(conn, wire.continuation(1, wire.REQUEST))
    assert kinds(events) == [RequestReceived, StreamEnded]


def test_headers_on_stream_zero() -> None:
    """HEADERS belong to a stream; on 0 they are a connection error PROTOCOL_ERROR."""
    frame = wire.headers(0, wire.REQUEST)
    assert_connection_error(wire.server(), frame, code=Code.PROTOCOL_ERROR)
    assert_connection_error(wire.client(), frame, code=Code.PROTOCOL_ERROR)


BAD_PADDING = {
    "as long as the payload": b"\x04abc",
    "longer": b"\xffabc",
    "of an empty rest": b"\x01",
}


@pytest.mark.parametrize("payload", BAD_PADDING.values(), ids=BAD_PADDING)
@pytest.mark.parametrize("end_headers", [0, Flag.END_HEADERS], ids=["more", "end_headers"])
def test_padding_longer_than_the_payload(payload: bytes, end_headers: int) -> None:
    """Padding of the payload's length or more is a connection error PROTOCOL_ERROR."""
    assert_connection_error(
        wire.server(),
        wire.frame(Type.HEADERS, Flag.PADDED | end_headers, 1, payload),
        code=Code.PROTOCOL_ERROR,
    )


def test_padding_that_reaches_into_the_priority_fields() -> None:
    """With priority fields there is less room for padding; too much of it is an error.

    The padding is shorter than the payload, so this does not fall under the PROTOCOL_ERROR rule in
    the words of section 6.2; read the other way the frame is too small for its fields.
    """
    payload = b"\x06" + PRIORITY + b"ab" + bytes(3)
    assert_connection_error(
        wire.server(),
        wire.frame(Type.HEADERS, Flag.PADDED | Flag.PRIORITY | Flag.END_HEADERS, 1, payload),
        code={Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR},
    )


def test_padding_that_leaves_no_fragment() -> None:
    """Padding may fill all the space after the pad length and the priority fields."""
    block = wire.block(wire.REQUEST)
    events = wire.feed(
        wire.server(),
        wire.headers(1, b"", pad=20, priority=PRIORITY, end_headers=False),
        wire.continuation(1, block),
    )
    assert RequestReceived in kinds(events)


FOLLOWERS = {
    "headers of the same stream": wire.headers(1, wire.REQUEST),
    "headers of another stream": wire.headers(3, wire.REQUEST),
    "continuation of another stream": wire.continuation(3, wire.REQUEST),
    "priority": wire.priority(1),
    "data": wire.data(1, b"x"),
}


@pytest.mark.parametrize("frame", FOLLOWERS.values(), ids=FOLLOWERS)
def test_without_end_headers_a_continuation_follows(frame: bytes) -> None:
    """Any other frame, or another stream, is a connection error PROTOCOL_ERROR."""
    begun = wire.headers(1, wire.REQUEST, end_headers=False)
    assert_connection_error(wire.server(), begun, frame, code=Code.PROTOCOL_ERROR)


def test_empty_trailers() -> None:
    """A trailer section without fields is a legal field block of length zero."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    events = wire.feed(conn, wire.headers(1, b"", end_stream=True))
    assert kinds(events) == [TrailersReceived, StreamEnded]
    assert only(events, TrailersReceived).headers == []
    assert_alive(conn)


def test_padding_and_priority_on_responses_and_trailers() -> None:
    """All HEADERS frames may have them, not only those that open a stream."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    conn.clear_outbound_data_buffer()
    events = wire.feed(
        conn,
        wire.headers(1, [(b":status", b"103")], pad=1, priority=PRIORITY),
        wire.headers(1, wire.RESPONSE, pad=2, priority=PRIORITY),
        wire.headers(1, wire.TRAILERS, pad=3, priority=PRIORITY, end_stream=True),
    )
    updates = [e for e in events if isinstance(e, PriorityUpdated)]
    assert [(e.stream_id, e.weight) for e in updates] == [(1, 32)] * 3
    assert only(events, InformationalResponseReceived).priority_updated is updates[0]
    assert only(events, ResponseReceived).priority_updated is updates[1]
    assert only(events, TrailersReceived).priority_updated is updates[2]
    assert_alive(conn)


def test_headers_that_we_send() -> None:
    """One frame with END_HEADERS, END_STREAM if requested, no padding, no priority."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    conn.send_headers(3, wire.REQUEST)
    first, second = sent(conn)
    assert first.flags == Flag.END_HEADERS | Flag.END_STREAM
    assert second.flags == Flag.END_HEADERS
    assert (first.stream_id, second.stream_id) == (1, 3)
    assert tuple(wire.decode(first.fragment)) == wire.REQUEST


def test_headers_go_out_on_streams_only() -> None:
    """Neither requests nor responses nor trailers are sent on stream 0."""
    for conn, fields in ((wire.client(), wire.REQUEST), (wire.server(), wire.RESPONSE)):
        assert_refused(conn, "send_headers", 0, fields)
        assert_refused(conn, "send_headers", 0, wire.TRAILERS, end_stream=True)
        assert_alive(conn)
