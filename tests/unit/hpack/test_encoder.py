"""The encoder: tables, size updates, adaptive indexing, never-indexed fields, memory."""

from __future__ import annotations

import gc
import sys
import tracemalloc

import pytest
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._hpack import Decoder, Encoder, Entry
from h2._hpack.integers import decode_integer, encode_integer
from unit.hpack.support import (
    STATIC,
    UNLIMITED,
    Fields,
    classify,
    decoder_table,
    encode,
    encoder_table,
)

FORMS = [
    (0x80, 0x7F, "index"),
    (0x40, 0x3F, "insert"),
    (0x20, 0x1F, "update"),
    (0x10, 0x0F, "never"),
    (0x00, 0x0F, "literal"),
]


def kinds(wire: bytes) -> list[str]:
    """Return the representation of each field of a block."""
    found = []
    pos = 0

    def integer(prefix: int) -> int:
        nonlocal pos
        value = wire[pos] & prefix
        pos += 1
        if value == prefix:
            value, pos = decode_integer(wire, pos, prefix)
        return value

    while pos < len(wire):
        octet = wire[pos]
        for first, prefix, kind in FORMS:
            if octet >= first:
                found.append(kind)
                index = integer(prefix)
                break
        if found[-1] not in ("index", "update"):
            for _ in range(2 if index == 0 else 1):
                length = integer(0x7F)
                pos += length
    return found


def kind(encoder: Encoder, name: bytes, value: bytes) -> str:
    """Encode one field and return its representation."""
    return kinds(encode(encoder, [(name, value)]))[-1]


def test_literal_and_find() -> None:
    encoder = Encoder(STATIC)
    key = (b"content-length", b"7")
    assert encoder.find(key) is None
    entry = encoder.literal(*key, classify(*key))
    assert (entry.field, entry.mask, entry.seq, entry.never) == (key, 0x100, 0, False)
    assert encoder.fields == {}
    encoder.encode([entry])
    assert (entry.seq, entry.size, entry.used) == (1, 47, False)
    assert encoder.find(key) is entry
    # A header tuple from an event matches the plain tuple.
    assert encoder.fields[tuple.__new__(HeaderTuple, key)] is entry
    assert encoder.encode([entry]) == b"\xbe"


def test_static_entries_are_shared_and_join_fields_when_used() -> None:
    one, two = Encoder(STATIC), Encoder(STATIC)
    key = (b":method", b"GET")
    assert key not in one.fields
    entry = one.find(key)
    assert entry is not None
    assert entry.seq == -2
    assert one.fields[key] is entry
    assert two.find(key) is entry
    assert one.encode([entry]) == b"\x82"
    assert one.generation == 0


def test_generation_changes_with_the_table_only() -> None:
    encoder = Encoder(STATIC)
    seen = {encoder.generation}
    encode(encoder, [(b"a", b"1"), (b":method", b"GET")])
    assert encoder.generation not in seen
    seen.add(encoder.generation)
    encode(encoder, [(b"a", b"1"), (b":method", b"GET")])
    encoder.encode([encoder.literal(b"a", b"2", 0, never=True)])
    encoder.header_table_size = 4096
    assert encoder.generation in seen
    encoder.header_table_size = 8192
    assert encoder.generation not in seen
    seen.add(encoder.generation)
    encoder.header_table_size = 0
    assert encoder.generation not in seen


def test_never_indexed() -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    for name in (b"authorization", b"x-secret"):
        entry = encoder.literal(name, b"tiny", 0, never=True)
        for _ in range(3):
            block = decoder.decode(encoder.encode([entry]), UNLIMITED)
            assert block.fields == [(name, b"tiny")]
            assert type(block.fields[0]) is NeverIndexedHeaderTuple
        assert entry.seq == 0
    assert encoder.fields == {}
    assert encoder.generation == 0


def test_never_indexed_although_the_plain_field_is_in_the_table() -> None:
    encoder = Encoder(STATIC)
    encode(encoder, [(b"cookie", b"a=b"), (b"x-name", b"value")])
    wire = encoder.encode(
        [
            encoder.literal(b"cookie", b"a=b", 0, never=True),
            encoder.literal(b"x-name", b"value", 0, never=True),
        ]
    )
    assert kinds(wire) == ["never", "never"]
    # The name may still come from either table.
    assert wire[0] == 0x1F
    assert wire[1] == 32 - 15
    assert b"x-name" not in wire


def test_same_field_twice_in_a_block() -> None:
    encoder = Encoder(STATIC)
    wire = encode(encoder, [(b"a", b"1"), (b"a", b"1"), (b"b", b"2"), (b"a", b"1")])
    assert kinds(wire) == ["insert", "index", "insert", "index"]
    assert encoder_table(encoder) == [(b"b", b"2"), (b"a", b"1")]


