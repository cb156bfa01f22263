"""Never more fatal than h2 4.4.1: input that it survives ends no connection here.

Needs an interpreter that has h2 4.4.1 installed (support.peers).
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from differential.runner import Runner
from differential.survival import End, Json, Walk, catalogue, ends, survived
from support.peers import require_published_python

SEEDS = int(os.environ.get("H2_DIFFERENTIAL_SEEDS", "360"))

#: Rules that end the connection although 4.4.1 continues: leaving it open would be unsafe.
UNSAFE = {
    "preface-invalid": "a peer that speaks HTTP/1 understands no frame, and sends none",
    "field-block-too-large": "a field block is kept up to twice the limit that was announced",
    "settings-entries": "each entry of SETTINGS is kept in an event (CVE-2020-11080)",
    "continuation-unexpected": "a fragment that is not decoded puts HPACK out of step",
}


@dataclass
class Fates:
    """The results of the histories."""

    steps: int = 0
    unsafe: set[str] = field(default_factory=set)
    ended: dict[tuple[str, str], list[End]] = field(default_factory=lambda: defaultdict(list))

    def add(self, programs: list[Json]) -> None:
        """Run these histories."""
        kept = survived(Runner(require_published_python()), programs)
        self.steps += sum(len(program["steps"]) for program in kept)
        for end in ends(Runner(sys.executable), kept):
            if end.rule in UNSAFE:
                self.unsafe.add(end.rule)
            else:
                self.ended[end.program["profile"], end.rule].append(end)

    def check(self) -> None:
        """Fail with the shortest history of each kind."""
        shown = [
            f"{len(found)} times {rule} ({side})\n{min(found, key=lambda end: end.index).explain()}"
            for (side, rule), found in sorted(self.ended.items())
        ]
        assert not shown, "more fatal than 4.4.1:\n\n" + "\n\n".join(shown)


def test_every_frame_in_every_situation() -> None:
    fates = Fates()
    fates.add(list(catalogue()))
    fates.check()
    assert fates.steps > 40_000
    assert fates.unsafe == set(UNSAFE)


def test_long_histories() -> None:
    fates = Fates()
    fates.add([Walk(seed).write() for seed in range(SEEDS)])
    fates.check()
    assert fates.steps > 8 * SEEDS


@pytest.mark.parametrize("seed", range(2))
def test_a_seed_is_a_history(seed: int) -> None:
    assert Walk(seed).write() == Walk(seed).write()
    assert Walk(seed).write() != Walk(seed + 2).write()
