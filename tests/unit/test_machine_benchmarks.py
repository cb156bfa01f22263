"""Benchmarks outside Python: libnghttp2 in C, and machine instructions."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import libnghttp2, machine
from benchmarks.gate import LIMITS
from benchmarks.workloads import WORKLOADS
from support.peers import require_program, unavailable


def test_libnghttp2_does_the_workloads(tmp_path: Path) -> None:
    program = libnghttp2.build(tmp_path)
    if program is None:
        unavailable("no C compiler, or no headers of libnghttp2")
    figures = libnghttp2.measure(program, [*WORKLOADS], 1)
    assert figures.keys() == set(libnghttp2.WORKLOADS)
    assert all(0 < cost < 1000 for costs in figures.values() for cost in costs)
    assert libnghttp2.measure(program, ["conn"], 1) == {}


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert libnghttp2.build(tmp_path) is None


@pytest.mark.slow
def test_machine_instructions_are_counted() -> None:
    require_program("valgrind")
    few, many = (machine.executed(sys.executable, "ping", size) for size in (20, 200))
    assert 180 * 1000 < many - few < 180 * 1_000_000


@pytest.mark.slow
def test_the_instructions_of_an_import_are_counted() -> None:
    require_program("valgrind")
    # Nothing of it depends on time; addresses of objects make a small difference.
    few, many = sorted(machine.imported(sys.executable) for _ in range(2))
    assert few > 10_000_000
    assert many < 1.01 * few


def test_limits_of_both_builds_are_there() -> None:
    limits = json.loads(LIMITS.read_text())
    for build in machine.BUILDS:
        known = limits[f"CPython 3.11, machine, {build}"]
        assert known.keys() == WORKLOADS.keys() - {"traces"} | {machine.IMPORT}
