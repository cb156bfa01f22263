"""The cost of the package in counts and bytes, which do not depend on the speed of the machine.

Everything is counted in separate processes, without coverage tools.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import buffered, gate, habits, scaling, served, servers
from benchmarks.gate import CountsByName
from benchmarks.workloads import WORKLOADS
from support.builds import pure_build
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


@pure_build  # the limits are of bytecode
def test_no_workload_takes_more_than_its_limit(counts: CountsByName, limits: CountsByName) -> None:
    assert gate.above(counts, limits) == []


def test_every_workload_has_limits(limits: CountsByName) -> None:
    assert WORKLOADS.keys() <= limits.keys()
    for name in buffered.COMPARISONS:
        assert {f"{name}_first", f"{name}_second"} <= limits.keys()


def test_opening_a_stream_does_not_look_at_the_open_ones(counts: CountsByName) -> None:
    few, many = (counts[f"open_stream_{number}"]["calls"] for number in gate.OPEN_STREAMS)
    assert many <= few * 1.02


@pure_build  # the bytecode of compiled code is not counted
@pytest.mark.parametrize("name", buffered.COMPARISONS)
def test_buffering_costs_no_more_than_was_asked_for(name: str, counts: CountsByName) -> None:
    first, second = (counts[f"{name}_{way}"]["instructions"] for way in ("first", "second"))
    assert second <= first * buffered.COMPARISONS[name].instructions


def test_both_ways_are_measured_and_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each comparison runs; the ratios of one short run are meaningless."""
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
    """Both servers answer all requests; figures of so few requests are meaningless."""
    require_program("h2load")
    cases = {"small": served.Case(100, 300, 10), "large": served.Case(200_000, 30, 10)}
    figures = served.measure(cases, 1)
    assert figures.keys() == cases.keys()
    assert all(found.keys() == {"by hand", "buffered"} for found in figures.values())
    assert all(spent > 0 for found in figures.values() for spent in found.values())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of other processes")
def test_whole_servers_under_h2load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One server of each group runs; figures of so few requests are meaningless."""
    require_program("h2load")
    monkeypatch.setattr(servers, "ensure", lambda name: sys.executable)
    monkeypatch.setattr(servers, "WARM_UP", 40)
    file = tmp_path / "figures.json"
    options = ["--only", "ours,example,hypercorn", "--rounds", "2", "--requests", "200"]
    monkeypatch.setattr(sys, "argv", ["servers", *options, "--json", str(file)])
    servers.main()
    figures = json.loads(file.read_text())
    assert {group: set(found) for group, found in figures.items()} == {
        "minimal": {"ours"},
        "asgi": {"example", "hypercorn"},
    }
    for by_streams in (*figures["minimal"].values(), *figures["asgi"].values()):
        assert by_streams.keys() == {"32", "1"}
        assert all(cost > 0 for cost in by_streams.values())
    assert len(re.findall(r"^\S.* us +[\d.]+ us *$", capsys.readouterr().out, re.MULTILINE)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of other processes")
def test_the_cpu_time_of_a_process_includes_that_of_its_children() -> None:
    code = "import sys; sum(range(5_000_000)); print(flush=True); sys.stdin.read()"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (child,) = set(servers.processes(process.pid)) - {process.pid}
        alone, whole = servers.cpu_time(child), servers.cpu_time(process.pid)
        process.communicate()
    assert 0 < alone < whole


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no such thing')"
    broken = servers.Server("broken", lambda place: [sys.executable, "-c", code])
    files = servers.make_certificate(tmp_path / "certificate")
    with pytest.raises(RuntimeError, match="no such thing"), servers.running(broken, files):
        pass


def test_servers_of_programs_that_are_missing_are_left_out() -> None:
    assert servers.Server("", servers.nginx).available
    assert not servers.Server("", servers.nginx, "no-such-program").available
