"""Two ends, what is in flight between them, and the steps that their programs take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from h2.exceptions import FlowControlError, TooManyStreamsError

from .simulation_end import End, Message
from .simulation_misuse import make_wrong_call
from .simulation_setup import (
    AMOUNTS,
    CODES,
    CONNECT,
    OK,
    POST,
    PRIORITIES,
    SIZES,
    TRAILERS,
    VALUES,
    WEBSOCKET,
    build,
)
from .simulation_text import LONGEST, Choices, Step, content


class World:
    """Two ends that communicate while their programs take steps."""

    def __init__(self, setup: int, tell: Callable[[str], None]) -> None:
        self.tell = tell
        choices = Choices(setup)
        hasty = choices.one_in(4)  # requests are sent before any SETTINGS have arrived
        self.now = 0.0
        self.client = build(True, choices, hasty, lambda: self.now)
        self.server = build(False, choices, hasty, lambda: self.now)
        self.ends = (self.client, self.server)
        #: Octets in flight to each end.
        self.wires: dict[End, bytearray] = {self.client: bytearray(), self.server: bytearray()}
        if choices.one_in(12):
            self._upgrade()
        else:
            self.client.conn.initiate_connection()
            self.server.conn.initiate_connection()
        if not hasty:
            for _ in range(2):
                self.carry(self.client, None, 1 << 30)
                self.carry(self.server, None, 1 << 30)
        for end in self.ends:
            if choices.one_in(2) and end.conn.inbound_flow_control_window < 2**20:
                end.conn.increment_flow_control_window(choices.pick((100_000, 2**30)))
        self.most = choices.pick((12, 25, 5, 40))  #: requests of the client

    def _upgrade(self) -> None:
        header = self.client.conn.initiate_upgrade_connection()
        self.server.conn.initiate_upgrade_connection(header)
        for end in self.ends:
            message = end.messages[1] = Message(1)
            message.begun = message.ended = end is self.client
            message.heard = message.heard_end = end is self.server

    def other(self, end: End) -> End:
        return self.server if end is self.client else self.client

    # What is in flight.

    def step(self, step: Step) -> None:
        """Take one step."""
        choices = Choices(step.number)
        end = self.ends[choices.below(2)]
        _STEPS[step.kind](self, end, choices)
        for end in self.ends:
            end.check_sizes()

    def push_out(self, end: End, amount: int | None, ask: bool = True) -> int:
        """Take output of an end, and put it in flight."""
        data = end.pull(amount)
        self.tell(f"{end}.data_to_send({amount}): {len(data)} octets")
        self.wires[self.other(end)] += data
        end.late = end.late or not ask
        if ask:
            end.take(self.told(end, end.conn.events()))
        return len(data)

    def deliver(self, end: End, octets: int) -> int:
        """Let octets arrive."""
        wire = self.wires[end]
        data = bytes(wire[:octets])
        del wire[:octets]
        if data:
            self.tell(f"{end}.receive_data({len(data)} octets)")
            end.take(self.told(end, end.conn.receive_data(data)))
        return len(data)

    def told(self, end: End, events: list[Any]) -> list[Any]:
        for event in events:
            self.tell(f"    {end}: {event}")
        return events

    def carry(self, end: End, amount: int | None, cut: int) -> int:
        """Take output of an end and deliver it, in pieces."""
        length = self.push_out(end, amount)
        other = self.other(end)
        while self.deliver(other, cut):
            pass
        return length

    def do(self, end: End, method: str, *arguments: Any, **keywords: Any) -> None:
        """Make a call that is legal: it must not raise."""
        shown = [
            f"{len(part)} octets" if isinstance(part, (bytes, bytearray, memoryview)) else part
            for part in arguments
        ]
        self.tell(f"{end}.{method}({shown}, {keywords})")
        getattr(end.conn, method)(*arguments, **keywords)

    # Steps.

    def open(self, end: End, choices: Choices) -> None:
        """A request."""
        end, conn = self.client, self.client.conn
        ours = sum(stream_id & 1 for stream_id in end.messages)
        if end.going or ours >= self.most:
            return
        for _ in range(1 + choices.below(3)):
            stream_id = conn.get_next_available_stream_id()
            if choices.one_in(20):
                stream_id += 4  # others are skipped
            self._open(stream_id, choices)

    def _open(self, stream_id: int, choices: Choices) -> None:
        end, conn = self.client, self.client.conn
        message = Message(stream_id)
        headers = POST
        if choices.one_in(8):
            message.tunnel = True
            extended = conn.remote_settings.enable_connect_protocol and choices.one_in(2)
            headers = WEBSOCKET if extended else CONNECT
        priority = choices.pick(PRIORITIES)
        if priority is not None:
            headers = [*headers, (b"priority", priority)]
        message.ended = choices.below(3) == 1 and not message.tunnel
        message.hasty = not end.settings_heard
        end.messages[stream_id] = message
        self.begin(end, message, headers)

    def begin(self, end: End, message: Message, headers: list[Any]) -> None:
        """The header section of a message."""
        before = end.conn.waiting_streams
        self.do(end, "send_headers", message.stream_id, headers, message.ended)
        message.begun = True
        message.waited = end.conn.waiting_streams > before

    def respond(self, end: End, choices: Choices) -> None:
        """A response to a request, or to a promise."""
        end = self.server
        live = [m for m in end.messages.values() if not (m.begun or m.over)]
        if not live or end.ended:
            return
        message = choices.pick(live)
        headers: list[Any] = list(OK)
        if choices.one_in(4):
            headers.append((b"priority", choices.pick((b"u=1", b"i", b"u=6, i=?0"))))
        message.ended = choices.one_in(5)
        self.begin(end, message, headers)

    def early(self, end: End, choices: Choices) -> None:
        """An informational response."""
        end = self.server
        live = [m for m in end.messages.values() if not (m.begun or m.over) and m.stream_id & 1]
        if live and not end.ended:
            message = choices.pick(live)
            self.do(end, "send_headers", message.stream_id, [(b":status", b"103")])
            message.early += 1

    def push(self, end: End, choices: Choices) -> None:
        """A promise."""
        end, conn = self.server, self.server.conn
        live = [
            m
            for m in end.messages.values()
            if m.stream_id & 1 and not (m.ended or m.over) and not m.tunnel
        ]
        pushed = sum(not stream_id & 1 for stream_id in end.messages)
        closed = end.going or pushed > 9
        if not live or closed or not conn.remote_settings.enable_push:
            return
        stream_id = conn.get_next_available_stream_id()
        message = Message(stream_id)
        message.heard = message.heard_end = True
        get = [(b":method", b"GET"), *POST[1:]]
        end.messages[stream_id] = message
        message.parent = choices.pick(live).stream_id
        self.do(end, "push_stream", message.parent, stream_id, get)

    def _live(self, end: End) -> list[Message]:
        return [] if end.ended else [m for m in end.messages.values() if m.may_write]

    def write(self, end: End, choices: Choices) -> None:
        """Content, in any form."""
        live = self._live(end)
        if not live:
            return
        message = choices.pick(live)
        stream_id = message.stream_id
        if not end.conn.is_writable(stream_id):
            message.full = True
            if not choices.one_in(3):
                return  # a program that respects it waits
        if choices.one_in(12):
            self._write_little(end, message, 10 + choices.below(100))
        size = min(choices.pick(SIZES), LONGEST - message.written)
        data: Any = content(stream_id, end.client, message.written, size)
        form = choices.below(4)
        if form == 1:
            data = bytearray(data)
        elif form == 2:
            data = memoryview(data)
        padding = {}
        if choices.one_in(6):
            padding = {"pad_length": choices.pick((0, 5, 255, 30))}
        last = choices.one_in(12)
        self.do(end, "send_data", stream_id, data, last, **padding)
        if form == 1:
            data[:] = bytes(size)  # the program may reuse its buffer after the call
        message.written += size
        self._note_end(message, last)
        if not message.ended and not end.conn.is_writable(stream_id):
            message.full = True

    def _write_little(self, end: End, message: Message, times: int) -> None:
        """Many short pieces, which are joined into frames."""
        for size in range(times):
            data = content(message.stream_id, end.client, message.written, size)
            end.conn.send_data(message.stream_id, data)
            message.written += size

    def _note_end(self, message: Message, ended: bool) -> None:
        if ended:
            message.ended = True
            message.full = False

    def finish(self, end: End, choices: Choices) -> None:
        """The end of a message."""
        live = self._live(end)
        if live:
            self.finish_one(end, choices.pick(live), choices)

    def finish_one(self, end: End, message: Message, choices: Choices) -> None:
        """END_STREAM in one of three ways."""
        way = choices.below(3)
        if way == 1 and not message.tunnel:
            self.do(end, "send_headers", message.stream_id, TRAILERS, True)
            message.trailers = True
        elif way == 2:
            size = min(choices.pick((0, 5, 300)), LONGEST - message.written)
            data = content(message.stream_id, end.client, message.written, size)
            self.do(end, "send_data", message.stream_id, data, end_stream=True)
            message.written += size
        else:
            self.do(end, "end_stream", message.stream_id)
        self._note_end(message, True)

    def reset(self, end: End, choices: Choices) -> None:
        """RST_STREAM."""
        live = [m for m in end.messages.values() if not m.done]
        if not live or end.ended:
            return
        message, code = choices.pick(live), choices.pick(CODES)
        whole = [] if end.client else [m for m in live if m.ended]
        if whole and choices.one_in(2):
            message, code = choices.pick(whole), 0  # the response is still sent
        self.do(end, "reset_stream", message.stream_id, code)
        message.reset = code
        message.complete = code == 0 and message.ended and not end.client
        message.full = False

    def priority(self, end: End, choices: Choices) -> None:
        live = self._live(end)
        if live:
            urgency, incremental = choices.below(8), choices.one_in(2)
            stream_id = choices.pick(live).stream_id
            self.do(end, "set_priority", stream_id, urgency, incremental)

    def update(self, end: End, choices: Choices) -> None:
        """PRIORITY_UPDATE for a response that has not ended."""
        end = self.client
        live = [m for m in end.messages.values() if not (m.over or m.heard_end)]
        if live and not (end.ended or end.goaway_heard):
            message = choices.pick(live)
            arguments = (message.stream_id, choices.below(8), choices.one_in(2))
            try:
                self.do(end, "send_priority_update", *arguments)
            except TooManyStreamsError:
                if not message.waited:
                    raise

    def settings(self, end: End, choices: Choices) -> None:
        """Other windows, limits and sizes of frames."""
        code = choices.pick((4, 3, 5, 1, 4, 2))
        if end.ended or (code == 2 and not end.client):
            return
        try:
            self.do(end, "update_settings", {code: choices.pick(VALUES[code])})
        except FlowControlError:
            self.tell("    which would make a window too large")

    def more(self, end: End, choices: Choices) -> None:
        """WINDOW_UPDATE in addition to acknowledgments."""
        live = [m for m in end.messages.values() if not m.over and not m.heard_end and m.heard]
        if end.ended:
            return
        stream_id = choices.pick(live).stream_id if live and choices.one_in(2) else None
        increment = choices.pick((1, 100, 5_000, 100_000))
        try:
            self.do(end, "increment_flow_control_window", increment, stream_id)
        except FlowControlError:
            self.tell("    which would make a window too large")

    def ping(self, end: End, choices: Choices) -> None:
        if not end.ended:
            self.do(end, "ping", b"12345678")

    def wait(self, end: End, choices: Choices) -> None:
        """Time passes."""
        self.now += choices.pick((0.01, 0.5, 3.0, 11.0))
        for end in self.ends:
            due = end.conn.get_timer()
            if due is not None and due <= self.now:
                self.do(end, "handle_timer", self.now)
                end.take(self.told(end, end.conn.events()))

    def carry_some(self, end: End, choices: Choices) -> None:
        self.carry(end, choices.pick(AMOUNTS), choices.pick((1 << 30, 7, 100, 3_000)))

    def pull(self, end: End, choices: Choices) -> None:
        self.push_out(end, choices.pick(AMOUNTS), not choices.one_in(4))

    def deliver_some(self, end: End, choices: Choices) -> None:
        self.deliver(end, choices.pick((1 << 30, 1, 9, 13, 500, 17_000)))

    def hand_back(self, end: End, choices: Choices) -> None:
        """Read content on some streams."""
        part = choices.below(3)
        for message in list(end.messages.values()):
            if choices.one_in(2):
                self.hand_back_one(end, message, part)

    def hand_back_one(self, end: End, message: Message, part: int = 0) -> int:
        """Read the content of one stream, or a part of it; return its size."""
        if end.ended:
            return 0
        if not end.buffering:
            octets = message.owed - message.owed // 2 * (part == 1)
            if octets:
                self.tell(f"{end}.acknowledge_received_data({octets}, {message.stream_id})")
                end.acknowledge(message, octets)
            return octets
        if not message.available or message.reset is not None:
            return 0  # nothing was reported
        if message.over and not end.conn.readable(message.stream_id):
            return 0  # it was dropped: the limit for streams that were reset was reached
        amount = None if part == 0 else 1 + part * 1_000
        self.tell(f"{end}.read_data({message.stream_id}, {amount})")
        return end.reads(message.stream_id, amount)

    def discard(self, end: End, choices: Choices) -> None:
        """The program does not need the content of a stream any more."""
        if end.buffering and end.messages and not end.ended:
            message = choices.pick(list(end.messages.values()))
            self.do(end, "discard_data", message.stream_id)
            message.ignored, message.available = True, False

    def shutdown(self, end: End, choices: Choices) -> None:
        if not end.ended:
            self.do(end, "graceful_shutdown")
            end.shut_down = True

    def goaway(self, end: End, choices: Choices) -> None:
        """GOAWAY without a preceding round trip."""
        if not end.ended and not end.shut_down:
            self.do(end, "close_connection")
            end.closing = True
            end.take(self.told(end, end.conn.events()))  # waiting requests are refused

    def misuse(self, end: End, choices: Choices) -> None:
        """A call that must raise."""
        if not end.ended:
            make_wrong_call(end, choices, self.tell)


_STEPS: Final[dict[str, Callable[[World, End, Choices], None]]] = {
    "open": World.open,
    "respond": World.respond,
    "early": World.early,
    "push": World.push,
    "write": World.write,
    "finish": World.finish,
    "reset": World.reset,
    "priority": World.priority,
    "update": World.update,
    "settings": World.settings,
    "more": World.more,
    "ping": World.ping,
    "wait": World.wait,
    "carry": World.carry_some,
    "pull": World.pull,
    "deliver": World.deliver_some,
    "hand_back": World.hand_back,
    "discard": World.discard,
    "shutdown": World.shutdown,
    "goaway": World.goaway,
    "misuse": World.misuse,
}
