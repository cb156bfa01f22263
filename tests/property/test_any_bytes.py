"""Any bytes lead to events or an H2Error, with bounded memory and in linear time."""

from __future__ import annotations

import contextlib
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2._rules.registry import RULES
from h2.connection import H2Connection
from h2.events import Event
from h2.exceptions import H2Error, ProtocolError
from h2.limits import AbuseLimits
from support import traffic, wire
from support.outcome import assert_dead
from support.snapshot import snapshot
from support.wire import Setting, Type


def check_outcome(conn: H2Connection, octets: bytes) -> None:
    """Feed the bytes: there are events, or the connection has ended and reports why."""
    conn.clear_outbound_data_buffer()
    error: H2Error | None = None
    try:
        events = conn.receive_data(octets)
    except H2Error as caught:
        error = caught
        events = list(caught.events)
    assert all(isinstance(event, Event) for event in events)
    frames = wire.parse(conn.data_to_send())
    if error is not None:
        assert isinstance(error, ProtocolError)
        assert str(error)
        assert error.rule in RULES
        if error.rule == "preface-invalid" and not conn.config.strict:
            assert frames == []
        else:
            assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, error.error_code)
        assert_dead(conn)


@given(traffic.situations())
@settings(max_examples=400)
def test_traffic(situation: traffic.Situation) -> None:
    build, octets = situation
    check_outcome(build(), octets)


@given(st.sampled_from(traffic.SCENES), st.sampled_from(traffic.CONFIGS), st.data())
@settings(max_examples=200)
def test_damaged_traffic(scene: traffic.Scene, config: traffic.Config, data: st.DataObject) -> None:
    octets = data.draw(traffic.damaged(data.draw(traffic.byte_streams(scene))))
    check_outcome(scene.build(config), octets)


@given(st.sampled_from(traffic.SCENES), st.binary(max_size=200))
@settings(max_examples=200)
def test_anything(scene: traffic.Scene, octets: bytes) -> None:
    check_outcome(scene.build({}), scene.begin + octets)


@given(st.sampled_from(traffic.SCENES), st.integers(0, 12), st.integers(0, 255), st.data())
@settings(max_examples=300)
def test_any_payload(scene: traffic.Scene, type_: int, flags: int, data: st.DataObject) -> None:
    stream_id = data.draw(st.sampled_from([0, 1, *scene.streams]))
    frame = wire.frame(type_, flags, stream_id, data.draw(st.binary(max_size=20)))
    check_outcome(scene.build({}), scene.begin + frame)


# Growth -----------------------------------------------------------------------------------------

Flood = Callable[[], Iterator[bytes]]
FLOODS: dict[str, Flood] = {}


def flood(build: Flood) -> Flood:
    FLOODS[build.__name__] = build
    return build


@flood
def requests_that_are_reset() -> Iterator[bytes]:
    block = wire.block(wire.REQUEST, add=True)
    for stream_id in range(1, 2**31, 2):
        yield wire.headers(stream_id, block) + wire.rst_stream(stream_id)


@flood
def requests_with_new_fields() -> Iterator[bytes]:
    for stream_id in range(1, 2**31, 2):
        field = (b"x-%d" % stream_id, b"%d" % stream_id)
        yield wire.headers(
            stream_id, wire.block(wire.REQUEST) + wire.block([field], add=True)
        ) + wire.rst_stream(stream_id)


@flood
def stream_identifiers_with_gaps() -> Iterator[bytes]:
    for stream_id in range(1, 2**31, 6):
        yield wire.headers(stream_id, wire.REQUEST) + wire.rst_stream(stream_id)


@flood
def unknown_settings() -> Iterator[bytes]:
    number = 100
    while True:
        yield wire.settings(*((100 + (number + k) % 65_000, 1) for k in range(50)))
        number += 50


@flood
def table_sizes() -> Iterator[bytes]:
    while True:
        yield wire.settings(*((Setting.HEADER_TABLE_SIZE, size) for size in range(0, 4_000, 100)))


@flood
def pings() -> Iterator[bytes]:
    while True:
        yield wire.ping()


@flood
def priorities() -> Iterator[bytes]:
    for stream_id in range(1, 2**31, 2):
        yield wire.priority(stream_id, stream_id + 2)


@flood
def unknown_frames() -> Iterator[bytes]:
    while True:
        yield wire.frame(0x77, 0xFF, 12_345, b"something")


@flood
def data_in_single_octets() -> Iterator[bytes]:
    yield wire.headers(1, wire.POST)
    while True:
        yield wire.data(1, b"x") + wire.data(1, b"", pad=0)


@flood
def a_frame_in_single_octets() -> Iterator[bytes]:
    while True:
        frame = wire.frame(0x77, 0, 0, bytes(16_384))
        yield from (frame[at : at + 1] for at in range(len(frame)))


def octets_in(frozen: object) -> int:
    """How many bytes, and how many other objects, a snapshot holds."""
    if isinstance(frozen, (tuple, frozenset)):
        return 1 + sum(map(octets_in, frozen))
    return len(frozen) if isinstance(frozen, bytes) else 1


def take(conn: H2Connection, chunks: Iterator[bytes], count: int) -> None:
    """Feed chunks as an application does: it sends what is pending and acknowledges content."""
    for _ in range(count):
        for event in conn.receive_data(next(chunks)):
            length = getattr(event, "flow_controlled_length", 0)
            if length:
                conn.acknowledge_received_data(length, 1)
        conn.data_to_send()


@pytest.mark.parametrize("name", FLOODS)
def test_memory_does_not_grow(name: str) -> None:
    # What holds even where no limit ends the flood.
    conn = wire.server(limits=AbuseLimits.off())
    chunks = FLOODS[name]()
    take(conn, chunks, 1_300)
    before = octets_in(snapshot(conn))
    take(conn, chunks, 1_300)
    # The number of partial frames varies by one.
    assert octets_in(snapshot(conn)) <= before + 16_393
    # Most of it is the state of streams that were reset: some objects for each.
    assert before < 10_000


def calls_of(work: Callable[[], object]) -> int:
    """The number of calls of Python and C functions that some work takes, the same every time."""
    count = 0

    def watch(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", FLOODS)
def test_work_grows_with_the_number_of_bytes(name: str) -> None:
    # What holds even where no limit ends the flood.
    conn = wire.server(limits=AbuseLimits.off())
    chunks = FLOODS[name]()
    take(conn, chunks, 1_300)  # until all bounded containers are full
    once = calls_of(lambda: take(conn, chunks, 300))
    again = calls_of(lambda: take(conn, chunks, 600))
    assert again <= 2.1 * once


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="elsewhere objects are freed at another time"
)
@pytest.mark.parametrize(
    "first",
    [
        wire.data(0, b"x" * 10_000),
        wire.frame(Type.PING, payload=b"x" * 10_000),
        wire.window_update(1, 1),
        wire.headers(1, b"\xff" * 10_000),
    ],
    ids=["DATA on stream 0", "long PING", "idle stream", "broken field block"],
)
def test_nothing_of_the_input_is_kept_after_a_connection_error(first: bytes) -> None:
    """Not even until the garbage collector runs, which may take hundreds of reads."""
    conn = wire.server()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for part in (first, *[b"x" * 10_000] * 100):
            data = bytearray(part)
            with contextlib.suppress(ProtocolError):
                conn.receive_data(bytes(data))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert held < 60_000
