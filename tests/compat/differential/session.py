"""Run many programs on both packages and classify every difference as intended or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from . import compare, deviations, passing
from .compare import Difference
from .generator import program
from .runner import Runner

Json = Any


@dataclass
class Findings:
    """The results of a set of programs."""

    unexplained: list[Difference] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)
    compared_steps: int = 0

    def scan(self, steps: Json, published: list[Json], ours: list[Json]) -> None:
        """Compare two traces up to their end, an ending deviation or an unexplained difference."""
        start = 0
        seen: set[str] = set()
        while (difference := compare.find(steps, published, ours, start)) is not None:
            self.compared_steps += difference.index - start
            rest, passed = deviations.look_past(difference)
            seen |= passed
            if rest is not None:
                entry = deviations.ending(rest)
                if entry is None:
                    self.unexplained.append(rest)
                else:
                    seen.add(entry.name)
                break
            start = difference.index + 1
        else:
            self.compared_steps += len(published) - start
        self.used.update(seen)


@dataclass
class Session:
    """The programs of some seeds, run on both."""

    published: Runner
    ours: Runner
    programs: list[Json]
    traces: list[tuple[list[Json], list[Json]]]

    def direct(self) -> Findings:
        """The same program on both."""
        findings = Findings()
        for steps, (published, ours) in zip(self.programs, self.traces, strict=True):
            findings.scan(steps, published, ours)
        return findings

    def refusals(self) -> Findings:
        """A call that this package rejects must leave no trace.

        So its run must equal a run of the published package on the program without those calls.
        """
        reduced = []
        for whole, (_, ours) in zip(self.programs, self.traces, strict=True):
            steps = compare.refused_calls(ours)
            if steps:
                kept = [entry for index, entry in enumerate(ours) if index not in set(steps)]
                reduced.append((compare.without(whole, steps), kept))
        findings = Findings()
        published = self.published.run([rest for rest, _ in reduced])
        for (rest, ours), trace in zip(reduced, published, strict=True):
            findings.scan(rest, trace, ours)
        return findings

    def lost_events(self) -> tuple[int, list[str]]:
        """Check the events before the invalid frame of a call; return their number and the errors.

        The published package loses them, so it receives one frame at a time instead.
        """
        chosen = []
        for whole, (_, ours) in zip(self.programs, self.traces, strict=True):
            index = next((i for i, entry in enumerate(ours) if "carried" in entry), None)
            if index is not None:
                chosen.append((whole, ours, index))
        one_by_one = self.published.run([{**whole, "feed": "units"} for whole, _, _ in chosen])
        carried, amiss = 0, []
        for (whole, ours, index), published in zip(chosen, one_by_one, strict=True):
            alike = compare.find(whole, published[:index], ours[:index]) is None
            if not alike or compare.different(published[index], ours[index]):
                continue
            events = ours[index]["events"] + ours[index]["carried"]
            carried += bool(ours[index]["carried"])
            singly = published[index]["events"]
            if not passing.meant_alike(singly, events):
                amiss.append(f"seed {whole['seed']}, step {index}: {singly} became {events}")
        return carried, amiss


def start(published: Runner, ours: Runner, seeds: Iterable[int]) -> Session:
    """Run the programs of ``seeds``."""
    programs = [program(seed) for seed in seeds]
    traces = list(zip(published.run(programs), ours.run(programs), strict=True))
    return Session(published, ours, programs, traces)
