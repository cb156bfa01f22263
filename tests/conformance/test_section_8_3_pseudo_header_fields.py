"""RFC 9113 section 8.3: control data in pseudo-header fields."""

from __future__ import annotations

import pytest

from h2.events import DataReceived, PushedStreamReceived, RequestReceived, ResponseReceived
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import (
    assert_connection_error,
    assert_ignored,
    assert_malformed,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import Code, requesting_client

METHOD, SCHEME, AUTHORITY, PATH = wire.REQUEST
HOST = (b"host", b"example.com")
FIELD = (b"accept", b"*/*")
OPTIONS, ASTERISK = (b":method", b"OPTIONS"), (b":path", b"*")


# Section 8.3: rules for all of them ---------------------------------------------------------------

MALFORMED_REQUESTS = {
    "unknown": [*wire.REQUEST, (b":unknown", b"x")],
    "unknown, empty name": [*wire.REQUEST, (b":", b"x")],
    "of a response": [*wire.REQUEST, (b":status", b"200")],
    "only of a response": [(b":status", b"200")],
    "after a field": [METHOD, SCHEME, AUTHORITY, FIELD, PATH],
    "all after a field": [FIELD, *wire.REQUEST],
    "double colon": [*wire.REQUEST, (b"::path", b"/")],
    "uppercase": [METHOD, SCHEME, AUTHORITY, (b":Path", b"/")],
    "two methods": [*wire.REQUEST, METHOD],
    "two different methods": [*wire.REQUEST, (b":method", b"POST")],
    "two schemes": [*wire.REQUEST, SCHEME],
    "two authorities": [*wire.REQUEST, AUTHORITY],
    "two paths": [*wire.REQUEST, PATH],
    # Section 8.3.1
    "no method": [SCHEME, AUTHORITY, PATH],
    "no scheme": [METHOD, AUTHORITY, PATH],
    "no path": [METHOD, SCHEME, AUTHORITY],
    "nothing": [],
    "only a field": [FIELD],
    "empty path": [METHOD, SCHEME, AUTHORITY, (b":path", b"")],
    "empty path, http": [METHOD, (b":scheme", b"http"), AUTHORITY, (b":path", b"")],
    "empty path, other scheme": [METHOD, (b":scheme", b"coap"), AUTHORITY, (b":path", b"")],
    "line break in method": [(b":method", b"GET\r\n"), SCHEME, AUTHORITY, PATH],
    "smuggled request line": [METHOD, SCHEME, AUTHORITY, (b":path", b"/ HTTP/1.1\r\nx: y")],
    "leading space in path": [METHOD, SCHEME, AUTHORITY, (b":path", b" /")],
    "nul in scheme": [METHOD, (b":scheme", b"http\x00"), AUTHORITY, PATH],
    "nul in authority": [METHOD, SCHEME, (b":authority", b"example.com\x00"), PATH],
    "no authority": [METHOD, SCHEME, PATH],
    "no authority, http": [METHOD, (b":scheme", b"HTTP"), PATH],
    "no authority, options": [OPTIONS, SCHEME, PATH],
    "host differs": [*wire.REQUEST, (b"host", b"other.example")],
    "two hosts": [METHOD, SCHEME, PATH, HOST, HOST],
    "two hosts beside authority": [*wire.REQUEST, HOST, HOST],
}

#: Malformed in a way that h2 4.4.1 does not check, so only the stream ends.
RESET_REQUESTS = {
    "protocol without negotiation": [
        *((b":method", b"CONNECT"), SCHEME, AUTHORITY, PATH),
        (b":protocol", b"websocket"),
    ],
    "empty method": [(b":method", b""), SCHEME, AUTHORITY, PATH],
    "empty scheme": [METHOD, (b":scheme", b""), AUTHORITY, PATH],
    "space in method": [(b":method", b"GET /"), SCHEME, AUTHORITY, PATH],
    "space in path": [METHOD, SCHEME, AUTHORITY, (b":path", b"/a b")],
    "control in path": [METHOD, SCHEME, AUTHORITY, (b":path", b"/a\x01")],
    "tab in path": [METHOD, SCHEME, AUTHORITY, (b":path", b"/a\tb")],
    "delete in path": [METHOD, SCHEME, AUTHORITY, (b":path", b"/a\x7f")],
    "space in the path of another scheme": [
        *(METHOD, (b":scheme", b"coap"), AUTHORITY, (b":path", b"a b")),
    ],
    "no slash": [METHOD, SCHEME, AUTHORITY, (b":path", b"a")],
    "no slash, http": [METHOD, (b":scheme", b"HTTP"), AUTHORITY, (b":path", b"a/b")],
    "only a query": [METHOD, SCHEME, AUTHORITY, (b":path", b"?a")],
    "absolute form": [METHOD, SCHEME, AUTHORITY, (b":path", b"https://example.com/")],
    "asterisk without options": [METHOD, SCHEME, AUTHORITY, ASTERISK],
    "asterisk and lowercase options": [(b":method", b"options"), SCHEME, AUTHORITY, ASTERISK],
    "more than an asterisk": [OPTIONS, SCHEME, AUTHORITY, (b":path", b"**")],
    "space in scheme": [METHOD, (b":scheme", b"ht tp"), AUTHORITY, PATH],
    "userinfo": [METHOD, SCHEME, (b":authority", b"user@example.com"), PATH],
    "userinfo with password": [METHOD, SCHEME, (b":authority", b"user:secret@example.com"), PATH],
    "userinfo, http": [METHOD, (b":scheme", b"http"), (b":authority", b"u@example.com"), PATH],
    "userinfo, connect": [(b":method", b"CONNECT"), (b":authority", b"u@example.com:80")],
    "space in authority": [METHOD, SCHEME, (b":authority", b"example.com evil"), PATH],
}


@pytest.mark.parametrize("fields", MALFORMED_REQUESTS.values(), ids=MALFORMED_REQUESTS)
def test_malformed_requests(fields: wire.Fields) -> None:
    """A request with invalid control data is malformed."""
    assert_malformed(wire.server(), wire.headers(1, fields, end_stream=True))


@pytest.mark.parametrize("fields", RESET_REQUESTS.values(), ids=RESET_REQUESTS)
def test_malformed_requests_that_are_reset(fields: wire.Fields) -> None:
    """The stream ends, other requests continue, and the identifier is used."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    request = wire.headers(5, fields)
    assert_malformed(conn, request, known=False)
    assert_ignored(conn, wire.data(5, b"x"))
    assert kinds(wire.feed(conn, wire.data(1, b"x"), wire.headers(7, wire.POST))) == (
        [DataReceived, RequestReceived]
    )
    assert_connection_error(
        conn, wire.headers(3, wire.POST), code=Code.PROTOCOL_ERROR, last_stream_id=7
    )


@pytest.mark.parametrize("fields", RESET_REQUESTS.values(), ids=RESET_REQUESTS)
def test_malformed_promises_that_are_reset(fields: wire.Fields) -> None:
    """The same applies to promised streams; frames that the server sends on them are discarded."""
    conn = requesting_client()
    promise = wire.push_promise(1, 2, fields)
    assert_malformed(conn, promise, known=False)
    assert_ignored(conn, wire.headers(2, wire.RESPONSE), wire.data(2, b"x"))
    assert kinds(wire.feed(conn, wire.headers(1, wire.RESPONSE))) == [ResponseReceived]


@pytest.mark.parametrize("fields", MALFORMED_REQUESTS.values(), ids=MALFORMED_REQUESTS)
def test_malformed_promises(fields: wire.Fields) -> None:
    """A promised request obeys the same rules (8.4.1)."""
    assert_malformed(requesting_client(), wire.push_promise(1, 2, fields))


WELL_FORMED_REQUESTS = {
    "plain": list(wire.REQUEST),
    "other order": [PATH, AUTHORITY, METHOD, SCHEME],
    "host instead of authority": [METHOD, SCHEME, PATH, HOST],
    "host equal to authority": [*wire.REQUEST, HOST],
    "asterisk form": [OPTIONS, SCHEME, AUTHORITY, ASTERISK],
    "asterisk form, no authority": [OPTIONS, SCHEME, ASTERISK],
    "no authority, other scheme": [METHOD, (b":scheme", b"unix"), PATH],
    "no slash, other scheme": [METHOD, (b":scheme", b"urn"), (b":path", b"isbn:1")],
    "userinfo, other scheme": [METHOD, (b":scheme", b"ftp"), (b":authority", b"me@a.b"), PATH],
    "socket as authority": [METHOD, SCHEME, (b":authority", b"/run/app.sock"), PATH],
    "empty authority": [METHOD, SCHEME, (b":authority", b""), PATH],
    "query": [METHOD, SCHEME, AUTHORITY, (b":path", b"/a?b=c&d=%20")],
    "only a query": [METHOD, SCHEME, AUTHORITY, (b":path", b"/?")],
    "port": [METHOD, SCHEME, (b":authority", b"example.com:8443"), PATH],
    "ipv6": [METHOD, SCHEME, (b":authority", b"[2001:db8::1]:443"), PATH],
    "http": [METHOD, (b":scheme", b"http"), AUTHORITY, PATH],
    "other scheme": [METHOD, (b":scheme", b"coap+tcp"), AUTHORITY, PATH],
    "own method": [(b":method", b"M-SEARCH"), SCHEME, AUTHORITY, PATH],
    "lowercase method": [(b":method", b"get"), SCHEME, AUTHORITY, PATH],
    "utf-8 in path": [METHOD, SCHEME, AUTHORITY, (b":path", "/ä".encode())],
    "trailing dot": [METHOD, SCHEME, (b":authority", b"example.com."), PATH],
}


@pytest.mark.parametrize("fields", WELL_FORMED_REQUESTS.values(), ids=WELL_FORMED_REQUESTS)
def test_well_formed_requests(fields: wire.Fields) -> None:
    """All forms that section 8.3.1 allows reach the application unchanged."""
    event = only(wire.feed(wire.server(), wire.headers(1, fields)), RequestReceived)
    assert event.headers == list(fields)


@pytest.mark.parametrize(
    ("scheme", "authority", "host"),
    [
        (b"https", b"example.com", b"EXAMPLE.com"),
        (b"https", b"example.com", b"example.com:443"),
        (b"https", b"example.com:443", b"example.com"),
        (b"http", b"example.com", b"example.com:80"),
    ],
    ids=["case", "https port in host", "https port in authority", "http port in host"],
)
def test_host_that_names_the_same_entity(scheme: bytes, authority: bytes, host: bytes) -> None:
    """Host and :authority are normalized by the scheme before they are compared."""
    fields = [METHOD, (b":scheme", scheme), (b":authority", authority), PATH, (b"host", host)]
    event = only(wire.feed(wire.server(), wire.headers(1, fields)), RequestReceived)
    assert event.headers == fields


def test_host_with_the_default_port_of_another_scheme() -> None:
    """Port 80 is not the default of https, so this names another entity."""
    fields = [METHOD, SCHEME, AUTHORITY, PATH, (b"host", b"example.com:80")]
    assert_malformed(wire.server(), wire.headers(1, fields))


def test_well_formed_promise() -> None:
    """A promise has the control data of a request."""
    event = only(
        wire.feed(requesting_client(), wire.push_promise(1, 2, [*wire.REQUEST, FIELD])),
        PushedStreamReceived,
    )
    assert event.headers == [*wire.REQUEST, FIELD]


# Section 8.3.2 ------------------------------------------------------------------------------------

MALFORMED_RESPONSES = {
    "no status": [FIELD],
    "nothing": [],
    "two statuses": [(b":status", b"200"), (b":status", b"200")],
    "two different statuses": [(b":status", b"200"), (b":status", b"404")],
    "status after a field": [FIELD, (b":status", b"200")],
    "of a request": [(b":status", b"200"), PATH],
    "method": [(b":status", b"200"), METHOD],
    "only of a request": list(wire.REQUEST),
    "unknown": [(b":status", b"200"), (b":unknown", b"x")],
    "protocol": [(b":status", b"200"), (b":protocol", b"websocket")],
    "space": [(b":status", b" 20")],
}

#: Malformed in a way that h2 4.4.1 does not check, so only the stream ends.
RESET_RESPONSES = {
    "empty status": [(b":status", b"")],
    "two digits": [(b":status", b"20")],
    "four digits": [(b":status", b"2000")],
    "letters": [(b":status", b"abc")],
    "sign": [(b":status", b"+20")],
    "reason phrase": [(b":status", b"200 OK")],
    "not ascii": [(b":status", "²00".encode("latin-1"))],
}


@pytest.mark.parametrize("fields", RESET_RESPONSES.values(), ids=RESET_RESPONSES)
def test_malformed_responses_that_are_reset(fields: wire.Fields) -> None:
    """A status is three digits."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2))
    for stream_id in (1, 2):
        response = wire.headers(stream_id, fields)
        assert_malformed(conn, response, known=False)


@pytest.mark.parametrize("fields", MALFORMED_RESPONSES.values(), ids=MALFORMED_RESPONSES)
def test_malformed_responses(fields: wire.Fields) -> None:
    """A response has one :status of three digits and no other pseudo-header field."""
    assert_malformed(requesting_client(), wire.headers(1, fields))


@pytest.mark.parametrize("fields", MALFORMED_RESPONSES.values(), ids=MALFORMED_RESPONSES)
def test_malformed_pushed_responses(fields: wire.Fields) -> None:
    """Pushed responses are responses."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2))
    assert_malformed(conn, wire.headers(2, fields))


def test_interim_response_without_status() -> None:
    """The block after an interim response needs its own :status."""
    conn = requesting_client()
    wire.feed(conn, wire.headers(1, [(b":status", b"103")]))
    assert_malformed(conn, wire.headers(1, [FIELD]))


@pytest.mark.parametrize("status", [b"200", b"204", b"304", b"404", b"500", b"599", b"299"])
def test_final_statuses(status: bytes) -> None:
    """Every status from 200 on is final."""
    conn = requesting_client()
    events = wire.feed(conn, wire.headers(1, [(b":status", status)], end_stream=True))
    assert kinds(events)[0] is ResponseReceived


# Sending ------------------------------------------------------------------------------------------

NOT_SENT = {
    name: fields
    for name, fields in {**MALFORMED_REQUESTS, **RESET_REQUESTS}.items()
    # Names are converted to lowercase and values stripped before they are checked.
    if name not in ("uppercase", "leading space in path", "line break in method")
}


@pytest.mark.parametrize("fields", NOT_SENT.values(), ids=NOT_SENT)
def test_requests_that_we_do_not_send(fields: wire.Fields) -> None:
    """A request that a server would have to reject cannot be sent, and the next request works."""
    conn = wire.client()
    if (b":method", b"") in fields or (b":method", b"GET /") in fields:
        # h2 4.4.1 sends it.
        assert conn.config.strict or conn.send_headers(1, fields) is None
        conn = wire.client(strict=True)
    assert_refused(conn, "send_headers", 1, fields)
    conn.send_headers(1, wire.REQUEST)
    assert tuple(wire.decode(sent(conn)[0].fragment)) == wire.REQUEST


@pytest.mark.parametrize("fields", NOT_SENT.values(), ids=NOT_SENT)
def test_promises_that_we_do_not_send(fields: wire.Fields) -> None:
    """The same for promised requests."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert_refused(conn, "push_stream", 1, 2, fields)
    conn.push_stream(1, 2, wire.REQUEST)
    assert tuple(wire.decode(sent(conn)[0].fragment)) == wire.REQUEST


NO_RESPONSES = {**MALFORMED_RESPONSES, **RESET_RESPONSES}
del NO_RESPONSES["space"]


@pytest.mark.parametrize("fields", NO_RESPONSES.values(), ids=NO_RESPONSES)
def test_responses_that_we_do_not_send(fields: wire.Fields) -> None:
    """The same for responses."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert isinstance(assert_refused(conn, "send_headers", 1, fields), ProtocolError)
    conn.send_headers(1, wire.RESPONSE)
    assert tuple(wire.decode(sent(conn)[0].fragment)) == wire.RESPONSE


@pytest.mark.parametrize("fields", WELL_FORMED_REQUESTS.values(), ids=WELL_FORMED_REQUESTS)
def test_requests_that_we_send(fields: wire.Fields) -> None:
    """A request that a server accepts can be sent and is not changed."""
    conn = wire.client()
    conn.send_headers(1, fields)
    assert wire.decode(sent(conn)[0].fragment) == list(fields)


def test_pseudo_header_fields_in_trailers_that_we_do_not_send() -> None:
    """Trailers have no control data, in either direction."""
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    assert_refused(conn, "send_headers", 1, [(b":status", b"200")], end_stream=True)
    assert_refused(conn, "send_headers", 1, [*wire.TRAILERS, METHOD], end_stream=True)
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert len(sent(conn)) == 1


def test_pseudo_header_fields_in_trailers_that_a_server_does_not_send() -> None:
    """Not even :status, before or after the other fields."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.send_headers(1, wire.RESPONSE)
    conn.send_data(1, b"x")
    for fields in (wire.RESPONSE, [*wire.RESPONSE, *wire.TRAILERS], [*wire.TRAILERS, METHOD]):
        assert_refused(conn, "send_headers", 1, fields, end_stream=True)
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert len(sent(conn)) == 1
