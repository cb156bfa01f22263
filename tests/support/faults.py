"""A recorded session between two ends, the faults that are added to it, and the checks.

Two connections of this package play a session. The recording of each end has its own calls, and the
frames that it received. A replay gives one end the same calls and damaged frames. There is no other
end, so nothing answers the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from h2._rules.registry import RULES
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    PushedStreamReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import Settings
from support import wire
from support.outcome import assert_alive, assert_dead
from support.wire import MAX_STREAM_ID, MAX_WINDOW, Flag, Frame, Setting, Type

CONTENT = (
    *(DataReceived, TrailersReceived, StreamEnded),
    *(RequestReceived, ResponseReceived, InformationalResponseReceived),
)


class Call(NamedTuple):
    """A method that the end called."""

    name: str
    args: tuple[Any, ...]


#: A call, or octets that arrived: a frame, or the connection preface.
Step = Call | bytes


def new(client: bool, strict: bool) -> H2Connection:
    conn = H2Connection(H2Configuration(client_side=client, strict=strict))
    conn.local_settings = Settings(
        client=client,
        initial_values={Setting.INITIAL_WINDOW_SIZE: 100_000, Setting.MAX_CONCURRENT_STREAMS: 9},
    )
    return conn


class End:
    """One end of the session while it is recorded."""

    def __init__(self, client: bool) -> None:
        self.conn = new(client, strict=True)
        self.steps: list[Step] = []

    def call(self, name: str, *args: Any) -> None:
        self.steps.append(Call(name, args))
        getattr(self.conn, name)(*args)

    def deliver(self, other: End) -> None:
        """Send the pending output; field blocks are occasionally split in two."""
        data = self.conn.data_to_send()
        if data.startswith(wire.PREFACE):
            other.take(wire.PREFACE)
        for frame in wire.parse(data):
            octets = wire.frame(frame.type, frame.flags, frame.stream_id, frame.payload)
            if frame.type == Type.HEADERS and frame.stream_id % 4 == 1:
                flags = frame.flags & ~Flag.END_HEADERS
                other.take(wire.frame(frame.type, flags, frame.stream_id, frame.payload[:6]))
                octets = wire.continuation(frame.stream_id, frame.payload[6:])
            other.take(octets)

    def take(self, octets: bytes) -> None:
        self.steps.append(octets)
        acknowledge(self.conn, self.conn.receive_data(octets))


def acknowledge(conn: H2Connection, events: Sequence[Event]) -> None:
    """Acknowledge all content immediately, as a fast program does."""
    for event in events:
        if isinstance(event, DataReceived):
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)


def record() -> dict[bool, list[Step]]:
    """The calls and events of the client (True) and the server in a varied session."""
    client, server = End(client=True), End(client=False)

    def both() -> None:
        for _ in range(2):
            client.deliver(server)
            server.deliver(client)

    client.call("initiate_connection")
    server.call("initiate_connection")
    both()
    # A response and a request with all optional parts.
    client.call("send_headers", 1, wire.REQUEST, True)
    client.call("send_headers", 3, [*wire.POST, (b"content-length", b"8"), (b"x-new", b"value")])
    client.call("send_data", 3, b"1234", False, 3)
    both()
    server.call("send_headers", 1, [(b":status", b"103"), (b"link", b"</a>")])
    server.call("send_headers", 1, [*wire.RESPONSE, (b"x-new", b"value")])
    server.call("send_data", 1, b"content", False, 5)
    server.call("send_headers", 1, wire.TRAILERS, True)
    client.call("send_data", 3, b"5678", False)
    client.call("send_headers", 3, wire.TRAILERS, True)
    both()
    server.call("send_headers", 3, [*wire.RESPONSE, (b"content-length", b"0")], True)
    # A promise; cancellations from both sides; a tunnel.
    client.call("send_headers", 5, wire.POST)
    client.call("send_headers", 7, wire.POST)
    client.call("send_headers", 9, [(b":method", b"CONNECT"), (b":authority", b"a.example:1")])
    both()
    server.call("push_stream", 5, 2, wire.REQUEST)
    server.call("send_headers", 2, wire.RESPONSE)
    server.call("send_data", 2, b"pushed", True)
    server.call("send_headers", 9, wire.RESPONSE)
    server.call("send_data", 9, b"tunnel")
    both()
    client.call("send_data", 9, b"back", True)
    client.call("reset_stream", 5, 8)
    server.call("reset_stream", 7, 7)
    both()
    server.call("send_data", 9, b"", True)
    # Frames of the connection.
    client.call("ping", b"12345678")
    server.call("ping", b"abcdefgh")
    client.call("increment_flow_control_window", 1000)
    server.call("increment_flow_control_window", 1000)
    client.call("prioritize", 11, 20, 9, True)
    client.call("update_settings", {Setting.HEADER_TABLE_SIZE: 100})
    server.call("update_settings", {Setting.INITIAL_WINDOW_SIZE: 200_000})
    server.call("advertise_alternative_service", b'h2=":1"', b"a.example")
    both()
    # A shutdown in two steps, with a request in flight.
    server.call("close_connection", 0, None, MAX_STREAM_ID)
    server.call("ping", b"lastcall")
    client.call("send_headers", 11, wire.REQUEST, True)
    both()
    server.call("close_connection")
    server.call("send_headers", 11, wire.RESPONSE, True)
    both()
    client.call("close_connection")
    both()
    return {True: client.steps, False: server.steps}


class Replay:
    """One end, which replays a session."""

    def __init__(self, client: bool, strict: bool) -> None:
        self.conn = new(client, strict)
        self.heard = b""
        self.events: list[Event] = []
        self.sent: list[Frame] = []
        self.error: ProtocolError | None = None

    def run(self, steps: Sequence[Step], size: int = 0) -> None:
        """Replay all steps; octets arrive in pieces of this size, or whole if it is 0."""
        for step in steps:
            if isinstance(step, Call):
                self.call(step)
            else:
                width = size or len(step)
                for at in range(0, len(step), width or 1):
                    self.take(step[at : at + width])

    def call(self, call: Call) -> None:
        """Make a call. If it is impossible now, it must not change anything."""
        try:
            getattr(self.conn, call.name)(*call.args)
        except H2Error:
            assert self.conn.data_to_send() == b"", call
        else:
            self.sent += wire.parse(self.conn.data_to_send())

    def take(self, octets: bytes) -> None:
        """Receive octets: there are events, or the connection has ended and reports why."""
        if self.error is not None:
            return
        self.heard += octets
        try:
            events = self.conn.receive_data(octets)
        except ProtocolError as error:
            self.error, events = error, list(error.events)
        self.events += events
        acknowledge(self.conn, events)
        frames = wire.parse(self.conn.data_to_send())
        self.sent += frames
        if self.error is None:
            return
        assert self.error.rule in RULES
        assert str(self.error)
        if self.error.rule == "preface-invalid" and not self.conn.config.strict:
            assert frames == []
        else:
            assert [frame.type for frame in frames].count(Type.GOAWAY) == 1
            assert frames[-1].type == Type.GOAWAY
            assert frames[-1].error_code == self.error.error_code

    def check(self) -> None:
        """The end is in a consistent state: closed and silent, open, or able to close."""
        check_events(self.events)
        # By default, a promise for a refused stream is refused again.
        once = [
            frame.stream_id
            for frame in self.sent
            if frame.type == Type.RST_STREAM and (self.conn.config.strict or frame.stream_id % 2)
        ]
        assert len(once) == len(set(once)), f"more than one RST_STREAM for a stream: {once}"
        if self.error is not None:
            assert_dead(self.conn)
            return
        check_counters(self.conn)
        if between_messages(self.heard):
            assert_alive(self.conn)
        self.conn.close_connection()
        assert wire.parse(self.conn.data_to_send())[-1].type == Type.GOAWAY


def check_events(events: Sequence[Event]) -> None:
    """No stream has events after its end, and none starts twice."""
    begun: set[int] = set()
    over: set[int] = set()
    for event in events:
        assert isinstance(event, Event)
        if isinstance(event, RequestReceived):
            assert event.stream_id not in begun, event
            begun.add(event.stream_id)
        if isinstance(event, PushedStreamReceived):
            assert event.pushed_stream_id not in begun, event
            begun.add(event.pushed_stream_id)
        if isinstance(event, CONTENT):
            assert event.stream_id not in over, event
        if isinstance(event, (StreamEnded, StreamReset)):
            over.add(event.stream_id)


def check_counters(conn: H2Connection) -> None:
    """Streams are counted correctly, and no window is too large, or exhausted without need."""
    live = {n: conn.stream_state(n).name for n in conn.streams}
    assert "CLOSED" not in live.values()
    counted = [n for n, state in live.items() if not state.startswith(("RESERVED", "IDLE"))]
    ours = conn.config.client_side
    assert conn.open_outbound_streams == sum(n % 2 == ours for n in counted)
    assert conn.open_inbound_streams == sum(n % 2 != ours for n in counted)
    assert 0 < conn.inbound_flow_control_window <= MAX_WINDOW
    assert conn.outbound_flow_control_window <= MAX_WINDOW
    for stream_id in live:
        assert 0 < conn.remote_flow_control_window(stream_id) <= MAX_WINDOW
        assert conn.local_flow_control_window(stream_id) <= MAX_WINDOW


def between_messages(heard: bytes) -> bool:
    """Whether the last frame is complete, and no field block waits for its continuation."""
    if wire.PREFACE.startswith(heard):
        return False
    try:
        frames = wire.parse(heard)
    except ValueError:
        return False
    blocks = (Type.HEADERS, Type.PUSH_PROMISE, Type.CONTINUATION)
    last = frames[-1] if frames else None
    return last is None or last.type not in blocks or last.has(Flag.END_HEADERS)


# Faults -------------------------------------------------------------------------------------------

#: Turns recorded steps into damaged ones.
Fault = Callable[[Sequence[Step]], list[Step]]


def arrivals(steps: Sequence[Step]) -> list[int]:
    """The indices of the steps that receive."""
    return [place for place, step in enumerate(steps) if isinstance(step, bytes) and step]


def octets_at(steps: Sequence[Step], place: int) -> bytes:
    octets = steps[place]
    assert isinstance(octets, bytes)
    return octets


def stopped(steps: Sequence[Step], place: int, at: int) -> list[Step]:
    """The peer stops in the middle of a frame for good; the calls continue."""
    rest = [step for step in steps[place + 1 :] if isinstance(step, Call)]
    return [*steps[:place], octets_at(steps, place)[:at], *rest]


def truncated(steps: Sequence[Step], place: int, at: int) -> list[Step]:
    """The end of a frame is missing; the next octets take its place."""
    return [*steps[:place], octets_at(steps, place)[:at], *steps[place + 1 :]]


def shortened(steps: Sequence[Step], place: int, at: int) -> list[Step]:
    """A truncated payload, with a length that matches."""
    octets = octets_at(steps, place)
    if at < wire.FRAME_HEADER or octets == wire.PREFACE:
        return truncated(steps, place, at)
    short = (at - wire.FRAME_HEADER).to_bytes(3, "big") + octets[3:at]
    return [*steps[:place], short, *steps[place + 1 :]]


def changed(steps: Sequence[Step], place: int, at: int, mask: int = 0xFF) -> list[Step]:
    """Some bits of an octet are wrong."""
    octets = bytearray(octets_at(steps, place))
    octets[at] ^= mask
    return [*steps[:place], bytes(octets), *steps[place + 1 :]]


def doubled(steps: Sequence[Step], place: int) -> list[Step]:
    """A frame arrives twice."""
    return [*steps[:place], steps[place], *steps[place:]]


def dropped(steps: Sequence[Step], place: int) -> list[Step]:
    """A frame is lost."""
    return [*steps[:place], *steps[place + 1 :]]


def swapped(steps: Sequence[Step], place: int, other: int) -> list[Step]:
    """Two frames are swapped."""
    steps = list(steps)
    steps[place], steps[other] = steps[other], steps[place]
    return steps
