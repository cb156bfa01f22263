"""RFC 9113 section 6.3: PRIORITY frames."""

from __future__ import annotations

import pytest

from h2.events import DataReceived, PriorityUpdated
from support import wire
from support.outcome import assert_alive, assert_connection_error, assert_stream_error, kinds
from support.wire import RESERVED, Code, Factory, Type


@pytest.mark.parametrize("make", [wire.server, wire.client], ids=["server", "client"])
def test_priority_on_stream_zero(make: Factory) -> None:
    """PRIORITY always names a stream; on 0 it is a connection error PROTOCOL_ERROR."""
    assert_connection_error(make(), wire.priority(0), code=Code.PROTOCOL_ERROR)
    assert_connection_error(
        make(), wire.frame(Type.PRIORITY, 0, RESERVED, bytes(5)), code=Code.PROTOCOL_ERROR
    )


@pytest.mark.parametrize("size", [0, 1, 4, 6, 10, 100])
def test_priority_of_another_length(size: int) -> None:
    """A length other than five octets is FRAME_SIZE_ERROR.

    A stream error in section 6.3; section 5.4.1 lets an endpoint treat it as one of the
    connection, and on an idle stream there is nothing to reset.
    """
    assert_connection_error(
        wire.server(), wire.frame(Type.PRIORITY, 0, 1, bytes(size)), code=Code.FRAME_SIZE_ERROR
    )


@pytest.mark.parametrize("size", [0, 4, 6])
def test_priority_of_another_length_resets_an_open_stream(size: int) -> None:
    """A stream error: the connection and its other streams continue."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    frame = wire.frame(Type.PRIORITY, 0, 1, bytes(size))
    assert_stream_error(conn, frame, stream_id=1, code=Code.FRAME_SIZE_ERROR)
    assert kinds(wire.feed(conn, wire.data(3, b"x"))) == [DataReceived]
    client = wire.requesting_client()
    assert_stream_error(client, frame, stream_id=1, code=Code.FRAME_SIZE_ERROR)


def test_priority_at_any_time() -> None:
    """Before, during and after a stream, and between the DATA of a message."""
    conn = wire.server()
    events = wire.feed(
        conn,
        wire.priority(1),
        wire.headers(1, wire.POST),
        wire.priority(1),
        wire.data(1, b"x"),
        wire.priority(1),
        wire.data(1, end_stream=True),
        wire.priority(1),
        wire.rst_stream(1),
        wire.priority(1),
    )
    assert kinds(events).count(PriorityUpdated) == 5
    assert_alive(conn)


def test_priority_inside_a_field_block() -> None:
    """The only place where PRIORITY is not allowed is inside a field block."""
    assert_connection_error(
        wire.server(),
        wire.headers(1, b"", end_headers=False),
        wire.priority(1),
        code=Code.PROTOCOL_ERROR,
    )
