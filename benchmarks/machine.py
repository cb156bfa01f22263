"""Machine instructions of a unit of each workload, in either build, counted by valgrind.

usage: python -m benchmarks.machine [--update] [--build pure|compiled] [--only NAMES]

The bytecode that `benchmarks.gate` counts says nothing about compiled code. Here a process runs
some units of a workload under callgrind, and another one three times as many, each twice; the
difference of the lower counts is the cost of the units. `import` is what a process executes more if
it imports `h2.connection`. The counts are independent of time, and the same compiler, interpreter
and C library give the same figures within 1 %. They are compared with the limits in `limits.json`,
like those of the gate; `--update` writes them. The exit status is 0 if nothing is above its limit,
1 if something is, 2 if there are no limits for the running interpreter. Takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.venvs import ensure

from .gate import LIMITS, Counts, version
from .workloads import ROOT, WORKLOADS

#: Environment of tools.venvs -> name of the limits, after the version of the interpreter.
BUILDS = {"pure": "ours", "compiled": "compiled"}
HEADROOM = 1.03
#: Without garbage collection, which may run once more or less during imports and at the exit.
UNITS = """
import gc, os, sys
gc.disable()
from benchmarks.workloads import WORKLOADS, load
for section in WORKLOADS[sys.argv[1]].prepare(load("h2"), int(sys.argv[2])):
    section()
os._exit(0)
"""
#: In a folder that nobody else uses: whenever the current folder changes, Python lists it again.
#: What is imported for the first time is compiled to bytecode, which would be counted.
IMPORT = "import"
NOTHING = "import gc, os; gc.disable(); os._exit(0)"
CONNECTION = "import gc, os; gc.disable(); import h2.connection; os._exit(0)"


def executed(python: str, name: str, size: int) -> int:
    """Count the instructions of a process that runs a workload in this size."""
    return collected([python, "-c", UNITS, name, str(size)], ROOT, os.environ)


def imported(python: str) -> int:
    """Count the instructions of importing the connection, and all that it imports."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "empty")
        place.mkdir()
        environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode")),
        }
        subprocess.run([python, "-c", CONNECTION], cwd=place, env=environment, check=True)
        nothing, connection = (
            collected([python, "-c", code], place, environment) for code in (NOTHING, CONNECTION)
        )
    return connection - nothing


def collected(command: list[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Count the instructions of a process."""
    with tempfile.TemporaryDirectory() as results:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={results}/out", *command],
            cwd=folder,
            env={**environment, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"valgrind counted nothing: {done.stderr}")
    return int(found[1])


def count(python: str, names: list[str]) -> Counts:
    """Machine instructions for a unit of each workload."""
    counts: Counts = {}
    for name in names:
        if name == IMPORT:
            counts[name] = imported(python)
            continue
        few = 10 * WORKLOADS[name].few if WORKLOADS[name].unit != "MiB" else 2
        # What is imported for the first time is compiled, which would be counted.
        subprocess.run([python, "-c", UNITS, name, str(few)], cwd=ROOT, check=True)
        less, more = (
            min(executed(python, name, size) for _ in range(2)) for size in (few, 3 * few)
        )
        counts[name] = (more - less) / (2 * few)
    return counts


def key(build: str) -> str:
    """The name of the limits of a build, such as `CPython 3.11, machine, compiled`."""
    return f"{version()}, machine, {build}"


def main() -> int:
    """Count, then compare with the limits or write them; returns the exit status."""
    # A unit of traces is a message, and the stories have different numbers of them.
    names = [*(name for name in WORKLOADS if name != "traces"), IMPORT]
    parser = argparse.ArgumentParser(description="Count the machine instructions of workloads.")
    parser.add_argument("--update", action="store_true", help="write the limits")
    parser.add_argument("--build", choices=BUILDS, default="compiled")
    parser.add_argument("--only", default=",".join(names), help="names with commas between")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("this needs valgrind")
    limits = json.loads(LIMITS.read_text())
    known = limits.setdefault(key(options.build), {})
    if not known and not options.update:
        print(f"no limits for {key(options.build)}")
        return 2
    counts = count(str(ensure(BUILDS[options.build])), options.only.split(","))
    above = [name for name, number in counts.items() if number > known.get(name, 0)]
    for name, number in counts.items():
        print(f"{name:17} {number:12,.0f} instructions, at most {known.get(name, 0):12,.0f}")
    if options.update:
        known.update({name: round(number * HEADROOM) for name, number in counts.items()})
        LIMITS.write_text(json.dumps(limits, indent=2, sort_keys=True) + "\n")
        return 0
    print("above the limits: " + ", ".join(above) if above else "nothing above its limit")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
