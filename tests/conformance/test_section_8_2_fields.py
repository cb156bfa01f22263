"""RFC 9113 sections 8.2.1 to 8.2.3: field names, field values, connection-specific fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hpack import Decoder

from h2.connection import H2Connection
from h2.events import RequestReceived, ResponseReceived, TrailersReceived
from support import wire
from support.outcome import (
    assert_alive,
    assert_malformed,
    assert_refused,
    only,
    sent,
)

Place = Callable[[H2Connection, wire.Field], bytes]
FORBIDDEN_IN_NAMES = [*range(0x21), *range(0x41, 0x5B), *range(0x7F, 0x100)]
TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"  # RFC 9110 5.6.2, lowercase


def in_request(conn: H2Connection, field: wire.Field) -> bytes:
    return wire.headers(1, [*wire.REQUEST, field])


def in_request_trailers(conn: H2Connection, field: wire.Field) -> bytes:
    wire.feed(conn, wire.headers(1, wire.POST))
    return wire.headers(1, [field], end_stream=True)


def in_response(conn: H2Connection, field: wire.Field) -> bytes:
    conn.send_headers(1, wire.REQUEST)
    return wire.headers(1, [*wire.RESPONSE, field])


def in_interim_response(conn: H2Connection, field: wire.Field) -> bytes:
    conn.send_headers(1, wire.REQUEST)
    return wire.headers(1, [(b":status", b"103"), field])


def in_response_trailers(conn: H2Connection, field: wire.Field) -> bytes:
    conn.send_headers(1, wire.REQUEST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE))
    return wire.headers(1, [field], end_stream=True)


def in_promise(conn: H2Connection, field: wire.Field) -> bytes:
    conn.send_headers(1, wire.REQUEST)
    return wire.push_promise(1, 2, [*wire.REQUEST, field])


AT_SERVER: list[Place] = [in_request, in_request_trailers]
AT_CLIENT: list[Place] = [in_response, in_interim_response, in_response_trailers, in_promise]


def assert_field_malformed(place: Place, field: wire.Field) -> None:
    conn = wire.server() if place in AT_SERVER else wire.client()
    assert_malformed(conn, place(conn, field))


# Section 8.2.1: names -----------------------------------------------------------------------------


@pytest.mark.parametrize("octet", FORBIDDEN_IN_NAMES)
def test_forbidden_octets_in_names(octet: int) -> None:
    """Controls, space, uppercase letters, DEL and octets above it make a message malformed."""
    char = bytes([octet])
    for name in (char, char + b"a", b"a" + char, b"a" + char + b"b"):
        assert_malformed(wire.server(), wire.headers(1, [*wire.REQUEST, (name, b"v")]))


BAD_NAMES = {
    "uppercase": b"Accept",
    "uppercase at the end": b"accepT",
    "space": b"ac cept",
    "trailing space": b"accept ",
    "colon at the end": b"accept:",
    "colon inside": b"ac:cept",
    "empty": b"",
    "control": b"acc\x07ept",
    "line feed": b"a\nb",
    "utf-8": "ä".encode(),
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
@pytest.mark.parametrize("place", AT_SERVER + AT_CLIENT)
def test_bad_names_in_every_kind_of_block(place: Place, name: bytes) -> None:
    """Names are checked in requests, responses, interim responses, promises and trailers."""
    assert_field_malformed(place, (name, b"v"))


NO_TOKENS = [bytes([octet]) for octet in b'"(),/;<=>?@[\\]{}']


@pytest.mark.parametrize("char", NO_TOKENS)
def test_names_that_are_no_tokens(char: bytes) -> None:
    """Characters that HTTP/2 can convey, but not HTTP (RFC 9110 5.1): only the stream ends."""
    for name in (char, char + b"a", b"a" + char, b"a" + char + b"b"):
        conn = wire.server()
        wire.feed(conn, wire.headers(1, wire.POST))
        request = wire.headers(3, [*wire.REQUEST, (name, b"v")])
        assert_malformed(conn, request, known=False)
        assert_refused(conn, "send_headers", 1, [*wire.RESPONSE, (name, b"v")])
        frame = wire.headers(1, [(name, b"v")], end_stream=True)
        assert_malformed(conn, frame, known=False)


def test_all_token_characters_in_names() -> None:
    """Every character that HTTP allows in a name is accepted."""
    names = [bytes([octet]) for octet in TOKEN] + [TOKEN]
    fields = [(name, b"v") for name in names]
    conn = wire.server()
    event = only(wire.feed(conn, wire.headers(1, [*wire.REQUEST, *fields])), RequestReceived)
    assert event.headers[4:] == fields
    assert_alive(conn)


# Section 8.2.1: values ----------------------------------------------------------------------------

BAD_VALUES = {
    "nul": b"\x00",
    "nul inside": b"a\x00b",
    "line feed inside": b"a\nb",
    "line feed at the end": b"a\n",
    "carriage return inside": b"a\rb",
    "carriage return at the beginning": b"\ra",
    "crlf": b"a\r\nb: c",
    "leading space": b" a",
    "leading tab": b"\ta",
    "trailing space": b"a ",
    "trailing tab": b"a\t",
    "only a space": b" ",
    "only a tab": b"\t",
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
@pytest.mark.parametrize("place", AT_SERVER + AT_CLIENT)
def test_bad_values_in_every_kind_of_block(place: Place, value: bytes) -> None:
    """NUL, CR, LF and whitespace at either end make a message malformed."""
    assert_field_malformed(place, (b"name", value))


@pytest.mark.parametrize("octet", [0x00, 0x0A, 0x0D])
def test_forbidden_octets_at_every_position(octet: int) -> None:
    """The RFC says "at any position", so every one is tested."""
    for position in range(6):
        value = bytearray(b"abcdef")
        value[position] = octet
        assert_malformed(wire.server(), wire.headers(1, [*wire.REQUEST, (b"name", bytes(value))]))


GOOD_VALUES = {
    "empty": b"",
    "visible": bytes(range(0x21, 0x7F)),
    "inner space": b"a b",
    "inner tab": b"a\tb",
    "obs-text": bytes(range(0x80, 0x100)),
    "comma": b"a, b,c",
    "quoted": b'"a b"',
    "colon": b":",
}


@pytest.mark.parametrize("value", GOOD_VALUES.values(), ids=GOOD_VALUES)
def test_good_values(value: bytes) -> None:
    """Everything else that HTTP allows passes unchanged."""
    conn = wire.server()
    event = only(
        wire.feed(conn, wire.headers(1, [*wire.REQUEST, (b"name", value)])), RequestReceived
    )
    assert event.headers[-1] == (b"name", value)


@pytest.mark.parametrize(
    "block",
    [
        wire.block([(b"name", b"a\nb")], add=True),
        wire.literal(b"name", b"a\nb", pattern=0x10),
        b"\x40\x04name\x84\xff\xff\xff\xf3",  # a line feed takes 30 bits
    ],
    ids=["added", "never indexed", "huffman"],
)
def test_bad_values_in_every_representation(block: bytes) -> None:
    """The rule applies to the field, whatever its HPACK representation."""
    assert_malformed(wire.server(), wire.headers(1, wire.block(wire.REQUEST) + block))


def test_bad_fields_from_the_table_are_still_bad() -> None:
    """A field that an ignored block added to the table is checked when it is used."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.reset_stream(1)
    wire.feed(conn, wire.headers(1, wire.block([(b"Bad", b"v")], add=True), end_stream=True))
    request = wire.block(wire.REQUEST) + wire.indexed(62)
    assert_malformed(conn, wire.headers(3, request))


