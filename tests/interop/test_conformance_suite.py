"""The conformance suite over real sockets, against the server and the client of `python -m h2`."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conformance import __main__ as command_line
from support.peers import require_program
from support.processes import ROOT, python_command, serving, started

CONTENT = bytes(range(250)) * 400  # more than a window


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "content.bin").write_bytes(CONTENT)
    return tmp_path


def _tested(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the suite, which must succeed; return the last line of its output."""
    status = command_line.main(arguments)
    printed = capsys.readouterr().out
    assert status == 0, printed
    return printed.splitlines()[-1]


@pytest.mark.slow
def test_our_server_passes_all_cases(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(python_command("-m", "h2", "serve", "--port", "0", str(folder))) as server:
        url = f"http://127.0.0.1:{server.port}/content.bin"
        summary = _tested(capsys, "server", url, "--timeout", "8")
    assert " failed, " in summary
    assert " allowed" not in summary  # it is strict


def test_our_server_over_tls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = python_command("-m", "h2", "serve", "--tls", "--port", "0", str(folder))
    with serving(command) as server:
        url = f"https://localhost:{server.port}/content.bin"
        summary = _tested(capsys, "server", url, "--only", "window-", "--timeout", "20")
    assert " 0 failed, 0 skipped" in summary


def test_our_client(capsys: pytest.CaptureFixture[str]) -> None:
    command = shlex.join([sys.executable, "-m", "h2", "get", "--output", os.devnull, "{url}"])
    arguments = ("client", "--command", command, "--timeout", "20")
    summary = _tested(capsys, *arguments, "--only", "8.1.1")
    assert " 0 failed, 0 skipped" in summary
    # Cases for clients that accept pushed responses are reported as omitted.
    summary = _tested(capsys, *arguments, "--only", "push-request-post")
    assert summary.endswith("1 cases: 0 passed, 0 failed, 1 skipped")


def test_our_client_sends_content(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, "-m", "h2", "get", "--output", os.devnull]
    words += ["--data", f"@{folder / 'content.bin'}", "{url}"]
    summary = _tested(
        capsys, "client", "--upload", "--command", shlex.join(words), "--timeout", "20"
    )
    assert "3 cases: 3 passed" in summary


def test_our_client_over_tls(capsys: pytest.CaptureFixture[str]) -> None:
    require_program("openssl")
    words = [sys.executable, "-m", "h2", "get", "--insecure", "--output", os.devnull, "{url}"]
    summary = _tested(
        capsys,
        *("client", "--tls", "--command", shlex.join(words)),
        *("--only", "size-ping", "--timeout", "20"),
    )
    assert summary.endswith("3 cases: 3 passed (3 exact), 0 failed, 0 skipped")


def test_a_client_that_somebody_starts() -> None:
    """The suite prints the URL to request, once for each case, and waits."""
    command = python_command(
        "-m", "conformance", "client", "--only", "size-ping", "--timeout", "20"
    )
    with started(command) as suite:
        for _ in range(3):
            while "waiting for a client at " not in suite.errors:
                assert suite.process.poll() is None, suite.errors
            url = suite.errors.split()[-1]
            get = [sys.executable, "-m", "h2", "get", url]
            subprocess.run(get, cwd=ROOT, capture_output=True, check=False, timeout=60)
        printed, _ = suite.finish()
    assert "3 passed (3 exact)" in printed
    assert suite.process.returncode == 0


def test_nobody_comes(capsys: pytest.CaptureFixture[str]) -> None:
    status = command_line.main(["client", "--only", "size-ping-0", "--wait", "0.1"])
    assert status == 1
    assert "no connection: timed out" in capsys.readouterr().out


def test_a_client_that_goes_away_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    command = shlex.join([sys.executable, "-c", _HANG_UP, "{url}"])
    status = command_line.main(["client", "--only", "size-ping-0", "--command", command])
    assert status == 1
    assert "the preface of the client did not come: connection closed" in capsys.readouterr().out


_HANG_UP = """
import socket, sys, urllib.parse
parts = urllib.parse.urlsplit(sys.argv[1])
socket.create_connection((parts.hostname, parts.port)).close()
"""


def test_a_server_that_speaks_http1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_with_http1, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        status = command_line.main(["server", url, "--only", "size-ping-0"])
        thread.join()
    assert status == 1
    assert "size-ping-0" in capsys.readouterr().out


def _answer_with_http1(listener: socket.socket) -> None:
    sock, _ = listener.accept()
    with sock:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
