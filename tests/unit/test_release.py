"""Releases: preparation, checks of distributions, and the Pythons to test them on."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import h2
from support.peers import require_program
from support.processes import ROOT, run
from tools import distributions, release, venvs, wheel_test
from tools.interpreters import Interpreter

METADATA = """\
Metadata-Version: 2.4
Name: h2
Version: 1.2.3
Summary: words
Author: The h2 authors
License-Expression: MIT
Keywords: words
Requires-Python: >=3.10
Requires-Dist: hpack<5,>=4.1
Requires-Dist: hyperframe<7,>=6.1
Requires-Dist: argcomplete>=3; extra == "completion"
Description-Content-Type: text/markdown

words
"""
PURE, COMPILED = "h2-1.2.3-py3-none-any.whl", "h2-1.2.3-cp312-cp312-linux_x86_64.whl"
OLD, MIDDLE, NEW = (
    Interpreter("CPython", (3, minor), f"python3.{minor}") for minor in (10, 12, 13)
)
PYPY = Interpreter("PyPy", (3, 11), "pypy3")
TODAY = "2031-02-03"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout of a very small package, whose next version is not released."""
    require_program("git")
    root = tmp_path / "root"
    write(root / "src/h2/__init__.py", '"""Words."""\n\n__version__ = "1.2.3"\n')
    write(root / "src/h2/py.typed", "")
    write(root / "src/h2/_recording/page.css", "a {}\n")
    write(root / "src/h2/__pycache__/__init__.cpython-311.pyc", "made")
    write(root / "CHANGELOG.md", "# Changelog\n\n## 1.3.0 (unreleased)\n\n## 1.2.3 (2030-01-01)\n")
    write(root / ".gitignore", "__pycache__/\n")
    release.git(root, "init", "-q")
    commit(root)
    return root


def commit(root: Path) -> None:
    release.git(root, "add", ".")
    release.git(root, "commit", "-q", "-m", "words")


def test_a_rehearsal_happens_in_a_clone(tree: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    assert release.tagged(tree, clone, TODAY) == ("1.3.0", True)
    assert distributions.version(clone) == "1.3.0"
    assert release.newest(clone) == ("1.3.0", TODAY)
    assert release.git(clone, "describe") == "v1.3.0"
    assert release.git(clone, "status", "--porcelain") == ""
    assert distributions.version(tree) == "1.2.3"
    assert release.newest(tree) == ("1.3.0", "unreleased")
    assert release.git(tree, "tag") == ""


def test_what_was_prepared_is_released(tree: Path, tmp_path: Path) -> None:
    assert release.prepare(tree, TODAY) == "1.3.0"
    commit(tree)
    assert release.tagged(tree, tmp_path / "clone", TODAY) == ("1.3.0", False)
    with pytest.raises(SystemExit, match=f"1.3.0 was released on {TODAY}"):
        release.prepare(tree, TODAY)
    release.git(tree, "tag", "-a", "v1.3.0", "-m", "words")
    assert release.tagged(tree, tmp_path / "again", TODAY) == ("1.3.0", False)
    write(tree / "README.md", "words")
    commit(tree)
    with pytest.raises(SystemExit, match=r"v1\.3\.0 is at another commit"):
        release.tagged(tree, tmp_path / "late", TODAY)


def test_version_and_changelog_must_agree(tree: Path, tmp_path: Path) -> None:
    write(tree / "CHANGELOG.md", "# Changelog\n\n## 1.3.0 (2031-01-01)\n")
    with pytest.raises(SystemExit, match=r"commit this first.*\n.*CHANGELOG\.md"):
        release.tagged(tree, tmp_path / "dirty", TODAY)
    commit(tree)
    with pytest.raises(SystemExit, match=r"the package is 1\.2\.3, the changelog begins with 1\.3"):
        release.tagged(tree, tmp_path / "clone", TODAY)
    write(tree / "CHANGELOG.md", "# Changelog\n\n## Next\n")
    with pytest.raises(SystemExit, match="no heading"):
        release.newest(tree)


def test_the_changelog_begins_with_this_version_or_the_next() -> None:
    name, state = release.newest(ROOT)
    this, top = (tuple(map(int, each.split("."))) for each in (h2.__version__, name))
    assert distributions.version() == h2.__version__
    assert (top > this) if state == "unreleased" else (top == this)


def wheel(tree: Path, name: str = PURE, **changes: str | None) -> Path:
    """A wheel of the small package; `changes` has contents by name, None leaves a file out."""
    source = tree / "src"
    contents: dict[str, str | None] = {
        path: (source / path).read_text() for path in distributions.package_files(source)
    }
    info = "h2-1.2.3.dist-info"
    contents |= {f"{info}/METADATA": METADATA, f"{info}/licenses/LICENSE": "words"}
    if name == COMPILED:
        contents |= {"h2/_core/pull.cpython-312.so": "code", "h2.libs/libc.so.6": "code"}
    path = tree.parent / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**contents, **changes}.items():
            if text is not None:
                archive.writestr(member, text)
    return path


