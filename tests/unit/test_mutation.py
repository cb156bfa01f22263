"""The tool for mutation testing: which mutants it makes, which tests it runs, what it says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import mutation
from tools.mutants import Mutant, mutants_of
from tools.mutation import KILLED, NOT_REACHED, SURVIVED, TIMED_OUT, Reach, judge


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
        # What makes no difference, or breaks all of it.
        ("return None", []),
        ("a = b", []),
        ("a: int = b", []),
        ("'a docstring'", []),
        ("import a", []),
        ("if TYPE_CHECKING: a()", []),
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
    assert lines["m.py:f: a > LIMIT -> a >= LIMIT"][0][0] == 4


def test_equal_changes_of_a_function_have_numbers() -> None:
    found = changes("def f():\n    a(1)\n    b(1)\n")
    assert [change for change in found if "1 -> 2" in change] == ["1 -> 2", "1 -> 2 #2"]


def mutant_of(source: str, change: str) -> Mutant:
    (found,) = (mutant for mutant in mutants_of("m.py", source) if change in mutant.key)
    return found


def test_tests_that_reach_the_line_run_and_quick_ones_first() -> None:
    reach = Reach({"m.py": {1: ["c"], 4: ["a", "b"], 7: ["b"]}}, {"a": 2.0, "b": 1.0})
    assert reach.tests_for(mutant_of(SOURCE, "-> a >= LIMIT")) == ["b", "a"]
    assert reach.tests_for(mutant_of(SOURCE, "-> max")) == ["b"]
    assert reach.tests_for(mutant_of(SOURCE, "3 -> 4")) == ["c"]
    unknown = Reach({"m.py": {4: ["a"], 7: ["b"]}}, {})
    assert unknown.tests_for(mutant_of(SOURCE, "3 -> 4")) == ["a", "b"]
    assert Reach({}, {}).tests_for(mutant_of(SOURCE, "-> max")) == []
    tables = Reach({"n.py": {1: ["a"], 2: ["b"]}}, {"a": 2.0, "b": 1.0})
    assert tables.tests_for(mutant_of(SOURCE, "3 -> 4")) == ["b", "a"]


@pytest.mark.slow
def test_what_becomes_of_a_mutant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    source = "def f(a, b):\n    while a > b:\n        a = a - 1\n    return min(a, b)\n"
    module = folder / "m.py"
    module.write_text(source, encoding="utf-8")
    test = tmp_path / "test_m.py"
    test.write_text("from m import f\ndef test():\n    assert f(5, 4) == 4\n", encoding="utf-8")
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    tests = ["test_m.py::test"]

    def result(change: str, limit: float = 60) -> str:
        return judge(mutant_of(source, change), tests, limit, folder)

    assert result("min(a, b) -> max(a, b)") == SURVIVED
    assert result("return min(a, b) -> return None") == KILLED
    assert result("a - 1 -> a + 1", limit=3) == TIMED_OUT
    assert judge(mutant_of(source, "a > b -> a >= b"), [], 60, folder) == NOT_REACHED
    assert module.read_text(encoding="utf-8") == source
    breaks_import = mutant_of("def f(a, b):\n    return a\nassert 1 == 1\n", "1 == 1 -> 1 != 1")
    assert judge(breaks_import, tests, 60, folder) == KILLED
    tests.append("test_m.py::test_that_is_gone")
    with pytest.raises(SystemExit, match="--fresh"):
        result("min(a, b) -> max(a, b)")


def test_the_list_of_equivalent_mutants_is_not_out_of_date() -> None:
    keys = [mutant.key for mutant in mutation.all_mutants()]
    assert len(set(keys)) == len(keys)
    known = mutation.equivalents()
    assert known.keys() <= set(keys)
    assert all(len(reason) > 20 for reason in known.values())


def test_durations_are_read_from_what_pytest_prints() -> None:
    printed = "== slowest durations ==\n1.25s call     t.py::test[a b]\n0.01s setup    t.py::test\n"
    assert dict(mutation._durations(printed)) == {"t.py::test[a b]": 1.25}
