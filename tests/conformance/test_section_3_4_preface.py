"""RFC 9113 section 3.4: the connection preface of both sides."""

from __future__ import annotations

import pytest

from h2.connection import ConnectionState, H2Connection
from h2.events import RemoteSettingsChanged, RequestReceived, SettingsAcknowledged
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
    """The ACK of the peer's first SETTINGS follows our own SETTINGS."""
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
    """The preface is a stream of octets: the boundaries of reads do not matter."""
    whole = PREFACE + wire.settings((Setting.INITIAL_WINDOW_SIZE, 70_000))
    for cut in range(1, len(whole)):
        conn = fresh(client_side=False)
        assert conn.receive_data(whole[:cut]) == []
        assert kinds(conn.receive_data(whole[cut:])) == [RemoteSettingsChanged]
        assert conn.data_to_send() == wire.settings(ack=True)


def test_preface_byte_by_byte() -> None:
    """One octet per call works as well as all at once."""
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
    assert_bad_preface(fresh(client_side=False), bytes(bad) + wire.settings())


def assert_bad_preface(conn: H2Connection, octets: bytes, speaks: str = "") -> None:
    """A connection error PROTOCOL_ERROR. GOAWAY may be omitted: by default it is, as in 4.4.1."""
    if conn.config.strict:
        error = assert_connection_error(conn, octets, code=Code.PROTOCOL_ERROR, probe=False)
    else:
        with pytest.raises(ProtocolError) as caught:
            conn.receive_data(octets)
        error = caught.value
        assert (error.error_code, list(error.events)) == (Code.PROTOCOL_ERROR, [])
        assert_dead(conn)
    assert error.rule == "preface-invalid"
    assert f"speaks {speaks}" in str(error)
    assert len(str(error)) < 400


TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)
TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x46" + bytes(20)
HTTP_1_ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("junk", "speaks"),
    [
        (b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "HTTP/1"),
        (b"GET /" + b"x" * 9_000, "HTTP/1"),
        (b"BREW pot HTTP/1.0\r\n\r\n", "HTTP/1"),
        (HTTP_1_ANSWER, "HTTP/1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "plain text"),
        (TLS_HELLO, "TLS"),
        (TLS_ALERT, "TLS"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
        (wire.settings() + wire.ping() + wire.ping(), "something that is not HTTP/2"),
        (b"INVALID CONNECTION PREFACE\r\n\r\n", "plain text"),
    ],
    ids=[
        *("http/1.1", "long target", "unknown method", "answer", "last octet", "tls", "alert"),
        *("ssh", "no magic", "words"),
    ],
)
def test_server_gets_another_protocol(junk: bytes, speaks: str) -> None:
    """Input that does not start with the magic is a connection error PROTOCOL_ERROR."""
    assert_bad_preface(fresh(client_side=False), junk, speaks)


def test_wrong_magic_is_noticed_at_the_first_wrong_octet() -> None:
    """The server does not wait for more of an HTTP/1.1 request shorter than the magic."""
    assert_bad_preface(fresh(client_side=False), b"GET / HTTP", "HTTP/1")


@pytest.mark.parametrize(
    ("answer", "speaks"),
    [
        (HTTP_1_ANSWER, "HTTP/1"),
        (b"HTTP/1.0 200\r\n", "HTTP/1"),
        (TLS_HELLO, "TLS"),
        (TLS_ALERT, "TLS"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
    ],
    ids=["http/1.1", "http/1.0", "tls", "alert", "ssh"],
)
@pytest.mark.parametrize("cut", [1, 9, 100])
def test_client_gets_another_protocol(answer: bytes, speaks: str, cut: int) -> None:
    """An answer in another protocol is an invalid preface; nine octets suffice to detect it."""
    conn = fresh(client_side=True)
    last = (min(9, len(answer)) - 1) // cut * cut
    for start in range(0, last, cut):
        assert conn.receive_data(answer[start : start + cut]) == []
    assert_bad_preface(conn, answer[last : last + cut], speaks)


def test_client_gets_text() -> None:
    """By default any text may be the start of a frame, so the client waits, as in h2 4.4.1."""
    conn = fresh(client_side=True)
    text = b"Wait, this isn't valid HTTP!"
    if conn.config.strict:
        assert_bad_preface(conn, text, "plain text")
    else:
        assert conn.receive_data(text) == []
        assert not conn._core.partial_frame.pieces


@pytest.mark.parametrize("client_side", [True, False], ids=["client", "server"])
@pytest.mark.parametrize("first", NOT_SETTINGS.values(), ids=NOT_SETTINGS)
def test_first_frame_is_not_settings(client_side: bool, first: bytes) -> None:
    """The preface contains a SETTINGS frame before any other frame."""
    magic = b"" if client_side else PREFACE
    conn = fresh(client_side)
    if conn.config.strict:
        assert_connection_error(conn, magic, first, code=Code.PROTOCOL_ERROR, probe=False)
        return
    # By default it is handled as if it followed SETTINGS, as in h2 4.4.1.
    usual = fresh(client_side)
    wire.feed(usual, magic, wire.settings())
    usual.clear_outbound_data_buffer()
    assert outcome_of(conn, magic + first) == outcome_of(usual, first)


@pytest.mark.parametrize("client_side", [True, False], ids=["client", "server"])
def test_first_frame_is_an_acknowledgment_after_goaway(client_side: bool) -> None:
    """An endpoint that has sent GOAWAY still requires the peer's SETTINGS first."""
    magic = b"" if client_side else PREFACE
    conn = fresh(client_side)
    conn.close_connection()
    if conn.config.strict:
        assert_connection_error(
            conn, magic, wire.settings(ack=True), code=Code.PROTOCOL_ERROR, probe=False
        )
        return
    assert kinds(wire.feed(conn, magic, wire.settings(ack=True))) == [SettingsAcknowledged]
    assert kinds(wire.feed(conn, wire.settings())) == [RemoteSettingsChanged]
    # It continues as after any sent GOAWAY: neither end opens streams.
    assert conn.state_machine.state is ConnectionState.CLOSED
    assert wire.feed(conn, *([] if client_side else [wire.headers(1, wire.REQUEST)])) == []
    if client_side:
        with pytest.raises(ProtocolError):
            conn.send_headers(1, wire.REQUEST)


def outcome_of(conn: H2Connection, octets: bytes) -> tuple[object, ...]:
    """The events or the exception, the output, and the state of stream 1."""
    try:
        events: list[object] = [repr(event) for event in conn.receive_data(octets)]
    except ProtocolError as error:
        events = [type(error), error.error_code, str(error)]
    return events, conn.data_to_send(), conn.stream_state(1)


def test_second_magic_is_no_frame() -> None:
    """The magic is sent once; later its octets are read as a frame header."""
    conn = wire.server()
    if conn.config.strict:
        assert_connection_error(conn, PREFACE, code=Code.FRAME_SIZE_ERROR)
    else:
        # The frame would have 5 MB, of which nothing is kept.
        assert conn.receive_data(PREFACE) == []
        assert not conn._core.partial_frame.pieces


def test_everything_after_a_bad_preface_is_dropped() -> None:
    """Everything after an invalid preface is ignored."""
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