@pytest.mark.parametrize("name", [PURE, COMPILED])
def test_wheels_that_pass(tree: Path, name: str) -> None:
    distributions.inspect_wheel(wheel(tree, name), tree)


INFO = "h2-1.2.3.dist-info"
WRONG: list[tuple[str, dict[str, str | None], str]] = [
    (PURE, {"tests/test_a.py": ""}, r"not in .* alike: \['tests/test_a.py'\]"),
    (PURE, {"h2/stray.so": ""}, r"alike: \['h2/stray.so'\]"),
    (PURE, {"h2/py.typed": None}, r"alike: \['h2/py.typed'\]"),
    (PURE, {"h2/_recording/page.css": None}, r"alike: \['h2/_recording/page.css'\]"),
    (PURE, {"h2/__init__.py": "other"}, r"not the same in .*: \['h2/__init__.py'\]"),
    (PURE, {f"{INFO}/licenses/LICENSE": None}, "has no LICENSE"),
    (PURE, {f"{INFO}/METADATA": METADATA.replace("Author: The h2", "Author: Some")}, "Author is"),
    (PURE, {f"{INFO}/METADATA": METADATA.replace("1.2.3", "1.2.4")}, "Version is '1.2.4'"),
    (PURE, {f"{INFO}/METADATA": METADATA.replace("Keywords: words\n", "")}, "keywords"),
    (PURE, {f"{INFO}/METADATA": METADATA.replace("hpack<5", "hpack<6")}, "needs .*hpack<6"),
    (COMPILED, {"h2/_core/pull.cpython-312.so": None, "h2.libs/libc.so.6": None}, "no extension"),
    (COMPILED, {"setup.py": ""}, r"alike: \['setup.py'\]"),
]


@pytest.mark.parametrize(("name", "changes", "complaint"), WRONG)
def test_wheels_that_do_not(
    tree: Path, name: str, changes: dict[str, str | None], complaint: str
) -> None:
    with pytest.raises(SystemExit, match=complaint):
        distributions.inspect_wheel(wheel(tree, name, **changes), tree)


@pytest.mark.parametrize(
    ("extra", "left_out", "complaint"),
    [
        ("README.md", "docs/index.md", r"lacks \['docs/index.md'\]"),
        ("README.md", "src/h2/py.typed", r"lacks \['src/h2/py.typed'\]"),
        ("examples/key.pem", "", r"has made: \['examples/key.pem'\]"),
    ],
)
def test_sdists_that_do_not_pass(tmp_path: Path, extra: str, left_out: str, complaint: str) -> None:
    files = {f"src/{name}" for name in distributions.package_files(ROOT / "src")}
    sdist = tmp_path / "h2-1.2.3.tar.gz"
    with tarfile.open(sdist, "w") as archive:
        for name in (files | distributions.SDIST | {extra}) - {left_out}:
            archive.addfile(tarfile.TarInfo(f"h2-1.2.3/{name}"))
    with pytest.raises(SystemExit, match=complaint):
        distributions.inspect_sdist(sdist)


