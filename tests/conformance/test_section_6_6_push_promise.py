"""RFC 9113 section 6.6: PUSH_PROMISE frames."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import PushedStreamReceived, SettingsAcknowledged
from support import wire
from support.outcome import (
    assert_alive,
    assert_answered_with_reset,
    assert_connection_error,
    assert_ignored,
    assert_refused,
    assert_stream_error,
    kinds,
    only,
    sent,
)
from support.rules import watched_violations
from support.wire import Code, Flag, Setting, Type, requested_server, requesting_client


def test_promise() -> None:
    """The promised stream and the request that it will answer are reported."""
    event = only(wire.feed(requesting_client(), wire.push_promise(1, 2)), PushedStreamReceived)
    assert (event.parent_stream_id, event.pushed_stream_id) == (1, 2)
    assert tuple(event.headers) == wire.REQUEST


def test_every_amount_of_padding() -> None:
    """Padding of 0 to 255 octets is removed."""
    for pad in range(256):
        events = wire.feed(requesting_client(), wire.push_promise(1, 2, pad=pad))
        assert tuple(only(events, PushedStreamReceived).headers) == wire.REQUEST


def test_promise_in_two_pieces_at_every_octet() -> None:
    """A promise may be continued, even after an empty fragment."""
    block = wire.block(wire.REQUEST)
    for cut in range(len(block) + 1):
        events = wire.feed(
            requesting_client(),
            wire.push_promise(1, 2, block[:cut], end_headers=False, pad=cut % 3 or None),
            wire.continuation(1, block[cut:]),
        )
        assert tuple(only(events, PushedStreamReceived).headers) == wire.REQUEST


def test_promise_at_a_server() -> None:
    """Section 8.4: a client cannot push; at a server it is a connection error PROTOCOL_ERROR."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    assert_connection_error(
        conn, wire.push_promise(1, 2), code=Code.PROTOCOL_ERROR, last_stream_id=1
    )
    assert_connection_error(wire.server(), wire.push_promise(1, 3), code=Code.PROTOCOL_ERROR)


def test_promise_on_stream_zero() -> None:
    """A promise belongs to a request; on 0 it is a connection error PROTOCOL_ERROR."""
    assert_connection_error(requesting_client(), wire.push_promise(0, 2), code=Code.PROTOCOL_ERROR)


def test_promise_on_a_stream_of_the_server() -> None:
    """The stream must have been initiated by the client: a pushed one cannot carry promises."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2), wire.headers(2, wire.RESPONSE))
    assert_connection_error(
        conn, wire.push_promise(2, 4), code=Code.PROTOCOL_ERROR, last_stream_id=2
    )


@pytest.mark.parametrize("payload", [b"\x05\0\0\0\x02", b"\xff\0\0\0\x02ab", b"\x07\0\0\0\x02ab"])
def test_padding_longer_than_the_payload(payload: bytes) -> None:
    """Padding of the payload's length or more is a connection error PROTOCOL_ERROR."""
    assert_connection_error(
        requesting_client(),
        wire.frame(Type.PUSH_PROMISE, Flag.PADDED | Flag.END_HEADERS, 1, payload),
        code=Code.PROTOCOL_ERROR,
    )


def test_padding_that_reaches_into_the_promised_identifier() -> None:
    """Padding shorter than the payload that leaves less than the identifier is an error too."""
    assert_connection_error(
        requesting_client(),
        wire.frame(Type.PUSH_PROMISE, Flag.PADDED | Flag.END_HEADERS, 1, b"\x04\0\0\0\x02ab"),
        code={Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR},
    )


FOLLOWERS = {
    "headers": wire.headers(1, wire.RESPONSE),
    "continuation of another stream": wire.continuation(3, b""),
    "continuation of the promised stream": wire.continuation(2, b""),
    "data": wire.data(1, b"x"),
    "promise": wire.push_promise(1, 4),
}


@pytest.mark.parametrize("frame", FOLLOWERS.values(), ids=FOLLOWERS)
def test_without_end_headers_a_continuation_follows(frame: bytes) -> None:
    """Any other frame, or another stream, is a connection error PROTOCOL_ERROR."""
    begun = wire.push_promise(1, 2, b"", end_headers=False)
    assert_connection_error(requesting_client(), begun, frame, code=Code.PROTOCOL_ERROR)


