"""The work and memory that a peer can cause in a buffering connection."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from benchmarks.attacks import probe, victim
from benchmarks.attacks.catalogue import ATTACKS
from buffered.pairs import RESPONSE, server
from h2.buffered import BufferedH2Connection
from h2.exceptions import DenialOfServiceError
from h2.limits import AbuseLimits
from support import wire
from support.builds import pure_build
from support.wire import Setting

CONTENT = bytes(16_384)
NO_LIMITS = AbuseLimits.off()


def calls(action: Callable[[], object]) -> int:
    """How many functions an action calls, those in C included."""
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def waiting(streams: int, window: int = 0, limits: AbuseLimits = NO_LIMITS) -> BufferedH2Connection:
    """A server with this many responses that wait for the windows of their streams."""
    conn = server()
    conn.config.limits = limits
    conn.initiate_connection()
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 20_000})
    conn.receive_data(wire.PREFACE + wire.settings((Setting.INITIAL_WINDOW_SIZE, window)))
    conn.receive_data(wire.settings(ack=True) * 2)
    conn.receive_data(wire.window_update(0, 2**30))
    for stream_id in range(1, 2 * streams, 2):
        conn.receive_data(wire.headers(stream_id, wire.REQUEST, end_stream=True))
        conn.send_headers(stream_id, RESPONSE)
        conn.send_data(stream_id, CONTENT, end_stream=True)
    while conn.data_to_send():
        pass
    assert conn.send_buffer_size() == streams * (len(CONTENT) - window)
    return conn


def take(conn: BufferedH2Connection, data: bytes) -> Callable[[], object]:
    """One read and one write."""

    def action() -> None:
        conn.receive_data(data)
        conn.data_to_send()

    return action


@pure_build
def test_alternating_window_sizes_over_waiting_streams() -> None:
    """A stream that gets no window is visited once, however often SETTINGS arrive."""
    costs = []
    for streams in (100, 10_000):
        conn = waiting(streams, window=1)
        toggle = wire.settings((Setting.INITIAL_WINDOW_SIZE, 0))
        toggle += wire.settings((Setting.INITIAL_WINDOW_SIZE, 1))
        first = calls(take(conn, toggle))
        assert first < 2 * streams + 200
        costs.append([calls(take(conn, toggle * times)) for times in (1, 100)])
        assert conn.send_buffer_size() == streams * (len(CONTENT) - 1)
    # A few calls depend on the clock of the limits.
    assert costs[1] == [pytest.approx(cost, rel=0.1) for cost in costs[0]]
    assert costs[0][0] < 150


def test_alternating_window_sizes_are_stopped_by_the_limit_of_glitches() -> None:
    """Each SETTINGS frame causes a pass over all streams, so the limit of glitches ends this."""
    conn = waiting(100, window=1, limits=AbuseLimits())
    toggle = wire.settings((Setting.INITIAL_WINDOW_SIZE, 0))
    toggle += wire.settings((Setting.INITIAL_WINDOW_SIZE, 1))
    one_read = take(conn, toggle)

    def many_reads() -> None:
        for _ in range(20_000):
            one_read()

    with pytest.raises(DenialOfServiceError):
        many_reads()
    assert conn.send_buffer_size() == 0


@pytest.mark.parametrize("streams", [100, 5_000])
def test_an_octet_of_window_costs_the_same_however_many_streams_wait(streams: int) -> None:
    conn = waiting(streams)
    for _ in range(2):  # removes the marks of the streams that were parked
        take(conn, wire.window_update(1, 1))()
    one = calls(take(conn, wire.window_update(1, 1)))
    updates = b"".join(wire.window_update(stream_id, 1) for stream_id in range(1, 200, 2))
    assert calls(take(conn, updates)) <= 100 * one
    assert one < 100


@pytest.mark.parametrize("window", [0, 1 << 20])
def test_priorities_of_many_streams_cost_the_same_as_of_few(window: int) -> None:
    """Endless PRIORITY_UPDATE frames, for streams that wait and for streams that could send."""

    def flood(ids: range) -> bytes:
        return b"".join(
            wire.priority_update(stream_id, b"u=%d" % (number % 8) + b", i" * (number % 2))
            for number, stream_id in enumerate(list(ids) * 20)
        )

    costs = {}
    for streams in (50, 2_000):
        conn = waiting(streams)
        if window:
            # The streams have a window; that of the connection is exhausted.
            conn.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, window)))
            conn._core.send_windows.connection = 0
        costs[streams] = calls(take(conn, flood(range(1, 2 * streams, 2)))) / (streams * 20)
    assert costs[2_000] == pytest.approx(costs[50], rel=0.35)


def test_streams_that_are_opened_and_reset_leave_nothing() -> None:
    conn = waiting(1)

    def request(stream_id: int) -> None:
        conn.receive_data(wire.headers(stream_id, wire.REQUEST, end_stream=True))
        conn.send_headers(stream_id, RESPONSE)
        conn.send_data(stream_id, CONTENT)
        conn.receive_data(wire.rst_stream(stream_id))
        conn.data_to_send()

    tracemalloc.start()
    try:
        for stream_id in range(3, 4_000, 2):  # more than are remembered
            request(stream_id)
        before, _ = tracemalloc.get_traced_memory()
        for stream_id in range(4_001, 12_000, 2):
            request(stream_id)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
    assert conn.send_buffer_size() == len(CONTENT)


def test_a_peer_that_never_reads() -> None:
    """Pending content is stored once, as the program passed it."""
    conn = waiting(1)
    content = bytes(1 << 20)
    conn.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**31 - 1)))
    tracemalloc.start()
    try:
        for stream_id in range(3, 203, 2):
            conn.receive_data(wire.headers(stream_id, wire.REQUEST, end_stream=True))
            conn.send_headers(stream_id, RESPONSE)
            while conn.is_writable(stream_id):
                conn.send_data(stream_id, content)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert conn.send_buffer_size() >= 100 * len(content)
    assert held < 100_000  # in addition to the content itself


def test_the_attacks_of_the_catalogue_hit_it() -> None:
    api = victim.load(victim.BUFFERED)
    usual = probe.ordinary(api)
    attack = ATTACKS["server/window-update-waiting"]
    found = probe.probe(api, attack, "serves", 1_000, 5.0, usual)
    assert (found.error, found.crash, found.events) == ("", "", 1_000)
    assert found.pending == 100 * 10  # an octet of content for each, a hundred per read
