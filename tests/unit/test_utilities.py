"""The functions of h2.utilities: field rules, and others of the published package."""

from __future__ import annotations

from typing import Any

import pytest
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from h2 import utilities
from h2.exceptions import FlowControlError, ProtocolError
from h2.utilities import HeaderValidationFlags
from support import wire
from support.fields import Field

LONG = b"c" * 30
REQUEST = HeaderValidationFlags(True, False, False, False)
RESPONSE = HeaderValidationFlags(True, False, True, False)
TRAILERS = HeaderValidationFlags(False, True, False, False)
PROMISE = HeaderValidationFlags(False, False, False, True)


def test_flags_by_position_and_by_name() -> None:
    by_name = HeaderValidationFlags(
        is_client=True, is_trailer=False, is_response_header=True, is_push_promise=False
    )
    assert by_name == RESPONSE


@pytest.mark.parametrize(("current", "increment"), [(0, 1), (-5, 10), (1, 2**31 - 2)])
def test_window_that_may_grow(current: int, increment: int) -> None:
    assert utilities.guard_increment_window(current, increment) == current + increment


@pytest.mark.parametrize(("current", "increment"), [(1, 2**31 - 1), (2**31 - 1, 1)])
def test_window_that_may_not_grow(current: int, increment: int) -> None:
    with pytest.raises(FlowControlError, match="2147483647"):
        utilities.guard_increment_window(current, increment)


def normalized(fields: list[Field], split: bool = False) -> list[HeaderTuple]:
    return list(utilities.normalize_outbound_headers(fields, None, split))


def test_names_and_values_are_brought_into_form() -> None:
    got = normalized([(b" X-Name ", b"\tvalue "), (b"Connection", b"close"), (b"te", b"trailers")])
    assert got == [(b"x-name", b"value"), (b"te", b"trailers")]
    assert [type(field) for field in got] == [HeaderTuple, HeaderTuple]


@pytest.mark.parametrize(
    ("field", "cls"),
    [
        ((b"Authorization", LONG), NeverIndexedHeaderTuple),
        ((b"Proxy-Authorization", b"x"), NeverIndexedHeaderTuple),
        ((b"cookie", b"short"), NeverIndexedHeaderTuple),
        ((b"cookie", LONG), HeaderTuple),
        (HeaderTuple(b"x", b"y"), HeaderTuple),
        (NeverIndexedHeaderTuple(b"x", b"y"), NeverIndexedHeaderTuple),
    ],
)
def test_sensitive_fields_are_marked(field: Field, cls: type[HeaderTuple]) -> None:
    (got,) = normalized([field])
    assert type(got) is cls
    assert got == (field[0].lower(), field[1])


def test_cookies_are_split_if_asked_for() -> None:
    cookie = (b"Cookie", b"a=b; " + LONG)
    assert normalized([cookie]) == [(b"cookie", b"a=b; " + LONG)]
    crumbs = normalized([cookie], True)
    assert crumbs == [(b"cookie", b"a=b"), (b"cookie", LONG)]
    assert [crumb.indexable for crumb in crumbs] == [False, True]
    crumbs = normalized([NeverIndexedHeaderTuple(*cookie)], True)
    assert [crumb.indexable for crumb in crumbs] == [False, False]


VALIDATORS = [utilities.validate_headers, utilities.validate_outbound_headers]


@pytest.mark.parametrize("validate", VALIDATORS)
@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (REQUEST, wire.REQUEST),
        (PROMISE, wire.REQUEST),
        (RESPONSE, wire.RESPONSE),
        (TRAILERS, wire.TRAILERS),
    ],
)
def test_valid_messages(validate: type, flags: HeaderValidationFlags, fields: wire.Fields) -> None:
    assert validate(iter(fields), flags) == list(fields)


@pytest.mark.parametrize("validate", VALIDATORS)
@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (REQUEST, wire.RESPONSE),
        (PROMISE, wire.REQUEST[1:]),
        (RESPONSE, wire.REQUEST),
        (TRAILERS, wire.RESPONSE),
    ],
)
def test_malformed_messages(
    validate: type, flags: HeaderValidationFlags, fields: wire.Fields
) -> None:
    with pytest.raises(ProtocolError, match="malformed"):
        validate(fields, flags)


# --- more functions of the published package ---


def test_text_is_encoded_and_fields_keep_their_class() -> None:
    fields = [
        ("n\xe4me", b"value"),
        (b"name", "valu\xe9"),
        HeaderTuple("a", "b"),
        NeverIndexedHeaderTuple("c", b"d"),
    ]
    got = utilities.utf8_encode_headers(iter(fields))
    assert got == [
        ("n\xe4me".encode(), b"value"),
        (b"name", "valu\xe9".encode()),
        (b"a", b"b"),
        (b"c", b"d"),
    ]
    assert [type(field) for field in got] == [tuple, tuple, HeaderTuple, NeverIndexedHeaderTuple]


@pytest.mark.parametrize("value", [1, None, bytearray(b"x")])
def test_what_is_neither_text_nor_octets_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        utilities.utf8_encode_headers([("name", value)])


@pytest.mark.parametrize(
    ("fields", "method", "authority"),
    [
        (wire.REQUEST, b"GET", b"example.com"),
        ([(":method", "PUT"), (":authority", b"a"), (b":method", b"GET")], b"PUT", b"a"),
        (wire.RESPONSE, None, None),
        ([], None, None),
    ],
)
def test_what_a_request_says(fields: Any, method: bytes | None, authority: bytes | None) -> None:
    assert utilities.extract_method_header(fields) == method
    assert utilities.authority_from_headers(fields) == authority


@pytest.mark.parametrize(
    ("fields", "informational"),
    [
        ([(b":status", b"100")], True),
        ([(":status", "103"), ("link", "x")], True),
        (wire.RESPONSE, False),
        (wire.REQUEST, False),
        ([(b":status", b"")], False),
        ([], False),
    ],
)
def test_whether_a_response_is_informational(fields: Any, informational: bool) -> None:
    assert utilities.is_informational_response(fields) is informational


def test_cookies_of_a_received_message_are_joined() -> None:
    def joined(*fields: Field) -> list[Any]:
        return list(utilities.normalize_inbound_headers(iter(fields), REQUEST))

    first, second, other = (b"cookie", b"a=b"), HeaderTuple(b"cookie", b"c"), (b"X", b" y ")
    got = joined(first, other, second)
    assert got == [other, (b"cookie", b"a=b; c")]
    assert type(got[1]) is NeverIndexedHeaderTuple
    got = joined(second, other)
    assert got == [other, second]
    assert type(got[1]) is HeaderTuple
    assert joined(other) == [other]


def test_a_dict_of_limited_size_drops_what_came_first() -> None:
    entries = utilities.SizeLimitDict({1: 1, 2: 2, 3: 3}, size_limit=2, four=4)
    assert list(entries) == [3, "four"]
    entries.update({5: 5})
    entries[5] = 6
    assert list(entries.items()) == [("four", 4), (5, 6)]
    unlimited = utilities.SizeLimitDict({key: key for key in range(100)})
    assert len(unlimited) == 100
    assert len(utilities.SizeLimitDict({1: 1}, size_limit=0)) == 0


def test_constants() -> None:
    assert bytes([utilities.SIGIL, utilities.INFORMATIONAL_START]) == b":1"
    assert sorted(utilities.CONNECTION_HEADERS) == [
        *(b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
    ]
