"""Functions with a version for each build: both versions have the same results."""

from __future__ import annotations

import struct
import sys
from typing import Any

import pytest
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import example, given
from hypothesis import strategies as st

from h2._compiled import COMPILED
from h2._core import reader
from h2._core.field_lookup import Remembered, find_entries
from h2._core.options import options_of
from h2._core.outbound_fields import FieldPlanner
from h2._frames import native_header
from h2._frames.decode import ID_MASK, u24, u31, unpack_header, unpack_long
from h2._frames.encode import pack_header
from h2._frames.layout import KIND_OF, UNKNOWN_KIND
from h2._hpack import Entry, HpackDecodingError, huffman, huffman_native
from h2._rules.fields import (
    DECIDING,
    PLAIN,
    classify,
    decimal,
    is_plain,
    is_short_and_visible,
    low_at_an_end,
)
from h2.config import H2Configuration

# Octets with short codes, with long codes, and any octets.
TEXT = st.one_of(
    st.binary(max_size=80),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-/", max_size=2000).map(str.encode),
    st.binary(max_size=20).map(lambda octets: bytes([octet | 0x80 for octet in octets])),
)
# Plausible codes: most bits of a long code are ones.
CODE = st.lists(st.sampled_from([0xFF, 0xFE, 0xFD, *range(256)]), max_size=40).map(bytes)


def outcome(decode: Any, code: bytes) -> Any:
    try:
        return decode(code)
    except HpackDecodingError as error:
        return str(error)


@given(TEXT)
@example(b"\xff" * 30)  # is shorter without coding
@example(b"shorter with a code" * 2)
def test_huffman_encoding(text: bytes) -> None:
    assert huffman_native.encode_string(text) == huffman.encode_string(text)
    assert huffman_native.encode(text) == huffman.encode(text)


