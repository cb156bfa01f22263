"""After an error: one RST_STREAM for a stream, and nothing more about it."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from support import wire
from support.outcome import assert_alive, assert_answered_with_reset, assert_ignored
from support.wire import Code, Type


def ended_on_both_sides() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    return conn


def reset_by_the_peer() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.rst_stream(1))
    return conn


LATE = [
    wire.data(1, b"late"),
    wire.data(1, b"", end_stream=True),
    wire.headers(1, wire.TRAILERS, end_stream=True),
    wire.window_update(1, 5),
    wire.rst_stream(1),
    wire.frame(Type.PRIORITY, 0, 1, b"1234"),
]


@pytest.mark.parametrize("build", [ended_on_both_sides, reset_by_the_peer])
@pytest.mark.parametrize(
    "late", LATE, ids=["data", "end", "trailers", "window", "reset", "priority"]
)
def test_a_closed_stream_is_reset_once(build: type, late: bytes) -> None:
    """ "An endpoint SHOULD NOT send more than one RST_STREAM frame for any stream." (5.4.2)"""
    conn = build()
    assert_answered_with_reset(
        conn, wire.data(1, b"after the end"), stream_id=1, code=Code.STREAM_CLOSED
    )
    # The frames that the peer sent before it learned of that are ignored.
    assert_ignored(conn, late)
    assert_ignored(conn, late, late)


def test_a_stream_error_leaves_other_streams_alone() -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    wire.feed(conn, wire.window_update(1, 0))
    conn.clear_outbound_data_buffer()
    assert list(conn.streams) == [3]
    assert conn.open_inbound_streams == 1
    conn.send_headers(3, wire.RESPONSE, end_stream=True)
    conn.clear_outbound_data_buffer()
    assert_alive(conn)
