"""A connection uses HPACK objects that a program assigns, and still enforces its own rules."""

from __future__ import annotations

from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, RequestReceived
from h2.exceptions import DenialOfServiceError, ProtocolError
from h2.stream import StreamState
from support import wire
from support.fields import Field
from support.snapshot import frozen_events, snapshot
from support.wire import Setting

REQUEST = list(wire.REQUEST)
LARGE = [*REQUEST, (b"x", b"v" * 300)]


class Recorder(hpack.Encoder):
    """The encoder of hpack; it records what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[list[Any]] = []
        self.sizes: list[int] = []

    def encode(self, headers: Any, huffman: bool = True) -> bytes:
        self.given.append(list(headers))
        return super().encode(self.given[-1], huffman)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "header_table_size":
            self.sizes.append(value)
        super().__setattr__(name, value)


def sent(conn: H2Connection, decoder: hpack.Decoder, fields: list[Any]) -> list[Any]:
    """Send a request and return its fields as another decoder reads them."""
    stream_id = conn.get_next_available_stream_id()
    conn.send_headers(stream_id, fields)
    conn.reset_stream(stream_id)
    frames = wire.parse(conn.data_to_send())
    return list(decoder.decode(frames[0].fragment, raw=True))


# Encoder ----------------------------------------------------------------------------------------


def test_an_encoder_of_the_program_encodes_what_is_sent() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    encoder = conn.encoder = Recorder()
    assert conn.encoder is encoder
    for number in range(4):
        got = sent(conn, decoder, [*REQUEST, ("X-Text", " 1 "), ("connection", "close")])
        assert got == encoder.given[number] == [*REQUEST, (b"x-text", b"1")]
    assert encoder.sizes == []


def test_it_encodes_every_block_also_one_that_was_kept() -> None:
    """The built-in encoder caches a block that only uses the static table."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, REQUEST), wire.headers(3, REQUEST), wire.headers(5, REQUEST))
    wire.feed(conn, wire.headers(7, REQUEST), wire.headers(9, REQUEST))
    for stream_id in (1, 3):
        conn.send_headers(stream_id, wire.RESPONSE)
    assert conn._core.planner._blocks
    encoder = conn.encoder = Recorder()
    for stream_id in (5, 7, 9):
        conn.send_headers(stream_id, wire.RESPONSE)
    assert encoder.given == [list(wire.RESPONSE)] * 3


def test_an_encoder_of_another_connection() -> None:
    one, other, decoder, last = wire.client(), wire.client(), hpack.Decoder(), hpack.Decoder()
    fields = [(b"x", b"1"), (b"y", b"1"), (b"z", b"1")]
    sent(other, last, [*REQUEST, *((b"crowd-%d" % number, b"1") for number in range(20))])
    for _ in range(3):
        sent(other, last, [*REQUEST, *reversed(fields)])
        sent(one, decoder, [*REQUEST, *fields])
    other.encoder = one.encoder
    for _ in range(3):
        for conn in (one, other):
            assert sent(conn, decoder, [*REQUEST, *fields]) == [*REQUEST, *fields]


def test_it_is_told_which_fields_are_sensitive() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    conn.encoder = hpack.Encoder()
    secrets = [(b"authorization", b"1"), hpack.NeverIndexedHeaderTuple("x", "1"), (b"y", b"1")]
    for _ in range(3):
        got = sent(conn, decoder, [*REQUEST, *secrets])
        assert [field.indexable for field in got[4:]] == [False, False, True]


def test_what_it_sends_is_validated() -> None:
    conn = wire.client()
    encoder = conn.encoder = Recorder()
    before = snapshot(conn)
    with pytest.raises(ProtocolError):
        conn.send_headers(1, [*REQUEST, (b"x", b"a\r\nb")])
    assert encoder.given == []
    assert snapshot(conn) == before


def test_it_encodes_promises() -> None:
    conn = wire.server()
    encoder = conn.encoder = Recorder()
    wire.feed(conn, wire.headers(1, REQUEST))
    conn.push_stream(1, 2, REQUEST)
    (frame,) = wire.parse(conn.data_to_send())
    assert wire.decode(frame.fragment) == REQUEST == encoder.given[0]


