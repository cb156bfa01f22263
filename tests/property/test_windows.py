"""Receive windows of a connection in random histories: a peer always gets its window back.

The peer is a model. It tracks its windows by RFC 9113 sections 6.9.1 and 6.9.2, sends no more
octets than they allow, and learns of a reset only after more of its DATA is in flight.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, note
from hypothesis import settings as run
from hypothesis import strategies as st

from h2.events import DataReceived
from h2.exceptions import FlowControlError
from support import wire
from support.wire import DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, MAX_WINDOW, Flag, Setting, Type

STREAMS = (1, 3, 5, 7)
STREAM = st.sampled_from(STREAMS)
SIZES = st.sampled_from([1, 2, 100, 5_000, 16_384, 30_000, 60_000, 10**6])
WINDOWS = st.sampled_from([0, 1, 2, 10, 1_000, 20_000, 65_535, 100_000])

STEPS = st.one_of(
    st.tuples(st.just("send"), STREAM, SIZES),
    st.tuples(st.just("send"), STREAM, SIZES),
    st.tuples(st.just("send"), STREAM, SIZES),
    st.tuples(st.just("acknowledge"), STREAM, SIZES),
    st.tuples(st.just("acknowledge"), STREAM, SIZES),
    st.tuples(st.just("acknowledge"), STREAM, SIZES),
    st.tuples(st.just("flush"), STREAM, SIZES),
    st.tuples(st.just("resize"), STREAM, WINDOWS),
    st.tuples(st.just("settle"), STREAM, SIZES),
    st.tuples(st.just("settle"), STREAM, SIZES),
    st.tuples(st.just("increment"), STREAM | st.none(), SIZES),
    st.tuples(st.just("end"), STREAM, st.booleans()),
    st.tuples(st.just("peer resets"), STREAM, SIZES),
    st.tuples(st.just("we reset"), STREAM, SIZES),
)
Step = tuple[str, Any, Any]


class History:
    """A server, its application, and the windows that its client sees."""

    def __init__(self) -> None:
        self.conn = wire.server()
        self.window = DEFAULT_WINDOW
        self.initial = DEFAULT_WINDOW
        self.windows: dict[int, int] = {}
        self.sizes: deque[int] = deque()  #: of SETTINGS that the peer has not read
        self.held = dict.fromkeys(STREAMS, 0)  #: octets that the application has not acknowledged
        self.ended: set[int] = set()  #: streams on which the peer sends no more content
        for stream_id in STREAMS:
            wire.feed(self.conn, wire.headers(stream_id, wire.POST))
            self.windows[stream_id] = self.initial

    def step(self, action: str, stream_id: Any, amount: Any) -> None:
        getattr(self, action.replace(" ", "_"))(stream_id, amount)

    def receive(self, frame: bytes) -> None:
        """The events at the server, and the octets that its application receives."""
        for event in self.conn.receive_data(frame):
            if isinstance(event, DataReceived):
                self.held[event.stream_id] += event.flow_controlled_length

    # Steps of the peer.

    def send(self, stream_id: int, amount: int) -> None:
        """DATA as far as the windows allow, padded if there is room, one frame per read."""
        if stream_id in self.ended:
            return
        while amount > 0:
            allowed = min(self.window, self.windows[stream_id], amount, DEFAULT_FRAME_SIZE)
            if allowed <= 0:
                return
            pad = 3 if allowed % 2 and allowed > 9 else None
            content = bytes(allowed if pad is None else allowed - pad - 1)
            self.window -= allowed
            self.windows[stream_id] -= allowed
            amount -= allowed
            self.receive(wire.data(stream_id, content, pad=pad))

    def end(self, stream_id: int, with_data: bool) -> None:
        if stream_id not in self.ended:
            self.flush()
            if with_data:
                self.receive(wire.data(stream_id, end_stream=True))
            else:
                self.receive(wire.headers(stream_id, wire.TRAILERS, end_stream=True))
            self.ended.add(stream_id)

    def peer_resets(self, stream_id: int, _: int) -> None:
        if stream_id not in self.ended:
            self.flush()
            self.receive(wire.rst_stream(stream_id))
            self.ended.add(stream_id)

    def settle(self, _: Any, __: int) -> None:
        """The peer reads the oldest SETTINGS frame and acknowledges it."""
        if self.sizes:
            size = self.sizes.popleft()
            self.windows = {at: old + size - self.initial for at, old in self.windows.items()}
            self.initial = size
            self.receive(wire.settings(ack=True))

    # Steps of the application.

    def acknowledge(self, stream_id: int, amount: int) -> None:
        amount = min(amount, self.held[stream_id])
        self.conn.acknowledge_received_data(amount, stream_id)
        self.held[stream_id] -= amount

    def resize(self, _: int, size: int) -> None:
        try:
            self.conn.update_settings({Setting.INITIAL_WINDOW_SIZE: size})
        except FlowControlError:
            return
        self.sizes.append(size)

    def increment(self, stream_id: int | None, amount: int) -> None:
        if stream_id is None or self.conn.streams.get(stream_id) is not None:
            if stream_id in self.ended:
                return
            self.conn.increment_flow_control_window(amount, stream_id)

    def we_reset(self, stream_id: int, _: int) -> None:
        if self.conn.streams.get(stream_id) is not None:
            self.conn.reset_stream(stream_id)

    def flush(self, _: Any = None, __: int = 0) -> None:
        """The peer receives the pending output; SETTINGS wait until it reads them."""
        for frame in wire.parse(self.conn.data_to_send()):
            if frame.type == Type.WINDOW_UPDATE:
                assert frame.increment
                if not frame.stream_id:
                    self.window += frame.increment
                else:
                    assert frame.stream_id not in self.ended, "nothing more can come there"
                    self.windows[frame.stream_id] += frame.increment
            elif frame.type == Type.SETTINGS:
                assert not frame.has(Flag.ACK)
        self.check()

    # Invariants.

    def check(self) -> None:
        """Both ends agree, and no window is exhausted that acknowledged octets could open."""
        core = self.conn._core
        assert core.window.value == self.window
        assert self.window + core.window.handed_back <= 0 or self.window > 0
        for stream_id, stream in core.streams.items():
            if stream_id in self.ended:
                continue
            window = stream.window
            assert window.value == self.windows[stream_id]
            assert window.value <= MAX_WINDOW
            assert window.value > 0 or window.value + window.handed_back <= 0 or window.limit <= 0
            expected = min(self.window, window.value)
            assert self.conn.remote_flow_control_window(stream_id) == expected

    def finish(self) -> None:
        """When everything is read and acknowledged, each window is at least half open."""
        while self.sizes:
            self.settle(None, 0)
        for stream_id, held in self.held.items():
            self.acknowledge(stream_id, held)
        self.flush()
        assert self.window >= DEFAULT_WINDOW // 2
        for stream_id, stream in self.conn.streams.items():
            if stream_id not in self.ended:
                limit = stream.window.limit
                assert self.windows[stream_id] * 2 >= limit >= self.initial


@given(st.lists(STEPS, max_size=60))
@run(max_examples=300)
def test_histories(steps: list[Step]) -> None:
    history = History()
    for step in steps:
        note(str(step))
        history.step(*step)
    history.flush()
    history.finish()


@given(st.lists(STEPS, max_size=40))
@run(max_examples=150)
def test_histories_in_which_everything_goes_out_at_once(steps: list[Step]) -> None:
    history = History()
    for step in steps:
        history.step(*step)
        history.flush()
    history.finish()


def test_everything_acknowledged_then_a_smaller_window() -> None:
    history = History()
    history.send(1, 29_991)
    history.acknowledge(1, 29_991)
    history.resize(1, 20_000)
    history.settle(1, 0)
    history.flush()
    assert history.windows[1] == 20_000


def test_one_stream_keeps_its_content_another_hands_back() -> None:
    history = History()
    history.send(1, 64_535)
    history.send(3, 1_000)
    history.flush()
    assert history.window == 0
    history.acknowledge(3, 1_000)
    history.flush()
    assert history.window == 1_000
