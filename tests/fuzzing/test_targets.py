"""No target finds a fault, neither in the kept inputs nor in a short search."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.corpus import KEPT, kept
from fuzz.engine import Limits, search
from fuzz.names import TARGET_NAMES
from fuzz.scenes import SCENES, scene
from fuzz.targets import TARGETS

every_target = pytest.mark.parametrize("name", TARGETS)


def limits(runs: int, seed: int = 0) -> Limits:
    """A fixed number of runs, without a time limit, so they are the same on every machine."""
    return Limits(None, runs, seed, 100, Path("nothing is written"))


def test_every_target_has_a_description_and_inputs() -> None:
    assert list(TARGETS) == list(TARGET_NAMES)
    assert {file.stem for file in KEPT.iterdir()} == set(TARGETS)


@every_target
def test_inputs_that_are_kept(name: str) -> None:
    inputs = kept(name)
    assert len(inputs) >= 30
    assert len(set(inputs)) == len(inputs)
    for data in inputs:
        TARGETS[name](data)


@every_target
def test_a_short_search(name: str) -> None:
    outcome = search(TARGETS[name], limits(runs=400), kept(name))
    assert outcome.error is None, f"broken by {outcome.finding!r}"
    assert outcome.runs == 400


def test_the_same_seed_makes_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        search(seen.append, limits(runs=50, seed=seed), [b"abc", b"defgh"])
        return seen

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)


def test_inputs_that_reach_new_lines_are_kept() -> None:
    outcome = search(TARGETS["octets"], limits(runs=200), [])
    assert len(outcome.corpus) > 5
    assert len(set(outcome.corpus)) == len(outcome.corpus)


def test_a_search_ends_with_the_first_finding() -> None:
    def target(data: bytes) -> None:
        if len(data) >= 3:
            raise ValueError(data)

    outcome = search(target, limits(runs=1_000), [])
    assert outcome.runs < 1_000
    assert outcome.finding is not None
    assert len(outcome.finding) >= 3
    assert isinstance(outcome.error, ValueError)


def test_scenes_are_of_both_roles_and_both_modes() -> None:
    kinds = {
        (found.client, conn.config.strict, len(found.before))
        for found in map(scene, range(SCENES))
        for conn in [found.build()]
    }
    assert {kind[:2] for kind in kinds} == {(a, b) for a in (True, False) for b in (True, False)}
    assert len(kinds) > 20
