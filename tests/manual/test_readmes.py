"""Each command in the READMEs of the examples is run verbatim, including its port.

Only the interpreter is that of the tests, whose environment may not be activated. The commands need
the default ports of the examples, so these tests wait for each other.
"""

from __future__ import annotations

import fcntl
import re
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.peers import require_program, unavailable
from support.processes import (
    ROOT,
    TIMEOUT,
    Server,
    complaints,
    require_installed,
    run,
    serving,
)

READMES = sorted(ROOT.glob("examples/**/README.md"))
#: The folder `common` has no programs; the READMEs of all others show how to start theirs.
SHOWING = [path for path in READMES if path.parent.name != "common"]
SERVER = re.compile(r"\bserver\b|_server\b|server\.py\b|\bupstream\b")
PORTS = (8080, 8443)
#: The packages that the programs import besides h2.
MODULES = {
    "anyio": ("anyio", "trio", "trustme"),
    "asyncio": ("flask", "starlette", "trustme"),
    "curio": ("curio", "trustme"),
    "eventlet": ("eventlet", "OpenSSL", "trustme"),
    "gevent": ("gevent", "trustme"),
    "negotiation": ("h11", "trustme"),
    "tornado": ("tornado", "trustme"),
    "trio": ("trio", "trustme"),
    "twisted": ("twisted", "trustme"),
    "websocket": ("wsproto", "trustme"),
}


def blocks(readme: Path) -> list[list[str]]:
    """The commands in a README, by block."""
    found = re.findall(r"^```\n(.+?)^```$", readme.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [
        [line for line in block.splitlines() if line != "source .venv/bin/activate"]
        for block in found
    ]


def command(line: str) -> list[str]:
    """The arguments that the shell would pass for a line."""
    program, *arguments = shlex.split(line, comments=True)
    start = [sys.executable, "-u"] if program == "python" else [require_program(program)]
    return [*start, *arguments]


def starts_a_server(line: str) -> bool:
    return line.startswith("python ") and bool(SERVER.search(line.partition("://")[0]))


def wait_until_free(port: int) -> None:
    """Wait for a port that another program uses; skip the test if it stays in use."""
    give_up = time.monotonic() + TIMEOUT
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            if time.monotonic() > give_up:
                unavailable(f"port {port} is not free: {error.strerror}")
            time.sleep(0.5)
        else:
            return


@pytest.fixture
def ports() -> Iterator[None]:
    """The ports of the examples, reserved for this test."""
    with open(Path(tempfile.gettempdir()) / "h2-example-ports.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for port in PORTS:
            wait_until_free(port)
        yield


def stop(server: Server) -> None:
    _, err = server.stop()
    bad = [line for line in complaints(err) if re.search("Traceback|Error|never", line)]
    assert (server.process.returncode, bad) == (0, []), err


@pytest.mark.parametrize("readme", SHOWING, ids=lambda path: path.parent.name)
@pytest.mark.usefixtures("ports")
def test_each_line_does_as_it_says(readme: Path) -> None:
    for module in MODULES.get(readme.parent.name, ("trustme",)):
        if module == "curio" and sys.version_info >= (3, 12):
            pytest.skip("curio 1.6 uses what Python 3.12 has removed")
        require_installed(module)
    servers: list[Server] = []
    asked = 0
    with ExitStack() as stack:
        for block in blocks(readme):
            if any(map(starts_a_server, block)):  # replace those of the previous block
                while servers:
                    stop(servers.pop())
            for line in block:
                if starts_a_server(line):
                    servers.append(stack.enter_context(serving(command(line))))
                    assert str(servers[-1].port) in readme.read_text("utf-8")
                    continue
                done = run(command(line))
                assert (done.returncode, "Traceback" in done.stderr) == (0, False), (line, done)
                assert done.stdout, line
                assert not done.stdout.startswith(("404", "405", "not here")), line
                asked += 1
        assert servers
        assert asked
        while servers:
            stop(servers.pop())


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_lines_are_complete(readme: Path) -> None:
    """No command has a part that the reader must fill in."""
    lines = [line for block in blocks(readme) for line in block]
    gaps = [line for line in lines if re.search(r"\[|\]|\.\.\.|[|<>]|\b[A-Z]{3,}\b", line)]
    assert [line for line in gaps if "README" not in line] == []
