"""Pages of the documentation that are generated from the code: written, or compared."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def row(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], centred: bool = False) -> str:
    """A Markdown table; `centred` refers to all columns but the first."""
    rule = ":---:" if centred else "---"
    lines = [row(head), row(["---", *(rule for _ in head[1:])])]
    lines += map(row, rows)
    return "".join(lines)


def write_or_check(module: str, files: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Write files below `docs`, or with `--check` report which are out of date.

    `module` is the generator, `files` has their texts by name, the page itself first. Returns the
    exit status: 1 if one is out of date.
    """
    page = next(iter(files))
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Write docs/{page}.")
    parser.add_argument("--check", action="store_true", help="only compare, and fail if it differs")
    options = parser.parse_args(arguments)
    status = 0
    for name, text in files.items():
        path = ROOT / "docs" / name
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"docs/{name} is out of date: run python -m {module}")
            status = 1
    return status
