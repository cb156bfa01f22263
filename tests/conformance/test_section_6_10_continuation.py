"""RFC 9113 section 6.10: CONTINUATION frames; see also section 4.3."""

from __future__ import annotations

import pytest

from h2.events import RequestReceived, ResponseReceived, StreamEnded, TrailersReceived
from support import wire
from support.outcome import assert_alive, assert_connection_error, kinds, only, sent
from support.wire import Code, Factory, Flag, Type, requesting_client

BLOCK = wire.block(wire.REQUEST)


@pytest.mark.parametrize("count", range(1, 9))
def test_continuations(count: int) -> None:
    """Any reasonable number of CONTINUATION frames makes one block."""
    step = -(-len(BLOCK) // (count + 1))
    pieces = [BLOCK[n * step : (n + 1) * step] for n in range(count + 1)]
    frames = [wire.headers(1, pieces[0], end_headers=False)]
    frames += [wire.continuation(1, piece, end_headers=False) for piece in pieces[1:-1]]
    frames.append(wire.continuation(1, pieces[-1]))
    conn = wire.server()
    assert tuple(only(wire.feed(conn, *frames), RequestReceived).headers) == wire.REQUEST
    assert_alive(conn)


@pytest.mark.parametrize("make", [wire.server, wire.client], ids=["server", "client"])
@pytest.mark.parametrize("flags", [0, Flag.END_HEADERS], ids=["", "end_headers"])
def test_continuation_on_stream_zero(make: Factory, flags: int) -> None:
    """CONTINUATION belongs to a stream; on 0 it is a connection error PROTOCOL_ERROR."""
    frame = wire.frame(Type.CONTINUATION, flags, 0, b"")
    assert_connection_error(make(), frame, code=Code.PROTOCOL_ERROR)


def test_continuation_on_stream_zero_inside_a_block() -> None:
    """A block may only be continued on its own stream."""
    begun = wire.headers(1, BLOCK, end_headers=False)
    assert_connection_error(
        wire.server(), begun, wire.continuation(0, b""), code=Code.PROTOCOL_ERROR
    )


PRECEDING = {
    "nothing": [],
    "headers with end_headers": [wire.headers(1, BLOCK)],
    "continuation with end_headers": [
        wire.headers(1, BLOCK[:5], end_headers=False),
        wire.continuation(1, BLOCK[5:]),
    ],
    "data": [wire.headers(1, BLOCK), wire.data(1, b"x")],
    "priority": [wire.headers(1, BLOCK), wire.priority(1)],
    "settings": [wire.headers(1, BLOCK), wire.settings()],
    "unknown frame": [wire.headers(1, BLOCK), wire.frame(0xEE, 0, 1)],
}


@pytest.mark.parametrize("frames", PRECEDING.values(), ids=PRECEDING)
def test_continuation_of_nothing(frames: list[bytes]) -> None:
    """CONTINUATION without a preceding open block is PROTOCOL_ERROR."""
    conn = wire.server()
    if frames:
        wire.feed(conn, *frames)
    assert_connection_error(
        conn,
        wire.continuation(1, wire.TRAILERS),
        code=Code.PROTOCOL_ERROR,
        last_stream_id=1 if frames else 0,
    )


def test_continuation_has_neither_padding_nor_end_stream() -> None:
    """PADDED, PRIORITY and END_STREAM are unused flags here; the payload is all fragment."""
    conn = wire.server()
    events = wire.feed(
        conn,
        wire.headers(1, b"", end_headers=False),
        wire.frame(Type.CONTINUATION, 0xFF, 1, BLOCK),
    )
    assert kinds(events) == [RequestReceived]
    assert wire.feed(conn, wire.data(1, b"still open"))


def test_continued_responses_and_trailers() -> None:
    """All kinds of block can be continued; END_STREAM is a flag of HEADERS."""
    events = wire.feed(
        requesting_client(),
        wire.headers(1, b"", end_headers=False),
        wire.continuation(1, [(b":status", b"103")]),
        wire.headers(1, b"", end_headers=False),
        wire.continuation(1, wire.RESPONSE),
        wire.headers(1, b"", end_headers=False, end_stream=True),
        wire.continuation(1, wire.TRAILERS),
    )
    assert kinds(events)[1:] == [ResponseReceived, TrailersReceived, StreamEnded]


def test_input_cut_inside_a_begun_block() -> None:
    """A block that arrives in several reads is handled when it is complete."""
    conn = wire.server()
    whole = wire.headers(1, BLOCK[:7], end_headers=False) + wire.continuation(1, BLOCK[7:])
    events = []
    for n in range(len(whole)):
        events += conn.receive_data(whole[n : n + 1])
    assert kinds(events) == [RequestReceived]


def test_error_in_a_begun_block_of_an_earlier_read() -> None:
    """A frame that interrupts a block is an error even if it arrives in a later read."""
    conn = wire.server()
    assert wire.feed(conn, wire.headers(1, BLOCK[:7], end_headers=False)) == []
    assert_connection_error(conn, wire.ping(), code=Code.PROTOCOL_ERROR, probe=False)


def test_our_continuations_are_contiguous() -> None:
    """We send nothing between the frames of a field block."""
    conn = wire.client()
    conn.send_headers(1, [*wire.REQUEST, (b"large", bytes(range(33, 127)) * 600)])
    conn.ping(b"12345678")
    conn.send_headers(3, wire.REQUEST)
    frames = sent(conn)
    end = [f.type for f in frames].index(Type.PING)
    assert {f.type for f in frames[1:end]} == {Type.CONTINUATION}
    assert {f.stream_id for f in frames[:end]} == {1}
    assert [f.type for f in frames[end:]] == [Type.PING, Type.HEADERS]
