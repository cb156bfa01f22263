"""The installed versions of Python that the package supports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST, NEWEST = (3, 10), (3, 13)
IDENTIFY = """
import ensurepip, json, os, platform, sys, venv
print(json.dumps([platform.python_implementation(), *sys.version_info[:4],
                  os.path.realpath(sys.executable)]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python to run the tests on."""

    implementation: str
    version: tuple[int, int]
    program: str

    @property
    def name(self) -> str:
        """Its name in reports, such as `CPython 3.12`."""
        return f"{self.implementation} {self.version[0]}.{self.version[1]}"


def candidates() -> list[str]:
    """Programs that may be a Python to test on; many of them will not exist."""
    minors = range(OLDEST[1], NEWEST[1] + 1)
    names = [sys.executable, "pypy3"]
    names += [f"{kind}3.{minor}" for kind in ("python", "pypy") for minor in minors]
    root = os.environ.get("PYENV_ROOT", "")
    if not root and shutil.which("pyenv"):
        asked = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
        root = asked.stdout.strip()
    if root:
        names += map(str, sorted(Path(root).glob("versions/*/bin/python")))
    return names


def identify(program: str) -> Interpreter | None:
    """The Python that this program is; None if it is not a supported release."""
    try:
        told = subprocess.run([program, "-c", IDENTIFY], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    implementation, major, minor, _, level, path = json.loads(told.stdout)
    if level != "final" or not OLDEST <= (major, minor) <= NEWEST:
        return None
    return Interpreter(implementation, (major, minor), path)


def interpreters(programs: list[str]) -> list[Interpreter]:
    """The first of the programs for each implementation and minor version."""
    found: dict[str, Interpreter] = {}
    for program in programs:
        interpreter = identify(program)
        if interpreter:
            found.setdefault(interpreter.name, interpreter)
    return list(found.values())