# Section 8.2.2 ------------------------------------------------------------------------------------

CONNECTION_SPECIFIC = {
    "connection": (b"connection", b"keep-alive"),
    "connection: close": (b"connection", b"close"),
    "keep-alive": (b"keep-alive", b"timeout=5"),
    "proxy-connection": (b"proxy-connection", b"keep-alive"),
    "transfer-encoding": (b"transfer-encoding", b"chunked"),
    "transfer-encoding: identity": (b"transfer-encoding", b"identity"),
    "upgrade": (b"upgrade", b"websocket"),
}


@pytest.mark.parametrize("field", CONNECTION_SPECIFIC.values(), ids=CONNECTION_SPECIFIC)
@pytest.mark.parametrize("place", AT_SERVER + AT_CLIENT)
def test_connection_specific_fields(place: Place, field: wire.Field) -> None:
    """Any message with a connection-specific field is malformed."""
    assert_field_malformed(place, field)


@pytest.mark.parametrize("value", [b"trailers", b"Trailers", b"TRAILERS"])
def test_te_trailers(value: bytes) -> None:
    """A request may carry te: trailers; the keyword is case-insensitive (RFC 9110 10.1.4)."""
    conn = wire.server()
    request = wire.headers(1, [*wire.REQUEST, (b"te", value)])
    assert only(wire.feed(conn, request), RequestReceived).headers[-1] == (b"te", value)


