"""Received header fields: cookies, text, and lists that are too long."""

from __future__ import annotations

from typing import Any

import pytest
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import DenialOfServiceError
from h2.limits import AbuseLimits
from support import wire
from support.outcome import assert_alive, assert_answered_with_reset, assert_connection_error
from support.wire import Code, Field

REQUEST = list(wire.REQUEST)


def received(conn: H2Connection, block: bytes) -> Any:
    """The fields of the event for a request, which must be the only event."""
    stream_id = conn.highest_inbound_stream_id + 2 if conn.highest_inbound_stream_id else 1
    (event,) = wire.feed(conn, wire.headers(stream_id, block))
    return event.headers  # type: ignore[attr-defined]  # a RequestReceived


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(b"cookie", b"a")], [(b"cookie", b"a")]),
        ([(b"cookie", b"a"), (b"x", b"1")], [(b"x", b"1"), (b"cookie", b"a")]),
        (
            [(b"cookie", b"a"), (b"x", b"1"), (b"cookie", b"b"), (b"y", b"2"), (b"cookie", b"")],
            [(b"x", b"1"), (b"y", b"2"), (b"cookie", b"a; b; ")],
        ),
    ],
)
def test_cookies_become_one_at_the_end(fields: list[Field], expected: list[Field]) -> None:
    assert received(wire.server(), wire.block([*REQUEST, *fields])) == REQUEST + expected
    untouched = wire.server(normalize_inbound_headers=False)
    assert received(untouched, wire.block([*REQUEST, *fields])) == REQUEST + fields


@pytest.mark.parametrize(
    ("fields", "mended"),
    [
        ([*REQUEST, (b"cookie", b"a "), (b"cookie", b"b")], True),
        ([*REQUEST, (b"cookie", b"a"), (b"cookie", b"\tb")], True),
        ([(b"cookie", b"a"), *REQUEST], True),
        ([*REQUEST, (b"cookie", b"a"), (b"cookie", b"b ")], False),
        ([*REQUEST, (b"cookie", b"a "), (b"cookie", b"b\n")], False),
        ([(b"cookie", b"a"), (b"x", b"y"), *REQUEST], False),
    ],
)
@pytest.mark.parametrize("joined", [True, False])
def test_what_joining_cookies_mends_resets_the_stream(
    fields: list[Field], mended: bool, joined: bool
) -> None:
    """h2 4.4.1 does not detect this. An error in the joined fields ends the connection."""
    conn = wire.server(normalize_inbound_headers=joined)
    request = wire.headers(1, fields)
    if mended and joined:
        assert_answered_with_reset(conn, request, stream_id=1, code=Code.PROTOCOL_ERROR)
    else:
        assert_connection_error(conn, request, code=Code.PROTOCOL_ERROR, last_stream_id=1)


def test_cookies_in_a_request_that_needs_a_close_look() -> None:
    fields = [*REQUEST[:2], REQUEST[3], (b"host", b"a.b")]
    cookies = [(b"cookie", b"a"), (b"cookie", b"b")]
    got = received(wire.server(), wire.block([*fields, *cookies]))
    assert got == [*fields, (b"cookie", b"a; b")]


def test_a_joined_cookie_is_never_indexed() -> None:
    cookies = [(b"cookie", b"a" * 40), (b"cookie", b"b" * 40)]
    assert type(received(wire.server(), wire.block([*REQUEST, *cookies]))[-1]) is (
        NeverIndexedHeaderTuple
    )
    assert type(received(wire.server(), wire.block([*REQUEST, cookies[0]]))[-1]) is HeaderTuple


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_text(encoding: str) -> None:
    conn = wire.server(header_encoding=encoding)
    block = wire.block([*REQUEST, (b"x", "caf\xe9".encode(encoding))])
    block += wire.literal(b"y", b"secret", pattern=0x10)
    got = received(conn, block)
    assert got[-2:] == [("x", "caf\xe9"), ("y", "secret")]
    assert [type(field) for field in got[-2:]] == [HeaderTuple, NeverIndexedHeaderTuple]


