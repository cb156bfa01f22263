"""RFC 9113 section 4.2: frame sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, ResponseReceived
from h2.exceptions import FrameTooLargeError, ProtocolError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import DEFAULT_FRAME_SIZE, Code, Flag, Setting, Type

ALL_TYPES = [*Type, 0x0B, 0xFF]


def test_data_of_the_maximum_size() -> None:
    """Every endpoint can receive payloads of 2^14 octets."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    event = only(wire.feed(conn, wire.data(1, bytes(DEFAULT_FRAME_SIZE))), DataReceived)
    assert len(event.data) == DEFAULT_FRAME_SIZE


def test_data_of_the_maximum_size_with_padding() -> None:
    """Pad length and padding are part of the 2^14 octets."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    frame = wire.data(1, bytes(DEFAULT_FRAME_SIZE - 256), pad=255)
    event = only(wire.feed(conn, frame), DataReceived)
    assert event.flow_controlled_length == DEFAULT_FRAME_SIZE
    assert len(event.data) == DEFAULT_FRAME_SIZE - 256


def test_headers_of_the_maximum_size() -> None:
    """HEADERS and CONTINUATION of 2^14 octets each are received."""
    fixed = wire.block([*wire.REQUEST, (b"a", b"")])
    # The value's length takes four octets where the empty value's took one.
    fill = b"x" * (2 * DEFAULT_FRAME_SIZE - len(fixed) - 3)
    block = wire.block([*wire.REQUEST, (b"a", fill)])
    assert len(block) == 2 * DEFAULT_FRAME_SIZE
    conn = wire.server()
    events = wire.feed(
        conn,
        wire.headers(1, block[:DEFAULT_FRAME_SIZE], end_headers=False),
        wire.continuation(1, block[DEFAULT_FRAME_SIZE:]),
    )
    assert dict(only(events, RequestReceived).headers)[b"a"] == fill


@pytest.mark.parametrize("stream_id", [0, 1])
@pytest.mark.parametrize("type_", ALL_TYPES)
def test_one_octet_too_many(type_: int, stream_id: int) -> None:
    """More than SETTINGS_MAX_FRAME_SIZE is FRAME_SIZE_ERROR, for every frame type.

    The nine octets of the header suffice to detect it. By default the error is raised when all of
    the frame has arrived, as in h2 4.4.1.
    """
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    assert_frame_too_large(conn, type_, DEFAULT_FRAME_SIZE + 1, stream_id)


def assert_frame_too_large(conn: H2Connection, type_: int, length: int, stream_id: int = 1) -> None:
    """A frame of that length is an error: in strict mode its header, otherwise its last octet."""
    head = wire.frame(type_, 0, stream_id, length=length)
    payload = bytes(length)
    if not conn.config.strict:
        assert wire.feed(conn, head, payload[:-2]) == []
        assert wire.feed(conn, payload[:1]) == []
        assert not conn._core.partial_frame.pieces, "a payload that is too large is kept"
    assert_connection_error(
        conn,
        head if conn.config.strict else payload[-1:],
        code=Code.FRAME_SIZE_ERROR,
        error=FrameTooLargeError,
        last_stream_id=1,
        probe=conn.config.strict,
    )


def consume(results: Iterable[Sequence[Event]]) -> None:
    for events in results:
        assert not events


@pytest.mark.parametrize("cut", [1, 9, 10, 5_000, DEFAULT_FRAME_SIZE + 9])
def test_what_is_too_large_may_come_in_pieces(cut: int) -> None:
    """Later frames are ignored, wherever the reads end."""
    frame = wire.data(1, bytes(DEFAULT_FRAME_SIZE + 1)) + wire.ping()
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    pieces = [frame[start : start + cut] for start in range(0, len(frame), cut)]
    with pytest.raises(FrameTooLargeError) as caught:
        consume(map(conn.receive_data, pieces))
    assert caught.value.events == []
    assert [f.error_code for f in sent(conn)] == [Code.FRAME_SIZE_ERROR]


def test_too_large_is_known_with_the_frame_header() -> None:
    """The payload of an oversized frame is neither needed nor kept."""
    conn = wire.server(strict=True)
    head = wire.frame(Type.DATA, 0, 1, length=2**24 - 1)
    for byte in head[:-1]:
        assert conn.receive_data(bytes([byte])) == []
    with pytest.raises(FrameTooLargeError) as caught:
        conn.receive_data(head[-1:])
    assert caught.value.error_code == Code.FRAME_SIZE_ERROR
    assert [f.error_code for f in sent(conn)] == [Code.FRAME_SIZE_ERROR]


def test_frames_before_an_oversized_one_count() -> None:
    """The exception carries the events of earlier frames."""
    assert_connection_error(
        wire.server(),
        wire.headers(1, wire.POST),
        wire.data(1, b"abc"),
        wire.data(1, bytes(DEFAULT_FRAME_SIZE + 1)),
        code=Code.FRAME_SIZE_ERROR,
        error=FrameTooLargeError,
        last_stream_id=1,
        events=[RequestReceived, DataReceived],
    )


def test_larger_frames_once_our_setting_is_acknowledged() -> None:
    """A larger local SETTINGS_MAX_FRAME_SIZE allows larger frames."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    wire.feed(conn, wire.settings(ack=True), wire.headers(1, wire.POST))
    assert conn.max_inbound_frame_size == 20_000
    event = only(wire.feed(conn, wire.data(1, bytes(20_000))), DataReceived)
    assert len(event.data) == 20_000
    assert_frame_too_large(conn, Type.DATA, 20_001)


