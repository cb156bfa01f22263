"""The figures of a run as a file, from which `tools.attacks_page` generates a page."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from .judge import Verdict, faults, verdict
from .probe import SHORTEST, Outcome, times


class Row(TypedDict):
    """One attack on one package in one mode.

    CPU time is per octet, in `receive_data` and the calls that follow from it; `times` is relative
    to ordinary requests. `peak` and `pending` are octets.
    """

    attack: str
    mode: str
    verdict: Verdict
    frames: int
    octets: int
    nanoseconds: int
    times: float
    peak: int
    pending: int
    events: int
    refused_at: int
    code: int | None
    error: str
    faults: list[str]


class Run(TypedDict):
    """All attacks on one package: how much was sent, and the results."""

    python: str
    frames: int
    seconds: float
    rows: list[Row]


#: What two runs have in common if their rows can be in one record.
_HEAD: tuple[Literal["python", "frames", "seconds"], ...] = ("python", "frames", "seconds")

#: The contents of the file: the last run of each package.
Record = dict[str, Run]


def row(outcome: Outcome) -> Row:
    """The row of an outcome."""
    return {
        "attack": outcome.attack,
        "mode": outcome.mode,
        "verdict": verdict(outcome),
        "frames": outcome.frames,
        "octets": outcome.octets,
        "nanoseconds": round(outcome.total / max(outcome.octets, SHORTEST) * 1e9),
        "times": round(times(outcome), 2),
        "peak": outcome.peak,
        "pending": outcome.pending,
        "events": outcome.events,
        "refused_at": outcome.refused_at,
        "code": outcome.code,
        "error": outcome.error,
        "faults": faults(outcome),
    }


def run(frames: int, seconds: float, outcomes: Sequence[Outcome]) -> Run:
    """The record of a run."""
    python = platform.python_version()
    rows = list(map(row, outcomes))
    return {"python": python, "frames": frames, "seconds": seconds, "rows": rows}


def merged(before: Run, new: Run, order: Iterable[str]) -> Run:
    """A run together with an earlier one, whose rows it replaces; attacks are in this order.

    Only runs of the same Python and length can be compared, so any other earlier one is dropped.
    """
    if any(before[name] != new[name] for name in _HEAD):
        return new
    found: dict[str, list[Row]] = {}
    for one in (before, new):
        names = {each["attack"] for each in one["rows"]}
        found |= {name: [] for name in names}
        for each in one["rows"]:
            found[each["attack"]].append(each)
    return {**new, "rows": [each for name in order for each in found.get(name, ())]}


def read(file: Path) -> Record:
    """The contents of the file; empty if it does not exist."""
    if not file.is_file():
        return {}
    record: Record = json.loads(file.read_text(encoding="utf-8"))
    return record


def write(file: Path, record: Record) -> None:
    """Write the file: JSON with a line for each row, so that diffs are readable."""
    parts = []
    for package, run in record.items():
        head = json.dumps({name: value for name, value in run.items() if name != "rows"})
        rows = ",\n".join(map(json.dumps, run["rows"]))
        parts.append(f'"{package}": {head[:-1]}, "rows": [\n{rows}\n]}}')
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
