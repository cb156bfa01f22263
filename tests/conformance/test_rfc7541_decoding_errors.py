"""RFC 7541 on a connection: legal forms of a field, and COMPRESSION_ERROR."""

from __future__ import annotations

import pytest
from hpack import Decoder

from h2.events import RequestReceived, ResponseReceived
from support import wire
from support.outcome import assert_connection_error, only, sent
from support.wire import Code

REQUEST = wire.block(wire.REQUEST)
HUFFMAN_CUSTOM_KEY = bytes.fromhex("25a849e95ba97d7f")  # "custom-key", RFC 7541 C.4.3
HUFFMAN_CUSTOM_VALUE = bytes.fromhex("25a849e95bb8e8b4bf")  # "custom-value", RFC 7541 C.4.3


def huffman(octets: bytes) -> bytes:
    """A string literal with the Huffman bit set."""
    return wire.integer(len(octets), 7, 0x80) + octets


LEGAL = {
    "6.1 indexed, static": (wire.indexed(16), (b"accept-encoding", b"gzip, deflate")),
    "6.2.1 added, indexed name": (b"\x50" + wire.string(b"br"), (b"accept-encoding", b"br")),
    "6.2.1 added, new name": (
        wire.literal(b"custom-key", b"custom-value", pattern=0x40),
        (b"custom-key", b"custom-value"),
    ),
    "6.2.2 not indexed, indexed name": (
        b"\x0f\x01" + wire.string(b"br"),
        (b"accept-encoding", b"br"),
    ),
    "6.2.2 not indexed, new name": (wire.literal(b"a", b"b"), (b"a", b"b")),
    "6.2.3 never indexed, indexed name": (
        b"\x1f\x08" + wire.string(b"Basic eDp5"),
        (b"authorization", b"Basic eDp5"),
    ),
    "6.2.3 never indexed, new name": (wire.literal(b"a", b"b", pattern=0x10), (b"a", b"b")),
    "5.2 huffman name and value": (
        b"\x40" + huffman(HUFFMAN_CUSTOM_KEY) + huffman(HUFFMAN_CUSTOM_VALUE),
        (b"custom-key", b"custom-value"),
    ),
    "5.2 huffman name only": (
        b"\x00" + huffman(HUFFMAN_CUSTOM_KEY) + wire.string(b"v"),
        (b"custom-key", b"v"),
    ),
    "5.2 empty huffman value": (
        b"\x00" + wire.string(b"a") + huffman(b""),
        (b"a", b""),
    ),
    "empty value": (wire.literal(b"a", b""), (b"a", b"")),
    "long value": (wire.literal(b"a", b"v" * 5_000), (b"a", b"v" * 5_000)),
    "value of 127 octets": (wire.literal(b"a", b"v" * 127), (b"a", b"v" * 127)),
    "larger than the table": (
        wire.literal(b"a", b"v" * 4_096, pattern=0x40),
        (b"a", b"v" * 4_096),
    ),
}


@pytest.mark.parametrize(("octets", "field"), LEGAL.values(), ids=LEGAL)
def test_forms_of_a_field(octets: bytes, field: tuple[bytes, bytes]) -> None:
    """Every representation of a field line is decoded to the field."""
    event = only(wire.feed(wire.server(), wire.headers(1, REQUEST + octets)), RequestReceived)
    assert event.headers == [*wire.REQUEST, field]


@pytest.mark.parametrize(
    "updates",
    [(0,), (4096,), (100, 4096), (4096, 4096), (0,) * 32],
    ids=["0", "max", "two", "same", "many"],
)
def test_size_updates_at_the_beginning(updates: tuple[int, ...]) -> None:
    """Section 4.2: a block may begin with one or two size updates within the maximum."""
    block = b"".join(wire.table_size_update(size) for size in updates) + REQUEST
    event = only(wire.feed(wire.server(), wire.headers(1, block)), RequestReceived)
    assert event.headers == list(wire.REQUEST)


BAD = {
    "6.1 index 0": REQUEST + b"\x80",
    "2.3.3 index behind both tables": REQUEST + wire.indexed(62),
    "2.3.3 index far behind": REQUEST + wire.indexed(70),
    "2.3.3 name index behind both tables": REQUEST + b"\x7e" + wire.string(b"v"),
    "2.3.3 name index, not indexed": REQUEST + b"\x0f\x37" + wire.string(b"v"),
    "2.3.3 name index, never indexed": REQUEST + b"\x1f\x37" + wire.string(b"v"),
    "4.2 size updates without end": wire.table_size_update(0) * 33 + REQUEST,
    "4.2 size update after a field": REQUEST + wire.table_size_update(0),
    "4.2 size update between fields": b"\x82" + wire.table_size_update(0) + b"\x84\x87",
    "6.3 size update above the maximum": wire.table_size_update(4097) + REQUEST,
    "6.3 huge size update": wire.table_size_update(2**31) + REQUEST,
    "5.1 integer without end": REQUEST + b"\xff" + b"\xff" * 16,
    "5.1 integer too large": REQUEST + b"\xff" + b"\xff" * 9 + b"\x7f",
    "5.1 integer of zeros without end": REQUEST + b"\xff" + b"\x80" * 64 + b"\x01",
    "5.1 integer cut short": REQUEST + b"\xff",
    "5.1 name length cut short": REQUEST + b"\x00\x7f",
    "5.2 name cut short": REQUEST + b"\x00\x05ab",
    "5.2 no name": REQUEST + b"\x00",
    "5.2 no value": REQUEST + b"\x00\x01a",
    "5.2 value cut short": REQUEST + b"\x00\x01a\x05ab",
    "5.2 value length huge": REQUEST + b"\x00\x01a\x7f\xff\xff\xff\x07",
    "5.2 eos in a string": REQUEST + b"\x00\x01a" + huffman(b"\xff\xff\xff\xff"),
    "5.2 eos after a symbol": REQUEST + b"\x00\x01a" + huffman(b"\x1f\xff\xff\xff\xff"),
    "5.2 padding of eight bits": REQUEST + b"\x00\x01a" + huffman(HUFFMAN_CUSTOM_VALUE + b"\xff"),
    "5.2 padding of sixteen bits": REQUEST + b"\x00\x01a" + huffman(b"\xff\xff"),
    "5.2 padding with zeros": REQUEST + b"\x00\x01a" + huffman(b"\x18"),
    "5.2 huffman cut short": REQUEST + b"\x00\x01a\x85\x25\xa8",
}


