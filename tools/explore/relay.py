"""An intermediary: a server towards the client, a client towards the origin, and the relay.

It relays messages as they arrive, as far as windows and limits allow, and acknowledges content only
once it has passed it on.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from h2.events import Event
from tools.explore.calls import Call, room
from tools.explore.endpoint import Endpoint
from tools.explore.facts import Fault

#: What to forward, and for content the number of octets.
Item = tuple[str, int]

_REQUESTS = {(True, True): "websocket", (True, False): "connect", (False, False): "headers"}


class Relay:
    """The two ends of an intermediary. Streams are identified by their front identifier."""

    def __init__(self, front: Endpoint, back: Endpoint) -> None:
        self.front = front
        self.back = back
        self.waiting: dict[int, str] = {}  #: requests that the origin does not accept yet
        self.numbers: dict[int, int] = {}  #: of streams: in front, at the back
        #: What is still to go to the origin, and to the client, by stream.
        self.to_back: dict[int, deque[Item]] = {}
        self.to_front: dict[int, deque[Item]] = {}

    def notice(self, from_front: bool, events: list[Event]) -> None:
        """Process what one of the two ends has received, and pass on what is possible."""
        for event in events:
            self._notice(from_front, type(event).__name__, event)
        self.pump()

    def _notice(self, from_front: bool, name: str, event: Any) -> None:
        stream_id = getattr(event, "stream_id", 0)
        if not from_front:
            numbers = {back: front for front, back in self.numbers.items()}
            stream_id = numbers.get(stream_id, 0)
        queue = (self.to_back if from_front else self.to_front).setdefault(stream_id, deque())
        if name == "RequestReceived":
            fields = dict(event.headers)
            kind = fields[b":method"] == b"CONNECT", b":protocol" in fields
            self.waiting[stream_id] = _REQUESTS[kind]
        elif name == "ResponseReceived":
            queue.append(("headers" if event.headers[0][1] == b"200" else "refuse", 0))
        elif name == "InformationalResponseReceived":
            queue.append(("info", 0))
        elif name == "DataReceived":
            self._keep(from_front, stream_id, queue, event)
        elif name == "TrailersReceived":
            queue.append(("trailers", 0))
        elif name == "StreamEnded" and (not queue or queue[-1][0] != "trailers"):
            queue.append(("end", 0))

    def _keep(self, from_front: bool, stream_id: int, queue: deque[Item], event: Any) -> None:
        """Keep content until it can be sent, and acknowledge its padding."""
        length = len(event.data)
        padding = event.flow_controlled_length - length
        if padding:
            self._acknowledge(from_front, stream_id, padding)
        if length:
            queue.append(("data", length))

    def _acknowledge(self, in_front: bool, stream_id: int, length: int) -> None:
        end = self.front if in_front else self.back
        number = stream_id if in_front else self.numbers[stream_id]
        if not end.call(Call("ack", number), length):
            raise Fault("refused", f"acknowledgment of {length} octets on stream {number}")

    def pump(self) -> None:
        """Pass on everything that can be passed on now."""
        self._follow_resets()
        for stream_id, name in list(self.waiting.items()):
            number = self.back.conn.get_next_available_stream_id()
            if self.back.expects(Call(name, number)):
                self._make(self.back, Call(name, number))
                self.numbers[stream_id] = number
                del self.waiting[stream_id]
            elif self.back.going_away or name == "websocket":
                self._make(self.front, Call("reset", stream_id))
                del self.waiting[stream_id]
        for stream_id, queue in self.to_back.items():
            if stream_id in self.numbers:
                self._flush(self.back, self.numbers[stream_id], True, stream_id, queue)
        for stream_id, queue in self.to_front.items():
            if stream_id:
                self._flush(self.front, stream_id, False, stream_id, queue)

    def _follow_resets(self) -> None:
        """Reset at one end what was reset at the other, and drop what cannot be delivered."""
        for stream_id, number in self.numbers.items():
            front, back = self.front.facts[stream_id], self.back.facts[number]
            if front.reset and not back.over:
                self._make(self.back, Call("reset", number))
            if back.reset and not front.over:
                self._make(self.front, Call("reset", stream_id))
        for stream_id in list(self.waiting):
            if self.front.facts[stream_id].reset:
                del self.waiting[stream_id]

    def _flush(
        self, target: Endpoint, number: int, from_front: bool, stream_id: int, queue: deque[Item]
    ) -> None:
        while queue:
            name, length = queue[0]
            if target.facts[number].over:
                passed = length
            elif name == "data":
                passed = min(length, room(target.conn, number))
                if passed <= 0:
                    return
                self._make(target, Call("data", number), passed)
            elif name in ("headers", "refuse", "info") and not target.expects(Call(name, number)):
                return
            else:
                self._make(target, Call(name, number))
                passed = 0
            if passed:
                self._acknowledge(from_front, stream_id, passed)
            if passed < length:
                queue[0] = (name, length - passed)
            else:
                queue.popleft()

    def _make(self, end: Endpoint, call: Call, amount: int = 0) -> None:
        if not end.call(call, amount):
            raise Fault("refused", f"{call} of the intermediary in {end.facts}")
