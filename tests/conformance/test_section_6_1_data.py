"""RFC 9113 section 6.1: DATA frames."""

from __future__ import annotations

import pytest

from h2.events import DataReceived, StreamEnded
from h2.exceptions import FlowControlError, ProtocolError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import Code, Flag, Setting, Type, open_client, open_server


def test_data() -> None:
    """DATA frames carry the content, in order; END_STREAM marks the last."""
    conn = open_server()
    frames = wire.data(1, b"a"), wire.data(1, b"bc"), wire.data(1, b"d", end_stream=True)
    events = wire.feed(conn, *frames)
    assert kinds(events) == [DataReceived, DataReceived, DataReceived, StreamEnded]
    data = [e for e in events if isinstance(e, DataReceived)]
    assert b"".join(e.data for e in data) == b"abcd"
    assert [e.stream_id for e in data] == [1, 1, 1]
    assert data[-1].stream_ended is events[-1]
    assert data[0].stream_ended is None


def test_every_amount_of_padding() -> None:
    """Padding of 0 to 255 octets is removed, and counted for flow control."""
    for pad in range(256):
        conn = open_server()
        event = only(wire.feed(conn, wire.data(1, b"content", pad=pad)), DataReceived)
        assert event.data == b"content"
        assert event.flow_controlled_length == len(b"content") + 1 + pad


@pytest.mark.parametrize("pad", [0, 1, 255])
def test_padding_around_no_content(pad: int) -> None:
    """Padding may take the whole payload except for the pad length."""
    event = only(wire.feed(open_server(), wire.data(1, pad=pad)), DataReceived)
    assert (event.data, event.flow_controlled_length) == (b"", pad + 1)


def test_padding_with_end_of_stream() -> None:
    """Both flags may be set together."""
    events = wire.feed(open_server(), wire.data(1, b"x", end_stream=True, pad=3))
    assert kinds(events) == [DataReceived, StreamEnded]


def test_padding_that_is_not_zero_is_tolerated() -> None:
    """A receiver need not verify padding; this one does not."""
    conn = open_server()
    frame = wire.frame(Type.DATA, Flag.PADDED, 1, b"\x03abc\x01\x02\x03")
    assert only(wire.feed(conn, frame), DataReceived).data == b"abc"
    assert_alive(conn)


BAD_PADDING = {
    "as long as the payload": b"\x04abc",
    "longer by one": b"\x05abc",
    "255 of 5": b"\xffabcd",
    "of an empty rest": b"\x01",
    "255 of 255": b"\xff" + bytes(254),
}


@pytest.mark.parametrize("payload", BAD_PADDING.values(), ids=BAD_PADDING)
@pytest.mark.parametrize("end", [0, Flag.END_STREAM], ids=["", "end"])
def test_padding_longer_than_the_payload(payload: bytes, end: int) -> None:
    """Padding of the payload's length or more is a connection error PROTOCOL_ERROR."""
    assert_connection_error(
        open_server(),
        wire.frame(Type.DATA, Flag.PADDED | end, 1, payload),
        code=Code.PROTOCOL_ERROR,
        last_stream_id=1,
    )


@pytest.mark.parametrize("frame", [wire.data(0, b"x"), wire.data(0), wire.data(0, end_stream=True)])
def test_data_on_stream_zero(frame: bytes) -> None:
    """DATA belongs to a stream; on 0 it is a connection error PROTOCOL_ERROR."""
    assert_connection_error(wire.server(), frame, code=Code.PROTOCOL_ERROR)
    assert_connection_error(wire.client(), frame, code=Code.PROTOCOL_ERROR)


def test_empty_data_frames() -> None:
    """DATA of length zero without END_STREAM is legal."""
    events = wire.feed(open_server(), wire.data(1), wire.data(1), wire.data(1, end_stream=True))
    assert kinds(events) == [DataReceived, DataReceived, DataReceived, StreamEnded]
    assert all(e.flow_controlled_length == 0 for e in events if isinstance(e, DataReceived))


def test_pad_flag_without_a_pad_length() -> None:
    """An empty payload cannot hold the pad length: the frame is too small."""
    assert_connection_error(
        open_server(),
        wire.frame(Type.DATA, Flag.PADDED, 1),
        code=Code.FRAME_SIZE_ERROR,
        last_stream_id=1,
    )


