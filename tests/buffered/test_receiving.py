"""Content that a connection with ``receive_buffering`` buffers until it is read."""

from __future__ import annotations

from typing import Any

import pytest

from h2.buffered import BufferedH2Connection
from h2.config import DummyLogger, H2Configuration
from h2.errors import ErrorCodes
from h2.events import DataAvailable, DataReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import FlowControlError, NoSuchStreamError, ProtocolError, StreamClosedError
from h2.limits import AbuseLimits
from support import wire
from support.receiving import (
    client,
    downloading,
    frames_of,
    increments,
    kinds,
    receiving_of,
    server,
    started,
    uploading,
)
from support.wire import DEFAULT_WINDOW, MAX_WINDOW, Code, Setting, Type

HALF = DEFAULT_WINDOW // 2
FRAME = 16_384


def fill(conn: BufferedH2Connection, stream_id: int, octets: int, letter: bytes = b"x") -> None:
    """Receive this many octets in DATA frames of the default maximum size."""
    while octets > 0:
        size = min(octets, FRAME)
        wire.feed(conn, wire.data(stream_id, letter * size))
        octets -= size


def nothing_is_owed(conn: BufferedH2Connection) -> bool:
    """Whether the whole connection window was returned, or counts towards the next update."""
    window = conn._core.window
    return window.value + window.handed_back == window.limit


# What arrives.


def test_content_is_announced_and_read() -> None:
    conn = uploading()
    assert wire.feed(conn, wire.data(1, b"question")) == [DataAvailable(stream_id=1)]
    assert conn.readable(1) == 8
    assert not conn.at_end(1)
    assert conn.read_data(1) == b"question"
    assert conn.readable(1) == 0
    assert conn.read_data(1) == b""
    assert not conn.at_end(1)


def test_a_stream_is_announced_once_in_a_call_however_many_frames_there_are() -> None:
    conn = uploading(1, 3)
    events = wire.feed(
        conn, wire.data(1, b"a"), wire.data(3, b"b"), wire.data(1, b"c"), wire.data(3, b"d")
    )
    assert events == [DataAvailable(stream_id=1), DataAvailable(stream_id=3)]
    assert (conn.read_data(1), conn.read_data(3)) == (b"ac", b"bd")
    assert wire.feed(conn, wire.data(1, b"e")) == [DataAvailable(stream_id=1)]


def test_nothing_is_announced_where_there_is_no_content() -> None:
    conn = uploading()
    assert wire.feed(conn, wire.data(1)) == []
    assert wire.feed(conn, wire.data(1, b"", pad=200)) == []
    assert wire.feed(conn, wire.data(1, end_stream=True)) == [StreamEnded(stream_id=1)]
    assert conn.at_end(1)


@pytest.mark.parametrize("amount", [1, 2, 5, 511, 512, 513, 1000, 3000, 20_000, 10**6])
@pytest.mark.parametrize("sizes", [[3], [1] * 50, [600, 1, 600, 1, 1], [511, 2, 513, 512], [5000]])
def test_content_is_read_in_any_amounts(sizes: list[int], amount: int) -> None:
    conn = uploading()
    content = bytes(at % 251 for at in range(sum(sizes)))
    at = 0
    for size in sizes:
        wire.feed(conn, wire.data(1, content[at : at + size]))
        at += size
    found = []
    while conn.readable(1):
        left = conn.readable(1)
        found.append(conn.read_data(1, amount))
        assert len(found[-1]) == min(amount, left)
        assert conn.readable(1) == left - len(found[-1])
    assert b"".join(found) == content
    assert {type(piece) for piece in found} == {bytes}


def test_reading_and_arriving_take_turns() -> None:
    conn = uploading()
    sent = found = b""
    for turn in range(400):
        piece = bytes([turn % 256]) * (turn * 37 % 700 + 1)
        sent += piece
        wire.feed(conn, wire.data(1, piece))
        found += conn.read_data(1, turn * 53 % 900)
        conn.data_to_send()
    assert found + conn.read_data(1) == sent


def test_an_amount_of_nothing_reads_nothing() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"question"))
    assert conn.read_data(1, 0) == b""
    assert conn.read_data(1) == b"question"


@pytest.mark.parametrize("amount", [-1, -(10**9)])
def test_a_negative_amount_is_refused_and_changes_nothing(amount: int) -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"question"))
    with pytest.raises(ValueError, match="negative"):
        conn.read_data(1, amount)
    assert conn.readable(1) == 8


def test_what_is_no_integer_is_refused() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"question"))
    wrong: Any = 1.5
    with pytest.raises(TypeError):
        conn.read_data(1, wrong)
    with pytest.raises(TypeError):
        conn.read_data(wrong)
    assert conn.readable(1) == 8


def test_without_receive_buffering_content_comes_with_its_event() -> None:
    conn = uploading(receive_buffering=False)
    (event,) = wire.feed(conn, wire.data(1, b"question"))
    assert isinstance(event, DataReceived)
    assert event.data == b"question"
    for call in (conn.read_data, conn.readable, conn.at_end, conn.discard_data):
        with pytest.raises(RuntimeError, match="receive_buffering=True"):
            call(1)
    conn.reset_stream(1)
    assert increments(conn) == {}, "the program acknowledges what it has got"


