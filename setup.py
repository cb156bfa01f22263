"""The build of the package: pure, or with its inner layers compiled where `H2_COMPILE=1` says so.

Everything else about the package is in pyproject.toml, and `tools/build_backend.py` adds what a
compiled build requires.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

PACKAGE = Path("src/h2")

# These layers are compiled entirely: a module added to one of them is compiled, too.
COMPILED = ("_core", "_frames", "_hpack", "_rules")

# The parts of the inner layers that are visible to programs, which may subclass these classes, set
# their attributes and replace their methods, as with the rest of the public API.
INTERPRETED = {
    "_core/hpack_foreign.py",
    "_core/hpack_views.py",
    "_core/keepalive.py",
    "_core/open_streams.py",
    "_core/views.py",
    # The Huffman code of pure builds.
    "_hpack/huffman.py",
}

# Of the C compiler.
LEVEL = os.environ.get("H2_OPT_LEVEL", "3")

# Branches on `h2._compiled.COMPILED` are resolved at compile time: the other branch is left out.
MYPY = ("--config-file=tools/mypyc.ini", "--always-true=COMPILED")


class Build(build_ext):
    """Compiles, and gives advice if that fails."""

    def run(self) -> None:
        """Build the extension modules."""
        try:
            super().run()
        except (BaseError, CCompilerError) as error:
            raise SystemExit(
                f"h2 could not be compiled: {error}\n"
                "H2_COMPILE=1 asks for the compiled build, which needs a C compiler and the "
                "headers of Python.\n"
                "Without H2_COMPILE the build is pure: it needs neither and behaves the same."
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
    # There, the compiler declares that the modules run without the GIL "to enable
    # experimentation". No test has shown that they do.
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SystemExit(
            "h2 could not be compiled: the compiled build is not for free-threaded Python.\n"
            "Without H2_COMPILE the build is pure, which is the one to use there."
        )

    from mypyc.build import mypycify

    # One C file per module, so that a change recompiles only what it affects.
    found = mypycify(
        [*MYPY, *modules()],
        opt_level=LEVEL,
        debug_level="0",
        multi_file=True,
        group_name="h2",
    )
    if _is_gcc():
        # Calls between modules are inlined at link time: 2 to 7 % less time.
        for extension in found:
            extension.extra_compile_args += ["-fvisibility=hidden", "-flto"]
            extension.extra_link_args += ["-flto", f"-O{LEVEL}"]
    return found


def _is_gcc() -> bool:
    """Return whether the compiler is GCC on Linux; the linkers of others may lack what it needs."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or ""
    return sys.platform == "linux" and "gcc" in compiler


if os.environ.get("H2_COMPILE") == "1":
    setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
else:
    setup()
