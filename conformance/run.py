"""Runs cases, with one connection for each, and judges what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from enum import Enum

from conformance import wire
from conformance.case import Case
from conformance.expect import Grade
from conformance.peer import PROBE, Link, NotApplicableError, NotPossibleError, Peer, Role, Target
from conformance.situations import prepare

_SETTLE = 0.05  # seconds in which an error may still arrive after everything seemed right
_PATIENCE = 1.0  # seconds in which an error may arrive after the acknowledgment of a later PING


class Status(Enum):
    """The status of a case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass
class Result:
    """The result of a case."""

    case: str
    section: str
    title: str
    role: str
    expected: str
    status: str = Status.SKIPPED.value
    grade: str = ""
    seen: str = ""
    seconds: float = 0.0
    sent: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether something unexpected came back."""
        return self.status == Status.FAILED.value

    def as_json(self) -> dict[str, object]:
        """All of it, for files."""
        return asdict(self)


@dataclass(frozen=True)
class Judging:
    """How strictly to judge, and how long to wait."""

    seconds: float = 3.0
    lenient: bool = False  # accept what the default mode of a package does on purpose
    exact: bool = False  # reject alternatives that the RFC allows in general


Open = Callable[[Case, Role], Link]


def chosen(
    cases: Iterable[Case], roles: tuple[Role, ...], only: str
) -> Iterator[tuple[Case, Role]]:
    """The cases for these roles whose name, section or title has this text."""
    for case in cases:
        for role in case.roles:
            text = f"{case.name(role)} {case.section} {case.title}".lower()
            if role in roles and only.lower() in text:
                yield case, role


def play(case: Case, role: Role, open_link: Open, target: Target, judging: Judging) -> Result:
    """Run one case."""
    result = Result(case.name(role), case.section, case.title, role.value, case.expect.words)
    if case.by_default and judging.lenient:
        result.expected += f" (by default: {case.by_default.words})"
    began = time.monotonic()
    try:
        link = open_link(case, role)
    except (OSError, NotPossibleError) as error:
        result.status, result.seen = Status.FAILED.value, f"no connection: {error}"
        return result
    with closing(link):
        _play(case, Peer(link, role, target, judging.seconds), judging, result)
    result.seconds = round(time.monotonic() - began, 3)
    return result


def _play(case: Case, peer: Peer, judging: Judging, result: Result) -> None:
    try:
        prepare(peer, case)
        peer.begin()
        case.script(peer)
        peer.release()
        if case.probe:
            peer.send(wire.ping(PROBE))
        grade = _watch(case, peer, judging)
    except NotPossibleError as error:
        result.seen = "; ".join(filter(None, [str(error), peer.link.crash]))
        if not isinstance(error, NotApplicableError):
            result.status = Status.FAILED.value
        return
    finally:
        result.sent = peer.sent
        result.received = list(map(str, peer.seen.frames))
    words = [peer.seen.words(), peer.problem, peer.complaint, peer.link.crash]
    result.seen = "; ".join(filter(None, words))
    if peer.link.crash:
        grade = Grade.FAILED
    result.grade = grade.name.lower()
    result.status = (Status.PASSED if _passes(grade, judging) else Status.FAILED).value


def _passes(grade: Grade, judging: Judging) -> bool:
    if judging.exact:
        return grade is Grade.EXACT
    return grade >= (Grade.LENIENT if judging.lenient else Grade.ALLOWED)


def _grade(case: Case, peer: Peer) -> Grade:
    grade = case.expect.judge(peer)
    if grade is Grade.FAILED and case.by_default and case.by_default.judge(peer):
        return Grade.LENIENT
    return grade


def _watch(case: Case, peer: Peer, judging: Judging) -> Grade:
    """Process what arrives until it is clear what the endpoint did."""
    patience: float | None = None
    while not _passes(_grade(case, peer), judging):
        left = peer.deadline - time.monotonic()
        if peer.seen.alive or peer.seen.goaway is not None:
            patience = patience or time.monotonic() + _PATIENCE
            left = min(left, patience - time.monotonic())
        if peer.seen.closed or left <= 0:
            break
        if not peer.pump(left) and peer.link.instant:
            break
    if peer.link.instant:
        while peer.pump(0):
            pass
    elif not peer.seen.closed:
        peer.pump(_SETTLE)
    return _grade(case, peer)
