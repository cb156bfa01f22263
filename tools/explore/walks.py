"""Random walks: longer than a search, with more streams, and with HPACK tables in use.

Unlike in a search, frames are sent and received in pieces or several at a time, fields enter the
tables, and output stays pending for any time. At the end of a walk everything is delivered and
acknowledged; then both ends must agree.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from h2._frames.layout import DATA, GOAWAY, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE
from tools.explore.calls import Call, Scenario
from tools.explore.endpoint import Endpoint
from tools.explore.facts import Fault
from tools.explore.starts import settle, start
from tools.explore.worlds import check_agreement

#: Calls that end a lot, and so are rare: one in this many is made.
_RARE = {"close": 1000, "goaway": 200, "goaway-first": 50, "reset": 20, "reset-no-error": 20}
_SELDOM = 6  #: one in this many setting changes, and refused calls, is made

#: Types of frames that may arrive together in one read: none of them is ever refused.
_TOGETHER = frozenset((DATA, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE))

_NAMES = ("x", "y", "accept", "cookie")
_VALUES = ("", "1", "two", "three" * 20)


@dataclass
class WalkReport:
    """The result of random walks."""

    walks: int = 0
    steps: int = 0
    findings: list[WalkFinding] = field(default_factory=list)


@dataclass
class WalkFinding:
    """A fault, and the walk that leads to it."""

    fault: Fault
    seed: str
    steps: list[str]

    def __str__(self) -> str:
        return f"{self.fault}\n    after (seed {self.seed}) " + ", ".join(self.steps)


def choose(chance: random.Random, end: Endpoint, candidates: list[Call]) -> Call | None:
    """Return one of the calls, or None if there are none."""
    while candidates:
        call = chance.choice(candidates)
        rarity = _RARE.get(call.name, _SELDOM if call.name.startswith("set-") else 1)
        if not end.expects(call):
            rarity *= _SELDOM
        if not chance.randrange(rarity):
            return call
    return None


class Walk:
    """One walk of two ends."""

    def __init__(self, scenario: Scenario, strict: bool, streams: int, seed: str) -> None:
        self.random = random.Random(seed)
        self.steps: list[str] = []
        client, server, to_server, to_client = start(scenario, strict, streams)
        self.ends = (client, server)
        self.channels = (to_server, to_client)  #: what each end has sent

    def run(self, length: int) -> None:
        """Take this many steps, then deliver everything and compare. Raises a fault."""
        for _ in range(length):
            who = self.random.randrange(2)
            if self.random.random() < 0.45:
                self._receive(who)
            else:
                self._act(who)
        self.steps.append("the rest is delivered and acknowledged")
        self._finish()

    def _receive(self, who: int) -> None:
        """Let one end receive a frame, whole or in two pieces."""
        channel = self.channels[1 - who]
        end = self.ends[who]
        if not channel:
            self._take(1 - who)
        together = 0
        while together < len(channel) and channel[together][3] in _TOGETHER:
            together += 1
        if together > 1 and self.random.random() < 0.3:
            frames = channel[:together]
            del channel[:together]
            self.steps.append(f"{_name(who)} receives {' '.join(f[:9].hex() for f in frames)}")
            end.deliver_together(frames)
            end.verify()
        elif channel:
            frame = channel.pop(0)
            cut = self.random.randrange(len(frame)) if self.random.random() < 0.2 else 0
            self.steps.append(f"{_name(who)} receives {frame[:9].hex()}")
            end.deliver(frame, cut)
            end.verify()
            if self.random.random() < 0.7:
                self._take(who)

    def _take(self, who: int) -> None:
        """Take output: everything, or a number of octets that may split a frame."""
        amount = self.random.randrange(1, 200) if self.random.random() < 0.2 else None
        self.channels[who].extend(self.ends[who].take(amount))

    def _act(self, who: int) -> None:
        """Let one end make a call."""
        end = self.ends[who]
        call = choose(self.random, end, list(end.candidates()))
        expected = None if call is None else end.expects(call)
        if call is None or expected is None:
            return
        end.more = [
            (self.random.choice(_NAMES), self.random.choice(_VALUES))
            for _ in range(self.random.randrange(4))
        ]
        self.steps.append(f"{_name(who)} {call}" + ("" if expected else " (refused)"))
        if end.call(call) != expected:
            raise Fault("refused" if expected else "allowed", f"{call} in {end.facts}")
        end.verify()
        if self.random.random() < 0.7:
            self._take(who)

    def _finish(self) -> None:
        client, server = self.ends
        to_server, to_client = self.channels
        to_server += client.take()
        to_client += server.take()
        settle(client, server, to_server, to_client)
        for end in self.ends:
            for stream_id in list(end.unacked):
                if not end.closed:
                    end.call(Call("ack", stream_id))
        settle(client, server, client.take(), server.take())
        check_agreement(client, server)


def _name(who: int) -> str:
    return "server" if who else "client"


def walk(
    scenario: Scenario, strict: bool, streams: int, walks: int, length: int, seed: str
) -> WalkReport:
    """Take this many walks, each with a different seed."""
    return repeat(partial(Walk, scenario, strict, streams), walks, length, seed)


class Walker(Protocol):
    """A walk that has a number of steps and records them."""

    steps: list[str]

    def run(self, length: int) -> None:
        """Take this many steps, then deliver everything. Raises a fault."""


def repeat(make: Callable[[str], Walker], walks: int, length: int, seed: str) -> WalkReport:
    """Take this many walks of one kind, each with a different seed."""
    report = WalkReport()
    for number in range(walks):
        one = make(f"{seed}:{number}")
        try:
            one.run(length)
        except Fault as fault:
            report.findings.append(WalkFinding(fault, f"{seed}:{number}", one.steps))
        report.walks += 1
        report.steps += len(one.steps)
    return report
