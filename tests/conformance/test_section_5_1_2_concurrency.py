"""RFC 9113 section 5.1.2: the number of concurrent streams."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import PushedStreamReceived, RequestReceived, ResponseReceived, StreamReset
from h2.exceptions import DenialOfServiceError, TooManyStreamsError
from h2.settings import SettingCodes, Settings
from support import wire
from support.outcome import (
    assert_alive,
    assert_refused,
    assert_resets_if_strict,
    kinds,
    sent,
)
from support.wire import Code, Setting


def limited_server(limit: int) -> H2Connection:
    """A server whose client has acknowledged a limit of that many streams."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: limit})
    wire.feed(conn, wire.settings(ack=True))
    conn.clear_outbound_data_buffer()
    return conn


def limited_client(limit: int) -> H2Connection:
    """A client with one open request whose server acknowledged a limit on pushed streams."""
    conn = wire.client()
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: limit})
    wire.feed(conn, wire.settings(ack=True))
    conn.send_headers(1, wire.REQUEST)
    conn.clear_outbound_data_buffer()
    return conn


@pytest.mark.parametrize("limit", [0, 1, 3, 100])
def test_one_stream_too_many(limit: int) -> None:
    """The request above our limit is a connection error by default, a stream error if strict."""
    conn = limited_server(limit)
    for n in range(limit):
        assert kinds(wire.feed(conn, wire.headers(2 * n + 1, wire.REQUEST))) == [RequestReceived]
    assert conn.open_inbound_streams == limit
    assert_too_many(conn, wire.headers(2 * limit + 1, wire.REQUEST), stream_id=2 * limit + 1)


def assert_too_many(conn: H2Connection, frame: bytes, stream_id: int) -> None:
    """A stream above the limit that the peer has acknowledged; a client may send it elsewhere."""
    assert_resets_if_strict(
        conn,
        frame,
        stream_id=stream_id,
        code=Code.PROTOCOL_ERROR,
        strict_code=Code.REFUSED_STREAM,
        error=TooManyStreamsError,
        last_stream_id=max(0, stream_id - 2),
    )


def assert_stream_refused(conn: H2Connection, frame: bytes, stream_id: int, known: bool) -> None:
    """A stream is refused in both modes: the peer could not know, or h2 4.4.1 has no such limit."""
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, frame)
    assert kinds(events) == ([StreamReset] if known or conn.config.strict else [])
    assert conn.data_to_send() == wire.rst_stream(stream_id, Code.REFUSED_STREAM)
    assert_alive(conn)


def test_streams_above_a_limit_that_is_not_acknowledged() -> None:
    """Of 150 initial requests, 100 are served, and the others may be sent again."""
    conn = H2Connection(wire.configuration(client_side=False))
    conn.initiate_connection()
    conn.clear_outbound_data_buffer()
    requests = [wire.headers(stream_id, wire.REQUEST) for stream_id in range(1, 301, 2)]
    events = wire.feed(conn, wire.PREFACE, wire.settings(), *requests)
    received = [e.stream_id for e in events if isinstance(e, RequestReceived)]
    assert received == list(range(1, 201, 2))
    told = [e.stream_id for e in events if isinstance(e, StreamReset)]
    assert told == (list(range(201, 301, 2)) if conn.config.strict else [])
    resets = [(f.stream_id, f.error_code) for f in sent(conn) if f.type == wire.Type.RST_STREAM]
    assert resets == [(stream_id, Code.REFUSED_STREAM) for stream_id in range(201, 301, 2)]
    wire.feed(conn, wire.settings(ack=True))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    wire.feed(conn, wire.data(1, end_stream=True))
    conn.clear_outbound_data_buffer()
    assert kinds(wire.feed(conn, wire.headers(301, wire.REQUEST))) == [RequestReceived]
    assert_too_many(conn, wire.headers(303, wire.REQUEST), stream_id=303)


