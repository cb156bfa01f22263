"""Regressions found by simulation, fuzzing and attacks."""

from __future__ import annotations

import pytest

from buffered.pairs import POST, REQUEST, RESPONSE, client, pair, server
from h2.events import DataAvailable, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from support import wire
from support.wire import Setting


def test_an_upgrade_that_is_refused_leaves_the_settings_as_they_are() -> None:
    conn = server(stream_window=1_000)
    before = dict(conn.local_settings.in_effect)
    with pytest.raises(ProtocolError):
        conn.initiate_upgrade_connection(b"x")
    assert conn.local_settings.in_effect == before
    assert conn.data_to_send() == b""
    conn.initiate_upgrade_connection(b"")
    assert conn.local_settings.initial_window_size == 1_000
    assert conn.local_settings[Setting.NO_RFC7540_PRIORITIES] == 1


def test_a_connection_that_has_ended_does_not_start() -> None:
    conn = server()
    conn.close_connection(1)
    with pytest.raises(ProtocolError):
        conn.initiate_connection()
    assert Setting.NO_RFC7540_PRIORITIES not in conn.local_settings


def test_priorities_end_with_the_connection() -> None:
    conn = server()
    conn.initiate_connection()
    request = wire.headers(1, [*REQUEST, (b"priority", b"u=1")])
    conn.receive_data(wire.PREFACE + wire.settings() + request)
    assert conn.get_priority(1).urgency == 1
    with pytest.raises(ProtocolError):
        conn.receive_data(wire.frame(8, 0, 0, b"abc"))
    assert conn.get_priority(1).urgency == 3


def test_content_is_discarded_of_a_request_that_still_waits() -> None:
    one, other = client(receive_buffering=True), server()
    one.initiate_connection()
    other.initiate_connection()
    other.update_settings({Setting.MAX_CONCURRENT_STREAMS: 1})
    wire.exchange(one, other)
    one.send_headers(1, REQUEST, True)
    one.send_headers(3, REQUEST, True)
    assert one.waiting_streams == 1
    one.discard_data(3)
    wire.exchange(one, other)
    for stream_id in (1, 3):
        other.send_headers(stream_id, RESPONSE)
        other.send_data(stream_id, b"content", True)
        events, _ = wire.exchange(one, other)
        told = [event.stream_id for event in events if isinstance(event, DataAvailable)]
        assert told == [stream_id] * (stream_id == 1)
        assert any(isinstance(event, StreamEnded) for event in events)
    assert (one.readable(1), one.readable(3)) == (7, 0)


def test_what_is_discarded_of_many_requests_that_wait_is_forgotten_with_them() -> None:
    conn = client(receive_buffering=True)
    conn.initiate_connection()
    conn.receive_data(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 0)))
    for stream_id in range(1, 2_000, 2):
        conn.send_headers(stream_id, REQUEST, True)
        conn.discard_data(stream_id)
    assert len(conn._receiving._ignored) == 1_000
    conn.receive_data(wire.goaway(0))
    assert conn.waiting_streams == 0
    assert conn._receiving._ignored == set()


def test_a_window_of_a_stream_that_waits_grows_bit_by_bit() -> None:
    """The deficit of a window is still known after an insufficient WINDOW_UPDATE."""
    one, _ = pair({}, {Setting.INITIAL_WINDOW_SIZE: 100})
    for stream_id in (1, 3, 5):
        one.send_headers(stream_id, POST)
        one.send_data(stream_id, bytes(300))
    one.data_to_send()
    one.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)))  # all are at -100
    one.data_to_send()
    one.receive_data(wire.window_update(3, 50) + wire.window_update(5, 99))
    one.data_to_send()
    sizes = []
    for initial in (1, 50, 51, 100, 101):
        one.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, initial)))
        one.data_to_send()
        sizes.append([one.send_buffer_size(stream_id) for stream_id in (1, 3, 5)])
    assert sizes == [
        [200, 200, 200],
        [200, 200, 151],
        [200, 199, 150],
        [200, 150, 101],
        [199, 149, 100],
    ]


def test_what_is_remembered_of_parked_streams_is_bounded() -> None:
    one, _ = pair({}, {Setting.INITIAL_WINDOW_SIZE: 0})
    for stream_id in (1, 3, 5):
        one.send_headers(stream_id, POST)
        one.send_data(stream_id, bytes(1_000))
    for number in range(500):
        one.receive_data(wire.window_update(1, 1))
        one.data_to_send()
        if number % 2:
            one.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, 1)))
            one.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)))
            one.data_to_send()
    assert one.send_buffer_size() == 500 + 1_000 + 1_000
    queue = one._sending
    assert len(queue.parked) + len(queue._lacking) <= 2 * (3 + 32)
    one.receive_data(wire.settings((Setting.INITIAL_WINDOW_SIZE, 1)))
    one.data_to_send()
    assert one.send_buffer_size() == 499 + 999 + 999
    for stream_id in (1, 3, 5):
        one.reset_stream(stream_id)
    assert (queue.parked, queue._lacking) == ({}, [])


@pytest.mark.parametrize("behind", ["trailers", "RST_STREAM"])
def test_what_follows_the_content_counts_for_the_amount(behind: str) -> None:
    for amount in range(1, 60):
        one, other = pair({}, {})
        one.send_headers(1, POST)
        wire.exchange(one, other)
        other.send_headers(1, RESPONSE)
        other.send_data(1, b"some content")
        other.send_data(1, b"more of it")  # waits for the next call
        assert other.send_buffer_size() == 10
        if behind == "trailers":
            other.send_headers(1, [(b"x", b"y")], True)
        else:
            other.end_stream(1)
            other.reset_stream(1)
        taken = []
        while data := other.data_to_send(amount):
            taken.append(data)
        assert max(map(len, taken)) <= amount
        kinds = [type(event) for event in one.receive_data(b"".join(taken))]
        assert kinds.count(StreamEnded) == 1
        assert (StreamReset in kinds) == (behind == "RST_STREAM")
