"""Programs see no difference between the builds: calls, signatures, help, copies, subclasses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h2
from compat.differential.builds import pure_source
from support.builds import compiled_build
from support.processes import TIMEOUT

PROGRAM = Path(__file__).with_name("face.py")


def told(folder: str) -> list[list[str]]:
    """The program's output for the package in this folder."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, "PYTHONPATH": folder, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=10 * TIMEOUT,
        check=True,
    )
    lines: list[list[str]] = json.loads(done.stdout)
    return lines


@compiled_build
def test_the_face_is_the_same() -> None:
    compiled = told(str(Path(h2.__file__).parent.parent))
    with pure_source() as folder:
        pure = told(folder)
    different = [pair for pair in zip(compiled, pure, strict=True) if pair[0] != pair[1]]
    assert not different[:10]
    assert len(pure) > 5000
