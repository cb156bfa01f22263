"""RFC 9113 section 5.3: the deprecated priority signals are still understood."""

from __future__ import annotations

import pytest

from h2.events import PriorityUpdated, RequestReceived, StreamEnded
from h2.exceptions import RFC1122Error
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_ignored,
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
@pytest.mark.parametrize("state", ["idle", "open", "even"])
def test_a_stream_that_depends_on_itself(state: str, depends_on: int) -> None:
    """An error of RFC 7540 section 5.3.1, and so of h2 4.4.1; RFC 9113 has no such rule.

    With strict=True the signal is ignored.
    """
    conn, stream_id, last = wire.server(), 2 if state == "even" else 3, 0
    if state == "open":
        wire.feed(conn, wire.headers(3, wire.POST))
        last = 3
    fields = (depends_on ^ 3 ^ stream_id).to_bytes(4, "big") + b"\x0f"
    frame = wire.frame(Type.PRIORITY, 0, stream_id, fields)
    if conn.config.strict:
        assert_ignored(conn, frame)
        assert kinds(wire.feed(conn, wire.priority(stream_id, 0))) == [PriorityUpdated]
    else:
        assert_connection_error(conn, frame, code=Code.PROTOCOL_ERROR, last_stream_id=last)


def test_a_request_that_depends_on_itself() -> None:
    """The request is what it would be without the signal."""
    conn = wire.server()
    request = wire.headers(3, wire.POST, priority=wire.priority_fields(3))
    if conn.config.strict:
        (event,) = wire.feed(conn, request)
        assert isinstance(event, RequestReceived)
        assert event.priority_updated is None
        assert event.headers == list(wire.POST)
        assert_alive(conn)
    else:
        assert_connection_error(conn, request, code=Code.PROTOCOL_ERROR)


def test_we_do_not_make_a_stream_depend_on_itself() -> None:
    """Neither by prioritize nor with the headers; weights are 1 to 256."""
    conn = wire.client()
    assert_refused(conn, "prioritize", 3, depends_on=3)
    assert_refused(conn, "send_headers", 3, wire.REQUEST, priority_depends_on=3)
    for weight in (0, 257, -1):
        assert_refused(conn, "prioritize", 3, weight=weight)
        assert_refused(conn, "send_headers", 3, wire.REQUEST, priority_weight=weight)
    conn.send_headers(1, wire.REQUEST)
    assert len(sent(conn)) == 1


def test_we_send_priority() -> None:
    """A client may send the signals, in a frame of their own or with HEADERS."""
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


def test_a_server_does_not_send_priority() -> None:
    """Only clients signal; a server that tries is told so, and goes on."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.clear_outbound_data_buffer()
    with pytest.raises(RFC1122Error):
        conn.prioritize(1, weight=1)
    assert_alive(conn)
