"""Build the sdist and the wheel, look into them, and run the tests against the installed wheel.

usage: python -m tools.wheel_test [--python PROGRAM ...] [--tests ARGUMENTS]

The tests run in a new environment for each Python from 3.10 on that the machine has: CPython and
PyPy, one for each minor version, found on PATH and among the versions of pyenv. What is tested
is the wheel, not the tree: an environment holds no path into the checkout. Tests that are marked
as slow are left out: `make test` runs them on the same code, for the wheel holds the files of the
tree. The oldest and the newest Python of each implementation run the rest; those between them run
what talks to no other program.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.distributions import build, check, inspect_sdist, inspect_wheel, validate
from tools.interpreters import Interpreter, candidates, interpreters
from tools.venvs import ROOT, create

# Many tests wait for other programs, so there are more processes than cores.
PARALLEL = ("-n", "3", "--dist", "loadfile")
# Tests that start no other programs and open no sockets.
ALONE = ("tests/unit", "tests/property", "tests/conformance", "tests/compat")


def is_between(interpreter: Interpreter, found: list[Interpreter]) -> bool:
    """Whether there is an older and a newer Python of the same implementation."""
    versions = [
        other.version for other in found if other.implementation == interpreter.implementation
    ]
    return min(versions) < interpreter.version < max(versions)


def run_tests(interpreter: Interpreter, wheel: Path, folder: Path, arguments: list[str]) -> str:
    """Run the tests on the wheel in a new environment; returns what pytest printed.

    Raises `subprocess.CalledProcessError` where the environment or the tests fail.
    """
    place = folder / interpreter.name.replace(" ", "-")
    group = f"{ROOT / 'pyproject.toml'}:test"
    python = create(place, ("--group", group, str(wheel)), interpreter.program)
    code = "import h2.connection; print(h2.__file__)"
    asked = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    check(asked.stdout.startswith(str(place)), f"not the wheel: {asked.stdout}")
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARALLEL, *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout


def report(interpreter: Interpreter, wheel: Path, folder: Path, arguments: list[str]) -> bool:
    """Run the tests on one Python and print how it went; returns whether it went well."""
    try:
        output = run_tests(interpreter, wheel, folder, arguments)
    except subprocess.CalledProcessError as error:
        print(f"--- {interpreter.name}: FAILED\n{error}\n{error.stdout or ''}", flush=True)
        return False
    print(f"--- {interpreter.name}: {output.strip().splitlines()[-1]}", flush=True)
    return True


def main() -> int:
    """Build, inspect, and test on every Python; returns the exit status."""
    parser = argparse.ArgumentParser(description="Test the distributions.")
    parser.add_argument("--python", action="append", help="test on this one only; repeatable")
    parser.add_argument("--tests", default="", help="arguments for pytest, in one string")
    options = parser.parse_args()
    found = interpreters(options.python or candidates())
    check(bool(found), "no Python to test on")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        sdist, wheel = build(folder)
        inspect_wheel(wheel)
        inspect_sdist(sdist)
        validate([sdist, wheel])
        print(f"{sdist.name} and {wheel.name} are as they should be", flush=True)

        def test(interpreter: Interpreter) -> bool:
            arguments = ["-m", "not slow", *shlex.split(options.tests)]
            if not options.tests and is_between(interpreter, found):
                arguments += ALONE
            return report(interpreter, wheel, folder, arguments)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            went_well = list(pool.map(test, found))
    return 0 if all(went_well) else 1


if __name__ == "__main__":
    sys.exit(main())
