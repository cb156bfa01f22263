"""A call that raises changes nothing, and the other end accepts what other calls send."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from h2._rules.connection_states import OPEN, STARTING, TERMINATED
from h2._rules.stream_states import STATE_NAMES
from h2.connection import H2Connection
from h2.events import PingAckReceived
from h2.exceptions import H2Error, ProtocolError
from support import calls, wire
from support.calls import Call
from support.exchange import assert_works, server_connection, shake_hands
from support.snapshot import snapshot
from support.stream_cells import MIRROR
from unit.hpack.support import decoder_table, encoder_table

#: Steps: a call by the client (0) or the server (1), or None to transfer all bytes.
Step = tuple[int, Call] | None

#: The steps and their frequency: most calls are legal, so that the walk makes progress.
KINDS = [
    *(["carry"] * 9 + ["open"] * 3 + ["answer"] * 4 + ["data"] * 3 + ["push"] * 2),
    *["anything"] * 6,
]


@st.composite
def steps(draw: st.DrawFn, goodbyes: bool = False) -> Step:
    """One step of a walk."""
    kind = draw(st.sampled_from([*KINDS, "goodbye"] if goodbyes else KINDS))
    if kind == "carry":
        return None
    if kind == "open":
        return 0, draw(calls.OPENING)
    if kind == "answer":
        return 1, draw(calls.ANSWERING)
    if kind == "push":
        return 1, draw(calls.PUSHING)
    side = draw(st.integers(0, 1))
    if kind == "data":
        return side, draw(calls.SENDING)
    return side, draw(calls.GOODBYE if kind == "goodbye" else calls.ORDINARY)


def attempt(conn: H2Connection, call: Call) -> None:
    """Make a call; one that raises must have changed nothing."""
    before = snapshot(conn)
    raised = True
    try:
        call.make(conn)
        raised = False
    except (H2Error, ValueError, TypeError):
        pass
    finally:
        assert not raised or snapshot(conn) == before


def walk(taken: list[Step]) -> tuple[H2Connection, H2Connection]:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    for step in taken:
        if step is None:
            carry(client, server)
        else:
            side, call = step
            attempt((client, server)[side], call)
    carry(client, server)
    return client, server


def carry(client: H2Connection, server: H2Connection) -> None:
    """Transfer bytes both ways. An end that has ended the connection rejects them."""
    while any([deliver(client, server), deliver(server, client)]):
        pass


def deliver(one: H2Connection, other: H2Connection) -> bool:
    data = one.data_to_send()
    try:
        other.receive_data(data)
    except ProtocolError as error:
        if error.rule != "connection-closed":
            raise
    return bool(data)


def assert_agreement(one: H2Connection, other: H2Connection) -> None:
    """Nothing is in flight, so each end knows the state of the other."""
    ours, theirs = encoder_table(one._core.planner.encoder), decoder_table(other._core.decoder)
    # The next block announces a smaller table; until then the other end keeps old entries.
    assert ours == (theirs[: len(ours)] if one._core.planner.encoder.pending_update else theirs)
    assert one.outbound_flow_control_window == other.inbound_flow_control_window
    assert {
        stream_id: MIRROR.get(STATE_NAMES[stream.state], STATE_NAMES[stream.state])
        for stream_id, stream in one._core.streams.items()
    } == {stream_id: STATE_NAMES[stream.state] for stream_id, stream in other._core.streams.items()}
    for stream_id in one.streams:
        window = other.remote_flow_control_window(stream_id)
        assert one.local_flow_control_window(stream_id) == window
    assert one.open_outbound_streams == other.open_inbound_streams
    known = one.local_settings.in_effect
    for setting, value in other.remote_settings.in_effect.items():
        assert known.get(setting, value) == value


def assert_goes_on(client: H2Connection, server: H2Connection) -> None:
    """Both ends are in sync: PING works, and so does a request if one is possible."""
    for one, other in ((client, server), (server, client)):
        if TERMINATED in (one._core.state, other._core.state):
            continue
        one.ping(b"in step?")
        events, _ = wire.exchange(one, other)
        assert [type(event) for event in events] == [PingAckReceived]
    if (
        client._core.state == server._core.state == OPEN
        and client.highest_outbound_stream_id < 1_000
        and client.open_outbound_streams < client.remote_settings.max_concurrent_streams
        and client.outbound_flow_control_window >= 8
        and server.outbound_flow_control_window >= 6
        and client.remote_settings.initial_window_size >= 8
        and server.remote_settings.initial_window_size >= 6
    ):
        assert_works(client, server)


@given(st.lists(steps(), min_size=15, max_size=50))
@settings(max_examples=300)
def test_walk(taken: list[Step]) -> None:
    client, server = walk(taken)
    assert_agreement(client, server)
    assert_agreement(server, client)
    assert_goes_on(client, server)


@given(st.lists(steps(goodbyes=True), min_size=10, max_size=30))
@settings(max_examples=150)
def test_walk_with_goodbyes(taken: list[Step]) -> None:
    assert_goes_on(*walk(taken))


@given(st.booleans(), st.booleans(), st.lists(calls.ORDINARY | calls.OPENING, max_size=8))
@settings(max_examples=150)
def test_calls_before_the_handshake(is_client: bool, begun: bool, attempted: list[Call]) -> None:
    conn = H2Connection() if is_client else server_connection()
    if begun:
        conn.initiate_connection()
    elif not is_client:
        attempt(conn, Call("initiate_upgrade_connection", (b"?",), {}))
    assert conn._core.state == STARTING
    for call in attempted:
        attempt(conn, call)
