"""Each line that the READMEs of the examples show is run as it stands, with its port and all.

Only the interpreter is that of the tests, which may have no activated environment. The lines need
the ports that the examples take by themselves, so these tests wait for each other.
"""

from __future__ import annotations

import fcntl
import re
import shlex
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.peers import require_program, unavailable
from support.processes import ROOT, Server, complaints, require_installed, run, serving

READMES = sorted(ROOT.glob("examples/**/README.md"))
#: What the folder `common` has is no program; all others show how to start theirs.
SHOWING = [path for path in READMES if path.parent.name != "common"]
SERVER = re.compile(r"\bserver\b|_server\b|server\.py\b")
PORTS = (8080, 8443)
#: What the programs import beside the package.
MODULES = {
    "anyio": ("anyio", "trio", "trustme"),
    "asyncio": ("flask", "starlette", "trustme"),
    "curio": ("curio", "trustme"),
    "eventlet": ("eventlet", "OpenSSL", "trustme"),
    "gevent": ("gevent", "trustme"),
    "negotiation": ("h11", "trustme"),
    "proxy": ("h11", "trustme"),
    "tornado": ("tornado", "trustme"),
    "trio": ("trio", "trustme"),
    "twisted": ("twisted", "trustme"),
    "websocket": ("wsproto", "trustme"),
}


def shown(readme: Path) -> list[str]:
    """The lines of a README that somebody would type."""
    blocks = re.findall(r"^```\n(.+?)^```$", readme.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line != "source .venv/bin/activate"]


def command(line: str) -> list[str]:
    """What the shell makes of a line."""
    program, *arguments = shlex.split(line, comments=True)
    return [sys.executable if program == "python" else require_program(program), *arguments]


def starts_a_server(line: str) -> bool:
    return line.startswith("python ") and bool(SERVER.search(line.partition(" http")[0]))


@pytest.fixture
def ports() -> Iterator[None]:
    """The ports of the examples, for this test alone."""
    with open(Path(tempfile.gettempdir()) / "h2-example-ports.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for port in PORTS:
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except OSError as error:
                unavailable(f"port {port} is not free: {error}")
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
    lines = shown(readme)
    assert [line for line in lines if starts_a_server(line)]
    assert not starts_a_server(lines[-1])
    server = None
    with ExitStack() as stack:
        for line in lines:
            if starts_a_server(line):
                if server is not None:
                    stop(server)
                started = stack.enter_context(serving(command(line.removesuffix(" &"))))
                assert started.port in PORTS
                # What runs in the background is for the lines below, and ends with the test.
                server = None if line.endswith(" &") else started
                continue
            done = run(command(line))
            assert (done.returncode, "Traceback" in done.stderr) == (0, False), (line, done)
            assert done.stdout, line
        assert server is not None
        stop(server)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_lines_are_complete(readme: Path) -> None:
    """None has a part that the reader would have to fill in."""
    gaps = [line for line in shown(readme) if re.search(r"\[|\]|\.\.\.|[|<>]|\b[A-Z]{3,}\b", line)]
    assert [line for line in gaps if "README" not in line] == []
