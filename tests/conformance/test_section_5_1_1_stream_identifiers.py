"""RFC 9113 section 5.1.1: which stream identifiers may be used, and in which order."""

from __future__ import annotations

import pytest

from h2.events import PushedStreamReceived, RequestReceived
from h2.exceptions import (
    NoAvailableStreamIDError,
    ProtocolError,
    StreamIDTooLowError,
    TooManyStreamsError,
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
from support.wire import MAX_STREAM_ID, Code, Setting


@pytest.mark.parametrize("stream_id", [2, 4, 100, MAX_STREAM_ID - 1])
def test_clients_use_odd_identifiers(stream_id: int) -> None:
    """A request on an even stream is a connection error PROTOCOL_ERROR."""
    assert_connection_error(
        wire.server(), wire.headers(stream_id, wire.REQUEST), code=Code.PROTOCOL_ERROR
    )


@pytest.mark.parametrize("promised", [1, 3, 101, MAX_STREAM_ID])
def test_servers_use_even_identifiers(promised: int) -> None:
    """A promise of an odd stream is a connection error PROTOCOL_ERROR."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    assert_connection_error(conn, wire.push_promise(1, promised), code=Code.PROTOCOL_ERROR)


def test_stream_zero_cannot_be_promised() -> None:
    """Identifier 0 is the connection; it never becomes a stream."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    assert_connection_error(conn, wire.push_promise(1, 0), code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("first", [1, 3, 99, MAX_STREAM_ID])
def test_any_odd_identifier_may_come_first(first: int) -> None:
    """Identifiers may be skipped, up to the last one."""
    conn = wire.server()
    event = only(wire.feed(conn, wire.headers(first, wire.REQUEST)), RequestReceived)
    assert event.stream_id == first


@pytest.mark.parametrize("second", [1, 3])
def test_identifiers_grow(second: int) -> None:
    """A new stream below the highest one is a connection error PROTOCOL_ERROR."""
    conn = wire.server()
    wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True))
    error = assert_connection_error(
        conn,
        wire.headers(second, wire.REQUEST),
        code=Code.PROTOCOL_ERROR,
        error=StreamIDTooLowError,
        last_stream_id=5,
    )
    assert (error.stream_id, error.max_stream_id) == (second, 5)


def test_promised_identifiers_grow() -> None:
    """The rule applies to reserved streams as well."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    wire.feed(conn, wire.push_promise(1, 4))
    for promised in (2, 4):
        other = wire.client()
        other.send_headers(1, wire.REQUEST)
        wire.feed(other, wire.push_promise(1, 4))
        assert_connection_error(
            other,
            wire.push_promise(1, promised),
            code=Code.PROTOCOL_ERROR,
            last_stream_id=4,
        )
    assert kinds(wire.feed(conn, wire.push_promise(1, 6))) == [PushedStreamReceived]


def test_promised_streams_may_open_in_any_order() -> None:
    """Section 6.6: streams need not be used in the order they were promised."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    events = wire.feed(
        conn,
        wire.push_promise(1, 2),
        wire.push_promise(1, 4),
        wire.headers(4, wire.RESPONSE),
        wire.headers(2, wire.RESPONSE),
    )
    assert [getattr(e, "stream_id", None) for e in events[2:]] == [4, 2]


def test_both_sides_count_on_their_own() -> None:
    """The identifiers of the client do not affect those of the server."""
    conn = wire.server()
    wire.feed(conn, wire.headers(101, wire.REQUEST))
    conn.push_stream(101, 2, wire.REQUEST)
    events = wire.feed(conn, wire.headers(103, wire.REQUEST))
    assert kinds(events) == [RequestReceived]


def test_reuse_of_a_finished_stream_is_not_a_new_stream() -> None:
    """Identifiers cannot be reused, however long ago the stream ended."""
    conn = wire.server()
    for stream_id in range(1, 21, 2):
        wire.feed(conn, wire.headers(stream_id, wire.REQUEST, end_stream=True))
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
    assert_connection_error(
        conn,
        wire.headers(1, wire.REQUEST),
        code=Code.STREAM_CLOSED,
        last_stream_id=19,
    )


# Our own identifiers ---------------------------------------------------------------------------


