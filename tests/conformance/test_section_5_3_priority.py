"""RFC 9113 section 5.3: the deprecated priority signals are still understood."""

from __future__ import annotations

import pytest

from h2.events import PriorityUpdated, RequestReceived, StreamEnded
from h2.exceptions import RFC1122Error
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


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("weight", [1, 16, 256])
@pytest.mark.parametrize("depends_on", [0, 7, 2**31 - 1])
def test_priority_signal(depends_on: int, weight: int, exclusive: bool) -> None:
    """The signals are reported: the weight field 0 to 255 means 1 to 256."""
    conn = wire.server()
    event = only(wire.feed(conn, wire.priority(5, depends_on, weight, exclusive)), PriorityUpdated)
    assert event.stream_id == 5
    assert (event.depends_on, event.weight, event.exclusive) == (depends_on, weight, exclusive)


def test_priority_fields_of_headers() -> None:
    """A HEADERS frame may carry the same signal; the request event refers to it."""
    conn = wire.server()
    fields = wire.priority_fields(depends_on=3, weight=200, exclusive=True)
    events = wire.feed(conn, wire.headers(5, wire.REQUEST, priority=fields, end_stream=True))
    assert set(kinds(events)) == {RequestReceived, PriorityUpdated, StreamEnded}
    update = only(events, PriorityUpdated)
    assert (update.stream_id, update.depends_on, update.weight) == (5, 3, 200)
    assert update.exclusive is True
    assert only(events, RequestReceived).priority_updated is update


def test_priority_for_an_idle_stream_then_lower_ones() -> None:
    """A signal for stream 9 does not stop the client from opening stream 1."""
    conn = wire.server()
    events = wire.feed(conn, wire.priority(9), wire.headers(1, wire.REQUEST))
    assert kinds(events) == [PriorityUpdated, RequestReceived]


def test_priority_for_many_streams_changes_no_stream() -> None:
    """Signals for streams of either side are only reported."""
    conn = wire.server()
    for stream_id in (1, 2, 3, 100, 2**31 - 1):
        assert kinds(wire.feed(conn, wire.priority(stream_id))) == [PriorityUpdated]
    assert conn.open_inbound_streams == 0
    assert kinds(wire.feed(conn, wire.headers(1, wire.REQUEST))) == [RequestReceived]
    assert_alive(conn)


@pytest.mark.parametrize("depends_on", [3, 3 | wire.RESERVED], ids=["shared", "exclusive"])
def test_a_stream_that_depends_on_itself(depends_on: int) -> None:
    """A stream error in RFC 7540 section 5.3.1, and no rule in RFC 9113.

    By default it ends the connection, as in h2 4.4.1.
    """
    fields = depends_on.to_bytes(4, "big") + b"\x0f"
    priority = wire.frame(Type.PRIORITY, 0, 3, fields)
    even = wire.frame(Type.PRIORITY, 0, 2, b"\0\0\0\2\x0f")
    request = wire.headers(3, wire.REQUEST, priority=fields)
    for frames in ([priority], [even], [request], [wire.headers(3, wire.POST), priority]):
        conn = wire.server()
        if not conn.config.strict:
            last = 3 if len(frames) == 2 else 0
            for frame in frames[:-1]:
                wire.feed(conn, frame)
            assert_connection_error(conn, frames[-1], code=Code.PROTOCOL_ERROR, last_stream_id=last)
            continue
        update = only(wire.feed(conn, *frames), PriorityUpdated)
        assert update.depends_on == update.stream_id
        assert_alive(conn)


def test_we_do_not_make_a_stream_depend_on_itself() -> None:
    """Neither `prioritize` nor `send_headers` allows it; weights are 1 to 256."""
    conn = wire.client()
    assert_refused(conn, "prioritize", 3, depends_on=3)
    assert_refused(conn, "send_headers", 3, wire.REQUEST, priority_depends_on=3)
    for weight in (0, 257, -1):
        assert_refused(conn, "prioritize", 3, weight=weight)
        assert_refused(conn, "send_headers", 3, wire.REQUEST, priority_weight=weight)
    conn.send_headers(1, wire.REQUEST)
    assert len(sent(conn)) == 1


def test_we_send_priority() -> None:
    """A client may send the signals, in a separate frame or with HEADERS."""
    conn = wire.client()
    conn.prioritize(3, weight=256, depends_on=1, exclusive=True)
    conn.send_headers(
        3, wire.REQUEST, priority_weight=1, priority_depends_on=5, priority_exclusive=False
    )
    first, second = sent(conn)
    assert (first.type, first.stream_id) == (Type.PRIORITY, 3)
    assert first.payload == wire.priority_fields(1, 256, True)
    assert second.flags & Flag.PRIORITY
    assert second.payload[:5] == wire.priority_fields(5, 1, False)


def test_the_identifiers_in_priority_that_we_send() -> None:
    """Stream 0 cannot depend on another, because it is not a stream."""
    conn = wire.client()
    conn.prioritize(wire.MAX_STREAM_ID, depends_on=wire.MAX_STREAM_ID - 2)
    conn.prioritize(3, depends_on=wire.MAX_STREAM_ID)
    assert [frame.stream_id for frame in sent(conn)] == [wire.MAX_STREAM_ID, 3]
    for stream_id in (0, 2**31):
        error = assert_refused(conn, "prioritize", stream_id)
        assert str(error) == f"Stream {stream_id} does not exist"
    for depends_on in (-1, 2**31):
        error = assert_refused(conn, "prioritize", 3, depends_on=depends_on)
        assert str(error).startswith("depends_on must be between 0 and 2147483647")


def test_a_server_does_not_send_priority() -> None:
    """Only clients send them; a server that tries gets an exception, and continues."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.clear_outbound_data_buffer()
    with pytest.raises(RFC1122Error):
        conn.prioritize(1, weight=1)
    assert_alive(conn)
