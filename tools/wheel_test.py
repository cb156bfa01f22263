"""Build the sdist and the wheels, inspect them, and run the tests against installed wheels.

usage: python -m tools.wheel_test [--build pure|compiled] [--python PROGRAM ...] [--tests ARGUMENTS]

The tests run in a new environment for each installed Python from 3.10 on: CPython and PyPy, one for
each minor version, found on PATH and among the versions of pyenv. The wheel is tested, not the
tree: an environment has no path into the checkout. Tests marked as slow are left out: `make test`
runs them on the same code, because the wheel has the files of the tree. The oldest and the newest
Python of each implementation run the rest; those between them run what does not use other programs.
The examples, and what their READMEs show, also run on the system's Python in /usr/bin.

After the pure wheel come the compiled ones, one for each CPython: all tests on the version that
runs this program, and on the others only those of compiled code. There, `pip` chooses the wheel
from a folder that also has the pure one.
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

from tools.distributions import build, check, inspect_sdist, inspect_wheel, validate, version
from tools.interpreters import Interpreter, candidates, identify, interpreters
from tools.venvs import ROOT, create
from tools.wheels import build_compiled

# Many tests wait for other programs, so there are more processes than cores.
PARALLEL = ("-n", "3", "--dist", "loadfile")
# Tests that do not start other programs or open sockets.
ALONE = ("tests/unit", "tests/property", "tests/conformance", "tests/compat")
# The examples, and each line that their READMEs show.
EXAMPLES = ("tests/examples", "tests/manual/test_readmes.py")
SYSTEM = "/usr/bin/python3"
# Tests that mostly run compiled code.
OF_WHAT_IS_COMPILED = ("tests/compiled", "tests/unit/core", "tests/unit/hpack")


def is_between(interpreter: Interpreter, found: list[Interpreter]) -> bool:
    """Whether there is an older and a newer Python of the same implementation."""
    versions = [
        other.version for other in found if other.implementation == interpreter.implementation
    ]
    return min(versions) < interpreter.version < max(versions)


def run_tests(
    interpreter: Interpreter, source: tuple[str, ...], folder: Path, arguments: list[str]
) -> str:
    """Run the tests on a wheel in a new environment; returns what pytest printed.

    ``source`` tells pip which wheel to use. Raises `subprocess.CalledProcessError` if the
    environment or the tests fail.
    """
    compiled = len(source) > 1
    place = Path(tempfile.mkdtemp(prefix=f"{interpreter.name.replace(' ', '-')}-", dir=folder))
    group = f"{ROOT / 'pyproject.toml'}:test"
    python = create(place, ("--group", group, *source), interpreter.program)
    code = "import h2.connection; print(h2.__compiled__, h2.__file__)"
    asked = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    check(asked.stdout.startswith(f"{compiled} {place}"), f"not the wheel: {asked.stdout}")
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARALLEL, *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout


def report(
    interpreter: Interpreter, source: tuple[str, ...], folder: Path, arguments: list[str]
) -> bool:
    """Run the tests on one Python and print the result; returns whether they passed."""
    build = "compiled" if len(source) > 1 else "pure"
    name = f"{interpreter.name} ({interpreter.program}), {build}"
    try:
        output = run_tests(interpreter, source, folder, arguments)
    except subprocess.CalledProcessError as error:
        print(f"--- {name}: FAILED\n{error}\n{error.stdout or ''}", flush=True)
        return False
    print(f"--- {name}: {output.strip().splitlines()[-1]}", flush=True)
    return True


def plan(
    found: list[Interpreter], system: Interpreter | None, tests: list[str]
) -> list[tuple[Interpreter, list[str]]]:
    """Which tests run on the pure wheel, as arguments for pytest, on each Python."""
    quick = ["-m", "not slow"]
    if tests:
        return [(interpreter, [*quick, *tests]) for interpreter in found]
    between = [interpreter for interpreter in found if is_between(interpreter, found)]
    planned = [
        (interpreter, quick + (list(ALONE) if interpreter in between else []))
        for interpreter in found
    ]
    if system and (system in between or system not in found):
        planned.append((system, [*quick, *EXAMPLES]))
    return planned


def test_pure(planned: list[tuple[Interpreter, list[str]]], wheel: Path, folder: Path) -> bool:
    """Run the tests on the pure wheel; returns whether all passed."""

    def test(job: tuple[Interpreter, list[str]]) -> bool:
        interpreter, arguments = job
        return report(interpreter, (str(wheel),), folder, arguments)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(list(pool.map(test, planned)))


def test_compiled(found: list[Interpreter], sdist: Path, folder: Path, tests: list[str]) -> bool:
    """Build the compiled wheels and run the tests on them; returns whether all passed."""

    def test(interpreter: Interpreter) -> bool:
        inspect_wheel(build_compiled(interpreter, sdist, folder))
        arguments = ["-m", "not slow", *tests]
        if not tests and interpreter.version != sys.version_info[:2]:
            arguments += OF_WHAT_IS_COMPILED
        source = ("--find-links", str(folder), f"h2=={version()}")
        return report(interpreter, source, folder, arguments)

    pythons = [interpreter for interpreter in found if interpreter.implementation == "CPython"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(list(pool.map(test, pythons)))


def main() -> int:
    """Build, inspect, and test on every Python; returns the exit status."""
    parser = argparse.ArgumentParser(description="Test the distributions.")
    parser.add_argument("--build", choices=("pure", "compiled"), help="test this build only")
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

        tests = shlex.split(options.tests)
        system = None if options.python else identify(SYSTEM)
        planned = plan(found, system, tests)
        went_well = options.build == "compiled" or test_pure(planned, wheel, folder)
        if options.build != "pure":
            went_well &= test_compiled(found, sdist, folder, tests)
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main())
