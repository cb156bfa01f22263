"""Tables of stream state against frame type: what one cell of such a table says and checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from h2.connection import H2Connection
from h2.events import Event
from h2.exceptions import ProtocolError, StreamClosedError, StreamIDTooLowError
from support import wire
from support.outcome import (
    assert_alive,
    assert_answered_with_reset,
    assert_connection_error,
    assert_ignored,
    assert_stream_error,
    kinds,
    same,
)
from support.wire import Code

Build = Callable[[H2Connection], None]


class Outcome(NamedTuple):
    """What a frame does: events, or an error of one of the two scopes.

    The scope "reset" is a stream error on a stream that is closed already: RST_STREAM, no event.
    """

    scope: str
    code: int = 0
    events: tuple[type[Event], ...] = ()
    error: type[ProtocolError] = ProtocolError


def gives(*events: type[Event]) -> Outcome:
    return Outcome("events", events=events)


IGNORED = gives()
CONNECTION_ERROR = Outcome("connection", Code.PROTOCOL_ERROR)
ALREADY_CLOSED = Outcome("connection", Code.STREAM_CLOSED, error=StreamClosedError)
TOO_LOW = Outcome("connection", Code.PROTOCOL_ERROR, error=StreamIDTooLowError)
STREAM_CLOSED = Outcome("stream", Code.STREAM_CLOSED)
STREAM_ERROR = Outcome("stream", Code.PROTOCOL_ERROR)
RESET_AGAIN = Outcome("reset", Code.STREAM_CLOSED)


class Scene(NamedTuple):
    """A way into a state of ``stream_id``; a GOAWAY then names ``last_stream_id``."""

    build: Build
    stream_id: int
    last_stream_id: int


class Scenes(dict[str, Scene]):
    """The states of one side, by name."""

    def add(self, stream_id: int, last_stream_id: int) -> Callable[[Build], Build]:
        def register(build: Build) -> Build:
            self[build.__name__.rstrip("_")] = Scene(build, stream_id, last_stream_id)
            return build

        return register


def check(conn: H2Connection, scene: Scene, frame: Callable[[int], bytes], want: Outcome) -> None:
    """Bring ``conn`` into the scene, feed the frame, assert the outcome."""
    scene.build(conn)
    conn.clear_outbound_data_buffer()
    octets = frame(scene.stream_id)
    if want.scope == "connection":
        assert_connection_error(
            conn,
            octets,
            code=want.code,
            error=want.error,
            last_stream_id=scene.last_stream_id,
        )
    elif want.scope == "stream":
        assert_stream_error(conn, octets, stream_id=scene.stream_id, code=want.code)
    elif want.scope == "reset":
        assert_answered_with_reset(conn, octets, stream_id=scene.stream_id, code=want.code)
    elif want.events:
        same(kinds(wire.feed(conn, octets)), list(want.events))
        assert_alive(conn)
    else:
        assert_ignored(conn, octets)
