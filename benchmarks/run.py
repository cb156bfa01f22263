"""The package compared with others: the main command of the benchmarks (`make bench`).

Creates environments for this checkout, pure and compiled, the published h2 and jh2, runs every
workload in turn on each of them, in several rounds, each in a new process, and prints the CPU time
per unit, the ratios and the required ratios. If the headers of libnghttp2 are installed, a program
in C does the same work. Then it prints how costs grow (see `benchmarks.scaling`).

Seconds on a shared machine are noise, so nothing here fails: compare the ratios of one run. Only
`benchmarks.gate` rejects a change.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tools.venvs import ensure

from . import libnghttp2
from .scaling import MEASUREMENTS, Figures, in_own_process, show
from .workloads import ROOT, WORKLOADS

# Environment of tools.venvs -> import name of the package in it.
PACKAGES = {"published": "h2", "jh2": "jh2", "ours": "h2", "compiled": "h2"}
TITLES = {"published": "h2 4.4.1", "jh2": "jh2", "ours": "pure", "compiled": "compiled"}
# The same work in C, if its headers are installed.
IN_C = "libnghttp2"

# Growth that is measured for all packages if results are written: the manual plots it.
COMPARED = ("open_stream", "receive", "import_time")

Runs = dict[str, dict[str, list[float]]]
Growth = dict[str, dict[str, Figures]]


def parse_arguments() -> argparse.Namespace:
    """The options of the command line."""
    names = [*WORKLOADS, *MEASUREMENTS]
    parser = argparse.ArgumentParser(description="The package against its peers.")
    parser.add_argument(
        "--only",
        default=",".join(names),
        help=f"names with commas between, out of: {', '.join(names)}; default all",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds over the packages (5)")
    parser.add_argument("--repeats", type=int, default=2, help="runs in each process (2)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all figures there, for tools.plots"
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter to measure on")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(names):
        parser.error(f"no such workload or measurement: {', '.join(sorted(unknown))}")
    return options


def environments(python: str) -> dict[str, str]:
    """An interpreter for each package, in environments created with the given interpreter."""
    same = os.path.realpath(python) == os.path.realpath(sys.executable)
    suffix = "" if same else f"-{Path(os.path.realpath(python)).parent.parent.name}"
    return {name: str(ensure(name, python, suffix)) for name in PACKAGES}


def measure(pythons: dict[str, str], names: list[str], rounds: int, repeats: int) -> Runs:
    """Microseconds per unit by workload and package, packages taking turns within a round."""
    runs: Runs = {name: defaultdict(list) for name in names}
    program = libnghttp2.build(ROOT / ".benchmarks")
    for number in range(rounds):
        for package, python in pythons.items():
            command = [python, "-m", "benchmarks.measure", PACKAGES[package], str(repeats), *names]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for name, figures in json.loads(done.stdout).items():
                runs[name][package] += figures
        if program is not None:
            for name, figures in libnghttp2.measure(program, names, repeats).items():
                runs[name][IN_C] += figures
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return runs


def figure(name: str, cost: float) -> str:
    """A cost in microseconds in readable form: bulk data as MiB/s, the rest unchanged."""
    return f"{1e6 / cost:,.0f}" if WORKLOADS[name].unit == "MiB" else f"{cost:,.1f}"


def print_table(runs: Runs) -> None:
    """Best and median of every package, and how many times faster ours is, by the best runs."""
    print("CPU time per unit, both ends: best (median)", "\n")
    head = ["workload", "unit", *TITLES.values(), IN_C]
    head += ["pure to h2", "asked", "compiled to h2", "asked", "libnghttp2 to compiled"]
    rows = [head, ["---"] * len(head)]
    for name, by_package in runs.items():
        unit = WORKLOADS[name].unit
        row = [name, "MiB/s" if unit == "MiB" else f"us/{unit}"]
        for package in TITLES:
            best, middle = min(by_package[package]), statistics.median(by_package[package])
            row.append(f"{figure(name, best)} ({figure(name, middle)})")
        in_c = min(by_package[IN_C], default=0)
        row.append(figure(name, in_c) if in_c else "-")
        for build, floor in (
            ("ours", WORKLOADS[name].floor),
            ("compiled", WORKLOADS[name].compiled),
        ):
            to_h2 = min(by_package["published"]) / min(by_package[build])
            row += [f"{to_h2:.1f}x", f"{floor:g}x" + (" BELOW" if to_h2 < floor else "")]
        row.append(f"{min(by_package['compiled']) / in_c:.1f}x" if in_c else "-")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("| " + " | ".join(cells) + " |")


def print_growth(pythons: dict[str, str], names: list[str], compare: bool) -> Growth:
    """Measure and print how our costs grow; the time to import is compared with the peer's.

    To compare means to measure the growth of time with all packages.
    """
    taken: Growth = {}
    for name in names:
        others = [package for package in PACKAGES if package != "ours"]
        if not (compare and name in COMPARED):
            others = ["published"] if name == "import_time" else []
        taken[name] = {
            package: in_own_process(pythons[package], PACKAGES[package], name)
            for package in ["ours", *others]
        }
        figures = dict(taken[name]["ours"])
        if name == "import_time":
            peer = taken[name]["published"]["ms"]
            figures |= {"ms, h2 4.4.1": peer, "ratio": figures["ms"] / peer}
        show(name, figures)
    return taken


def main() -> None:
    """Run the program."""
    options = parse_arguments()
    pythons = environments(options.python)
    workloads = [name for name in options.only if name in WORKLOADS]
    for name in [name for name in workloads if not WORKLOADS[name].available]:
        print(f"{name}: left out, its data are not there")
        workloads.remove(name)
    runs = measure(pythons, workloads, options.rounds, options.repeats) if workloads else {}
    if runs:
        print_table(runs)
        print()
    measurements = [name for name in options.only if name in MEASUREMENTS]
    growth = print_growth(pythons, measurements, options.json is not None)
    if options.json:
        figures = {"python": platform.python_version(), "workloads": runs, "growth": growth}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"a measurement failed, see above: {shlex.join(map(str, error.cmd))}")
