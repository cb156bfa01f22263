"""Compiled code accesses no memory that is not its own: short runs under valgrind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.builds import compiled_build
from support.peers import require_program
from support.processes import ROOT, TIMEOUT

#: Reads behind the end of a block.
INVALID = (
    "import ctypes; malloc = ctypes.CDLL(None).malloc; malloc.restype = ctypes.c_void_p\n"
    "ctypes.string_at(malloc(8), 16)"
)


def checked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter under valgrind, which sees each object as a block of its own."""
    # CPython itself uses values that were not initialized: int.from_bytes(b"\0") does.
    memcheck = ["-q", "--undef-value-errors=no", "--error-exitcode=99"]
    return subprocess.run(
        [require_program("valgrind"), *memcheck, sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=10 * TIMEOUT,
        check=False,
    )


@compiled_build
@pytest.mark.parametrize(
    "arguments",
    [
        ("tools.simulation", "--quick", "--runs", "20"),
        ("fuzz", "frames", "--engine", "own", "--runs", "50"),
        ("fuzz", "buffered", "--engine", "own", "--runs", "50"),
        ("fuzz", "hpack-decode", "--engine", "own", "--runs", "200"),
    ],
    ids=" ".join,
)
def test_no_invalid_access(arguments: tuple[str, ...], tmp_path: Path) -> None:
    output = ("--output", str(tmp_path)) if arguments[0] == "fuzz" else ()
    done = checked("-m", *arguments, *output)
    assert done.returncode == 0, done


@compiled_build
def test_an_invalid_access_is_found() -> None:
    done = checked("-c", INVALID)
    assert done.returncode == 99, done
    assert "Invalid read" in done.stderr
