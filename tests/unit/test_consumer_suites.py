"""The comparison of consumers' test suites: reading and comparing results, cleaning up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import consumer_suites
from tools.consumer_suites import KINDS, OURS, PUBLISHED, RERUNS, Suite, run_again
from tools.consumers import catalogue, results
from tools.consumers.catalogue import INSTALLED, SDIST, Consumer
from tools.consumers.results import FAILED, PASSED, SKIPPED, Report

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="7">
<testcase classname="tests.unit.test_a" name="test_plain" file="tests/unit/test_a.py" line="3"/>
<testcase classname="tests.unit.test_a.TestIt" name="test_it[a::b]" file="tests/unit/test_a.py"/>
<testcase classname="tests.unit.test_a.TestIt.Inner" name="test_in" file="tests/unit/test_a.py">
<failure message="AssertionError">text</failure></testcase>
<testcase classname="test_b" name="test_left_out" file="tests/test_b.py">
<skipped message="reason"/></testcase>
<testcase classname="test_b" name="test_twice" file="tests/test_b.py"/>
<testcase classname="test_b" name="test_twice" file="tests/test_b.py">
<error message="while it cleaned up"/></testcase>
<testcase classname="test_b" name="test_output" file="tests/test_b.py">
<system-out>failure</system-out></testcase>
</testsuite></testsuites>
"""

TRIAL = """\
package.test_a.CaseTests.test_good ... [OK]
package.test_a.CaseTests.test_bad ... [FAILURE]
package.test_a.CaseTests.test_wrong ... [ERROR]
package.test_a.CaseTests.test_talks ... Some words.
More [words] of it.
                                                            [OK]
package.test_a.CaseTests.test_left_out ... [SKIPPED]
package.test_a.CaseTests.test_expected ... [TODO]
package.test_a.CaseTests.test_unexpected ... [SUCCESS!?!]
package.test_a.CaseTests.test_never_ended ...
package.test_a.CaseTests.test_last ... [OK]

===============================================================================
[FAIL]
Traceback (most recent call last):
[ERROR]
"""


def test_results_of_pytest_have_its_ids() -> None:
    assert results.from_junit(JUNIT) == {
        "tests/unit/test_a.py::test_plain": PASSED,
        "tests/unit/test_a.py::TestIt::test_it[a::b]": PASSED,
        "tests/unit/test_a.py::TestIt::Inner::test_in": FAILED,
        "tests/test_b.py::test_left_out": SKIPPED,
        "tests/test_b.py::test_twice": FAILED,
        "tests/test_b.py::test_output": PASSED,
    }


def test_results_of_trial() -> None:
    found = results.from_trial(TRIAL)
    assert {name.rpartition(".")[2]: outcome for name, outcome in found.items()} == {
        "test_good": PASSED,
        "test_bad": FAILED,
        "test_wrong": FAILED,
        "test_talks": PASSED,
        "test_left_out": SKIPPED,
        "test_expected": SKIPPED,
        "test_unexpected": FAILED,
        "test_last": PASSED,
    }
    assert "package.test_a.CaseTests.test_good" in found


def test_a_test_that_passes_must_pass_and_nothing_else() -> None:
    published = dict.fromkeys(("good", "bad", "skipped", "missing"), PASSED) | {"never": FAILED}
    ours = {"good": PASSED, "bad": FAILED, "skipped": SKIPPED, "never": FAILED, "new": FAILED}
    assert results.newly_failing(published, ours) == ["bad", "skipped", "missing"]


def report(accepted: dict[str, str], at_least: int = 2, troubles: tuple[str, ...] = ()) -> Report:
    published = {"a": PASSED, "b": PASSED, "c": PASSED}
    ours = {"a": PASSED, "b": FAILED, "c": FAILED}
    return Report("someone", "1.2", published, ours, at_least, accepted, troubles)


