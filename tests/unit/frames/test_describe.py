"""The log messages for a frame."""

from __future__ import annotations

import pytest

from h2._frames.describe import LoggedFrame, name_of
from support.wire import Flag, Type


@pytest.mark.parametrize(
    ("type_", "flags", "shown"),
    [
        (Type.DATA, 0xFF, "END_STREAM, PADDED"),
        (Type.HEADERS, 0xFF, "END_STREAM, END_HEADERS, PADDED, PRIORITY"),
        (Type.HEADERS, Flag.END_HEADERS, "END_HEADERS"),
        (Type.PRIORITY, 0xFF, ""),
        (Type.RST_STREAM, 0xFF, ""),
        (Type.SETTINGS, Flag.ACK, "ACK"),
        (Type.PUSH_PROMISE, 0xFF, "END_HEADERS, PADDED"),
        (Type.PING, Flag.ACK, "ACK"),
        (Type.GOAWAY, 0xFF, ""),
        (Type.WINDOW_UPDATE, 0xFF, ""),
        (Type.CONTINUATION, 0xFF, "END_HEADERS"),
        (Type.ALTSVC, 0xFF, ""),
        (0x42, 0xFF, ""),
    ],
)
def test_flags_by_name(type_: int, flags: int, shown: str) -> None:
    assert f" flags=[{shown}] " in str(LoggedFrame(type_, flags, 1, b""))


def test_one_line() -> None:
    line = str(LoggedFrame(Type.PING, 1, 0, b"12345678"))
    assert line == "PING stream=0 flags=[ACK] length=8 payload=3132333435363738"


def test_long_payloads_are_cut() -> None:
    assert str(LoggedFrame(0, 0, 1, bytes(16))).endswith("length=16 payload=" + "00" * 16)
    assert str(LoggedFrame(0, 0, 1, bytes(17))).endswith("length=17 payload=" + "00" * 16 + "...")


def test_names() -> None:
    assert [name_of(type_) for type_ in Type] == [type_.name for type_ in Type]
    assert name_of(11) == "type 0x0b"
