"""The demo, run as a user would."""

from __future__ import annotations

import re

import pytest

from support.processes import complaints, python_command, require_module, run

BODY = 1024 * 1024
INITIAL_WINDOW = 65_535


def demo(*arguments: str) -> tuple[int, str]:
    """Run the demo; return its exit status and output."""
    require_module("trustme")
    done = run(python_command("-m", "examples.demo", *arguments))
    assert complaints(done.stderr) == []
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def output() -> str:
    status, output = demo()
    assert status == 0
    return output


def data_bytes(output: str, way: str, stream: int) -> int:
    """The combined content of the DATA frames of one direction and stream."""
    rows = re.findall(rf"^ *[\d.]+  {way}  DATA +{stream} .* (\d+) bytes$", output, re.MULTILINE)
    return sum(map(int, rows))


def test_every_byte_is_shown_on_the_wire(output: str) -> None:
    assert data_bytes(output, "-->", 3) == BODY
    assert data_bytes(output, "<--", 3) == BODY
    # It exceeds the initial window, so there were WINDOW_UPDATE frames.
    for way in ("-->", "<--"):
        updates = re.findall(rf"{way}  WINDOW_UPDATE +3 .*\+(\d+)$", output, re.MULTILINE)
        assert sum(map(int, updates)) >= BODY - INITIAL_WINDOW


FIRST_LINE = (
    r"^h2 4\.\S+, https://localhost:\d+/, TLSv1\.[23], "
    r"HTTP/2 negotiated with ALPN; --> is client to server$"
)


@pytest.mark.parametrize(
    "pattern",
    [
        FIRST_LINE,
        r"-->  \(preface\) +24 ",
        r"-->  SETTINGS +0 +\d+$",
        r"<--  SETTINGS +0 +\d+$",
        r"-->  SETTINGS +0 +0  ACK$",
        r"-->  HEADERS +1 +\d+  END_STREAM END_HEADERS$",
        r"^ +:method: POST\n +:scheme: https\n +:authority: localhost\n +:path: /echo$",
        r"<--  HEADERS +5 +\d+  END_HEADERS\n +:status: 103\n +link: </style\.css>",
        r"<--  PUSH_PROMISE +5 +\d+  END_HEADERS +promises stream 2\n +:method: GET$",
        r"<--  DATA +2 +\d+  END_STREAM +\d+ bytes$",
        r"-->  GOAWAY +0 +8 +last stream 2, NO_ERROR$",
        r"^  GET / +200  \d+ bytes +as sent$",
        r"^  POST /echo +200  1048576 bytes +as sent$",
        r"^  GET /page +103  </style\.css>; rel=preload; as=style$",
        r"^  pushed /style\.css +200  \d+ bytes +as sent$",
        r"^Everything arrived, byte by byte as it was sent\.$",
    ],
)
def test_key_lines(output: str, pattern: str) -> None:
    assert re.search(pattern, output, re.MULTILINE)


def test_plain_text_where_there_is_no_terminal(output: str) -> None:
    assert output.isascii()
    assert output.replace("\n", "").isprintable()


def test_frames_of_the_large_body_are_summed_up(output: str) -> None:
    assert len(output.splitlines()) < 120


def test_a_missing_byte_is_noticed() -> None:
    status, output = demo("--server-drops-last-byte")
    assert status == 1
    assert "\n  POST /echo: 1048575 of 1048576 bytes arrived\n" in output
    assert "Everything arrived" not in output


def test_an_empty_body_is_no_special_case() -> None:
    status, output = demo("--body-size=0")
    assert status == 0
    assert re.search(r"^  POST /echo +200  0 bytes +as sent$", output, re.MULTILINE)