def test_entry_evicted_after_it_was_found() -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    encoder.header_table_size = 100
    first = encoder.literal(b"a", b"1", 0)
    decoder.decode(encoder.encode([first]), UNLIMITED)
    block = [encoder.literal(b"b", b"2", 0), encoder.literal(b"c", b"3", 0), first, first]
    wire = encoder.encode(block)
    assert kinds(wire) == ["insert", "insert", "insert", "index"]
    assert first.used
    expected = [(b"b", b"2"), (b"c", b"3"), (b"a", b"1"), (b"a", b"1")]
    assert decoder.decode(wire, UNLIMITED).fields == expected
    assert encoder_table(encoder) == decoder_table(decoder) == [(b"a", b"1"), (b"c", b"3")]
    assert set(encoder.fields) == {(b"a", b"1"), (b"c", b"3")}


def test_large_indices() -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    encoder.header_table_size = decoder.max_allowed_table_size = 1 << 16
    fields = [(b"n%d" % number, b"v") for number in range(400)]
    for _ in range(2):
        assert decoder.decode(encode(encoder, fields), UNLIMITED).fields == fields
    # The name of an old entry is still found.
    assert kind(encoder, b"n0", b"new") == "insert"
    assert decoder_table(decoder)[:2] == [(b"n399", b"v"), (b"n398", b"v")]


def test_entry_larger_than_the_table_is_not_inserted() -> None:
    encoder = Encoder(STATIC)
    encoder.header_table_size = 400
    assert kind(encoder, b"etag", b"0" * (400 - 36)) == "insert"
    assert kind(encoder, b"date", b"0" * (400 - 35)) == "literal"
    assert len(encoder_table(encoder)) == 1


def test_table_of_size_zero() -> None:
    encoder = Encoder(STATIC)
    encoder.header_table_size = 0
    decoder = Decoder(STATIC)
    decoder.max_allowed_table_size = 0
    for _ in range(3):
        wire = encode(encoder, [(b"a", b"1")])
        assert decoder.decode(wire, UNLIMITED).fields == [(b"a", b"1")]
    assert encoder.fields == {}
    assert kinds(wire) == ["literal"]


@pytest.mark.parametrize(
    ("sizes", "updates"),
    [
        ([4096], []),
        ([100], [100]),
        ([100, 4096], [100, 4096]),
        ([100, 200, 50, 300], [50, 300]),
        ([8192], [8192]),
        ([8192, 4096], []),
        ([1 << 20], [65536]),
        ([1 << 20, 70000], [65536]),
        ([0], [0]),
        ([5000, 4000, 6000], [4000, 6000]),
    ],
)
def test_size_updates(sizes: list[int], updates: list[int]) -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    encode(encoder, [(b"a", b"1")])
    decoder.decode(encode(encoder, [(b":method", b"GET")]), UNLIMITED)
    for size in sizes:
        encoder.header_table_size = decoder.max_allowed_table_size = size
        assert encoder.header_table_size == size
    assert encoder.pending_update == bool(updates)
    wire = encode(encoder, [(b":method", b"GET")])
    assert wire == b"".join(encode_integer(size, 0x1F, 0x20) for size in updates) + b"\x82"
    decoder.decode(wire, UNLIMITED)
    assert not encoder.pending_update
    assert encode(encoder, [(b":method", b"GET")]) == b"\x82"


def test_smaller_size_evicts_at_once() -> None:
    encoder = Encoder(STATIC)
    entry = encoder.literal(b"a", b"1", 0)
    encoder.encode([entry])
    encoder.header_table_size = 10
    encoder.header_table_size = 4096
    assert encoder.fields == {}
    assert kinds(encoder.encode([entry])) == ["update", "update", "insert"]


def test_values_that_never_repeat_stop_being_inserted() -> None:
    encoder = Encoder(STATIC)
    sent = [kind(encoder, b"x-request-id", b"%032x" % number) for number in range(40)]
    assert sent == ["insert"] * 2 + ["literal"] * 38
    assert len(encoder_table(encoder)) == 2
    # A repeated value is inserted immediately, and sent as an index from then on.
    again = [kind(encoder, b"x-request-id", b"%032x" % 39) for _ in range(3)]
    assert again == ["insert", "index", "index"]


def test_one_use_of_an_entry_counts_once() -> None:
    encoder = Encoder(STATIC)
    for number in range(10):
        kind(encoder, b"etag", b"%032x" % number)
    assert kind(encoder, b"etag", b"%032x" % 0) == "index"
    assert kind(encoder, b"etag", b"%032x" % 0) == "index"
    sent = [kind(encoder, b"etag", b"%032x" % (number * 7919)) for number in range(100, 110)]
    assert sent == ["insert"] + ["literal"] * 9