def test_it_hears_which_table_the_peer_allows() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    encoder = conn.encoder = Recorder()
    sent(conn, decoder, REQUEST)
    sizes = [(Setting.HEADER_TABLE_SIZE, 0), (Setting.HEADER_TABLE_SIZE, 100)]
    wire.feed(conn, wire.settings(*sizes))
    conn.clear_outbound_data_buffer()
    assert encoder.sizes == [0, 100]
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 100)))
    conn.clear_outbound_data_buffer()
    assert encoder.sizes == [0, 100], "it knows the size"
    wire.feed(conn, wire.settings(*sizes))
    conn.clear_outbound_data_buffer()
    assert encoder.sizes == [0, 100, 0, 100]
    decoder.max_allowed_table_size = 100
    assert sent(conn, decoder, [*REQUEST, (b"x", b"1")])[-1] == (b"x", b"1")
    assert decoder.header_table_size == 100


@pytest.mark.parametrize("sizes", [[], [100], [65_536], [100, 4_096], [8_192, 100, 4_096]])
@pytest.mark.parametrize("busy", [False, True])
def test_it_can_take_over_at_any_time(sizes: list[int], busy: bool) -> None:
    """Even if the peer's table has fields already, or not the default size."""
    conn, decoder = wire.client(), hpack.Decoder()
    fields = [*REQUEST, (b"x", b"1"), (b"y", b"v" * 50), (b"z", b"3")]
    for _ in range(3 * busy):
        assert sent(conn, decoder, fields) == fields
    for size in sizes:
        wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, size)))
        conn.clear_outbound_data_buffer()
        decoder.max_allowed_table_size = size
        for _ in range(3 * busy):
            assert sent(conn, decoder, fields) == fields
    ours = conn.encoder
    conn.encoder = Recorder()
    others = [*REQUEST, *((b"other-%d" % number, b"v" * 60) for number in range(30))]
    for _ in range(3):
        assert sent(conn, decoder, others) == others
        assert sent(conn, decoder, fields) == fields
    conn.encoder = Recorder()
    for _ in range(3):
        assert sent(conn, decoder, others) == others
    conn.encoder = ours
    assert conn.encoder.header_table_size == [4_096, *sizes][-1]
    for _ in range(3):
        assert sent(conn, decoder, fields) == fields
        assert sent(conn, decoder, others) == others


@pytest.mark.parametrize("announced", [False, True])
def test_it_begins_with_the_size_that_the_peer_has(announced: bool) -> None:
    """The peer's table is smaller, or has to become so; its new limit is not announced yet."""
    conn, decoder = wire.client((Setting.HEADER_TABLE_SIZE, 100)), hpack.Decoder()
    decoder.max_allowed_table_size = 100
    if announced:
        sent(conn, decoder, REQUEST)
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 4_096)))
    conn.clear_outbound_data_buffer()
    encoder = conn.encoder = Recorder()
    assert encoder.sizes == [100]
    fields = [*REQUEST, (b"x", b"v" * 50), (b"y", b"v" * 50)]
    for _ in range(3):
        assert sent(conn, decoder, fields) == fields


@pytest.mark.parametrize("size", [0, 100, 4_096, 8_191])
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("after", [0, 1])
def test_it_says_that_the_table_has_become_smaller(size: int, before: int, after: int) -> None:
    """The next block has to, whichever encoder makes it."""
    conn, decoder = wire.client((Setting.HEADER_TABLE_SIZE, 8_192)), hpack.Decoder()
    decoder.max_allowed_table_size = 8_192
    for _ in range(before):
        conn.encoder = hpack.Encoder()
        conn.encoder.header_table_size = 8_192
    fields = [*REQUEST, (b"x", b"1"), (b"y", b"v" * 50)]
    assert sent(conn, decoder, fields) == fields
    assert decoder.header_table_size == 8_192
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, size)))
    conn.clear_outbound_data_buffer()
    decoder.max_allowed_table_size = size
    for _ in range(1 + after):
        conn.encoder = Recorder()
    for _ in range(3):
        assert sent(conn, decoder, fields) == fields
    assert decoder.header_table_size <= size
    # Another one need not say it again.
    encoder = conn.encoder = Recorder()
    assert encoder.sizes == ([size] if size < 4_096 else [])


def test_assigning_what_is_there_changes_nothing() -> None:
    conn, decoder = wire.client(), hpack.Decoder()
    for _ in range(3):
        sent(conn, decoder, [*REQUEST, (b"x", b"1")])
    before = snapshot(conn)
    conn.encoder = conn.encoder
    conn.decoder = conn.decoder
    assert snapshot(conn) == before


def test_one_with_no_more_than_a_method() -> None:
    class Plain:
        def encode(self, headers: Any) -> bytearray:
            return bytearray(b"".join(wire.literal(*field) for field in headers))

    conn, decoder = wire.client(), hpack.Decoder()
    conn.encoder = Plain()
    assert sent(conn, decoder, REQUEST) == REQUEST
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 100)))
    assert conn.encoder.header_table_size == 100


