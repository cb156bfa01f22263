"""The queues of streams: content added to one that is empty, and queues that are dropped."""

from __future__ import annotations

import pytest

from tests.buffered.ends import WIDE, frames, nothing_is_left, responding, server, shape
from tests.support import wire
from tests.support.wire import Setting

FRAME = wire.DEFAULT_FRAME_SIZE
HEADER = wire.FRAME_HEADER
PADDED = wire.Flag.PADDED


def test_padding_of_content_that_is_added_to_an_empty_queue() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(FRAME + 1))
    conn.data_to_send()
    conn.send_data(1, b"padded", pad_length=10)
    conn.send_data(1, b"plain")
    assert shape(frames(conn)) == [(1, 1 + len("padded") + 10, PADDED), (1, len("plain"), 0)]


def test_a_quiet_stream_that_has_sent_before_passes_those_that_are_busy() -> None:
    conn = responding(server(*WIDE), 1, 3, 5)
    conn.send_data(5, bytes(FRAME + 1))
    conn.data_to_send()
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(5 * FRAME))
    # It had nothing to send for a whole round.
    for stream_id in (1, 3, 1):
        assert [frame.stream_id for frame in frames(conn, FRAME + HEADER)] == [stream_id]
    conn.send_data(5, b"quiet")
    assert [frame.stream_id for frame in frames(conn)][:3] == [5, 3, 1]


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("window", [0, 10 * FRAME])
def test_a_reset_leaves_nothing_of_content_in_the_schedule(incremental: bool, window: int) -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, window)), 1, 3)
    for stream_id in (1, 3):
        conn.set_priority(stream_id, incremental=incremental)
        conn.send_data(stream_id, bytes(3 * FRAME))
    sent = shape(frames(conn, FRAME + HEADER))
    assert sent == ([(1, FRAME, 0)] if window else [])
    conn.reset_stream(1)
    wire.feed(conn, wire.rst_stream(3))
    assert nothing_is_left(conn)
    assert shape(frames(conn)) == []
