"""The programs that the manual shows print exactly the output that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.processes import ROOT, python_command, run

SNIPPETS = sorted((ROOT / "docs" / "snippets").glob("*.py"))


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.stem)
def test_snippet_prints_what_the_manual_shows(snippet: Path) -> None:
    done = run(python_command(str(snippet)))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == snippet.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_snippet_is_shown_with_its_output() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    shown = [path.name for path in SNIPPETS if f"snippets/{path.name}" in pages]
    assert shown == [path.name for path in SNIPPETS]
    outputs = [path.stem for path in SNIPPETS if f"snippets/{path.stem}.txt" in pages]
    assert outputs == [path.stem for path in SNIPPETS]
