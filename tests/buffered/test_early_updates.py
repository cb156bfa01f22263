"""PRIORITY_UPDATE that is kept for a request: it is sent or dropped with the request."""

from __future__ import annotations

import pytest

from buffered.pairs import REQUEST, client
from h2.buffered import BufferedH2Connection
from h2.exceptions import StreamClosedError
from support import wire
from support.wire import Setting, Type


def limited(streams: int) -> BufferedH2Connection:
    """A client that knows its stream limit, and that the server uses priorities."""
    conn = client()
    conn.initiate_connection()
    values = (Setting.MAX_CONCURRENT_STREAMS, streams), (Setting.NO_RFC7540_PRIORITIES, 1)
    conn.receive_data(wire.settings(*values))
    conn.data_to_send()
    return conn


def kept(conn: BufferedH2Connection) -> list[int]:
    """The streams with a kept priority, which both containers must have."""
    updates = conn._sending.early_updates
    if updates is None:
        return []
    assert sorted(updates._priorities) == updates._ids
    return list(updates._ids)


def sent(conn: BufferedH2Connection) -> list[tuple[int, int]]:
    """The types of the requests and priorities that are sent now, and their streams."""
    frames = wire.parse(conn.data_to_send())
    return [
        (
            frame.type,
            int.from_bytes(frame.payload[:4], "big")
            if frame.type == Type.PRIORITY_UPDATE
            else frame.stream_id,
        )
        for frame in frames
    ]


def test_identifiers_that_a_request_passes_over_are_forgotten() -> None:
    conn = limited(0)
    for stream_id in (9, 1, 5, 3, 5, 7, 11):
        conn.send_priority_update(stream_id, 1)
    assert kept(conn) == [1, 3, 5, 7, 9, 11]
    conn.send_headers(5, REQUEST, end_stream=True)  # waits, and keeps its priority
    assert kept(conn) == [5, 7, 9, 11]
    conn.send_headers(9, REQUEST, end_stream=True)
    assert kept(conn) == [5, 9, 11]
    with pytest.raises(StreamClosedError):
        conn.send_priority_update(7, 1)
    assert kept(conn) == [5, 9, 11]
    conn.receive_data(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 9)))
    expected = [(Type.HEADERS, 5), (Type.PRIORITY_UPDATE, 5)]
    expected += [(Type.HEADERS, 9), (Type.PRIORITY_UPDATE, 9)]
    assert sent(conn)[1:] == expected
    assert kept(conn) == [11]


def test_a_request_that_does_not_wait_passes_them_over_too() -> None:
    conn = limited(2)
    for stream_id in (1, 3, 5, 7, 9):
        conn.send_priority_update(stream_id, 1)  # two of them may be sent before the requests
    assert kept(conn) == [5, 7, 9]
    sent(conn)
    conn.send_headers(7, REQUEST, end_stream=True)
    assert sent(conn) == [(Type.HEADERS, 7), (Type.PRIORITY_UPDATE, 7)]
    assert kept(conn) == [9]
    conn.send_headers(11, REQUEST, end_stream=True)
    assert kept(conn) == []


def test_a_request_that_is_dropped_takes_its_own_along() -> None:
    conn = limited(0)
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
        conn.send_priority_update(stream_id, 1)
    conn.send_headers(7, REQUEST, end_stream=True)
    conn.reset_stream(7)  # has no priority
    conn.reset_stream(3)
    assert kept(conn) == [1, 5]
    conn.reset_stream(1)
    conn.reset_stream(5)
    assert kept(conn) == []


def test_what_is_kept_does_not_grow_with_the_requests() -> None:
    conn = limited(0)
    for stream_id in range(1, 2_000, 4):
        conn.send_priority_update(stream_id, 1)  # skipped
        conn.send_priority_update(stream_id + 2, 2)
        conn.send_headers(stream_id + 2, REQUEST, end_stream=True)
        conn.reset_stream(stream_id + 2)
        assert kept(conn) == []
