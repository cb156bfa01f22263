"""Mutation testing: change one thing in the source, and see whether a test detects it.

usage: python -m tools.mutation [--sample N] [--seed N] [--only TEXT] [--searches] [--list]
                                [--listed]

Each mutant is one small change: a comparison, a boolean, a constant by one, a value that is not
returned, a missing statement, `min` for `max`. Only the tests that reach the line run, fast ones
first, until one fails. Mutants that no test detects are printed; either a test is missing, or the
change has no visible effect. The latter are listed, with the reason, in
`tools/equivalent_mutants.json`. With `--listed` only these run: a test that detects one shows that
its reason is wrong, or that its number now belongs to another mutant of the function.

Which tests reach which lines is found out first, which takes some minutes; later only for tests
that have changed, unless `--fresh` is given. Tests that are marked as heavy do not run, nor those
with generated inputs: with `--searches` they run, too, where no other test has noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from .mutants import Mutant, mutants_of
from .mutation_run import FAILS_ANYWAY, KILLED, NOT_REACHED, SURVIVED, TIMED_OUT, Task, run

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src"
WORK: Final = ROOT / "build" / "mutation"
EQUIVALENT: Final = ROOT / "tools" / "equivalent_mutants.json"

#: What is mutated, and the tests that should detect it.
PARTS: Final = ("h2/_core", "h2/_rules")
TESTS: Final = ("tests/unit", "tests/conformance", "tests/buffered")
SEARCHES: Final = ("tests/property", "tests/buffered/test_simulation.py")

#: Tests of tools and of pages: some read the source as text, and detect any change.
_NOT_TESTS: Final = (
    *("test_architecture", "test_benchmarks", "test_consumer_suites", "test_find_python"),
    *("test_generated_docs", "test_manual", "test_mutation", "test_processes"),
)
_CHOSEN: Final = ("-m", "not heavy", *(f"--ignore-glob=*{name}*" for name in _NOT_TESTS))

KNOWN: Final = "equivalent"


class Reach(NamedTuple):
    """Which tests reach which lines, and how long they take."""

    lines: dict[str, dict[int, list[str]]]  #: tests by line by file, relative to the source
    seconds: dict[str, float]
    imported: dict[str, list[int]]  #: lines that run when a file is imported

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach a mutant, fast ones first.

        Code that runs when the module is imported is reached by all tests that reach the module, or
        by all tests if the module only has tables.
        """
        lines = self.lines.get(mutant.file, {})
        tests = {test for line in mutant.lines for test in lines.get(line, ())}
        if not tests and self.is_imported(mutant):
            tests = _tests_in(lines) or {*chain(*map(_tests_in, self.lines.values()))}
        return sorted(tests, key=lambda test: (self.seconds.get(test, 0.0), test))

    def is_imported(self, mutant: Mutant) -> bool:
        """Tell whether a mutant also runs when its module is imported."""
        return mutant.at_import or not {*self.imported.get(mutant.file, ())}.isdisjoint(
            mutant.lines
        )


def _tests_in(lines: dict[int, list[str]]) -> set[str]:
    return {*chain(*lines.values())}


def reach(fresh: bool) -> Reach:
    """Measure which tests reach which lines, or load the stored result."""
    remembered = WORK / "reach.json"
    if fresh or not remembered.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        remembered.write_text(json.dumps(_measure()), encoding="utf-8")
    found = json.loads(remembered.read_text(encoding="utf-8"))
    names = found["tests"]
    lines = {
        file: {int(line): [names[place] for place in places] for line, places in of_file.items()}
        for file, of_file in found["lines"].items()
    }
    return Reach(lines, found["seconds"], found["imported"])


def _measure() -> dict[str, object]:
    """Run the tests once, with coverage that notes the test for each line."""
    data = WORK / "coverage"
    data.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--cov", "--cov-context=test", "--cov-report="]
    command += ["--durations=0", "-vvv", "-p", "no:cacheprovider", *_CHOSEN, *TESTS]
    environment = {**os.environ, "COVERAGE_FILE": str(data)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"the tests fail without a mutant\n{done.stdout[-2_000:]}")
    return {**_lines(data), "seconds": dict(_durations(done.stdout))}


