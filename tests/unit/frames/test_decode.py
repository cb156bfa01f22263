"""Payloads that arrive, as a builder makes them that shares nothing with the package."""

from __future__ import annotations

import pytest

from h2._frames import decode, layout
from support import wire
from support.wire import RESERVED, Type

START = wire.FRAME_HEADER


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (b"\x00", b""),
        (b"\x00abc", b"abc"),
        (b"\x01abc", b"ab"),
        (b"\x03abc", b""),
        (b"\x04abc", None),
        (b"\xffabc", None),
        (b"\x01", None),
        (b"\xff" + bytes(255), b""),
        (b"\xff" + bytes(254), None),
    ],
)
def test_padding(payload: bytes, content: bytes | None) -> None:
    assert decode.strip_padding(payload) == content


def test_settings_in_order_and_repeated() -> None:
    pairs = [(4, 2**32 - 1), (65_535, 0), (4, 1)]
    assert list(decode.settings(wire.settings(*pairs)[START:])) == pairs
    assert list(decode.settings(b"")) == []


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("depends_on", [0, 1, 2**31 - 1])
@pytest.mark.parametrize("weight", [1, 256])
def test_priority(depends_on: int, weight: int, exclusive: bool) -> None:
    fields = wire.priority_fields(depends_on, weight, exclusive)
    assert decode.priority(fields) == (depends_on, weight, exclusive)
    # HEADERS has a field block after them.
    assert decode.priority(fields + b"block") == (depends_on, weight, exclusive)


def test_error_code() -> None:
    assert decode.error_code(wire.rst_stream(1, 2**32 - 1)[START:]) == 2**32 - 1


@pytest.mark.parametrize("value", [0, 1, 2**31 - 1])
def test_reserved_bit_is_ignored(value: int) -> None:
    payload = (value | RESERVED).to_bytes(4, "big")
    assert decode.stream_id(payload + b"block") == value
    assert decode.goaway(payload + bytes(4) + b"why") == (value, 0, b"why")


def test_goaway() -> None:
    assert decode.goaway(wire.goaway(7, 2**32 - 1)[START:]) == (7, 2**32 - 1, b"")


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        (b"\0\0", (b"", b"")),
        (b"\0\0value", (b"", b"value")),
        (b"\0\3abcvalue", (b"abc", b"value")),
        (b"\0\3abc", (b"abc", b"")),
        (b"\0\4abc", None),
        (b"\1\0" + bytes(256), (bytes(256), b"")),
        (b"\1\0" + bytes(255), None),
    ],
)
def test_altsvc(payload: bytes, fields: tuple[bytes, bytes] | None) -> None:
    assert decode.altsvc(payload) == fields


def test_layout_agrees_with_the_rfc() -> None:
    assert {name: getattr(layout, name) for name in layout.NAMES} == {
        type_.name: type_ for type_ in Type
    }
    assert len(layout.SHAPES) == len(layout.NAMES)
    assert layout.PREFACE == wire.PREFACE
    fixed = {
        layout.NAMES[type_]: least
        for type_, (_, least, most, _) in enumerate(layout.SHAPES)
        if least == most
    }
    assert fixed == {"PRIORITY": 5, "RST_STREAM": 4, "PING": 8, "WINDOW_UPDATE": 4}
    on_connection = {
        layout.NAMES[type_]
        for type_, shape in enumerate(layout.SHAPES)
        if shape[0] == layout.ON_CONNECTION
    }
    assert on_connection == {"SETTINGS", "PING", "GOAWAY"}