def test_the_limit_holds_from_the_ack_on() -> None:
    """Requests sent before the peer acknowledged a lower limit may exceed it."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 1})
    events = wire.feed(conn, wire.headers(1, wire.REQUEST), wire.headers(3, wire.REQUEST))
    assert kinds(events) == [RequestReceived, RequestReceived]
    wire.feed(conn, wire.settings(ack=True))
    assert_too_many(conn, wire.headers(5, wire.REQUEST), stream_id=5)


def test_a_limit_that_the_peer_was_not_told() -> None:
    """A limit that was assigned but not sent is not enforced against the peer."""
    conn = limited_server(3)
    conn.local_settings.max_concurrent_streams = 1
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    wire.feed(conn, wire.settings(ack=True), wire.headers(1, wire.REQUEST))
    assert conn.local_settings.max_concurrent_streams == 1
    assert_stream_refused(conn, wire.headers(3, wire.REQUEST), stream_id=3, known=False)


@pytest.mark.parametrize(
    "half_close",
    [
        lambda conn: wire.feed(conn, wire.data(1, end_stream=True)),
        lambda conn: conn.send_headers(1, wire.RESPONSE, end_stream=True),
    ],
    ids=["remote", "local"],
)
def test_half_closed_streams_count(half_close: Callable[[H2Connection], object]) -> None:
    """Streams in either half-closed state count towards the limit."""
    conn = limited_server(1)
    wire.feed(conn, wire.headers(1, wire.POST))
    half_close(conn)
    assert conn.open_inbound_streams == 1
    assert_too_many(conn, wire.headers(3, wire.REQUEST), stream_id=3)


def end_both_sides(conn: H2Connection) -> None:
    wire.feed(conn, wire.data(1, end_stream=True))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)


CLOSINGS: dict[str, Callable[[H2Connection], object]] = {
    "ended": end_both_sides,
    "reset by us": lambda conn: conn.reset_stream(1),
    "reset by peer": lambda conn: wire.feed(conn, wire.rst_stream(1)),
}


@pytest.mark.parametrize("close", CLOSINGS.values(), ids=CLOSINGS)
def test_closed_streams_do_not_count(close: Callable[[H2Connection], object]) -> None:
    """A closed stream makes room for another."""
    conn = limited_server(1)
    wire.feed(conn, wire.headers(1, wire.POST))
    close(conn)
    assert conn.open_inbound_streams == 0
    conn.clear_outbound_data_buffer()
    assert kinds(wire.feed(conn, wire.headers(3, wire.REQUEST))) == [RequestReceived]
    assert_alive(conn)


def test_idle_streams_with_priority_do_not_count() -> None:
    """PRIORITY for an idle stream opens nothing."""
    conn = limited_server(1)
    wire.feed(conn, wire.priority(3), wire.priority(5), wire.headers(7, wire.REQUEST))
    assert conn.open_inbound_streams == 1


def test_reserved_streams_do_not_count() -> None:
    """A client may be promised more streams than may be active at once."""
    conn = limited_client(1)
    wire.feed(conn, *(wire.push_promise(1, n) for n in (2, 4, 6)))
    assert conn.open_inbound_streams == 0
    assert kinds(wire.feed(conn, wire.headers(2, wire.RESPONSE))) == [ResponseReceived]
    assert conn.open_inbound_streams == 1
    wire.feed(conn, wire.data(2, end_stream=True))
    assert kinds(wire.feed(conn, wire.headers(4, wire.RESPONSE))) == [ResponseReceived]


def test_one_pushed_response_too_many() -> None:
    """HEADERS on a reserved stream that would exceed our limit reset it."""
    conn = limited_client(1)
    wire.feed(conn, wire.push_promise(1, 2), wire.push_promise(1, 4))
    wire.feed(conn, wire.headers(2, wire.RESPONSE))
    assert_stream_refused(conn, wire.headers(4, wire.RESPONSE), stream_id=4, known=True)


def test_promises_without_end() -> None:
    """Reserved streams count towards no limit of the peer, so at most 200 of them are kept.

    Refusing more of them is a glitch.
    """
    conn = limited_client(100)
    promises = [wire.push_promise(1, stream_id) for stream_id in range(2, 402, 2)]
    assert kinds(wire.feed(conn, *promises)) == [PushedStreamReceived] * 200
    for stream_id in range(402, 8_002, 2):
        assert len(conn.receive_data(wire.push_promise(1, stream_id))) == conn.config.strict
    assert len(conn.streams) == 201
    assert len(sent(conn)) == 3_800
    wire.feed(conn, wire.headers(2, wire.RESPONSE, end_stream=True))
    assert kinds(wire.feed(conn, wire.push_promise(1, 8_002))) == [PushedStreamReceived]
    assert_stream_refused(conn, wire.push_promise(1, 8_004), stream_id=8_004, known=False)
    rest = [wire.push_promise(1, stream_id) for stream_id in range(8_006, 20_006, 2)]
    with pytest.raises(DenialOfServiceError) as caught:
        wire.feed(conn, *rest)
    assert caught.value.limit == "glitches"


def test_the_limits_of_both_sides_are_independent() -> None:
    """Our limit applies to the peer's streams, not to our own."""
    conn = limited_client(0)
    conn.send_headers(3, wire.REQUEST)
    conn.send_headers(5, wire.REQUEST)
    assert conn.open_outbound_streams == 3


