"""Third-party programs, at the other end of a WebSocket over HTTP/2."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.clients import PROGRAMS, Target
from support.peers import require_program, unavailable
from support.processes import free_port, listening, require_module, run, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.common.certificate import Certificate

DEBIAN_MODULES = Path("/usr/share/nodejs")


def _node(program: str, *arguments: str) -> list[str]:
    """The command that runs one of the programs on Node that use the package ws."""
    if not (DEBIAN_MODULES / "ws").exists():
        unavailable("Debian's package node-ws not found")
    node = require_program("node")
    return ["env", f"NODE_PATH={DEBIAN_MODULES}", node, str(PROGRAMS / program), *arguments]


def node_report(url: str, target: Target) -> dict[str, Any]:
    """The report of the client of ws about an echo server."""
    done = run(_node("websocket_client.cjs", url, target.trust))
    assert (done.returncode, done.stderr) == (0, ""), done
    report = json.loads(done.stdout)
    assert isinstance(report, dict)
    return report


@contextmanager
def node(certificate: Certificate) -> Iterator[Target]:
    """The server of ws on Node's http2."""
    files = [str(certificate.chain), str(certificate.key)]
    with serving(_node("websocket_server.cjs", *files)) as server:
        yield Target(f"https://localhost:{server.port}", certificate.authority)


@contextmanager
def hypercorn(certificate: Certificate) -> Iterator[Target]:
    """hypercorn, which itself uses the h2 under test."""
    require_module("hypercorn")
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write("websocket_max_message_size = 100000000\n")
        config.flush()
        command = [sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}"]
        command += ["--certfile", str(certificate.chain), "--keyfile", str(certificate.key)]
        command += ["--config", config.name, "websocket_application:application"]
        path = os.pathsep.join([str(PROGRAMS), os.environ.get("PYTHONPATH", "")])
        with listening(command, port, {"PYTHONPATH": path}):
            yield Target(f"https://localhost:{port}", certificate.authority)


@contextmanager
def _nghttpx(frontend: str, backend: str, *arguments: str | Path) -> Iterator[int]:
    """nghttpx between a client and a server; its port."""
    port = free_port()
    ends = [f"--frontend=127.0.0.1,{port}{frontend}", f"--backend=127.0.0.1,{backend}"]
    options = ["--conf=/dev/null", "--workers=1", "--single-process", *ends]
    with listening([require_program("nghttpx"), *options, *arguments], port):
        yield port


@contextmanager
def nghttpx(certificate: Certificate) -> Iterator[Target]:
    """nghttpx in front of ws; between the two, WebSockets are those of HTTP/1.1."""
    with (
        serving(_node("websocket_server.cjs")) as server,
        _nghttpx("", str(server.port), certificate.key, certificate.chain) as port,
    ):
        yield Target(f"https://localhost:{port}", certificate.authority)


def nghttpx_before(port: int) -> AbstractContextManager[int]:
    """nghttpx in front of our server: accepts WebSockets over HTTP/1.1, and forwards in HTTP/2."""
    return _nghttpx(";no-tls", f"{port};;proto=h2;tls", "--insecure")


#: Servers that send all messages back, by the names that the matrix uses.
SERVERS: dict[str, Callable[[Certificate], AbstractContextManager[Target]]] = {
    "Node http2 with ws": node,
    "nghttpx": nghttpx,
    "hypercorn": hypercorn,
}
