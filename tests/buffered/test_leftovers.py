"""h2._core.leftovers: buffered content whose credit was returned."""

from __future__ import annotations

import pytest

from buffered.pairs import POST, REQUEST, RESPONSE, pair
from h2._core.leftovers import Leftovers
from h2._core.pieces import Pieces
from h2.buffered import BufferedH2Connection
from h2.exceptions import StreamClosedError
from support import wire

ROOM = 10_000


def test_the_oldest_is_dropped_as_long_as_there_is_too_much() -> None:
    left = Leftovers()
    assert left.keep(1, bytes(4000), ROOM) == []
    assert left.keep(3, Pieces(bytes(4000)), ROOM) == []
    assert left.keep(5, bytes(1000), ROOM) == []
    assert left.keep(7, bytes(1000), ROOM) == [1]
    assert left.keep(9, bytes(3000), ROOM) == []
    assert left.keep(11, bytes(9000), ROOM) == [3, 5, 7, 9]
    assert (len(left), left.readable(11), left.readable(9)) == (1, 9000, 0)


def test_what_just_fits_is_kept() -> None:
    left = Leftovers()
    assert left.keep(1, bytes(4000), ROOM) == []
    assert left.keep(3, bytes(ROOM - 4000 - 2 * 128), ROOM) == []
    assert left.keep(5, b"", ROOM) == [1]


def test_streams_that_were_read_take_no_room() -> None:
    left = Leftovers()
    for stream_id in range(1, 1001, 2):
        assert left.keep(stream_id, b"content", ROOM) == []
        assert left.read(stream_id, None) == b"content"
    assert left.keep(999, b"content", ROOM) == []
    for octet in b"conten":
        assert left.read(999, 1) == bytes([octet])
    assert left.read(999, 1) == b"t"
    assert left.keep(1001, bytes(ROOM - 2 * 128), ROOM) == []
    assert left.keep(1003, b"", ROOM) == []


def test_each_stream_counts_128_octets_more_than_it_has() -> None:
    left = Leftovers()
    dropped = [left.keep(stream_id, b"x", ROOM) for stream_id in range(1, 201, 2)]
    assert dropped[:77] == [[]] * 77
    assert dropped[77:] == [[stream_id] for stream_id in range(1, 46, 2)]


def test_the_latest_stays_even_if_it_is_too_large_alone() -> None:
    left = Leftovers()
    assert left.keep(1, bytes(2 * ROOM), ROOM) == []
    assert left.read(1, None) == bytes(2 * ROOM)
    assert left.keep(3, bytes(9000), ROOM) == []
    assert left.keep(5, b"", ROOM) == []


def test_what_is_read_or_discarded_makes_room() -> None:
    left = Leftovers()
    for stream_id in (1, 3):
        left.keep(stream_id, bytes(4800), ROOM)
    assert left.read(1, 4000) == bytes(4000)
    assert left.readable(1) == 800
    assert left.keep(5, bytes(3800), ROOM) == []
    assert left.read(1, 800) == bytes(800)
    assert 1 not in left
    left.discard(3)
    left.discard(3)
    assert left.keep(7, bytes(5900), ROOM) == []
    assert left.keep(9, b"", ROOM) == [5], "128 octets for each"


def test_the_latest_streams_that_lost_content_are_remembered() -> None:
    left = Leftovers()
    for stream_id in range(1, 21, 2):
        left.note_lost(stream_id, False, 3)
    assert [at for at in range(1, 21, 2) if left.has_lost(at)] == [15, 17, 19]


def test_below_a_stream_that_was_forgotten_nothing_counts_as_complete() -> None:
    left = Leftovers()
    for stream_id in (1, 15, 7, 19):
        left.note_lost(stream_id, True, 1)
    assert [at for at in range(1, 25, 2) if left.has_lost(at)] == [1, 3, 5, 7, 9, 11, 13, 15, 19]
    assert not any(left.has_lost(at) for at in range(2, 25, 2)), "those of the other end"
    for stream_id in (8, 4, 24):
        left.note_lost(stream_id, True, 1)
    assert [at for at in range(2, 25, 2) if left.has_lost(at)] == [2, 4, 6, 8, 24]


def test_what_the_program_has_dropped_itself_changes_nothing_for_others() -> None:
    left = Leftovers()
    for stream_id in range(1, 21, 2):
        left.note_lost(stream_id, False, 0)
    assert not any(left.has_lost(stream_id) for stream_id in range(1, 21))


def test_content_that_was_dropped_is_never_mistaken_for_all_of_it() -> None:
    """However many requests are answered without being read."""
    one, other = pair({}, {}, receive_buffering=True)
    for stream_id in range(1, 3_000, 2):
        one.send_headers(stream_id, POST)
        one.send_data(stream_id, bytes(2_000), end_stream=True)
        wire.exchange(one, other)
        other.send_headers(stream_id, RESPONSE, end_stream=True)
        wire.exchange(one, other)
    assert other.readable(2_999) == 2_000
    for stream_id in (1, 301, 2_001, 2_901):
        assert not other.at_end(stream_id)
        with pytest.raises(StreamClosedError, match="discarded"):
            other.read_data(stream_id)


def test_requests_that_the_program_has_dropped_are_no_reason_to_doubt_others() -> None:
    class Forgetful(BufferedH2Connection):
        MAX_CLOSED_STREAMS = 1

    conn = Forgetful(receive_buffering=True)
    conn.initiate_connection()
    wire.feed(conn, wire.settings((wire.Setting.MAX_CONCURRENT_STREAMS, 1)))
    for stream_id in range(1, 1001, 2):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
        answer = wire.headers(stream_id, RESPONSE) if stream_id < 600 else b""
        wire.feed(conn, answer, wire.data(stream_id, b"x", end_stream=True) if answer else b"")
        assert conn.read_data(stream_id) == (b"x" if answer else b"")
    assert conn.waiting_streams > 100
    for stream_id in range(603, 1001, 2):
        conn.reset_stream(stream_id)
    assert all(conn.at_end(stream_id) for stream_id in range(1, 600, 2))
