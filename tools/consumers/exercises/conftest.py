"""Servers that the exercises start: each in a separate process, on a free port."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

APPLICATION = Path(__file__).with_name("application.py")


def free_port() -> int:
    """A port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def serving(folder: Path, port: int, *command: str) -> Iterator[None]:
    """Start a server with the application in this folder, and wait until it listens."""
    (folder / APPLICATION.name).write_bytes(APPLICATION.read_bytes())
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, *command], cwd=folder, stdout=output, stderr=output
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.05)
            yield
        finally:
            process.kill()


@pytest.fixture(scope="session")
def tls_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of Hypercorn, with TLS and a self-signed certificate."""
    folder = tmp_path_factory.mktemp("hypercorn")
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    port = free_port()
    tls = ("--certfile", "server.pem", "--keyfile", "server.pem")
    command = ("-m", "hypercorn", "--bind", f"127.0.0.1:{port}", *tls, "application:app")
    with serving(folder, port, *command):
        yield port


@pytest.fixture(scope="session")
def echocorn_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of echocorn, without TLS."""
    folder = tmp_path_factory.mktemp("echocorn")
    port = free_port()
    lines = ['app = "application:app"', "[server]", 'host = "127.0.0.1"', f"port = {port}"]
    (folder / "echocorn.toml").write_text("\n".join([*lines, "[http2]", "enabled = true", ""]))
    with serving(folder, port, "-m", "echocorn", "--config", "echocorn.toml"):
        yield f"http://127.0.0.1:{port}"
