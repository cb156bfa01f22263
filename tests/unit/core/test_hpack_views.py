"""The HPACK objects of a connection have the attributes of those of the hpack package."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import hpack
import pytest
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from h2.exceptions import DenialOfServiceError
from h2.settings import SettingCodes, Settings
from support import wire
from support.exchange import server_connection, shake_hands
from support.snapshot import snapshot
from support.wire import Setting


class Index:
    """An object that converts to an integer."""

    def __index__(self) -> int:
        return 100


SIZE_NAMES = [
    *("encoder.header_table_size", "decoder.header_table_size"),
    *("decoder.max_allowed_table_size", "decoder.max_header_list_size"),
]

LONG = "value that is long enough to be coded"

FORMS: dict[str, Any] = {
    "text": [("x", "1"), ("y", "caf\xe9")],
    "octets": [(b"x", b"1"), (b"y", b"caf\xc3\xa9")],
    "both": [("x", b"1"), (b"y", "caf\xe9")],
    "bytearray": [(bytearray(b"x"), memoryview(b"1")), ("y", "caf\xe9")],
    "lists": [["x", "1"], ["y", "caf\xe9"]],
    "numbers": [("x", 1), ("y", "caf\xe9")],
    "HeaderTuple": [hpack.HeaderTuple("x", "1"), hpack.HeaderTuple(b"y", b"caf\xc3\xa9")],
    "three": [("x", "1", False), ("y", "caf\xe9", None)],
    "iterator": iter([("x", "1"), ("y", "caf\xe9")]),
    "dict": {"x": "1", b"y": "caf\xe9"},
}


def request_sent(conn: H2Connection, decoder: hpack.Decoder, fields: Any = ()) -> Any:
    """Send a request and return its fields as another decoder reads them."""
    conn.send_headers(conn.get_next_available_stream_id(), [*wire.REQUEST, *fields])
    (frame,) = wire.parse(conn.data_to_send())
    assert wire.decode(frame.fragment, decoder=decoder) == [*wire.REQUEST, *fields]
    return frame.fragment


# Encoder ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_fields_in_the_forms_that_hpack_takes(form: str) -> None:
    block = wire.client().encoder.encode(FORMS[form])
    fields = hpack.Decoder().decode(block, raw=True)
    assert list(fields) == [(b"x", b"1"), (b"y", b"caf\xc3\xa9")]
    assert all(field.indexable for field in fields)


@pytest.mark.parametrize(
    "field", [("x", "secret", True), hpack.NeverIndexedHeaderTuple("x", "secret")]
)
def test_sensitive_fields(field: Any) -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    for _ in range(3):
        (got,) = decoder.decode(conn.encoder.encode([field]))
        assert (got, got.indexable) == (("x", "secret"), False)
    assert not conn.encoder.header_table.dynamic_entries


def test_pseudo_header_fields_of_a_mapping_go_first() -> None:
    fields = {"b": "2", ":method": "GET", b"a": b"1", b":path": b"/"}
    block = wire.client().encoder.encode(fields)
    assert hpack.Decoder().decode(block) == [
        *((":method", "GET"), (":path", "/"), ("b", "2"), ("a", "1"))
    ]


def test_a_field_without_a_value() -> None:
    conn = wire.client()
    before = snapshot(conn)
    with pytest.raises(IndexError):
        conn.encoder.encode([("x", "1"), ("y",)])
    assert snapshot(conn) == before


def test_what_was_encoded_by_hand_is_in_the_table_of_the_connection() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    for _ in range(2):
        decoder.decode(conn.encoder.encode([("x", "1"), ("X", " odd ")]), raw=True)
    request_sent(conn, decoder, [(b"x", b"1")])


def test_fields_of_the_static_table() -> None:
    assert wire.client().encoder.encode([(b":method", b"GET")]) == b"\x82"


def test_no_huffman_code_for_one_block() -> None:
    conn = wire.client()
    assert LONG.encode() in conn.encoder.encode([("x", LONG)], huffman=False)
    assert LONG.encode() not in conn.encoder.encode([("y", LONG)])
    assert LONG.encode() not in conn.encoder.encode([("z", LONG)], huffman=True)
    assert LONG.encode() in conn.encoder.encode([("a", LONG)], False)
    assert conn.encoder.huffman is True


@pytest.mark.parametrize("size", [0, 30, 126, 127, 200, 3000])
def test_strings_without_huffman_code(size: int) -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    conn.encoder.huffman = False
    assert b"v" * size in request_sent(conn, decoder, [(b"n" * (size + 1), b"v" * size)])


def test_no_huffman_code_at_all() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    conn.encoder.huffman = False
    assert conn.encoder.huffman is False
    assert LONG.encode() in request_sent(conn, decoder, [(b"x", LONG.encode())])
    block = conn.encoder.encode([("y", LONG)], huffman=True)
    assert LONG.encode() in block
    decoder.decode(block)
    conn.encoder.huffman = True
    assert LONG.encode() not in request_sent(conn, decoder, [(b"z", LONG.encode())])


def test_single_representations() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    blocks = [
        conn.encoder.add((b"x", b"1"), False),
        conn.encoder.add((b"x", b"1"), sensitive=False),
        conn.encoder.add((b"x", b"2"), True, True),
    ]
    got = [field for block in blocks for field in decoder.decode(block)]
    assert got == [("x", "1"), ("x", "1"), ("x", "2")]
    assert [field.indexable for field in got] == [True, True, False]
    assert blocks[1] == b"\xbe"


@pytest.mark.parametrize("size", [0, 100, 4_095])
def test_a_smaller_table_is_announced_in_the_next_block(size: int) -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    for _ in range(3):
        request_sent(conn, decoder, [(b"x", b"1")])
    conn.encoder.header_table_size = size
    assert conn.encoder.header_table_size == size
    assert conn.encoder.header_table.resized
    decoder.max_allowed_table_size = size  # the decoder requires a size update from now on
    for _ in range(3):
        request_sent(conn, decoder, [(b"x", b"1"), (b"y", b"v" * 90)])
        assert decoder.header_table_size == size
    assert not conn.encoder.header_table.resized


def test_the_table_is_not_larger_than_the_peer_allows() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    conn.encoder.header_table_size = 8_192
    assert conn.encoder.header_table_size == 4_096
    request_sent(conn, decoder)
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 100)))
    conn.clear_outbound_data_buffer()
    assert conn.encoder.header_table_size == 100
    conn.encoder.header_table_size = 4_096
    assert conn.encoder.header_table_size == 100


def test_the_table_is_as_it_was_set_last() -> None:
    conn = wire.client()
    conn.encoder.header_table_size = 50
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 4_096)))
    assert conn.encoder.header_table_size == 4_096


# Table ------------------------------------------------------------------------------------------

NAMES = st.sampled_from([b":method", b"x", b"y", b"accept"])
VALUES = st.sampled_from([b"", b"GET", b"1", b"2", b"v" * 60])
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
SIZES = st.sampled_from([0, 60, 100, 200, 4_096])


@given(FIELDS, SIZES, st.tuples(NAMES, VALUES), st.booleans())
def test_the_tables_are_like_that_of_hpack(
    fields: list[wire.Field], size: int, sought: wire.Field, from_decoder: bool
) -> None:
    """The table of another decoder that read the same blocks is equal."""
    conn, decoder = wire.client(), hpack.Decoder()
    conn.encoder.header_table_size = size
    block = conn.encoder.encode(fields)
    decoder.decode(block, raw=True)
    other = wire.server()
    assert other.decoder.decode(block, raw=True) == fields
    table = (other.decoder if from_decoder else conn.encoder).header_table
    expected: HeaderTable = decoder.header_table
    assert table.dynamic_entries == expected.dynamic_entries
    assert type(table.dynamic_entries) is type(expected.dynamic_entries)
    assert all(type(entry) is tuple for entry in table.dynamic_entries)
    assert table.maxsize == expected.maxsize == size
    assert table.search(*sought) == expected.search(*sought)
    for index in (-1, 0, 1, 61, 62, 63, 61 + len(fields), 62 + len(fields)):
        assert result(table.get_by_index, index) == result(expected.get_by_index, index)
    assert repr(table).startswith(f"HeaderTable({size}, ")
    assert repr(table).endswith(f"{expected.dynamic_entries!r})")


def result(call: Callable[[int], object], index: int) -> object:
    try:
        return call(index)
    except hpack.HPACKError as error:
        return type(error)


def test_what_is_known_of_every_table() -> None:
    table = wire.client().encoder.header_table
    assert table.DEFAULT_SIZE == HeaderTable.DEFAULT_SIZE == table.maxsize
    assert table.STATIC_TABLE == HeaderTable.STATIC_TABLE
    assert table.STATIC_TABLE_LENGTH == 61
    assert table.resized is False


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_the_size_of_a_table_can_be_set(side: str) -> None:
    conn = wire.client()
    table = getattr(conn, side).header_table
    table.maxsize = 50
    assert table.maxsize == getattr(conn, side).header_table_size == 50
    assert getattr(conn, side).header_table.resized


@pytest.mark.parametrize(
    ("side", "name"),
    [
        ("encoder", "header_table_size"),
        ("decoder", "header_table_size"),
        ("decoder", "max_allowed_table_size"),
        ("decoder", "max_header_list_size"),
    ],
)
def test_sizes_that_make_no_sense(side: str, name: str) -> None:
    conn = wire.client()
    before = snapshot(conn)
    with pytest.raises(ValueError, match="-1"):
        setattr(getattr(conn, side), name, -1)
    with pytest.raises(TypeError):
        setattr(getattr(conn, side), name, None)
    assert snapshot(conn) == before


# Decoder ----------------------------------------------------------------------------------------


def test_decoding_by_hand() -> None:
    conn = wire.server()
    fields = [*wire.REQUEST, (b"x", "caf\xe9".encode())]
    block = wire.block(fields, add=True)
    for octets in (block, bytearray(block), memoryview(block)):
        assert conn.decoder.decode(octets, raw=True) == fields
    text = conn.decoder.decode(block)
    assert text[-1] == ("x", "caf\xe9")
    assert {type(field) for field in text} == {hpack.HeaderTuple}
    (secret,) = conn.decoder.decode(b"\x10\x01x\x011")
    assert (secret, type(secret)) == (("x", "1"), hpack.NeverIndexedHeaderTuple)


def test_a_number_is_no_block() -> None:
    with pytest.raises(TypeError):
        wire.server().decoder.decode(2**62)


def test_a_list_that_was_decoded_belongs_to_the_caller() -> None:
    conn = wire.server()
    for _ in range(3):
        got = conn.decoder.decode(b"\x82\x84", raw=True)
        assert got == [(b":method", b"GET"), (b":path", b"/")]
        got.clear()


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (b"\xff\x80\x01", hpack.InvalidTableIndex),
        (b"\xbe", hpack.InvalidTableIndexError),
        (b"\x80", hpack.InvalidTableIndex),
        (b"\x7f\x00\x011", hpack.InvalidTableIndex),
        (b"\x3f\xe2\x1f\x82", hpack.InvalidTableSizeError),
        (b"\x40\x05a", hpack.HPACKDecodingError),
        (b"\xff\xff", hpack.HPACKDecodingError),
        (b"\x40\x81\x00\x00", hpack.HPACKDecodingError),
        (b"\x00\x01x\x01\xff", hpack.HPACKDecodingError),  # not UTF-8
    ],
)
def test_blocks_that_cannot_be_decoded(block: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        wire.server().decoder.decode(block)
    with pytest.raises(kind):
        hpack.Decoder().decode(block)


def test_a_size_update_that_is_missing() -> None:
    conn = wire.server()
    conn.decoder.max_allowed_table_size = 100
    assert conn.decoder.max_allowed_table_size == 100
    with pytest.raises(hpack.InvalidTableSizeError):
        conn.decoder.decode(b"\x82")


def test_the_table_of_the_first_settings_is_the_limit_once_they_are_acknowledged() -> None:
    """A larger table is allowed at once, because the peer may have the settings already."""
    for size, before in ((100, 4_096), (8_192, 8_192)):
        conn = H2Connection()
        conn.local_settings = Settings(initial_values={SettingCodes.HEADER_TABLE_SIZE: size})
        conn.initiate_connection()
        wire.feed(conn, wire.settings())
        assert conn.decoder.max_allowed_table_size == before
        wire.feed(conn, wire.settings(ack=True))
        assert conn.decoder.max_allowed_table_size == size


def test_a_table_that_was_assigned_is_the_limit_from_the_next_acknowledgment_on() -> None:
    conn = wire.client()
    conn.local_settings.header_table_size = 8_192
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 1_000})
    assert conn.decoder.max_allowed_table_size == 4_096
    wire.feed(conn, wire.settings(ack=True))
    assert conn.decoder.max_allowed_table_size == 8_192


def test_a_larger_table_for_the_peer() -> None:
    conn = wire.server()
    conn.decoder.max_allowed_table_size = 8_192
    wire.feed(conn, wire.headers(1, b"\x3f\xe1\x3f" + wire.block(wire.REQUEST)))
    assert conn.decoder.header_table_size == 8_192


def test_a_table_that_is_made_smaller() -> None:
    conn = wire.server()
    block = wire.block([(b"x", b"1"), (b"y", b"2"), (b"z", b"3")], add=True)
    conn.decoder.decode(block)
    indexed = b"\xbe\xbf\xc0"
    for _ in range(2):
        assert conn.decoder.decode(indexed) == [("z", "3"), ("y", "2"), ("x", "1")]
    conn.decoder.header_table_size = 70
    assert list(conn.decoder.header_table.dynamic_entries) == [(b"z", b"3"), (b"y", b"2")]
    with pytest.raises(hpack.InvalidTableIndex):
        conn.decoder.decode(indexed)


SIZE = sum(len(name) + len(value) + 32 for name, value in wire.REQUEST)


@pytest.mark.parametrize("again", [False, True])
def test_a_limit_of_the_decoder_is_enforced(again: bool) -> None:
    server = wire.server()
    request = wire.block(wire.REQUEST, add=True)
    if again:  # from now on the block is in the cache of decoded blocks
        indexed = b"\xc1\xc0\xbf\xbe"
        blocks = [request, indexed, indexed]
        wire.feed(server, *(wire.headers(1 + 2 * n, block) for n, block in enumerate(blocks)))
        request = indexed
    server.decoder.max_header_list_size = SIZE
    assert server.decoder.max_header_list_size == SIZE
    wire.feed(server, wire.headers(7, request))
    server.clear_outbound_data_buffer()
    server.decoder.max_header_list_size = SIZE - 1
    with pytest.raises(DenialOfServiceError, match=str(SIZE - 1)):
        wire.feed(server, wire.headers(9, request))
    (goaway,) = wire.parse(server.data_to_send())
    assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM


def test_a_limit_above_that_of_the_settings() -> None:
    server = wire.server()
    fields = [*wire.REQUEST, *((b"x-%d" % number, b"v" * 1_000) for number in range(100))]
    server.decoder.max_header_list_size = 1_000_000
    assert server.local_settings.max_header_list_size == 65_536
    client = wire.client()
    client.send_headers(1, fields)
    (event,) = server.receive_data(client.data_to_send())
    assert isinstance(event, RequestReceived)
    assert event.headers == fields


def test_a_limit_counts_for_blocks_that_are_not_complete() -> None:
    server = wire.server()
    server.decoder.max_header_list_size = 100
    with pytest.raises(DenialOfServiceError, match="100"):
        wire.feed(server, wire.headers(1, bytes(201), end_headers=False))


def test_the_limit_is_as_it_was_set_last() -> None:
    client, server = wire.pair()
    server.decoder.max_header_list_size = 1_000_000
    server.update_settings({Setting.MAX_HEADER_LIST_SIZE: 200})
    assert server.decoder.max_header_list_size == 1_000_000
    wire.exchange(client, server)
    wire.exchange(client, server)
    assert server.decoder.max_header_list_size == 200
    server.decoder.max_header_list_size = 300
    server.update_settings({Setting.MAX_CONCURRENT_STREAMS: 5})
    wire.exchange(client, server)
    wire.exchange(client, server)
    assert server.decoder.max_header_list_size == 300


def test_a_limit_that_was_set_before_the_connection_began() -> None:
    client, server = H2Connection(), server_connection()
    server.decoder.max_header_list_size = 123
    shake_hands(client, server)
    assert server.decoder.max_header_list_size == 123
    with pytest.raises(DenialOfServiceError):
        wire.feed(server, wire.headers(1, wire.REQUEST))


# Both ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIZE_NAMES)
@pytest.mark.parametrize("size", [Index(), True, 0, 2**31, 2**62, 2**63, 2**64])
def test_a_size_may_be_anything_that_converts_to_an_integer(name: str, size: Any) -> None:
    side, attribute = name.split(".")
    conn = wire.server()
    setattr(getattr(conn, side), attribute, size)
    value = getattr(getattr(conn, side), attribute)
    assert type(value) is int
    assert value == min(operator.index(size), 4096 if side == "encoder" else 2**64)


@pytest.mark.parametrize("name", SIZE_NAMES)
@pytest.mark.parametrize("size", [None, 1.0, float("nan"), "1", b"1"])
def test_a_size_that_is_no_integer_is_refused(name: str, size: Any) -> None:
    side, attribute = name.split(".")
    conn = wire.server()
    before = snapshot(conn)
    with pytest.raises(TypeError):
        setattr(getattr(conn, side), attribute, size)
    assert snapshot(conn) == before


@pytest.mark.parametrize("allowed", [0, 1, None, "x"])
def test_huffman_may_be_anything_that_is_true_or_false(allowed: Any) -> None:
    conn = wire.client()
    conn.encoder.huffman = allowed
    assert conn.encoder.huffman is bool(allowed)
