"""`python -m fuzz`: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import __main__ as command
from fuzz.check import Broken
from fuzz.names import TARGET_NAMES
from fuzz.targets import TARGETS
from support.processes import ROOT


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert command.main([]) == 0
    assert capsys.readouterr().out == listed
    assert [line.split()[0] for line in listed.splitlines()] == list(TARGET_NAMES)


def test_a_search_without_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["hpack-encode", "--runs=80", "--engine=own", f"--output={tmp_path}"]
    assert command.main(arguments) == 0
    assert capsys.readouterr().out.startswith("hpack-encode: 80 runs, ")
    assert list(tmp_path.iterdir()) == [tmp_path / "hpack-encode"]


def test_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def target(data: bytes) -> None:
        if data:
            raise Broken("there is something")

    monkeypatch.setitem(TARGETS, "frames", target)
    arguments = ["frames", "--seconds=9", "--engine=own", f"--output={tmp_path}"]
    assert command.main(arguments) == 1
    printed = capsys.readouterr()
    assert "there is something" in printed.err
    (file,) = tmp_path.glob("frames-found-*")
    assert printed.out.splitlines()[-2:] == [
        f"broken by {file.read_bytes().hex()}",
        f"try it again: python -m fuzz frames {file}",
    ]
    with pytest.raises(Broken):
        command.main(["frames", str(file)])


def test_an_input_that_breaks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"\0\1\2")
    assert command.main(["octets", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: nothing is wrong\n"


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_a_search_with_atheris(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "fuzz", "frames", "--engine=atheris", "--runs=300"]
    done = subprocess.run(
        [*program, f"--output={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "number_of_executed_units: 300" in done.stderr
    assert list(tmp_path.glob("frames/*"))
