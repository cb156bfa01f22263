"""RFC 9113 section 4.3.1: the compression state and SETTINGS_HEADER_TABLE_SIZE."""

from __future__ import annotations

import pytest
from hpack import Decoder

from h2.connection import H2Connection
from h2.events import RequestReceived, SettingsAcknowledged
from support import wire
from support.outcome import assert_connection_error, kinds, only, sent
from support.wire import Code, Setting


def test_the_peer_must_shrink_its_table_after_its_ack() -> None:
    """After the ACK of a reduction a block without a size update is COMPRESSION_ERROR."""
    conn = wire.server()
    conn.update_settings({Setting.HEADER_TABLE_SIZE: 100})
    wire.feed(conn, wire.settings(ack=True))
    assert_connection_error(conn, wire.headers(1, wire.REQUEST), code=Code.COMPRESSION_ERROR)


@pytest.mark.parametrize(
    ("updates", "fine"),
    [((0, 4_096), True), ((0,), True), ((), False), ((4_096,), False), ((50, 4_096), False)],
    ids=["both", "smallest", "none", "last", "not small enough"],
)
def test_the_peer_must_announce_the_smallest_size(updates: tuple[int, ...], fine: bool) -> None:
    """Smaller, then larger between two blocks: the smallest must be signaled (RFC 7541 4.2)."""
    conn = wire.server()
    for size in (0, 4_096):
        conn.update_settings({Setting.HEADER_TABLE_SIZE: size})
    wire.feed(conn, wire.settings(ack=True), wire.settings(ack=True))
    block = b"".join(map(wire.table_size_update, updates)) + wire.block(wire.REQUEST)
    if fine:
        assert kinds(wire.feed(conn, wire.headers(1, block))) == [RequestReceived]
    else:
        assert_connection_error(conn, wire.headers(1, block), code=Code.COMPRESSION_ERROR)


@pytest.mark.parametrize("size", [0, 50, 100])
def test_the_peer_shrinks_its_table(size: int) -> None:
    """Any size up to the new maximum is allowed."""
    conn = wire.server()
    conn.update_settings({Setting.HEADER_TABLE_SIZE: 100})
    wire.feed(conn, wire.settings(ack=True))
    block = wire.table_size_update(size) + wire.block(wire.REQUEST)
    events = wire.feed(conn, wire.headers(1, block), wire.headers(3, wire.REQUEST))
    assert kinds(events) == [RequestReceived, RequestReceived]


def test_a_size_update_above_the_new_maximum_is_no_conformant_one() -> None:
    """The size update must not exceed the new maximum."""
    conn = wire.server()
    conn.update_settings({Setting.HEADER_TABLE_SIZE: 100})
    wire.feed(conn, wire.settings(ack=True))
    block = wire.table_size_update(101) + wire.block(wire.REQUEST)
    assert_connection_error(conn, wire.headers(1, block), code=Code.COMPRESSION_ERROR)


def test_before_the_ack_the_old_maximum_holds() -> None:
    """A reduction takes effect when the peer acknowledges it, not earlier."""
    conn = wire.server()
    conn.update_settings({Setting.HEADER_TABLE_SIZE: 0})
    late = wire.block(wire.REQUEST) + wire.block([(b"a", b"b")], add=True)
    again = wire.block(wire.REQUEST) + wire.indexed(62)
    shrunk = wire.table_size_update(0) + wire.block(wire.REQUEST)
    events = wire.feed(
        conn,
        wire.headers(1, late),
        wire.headers(3, again),
        wire.settings(ack=True),
        wire.headers(5, shrunk),
    )
    assert kinds(events) == [RequestReceived] * 2 + [SettingsAcknowledged, RequestReceived]


def test_a_larger_table_may_be_used_after_the_ack() -> None:
    """With a larger maximum the peer may announce a larger table."""
    conn = wire.server()
    conn.update_settings({Setting.HEADER_TABLE_SIZE: 10_000})
    wire.feed(conn, wire.settings(ack=True))
    entry = (b"large", bytes(8_000).replace(b"\0", b"x"))
    block = wire.table_size_update(10_000) + wire.block(wire.REQUEST)
    wire.feed(conn, wire.headers(1, block + wire.block([entry], add=True)))
    events = wire.feed(conn, wire.headers(3, wire.block(wire.REQUEST) + wire.indexed(62)))
    assert only(events, RequestReceived).headers[-1] == entry


def test_a_larger_table_need_not_be_used() -> None:
    """An encoder may use less than the maximum without signaling it."""
    conn = wire.server()
    conn.update_settings({Setting.HEADER_TABLE_SIZE: 10_000})
    events = wire.feed(conn, wire.settings(ack=True), wire.headers(1, wire.REQUEST))
    assert kinds(events) == [SettingsAcknowledged, RequestReceived]


def first_octets(conn: H2Connection, stream_id: int) -> bytes:
    """The block of a request that ``conn`` now sends."""
    conn.clear_outbound_data_buffer()
    conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
    return sent(conn)[0].fragment


@pytest.mark.parametrize("size", [0, 30, 31, 1000, 4095])
def test_our_encoder_announces_a_smaller_table(size: int) -> None:
    """After a reduction our next block begins with a size update of at most the new maximum."""
    conn = wire.client()
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, size)))
    fragment = first_octets(conn, 1)
    assert fragment[0] & 0xE0 == 0x20
    decoder = Decoder()
    decoder.max_allowed_table_size = size
    assert tuple(wire.decode(fragment, decoder=decoder)) == wire.REQUEST
    assert decoder.header_table_size <= size
    assert first_octets(conn, 3)[0] & 0xE0 != 0x20


def test_our_encoder_announces_the_smallest_and_the_last_size() -> None:
    """Several changes between two blocks: the smallest must be signaled (RFC 7541 4.2)."""
    conn = wire.client()
    first_octets(conn, 1)
    wire.feed(
        conn,
        wire.settings((Setting.HEADER_TABLE_SIZE, 0)),
        wire.settings((Setting.HEADER_TABLE_SIZE, 4096)),
    )
    fragment = first_octets(conn, 3)
    assert fragment[0] == 0x20
    assert tuple(wire.decode(fragment)) == wire.REQUEST


def test_the_encoders_table_is_emptied_by_a_maximum_of_zero() -> None:
    """Without a table no entry can be referenced."""
    conn = wire.client()
    first_octets(conn, 1)
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 0)))
    decoder = Decoder()
    decoder.max_allowed_table_size = 0
    for stream_id in (3, 5):
        fragment = first_octets(conn, stream_id)
        assert tuple(wire.decode(fragment, decoder=decoder)) == wire.REQUEST


def test_a_huge_maximum_obliges_to_nothing() -> None:
    """The peer may offer 2^32-1 octets; it can decode our blocks with the size that we signal."""
    conn = wire.client((Setting.HEADER_TABLE_SIZE, 2**32 - 1))
    decoder = Decoder()
    decoder.max_allowed_table_size = 2**32 - 1
    for stream_id in (1, 3):
        fragment = first_octets(conn, stream_id)
        assert tuple(wire.decode(fragment, decoder=decoder)) == wire.REQUEST
