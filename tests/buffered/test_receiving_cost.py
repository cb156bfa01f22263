"""The counts of `python -m benchmarks.receiving`, if no coverage tool is running."""

from __future__ import annotations

import platform

import pytest

import h2
from benchmarks import receiving
from support.processes import python_command, run


@pytest.mark.skipif(
    platform.python_implementation() != "CPython" or h2.__compiled__,
    reason="counts bytecode instructions of CPython",
)
def test_kept_content_costs_little_more_than_acknowledging_by_hand() -> None:
    done = run(python_command("-m", "benchmarks.receiving"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert len(done.stdout.splitlines()) == 1 + len(receiving.CASES)


def test_a_ratio_above_its_limit_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "CASES", [receiving.Case(100, 1, 1.0)])
    counts = iter([100.0, 101.0, 100.0])
    monkeypatch.setattr(receiving, "count", lambda read, case: next(counts))
    assert receiving.main() == 1
