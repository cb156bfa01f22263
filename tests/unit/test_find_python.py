"""`tools/find-python.sh` finds the interpreter for `make`, or says what is missing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from support.processes import ROOT, run

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")


def find(folder: Path, python: str = "") -> tuple[int, str, str]:
    """The output of the script if PATH has only this folder."""
    environment = [f"PATH={folder}", f"PYTHON={python}"]
    env, sh = shutil.which("env"), shutil.which("sh")
    done = run([str(env), "-i", *environment, str(sh), str(ROOT / "tools" / "find-python.sh")])
    return done.returncode, done.stdout, done.stderr


def install(folder: Path, name: str, before: str = "") -> None:
    """Put this interpreter into the folder; it runs the given statements first."""
    (folder / "modules").mkdir(exist_ok=True)
    (folder / "modules" / "sitecustomize.py").write_text(before)
    script = folder / name
    script.write_text(f'#!/bin/sh\nPYTHONPATH={folder}/modules exec {sys.executable} "$@"\n')
    script.chmod(0o755)


def test_the_first_that_will_do(tmp_path: Path) -> None:
    install(tmp_path, "python3.12")
    assert find(tmp_path) == (0, "python3.12\n", "")
    install(tmp_path, "python3")
    assert find(tmp_path) == (0, "python3\n", "")
    install(tmp_path, "mine")
    assert find(tmp_path, str(tmp_path / "mine")) == (0, f"{tmp_path}/mine\n", "")


def test_no_python(tmp_path: Path) -> None:
    status, out, err = find(tmp_path)
    assert (status, out) == (1, "")
    assert "  python3 was not found\n" in err
    status, out, err = find(tmp_path, "mine")
    assert (status, out) == (1, "")
    assert [line for line in err.splitlines() if line.startswith(" ")] == ["  mine was not found"]


def test_python_is_too_old(tmp_path: Path) -> None:
    install(tmp_path, "python3", "import sys; sys.version_info = (3, 9, 2)")
    status, out, err = find(tmp_path)
    assert (status, out) == (1, "")
    assert "  python3 is Python 3.9.2\n" in err


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_debian_without_python3_venv(tmp_path: Path, module: str) -> None:
    install(tmp_path, "python3", f"import sys; sys.modules['{module}'] = None")
    status, out, err = find(tmp_path)
    assert (status, out) == (1, "")
    version = ".".join(map(str, sys.version_info[:3]))
    reason = f"  python3 is Python {version} and cannot make virtual environments: "
    assert reason in err
    assert module in err.split(reason)[1].splitlines()[0]
    assert "apt install python3-venv" in err
