"""RFC 9113 section 8.5: the CONNECT method, and 8.6: no Upgrade."""

from __future__ import annotations

import contextlib

import pytest

from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.stream import StreamState
from support import wire
from support.outcome import (
    assert_alive,
    assert_ignored,
    assert_malformed,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.rules import watched_violations
from support.wire import Code, Type

CONNECT: wire.Fields = ((b":method", b"CONNECT"), (b":authority", b"example.com:443"))
SCHEME, PATH = (b":scheme", b"https"), (b":path", b"/")


def tunnel_server() -> H2Connection:
    """A proxy that has established a tunnel on stream 1."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, CONNECT))
    conn.send_headers(1, wire.RESPONSE)
    conn.clear_outbound_data_buffer()
    return conn


def tunnel_client() -> H2Connection:
    """A client whose CONNECT on stream 1 succeeded."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    wire.feed(conn, wire.headers(1, wire.RESPONSE))
    conn.clear_outbound_data_buffer()
    return conn


def test_connect() -> None:
    """A CONNECT request has :method and :authority only."""
    event = only(wire.feed(wire.server(), wire.headers(1, CONNECT)), RequestReceived)
    assert tuple(event.headers) == CONNECT


def test_connect_with_fields() -> None:
    """Ordinary fields are allowed."""
    fields = [*CONNECT, (b"proxy-authorization", b"Basic eDp5")]
    event = only(wire.feed(wire.server(), wire.headers(1, fields)), RequestReceived)
    assert event.headers == fields


MALFORMED = {
    "scheme": [*CONNECT, SCHEME],
    "path": [*CONNECT, PATH],
    "scheme and path": [*CONNECT, SCHEME, PATH],
    "no authority": [CONNECT[0]],
    "two authorities": [*CONNECT, CONNECT[1]],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_malformed_connect(fields: wire.Fields) -> None:
    """:scheme and :path must be omitted, :authority must be present."""
    assert_malformed(wire.server(), wire.headers(1, fields))
    conn = wire.client()
    assert_refused(conn, "send_headers", 1, fields)
    conn.send_headers(1, CONNECT)
    assert tuple(wire.decode(sent(conn)[0].fragment)) == CONNECT


def test_connect_with_host_alone() -> None:
    """The host and port to connect to are in :authority; host does not take its place."""
    fields = [CONNECT[0], (b"host", b"example.com:443")]
    request = wire.headers(1, fields)
    assert_malformed(wire.server(), request, known=False)
    assert_refused(wire.client(), "send_headers", 1, fields)


def test_tunnel_data_in_both_directions() -> None:
    """DATA flows both ways; END_STREAM is the FIN of one direction."""
    ours, theirs = wire.pair()
    ours.send_headers(1, CONNECT)
    wire.exchange(ours, theirs)
    theirs.send_headers(1, wire.RESPONSE)
    theirs.send_data(1, b"server first")
    ours.send_data(1, b"client too")
    mine, other = wire.exchange(ours, theirs)
    assert kinds(mine) == [ResponseReceived, DataReceived]
    assert kinds(other) == [DataReceived]
    theirs.end_stream(1)
    mine, _ = wire.exchange(ours, theirs)
    assert StreamEnded in kinds(mine)
    ours.send_data(1, b"after the fin", end_stream=True)
    _, other = wire.exchange(ours, theirs)
    assert kinds(other) == [DataReceived, StreamEnded]


def test_priority_window_updates_and_resets_in_a_tunnel() -> None:
    """Stream management frames are allowed in a tunnel."""
    conn = tunnel_server()
    wire.feed(conn, wire.priority(1), wire.window_update(1, 5))
    assert_alive(conn)
    wire.feed(conn, wire.rst_stream(1, Code.CONNECT_ERROR))
    assert conn.open_inbound_streams == 0


def assert_tunnel_error(conn: H2Connection, frame: bytes) -> None:
    """An error of the stream, or of the connection as for a malformed message."""
    with contextlib.suppress(ProtocolError):
        assert kinds(wire.feed(conn, frame)) == [StreamReset]
    last = sent(conn)[-1]
    assert last.type in (Type.GOAWAY, Type.RST_STREAM)
    assert last.error_code == Code.PROTOCOL_ERROR


@pytest.mark.parametrize("end_stream", [False, True])
def test_headers_in_the_clients_tunnel(end_stream: bool) -> None:
    """HEADERS on a connected stream are an error: there are no trailers in a tunnel."""
    assert_tunnel_error(tunnel_server(), wire.headers(1, wire.TRAILERS, end_stream=end_stream))


@pytest.mark.parametrize("end_stream", [False, True])
def test_headers_in_the_servers_tunnel(end_stream: bool) -> None:
    """The same when the proxy sends them."""
    assert_tunnel_error(tunnel_client(), wire.headers(1, wire.TRAILERS, end_stream=end_stream))


def test_promise_in_a_tunnel() -> None:
    """A proxy cannot push on a connected stream."""
    assert_tunnel_error(tunnel_client(), wire.push_promise(1, 2))


def test_what_comes_on_a_stream_that_was_promised_in_a_tunnel() -> None:
    """The server sends it before it knows of the error. The promised identifier is used up."""
    conn = tunnel_client()
    wire.feed(conn, wire.push_promise(1, 2))
    conn.clear_outbound_data_buffer()
    assert conn.stream_state(2) is StreamState.CLOSED
    assert_ignored(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x", end_stream=True))


@pytest.mark.parametrize("end_stream", [False, True])
def test_headers_in_a_tunnel_are_an_error_of_the_tunnel(end_stream: bool) -> None:
    """This is the error whether or not the block could be trailers."""
    with watched_violations() as found:
        wire.feed(tunnel_client(), wire.headers(1, wire.TRAILERS, end_stream=end_stream))
    assert [violation.rule.id for violation in found] == ["tunnel-frame"]


def test_we_send_no_trailers_in_a_tunnel() -> None:
    """After the initial HEADERS only DATA is sent on a connected stream."""
    for conn in (tunnel_client(), tunnel_server()):
        assert_refused(conn, "send_headers", 1, wire.TRAILERS, end_stream=True)
        conn.send_data(1, b"x", end_stream=True)
        assert len(sent(conn)) == 1


def test_a_refused_connect_is_an_ordinary_response() -> None:
    """Without a 2xx status there is no tunnel: the response may have content and trailers."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    events = wire.feed(
        conn,
        wire.headers(1, [(b":status", b"407"), (b"content-length", b"3")]),
        wire.data(1, b"no!"),
        wire.headers(1, wire.TRAILERS, end_stream=True),
    )
    assert kinds(events)[0] is ResponseReceived
    assert kinds(events)[-1] is StreamEnded


@pytest.mark.parametrize(("status", "length"), [(b"200", b"0"), (b"200", b"9"), (b"204", b"9")])
def test_content_length_of_a_successful_connect_means_nothing(status: bytes, length: bytes) -> None:
    """RFC 9110 9.3.6: content-length in a 2xx response to CONNECT is ignored."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    events = wire.feed(
        conn,
        wire.headers(1, [(b":status", status), (b"content-length", length)]),
        wire.data(1, b"tunnel"),
    )
    assert kinds(events) == [ResponseReceived, DataReceived]


@pytest.mark.parametrize(("status", "length"), [(b"200", b"0"), (b"200", b"9"), (b"299", b"9")])
def test_no_length_in_a_successful_response_of_ours(status: bytes, length: bytes) -> None:
    """RFC 9110 8.6: it is not sent; h2 4.4.1 sends it, and the client ignores it."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, CONNECT))
    conn.clear_outbound_data_buffer()
    fields = [(b":status", status), (b"content-length", length)]
    if conn.config.strict:
        error = assert_refused(conn, "send_headers", 1, fields)
        assert getattr(error, "rule", "") == "content-length-forbidden"
        conn.send_headers(1, fields[:1])
    else:
        conn.send_headers(1, fields)
    conn.send_data(1, b"any number of octets")
    assert [f.type for f in sent(conn)] == [Type.HEADERS, Type.DATA]
    unchecked = wire.server(validate_outbound_headers=False)
    wire.feed(unchecked, wire.headers(1, CONNECT))
    unchecked.send_headers(1, fields)


def test_a_length_in_a_response_of_ours_that_refuses_connect() -> None:
    """Such a response has content, so it may have a content-length."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, CONNECT))
    conn.send_headers(1, [(b":status", b"403"), (b"content-length", b"3")])
    conn.send_data(1, b"no!", end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS, Type.DATA]


def test_content_length_of_a_connect_request_means_nothing() -> None:
    """RFC 9110 9.3.6: the request has no content, and the length does not apply to the tunnel."""
    conn = wire.server()
    request = wire.headers(1, [*CONNECT, (b"content-length", b"3")])
    assert kinds(wire.feed(conn, request)) == [RequestReceived]
    conn.send_headers(1, wire.RESPONSE)
    events = wire.feed(conn, wire.data(1, b"more than that"), wire.data(1, end_stream=True))
    assert kinds(events) == [DataReceived, DataReceived, StreamEnded]


def test_we_send_no_trailers_before_the_response() -> None:
    """The peer may have opened the tunnel already, and would have to reset the stream."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    conn.send_data(1, b"early")
    conn.clear_outbound_data_buffer()
    assert_refused(conn, "send_headers", 1, wire.TRAILERS, end_stream=True)
    early = wire.headers(1, [(b":status", b"103")])
    assert kinds(wire.feed(conn, early)) == [InformationalResponseReceived]
    assert_refused(conn, "send_headers", 1, wire.TRAILERS, end_stream=True)
    conn.end_stream(1)
    assert conn.stream_state(1) == StreamState.HALF_CLOSED_LOCAL


def test_we_may_send_trailers_after_a_refusal() -> None:
    """Without a tunnel the request is an ordinary one."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    refusal = wire.headers(1, [(b":status", b"502")], end_stream=True)
    assert kinds(wire.feed(conn, refusal)) == [ResponseReceived, StreamEnded]
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert conn.stream_state(1) == StreamState.CLOSED


def asked_with_trailers() -> H2Connection:
    """The server of a CONNECT request whose client has sent trailers before any response."""
    conn = wire.server()
    events = wire.feed(
        conn,
        wire.headers(1, CONNECT),
        wire.data(1, b"early"),
        wire.headers(1, wire.TRAILERS, end_stream=True),
    )
    assert kinds(events) == [RequestReceived, DataReceived, TrailersReceived, StreamEnded]
    return conn


def asked() -> H2Connection:
    """The client of a CONNECT request that has ended before any response."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    conn.send_data(1, b"early", end_stream=True)
    return conn


ALL_OF_IT = [(b":status", b"200"), (b"content-length", b"3")]


def test_trailers_before_the_response_do_not_keep_a_server_from_opening_the_tunnel() -> None:
    """The response decides, whatever arrived before it."""
    conn = asked_with_trailers()
    conn.send_headers(1, wire.RESPONSE)
    conn.send_data(1, b"from the target")
    conn.clear_outbound_data_buffer()
    assert_refused(conn, "send_headers", 1, wire.TRAILERS, end_stream=True)
    assert_refused(conn, "push_stream", 1, 2, wire.REQUEST)
    conn.end_stream(1)
    assert conn.stream_state(1) == StreamState.CLOSED


def test_the_end_of_the_request_does_not_keep_a_client_from_opening_the_tunnel() -> None:
    """In a tunnel content-length is ignored, and no trailers are allowed."""
    conn = asked()
    events = wire.feed(conn, wire.headers(1, ALL_OF_IT), wire.data(1, b"more than three"))
    assert kinds(events) == [ResponseReceived, DataReceived]
    assert_tunnel_error(conn, wire.headers(1, wire.TRAILERS, end_stream=True))


def test_an_informational_response_opens_no_tunnel() -> None:
    """Only a final response does."""
    conn = asked()
    early = wire.headers(1, [(b":status", b"103")])
    assert kinds(wire.feed(conn, early)) == [InformationalResponseReceived]
    events = wire.feed(conn, wire.headers(1, ALL_OF_IT), wire.data(1, b"tunnel"))
    assert kinds(events) == [ResponseReceived, DataReceived]


def test_a_response_that_refuses_after_the_end_of_the_request() -> None:
    """Without a tunnel the response is an ordinary one, at both ends."""
    refusal = [(b":status", b"502"), (b"content-length", b"3")]
    server = asked_with_trailers()
    server.send_headers(1, refusal)
    server.push_stream(1, 2, wire.REQUEST)
    server.send_data(1, b"no!")
    server.send_headers(1, wire.TRAILERS, end_stream=True)
    assert server.stream_state(1) == StreamState.CLOSED
    response = wire.headers(1, refusal), wire.data(1, b"no!")
    trailers = wire.headers(1, wire.TRAILERS, end_stream=True)
    events = wire.feed(asked(), *response, trailers)
    assert kinds(events) == [ResponseReceived, DataReceived, TrailersReceived, StreamEnded]
    assert_malformed(
        asked(),
        *response,
        wire.data(1, b"!"),
        events=[ResponseReceived, DataReceived],
    )


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ([*wire.RESPONSE, (b"content-length", b"x")], True),
        ([*wire.RESPONSE, (b"upgrade", b"x")], True),
        ([(b":status", b"103"), (b"content-length", b"0")], False),
    ],
    ids=["length", "field", "interim"],
)
def test_malformed_responses_to_connect(fields: wire.Fields, known: bool) -> None:
    """Only a content-length is ignored; other errors are not."""
    conn = wire.client()
    conn.send_headers(1, CONNECT)
    assert_malformed(conn, wire.headers(1, fields), known=known)


# Section 8.6 --------------------------------------------------------------------------------------


def test_no_101() -> None:
    """HTTP/2 has no 101 (Switching Protocols): receiving it makes the response malformed."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    response = wire.headers(1, [(b":status", b"101")])
    assert_malformed(conn, response, known=False)


def test_we_do_not_send_101() -> None:
    """HTTP/2 has no 101, so it cannot be sent."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert_refused(conn, "send_headers", 1, [(b":status", b"101")])
    conn.send_headers(1, wire.RESPONSE)
    assert len(sent(conn)) == 1
