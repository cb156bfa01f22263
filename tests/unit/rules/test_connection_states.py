"""The connection tables: each cell compared with rules stated separately, and in use."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2._rules import connection_states as states
from h2._rules.connection_states import INPUT_NAMES, REACTION_NAMES, STATE_NAMES
from h2.connection import H2Connection
from h2.exceptions import H2Error, ProtocolError
from support import wire
from support.outcome import assert_dead
from support.snapshot import snapshot
from support.wire import Code

ROLES = ["client", "server"]
TABLES = {"client": states.CLIENT, "server": states.SERVER}
REACTIONS = {
    name: getattr(states, name)
    for name in ("NOT_SETTINGS", "NOT_FOR_ROLE", "MISUSE", "DRAINING", "ENDED")
}
NAME_OF = {number: name for name, number in REACTIONS.items()}
CELLS = [(role, state, input_) for role in ROLES for state in STATE_NAMES for input_ in INPUT_NAMES]

# What is true of the connection in each state. In the last one, nothing is.
WAITS, SENT, RECEIVED = "waits for SETTINGS", "GOAWAY sent", "GOAWAY received"
FACTS = {
    "STARTING": {WAITS},
    "OPEN": set(),
    "STARTING_GOAWAY_SENT": {WAITS, SENT},
    "GOAWAY_SENT": {SENT},
    "GOAWAY_RECEIVED": {RECEIVED},
    "GOAWAY_BOTH": {SENT, RECEIVED},
}
ONLY_FROM = dict.fromkeys(("SEND_OPEN", "SEND_PRIORITY", "SEND_PRIORITY_UPDATE"), "client")
ONLY_FROM |= dict.fromkeys(
    ("SEND_PUSH_PROMISE", "SEND_ALTSVC", "SEND_ORIGIN", "RECV_PUSH_PROMISE"), "server"
)


def with_facts(facts: set[str]) -> str:
    (state,) = (name for name, known in FACTS.items() if known == facts)
    return state


def expected(role: str, state: str, input_: str) -> str:
    """The effect of an input, from sections 3.4, 5.4.1, 6.8 and 8.4."""
    if input_ == "SEND_GOAWAY_ERROR":
        return "TERMINATED"
    if state == "TERMINATED":
        # An endpoint may send GOAWAY again, and nothing else.
        return "TERMINATED" if input_ == "SEND_GOAWAY" else "ENDED"
    if input_.startswith("RECV_"):
        return expected_of_received(role, state, input_)
    facts = FACTS[state]
    if ONLY_FROM.get(input_, role) != role:
        return "MISUSE"
    # "Receivers of a GOAWAY frame MUST NOT open additional streams on the connection"; neither does
    # an application that has sent GOAWAY itself.
    if input_ in ("SEND_OPEN", "SEND_PUSH_PROMISE") and facts & {SENT, RECEIVED}:
        return "DRAINING"
    return with_facts(facts | {SENT}) if input_ == "SEND_GOAWAY" else state


def expected_of_received(role: str, state: str, input_: str) -> str:
    facts = FACTS[state]
    # The preface of either end is or ends in a SETTINGS frame (section 3.4).
    if WAITS in facts:
        return with_facts(facts - {WAITS}) if input_ == "RECV_SETTINGS" else "NOT_SETTINGS"
    # "A client cannot push. Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as
    # a connection error" (section 8.4)
    if ONLY_FROM.get(input_) == role:
        return "NOT_FOR_ROLE"
    return with_facts(facts | {RECEIVED}) if input_ == "RECV_GOAWAY" else state


def cell(role: str, state: str, input_: str) -> str:
    value = TABLES[role][STATE_NAMES.index(state)][INPUT_NAMES.index(input_)]
    return STATE_NAMES[value] if value >= 0 else NAME_OF[value]


@pytest.mark.parametrize(("role", "state", "input_"), CELLS, ids=map("-".join, CELLS))
def test_cell(role: str, state: str, input_: str) -> None:
    assert cell(role, state, input_) == expected(role, state, input_)


def test_numbers_and_names_agree() -> None:
    assert [getattr(states, name) for name in STATE_NAMES] == list(range(len(STATE_NAMES)))
    assert [getattr(states, name) for name in INPUT_NAMES] == list(range(len(INPUT_NAMES)))
    assert set(REACTION_NAMES) == set(REACTIONS.values())
    assert len(set(REACTION_NAMES.values())) == len(REACTION_NAMES)


def test_received_frames_have_the_number_of_their_type() -> None:
    for kind, type_ in enumerate(wire.Type):
        assert INPUT_NAMES[kind] == f"RECV_{type_.name}"
    assert INPUT_NAMES[len(wire.Type)] == "RECV_UNKNOWN"


@pytest.mark.parametrize("role", ROLES)
def test_shape(role: str) -> None:
    assert len(TABLES[role]) == len(STATE_NAMES)
    assert {len(row) for row in TABLES[role]} == {len(INPUT_NAMES)}
    assert {value for row in TABLES[role] for value in row} <= {*range(7), *REACTIONS.values()}


@pytest.mark.parametrize("role", ROLES)
def test_every_state_is_reachable_and_only_the_last_is_final(role: str) -> None:
    reached = {"STARTING"}
    for _ in STATE_NAMES:
        reached |= {cell(role, state, input_) for state in reached for input_ in INPUT_NAMES} & set(
            STATE_NAMES
        )
    assert reached == set(STATE_NAMES)
    final = {
        state
        for state in STATE_NAMES
        if {cell(role, state, input_) for input_ in INPUT_NAMES} & set(STATE_NAMES) <= {state}
    }
    assert final == {"TERMINATED"}


# In use ----------------------------------------------------------------------------------------

LEAD_IN = {
    "STARTING": "",
    "OPEN": "handshake",
    "STARTING_GOAWAY_SENT": "goodbye",
    "GOAWAY_SENT": "handshake goodbye",
    "GOAWAY_RECEIVED": "handshake heard",
    "GOAWAY_BOTH": "handshake heard goodbye",
    "TERMINATED": "handshake failure",
}


def build(role: str, state: str) -> H2Connection:
    """A connection in that state, with stream 1, on which either side may continue."""
    conn = H2Connection(wire.configuration(client_side=role == "client"))
    if role == "client":
        conn.initiate_connection()
        conn.send_headers(1, wire.POST)
        begin = [wire.settings(), wire.headers(1, wire.RESPONSE)]
    else:
        # Only an upgrade from HTTP/1.1 gives a server a stream before the first frame.
        conn.initiate_upgrade_connection()
        wire.feed(conn, wire.PREFACE)
        begin = [wire.settings(), wire.headers(3, wire.POST)]
    for step in LEAD_IN[state].split():
        if step == "handshake":
            wire.feed(conn, *begin)
        elif step == "heard":
            wire.feed(conn, wire.goaway(1 if role == "client" else 0))
        elif step == "goodbye":
            conn.close_connection(last_stream_id=2**31 - 1)
        else:
            conn.close_connection(Code.INTERNAL_ERROR)
    assert STATE_NAMES[conn._core.state] == state
    conn.clear_outbound_data_buffer()
    return conn


RECEIVING: dict[str, Callable[[int], bytes]] = {
    "RECV_DATA": lambda stream: wire.data(stream, b"some"),
    "RECV_HEADERS": lambda stream: wire.headers(stream, wire.TRAILERS, end_stream=True),
    "RECV_PRIORITY": wire.priority,
    "RECV_RST_STREAM": wire.rst_stream,
    "RECV_SETTINGS": lambda _: wire.settings(),
    "RECV_PUSH_PROMISE": lambda stream: wire.push_promise(stream, 2),
    "RECV_PING": lambda _: wire.ping(),
    "RECV_GOAWAY": wire.goaway,
    "RECV_WINDOW_UPDATE": lambda _: wire.window_update(0, 5),
    "RECV_ALTSVC": lambda _: wire.altsvc(0, b"https://a.example", b"h2=x"),
    "RECV_ORIGIN": lambda _: wire.origin(b"https://a.example"),
    "RECV_PRIORITY_UPDATE": lambda stream: wire.priority_update(stream, b"u=1"),
    "RECV_UNKNOWN": lambda stream: wire.frame(0x20, 0, stream, b"what"),
}
SENDING: dict[str, Callable[[H2Connection], object]] = {
    "SEND_ON_STREAM": lambda conn: conn.increment_flow_control_window(5, 1),
    "SEND_OPEN": lambda conn: conn.send_headers(
        5 if conn.config.client_side else 2, wire.REQUEST, end_stream=True
    ),
    "SEND_PUSH_PROMISE": lambda conn: conn.push_stream(1, 2, wire.REQUEST),
    "SEND_PRIORITY": lambda conn: conn.prioritize(1, weight=3),
    "SEND_CONTROL": lambda conn: conn.ping(b"12345678"),
    "SEND_ALTSVC": lambda conn: conn.advertise_alternative_service(b"h2=x", origin=b"https://a.b"),
    "SEND_ORIGIN": lambda conn: conn.advertise_origins(["https://a.example"]),
    "SEND_PRIORITY_UPDATE": lambda conn: conn.send_priority_update(1, 2),
    "SEND_GOAWAY": lambda conn: conn.close_connection(),
    "SEND_GOAWAY_ERROR": lambda conn: conn.close_connection(Code.INTERNAL_ERROR),
}
REACTION_OF_RULE = {
    "first-frame-not-settings": "NOT_SETTINGS",
    "frame-not-allowed": "NOT_FOR_ROLE",
    "priority-update-from-server": "NOT_FOR_ROLE",
    "client-only": "MISUSE",
    "server-only": "MISUSE",
    "server-priority": "MISUSE",
    "going-away": "DRAINING",
    "connection-closed": "ENDED",
}


def outcome_of_receiving(conn: H2Connection, role: str, input_: str) -> str:
    stream = 1 if role == "client" else 3
    if input_ == "RECV_CONTINUATION":
        octets = wire.continuation(stream, wire.TRAILERS)
        if WAITS not in FACTS[STATE_NAMES[conn._core.state]]:
            beginning = wire.headers(stream, b"", end_stream=True, end_headers=False)
            octets = beginning + octets
    else:
        octets = RECEIVING[input_](stream)
    try:
        events = wire.feed(conn, octets)
    except ProtocolError as error:
        return REACTION_OF_RULE[str(error.rule)]
    if input_ not in ("RECV_ALTSVC", "RECV_ORIGIN") or role == "client":
        assert events, "an allowed frame was ignored"
    return STATE_NAMES[conn._core.state]


def outcome_of_sending(conn: H2Connection, input_: str) -> str:
    before = snapshot(conn)
    try:
        SENDING[input_](conn)
    except H2Error as error:
        assert snapshot(conn) == before
        return REACTION_OF_RULE[str(error.rule)]
    assert len(wire.parse(conn.data_to_send())) == 1
    return STATE_NAMES[conn._core.state]


@pytest.mark.parametrize(("role", "state", "input_"), CELLS, ids=map("-".join, CELLS))
def test_at_work(role: str, state: str, input_: str) -> None:
    with wire.mode(strict=True):  # by default any frame may be the first
        conn = build(role, state)
    if input_.startswith("SEND_"):
        assert outcome_of_sending(conn, input_) == expected(role, state, input_)
    elif state == "TERMINATED":
        assert_dead(conn)
    elif (role, input_) == ("client", "RECV_PRIORITY_UPDATE") and WAITS not in FACTS[state]:
        # The table allows it, because it is ignored by default. The handler knows the mode.
        assert outcome_of_receiving(conn, role, input_) == "NOT_FOR_ROLE"
    else:
        assert outcome_of_receiving(conn, role, input_) == expected(role, state, input_)


FIRST_FRAMES = ("RECV_PRIORITY", "RECV_RST_STREAM", "RECV_PING", "RECV_GOAWAY", "RECV_UNKNOWN")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", ["STARTING", "STARTING_GOAWAY_SENT"])
@pytest.mark.parametrize("input_", FIRST_FRAMES)
def test_by_default_any_frame_may_be_the_first(role: str, state: str, input_: str) -> None:
    conn = build(role, state)
    began = {"STARTING": "OPEN", "STARTING_GOAWAY_SENT": "GOAWAY_SENT"}[state]
    wire.feed(conn, RECEIVING[input_](1))
    assert STATE_NAMES[conn._core.state] == expected(role, began, input_)
    # SETTINGS may still come, and change nothing about that.
    wire.feed(conn, wire.settings())
    assert STATE_NAMES[conn._core.state] == expected(role, began, input_)
