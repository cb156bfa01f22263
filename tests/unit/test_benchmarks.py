"""What the package costs, in counts and bytes: figures that a slow machine cannot change.

Everything is counted in processes of its own, without coverage tools.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import replace

import pytest

from benchmarks import buffered, gate, habits, scaling, served
from benchmarks.gate import CountsByName
from benchmarks.workloads import WORKLOADS
from support.peers import require_program
from support.processes import ROOT


@pytest.fixture(scope="module")
def counts() -> CountsByName:
    return gate.in_own_process()


@pytest.fixture
def limits() -> CountsByName:
    limits = gate.limits_of(gate.version())
    if limits is None:
        pytest.skip(f"no limits for {gate.version()}")
    return limits


def test_no_workload_takes_more_than_its_limit(counts: CountsByName, limits: CountsByName) -> None:
    assert gate.above(counts, limits) == []


def test_every_workload_has_limits(limits: CountsByName) -> None:
    assert WORKLOADS.keys() <= limits.keys()
    for name in buffered.COMPARISONS:
        assert {f"{name}_first", f"{name}_second"} <= limits.keys()


def test_opening_a_stream_does_not_look_at_the_open_ones(counts: CountsByName) -> None:
    few, many = (counts[f"open_stream_{number}"]["calls"] for number in gate.OPEN_STREAMS)
    assert many <= few * 1.02


@pytest.mark.parametrize("name", buffered.COMPARISONS)
def test_buffering_costs_no_more_than_was_asked_for(name: str, counts: CountsByName) -> None:
    first, second = (counts[f"{name}_{way}"]["instructions"] for way in ("first", "second"))
    assert second <= first * buffered.COMPARISONS[name].instructions


def test_both_ways_are_measured_and_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ratios of one short run are worth nothing; that every comparison runs is what counts."""
    for name, comparison in buffered.COMPARISONS.items():
        monkeypatch.setitem(buffered.COMPARISONS, name, replace(comparison, size=comparison.few))
    figures = buffered.measure(1)
    assert figures.keys() == {*buffered.COMPARISONS, *buffered.MEMORY}
    monkeypatch.setattr(buffered, "measure", lambda repeats: figures)
    monkeypatch.setattr(sys, "argv", ["buffered"])
    buffered.main()
    assert len(capsys.readouterr().out.splitlines()) == len(figures)


def test_a_ratio_above_what_was_asked_for_is_found() -> None:
    names = (*buffered.COMPARISONS, *buffered.MEMORY)
    figures = {name: {"ratio": 1.0, "octets": 1.0} for name in names}
    assert buffered.above(figures) == []
    figures["message"]["ratio"] = 1.41
    figures["stream memory"]["octets"] = 401
    assert buffered.above(figures) == ["message", "stream memory"]


@pytest.mark.slow
def test_memory_of_what_is_buffered() -> None:
    if platform.python_implementation() != "CPython":
        pytest.skip("memory is counted with tracemalloc, which only CPython has")
    for name, octets in buffered.memory_in_own_process().items():
        assert octets <= buffered.MEMORY[name].most, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["idle_stream", "idle_connection", "finished_streams"])
def test_memory_stays_within_its_limits(name: str) -> None:
    if platform.python_implementation() != "CPython":
        pytest.skip("memory is counted with tracemalloc, which only CPython has")
    figures = scaling.in_own_process(sys.executable, "h2", name)
    assert scaling.above(name, figures) == []


def test_the_gate_finds_what_is_above_its_limit() -> None:
    limits = {"get": {"calls": 10, "bytes": 100}}
    assert gate.above({"get": {"calls": 10.0, "bytes": 100}}, limits) == []
    assert gate.above({"get": {"calls": 10.5, "bytes": 100}}, limits) == [
        "get: 10.5 calls, at most 10"
    ]
    assert gate.above({"put": {"calls": 1.0}}, limits) == ["put: no limits"]


def test_growth_above_its_limit_is_found() -> None:
    assert scaling.above("open_stream", {"growth": 1.2, "us with 1 open": 99.0}) == []
    assert scaling.above("open_stream", {"growth": 1.25}) == ["growth: 1.25, at most 1.2"]


def test_the_manual_has_every_habit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["habits", "--rounds", "1"])
    assert habits.main() == 0
    measured, shown = (
        re.findall(r"^\| (.+) \| (.+) \| [\d.]+x \|$", text, re.MULTILINE)
        for text in (capsys.readouterr().out, (ROOT / "docs" / "performance.md").read_text())
    )
    assert len(measured) == len(habits.HABITS)
    assert shown == measured


@pytest.mark.slow
def test_two_servers_under_h2load() -> None:
    """Figures of so few requests are worth nothing; that both answer all of them is what counts."""
    require_program("h2load")
    cases = {"small": served.Case(100, 300, 10), "large": served.Case(200_000, 30, 10)}
    figures = served.measure(cases, 1)
    assert figures.keys() == cases.keys()
    assert all(found.keys() == {"by hand", "buffered"} for found in figures.values())
    assert all(spent > 0 for found in figures.values() for spent in found.values())
