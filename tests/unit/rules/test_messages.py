"""The exact check of a message: what it says, and that connections act on it both ways."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from h2._rules.fields import REQUEST, RESPONSE, TRAILERS
from h2._rules.messages import check_lengths, check_message
from h2._rules.registry import Violation
from h2.connection import H2Connection
from h2.events import Event, InformationalResponseReceived, RequestReceived, ResponseReceived
from h2.events import TrailersReceived as TrailersEvent
from h2.exceptions import ProtocolError
from support import wire
from support.fields import Field, field_lists

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


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (MESSAGE[1:], ["':method'", "missing"]),
        ([MESSAGE[0], MESSAGE[2]], ["':scheme'", "missing"]),
        (MESSAGE[:2], ["':path'", "missing"]),
        (MESSAGE, ["':authority'", "'host'"]),
        ([*WITH_HOST, (b"Bad", b"")], ["'Bad'", "characters"]),
        ([*WITH_HOST, (b"x\xff", b"")], ["'x\xff'"]),
        ([*WITH_HOST, (b"x", b"\n")], ["'x'", r"b'\n'"]),
        ([*WITH_HOST, (b":path", b"/")], ["':path'", "follows b'host'"]),
        ([*MESSAGE, (b":path", b"/")], ["':path'", "more than once"]),
        ([*WITH_HOST, (b"host", b"a.b")], ["'host'", "more than once"]),
        ([*WITH_HOST, (b"upgrade", b"x")], ["'upgrade'", "connection-specific"]),
        ([*MESSAGE, (b":status", b"200")], ["':status'", "other message"]),
        ([*MESSAGE, (b":new", b"")], ["':new'", "known"]),
    ],
)
def test_messages_name_what_is_wrong(fields: list[Field], words: list[str]) -> None:
    found = check_message(REQUEST, fields, False)
    assert found is not None
    assert found.message.startswith("Malformed request: ")
    for word in words:
        assert word in found.message


def test_messages_name_the_kind_of_block() -> None:
    for kind, shown in [(RESPONSE, "response"), (TRAILERS, "trailer section")]:
        found = check_message(kind, [(b"", b"")], False)
        assert found is not None
        assert found.message.startswith(f"Malformed {shown}: ")


@pytest.mark.parametrize("one", [b"5", b"05", b"0005"])
@pytest.mark.parametrize("other", [b"5", b"05", b"6"])
def test_content_length_may_be_repeated_with_one_value(one: bytes, other: bytes) -> None:
    lengths = [(b"content-length", one), (b"content-length", other)]
    expected = "content-length-conflict" if other == b"6" else None
    assert rule_of(check_message(REQUEST, [*WITH_HOST, *lengths], False)) == expected
    assert rule_of(check_lengths(REQUEST, lengths)) == expected


def test_lengths_are_all_that_is_checked_without_validation() -> None:
    assert check_lengths(REQUEST, [(b"", b"\n"), (b"Host", b""), (b":x", b"")]) is None
    for value in (b"", b"-1", b"1,1", b"9" * 4001):
        found = check_lengths(RESPONSE, [(b"content-length", value)])
        assert rule_of(found) == "content-length-invalid"
        assert found is not None
        assert found.message.startswith("Malformed response: field 'content-length'")


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
        else:
            with pytest.raises(ProtocolError, match="Malformed") as caught:
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
        found = check_message(kind, fields, False)
        conn = sender(kind)
        if found is None:
            conn.send_headers(1, fields, end_stream=kind == TRAILERS)
            (frame,) = wire.parse(conn.data_to_send())
            # Trailers follow the request in one HPACK context, of which they take nothing here.
            assert kind == TRAILERS or wire.decode(frame.fragment) == fields
        else:
            with pytest.raises(ProtocolError, match="Malformed") as caught:
                conn.send_headers(1, fields, end_stream=kind == TRAILERS)
            assert (caught.value.rule, str(caught.value)) == (found.rule.id, found.message)
            assert conn.data_to_send() == b""
