"""Each step of the tutorial behaves as the chapter says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.clients import Request, Target, curl, exchange, expected
from support.peers import require_program
from support.processes import ROOT, TIMEOUT, Server, python_command, serving
from support.site import Site


@contextmanager
def step(number: int) -> Iterator[tuple[Server, Target]]:
    """Run a step on a free port."""
    with serving(python_command(f"examples/tutorial/step_{number}.py", "0")) as server:
        yield server, Target(f"http://127.0.0.1:{server.port}")


def fetch(target: Target, path: str, *options: str | Path) -> str:
    """The content that curl receives."""
    done = curl(target, "--max-time", "20", *options, target.url + path)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


CHAPTER = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def shown(number: int) -> list[tuple[str, str]]:
    """The commands that the section of a step shows, each with the output below it."""
    section = CHAPTER.split(f"\n## Step {number}:")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n\$ (.*?)^```$", section, re.DOTALL | re.MULTILINE)
    commands = [command for block in blocks for command in re.split(r"^\$ ", block, flags=re.M)]
    return [(line, out) for line, _, out in (command.partition("\n") for command in commands)]


def comparable(output: str) -> object:
    """The output without the version of curl and the order of header fields."""
    output = re.sub(r"curl/[\w.-]+", "curl", output).replace("HTTP/2 200 \n", "HTTP/2 200\n")
    return json.loads(output) if output.startswith("{") else output.splitlines()


@pytest.mark.parametrize("number", [4, 5, 6, 7])
def test_commands_of_the_chapter_print_what_it_shows(number: int, tmp_path: Path) -> None:
    require_program("curl")

    def real_output(line: str) -> str:
        line = line.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
        line = re.sub("^python ", f"{shlex.quote(sys.executable)} ", line)
        out = subprocess.check_output(line, shell=True, cwd=tmp_path, text=True, timeout=TIMEOUT)
        return out.replace(f"127.0.0.1:{server.port}", "127.0.0.1:8080")

    with step(number) as (server, _):
        # The file that steps 5 and 6 send.
        for line in [line for line, _ in shown(5) if line.startswith("python -c ")]:
            real_output(line)
        # A command without output in the chapter fails or waits, as the text says.
        commands = [(line, output) for line, output in shown(number) if output]
        for line, output in commands:
            assert comparable(real_output(line)) == comparable(output)
    assert len(commands) == 1


def test_step_1_clients_come_and_are_hung_up_on() -> None:
    with step(1) as (server, target):
        done = curl(target, target.url)
        assert done.returncode != 0
        assert server.lines("a client from ('127.0.0.1', ")


def test_step_2_shows_events_and_never_answers() -> None:
    with step(2) as (server, target):
        done = curl(target, "--max-time", "1", target.url)
        assert done.returncode == 28  # timed out
        events = server.lines("<StreamEnded")
        kinds = [line.split()[0].strip("<") for line in events[1:]]
        wanted = ["RemoteSettingsChanged", "WindowUpdated", "RequestReceived", "StreamEnded"]
        assert kinds == wanted
        assert "(b':path', b'/')" in events[-2]


def test_step_3_settings_are_acknowledged() -> None:
    with step(3) as (server, target):
        done = curl(target, "--max-time", "1", target.url)
        assert done.returncode == 28
        # The acknowledgment from curl is an event in step 3, not in step 2.
        assert server.lines("<SettingsAcknowledged")


def test_step_4_answers() -> None:
    with step(4) as (_, target):
        out = fetch(target, "/", "--include")
        assert out.startswith("HTTP/2 200")
        assert out.endswith("\n\nHello over HTTP/2!\n")
        assert fetch(target, "/again") == "Hello over HTTP/2!\n"


def test_step_5_answers_with_the_header_fields() -> None:
    with step(5) as (_, target):
        seen = json.loads(fetch(target, "/a?b", "--header", "x-color: red"))
        assert (seen[":method"], seen[":path"], seen["x-color"]) == ("GET", "/a?b", "red")
        seen = json.loads(fetch(target, "/", "--data", "short"))
        assert (seen[":method"], seen["content-length"]) == ("POST", "5")


def test_step_5_stalls_when_the_window_is_used_up(site: Site) -> None:
    with step(5) as (_, target):
        done = curl(target, "--max-time", "2", "--data-binary", f"@{site.big_file}", target.url)
        assert done.returncode == 28


def test_step_6_takes_content_of_any_length(site: Site) -> None:
    with step(6) as (_, target):
        seen = json.loads(fetch(target, "/", "--data-binary", f"@{site.big_file}"))
        assert seen["octets of content"] == len(site.big)


def test_step_7_sends_content_of_any_length() -> None:
    with step(7) as (_, target):
        content = fetch(target, "/")
        assert len(content) == 20_000 * len(content.splitlines()[0] + "\n")
        assert len(set(content.splitlines())) == 1
        # Three at a time, each in pieces.
        requests = [Request(f"/{number}") for number in range(3)]
        assert exchange("Node http2", target, requests) == [expected(content.encode())] * 3


def test_every_step_is_shown_in_the_chapter() -> None:
    names = [path.name for path in sorted((ROOT / "examples" / "tutorial").glob("s*.py"))]
    assert names == ["server.py", *(f"step_{number}.py" for number in range(1, 8))]
    assert [name for name in names if f"examples/tutorial/{name}" not in CHAPTER] == []