@pytest.mark.parametrize("answer", [RuntimeError("out of order"), "text", None])
@pytest.mark.parametrize("promise", [False, True])
def test_one_that_fails(answer: object, promise: bool) -> None:
    class Failing:
        def encode(self, headers: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    conn = wire.server() if promise else wire.client()
    if promise:
        wire.feed(conn, wire.headers(1, REQUEST))
    conn.encoder = Failing()
    before = snapshot(conn)
    with pytest.raises((RuntimeError, TypeError)):
        conn.push_stream(1, 2, REQUEST) if promise else conn.send_headers(1, REQUEST)
    assert snapshot(conn) == before


@pytest.mark.parametrize("side", ["encoder", "decoder"])
@pytest.mark.parametrize("thing", [None, 5, hpack.HeaderTuple(b"x", b"1")])
def test_objects_that_are_none(side: str, thing: object) -> None:
    conn = wire.client()
    before = snapshot(conn)
    with pytest.raises(TypeError, match=f"{side[:-1]}"):
        setattr(conn, side, thing)
    assert snapshot(conn) == before


# Decoder ----------------------------------------------------------------------------------------

FIELD = st.tuples(
    st.sampled_from([b"x", b"cookie", b"content-length", b":path", b"host", b"te", b"connection"]),
    st.sampled_from([b"", b"1", b"2", b"/", b"a=b", b"trailers", b"a\n"]),
)


@given(st.lists(st.lists(FIELD, max_size=4), min_size=1, max_size=5), st.booleans())
def test_what_it_decodes_gives_the_same_events(histories: list[list[Field]], never: bool) -> None:
    ours, theirs = wire.server(), wire.server()
    theirs.decoder = hpack.Decoder()
    encoder = hpack.Encoder()
    for number, fields in enumerate(histories):
        block = encoder.encode([(*field, never) for field in [*REQUEST, *fields]])
        frame = wire.headers(2 * number + 1, block, end_stream=True)
        got, expected = outcome(theirs, frame), outcome(ours, frame)
        assert got == expected
        if isinstance(expected, str):
            return
        assert got[1] == expected[1]


def outcome(conn: H2Connection, frame: bytes) -> Any:
    try:
        return frozen_events(conn.receive_data(frame)), conn.data_to_send()
    except ProtocolError as error:
        return f"{error!r} {error.rule} {conn.data_to_send()!r}"


def received(conn: H2Connection, block: bytes) -> Event:
    (event,) = wire.feed(conn, wire.headers(1, block))
    return event


def test_a_decoder_of_the_program_decodes_what_arrives() -> None:
    conn = wire.server()
    decoder = conn.decoder = hpack.Decoder()
    assert conn.decoder is decoder
    event = received(conn, wire.block(REQUEST, add=True) + b"\x10\x01x\x011")
    assert isinstance(event, RequestReceived)
    assert event.headers == [*REQUEST, (b"x", b"1")]
    assert [type(field) for field in event.headers] == [
        *[hpack.HeaderTuple] * 4,
        hpack.NeverIndexedHeaderTuple,
    ]
    assert len(decoder.header_table.dynamic_entries) == 4


def test_it_decodes_promises() -> None:
    conn = wire.client()
    decoder = conn.decoder = hpack.Decoder()
    conn.send_headers(1, REQUEST)
    wire.feed(conn, wire.push_promise(1, 2, wire.block(REQUEST, add=True)))
    assert len(decoder.header_table.dynamic_entries) == 4


def test_fields_that_come_twice_are_seen() -> None:
    cookies = [(b"cookie", b"a=b"), (b"cookie", b"c=d")]
    conn = wire.server()
    conn.decoder = hpack.Decoder()
    event = received(conn, wire.block([*REQUEST, *cookies]))
    assert isinstance(event, RequestReceived)
    assert event.headers == [*REQUEST, (b"cookie", b"a=b; c=d")]
    for field in [(b"content-length", b"1"), (b":path", b"/")]:
        other = (field[0], b"2" if field[1] == b"1" else field[1])
        conn = wire.server()
        conn.decoder = hpack.Decoder()
        with pytest.raises(ProtocolError):
            received(conn, wire.block([*REQUEST, field, other]))


def test_promises_that_it_decodes_are_checked() -> None:
    conn = wire.client()
    conn.decoder = hpack.Decoder()
    conn.send_headers(1, REQUEST)
    conn.clear_outbound_data_buffer()
    wire.feed(conn, wire.push_promise(1, 2, wire.POST))
    assert conn.data_to_send() == wire.rst_stream(2, ErrorCodes.PROTOCOL_ERROR)
    head = [(b":method", b"HEAD"), *REQUEST[1:]]
    wire.feed(conn, wire.push_promise(1, 4, head))
    response = [(b":status", b"200"), (b"content-length", b"9")]
    events = wire.feed(conn, wire.headers(4, response, end_stream=True))
    assert len(events) == 2


class Bare:
    """An encoder and a decoder that has no attributes and allows none."""

    __slots__ = ()

    def encode(self, headers: Any) -> bytes:
        return hpack.Encoder().encode(headers)

    def decode(self, data: bytes, raw: bool = True) -> Any:
        return hpack.Decoder().decode(data, raw=raw)


def test_an_object_without_attributes_is_taken_to_use_the_initial_size() -> None:
    """So none of them is needed as long as both ends use the initial values."""
    client, server = wire.pair()
    client.encoder = Bare()
    server.decoder = Bare()
    client.send_headers(1, REQUEST)
    wire.exchange(client, server)
    assert server.stream_state(1) == StreamState.OPEN
    smaller = wire.client((Setting.HEADER_TABLE_SIZE, 4_095))
    with pytest.raises(AttributeError):
        smaller.encoder = Bare()
    larger = wire.server()
    larger.update_settings({Setting.HEADER_TABLE_SIZE: 4_097})
    wire.feed(larger, wire.settings(ack=True))
    with pytest.raises(AttributeError):
        larger.decoder = Bare()


@pytest.mark.parametrize("spare", [0, -1])
def test_its_limit_counts(spare: int) -> None:
    """The limit of the object applies, whether lower or higher than that of the settings."""
    conn = wire.server()
    fields = [*REQUEST, *((b"x-%d" % number, b"v" * 1_000) for number in range(80))]
    size = sum(len(name) + len(value) + 32 for name, value in fields)
    conn.decoder = hpack.Decoder(max_header_list_size=size + spare)
    client = wire.client()
    client.send_headers(1, fields)
    if spare == 0:
        (event,) = conn.receive_data(client.data_to_send())
        assert isinstance(event, RequestReceived)
        assert event.headers == fields
        return
    with pytest.raises(DenialOfServiceError):
        conn.receive_data(client.data_to_send())
    (goaway,) = wire.parse(conn.data_to_send())
    assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM


def test_its_limit_counts_for_blocks_that_are_not_complete() -> None:
    conn = wire.server()
    conn.decoder = hpack.Decoder(max_header_list_size=100)
    with pytest.raises(DenialOfServiceError, match="100"):
        wire.feed(conn, wire.headers(1, bytes(201), end_headers=False))


class Plain:
    """A decoder with one method and no attributes."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def decode(self, data: bytes, raw: bool = False) -> Any:
        assert (type(data), raw) == (bytes, True)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_setting_counts_where_it_has_no_limit() -> None:
    conn = wire.server()
    conn.decoder = Plain([*REQUEST, (b"x", bytes(65_536))])
    with pytest.raises(DenialOfServiceError, match="65536"):
        received(conn, b"\x82")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (hpack.HPACKError("odd"), ErrorCodes.COMPRESSION_ERROR),
        (hpack.HPACKDecodingError("odd"), ErrorCodes.COMPRESSION_ERROR),
        (hpack.InvalidTableIndex("odd"), ErrorCodes.COMPRESSION_ERROR),
        (hpack.InvalidTableSizeError("odd"), ErrorCodes.COMPRESSION_ERROR),
        (IndexError("odd"), ErrorCodes.COMPRESSION_ERROR),
        (TypeError("odd"), ErrorCodes.COMPRESSION_ERROR),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"), ErrorCodes.COMPRESSION_ERROR),
        (hpack.OversizedHeaderListError("odd"), ErrorCodes.ENHANCE_YOUR_CALM),
        ([(b"x",)], ErrorCodes.COMPRESSION_ERROR),
        ([(b"x", None)], ErrorCodes.COMPRESSION_ERROR),
        ([(b"x", 2**62)], ErrorCodes.COMPRESSION_ERROR),
        ([(2**62, b"x")], ErrorCodes.COMPRESSION_ERROR),
        (None, ErrorCodes.COMPRESSION_ERROR),
    ],
    ids=repr,
)
def test_a_block_that_it_does_not_decode(error: object, code: ErrorCodes) -> None:
    conn = wire.server()
    conn.decoder = Plain(error)
    with pytest.raises(ProtocolError) as caught:
        received(conn, b"\x82")
    assert caught.value.error_code == code
    assert isinstance(caught.value, DenialOfServiceError) == (code == ErrorCodes.ENHANCE_YOUR_CALM)
    (goaway,) = wire.parse(conn.data_to_send())
    assert goaway.error_code == code


def test_a_block_that_the_decoder_of_hpack_does_not_decode() -> None:
    conn = wire.server()
    conn.decoder = hpack.Decoder()
    with pytest.raises(ProtocolError) as caught:
        received(conn, b"\xff\x80\x01")
    assert caught.value.error_code == ErrorCodes.COMPRESSION_ERROR


def test_the_text_of_its_error_is_cut() -> None:
    """If a number is too long, the decoder of hpack quotes the rest of the block."""
    conn = wire.server()
    conn.decoder = hpack.Decoder()
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, wire.headers(1, b"\x7f" + b"\xff" * 5_000))
    assert str(caught.value).startswith("Invalid field block on stream 1: ")
    assert len(str(caught.value)) < 300


def test_another_error_of_the_program_is_its_own() -> None:
    conn = wire.server()
    conn.decoder = Plain(ZeroDivisionError("odd"))
    with pytest.raises(ZeroDivisionError):
        received(conn, b"\x82")


def test_it_hears_of_our_settings_when_they_are_acknowledged() -> None:
    client, server = wire.pair()
    decoder = server.decoder = hpack.Decoder(max_header_list_size=100)
    server.update_settings({Setting.HEADER_TABLE_SIZE: 8_192, Setting.MAX_HEADER_LIST_SIZE: 500})
    assert (decoder.max_allowed_table_size, decoder.max_header_list_size) == (4_096, 100)
    wire.exchange(client, server)
    assert (decoder.max_allowed_table_size, decoder.max_header_list_size) == (8_192, 500)


def test_it_hears_what_the_peer_may_do_already() -> None:
    client, server = wire.pair()
    server.update_settings({Setting.HEADER_TABLE_SIZE: 8_192})
    wire.exchange(client, server)
    decoder = server.decoder = hpack.Decoder()
    assert decoder.max_allowed_table_size == 8_192
    client.send_headers(1, REQUEST)
    wire.exchange(client, server)
    assert decoder.header_table_size == 8_192
    larger = hpack.Decoder()
    larger.max_allowed_table_size = 10_000
    server.decoder = larger
    assert larger.max_allowed_table_size == 10_000


def test_one_with_no_more_than_a_method_hears_of_nothing_it_has_not() -> None:
    client, server = wire.pair()
    decoder = server.decoder = Plain(REQUEST)
    server.update_settings({Setting.HEADER_TABLE_SIZE: 8_192, Setting.MAX_HEADER_LIST_SIZE: 500})
    wire.exchange(client, server)
    assert vars(decoder)["max_allowed_table_size"] == 8_192
    event = received(server, b"\x82")
    assert isinstance(event, RequestReceived)
    assert event.headers == REQUEST
    assert {type(field) for field in event.headers} == {hpack.HeaderTuple}


def test_ours_can_be_assigned_again() -> None:
    conn = wire.server()
    ours = conn.decoder
    conn.decoder = Plain(REQUEST)
    conn.decoder = ours
    wire.feed(conn, wire.headers(1, REQUEST))
    assert type(conn.decoder) is type(ours)


def test_a_limit_of_ours_with_strict() -> None:
    """The built-in decoder reads to the end of the block, so only the stream is lost."""
    conn = wire.server(strict=True)
    conn.decoder.max_header_list_size = 300
    *_, event = wire.feed(
        conn, wire.headers(1, wire.block(LARGE, add=True)), wire.headers(3, b"\xc2\xc1\xc0\xbf")
    )
    assert isinstance(event, RequestReceived)
    assert (event.stream_id, event.headers) == (3, REQUEST)
    assert {frame.stream_id for frame in wire.parse(conn.data_to_send())} == {1}


def test_its_limit_with_strict() -> None:
    """The decoder of hpack stops in the middle, so later blocks cannot be decoded."""
    conn = wire.server(strict=True)
    conn.decoder = hpack.Decoder(max_header_list_size=300)
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.headers(1, wire.block(LARGE, add=True)))
    (goaway,) = wire.parse(conn.data_to_send())
    assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
