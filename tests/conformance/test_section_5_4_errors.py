"""RFC 9113 section 5.4: how connection errors and stream errors are handled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    PingReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error, ProtocolError
from support import wire
from support.outcome import (
    assert_connection_error,
    assert_dead,
    assert_ignored,
    assert_stream_error,
    kinds,
    only,
    sent,
)
from support.wire import Code, Type

BAD_PING = wire.frame(Type.PING, 0, 1, b"12345678")


def test_goaway_names_the_last_stream_received() -> None:
    """The GOAWAY of an error carries the last stream of the peer that was processed."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST), wire.headers(7, wire.REQUEST))
    assert_connection_error(conn, BAD_PING, code=Code.PROTOCOL_ERROR, last_stream_id=7)


def test_goaway_of_a_client_names_promised_streams() -> None:
    """For a client the streams of the peer are the promised ones."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    conn.send_headers(3, wire.REQUEST)
    wire.feed(conn, wire.push_promise(1, 2), wire.headers(2, wire.RESPONSE))
    assert_connection_error(conn, BAD_PING, code=Code.PROTOCOL_ERROR, last_stream_id=2)


def test_events_before_the_error_are_carried_by_the_exception() -> None:
    """Whatever was received in full before the error is on ``exc.events``, in order."""
    conn = wire.server()
    with pytest.raises(ProtocolError) as caught:
        wire.feed(
            conn,
            wire.headers(1, wire.POST),
            wire.data(1, b"first"),
            wire.data(1, b"last", end_stream=True),
            wire.settings((5, 20_000)),
            wire.ping(b"pingpong"),
            BAD_PING,
            wire.headers(3, wire.REQUEST),
        )
    events = caught.value.events
    assert kinds(events) == [
        RequestReceived,
        DataReceived,
        DataReceived,
        StreamEnded,
        RemoteSettingsChanged,
        PingReceived,
    ]
    assert [e.data for e in events if isinstance(e, DataReceived)] == [b"first", b"last"]
    assert only(events, PingReceived).ping_data == b"pingpong"


def test_answers_to_frames_before_the_error_are_sent() -> None:
    """ACKs for what came before the error precede the GOAWAY."""
    conn = wire.server()
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.settings(), wire.ping(), BAD_PING)
    expected = wire.settings(ack=True) + wire.ping(ack=True)
    out = conn.data_to_send()
    assert out.startswith(expected)
    assert [f.type for f in wire.parse(out[len(expected) :])] == [Type.GOAWAY]


def test_output_that_waited_before_the_error_is_kept() -> None:
    """The pending output of the application is not discarded."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.clear_outbound_data_buffer()
    conn.send_headers(1, wire.RESPONSE)
    conn.send_data(1, b"body", end_stream=True)
    with pytest.raises(ProtocolError):
        wire.feed(conn, BAD_PING)
    assert [f.type for f in sent(conn)] == [Type.HEADERS, Type.DATA, Type.GOAWAY]


def test_errors_without_earlier_events_have_an_empty_list() -> None:
    """``exc.events`` always exists."""
    with pytest.raises(H2Error) as caught:
        wire.feed(wire.server(), BAD_PING)
    assert caught.value.events == []


def test_events_of_earlier_calls_are_not_repeated() -> None:
    """The exception carries only the events of the failing call."""
    conn = wire.server()
    wire.feed(conn, wire.ping())
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, BAD_PING)
    assert caught.value.events == []


def test_a_frame_is_not_half_reported() -> None:
    """The frame with the error causes no event, the one before it all of its events."""
    conn = wire.server(strict=False)
    overrun = wire.headers(1, [*wire.POST, (b"content-length", b"3")])
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, overrun, wire.data(1, b"ab"), wire.data(1, b"cd", end_stream=True))
    assert kinds(caught.value.events) == [RequestReceived, DataReceived]


AFTERWARDS: dict[str, Callable[[H2Connection], None]] = {
    "ping": lambda conn: conn.ping(b"12345678"),
    "headers": lambda conn: conn.send_headers(1, wire.RESPONSE),
    "data": lambda conn: conn.send_data(1, b"x"),
    "end_stream": lambda conn: conn.end_stream(1),
    "reset_stream": lambda conn: conn.reset_stream(1),
    "push_stream": lambda conn: conn.push_stream(1, 2, wire.REQUEST),
    "update_settings": lambda conn: conn.update_settings({5: 20_000}),
    "window": lambda conn: conn.increment_flow_control_window(1),
    "stream window": lambda conn: conn.increment_flow_control_window(1, stream_id=1),
    "altsvc": lambda conn: conn.advertise_alternative_service(b"x", origin=b"https://a"),
}


