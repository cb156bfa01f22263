"""RFC 9113 sections 10.5 and 10.5.1: limits on what a peer can demand."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.events import PushedStreamReceived, RequestReceived, StreamReset
from h2.exceptions import DenialOfServiceError
from support import wire
from support.outcome import (
    assert_alive,
    assert_ignored,
    assert_resets_if_strict,
    assert_stream_error,
    kinds,
)
from support.wire import Code, Setting

OVERHEAD = 32
SIZE_OF_REQUEST = sum(len(name) + len(value) + OVERHEAD for name, value in wire.REQUEST)


def limited_server(limit: int) -> H2Connection:
    """A server whose header list limit is acknowledged."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_HEADER_LIST_SIZE: limit})
    wire.feed(conn, wire.settings(ack=True))
    conn.clear_outbound_data_buffer()
    return conn


def filler(limit: int) -> wire.Field:
    """A field that fills a request up to exactly that size."""
    return (b"x", b"v" * (limit - SIZE_OF_REQUEST - OVERHEAD - 1))


@pytest.mark.parametrize("limit", [1_000, 65_536])
def test_field_section_of_exactly_the_limit(limit: int) -> None:
    """Names and values and 32 octets for each field line count; the limit itself is allowed."""
    conn = limited_server(limit)
    events = wire.feed(conn, *split(wire.block([*wire.REQUEST, filler(limit)])))
    assert kinds(events) == [RequestReceived]
    assert_alive(conn)


@pytest.mark.parametrize("limit", [1_000, 65_536])
def test_field_section_above_the_limit(limit: int) -> None:
    """One octet more is a connection error by default; in strict mode the answer is 431."""
    assert_too_large(limited_server(limit), 1, wire.block([*wire.REQUEST, filler(limit + 1)]))


def assert_too_large(conn: H2Connection, stream_id: int, block: bytes) -> None:
    assert_resets_if_strict(
        conn,
        *split(block, stream_id),
        stream_id=stream_id,
        code=Code.ENHANCE_YOUR_CALM,
        error=DenialOfServiceError,
        last_stream_id=stream_id,
        status=b"431",
    )


def test_the_table_follows_a_section_that_is_too_large() -> None:
    """Fields beyond the limit still change the HPACK table (section 4.3)."""
    conn = wire.server(strict=True)
    block = wire.block(wire.REQUEST) + wire.block(
        [(b"a", b"1"), (b"x", b"v" * 3_000), (b"b", b"2")], add=True
    )
    # References count with the size of the fields that they represent.
    assert_too_large(conn, 1, block + wire.indexed(63) * 30 + wire.block([(b"c", b"3")], add=True))
    request = wire.headers(3, wire.block(wire.REQUEST) + wire.indexed(62) + wire.indexed(63))
    (event,) = wire.feed(conn, request)
    assert isinstance(event, RequestReceived)
    assert event.headers[4:] == [(b"c", b"3"), (b"b", b"2")]


def test_sections_that_are_too_large_elsewhere() -> None:
    """In a response, in trailers or in a promise; ignored on a stream that we reset."""
    large = wire.block([(b"x", b"v" * 15_000)]) * 5
    conn = wire.client(strict=True)
    for stream_id in (1, 3, 5, 7):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
    conn.reset_stream(5)
    code = Code.ENHANCE_YOUR_CALM
    response = split(wire.block(wire.RESPONSE) + large, 1)
    assert_stream_error(conn, *response, stream_id=1, code=code)
    wire.feed(conn, wire.headers(3, wire.RESPONSE))
    assert_stream_error(conn, *split(large, 3, end_stream=True), stream_id=3, code=code)
    assert_ignored(conn, *split(wire.block(wire.RESPONSE) + large, 5))
    promised = wire.block(wire.REQUEST) + large
    _, *rest = split(bytes(wire.DEFAULT_FRAME_SIZE) + promised[10_000:], 7)
    promise = wire.push_promise(7, 2, promised[:10_000], end_headers=False)
    assert_stream_error(conn, promise, *rest, stream_id=2, code=code)


