"""What `python -m benchmarks.sending` counts, where no coverage tool counts along."""

from __future__ import annotations

import platform

import pytest

from benchmarks import sending
from support.processes import python_command, run


@pytest.mark.skipif(
    platform.python_implementation() != "CPython", reason="counts instructions of CPython"
)
@pytest.mark.slow
def test_to_keep_content_costs_little_more_than_to_send_by_hand() -> None:
    done = run(python_command("-m", "benchmarks.sending", "--count"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert len(done.stdout.splitlines()) == 1 + len(sending.COMPARISONS) + 1 + 2


def test_a_figure_above_its_limit_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def comparison(most: float) -> sending.Comparison:
        return sending.Comparison("nothing", lambda: 1, lambda: 1, most, 1.0)

    monkeypatch.setattr(sending, "COMPARISONS", [lambda: comparison(1.0)])
    monkeypatch.setattr(sending, "many_streams", lambda: comparison(2.0))
    monkeypatch.setattr(sending, "memory", lambda: [("stream", 400.0, 400)])
    counts = iter([100.0, 100.0, 100.0, 200.0])
    monkeypatch.setattr(sending, "instructions", lambda run: next(counts))
    assert sending.main(["--count"]) == 0
    counts = iter([100.0, 101.0, 100.0, 200.0])
    assert sending.main(["--count"]) == 1
    counts = iter([100.0, 100.0, 100.0, 200.0])
    monkeypatch.setattr(sending, "memory", lambda: [("stream", 401.0, 400)])
    assert sending.main(["--count"]) == 1
    counts = iter([100.0, 100.0, 100.0, 200.0])
    monkeypatch.setattr(sending, "memory", list)
    monkeypatch.setattr(sending, "seconds", lambda first, second: (1.0, 1.1))
    assert sending.main([]) == 1