def _lines(data: Path) -> dict[str, object]:
    """Return the names of the tests, and for each line of each file the indices of its tests."""
    from coverage import CoverageData

    found = CoverageData(str(data))
    found.read()
    places: dict[str, int] = {}
    lines = {}
    imported = {}
    for file in found.measured_files():
        relative = Path(file).relative_to(SOURCE).as_posix()
        if not relative.startswith(PARTS):
            continue
        contexts_of = found.contexts_by_lineno(file)
        lines[relative] = {
            line: sorted(
                places.setdefault(name, len(places))
                for name in {context.rpartition("|")[0] for context in contexts} - {""}
            )
            for line, contexts in contexts_of.items()
        }
        imported[relative] = [line for line, contexts in contexts_of.items() if "" in contexts]
    return {"tests": list(places), "lines": lines, "imported": imported}


def _durations(output: str) -> Iterator[tuple[str, float]]:
    """Yield the seconds that each test took, from what pytest prints."""
    for line in output.splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3 and words[1] == "call" and words[0].endswith("s"):
            yield words[2], float(words[0][:-1])


def all_mutants(only: str = "") -> list[Mutant]:
    """Return every mutant of the parts, or of the modules whose path contains a text."""
    found = []
    for part in PARTS:
        for path in sorted((SOURCE / part).glob("*.py")):
            file = path.relative_to(SOURCE).as_posix()
            if only in file:
                found += mutants_of(file, path.read_text(encoding="utf-8"))
    return found


def equivalents() -> dict[str, str]:
    """Return the mutants without visible effect, with the reason for each."""
    known: dict[str, str] = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return known


def tasks_for(mutants: list[Mutant], reached: Reach) -> list[Task]:
    """Return the mutants, each with the tests that reach it."""
    return [
        Task(mutant, reached.tests_for(mutant), reached.is_imported(mutant)) for mutant in mutants
    ]


def main() -> int:
    """Run the program; return 1 if a mutant survives."""
    options = _parser().parse_args()
    known = equivalents()
    found = all_mutants(options.only)
    usual = KILLED
    if options.listed:
        found = [mutant for mutant in found if mutant.key in known]
        known = {}
        usual = SURVIVED
    chosen = found
    if options.sample is not None and options.sample < len(found):
        chosen = random.Random(options.seed).sample(found, options.sample)
    if options.list:
        print("\n".join(mutant.key for mutant in chosen))
        return 0
    begin = monotonic()
    new = [mutant for mutant in chosen if mutant.key not in known]
    results = {mutant.key: KNOWN for mutant in chosen}
    reached = reach(options.fresh)
    tasks = tasks_for(new, reached)
    results |= _judge(tasks, [*_CHOSEN, *TESTS], reached.seconds, usual)
    if options.searches:
        left = [task for task in tasks if results[task.mutant.key] in (SURVIVED, NOT_REACHED)]
        print(f"{len(left)} are searched for:")
        results |= _judge([task._replace(tests=None) for task in left], SEARCHES, {}, usual)
    counts = Counter(results.values())
    print(f"{len(chosen)} of {len(found)} mutants in {monotonic() - begin:.0f} s:")
    for result in (KILLED, TIMED_OUT, KNOWN, NOT_REACHED, SURVIVED):
        print(f"{counts[result]:6} {result}")
    wrong = (KILLED, TIMED_OUT) if options.listed else (SURVIVED, NOT_REACHED)
    return 1 if any(counts[result] for result in wrong) else 0


def _judge(
    tasks: list[Task], arguments: Sequence[str], seconds: Mapping[str, float], usual: str
) -> dict[str, str]:
    """Return what becomes of mutants, and show those with another result than the usual one."""
    lines = {task.mutant.key: task.mutant.lines[0] for task in tasks}
    results = {}
    for outcome in run(tasks, arguments, seconds, SOURCE):
        if outcome.result == FAILS_ANYWAY:
            print(f"{FAILS_ANYWAY}: {outcome.test}", flush=True)
            continue
        results[outcome.key] = outcome.result
        if outcome.result != usual:
            print(f"{outcome.result}: {outcome.key} (line {lines[outcome.key]})", flush=True)
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--sample", type=int, help="try so many mutants, chosen at random (all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (0)")
    parser.add_argument("--only", default="", help="only modules whose path contains this")
    parser.add_argument("--searches", action="store_true", help="try generated inputs on survivors")
    parser.add_argument("--list", action="store_true", help="list the mutants without trying them")
    parser.add_argument(
        "--listed", action="store_true", help="try those that are listed as equivalent instead"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="measure again which tests reach which lines"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
