"""The README keeps its word: its code runs, its commands and links exist."""

from __future__ import annotations

import re

from support.processes import ROOT, python_command, run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_runs_and_shows_both_ends() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    done = run(python_command("-c", code))
    assert (done.returncode, done.stderr) == (0, "")
    names = re.findall(r"^<?(\w+)", done.stdout, re.MULTILINE)
    # What each end sees: the other's settings, the message, its end; the client also sees its
    # own settings acknowledged.
    assert names == [
        "RemoteSettingsChanged",
        "RequestReceived",
        "StreamEnded",
        "RemoteSettingsChanged",
        "SettingsAcknowledged",
        "ResponseReceived",
        "DataReceived",
        "StreamEnded",
    ]


def test_the_commands_are_targets_of_make() -> None:
    commands = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert commands >= {"demo", "test", "bench"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_the_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert "docs/architecture.md" in links
    assert [link for link in links if not (ROOT / link).is_file()] == []
