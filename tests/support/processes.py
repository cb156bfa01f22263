"""Programs in processes of their own, for tests that talk to them over real sockets."""

from __future__ import annotations

import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import IO

import pytest

from support.peers import unavailable

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 90.0  # seconds until a program counts as hung


def require_module(name: str) -> ModuleType:
    """Import a module that a test needs beside the package; skip the test where it is missing."""
    __tracebackhide__ = True
    try:
        return import_module(name)
    except ImportError:
        unavailable(f"module {name} not found")


def require_installed(name: str) -> None:
    """Skip the test where a module is missing that only the program under test imports."""
    __tracebackhide__ = True
    if find_spec(name) is None:
        unavailable(f"module {name} not found")


class Server:
    """A server that names its port in the first line that it prints."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def stop(self) -> tuple[str, str]:
        """Press Ctrl+C; return what the server wrote to its two outputs from then on."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=TIMEOUT)


def python_command(*arguments: str) -> list[str]:
    """The command that runs this interpreter so that it reports leaks and other warnings."""
    return [sys.executable, "-X", "dev", "-W", "error", *arguments]


def run(command: Sequence[str], stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, from the root of the checkout."""
    return subprocess.run(
        command,
        cwd=ROOT,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def complaints(err: str) -> list[str]:
    """The lines of an error output, but for those that asyncio writes on a busy machine.

    `-X dev` turns its debug mode on, which names callbacks that were held up.
    """
    return [line for line in err.splitlines() if not line.startswith("Executing <")]


@contextmanager
def serving(command: Sequence[str], stderr: int | IO[bytes] = subprocess.PIPE) -> Iterator[Server]:
    """Start a server that announces its port, and end it, whatever happens, with the block.

    One that says much on its error output gets a file for it: a pipe takes little, and is only read
    at the end.
    """
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        # A shell lets what it runs in the background ignore Ctrl+C, and that is inherited.
        preexec_fn=_heed_ctrl_c,
    ) as process:
        try:
            yield Server(process, _announced_port(process))
        finally:
            if process.poll() is None:
                process.kill()


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _announced_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], TIMEOUT)
    line = process.stdout.readline() if readable else ""
    match = re.search(r":(\d+)\b", line)
    if match is None:
        process.kill()
        pytest.fail(f"the server announced no port: {line!r} {process.communicate()[1]}")
    return int(match[1])


def free_port() -> int:
    """A port of the loopback interface that is free now, for programs that do not choose one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until somebody listens on this port of the loopback interface."""
    give_up = time.monotonic() + TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < give_up, f"nobody listens on port {port}"
            time.sleep(0.02)
        else:
            return
