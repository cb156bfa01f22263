"""What type checkers say to programs that use the package, and to the package as they see it."""

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

PROGRAMS = Path(__file__).with_name("programs")
RIGHT, WRONG = PROGRAMS / "right.py", PROGRAMS / "wrong.py"

# Type checkers look for packages in the environment whose programs come first.
SEARCH_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def run(command: Sequence[str | Path], folder: Path) -> str:
    """What a type checker prints; it finds neither our settings nor our folders of source."""
    environment = {**os.environ, "PATH": SEARCH_PATH}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert not done.stderr
    return done.stdout


def marked(program: Path) -> dict[int, str]:
    """The lines with a mistake, and the code of mypy's error."""
    lines = enumerate(program.read_text(encoding="utf-8").splitlines(), 1)
    found = ((number, re.search(r"  # \[([a-z-]+)\]$", line)) for number, line in lines)
    return {number: match[1] for number, match in found if match}


@pytest.mark.slow
def test_mypy(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is in the dependency group 'dev'")
    options = ["--strict", "--config-file=", "--python-version=3.10", "--hide-error-context"]
    output = run([sys.executable, "-m", "mypy", *options, RIGHT, WRONG], tmp_path)
    errors = re.findall(r"^.*?([a-z]+\.py):(\d+): error: .*\[([a-z-]+)\]$", output, re.MULTILINE)
    assert {(name, int(line), code) for name, line, code in errors} == {
        ("wrong.py", line, code) for line, code in marked(WRONG).items()
    }, output


@pytest.fixture
def pyright() -> str:
    """The program, if it is there: it is not among what the tests install."""
    found = shutil.which("pyright", path=SEARCH_PATH)
    if found is None:
        pytest.skip("program pyright not found")
    return found


@pytest.mark.slow
def test_pyright(pyright: str, tmp_path: Path) -> None:
    found: Any = json.loads(run([pyright, "--outputjson", RIGHT, WRONG], tmp_path))
    places = {
        (Path(diagnostic["file"]).name, diagnostic["range"]["start"]["line"] + 1)
        for diagnostic in found["generalDiagnostics"]
    }
    assert places == {("wrong.py", line) for line in marked(WRONG)}


@pytest.mark.slow
def test_every_type_is_known_to_pyright(pyright: str, tmp_path: Path) -> None:
    command = [pyright, "--verifytypes", "h2", "--ignoreexternal", "--outputjson"]
    found: Any = json.loads(run(command, tmp_path))["typeCompleteness"]
    unknown = [symbol["name"] for symbol in found["symbols"] if not symbol["isTypeKnown"]]
    assert (unknown, found["completenessScore"]) == ([], 1)
