"""RFC 9113 section 3.4: the connection preface of both sides."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.events import RemoteSettingsChanged, RequestReceived
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_dead,
    kinds,
    sent,
)
from support.wire import PREFACE, Code, Setting, Type


def fresh(client_side: bool) -> H2Connection:
    """A connection that has sent its preface and received nothing."""
    conn = H2Connection(wire.configuration(client_side=client_side))
    conn.initiate_connection()
    conn.clear_outbound_data_buffer()
    return conn


NOT_SETTINGS = {
    "data": wire.data(1, b"x"),
    "headers": wire.headers(1, wire.REQUEST, end_stream=True),
    "priority": wire.priority(1),
    "rst_stream": wire.rst_stream(1),
    "settings ack": wire.settings(ack=True),
    "push_promise": wire.push_promise(1, 2),
    "ping": wire.ping(),
    "goaway": wire.goaway(0),
    "window_update": wire.window_update(0, 1),
    "continuation": wire.continuation(1, wire.REQUEST),
    "altsvc": wire.altsvc(0, b"https://example.com", b'h2=":443"'),
    "unknown type": wire.frame(0xEE, 0, 0, b"?"),
}


def test_client_opens_with_the_magic_and_settings() -> None:
    """The client's first bytes are the 24 octets, the next a SETTINGS frame."""
    conn = H2Connection(wire.configuration(client_side=True))
    conn.initiate_connection()
    out = conn.data_to_send()
    assert out[:24] == bytes.fromhex("505249202a20485454502f322e300d0a0d0a534d0d0a0d0a")
    first = wire.parse(out)[0]
    assert (first.type, first.flags, first.stream_id) == (Type.SETTINGS, 0, 0)


def test_server_opens_with_settings() -> None:
    """The first frame of a server is a SETTINGS frame."""
    conn = H2Connection(wire.configuration(client_side=False))
    conn.initiate_connection()
    first = wire.parse(conn.data_to_send())[0]
    assert (first.type, first.flags, first.stream_id) == (Type.SETTINGS, 0, 0)


def test_server_acknowledges_after_its_own_preface() -> None:
    """The ACK of the peer's first SETTINGS comes behind our own SETTINGS."""
    conn = H2Connection(wire.configuration(client_side=False))
    conn.initiate_connection()
    wire.feed(conn, PREFACE, wire.settings())
    frames = sent(conn)
    assert [(f.type, f.flags) for f in frames] == [(Type.SETTINGS, 0), (Type.SETTINGS, 1)]


@pytest.mark.parametrize("client_side", [True, False], ids=["client", "server"])
@pytest.mark.parametrize(
    "pairs", [(), ((Setting.MAX_FRAME_SIZE, 20_000),)], ids=["empty", "one setting"]
)
def test_settings_of_the_preface(client_side: bool, pairs: tuple[tuple[int, int], ...]) -> None:
    """The SETTINGS frame of a preface may be empty and is acknowledged."""
    conn = fresh(client_side)
    magic = b"" if client_side else PREFACE
    events = wire.feed(conn, magic, wire.settings(*pairs))
    assert kinds(events) == [RemoteSettingsChanged]
    assert conn.data_to_send() == wire.settings(ack=True)


def test_preface_in_two_pieces_at_every_byte() -> None:
    """The preface is a stream of octets: where a read ends means nothing."""
    whole = PREFACE + wire.settings((Setting.INITIAL_WINDOW_SIZE, 70_000))
    for cut in range(1, len(whole)):
        conn = fresh(client_side=False)
        assert conn.receive_data(whole[:cut]) == []
        assert kinds(conn.receive_data(whole[cut:])) == [RemoteSettingsChanged]
        assert conn.data_to_send() == wire.settings(ack=True)


def test_preface_byte_by_byte() -> None:
    """One octet a call is as good as all at once."""
    conn = fresh(client_side=False)
    events = []
    for byte in PREFACE + wire.settings():
        events += conn.receive_data(bytes([byte]))
    assert kinds(events) == [RemoteSettingsChanged]


def test_client_may_send_before_the_servers_preface() -> None:
    """A client need not wait for the server's SETTINGS before its first request."""
    ours = H2Connection(wire.configuration(client_side=True))
    ours.initiate_connection()
    ours.send_headers(1, wire.REQUEST, end_stream=True)
    theirs = fresh(client_side=False)
    events = theirs.receive_data(ours.data_to_send())
    assert kinds(events)[:2] == [RemoteSettingsChanged, RequestReceived]


@pytest.mark.parametrize("position", range(24))
def test_wrong_octet_in_the_magic(position: int) -> None:
    """Any other octet in the magic is a connection error PROTOCOL_ERROR."""
    bad = bytearray(PREFACE)
    bad[position] ^= 0x20
    conn = fresh(client_side=False)
    assert_connection_error(
        conn, bytes(bad), wire.settings(), code=Code.PROTOCOL_ERROR, probe=False
    )


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        wire.settings() + wire.ping() + wire.ping(),
        b"INVALID CONNECTION PREFACE\r\n\r\n",
    ],
    ids=["http/1.1", "last octet", "tls", "no magic", "words"],
)
def test_server_gets_another_protocol(junk: bytes) -> None:
    """What does not start with the magic is a connection error PROTOCOL_ERROR."""
    assert_connection_error(fresh(client_side=False), junk, code=Code.PROTOCOL_ERROR, probe=False)


def test_wrong_magic_is_noticed_at_the_first_wrong_octet() -> None:
    """An HTTP/1.1 request shorter than the magic is not waited upon for ever."""
    assert_connection_error(
        fresh(client_side=False), b"GET / HTTP", code=Code.PROTOCOL_ERROR, probe=False
    )


def test_client_gets_http_1() -> None:
    """A server that answers in HTTP/1.1 sent an invalid preface.

    Read as a frame the answer is also far too long, and section 5.4 lets an endpoint that sees
    several errors report any of them.
    """
    assert_connection_error(
        fresh(client_side=True),
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        code={Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR},
        probe=False,
    )


@pytest.mark.parametrize("client_side", [True, False], ids=["client", "server"])
@pytest.mark.parametrize("first", NOT_SETTINGS.values(), ids=NOT_SETTINGS)
def test_first_frame_is_not_settings(client_side: bool, first: bytes) -> None:
    """The preface contains a SETTINGS frame before any other frame."""
    magic = b"" if client_side else PREFACE
    assert_connection_error(fresh(client_side), magic, first, code=Code.PROTOCOL_ERROR, probe=False)


def test_second_magic_is_no_frame() -> None:
    """The magic is sent once; later its octets are read as a frame header."""
    assert_connection_error(
        wire.server(), PREFACE, code={Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR}
    )


def test_everything_after_a_bad_preface_is_dropped() -> None:
    """Nothing behind an invalid preface is looked at."""
    conn = fresh(client_side=False)
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, b"X" * 24, wire.settings(), wire.headers(1, wire.REQUEST))
    assert caught.value.events == []
    conn.clear_outbound_data_buffer()
    assert_dead(conn)


def test_two_of_our_own_connections_shake_hands() -> None:
    """Both prefaces of this package satisfy the other side."""
    ours, theirs = wire.pair()
    assert_alive(ours)
    assert_alive(theirs)