def test_complaints() -> None:
    assert report({}).complaints == ["fails with ours only: b", "fails with ours only: c"]
    assert report({"b": "compares texts"}).complaints == ["fails with ours only: c"]
    assert report({"b": "texts", "c": "octets"}).complaints == []


def test_an_accepted_difference_must_be_one() -> None:
    found = report({"a": "texts", "b": "texts", "c": "texts"}).complaints
    assert found == ["is accepted as a difference, but is none: a"]


def test_a_suite_that_no_longer_runs_is_told() -> None:
    (found,) = report({"b": "texts", "c": "texts"}, at_least=4).complaints
    assert found.startswith("only 3 tests pass with the published h2, not 4")


def test_what_did_not_run_is_not_compared() -> None:
    assert report({}, troubles=("it was stopped",)).complaints == ["it was stopped"]


def test_table() -> None:
    lines = results.table([report({}), report({"b": "texts"})]).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["someone", "1.2", "3", "1", "2"],
        ["someone", "1.2", "3", "1", "1", "(and", "1", "accepted)"],
    ]
    assert lines[0].index("newly failing") == lines[1].rindex("2")


@pytest.mark.parametrize("consumer", catalogue.CONSUMERS, ids=lambda consumer: consumer.name)
def test_what_the_catalogue_names_is_there(consumer: Consumer) -> None:
    assert consumer.version
    if consumer.source == catalogue.EXERCISE:
        assert all((catalogue.EXERCISES / test).is_file() for test in consumer.tests)
    assert (catalogue.HERE / consumer.helpers).is_dir()


def test_all_versions_are_exact() -> None:
    for of_set in {consumer.set for consumer in catalogue.CONSUMERS}:
        versions = catalogue.versions(of_set)
        assert all(versions.values()), versions
        assert len(versions) == len(catalogue.requirements(of_set))
        assert not {"h2", "hpack", "hyperframe"} & set(versions)


def test_accepted_differences_have_reasons_and_consumers() -> None:
    assert set(catalogue.ACCEPTED) <= {consumer.name for consumer in catalogue.CONSUMERS}
    for tests in catalogue.ACCEPTED.values():
        assert all(tests.values())


HANGS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


