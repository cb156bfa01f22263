"""RFC 9113 section 6.4: RST_STREAM frames."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import StreamReset
from h2.exceptions import StreamClosedError
from h2.stream import StreamState
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_ignored,
    assert_refused,
    only,
)
from support.wire import Code, Type, open_server


@pytest.mark.parametrize("code", list(Code))
def test_reset_by_the_peer(code: Code) -> None:
    """The stream is closed, the code is reported."""
    conn = open_server()
    event = only(wire.feed(conn, wire.rst_stream(1, code)), StreamReset)
    assert (event.stream_id, event.remote_reset) == (1, True)
    assert event.error_code is ErrorCodes(code)
    assert conn.open_inbound_streams == 0
    assert_alive(conn)


def test_after_the_peers_reset_nothing_is_sent() -> None:
    """Calls on a stream that the peer has reset raise."""
    conn = open_server()
    wire.feed(conn, wire.rst_stream(1))
    for call in (
        lambda: conn.send_headers(1, wire.RESPONSE),
        lambda: conn.send_data(1, b"x"),
        lambda: conn.end_stream(1),
    ):
        with pytest.raises(StreamClosedError) as caught:
            call()
        assert caught.value.stream_id == 1
    assert_refused(conn, "push_stream", 1, 2, wire.REQUEST)
    assert_alive(conn)


def test_reset_on_stream_zero() -> None:
    """RST_STREAM on 0 is a connection error PROTOCOL_ERROR."""
    assert_connection_error(wire.server(), wire.rst_stream(0), code=Code.PROTOCOL_ERROR)
    assert_connection_error(wire.client(), wire.rst_stream(0), code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("stream_id", [3, 2, 2**31 - 1], ids=["odd", "even", "last"])
def test_reset_of_an_idle_stream(stream_id: int) -> None:
    """RST_STREAM for an idle stream is a connection error PROTOCOL_ERROR; h2 4.4.1 ignores it."""
    check_reset_of_an_idle_stream(open_server(), stream_id, last_stream_id=1)


def check_reset_of_an_idle_stream(conn: H2Connection, stream_id: int, last_stream_id: int) -> None:
    reset = wire.rst_stream(stream_id)
    if conn.config.strict or not last_stream_id:  # no stream yet: an error in h2 4.4.1, too
        assert_connection_error(
            conn, reset, code=Code.PROTOCOL_ERROR, last_stream_id=last_stream_id
        )
    else:
        assert_ignored(conn, reset)
        assert conn.stream_state(stream_id) == StreamState.IDLE


@pytest.mark.parametrize("stream_id", [1, 2])
def test_reset_of_an_idle_stream_at_a_client(stream_id: int) -> None:
    """Neither the client's next stream nor the server's can be reset before it exists."""
    check_reset_of_an_idle_stream(wire.client(), stream_id, last_stream_id=0)


@pytest.mark.parametrize("size", [0, 1, 3, 5, 8, 100])
@pytest.mark.parametrize("stream_id", [1, 3], ids=["open", "idle"])
def test_reset_of_another_length(stream_id: int, size: int) -> None:
    """A length other than four octets is a connection error FRAME_SIZE_ERROR."""
    assert_connection_error(
        open_server(),
        wire.frame(Type.RST_STREAM, 0, stream_id, bytes(size)),
        code=Code.FRAME_SIZE_ERROR,
        last_stream_id=1,
    )


@pytest.mark.parametrize("code", [Code.NO_ERROR, Code.CANCEL, 0xFFFFFFFF])
def test_reset_by_us(code: int) -> None:
    """Our RST_STREAM carries the code; the stream is closed immediately."""
    conn = open_server()
    conn.reset_stream(1, code)
    assert conn.data_to_send() == wire.rst_stream(1, code)
    assert conn.open_inbound_streams == 0
    assert_ignored(conn, wire.data(1, b"late"), wire.window_update(1, 1), wire.rst_stream(1))


def test_we_do_not_reset_idle_streams() -> None:
    """RST_STREAM is never sent for an idle stream."""
    conn = open_server()
    for stream_id in (0, 2, 3, 5):
        assert_refused(conn, "reset_stream", stream_id)


@pytest.mark.parametrize("code", [-1, 2**32])
def test_codes_have_32_bits(code: int) -> None:
    """A value that does not fit into the field is rejected, and the stream stays open."""
    conn = open_server()
    assert_refused(conn, "reset_stream", 1, code)
    assert conn.open_inbound_streams == 1
    conn.reset_stream(1)
    assert conn.data_to_send() == wire.rst_stream(1, Code.NO_ERROR)


def test_reset_of_a_promised_stream_releases_it() -> None:
    """Either side may reset a reserved stream."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.REQUEST, end_stream=True)
    wire.exchange(ours, theirs)
    theirs.push_stream(1, 2, wire.REQUEST)
    theirs.push_stream(1, 4, wire.REQUEST)
    wire.exchange(ours, theirs)
    ours.reset_stream(2, Code.CANCEL)
    theirs.reset_stream(4, Code.INTERNAL_ERROR)
    one, other = wire.exchange(ours, theirs)
    assert (only(one, StreamReset).stream_id, only(other, StreamReset).stream_id) == (4, 2)
    assert isinstance(assert_refused(theirs, "send_headers", 2, wire.RESPONSE), StreamClosedError)
