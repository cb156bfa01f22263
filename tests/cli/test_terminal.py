"""The commands on a terminal: colours, progress bars, protection from binary content."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import runpy
import select
import subprocess
import sys
from pathlib import Path

import pytest

from h2._cli import content
from h2._cli.arguments import main
from h2._cli.content import Progress
from support import wire
from support.processes import ROOT, TIMEOUT, python_command, started
from support.scripted import Client, scripted
from support.wire import Setting, Type

LARGE = 3_000_000
SENT = re.compile(r"\rsent \[#{30}\] 100 % of 3\.0 MB, \d+\.\d [kMG]B/s +\r?\n")
RECEIVED = re.compile(r"\rreceived \[#{30}\] 100 % of 3\.0 MB, \d+\.\d [kMG]B/s +\r?\n")


def large(client: Client) -> None:
    """A server that receives all content, and sends a large response."""
    client.send(
        wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**30)), wire.window_update(0, 2**30)
    )  # fmt: skip
    request = client.until(lambda frame: frame.type == Type.HEADERS)
    if not request.has(wire.Flag.END_STREAM):
        client.content()
    path = dict(wire.decode(request.fragment))[b":path"]
    fields = [*wire.RESPONSE]
    if path != b"/unknown-length":
        fields.append((b"content-length", b"%d" % LARGE))
    client.send(wire.headers(1, fields))
    left, window = LARGE, 1_048_576
    while left:
        part = min(16_384, left)
        while window < part:
            update = client.until(lambda f: f.type == Type.WINDOW_UPDATE and f.stream_id == 1)
            window += update.increment
        left -= part
        window -= part
        client.send(wire.data(1, b"\0" * part, end_stream=not left))
    client.bye()


def small(client: Client) -> None:
    client.request()
    client.send(wire.headers(1, wire.RESPONSE), wire.data(1, b"hello\n", end_stream=True))
    client.bye()


def on_terminal(
    *arguments: str, stdout_too: bool = False, environ: dict[str, str] | None = None
) -> tuple[int, bytes, str]:
    """Run the command with a terminal; exit status, standard output, what the terminal got."""
    ours, theirs = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TERM"}}
    env |= {"TERM": "xterm", **(environ or {})}
    out = theirs if stdout_too else subprocess.PIPE
    with subprocess.Popen(
        python_command("-m", "h2", *arguments), cwd=ROOT, env=env, stdout=out, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = bytearray()
        content = bytearray()
        pipes = {ours} | ({process.stdout.fileno()} if process.stdout else set())
        while pipes:
            ready, _, _ = select.select(list(pipes), [], [], TIMEOUT)
            assert ready, "nothing comes any more"
            for descriptor in ready:
                data = b""
                with contextlib.suppress(OSError):  # the error of a closed terminal
                    data = os.read(descriptor, 65536)
                (shown if descriptor == ours else content).extend(data)
                if not data:
                    pipes.remove(descriptor)
        os.close(ours)
    return process.returncode, bytes(content), shown.decode()


def test_frames_are_colored_on_a_terminal_only() -> None:
    with scripted(small) as port:
        status, out, shown = on_terminal("get", "-v", f"http://127.0.0.1:{port}/")
    assert (status, out) == (0, b"hello\n")
    assert re.search(r"\x1b\[36m +\d\.\d{4}  -->  HEADERS [^\n]*\x1b\[0m\r\n", shown)
    assert re.search(r"\x1b\[33m +\d\.\d{4}  <--  HEADERS [^\n]*\x1b\[0m\r\n", shown)
    assert re.search(r"\x1b\[2m {16}:status: 200\x1b\[0m\r\n", shown)
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with scripted(small) as port:
            arguments = ("get", "-v", f"http://127.0.0.1:{port}/")
            status, _, shown = on_terminal(*arguments, environ=environ)
        assert status == 0
        assert "  <--  HEADERS" in shown
        assert "\x1b" not in shown


def test_a_listing_is_colored_too(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(wire.ping() + wire.frame(Type.PING))
    status, _, shown = on_terminal("decode", str(file), stdout_too=True)
    assert status == 1
    assert "\x1b[36m" in shown
    assert "\x1b[31m" in shown


def test_progress_of_large_content(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(LARGE))
    with scripted(large) as port:
        url = f"http://127.0.0.1:{port}/"
        status, out, shown = on_terminal("get", "-T", str(file), url)
    assert (status, len(out)) == (0, LARGE)
    assert SENT.search(shown)
    assert RECEIVED.search(shown)
    assert shown.endswith("\r\n")
    with scripted(large) as port:
        url = f"http://127.0.0.1:{port}/unknown-length"
        status, _, shown = on_terminal("get", url)
    assert re.search(r"\rreceived 3\.0 MB, \d+\.\d [kMG]B/s +\r\n$", shown)


@pytest.mark.parametrize("quiet", ["-s", "-v"])
def test_no_progress_where_it_is_not_wanted(quiet: str) -> None:
    with scripted(large) as port:
        status, _, shown = on_terminal("get", quiet, f"http://127.0.0.1:{port}/")
    assert status == 0
    assert "100 %" not in shown


def test_no_progress_of_small_content() -> None:
    with scripted(small) as port:
        assert on_terminal("get", f"http://127.0.0.1:{port}/") == (0, b"hello\n", "")


def test_content_on_the_terminal_needs_no_progress_bar() -> None:
    with scripted(small) as port:
        status, _, shown = on_terminal("get", f"http://127.0.0.1:{port}/", stdout_too=True)
    assert (status, shown) == (0, "hello\r\n")


def test_binary_content_stays_off_the_terminal() -> None:
    with scripted(large) as port:
        url = f"http://127.0.0.1:{port}/"
        status, _, shown = on_terminal("get", url, stdout_too=True)
    assert status == 23
    assert shown == (
        "h2: (23) The content is binary and could garble your terminal; '--output -' shows it\r\n"
    )
    with scripted(large) as port:
        url = f"http://127.0.0.1:{port}/"
        status, _, shown = on_terminal("get", "-o", "-", url, stdout_too=True)
    assert status == 0
    assert shown.count("\0") == LARGE


def test_ctrl_c_ends_a_transfer_quietly() -> None:
    def script(client: Client) -> None:
        client.request()
        client.send(wire.headers(1, wire.RESPONSE), wire.data(1, b"begun"))
        client.bye()

    with (
        scripted(script) as port,
        started(python_command("-m", "h2", "get", f"http://127.0.0.1:{port}/")) as program,
    ):
        assert program.until("begun") == "begun"
        assert program.stop() == ("", "")
    assert program.process.returncode == 130


# --- the same in this process ---


class Terminal(io.TextIOWrapper):
    """A file that claims to be a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode()


