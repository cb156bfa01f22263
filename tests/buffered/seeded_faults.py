"""Known faults, put into a copy of the package: each must be found.

usage: python -m tools.simulation --faults [--only PART-OF-A-NAME]

A fault replaces a piece of the source. The simulation looks for it first. It cannot detect faults
that only change the order of frames; the tests that compare the order with a model can.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .fault_list import FAULTS, Fault

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = ROOT / "src" / "h2"

#: The number of histories in which a fault must be found.
RUNS: Final = 3_000

#: Seconds of processor time for each fault and each way to look for it. After that, it counts as a
#: hang. Elapsed time would not do: on a busy machine, a fault that is missed would look like one.
PATIENCE: Final = 60
#: Seconds after which something else is wrong, however busy the machine is.
_LONGEST: Final = 60 * PATIENCE
_LIMITED: Final = 'ulimit -t "$0" && exec "$@"'


def fits(fault: Fault) -> bool:
    """Return whether the source has the code that the fault replaces exactly once."""
    return (SOURCE / fault.file).read_text(encoding="utf-8").count(fault.old) == 1


@contextmanager
def copy_with(fault: Fault) -> Iterator[Path]:
    """A folder with a copy of the package that has the fault."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "h2"
        shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
        file = package / fault.file
        text = file.read_text(encoding="utf-8")
        if not fits(fault):
            raise ValueError(f"{fault.name}: the source is another one")
        file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
        yield Path(folder)


def run(folder: Path, *command: str) -> str:
    """Run Python with a copy of the package; return how it ended, "" if nothing was found."""
    path = os.pathsep.join(map(str, (folder, ROOT / "tests", ROOT)))
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    full = ["sh", "-c", _LIMITED, str(PATIENCE), sys.executable, *command]
    ended = subprocess.run(
        full, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=_LONGEST
    )
    if ended.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        return "it hangs"
    if not ended.returncode:
        return ""
    lines = (ended.stdout or ended.stderr).strip().splitlines()
    return lines[0] if "seed" in lines[0] else lines[-1]


def found(fault: Fault) -> tuple[str, str]:
    """The check that finds a fault, and its message; two empty strings if none does."""
    with copy_with(fault) as folder:
        says = run(folder, "-m", "tools.simulation", "--quick", "--runs", str(RUNS))
        if says:
            return "simulation", says
        if fault.tests:
            options = ("-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no")
            says = run(folder, "-m", "pytest", *options, *fault.tests.split())
            if says:
                return fault.tests, says
    return "", ""


def main(arguments: list[str] | None = None) -> int:
    """Look for all faults; returns 1 if one is not found."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulation --faults")
    parser.add_argument("--only", default="", help="a part of the names")
    options = parser.parse_args(arguments)
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    missed = 0
    for fault in chosen:
        by, says = found(fault)
        missed += not by
        print(f"{'found' if by else 'MISSED'}: {fault.name}\n    {by} {says[:120]}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} faults are found")
    return 1 if missed else 0
