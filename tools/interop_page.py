"""Write docs/interop.md: what passed with which peer, from the record that the tests write.

usage: python -m tools.interop_page [--check]

`docs/interop.json` is that record (`pytest --write-matrix`). With `--check` nothing is written, and
the exit status is 1 if the page is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypedDict

from tools import pages
from tools.pages import note, table, write_or_check


class Passed(TypedDict):
    """One case that one of our sides passed with a peer."""

    side: str
    peer: str
    case: str


class Record(TypedDict):
    """The contents of the file: our Python, the peers with versions, and what passed."""

    python: str
    peers: dict[str, str]
    passed: list[Passed]


INTRODUCTION = """\
# Tested with real peers

Every example runs as a separate process, started as you would start it, and talks over a real
socket to third-party programs. CI runs all of these tests with all of these peers. This page shows
what passed on Python {python}. The first tables count the tests; below them, each program has a
table that names the cases. If a peer is missing, the case was not tried with it, usually because
the peer does not support it.
"""

# A peer gets a column if at least this many of our programs were tried with it.
COLUMN_FROM = 3


def read() -> Record | None:
    """The record, if there is one."""
    file = pages.ROOT / "docs" / "interop.json"
    if not file.is_file():
        return None
    record: Record = json.loads(file.read_text(encoding="utf-8"))
    return record


def page(record: Record) -> str:
    """The text of the page."""
    passed = record["passed"]
    clients = [row for row in passed if is_client(row["side"])]
    servers = [row for row in passed if not is_client(row["side"])]
    parts = [INTRODUCTION.format(python=record["python"])]
    for title, part in (("servers", servers), ("clients", clients)):
        parts += [f"\n## Our {title}: number of tests\n\n", overview(part)]
    peers = sorted(record["peers"].items(), key=lambda item: item[0].lower())
    parts += ["\n## The peers\n\n", table(("peer", "version"), peers)]
    parts.append("\n## The cases of each program\n")
    for side in names(passed, "side"):
        parts.append(f"\n### {side}\n\n")
        parts.append(cases([row for row in passed if row["side"] == side]))
    return "".join(parts) + note("tools.interop_page")


def is_client(side: str) -> bool:
    """Whether one of our programs is a client; its name says so."""
    return side.endswith(("client", " get"))


def names(passed: Sequence[Passed], key: Literal["side", "peer", "case"]) -> list[str]:
    """The different sides, peers or cases, in alphabetical order."""
    return sorted({row[key] for row in passed}, key=str.lower)


def overview(passed: Sequence[Passed]) -> str:
    """How many tests each program passed with each peer; rare peers are below the table."""
    peers = names(passed, "peer")
    tried = {peer: Counter(row["side"] for row in passed if row["peer"] == peer) for peer in peers}
    common = [peer for peer in peers if len(tried[peer]) >= COLUMN_FROM]
    rows = [
        (f"[{side}](#{anchor(side)})", *(str(tried[peer][side] or "") for peer in common))
        for side in names(passed, "side")
    ]
    also = [
        f"- {side} with {peer}: {count}\n"
        for peer in peers
        if peer not in common
        for side, count in sorted(tried[peer].items())
    ]
    below = ["\nOther peers, which only these programs were tried with:\n\n", *also] if also else []
    return table(("program", *common), rows, centred=True) + "".join(below)


def anchor(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def cases(passed: Sequence[Passed]) -> str:
    """The table of one program: which peers it passed each case with."""
    peers = {
        case: names([row for row in passed if row["case"] == case], "peer")
        for case in names(passed, "case")
    }
    # The cases that pass with most peers come first.
    rows = [(case, ", ".join(peers[case])) for case in sorted(peers, key=lambda c: -len(peers[c]))]
    return table(("case", "passed with"), rows)


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; returns the exit status."""
    record = read()
    if record is None:
        print("docs/interop.json is missing: pytest --write-matrix writes it")
        return 1
    return write_or_check("tools.interop_page", {"interop.md": page(record)}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
