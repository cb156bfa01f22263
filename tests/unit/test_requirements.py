"""The table of requirements is complete, and right about the tests and rules that it names."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from h2._rules.registry import RULES
from support.processes import ROOT, run, run_for_bytes
from tools.requirements import RFCS, Requirement, faults, load, rules_beyond
from tools.sentences import KEY_WORD, normative
from unit.rules.scenarios import SCENARIOS

ROWS = load()
SPEC = ROOT.parent / "shared" / "spec"
IDENTIFIER = re.compile(rf"\b(?:{'|'.join(RFCS)})-(?:\d+|[A-Z])(?:\.\d+)*-\d+\b")
NAMING = sorted(
    path
    for folder in ("src", "tests", "docs", "tools")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md") and path != Path(__file__)
)


# The rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_has_tests_or_a_reason(row: Requirement) -> None:
    assert list(faults(row)) == []


ROW = next(row for row in ROWS.values() if row.sending and row.receiving and not row.reason)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (replace(ROW, sending=(), receiving=(), binds=()), "has neither a test nor a reason"),
        (replace(ROW, sending=()), "nor a reason"),
        (replace(ROW, receiving=()), "nor a reason"),
        (replace(ROW, binds=("client sending",)), "has tests of receiving, which it does not bind"),
        (replace(ROW, binds=("somebody sending", "client receiving")), "binds nobody"),
        (replace(ROW, reason="nobody knows"), "has a reason of no known kind: nobody knows"),
    ],
    ids=["nothing", "not sent", "not received", "other side", "role", "reason"],
)
def test_a_row_that_is_wrong(row: Requirement, expected: str) -> None:
    (fault,) = {fault for fault in faults(row) if expected in fault}
    assert fault


def test_a_reason_may_take_the_place_of_tests() -> None:
    without = replace(ROW, sending=(), receiving=(), reason="application: the program does it")
    assert list(faults(without)) == []
    assert list(faults(replace(without, binds=("intermediary",)))) == []


# Rules ------------------------------------------------------------------------------------------


def test_rules_that_rows_name_exist_and_every_rule_is_named() -> None:
    named = {rule for row in ROWS.values() for rule in row.rules}
    beyond = rules_beyond().keys()
    assert named - RULES.keys() == set()
    assert named & beyond == set()
    assert RULES.keys() - named == beyond, "a rule needs a row, or a reason in rules.toml"


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_is_triggered_by_a_test(rule: str) -> None:
    assert any(scenario.rule == rule for scenario in SCENARIOS)


# Tests ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The tests of the files that rows name, as pytest finds them, without their parameters."""
    files = sorted({test.partition("::")[0] for row in ROWS.values() for test in row.tests})
    missing = [file for file in files if not (ROOT / file).is_file()]
    assert missing == [], "rows name files that do not exist"
    options = ("--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    done = run([sys.executable, "-m", "pytest", *options, *files])
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}


def test_tests_that_rows_name_exist(collected: set[str]) -> None:
    missing = {
        row.id: {*row.tests} - collected for row in ROWS.values() if {*row.tests} - collected
    }
    assert missing == {}


def test_a_test_that_does_not_exist_is_noticed(collected: set[str]) -> None:
    assert f"{ROW.tests[0]}_and_more" not in collected
    assert ROW.tests[0] in collected


@pytest.mark.slow
def test_the_tests_of_a_row_break_its_rules(tmp_path: Path) -> None:
    """If a row names a rule, one of its tests makes the package apply it."""
    with_rules = [row for row in ROWS.values() if row.rules and row.tests]
    tests = sorted({test for row in with_rules for test in row.tests})
    file = tmp_path / "triggered.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TRIGGERED": str(file)}
    options = ("-q", "-p", "triggered", "-p", "no:cacheprovider", "-p", "no:xdist")
    # Hundreds of tests need more than the usual time limit.
    command = [sys.executable, "-m", "pytest", *options, *tests]
    done = run_for_bytes(command, env=environment, patience=4)
    assert done.returncode == 0, done.stdout.decode()
    triggered = json.loads(file.read_text(encoding="utf-8"))
    idle = [
        (row.id, rule)
        for row in with_rules
        for rule in row.rules
        if not any(rule in triggered[test] for test in row.tests)
    ]
    assert idle == []


def test_no_row_names_a_test_twice() -> None:
    for row in ROWS.values():
        for tests in (row.sending, row.receiving, row.rules):
            assert len(set(tests)) == len(tests), row.id


def named_rows(path: Path) -> Iterator[str]:
    """The identifiers of rows in a file."""
    yield from IDENTIFIER.findall(path.read_text(encoding="utf-8"))


def test_rows_that_tests_and_pages_name_exist() -> None:
    missing = {path: {*named_rows(path)} - ROWS.keys() for path in NAMING}
    assert {path: rows for path, rows in missing.items() if rows} == {}


def test_names_of_rows_are_seen() -> None:
    assert IDENTIFIER.findall("see 9113-5.1.1-3, (7541-6.2.3-10) and 9113-5.1") == [
        "9113-5.1.1-3",
        "7541-6.2.3-10",
    ]
    assert {*named_rows(ROOT / "tests" / "conformance" / "test_both_roles.py")}


# Sentences --------------------------------------------------------------------------------------


@pytest.fixture(params=RFCS)
def text(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The number and the text of an RFC."""
    file = SPEC / f"rfc{request.param}.txt"
    if not file.is_file():
        pytest.skip("the texts of the RFCs are not beside the repository")
    return request.param, file.read_text(encoding="utf-8")


def test_every_normative_sentence_has_its_row(text: tuple[str, str]) -> None:
    rfc, octets = text
    only = RFCS[rfc][1]
    sentences = {s.id: s.text for s in normative(rfc, octets) if not only or s.section in only}
    assert {row.id: row.text for row in ROWS.values() if row.rfc == rfc} == sentences


def test_no_key_word_is_outside_the_sentences(text: tuple[str, str]) -> None:
    rfc, octets = text
    found = "\n".join(sentence.text for sentence in normative(rfc, octets))
    assert len(KEY_WORD.findall(found)) == len(KEY_WORD.findall(octets))


def place(id: str) -> list[list[int]]:
    """The position of a sentence, for sorting."""
    return [[int(number) for number in part.split(".")] for part in id.split("-")]


@pytest.mark.parametrize("rfc", RFCS)
def test_rows_are_in_the_order_of_the_sentences(rfc: str) -> None:
    ids = [row.id for row in ROWS.values() if row.rfc == rfc]
    assert ids == sorted(ids, key=place)