# The end of the content.


def test_the_end_is_told_apart_from_nothing_yet() -> None:
    conn = uploading()
    events = wire.feed(conn, wire.data(1, b"question", end_stream=True))
    assert events == [DataAvailable(stream_id=1), StreamEnded(stream_id=1)]
    assert not conn.at_end(1), "it was not read"
    assert conn.read_data(1, 4) == b"ques"
    assert not conn.at_end(1)
    assert conn.read_data(1) == b"tion"
    assert conn.at_end(1)
    assert conn.read_data(1) == b""


def test_trailers_end_content() -> None:
    conn = uploading()
    events = wire.feed(
        conn, wire.data(1, b"question"), wire.headers(1, wire.TRAILERS, end_stream=True)
    )
    assert kinds(events) == ["DataAvailable", "TrailersReceived", "StreamEnded"]
    assert isinstance(events[1], TrailersReceived)
    assert not conn.at_end(1)
    assert conn.read_data(1) == b"question"
    assert conn.at_end(1)


def test_a_message_without_content_is_at_its_end() -> None:
    conn = server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    assert conn.at_end(1)
    assert conn.read_data(1) == b""


def test_a_response_can_be_read_after_its_stream_is_closed() -> None:
    conn = downloading()
    wire.feed(conn, wire.data(1, b"answer", end_stream=True))
    assert 1 not in conn.streams
    assert not conn.at_end(1)
    assert conn.read_data(1) == b"answer"
    assert conn.at_end(1)


def waiting_client() -> BufferedH2Connection:
    """A client whose second request, on stream 3, is waiting for the first one to end."""
    conn = client()
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
    for stream_id in (1, 3):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
    conn.data_to_send()
    assert conn.waiting_streams == 1
    return conn


def test_nothing_has_come_for_a_request_that_waits_to_be_opened() -> None:
    conn = waiting_client()
    assert conn.read_data(3) == b""
    assert not conn.at_end(3)


def test_a_request_that_is_never_opened_is_cut() -> None:
    conn = waiting_client()
    wire.feed(conn, wire.goaway(1))
    with pytest.raises(StreamClosedError):
        conn.read_data(3)
    assert not conn.at_end(3)
    assert conn.read_data(1) == b""


def test_a_request_that_the_program_takes_back_is_cut() -> None:
    conn = waiting_client()
    conn.reset_stream(3)
    with pytest.raises(StreamClosedError):
        conn.read_data(3)
    conn.send_headers(5, wire.REQUEST, end_stream=True)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    conn.data_to_send()
    assert 5 in conn.streams
    with pytest.raises(StreamClosedError):
        conn.read_data(3)
    assert not conn.at_end(3)


def test_requests_that_wait_are_cut_by_the_end_of_the_connection() -> None:
    conn = waiting_client()
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.data(0))
    with pytest.raises(StreamClosedError):
        conn.read_data(3)


@pytest.mark.parametrize("stream_id", [1, 2, 0, -1])
def test_a_stream_that_nobody_has_opened_cannot_be_read(stream_id: int) -> None:
    conn = client()
    with pytest.raises(NoSuchStreamError):
        conn.read_data(stream_id)
    assert not conn.at_end(stream_id)
    assert conn.readable(stream_id) == 0


def test_a_request_that_was_passed_over_cannot_be_read() -> None:
    conn = downloading(5)
    with pytest.raises(StreamClosedError):
        conn.read_data(3)
    assert not conn.at_end(3)


# Truncated content.


def test_what_has_arrived_before_a_reset_can_be_read_and_is_not_taken_for_all_of_it() -> None:
    conn = uploading()
    events = wire.feed(conn, wire.data(1, b"question"), wire.rst_stream(1))
    assert kinds(events) == ["DataAvailable", "StreamReset"]
    assert conn.readable(1) == 8
    assert conn.read_data(1, 4) == b"ques"
    assert conn.read_data(1) == b"tion"
    assert not conn.at_end(1)
    with pytest.raises(
        StreamClosedError, match="Stream 1 was reset before all of its content was read"
    ):
        conn.read_data(1)


def test_content_is_cut_by_a_fault_of_the_peer() -> None:
    conn = server()
    fields = [*wire.POST, (b"content-length", b"10")]
    wire.feed(conn, wire.headers(1, fields), wire.data(1, b"12345"))
    (event,) = wire.feed(conn, wire.data(1, b"1234567"))
    assert event == StreamReset(
        stream_id=1, error_code=ErrorCodes.PROTOCOL_ERROR, remote_reset=False
    )
    assert conn.read_data(1) == b"12345"
    with pytest.raises(StreamClosedError):
        conn.read_data(1)


