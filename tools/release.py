"""Prepare a release, and rehearse it up to the upload.

usage: python -m tools.release prepare
       python -m tools.release check [--python PROGRAM ...] [--pure]

`prepare` makes the version at the top of CHANGELOG.md the version of the package, and dates it
today. Commit the result.

`check` clones what is committed, tags the clone, builds the sdist and all wheels, inspects them,
checks with twine that an index would accept them, and installs each into a new environment, where
the package has to work. If the version at the top of CHANGELOG.md is not released yet, the clone is
prepared first: that is a rehearsal, and the result is discarded. Otherwise the files are left in
`dist`, to be uploaded. The checkout itself does not change.
"""

from __future__ import annotations

import argparse
import datetime
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools import wheels
from tools.distributions import check, inspect_sdist, inspect_wheel, validate, version
from tools.interpreters import Interpreter, candidates, interpreters
from tools.venvs import ROOT, create

HEADING = re.compile(r"^## (\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)$", re.MULTILINE)
UNRELEASED = "unreleased"
# A clone may not have an author configured for commits.
GIT = ["git", "-c", "user.name=release", "-c", "user.email=release@localhost"]

# What an installation has to do: both ends of a request, and print its version.
TRIAL = """
import sys
import h2
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

for kind in (H2Connection, BufferedH2Connection):
    client = kind(H2Configuration(strict=True))
    server = kind(H2Configuration(client_side=False, strict=True))
    client.initiate_connection()
    server.initiate_connection()
    fields = {":method": "GET", ":scheme": "https", ":authority": "example.com", ":path": "/"}
    client.send_headers(1, list(fields.items()), end_stream=True)
    server.receive_data(client.data_to_send())
    server.send_headers(1, [(":status", "200")])
    server.send_data(1, b"Hello", end_stream=True)
    events = client.receive_data(server.data_to_send())
    assert b"".join(e.data for e in events if isinstance(e, DataReceived)) == b"Hello"
    assert any(isinstance(event, StreamEnded) for event in events)
assert not h2.__file__.startswith(sys.argv[1]), h2.__file__
print(h2.__version__, h2.__compiled__)
"""


def newest(tree: Path) -> tuple[str, str]:
    """The version at the top of the changelog, and its date or "unreleased"."""
    found = HEADING.search((tree / "CHANGELOG.md").read_text(encoding="utf-8"))
    check(found is not None, "CHANGELOG.md has no heading such as '## 4.6.0 (unreleased)'")
    assert found  # `check` has made sure of this
    return found[1], found[2]


def prepare(tree: Path, date: str) -> str:
    """Write version and date of the release into a tree; return the version."""
    name, state = newest(tree)
    check(state == UNRELEASED, f"{name} was released on {state}; open a section for the next one")
    changelog, package = tree / "CHANGELOG.md", tree / "src/h2/__init__.py"
    _replace(changelog, f"## {name} ({UNRELEASED})", f"## {name} ({date})")
    _replace(package, f'__version__ = "{version(tree)}"', f'__version__ = "{name}"')
    return name


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    check(text.count(old) == 1, f"{file.name} does not have {old!r} once")
    file.write_text(text.replace(old, new), encoding="utf-8")


def git(tree: Path, *arguments: str) -> str:
    """Run git in a tree, and return what it prints."""
    done = subprocess.run([*GIT, *arguments], cwd=tree, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"git {' '.join(arguments)} failed\n{done.stderr}")
    return done.stdout.strip()


def tagged(root: Path, tree: Path, date: str) -> tuple[str, bool]:
    """Clone a checkout, and prepare the clone as a release: version, date, commit and tag.

    Returns the version, and whether this is only a rehearsal.
    """
    uncommitted = git(root, "status", "--porcelain")
    check(not uncommitted, f"commit this first, or remove it:\n{uncommitted}")
    git(root, "clone", "-q", "--no-hardlinks", str(root), str(tree))
    name, state = newest(tree)
    rehearsal = state == UNRELEASED
    if rehearsal:
        prepare(tree, date)
        git(tree, "commit", "-q", "-a", "-m", f"Release {name}")
    packaged = version(tree)
    check(packaged == name, f"the package is {packaged}, the changelog begins with {name}")
    tag, head = f"v{name}", git(tree, "rev-parse", "HEAD")
    if tag in git(tree, "tag", "--list", tag).splitlines():
        there = git(tree, "rev-parse", f"{tag}^{{commit}}")
        check(there == head, f"the tag {tag} is at another commit: {there}")
    else:
        git(tree, "tag", "-a", tag, "-m", f"Release {name}")
    return name, rehearsal


