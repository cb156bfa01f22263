"""How much a peer can make a connection with ``receive_buffering`` store, if nothing is read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from h2.buffered import BufferedH2Connection
from h2.exceptions import DenialOfServiceError
from h2.limits import AbuseLimits
from support import wire
from support.receiving import receiving_of, server, uploading
from support.wire import DEFAULT_WINDOW, Code, Setting, Type

WINDOW = 2**20
Attack = Callable[[BufferedH2Connection], Iterator[bytes]]


def grown(conn: BufferedH2Connection, attack: Attack) -> int:
    """The growth of the memory of a connection during an attack."""
    tracemalloc.start()
    for data in attack(conn):
        conn.receive_data(data)
        conn.data_to_send()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size


def resets(conn: BufferedH2Connection) -> Iterator[bytes]:
    """Streams that are reset when they have filled their windows."""
    for stream_id in range(1, 2001, 2):
        yield wire.headers(stream_id, wire.POST)
        for _ in range(3):
            yield wire.data(stream_id, b"x" * 16_384)
        yield wire.rst_stream(stream_id)


def small_resets(conn: BufferedH2Connection) -> Iterator[bytes]:
    """The same with one octet each, so the overhead exceeds the content."""
    for stream_id in range(1, 4001, 2):
        yield wire.headers(stream_id, wire.POST)
        yield wire.data(stream_id, b"x")
        yield wire.rst_stream(stream_id, Code.NO_ERROR)


def answered(conn: BufferedH2Connection) -> Iterator[bytes]:
    """Requests of an octet that the server answers and never reads."""
    for stream_id in range(1, 6001, 2):
        yield wire.headers(stream_id, wire.POST) + wire.data(stream_id, b"x", end_stream=True)
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)


def large_answered(conn: BufferedH2Connection) -> Iterator[bytes]:
    """Requests that fill a window, which the server answers and never reads."""
    for stream_id in range(1, 1001, 2):
        yield wire.headers(stream_id, wire.POST) + wire.data(stream_id, b"x" * 16_384)
        yield wire.data(stream_id, b"x" * 16_384, end_stream=True)
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)


def padding(conn: BufferedH2Connection) -> Iterator[bytes]:
    """Frames that only have padding."""
    yield wire.headers(1, wire.POST)
    for _ in range(5000):
        yield wire.data(1, b"", pad=255)


@pytest.mark.parametrize("attack", [resets, small_resets, answered, large_answered, padding])
def test_memory_does_not_grow_with_what_a_peer_does(attack: Attack) -> None:
    # Content kept without a window counts 128 octets more per stream, about its real overhead. The
    # rest is the state that the connection keeps for streams that were reset.
    assert grown(server(), attack) < 3 * DEFAULT_WINDOW + 300_000


def single_octets(conn: BufferedH2Connection) -> Iterator[bytes]:
    """As many frames of one octet as may be unacknowledged."""
    yield wire.headers(1, wire.POST)
    for _ in range(160):
        yield wire.data(1, b"x") * 100


def full_windows(conn: BufferedH2Connection) -> Iterator[bytes]:
    """A hundred streams that fill the window of the connection."""
    for stream_id in range(1, 201, 2):
        yield wire.headers(stream_id, wire.POST)
        yield wire.data(stream_id, b"x" * 10_000)


def test_single_octets_take_little_more_than_one_octet_each() -> None:
    assert grown(server(), single_octets) < 16_000 * 1.2 + 5000


def test_a_reader_that_is_slow_keeps_what_the_window_allows() -> None:
    conn = server(connection_window=WINDOW)
    assert grown(conn, full_windows) < 1_000_000 * 1.2 + 100_000


def test_single_octets_without_end_are_refused() -> None:
    conn = uploading()
    with pytest.raises(DenialOfServiceError) as caught:
        wire.feed(conn, wire.data(1, b"x") * 16_400)
    assert caught.value.limit == "small_data"
    assert conn.readable(1) == 2**14, "what came before can be read"


def test_single_octets_that_are_read_go_on_without_end() -> None:
    conn = uploading()
    for _ in range(2000):
        wire.feed(conn, wire.data(1, b"x") * 100)
        assert conn.read_data(1) == b"x" * 100
        conn.data_to_send()


class Counted(int):
    """An identifier that counts how often it is compared with another one."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


def test_answers_cost_the_same_however_many_requests_nobody_has_read() -> None:
    """Each call of data_to_send checks only the request that was answered."""
    costs = {}
    for requests in (10, 1_000):
        ids = range(1, 2 * requests, 2)
        conn = server(config={"limits": AbuseLimits.off()})
        conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 2_000})
        wire.feed(conn, wire.settings(ack=True))
        for stream_id in ids:
            content = wire.data(stream_id, b"x", end_stream=True)
            wire.feed(conn, wire.headers(stream_id, wire.POST) + content)
        unread = receiving_of(conn).unread_requests
        assert unread == set(ids)
        unread.clear()
        unread.update(map(Counted, ids))
        Counted.compared = 0
        for stream_id in ids:
            conn.send_headers(stream_id, wire.RESPONSE)
            conn.data_to_send()
            conn.send_data(stream_id, b"x", end_stream=True)
            assert conn.data_to_send()
        assert not unread
        costs[requests] = Counted.compared / requests
    assert costs[1_000] == costs[10] < 10


def test_a_request_that_is_complete_after_its_answer_gives_its_window_back() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"x" * 16_384) * 2)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    assert conn.data_to_send()
    wire.feed(conn, wire.data(1, b"x" * 16_384, end_stream=True))
    frames = wire.parse(conn.data_to_send())
    assert [(frame.type, frame.stream_id) for frame in frames] == [(Type.WINDOW_UPDATE, 0)]
    assert conn.read_data(1) == b"x" * 3 * 16_384
    assert conn.at_end(1)


def test_a_request_that_is_read_after_its_answer_gives_its_window_back_once() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"x" * 16_384) * 2, wire.data(1, b"", end_stream=True))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    assert conn.read_data(1) == b"x" * 2 * 16_384
    frames = [frame for frame in wire.parse(conn.data_to_send()) if frame.type != Type.HEADERS]
    assert [(frame.type, frame.stream_id) for frame in frames] == [(Type.WINDOW_UPDATE, 0)]
    assert int.from_bytes(frames[0].payload, "big") == 2 * 16_384
    assert conn.data_to_send() == b""
