"""Tables of stream states and frame types: the content of a cell, and how it is checked.

    class TestServer(StateTests):
        connection = staticmethod(wire.server)
        scenes, frames, table = SCENES, FRAMES, TABLE

The columns of a table are the frames in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from h2.connection import H2Connection
from h2.events import Event, PriorityUpdated, UnknownFrameReceived
from h2.exceptions import ProtocolError, StreamClosedError, StreamIDTooLowError
from support import wire
from support.outcome import (
    assert_alive,
    assert_answered_with_reset,
    assert_connection_error,
    assert_ignored,
    assert_malformed,
    assert_stream_error,
    kinds,
    same,
)
from support.wire import Code, Flag, Type

Build = Callable[[H2Connection], None]


class Outcome(NamedTuple):
    """The effect of a frame: events, or an error of one of the two scopes.

    The scope "reset" is a stream error on a stream that is closed already: RST_STREAM, no event.
    The scope "malformed" is that of a malformed message. ``strict`` is the outcome with
    ``strict=True``, if it differs.
    """

    scope: str
    code: int = 0
    events: tuple[type[Event], ...] = ()
    error: type[ProtocolError] = ProtocolError
    strict: Outcome | None = None


def gives(*events: type[Event]) -> Outcome:
    return Outcome("events", events=events)


IGNORED = gives()
CONNECTION_ERROR = Outcome("connection", Code.PROTOCOL_ERROR)
ALREADY_CLOSED = Outcome("connection", Code.STREAM_CLOSED, error=StreamClosedError)
TOO_LOW = Outcome("connection", Code.PROTOCOL_ERROR, error=StreamIDTooLowError)
STREAM_CLOSED = Outcome("stream", Code.STREAM_CLOSED)
STREAM_ERROR = Outcome("stream", Code.PROTOCOL_ERROR)
RESET_AGAIN = Outcome("reset", Code.STREAM_CLOSED)
MALFORMED = Outcome("malformed")


def tolerated(*events: type[Event]) -> Outcome:
    """Accepted by default, and a connection error with ``strict=True``."""
    return Outcome("events", events=events, strict=CONNECTION_ERROR)


def reset_unless_strict(scope: str) -> Outcome:
    """A stream error by default, and a connection error with ``strict=True``."""
    return Outcome(scope, Code.PROTOCOL_ERROR, strict=CONNECTION_ERROR)


class Scene(NamedTuple):
    """How to get ``stream_id`` into a state in which a GOAWAY names ``last_stream_id``."""

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
    if conn.config.strict and want.strict is not None:
        want = want.strict
    if want.scope == "connection":
        assert_connection_error(
            conn,
            octets,
            code=want.code,
            error=want.error,
            last_stream_id=scene.last_stream_id,
        )
    elif want.scope == "malformed":
        assert_malformed(conn, octets)
    elif want.scope == "stream":
        assert_stream_error(conn, octets, stream_id=scene.stream_id, code=want.code)
    elif want.scope == "reset":
        assert_answered_with_reset(conn, octets, stream_id=scene.stream_id, code=want.code)
    elif want.events:
        same(kinds(wire.feed(conn, octets)), list(want.events))
        assert_alive(conn)
    else:
        assert_ignored(conn, octets)


class StateTests:
    """The effect of frames in each state of a stream, at a server or at a client."""

    connection: Callable[[], H2Connection]  # creates one whose handshake is complete
    scenes: Scenes
    frames: dict[str, Callable[[int], bytes]]
    table: dict[str, tuple[Outcome, ...]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "outcome" in metafunc.fixturenames:
            cells = [
                pytest.param(state, frame, outcome, id=f"{state}-{frame}")
                for state, row in self.table.items()
                for frame, outcome in zip(self.frames, row, strict=True)
            ]
            metafunc.parametrize(("state", "frame", "outcome"), cells)
        elif "state" in metafunc.fixturenames:
            metafunc.parametrize("state", self.scenes)

    def test_the_table_has_a_row_for_every_scene(self) -> None:
        """Every state is tested."""
        assert self.table.keys() == self.scenes.keys()

    def test_frame_in_state(self, state: str, frame: str, outcome: Outcome) -> None:
        """The effect of a received frame in each state of a stream."""
        check(self.connection(), self.scenes[state], self.frames[frame], outcome)

    def test_priority_in_every_state(self, state: str) -> None:
        """PRIORITY can be received in any state, and changes none."""
        check(self.connection(), self.scenes[state], wire.priority, gives(PriorityUpdated))

    def test_unknown_frames_in_every_state(self, state: str) -> None:
        """Frames whose semantics are unknown cannot be an error in any state."""
        check(
            self.connection(),
            self.scenes[state],
            lambda n: wire.frame(0xBE, 0xFF, n, b"?"),
            gives(UnknownFrameReceived),
        )

    def test_continuation_without_a_begun_block(self, state: str) -> None:
        """CONTINUATION without HEADERS before it is a connection error in every state."""
        check(
            self.connection(),
            self.scenes[state],
            lambda n: wire.frame(Type.CONTINUATION, Flag.END_HEADERS, n),
            CONNECTION_ERROR,
        )
