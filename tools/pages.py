"""Pages of the documentation that are generated from the code: written, or compared."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def row(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [row(head), row("---" for _ in head)]
    lines += map(row, rows)
    return "".join(lines)


def write_or_check(module: str, name: str, text: str, arguments: Sequence[str]) -> int:
    """Write the page `docs/name`, or with `--check` say whether it is out of date.

    `module` is the generator. Returns the exit status: 1 if the page is out of date.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Write docs/{name}.")
    parser.add_argument("--check", action="store_true", help="only compare, and fail if it differs")
    options = parser.parse_args(arguments)
    page = ROOT / "docs" / name
    if not options.check:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    print(f"docs/{name} is out of date: run python -m {module}")
    return 1
