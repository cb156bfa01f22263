"""The reader that turns raw bytes into frames and fields: its findings and their offsets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._cli import field_blocks
from h2._cli.frames import FrameReader
from h2._cli.listing import Frame
from support import wire
from support.wire import Code, Flag, Type

REQUEST_LINES = [":method: GET", ":scheme: https", ":authority: example.com", ":path: /"]
PRIORITY_UPDATE = 0x10
ORIGIN = 0x0C


def read(*parts: bytes) -> list[Frame]:
    reader = FrameReader()
    return [*reader.feed(b"".join(parts)), *reader.finish()]


def only(*parts: bytes) -> Frame:
    """The frame, for valid bytes of one frame."""
    (frame,) = read(*parts)
    assert faults([frame]) == []
    return frame


def faults(frames: list[Frame]) -> list[tuple[int, str]]:
    return [(line.offset, line.text) for f in frames for line in f.lines if line.fault]


def texts(frame: Frame) -> list[str]:
    return [line.text for line in frame.lines]


# --- the content of frames ---


def test_the_preface_and_what_follows_have_their_offsets() -> None:
    frames = read(wire.PREFACE, wire.settings((3, 100)), wire.ping())
    assert [(f.offset, f.name, f.length) for f in frames] == [
        (0, "(preface)", 24),
        (24, "SETTINGS", 6),
        (39, "PING", 8),
    ]
    assert faults(frames) == []


@pytest.mark.parametrize(
    ("raw", "name", "stream", "flags", "content"),
    [
        (wire.data(3, b"abc"), "DATA", "3", "", "3 bytes"),
        (wire.data(3, b"abc", pad=5), "DATA", "3", "PADDED", "3 bytes, padding 5"),
        (wire.data(3, b"", end_stream=True), "DATA", "3", "END_STREAM", "0 bytes"),
        (wire.priority(5, 3, 200), "PRIORITY", "5", "", "depends on 3, weight 200"),
        (
            wire.priority(5, 3, 1, exclusive=True),
            "PRIORITY",
            "5",
            "",
            "depends exclusively on 3, weight 1",
        ),
        (wire.rst_stream(1, Code.CANCEL), "RST_STREAM", "1", "", "CANCEL"),
        (wire.rst_stream(1, 0xABC), "RST_STREAM", "1", "", "0xabc"),
        (wire.settings(ack=True), "SETTINGS", "0", "ACK", ""),
        (wire.ping(b"\0\1\2\3\4\5\6\xff", ack=True), "PING", "0", "ACK", "00010203040506ff"),
        (wire.goaway(7), "GOAWAY", "0", "", "last stream 7, NO_ERROR"),
        (
            wire.goaway(7, Code.ENHANCE_YOUR_CALM, b"too\nmany"),
            "GOAWAY",
            "0",
            "",
            r"last stream 7, ENHANCE_YOUR_CALM too\nmany",
        ),
        (wire.window_update(0, 77), "WINDOW_UPDATE", "0", "", "+77"),
        (wire.altsvc(0, b"https://a.b", b'h3=":1"'), "ALTSVC", "0", "", 'https://a.b h3=":1"'),
        (wire.altsvc(1, b"", b"clear"), "ALTSVC", "1", "", "clear"),
        (
            wire.frame(PRIORITY_UPDATE, payload=struct.pack(">L", 9) + b"u=1, i"),
            "PRIORITY_UPDATE",
            "0",
            "",
            "stream 9: u=1, i",
        ),
        (wire.frame(0xFA, 0xFF, 5, b"\1\2"), "type 0xfa", "5", "", "0102"),
        (wire.frame(0xFA, payload=bytes(17)), "type 0xfa", "0", "", "00" * 16 + "..."),
    ],
)
def test_a_frame_in_words(raw: bytes, name: str, stream: str, flags: str, content: str) -> None:
    frame = only(raw)
    assert (frame.name, frame.stream, frame.flags, frame.content) == (name, stream, flags, content)
    assert (frame.offset, frame.length, frame.lines) == (0, len(raw) - 9, [])


def test_settings_by_name_each_at_its_offset() -> None:
    frame = only(wire.settings((4, 70000), (9, 1), (0xF000, 2)))
    assert [(line.offset, line.text) for line in frame.lines] == [
        (9, "INITIAL_WINDOW_SIZE = 70000"),
        (15, "NO_RFC7540_PRIORITIES = 1"),
        (21, "0xf000 = 2"),
    ]


def test_the_origins_of_an_origin_frame() -> None:
    entries = b"\x00\x0bhttps://a.b\x00\x0bhttps://c.d"
    frame = only(wire.frame(ORIGIN, payload=entries))
    assert [(line.offset, line.text) for line in frame.lines] == [
        (9, "https://a.b"),
        (22, "https://c.d"),
    ]


def test_the_reserved_bit_means_nothing() -> None:
    assert only(wire.frame(Type.PING, 0, wire.RESERVED, bytes(8))).stream == "0"


# --- fields ---


def test_fields_each_at_its_offset() -> None:
    frame = only(wire.headers(1, wire.indexed(2) + wire.literal(b"a", b"b"), end_stream=True))
    assert frame.flags == "END_STREAM END_HEADERS"
    assert [(line.offset, line.text) for line in frame.lines] == [(9, ":method: GET"), (10, "a: b")]


def test_padding_and_priority_stand_before_the_fields() -> None:
    priority = wire.priority_fields(3, 7)
    frame = only(wire.headers(1, wire.indexed(2), pad=9, priority=priority))
    assert frame.content == "depends on 3, weight 7"
    assert [(line.offset, line.text) for line in frame.lines] == [(15, ":method: GET")]


def test_a_promise() -> None:
    frame = only(wire.push_promise(1, 2, pad=1))
    assert frame.content == "promises stream 2"
    assert texts(frame) == REQUEST_LINES
    assert frame.lines[0].offset == 14


def test_the_dynamic_table_lasts_from_block_to_block() -> None:
    first = wire.headers(1, [(b"x-a", b"one")])
    adding = wire.headers(3, wire.block([(b"x-b", b"two")], add=True))
    frames = read(first, adding, wire.headers(5, wire.indexed(62)))
    assert [texts(frame) for frame in frames] == [["x-a: one"], ["x-b: two"], ["x-b: two"]]


def test_size_updates_are_shown_and_obeyed() -> None:
    adding = wire.headers(1, wire.block([(b"x-b", b"two")], add=True))
    updates = wire.table_size_update(0) + wire.table_size_update(100_000)
    *_, last = frames = read(adding, wire.headers(3, updates + wire.indexed(62)))
    assert texts(last)[:2] == ["(table size update to 0)", "(table size update to 100000)"]
    assert faults(frames) == [(last.offset + 14, "HPACK: index 62 is in neither table")]


def test_a_block_may_hold_nothing_but_updates() -> None:
    assert texts(only(wire.headers(1, wire.table_size_update(5)))) == ["(table size update to 5)"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40])
def test_fields_are_shown_with_the_fragment_that_completes_them(size: int) -> None:
    value = b"v" * 200  # its length takes two octets
    block = wire.block([*wire.REQUEST, (b"x-long", value)]) + wire.indexed(2)
    pieces = [block[at : at + size] for at in range(0, len(block), size)]
    raw = wire.headers(1, pieces[0], end_headers=False)
    raw += b"".join(wire.continuation(1, piece, end_headers=False) for piece in pieces[1:])
    raw += wire.continuation(1, b"")
    frames = read(raw)
    assert faults(frames) == []
    lines = [line for frame in frames for line in frame.lines]
    assert [line.text for line in lines] == [
        *REQUEST_LINES,
        f"x-long: {value.decode()}",
        ":method: GET",
    ]
    # Each field begins at the octet that the offset names.
    starts = [0, *(len(wire.block(wire.REQUEST[:n])) for n in range(1, 4))]
    heads = {at: n * (9 + size) + 9 + at - n * size for n in range(len(pieces)) for at in
             range(n * size, (n + 1) * size)}  # fmt: skip
    assert [line.offset for line in lines[:4]] == [heads[at] for at in starts]
    assert raw[lines[-1].offset] == wire.indexed(2)[0]


def test_a_huge_string_is_put_together_in_reasonable_time() -> None:
    pieces = [wire.continuation(1, b"x" * 10, end_headers=False)] * 50_000
    start = wire.headers(1, b"\x00\x01a" + wire.integer(500_000, 7), end_headers=False)
    frames = read(start, *pieces, wire.continuation(1, b""))
    assert [line.text for line in frames[-2].lines] == ["a: " + "x" * 500_000]


def test_text_of_a_peer_cannot_touch_the_terminal() -> None:
    frame = only(wire.headers(1, [(b"x", b"\x1b[31m\r\n\xff\xc3\xa4\xe2\x80\xae\\")]))
    assert texts(frame) == [r"x: \x1b[31m\r\n\xffä\u202e" + "\\"]


# --- damage ---


@pytest.mark.parametrize(
    ("raw", "offset", "text"),
    [
        (wire.frame(Type.PING, payload=b"1234567"), 0, "PING with a payload of 7 octets"),
        (wire.frame(Type.RST_STREAM, 0, 1, b"123"), 0, "RST_STREAM with a payload of 3 octets"),
        (wire.frame(Type.PRIORITY, 0, 1, b"123456"), 0, "must be 5"),
        (wire.frame(Type.GOAWAY, payload=b"1234567"), 0, "must be at least 8"),
        (wire.frame(Type.WINDOW_UPDATE, payload=b"12345"), 0, "must be 4"),
        (wire.frame(Type.ALTSVC, payload=b"1"), 0, "must be at least 2"),
        (wire.frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, b"123"), 0, "must be at least 4"),
        (wire.frame(PRIORITY_UPDATE, payload=b"123"), 0, "must be at least 4"),
        (
            wire.frame(Type.SETTINGS, payload=bytes(8)),
            0,
            "SETTINGS of 8 octets: not a multiple of 6",
        ),
        (wire.frame(Type.SETTINGS, Flag.ACK, 0, bytes(6)), 0, "SETTINGS acknowledgment with 6"),
        (wire.data(0, b"abc"), 5, "DATA must not be on stream 0"),
        (wire.headers(0, wire.REQUEST), 5, "HEADERS must not be on stream 0"),
        (wire.frame(Type.SETTINGS, 0, 1), 5, "SETTINGS must be on stream 0"),
        (wire.frame(PRIORITY_UPDATE, 0, 1, b"\0\0\0\1"), 5, "PRIORITY_UPDATE must be on stream 0"),
        (wire.window_update(1, 0), 9, "increment of 0"),
        (wire.frame(PRIORITY_UPDATE, payload=bytes(4)), 9, "PRIORITY_UPDATE for stream 0"),
        (wire.frame(Type.ALTSVC, payload=b"\0\5abcd"), 9, "origin is longer than the payload"),
        (wire.frame(ORIGIN, 0, 1), 5, "ORIGIN must be on stream 0"),
        (wire.frame(ORIGIN, payload=b"\0\1a\0"), 12, "origin is longer than the payload"),
        (wire.frame(Type.DATA, Flag.PADDED, 1), 9, "PADDED flag is set, but Pad Length is missing"),
        (wire.frame(Type.DATA, Flag.PADDED, 1, b"\3ab"), 9, "padding of 3 octets in a payload of"),
        (wire.frame(Type.HEADERS, 0x0C, 1, b"\1"), 9, "padding of 1 octets in a payload of 1"),
        (wire.frame(Type.HEADERS, 0x24, 1, b"123"), 9, "priority fields: only 3 of 5 octets"),
        (
            wire.frame(Type.PUSH_PROMISE, 0x0C, 1, b"\x00123"),
            10,
            "promised stream: only 3 of 4 octets",
        ),
        (wire.continuation(1, b""), 0, "CONTINUATION without a field block to continue"),
    ],
)
def test_a_faulty_frame_says_what_and_where(raw: bytes, offset: int, text: str) -> None:
    frames = read(raw, wire.ping())
    ((found, message),) = faults(frames)
    assert found == offset
    assert text in message
    assert frames[-1].name == "PING"  # reading continues


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (2, 2, "ENABLE_PUSH = 2; must be between 0 and 1"),
        (4, 2**31, "INITIAL_WINDOW_SIZE = 2147483648; must be between 0 and 2147483647"),
        (5, 2**14 - 1, "MAX_FRAME_SIZE = 16383; must be between 16384 and 16777215"),
        (5, 2**24, "MAX_FRAME_SIZE = 16777216; must be between 16384 and 16777215"),
        (8, 7, "ENABLE_CONNECT_PROTOCOL = 7; must be between 0 and 1"),
        (9, 2, "NO_RFC7540_PRIORITIES = 2; must be between 0 and 1"),
    ],
)
def test_values_that_a_setting_cannot_have(setting: int, value: int, said: str) -> None:
    frames = read(wire.settings((3, 2**32 - 1), (setting, value), (0xF000, 2**32 - 1)))
    assert faults(frames) == [(15, said)]
    assert len(frames[0].lines) == 3


def test_what_is_whole_in_a_faulty_settings_frame_is_shown() -> None:
    payload = struct.pack(">HL", 5, 20_000) + b"\0\1"
    (frame,) = read(wire.frame(Type.SETTINGS, payload=payload))
    assert texts(frame)[0] == "MAX_FRAME_SIZE = 20000"
    assert frame.lines[1].fault


@pytest.mark.parametrize(
    ("block", "offset", "text", "before"),
    [
        (wire.indexed(2) + b"\x80", 1, "HPACK: index 0 is in neither table", [":method: GET"]),
        (wire.indexed(2) + wire.indexed(99), 1, "index 99 is in neither table", [":method: GET"]),
        (b"\x82\x00\x01a\x05b", 1, "HPACK: block ends inside a string", [":method: GET"]),
        (b"\x82\x40", 1, "HPACK: block ends inside a field", [":method: GET"]),
        (b"\x82\x00\x01a", 1, "HPACK: block ends inside a field", [":method: GET"]),
        (b"\xff\x80\x80", 0, "HPACK: block ends inside an integer", []),
        (b"\xff\xff\xff\xff\xff\xff\x01", 0, "HPACK: integer is encoded in more than", []),
        (b"\x82\x00\x7f\xff\xff\xff\xff\x7f", 1, "HPACK: integer is 2**32 or", [":method: GET"]),
        (b"\x82\x00\x81\x00\x01a", 1, "HPACK: Huffman-encoded string with EOS", [":method: GET"]),
        (b"\x82\x20", 1, "HPACK: table size update after the first field", [":method: GET"]),
    ],
)  # fmt: skip
def test_a_faulty_block_is_decoded_up_to_the_fault(
    block: bytes, offset: int, text: str, before: list[str]
) -> None:
    frames = read(wire.headers(1, block), wire.headers(3, wire.indexed(2)))
    ((found, message),) = faults(frames)
    assert found == 9 + offset
    assert text in message
    assert texts(frames[0])[:-1] == before
    assert texts(frames[1]) == [f"(not decoded: HPACK state was lost at offset {9 + offset})"]


def test_a_fault_that_shows_in_a_later_fragment_is_where_the_field_began() -> None:
    start = wire.headers(1, b"\x82\x00\x01a", end_headers=False)
    frames = read(start, wire.continuation(1, b"\x7f\xff\xff\xff\xff\xff\x01"))
    assert faults(frames) == [(10, "HPACK: integer is encoded in more than five octets")]


def test_few_octets_cannot_stand_for_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    big = wire.block([(b"x", b"y" * 4000)], add=True)
    frames = read(wire.headers(1, big + wire.indexed(62) * 10_000))
    ((_, message),) = faults(frames)
    assert message == "field section exceeds 1048576 octets: not decoded further"
    assert len(frames[0].lines) == 1 + 1048576 // 4033
    monkeypatch.setattr(field_blocks, "MAX_SECTION_SIZE", 1000)
    start = wire.headers(1, b"\x00\x01a" + wire.integer(2000, 7), end_headers=False)
    part = wire.continuation(1, bytes(600), end_headers=False)
    frames = read(start, part, part, wire.continuation(1, b""))
    assert faults(frames) == [(9, "field section exceeds 1000 octets: not decoded further")]


def test_a_frame_in_between_is_found_fault_with_once_and_harms_nothing() -> None:
    block = wire.block(wire.REQUEST)
    frames = read(
        wire.headers(1, block[:5], end_headers=False),
        wire.ping(),
        wire.ping(),
        wire.continuation(1, block[5:]),
    )
    assert faults(frames) == [(14, "expected CONTINUATION for the field block on stream 1")]
    assert texts(frames[-1]) == REQUEST_LINES


@pytest.mark.parametrize(
    "other",
    [wire.headers(3, wire.REQUEST), wire.continuation(3, b"\x82"), wire.push_promise(1, 2)],
    ids=["HEADERS", "CONTINUATION elsewhere", "PUSH_PROMISE"],
)
def test_a_block_that_is_never_finished_ends_decoding(other: bytes) -> None:
    frames = read(wire.headers(1, wire.REQUEST, end_headers=False), other, wire.ping())
    at = frames[1].offset
    assert texts(frames[0]) == REQUEST_LINES
    assert faults(frames) == [(at, "expected CONTINUATION for the field block on stream 1")]
    assert texts(frames[1])[1:] == [f"(not decoded: HPACK state was lost at offset {at})"]
    assert frames[2].lines == []


def test_what_was_lost_first_is_named() -> None:
    lost = wire.headers(1, b"\x80")
    frames = read(lost, wire.continuation(1, b""), wire.headers(3, b"\x82"))
    assert [offset for offset, _ in faults(frames)] == [9, 10]
    assert texts(frames[2]) == ["(not decoded: HPACK state was lost at offset 9)"]


# --- the end of the bytes, and other first octets ---


@pytest.mark.parametrize(
    ("raw", "name", "offset", "text"),
    [
        (wire.PREFACE[:10], "(preface)", 10, "connection preface is truncated: 10 of 24 octets"),
        (b"\0\0\0\4", "(frame header)", 4, "frame header is truncated: 4 of 9 octets"),
        (
            wire.data(1, b"abcd")[:-3],
            "DATA",
            10,
            "frame is truncated: 1 of 4 octets of its payload",
        ),
        (wire.ping()[:-1], "PING", 16, "frame is truncated: 7 of 8 octets of its payload"),
        (
            wire.headers(1, b"\x82", end_headers=False),
            "(end)",
            10,
            "field block on stream 1 is incomplete",
        ),
    ],
)
def test_what_is_cut_off_is_shown_as_far_as_it_goes(
    raw: bytes, name: str, offset: int, text: str
) -> None:
    *_, last = frames = read(raw)
    assert last.name == name
    assert faults(frames) == [(offset, text)]


@pytest.mark.parametrize("pad", [None, 3])
def test_the_fields_of_a_cut_off_frame_are_shown(pad: int | None) -> None:
    raw = wire.headers(1, wire.REQUEST, pad=pad, priority=wire.priority_fields())
    (frame,) = read(raw[: len(raw) - 4 - (pad or 0)])
    assert texts(frame)[:-1] == REQUEST_LINES[:3]
    assert "frame is truncated" in texts(frame)[-1]


@pytest.mark.parametrize("left", range(9, 15))
def test_even_what_stands_before_the_fields_may_be_cut_off(left: int) -> None:
    for raw in (
        wire.headers(1, wire.REQUEST, pad=1, priority=wire.priority_fields()),
        wire.push_promise(1, 2, pad=1),
    ):
        *_, last = read(raw[:left])
        assert "frame is truncated" in texts(last)[-1]


def test_nothing_at_all_is_no_fault() -> None:
    assert read() == []


def test_a_damaged_preface_is_still_one() -> None:
    preface = wire.PREFACE.replace(b"\r\n\r\n", b"\n\n", 1) + b"\r\n"
    frames = read(preface, wire.ping())
    assert [frame.name for frame in frames] == ["(preface)", "PING"]
    assert faults(frames) == [(14, "connection preface is invalid")]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "this is HTTP/1, not HTTP/2"),
        (b"GET / HTTP/1.1\r\n\r\n", "this is HTTP/1, not HTTP/2"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "this is TLS, which must be decrypted first"),
        (b"\xd4\xc3\xb2\xa1" + bytes(20), "this is a packet capture, not the bytes of one"),
    ],
)
def test_other_protocols_are_recognized(raw: bytes, text: str) -> None:
    reader = FrameReader()
    frames = [*reader.feed(raw), *reader.feed(b"whatever"), *reader.finish()]
    ((offset, message),) = faults(frames)
    assert offset == 0
    assert text in message
    assert reader.offset == len(raw) + len(b"whatever")


# --- properties ---

STREAM = b"".join(
    [
        wire.PREFACE,
        wire.settings((1, 4096), (4, 70_000)),
        wire.headers(1, wire.block(wire.REQUEST, add=True), pad=3, priority=wire.priority_fields()),
        wire.data(1, b"some content", pad=4, end_stream=True),
        wire.headers(3, b"\x82" + wire.indexed(62), end_headers=False),
        wire.continuation(3, wire.literal(b"x", b"y" * 130)),
        wire.push_promise(1, 2, b"\x82\x84"),
        wire.altsvc(0, b"https://a.b", b"clear"),
        wire.frame(PRIORITY_UPDATE, payload=b"\0\0\0\1u=1"),
        wire.frame(ORIGIN, payload=b"\0\1a"),
        wire.goaway(1, 0, b"bye"),
        wire.rst_stream(1),
        wire.window_update(0, 5),
    ]
)

chunks = st.lists(st.integers(1, 40), min_size=1, max_size=20)


def in_pieces(data: bytes, sizes: list[int]) -> list[Frame]:
    reader = FrameReader()
    frames = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        frames += reader.feed(data[at : at + size])
        at += size
        turn += 1
    frames += reader.finish()
    assert reader.offset == len(data)
    return frames


def check(frames: list[Frame], data: bytes) -> None:
    """Invariants for every input."""
    for frame in frames:
        for text in (frame.name, frame.content, frame.flags, *texts(frame)):
            assert text.isprintable()
        for line in frame.lines:
            assert 0 <= line.offset <= len(data)
    offsets = [frame.offset for frame in frames]
    assert offsets == sorted(offsets)


@given(st.binary(max_size=300), chunks)
def test_any_bytes(data: bytes, sizes: list[int]) -> None:
    frames = in_pieces(data, sizes)
    check(frames, data)
    if data:
        assert frames


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(STREAM) - 1), st.binary(max_size=3), st.integers(0, 3)
        ),
        max_size=5,
    ),
    chunks,
)  # fmt: skip
def test_mutated_streams(edits: list[tuple[int, bytes, int]], sizes: list[int]) -> None:
    data = bytearray(STREAM)
    for at, new, removed in edits:
        data[at : at + removed] = new
    check(in_pieces(bytes(data), sizes), bytes(data))


@given(chunks)
def test_how_the_bytes_are_cut_makes_no_difference(sizes: list[int]) -> None:
    whole = read(STREAM)
    assert faults(whole) == []
    assert in_pieces(STREAM, sizes) == whole


@given(st.integers(0, len(STREAM)))
def test_a_prefix_has_a_fault_unless_it_ends_between_frames(end: int) -> None:
    ends = {0, 24}
    at = 24
    while at < len(STREAM):
        at += 9 + int.from_bytes(STREAM[at : at + 3], "big")
        ends.add(at)
    open_block = STREAM.index(wire.continuation(3, wire.literal(b"x", b"y" * 130)))
    assert (faults(read(STREAM[:end])) == []) == (end in ends - {open_block})
