"""The examples of docs/command-line.md, run verbatim."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.processes import ROOT, TIMEOUT, python_command, serving

PAGE = ROOT / "docs" / "command-line.md"
MARK = "--- end of a command"


def examples() -> list[tuple[str, str]]:
    """The commands on the page, and their output."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S):
        assert block.startswith("$ ")
        for part in ("\n" + block).split("\n$ ")[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.rstrip("\n")))
    return found


def run(commands: list[str], folder: Path, port: int) -> list[str]:
    """The output of the commands on both streams, in one shell."""
    lines = ["exec 2>&1"]
    for command in commands:
        command = command.replace(":8080", f":{port}")
        lines += [command, f"status=$?; echo '{MARK}'; (exit $status)"]
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    # What a virtual environment has is found by the name of its interpreter, so it is told here.
    packages = os.pathsep.join(entry for entry in sys.path if entry)
    environ = {**os.environ, "PATH": path, "PYTHONPATH": packages}
    done = subprocess.run(
        ["sh", "-c", "\n".join(lines)],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    outputs = done.stdout.replace(f":{port}", ":8080").split(MARK + "\n")
    assert len(outputs) == len(commands) + 1
    return [output.rstrip("\n") for output in outputs[:-1]]


def comparable(text: str) -> str:
    """Replace what varies from run to run."""
    text = re.sub(r"^ +\d+\.\d{4} ", " TIME ", text, flags=re.M)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "DATE", text)
    text = re.sub(r'etag: "[0-9a-f]+-', 'etag: "TAG-', text)
    text = re.sub(r"port \d+", "port PORT", text)
    # The length of a field block depends on its digits.
    return re.sub(r"(HEADERS +\d+ +)\d+", r"\1LENGTH", text).replace("\r", "")


def test_every_example_prints_what_the_page_shows(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "hello.txt").write_text("Hello from this folder.\n")
    found = examples()
    listing = next(output for command, output in found if command == "cat request.txt")
    (tmp_path / "request.txt").write_text(listing + "\n")
    command = python_command("-m", "h2", "serve", "--port", "0", str(tmp_path / "site"))
    with serving(command) as server:
        outputs = run([command for command, _ in found], tmp_path, server.port)
        server.stop()
    assert len(found) >= 8
    for (command, expected), output in zip(found, outputs, strict=True):
        lines = comparable(output).splitlines()
        expected_lines = comparable(expected).splitlines()
        if " -v " in command:  # which frames arrive together varies
            lines.sort()
            expected_lines.sort()
        assert lines == expected_lines, command
