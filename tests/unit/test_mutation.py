"""The tool for mutation testing: its mutants, the tests that it runs, its report."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import mutation
from tools.mutants import Mutant, mutants_of
from tools.mutation import Reach
from tools.mutation_run import KILLED, SURVIVED, TIMED_OUT, Outcome, Task


def changes(source: str) -> list[str]:
    """The mutants of a module with one function: before and after."""
    return [mutant.key.partition(": ")[2] for mutant in mutants_of("m.py", source)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("return a < b", ["return a < b -> return None", "a < b -> a <= b"]),
        ("a = b is not c", ["b is not c -> b is c"]),
        ("a = b == c in d", ["b == c in d -> b != c in d", "b == c in d -> b == c not in d"]),
        ("a = b and c", ["b and c -> b or c"]),
        ("a = not b", ["not b -> b"]),
        ("a = b if c else d", ["b if c else d -> b if not c else d"]),
        ("if a: b = c", ["if a: ... -> if not a: ..."]),
        ("a = 5", ["5 -> 6", "5 -> 4"]),
        ("a = True", ["True -> False"]),
        ("a = b + c", ["b + c -> b - c"]),
        ("a -= b", ["a -= b -> a += b", "a -= b -> pass"]),
        ("a = min(b, c)", ["min(b, c) -> max(b, c)"]),
        ("a.b = c", ["a.b = c -> pass"]),
        ("a()", ["a() -> pass"]),
        ("raise a", ["raise a -> pass"]),
        ("del a[b]", ["del a[b] -> pass"]),
        # Mutants without an effect, or that break everything, are not created.
        ("return None", []),
        ("return False", ["False -> True"]),
        ("a = b", []),
        ("a: int = b", []),
        ("'a docstring'", []),
        ("import a", []),
        ("if TYPE_CHECKING: a()", []),
        # Code that only the compiled build runs.
        ("if COMPILED: a()\n    else: b()", ["b() -> pass"]),
        ("a = b(1) if COMPILED else not c", ["not c -> c"]),
        ("__slots__ = ('a',) + (b,)", []),
    ],
)
def test_operators(statement: str, expected: list[str]) -> None:
    found = changes(f"def f():\n    {statement}\n")
    assert sorted(found) == sorted(expected)


SOURCE = """\
LIMIT = 3

def f(a, b=2):
    if (a >
            LIMIT):
        return a
    return min(a, b)
"""


def test_each_mutant_has_one_change() -> None:
    mutants = mutants_of("m.py", SOURCE)
    texts = {mutant.key: ast.unparse(mutant.tree()) for mutant in mutants}
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for key, text in texts.items():
        changed = [new for old, new in zip(original, text.splitlines(), strict=True) if old != new]
        assert len(changed) == 1, key
    assert texts["m.py:f: a > LIMIT -> a >= LIMIT"].splitlines()[3] == "    if a >= LIMIT:"
    assert texts["m.py:: 3 -> 4"].startswith("LIMIT = 4\n")
    assert ast.unparse(mutants[0].module) == "\n".join(original)


def test_lines_are_those_of_the_statement() -> None:
    lines = {mutant.key: (mutant.lines, mutant.at_import) for mutant in mutants_of("m.py", SOURCE)}
    assert lines["m.py:: 3 -> 2"] == ((1,), True)
    assert lines["m.py:f: min(a, b) -> max(a, b)"] == ((7,), False)
    assert lines["m.py:f: a > LIMIT -> a >= LIMIT"][0] == (4, 5)
    assert lines["m.py:f: 2 -> 3"][0] == (3,)


def test_equal_changes_of_a_function_have_numbers() -> None:
    found = changes("def f():\n    a(1)\n    b(1)\n")
    assert [change for change in found if "1 -> 2" in change] == ["1 -> 2", "1 -> 2 #2"]


def mutant_of(source: str, change: str) -> Mutant:
    (found,) = (mutant for mutant in mutants_of("m.py", source) if change in mutant.key)
    return found


CHANGES = ("3 -> 4", "-> a >= LIMIT", "-> max")


@pytest.mark.parametrize(
    ("arguments", "tried", "results", "status", "shown"),
    [
        ([], ["a > LIMIT", "min"], [KILLED, KILLED], 0, []),
        ([], ["a > LIMIT", "min"], [KILLED, SURVIVED], 1, ["min"]),
        (["--listed"], ["3 -> 4"], [SURVIVED], 0, []),
        # A reason that is wrong.
        (["--listed"], ["3 -> 4"], [KILLED], 1, ["3 -> 4"]),
        (["--listed"], ["3 -> 4"], [TIMED_OUT], 1, ["3 -> 4"]),
    ],
)
def test_mutants_that_are_listed_must_survive_and_others_must_not(
    arguments: list[str],
    tried: list[str],
    results: list[str],
    status: int,
    shown: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mutants = [mutant_of(SOURCE, change) for change in CHANGES]
    keys: list[str] = []

    def run(tasks: list[Task], *_: object) -> Iterator[Outcome]:
        keys.extend(task.mutant.key for task in tasks)
        for task, result in zip(tasks, results, strict=True):
            yield Outcome(task.mutant.key, result)

    monkeypatch.setattr(mutation, "all_mutants", lambda only: mutants)
    monkeypatch.setattr(mutation, "equivalents", lambda: {mutants[0].key: "a reason"})
    monkeypatch.setattr(mutation, "reach", lambda fresh: Reach({}, {}, {}))
    monkeypatch.setattr(mutation, "run", run)
    monkeypatch.setattr(sys, "argv", ["mutation", *arguments])
    assert mutation.main() == status
    assert len(keys) == len(tried)
    assert all(change in key for change, key in zip(tried, keys, strict=True))
    lines = [line for line in capsys.readouterr().out.splitlines() if "(line " in line]
    assert len(lines) == len(shown)
    assert all(change in line for change, line in zip(shown, lines, strict=True))


def test_tests_that_reach_the_line_run_and_quick_ones_first() -> None:
    lines = {"m.py": {1: ["c"], 4: ["a", "b"], 7: ["b"]}}
    reach = Reach(lines, {"a": 2.0, "b": 1.0}, {"m.py": [1, 7]})
    assert reach.tests_for(mutant_of(SOURCE, "-> a >= LIMIT")) == ["b", "a"]
    assert reach.tests_for(mutant_of(SOURCE, "-> max")) == ["b"]
    assert reach.tests_for(mutant_of(SOURCE, "3 -> 4")) == ["c"]
    unknown = Reach({"m.py": {4: ["a"], 7: ["b"]}}, {}, {})
    assert unknown.tests_for(mutant_of(SOURCE, "3 -> 4")) == ["a", "b"]
    assert Reach({}, {}, {}).tests_for(mutant_of(SOURCE, "-> max")) == []
    tables = Reach({"n.py": {1: ["a"], 2: ["b"]}}, {"a": 2.0, "b": 1.0}, {})
    assert tables.tests_for(mutant_of(SOURCE, "3 -> 4")) == ["b", "a"]
    # Code that must be changed before it runs.
    assert [reach.is_imported(mutant_of(SOURCE, change)) for change in CHANGES] == [
        True,
        False,
        True,
    ]


JUDGED = """\
LIMIT = 4

