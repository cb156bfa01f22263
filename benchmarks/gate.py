"""A gate that counts what a unit of each workload costs, without a clock.

usage: python -m benchmarks.gate [--update]

It counts bytecode instructions, calls (of functions written in Python and of built-in ones) and the
peak of allocated bytes. The same code gives the same figures on every machine with the same minor
version of CPython. They are compared with the limits in `limits.json`, which has one entry for each
version that has limits; `--update` writes the entry of the running version: the counts plus a small
margin. The exit status is 0 if nothing is above its limit, 1 if something is, 2 if there are no
limits for the running interpreter.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from math import ceil
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from .buffered import COMPARISONS
from .scaling import opening
from .workloads import ROOT, WORKLOADS, Api, Section, Workload, load

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = Path(__file__).with_name("limits.json")
HEADROOM = {"instructions": 1.02, "calls": 1.02, "bytes": 1.10}
# Opening a stream must not visit the open ones: the limits are the same however many there are.
OPEN_STREAMS = (1, 1000)

Counts = dict[str, float]
CountsByName = Mapping[str, Mapping[str, float]]
Counter = Callable[[Counts], AbstractContextManager[None]]


@contextmanager
def count_instructions(counts: Counts) -> Iterator[None]:
    """Count the bytecode instructions that run in functions outside of this package."""
    executed = 0

    def in_frame(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal executed
        executed += event == "opcode"
        return in_frame

    def on_call(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_globals.get("__package__") == __package__:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return in_frame

    # CPython 3.12 only sends these events to a tracer that is set after a frame has requested them.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(None)
    counts["instructions"] = counts.get("instructions", 0) + executed


@contextmanager
def count_calls(counts: Counts) -> Iterator[None]:
    """Count the calls of functions, written in Python and built in."""
    called = 0

    def on_event(frame: FrameType, event: str, arg: object) -> None:
        nonlocal called
        called += event in ("call", "c_call")

    sys.setprofile(on_event)
    try:
        yield
    finally:
        sys.setprofile(None)
    counts["calls"] = counts.get("calls", 0) + called


@contextmanager
def count_bytes(counts: Counts) -> Iterator[None]:
    """Measure how far the allocated memory rises above its initial value."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    counts["bytes"] = max(counts.get("bytes", 0), peak)


COUNTERS: tuple[Counter, ...] = (count_instructions, count_calls, count_bytes)


def count_sections(sections: Callable[[], Iterator[Section]]) -> Counts:
    """All counts for the sections of a workload; the first run only warms up caches and tables."""
    counts: Counts = {}
    units = sum(section() for section in sections())
    for counter in COUNTERS:
        for section in sections():
            with counter(counts):
                section()
    per_unit = {name: counts[name] / units for name in ("instructions", "calls")}
    return {**per_unit, "bytes": counts["bytes"]}


def count_workload(api: Api, workload: Workload) -> Counts:
    """The counts of a workload in its small size."""
    return count_sections(lambda: workload.prepare(api, workload.few))


def count_opening(api: Api, already_open: int) -> Counts:
    """The counts for opening a stream with that many open."""
    at_once = 20

    def sections() -> Iterator[Section]:
        _, open_more = opening(api, already_open)

        def run() -> int:
            open_more(2 * already_open + 1, at_once)
            return at_once

        yield run

    return count_sections(sections)


def count_everything() -> dict[str, Counts]:
    """The counts of all workloads whose data is available, of opening streams, of buffering."""
    gc.disable()
    api = load("h2")
    counts = {
        name: count_workload(api, workload)
        for name, workload in WORKLOADS.items()
        if workload.available
    }
    for already_open in OPEN_STREAMS:
        counts[f"open_stream_{already_open}"] = count_opening(api, already_open)
    for name, comparison in COMPARISONS.items():
        counts[f"{name}_first"] = count_sections(partial(comparison.first, comparison.few))
        counts[f"{name}_second"] = count_sections(partial(comparison.second, comparison.few))
    return counts


def in_own_process() -> dict[str, Counts]:
    """The counts from a new process, without a tracer or profiler, and with a fixed hash seed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate", "--count"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    counts: dict[str, Counts] = json.loads(done.stdout)
    return counts


def version() -> str:
    """The key of the running interpreter in `limits.json`, such as `CPython 3.11`."""
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}"


def limits_of(version: str) -> dict[str, Counts] | None:
    """The committed limits for this interpreter, if there are any."""
    limits: dict[str, dict[str, Counts]] = json.loads(LIMITS.read_text())
    return limits.get(version)


def update(counts: dict[str, Counts]) -> None:
    """Write the counts, with a small margin, as the limits of the running interpreter."""
    limits = json.loads(LIMITS.read_text()) if LIMITS.exists() else {}
    limits[version()] = {
        name: {what: ceil(count * HEADROOM[what]) for what, count in by_name.items()}
        for name, by_name in counts.items()
    }
    LIMITS.write_text(json.dumps(limits, indent=2, sort_keys=True) + "\n")


def above(counts: CountsByName, limits: CountsByName) -> list[str]:
    """One line for each count above its limit, and for each workload without limits."""
    found = [f"{name}: no limits" for name in counts if name not in limits]
    for name in counts.keys() & limits.keys():
        for what, count in counts[name].items():
            if count > limits[name][what]:
                found.append(f"{name}: {count:.1f} {what}, at most {limits[name][what]:g}")
    return sorted(found)


def main() -> int:
    """Count, then compare with the limits or write them; returns the exit status."""
    parser = argparse.ArgumentParser(description="Count what a unit of each workload takes.")
    parser.add_argument("--update", action="store_true", help="write the limits")
    parser.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count:
        print(json.dumps(count_everything()))
        return 0
    if options.update:
        update(in_own_process())
        return 0
    limits = limits_of(version())
    if limits is None:
        print(f"no limits for {version()}")
        return 2
    counts = in_own_process()
    for name, by_name in counts.items():
        figures = "  ".join(f"{what} {count:10.1f}" for what, count in by_name.items())
        print(f"{name:17} {figures}")
    found = above(counts, limits)
    print("\n".join(["above the limits:", *found]) if found else "nothing above its limit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
