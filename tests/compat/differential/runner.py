"""Runs programs under an interpreter, one process for all of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = Any

#: The directory that has the package ``differential`` in it.
HERE = Path(__file__).resolve().parent.parent


class Runner:
    """The h2 that a Python interpreter imports, or that in a folder."""

    def __init__(self, python: str, folder: str = "") -> None:
        self.python = python
        self.folder = folder
        self.version = self._ask([])[0]["version"]

    def run(self, programs: Sequence[Json]) -> list[list[Json]]:
        """The trace of each program."""
        return self._ask(programs)[1:]

    def _ask(self, programs: Sequence[Json]) -> list[Json]:
        # The PYTHONPATH of this process would hide the h2 of the other interpreter.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        if self.folder:
            environment["PYTHONPATH"] = self.folder
        done = subprocess.run(
            [self.python, "-m", "differential.driver"],
            input="".join(json.dumps(program) + "\n" for program in programs),
            capture_output=True,
            text=True,
            cwd=HERE,
            env=environment,
            timeout=900,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the driver failed under {self.python}:\n{done.stderr[-3000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]
