"""The compiled build behaves like the pure one: both run the same random programs."""

from __future__ import annotations

import os
import sys

from compat.differential.builds import differences, installed, pure_source
from compat.differential.runner import Runner
from support.builds import compiled_build

SEEDS = int(os.environ.get("H2_BUILD_SEEDS", "60"))


@compiled_build
def test_both_builds_do_the_same() -> None:
    with pure_source() as folder:
        steps, found = differences(installed(), Runner(sys.executable, folder), range(SEEDS))
    assert not found
    assert steps > 10 * SEEDS


def test_a_difference_is_found() -> None:
    """A real difference: the pure build with programs that split reads in another way."""

    class Other(Runner):
        def run(self, programs: list[object]) -> list[list[object]]:
            traces = super().run(programs)
            traces[1][3] = "something else"
            return traces

    with pure_source() as folder:
        _, found = differences(
            Other(sys.executable, folder), Runner(sys.executable, folder), range(3)
        )
    assert [(seed, number) for seed, number, _, _ in found] == [(1, 3)]
