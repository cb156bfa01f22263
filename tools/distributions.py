"""Requirements of a distribution of the package: metadata, content, and presentation.

`tools.wheel_test` and `tools.release` build and check distributions with these functions. An
incorrect distribution ends the program.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import BytesParser
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from tools.venvs import ROOT, ensure

METADATA = {
    "Name": "h2",
    "Requires-Python": ">=3.10",
    "License-Expression": "MIT",
    "Author": "The h2 authors",
    "Description-Content-Type": "text/markdown",
}
DEPENDENCIES = {"hpack<5,>=4.1", "hyperframe<7,>=6.1", 'argcomplete>=3;extra=="completion"'}
# What the sdist has in addition to the package: the tests and all they need, and the documentation.
SDIST = {
    "pyproject.toml",
    "setup.py",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "docs/index.md",
    "tests/support/peers.py",
    "tools/build_backend.py",
    "tools/mypyc.ini",
}


def check(holds: bool, complaint: str) -> None:
    """Exit with this message unless the condition holds."""
    if not holds:
        sys.exit(f"{Path(sys.argv[0]).stem}: {complaint}")


def version(tree: Path = ROOT) -> str:
    """The version of the package in a tree; it is defined in one place."""
    text = (tree / "src/h2/__init__.py").read_text(encoding="utf-8")
    (found,) = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(found)


def build(folder: Path) -> tuple[Path, Path]:
    """Build both distributions, the wheel from the sdist, and return their paths."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"the build failed\n{done.stdout}\n{done.stderr}")
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def inspect_wheel(wheel: Path, tree: Path = ROOT) -> None:
    """Check the metadata, and that the wheel contains the whole package and nothing else.

    A compiled wheel also holds the extension modules, and what they load.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        contents = {name: archive.read(name) for name in names}
    (metadata_name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    _check_metadata(wheel, BytesParser().parsebytes(contents[metadata_name]), version(tree))
    info = metadata_name.rpartition("/")[0]
    check(f"{info}/licenses/LICENSE" in names, f"{wheel.name} has no LICENSE")
    packed = {name for name in names if not name.startswith(f"{info}/")}
    if "-none-any" not in wheel.name:
        extensions = {name for name in packed if _is_extension(name)}
        check(bool(extensions), f"{wheel.name} has no extension module")
        packed -= extensions
    source = tree / "src"
    wanted = package_files(source)
    check(packed == wanted, f"not in {wheel.name} and tree alike: {sorted(packed ^ wanted)}")
    changed = sorted(name for name in packed if contents[name] != (source / name).read_bytes())
    check(not changed, f"not the same in {wheel.name} and tree: {changed}")


def package_files(source: Path) -> set[str]:
    """The files of the package below a folder, without those created by running or building it."""
    return {
        str(path.relative_to(source))
        for path in source.glob("h2/**/*")
        if path.is_file() and "__pycache__" not in path.parts and not _is_extension(path.name)
    }


def _is_extension(name: str) -> bool:
    return name.endswith((".so", ".pyd", *EXTENSION_SUFFIXES)) or ".libs/" in name


def _check_metadata(wheel: Path, metadata: Message, wanted_version: str) -> None:
    for key, wanted in {**METADATA, "Version": wanted_version}.items():
        check(metadata[key] == wanted, f"{wheel.name}: {key} is {metadata[key]!r}, not {wanted!r}")
    check(bool(metadata["Keywords"] and metadata["Summary"]), f"{wheel.name} lacks keywords")
    needs = {
        line.replace(" ", "").replace("'", '"') for line in metadata.get_all("Requires-Dist", [])
    }
    check(needs == DEPENDENCIES, f"{wheel.name} needs {sorted(needs)}")


def inspect_sdist(sdist: Path, tree: Path = ROOT) -> None:
    """Check that the sdist is enough to build the package and to run the tests."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = SDIST | {f"src/{name}" for name in package_files(tree / "src")}
    check(wanted <= names, f"the sdist lacks {sorted(wanted - names)}")
    made = sorted(name for name in names if name.endswith((".pyc", ".pem", ".so")))
    check(not made, f"the sdist holds what running it has made: {made}")


def validate(distributions: Sequence[Path]) -> None:
    """Check with twine that a package index takes the distributions and can show the README."""
    command = [str(ensure("wheels")), "-m", "twine", "check", "--strict"]
    done = subprocess.run(
        [*command, *map(str, distributions)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    check(done.returncode == 0, f"an index would not take this\n{done.stdout}")
