"""The priority field (RFC 9218 sections 4, 5 and 8), and structured fields (RFC 9651)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._rules.structured_fields import OTHER, parse_dictionary
from h2.priorities import Priority

DEFAULT = Priority()


def test_the_default_is_that_of_a_request_without_the_field() -> None:
    assert Priority(urgency=3, incremental=False) == DEFAULT


@pytest.mark.parametrize(
    ("field", "urgency", "incremental"),
    [
        (b"u=0", 0, False),
        (b"u=7, i", 7, True),
        (b"i", 3, True),
        (b"i=?1,u=2", 2, True),
        (b"u=5, i=?0", 5, False),
        (b"  u=1 \t,\t i  ", 1, True),
        (b"u=1;x=2;y, i;z", 1, True),
        (b"u=2, u=4", 4, False),
        (b"i, i=?0", 3, False),
        (b"x=(a b;q=1 \"c\"), u=6, y=:YQ==:, z=@17, w=%\"gr%c3%bc\\ss\"", 6, False),
        (b"q=-1.5, u=6", 6, False),
        ("u=4, i", 4, True),
    ],
)  # fmt: skip
def test_fields_that_say_something(field: bytes | str, urgency: int, incremental: bool) -> None:
    assert Priority.parse(field) == (urgency, incremental)


@pytest.mark.parametrize(
    "field",
    [
        b"", b" ", b"u=8", b"u=-1", b"u=3.5", b"u=1.0", b"u", b"u=?1", b'u="1"', b"u=(1)", b"u=a",
        b"i=1", b"i=(?1)", b"u=1, u=9", b"i, i=1", b"x", b"u=@1",
        # no structured fields
        b"u=1,", b",u=1", b"u=1 i", b"u= 1", b"u =1", b"U=1", b"u=1;", b"u=1; =2", b"u=",
        b"u=1, ,i",
        b"u=1, x=(a", b"u=1, x=(a)b", b'u=1, x=(a"b")', b"u=1, x=\"a", b"u=1, x=\"\\a\"",
        b"u=1234567890123456", b"u=1, x=1.", b"u=1, x=1.2345", b"u=1, x=1234567890123.5",
        b"u=1, x=%\"%ff\"", b"u=1, x=%\"%C3\"", b"u=1, x=:a-b:", b"u=1, x=?2", b"u=1\0", b"\tu=1",
        "u=1, ü",
    ],
)  # fmt: skip
def test_fields_that_say_nothing(field: bytes | str) -> None:
    assert Priority.parse(field) == DEFAULT


def test_a_response_changes_only_what_it_names() -> None:
    request = Priority(5, True)
    assert request.merge(b"u=1") == (1, True)
    assert request.merge(b"i=?0") == (5, False)
    assert request.merge(b"u=9") == request
    assert request.merge(b"broken,") == request


@pytest.mark.parametrize(
    ("priority", "field"),
    [
        (Priority(), b""),
        (Priority(0), b"u=0"),
        (Priority(3, True), b"i"),
        (Priority(7, True), b"u=7, i"),
    ],
)
def test_the_field_of_a_priority(priority: Priority, field: bytes) -> None:
    assert bytes(priority) == field


@pytest.mark.parametrize("urgency", [-1, 8])
def test_no_field_for_an_urgency_that_does_not_exist(urgency: int) -> None:
    with pytest.raises(ValueError, match=f"urgency must be between 0 and 7, not {urgency}"):
        bytes(Priority(urgency))


@given(st.integers(0, 7), st.booleans())
def test_what_is_written_is_read(urgency: int, incremental: bool) -> None:
    priority = Priority(urgency, incremental)
    assert Priority.parse(bytes(priority)) == priority


def test_members_have_the_type_that_matters() -> None:
    members = parse_dictionary(b'a=1, b, c=?0, d=x, e=1.5, f="s", g=(1 2), h=-15, a=2;p=3')
    assert members == {
        b"b": True, b"c": False, b"d": OTHER, b"e": OTHER, b"f": OTHER, b"g": OTHER, b"h": -15,
        b"a": 2,
    }  # fmt: skip


PARTS = [
    b"u", b"i", b"=", b"1", b"?1", b"?", b",", b";", b" ", b"\t", b"(", b")", b'"', b"\\", b"%",
    b':', b"@", b"-", b".", b"a", b"%c3%bc", b"\xff", b"\0",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=30).map(b"".join) | st.binary(max_size=60))
def test_any_octets_are_a_priority(field: bytes) -> None:
    urgency, incremental = Priority.parse(field)
    assert urgency in range(8)
    assert incremental in (True, False)


@pytest.mark.parametrize(
    "unit",
    [b"u=1,", b"(", b"u=(", b'"', b'u="\\"', b"%c3", b'u=%"%c3', b";a", b"1", b"a", b"=",
     b" ", b":", b"*"],
)  # fmt: skip
def test_long_fields_take_linear_time(unit: bytes) -> None:
    # A parser that takes quadratic time would need minutes.
    assert Priority.parse(b"u=2," + unit * (2**20 // len(unit))) in (
        DEFAULT,
        Priority(1),
        Priority(2),
    )