def lowest(values):
    return min(values)

FIRST = lowest([1, 2])
assert len("ab") == 2

class Counter:
    def down(self, a, b=4):
        while a > b:
            a = a - 1
        return (lambda: min(a, b))() if a else None

def other():
    return 1 + 1
"""
JUDGING = """\
from m import FIRST, LIMIT, Counter
def test_that_fails():
    assert LIMIT < 4
def test_down():
    assert Counter().down(5, 4) == 4
def test_limit():
    assert LIMIT == 4
def test_first():
    assert FIRST == 1
"""
JUDGE = """\
import sys
from collections.abc import Iterator
from pathlib import Path
from tools import mutation_run
from tools.mutants import mutants_of
from tools.mutation_run import Task, run
mutation_run._SECONDS = 1
source = Path.cwd()
tests = [f"test_m.py::test_{name}" for name in sys.argv[1].split()]
by_change = {
    mutant.key.partition(":")[2]: mutant
    for mutant in mutants_of("m.py", (source / "m.py").read_text())
}
tasks = [
    Task(by_change[change], [] if "1 + 1" in change else tests, "values" in change)
    for change in sys.argv[2:]
]
for outcome in run(tasks, ["test_m.py"], {}, source):
    print("|".join([outcome.key.partition(":")[2], outcome.result, outcome.test]))
"""


def judged(folder: Path, tests: str, *changes: str) -> tuple[int, list[str], str]:
    """Run the program on these mutants; return its exit status, output and errors."""
    (folder / "m.py").write_text(JUDGED, encoding="utf-8")
    (folder / "test_m.py").write_text(JUDGING, encoding="utf-8")
    path = os.pathsep.join(map(str, (mutation.ROOT, folder)))
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, tests, *changes],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if "|" in line], done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutant needs a forked process")
def test_what_becomes_of_a_mutant(tmp_path: Path) -> None:
    changes = {
        "Counter.down: a > b -> a >= b": ("killed", "test_down"),
        "Counter.down: a - 1 -> a + 1": ("timed out", "test_down"),
        "Counter.down: min(a, b) -> max(a, b)": ("survived", ""),
        "other: 1 + 1 -> 1 - 1": ("not reached", ""),
        # A default value, a constant, and a function that was called already.
        ": 4 -> 5": ("killed", "test_limit"),
        "Counter.down: 4 -> 5": ("survived", ""),
        "lowest: min(values) -> max(values)": ("killed", "test_first"),
        # The tests can no longer be imported.
        ": len('ab') == 2 -> len('ab') != 2": ("killed", ""),
    }
    status, lines, errors = judged(tmp_path, "down limit first that_fails", *changes)
    assert not status, errors
    assert lines[0] == "|fails anyway|test_m.py::test_that_fails"
    found = {line.split("|")[0]: line.split("|")[1:] for line in lines[1:]}
    assert found == {
        change: [result, f"test_m.py::{test}" if test else ""]
        for change, (result, test) in changes.items()
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutant needs a forked process")
def test_tests_that_are_not_those_that_were_measured(tmp_path: Path) -> None:
    status, lines, errors = judged(tmp_path, "down that_is_gone", "Counter.down: a > b -> a >= b")
    assert status
    assert not lines
    assert "--fresh" in errors


def test_the_list_of_equivalent_mutants_is_not_out_of_date() -> None:
    keys = [mutant.key for mutant in mutation.all_mutants()]
    assert len(set(keys)) == len(keys)
    known = mutation.equivalents()
    assert known.keys() <= set(keys)
    assert all(len(reason) > 20 for reason in known.values())


def test_durations_are_read_from_what_pytest_prints() -> None:
    printed = "== slowest durations ==\n1.25s call     t.py::test[a b]\n0.01s setup    t.py::test\n"
    assert dict(mutation._durations(printed)) == {"t.py::test[a b]": 1.25}
