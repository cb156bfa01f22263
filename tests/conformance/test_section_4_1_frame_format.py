"""RFC 9113 section 4.1: frame header, unknown types, unused flags, reserved bits."""

from __future__ import annotations

import pytest
from hyperframe.frame import ExtensionFrame

from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    PriorityUpdated,
    PushedStreamReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    UnknownFrameReceived,
    WindowUpdated,
)
from support import wire
from support.outcome import assert_alive, kinds, only, sent
from support.wire import RESERVED, Flag, Type

#: All types except those of RFC 9113, ALTSVC, ORIGIN and PRIORITY_UPDATE.
UNKNOWN_TYPES = sorted(set(range(0x0B, 0x100)) - {0x0C, 0x10})


def server_with_open_stream() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.clear_outbound_data_buffer()
    return conn


@pytest.mark.parametrize("stream_id", [0, 1, 2, 7], ids=["connection", "open", "even", "idle"])
def test_unknown_types_are_discarded(stream_id: int) -> None:
    """Frames of unknown type are ignored on any stream; the application gets an event."""
    conn = server_with_open_stream()
    for type_ in UNKNOWN_TYPES:
        events = wire.feed(conn, wire.frame(type_, 0xFF, stream_id, b"opaque"))
        frame = only(events, UnknownFrameReceived).frame
        assert isinstance(frame, ExtensionFrame)
        assert (frame.type, frame.flag_byte, frame.stream_id) == (type_, 0xFF, stream_id)
        assert frame.body == b"opaque"
    assert_alive(conn)


def test_unknown_type_of_length_zero_and_of_full_length() -> None:
    """The smallest and largest lengths are valid for an unknown type."""
    conn = wire.server()
    for size in (0, 1, wire.DEFAULT_FRAME_SIZE):
        events = wire.feed(conn, wire.frame(0xBE, 0, 0, bytes(size)))
        assert only(events, UnknownFrameReceived).frame.body_len == size
    assert_alive(conn)


def test_unknown_type_does_not_open_a_stream() -> None:
    """An ignored frame changes no stream: the identifier is still free."""
    conn = wire.server()
    wire.feed(conn, wire.frame(0xBE, 0, 5))
    events = wire.feed(conn, wire.headers(3, wire.REQUEST), wire.headers(5, wire.REQUEST))
    assert kinds(events) == [RequestReceived, RequestReceived]


SERVER_FRAMES: dict[str, tuple[bytes, list[type[Event]]]] = {
    "data": (wire.frame(Type.DATA, 0xF6, 1, b"abc"), [DataReceived]),
    "data, end": (wire.frame(Type.DATA, 0xF7, 1, b"abc"), [DataReceived, StreamEnded]),
    "headers": (
        wire.frame(Type.HEADERS, 0xD2 | Flag.END_HEADERS, 3, wire.block(wire.REQUEST)),
        [RequestReceived],
    ),
    "continuation": (
        wire.headers(3, b"", end_headers=False)
        + wire.frame(Type.CONTINUATION, 0xFF, 3, wire.block(wire.REQUEST)),
        [RequestReceived],
    ),
    "priority": (
        wire.frame(Type.PRIORITY, 0xFF, 1, wire.priority_fields()),
        [PriorityUpdated],
    ),
    "rst_stream": (wire.frame(Type.RST_STREAM, 0xFF, 1, b"\0\0\0\x08"), [StreamReset]),
    "settings": (
        wire.frame(Type.SETTINGS, 0xFE, 0, b"\0\x05\0\0\x50\0"),
        [RemoteSettingsChanged],
    ),
    "ping": (wire.frame(Type.PING, 0xFE, 0, b"12345678"), [PingReceived]),
    "goaway": (wire.frame(Type.GOAWAY, 0xFF, 0, bytes(8)), [ConnectionTerminated]),
    "window_update": (wire.frame(Type.WINDOW_UPDATE, 0xFF, 1, b"\0\0\0\x01"), [WindowUpdated]),
    "window_update 0": (
        wire.frame(Type.WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\x01"),
        [WindowUpdated],
    ),
}


@pytest.mark.parametrize(("frame", "expected"), SERVER_FRAMES.values(), ids=SERVER_FRAMES)
def test_unused_flags_are_ignored(frame: bytes, expected: list[type[Event]]) -> None:
    """Flags without a meaning for the frame type change nothing."""
    conn = server_with_open_stream()
    assert kinds(wire.feed(conn, frame)) == expected
    assert [f.type for f in sent(conn)].count(Type.GOAWAY) == 0


def test_unused_flags_of_push_promise_are_ignored() -> None:
    """END_STREAM and PRIORITY mean nothing on PUSH_PROMISE."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    payload = b"\0\0\0\x02" + wire.block(wire.REQUEST)
    events = wire.feed(conn, wire.frame(Type.PUSH_PROMISE, 0xF7, 1, payload))
    assert kinds(events) == [PushedStreamReceived]


def test_unused_flags_of_a_settings_ack_are_ignored() -> None:
    """An ACK is an ACK whatever the other seven flags are."""
    conn = wire.server()
    conn.update_settings({wire.Setting.INITIAL_WINDOW_SIZE: 70_000})
    events = wire.feed(conn, wire.frame(Type.SETTINGS, 0xFF, 0))
    assert kinds(events) == [SettingsAcknowledged]


RESERVED_BIT: dict[str, tuple[bytes, list[type[Event]]]] = {
    "data": (wire.data(1 | RESERVED, b"abc"), [DataReceived]),
    "headers": (wire.headers(3 | RESERVED, wire.REQUEST), [RequestReceived]),
    "continuation": (
        wire.headers(3 | RESERVED, b"", end_headers=False) + wire.continuation(3, wire.REQUEST),
        [RequestReceived],
    ),
    "continuation only": (
        wire.headers(3, b"", end_headers=False) + wire.continuation(3 | RESERVED, wire.REQUEST),
        [RequestReceived],
    ),
    "priority": (wire.priority(1 | RESERVED), [PriorityUpdated]),
    "rst_stream": (wire.rst_stream(1 | RESERVED), [StreamReset]),
    "settings": (wire.frame(Type.SETTINGS, 0, RESERVED), [RemoteSettingsChanged]),
    "ping": (wire.frame(Type.PING, 0, RESERVED, b"12345678"), [PingReceived]),
    "goaway": (wire.frame(Type.GOAWAY, 0, RESERVED, bytes(8)), [ConnectionTerminated]),
    "window_update": (wire.window_update(1 | RESERVED, 1), [WindowUpdated]),
    "unknown": (wire.frame(0xBE, 0, 1 | RESERVED), [UnknownFrameReceived]),
}


@pytest.mark.parametrize(("frame", "expected"), RESERVED_BIT.values(), ids=RESERVED_BIT)
def test_reserved_bit_of_the_header_is_ignored(frame: bytes, expected: list[type[Event]]) -> None:
    """The bit before the stream identifier is ignored on receipt."""
    conn = server_with_open_stream()
    events = wire.feed(conn, frame)
    assert kinds(events) == expected
    stream_id = getattr(events[0], "stream_id", 0)
    assert stream_id < RESERVED
    assert [f.type for f in sent(conn)].count(Type.GOAWAY) == 0


def test_reserved_bits_inside_payloads_are_ignored() -> None:
    """Last-Stream-ID, Promised Stream ID and Window Size Increment have 31 bits too."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    events = wire.feed(
        conn,
        wire.push_promise(1, 2 | RESERVED),
        wire.window_update(0, 5 | RESERVED),
        wire.goaway(1 | RESERVED),
    )
    assert kinds(events) == [PushedStreamReceived, WindowUpdated, ConnectionTerminated]
    assert only(events, PushedStreamReceived).pushed_stream_id == 2
    assert only(events, WindowUpdated).delta == 5
    assert only(events, ConnectionTerminated).last_stream_id == 1