# Sending ------------------------------------------------------------------------------------------


def test_data_that_we_send() -> None:
    """The payload of the frame is the content and nothing else."""
    conn = open_client()
    conn.send_data(1, b"abc")
    conn.send_data(1, memoryview(b"def"), end_stream=True)
    assert conn.data_to_send() == wire.data(1, b"abc") + wire.data(1, b"def", end_stream=True)


@pytest.mark.parametrize("pad", [0, 1, 17, 255])
def test_padding_that_we_send(pad: int) -> None:
    """Padding octets are zero, the flag is set, and all of it counts for the window."""
    conn = open_client()
    before = conn.local_flow_control_window(1)
    conn.send_data(1, b"abc", pad_length=pad)
    assert conn.data_to_send() == wire.data(1, b"abc", pad=pad)
    assert conn.local_flow_control_window(1) == before - 4 - pad


@pytest.mark.parametrize("pad", [-1, 256, 1_000])
def test_padding_that_does_not_fit_its_octet(pad: int) -> None:
    """The pad length is one octet."""
    conn = open_client()
    assert isinstance(assert_refused(conn, "send_data", 1, b"x", pad_length=pad), ValueError)
    conn.send_data(1, b"x")
    assert conn.data_to_send() == wire.data(1, b"x")


def test_end_stream() -> None:
    """end_stream sends an empty DATA frame with END_STREAM."""
    conn = open_client()
    conn.end_stream(1)
    assert conn.data_to_send() == wire.data(1, end_stream=True)


def test_data_goes_out_on_streams_only() -> None:
    """Stream 0 is the connection, which does not have content."""
    for conn in (open_client(), open_server()):
        assert_refused(conn, "send_data", 0, b"x")
        assert_refused(conn, "send_data", 0, b"")
        assert_refused(conn, "end_stream", 0)
        assert_alive(conn)


def test_nothing_after_end_stream() -> None:
    """No more data can be sent on a stream that we ended."""
    conn = open_client()
    conn.end_stream(1)
    conn.clear_outbound_data_buffer()
    assert isinstance(assert_refused(conn, "send_data", 1, b"x"), ProtocolError)
    assert isinstance(assert_refused(conn, "end_stream", 1), ProtocolError)
    assert isinstance(assert_refused(conn, "send_headers", 1, wire.TRAILERS), ProtocolError)


def test_no_data_before_headers() -> None:
    """A server cannot send data before the response, a client not on an idle stream."""
    assert_refused(open_server(), "send_data", 1, b"x")
    assert_refused(wire.client(), "send_data", 1, b"x")
    assert_refused(wire.client(), "end_stream", 1)


def test_the_window_bounds_what_we_send() -> None:
    """More than either window allows is rejected; exactly that much is sent."""
    conn = open_client((Setting.INITIAL_WINDOW_SIZE, 10))
    assert conn.local_flow_control_window(1) == 10
    error = assert_refused(conn, "send_data", 1, bytes(11))
    assert isinstance(error, FlowControlError)
    error = assert_refused(conn, "send_data", 1, bytes(7), pad_length=3)
    assert isinstance(error, FlowControlError)
    conn.send_data(1, bytes(7), pad_length=2)
    assert conn.local_flow_control_window(1) == 0
    assert_refused(conn, "send_data", 1, b"x")
    conn.clear_outbound_data_buffer()
    conn.send_data(1, b"", end_stream=True)
    assert conn.data_to_send() == wire.data(1, end_stream=True)


def test_the_connection_window_bounds_all_streams() -> None:
    """Streams share the window of the connection."""
    conn = open_client((Setting.INITIAL_WINDOW_SIZE, 1_000_000), (Setting.MAX_FRAME_SIZE, 70_000))
    conn.send_headers(3, wire.POST)
    conn.send_data(1, bytes(60_000))
    assert conn.local_flow_control_window(3) == 5_535
    assert isinstance(assert_refused(conn, "send_data", 3, bytes(5_536)), FlowControlError)
    conn.send_data(3, bytes(5_535))
    assert len(sent(conn)[0].payload) == 5_535
