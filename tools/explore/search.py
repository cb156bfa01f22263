"""Breadth-first search through everything that two ends can do, visiting every state once.

What an end does depends only on its own state and on the call or frame, so each such step is made
once and remembered. The combined states are then only look-ups: numbers for the states of the two
ends, and for the frames between them.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field

from h2._frames.layout import HEADER_LENGTH, PREFACE, PUSH_PROMISE
from tools.explore.calls import Scenario
from tools.explore.endpoint import Endpoint
from tools.explore.facts import Fault
from tools.explore.starts import start
from tools.explore.worlds import check_agreement

#: Which streams may be swapped: none, the requests, the promises, both.
_RENAMINGS: tuple[dict[int, int], ...] = ({}, {1: 3, 3: 1}, {2: 4, 4: 2}, {1: 3, 3: 1, 2: 4, 4: 2})
_REQUESTS, _PROMISES = 1, 2  # bits of the place in _RENAMINGS

Frames = tuple[int, ...]
World = tuple[int, int, Frames, Frames]  #: client, server, what each of them has sent
Step = tuple[int, int, Frames]  #: label, state of the end after it, what it sends


@dataclass
class Finding:
    """A fault, and the steps that lead to it."""

    fault: Fault
    steps: list[str]
    calls: int  #: how many of the steps are calls

    def __str__(self) -> str:
        return f"{self.fault}\n    after " + ", ".join(self.steps)


@dataclass
class Report:
    """The result of an exploration."""

    depth: int = 0  #: the number of calls up to which all orders were seen
    states: int = 0
    steps: int = 0  #: calls, and frames delivered, each from one state to another
    ends: int = 0  #: states of a single end
    seconds: float = 0.0  #: of CPU time
    findings: list[Finding] = field(default_factory=list)


class _Node:
    """A state of one end, and the known steps from it."""

    __slots__ = ("arrivals", "end", "idle", "images", "moves", "renamable")

    def __init__(self, end: Endpoint, images: tuple[int, ...], renamable: int) -> None:
        self.end = end
        self.images = images  #: unchanged, and under each renaming
        self.renamable = renamable  #: which renamings are allowed
        self.idle = not end.conn._core.out.chunks
        self.moves: tuple[list[Step], list[Step]] | None = None  #: calls, and taking output
        self.arrivals: dict[int, tuple[int, Frames] | None] = {}


class Search:
    """An exploration of one scenario."""

    def __init__(
        self,
        scenario: Scenario,
        strict: bool,
        streams: int,
        most_states: int = 10**9,
        first_only: bool = False,
    ) -> None:
        self.report = Report()
        self._scenario = scenario
        self._most_states = most_states
        self._first_only = first_only  # stop at the first fault
        self._nodes: list[_Node] = []
        self._node_of: dict[int, int] = {}  # by image
        self._image_ids: dict[object, int] = {}
        self._frames: list[bytes] = []
        self._frame_ids: dict[bytes, int] = {}
        self._renamed: list[tuple[int, ...]] = []
        self._labels: list[str] = []
        self._label_ids: dict[str, int] = {}
        self._folding = streams == 2 and not scenario.hold
        # Of each state: the one before it, and the step between them.
        self._parents = array("q")
        self._steps = array("H")
        self._seen: set[int] = set()
        self._agreed: set[tuple[int, int]] = set()
        self._known_faults: set[str] = set()
        client, server, to_server, to_client = start(scenario, strict, streams)
        self._start = (
            self._intern(client),
            self._intern(server),
            self._numbers(to_server),
            self._numbers(to_client),
        )

    # Single ends.

    def _intern(self, end: Endpoint) -> int:
        """Return the number of the state that an end is in."""
        whole, table = end.image()
        image = self._image(whole, table, {})
        number = self._node_of.get(image)
        if number is None:
            images: tuple[int, ...] = (image,)
            renamable = 0
            if self._folding:
                renamable = _renamable(end)
                images += tuple(
                    self._image(whole, table, names) if renamable else image
                    for names in _RENAMINGS[1:]
                )
            number = self._node_of[image] = len(self._nodes)
            self._nodes.append(_Node(end, images, renamable))
            end.verify()
        return number

    def _image(self, whole: object, table: dict[int, object], names: dict[int, int]) -> int:
        """Return the number of an image. It is kept whole: -1 and -2 have the same hash."""
        streams = tuple(sorted((names.get(id, id), stream) for id, stream in table.items()))
        return self._image_ids.setdefault((whole, streams), len(self._image_ids))

    def _numbers(self, frames: list[bytes]) -> Frames:
        return tuple([self._number(frame) for frame in frames])

    def _number(self, frame: bytes) -> int:
        number = self._frame_ids.get(frame)
        if number is None:
            number = self._frame_ids[frame] = len(self._frames)
            self._frames.append(frame)
            if self._folding:
                self._renamed.append(())
                others = [_rename(frame, names) for names in _RENAMINGS[1:]]
                self._renamed[number] = (
                    number,
                    *(number if other == frame else self._number(other) for other in others),
                )
        return number

    def _label(self, what: str) -> int:
        number = self._label_ids.get(what)
        if number is None:
            number = self._label_ids[what] = len(self._labels)
            self._labels.append(what)
        return number

    def _moves(self, number: int, world: int) -> tuple[list[Step], list[Step]]:
        """Return the legal calls in a state; illegal ones are tried once."""
        node = self._nodes[number]
        if node.moves is not None:
            return node.moves
        moves = node.moves = ([], [])
        end = node.end
        who = "client" if end.client else "server"
        scratch = None
        for call in end.candidates():
            expected = end.expects(call)
            if expected is None:
                continue
            label = self._label(f"{who} {call}")
            try:
                if not expected:
                    scratch = scratch or end.copy()
                    if scratch.call(call):
                        scratch = None
                        raise Fault("allowed", f"{call} in {end.facts}")
                    continue
                twin = end.copy()
                if not twin.call(call):
                    raise Fault("refused", f"{call} in {end.facts}")
                taken = call.name == "take"
                frames = twin.take() if taken or not self._scenario.hold else []
                step = (label, self._intern(twin), self._numbers(frames))
            except Fault as fault:
                self._found(fault, world, label)
                continue
            moves[taken].append(step)
        if scratch is not None and scratch.image() != end.image():
            self._found(Fault("changed", "a rejected call changed something"), world, None)
        return moves

    def _arrival(self, number: int, frame: int, world: int) -> tuple[int, Frames] | None:
        """Return the state of an end after a frame, and what it sends; None after a fault."""
        node = self._nodes[number]
        if frame in node.arrivals:
            return node.arrivals[frame]
        twin = node.end.copy()
        outcome = None
        try:
            twin.deliver(self._frames[frame])
            sent = [] if self._scenario.hold else twin.take()
            outcome = (self._intern(twin), self._numbers(sent))
        except Fault as fault:
            self._found(fault, world, self._label(_receiver(twin)))
        node.arrivals[frame] = outcome
        return outcome

    # Both ends.

    def run(self, depth: int) -> Report:
        """Try every order of up to this many calls, and of all deliveries."""
        began = time.process_time()
        level: list[tuple[World, int]] = []
        self._add(self._start, -1, 0, level)
        for calls in range(depth + 1):
            level = self._level(level, calls < depth)
            if self._stopped():
                break
            self.report.depth = calls
        self.report.states = len(self._seen)
        self.report.ends = len(self._nodes)
        self.report.seconds = time.process_time() - began
        return self.report

    def _stopped(self) -> bool:
        return len(self._seen) > self._most_states or bool(
            self._first_only and self.report.findings
        )

    def _level(self, level: list[tuple[World, int]], go_on: bool) -> list[tuple[World, int]]:
        """Deliver everything in all orders, then make one more call from each state."""
        arrived, taken = self._label("client receives"), self._label("server receives")
        for world, index in level:  # which grows
            client, server, to_server, to_client = world
            if to_client:
                outcome = self._arrival(client, to_client[0], index)
                if outcome is not None:
                    after, frames = outcome
                    new = (after, server, to_server + frames, to_client[1:])
                    self._add(new, index, arrived, level)
            if to_server:
                outcome = self._arrival(server, to_server[0], index)
                if outcome is not None:
                    after, frames = outcome
                    new = (client, after, to_server[1:], to_client + frames)
                    self._add(new, index, taken, level)
            if self._scenario.hold:
                self._act(world, index, 1, level)
            if self._stopped():
                return []
        following: list[tuple[World, int]] = []
        if go_on:
            for world, index in level:
                self._act(world, index, 0, following)
                if self._stopped():
                    return []
        return following

    def _act(self, world: World, index: int, which: int, found: list[tuple[World, int]]) -> None:
        """Make every call (or take pending output) at either end."""
        client, server, to_server, to_client = world
        for label, after, frames in self._moves(client, index)[which]:
            self._add((after, server, to_server + frames, to_client), index, label, found)
        for label, after, frames in self._moves(server, index)[which]:
            self._add((client, after, to_server, to_client + frames), index, label, found)

    def _add(self, world: World, parent: int, label: int, found: list[tuple[World, int]]) -> None:
        """Add a state, unless it was seen before."""
        self.report.steps += 1
        key = hash(self._folded(world) if self._folding else world)
        if key in self._seen:
            return
        self._seen.add(key)
        index = len(self._parents)
        self._parents.append(parent)
        self._steps.append(label)
        found.append((world, index))
        client, server, to_server, to_client = world
        if not (to_server or to_client) and (client, server) not in self._agreed:
            self._agreed.add((client, server))
            one, other = self._nodes[client], self._nodes[server]
            if one.idle and other.idle:
                try:
                    check_agreement(one.end, other.end)
                except Fault as fault:
                    self._found(fault, index, None)

    def _folded(self, world: World) -> object:
        """Return a key that is the same for states that differ only in the names of streams."""
        client, server, to_server, to_client = world
        one, other = self._nodes[client], self._nodes[server]
        allowed = one.renamable & other.renamable
        if not allowed:
            return world
        renamed = self._renamed
        least = None
        for place in range(4):
            if place & allowed == place:
                key = (
                    one.images[place],
                    other.images[place],
                    tuple([renamed[frame][place] for frame in to_server]),
                    tuple([renamed[frame][place] for frame in to_client]),
                )
                if least is None or key < least:
                    least = key
        return least

    def _found(self, fault: Fault, world: int, label: int | None) -> None:
        """Note a fault, once for each text."""
        if str(fault) in self._known_faults:
            return
        self._known_faults.add(str(fault))
        steps = [] if label is None else [self._labels[label]]
        while self._parents[world] >= 0:
            steps.append(self._labels[self._steps[world]])
            world = self._parents[world]
        steps.reverse()
        calls = sum(not step.endswith(("receives", "take")) for step in steps)
        self.report.findings.append(Finding(fault, steps, calls))


def _receiver(end: Endpoint) -> str:
    return "client receives" if end.client else "server receives"


def _renamable(end: Endpoint) -> int:
    """Return which streams may be swapped: those whose order no longer matters.

    Both exist, no new ones can be opened, and no GOAWAY separates them.
    """
    core = end.conn._core
    streams = core.streams
    outbound = streams.highest_outbound, core.goaway_received_last
    inbound = streams.highest_inbound, core.goaway_sent_last
    requests, promises = (outbound, inbound) if end.client else (inbound, outbound)
    allowed = 0
    if core.partial_block is not None:
        return allowed
    if requests[0] >= 3 and not 1 <= requests[1] < 3:
        allowed |= _REQUESTS
    if promises[0] >= 4 and not 2 <= promises[1] < 4:
        allowed |= _PROMISES
    return allowed


def _rename(frame: bytes, names: dict[int, int]) -> bytes:
    """Return a frame with the identifiers of other streams."""
    if frame.startswith(PREFACE):
        return frame
    stream_id = int.from_bytes(frame[5:HEADER_LENGTH], "big")
    renamed = names.get(stream_id, stream_id)
    frame = frame[:5] + renamed.to_bytes(4, "big") + frame[HEADER_LENGTH:]
    if frame[3] == PUSH_PROMISE:
        body = HEADER_LENGTH + 4
        promised = int.from_bytes(frame[HEADER_LENGTH:body], "big")
        renamed = names.get(promised, promised)
        frame = frame[:HEADER_LENGTH] + renamed.to_bytes(4, "big") + frame[body:]
    return frame
