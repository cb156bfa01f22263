"""Properties: two decoders read what is encoded, any octets are safe, fast paths are exact."""

from __future__ import annotations

from random import Random

import hpack
from hypothesis import given, settings
from hypothesis import strategies as st

from h2._hpack import Decoder, Encoder, FieldSection, HeaderListTooLarge, HpackDecodingError
from unit.hpack.support import (
    STATIC,
    UNLIMITED,
    Fields,
    classify,
    decoder_table,
    encode,
    encoder_table,
    table_octets,
)
from unit.hpack.test_decoder import contents

NAMES = st.sampled_from(
    [b":method", b":path", b"cookie", b"etag", b"x-id", b"content-length", b"a", b"n" * 60]
) | st.binary(min_size=1, max_size=12)
VALUES = st.sampled_from([b"GET", b"/", b"", b"1", b"gzip, deflate", b"v" * 90]) | st.binary(
    max_size=150
)
LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
SIZES = st.sampled_from([0, 31, 32, 100, 250, 4095, 4096, 70000]) | st.integers(0, 600)
#: What happens on a connection: a new table size setting, or a field block.
HISTORIES = st.lists(st.one_of(SIZES, LISTS), max_size=25)


def reference(fields: Fields) -> tuple[int, int, int, bytes | None, int]:
    """Return what the decoder should report about these fields, computed naively."""
    masks = [classify(name, value) for name, value in fields]
    seen = repeated = leading = 0
    noted = None
    for place, mask in enumerate(masks):
        repeated |= seen & mask
        seen |= mask
        if mask & 0xFF:
            leading = place + 1
        if mask == 0x100:
            noted = fields[place][1]
    return seen, repeated, leading, noted, table_octets(fields)


@given(HISTORIES)
@settings(deadline=None)
def test_round_trip_with_changing_table_sizes(history: list[int | Fields]) -> None:
    encoder, decoder, other = Encoder(STATIC), Decoder(STATIC), hpack.Decoder()
    other.max_header_list_size = UNLIMITED
    for event in history:
        if isinstance(event, int):
            encoder.header_table_size = event
            decoder.max_allowed_table_size = other.max_allowed_table_size = event
            continue
        wire = encode(encoder, event)
        block = decoder.decode(wire, UNLIMITED)
        assert block.fields == event
        assert (
            block.seen,
            block.repeated,
            block.leading,
            block.noted,
            block.size,
        ) == reference(event)
        assert other.decode(wire, raw=True) == event
        table = encoder_table(encoder)
        assert decoder_table(decoder) == table
        assert encoder._used == decoder._used == table_octets(table) <= decoder.table_size
        assert {key for key, entry in encoder.fields.items() if entry.seq > 0} == set(table)


@given(HISTORIES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_entries_found_long_before_they_are_sent(
    history: list[int | Fields], chance: Random
) -> None:
    encoder, decoder = Encoder(STATIC), Decoder(STATIC)
    old = []
    for event in history:
        if isinstance(event, int):
            encoder.header_table_size = decoder.max_allowed_table_size = event
            continue
        fresh = [
            encoder.find(field) or encoder.literal(*field, classify(*field)) for field in event
        ]
        old += fresh
        chance.shuffle(old)
        entries = fresh + old[:5]
        block = decoder.decode(encoder.encode(entries), UNLIMITED)
        assert block.fields == [entry.field for entry in entries]
        assert decoder_table(decoder) == encoder_table(encoder)


def outcome(decoder: Decoder, wire: bytes, limit: int) -> object:
    try:
        return contents(decoder.decode(wire, limit))
    except (HpackDecodingError, HeaderListTooLarge) as error:
        return (type(error), str(error))


PIECES = [
    *(b"\x82", b"\xbe", b"\xbf", b"\xff\x00", b"\x20", b"\x3f\xe1\x1f", b"\x40\x01a\x01b"),
    *(b"\x00\x01a\x82\x1c\x64", b"\x7e\x03new", b"\x10\x01n\x01s", b"\x44\x83\x60\xd5\x48"),
]
OCTETS = st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


@given(st.lists(OCTETS, max_size=8), st.sampled_from([0, 60, 200, UNLIMITED]))
@settings(deadline=None)
def test_any_octets_give_a_block_or_one_of_two_errors(wires: list[bytes], limit: int) -> None:
    decoder = Decoder(STATIC, 128)
    for wire in wires:
        try:
            block = decoder.decode(wire, limit)
        except (HpackDecodingError, HeaderListTooLarge):
            break
        assert isinstance(block, FieldSection)
        assert block.size <= limit
        assert decoder._used == table_octets(decoder_table(decoder)) <= decoder.table_size


@given(LISTS, st.data())
@settings(deadline=None)
def test_damaged_blocks(fields: Fields, data: st.DataObject) -> None:
    wire = bytearray(encode(Encoder(STATIC), fields))
    for _ in range(data.draw(st.integers(1, 3))):
        if wire:
            wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    result = outcome(Decoder(STATIC), bytes(wire), UNLIMITED)
    assert isinstance(result, tuple)


@given(st.lists(OCTETS, max_size=10), st.lists(st.integers(0, 3), max_size=20))
@settings(deadline=None, max_examples=200)
def test_cached_blocks_equal_uncached_ones(wires: list[bytes], order: list[int]) -> None:
    fast, slow = Decoder(STATIC, 128), Decoder(STATIC, 128)
    for number in order:
        if number >= len(wires):
            continue
        slow._blocks.clear()
        result = outcome(fast, wires[number], 300)
        assert result == outcome(slow, wires[number], 300)
        if isinstance(result, tuple) and isinstance(result[0], type):
            break
        assert decoder_table(fast) == decoder_table(slow)


@given(st.lists(LISTS, max_size=10))
@settings(deadline=None)
def test_equal_entries_encode_equally_while_the_generation_stays(lists: list[Fields]) -> None:
    encoder = Encoder(STATIC)
    for fields in lists:
        first = encode(encoder, fields)
        before = encoder.generation
        again = encode(encoder, fields)
        if encoder.generation == before and not encoder.pending_update:
            entries = [encoder.fields.get(field) for field in fields]
            if None not in entries:
                assert encode(encoder, fields) == again
        assert len(again) <= len(first)
