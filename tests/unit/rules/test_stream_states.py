"""The stream table: the expected content of each cell, and properties of the whole table."""

from __future__ import annotations

import pytest

from h2._rules import stream_states as states
from h2._rules.fields import REQUEST, RESPONSE, TRAILERS
from h2._rules.stream_states import INPUT_NAMES, REACTION_NAMES, STATE_NAMES, TABLE
from support.stream_cells import EXPECTED, MIRROR

CLOSED_STATES = {"CLOSED", "CLOSED_BY_US", "CLOSED_BY_PEER"}
REACTIONS = {
    name: getattr(states, name)
    for name in (
        *("MISUSE", "IGNORE", "HALF_CLOSED_ERROR", "RESET_ERROR", "CLOSED_ERROR"),
        *("IDLE_ERROR", "RESERVED_ERROR", "EARLY_DATA_ERROR", "PUSH_ERROR", "TRAILERS_ERROR"),
    )
}
NAME_OF = {number: name for name, number in REACTIONS.items()}
CELLS = [(state, input_) for state in STATE_NAMES for input_ in INPUT_NAMES]


def cell(state: str, input_: str) -> str:
    """The content of a cell by name: the next state or a reaction."""
    value = TABLE[INPUT_NAMES.index(input_)][STATE_NAMES.index(state)]
    return STATE_NAMES[value] if value >= 0 else NAME_OF[value]


@pytest.mark.parametrize(("state", "input_"), CELLS, ids=map("-".join, CELLS))
def test_cell(state: str, input_: str) -> None:
    assert cell(state, input_) == EXPECTED[state].outcome(input_)


def test_the_expectation_knows_the_states_and_inputs_of_the_table() -> None:
    assert list(EXPECTED) == list(STATE_NAMES)
    named = {input_ for expected in EXPECTED.values() for input_ in (*expected.goes, *expected.but)}
    assert named == set(INPUT_NAMES)


def test_numbers_and_names_agree() -> None:
    assert [getattr(states, name) for name in STATE_NAMES] == list(range(len(STATE_NAMES)))
    assert [getattr(states, name) for name in INPUT_NAMES] == list(range(len(INPUT_NAMES)))
    assert set(REACTION_NAMES) == set(REACTIONS.values())
    assert len(set(REACTION_NAMES.values())) == len(REACTION_NAMES)


def test_shape() -> None:
    assert len(TABLE) == len(INPUT_NAMES)
    assert {len(row) for row in TABLE} == {len(STATE_NAMES)}
    values = {value for row in TABLE for value in row}
    assert values == set(range(1, len(STATE_NAMES))) | set(REACTIONS.values())


def test_every_state_is_reachable() -> None:
    # Promised streams start reserved; all others start idle.
    reached = {"IDLE", "RESERVED_LOCAL", "RESERVED_REMOTE"}
    while True:
        further = {cell(state, input_) for state in reached for input_ in INPUT_NAMES}
        further = further & set(STATE_NAMES) - reached
        if not further:
            break
        reached |= further
    assert reached == set(STATE_NAMES)


def test_closed_states_and_no_others_are_final() -> None:
    final = {
        state
        for state in STATE_NAMES
        if not any(cell(state, input_) in STATE_NAMES for input_ in INPUT_NAMES)
    }
    assert final == CLOSED_STATES


def test_sending_is_allowed_or_misuse_and_receiving_never_misuse() -> None:
    for state, input_ in CELLS:
        if input_.startswith("SEND_"):
            assert cell(state, input_) in {*STATE_NAMES, "MISUSE"}
        else:
            assert cell(state, input_) != "MISUSE"


@pytest.mark.parametrize("what", [name[5:] for name in INPUT_NAMES if name.startswith("SEND_")])
def test_what_one_end_may_send_the_other_end_takes(what: str) -> None:
    for state in STATE_NAMES:
        after = cell(state, f"SEND_{what}")
        if after == "MISUSE":
            continue
        there = MIRROR.get(state, state)
        assert cell(there, f"RECV_{what}") == MIRROR.get(after, after), f"{what} in {state}"


def test_reset_closes_every_stream_that_is_not_idle_or_closed() -> None:
    alive = set(STATE_NAMES) - CLOSED_STATES - {"IDLE"}
    for input_, after in [
        ("SEND_RST_STREAM", "CLOSED_BY_US"),
        ("RECV_RST_STREAM", "CLOSED_BY_PEER"),
    ]:
        assert {state for state in STATE_NAMES if cell(state, input_) == after} == alive


@pytest.mark.parametrize(
    ("kinds", "direction"), [(states.SENT_KIND, "SEND"), (states.RECEIVED_KIND, "RECV")]
)
def test_kinds_of_header_blocks_agree_with_the_rows(kinds: tuple[int, ...], direction: str) -> None:
    assert len(kinds) == len(STATE_NAMES)
    for state, kind in zip(STATE_NAMES, kinds, strict=True):
        allowed = {
            what
            for what in ("HEADERS", "HEADERS_END", "INFORMATIONAL")
            if cell(state, f"{direction}_{what}") in STATE_NAMES
        }
        expected = {
            REQUEST: {"HEADERS", "HEADERS_END"},
            RESPONSE: {"HEADERS", "HEADERS_END", "INFORMATIONAL"},
            TRAILERS: {"HEADERS_END"},
            -1: set(),
        }
        assert allowed == expected[kind], state
        assert (kind == REQUEST) == (state == "IDLE")


def test_streams_that_count_toward_the_limit() -> None:
    counted = {
        name
        for number, name in enumerate(STATE_NAMES)
        if states.FIRST_COUNTED <= number < states.CLOSED
    }
    assert counted == set(STATE_NAMES) - CLOSED_STATES - {
        "IDLE",
        "RESERVED_LOCAL",
        "RESERVED_REMOTE",
    }