def test_content_is_cut_by_goaway() -> None:
    conn = downloading(1, 3)
    wire.feed(conn, wire.data(1, b"one"), wire.data(3, b"three"), wire.goaway(1))
    assert conn.read_data(1) == b"one"
    assert conn.read_data(1) == b""
    assert conn.read_data(3) == b"three"
    with pytest.raises(StreamClosedError):
        conn.read_data(3)
    assert not conn.at_end(3)


def test_content_is_cut_by_the_end_of_the_connection() -> None:
    conn = downloading(1, 3)
    with pytest.raises(ProtocolError) as caught:
        wire.feed(
            conn,
            wire.data(1, b"one"),
            wire.data(3, b"three", end_stream=True),
            wire.data(0, b"nobody"),
        )
    assert kinds(caught.value.events) == ["DataAvailable", "DataAvailable", "StreamEnded"]
    conn.data_to_send()
    assert conn.read_data(1) == b"one"
    assert conn.read_data(3) == b"three"
    assert conn.at_end(3)
    assert conn.read_data(3) == b""
    with pytest.raises(ProtocolError, match="before the content of stream 1 was complete"):
        conn.read_data(1)
    assert frames_of(conn) == []


class Failing(DummyLogger):
    """A logger that fails at PING."""

    def debug(self, fmtstr: str, *args: object) -> None:
        if "PING" in fmtstr % args:
            raise OSError("disk full")


def test_content_is_not_lost_where_something_else_than_the_peer_ends_the_connection() -> None:
    conn = uploading(config={"logger": Failing()})
    with pytest.raises(OSError, match="disk full"):
        wire.feed(conn, wire.data(1, b"question"), wire.ping())
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, wire.ping())
    assert caught.value.events == [DataAvailable(stream_id=1)]
    assert conn.read_data(1) == b"question"


def test_what_is_read_after_the_end_of_the_connection_opens_no_window() -> None:
    conn = downloading(1, 3)
    fill(conn, 1, 40_000)
    conn.close_connection(ErrorCodes.INTERNAL_ERROR)
    conn.data_to_send()
    assert len(conn.read_data(1)) == 40_000
    assert conn.data_to_send() == b""


def test_a_program_says_that_the_transport_has_ended() -> None:
    conn = downloading()
    wire.feed(conn, wire.data(1, b"one"))
    conn.close_connection(ErrorCodes.INTERNAL_ERROR)
    assert conn.read_data(1) == b"one"
    with pytest.raises(ProtocolError, match="The connection ended before"):
        conn.read_data(1)


def test_a_reset_of_a_stream_and_the_end_of_the_connection_in_one_read() -> None:
    conn = uploading()
    fill(conn, 1, 3 * FRAME)
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.rst_stream(1), wire.data(0))
    assert [frame.type for frame in frames_of(conn)] == [Type.GOAWAY]
    assert conn.readable(1) == 3 * FRAME


@pytest.mark.parametrize("code", [Code.NO_ERROR, Code.CANCEL])
def test_a_complete_message_stays_complete_when_its_stream_is_reset(code: int) -> None:
    conn = client()
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE), wire.data(1, b"no", end_stream=True))
    assert conn.read_data(1, 1) == b"n"
    (event,) = wire.feed(conn, wire.rst_stream(1, code))
    assert isinstance(event, StreamReset)
    assert not conn.at_end(1)
    assert conn.read_data(1) == b"o"
    assert conn.at_end(1)
    assert conn.read_data(1) == b""


def test_a_complete_message_that_was_read_stays_complete_when_its_stream_is_reset() -> None:
    conn = client()
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE), wire.data(1, b"no", end_stream=True))
    assert conn.read_data(1) == b"no"
    wire.feed(conn, wire.rst_stream(1))
    assert conn.at_end(1)
    assert conn.read_data(1) == b""


@pytest.mark.parametrize("reset_at", [3, 501, 999])
def test_a_message_stays_complete_however_many_streams_end_around_its_reset(reset_at: int) -> None:
    conn = client()
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE), wire.data(1, b"no", end_stream=True))
    assert conn.read_data(1) == b"no"
    for stream_id in range(3, 1001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.data_to_send()
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE, end_stream=True))
        if stream_id == reset_at:
            wire.feed(conn, wire.rst_stream(1))
        assert conn.at_end(1)
    assert len(receiving_of(conn)._ended) < 200


def test_a_response_that_was_complete_before_no_error_keeps_its_window() -> None:
    conn = client()
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE))
    fill(conn, 1, 40_000)
    wire.feed(conn, wire.data(1, end_stream=True), wire.rst_stream(1, Code.NO_ERROR))
    assert 0 not in increments(conn)
    assert len(conn.read_data(1)) == 40_000
    assert increments(conn) == {0: 40_000}


def test_ended_streams_are_told_from_cut_ones_after_thousands_of_others() -> None:
    conn = client()
    for stream_id in range(1, 4001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.data_to_send()
        cut = not stream_id % 5
        last = wire.rst_stream(stream_id) if cut else wire.data(stream_id, b"b", end_stream=True)
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE), wire.data(stream_id, b"a"), last)
        assert conn.read_data(stream_id) == (b"a" if cut else b"ab")
        assert conn.at_end(stream_id) is not cut
        if cut:
            with pytest.raises(StreamClosedError):
                conn.read_data(stream_id)
    assert len(receiving_of(conn)._ended) < 3000