def test_bars_of_both_directions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(LARGE))
    screen = Terminal()
    with scripted(large) as port:
        monkeypatch.setattr(sys, "stderr", screen)
        output = str(tmp_path / "output")
        url = f"http://127.0.0.1:{port}/"
        assert main(["get", "-T", str(file), "-o", output, url]) == 0
        monkeypatch.undo()
    assert SENT.search(screen.text)
    assert RECEIVED.search(screen.text)
    assert Path(output).stat().st_size == LARGE


def test_binary_content_and_this_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    with scripted(large) as port:
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setattr(sys, "stderr", screen)
        status = main(["get", f"http://127.0.0.1:{port}/"])
        monkeypatch.undo()
    assert status == 23
    assert screen.text.startswith("h2: (23) The content is binary")


def test_a_bar_goes_on_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(content.time, "monotonic", lambda: now)
    screen = Terminal()
    bar = Progress(screen, "sent")
    bar.show(100_000, 2_000_000, end=False)
    assert screen.text == ""
    now += 1
    bar.show(500_000, 2_000_000, end=False)
    assert screen.text.rstrip() == f"\rsent [{'#' * 7}{'-' * 23}]  25 % of 2.0 MB, 500.0 kB/s"
    now += 0.05
    before = screen.text
    bar.show(600_000, 2_000_000, end=False)
    assert screen.text == before
    bar.end()
    bar.end()
    assert screen.text == before + "\n"
    now += 1
    bar.show(2_000_000, None, end=True)
    assert screen.text.endswith(f"\r{'sent 2.0 MB, 975.6 kB/s':<78}\n")
    quiet = Terminal()
    now += 1
    Progress(quiet, "sent").show(10, 500_000, end=True)
    assert quiet.text == ""


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import h2.__main__ as module

    assert module.main is main
    monkeypatch.setattr(sys, "argv", ["h2", "--version"])
    monkeypatch.delitem(sys.modules, "h2.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("h2", run_name="__main__")
    assert caught.value.code == 0


def test_output_that_cannot_be_written_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    (tmp_path / "file").write_bytes(wire.ping())
    out = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    monkeypatch.setattr(sys, "stdout", out)
    status = main(["decode", str(tmp_path / "file")])
    monkeypatch.undo()
    out.close()  # the failed write is not repeated
    expected = "h2: (23) Could not write the output: No space left on device\n"
    assert (status, capfd.readouterr().err) == (23, expected)