# The limit of the peer --------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_we_do_not_exceed_the_peers_limit(limit: int) -> None:
    """The request above the peer's limit is rejected, and changes nothing."""
    conn = wire.client((Setting.MAX_CONCURRENT_STREAMS, limit))
    for n in range(limit):
        conn.send_headers(2 * n + 1, wire.REQUEST)
    error = assert_refused(conn, "send_headers", 2 * limit + 1, wire.REQUEST)
    assert isinstance(error, TooManyStreamsError)
    assert conn.open_outbound_streams == limit
    assert_alive(conn)


def test_a_closed_request_makes_room() -> None:
    """The peer's limit is on concurrent streams."""
    conn = wire.client((Setting.MAX_CONCURRENT_STREAMS, 1))
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        assert_refused(conn, "send_headers", stream_id + 2, wire.REQUEST)
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE, end_stream=True))
    assert conn.open_outbound_streams == 0


def test_a_lower_limit_lets_open_streams_complete() -> None:
    """When the peer lowers its limit below what is open, the open streams continue."""
    conn = wire.client()
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, wire.POST)
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
    conn.clear_outbound_data_buffer()
    for stream_id in (1, 3, 5):
        conn.send_data(stream_id, b"x", end_stream=True)
    assert len(sent(conn)) == 3
    assert_refused(conn, "send_headers", 7, wire.REQUEST)
    for stream_id in (1, 3, 5):
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE, end_stream=True))
    conn.send_headers(7, wire.REQUEST)
    assert conn.open_outbound_streams == 1


def test_a_server_may_promise_but_not_open_more_than_the_client_allows() -> None:
    """Promises do not count; pushed streams count from the response on."""
    conn = wire.server((Setting.MAX_CONCURRENT_STREAMS, 1))
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.push_stream(1, 2, wire.REQUEST)
    conn.push_stream(1, 4, wire.REQUEST)
    assert conn.open_outbound_streams == 0
    conn.send_headers(2, wire.RESPONSE)
    assert conn.open_outbound_streams == 1
    error = assert_refused(conn, "send_headers", 4, wire.RESPONSE)
    assert isinstance(error, TooManyStreamsError)
    conn.end_stream(2)
    conn.send_headers(4, wire.RESPONSE)
    assert conn.open_outbound_streams == 1


def test_no_limit_before_the_peer_sets_one() -> None:
    """Initially there is no limit."""
    conn = wire.client()
    for n in range(300):
        conn.send_headers(2 * n + 1, wire.REQUEST, end_stream=True)
    assert conn.open_outbound_streams == 300


def test_trailers_are_not_a_new_stream() -> None:
    """Further HEADERS on a stream that counts already do not exceed the limit."""
    conn = limited_server(1)
    wire.feed(conn, wire.headers(1, wire.POST))
    wire.feed(conn, wire.headers(1, wire.TRAILERS, end_stream=True))
    assert_alive(conn)


def test_the_limit_of_the_server_counts_for_the_last_identifier() -> None:
    conn = wire.client((Setting.MAX_CONCURRENT_STREAMS, 1))
    conn.send_headers(1, wire.REQUEST)
    error = assert_refused(conn, "send_headers", wire.MAX_STREAM_ID, wire.REQUEST)
    assert isinstance(error, TooManyStreamsError)
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 2)))
    conn.send_headers(wire.MAX_STREAM_ID, wire.REQUEST)
    assert [frame.stream_id for frame in sent(conn)] == [0, wire.MAX_STREAM_ID]


def test_a_limit_that_the_client_assumes_before_the_servers_settings() -> None:
    conn = H2Connection(wire.configuration())
    conn.remote_settings = Settings(
        client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    )
    conn.initiate_connection()
    conn.send_headers(1, wire.REQUEST)
    error = assert_refused(conn, "send_headers", 3, wire.REQUEST)
    assert isinstance(error, TooManyStreamsError)