def test_a_response_that_waits_is_complete_however_many_streams_are_reset_meanwhile() -> None:
    conn = downloading()
    wire.feed(conn, wire.data(1, b"answer", end_stream=True))
    conn.MAX_CLOSED_STREAMS = 10
    conn._limit_core()
    for stream_id in range(3, 2001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.data_to_send()
        last = wire.rst_stream(stream_id) if stream_id % 4 == 1 else b""
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE, end_stream=not last), last)
    assert conn.read_data(1) == b"answer"
    assert conn.at_end(1)


def test_a_request_that_waits_is_complete_however_many_streams_are_reset_meanwhile() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"question", end_stream=True))
    conn.send_headers(1, [(":status", "202")], end_stream=True)
    conn.data_to_send()
    conn.MAX_CLOSED_STREAMS = 10
    conn._limit_core()
    for stream_id in range(3, 2001, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST, end_stream=stream_id % 4 == 3))
        if stream_id % 4 == 3:
            conn.send_headers(stream_id, [(":status", "202")], end_stream=True)
        else:
            conn.reset_stream(stream_id)
        conn.data_to_send()
    assert conn.read_data(1) == b"question"
    assert conn.at_end(1)


# Streams that are never read.


def test_a_program_that_resets_a_stream_drops_its_content() -> None:
    conn = uploading(1, 3)
    fill(conn, 1, 40_000)
    conn.reset_stream(1, ErrorCodes.CANCEL)
    assert increments(conn) == {0: 40_000}
    assert conn.readable(1) == 0
    assert not conn.at_end(1)
    with pytest.raises(StreamClosedError):
        conn.read_data(1)
    fill(conn, 1, 40_000)
    assert conn.readable(1) == 0
    assert nothing_is_owed(conn)


def test_a_reset_that_is_refused_drops_nothing() -> None:
    conn = downloading()
    wire.feed(conn, wire.data(1, b"answer", end_stream=True))
    with pytest.raises(StreamClosedError):
        conn.reset_stream(1)
    assert conn.read_data(1) == b"answer"


def test_a_complete_request_is_dropped_when_the_program_resets_its_stream() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"question", end_stream=True))
    conn.reset_stream(1, ErrorCodes.CANCEL)
    assert not conn.at_end(1)
    with pytest.raises(StreamClosedError):
        conn.read_data(1)


def test_discarded_content_gives_its_windows_back_and_so_does_what_follows() -> None:
    conn = uploading()
    fill(conn, 1, 40_000)
    conn.discard_data(1)
    assert increments(conn) == {0: 40_000, 1: 40_000}
    assert wire.feed(conn, wire.data(1, b"more")) == []
    fill(conn, 1, 40_000)
    assert nothing_is_owed(conn)
    assert conn.readable(1) == 0
    assert wire.feed(conn, wire.data(1, b"last", end_stream=True)) == [StreamEnded(stream_id=1)]
    assert conn.at_end(1)
    assert not receiving_of(conn)._ignored


def test_a_client_can_send_all_of_a_request_that_was_answered_early() -> None:
    """A server that responds early and discards the rest sends no RST_STREAM, and never stalls."""
    conn = uploading()
    fill(conn, 1, 2 * FRAME)
    conn.send_headers(1, [(":status", "413")], end_stream=True)
    conn.discard_data(1)
    sent = frames_of(conn)
    assert {frame.type for frame in sent} == {Type.HEADERS, Type.WINDOW_UPDATE}
    for _ in range(10):
        fill(conn, 1, 2 * FRAME)
        assert increments(conn) == {0: 2 * FRAME, 1: 2 * FRAME}
    assert wire.feed(conn, wire.data(1, b"last", end_stream=True)) == [StreamEnded(stream_id=1)]
    assert frames_of(conn) == []
    assert conn.readable(1) == 0
    assert nothing_is_owed(conn)


def test_a_loop_on_what_is_buffered_ends_with_the_stream() -> None:
    """A loop on `is_writable` would not end, as the manual says."""
    for end in (
        lambda conn: wire.feed(conn, wire.rst_stream(1)),
        lambda conn: conn.close_connection(error_code=2),
    ):
        conn = uploading()
        conn.send_headers(1, wire.RESPONSE)
        conn.send_data(1, bytes(100_000))
        conn.data_to_send()
        conn.send_data(1, bytes(conn.SEND_BUFFER_HIGH))
        assert conn.send_buffer_size(1) >= conn.SEND_BUFFER_HIGH
        end(conn)
        conn.data_to_send()
        assert conn.send_buffer_size(1) < conn.SEND_BUFFER_HIGH
        assert not conn.is_writable(1)
        with pytest.raises(ProtocolError):
            conn.send_data(1, b"more")


