"""Fields as text: any octets of a value are forwarded unchanged."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2.connection import H2Connection
from h2.utilities import utf8_encode_headers
from support import wire
from support.snapshot import snapshot
from support.wire import Field

#: The octets that RFC 9110 section 5.5 allows in a value: VCHAR, obs-text, and SP and HTAB within.
OCTETS = st.binary(max_size=12).map(
    lambda octets: bytes(o for o in octets if o in b"\t " or o > 0x20 != 0x7F).strip(b"\t ")
)
VALUE = OCTETS | st.text(max_size=5).map(str.encode).filter(
    lambda value: not {0, 10, 13} & {*value} and value.strip() == value
)


def pass_on(encoding: str, fields: list[Field]) -> list[Field]:
    """Receive a request as text and send what was received as another request."""
    server, client = wire.server(header_encoding=encoding), wire.client()
    (event,) = wire.feed(server, wire.headers(1, [*wire.REQUEST, *fields]))
    headers = event.headers  # type: ignore[attr-defined]  # a RequestReceived
    assert all(isinstance(part, str) for field in headers for part in field)
    client.send_headers(1, headers)
    assert utf8_encode_headers(headers) == [*wire.REQUEST, *fields]
    (frame,) = wire.parse(client.data_to_send())
    return wire.decode(frame.fragment)


@given(st.sampled_from(["utf-8", "UTF-8", "utf8", "ascii"]), st.lists(VALUE, max_size=3))
@example("utf-8", [bytes(range(0x80, 0x100))])
@example("ascii", [bytes(range(0x80, 0x100))])
@example("utf-8", ["\ud7ff\ue000\U0001f600".encode(), b"\xed\xa0\x80", b"\xed\xb3\xbf"])
def test_values_go_out_as_they_came(encoding: str, values: list[bytes]) -> None:
    fields = [(b"x-%d" % number, value) for number, value in enumerate(values)]
    assert pass_on(encoding, fields) == [*wire.REQUEST, *fields]


def refused(conn: H2Connection, field: tuple[str, str]) -> None:
    before = snapshot(conn)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        conn.send_headers(1, [*wire.REQUEST, field])
    assert snapshot(conn) == before


@given(st.characters(categories=["Cs"]))
@example("\udc7f")
@example("\udc80")
@example("\udcff")
@example("\udd00")
@example("\udc0a")
def test_surrogates_that_stand_for_no_octet_are_refused(surrogate: str) -> None:
    conn = wire.client()
    if "\udc80" <= surrogate <= "\udcff":
        conn.send_headers(1, [*wire.REQUEST, ("x", surrogate)])
        (frame,) = wire.parse(conn.data_to_send())
        assert wire.decode(frame.fragment)[-1] == (b"x", bytes([ord(surrogate) - 0xDC00]))
    else:
        refused(conn, ("x", surrogate))
        refused(conn, (surrogate, "x"))
