"""The summary of skipped tests, and time limits of tests that wait for programs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from support.limit import last_words, limited
from support.processes import ROOT, run
from support.skipped import PACKAGES, advice, reasons, summary

WAITING = ("run", "check_output", "check_call", "call")


def test_what_is_missing_comes_first_with_how_to_get_it() -> None:
    counts = Counter(
        {
            "only CPython counts instructions": 2,
            "program nghttp not found": 7,
            "program h2load not found": 1,
            "no interpreter with the published h2 at /x": 4,
            "program curl not found": 30,
        }
    )
    assert summary(counts) == [
        "    30  program curl not found  ->  apt install curl",
        "     1  program h2load not found  ->  apt install nghttp2-client",
        "     7  program nghttp not found  ->  apt install nghttp2-client",
        "     4  no interpreter with the published h2 at /x  ->  python3 -m tools.venvs published",
        "     2  only CPython counts instructions",
        "All from Debian at once: apt install curl nghttp2-client",
        "pytest -rs names the files and lines.",
    ]
    assert summary(Counter()) == []


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("program pyright not found", "python3 -m tools.venvs pyright"),
        ("program /usr/sbin/nginx not found", "apt install nginx-light"),
        ("program unheard-of not found", ""),
        ("Debian's package node-ws not found", "apt install node-ws"),
        ("module tornado not found", "make venv"),
        ("mypy is in the dependency group 'dev'", "make venv"),
        ("could not import 'cryptography.x509': No module named 'cryptography'", "make venv"),
        ("atheris is not installed", ".venv/bin/python -m pip install atheris"),
    ],
)
def test_advice(reason: str, command: str) -> None:
    assert advice(reason) == command


def test_reasons_are_counted() -> None:
    reports = [("a.py", 3, "Skipped: no curl"), ("b.py", 9, "Skipped: no curl"), "other"]
    assert reasons(reports) == {"no curl": 2, "other": 1}


def test_the_packages_are_those_that_ci_installs() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (peers,) = re.findall(r"^peers=\((.+?)^\)", text, re.DOTALL | re.MULTILINE)
    installed = dict(pair.split(":") for pair in peers.split())
    assert {name: PACKAGES.get(name) for name in installed} == installed


def test_every_program_that_tests_require_has_a_package() -> None:
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py")]
    names = {name for text in texts for name in re.findall(r'require_program\("(\w+)"\)', text)}
    assert "curl" in names
    assert names <= PACKAGES.keys()


def test_a_run_says_once_what_it_skipped(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_a(number): pytest.skip('program nghttpd not found')\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "-p", "conftest"]
    done = run([sys.executable, "-m", "pytest", *options, "--rootdir", str(ROOT), str(test)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("nghttpd not found") == 1
    assert "     3  program nghttpd not found  ->  apt install nghttp2-server\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("3 skipped in ")


def test_a_test_that_hangs_fails_where_it_hangs() -> None:
    began = time.monotonic()
    with (
        pytest.raises(pytest.fail.Exception, match=r"not ended after 0\.1 seconds"),
        limited(0.1),
    ):
        threading.Event().wait()
    assert time.monotonic() - began < 60


def test_a_test_that_hangs_while_it_cleans_up_fails_too() -> None:
    times = []

    def hang() -> None:
        with limited(0.1, again=0.1):
            try:
                threading.Event().wait()
            finally:
                times.append(time.monotonic())
                threading.Event().wait()

    with pytest.raises(pytest.fail.Exception):
        hang()
    assert len(times) == 1
    assert time.monotonic() - times[0] < 60


def test_no_alarm_is_left() -> None:
    with limited(0.2):
        pass
    time.sleep(0.4)


def test_last_words_of_a_program_that_timed_out() -> None:
    command = ["sh", "-c", "echo out; echo no answer >&2; exec sleep 600"]
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        subprocess.run(command, capture_output=True, timeout=5)
    assert [text for _, text in last_words(caught.value)] == ["out\n", "no answer\n"]
    assert last_words(ValueError()) == last_words(None) == []


def test_whoever_waits_for_a_program_has_a_limit() -> None:
    """A program that does not answer is stopped, and its output is shown."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.glob("tests/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "subprocess"
        and node.func.attr in WAITING
        and "timeout" not in {keyword.arg for keyword in node.keywords}
    ]
    assert found == []
