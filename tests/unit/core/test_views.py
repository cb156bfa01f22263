"""Stream states under the names that programs know from h2 4.4.1."""

from __future__ import annotations

from typing import Any

import pytest

from h2._rules.stream_states import STATE_NAMES
from h2.connection import ConnectionState, H2Connection
from h2.stream import H2Stream, StreamClosedBy, StreamState
from support import wire
from support.exchange import server_connection
from unit.rules.test_stream_table_at_work import SCENES, Scene

SHOWN = {
    "RESERVED_LOCAL": (StreamState.RESERVED_LOCAL, False),
    "RESERVED_REMOTE": (StreamState.RESERVED_REMOTE, False),
    "OPEN_REQUEST_SENT": (StreamState.OPEN, True),
    "OPEN_REQUEST_RECEIVED": (StreamState.OPEN, False),
    "OPEN_BOTH": (StreamState.OPEN, True),
    "HALF_LOCAL_WAITING": (StreamState.HALF_CLOSED_LOCAL, True),
    "HALF_LOCAL": (StreamState.HALF_CLOSED_LOCAL, True),
    "HALF_REMOTE_WAITING": (StreamState.HALF_CLOSED_REMOTE, False),
    "HALF_REMOTE": (StreamState.HALF_CLOSED_REMOTE, True),
}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.state)
def test_streams_as_consumers_see_them(scene: Scene) -> None:
    conn = scene.build()
    stream = conn.streams.get(scene.stream_id)
    if scene.state not in SHOWN:
        assert stream is None
        return
    assert type(stream) is H2Stream
    state, headers_sent = SHOWN[scene.state]
    if scene.state == "HALF_LOCAL" and scene.stream_id == 2:
        headers_sent = True  # shown although a client never sends headers on a promised stream
    assert stream.state_machine.state is state
    assert stream.state_machine.headers_sent is headers_sent
    assert stream.open is (state >= StreamState.OPEN)
    assert stream.closed is False
    assert repr(stream) == f"<H2Stream id:{scene.stream_id} state:{state!r}>"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.state)
def test_the_state_of_a_stream_can_be_asked_for(scene: Scene) -> None:
    conn = scene.build()
    state, _ = SHOWN.get(scene.state, (None, None))
    if state is None:
        state = StreamState.IDLE if scene.state == "IDLE" else StreamState.CLOSED
    assert conn.stream_state(scene.stream_id) is state


@pytest.mark.parametrize("is_client", [True, False])
def test_the_state_of_streams_that_are_not_there(is_client: bool) -> None:
    """Idle above the highest identifier of either end, closed below."""
    conn = wire.client() if is_client else wire.server()
    for stream_id in (1, 2, 7, 2**31 - 1):
        assert conn.stream_state(stream_id) is StreamState.IDLE
    if is_client:
        conn.send_headers(5, wire.POST)
        wire.feed(conn, wire.push_promise(5, 4))
    else:
        wire.feed(conn, wire.headers(5, wire.POST))
        conn.push_stream(5, 4, wire.REQUEST)
    for stream_id in (1, 2, 3):
        assert conn.stream_state(stream_id) is StreamState.CLOSED
    for stream_id in (6, 7, 2**31 - 2, 2**31 - 1):
        assert conn.stream_state(stream_id) is StreamState.IDLE
    conn.close_connection(1)
    assert conn.stream_state(5) is StreamState.OPEN
    assert conn.stream_state(True) is StreamState.CLOSED


@pytest.mark.parametrize("stream_id", [0, -1, 2**31, 2**40])
def test_identifiers_that_no_stream_can_have(stream_id: int) -> None:
    with pytest.raises(ValueError, match=f"not {stream_id}"):
        wire.client().stream_state(stream_id)


@pytest.mark.parametrize("stream_id", ["1", 1.0, None])
def test_identifiers_that_are_no_integers(stream_id: Any) -> None:
    with pytest.raises(TypeError):
        wire.client().stream_state(stream_id)


def test_every_state_of_the_table_is_shown() -> None:
    closed = {"IDLE", "CLOSED", "CLOSED_BY_US", "CLOSED_BY_PEER"}
    assert set(SHOWN) | closed == set(STATE_NAMES)


def test_a_stream_that_a_consumer_holds_shows_that_it_was_closed() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    stream = conn.streams[1]
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    assert (stream.open, stream.closed) == (False, True)
    assert stream.state_machine.state is StreamState.CLOSED
    assert stream.state_machine.headers_sent is False
    assert 1 not in conn.streams


def test_members_of_the_public_enumerations() -> None:
    assert [state.name for state in ConnectionState] == (
        ["IDLE", "CLIENT_OPEN", "SERVER_OPEN", "CLOSED"]
    )
    assert [state.name for state in StreamState] == [
        *("IDLE", "RESERVED_REMOTE", "RESERVED_LOCAL", "OPEN", "HALF_CLOSED_REMOTE"),
        *("HALF_CLOSED_LOCAL", "CLOSED"),
    ]
    assert [cause.name for cause in StreamClosedBy] == [
        *("SEND_END_STREAM", "RECV_END_STREAM", "SEND_RST_STREAM", "RECV_RST_STREAM")
    ]
    for kind in (ConnectionState, StreamState, StreamClosedBy):
        assert [member.value for member in kind] == list(range(len(kind)))


@pytest.mark.parametrize("is_client", [True, False])
def test_connections_as_consumers_see_them(is_client: bool) -> None:
    conn = H2Connection() if is_client else server_connection()
    assert conn.state_machine.state is ConnectionState.IDLE
    conn = wire.client() if is_client else wire.server()
    assert conn.state_machine.state is ConnectionState.IDLE
    if is_client:
        conn.send_headers(1, wire.REQUEST)
        assert conn.state_machine.state is ConnectionState.CLIENT_OPEN
    else:
        wire.feed(conn, wire.headers(1, wire.REQUEST))
        assert conn.state_machine.state is ConnectionState.SERVER_OPEN
    conn.close_connection()
    assert conn.state_machine.state is ConnectionState.CLOSED


@pytest.mark.parametrize("frame", [wire.goaway(0), wire.goaway(2**31 - 1)])
def test_a_connection_that_the_peer_leaves_shows_as_closed(frame: bytes) -> None:
    conn = wire.client()
    wire.feed(conn, frame)
    assert conn.state_machine.state is ConnectionState.CLOSED
