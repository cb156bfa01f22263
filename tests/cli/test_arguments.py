"""The command line itself, URLs, header fields, and the display of text."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import types
from pathlib import Path

import pytest

import h2
from h2._cli import request
from h2._cli.arguments import main, parser
from h2._cli.failure import Failure
from h2._cli.frame_log import FrameLog, wants_color
from h2._cli.text import size
from h2._cli.url import Url, parse
from support import wire
from support.processes import python_command, require_module, run, run_for_bytes

# --- the command line ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND\nTry 'python -m h2 --help'."),
        (["put"], "argument COMMAND: invalid choice: 'put'"),
        (["get"], "the following arguments are required: URL\nTry 'python -m h2 get --help'."),
        (
            ["get", "--nonsense", "http://a"],
            "unknown option: --nonsense\nTry 'python -m h2 get --help'.",
        ),
        (["get", "-m", "x", "http://a"], "argument -m/--max-time: not a number of seconds: 'x'"),
        (["get", "-m", "0", "http://a"], "argument -m/--max-time: not a number of seconds: '0'"),
        (["get", "-m", "nan", "http://a"], "argument -m/--max-time: not a number of seconds"),
        (["get", "-d", "x", "-T", "y", "http://a"], "argument -T/--upload-file: not allowed with"),
        (["get", "-I", "-d", "x", "http://a"], "--head cannot be combined with content"),
        (["get", "-d", "@x", "-d", "y", "http://a"], "--data @FILE cannot be combined with other"),
        (["get", "-H", "nonsense", "http://127.0.0.1:1"], "--header 'nonsense' is not 'NAME: VA"),
        (["serve", "--port", "65536"], "argument -p/--port: not a port: '65536'"),
        (["serve", "--port", "http"], "argument -p/--port: not a port: 'http'"),
        (["serve", "--key", "x"], "--key needs --cert"),
        (["serve", "80", "-p", "81"], "two ports given: 81 and 80"),
        (["serve", "80", "81"], "two ports given: 80 and 81"),
        (["serve", "65536"], "not a port: '65536'"),
        (["serve", "a", "--tls", "b"], "two folders given: a and b"),
        (["decode"], "the following arguments are required: FILE"),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("h2: (2) ")
    assert message in err


def test_version_and_help_are_for_standard_output() -> None:
    done = run(python_command("-m", "h2", "--version"))
    build = "compiled" if h2.__compiled__ else "pure"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"h2 {h2.__version__} ({build})\n"
    for arguments in (["--help"], ["get", "--help"], ["serve", "--help"], ["decode", "--help"]):
        done = run(python_command("-m", "h2", *arguments))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: python -m h2")


def test_the_manual_names_every_option() -> None:
    manual = (
        Path(__file__).parents[2].joinpath("docs", "command-line-options.md").read_text("utf-8")
    )
    (commands,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    assert set(commands.choices) == {"get", "serve", "decode"}
    for name, command in commands.choices.items():
        assert f"python -m h2 {name}" in manual
        for action in command._actions:
            for option in set(action.option_strings) - {"-h", "--help"}:
                assert f"`{option}" in manual, f"{name} {option}"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("python -m h2 ", {"get", "serve", "decode", "--version", "--help", "-h"}),
        ("python -m h2 get --max-", {"--max-time", "--max-redirs"}),
        ("python -m h2 serve --wat", {"--waterfall"}),
    ],
)
def test_shells_complete_the_line(line: str, found: set[str], tmp_path: Path) -> None:
    require_module("argcomplete")
    out = tmp_path / "out"
    environ = {
        **os.environ,
        "_ARGCOMPLETE": "3",  # words before the arguments: python -m h2
        "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    done = run_for_bytes([sys.executable, "-m", "h2"], env=environ)
    assert (done.returncode, done.stdout) == (0, b"")
    assert {word.strip() for word in out.read_text().splitlines()} == found


def test_completion_is_optional(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_ARGCOMPLETE", "3")
    monkeypatch.setattr(sys, "argv", ["h2", "decode", "/does/not/exist"])
    for module in (None, types.SimpleNamespace(autocomplete=lambda parser: parser.format_help())):
        monkeypatch.setitem(sys.modules, "argcomplete", module)
        assert main() == 26
    assert "No such file" in capsys.readouterr().err


def test_commands_that_fail_in_unforeseen_ways_do_not_leave_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, status in ((KeyboardInterrupt(), 130), (BrokenPipeError(), 23)):

        def fail(_options: argparse.Namespace, error: BaseException = error) -> int:
            raise error

        monkeypatch.setattr("h2._cli.decode.run", fail)
        assert main(["decode", "x"]) == status
        assert capsys.readouterr() == ("", "")


def test_a_python_without_tls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import sys; sys.modules['ssl'] = None; import h2.__main__"
    done = run(python_command("-c", code))
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.setitem(sys.modules, "ssl", None)
    monkeypatch.delitem(sys.modules, "h2._cli.tls", raising=False)
    monkeypatch.delattr("h2._cli.tls", raising=False)
    for arguments in (["get", "https://localhost"], ["serve", "--tls"]):
        assert main(arguments) == 1
        expected = "h2: (1) This Python lacks a module that the command needs: ssl\n"
        assert capsys.readouterr() == ("", expected)


def test_streams_of_another_kind_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()  # has no method to reconfigure it
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    assert main(["decode", "/does/not/exist"]) == 26
    assert out.getvalue().startswith("h2: (26) ")


# --- URLs ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example", Url("https", "a.example", 443, "a.example", "/", None)),
        ("http://a.example", Url("http", "a.example", 80, "a.example", "/", None)),
        ("HTTP://A.Example:80/", Url("http", "a.example", 80, "a.example", "/", None)),
        ("https://a:8443/b?c=d#e", Url("https", "a", 8443, "a:8443", "/b?c=d", None)),
        ("https://a?q", Url("https", "a", 443, "a", "/?q", None)),
        ("https://a/b?", Url("https", "a", 443, "a", "/b", None)),
        ("https://[::1]:8/x", Url("https", "::1", 8, "[::1]:8", "/x", None)),
        ("https://[fe80::1%25eth0]/", Url("https", "fe80::1%eth0", 443, "[fe80::1]", "/", None)),
        ("https://a/%2e/../%zz", Url("https", "a", 443, "a", "/%2e/../%zz", None)),
        ("https://a/ä?ö", Url("https", "a", 443, "a", "/%C3%A4?%C3%B6", None)),
        ("https://grün.example", Url("https", "xn--grn-ioa.example", 443, "xn--grn-ioa.example",
                                     "/", None)),
        ("https://u:p%40@a/", Url("https", "a", 443, "a", "/", "Basic dTpwQA==")),
        ("https://u@a/", Url("https", "a", 443, "a", "/", "Basic dTo=")),
    ],
)  # fmt: skip
def test_urls(text: str, expected: Url) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ftp://a/", 1),
        ("a.example/x", 3),
        ("https://", 3),
        ("https:///x", 3),
        ("https://a b/", 3),
        ("https://a/b c", 3),
        ("https://a/\r\nx: y", 3),
        ("https://a\\b/", 3),
        ("https://a:port/", 3),
        ("https://a:70000/", 3),
        ("https://[::1/", 3),
        ("https://a<b>/", 3),
        ("https://" + "ä" * 300 + "/", 3),
    ],
)
def test_urls_that_lead_nowhere(text: str, status: int) -> None:
    with pytest.raises(Failure) as caught:
        parse(text)
    assert caught.value.status == status


# --- the header section of a request ---


def fields(*arguments: str, url: str = "https://a.example/x") -> list[tuple[str, str]]:
    options = parser().parse_args(["get", *arguments, url])
    source = request.content(options)
    found = request.fields(options, parse(url), source)
    if source is not None:
        source.close()
    return [(name.decode(), value.decode()) for name, value in found]


AGENT = ("user-agent", f"python-h2/{h2.__version__}")
ACCEPT = ("accept", "*/*")
TARGET = [(":scheme", "https"), (":authority", "a.example"), (":path", "/x")]


def test_the_usual_fields() -> None:
    assert fields() == [(":method", "GET"), *TARGET, AGENT, ACCEPT]
    assert fields("-I") == [(":method", "HEAD"), *TARGET, AGENT, ACCEPT]
    assert fields("-X", "DELETE") == [(":method", "DELETE"), *TARGET, AGENT, ACCEPT]


def test_fields_of_content(tmp_path: Path) -> None:
    form = ("content-type", "application/x-www-form-urlencoded")
    assert fields("-d", "a=b", "-d", "c") == [
        (":method", "POST"), *TARGET, AGENT, ACCEPT, form, ("content-length", "5")
    ]  # fmt: skip
    file = tmp_path / "file"
    file.write_bytes(bytes(7))
    length = ("content-length", "7")
    assert fields("-d", f"@{file}")[-2:] == [form, length]
    assert fields("-T", str(file)) == [(":method", "PUT"), *TARGET, AGENT, ACCEPT, length]
    assert fields("--upload", str(file)) == [(":method", "POST"), *TARGET, AGENT, ACCEPT, length]
    assert fields("-X", "PATCH", "-T", str(file))[0] == (":method", "PATCH")


def test_fields_of_the_user_come_last_and_replace_others() -> None:
    given = ["-H", "X-A: one", "-H", "x-a:two", "-H", "Accept: text/html", "-H", "User-Agent:"]
    assert fields(*given, "-H", "x-empty;") == [
        (":method", "GET"), *TARGET,
        ("x-a", "one"), ("x-a", "two"), ("accept", "text/html"), ("x-empty", ""),
    ]  # fmt: skip
    assert fields("-H", "Host: b.example")[2] == (":authority", "b.example")
    assert fields("-H", "Host:")[2] == (":authority", "a.example")


def test_a_user_in_the_url_becomes_credentials() -> None:
    assert fields(url="https://u:p@a.example/x")[-1] == ("authorization", "Basic dTpw")
    given = fields("-H", "Authorization: Bearer x", url="https://u:p@a.example/x")
    assert [value for name, value in given if name == "authorization"] == ["Bearer x"]


# --- text ---


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (20_000_000, "20.0 MB"), (7e12, "7000.0 GB")],
)
def test_sizes(number: float, text: str) -> None:
    assert size(number) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"CLICOLOR_FORCE": "1"}, True),
        (io.StringIO(), {"CLICOLOR_FORCE": "0"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_when_there_are_colors(out: io.StringIO, environ: dict[str, str], expected: bool) -> None:
    assert wants_color(out, environ) is expected


def test_the_log_of_a_connection() -> None:
    out = io.StringIO()
    log = FrameLog(out, color=False, label="#7 ")
    log.sent(wire.PREFACE + wire.settings((3, 1)))
    log.received(wire.ping(b"12345678", ack=True)[:10])
    log.received(wire.ping(b"12345678", ack=True)[10:] + wire.window_update(1, 0)[:12])
    log.note("a word")
    log.finish()
    lines = [re.sub(r"^#7 +\d+\.\d{4} ", "#7 T ", line) for line in out.getvalue().splitlines()]
    assert lines == [
        "#7   seconds       frame            stream  length  flags                   content",
        "#7 T  -->  (preface)                    24                          PRI * HTTP/2.0",
        "#7 T  -->  SETTINGS              0       6",
        "#7                 MAX_CONCURRENT_STREAMS = 1",
        "#7 T  <--  PING                  0       8  ACK                     3132333435363738",
        "#7 * a word",
        "#7 T  <--  WINDOW_UPDATE         1       4",
        "#7                 error: frame is truncated: 3 of 4 octets of its payload",
    ]


def test_a_log_that_folds() -> None:
    out = io.StringIO()
    log = FrameLog(out, color=False, titles=False, fold=True)
    log.sent(wire.data(1, b"abc") + wire.data(1, b"de") + wire.data(3, b"f"))
    log.received(wire.window_update(1, 3) + wire.window_update(1, 2))
    log.sent(wire.data(1, b"ghij") + wire.data(1, b"", end_stream=True))
    log.received(wire.window_update(1, 7) + wire.window_update(1, 8))
    log.note("a word")
    log.received(wire.window_update(1, 9) + wire.window_update(1, 10) + wire.window_update(1, 11))
    log.finish()
    lines = [re.sub(r"^ +\d+\.\d{4} +", "", line) for line in out.getvalue().splitlines()]
    assert [re.sub(" +", " ", line) for line in lines] == [
        "--> DATA 1 3 3 bytes",
        "--> DATA 3 1 1 bytes",
        "<-- WINDOW_UPDATE 1 4 +3",
        "--> DATA 1 6 2 more frames: 6 bytes",
        "<-- WINDOW_UPDATE 1 4 1 more frame: +2",
        "--> DATA 1 0 END_STREAM 0 bytes",
        "<-- WINDOW_UPDATE 1 4 +7",
        "<-- WINDOW_UPDATE 1 4 1 more frame: +8",
        "* a word",
        "<-- WINDOW_UPDATE 1 4 +9",
        "<-- WINDOW_UPDATE 1 8 2 more frames: +21",
    ]


def test_colors_of_the_log() -> None:
    out = io.StringIO()
    log = FrameLog(out, color=True, titles=False)
    log.sent(wire.settings((3, 1)))
    log.received(wire.frame(6))
    sent, setting, received, fault = out.getvalue().splitlines()
    assert sent.startswith("\x1b[36m")
    assert setting.startswith("\x1b[2m")
    assert received.startswith("\x1b[33m")
    assert fault.startswith("\x1b[31m")
    assert {line[-4:] for line in (sent, setting, received, fault)} == {"\x1b[0m"}
