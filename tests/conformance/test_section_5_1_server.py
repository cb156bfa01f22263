"""RFC 9113 section 5.1 at a server: every frame type in every stream state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import StreamClosedError
from support import wire
from support.outcome import (
    assert_ignored,
    assert_stream_error,
    kinds,
)
from support.states import (
    ALREADY_CLOSED,
    CONNECTION_ERROR,
    IGNORED,
    MALFORMED,
    RESET_AGAIN,
    STREAM_CLOSED,
    STREAM_ERROR,
    TOO_LOW,
    Outcome,
    Scenes,
    StateTests,
    gives,
    reset_unless_strict,
    tolerated,
)
from support.wire import Code, Type

SCENES = Scenes()


@SCENES.add(1, 0)
def idle(conn: H2Connection) -> None:
    """No frame yet."""


@SCENES.add(2, 1)
def idle_of_the_server(conn: H2Connection) -> None:
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))


@SCENES.add(2, 1)
def reserved_local(conn: H2Connection) -> None:
    idle_of_the_server(conn)
    conn.push_stream(1, 2, wire.REQUEST)


@SCENES.add(2, 1)
def pushed(conn: H2Connection) -> None:
    reserved_local(conn)
    conn.send_headers(2, wire.RESPONSE)


@SCENES.add(2, 1)
def pushed_closed(conn: H2Connection) -> None:
    pushed(conn)
    conn.end_stream(2)


@SCENES.add(1, 1)
def open_(conn: H2Connection) -> None:
    wire.feed(conn, wire.headers(1, wire.POST))


@SCENES.add(1, 1)
def half_closed_remote(conn: H2Connection) -> None:
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))


@SCENES.add(1, 1)
def half_closed_remote_responding(conn: H2Connection) -> None:
    half_closed_remote(conn)
    conn.send_headers(1, wire.RESPONSE)
    conn.send_data(1, b"some")


@SCENES.add(1, 1)
def half_closed_local(conn: H2Connection) -> None:
    open_(conn)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)


@SCENES.add(1, 1)
def closed(conn: H2Connection) -> None:
    half_closed_remote(conn)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)


@SCENES.add(1, 1)
def closed_by_the_client_last(conn: H2Connection) -> None:
    half_closed_local(conn)
    wire.feed(conn, wire.data(1, end_stream=True))


@SCENES.add(1, 1)
def reset_by_us(conn: H2Connection) -> None:
    open_(conn)
    conn.reset_stream(1, Code.CANCEL)


@SCENES.add(1, 1)
def reset_by_us_half_closed_local(conn: H2Connection) -> None:
    half_closed_local(conn)
    conn.reset_stream(1)


@SCENES.add(1, 1)
def reset_by_peer(conn: H2Connection) -> None:
    open_(conn)
    wire.feed(conn, wire.rst_stream(1))


@SCENES.add(1, 1)
def reset_by_peer_half_closed_remote(conn: H2Connection) -> None:
    half_closed_remote(conn)
    wire.feed(conn, wire.rst_stream(1))


@SCENES.add(2, 1)
def push_reset_by_peer(conn: H2Connection) -> None:
    reserved_local(conn)
    wire.feed(conn, wire.rst_stream(2, Code.REFUSED_STREAM))


@SCENES.add(3, 5)
def skipped(conn: H2Connection) -> None:
    wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True))


FRAMES: dict[str, Callable[[int], bytes]] = {
    "data": lambda n: wire.data(n, b"x"),
    "data, end": lambda n: wire.data(n, end_stream=True),
    "headers": lambda n: wire.headers(n, wire.POST),
    "trailers": lambda n: wire.headers(n, wire.TRAILERS, end_stream=True),
    "rst_stream": lambda n: wire.rst_stream(n),
    "window_update": lambda n: wire.window_update(n, 1),
    "window_update 0": lambda n: wire.window_update(n, 0),
    "push_promise": lambda n: wire.push_promise(n, 4),
}

RESET = gives(StreamReset)
WINDOW = gives(WindowUpdated)

TABLE: dict[str, tuple[Outcome, ...]] = {
    "idle": (
        *(CONNECTION_ERROR,) * 2,
        gives(RequestReceived),
        MALFORMED,
        *(CONNECTION_ERROR,) * 4,
    ),
    "idle_of_the_server": (*(CONNECTION_ERROR,) * 4, tolerated(), *(CONNECTION_ERROR,) * 3),
    "reserved_local": (
        *(reset_unless_strict("stream"),) * 2,
        *(CONNECTION_ERROR,) * 2,
        RESET,
        WINDOW,
        STREAM_ERROR,
        CONNECTION_ERROR,
    ),
    "open": (
        gives(DataReceived),
        gives(DataReceived, StreamEnded),
        MALFORMED,
        gives(TrailersReceived, StreamEnded),
        RESET,
        WINDOW,
        STREAM_ERROR,
        CONNECTION_ERROR,
    ),
    "half_closed_local": (
        gives(DataReceived),
        gives(DataReceived, StreamEnded),
        MALFORMED,
        gives(TrailersReceived, StreamEnded),
        RESET,
        WINDOW,
        STREAM_ERROR,
        CONNECTION_ERROR,
    ),
}
for name in ("half_closed_remote", "half_closed_remote_responding", "pushed"):
    TABLE[name] = (
        *(STREAM_CLOSED,) * 4,
        RESET,
        WINDOW,
        STREAM_ERROR,
        CONNECTION_ERROR,
    )
for name in ("closed", "closed_by_the_client_last", "pushed_closed"):
    # Section 6.1 requires a stream error for DATA, section 5.1 allows a connection error.
    TABLE[name] = (
        *(RESET_AGAIN,) * 2,
        *(ALREADY_CLOSED,) * 2,
        *(IGNORED,) * 3,
        CONNECTION_ERROR,
    )
for name in ("reset_by_us", "reset_by_us_half_closed_local"):
    TABLE[name] = (*(IGNORED,) * 7, CONNECTION_ERROR)
for name in ("reset_by_peer", "reset_by_peer_half_closed_remote", "push_reset_by_peer"):
    TABLE[name] = (*(RESET_AGAIN,) * 4, *(IGNORED,) * 3, CONNECTION_ERROR)
TABLE["skipped"] = (
    *(RESET_AGAIN,) * 2,
    *(TOO_LOW,) * 2,
    *(IGNORED,) * 3,
    CONNECTION_ERROR,
)


class TestServer(StateTests):
    connection = staticmethod(wire.server)
    scenes, frames, table = SCENES, FRAMES, TABLE


@pytest.mark.parametrize("state", ["half_closed_remote", "pushed"])
def test_stream_error_closes_the_stream(state: str) -> None:
    """After our RST_STREAM for a late frame the stream can neither send nor receive."""
    build, stream_id, _ = SCENES[state]
    conn = wire.server()
    build(conn)
    conn.clear_outbound_data_buffer()
    late = wire.data(stream_id, b"late")
    assert_stream_error(conn, late, stream_id=stream_id, code=Code.STREAM_CLOSED)
    with pytest.raises(StreamClosedError):
        conn.send_data(stream_id, b"x")
    assert_ignored(conn, wire.rst_stream(stream_id), wire.window_update(stream_id, 1))
    assert_ignored(conn, wire.data(stream_id, b"later"))


def test_other_streams_do_not_notice_a_stream_error() -> None:
    """A stream error does not affect the other streams or the order of events."""
    conn = wire.server()
    half_closed_remote(conn)
    conn.clear_outbound_data_buffer()
    events = wire.feed(
        conn,
        wire.headers(3, wire.POST),
        wire.data(1, b"late"),
        wire.data(3, b"body", end_stream=True),
    )
    assert kinds(events) == [RequestReceived, StreamReset, DataReceived, StreamEnded]
    conn.send_headers(3, wire.RESPONSE, end_stream=True)
    out = [f for f in wire.parse(conn.data_to_send()) if f.type != Type.WINDOW_UPDATE]
    assert [(f.type, f.stream_id) for f in out] == [(Type.RST_STREAM, 1), (Type.HEADERS, 3)]
