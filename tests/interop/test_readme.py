"""The README is correct: its code runs, its commands and links exist."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from support.peers import require_program
from support.processes import ROOT, complaints, python_command, run, serving

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = ".venv/bin/python"
# The command in one terminal, and the request in another.
SERVERS = re.findall(
    r"^```\n(\.venv[^\n]+)\n```\n\n```\n(.+?)^```$", README, re.DOTALL | re.MULTILINE
)


def test_the_code_is_that_of_the_manual_which_runs_it() -> None:
    shown = re.findall(r"^```(?:python|text)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    snippet = ROOT / "docs" / "snippets" / "landing.py"
    assert shown == [
        file.read_text(encoding="utf-8") for file in (snippet, snippet.with_suffix(".txt"))
    ]


def test_the_commands_are_targets_of_make() -> None:
    commands = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert commands >= {"demo", "test", "bench"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_the_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert "docs/architecture.md" in links
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.parametrize(("server", "clients"), SERVERS, ids=["serve", "example"])
def test_a_server_in_a_minute(server: str, clients: str, certificates: Certificate) -> None:
    require_program("curl")
    words = shlex.split(server)
    assert words[0] == PYTHON
    options = ["--certificates", str(certificates.chain.parent)] if "examples" in server else []
    with serving(python_command(*words[1:], "--port", "0", *options)) as running:
        for line in clients.splitlines():
            line = re.sub(r"(?<=:)8\d+(?=/)", str(running.port), line)
            line = line.replace("examples/certificates", str(certificates.authority.parent))
            program, *arguments = shlex.split(line, comments=True)
            command = python_command(*arguments) if program == PYTHON else [program, *arguments]
            done = run(command)
            assert (done.returncode, "Traceback" in done.stderr) == (0, False), done
            wanted = '"user-agent": "curl' if options else "# h2: HTTP/2 without I/O"
            assert wanted in done.stdout
        _, err = running.stop()
    assert running.process.returncode == 0
    assert not [line for line in complaints(err) if 'HTTP/2" 200' not in line]


def test_the_commands_are_the_ones_that_are_tested() -> None:
    started = re.findall(r"^\.venv/bin/python -m (?!h2 get).*$", README, re.MULTILINE)
    assert started == [server for server, _ in SERVERS]
    assert len(started) == 2
