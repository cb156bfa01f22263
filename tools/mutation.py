"""Mutation testing: change one thing in the source, and see whether a test detects it.

usage: python -m tools.mutation [--sample N] [--seed N] [--only TEXT] [--property] [--list]

Each mutant is one small change: a comparison, a boolean, a constant by one, a value that is not
returned, a missing statement, `min` for `max`. Only the tests that reach the line run, fast ones
first, until one fails. Mutants that no test detects are printed; either a test is missing, or the
change has no visible effect. The latter are listed, with the reason, in
`tools/equivalent_mutants.json`.

First it measures which tests reach which lines, which takes as long as these tests; `--fresh`
repeats that. Tests with generated inputs take too long to run for each mutant: with `--property`
they also run, if no other test has detected the mutant.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from .mutants import Mutant, mutants_of

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src"
WORK: Final = ROOT / "build" / "mutation"
EQUIVALENT: Final = ROOT / "tools" / "equivalent_mutants.json"

#: What is mutated, and the tests that should detect it.
PARTS: Final = ("h2/_core", "h2/_rules")
TESTS: Final = ("tests/unit", "tests/conformance", "tests/buffered")
PROPERTY_TESTS: Final = ("tests/property",)
_PROPERTY_SECONDS: Final = 1_200

#: Tests of tools and of pages: some read the source as text, and detect any change.
_NOT_TESTS: Final = (
    *("test_architecture", "test_benchmarks", "test_consumer_suites", "test_find_python"),
    *("test_generated_docs", "test_manual", "test_mutation", "test_processes"),
)

#: A mutant may take this many times as long as its tests normally do, plus a few seconds.
_PATIENCE: Final = 10
_SECONDS: Final = 60

KILLED, SURVIVED, TIMED_OUT, NOT_REACHED, KNOWN = (
    *("killed", "survived", "timed out", "not reached", "equivalent"),
)


class Reach(NamedTuple):
    """Which tests reach which lines, and how long they take."""

    lines: dict[str, dict[int, list[str]]]  #: tests by line by file, relative to the source
    seconds: dict[str, float]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach a mutant, fast ones first.

        Code that runs when the module is imported is reached by all tests that reach the module, or
        by all tests if the module only has tables.
        """
        lines = self.lines.get(mutant.file, {})
        tests = {test for line in mutant.lines for test in lines.get(line, ())}
        if not tests and mutant.at_import:
            tests = _tests_in(lines) or {*chain(*map(_tests_in, self.lines.values()))}
        return sorted(tests, key=lambda test: (self.seconds.get(test, 0.0), test))


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
    return Reach(lines, found["seconds"])


def _measure() -> dict[str, object]:
    """Run the tests once, with coverage that notes the test for each line."""
    data = WORK / "coverage"
    data.unlink(missing_ok=True)
    ignored = [f"--ignore-glob=*{name}*" for name in _NOT_TESTS]
    command = [sys.executable, "-m", "pytest", "-q", "--cov", "--cov-context=test", "--cov-report="]
    command += ["--durations=0", "-vvv", "-p", "no:cacheprovider", *ignored, *TESTS]
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
    for file in found.measured_files():
        relative = Path(file).relative_to(SOURCE).as_posix()
        if not relative.startswith(PARTS):
            continue
        lines[relative] = {
            line: sorted(
                places.setdefault(name, len(places))
                for name in {context.partition("|")[0] for context in contexts} - {""}
            )
            for line, contexts in found.contexts_by_lineno(file).items()
        }
    return {"tests": list(places), "lines": lines}


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


def prepare(folder: Path) -> None:
    """Make a copy of the source, in which one mutant after the other is inserted."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE / "h2", folder / "h2", ignore=shutil.ignore_patterns("__pycache__"))


def judge(mutant: Mutant, tests: list[str], limit: float, folder: Path) -> str:
    """Run tests on a mutant, and return the result."""
    if not tests:
        return NOT_REACHED
    path = folder / mutant.file
    right = path.read_bytes()
    listed = folder / "tests.txt"
    listed.write_text("\n".join(tests), encoding="utf-8")
    path.write_text(ast.unparse(mutant.tree()), encoding="utf-8")
    try:
        done = _pytest(folder, limit, f"@{listed}")
    except subprocess.TimeoutExpired:
        return TIMED_OUT
    finally:
        path.write_bytes(right)
    # A mutant that breaks an import makes tests disappear, too.
    gone = b"ERROR: not found:"
    if gone in done.stdout and gone in _pytest(folder, None, "--collect-only", f"@{listed}").stdout:
        sys.exit("there are other tests than those that were measured: --fresh measures them")
    return KILLED if done.returncode else SURVIVED


def _pytest(
    folder: Path, limit: float | None, *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    """Run tests on the copy of the source; the first failure ends them."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:cov"]
    return subprocess.run(
        [*command, "--no-header", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=limit,
        check=False,
    )


def main() -> int:
    """Run the program; return 1 if a mutant survives."""
    options = _parser().parse_args()
    known = equivalents()
    found = all_mutants(options.only)
    chosen = found
    if options.sample is not None and options.sample < len(found):
        chosen = random.Random(options.seed).sample(found, options.sample)
    if options.list:
        print("\n".join(mutant.key for mutant in chosen))
        return 0
    reached = reach(options.fresh)
    folder = WORK / "src"
    prepare(folder)
    results: Counter[str] = Counter()
    begin = monotonic()
    for mutant in chosen:
        if mutant.key in known:
            result = KNOWN
        else:
            tests = reached.tests_for(mutant)
            usual = sum(reached.seconds.get(test, 0.0) for test in tests)
            result = judge(mutant, tests, _SECONDS + _PATIENCE * usual, folder)
            if options.property and result in (SURVIVED, NOT_REACHED):
                result = judge(mutant, [*PROPERTY_TESTS], _PROPERTY_SECONDS, folder)
        results[result] += 1
        if result not in (KILLED, KNOWN):
            print(f"{result}: {mutant.key} (line {mutant.lines[0]})", flush=True)
    print(f"{len(chosen)} of {len(found)} mutants in {monotonic() - begin:.0f} s:")
    for result in (KILLED, TIMED_OUT, KNOWN, NOT_REACHED, SURVIVED):
        print(f"{results[result]:6} {result}")
    return 1 if results[SURVIVED] or results[NOT_REACHED] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--sample", type=int, help="try so many mutants, chosen at random (all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (0)")
    parser.add_argument("--only", default="", help="only modules whose path contains this")
    parser.add_argument("--property", action="store_true", help="try tests/property on survivors")
    parser.add_argument("--list", action="store_true", help="list the mutants without trying them")
    parser.add_argument(
        "--fresh", action="store_true", help="measure again which tests reach which lines"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
