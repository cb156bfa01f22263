"""Values in error messages: how they are quoted, and that long ones are truncated everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from h2._rules.fields import REQUEST, RESPONSE
from h2._rules.messages import check_lengths, check_message
from h2._rules.quote import quoted
from h2.connection import H2Connection
from support import wire

LONG = b"\xff" * 60_000


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"", "b''"),
        (b"a\r\nb", r"b'a\r\nb'"),
        (b"x" * 60, f"b'{'x' * 60}'"),
        (b"\xff" * 60, "b'" + r"\xff" * 60 + "'"),
        (b"x" * 61, f"b'{'x' * 60}'... (61 octets)"),
        (b"\xff" * 1_000_000, "b'" + r"\xff" * 60 + "'... (1000000 octets)"),
        ("", "''"),
        ("caf\xe9", "'caf\xe9'"),
        ("x" * 60, f"'{'x' * 60}'"),
        ("x" * 61, f"'{'x' * 60}'... (61 characters)"),
        (("x", 1), "('x', 1)"),
        (None, "None"),
        ([1] * 80, repr([1] * 80)),
        ([1] * 81, repr([1] * 81)),
        ([1] * 82, f"{repr([1] * 82)[:243]}..."),
        ([1] * 5_000, f"{repr([1] * 5_000)[:243]}..."),
    ],
)
def test_values_in_texts(value: object, shown: str) -> None:
    assert quoted(value) == shown


MESSAGE = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/")]


@pytest.mark.parametrize(
    "fields",
    [
        [*MESSAGE, (b":authority", LONG), (b"host", LONG + b"x")],
        [*MESSAGE, (b"x" * 60_000, b""), (b":authority", b"a")],
        [(LONG, b"")],
        [(b":" + LONG, b"")],
        [(b":path", LONG + b"\0")],
        [(b"x", LONG + b"\0")],
        [(b"content-length", LONG)],
        [(b"te", LONG)],
    ],
)
def test_texts_about_long_fields_are_short(fields: list[wire.Field]) -> None:
    found = check_message(REQUEST, fields, False)
    assert found is not None
    assert len(str(found.exception())) < 700


def test_texts_about_long_lengths_are_short() -> None:
    found = check_lengths(RESPONSE, [(b"content-length", b"9" * 60_000)])
    assert found is not None
    assert len(str(found.exception())) < 200


@pytest.mark.parametrize(
    "field", ["x" * 60_000, ["x" * 60_000], ("x", ["v"] * 60_000), (["n"] * 60_000, b"")]
)
def test_texts_about_what_is_no_field_are_short(field: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        wire.client().send_headers(1, [*wire.REQUEST, field])
    assert len(str(caught.value)) < 400


def test_texts_about_other_arguments_are_short() -> None:
    conn: Any = H2Connection()
    for call in (
        lambda: conn.update_settings([5] * 5_000),
        lambda: setattr(conn, "encoder", [5] * 5_000),
        lambda: setattr(conn, "decoder", [5] * 5_000),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert len(str(caught.value)) < 400