@given(TEXT, st.data())
def test_huffman_decoding(text: bytes, data: st.DataObject) -> None:
    code = huffman.encode(text)
    assert huffman_native.decode(code) == text
    if code:
        damaged = bytearray(code)
        damaged[data.draw(st.integers(0, len(code) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        both = [outcome(twin.decode, bytes(damaged)) for twin in (huffman, huffman_native)]
        assert both[0] == both[1]


@given(CODE)
@example(b"\xff" * 5)  # contains EOS
def test_huffman_decoding_of_any_octets(code: bytes) -> None:
    assert outcome(huffman_native.decode, code) == outcome(huffman.decode, code)


@given(st.binary(min_size=9, max_size=9), st.binary(max_size=5))
def test_frame_header(header: bytes, before: bytes) -> None:
    data = before + header
    at = len(before)
    high, low, _, _, stream_id = unpack_header(data, at)
    assert u24(data, at) == high << 8 | low
    assert u31(data, at + 5) == stream_id & ID_MASK
    assert u31(header, 2) == unpack_long(header[2:])[0] & ID_MASK


@given(
    st.integers(0, 0xFFFF), *[st.integers(0, 0xFF)] * 3, st.integers(0, 2**31 - 1)
)  # fmt: skip
@example(0x7F, 0xFF, 0xFF, 0xFF, 2**31 - 1)  # the largest in one number
@example(0x80, 0, 0, 0, 0)
@example(0x3F, 0xFF, 0, 0, 1)
@example(0x40, 0, 0, 1, 1)  # the usual limit for a frame
def test_packing_a_frame_header(high: int, low: int, type_: int, flags: int, id_: int) -> None:
    packed = struct.pack(">HBBBL", high, low, type_, flags, id_)
    assert native_header.pack_header(high, low, type_, flags, id_) == packed
    assert pack_header(high, low, type_, flags, id_) == packed


@given(st.text(" \t\n\r\x0b\x0c\x1f!a\x80", max_size=4).map(lambda text: text.encode("latin-1")))
def test_no_whitespace_escapes_the_look_at_the_ends(value: bytes) -> None:
    if not low_at_an_end(value):
        assert value == value.strip() == value.strip(b" \t")


@given(st.binary(max_size=70))
@example(b"")
@example(b"v" * 64)
@example(b"v" * 65)
@example(b"/path?query=\xff~!")
@example(b"/path\x7f")
@example(b"/pa th")
@example(b"/path\t")
def test_short_values_without_controls_and_spaces(value: bytes) -> None:
    hidden = bytes([*range(0x21), 0x7F])
    visible = len(value) <= 64 and not any(octet in hidden for octet in value)
    assert is_short_and_visible(value) == visible
    # A longer value is checked in the other way.
    for name in (b"x-other", b":path"):
        if visible and value:
            assert classify(name, value) == classify(name, value + value[-1:] * 64)


@given(st.integers(0, 2**63 - 1), st.integers(0, 3))
@example(10**18 - 1, 0)
@example(10**18 - 1, 1)
def test_decimal_numbers(number: int, zeros: int) -> None:
    assert decimal(b"0" * zeros + b"%d" % number) == number


def test_masks_of_valid_blocks() -> None:
    bits = [1 << place for place in range(27) if 1 << place & DECIDING]
    blocks = {*PLAIN[0], *PLAIN[1], *PLAIN[2], 0}
    near = {block ^ bit for block in blocks for bit in (0, *bits)}
    for kind, plain in enumerate(PLAIN):
        for seen in near:
            for leading in range(7):
                assert is_plain(kind, seen, leading) == (plain.get(seen) == leading)
                assert is_plain(kind, seen | 0x8000, leading) == (plain.get(seen) == leading)


@pytest.mark.skipif(COMPILED, reason="compiled modules call each other directly")
@pytest.mark.parametrize("type_", [type_ for type_ in range(256) if KIND_OF[type_] < UNKNOWN_KIND])
def test_handlers_of_frames(type_: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    handler = reader._HANDLERS[KIND_OF[type_]]
    monkeypatch.setattr(
        sys.modules[handler.__module__], handler.__name__, lambda *a: calls.append(a)
    )
    others = [None] * len(reader._HANDLERS)
    others[KIND_OF[type_]] = lambda *a: calls.append(a)
    monkeypatch.setattr(reader, "_HANDLERS", others)
    conn: Any = object()
    reader._handle(conn, type_, 4, 3, b"payload")
    assert calls == [(conn, 4, 3, b"payload")]


class Unhashable(list[Any]):
    """Other objects that programs may pass as a field."""


FIELD = st.sampled_from([
    (b"a", b"1"), HeaderTuple(b"a", b"1"), NeverIndexedHeaderTuple(b"a", b"1"), (b"a", b"2"),
    ("a", "1"), [b"a", b"1"], Unhashable((b"a", b"1")), (b"a", [b"1"]), (b"a",), None, b"a1",
])  # fmt: skip


@given(st.lists(FIELD, max_size=6))
def test_look_up_of_fields(fields: list[Any]) -> None:
    entry = Entry((b"a", b"1"), 0)
    found = find_entries({(b"a", b"1"): entry}, fields, Remembered())
    plain = [type(field) in (tuple, HeaderTuple) and field == (b"a", b"1") for field in fields]
    assert found == [entry if same else None for same in plain]


KEPT = st.sampled_from([
    (b":status", b"200"), HeaderTuple(b":status", b"200"), (b"accept-encoding", b"gzip, deflate"),
    NeverIndexedHeaderTuple(b":status", b"200"), (b":status", bytes([50, 48, 48])),
])  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(KEPT, min_size=1, max_size=3)), max_size=9))
def test_look_up_of_blocks(blocks: list[tuple[int, list[Any]]]) -> None:
    planner, options = FieldPlanner(), options_of(H2Configuration())
    for kind, fields in blocks:
        plan = planner.plan(options, kind, fields)
        plain = {*map(type, fields)} <= {tuple, HeaderTuple}
        kept = planner._blocks.get((kind, *fields)) if plain else None
        assert planner._find_block(kind, fields) is kept
        assert planner._find_block(kind, fields.copy()) is kept
        if not plan.encoded:
            planner.encode(plan, kind, fields)