def test_an_sdist_is_compared_with_the_tree_that_it_was_made_of(tmp_path: Path) -> None:
    """The checkout may have changed since it was cloned."""
    place = tmp_path / "src" / "h2" / "new.py"
    place.parent.mkdir(parents=True)
    place.write_text("")
    sdist = tmp_path / "h2.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        for name in sorted(distributions.SDIST):
            archive.addfile(tarfile.TarInfo(f"h2-4.6.0/{name}"))
    with pytest.raises(SystemExit, match=r"the sdist lacks \['src/h2/new.py'\]"):
        distributions.inspect_sdist(sdist, tmp_path)


def test_what_is_tried_where() -> None:
    made = [Path("h2-1.2.3.tar.gz"), Path(PURE), Path(COMPILED)]
    assert list(release.trials(made, [NEW, PYPY, MIDDLE, OLD])) == [
        (made[0], OLD, False),
        (made[1], OLD, False),
        (made[1], NEW, False),
        (made[1], PYPY, False),
        (made[2], MIDDLE, True),
    ]
    assert list(release.trials(made[:2], [NEW])) == [(made[0], NEW, False), (made[1], NEW, False)]


def test_examples_run_on_the_oldest_the_newest_and_that_of_the_system() -> None:
    quick, found = ["-m", "not slow"], [OLD, MIDDLE, NEW]
    whole = [(OLD, quick), (MIDDLE, [*quick, *wheel_test.ALONE]), (NEW, quick)]
    examples = [*quick, *wheel_test.EXAMPLES]
    other = Interpreter("CPython", (3, 12), "/usr/bin/python3.12")
    for system in (MIDDLE, other):
        assert wheel_test.plan(found, system, []) == [*whole, (system, examples)]
    for system in (OLD, NEW, None):
        assert wheel_test.plan(found, system, []) == whole
    named = [*quick, "tests/cli"]
    assert wheel_test.plan([OLD, NEW], other, ["tests/cli"]) == [(OLD, named), (NEW, named)]
    assert all((ROOT / name).exists() for name in (*wheel_test.ALONE, *wheel_test.EXAMPLES))


def test_the_trial_passes_here(tmp_path: Path) -> None:
    done = run([sys.executable, "-c", release.TRIAL, str(tmp_path)])
    assert (done.returncode, done.stdout) == (0, f"{h2.__version__} {h2.__compiled__}\n"), done
    done = run([sys.executable, "-c", release.TRIAL, str(Path(h2.__file__).parents[1])])
    assert "AssertionError" in done.stderr  # not an installed package, but the folder next to it


def test_an_installation_that_does_not_work_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "create", lambda *_: Path(sys.executable))
    monkeypatch.setattr(release, "TRIAL", "print('9.9.9 False')")
    with pytest.raises(SystemExit, match=r"(?s)a\.whl does not work on CPython 3\.10: .*9\.9\.9"):
        release.try_out(Path("a.whl"), OLD, "1.2.3 False", tmp_path)


def test_nothing_is_kept_of_the_release_before(tmp_path: Path) -> None:
    write(tmp_path / "dist" / "h2-1.0.0.tar.gz", "old")
    write(tmp_path / "h2-1.2.3.tar.gz", "new")
    release._keep([tmp_path / "h2-1.2.3.tar.gz"], tmp_path / "dist")
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["h2-1.2.3.tar.gz"]


def test_twine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command[1:])
        return subprocess.CompletedProcess(command, len(asked) - 1, "no description")

    monkeypatch.setattr(distributions, "ensure", lambda _: Path("python"))
    monkeypatch.setattr(distributions.subprocess, "run", answer)
    distributions.validate([tmp_path / PURE])
    assert asked == [["-m", "twine", "check", "--strict", str(tmp_path / PURE)]]
    with pytest.raises(SystemExit, match="no description"):
        distributions.validate([tmp_path / PURE])
    assert any(line.startswith("twine") for line in venvs.ENVIRONMENTS["wheels"].requirements)
