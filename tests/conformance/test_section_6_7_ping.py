"""RFC 9113 section 6.7: PING frames."""

from __future__ import annotations

import pytest

from h2.events import PingAckReceived, PingReceived
from support import wire
from support.outcome import assert_alive, assert_connection_error, assert_refused, kinds, only
from support.wire import Code, Factory, Flag, Type

SIDES = pytest.mark.parametrize("make", [wire.server, wire.client], ids=["server", "client"])


@SIDES
@pytest.mark.parametrize("payload", [bytes(8), b"\xff" * 8, b"12345678"])
def test_ping_is_answered(make: Factory, payload: bytes) -> None:
    """The answer is a PING with ACK and the same eight octets."""
    conn = make()
    assert only(wire.feed(conn, wire.ping(payload)), PingReceived).ping_data == payload
    assert conn.data_to_send() == wire.ping(payload, ack=True)


@SIDES
def test_ping_ack_is_not_answered(make: Factory) -> None:
    """A PING with ACK is only reported, whether or not we sent a PING."""
    conn = make()
    event = only(wire.feed(conn, wire.ping(b"answered", ack=True)), PingAckReceived)
    assert event.ping_data == b"answered"
    assert conn.data_to_send() == b""


def test_each_ping_has_its_answer_in_order() -> None:
    """Each PING is answered exactly once."""
    conn = wire.server()
    payloads = [n.to_bytes(8, "big") for n in range(20)]
    events = wire.feed(conn, *map(wire.ping, payloads))
    assert kinds(events) == [PingReceived] * 20
    assert conn.data_to_send() == b"".join(wire.ping(p, ack=True) for p in payloads)


@pytest.mark.parametrize("flags", [0, Flag.ACK], ids=["ping", "ack"])
@pytest.mark.parametrize("stream_id", [1, 2, 3, 2**31 - 1])
def test_ping_on_a_stream(stream_id: int, flags: int) -> None:
    """PING belongs to the connection; on a stream it is PROTOCOL_ERROR."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert_connection_error(
        conn,
        wire.frame(Type.PING, flags, stream_id, b"12345678"),
        code=Code.PROTOCOL_ERROR,
        last_stream_id=1,
    )


@pytest.mark.parametrize("flags", [0, Flag.ACK], ids=["ping", "ack"])
@pytest.mark.parametrize("size", [0, 1, 6, 7, 9, 10, 16, 1_000])
def test_ping_of_another_length(size: int, flags: int) -> None:
    """A length other than eight octets is a connection error FRAME_SIZE_ERROR."""
    assert_connection_error(
        wire.server(), wire.frame(Type.PING, flags, 0, bytes(size)), code=Code.FRAME_SIZE_ERROR
    )


def test_ping_that_we_send() -> None:
    """Our PING has no ACK flag; the answer of the peer is reported."""
    ours, theirs = wire.pair()
    ours.ping(b"\x00\x01abcdef")
    assert ours.data_to_send() == wire.ping(b"\x00\x01abcdef")
    ours.ping(b"87654321")
    mine, _ = wire.exchange(ours, theirs)
    assert only(mine, PingAckReceived).ping_data == b"87654321"


@pytest.mark.parametrize("payload", [b"", b"1234567", b"123456789", bytes(16)])
def test_our_ping_has_eight_octets(payload: bytes) -> None:
    """Any other length is rejected."""
    conn = wire.client()
    assert isinstance(assert_refused(conn, "ping", payload), ValueError)
    assert_alive(conn)


def test_answers_stand_before_the_data_queued_later() -> None:
    """The answer is queued when the PING is received, before later output."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST), wire.ping())
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    types = [f.type for f in wire.parse(conn.data_to_send())]
    assert types == [Type.PING, Type.HEADERS]
