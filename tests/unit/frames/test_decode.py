"""Decoding of payloads that a builder without any code of the package made."""

from __future__ import annotations

import pytest

from h2._frames import decode, layout
from h2._rules.connection_states import INPUT_NAMES
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
    # In HEADERS a field block follows them.
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


@pytest.mark.parametrize(
    ("payload", "entries"),
    [
        (b"", []),
        (b"\0\0", [b""]),
        (b"\0\1a\0\0\0\2bc", [b"a", b"", b"bc"]),
        (b"\1\0" + bytes(256), [bytes(256)]),
        (b"\0", None),
        (b"\0\1", None),
        (b"\0\2a", None),
        (b"\0\1a\0", None),
        (b"\1\0" + bytes(255), None),
    ],
)
def test_origins(payload: bytes, entries: list[bytes] | None) -> None:
    assert decode.origins(payload) == entries


def test_layout_agrees_with_the_rfc() -> None:
    assert {name: getattr(layout, name) for name in layout.NAMES} == {
        type_.name: type_ for type_ in Type
    }
    assert layout.PREFACE == wire.PREFACE
    shapes = dict(zip(layout.NAMES, layout.SHAPES, strict=True))
    fixed = {name: least for name, (_, least, most, _) in shapes.items() if least == most}
    assert fixed == {"PRIORITY": 5, "RST_STREAM": 4, "PING": 8, "WINDOW_UPDATE": 4}
    on_connection = {name for name, shape in shapes.items() if shape[0] == layout.ON_CONNECTION}
    assert on_connection == {"SETTINGS", "PING", "GOAWAY", "ORIGIN", "PRIORITY_UPDATE"}


def test_every_type_has_one_kind_and_the_kinds_have_no_holes() -> None:
    assert len(layout.KIND_OF) == 256
    known = {type_: kind for type_, kind in enumerate(layout.KIND_OF) if type_ in {*Type}}
    assert [layout.NAMES[kind] for kind in known.values()] == [Type(type_).name for type_ in known]
    assert sorted(known.values()) == list(range(layout.UNKNOWN_KIND))
    others = {kind for type_, kind in enumerate(layout.KIND_OF) if type_ not in known}
    assert others == {layout.UNKNOWN_KIND}


def test_received_frames_are_inputs_of_the_connection_table_by_kind() -> None:
    inputs = INPUT_NAMES[: layout.UNKNOWN_KIND + 1]
    assert inputs == (*(f"RECV_{name}" for name in layout.NAMES), "RECV_UNKNOWN")
