"""RFC 9113 section 5.1 at a client: every frame type in every stream state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    PushedStreamReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from support import wire
from support.outcome import (
    assert_alive,
    assert_answered_with_reset,
    assert_connection_error,
    assert_ignored,
    kinds,
    only,
    sent,
)
from support.states import (
    ALREADY_CLOSED,
    CONNECTION_ERROR,
    IGNORED,
    MALFORMED,
    RESET_AGAIN,
    STREAM_CLOSED,
    STREAM_ERROR,
    Outcome,
    Scenes,
    StateTests,
    check,
    gives,
    reset_unless_strict,
    tolerated,
)
from support.wire import Code, Type

SCENES = Scenes()
EARLY_HINTS = ((b":status", b"103"),)


@SCENES.add(1, 0)
def idle(conn: H2Connection) -> None:
    """No request yet."""


@SCENES.add(2, 0)
def idle_of_the_server(conn: H2Connection) -> None:
    conn.send_headers(1, wire.REQUEST)


@SCENES.add(2, 2)
def reserved_remote(conn: H2Connection) -> None:
    conn.send_headers(1, wire.REQUEST)
    wire.feed(conn, wire.push_promise(1, 2))


@SCENES.add(2, 2)
def pushed(conn: H2Connection) -> None:
    reserved_remote(conn)
    wire.feed(conn, wire.headers(2, wire.RESPONSE))


@SCENES.add(2, 2)
def pushed_closed(conn: H2Connection) -> None:
    pushed(conn)
    wire.feed(conn, wire.data(2, end_stream=True))


@SCENES.add(2, 2)
def push_refused(conn: H2Connection) -> None:
    reserved_remote(conn)
    conn.reset_stream(2, Code.REFUSED_STREAM)


@SCENES.add(1, 0)
def open_(conn: H2Connection) -> None:
    conn.send_headers(1, wire.POST)


@SCENES.add(1, 0)
def open_after_response(conn: H2Connection) -> None:
    open_(conn)
    wire.feed(conn, wire.headers(1, wire.RESPONSE))


@SCENES.add(1, 0)
def half_closed_local(conn: H2Connection) -> None:
    conn.send_headers(1, wire.REQUEST, end_stream=True)


@SCENES.add(1, 0)
def half_closed_local_after_response(conn: H2Connection) -> None:
    half_closed_local(conn)
    wire.feed(conn, wire.headers(1, wire.RESPONSE))


@SCENES.add(1, 0)
def half_closed_remote(conn: H2Connection) -> None:
    open_(conn)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))


@SCENES.add(1, 0)
def closed(conn: H2Connection) -> None:
    half_closed_local(conn)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))


@SCENES.add(1, 0)
def reset_by_us(conn: H2Connection) -> None:
    half_closed_local(conn)
    conn.reset_stream(1, Code.CANCEL)


@SCENES.add(1, 0)
def reset_by_us_open(conn: H2Connection) -> None:
    open_after_response(conn)
    conn.reset_stream(1, Code.CANCEL)


@SCENES.add(1, 0)
def reset_by_peer(conn: H2Connection) -> None:
    half_closed_local(conn)
    wire.feed(conn, wire.rst_stream(1))


FRAMES: dict[str, Callable[[int], bytes]] = {
    "data": lambda n: wire.data(n, b"x"),
    "data, end": lambda n: wire.data(n, end_stream=True),
    "1xx": lambda n: wire.headers(n, EARLY_HINTS),
    "response": lambda n: wire.headers(n, wire.RESPONSE),
    "response, end": lambda n: wire.headers(n, wire.RESPONSE, end_stream=True),
    "trailers": lambda n: wire.headers(n, wire.TRAILERS, end_stream=True),
    "rst_stream": lambda n: wire.rst_stream(n),
    "window_update": lambda n: wire.window_update(n, 1),
    "window_update 0": lambda n: wire.window_update(n, 0),
}

RESPONDING = (gives(InformationalResponseReceived), gives(ResponseReceived))
ENDING = gives(ResponseReceived, StreamEnded)
END_OF_BODY = (gives(DataReceived), gives(DataReceived, StreamEnded))
RESET = gives(StreamReset)
WINDOW = gives(WindowUpdated)

# Data before a response, a second response and trailers before a response make a malformed message
# (section 8.1).
BEFORE_RESPONSE = (
    *(MALFORMED,) * 2,
    *RESPONDING,
    ENDING,
    MALFORMED,
    RESET,
    WINDOW,
    STREAM_ERROR,
)
AFTER_RESPONSE = (
    *END_OF_BODY,
    *(MALFORMED,) * 3,
    gives(TrailersReceived, StreamEnded),
    RESET,
    WINDOW,
    STREAM_ERROR,
)
# Section 6.1 requires a stream error for DATA, section 5.1 allows a connection error.
ENDED = (*(RESET_AGAIN,) * 2, *(ALREADY_CLOSED,) * 4, *(IGNORED,) * 3)
RESET_BY_US = (IGNORED,) * 9
TABLE: dict[str, tuple[Outcome, ...]] = {
    "idle": (CONNECTION_ERROR,) * 9,
    "idle_of_the_server": (
        *(CONNECTION_ERROR,) * 2,
        *(reset_unless_strict("reset"),) * 4,
        tolerated(),
        *(CONNECTION_ERROR,) * 2,
    ),
    "reserved_remote": (
        *(reset_unless_strict("stream"),) * 2,
        *RESPONDING,
        ENDING,
        MALFORMED,
        RESET,
        tolerated(WindowUpdated),
        reset_unless_strict("stream"),
    ),
    "open": BEFORE_RESPONSE,
    "half_closed_local": BEFORE_RESPONSE,
    "open_after_response": AFTER_RESPONSE,
    "half_closed_local_after_response": AFTER_RESPONSE,
    "pushed": AFTER_RESPONSE,
    "half_closed_remote": (*(STREAM_CLOSED,) * 6, RESET, WINDOW, STREAM_ERROR),
    "closed": ENDED,
    "pushed_closed": ENDED,
    "reset_by_us": RESET_BY_US,
    "reset_by_us_open": RESET_BY_US,
    "push_refused": RESET_BY_US,
    "reset_by_peer": (*(RESET_AGAIN,) * 6, *(IGNORED,) * 3),
}


class TestClient(StateTests):
    connection = staticmethod(wire.client)
    scenes, frames, table = SCENES, FRAMES, TABLE


ACCEPTS_PROMISE = {
    "open",
    "open_after_response",
    "half_closed_local",
    "half_closed_local_after_response",
}
RESET_REQUESTS = {"reset_by_us", "reset_by_us_open"}


@pytest.mark.parametrize("state", sorted(SCENES.keys() - RESET_REQUESTS))
def test_push_promise_in_every_state(state: str, strict: bool) -> None:
    """Promises arrive on streams that are open or half-closed (local) for the client."""
    outcome = gives(PushedStreamReceived) if state in ACCEPTS_PROMISE else CONNECTION_ERROR
    if strict or state not in ("half_closed_remote", "push_refused"):
        check(wire.client(), SCENES[state], lambda n: wire.push_promise(n, 4), outcome)


@pytest.mark.parametrize("state", ["half_closed_remote", "push_refused"])
def test_push_promise_that_resets_the_promised_stream_by_default(state: str) -> None:
    """After the response, and on a promised stream that we reset, as in h2 4.4.1."""
    conn = wire.client(strict=False)
    SCENES[state].build(conn)
    conn.clear_outbound_data_buffer()
    promise = wire.push_promise(SCENES[state].stream_id, 4)
    assert_answered_with_reset(conn, promise, stream_id=4, code=Code.PROTOCOL_ERROR)
    assert_ignored(conn, wire.headers(4, wire.RESPONSE), wire.data(4, b"x", end_stream=True))


@pytest.mark.parametrize("state", sorted(RESET_REQUESTS))
def test_push_promise_on_a_stream_that_we_reset(state: str) -> None:
    """Such a promise reserves the promised stream, which the client then refuses.

    It may have been sent before the RST_STREAM arrived, so it is not an error; what follows on the
    promised stream is ignored as on any stream that we reset.
    """
    conn = wire.client()
    SCENES[state].build(conn)
    conn.clear_outbound_data_buffer()
    assert wire.feed(conn, wire.push_promise(1, 4)) == []
    out = sent(conn)
    assert [(f.type, f.stream_id) for f in out] == [(Type.RST_STREAM, 4)]
    assert out[0].error_code == Code.REFUSED_STREAM
    assert_ignored(conn, wire.headers(4, wire.RESPONSE), wire.data(4, b"x", end_stream=True))
    again = wire.push_promise(1, 4)
    if conn.config.strict:
        assert_connection_error(conn, again, code=Code.PROTOCOL_ERROR, last_stream_id=4)
    else:
        assert_answered_with_reset(conn, again, stream_id=4, code=Code.PROTOCOL_ERROR)


def test_response_without_a_request() -> None:
    """A server cannot open a stream with HEADERS, on either kind of identifier."""
    for stream_id in (1, 101):
        assert_connection_error(
            wire.client(), wire.headers(stream_id, wire.RESPONSE), code=Code.PROTOCOL_ERROR
        )


def test_skipped_promised_streams_are_closed() -> None:
    """Promising stream 6 closes the idle streams 2 and 4 forever."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    wire.feed(conn, wire.push_promise(1, 6))
    assert_connection_error(
        conn, wire.push_promise(1, 4), code=Code.PROTOCOL_ERROR, last_stream_id=6
    )


def test_rst_stream_with_no_error_after_a_complete_response() -> None:
    """Section 8.1: such a RST_STREAM does not affect the response."""
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    conn.clear_outbound_data_buffer()
    events = wire.feed(
        conn,
        wire.headers(1, wire.RESPONSE),
        wire.data(1, b"done", end_stream=True),
        wire.rst_stream(1, Code.NO_ERROR),
    )
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded, StreamReset]
    assert only(events, StreamReset).error_code == Code.NO_ERROR
    assert only(events, StreamReset).remote_reset is True
    assert_alive(conn)
