"""The full check of a message: its results, and that connections apply it in both directions."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from h2._rules.fields import REQUEST, RESPONSE, TRAILERS
from h2._rules.messages import check_lengths, check_message
from h2._rules.registry import STREAM, Violation
from h2.connection import H2Connection
from h2.events import (
    Event,
    InformationalResponseReceived,
    RequestReceived,
    ResponseReceived,
    StreamReset,
)
from h2.events import TrailersReceived as TrailersEvent
from h2.exceptions import ProtocolError
from support import wire
from support.fields import Field, field_lists
from support.rules import watched_violations
from support.wire import Code

MESSAGE = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/")]
WITH_HOST = [*MESSAGE, (b"host", b"a.b")]
WITH_BOTH = [*MESSAGE, (b":authority", b"a.b"), (b"host", b"a.b")]


def rule_of(found: Violation | None) -> str | None:
    return None if found is None else found.rule.id


@pytest.mark.parametrize(
    ("authority", "host", "scheme", "same"),
    [
        (b"a.b", b"A.B", b"https", True),
        (b"a.b:443", b"a.b", b"https", True),
        (b"a.b", b"a.b:443", b"HTTPS", True),
        (b"a.b:80", b"a.b", b"http", True),
        (b"a.b:80", b"a.b", b"https", False),
        (b"a.b:443", b"a.b:80", b"https", False),
        (b"a.b:", b"a.b", b"other", True),
        (b"a.b:443", b"a.b", b"other", False),
        (b"a.b", b"a.c", b"https", False),
        (b"", b"", b"https", True),
    ],
)
def test_host_and_authority(authority: bytes, host: bytes, scheme: bytes, same: bool) -> None:
    fields = [
        *((b":method", b"GET"), (b":scheme", scheme), (b":authority", authority), (b":path", b"/")),
        (b"host", host),
    ]
    found = check_message(REQUEST, fields, False)
    assert rule_of(found) == (None if same else "host-mismatch")


def test_host_and_authority_of_connect_have_no_scheme() -> None:
    tunnel = [(b":method", b"CONNECT"), (b":authority", b"a.b:443"), (b"host", b"a.b:443")]
    assert check_message(REQUEST, tunnel, False) is None
    tunnel[2] = (b"host", b"a.b")
    assert rule_of(check_message(REQUEST, tunnel, False)) == "host-mismatch"


OPTIONS = [(b":method", b"OPTIONS"), (b":scheme", b"https"), (b":path", b"*")]
CONNECT = [(b":method", b"CONNECT"), (b":authority", b"a.b:1")]


def with_target(scheme: bytes, authority: bytes | None, path: bytes) -> list[Field]:
    fields = [(b":method", b"GET"), (b":scheme", scheme), (b":path", path)]
    return fields if authority is None else [*fields, (b":authority", authority)]


@pytest.mark.parametrize(
    ("rule", "fields", "words"),
    [
        ("pseudo-missing", MESSAGE[1:], "Field ':method' is missing"),
        ("pseudo-missing", [MESSAGE[0], MESSAGE[2]], "Field ':scheme' is missing"),
        ("pseudo-missing", MESSAGE[:2], "Field ':path' is missing"),
        ("authority-missing", MESSAGE, "Fields ':authority' and 'host' are both missing"),
        (
            *("field-name-invalid", [*WITH_HOST, (b"Bad", b"")]),
            "Field 'Bad' has a name with forbidden characters",
        ),
        (
            *("field-name-invalid", [*WITH_HOST, (b"x\xff(", b"")]),
            "Field 'x\xff(' has a name with forbidden characters",
        ),
        (
            *("field-name-no-token", [*WITH_HOST, (b"x(y)", b"")]),
            "Field 'x(y)' has a name that is not a token",
        ),
        ("field-name-empty", [*WITH_HOST, (b"", b"x")], "Field with an empty name"),
        (
            *("field-value-invalid", [*WITH_HOST, (b"x", b"\n")]),
            r"Field 'x' has a value with CR, LF or NUL: b'\n'",
        ),
        (
            *("field-value-invalid", [*WITH_HOST, (b"x", b" \r")]),
            r"Field 'x' has a value with CR, LF or NUL: b' \r'",
        ),
        (
            *("field-value-invalid", [*WITH_HOST, (b"x", b"\0 ")]),
            r"Field 'x' has a value with CR, LF or NUL: b'\x00 '",
        ),
        (
            *("field-value-invalid", with_target(b"https", b"a.b", b"/ ")),
            "Field ':path' has a value with leading or trailing whitespace: b'/ '",
        ),
        (
            *("pseudo-after-regular", [*WITH_HOST, (b":path", b"/")]),
            "Field ':path' follows b'host'",
        ),
        (
            *("pseudo-repeated", [*MESSAGE, (b":path", b"/")]),
            "Field ':path' appears more than once",
        ),
        (
            *("host-repeated", [*WITH_HOST, (b"host", b"a.b")]),
            "Field 'host' appears more than once",
        ),
        (
            *("connection-specific", [*WITH_HOST, (b"upgrade", b"x")]),
            "Field 'upgrade' is connection-specific",
        ),
        (
            *("pseudo-wrong-message", [*MESSAGE, (b":status", b"200")]),
            "Field ':status' belongs to the other message",
        ),
        (
            *("pseudo-unknown", [*MESSAGE, (b":new", b"")]),
            "Field ':new' is not a known pseudo-header field",
        ),
        (
            *("method-no-token", [(b":method", b"G T"), *MESSAGE[1:]]),
            "Field ':method' is not a token: b'G T'",
        ),
        (
            *("pseudo-value-invalid", with_target(b"1:2", b"a.b", b"/")),
            "Field ':scheme' is not a valid scheme: b'1:2'",
        ),
        (
            *("pseudo-value-invalid", with_target(b"https", b"a b", b"/")),
            "Field ':authority' contains a space or a control character: b'a b'",
        ),
        (
            *("pseudo-value-invalid", with_target(b"https", b"me@a.b", b"/")),
            "Field ':authority' contains userinfo: b'me@a.b'",
        ),
        (
            *("pseudo-value-invalid", [CONNECT[0], (b":authority", b"me@a.b:1")]),
            "Field ':authority' contains userinfo: b'me@a.b:1'",
        ),
        (
            *("pseudo-value-invalid", with_target(b"https", b"a.b", b"/a b")),
            "Field ':path' contains a space or a control character: b'/a b'",
        ),
        (
            *("pseudo-value-invalid", [*CONNECT, (b":protocol", b"a b")]),
            "Field ':protocol' is not a valid protocol: b'a b'",
        ),
        ("path-empty", with_target(b"https", b"a.b", b""), "Field ':path' is empty"),
        ("path-empty", with_target(b"other", b"a.b", b""), "Field ':path' is empty"),
        (
            *("path-not-absolute", with_target(b"HTTP", b"a.b", b"x")),
            "Field ':path' does not begin with '/': b'x'",
        ),
        (
            *("path-not-absolute", with_target(b"https", b"a.b", b"*")),
            "Field ':path' does not begin with '/': b'*'",
        ),
        ("te-invalid", [*WITH_HOST, (b"te", b"gzip")], "Field 'te' is not 'trailers': b'gzip'"),
        (
            *("content-length-invalid", [*WITH_HOST, (b"content-length", b"-1")]),
            "Field 'content-length' is not a number: b'-1'",
        ),
        (
            *(
                "content-length-conflict",
                [*WITH_HOST, *[(b"content-length", v) for v in (b"1", b"2")]],
            ),
            "Field 'content-length' has different values: b'1' and b'2'",
        ),
        (
            *("connect-malformed", [*CONNECT, (b":path", b"/")]),
            "Field ':path' is not allowed with CONNECT",
        ),
        ("pseudo-missing", CONNECT[:1], "Field ':authority' is missing"),
        ("pseudo-missing", [*CONNECT, (b":protocol", b"x")], "Field ':scheme' is missing"),
        (
            *("connect-without-authority", [CONNECT[0], (b"host", b"a.b:1")]),
            "Field ':authority' is missing",
        ),
        (
            *("protocol-without-connect", [*MESSAGE, (b":protocol", b"x")]),
            "Field ':protocol' is allowed only with the method CONNECT",
        ),
        (
            *("protocol-not-enabled", [*CONNECT, *MESSAGE[1:], (b":protocol", b"x")]),
            "Field ':protocol' requires SETTINGS_ENABLE_CONNECT_PROTOCOL",
        ),
        (
            *("host-mismatch", [*WITH_BOTH[:-1], (b"host", b"a.c")]),
            "Field 'host' differs from ':authority': b'a.c' and b'a.b'",
        ),
    ],
)
def test_messages_name_the_field_and_what_is_wrong(
    rule: str, fields: list[Field], words: str
) -> None:
    found = check_message(REQUEST, fields, False)
    assert found is not None
    assert (found.rule.id, found.message) == (rule, f"{words} (malformed request)")


def test_pseudo_header_fields_in_trailers() -> None:
    for name in (b":path", b":status", b":new"):
        found = check_message(TRAILERS, [(b"x", b"y"), (name, b"/")], False)
        assert found is not None
        assert found.rule.id == "pseudo-in-trailers"
        shown = f"Field {name.decode()!r} is a pseudo-header field"
        assert found.message == f"{shown} (malformed trailer section)"


def test_messages_name_the_kind_of_block() -> None:
    for kind, shown in [(RESPONSE, "response"), (TRAILERS, "trailer section")]:
        found = check_message(kind, [(b"", b"")], False)
        assert found is not None
        assert found.message == f"Field with an empty name (malformed {shown})"


@pytest.mark.parametrize(
    "fields",
    [
        OPTIONS,
        [*OPTIONS, (b":authority", b"a.b")],
        with_target(b"HTTPS", b"a.b", b"/?"),
        # Other schemes are unknown: they may have no authority, or one with userinfo, and another
        # kind of path.
        with_target(b"unix", None, b"/info"),
        with_target(b"ftp", b"me@a.b", b"/"),
        with_target(b"urn", b"", b"isbn:1"),
        # Unix sockets: authorities that clients send for them.
        with_target(b"http", b"", b"/"),
        with_target(b"http", b"/run/app.sock", b"/"),
        with_target(b"http", b"%2Frun%2Fapp.sock", b"/"),
    ],
)
def test_targets_that_are_valid(fields: list[Field]) -> None:
    assert check_message(REQUEST, fields, False) is None


@pytest.mark.parametrize("host", [None, b"a.b"])
def test_extended_connect_has_the_target_of_an_ordinary_request(host: bytes | None) -> None:
    fields = [CONNECT[0], (b":protocol", b"websocket"), *MESSAGE[1:]]
    fields.append((b"host", host) if host else (b":authority", b"a.b"))
    assert check_message(REQUEST, fields, True) is None
    assert rule_of(check_message(REQUEST, fields, False)) == "protocol-not-enabled"
    for path, rule in ((b"x", "path-not-absolute"), (b"*", "path-not-absolute")):
        bad = [(name, path if name == b":path" else value) for name, value in fields]
        assert rule_of(check_message(REQUEST, bad, True)) == rule
    assert rule_of(check_message(REQUEST, fields[:-1], True)) == "authority-missing"


@pytest.mark.parametrize("kind", [RESPONSE, TRAILERS])
def test_host_means_nothing_outside_requests(kind: int) -> None:
    fields = [(b":status", b"200")] if kind == RESPONSE else []
    assert check_message(kind, [*fields, (b"host", b"a"), (b"host", b"b")], False) is None


@pytest.mark.parametrize(
    ("status", "length", "allowed"),
    [
        (b"100", b"0", False),
        (b"199", b"5", False),
        (b"204", b"0", True),
        (b"204", b"00", True),
        (b"204", b"5", False),
        (b"200", b"5", True),
        (b"304", b"5", True),
    ],
)
def test_statuses_without_content_length(status: bytes, length: bytes, allowed: bool) -> None:
    fields = [(b":status", status), (b"x", b"y"), (b"content-length", length)]
    found = check_message(RESPONSE, fields, False)
    assert rule_of(found) == (None if allowed else "content-length-forbidden")
    if found is not None:
        shown = f"Field 'content-length' is not allowed with status {status.decode()}: {length!r}"
        assert found.message == f"{shown} (malformed response)"
    assert check_lengths(RESPONSE, fields) is None
    assert check_message(RESPONSE, fields[:2], False) is None


def test_a_status_that_is_none() -> None:
    for status in (b"101", b"20", b"2x0"):
        found = check_message(RESPONSE, [(b":status", status)], False)
        assert rule_of(found) == "status-invalid"
        assert found is not None
        assert found.message.startswith("Field ':status' is not a valid HTTP/2 status code: b'")


@pytest.mark.parametrize("one", [b"5", b"05", b"0005"])
@pytest.mark.parametrize("other", [b"5", b"05", b"6"])
def test_content_length_may_be_repeated_with_one_value(one: bytes, other: bytes) -> None:
    lengths = [(b"content-length", one), (b"content-length", other)]
    expected = "content-length-conflict" if other == b"6" else None
    assert rule_of(check_message(REQUEST, [*WITH_HOST, *lengths], False)) == expected
    assert rule_of(check_lengths(REQUEST, lengths)) == expected


def test_lengths_are_all_that_is_checked_without_validation() -> None:
    assert check_lengths(REQUEST, [(b"", b"\n"), (b"Host", b""), (b":x", b"")]) is None
    for value in (b"", b"-1", b"1,1", b" 1", b"1\n"):
        found = check_lengths(RESPONSE, [(b"content-length", value)])
        assert rule_of(found) == "content-length-invalid"
        assert found is not None
        assert found.message.startswith("Field 'content-length' is not a number: b'")


def test_a_length_that_no_content_has() -> None:
    length = (b"content-length", b"9" * 19)
    for found in (
        check_lengths(REQUEST, [length]),
        check_message(REQUEST, [*WITH_HOST, length], False),
    ):
        assert rule_of(found) == "content-length-too-large"
        assert found is not None
        assert found.message.startswith("Field 'content-length' is too large: b'999")


# The check and the connections agree ------------------------------------------------------------

EVENTS = (RequestReceived, ResponseReceived, InformationalResponseReceived, TrailersEvent)


def receiver(kind: int) -> H2Connection:
    """A connection for which the next HEADERS frame on stream 1 is of that kind."""
    if kind == RESPONSE:
        conn = wire.client(normalize_inbound_headers=False)
        conn.send_headers(1, wire.POST)
    else:
        conn = wire.server(normalize_inbound_headers=False)
        if kind == TRAILERS:
            wire.feed(conn, wire.headers(1, wire.POST))
    conn.clear_outbound_data_buffer()
    return conn


def delivered(events: list[Event]) -> list[Field]:
    event = events[0]
    assert isinstance(event, EVENTS)
    return [(bytes(name), bytes(value)) for name, value in event.headers]


@given(field_lists())
@example(WITH_BOTH)
@example([])
def test_what_arrives_is_delivered_or_refused_as_the_check_says(fields: list[Field]) -> None:
    for kind in (REQUEST, RESPONSE, TRAILERS):
        found = check_message(kind, fields, False)
        conn = receiver(kind)
        frame = wire.headers(1, fields, end_stream=kind == TRAILERS)
        if found is None:
            assert delivered(wire.feed(conn, frame)) == fields
        elif found.rule.scope == STREAM:
            with watched_violations() as broken:
                events = wire.feed(conn, frame)
            assert [(one.rule, one.message) for one in broken[-1:]] == [(found.rule, found.message)]
            assert [type(event) for event in events] == ([] if kind == REQUEST else [StreamReset])
            assert conn.data_to_send() == wire.rst_stream(1, Code.PROTOCOL_ERROR)
        else:
            with pytest.raises(ProtocolError, match="malformed") as caught:
                wire.feed(conn, frame)
            assert (caught.value.rule, str(caught.value)) == (found.rule.id, found.message)


def sender(kind: int) -> H2Connection:
    """A connection for which the next field block on stream 1 is of that kind."""
    if kind == RESPONSE:
        conn = wire.server(normalize_outbound_headers=False)
        wire.feed(conn, wire.headers(1, wire.POST))
    else:
        conn = wire.client(normalize_outbound_headers=False)
        if kind == TRAILERS:
            conn.send_headers(1, wire.POST)
    conn.clear_outbound_data_buffer()
    return conn


@given(field_lists())
@example(WITH_BOTH)
@example([])
def test_what_is_sent_goes_out_or_is_refused_as_the_check_says(fields: list[Field]) -> None:
    for kind in (REQUEST, RESPONSE, TRAILERS):
        found = check_message(kind, fields, False, lenient=True)
        conn = sender(kind)
        if found is None:
            conn.send_headers(1, fields, end_stream=kind == TRAILERS)
            (frame,) = wire.parse(conn.data_to_send())
            # Trailers share the HPACK context of the request, so they are not decoded here.
            assert kind == TRAILERS or wire.decode(frame.fragment) == fields
        else:
            with pytest.raises(ProtocolError, match="malformed") as caught:
                conn.send_headers(1, fields, end_stream=kind == TRAILERS)
            assert (caught.value.rule, str(caught.value)) == (found.rule.id, found.message)
            assert conn.data_to_send() == b""


def test_a_method_that_is_no_token_is_sent_unless_strict() -> None:
    """As in h2 4.4.1; other errors in the message are still rejected."""
    fields = [(b":method", b"g e t"), *wire.REQUEST[1:]]
    broken = [*fields, (b"x", b"a\r\nb: c")]
    conn = wire.client()
    with pytest.raises(ProtocolError) as caught:
        conn.send_headers(1, broken)
    assert caught.value.rule == "field-value-invalid"
    conn.send_headers(1, fields)
    assert wire.decode(wire.parse(conn.data_to_send())[0].fragment)[0] == fields[0]
    with pytest.raises(ProtocolError) as caught:
        wire.client(strict=True).send_headers(1, fields)
    assert caught.value.rule == "method-no-token"