def test_use_before_an_eviction_does_not_count_afterwards() -> None:
    encoder = Encoder(STATIC)
    entry = encoder.literal(b"a", b"1", 0)
    encoder.encode([entry, entry])
    assert entry.used
    encoder.header_table_size = 0
    encoder.header_table_size = 4096
    encoder.encode([entry])
    assert encoder_table(encoder) == [(b"a", b"1")]
    assert not entry.used


def test_name_starts_over_when_its_values_repeat() -> None:
    encoder = Encoder(STATIC)
    for number in range(20):
        kind(encoder, b":path", b"/%d" % number)
    assert kind(encoder, b":path", b"/new") == "literal"
    for number in range(10):
        for _ in range(3):
            kind(encoder, b":path", b"/again/%d" % number)
    assert kind(encoder, b":path", b"/other") == "insert"


def test_name_whose_entries_are_used_is_inserted_every_time() -> None:
    encoder = Encoder(STATIC)
    for number in range(30):
        assert kind(encoder, b"cookie", b"visit=%d" % number) == "insert"
        assert kind(encoder, b"cookie", b"visit=%d" % number) == "index"


def test_credit_of_a_name_outlives_its_entries() -> None:
    encoder = Encoder(STATIC)
    for number in range(5):
        encode(encoder, [(b"etag", b"%d" % number)])
    encoder.header_table_size = 0
    encoder.header_table_size = 4096
    encode(encoder, [])
    assert kind(encoder, b"etag", b"new") == "literal"


def test_stopped_name_without_an_index_is_inserted_to_have_one() -> None:
    encoder = Encoder(STATIC)
    for number in range(5):
        encode(encoder, [(b"x-id", b"%d" % number)])
    encoder.header_table_size = 0
    encoder.header_table_size = 4096
    encode(encoder, [])
    assert kind(encoder, b"x-id", b"new") == "insert"
    assert kind(encoder, b"x-id", b"newer") == "literal"


def test_names_are_bounded() -> None:
    encoder = Encoder(STATIC)
    for number in range(1000):
        for value in range(4):
            encode(encoder, [(b"name-%d" % number, b"%d %d" % (number, value))])
    live = {name for name, _ in encoder_table(encoder)}
    assert len(set(encoder._names) - live) <= 64
    assert live <= set(encoder._names)


def test_eviction_keeps_the_list_of_entries_short() -> None:
    encoder = Encoder(STATIC)
    for number in range(2000):
        encode(encoder, [(b"%d" % number, b"")])
    live = encoder_table(encoder)
    assert len(encoder._entries) <= 2 * len(live)
    # Unused slots hold no evicted entry.
    assert {entry.field for entry in encoder._entries} == set(live)


def requests(count: int) -> list[Fields]:
    """Return the fields of requests of a browser to an API."""
    return [
        [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", b"www.example.com"),
            (b":path", b"/api/v2/items?page=%d" % number),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"),
            (b"accept", b"application/json, text/plain, */*"),
            (b"accept-language", b"en-US,en;q=0.5"),
            (b"accept-encoding", b"gzip, deflate, br, zstd"),
            (b"referer", b"https://www.example.com/dashboard"),
            (b"cookie", b"session=0123456789abcdef0123456789abcdef"),
            (b"x-request-id", b"%016x" % number),
        ]
        for number in range(count)
    ]


def responses(count: int) -> list[Fields]:
    """Return the fields of the answers."""
    return [
        [
            (b":status", b"200"),
            (b"server", b"example/1.0"),
            (b"date", b"Fri, 20 Nov 2026 06:27:00 GMT"),
            (b"content-type", b"application/json"),
            (b"content-length", b"512"),
            (b"cache-control", b"max-age=0, private, must-revalidate"),
            (b"etag", b'W/"%016x"' % number),
            (b"vary", b"Accept-Encoding"),
        ]
        for number in range(count)
    ]


def octets(entries: list[tuple[bytes, bytes]]) -> int:
    return sum(sys.getsizeof(name) + sys.getsizeof(value) for name, value in entries)


def test_memory_of_an_idle_connection() -> None:
    encoder = Encoder(STATIC)
    received = [encode(encoder, fields) for fields in responses(10)]
    sent = requests(10)
    ends: list[tuple[Encoder, Decoder]] = []

    def client() -> None:
        encoder, decoder = Encoder(STATIC), Decoder(STATIC)
        for fields, wire in zip(sent, received, strict=True):
            encode(encoder, fields)
            decoder.decode(wire, UNLIMITED)
        ends.append((encoder, decoder))

    client()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(20):
            client()
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / 20
    finally:
        tracemalloc.stop()
    # About 5.6 KB. Not counted: the octets of the fields; the encoder holds those of the test.
    assert each - octets(decoder_table(ends[0][1])) <= 6000


def test_entries_have_no_dict() -> None:
    entry: object = Encoder(STATIC).literal(b"a", b"b", 0)
    assert isinstance(entry, Entry)
    assert not hasattr(entry, "__dict__")