def test_stream_zero_cannot_be_promised_in_any_number_of_frames() -> None:
    """A block that PUSH_PROMISE starts is always checked as a promise, however it is split."""
    block = wire.block(wire.RESPONSE)
    conn = requesting_client()
    whole = assert_connection_error(conn, wire.push_promise(1, 0, block), code=Code.PROTOCOL_ERROR)
    for cut in range(len(block) + 1):
        begun = wire.push_promise(1, 0, block[:cut], end_headers=False)
        rest = wire.continuation(1, block[cut:])
        conn = requesting_client()
        error = assert_connection_error(conn, begun, rest, code=Code.PROTOCOL_ERROR)
        assert str(error) == str(whole)


# Other illegal identifiers: see 5.1.1; streams already in use:


def two_requests(conn: H2Connection) -> bytes:
    wire.feed(conn, wire.push_promise(1, 2))
    return wire.push_promise(1, 2)


def pushed_and_closed(conn: H2Connection) -> bytes:
    wire.feed(conn, wire.push_promise(1, 2), wire.headers(2, wire.RESPONSE, end_stream=True))
    return wire.push_promise(1, 2)


def skipped(conn: H2Connection) -> bytes:
    wire.feed(conn, wire.push_promise(1, 2), wire.rst_stream(2))
    return wire.push_promise(1, 2)


