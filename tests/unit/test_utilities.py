"""The field rules as functions."""

from __future__ import annotations

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