@pytest.mark.parametrize(
    ("encoding", "octets", "text"),
    [
        ("utf-8", b"caf\xe9", "caf\udce9"),
        ("utf-8", b"caf\xc3\xa9 \xe9", "caf\xe9 \udce9"),
        ("ascii", b"caf\xc3\xa9", "caf\udcc3\udca9"),
        ("cp1252", b"caf\xe9\x81", "caf\xe9\udc81"),
        # If the encoding cannot use surrogates, the field is decoded as ASCII.
        ("utf-16", b"abc", "abc"),
        ("idna", b"xn--\xff.a", "xn--\udcff.a"),
    ],
)
def test_octets_that_the_encoding_does_not_have(encoding: str, octets: bytes, text: str) -> None:
    conn = wire.server(header_encoding=encoding)
    block = wire.block([*REQUEST, (b"x", octets)])
    block += wire.literal(b"y", octets, pattern=0x10)
    got = received(conn, block)
    assert [field[1] for field in got[-2:]] == [text, text]
    assert [type(field) for field in got[-2:]] == [HeaderTuple, NeverIndexedHeaderTuple]
    assert_alive(conn)


def test_names_that_are_no_text() -> None:
    """They are accepted only if names are not checked."""
    conn = wire.server(header_encoding="utf-8", validate_inbound_headers=False)
    assert received(conn, wire.block([*REQUEST, (b"\xff", b"1")]))[-1] == ("\udcff", "1")


class SmallLists(H2Connection):
    """Accepts field sections of up to 500 octets."""

    DEFAULT_MAX_HEADER_LIST_SIZE = 500


EXTRA = [wire.indexed(index) for index in (15, 17, 18, 20, 21)]  # some 46 octets each


@pytest.mark.parametrize("times", [1, 2, 3])
def test_fields_that_were_read_together_count_like_others(times: int) -> None:
    """A run of indexed fields is cached, and follows other fields in a later block."""
    conn = SmallLists(H2Configuration(client_side=False))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings())
    start = wire.block(wire.REQUEST)
    for _ in range(3):
        assert len(received(conn, start + b"".join(EXTRA))) == 9
    block = start + b"".join(EXTRA) + wire.literal(b"x", b"1") + b"".join(EXTRA)
    if times > 1:
        block += wire.literal(b"x", b"1") * (times - 1) + b"".join(EXTRA)
    with pytest.raises(DenialOfServiceError) as caught:
        received(conn, block)
    assert caught.value.error_code == Code.ENHANCE_YOUR_CALM


def test_runs_of_indexed_fields_are_forgotten_when_the_table_changes() -> None:
    """The same octets now represent other fields."""
    conn = wire.server()
    start = wire.block(wire.REQUEST)
    run = wire.indexed(62) * 5 + wire.literal(b"x", b"1")
    for value in (b"old", b"new", b"newer"):
        received(conn, start + wire.literal(b"y", value, pattern=0x40))
        for _ in range(3):
            assert received(conn, start + run)[4:] == [(b"y", value)] * 5 + [(b"x", b"1")]


def test_unchecked_fields_arrive_as_they_are() -> None:
    conn = wire.server(validate_inbound_headers=False)
    fields = [(b"Odd", b" name "), (b"content-length", b"0"), *REQUEST, (b":path", b"")]
    assert received(conn, wire.block(fields)) == fields


@pytest.mark.parametrize("count", [3, 4, 120, 128, 129, 200])
def test_long_runs_of_indexed_fields(count: int) -> None:
    conn = wire.server(limits=AbuseLimits.off())
    block = wire.block(wire.REQUEST) + wire.indexed(16) * count + wire.literal(b"x", b"1")
    for _ in range(3):
        got = received(conn, block)
        assert got == [*REQUEST, *[(b"accept-encoding", b"gzip, deflate")] * count, (b"x", b"1")]
