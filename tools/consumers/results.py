"""The results of a run of a suite, test by test, and the comparison of two runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"
#: One of the three for the id of each test. A test that is missing did not run.
Results = dict[str, str]

# A test may occur twice, such as one that passed and then failed in its teardown.
_WORSE = (PASSED, SKIPPED, FAILED)

_TRIAL_BEGINS = re.compile(r"([\w.]+) \.\.\. ")
_TRIAL_ENDS = re.compile(r"\[([A-Z]+)[!?]*\]$")
_TRIAL_OUTCOMES = {"OK": PASSED, "SKIPPED": SKIPPED, "TODO": SKIPPED}


def from_junit(text: str) -> Results:
    """Read the XML that pytest writes with `-o junit_family=xunit1`; ids are those of pytest."""
    results: Results = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = PASSED
        if kinds & {"failure", "error"}:
            outcome = FAILED
        elif "skipped" in kinds:
            outcome = SKIPPED
        test = _pytest_id(case.get("file", ""), case.get("classname", ""), case.get("name", ""))
        results[test] = max(outcome, results.get(test, PASSED), key=_WORSE.index)
    return results


def _pytest_id(file: str, classname: str, name: str) -> str:
    """Reconstruct the id from the path, the dotted name of module and class, and the name.

    The name of the module may be shorter than its path, so the classes are what follows the last
    part of the path's name.
    """
    module = file.removesuffix(".py").rpartition("/")[2]
    parts = classname.split(".")
    classes = parts[parts.index(module) + 1 :] if module in parts else []
    return "::".join([file, *classes, name])


def from_trial(text: str) -> Results:
    """Read what `python -m twisted.trial --reporter=bwverbose` prints; ids are dotted names.

    The output of a test is between its name and its outcome.
    """
    results: Results = {}
    test = ""
    for line in text.splitlines():
        begins = _TRIAL_BEGINS.match(line)
        if begins:
            test = begins[1]
        ends = _TRIAL_ENDS.search(line)
        if test and ends:
            results[test] = _TRIAL_OUTCOMES.get(ends[1], FAILED)
            test = ""
    return results


def passed(results: Results) -> set[str]:
    """The ids of the tests that passed."""
    return {test for test, outcome in results.items() if outcome == PASSED}


def newly_failing(published: Results, ours: Results) -> list[str]:
    """The tests that pass with the published h2 but not with ours, in order."""
    good = passed(ours)
    return [test for test, outcome in published.items() if outcome == PASSED and test not in good]


@dataclass
class Report:
    """The results of the suite of one consumer."""

    consumer: str
    version: str
    published: Results
    ours: Results
    #: At least this many tests pass with the published h2 if the suite works.
    at_least: int
    #: Tests that may fail with ours, each with the reason.
    accepted: Mapping[str, str] = field(default_factory=dict)
    #: What kept a run from finishing.
    troubles: Sequence[str] = ()

    @property
    def different(self) -> list[str]:
        """Tests that fail with ours only."""
        return newly_failing(self.published, self.ours)

    @property
    def failing(self) -> list[str]:
        """Tests that fail with ours only, but must not."""
        return [test for test in self.different if test not in self.accepted]

    @property
    def complaints(self) -> list[str]:
        """One line for each problem."""
        if self.troubles:
            # What did not run cannot be compared.
            return list(self.troubles)
        found = []
        passing = len(passed(self.published))
        if passing < self.at_least:
            found.append(
                f"only {passing} tests pass with the published h2, not {self.at_least}: "
                "the suite does not run as it did"
            )
        found += [f"fails with ours only: {test}" for test in self.failing]
        found += [
            f"is accepted as a difference, but is none: {test}"
            for test in self.accepted
            if test not in self.different
        ]
        return found


COLUMNS = ("consumer", "version", "passed with 4.4.1", "passed with ours", "newly failing")


EXPERIMENT = ("consumer", "version", "passed with ours", "passed with the other class", "differ")


def table(reports: Iterable[Report], columns: tuple[str, ...] = COLUMNS) -> str:
    """The reports as a table of plain text, a line each."""
    rows: list[tuple[str, ...]] = [columns]
    for report in reports:
        accepted = len(report.different) - len(report.failing)
        failing = str(len(report.failing)) + (f" (and {accepted} accepted)" if accepted else "")
        good = (str(len(passed(results))) for results in (report.published, report.ours))
        rows.append((report.consumer, report.version, *good, failing))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)
