"""`import h2.connection` makes the same modules reachable as in h2 4.4.1."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = [
    *("config", "errors", "events", "exceptions", "frame_buffer"),
    *("settings", "stream", "utilities", "windows"),
]
PROGRAM = """
import h2.connection, hyperframe, hpack
hyperframe.frame.GoAwayFrame, hpack.Encoder, h2.stream.H2Stream, h2.utilities.utf8_encode_headers
for name in sys.argv[1:]:
    print(getattr(h2, name).__name__)
"""


def test_modules_that_were_not_imported() -> None:
    command = [sys.executable, "-c", f"import sys{PROGRAM}", *MODULES]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [f"h2.{name}" for name in MODULES]


@pytest.mark.parametrize("name", ["H2Configuration", "ErrorCodes", "Settings", "StreamReset"])
def test_names_of_other_modules(name: str) -> None:
    program = f"from h2.connection import {name}; print({name}.__module__)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() != "h2.connection"
