"""libnghttp2 with the workloads of `libnghttp2.c`: the cost of the same work in C.

Needs a C compiler and the headers of libnghttp2 (on Debian the package libnghttp2-dev).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
WORKLOADS = ("get", "repeat", "grpc", "concurrent", "ping")


def build(folder: Path) -> Path | None:
    """Compile the program into a folder; None if the compiler or the headers are missing."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    program = folder / "libnghttp2"
    command = [compiler, "-O2", "-Wall", str(SOURCE), "-o", str(program), "-lnghttp2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return program if done.returncode == 0 else None


def measure(program: Path, names: list[str], repeats: int) -> dict[str, list[float]]:
    """Microseconds of CPU time per unit, one figure per repetition, for the workloads it has."""
    known = [name for name in names if name in WORKLOADS]
    if not known:
        return {}
    done = subprocess.run(
        [str(program), str(repeats), *known], check=True, capture_output=True, text=True
    )
    figures: dict[str, list[float]] = json.loads(done.stdout)
    return figures
