"""Programs in separate processes, for tests that talk to them over real sockets.

A program writes its output to files while a test communicates with it: it would block on a full
pipe that nobody reads. If a test fails, `conftest.py` shows the contents of these files.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import IO, TypeVar

import pytest

from support.peers import unavailable

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 90.0  # seconds until a program counts as hung
SHOWN = 10_000  # characters of its output that a failed test shows


def require_module(name: str) -> ModuleType:
    """Import a module that a test needs besides the package; skip the test if it is missing."""
    __tracebackhide__ = True
    try:
        return import_module(name)
    except ImportError:
        unavailable(f"module {name} not found")


def require_installed(name: str) -> None:
    """Skip the test if a module is missing that only the program under test imports."""
    __tracebackhide__ = True
    if find_spec(name) is None:
        unavailable(f"module {name} not found")


class Program:
    """A program that runs during a test."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]
    ) -> None:
        self.name = name
        self.process = process
        self._out = out
        self._err = err
        self._taken = 0  # how much of its output has been read
        self._last_words = ("", "")

    @property
    def printed(self) -> str:
        """All of its standard output so far."""
        return self._last_words[0] if self._out.closed else _content(self._out)

    @property
    def errors(self) -> str:
        """All of its error output so far."""
        return self._last_words[1] if self._err.closed else _content(self._err)

    def lines(self, last: str = "") -> list[str]:
        """Read its further output up to the line that starts with `last`."""
        return self.until(rf"^{re.escape(last)}.*\n").splitlines()

    def until(self, pattern: str) -> str:
        """Read its further output up to the end of a match of this pattern."""
        search = re.compile(pattern, re.MULTILINE).search
        give_up = time.monotonic() + TIMEOUT
        while True:
            has_ended = self.process.poll() is not None
            text = self.printed[self._taken :]
            if found := search(text):
                self._taken += found.end()
                return text[: found.end()]
            if has_ended or time.monotonic() > give_up:
                pytest.fail(f"{self.name} never printed {pattern!r}: {text}{self.errors}")
            time.sleep(0.01)

    def type(self, octets: bytes, end: bool = False) -> None:
        """Write to its standard input, which must be a pipe, and perhaps close that."""
        assert self.process.stdin is not None
        self.process.stdin.write(octets)
        self.process.stdin.flush()
        if end:
            self.process.stdin.close()

    def interrupt(self) -> None:
        """Press Ctrl+C."""
        self.process.send_signal(signal.SIGINT)

    def finish(self) -> tuple[str, str]:
        """Wait for its end; return its further output, and all of its error output."""
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} does not end: {self.errors}")
        text = self.printed[self._taken :]
        self._taken += len(text)
        return text, self.errors

    def stop(self) -> tuple[str, str]:
        """Press Ctrl+C and wait for its end, as `finish()` does."""
        self.interrupt()
        return self.finish()

    def end(self, how: signal.Signals) -> None:
        """Stop it, if it is still running, and keep its output."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        self._last_words = self.printed, self.errors


class Server(Program):
    """A server that names its port in the first line that it prints."""

    port = 0  # not yet known


_Kind = TypeVar("_Kind", bound=Program)

_programs: list[Program] = []  # running ones, and those that have ended in the current test


def outputs() -> list[tuple[str, str]]:
    """The last output of each program of the current test, with a title."""
    found = []
    for program in _programs:
        found.append((f"Output of {program.name}", program.printed[-SHOWN:]))
        found.append((f"Error output of {program.name}", program.errors[-SHOWN:]))
    return [(title, text) for title, text in found if text]


def forget_ended() -> None:
    """Forget programs that have ended, because the next test did not start them."""
    _programs[:] = [program for program in _programs if program.process.poll() is None]


@contextmanager
def _running(
    kind: type[_Kind],
    command: Sequence[str | Path],
    stdin: int | None = None,
    env: Mapping[str, str] | None = None,
    end: signal.Signals = signal.SIGKILL,
) -> Iterator[_Kind]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=stdin,
            stdout=out,
            stderr=err,
            # Programs in the background of a shell ignore Ctrl+C, and their children inherit this.
            preexec_fn=_heed_ctrl_c,
        )
        program = kind(shlex.join(map(str, command)), process, out, err)
        _programs.append(program)
        try:
            yield program
        finally:
            program.end(end)


def started(
    command: Sequence[str | Path], stdin: int | None = None, env: Mapping[str, str] | None = None
) -> AbstractContextManager[Program]:
    """Start a program, and end it at the end of the block in any case."""
    return _running(Program, command, stdin, env)


@contextmanager
def serving(command: Sequence[str | Path]) -> Iterator[Server]:
    """Start a server that prints its port, and end it at the end of the block in any case."""
    with _running(Server, command) as server:
        (line,) = server.lines()
        port = re.search(r":(\d+)\b", line)
        assert port, f"{server.name} announced no port: {line}"
        server.port = int(port[1])
        yield server


@contextmanager
def listening(
    command: Sequence[str | Path], port: int, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server on a given port, and terminate it at the end of the block."""
    environment = {**os.environ, **(env or {})}
    with _running(Program, command, env=environment, end=signal.SIGTERM) as program:
        wait_for_port(port, program)
        yield


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _content(file: IO[bytes]) -> str:
    """The content of a file, read without moving the position at which the program writes."""
    descriptor = file.fileno()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


def python_command(*arguments: str) -> list[str]:
    """The command for this interpreter with warnings as errors, for leaks, too."""
    return [sys.executable, "-X", "dev", "-W", "error", *arguments]


def run(command: Sequence[str], stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, from the root of the checkout."""
    with _patience():
        return subprocess.run(
            command,
            cwd=ROOT,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )


def run_for_bytes(
    command: Sequence[str | Path],
    stdin: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    patience: int = 1,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program whose output is not just text to its end, from the root of the checkout.

    Its time limit is `patience` times the usual one.
    """
    with _patience():
        return subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            timeout=patience * TIMEOUT,
            check=False,
        )


@contextmanager
def _patience() -> Iterator[None]:
    """Make a test fail with the output of a program that does not end."""
    try:
        yield
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"{error}: {(error.stderr or b'').decode(errors='replace')}")


def complaints(err: str) -> list[str]:
    """The lines of an error output, except for those that asyncio writes on a busy machine.

    `-X dev` turns its debug mode on, which reports slow callbacks.
    """
    return [line for line in err.splitlines() if not line.startswith("Executing <")]


def free_port() -> int:
    """A free port of the loopback interface, for programs that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, program: Program | None = None) -> None:
    """Wait until a program, or this one, listens on a port of the loopback interface."""
    give_up = time.monotonic() + TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < give_up, f"nobody listens on port {port}"
            assert program is None or program.process.poll() is None, f"{program.name} has ended"
            time.sleep(0.02)
        else:
            return
