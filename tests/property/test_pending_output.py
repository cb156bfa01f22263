"""Pending output compared with a list of frames, which are added, dropped and taken."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from h2._core.output import ANSWERS_TOGETHER, COPY_BELOW, Output
from h2.config import DummyLogger
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from h2.limits import AbuseLimits
from support import wire
from support.wire import DEFAULT_WINDOW, Flag, Frame, Setting, Type


class Log(DummyLogger):
    """A logger that records the types and streams of the frames that were sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def debug(self, fmtstr: str, *args: object) -> None:
        words = (fmtstr % args).split()
        self.seen.append((words[2], int(words[3].removeprefix("stream="))))


class Naive:
    """The naive version: a list of whole frames, the first of which may be partly sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.gone = 0  #: octets of the first frame
        self.began: list[tuple[str, int]] = []

    @property
    def size(self) -> int:
        return sum(map(len, self.frames)) - self.gone

    def insert_first(self, frame: bytes, touched: bool) -> bool:
        if touched:
            self.frames.append(frame)
            return False
        self.frames.insert(0, frame)
        return len(self.frames) > 1

    def waiting(self, stream_id: int) -> list[tuple[int, Frame]]:
        """The DATA frames of a stream of which no part was sent, with their indices."""
        found = []
        for place, octets in enumerate(self.frames):
            (frame,) = wire.parse(octets)
            if (frame.type, frame.stream_id) == (Type.DATA, stream_id) and (place or not self.gone):
                found.append((place, frame))
        return found

    def pending_content(self, stream_id: int) -> tuple[int, bool]:
        found = [frame for _, frame in self.waiting(stream_id)]
        octets = sum(len(frame.payload) for frame in found)
        return octets, bool(found) and found[-1].has(Flag.END_STREAM)

    def drop_content(self, stream_id: int) -> int:
        octets, _ = self.pending_content(stream_id)
        for place, _ in reversed(self.waiting(stream_id)):
            del self.frames[place]
        return octets

    def take(self, amount: int | None) -> bytes:
        left = self.size if amount is None else min(amount, self.size)
        taken = b""
        while left:
            frame = self.frames[0]
            if not self.gone:
                type_, stream_id = Type(frame[3]), int.from_bytes(frame[5:9], "big")
                self.began.append((type_.name, stream_id))
            piece = frame[self.gone : self.gone + left]
            taken += piece
            left -= len(piece)
            self.gone += len(piece)
            if self.gone == len(frame):
                del self.frames[0]
                self.gone = 0
        return taken

    def clear(self) -> None:
        self.frames.clear()
        self.gone = 0


STREAMS = st.sampled_from([1, 1, 3, 5])
LENGTHS = st.sampled_from([0, 1, 9, 55, 64, 65, COPY_BELOW - 1, COPY_BELOW, 2_000, 16_384])
AMOUNTS = st.sampled_from([0, 1, 8, 9, 10, 17, 100, 1_033, 2_009, 5_000, 10**6])
STEPS = st.one_of(
    st.tuples(st.just("data"), STREAMS, LENGTHS, st.booleans()),
    st.tuples(st.just("data"), STREAMS, LENGTHS, st.booleans()),
    st.tuples(st.just("frame"), STREAMS, st.integers(0, 70)),
    st.tuples(st.just("answer"), st.sampled_from([0, 4, 8, 8, 55, 56, 100])),
    st.tuples(st.just("answers"), st.integers(ANSWERS_TOGETHER - 3, ANSWERS_TOGETHER + 1)),
    st.tuples(st.just("insert")),
    st.tuples(st.just("pending"), STREAMS),
    st.tuples(st.just("drop"), STREAMS),
    st.tuples(st.just("drop"), STREAMS),
    st.tuples(st.just("take"), AMOUNTS),
    st.tuples(st.just("take"), AMOUNTS),
    st.tuples(st.just("take"), st.none()),
    st.tuples(st.just("clear")),
)
Step = tuple[Any, ...]


class Both:
    """An output and the naive one, with the same input."""

    def __init__(self, logged: bool) -> None:
        self.out, self.naive = Output(), Naive()
        self.log = Log() if logged else None
        self.octets = b""  #: that have been sent since the last clear
        self.touched = False  #: something was sent, and something after it is pending
        self.number = 0

    def step(self, action: str, *arguments: Any) -> None:
        getattr(self, action)(*arguments)
        assert self.out.size == self.naive.size

    def payload(self, length: int) -> bytes:
        """Octets that differ between frames."""
        self.number += 1
        return (self.number.to_bytes(2, "big") * length)[:length]

    def data(self, stream_id: int, length: int, end: bool) -> None:
        content = self.payload(length)
        frame = wire.data(stream_id, content, end_stream=end)
        if length < COPY_BELOW:
            self.out.chunks.append(frame)
        else:
            self.out.chunks.append(frame[:9])
            self.out.chunks.append(content)
        self.naive.frames.append(frame)

    def frame(self, stream_id: int, length: int) -> None:
        frame = wire.frame(Type.HEADERS, Flag.END_HEADERS, stream_id, self.payload(length))
        self.out.chunks.append(frame)
        self.naive.frames.append(frame)

    def answer(self, length: int) -> None:
        frame = wire.frame(Type.PING, Flag.ACK, 0, self.payload(length))
        self.out.answer(frame)
        self.naive.frames.append(frame)

    def answers(self, count: int) -> None:
        for _ in range(count):
            self.answer(8)

    def insert(self) -> None:
        frame = wire.frame(Type.SETTINGS, 0, 0, self.payload(6))
        assert self.out.insert_first(frame) == self.naive.insert_first(frame, self.touched)

    def pending(self, stream_id: int) -> None:
        expected = self.naive.pending_content(stream_id)
        assert self.out.pending_content(stream_id) == expected

    def drop(self, stream_id: int) -> None:
        assert self.out.drop_content(stream_id) == self.naive.drop_content(stream_id)
        assert self.out.pending_content(stream_id) == (0, False)

    def take(self, amount: int | None) -> None:
        out, log = self.out, self.log
        taken = out.take_all(log) if amount is None else out.take(amount, log)
        assert taken == self.naive.take(amount)
        self.octets += taken
        if not self.naive.frames:
            self.touched = False
            wire.parse(self.octets)  # whole frames
            assert self.out.chunks == []
            assert self.out.answers == 0
        elif taken:
            self.touched = bool(self.out._first or self.out._position)
        if self.log:
            # Merged answers are logged together.
            seen, began = self.log.seen, self.naive.began
            assert seen[: len(began)] == began
            assert len(seen) == len(began) or self.naive.frames

    def clear(self) -> None:
        self.out.clear()
        self.naive.clear()
        self.octets = b""
        self.touched = False
        self.naive.began.clear()
        if self.log:
            self.log.seen.clear()
        assert self.out.answers == 0


@given(st.lists(STEPS, max_size=40), st.booleans())
@run(max_examples=300)
def test_any_order(steps: list[Step], logged: bool) -> None:
    both = Both(logged)
    for step in steps:
        both.step(*step)
    for stream_id in (1, 3, 5):
        both.step("pending", stream_id)
    both.step("take", None)
    assert both.out.size == 0


def test_answers_do_not_swallow_content() -> None:
    """Content between answers can be dropped, however many answers there are."""
    both = Both(logged=False)
    for stream_id in (1, 3):
        both.step("answers", ANSWERS_TOGETHER - 1)
        both.step("data", stream_id, COPY_BELOW, True)
        both.step("pending", 1)
        both.step("answers", ANSWERS_TOGETHER + 1)
    for stream_id in (3, 1):
        both.step("drop", stream_id)
    both.step("take", None)


# Streams that are reset ---------------------------------------------------------------------------

HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("send"), STREAMS, st.sampled_from([1, 500, 5_000, 16_000]), st.just(0)),
        st.tuples(st.just("send"), STREAMS, st.sampled_from([5_000, 16_000]), st.just(0)),
        st.tuples(st.just("end"), STREAMS, st.sampled_from([0, 500, 16_000]), st.booleans()),
        st.tuples(st.just("take"), st.none(), AMOUNTS, st.just(0)),
        st.tuples(st.just("we reset"), STREAMS, st.sampled_from([0, 8]), st.just(0)),
        st.tuples(st.just("peer resets"), STREAMS, st.just(0), st.just(0)),
        st.tuples(st.just("ping"), st.none(), st.just(0), st.just(0)),
    ),
    max_size=40,
)


def server_with_requests() -> H2Connection:
    conn = wire.server((Setting.INITIAL_WINDOW_SIZE, 10**6))
    wire.feed(conn, wire.window_update(0, 10**6))
    for stream_id in (1, 3, 5):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        conn.send_headers(stream_id, wire.RESPONSE)
    conn.data_to_send()
    return conn


@given(HISTORY)
@run(max_examples=200)
def test_the_window_of_the_connection_is_what_was_really_sent(steps: list[Step]) -> None:
    conn = server_with_requests()
    taken = b""
    for action, stream_id, amount, trailers in steps:
        if action == "take":
            taken += conn.data_to_send(amount)
        elif action == "ping":
            wire.feed(conn, wire.ping())
        elif action == "peer resets":
            wire.feed(conn, wire.rst_stream(stream_id))
        elif stream_id in conn.streams:
            try:
                answer(conn, action, stream_id, amount, trailers)
            except ProtocolError:
                assert action in ("send", "end")  # our side has ended
    frames = wire.parse(taken + conn.data_to_send())
    sent = sum(len(frame.payload) for frame in frames if frame.type == Type.DATA)
    assert conn.outbound_flow_control_window == DEFAULT_WINDOW + 10**6 - sent
    assert conn.outbound_buffer_size == 0


def answer(conn: H2Connection, action: str, stream_id: int, amount: int, trailers: bool) -> None:
    if action == "we reset":
        conn.reset_stream(stream_id, amount)
    elif not trailers:
        conn.send_data(stream_id, bytes(amount), end_stream=action == "end")
    else:
        conn.send_data(stream_id, bytes(amount))
        conn.send_headers(stream_id, wire.TRAILERS, end_stream=True)


# Memory -------------------------------------------------------------------------------------------

UNREAD = {
    "PING": (wire.ping(), 17),
    "SETTINGS": (wire.settings(), 9),
}


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="memory is counted with tracemalloc"
)
@pytest.mark.parametrize("name", UNREAD)
@pytest.mark.parametrize("together", [1, 1_000], ids=["in a read each", "in large reads"])
def test_answers_that_nobody_reads_cost_little_beside_their_octets(
    name: str, together: int
) -> None:
    frame, octets = UNREAD[name]
    count = 100_000 if together > 1 else 20_000
    conn = wire.server(limits=AbuseLimits.off())
    read = frame * together
    for _ in range(300 // together + 1):  # objects that are created once
        conn.receive_data(read)
    conn.clear_outbound_data_buffer()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(count // together):
            conn.receive_data(read)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert conn.outbound_buffer_size == count * octets
    assert used <= count * (octets + 8)
    assert len(wire.parse(conn.data_to_send())) == count