def split(block: bytes, stream_id: int = 1, end_stream: bool = False) -> list[bytes]:
    """A request of that block in frames of the default maximum size."""
    size = wire.DEFAULT_FRAME_SIZE
    pieces = [block[at : at + size] for at in range(0, len(block), size)]
    frames = [
        wire.headers(stream_id, pieces[0], end_headers=len(pieces) == 1, end_stream=end_stream)
    ]
    frames += [
        wire.continuation(stream_id, piece, end_headers=n == len(pieces))
        for n, piece in enumerate(pieces[1:], 2)
    ]
    return frames


def test_a_small_block_that_becomes_a_large_section() -> None:
    """References to one large table entry count with the size of the field they represent."""
    conn = wire.server()
    entry = (b"x", b"v" * 3_000)
    wire.feed(conn, wire.headers(1, wire.block(wire.REQUEST) + wire.block([entry], add=True)))
    bomb = wire.block(wire.REQUEST) + wire.indexed(62) * 1_000
    assert_too_large(conn, 3, bomb)


def flood(conn: H2Connection, frame: bytes) -> None:
    for _ in range(10_000):
        wire.feed(conn, frame)


def test_continuation_frames_without_end() -> None:
    """A block that never ends is an error before it is complete."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_headers=False))
    more = wire.continuation(1, b"", end_headers=False)
    for _ in range(63):
        assert conn.receive_data(more) == []
    # The 64th is an error, as in h2 4.4.1, even if it ends the block.
    with pytest.raises(DenialOfServiceError) as caught:
        conn.receive_data(wire.continuation(1, b"", end_headers=True))
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM
    assert conn._core.partial_block is None


def test_continuation_octets_without_end() -> None:
    """A block that never ends is an error, too, if its fragments are large."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_headers=False))
    more = wire.continuation(1, wire.block([(b"x", b"v" * 16_000)]), end_headers=False)
    with pytest.raises(DenialOfServiceError) as caught:
        flood(conn, more)
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("more", [0, 1])
def test_the_longest_block_that_is_kept(more: int) -> None:
    """A block may be encoded clumsily, in twice as many octets as the limit of the section."""
    conn = limited_server(1_000)
    block = bytes(2_000 + more)
    wire.feed(conn, wire.headers(1, block[:1_500], end_headers=False))
    rest = wire.continuation(1, block[1_500:], end_headers=False)
    if more:
        with pytest.raises(DenialOfServiceError) as caught:
            wire.feed(conn, rest)
        assert caught.value.error_code == Code.ENHANCE_YOUR_CALM
    else:
        assert wire.feed(conn, rest) == []
    conn = limited_server(1_000)
    first = wire.headers(1, block, end_headers=False)
    if more:
        with pytest.raises(DenialOfServiceError):
            wire.feed(conn, first)
    else:
        assert wire.feed(conn, first) == []


def test_the_limit_where_the_setting_was_taken_out() -> None:
    """Without the setting, the limit is 64 KiB."""
    for size, fits in ((65_536, True), (65_537, False)):
        conn = H2Connection(wire.configuration(client_side=False))
        del conn.local_settings[Setting.MAX_HEADER_LIST_SIZE]
        conn.initiate_connection()
        wire.feed(conn, wire.PREFACE, wire.settings(), wire.settings(ack=True))
        frames = split(wire.block([*wire.REQUEST, filler(size)]))
        if fits:
            assert kinds(wire.feed(conn, *frames)) == [RequestReceived]
        else:
            assert_too_large(conn, 1, wire.block([*wire.REQUEST, filler(size)]))


def test_promises_without_a_response() -> None:
    """200 are kept; more are refused until some of them have ended."""
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    conn.clear_outbound_data_buffer()
    promises = [wire.push_promise(1, 2 * number) for number in range(1, 204)]
    assert kinds(wire.feed(conn, *promises[:200])) == [PushedStreamReceived] * 200
    assert_alive(conn)
    refused = [StreamReset] if conn.config.strict else []
    assert kinds(wire.feed(conn, promises[200])) == refused
    assert conn.data_to_send() == wire.rst_stream(402, Code.REFUSED_STREAM)
    wire.feed(conn, wire.headers(2, wire.RESPONSE))  # it counts as an open stream now
    assert kinds(wire.feed(conn, promises[201])) == [PushedStreamReceived]
    assert kinds(wire.feed(conn, promises[202])) == refused
    assert conn.data_to_send() == wire.rst_stream(406, Code.REFUSED_STREAM)