def test_a_response_can_be_discarded_before_its_request_is_opened() -> None:
    conn = waiting_client()
    conn.discard_data(3)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    conn.data_to_send()
    events = wire.feed(conn, wire.headers(3, wire.RESPONSE), wire.data(3, b"answer"))
    assert kinds(events) == ["ResponseReceived", "StreamOpened"]
    assert conn.readable(3) == 0
    assert nothing_is_owed(conn)


def test_content_of_a_closed_stream_can_be_discarded() -> None:
    conn = downloading()
    fill(conn, 1, 40_000)
    wire.feed(conn, wire.data(1, end_stream=True))
    conn.data_to_send()
    conn.discard_data(1)
    assert increments(conn) == {0: 40_000}
    conn.discard_data(1)
    assert increments(conn) == {}
    assert not receiving_of(conn)._ignored


def test_content_of_a_stream_that_was_reset_can_be_discarded() -> None:
    conn = uploading()
    fill(conn, 1, 40_000)
    wire.feed(conn, wire.rst_stream(1))
    assert increments(conn)[0] == 40_000
    conn.discard_data(1)
    assert increments(conn) == {}, "it was given back before"
    assert conn.readable(1) == 0
    left = receiving_of(conn)._leftovers
    assert left is not None
    assert left._size == 0


