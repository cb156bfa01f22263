"""The messages of type checkers for programs that use the package, and for its public API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.peers import unavailable
from tools.venvs import ENVIRONMENTS

PROGRAMS = Path(__file__).with_name("programs")
RIGHT, WRONG = sorted(PROGRAMS.glob("right*.py")), sorted(PROGRAMS.glob("wrong*.py"))

# Type checkers look for packages in the environment that is first on the PATH.
SEARCH_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a type checker without the settings and source folders of this project."""
    environment = {**os.environ, "PATH": SEARCH_PATH, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert not done.stderr
    return done.stdout


def marked() -> set[tuple[str, int, str]]:
    """The lines with a mistake: file, number, and the code of the error in mypy."""
    return {
        (program.name, number, match[1])
        for program in WRONG
        for number, line in enumerate(program.read_text(encoding="utf-8").splitlines(), 1)
        if (match := re.search(r"  # \[([a-z-]+)\]$", line))
    }


@pytest.mark.parametrize("module", ["buffered", "limits", "priorities", "recorder"])
def test_the_programs_use_every_public_module(module: str) -> None:
    for programs in (RIGHT, WRONG):
        texts = [program.read_text(encoding="utf-8") for program in programs]
        assert any(f"from h2.{module} import" in text for text in texts)


@pytest.mark.slow
def test_mypy(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is in the dependency group 'dev'")
    options = ["--strict", "--config-file=", "--python-version=3.10", "--hide-error-context"]
    output = run([sys.executable, "-m", "mypy", *options, *RIGHT, *WRONG], tmp_path)
    errors = re.findall(r"^.*?([a-z_]+\.py):(\d+): error: .*\[([a-z-]+)\]$", output, re.MULTILINE)
    assert {(name, int(line), code) for name, line, code in errors} == marked(), output


@pytest.fixture
def pyright() -> str:
    """The path of the program: on PATH, or in the environment that `tools.venvs` creates."""
    folders = os.pathsep.join([SEARCH_PATH, str(ENVIRONMENTS["pyright"].path / "bin")])
    return shutil.which("pyright", path=folders) or unavailable("program pyright not found")


@pytest.mark.slow
def test_pyright(pyright: str, tmp_path: Path) -> None:
    found: Any = json.loads(run([pyright, "--outputjson", *RIGHT, *WRONG], tmp_path))
    places = {
        (Path(diagnostic["file"]).name, diagnostic["range"]["start"]["line"] + 1)
        for diagnostic in found["generalDiagnostics"]
    }
    assert places == {(name, line) for name, line, _ in marked()}


@pytest.mark.slow
def test_every_type_is_known_to_pyright(pyright: str, tmp_path: Path) -> None:
    command = [pyright, "--verifytypes", "h2", "--ignoreexternal", "--outputjson"]
    found: Any = json.loads(run(command, tmp_path))["typeCompleteness"]
    unknown = [symbol["name"] for symbol in found["symbols"] if not symbol["isTypeKnown"]]
    assert (unknown, found["completenessScore"]) == ([], 1)