def test_we_count_odd_as_client_and_even_as_server() -> None:
    """The next identifier is odd for a client and even for a server, and grows by two."""
    ours, theirs = wire.pair()
    assert ours.get_next_available_stream_id() == 1
    assert theirs.get_next_available_stream_id() == 2
    ours.send_headers(1, wire.REQUEST)
    assert ours.get_next_available_stream_id() == 3
    wire.exchange(ours, theirs)
    theirs.push_stream(1, 2, wire.REQUEST)
    assert theirs.get_next_available_stream_id() == 4


def test_asking_does_not_use_an_identifier() -> None:
    """The result changes when the identifier is used, not when the method is called."""
    conn = wire.client()
    assert [conn.get_next_available_stream_id() for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("stream_id", [0, 2, 100])
def test_a_client_cannot_open_such_a_stream(stream_id: int) -> None:
    """Even identifiers and zero are rejected, and the next call works."""
    conn = wire.client()
    assert_refused(conn, "send_headers", stream_id, wire.REQUEST)
    assert conn.get_next_available_stream_id() == 1
    conn.send_headers(1, wire.REQUEST)
    assert [f.stream_id for f in sent(conn)] == [1]


@pytest.mark.parametrize("stream_id", [1, 2, 3])
def test_a_server_cannot_open_a_stream_with_headers(stream_id: int) -> None:
    """A server answers or promises; it never opens a stream by HEADERS alone."""
    conn = wire.server()
    assert isinstance(assert_refused(conn, "send_headers", stream_id, wire.RESPONSE), ProtocolError)
    assert_alive(conn)


def test_we_do_not_go_back() -> None:
    """A request below our highest stream is rejected."""
    conn = wire.client()
    conn.send_headers(5, wire.REQUEST)
    error = assert_refused(conn, "send_headers", 3, wire.REQUEST)
    assert isinstance(error, StreamIDTooLowError)
    assert conn.get_next_available_stream_id() == 7


@pytest.mark.parametrize("promised", [0, 1, 2, 3, 4])
def test_we_promise_only_new_even_streams(promised: int) -> None:
    """Odd, zero, used and lower identifiers cannot be promised."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.push_stream(1, 4, wire.REQUEST)
    assert_refused(conn, "push_stream", 1, promised, wire.REQUEST)
    conn.push_stream(1, 6, wire.REQUEST)
    assert sent(conn)[0].promised_stream_id == 6


def test_the_last_identifier() -> None:
    """2^31-1 is a stream like any other; after it there is none."""
    conn = wire.client()
    conn.send_headers(MAX_STREAM_ID, wire.REQUEST, end_stream=True)
    assert sent(conn)[0].stream_id == MAX_STREAM_ID
    with pytest.raises(NoAvailableStreamIDError):
        conn.get_next_available_stream_id()
    events = wire.feed(conn, wire.headers(MAX_STREAM_ID, wire.RESPONSE, end_stream=True))
    assert getattr(events[0], "stream_id", None) == MAX_STREAM_ID


@pytest.mark.parametrize("stream_id", [2**31, 2**31 + 1, 2**32 + 1, -1])
def test_identifiers_have_31_bits(stream_id: int) -> None:
    """A value that does not fit into the field is rejected."""
    conn = wire.client()
    assert_refused(conn, "send_headers", stream_id, wire.REQUEST)
    assert conn.get_next_available_stream_id() == 1


def test_promised_identifiers_have_31_bits() -> None:
    """The last one that a server can promise is 2^31-2."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    for promised in (2**31, 2**31 + 2, 2**32):
        assert_refused(conn, "push_stream", 1, promised, wire.REQUEST)
    conn.push_stream(1, MAX_STREAM_ID - 1, wire.REQUEST)
    assert sent(conn)[0].promised_stream_id == MAX_STREAM_ID - 1
    with pytest.raises(NoAvailableStreamIDError):
        conn.get_next_available_stream_id()


def test_a_refused_stream_does_not_use_its_identifier_up() -> None:
    """After a request was rejected for another reason, its identifier is still free."""
    conn = wire.client((Setting.MAX_CONCURRENT_STREAMS, 0))
    error = assert_refused(conn, "send_headers", 5, wire.REQUEST)
    assert isinstance(error, TooManyStreamsError)
    assert conn.get_next_available_stream_id() == 1
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
    conn.send_headers(1, wire.REQUEST)
    assert conn.get_next_available_stream_id() == 3