def test_a_smaller_size_binds_the_peer_from_its_ack_on() -> None:
    """Frames sent before the peer acknowledged a smaller size may still be larger."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    wire.feed(conn, wire.settings(ack=True), wire.headers(1, wire.POST))
    conn.update_settings({Setting.MAX_FRAME_SIZE: 16_384})
    events = wire.feed(conn, wire.data(1, bytes(20_000)), wire.settings(ack=True))
    assert len(only(events, DataReceived).data) == 20_000
    assert_frame_too_large(conn, Type.DATA, 16_385)


def test_we_do_not_send_larger_data_than_the_peer_allows() -> None:
    """The call to send a DATA frame above the peer's SETTINGS_MAX_FRAME_SIZE raises."""
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    error = assert_refused(conn, "send_data", 1, bytes(DEFAULT_FRAME_SIZE + 1))
    assert isinstance(error, FrameTooLargeError)
    conn.send_data(1, bytes(DEFAULT_FRAME_SIZE))
    assert len(sent(conn)[0].payload) == DEFAULT_FRAME_SIZE


def test_padding_counts_for_the_size_of_what_we_send() -> None:
    """Data and padding together stay within the peer's frame size."""
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    assert_refused(conn, "send_data", 1, bytes(DEFAULT_FRAME_SIZE - 10), pad_length=10)
    conn.send_data(1, bytes(DEFAULT_FRAME_SIZE - 11), pad_length=10)
    assert len(sent(conn)[0].payload) == DEFAULT_FRAME_SIZE


def test_the_peers_larger_frame_size_is_used() -> None:
    """The peer's setting applies immediately."""
    conn = wire.client((Setting.MAX_FRAME_SIZE, 30_000))
    assert conn.max_outbound_frame_size == 30_000
    conn.send_headers(1, wire.POST)
    conn.clear_outbound_data_buffer()
    conn.send_data(1, bytes(30_000))
    assert len(sent(conn)[0].payload) == 30_000


@pytest.mark.parametrize("limit", [16_384, 20_000])
def test_large_field_blocks_are_cut_to_the_peers_frame_size(limit: int) -> None:
    """HEADERS and CONTINUATION stay within the peer's limit; only the last one ends the block."""
    ours, theirs = wire.client((Setting.MAX_FRAME_SIZE, limit)), wire.server()
    value = bytes(range(33, 127)) * 600
    ours.send_headers(1, [*wire.REQUEST, (b"large", value)], end_stream=True)
    raw = ours.data_to_send()
    frames = wire.parse(raw)
    assert [f.type for f in frames] == [Type.HEADERS] + [Type.CONTINUATION] * (len(frames) - 1)
    assert len(frames) > 2
    assert all(len(f.payload) <= limit for f in frames)
    assert [f.has(Flag.END_HEADERS) for f in frames] == [False] * (len(frames) - 1) + [True]
    assert frames[0].has(Flag.END_STREAM)
    theirs.update_settings({Setting.MAX_FRAME_SIZE: limit})
    wire.feed(theirs, wire.settings(ack=True))
    assert dict(only(theirs.receive_data(raw), RequestReceived).headers)[b"large"] == value


def test_large_push_promise_is_cut_to_the_peers_frame_size() -> None:
    """PUSH_PROMISE counts its four octets of stream identifier within the limit."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    conn.clear_outbound_data_buffer()
    conn.push_stream(1, 2, [*wire.REQUEST, (b"large", bytes(range(33, 127)) * 400)])
    frames = sent(conn)
    assert frames[0].type == Type.PUSH_PROMISE
    assert {f.type for f in frames[1:]} == {Type.CONTINUATION}
    assert all(len(f.payload) <= DEFAULT_FRAME_SIZE for f in frames)
    assert [f.has(Flag.END_HEADERS) for f in frames] == [False] * (len(frames) - 1) + [True]


@pytest.mark.parametrize(
    "frame",
    [
        wire.frame(Type.HEADERS, Flag.PADDED | Flag.END_HEADERS, 3),
        wire.frame(Type.HEADERS, Flag.PRIORITY | Flag.END_HEADERS, 3, b"\0\0\0\0"),
        wire.frame(Type.HEADERS, Flag.PADDED | Flag.PRIORITY | Flag.END_HEADERS, 3, b"\0\0\0\0\0"),
        wire.frame(Type.DATA, Flag.PADDED, 1),
        wire.frame(Type.GOAWAY, 0, 0, bytes(7)),
    ],
    ids=["pad length", "priority", "both", "data pad length", "goaway"],
)
def test_too_small_for_mandatory_fields(frame: bytes) -> None:
    """A frame too short for its fixed fields is FRAME_SIZE_ERROR."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    assert_connection_error(
        conn, frame, code=Code.FRAME_SIZE_ERROR, error=ProtocolError, last_stream_id=1
    )


def test_push_promise_too_small_for_its_identifier() -> None:
    """PUSH_PROMISE needs four octets, five with padding."""
    for payload, flags in ((b"\0\0\0", 0), (b"\0\0\0\0", Flag.PADDED), (b"", Flag.PADDED)):
        conn = wire.client()
        conn.send_headers(1, wire.REQUEST)
        frame = wire.frame(Type.PUSH_PROMISE, flags | Flag.END_HEADERS, 1, payload)
        assert_connection_error(conn, frame, code=Code.FRAME_SIZE_ERROR)


def test_small_frames_are_fine() -> None:
    """A frame may be smaller than the limit."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, wire.headers(1, wire.RESPONSE), wire.data(1), wire.data(1, b"x"))
    assert kinds(events) == [ResponseReceived, DataReceived, DataReceived]
    assert_alive(conn)
