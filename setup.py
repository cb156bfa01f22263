"""The build of the package: pure, or with its inner layers compiled where `H2_COMPILE=1` says so.

Everything else about the package is in pyproject.toml, and `tools/build_backend.py` adds what a
compiled build requires.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

PACKAGE = Path("src/h2")

# These layers are compiled, whole: a module that is added to one of them is compiled, too.
COMPILED = ("_core", "_frames", "_hpack", "_rules")

# What programs see of the inner layers: they may subclass these classes, set attributes of them
# and replace their methods, as with the rest of the public face.
INTERPRETED = {
    "_core/hpack_foreign.py",
    "_core/hpack_views.py",
    "_core/open_streams.py",
    "_core/views.py",
    # The form of the Huffman code for builds that are not compiled.
    "_hpack/huffman.py",
}

# What `h2._compiled.COMPILED` decides is decided while this compiles: the other branch is left out.
MYPY = ("--config-file=tools/mypyc.ini", "--always-true=COMPILED")


class Build(build_ext):
    """Compiles, and says what to do where that is not possible."""

    def run(self) -> None:
        """Build the extension modules."""
        try:
            super().run()
        except (BaseError, CCompilerError) as error:
            raise SystemExit(
                f"h2 could not be compiled: {error}\n"
                "H2_COMPILE=1 asks for the compiled build, which needs a C compiler and the "
                "headers of Python.\n"
                "Without H2_COMPILE the build is pure: it needs neither, and does the same."
            ) from error


def modules() -> list[str]:
    """Return the files that are compiled."""
    found = [PACKAGE / "_compiled.py"]
    for layer in COMPILED:
        found += sorted((PACKAGE / layer).glob("*.py"))
    left_out = {PACKAGE / name for name in INTERPRETED}
    return [str(path) for path in found if path.name != "__init__.py" and path not in left_out]


def extensions() -> list[Any]:
    """Return the extension modules of a compiled build."""
    from mypyc.build import mypycify

    # One file of C for each module, so that a change compiles no more than it must.
    return mypycify(
        [*MYPY, *modules()],
        opt_level=os.environ.get("H2_OPT_LEVEL", "2"),
        debug_level="0",
        multi_file=True,
        group_name="h2",
    )


if os.environ.get("H2_COMPILE") == "1":
    setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
else:
    setup()