def test_streams_that_are_ignored_and_reset_are_forgotten() -> None:
    conn = client()
    for stream_id in range(1, 1001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.discard_data(stream_id)
        conn.data_to_send()
        if stream_id % 4 == 1:
            conn.reset_stream(stream_id)
        else:
            wire.feed(conn, wire.rst_stream(stream_id))
        conn.data_to_send()
    assert len(receiving_of(conn)._ignored) == 0


def test_waiting_requests_that_are_ignored_are_not_forgotten() -> None:
    conn = client()
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 0)))
    for stream_id in range(1, 1001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.discard_data(stream_id)
    for stream_id in range(1, 997, 2):
        conn.reset_stream(stream_id)
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 5)))
    conn.data_to_send()
    for stream_id in range(1001, 1401, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.discard_data(stream_id)
        conn.reset_stream(stream_id)
    assert len(receiving_of(conn)._ignored) == 2
    wire.feed(conn, wire.headers(997, wire.RESPONSE), wire.data(997, b"answer"))
    assert conn.readable(997) == 0


def test_streams_that_are_ignored_and_taken_out_are_forgotten() -> None:
    conn = client()
    for stream_id in range(1, 2001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        conn.discard_data(stream_id)
        conn.data_to_send()
        conn.streams.pop(stream_id)
    assert len(receiving_of(conn)._ignored) < 200


def test_the_window_of_a_stream_that_the_peer_has_reset_is_given_back_unread() -> None:
    conn = uploading(1, 3)
    fill(conn, 1, 40_000)
    assert increments(conn) == {}
    wire.feed(conn, wire.rst_stream(1))
    assert increments(conn) == {0: 40_000}
    assert len(conn.read_data(1)) == 40_000
    assert increments(conn) == {}, "not a second time"


def test_a_server_that_never_reads_requests_is_not_stuck() -> None:
    conn = server()
    room = DEFAULT_WINDOW
    for stream_id in range(1, 401, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        assert room >= 10_000, "the client can go on"
        wire.feed(conn, wire.data(stream_id, b"x" * 10_000, end_stream=True))
        room -= 10_000
        conn.send_headers(stream_id, [(":status", "404")], end_stream=True)
        room += increments(conn).get(0, 0)


def test_a_request_can_be_read_after_its_response() -> None:
    conn = uploading()
    fill(conn, 1, 40_000)
    wire.feed(conn, wire.data(1, end_stream=True))
    conn.send_headers(1, [(":status", "202")], end_stream=True)
    assert increments(conn) == {0: 40_000}
    assert len(conn.read_data(1, 30_000)) == 30_000
    assert len(conn.read_data(1)) == 10_000
    assert conn.at_end(1)
    assert increments(conn) == {}


def test_a_request_that_was_answered_before_it_was_complete_returns_its_window() -> None:
    conn = uploading()
    fill(conn, 1, 40_000)
    conn.send_headers(1, [(":status", "413")], end_stream=True)
    assert increments(conn) == {}, "it is not complete yet"
    wire.feed(conn, wire.data(1, end_stream=True))
    assert increments(conn) == {0: 40_000}
    assert conn._sending.answered == []
    assert len(conn.read_data(1)) == 40_000
    assert conn.at_end(1)


def test_a_request_that_was_read_after_its_answer_has_no_second_effect() -> None:
    """Nothing is sent for it, so this call makes no frame that is shorter than necessary."""
    conn = uploading()
    wire.feed(conn, wire.data(1, b"x", end_stream=True), wire.headers(3, wire.REQUEST))
    wire.feed(conn, wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**20)))
    conn.send_headers(3, wire.RESPONSE)
    conn.data_to_send()
    conn.send_headers(1, [(":status", "202")])
    conn.send_data(3, bytes(3 * FRAME))
    conn.end_stream(1)
    assert conn.read_data(1) == b"x"
    sent = [frame for frame in wire.parse(conn.data_to_send(2 * FRAME)) if frame.stream_id == 3]
    assert [len(frame.payload) for frame in sent] == [FRAME]


def test_how_a_stream_ended_of_which_nothing_is_remembered() -> None:
    conn = server()
    conn.MAX_CLOSED_STREAMS = 10
    conn._limit_core()
    for stream_id in range(1, 1001, 2):
        request = wire.headers(stream_id, wire.POST), wire.data(stream_id, b"x", end_stream=True)
        wire.feed(conn, *request)
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        conn.data_to_send()
        assert conn.read_data(stream_id) == b"x"
    # That a program has reset a stream is no doubt about others, even if it is forgotten.
    wire.feed(conn, wire.headers(1001, wire.POST))
    conn.reset_stream(1001)
    for stream_id in range(1003, 1025, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        fill(conn, stream_id, 40_000)
        wire.feed(conn, wire.data(stream_id, end_stream=True))
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        conn.data_to_send()
    assert 1 not in receiving_of(conn)._ended
    assert 1001 not in receiving_of(conn)._leftovers._lost
    assert conn.at_end(1) is True
    assert conn.read_data(1) == b""


def test_a_request_that_is_answered_later_keeps_its_window_until_then() -> None:
    conn = uploading()
    fill(conn, 1, 40_000)
    wire.feed(conn, wire.data(1, end_stream=True))
    assert increments(conn) == {}
    conn.send_headers(1, [(":status", "202")])
    assert increments(conn) == {}
    conn.end_stream(1)
    assert conn.data_to_send(9) != b""
    assert conn.data_to_send(4) != b"", "in pieces, too"
    conn.data_to_send()
    assert conn.inbound_flow_control_window == DEFAULT_WINDOW


def test_content_that_is_dropped_is_not_missed_silently() -> None:
    conn = uploading(1, 3, 5)
    for stream_id in (1, 3, 5):
        wire.feed(conn, wire.data(stream_id, b"y" * FRAME))
        fill(conn, stream_id, 20_000)
        wire.feed(conn, wire.data(stream_id, end_stream=True))
        conn.send_headers(stream_id, [(":status", "202")], end_stream=True)
        conn.data_to_send()
    assert conn.readable(1) == 0, "the oldest was discarded"
    assert not conn.at_end(1)
    with pytest.raises(StreamClosedError, match="The content of stream 1 was discarded"):
        conn.read_data(1)
    assert len(conn.read_data(5)) == 36_384
    assert conn.at_end(5)


def test_what_was_dropped_of_a_reset_stream_is_not_missed_silently() -> None:
    conn = uploading(1, 3)
    for stream_id in (1, 3):
        fill(conn, stream_id, 40_000)
        wire.feed(conn, wire.data(stream_id, end_stream=True), wire.rst_stream(stream_id))
        conn.data_to_send()
    assert not conn.at_end(1)
    with pytest.raises(StreamClosedError):
        conn.read_data(1)
    assert len(conn.read_data(3)) == 40_000
    assert conn.at_end(3)


def test_streams_that_lost_content_are_remembered_up_to_a_limit() -> None:
    conn = server()
    conn.MAX_CLOSED_STREAMS = 10
    conn._limit_core()
    for stream_id in range(1, 200, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        fill(conn, stream_id, 40_000)
        wire.feed(conn, wire.data(stream_id, end_stream=True))
        conn.send_headers(stream_id, [(":status", "202")], end_stream=True)
        conn.data_to_send()
    left = receiving_of(conn)._leftovers
    assert left is not None
    assert len(left._lost) == 10
    assert conn.readable(199) == 40_000
    for stream_id in (197, 179):
        with pytest.raises(StreamClosedError):
            conn.read_data(stream_id)


# Windows.


def test_what_was_read_is_acknowledged_and_nothing_else() -> None:
    conn = uploading()
    fill(conn, 1, 60_000)
    assert increments(conn) == {}
    conn.read_data(1, HALF - 1)
    assert increments(conn) == {}
    conn.read_data(1, 1)
    assert increments(conn) == {0: HALF, 1: HALF}
    conn.read_data(1)
    assert increments(conn) == {}
    core = conn._core
    assert core.window.handed_back == core.streams[1].window.handed_back == 60_000 - HALF


def test_padding_is_acknowledged_when_it_arrives() -> None:
    conn = uploading()
    wire.feed(conn, wire.data(1, b"question", pad=100))
    core = conn._core
    assert core.window.handed_back == core.streams[1].window.handed_back == 101
    conn.read_data(1)
    assert core.window.handed_back == core.streams[1].window.handed_back == 109


def test_padding_alone_never_exhausts_a_window() -> None:
    conn = uploading()
    for _ in range(1000):
        wire.feed(conn, wire.data(1, b"", pad=255))
    assert nothing_is_owed(conn)
    assert conn.remote_flow_control_window(1) > HALF


def test_many_small_reads_of_an_exhausted_window_make_one_update() -> None:
    conn = uploading()
    fill(conn, 1, DEFAULT_WINDOW)
    conn.data_to_send()
    for _ in range(1000):
        conn.read_data(1, 1)
    frames = frames_of(conn)
    assert [(frame.type, frame.stream_id, frame.increment) for frame in frames] == [
        (Type.WINDOW_UPDATE, 0, 1000),
        (Type.WINDOW_UPDATE, 1, 1000),
    ]


def test_small_reads_make_an_update_for_half_a_window() -> None:
    conn = uploading()
    updates = 0
    for _ in range(20):
        fill(conn, 1, 30_000)
        while conn.readable(1):
            conn.read_data(1, 100)
            updates += len(frames_of(conn))
    assert updates == 2 * (20 * 30_000 // (HALF + 33)), "reads of 100 octets overshoot by 33"


def test_a_reader_that_waits_for_a_whole_record_is_not_stuck() -> None:
    conn = uploading()
    fill(conn, 1, DEFAULT_WINDOW)
    conn.data_to_send()
    conn.read_data(1, 10)  # the length of the record, which is as large as the window
    assert increments(conn) == {0: 10, 1: 10}


def test_readers_that_wait_for_more_on_many_streams_are_not_stuck() -> None:
    stream_ids = range(1, 200, 2)
    conn = uploading(*stream_ids)
    for stream_id in stream_ids:
        wire.feed(conn, wire.data(stream_id, b"x" * 655))
    wire.feed(conn, wire.data(1, b"x" * 35))
    conn.data_to_send()
    for stream_id in stream_ids:
        conn.read_data(stream_id, 600)
    assert increments(conn)[0] >= 100


def test_windows_of_several_streams_that_are_exhausted_are_opened() -> None:
    conn = uploading(1, 3, stream_window=1_000)
    for stream_id in (1, 3):
        fill(conn, stream_id, 1_000)
    conn.data_to_send()
    for stream_id in (1, 3):
        conn.read_data(stream_id, 10)
    assert increments(conn) == {1: 10, 3: 10}


@pytest.mark.parametrize("make", [uploading, downloading])
def test_no_window_is_opened_on_a_stream_that_the_peer_has_ended(make: Any) -> None:
    conn = make(1)
    fill(conn, 1, 40_000)
    wire.feed(conn, wire.data(1, b"x", end_stream=True))
    conn.read_data(1)
    assert increments(conn) == {0: 40_001}
    assert conn.at_end(1)


@pytest.mark.parametrize("reset", [False, True])
def test_small_frames_count_until_their_octets_are_given_back(reset: bool) -> None:
    """This holds if the program reads them and if the peer resets their stream."""
    limits = AbuseLimits(small_data=20, resets_received=None)
    settings = {Setting.MAX_CONCURRENT_STREAMS: 1}
    conn = started(False, config={"limits": limits, "clock": lambda: 0.0})
    conn.update_settings(settings)
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.settings(ack=True), wire.settings(ack=True))
    # The limit also grows with the window of the connection.
    conn._core.window.limit = HALF
    for stream_id in range(1, 101, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        wire.feed(conn, *[wire.data(stream_id, b"small")] * 20)
        fill(conn, stream_id, 20_000)
        if reset:
            wire.feed(conn, wire.rst_stream(stream_id))
        else:
            conn.read_data(stream_id)
            wire.feed(conn, wire.data(stream_id, end_stream=True))
            conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        conn.data_to_send()
    conduct = conn._core.conduct
    assert conduct.small is not None
    assert conduct.small.count <= 40


@pytest.mark.parametrize("how", ["read", "in part", "discarded", "reset", "we reset"])
def test_a_request_is_remembered_as_long_as_it_is_not_read(how: str) -> None:
    conn = uploading(1, 3)
    receiving = receiving_of(conn)
    for stream_id in (1, 3):
        wire.feed(conn, wire.data(stream_id, b"question", end_stream=True))
    assert receiving.unread_requests == {1, 3}
    if how == "in part":
        conn.read_data(1, 3)
    elif how == "read":
        conn.read_data(1)
    elif how == "discarded":
        conn.discard_data(1)
        assert not receiving._ignored
    elif how == "reset":
        wire.feed(conn, wire.rst_stream(1))
    else:
        conn.reset_stream(1)
    assert receiving.unread_requests == ({1, 3} if how == "in part" else {3})


def test_streams_that_are_still_open_are_ignored_however_many_were_taken_out() -> None:
    conn = uploading(1)
    conn.discard_data(1)
    for stream_id in range(3, 603, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        conn.discard_data(stream_id)
        del conn.streams[stream_id]
        assert len(receiving_of(conn)._ignored) <= 2 * (2 + 64)
    wire.feed(conn, wire.data(1, b"nobody reads it"))
    assert not conn.readable(1)


def test_the_end_is_told_by_true_or_false() -> None:
    conn = downloading(1, 3)
    wire.feed(conn, wire.data(1, b"x", end_stream=True))
    assert [conn.at_end(stream_id) for stream_id in (1, 3)] == [False, False]
    conn.read_data(1)
    assert [conn.at_end(stream_id) for stream_id in (1, 3)] == [True, False]


def test_an_exhausted_window_after_it_became_smaller() -> None:
    conn = uploading()
    fill(conn, 1, 50_000)
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 20_000})
    wire.feed(conn, wire.settings(ack=True))
    conn.data_to_send()
    while conn.readable(1):
        conn.read_data(1, 700)
    assert increments(conn)[1] == 50_000
    assert conn._core.streams[1].window.value == 20_000


def test_a_peer_that_exceeds_a_window_is_refused_as_ever() -> None:
    conn = uploading(stream_window=1000)
    (event,) = wire.feed(conn, wire.data(1, b"x" * 1001))
    assert isinstance(event, StreamReset)
    conn = uploading()
    fill(conn, 1, DEFAULT_WINDOW)
    with pytest.raises(FlowControlError):
        wire.feed(conn, wire.data(1, b"x"))


# Windows by configuration.


@pytest.mark.parametrize("client_side", [True, False])
@pytest.mark.parametrize("size", [1, 1000, DEFAULT_WINDOW, 2**20, MAX_WINDOW])
def test_the_window_of_streams_is_in_the_first_settings(client_side: bool, size: int) -> None:
    conn = started(client_side, stream_window=size)
    first = wire.parse(conn.data_to_send())[0]
    assert first.type == Type.SETTINGS
    assert dict(first.settings)[Setting.INITIAL_WINDOW_SIZE] == size
    plain = started(client_side)
    expected = dict(wire.parse(plain.data_to_send())[0].settings)
    assert dict(first.settings) == {**expected, Setting.INITIAL_WINDOW_SIZE: size}


@pytest.mark.parametrize("client_side", [True, False])
@pytest.mark.parametrize("size", [DEFAULT_WINDOW, DEFAULT_WINDOW + 1, 2**20, MAX_WINDOW])
def test_the_window_of_the_connection_is_in_the_first_flight(client_side: bool, size: int) -> None:
    conn = started(client_side, connection_window=size)
    increment = size - DEFAULT_WINDOW
    assert increments(conn) == ({0: increment} if increment else {})
    assert conn.inbound_flow_control_window == size
    conn.initiate_connection()
    assert increments(conn) == {}, "once is enough"


def test_windows_of_an_upgraded_connection() -> None:
    conn = BufferedH2Connection(
        H2Configuration(client_side=False), stream_window=2**20, connection_window=2**21
    )
    conn.initiate_upgrade_connection(b"")
    settings, update = wire.parse(conn.data_to_send())
    assert dict(settings.settings)[Setting.INITIAL_WINDOW_SIZE] == 2**20
    assert update.increment == 2**21 - DEFAULT_WINDOW


def test_the_window_of_streams_counts_where_the_program_has_replaced_the_settings() -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=False), stream_window=2**20)
    assert conn.local_settings.initial_window_size == 2**20
    conn.local_settings = type(conn.local_settings)(False)
    conn.initiate_connection()
    (settings,) = wire.parse(conn.data_to_send())
    assert dict(settings.settings)[Setting.INITIAL_WINDOW_SIZE] == 2**20


def test_the_window_of_streams_is_what_the_program_has_changed_it_to() -> None:
    conn = server(stream_window=1000)
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 5000})
    wire.feed(conn, wire.settings(ack=True))
    conn.data_to_send()
    conn.initiate_connection()
    (settings,) = frames_of(conn)
    assert dict(settings.settings)[Setting.INITIAL_WINDOW_SIZE] == 5000


