"""Build the sdist and the wheels, look into them, and run the tests against installed wheels.

usage: python -m tools.wheel_test [--build pure|compiled] [--python PROGRAM ...] [--tests ARGUMENTS]

The tests run in a new environment for each Python from 3.10 on that the machine has: CPython and
PyPy, one for each minor version, found on PATH and among the versions of pyenv. What is tested
is the wheel, not the tree: an environment holds no path into the checkout. Tests that are marked
as slow are left out: `make test` runs them on the same code, for the wheel holds the files of the
tree. The oldest and the newest Python of each implementation run the rest; those between them run
what talks to no other program.

After the pure wheel come the compiled ones, one for each CPython: all tests on the version that
runs this program, and on the others those of what is compiled. `pip` chooses the wheel there, out
of a folder that has the pure one, too.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email.parser import BytesParser
from pathlib import Path

from tools.interpreters import Interpreter, candidates, interpreters
from tools.venvs import ROOT, create
from tools.wheels import build_compiled

METADATA = {
    "Name": "h2",
    "Version": "4.5.0",
    "Requires-Python": ">=3.10",
    "License-Expression": "MIT",
}
# Many tests wait for other programs, so there are more processes than cores.
PARALLEL = ("-n", "3", "--dist", "loadfile")
# Tests that start no other programs and open no sockets.
ALONE = ("tests/unit", "tests/property", "tests/conformance", "tests/compat")
# Tests that run little but what is compiled.
OF_WHAT_IS_COMPILED = ("tests/compiled", "tests/unit/core", "tests/unit/hpack")
DEPENDENCIES = {"hpack<5,>=4.1", "hyperframe<7,>=6.1"}


def is_between(interpreter: Interpreter, found: list[Interpreter]) -> bool:
    """Whether there is an older and a newer Python of the same implementation."""
    versions = [
        other.version for other in found if other.implementation == interpreter.implementation
    ]
    return min(versions) < interpreter.version < max(versions)


def check(holds: bool, complaint: str) -> None:
    """End the program with this complaint unless the condition holds."""
    if not holds:
        sys.exit(f"wheel-test: {complaint}")


def build(folder: Path) -> tuple[Path, Path]:
    """Build both distributions, the wheel out of the sdist, and return their paths."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"the build failed\n{done.stdout}\n{done.stderr}")
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def inspect_wheel(wheel: Path, compiled: bool = False) -> None:
    """Check the metadata, and that the wheel holds the whole package and nothing else.

    A compiled wheel has the same source files, and the extension modules.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        extensions = {name for name in names if name.endswith(".so")}
        check(bool(extensions) == compiled, f"{wheel.name} has {len(extensions)} extension modules")
        names -= extensions
        contents = {name: archive.read(name) for name in names if name.endswith(".py")}
        (metadata_name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = BytesParser().parsebytes(archive.read(metadata_name))
    for key, wanted in METADATA.items():
        check(metadata[key] == wanted, f"{key} is {metadata[key]!r}, not {wanted!r}")
    needs = {line.replace(" ", "") for line in metadata.get_all("Requires-Dist", [])}
    needs = {need for need in needs if "extra==" not in need}
    check(needs == DEPENDENCIES, f"the wheel needs {sorted(needs)}")
    info = metadata_name.rpartition("/")[0]
    check(f"{info}/licenses/LICENSE" in names, "the wheel has no LICENSE")
    source = ROOT / "src"
    files = [path for path in source.glob("h2/**/*") if path.is_file()]
    wanted_names = {
        str(path.relative_to(source)) for path in files if path.suffix not in (".pyc", ".so")
    }
    packed = {name for name in names if not name.startswith(f"{info}/")}
    check(packed == wanted_names, f"not in wheel and tree alike: {sorted(packed ^ wanted_names)}")
    changed = [name for name in contents if contents[name] != (source / name).read_bytes()]
    check(not changed, f"not the same in wheel and tree: {changed}")


def inspect_sdist(sdist: Path) -> None:
    """Check that the sdist is enough to run the tests."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "tests/support/peers.py"}
    check(wanted <= names, f"the sdist lacks {sorted(wanted - names)}")


def run_tests(
    interpreter: Interpreter, source: tuple[str, ...], folder: Path, arguments: list[str]
) -> str:
    """Run the tests on a wheel in a new environment; returns what pytest printed.

    ``source`` is what tells pip which wheel. Raises `subprocess.CalledProcessError` where the
    environment or the tests fail.
    """
    compiled = len(source) > 1
    place = folder / f"{interpreter.name.replace(' ', '-')}-{'compiled' if compiled else 'pure'}"
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
    """Run the tests on one Python and print how it went; returns whether it went well."""
    name = f"{interpreter.name}, {'compiled' if len(source) > 1 else 'pure'}"
    try:
        output = run_tests(interpreter, source, folder, arguments)
    except subprocess.CalledProcessError as error:
        print(f"--- {name}: FAILED\n{error}\n{error.stdout or ''}", flush=True)
        return False
    print(f"--- {name}: {output.strip().splitlines()[-1]}", flush=True)
    return True


def test_pure(found: list[Interpreter], wheel: Path, folder: Path, tests: list[str]) -> bool:
    """Run the tests on the pure wheel; returns whether all went well."""

    def test(interpreter: Interpreter) -> bool:
        arguments = ["-m", "not slow", *tests]
        if not tests and is_between(interpreter, found):
            arguments += ALONE
        return report(interpreter, (str(wheel),), folder, arguments)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(list(pool.map(test, found)))


def test_compiled(found: list[Interpreter], sdist: Path, folder: Path, tests: list[str]) -> bool:
    """Build the compiled wheels and run the tests on them; returns whether all went well."""

    def test(interpreter: Interpreter) -> bool:
        inspect_wheel(build_compiled(interpreter, sdist, folder), compiled=True)
        arguments = ["-m", "not slow", *tests]
        if not tests and interpreter.version != sys.version_info[:2]:
            arguments += OF_WHAT_IS_COMPILED
        source = ("--find-links", str(folder), f"h2=={METADATA['Version']}")
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
        print(f"{sdist.name} and {wheel.name} are as they should be", flush=True)

        tests = shlex.split(options.tests)
        went_well = options.build == "compiled" or test_pure(found, wheel, folder, tests)
        if options.build != "pure":
            went_well &= test_compiled(found, sdist, folder, tests)
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main())
