"""Compare two traces of one program, up to the first difference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = Any

#: The compared parts of each step, the most informative ones first; exception messages may
#: differ. The states of the two connections come after these, one attribute at a time.
PARTS = ("skipped", "call", "units", "raised", "returned", "events", "out")
ERROR_PARTS = (
    "type",
    "error_code",
    "stream_id",
    "max_stream_id",
    "expected_length",
    "actual_length",
)


@dataclass(frozen=True)
class Difference:
    """The first step at which two traces differ, and the differing parts that need a reason."""

    program: Json
    published: list[Json]
    ours: list[Json]
    index: int
    parts: tuple[str, ...]

    @property
    def step(self) -> Json:
        """The step of the program."""
        return self.program["steps"][self.index]

    @property
    def p(self) -> Json:
        """The result of the published package."""
        return self.published[self.index]

    @property
    def o(self) -> Json:
        """The result of this package."""
        return self.ours[self.index]

    def only(self, *names: str) -> bool:
        """Whether only these parts differ; for the state, at either end."""
        return all(part.partition(".")[2] in names or part in names for part in self.parts)

    def errors(self) -> tuple[str | None, str | None]:
        """The exception types, published first."""
        return error_type(self.p), error_type(self.o)

    def before(self) -> list[Json]:
        """The steps with the same result in both packages."""
        return self.published[: self.index]


def error_type(entry: Json) -> str | None:
    """The type of exception that a step raised."""
    raised = entry.get("raised")
    return raised["type"] if raised else None


def find(
    program: Json, published: list[Json], ours: list[Json], start: int = 0
) -> Difference | None:
    """The first difference at or after step ``start``."""
    for index in range(start, len(published)):
        parts = different(published[index], ours[index])
        if parts:
            return Difference(program, published, ours, index, parts)
    return None


def different(published: Json, ours: Json) -> tuple[str, ...]:
    """The parts of a step that are not equal; ``client.windows`` is a part of the state."""
    parts = [part for part in PARTS if view(published, part) != view(ours, part)]
    one, two = published.get("state", {}), ours.get("state", {})
    failed = published["do"] != "call" and "raised" in published and "raised" in ours
    for side in one.keys() & two.keys():
        # After a connection error, windows do not matter.
        names = {"state"} if failed else one[side].keys() | two[side].keys()
        parts += [f"{side}.{n}" for n in names if one[side].get(n) != two[side].get(n)]
    return tuple(sorted(parts, key=lambda part: (part not in PARTS, part)))


def view(entry: Json, part: str) -> Json:
    """One part of a step, in the form in which it is compared."""
    if "." in part:
        side, name = part.split(".")
        return entry["state"][side][name]
    value = entry.get(part)
    if part == "raised" and value:
        return {name: value.get(name) for name in ERROR_PARTS}
    if part == "events" and entry.get("raised"):
        # Which events of earlier pieces were returned depends on where the input was split. A
        # separate test checks that no event is lost.
        return None
    return value


def without(program: Json, steps: Sequence[int]) -> Json:
    """The program without some steps."""
    gone = set(steps)
    kept = [step for index, step in enumerate(program["steps"]) if index not in gone]
    return {**program, "steps": kept}


def refused_calls(trace: list[Json]) -> list[int]:
    """The steps at which a call raised; a rejected call must change nothing."""
    return [i for i, entry in enumerate(trace) if entry["do"] == "call" and "raised" in entry]


def explain(difference: Difference) -> str:
    """The shortest prefix that shows a difference, for people."""
    seed, profile = difference.program["seed"], difference.program["profile"]
    lines = [f"seed {seed} ({profile}), step {difference.index}: {', '.join(difference.parts)}"]
    lines += ["", "until then both did:"]
    lines += [f"  {i:3} {summary(entry)}" for i, entry in enumerate(difference.before())]
    lines += ["", f"step: {json.dumps(difference.step)}"]
    for part in difference.parts:
        for name, entry in (("published", difference.p), ("ours", difference.o)):
            lines.append(f"  {part} {name:9}: {json.dumps(view(entry, part))}")
    for name, entry in (("published", difference.p), ("ours", difference.o)):
        if "raised" in entry:
            lines.append(f"  {name} says: {entry['raised']['message']}")
    return "\n".join(lines)


def summary(entry: Json) -> str:
    """One line about a step."""
    words = [entry["side"], entry["do"]]
    if entry.get("skipped"):
        return " ".join([*words, "skipped"])
    if "call" in entry:
        method, args = entry["call"]
        words = [entry["side"], method, ", ".join(f"{k}={v}" for k, v in args.items())]
    if "injected" in entry:
        words.append(json.dumps(entry["injected"]))
    if "raised" in entry:
        words.append(f"-> {entry['raised']['type']}")
    if entry.get("events"):
        words.append("-> " + " ".join(event["event"] for event in entry["events"]))
    for side, sent in entry["out"].items():
        words += [f"| {side} sends {item}" for item in sent]
    return " ".join(words)