def test_what_we_send_has_no_unused_flag_and_no_reserved_bit() -> None:
    """Unused flags and the reserved bit are unset in every frame type that we send."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.POST, priority_weight=10)
    ours.send_data(1, b"abc", pad_length=3)
    ours.prioritize(1, weight=3)
    ours.ping(b"12345678")
    ours.increment_flow_control_window(5)
    ours.update_settings({wire.Setting.MAX_FRAME_SIZE: 20_000})
    ours.send_headers(1, wire.TRAILERS, end_stream=True)
    assert {f.type for f in wire.parse(sent_and_delivered(ours, theirs))} >= {0, 1, 2, 4, 6}
    ours.reset_stream(1)
    ours.close_connection()
    assert {f.type for f in wire.parse(sent_and_delivered(ours, theirs))} == {3, 7}
    other, peer = wire.pair()
    other.send_headers(1, wire.REQUEST, end_stream=True)
    wire.exchange(other, peer)
    peer.advertise_alternative_service(b'h2=":443"', origin=b"https://example.com")
    peer.push_stream(1, 2, wire.REQUEST)
    peer.send_headers(1, [*wire.RESPONSE, (b"large", b"x" * 40_000)])
    types = {f.type for f in wire.parse(sent_and_delivered(peer, other))}
    assert types == {Type.HEADERS, Type.CONTINUATION, Type.PUSH_PROMISE, Type.ALTSVC}


def sent_and_delivered(one: H2Connection, other: H2Connection) -> bytes:
    """Check each frame that ``one`` sends, deliver it to ``other``, and return the octets."""
    frames = sent(one)
    raw = b"".join(wire.frame(f.type, f.flags, f.stream_id, f.payload) for f in frames)
    other.receive_data(raw)
    return raw


def test_lengths_are_24_bit_big_endian() -> None:
    """The length field covers the payload only; frames follow each other without a gap."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    conn.clear_outbound_data_buffer()
    sizes = [0, 1, 255, 256, 257, 16_383, 16_384]
    events = wire.feed(
        conn, wire.headers(1, wire.RESPONSE), *(wire.data(1, bytes(n)) for n in sizes)
    )
    assert kinds(events) == [ResponseReceived] + [DataReceived] * len(sizes)
    assert [len(e.data) for e in events if isinstance(e, DataReceived)] == sizes


def test_frames_cut_at_every_byte() -> None:
    """A frame is complete when its last octet has arrived, not before."""
    whole = wire.headers(1, wire.POST) + wire.data(1, b"abc") + wire.ping()
    expected = [RequestReceived, DataReceived, PingReceived]
    for cut in range(len(whole) + 1):
        conn = wire.server()
        events = conn.receive_data(whole[:cut]) + conn.receive_data(whole[cut:])
        assert kinds(events) == expected


def test_frames_byte_by_byte() -> None:
    """One call per octet returns the same events as one call for all."""
    conn = wire.server()
    events: list[Event] = []
    for byte in wire.headers(1, wire.POST) + wire.data(1, b"abc") + wire.ping():
        events += conn.receive_data(bytes([byte]))
    assert kinds(events) == [RequestReceived, DataReceived, PingReceived]
    assert only(events, DataReceived).data == b"abc"
