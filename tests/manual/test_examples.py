"""The manual shows every example, and how to start the programs of each folder."""

from __future__ import annotations

import pytest

from support.processes import ROOT

EXAMPLES = ROOT / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if (path / "README.md").exists())
PROGRAMS = sorted(
    path.relative_to(EXAMPLES) for path in EXAMPLES.glob("*/*.py") if path.name != "__init__.py"
)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_every_program_is_shown(program: object) -> None:
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/examples/*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert f"examples/{program}\n" in text


def test_every_folder_with_programs_has_a_readme_that_names_them() -> None:
    assert {path.name for path in FOLDERS} == {program.parts[0] for program in PROGRAMS}
    unnamed = [
        program
        for program in PROGRAMS
        if program.stem not in (EXAMPLES / program.parent / "README.md").read_text(encoding="utf-8")
    ]
    assert unnamed == []