def test_a_promise_of_a_stream_that_was_reset() -> None:
    """By default it is reset again, as in h2 4.4.1."""
    conn = requesting_client()
    frame = skipped(conn)
    if conn.config.strict:
        assert_connection_error(conn, frame, code=Code.PROTOCOL_ERROR, last_stream_id=2)
    else:
        assert_answered_with_reset(conn, frame, stream_id=2, code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("scene", [two_requests, pushed_and_closed])
def test_only_idle_streams_can_be_promised(scene: Callable[[H2Connection], bytes]) -> None:
    """A promise of a stream that is not idle is a connection error PROTOCOL_ERROR."""
    conn = requesting_client()
    frame = scene(conn)
    assert_connection_error(conn, frame, code=Code.PROTOCOL_ERROR, last_stream_id=2)


def ended_by_the_server(conn: H2Connection) -> bytes:
    wire.feed(conn, wire.headers(3, wire.RESPONSE, end_stream=True))
    return wire.push_promise(3, 2)


def reset_by_us(conn: H2Connection) -> bytes:
    conn.reset_stream(3)
    return wire.push_promise(3, 2)


def closed(conn: H2Connection) -> bytes:
    conn.end_stream(3)
    return ended_by_the_server(conn)


@pytest.mark.parametrize(
    ("scene", "rule"),
    [
        (ended_by_the_server, "promise-repeated"),
        (reset_by_us, "promise-repeated"),
        (closed, "stream-id-too-low"),
    ],
)
def test_a_second_promise_on_a_stream_that_takes_none(
    scene: Callable[[H2Connection], bytes], rule: str
) -> None:
    """By default the promised stream is reset if the associated one is known, as in h2 4.4.1."""
    conn = requesting_client()
    conn.send_headers(3, wire.POST)
    wire.feed(conn, wire.push_promise(1, 2))
    frame = scene(conn)
    with watched_violations() as found:
        if conn.config.strict or rule == "stream-id-too-low":
            assert_connection_error(conn, frame, code=Code.PROTOCOL_ERROR, last_stream_id=2)
        else:
            assert_stream_error(conn, frame, stream_id=2, code=Code.PROTOCOL_ERROR)
    assert found[0].rule.id == rule


# SETTINGS_ENABLE_PUSH ---------------------------------------------------------------------------


def test_promise_after_push_was_disabled() -> None:
    """Once ENABLE_PUSH 0 is acknowledged a promise is a connection error PROTOCOL_ERROR."""
    conn = requesting_client()
    conn.update_settings({Setting.ENABLE_PUSH: 0})
    wire.feed(conn, wire.settings(ack=True))
    assert_connection_error(conn, wire.push_promise(1, 2), code=Code.PROTOCOL_ERROR)


def test_promise_before_the_server_knows_that_push_is_disabled() -> None:
    """A promise may cross our SETTINGS in flight: before the ACK it is accepted."""
    conn = requesting_client()
    conn.update_settings({Setting.ENABLE_PUSH: 0})
    events = wire.feed(conn, wire.push_promise(1, 2), wire.settings(ack=True))
    assert kinds(events) == [PushedStreamReceived, SettingsAcknowledged]


def test_we_do_not_push_to_a_client_that_disabled_it() -> None:
    """push_stream raises after the peer set ENABLE_PUSH to 0, and works after 1."""
    conn = requested_server((Setting.ENABLE_PUSH, 0))
    assert_refused(conn, "push_stream", 1, 2, wire.REQUEST)
    assert conn.get_next_available_stream_id() == 2
    wire.feed(conn, wire.settings((Setting.ENABLE_PUSH, 1)))
    conn.clear_outbound_data_buffer()
    conn.push_stream(1, 2, wire.REQUEST)
    assert [f.type for f in sent(conn)] == [Type.PUSH_PROMISE]


# Sending ------------------------------------------------------------------------------------------


def test_promise_that_we_send() -> None:
    """The frame is sent on the request's stream with the promised identifier and request."""
    conn = requested_server()
    conn.push_stream(1, 2, wire.REQUEST)
    frame = sent(conn)[0]
    assert (frame.stream_id, frame.flags, frame.promised_stream_id) == (1, Flag.END_HEADERS, 2)
    assert tuple(wire.decode(frame.fragment)) == wire.REQUEST


def response_ended(conn: H2Connection) -> int:
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    return 1


def reset_by_peer(conn: H2Connection) -> int:
    wire.feed(conn, wire.rst_stream(1))
    return 1


def half_closed_local(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(3, wire.POST))
    conn.send_headers(3, wire.RESPONSE, end_stream=True)
    return 3


def idle(conn: H2Connection) -> int:
    return 5


def promised(conn: H2Connection) -> int:
    conn.push_stream(1, 2, wire.REQUEST)
    return 2


def pushed(conn: H2Connection) -> int:
    promised(conn)
    conn.send_headers(2, wire.RESPONSE)
    return 2


@pytest.mark.parametrize(
    "scene", [response_ended, reset_by_peer, half_closed_local, idle, promised, pushed]
)
def test_where_we_do_not_promise(scene: Callable[[H2Connection], int]) -> None:
    """Promises are sent only on the client's streams that are open or half-closed (remote)."""
    conn = requested_server()
    stream_id = scene(conn)
    assert_refused(conn, "push_stream", stream_id, 8, wire.REQUEST)
    wire.feed(conn, wire.headers(7, wire.REQUEST, end_stream=True))
    conn.push_stream(7, 8, wire.REQUEST)
    assert sent(conn)[0].promised_stream_id == 8


def test_a_client_does_not_push() -> None:
    """push_stream raises on a client."""
    conn = requesting_client()
    assert_refused(conn, "push_stream", 1, 3, wire.REQUEST)
    assert_refused(conn, "push_stream", 1, 2, wire.REQUEST)
    assert_alive(conn)


def test_in_reserved_local_only_headers_and_reset() -> None:
    """No data can be sent on a promised stream before the HEADERS of its response."""
    conn = requested_server()
    conn.push_stream(1, 2, wire.REQUEST)
    assert_refused(conn, "send_data", 2, b"x")
    assert_refused(conn, "end_stream", 2)
    conn.send_headers(2, wire.RESPONSE)
    conn.send_data(2, b"x", end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS, Type.DATA]


def test_a_client_refuses_a_promise() -> None:
    """A promise is refused with RST_STREAM on its stream; frames in flight are ignored."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2))
    conn.reset_stream(2, Code.REFUSED_STREAM)
    assert conn.data_to_send() == wire.rst_stream(2, Code.REFUSED_STREAM)
    assert_ignored(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x", end_stream=True))


@pytest.mark.parametrize("call", ["send_headers", "send_data", "end_stream"])
def test_a_client_sends_nothing_on_a_promised_stream(call: str) -> None:
    """The client cannot send HEADERS or DATA on it (8.4.2)."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2))
    args = {"send_headers": (wire.REQUEST,), "send_data": (b"x",), "end_stream": ()}[call]
    assert_refused(conn, call, 2, *args)
    wire.feed(conn, wire.headers(2, wire.RESPONSE))
    assert_refused(conn, call, 2, *args)
