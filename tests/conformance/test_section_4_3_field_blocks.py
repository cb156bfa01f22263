"""RFC 9113 section 4.3: field blocks on the wire; 4.3.1 has its own file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import (
    PushedStreamReceived,
    RequestReceived,
    ResponseReceived,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    kinds,
    only,
    sent,
)
from support.wire import Code, Flag, Type

BAD_BLOCK = wire.indexed(0)
SHORT_REQUEST = b"\x82\x87\x84" + b"\x01\x01a"  # GET, https, "/" by index, :authority: a


def requesting_client() -> H2Connection:
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    conn.clear_outbound_data_buffer()
    return conn


# Contiguous sequences of frames ---------------------------------------------------------------


def test_block_in_two_pieces_at_every_octet() -> None:
    """A field block may be split anywhere, even inside a name, a value or an integer."""
    block = wire.block(wire.REQUEST)
    for cut in range(len(block) + 1):
        conn = wire.server()
        events = wire.feed(
            conn,
            wire.headers(1, block[:cut], end_headers=False),
            wire.continuation(1, block[cut:]),
        )
        assert tuple(only(events, RequestReceived).headers) == wire.REQUEST


def test_block_with_one_octet_a_frame() -> None:
    """Fragments of one octet each make the same block."""
    conn = wire.server()
    pieces = [SHORT_REQUEST[n : n + 1] for n in range(len(SHORT_REQUEST))]
    events = wire.feed(
        conn,
        wire.headers(1, pieces[0], end_headers=False),
        *(wire.continuation(1, piece, end_headers=False) for piece in pieces[1:-1]),
        wire.continuation(1, pieces[-1]),
    )
    assert dict(only(events, RequestReceived).headers)[b":authority"] == b"a"


@pytest.mark.parametrize("where", ["headers", "middle", "last"])
def test_empty_fragments(where: str) -> None:
    """Fragments of length zero are allowed anywhere in a block."""
    block = wire.block(wire.REQUEST)
    first = b"" if where == "headers" else block
    last = block if where == "headers" else b""
    frames = [wire.headers(1, first, end_headers=False)]
    if where == "middle":
        frames.append(wire.continuation(1, b"", end_headers=False))
    frames.append(wire.continuation(1, last))
    conn = wire.server()
    assert kinds(wire.feed(conn, *frames)) == [RequestReceived]


def test_no_event_before_the_block_is_complete() -> None:
    """A block is one unit; its frames may arrive in separate reads."""
    conn = wire.server()
    block = wire.block(wire.REQUEST)
    assert wire.feed(conn, wire.headers(1, block[:9], end_headers=False)) == []
    assert wire.feed(conn, wire.continuation(1, block[9:20], end_headers=False)) == []
    assert conn.open_inbound_streams in (0, 1)
    events = wire.feed(conn, wire.continuation(1, block[20:]))
    assert kinds(events) == [RequestReceived]


INTERLOPERS = {
    "data": wire.data(1, b"x"),
    "headers, same stream": wire.headers(1, wire.TRAILERS, end_stream=True),
    "headers, other stream": wire.headers(3, wire.REQUEST),
    "priority": wire.priority(1),
    "rst_stream": wire.rst_stream(1),
    "settings": wire.settings(),
    "settings ack": wire.settings(ack=True),
    "push_promise": wire.push_promise(1, 2),
    "ping": wire.ping(),
    "ping ack": wire.ping(ack=True),
    "goaway": wire.goaway(0),
    "window_update": wire.window_update(0, 1),
    "continuation, other stream": wire.continuation(3, b""),
    "altsvc": wire.altsvc(0, b"https://example.com", b"clear"),
    "unknown type": wire.frame(0xEE, 0, 0),
}


@pytest.mark.parametrize("frame", INTERLOPERS.values(), ids=INTERLOPERS)
@pytest.mark.parametrize("after_continuation", [False, True], ids=["headers", "continuation"])
def test_nothing_comes_between_the_frames_of_a_block(
    frame: bytes, after_continuation: bool
) -> None:
    """Any other frame inside a block is a connection error PROTOCOL_ERROR."""
    begun = [wire.headers(1, wire.block(wire.REQUEST)[:10], end_headers=False)]
    if after_continuation:
        begun.append(wire.continuation(1, b"", end_headers=False))
    assert_connection_error(wire.server(), *begun, frame, code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("frame", INTERLOPERS.values(), ids=INTERLOPERS)
def test_nothing_comes_between_the_frames_of_a_promise(frame: bytes) -> None:
    """The same rule applies to a block that PUSH_PROMISE started."""
    begun = wire.push_promise(1, 2, wire.block(wire.REQUEST)[:10], end_headers=False)
    assert_connection_error(requesting_client(), begun, frame, code=Code.PROTOCOL_ERROR)


# Decoding errors ------------------------------------------------------------------------------


def trailers_after_request(conn: H2Connection) -> list[bytes]:
    wire.feed(conn, wire.headers(1, wire.POST))
    return [wire.headers(1, BAD_BLOCK, end_stream=True)]


def continuation_of_a_request(conn: H2Connection) -> list[bytes]:
    wire.feed(conn, wire.headers(1, wire.POST))
    return [wire.headers(3, b"\x82", end_headers=False), wire.continuation(3, BAD_BLOCK)]


def stream_that_we_reset(conn: H2Connection) -> list[bytes]:
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.reset_stream(1)
    return [wire.headers(1, BAD_BLOCK, end_stream=True)]


def stream_that_ended(conn: H2Connection) -> list[bytes]:
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    return [wire.headers(1, BAD_BLOCK, end_stream=True)]


def stream_above_our_goaway(conn: H2Connection) -> list[bytes]:
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.close_connection()
    return [wire.headers(3, BAD_BLOCK, end_stream=True)]


@pytest.mark.parametrize(
    "scene",
    [
        trailers_after_request,
        continuation_of_a_request,
        stream_that_we_reset,
        stream_that_ended,
        stream_above_our_goaway,
    ],
)
def test_undecodable_block(scene: Callable[[H2Connection], list[bytes]]) -> None:
    """A block that cannot be decoded ends the connection, even if its frames are discarded."""
    conn = wire.server()
    frames = scene(conn)
    assert_connection_error(conn, *frames, code=Code.COMPRESSION_ERROR, last_stream_id=1)


def test_undecodable_first_request() -> None:
    """A new stream whose block cannot be decoded was never processed."""
    assert_connection_error(wire.server(), wire.headers(1, BAD_BLOCK), code=Code.COMPRESSION_ERROR)


@pytest.mark.parametrize(
    "frame",
    [wire.headers(1, BAD_BLOCK), wire.push_promise(1, 2, BAD_BLOCK)],
    ids=["response", "push"],
)
def test_undecodable_block_at_a_client(frame: bytes) -> None:
    """The same for responses and promised requests."""
    assert_connection_error(requesting_client(), frame, code=Code.COMPRESSION_ERROR)


# The table is shared by all blocks of a connection ---------------------------------------------


def test_table_entries_outlive_the_stream() -> None:
    """Blocks refer to entries that blocks of other streams have added to the dynamic table."""
    conn = wire.server()
    first = wire.block(wire.REQUEST) + wire.block([(b"a", b"b")], add=True)
    wire.feed(conn, wire.headers(1, first))
    events = wire.feed(conn, wire.headers(3, wire.block(wire.REQUEST) + wire.indexed(62)))
    assert tuple(only(events, RequestReceived).headers) == (*wire.REQUEST, (b"a", b"b"))


DISCARDED: dict[str, Callable[[H2Connection], int]] = {}


def discarded(scene: Callable[[H2Connection], int]) -> Callable[[H2Connection], int]:
    DISCARDED[scene.__name__] = scene
    return scene


@discarded
def reset_by_us(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.reset_stream(1)
    return 1


@discarded
def reset_by_us_after_the_response(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    conn.reset_stream(1)
    return 1


@discarded
def half_closed_remote(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    return 1


@discarded
def above_our_goaway(conn: H2Connection) -> int:
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.close_connection()
    return 3


@pytest.mark.parametrize("continued", [False, True], ids=["one frame", "continuation"])
@pytest.mark.parametrize("scene", DISCARDED.values(), ids=DISCARDED)
def test_discarded_blocks_change_the_table(
    scene: Callable[[H2Connection], int], continued: bool
) -> None:
    """HEADERS on a stream that is no longer needed still update the decoder."""
    conn = wire.server()
    stream_id = scene(conn)
    block = wire.block([(b"a", b"b")], add=True)
    if continued:
        late = [
            wire.headers(stream_id, block[:2], end_stream=True, end_headers=False),
            wire.continuation(stream_id, block[2:]),
        ]
    else:
        late = [wire.headers(stream_id, block, end_stream=True)]
    wire.feed(conn, *late)
    conn.clear_outbound_data_buffer()
    # The dynamic table now begins with a: b, so index 63 does not exist and 62 does.
    probe = wire.headers(stream_id, wire.indexed(62), end_stream=True)
    wire.feed(conn, probe)
    assert_connection_error(
        conn,
        wire.headers(stream_id, wire.indexed(63), end_stream=True),
        code=Code.COMPRESSION_ERROR,
        last_stream_id=1,
    )


def test_push_promise_on_a_stream_that_the_client_reset_changes_the_table() -> None:
    """A PUSH_PROMISE that is answered with RST_STREAM or ignored is decoded first."""
    conn = requesting_client()
    conn.send_headers(3, wire.REQUEST, end_stream=True)
    conn.reset_stream(1)
    block = wire.block(wire.REQUEST) + wire.block([(b"a", b"b")], add=True)
    wire.feed(conn, wire.push_promise(1, 2, block))
    events = wire.feed(conn, wire.headers(3, wire.block(wire.RESPONSE) + wire.indexed(62)))
    assert tuple(only(events, ResponseReceived).headers) == (*wire.RESPONSE, (b"a", b"b"))


def test_all_kinds_of_block_share_one_table() -> None:
    """Promise, response and trailers in one direction use one decoder."""
    conn = requesting_client()
    promise = wire.block(wire.REQUEST) + wire.block([(b"a", b"1")], add=True)
    response = wire.block(wire.RESPONSE) + wire.indexed(62) + wire.block([(b"b", b"2")], add=True)
    trailers = wire.indexed(62) + wire.indexed(63)
    events = wire.feed(
        conn,
        wire.push_promise(1, 2, promise),
        wire.headers(1, response),
        wire.headers(1, trailers, end_stream=True),
    )
    assert only(events, PushedStreamReceived).headers[-1] == (b"a", b"1")
    assert only(events, ResponseReceived).headers[1:] == [(b"a", b"1"), (b"b", b"2")]
    assert only(events, TrailersReceived).headers == [(b"b", b"2"), (b"a", b"1")]


def test_one_block_ends_once() -> None:
    """END_HEADERS ends a block; a CONTINUATION after it belongs to no block."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.frame(Type.CONTINUATION, Flag.END_HEADERS, 1))
    assert sent(conn)[-1].error_code == Code.PROTOCOL_ERROR


def test_interleaving_between_blocks_is_fine() -> None:
    """Between complete blocks the frames of all streams may alternate."""
    conn = wire.server()
    events = wire.feed(
        conn,
        wire.headers(1, wire.POST),
        wire.headers(3, wire.POST),
        wire.headers(1, wire.TRAILERS, end_stream=True),
        wire.headers(3, wire.TRAILERS, end_stream=True),
    )
    assert [e.stream_id for e in events if isinstance(e, TrailersReceived)] == [1, 3]
    assert_alive(conn)
