"""RFC 9113 sections 10.5 and 10.5.1: limits on what a peer can demand."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.events import RequestReceived
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
    """One octet more is refused: by default the connection ends, else 431 is the answer."""
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
    """What comes behind the limit changes the HPACK table all the same (section 4.3)."""
    conn = wire.server(strict=True)
    block = wire.block(wire.REQUEST) + wire.block(
        [(b"a", b"1"), (b"x", b"v" * 3_000), (b"b", b"2")], add=True
    )
    # The references count with the size of what they stand for, however short they are.
    assert_too_large(conn, 1, block + wire.indexed(63) * 30 + wire.block([(b"c", b"3")], add=True))
    request = wire.headers(3, wire.block(wire.REQUEST) + wire.indexed(62) + wire.indexed(63))
    (event,) = wire.feed(conn, request)
    assert isinstance(event, RequestReceived)
    assert event.headers[4:] == [(b"c", b"3"), (b"b", b"2")]


def test_sections_that_are_too_large_elsewhere() -> None:
    """In a response, in trailers, in a promise; on a stream that we reset it is ignored."""
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
    """References to one large table entry count with the size of what they stand for."""
    conn = wire.server()
    entry = (b"x", b"v" * 3_000)
    wire.feed(conn, wire.headers(1, wire.block(wire.REQUEST) + wire.block([entry], add=True)))
    bomb = wire.block(wire.REQUEST) + wire.indexed(62) * 1_000
    assert_too_large(conn, 3, bomb)


def flood(conn: H2Connection, frame: bytes) -> None:
    for _ in range(10_000):
        wire.feed(conn, frame)


def test_continuation_frames_without_end() -> None:
    """A block that never ends is refused before it is complete."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_headers=False))
    more = wire.continuation(1, b"", end_headers=False)
    for _ in range(63):
        assert conn.receive_data(more) == []
    # The 64th is refused, as in h2 4.4.1, even if it ends the block.
    with pytest.raises(DenialOfServiceError) as caught:
        conn.receive_data(wire.continuation(1, b"", end_headers=True))
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM
    assert conn._core.partial_block is None


def test_continuation_octets_without_end() -> None:
    """So is one whose fragments are large."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_headers=False))
    more = wire.continuation(1, wire.block([(b"x", b"v" * 16_000)]), end_headers=False)
    with pytest.raises(DenialOfServiceError) as caught:
        flood(conn, more)
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM
