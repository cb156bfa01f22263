"""A session with faults at every place: frames truncated, duplicated, lost or reordered.

The result is always consistent: events, or an error that ends the connection, or a connection that
can be closed. `support.faults` has the session and the checks.

Several faults at once are drawn at random. The number of these sessions can be set, and then all
pairs of frames are swapped, too:

    H2_FAULTS=100000 .venv/bin/python -m pytest tests/property/test_faults.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import faults
from support.faults import Replay, Step
from support.snapshot import frozen_events

SESSIONS = faults.record()
LONG = int(os.environ.get("H2_FAULTS", "0"))
ENDS = pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
MODES = pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])

#: Faults that concern a frame, and those that concern an octet of one.
OF_FRAMES = {"doubled": faults.doubled, "dropped": faults.dropped}
OF_OCTETS = {
    "stopped": faults.stopped,
    "truncated": faults.truncated,
    "shortened": faults.shortened,
    **{
        f"changed by {mask:#x}": partial(faults.changed, mask=mask)
        for mask in (0x01, 0x04, 0x20, 0x80, 0xFF)
    },
}


def play(client: bool, strict: bool, steps: Sequence[Step], size: int = 0) -> Replay:
    replay = Replay(client, strict)
    replay.run(steps, size)
    return replay


def play_all(client: bool, strict: bool, damaged: Iterator[tuple[object, list[Step]]]) -> int:
    """Play all of these; return how many ended with an error."""
    errors = 0
    for what, steps in damaged:
        try:
            replay = play(client, strict, steps)
            replay.check()
        except Exception as error:
            raise AssertionError(f"fault at {what}: {error!r}") from error
        errors += replay.error is not None
    return errors


def places(client: bool) -> list[tuple[int, int]]:
    """Each octet that arrives in a session: its step, and its offset there."""
    steps = SESSIONS[client]
    return [
        (n, at) for n in faults.arrivals(steps) for at in range(len(faults.octets_at(steps, n)))
    ]


@ENDS
@MODES
def test_the_session_without_a_fault(client: bool, strict: bool) -> None:
    """It has all frame types that this end can receive, and no errors."""
    steps = SESSIONS[client]
    replay = play(client, strict, steps)
    replay.check()
    assert replay.error is None
    kinds = {frame.type for frame in faults.wire.parse(replay.heard)}
    assert len(kinds) == (10 if client else 9), kinds
    once = frozen_events(replay.events)
    for size in (1, 2, 7):
        pieces = play(client, strict, steps, size)
        pieces.check()
        assert pieces.error is None
        assert frozen_events(pieces.events) == once


@ENDS
@MODES
@pytest.mark.parametrize("name", OF_OCTETS)
def test_a_fault_at_every_octet(client: bool, strict: bool, name: str) -> None:
    steps, fault = SESSIONS[client], OF_OCTETS[name]
    damaged = (((n, at), fault(steps, n, at)) for n, at in places(client))
    errors = play_all(client, strict, damaged)
    # A peer that stops violates nothing; many of the others do.
    assert (errors == 0) if name == "stopped" else (errors > 50)


@ENDS
@MODES
@pytest.mark.parametrize("name", OF_FRAMES)
def test_a_fault_at_every_frame(client: bool, strict: bool, name: str) -> None:
    steps, fault = SESSIONS[client], OF_FRAMES[name]
    damaged = ((n, fault(steps, n)) for n in faults.arrivals(steps))
    assert play_all(client, strict, damaged) > 0


@ENDS
@MODES
def test_frames_in_another_order(client: bool, strict: bool) -> None:
    steps = SESSIONS[client]
    arrivals = faults.arrivals(steps)
    pairs = [(a, b) for a, b in combinations(arrivals, 2) if LONG or b - a < 12]
    damaged = ((pair, faults.swapped(steps, *pair)) for pair in pairs)
    assert play_all(client, strict, damaged) > 0


@st.composite
def several_faults(draw: st.DrawFn, client: bool) -> list[Step]:
    steps: list[Step] = list(SESSIONS[client])
    for _ in range(draw(st.integers(1, 4))):
        arrivals = faults.arrivals(steps)
        if not arrivals:
            break
        n = draw(st.sampled_from(arrivals))
        kind = draw(st.sampled_from(["swapped", *OF_FRAMES, *OF_OCTETS]))
        if kind == "swapped":
            steps = faults.swapped(steps, n, draw(st.sampled_from(arrivals)))
        elif kind in OF_FRAMES:
            steps = OF_FRAMES[kind](steps, n)
        else:
            at = draw(st.integers(0, len(faults.octets_at(steps, n)) - 1))
            steps = OF_OCTETS[kind](steps, n, at)
    return steps


@ENDS
@MODES
@given(data=st.data(), size=st.sampled_from([0, 1, 10]))
@settings(max_examples=LONG or 60)
def test_several_faults(client: bool, strict: bool, data: st.DataObject, size: int) -> None:
    play(client, strict, data.draw(several_faults(client)), size).check()