def trials(
    made: Sequence[Path], found: Sequence[Interpreter]
) -> Iterator[tuple[Path, Interpreter, bool]]:
    """Which distribution to try on which Python, and whether it is compiled there."""
    by_age = sorted(found, key=lambda each: (each.implementation, each.version))
    ends: dict[
        str, tuple[Interpreter, Interpreter]
    ] = {}  # oldest and newest of each implementation
    for interpreter in by_age:
        oldest, _ = ends.get(interpreter.implementation, (interpreter, interpreter))
        ends[interpreter.implementation] = oldest, interpreter
    for path in made:
        if path.suffix != ".whl":
            yield path, by_age[0], False
        elif path.name.endswith("-none-any.whl"):
            for interpreter in dict.fromkeys(each for pair in ends.values() for each in pair):
                yield path, interpreter, False
        else:
            for interpreter in by_age:
                tag = f"-cp{interpreter.version[0]}{interpreter.version[1]}-"
                if interpreter.implementation == "CPython" and tag in path.name:
                    yield path, interpreter, True


def try_out(path: Path, interpreter: Interpreter, wanted: str, folder: Path) -> None:
    """Install a distribution into a new environment, and check that it works there."""
    python = str(create(folder / "trial", (str(path),), interpreter.program))
    outside = str(folder / "elsewhere")
    Path(outside).mkdir(exist_ok=True)
    commands = {
        (python, "-I", "-c", TRIAL, str(ROOT)): wanted,
        (python, "-I", "-m", "h2", "--version"): "",
        (python, "-I", "-m", "pip", "check"): "",
    }
    for command, output in commands.items():
        done = subprocess.run(
            command, cwd=outside, capture_output=True, text=True, check=False, timeout=300
        )
        said = f"{' '.join(command[2:5])} says\n{done.stdout}{done.stderr}"
        right = done.returncode == 0 and (not output or done.stdout.strip() == output)
        check(right, f"{path.name} does not work on {interpreter.name}: {said}")


def rehearse(found: list[Interpreter], compiled: bool) -> int:
    """Perform all steps of a release up to the upload; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="h2-release-") as temporary:
        folder = Path(temporary).resolve()
        tree, out = folder / "tree", folder / "dist"
        name, rehearsal = tagged(ROOT, tree, datetime.date.today().isoformat())
        _say(f"version {name}: changelog, package and tag v{name} agree")
        made = wheels.build(out, found if compiled else [], tree)
        wrong = [path.name for path in made if not path.name.startswith(f"h2-{name}")]
        check(not wrong, f"these are not {name}: {wrong}")
        inspect_sdist(made[0], tree)
        for wheel in made[1:]:
            inspect_wheel(wheel, tree)
        validate(made)
        _say(f"built and looked at: {', '.join(path.name for path in made)}")
        for path, interpreter, is_compiled in trials(made, found):
            try_out(path, interpreter, f"{name} {is_compiled}", folder)
            _say(f"{path.name} works on {interpreter.name}")
        if rehearsal:
            _say(f"This was a rehearsal: {name} is unreleased, and nothing is kept.")
            return 0
        _keep(made, ROOT / "dist")
        _say(f"What remains, as docs/release.md says: push the tag v{name}, and upload dist/*.")
    return 0


def _keep(made: Sequence[Path], place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for path in made:
        shutil.copy2(path, place)


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit status."""
    parser = argparse.ArgumentParser(description="Prepare and rehearse a release.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="write the version and today's date")
    checking = commands.add_parser("check", help="everything up to the upload")
    checking.add_argument("--python", action="append", help="for this one only; repeatable")
    checking.add_argument("--pure", action="store_true", help="without the compiled wheels")
    options = parser.parse_args(arguments)
    if options.command == "prepare":
        name = prepare(ROOT, datetime.date.today().isoformat())
        _say(f"This is {name} now. Look at it with git diff, and commit it.")
        return 0
    found = interpreters(options.python or candidates())
    check(bool(found), "no Python to try it on")
    return rehearse(found, not options.pure)


if __name__ == "__main__":
    sys.exit(main())
