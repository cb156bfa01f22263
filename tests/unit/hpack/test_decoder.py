"""The decoder: errors, table sizes, class masks, the cache of blocks."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._hpack import (
    Decoder,
    Encoder,
    FieldSection,
    HeaderListTooLarge,
    HpackDecodingError,
    build_static_table,
)
from h2._hpack.entry import Received
from h2._hpack.integers import encode_integer
from unit.hpack.support import STATIC, UNLIMITED, decoder_table, encode


def literal(name: bytes, value: bytes, first: int = 0x40) -> bytes:
    """Return a literal field with a literal name, strings without Huffman code."""
    strings = (encode_integer(len(text), 0x7F, 0) + text for text in (name, value))
    return bytes((first,)) + b"".join(strings)


def update(size: int) -> bytes:
    """Return a table size update."""
    return encode_integer(size, 0x1F, 0x20)


def contents(block: FieldSection) -> tuple[object, ...]:
    """Return everything that the decoder reports about a block."""
    return (
        [(type(field), tuple(field)) for field in block.fields],
        block.seen,
        block.repeated,
        block.leading,
        block.noted,
        block.size,
    )


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ("80", "index 0 "),
        ("be", "index 62 "),
        ("fe", "index 126 "),
        ("ff00", "index 127 "),
        ("ff80808000", "index 127 "),
        ("7e0161", "index 62 "),
        ("7f000161", "index 63 "),
        ("0f2f0161", "index 62 "),
        ("1f2f0161", "index 62 "),
        ("ff", "inside an integer"),
        ("ff80", "inside an integer"),
        ("7f", "inside an integer"),
        ("0f", "inside an integer"),
        ("1f", "inside an integer"),
        ("3f", "inside an integer"),
        ("007f", "inside an integer"),
        ("0001617fff", "inside an integer"),
        ("ff808080808000", "five octets"),
        ("0f808080808000", "five octets"),
        ("ffffffffff0f", r"2\*\*32"),
        ("00ffffffffff0f", r"2\*\*32"),
        ("40", "inside a field"),
        ("00", "inside a field"),
        ("10", "inside a field"),
        ("44", "inside a field"),
        ("000161", "inside a field"),
        ("0001", "inside a string"),
        ("000261", "inside a string"),
        ("0081", "inside a string"),
        ("00016102", "inside a string"),
        ("0001610261", "inside a string"),
        ("04fffffffff07f", r"2\*\*32"),
        ("047f80ffffff0f", "inside a string"),
        ("0084ffffffff00", "Huffman"),
        ("0484ffffffff", "Huffman"),
        ("0481ff", "Huffman"),
        ("048118", "Huffman"),
        ("8220", "after the first field"),
        ("823fe11f", "after the first field"),
        ("3fe21f", "to 4097 exceeds the limit of 4096"),
        ("203fe21f", "to 4097 exceeds the limit of 4096"),
    ],
)
def test_refused(wire: str, message: str) -> None:
    with pytest.raises(HpackDecodingError, match=message):
        Decoder(STATIC).decode(bytes.fromhex(wire), UNLIMITED)


def test_every_cut_of_a_block_is_refused_or_a_shorter_block() -> None:
    wire = literal(b"name", b"value") + b"\x82" + literal(b"x" * 200, b"y" * 300, 0x10)
    whole = Decoder(STATIC).decode(wire, UNLIMITED).fields
    accepted = []
    for end in range(len(wire)):
        try:
            block = Decoder(STATIC).decode(wire[:end], UNLIMITED)
        except HpackDecodingError:
            continue
        assert block.fields == whole[: len(block.fields)]
        accepted.append(len(block.fields))
    assert accepted == [0, 1, 2]


@pytest.mark.parametrize(
    ("first", "kind", "inserted"),
    [
        (0x40, HeaderTuple, True),
        (0x00, HeaderTuple, False),
        (0x10, NeverIndexedHeaderTuple, False),
    ],
)
def test_kinds_of_literals(first: int, kind: type, inserted: bool) -> None:
    decoder = Decoder(STATIC)
    block = decoder.decode(literal(b"name", b"value", first), UNLIMITED)
    assert contents(block) == ([(kind, (b"name", b"value"))], 0, 0, 0, None, 41)
    assert decoder_table(decoder) == ([(b"name", b"value")] if inserted else [])


@pytest.mark.parametrize("first", [0x40, 0x00, 0x10])
def test_names_by_index(first: int) -> None:
    decoder = Decoder(STATIC)
    decoder.decode(literal(b"name", b"value"), UNLIMITED)
    prefix = 0x3F if first == 0x40 else 0x0F
    for index, name in ((1, b":authority"), (61, b"www-authenticate"), (62, b"name")):
        fresh = Decoder(STATIC)
        fresh.decode(literal(b"name", b"value"), UNLIMITED)
        wire = encode_integer(index, prefix, first) + b"\x03new"
        assert fresh.decode(wire, UNLIMITED).fields == [(name, b"new")]


def test_large_indices() -> None:
    decoder = Decoder(STATIC, 1 << 16)
    for number in range(300):
        decoder.decode(literal(b"n", b"%d" % number), UNLIMITED)
    for index in (62, 126, 127, 128, 361):
        wire = encode_integer(index, 0x7F, 0x80)
        assert decoder.decode(wire, UNLIMITED).fields == [(b"n", b"%d" % (361 - index))]
    with pytest.raises(HpackDecodingError, match="index 362 "):
        decoder.decode(encode_integer(362, 0x7F, 0x80), UNLIMITED)


def test_eviction_within_a_block() -> None:
    decoder = Decoder(STATIC, 100)
    wire = literal(b"a", b"1") + literal(b"b", b"2") + b"\xbf" + literal(b"c", b"3") + b"\xbf\xbe"
    fields = decoder.decode(wire, UNLIMITED).fields
    names = [name for name, _ in fields]
    assert names == [b"a", b"b", b"a", b"c", b"b", b"c"]
    assert decoder_table(decoder) == [(b"c", b"3"), (b"b", b"2")]
    with pytest.raises(HpackDecodingError, match="index 64 "):
        decoder.decode(b"\xc0", UNLIMITED)


def test_name_of_an_entry_that_its_use_evicts() -> None:
    decoder = Decoder(STATIC, 60)
    decoder.decode(literal(b"name", b"value"), UNLIMITED)
    assert decoder.decode(b"\x7e\x05other", UNLIMITED).fields == [(b"name", b"other")]
    assert decoder_table(decoder) == [(b"name", b"other")]


def test_entry_larger_than_the_table_empties_it() -> None:
    decoder = Decoder(STATIC, 100)
    decoder.decode(literal(b"a", b"1"), UNLIMITED)
    block = decoder.decode(literal(b"b", b"x" * 68), UNLIMITED)
    assert block.fields == [(b"b", b"x" * 68)]
    assert decoder_table(decoder) == []
    decoder.decode(literal(b"a", b"1"), UNLIMITED)
    decoder.decode(literal(b"b", b"x" * 67), UNLIMITED)
    assert decoder_table(decoder) == [(b"b", b"x" * 67)]


def test_size_updates() -> None:
    decoder = Decoder(STATIC)
    for name in (b"a", b"b", b"c"):
        decoder.decode(literal(name, b""), UNLIMITED)
    decoder.decode(update(70), UNLIMITED)
    assert decoder.header_table_size == decoder.table_size == 70
    assert decoder_table(decoder) == [(b"c", b""), (b"b", b"")]
    decoder.decode(update(40) + update(4096) + b"\xbe", UNLIMITED)
    assert decoder.table_size == 4096
    assert decoder_table(decoder) == [(b"c", b"")]
    decoder.decode(update(0), UNLIMITED)
    assert decoder_table(decoder) == []
    # An encoder needs two, and h2 4.4.1 takes any number.
    block = decoder.decode(update(1) + update(0) + update(5) + update(9) + b"\x82", UNLIMITED)
    assert (decoder.table_size, block.fields) == (9, [(b":method", b"GET")])


def test_larger_setting_may_be_used_but_need_not() -> None:
    decoder = Decoder(STATIC)
    decoder.max_allowed_table_size = 8192
    assert decoder.max_allowed_table_size == 8192
    decoder.decode(b"\x82", UNLIMITED)
    assert decoder.table_size == 4096
    decoder.decode(update(8192), UNLIMITED)
    assert decoder.table_size == 8192


@pytest.mark.parametrize("wire", [b"", b"\x82", literal(b"a", b"1"), update(101), update(4096)])
def test_smaller_setting_has_to_be_honoured_at_once(wire: bytes) -> None:
    decoder = Decoder(STATIC)
    decoder.max_allowed_table_size = 100
    with pytest.raises(HpackDecodingError, match="table size update"):
        decoder.decode(wire, UNLIMITED)


@pytest.mark.parametrize("wire", [update(100), update(0) + b"\x82", update(7) + update(100)])
def test_smaller_setting_honoured(wire: bytes) -> None:
    decoder = Decoder(STATIC)
    decoder.max_allowed_table_size = 100
    decoder.decode(wire, UNLIMITED)
    decoder.decode(b"\x82", UNLIMITED)
    assert decoder.table_size <= 100


def test_lowest_setting_between_two_blocks_has_to_be_signalled() -> None:
    for wire, allowed in (
        (update(50) + update(4096), True),
        (update(50), True),
        (update(100) + update(50), False),
        (update(4096), False),
        (b"\x82", False),
    ):
        decoder = Decoder(STATIC)
        for size in (100, 50, 60, 4096):
            decoder.max_allowed_table_size = size
        if allowed:
            decoder.decode(wire, UNLIMITED)
        else:
            with pytest.raises(HpackDecodingError, match="table size update"):
                decoder.decode(wire, UNLIMITED)


def test_smaller_setting_above_the_present_size_asks_for_nothing() -> None:
    decoder = Decoder(STATIC)
    decoder.decode(update(50), UNLIMITED)
    decoder.max_allowed_table_size = 100
    assert decoder.decode(b"\x82", UNLIMITED).fields == [(b":method", b"GET")]


def test_class_masks() -> None:
    # The masks are those of support.classify(): by length of a pseudo-header name, else as given.
    decoder = Decoder(STATIC)
    method, path, status = 1 << 7, 1 << 5, 1 << 7
    wire = (
        b"\x82\x84" + literal(b"content-length", b"12") + b"\x88" + literal(b"n", b"\n") + b"\x90"
    )
    block = decoder.decode(wire, UNLIMITED)
    assert block.seen == method | path | 0x100 | status | 0x200
    assert block.repeated == status & method
    assert block.leading == 4
    assert block.noted == b"12"
    # The same by indices only: the tables have the masks.
    again = decoder.decode(b"\x82\x84\xbf\xbe\x82\x84\xbf", UNLIMITED)
    assert again.seen == method | path | 0x100 | 0x200
    assert again.repeated == method | path | 0x100
    assert again.leading == 6
    assert again.noted == b"12"
    nothing = decoder.decode(b"\x90", UNLIMITED)
    assert (nothing.seen, nothing.repeated, nothing.leading, nothing.noted) == (0, 0, 0, None)


def test_classification_sees_each_literal_once() -> None:
    asked: list[object] = []

    def classify_name(name: bytes) -> int:
        asked.append(name)
        return len(name)

    def classify_value(mask: int, value: bytes) -> int:
        asked.append((mask, value))
        return 0

    decoder = Decoder(build_static_table(classify_name, classify_value))
    asked.clear()
    # Two literal names, the name of :path, and that of the inserted entry.
    wire = literal(b"a", b"1") + b"\xbe\xbe\x82" + literal(b"bb", b"2", 0)
    wire += b"\x04\x01/" + b"\x0f\x2f\x013"
    fields = decoder.decode(wire, UNLIMITED).fields
    assert fields[-2:] == [(b":path", b"/"), (b"a", b"3")]
    assert asked == [b"a", (1, b"1"), b"bb", (2, b"2"), (5, b"/"), b"a", (1, b"3")]


def test_list_size_limit() -> None:
    wire = literal(b"name", b"value") + b"\xbe"
    assert Decoder(STATIC).decode(wire, 82).size == 82
    with pytest.raises(HeaderListTooLarge, match="81 octets"):
        Decoder(STATIC).decode(wire, 81)
    with pytest.raises(HeaderListTooLarge):
        Decoder(STATIC).decode(literal(b"name", b"value", 0), 40)


def test_the_table_follows_a_list_that_is_too_large() -> None:
    decoder = Decoder(STATIC, 1 << 20)
    decoder.decode(literal(b"bomb", b"x" * 4000), UNLIMITED)
    # 17 of the first field are more than 64 KiB.
    with pytest.raises(HeaderListTooLarge):
        decoder.decode(b"\xbe" * 17 + literal(b"later", b"field"), 1 << 16)
    assert decoder.decode(b"\xbe", UNLIMITED).fields == [(b"later", b"field")]
    with pytest.raises(HpackDecodingError):
        decoder.decode(b"\xbf" * 17 + b"\x80", 1 << 16)


@pytest.mark.heavy
def test_a_list_that_is_too_large_takes_no_more_memory_than_allowed() -> None:
    decoder = Decoder(STATIC, 1 << 20)
    decoder.decode(literal(b"x", b"y" * 1000), UNLIMITED)
    bomb = b"\xbe" * 1_000_000
    tracemalloc.start()
    with pytest.raises(HeaderListTooLarge):
        decoder.decode(bomb, 1 << 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_cached_block_is_the_same_object() -> None:
    decoder = Decoder(STATIC)
    decoder.decode(literal(b"name", b"value"), UNLIMITED)
    first = decoder.decode(b"\x82\xbe", UNLIMITED)
    assert decoder.decode(b"\x82\xbe", UNLIMITED) is first
    with pytest.raises(HeaderListTooLarge):
        decoder.decode(b"\x82\xbe", first.size - 1)
    assert decoder.decode(b"\x82\xbe", first.size) is first


@pytest.mark.parametrize(
    "change", [literal(b"other", b"field"), literal(b"l", b"x" * 5000), update(0), update(4096)]
)
def test_cached_block_is_dropped_with_any_change_of_the_table(change: bytes) -> None:
    decoder = Decoder(STATIC)
    first = decoder.decode(b"\x82", UNLIMITED)
    decoder.decode(change, UNLIMITED)
    again = decoder.decode(b"\x82", UNLIMITED)
    assert again is not first
    assert contents(again) == contents(first)


def test_literal_without_indexing_keeps_cached_blocks() -> None:
    decoder = Decoder(STATIC)
    first = decoder.decode(b"\x82", UNLIMITED)
    decoder.decode(literal(b"a", b"b", 0), UNLIMITED)
    assert decoder.decode(b"\x82", UNLIMITED) is first


@pytest.mark.parametrize("wire", [literal(b"a", b"b", 0x10), update(30) + b"\x82", b"\x82" * 129])
def test_blocks_that_are_not_cached(wire: bytes) -> None:
    decoder = Decoder(STATIC)
    assert decoder.decode(wire, UNLIMITED) is not decoder.decode(wire, UNLIMITED)


def test_cache_is_bounded() -> None:
    decoder = Decoder(STATIC)
    for octet in range(0x81, 0xBE):
        decoder.decode(bytes((octet,)), UNLIMITED)
        assert len(decoder._blocks) <= 16


def test_size_update_that_is_due_is_not_hidden_by_the_cache() -> None:
    decoder = Decoder(STATIC)
    decoder.decode(b"\x82", UNLIMITED)
    decoder.max_allowed_table_size = 10
    with pytest.raises(HpackDecodingError, match="lacks the required"):
        decoder.decode(b"\x82", UNLIMITED)


class CountingList(list[Received]):
    """A list that counts how many places its deletions move."""

    moved = 0

    def __delitem__(self, key: Any) -> None:
        self.moved += len(self)
        super().__delitem__(key)


def test_dead_places_hold_no_evicted_entry() -> None:
    decoder = Decoder(STATIC, 1000)
    for number in range(100):
        decoder.decode(literal(b"%d" % number, b""), UNLIMITED)
        assert {entry.field for entry in decoder._entries} == set(decoder_table(decoder))


@pytest.mark.parametrize("count", [1000, 4000])
def test_eviction_is_linear(count: int) -> None:
    decoder = Decoder(STATIC, 32 * 512)
    places = CountingList()
    decoder._entries = places
    for _ in range(count):
        decoder.decode(b"\x40\x00\x00", UNLIMITED)
    assert len(decoder_table(decoder)) == 512
    # Each place is cut off at most once, at a cost of at most two moves.
    assert places.moved <= 2 * count + 1024
    assert len(places) <= 2 * 512


def test_blocks_of_our_encoder() -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    fields = [(b":method", b"GET"), (b"x", b"1"), (b"x", b"2"), (b"x", b"1")]
    for _ in range(3):
        assert decoder.decode(encode(encoder, fields), UNLIMITED).fields == fields
