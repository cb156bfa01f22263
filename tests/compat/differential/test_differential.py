"""Random programs on this package and on the published h2 4.4.1: every difference is intended.

Needs an interpreter that has h2 4.4.1 installed (support.peers). The number of programs is
H2_DIFFERENTIAL_SEEDS.
"""

from __future__ import annotations

import copy
import os
import sys

import pytest

from differential import compare, deviations
from differential.generator import PROFILES, program
from differential.runner import Runner
from differential.session import Findings, Session, start
from support.peers import require_published_python

SEEDS = int(os.environ.get("H2_DIFFERENTIAL_SEEDS", "360"))

#: Programs with the rarer deviations.
RARE = (463, 504, 532, 668, 1208, 1466, 1931, 2643, 3201, 4949, 5139, 5350)

#: Unexplained differences printed in full.
SHOWN = 3


@pytest.fixture(scope="module")
def session() -> Session:
    """All programs, run once for all tests."""
    return start(Runner(require_published_python()), Runner(sys.executable), [*range(SEEDS), *RARE])


def check(findings: Findings) -> None:
    """Fail with the shortest of the unexplained differences."""
    shortest = sorted(findings.unexplained, key=lambda difference: difference.index)
    shown = "\n\n".join(compare.explain(difference) for difference in shortest[:SHOWN])
    assert not shortest, f"{len(shortest)} programs differ\n\n{shown}"


def test_versions(session: Session) -> None:
    assert session.published.version == "4.4.1"
    assert session.ours.version != session.published.version


def test_programs_do_the_same(session: Session) -> None:
    findings = session.direct()
    check(findings)
    assert findings.compared_steps > 10 * SEEDS


def test_refused_calls_change_nothing(session: Session) -> None:
    findings = session.refusals()
    check(findings)
    assert findings.compared_steps > SEEDS


def test_no_event_is_lost_to_a_later_error(session: Session) -> None:
    carried, amiss = session.lost_events()
    assert not amiss, "\n".join(amiss)
    assert carried, "no program put an event and an error into one call"


@pytest.mark.skipif(SEEDS < 360, reason="too few programs to meet every deviation")
def test_every_deviation_is_met(session: Session) -> None:
    used = session.direct().used + session.refusals().used
    unused = [name for name in deviations.NAMES if not used[name]]
    assert not unused


@pytest.mark.parametrize("seed", range(len(PROFILES)))
def test_a_seed_is_a_program(seed: int) -> None:
    assert program(seed) == program(seed)
    assert program(seed) != program(seed + len(PROFILES))


@pytest.fixture(scope="module")
def trace() -> list[compare.Json]:
    """A run of this package."""
    [steps] = Runner(sys.executable).run([program(0)])
    return steps


def test_a_run_can_be_repeated(trace: list[compare.Json]) -> None:
    [again] = Runner(sys.executable).run([program(0)])
    assert compare.find(program(0), trace, again) is None


@pytest.mark.parametrize("part", ["events", "out", "raised"])
def test_a_change_is_found(trace: list[compare.Json], part: str) -> None:
    index, entry = next((i, e) for i, e in enumerate(trace) if e.get("events"))
    changed = copy.deepcopy(trace)
    changed[index][part] = {"type": "X", "message": ""} if part == "raised" else ["changed"]
    found = compare.find(program(0), trace, changed)
    assert found is not None
    assert found.index == index
    assert part in found.parts
    assert entry["do"] in compare.explain(found)


def test_steps_can_be_left_out() -> None:
    whole = program(0)
    less = compare.without(whole, [0, 2])
    assert less["steps"] == [whole["steps"][1], *whole["steps"][3:]]
    assert len(whole["steps"]) == len(less["steps"]) + 2