@pytest.mark.parametrize(
    "value", [b"gzip", b"trailers, gzip", b"trailers;q=0.5", b"", b"chunked", b"trailer"]
)
def test_te_with_anything_else(value: bytes) -> None:
    """te with another value is malformed."""
    assert_malformed(wire.server(), wire.headers(1, [*wire.REQUEST, (b"te", value)]))


@pytest.mark.parametrize("field", CONNECTION_SPECIFIC.values(), ids=CONNECTION_SPECIFIC)
def test_we_do_not_send_connection_specific_fields(field: wire.Field) -> None:
    """An endpoint must not generate such a message: normalization removes the fields."""
    conn, server = wire.client(), wire.server()
    conn.send_headers(1, [*wire.REQUEST, field])
    wire.feed(server, wire.headers(1, wire.REQUEST))
    server.push_stream(1, 2, [*wire.REQUEST, field])
    server.send_headers(1, [*wire.RESPONSE, field])
    assert tuple(wire.decode(sent(conn)[0].fragment)) == wire.REQUEST
    decoder = Decoder()
    promise, response = sent(server)
    assert tuple(wire.decode(promise.fragment, decoder=decoder)) == wire.REQUEST
    assert tuple(wire.decode(response.fragment, decoder=decoder)) == wire.RESPONSE


@pytest.mark.parametrize("field", CONNECTION_SPECIFIC.values(), ids=CONNECTION_SPECIFIC)
def test_connection_specific_fields_are_refused_without_normalization(field: wire.Field) -> None:
    """Without normalization the call is rejected."""
    conn = wire.client(normalize_outbound_headers=False)
    assert_refused(conn, "send_headers", 1, [*wire.REQUEST, field])
    server = wire.server(normalize_outbound_headers=False)
    wire.feed(server, wire.headers(1, wire.REQUEST))
    assert_refused(server, "send_headers", 1, [*wire.RESPONSE, field])
    assert_refused(server, "push_stream", 1, 2, [*wire.REQUEST, field])


def test_te_that_we_send() -> None:
    """te: trailers is sent, other values are rejected."""
    conn = wire.client()
    assert_refused(conn, "send_headers", 1, [*wire.REQUEST, (b"te", b"gzip")])
    conn.send_headers(1, [*wire.REQUEST, (b"te", b"trailers")])
    assert wire.decode(sent(conn)[0].fragment)[-1] == (b"te", b"trailers")


# Outbound names and values ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\x00b", b"\x00"])
def test_we_do_not_send_line_breaks_in_values(value: bytes) -> None:
    """CR, LF and NUL are never sent in a value, in any kind of message."""
    client = wire.client()
    assert_refused(client, "send_headers", 1, [*wire.REQUEST, (b"name", value)])
    client.send_headers(1, wire.POST)
    assert_refused(client, "send_headers", 1, [(b"name", value)], end_stream=True)
    server = wire.server()
    wire.feed(server, wire.headers(1, wire.REQUEST))
    assert_refused(server, "send_headers", 1, [*wire.RESPONSE, (b"name", value)])
    assert_refused(server, "push_stream", 1, 2, [*wire.REQUEST, (b"name", value)])


@pytest.mark.parametrize("name", [b"", b"a b", b"a\nb", b"a\x00", b"a:b", b"a:", b"\x7f", b"\xe4"])
def test_we_do_not_send_bad_names(name: bytes) -> None:
    """A name that a receiver must reject is not sent."""
    conn = wire.client()
    assert_refused(conn, "send_headers", 1, [*wire.REQUEST, (name, b"v")])
    conn.send_headers(1, wire.REQUEST)
    assert tuple(wire.decode(sent(conn)[0].fragment)) == wire.REQUEST


def test_we_convert_names_to_lowercase() -> None:
    """Section 8.2: names are converted to lowercase when a message is constructed."""
    conn = wire.client()
    conn.send_headers(1, [*wire.REQUEST, (b"X-Mixed-Case", b"Value")])
    assert wire.decode(sent(conn)[0].fragment)[-1] == (b"x-mixed-case", b"Value")


