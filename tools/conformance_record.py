"""The record of what the conformance suite found: docs/conformance-peers.json."""

from __future__ import annotations

import json
from typing import TypedDict

from tools import pages

FILE = pages.ROOT / "docs" / "conformance-peers.json"


class Failure(TypedDict):
    """A case with an unexpected result."""

    case: str
    seen: str


class Subject(TypedDict):
    """The results of one package or program."""

    name: str
    kind: str
    version: str
    exact: int
    allowed: int
    lenient: int
    skipped: int
    failed: list[Failure]


class Record(TypedDict):
    """The contents of the file."""

    subjects: list[Subject]


def read() -> Record | None:
    """The record, if there is one."""
    if not FILE.is_file():
        return None
    record: Record = json.loads(FILE.read_text(encoding="utf-8"))
    return record