@pytest.mark.parametrize("octets", BAD.values(), ids=BAD)
def test_decoding_errors(octets: bytes) -> None:
    """A block that RFC 7541 forbids is a connection error COMPRESSION_ERROR."""
    assert_connection_error(wire.server(), wire.headers(1, octets), code=Code.COMPRESSION_ERROR)


@pytest.mark.parametrize("octets", BAD.values(), ids=BAD)
def test_decoding_errors_of_a_block_in_two_frames(octets: bytes) -> None:
    """The code is the same when the block is split."""
    half = len(octets) // 2
    assert_connection_error(
        wire.server(),
        wire.headers(1, octets[:half], end_headers=False),
        wire.continuation(1, octets[half:]),
        code=Code.COMPRESSION_ERROR,
    )


def test_an_entry_may_be_in_the_table_twice() -> None:
    """Section 2.3.2: duplicate entries are not errors, and each has a separate index."""
    conn = wire.server()
    twice = wire.block([(b"a", b"1"), (b"a", b"1"), (b"b", b"2")], add=True)
    event = only(wire.feed(conn, wire.headers(1, REQUEST + twice)), RequestReceived)
    assert event.headers[4:] == [(b"a", b"1"), (b"a", b"1"), (b"b", b"2")]
    # An entry of the static table may be added to the dynamic one as well.
    again = (
        wire.block([(b":method", b"GET")], add=True) + REQUEST[len(wire.block(wire.REQUEST[:1])) :]
    )
    references = wire.indexed(65) + wire.indexed(64) + wire.indexed(63)
    event = only(wire.feed(conn, wire.headers(3, again + references)), RequestReceived)
    assert event.headers == [*wire.REQUEST, (b"a", b"1"), (b"a", b"1"), (b"b", b"2")]


def test_evicted_entries_are_gone() -> None:
    """Section 4.4: an evicted entry cannot be referenced."""
    conn = wire.server()
    block = REQUEST + wire.block([(b"a", b"b")], add=True)
    wire.feed(conn, wire.headers(1, block))
    block = REQUEST + wire.block([(b"fill", b"v" * (4096 - 36))], add=True)
    wire.feed(conn, wire.headers(3, block))
    assert_connection_error(
        conn,
        wire.headers(5, REQUEST + wire.indexed(63)),
        code=Code.COMPRESSION_ERROR,
        last_stream_id=3,
    )


def test_an_entry_larger_than_the_table_empties_it() -> None:
    """Section 4.4: such an entry is not an error, and empties the table."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, REQUEST + wire.block([(b"a", b"b")], add=True)))
    wire.feed(conn, wire.headers(3, REQUEST + wire.block([(b"c", b"v" * 4_096)], add=True)))
    assert_connection_error(
        conn,
        wire.headers(5, REQUEST + wire.indexed(62)),
        code=Code.COMPRESSION_ERROR,
        last_stream_id=3,
    )


# Section 6.2.3: fields that a proxy forwards ------------------------------------------------------


@pytest.mark.parametrize("name", [b"x-secret", b"authorization", b"cookie"])
@pytest.mark.parametrize("repeated", [1, 4])
def test_never_indexed_fields_are_passed_on_as_such(name: bytes, repeated: int) -> None:
    """A never-indexed literal is forwarded as one, in both directions, every time."""
    value = b"a value that is long enough to be worth an entry"
    block = wire.literal(name, value, pattern=0x10)
    server, client = wire.server(), wire.client()
    for stream_id in range(1, 2 * repeated, 2):
        head = wire.headers(stream_id, REQUEST + block, end_stream=True)
        request = only(wire.feed(server, head), RequestReceived)
        client.send_headers(stream_id, request.headers, end_stream=True)
        head = wire.headers(stream_id, wire.block(wire.RESPONSE) + block, end_stream=True)
        response = only(wire.feed(client, head), ResponseReceived)
        server.send_headers(stream_id, response.headers, end_stream=True)
    for conn in (client, server):
        frames = sent(conn)
        assert len(frames) == repeated
        decoder = Decoder()
        for frame in frames:
            field = list(decoder.decode(frame.fragment, raw=True))[-1]
            assert (field, field.indexable) == ((name, value), False)
        assert (name, value) not in decoder.header_table.dynamic_entries