@pytest.mark.parametrize(
    ("name", "size", "bounds"),
    [
        ("stream_window", 0, "1 and 2147483647"),
        ("stream_window", -1, "1 and 2147483647"),
        ("stream_window", 2**31, "1 and 2147483647"),
        ("connection_window", 65_534, "65535 and 2147483647"),
        ("connection_window", 2**31, "65535 and 2147483647"),
    ],
)
def test_windows_out_of_bounds_are_refused(name: str, size: int, bounds: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be between {bounds}, not {size}"):
        BufferedH2Connection(**{name: size})


def test_a_window_that_is_no_integer_is_refused() -> None:
    wrong: Any = 65_536.0
    with pytest.raises(TypeError):
        BufferedH2Connection(connection_window=wrong)
    with pytest.raises(TypeError):
        BufferedH2Connection(stream_window=wrong)


@pytest.mark.parametrize("size", [1, 1000, 2**20])
def test_windows_open_again_to_what_was_configured(size: int) -> None:
    conn = uploading(stream_window=size, connection_window=2**20)
    for _ in range(3):
        fill(conn, 1, size)
        assert conn.remote_flow_control_window(1) == 0
        conn.data_to_send()
        assert len(conn.read_data(1)) == size
        conn.data_to_send()
        assert conn.remote_flow_control_window(1) == size
