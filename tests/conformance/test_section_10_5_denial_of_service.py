"""RFC 9113 sections 10.5 and 10.5.1: limits on what a peer can demand."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.exceptions import DenialOfServiceError
from support import wire
from support.outcome import assert_alive, assert_connection_error, kinds
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
    """One octet more is refused, here as an error of the connection."""
    conn = limited_server(limit)
    assert_connection_error(
        conn,
        *split(wire.block([*wire.REQUEST, filler(limit + 1)])),
        code=Code.ENHANCE_YOUR_CALM,
        error=DenialOfServiceError,
    )


def split(block: bytes) -> list[bytes]:
    """A request of that block in frames of the default maximum size."""
    size = wire.DEFAULT_FRAME_SIZE
    pieces = [block[at : at + size] for at in range(0, len(block), size)]
    frames = [wire.headers(1, pieces[0], end_headers=len(pieces) == 1)]
    frames += [
        wire.continuation(1, piece, end_headers=n == len(pieces))
        for n, piece in enumerate(pieces[1:], 2)
    ]
    return frames


def test_a_small_block_that_becomes_a_large_section() -> None:
    """References to one large table entry count with the size of what they stand for."""
    conn = wire.server()
    entry = (b"x", b"v" * 3_000)
    wire.feed(conn, wire.headers(1, wire.block(wire.REQUEST) + wire.block([entry], add=True)))
    bomb = wire.block(wire.REQUEST) + wire.indexed(62) * 1_000
    assert_connection_error(
        conn,
        wire.headers(3, bomb),
        code=Code.ENHANCE_YOUR_CALM,
        error=DenialOfServiceError,
        last_stream_id=1,
    )


def flood(conn: H2Connection, frame: bytes) -> None:
    for _ in range(10_000):
        wire.feed(conn, frame)


def test_continuation_frames_without_end() -> None:
    """A block that never ends is refused before it is complete."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_headers=False))
    more = wire.continuation(1, b"", end_headers=False)
    with pytest.raises(DenialOfServiceError) as caught:
        flood(conn, more)
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM


def test_continuation_octets_without_end() -> None:
    """So is one whose fragments are large."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_headers=False))
    more = wire.continuation(1, wire.block([(b"x", b"v" * 16_000)]), end_headers=False)
    with pytest.raises(DenialOfServiceError) as caught:
        flood(conn, more)
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM
