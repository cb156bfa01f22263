"""Random walks of a client, an intermediary made of two connections, and an origin server.

No end reports an error, nothing is lost, and nothing is left over in the intermediary.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

from h2.events import DataReceived
from tools.explore.calls import Call, Scenario
from tools.explore.facts import Fault
from tools.explore.relay import Relay
from tools.explore.starts import start
from tools.explore.walks import WalkReport, choose, repeat
from tools.explore.worlds import check_agreement

#: Calls that the applications in a chain do not make: an intermediary does not forward pushes, and
#: closing a connection immediately involves only two ends.
_NOT_HERE = frozenset(("push", "set-push", "close", "altsvc", "altsvc-origin"))

#: Calls that the intermediary makes by itself.
_OWN = frozenset(("set-window", "set-window-0", "set-streams", "set-frame", "set-table", "ping"))

CLIENT, FRONT, BACK, ORIGIN = range(4)
_PEERS = (FRONT, CLIENT, ORIGIN, BACK)
_NAMES = ("client", "front", "back", "origin")


class Chain:
    """One walk of a chain."""

    def __init__(self, scenario: Scenario, strict: bool, streams: int, seed: str) -> None:
        self.random = random.Random(seed)
        self.steps: list[str] = []
        calls = scenario.calls - _NOT_HERE
        outer = scenario._replace(calls=calls, hold=False)
        client, front, one, two = start(outer, strict, streams)
        back, origin, three, four = start(outer, strict, streams)
        self.ends = (client, front, back, origin)
        self.channels = (one, two, three, four)  #: what each end has sent
        self.relay = Relay(front, back)
        for end in (front, back):
            end.scenario = outer._replace(calls=calls & _OWN)
        #: Octets of content, by end and stream.
        self.sent: Counter[tuple[int, int]] = Counter()
        self.received: Counter[tuple[int, int]] = Counter()

    def run(self, length: int) -> None:
        """Take this many steps, then deliver everything and compare. Raises a fault."""
        for _ in range(length):
            who = self.random.randrange(4)
            if self.random.random() < 0.5:
                self._receive(who)
            elif who in (CLIENT, ORIGIN) or self.random.random() < 0.1:
                self._act(who)
        self.steps.append("the rest is delivered and acknowledged")
        self._finish()

    def _receive(self, who: int) -> None:
        """Let an end receive a frame if there is one, and the intermediary act on it."""
        channel = self.channels[_PEERS[who]]
        if not channel:
            return
        frame = channel.pop(0)
        self.steps.append(f"{_NAMES[who]} receives {frame[:9].hex()}")
        events = self.ends[who].deliver(frame)
        for event in events:
            if isinstance(event, DataReceived):
                self.received[who, event.stream_id] += len(event.data)
        if who in (FRONT, BACK):
            self.relay.notice(who == FRONT, events)
        self._take()

    def _act(self, who: int) -> None:
        """Let an end make a call."""
        end = self.ends[who]
        call = choose(self.random, end, list(end.candidates()))
        expected = None if call is None else end.expects(call)
        if call is None or expected is None:
            return
        self.steps.append(f"{_NAMES[who]} {call}" + ("" if expected else " (refused)"))
        if expected and call.name in ("data", "padded", "fill", "data-end"):
            self.sent[who, call.stream_id] += end.argument(call)
        if end.call(call) != expected:
            raise Fault("refused" if expected else "allowed", f"{call} in {end.facts}")
        self.relay.pump()
        self._take()

    def _take(self) -> None:
        for end, channel in zip(self.ends, self.channels, strict=True):
            channel.extend(end.take())
            end.verify()

    def _finish(self) -> None:
        """Deliver and acknowledge until nothing moves any more, then compare."""
        moving = True
        while moving:
            for who in range(4):
                self._receive(who)
            for who in (CLIENT, ORIGIN):
                end = self.ends[who]
                for stream_id in list(end.unacked):
                    end.call(Call("ack", stream_id))
            self.relay.pump()
            self._take()
            moving = any(self.channels)
        client, front, back, origin = self.ends
        check_agreement(client, front)
        check_agreement(back, origin)
        for stream_id, number in self.relay.numbers.items():
            self._compare(stream_id, number)

    def _compare(self, stream_id: int, number: int) -> None:
        """Compare what one application has sent with what the other one has received."""
        for end, here in zip(self.ends, (stream_id, stream_id, number, number), strict=True):
            if end.facts[here].reset:
                return
        for sender, here, receiver, there, queues in (
            (CLIENT, stream_id, ORIGIN, number, self.relay.to_back),
            (ORIGIN, number, CLIENT, stream_id, self.relay.to_front),
        ):
            sent, received = self.sent[sender, here], self.received[receiver, there]
            if queues.get(stream_id):
                if self._is_shut(receiver):
                    continue
                raise Fault("stuck", f"{queues[stream_id]} for stream {stream_id}")
            if sent != received:
                raise Fault("lost", f"{received} of {sent} octets have come through")
            one, other = self.ends[sender].facts[here], self.ends[receiver].facts[there]
            if one.sent != other.received:
                raise Fault("disagree", f"{one} and {other}")

    def _is_shut(self, receiver: int) -> bool:
        """Return whether an application has told its peer to stop sending."""
        return not self.ends[receiver].conn.local_settings.initial_window_size


def chain_walk(
    scenario: Scenario, strict: bool, streams: int, walks: int, length: int, seed: str
) -> WalkReport:
    """Take this many walks of chains, each with a different seed."""
    return repeat(partial(Chain, scenario, strict, streams), walks, length, seed)