def test_we_strip_whitespace_around_values() -> None:
    """Whitespace at the ends is not part of a value and is not sent."""
    conn = wire.client()
    conn.send_headers(1, [*wire.REQUEST, (b"name", b" \tvalue\t ")])
    assert wire.decode(sent(conn)[0].fragment)[-1] == (b"name", b"value")


def test_fields_of_a_server_are_normalized() -> None:
    """Names in lowercase and values without whitespace around them, in each kind of message."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    field = (b"X-Mixed-Case", b" Value\t")
    conn.push_stream(1, 2, [*wire.REQUEST, field])
    conn.send_headers(1, [(b":status", b"103"), field])
    conn.send_headers(1, [*wire.RESPONSE, field])
    conn.send_headers(1, [field], end_stream=True)
    decoder = Decoder()
    blocks = [wire.decode(frame.fragment, decoder=decoder) for frame in sent(conn)]
    assert [fields[-1] for fields in blocks] == [(b"x-mixed-case", b"Value")] * 4


@pytest.mark.parametrize("name", [b"", b"a b", b"a\nb", b"a\x00", b"a:b", b":a:", b"\x7f", b"\xe4"])
def test_a_server_does_not_send_bad_names(name: bytes) -> None:
    """They are rejected in every kind of message; a valid call still works."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    assert_refused(conn, "push_stream", 1, 2, [*wire.REQUEST, (name, b"v")])
    assert_refused(conn, "send_headers", 1, [(b":status", b"103"), (name, b"v")])
    assert_refused(conn, "send_headers", 1, [*wire.RESPONSE, (name, b"v")])
    conn.send_headers(1, wire.RESPONSE)
    assert_refused(conn, "send_headers", 1, [(name, b"v")], end_stream=True)
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert len(sent(conn)) == 1


# Section 8.2.3: cookies ---------------------------------------------------------------------------


def test_cookies_are_joined() -> None:
    """Several cookie fields reach the application as one, in order, with '; ' between."""
    crumbs = [(b"cookie", value) for value in (b"a=b", b"c=d; e=f", b"g=h")]
    crumbs.insert(1, (b"accept", b"*/*"))
    request = wire.headers(1, [*wire.REQUEST, *crumbs])
    event = only(wire.feed(wire.server(), request), RequestReceived)
    cookies = [value for name, value in event.headers if name == b"cookie"]
    assert cookies == [b"a=b; c=d; e=f; g=h"]
    assert (b"accept", b"*/*") in event.headers


def test_whitespace_around_one_of_several_cookies() -> None:
    """Each has a separate value; h2 4.4.1 checks only the joined one."""
    cookies = [(b"cookie", b"a=b "), (b"cookie", b"c=d")]
    assert_malformed(wire.server(), wire.headers(1, [*wire.REQUEST, *cookies]), known=False)
    assert_malformed(wire.server(), wire.headers(1, [*wire.REQUEST, cookies[0]]))


def test_one_cookie_stays_as_it_is() -> None:
    """A single cookie field is not changed."""
    field = (b"cookie", b"a=b; c=d")
    event = only(wire.feed(wire.server(), wire.headers(1, [*wire.REQUEST, field])), RequestReceived)
    assert event.headers == [*wire.REQUEST, field]


def test_cookies_that_we_split() -> None:
    """With split_outbound_cookies each cookie-pair is a separate field."""
    conn = wire.client(split_outbound_cookies=True)
    conn.send_headers(1, [*wire.REQUEST, (b"cookie", b"a=b; c=d; e=f")])
    crumbs = wire.decode(sent(conn)[0].fragment)[4:]
    assert crumbs == [(b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"cookie", b"e=f")]


def test_cookies_that_we_do_not_split() -> None:
    """By default a cookie field is sent as it was given."""
    conn = wire.client()
    conn.send_headers(1, [*wire.REQUEST, (b"cookie", b"a=b; c=d")])
    assert wire.decode(sent(conn)[0].fragment)[-1] == (b"cookie", b"a=b; c=d")


def test_other_fields_are_not_joined() -> None:
    """Repeated fields other than cookie keep their lines."""
    lines = [(b"via", b"1.1 a"), (b"via", b"1.1 b"), (b"set-cookie", b"x"), (b"set-cookie", b"y")]
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    event = only(wire.feed(conn, wire.headers(1, [*wire.RESPONSE, *lines])), ResponseReceived)
    assert event.headers[1:] == lines
    trailers = wire.headers(1, lines, end_stream=True)
    assert only(wire.feed(conn, trailers), TrailersReceived).headers == lines