@pytest.mark.parametrize("call", AFTERWARDS.values(), ids=AFTERWARDS)
def test_nothing_can_be_sent_after_a_connection_error(
    call: Callable[[H2Connection], None],
) -> None:
    """After the GOAWAY of an error the connection must be closed; every call raises."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    with pytest.raises(ProtocolError):
        wire.feed(conn, BAD_PING)
    conn.clear_outbound_data_buffer()
    with pytest.raises(ProtocolError) as caught:
        call(conn)
    assert caught.value.rule == "connection-closed"
    assert conn.data_to_send() == b""


def test_nothing_is_parsed_after_a_connection_error() -> None:
    """Later input is rejected without an event or an answer."""
    conn = wire.server()
    with pytest.raises(ProtocolError):
        wire.feed(conn, BAD_PING)
    assert [f.type for f in sent(conn)] == [Type.GOAWAY]
    for more in (wire.headers(1, wire.REQUEST), wire.ping(), BAD_PING, b"\xff" * 100):
        with pytest.raises(ProtocolError, match="has ended") as caught:
            conn.receive_data(more)
        assert (list(caught.value.events), caught.value.rule) == ([], "connection-closed")
    assert conn.receive_data(b"") == []
    assert conn.data_to_send() == b""
    assert_dead(conn)


def test_one_goaway_for_an_error_after_graceful_shutdown() -> None:
    """An error during graceful shutdown may be reported in another GOAWAY."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.close_connection()
    assert [f.error_code for f in sent(conn)] == [Code.NO_ERROR]
    assert_connection_error(conn, BAD_PING, code=Code.PROTOCOL_ERROR, last_stream_id=1)


# Section 5.4.2 ----------------------------------------------------------------------------------


def half_closed_server() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.clear_outbound_data_buffer()
    return conn


def test_the_first_stream_error_is_the_only_one() -> None:
    """Further errors on the same stream are not reported, and cause no second RST_STREAM."""
    conn = half_closed_server()
    late = wire.data(1, b"late")
    assert_stream_error(conn, late, late, late, stream_id=1, code=Code.STREAM_CLOSED)
    assert_ignored(conn, wire.window_update(1, 0), wire.headers(1, wire.TRAILERS))


def test_rst_stream_is_never_answered_with_rst_stream() -> None:
    """To avoid looping: RST_STREAM on any stream that was once open is not answered."""
    conn = half_closed_server()
    assert kinds(wire.feed(conn, wire.rst_stream(1))) == [StreamReset]
    assert_ignored(conn, wire.rst_stream(1), wire.rst_stream(1, Code.STREAM_CLOSED))


def test_rst_streams_that_cross_each_other() -> None:
    """Both sides may reset the same stream at the same time."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.POST)
    wire.exchange(ours, theirs)
    ours.reset_stream(1)
    theirs.reset_stream(1)
    one, other = wire.exchange(ours, theirs)
    assert (one, other) == ([], [])


def test_after_our_reset_nothing_but_priority_is_sent() -> None:
    """RST_STREAM is the last frame that we send on a stream."""
    conn = half_closed_server()
    conn.reset_stream(1, Code.INTERNAL_ERROR)
    assert conn.data_to_send() == wire.rst_stream(1, Code.INTERNAL_ERROR)
    for call in (
        lambda: conn.send_headers(1, wire.RESPONSE),
        lambda: conn.send_data(1, b"x"),
        lambda: conn.end_stream(1),
        lambda: conn.push_stream(1, 2, wire.REQUEST),
        lambda: conn.increment_flow_control_window(5, stream_id=1),
    ):
        with pytest.raises(ProtocolError):
            call()
    assert conn.data_to_send() == b""


def test_events_around_a_stream_error_stay_in_order() -> None:
    """A stream error is an event between others."""
    conn = half_closed_server()
    events: list[Event] = wire.feed(
        conn, wire.ping(), wire.data(1, b"late"), wire.ping(), wire.headers(3, wire.REQUEST)
    )
    assert kinds(events) == [PingReceived, StreamReset, PingReceived, RequestReceived]


@pytest.mark.parametrize("responded", [False, True])
def test_a_response_that_has_begun_is_not_followed_by_another(responded: bool) -> None:
    """The status code for a malformed message is sent where no response has begun (8.1.1)."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    if responded:
        conn.send_headers(1, wire.RESPONSE)
    conn.clear_outbound_data_buffer()
    bad = wire.headers(1, [(b"bad name", b"")], end_stream=True)
    if not conn.config.strict:
        with pytest.raises(ProtocolError):
            wire.feed(conn, bad)
        return
    wire.feed(conn, bad)
    types = [frame.type for frame in wire.parse(conn.data_to_send())]
    assert types == ([] if responded else [Type.HEADERS]) + [Type.RST_STREAM]


def test_goaway_for_malformed_trailers_names_the_last_request() -> None:
    """It does not name the stream of the trailers."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(5, wire.POST))
    conn.clear_outbound_data_buffer()
    bad = wire.headers(1, [(b"bad name", b"")], end_stream=True)
    if conn.config.strict:
        wire.feed(conn, bad)
        assert conn.highest_inbound_stream_id == 5
        return
    assert_connection_error(conn, bad, code=Code.PROTOCOL_ERROR, last_stream_id=5)


def test_goaway_for_an_error_says_nothing_more_and_is_not_taken_back() -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.clear_outbound_data_buffer()
    with pytest.raises(ProtocolError):
        wire.feed(conn, BAD_PING)
    assert wire.parse(conn.data_to_send())[-1].debug_data == b""
    with pytest.raises(ProtocolError, match="is higher than 1"):
        conn.close_connection(last_stream_id=3)