def ends(pid: int) -> bool:
    """Whether a process ends within the time limit."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            # It may be a zombie waiting to be reaped.
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize(("seconds", "in_time"), [(600, False), (0, True)])
def test_a_run_leaves_no_process(tmp_path: Path, seconds: float, in_time: bool) -> None:
    consumer = Consumer("someone", INSTALLED, (), 0, limit=60 if in_time else 10)
    suite = Suite(consumer, Path(sys.executable), tmp_path / "run")
    suite.unpack(None)
    output = tmp_path / "output"
    command = [sys.executable, "-c", HANGS, str(seconds)]
    assert asyncio.run(suite._start(command, output)) is in_time
    assert ends(int(output.read_text()))


def test_what_the_source_distribution_lacks_is_put_in(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("")
    with tarfile.open(tmp_path / "some.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "tests", "some-1.2/tests")
    consumer = Consumer("some", SDIST, ("tests",), 0, helpers="grpclib")
    suite = Suite(consumer, Path(sys.executable), tmp_path / "run")
    suite.unpack(tmp_path / "some.tar.gz")
    assert {"test_it.py", "stubs.py"} <= {path.name for path in (suite.source / "tests").iterdir()}


class OnceMore(Suite):
    """A suite whose tests pass on the second attempt, except for one."""

    attempts = 0

    async def run(self, tests: Sequence[str], name: str) -> results.Results:
        self.attempts += 1
        return {test: PASSED if self.attempts > 1 and test != "c" else FAILED for test in tests}


@pytest.mark.parametrize(
    ("accepted", "troubles", "attempts", "failing"),
    [
        ({}, (), RERUNS, ["c"]),
        ({"c": "texts"}, (), 2, []),
        ({"b": "texts", "c": "texts"}, (), 0, []),
        ({}, ("it was stopped",), 0, ["b", "c"]),
    ],
)
def test_what_fails_is_run_again(
    tmp_path: Path,
    accepted: dict[str, str],
    troubles: tuple[str, ...],
    attempts: int,
    failing: list[str],
) -> None:
    consumer = Consumer("someone", INSTALLED, (), 0)
    suite = OnceMore(consumer, Path(sys.executable), tmp_path)
    tried = report(accepted, troubles=troubles)
    asyncio.run(run_again(tried, suite))
    assert tried.failing == failing
    assert suite.attempts == attempts


@pytest.mark.parametrize("swapped", [False, True])
def test_the_class_is_swapped_in_for_the_experiment(tmp_path: Path, swapped: bool) -> None:
    consumer = Consumer("someone", INSTALLED, (), 0, limit=30)
    suite = Suite(consumer, Path(sys.executable), tmp_path / "run", swapped)
    suite.unpack(None)
    output = tmp_path / "output"
    code = "import h2.connection; print(h2.connection.H2Connection.__name__)"
    assert asyncio.run(suite._start([sys.executable, "-c", code], output))
    assert output.read_text().split() == ["BufferedH2Connection" if swapped else "H2Connection"]


def test_the_experiment_has_columns_of_its_own() -> None:
    report = Report("x", "1", {"a": PASSED, "b": PASSED}, {"a": PASSED, "b": FAILED}, 2)
    first, second = results.table([report], results.EXPERIMENT).splitlines()
    assert "the other class" in first
    assert second.split() == ["x", "1", "2", "1", "1"]


@pytest.mark.parametrize("given", [None, Path("dist/h2-1-cp311-cp311-linux.whl")])
def test_the_wheel_is_built_unless_one_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: Path | None
) -> None:
    built = tmp_path / "h2-1-py3-none-any.whl"
    installed: dict[str, Path] = {}
    monkeypatch.setattr(consumer_suites, "environment", lambda of_set, kind: Path(kind))
    monkeypatch.setattr(
        consumer_suites, "put_in", lambda python, kind, wheel: installed.update({kind: wheel})
    )
    monkeypatch.setattr(
        consumer_suites.distributions, "build", lambda folder: (tmp_path / "sdist", built)
    )
    consumers = [consumer for consumer in catalogue.CONSUMERS if consumer.name == "Twisted"]
    prepared = consumer_suites.prepare(consumers, tmp_path, KINDS, given)
    assert installed == dict.fromkeys(KINDS, given or built)
    assert prepared.pythons == {("all", kind): Path(kind) for kind in KINDS}


@pytest.mark.parametrize(
    ("kind", "wheel", "told", "right"),
    [
        (OURS, "h2-4.5.0-cp311-cp311-linux.whl", "4.5.0 True", True),
        (OURS, "h2-4.5.0-cp311-cp311-linux.whl", "4.5.0 False", False),
        (OURS, "h2-4.5.0-py3-none-any.whl", "4.5.0 False", True),
        (OURS, "h2-4.5.0-py3-none-any.whl", "4.5.0 True", False),
        (OURS, "h2-4.5.0-py3-none-any.whl", "4.4.1 False", False),
        (PUBLISHED, "h2-4.5.0-py3-none-any.whl", "4.4.1 False", True),
        (PUBLISHED, "h2-4.5.0-py3-none-any.whl", "4.5.0 False", False),
    ],
)
def test_the_wheel_that_was_named_is_what_runs(
    monkeypatch: pytest.MonkeyPatch, kind: str, wheel: str, told: str, right: bool
) -> None:
    def run(command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, f"{told} /there/lib/h2/connection.py\n")

    monkeypatch.setattr(consumer_suites, "pip", lambda *arguments: None)
    monkeypatch.setattr(consumer_suites.subprocess, "run", run)
    python = Path("/there/bin/python")
    if right:
        consumer_suites.put_in(python, kind, Path(wheel))
    else:
        with pytest.raises(SystemExit, match="has h2 4"):
            consumer_suites.put_in(python, kind, Path(wheel))
