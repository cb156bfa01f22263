"""RFC 9113 section 5.5: unknown values in everything that can be extended are ignored."""

from __future__ import annotations

import pytest

from h2.events import (
    ConnectionTerminated,
    RemoteSettingsChanged,
    RequestReceived,
    StreamReset,
    UnknownFrameReceived,
)
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_malformed,
    kinds,
    only,
    sent,
)
from support.wire import Code, Setting

UNKNOWN_SETTINGS = [0, 7, 0x0A, 0x10, 0xFF, 0x100, 0x1234, 0xFFFF]
UNKNOWN_CODES = [0x0E, 0xFF, 0x12345678, 0xFFFFFFFF]


@pytest.mark.parametrize("identifier", UNKNOWN_SETTINGS)
def test_unknown_settings_are_ignored(identifier: int) -> None:
    """An unknown setting is acknowledged with its frame, and does not change known ones."""
    conn = wire.server()
    before = {code: conn.remote_settings[code] for code in (1, 2, 4, 5)}
    pairs = ((identifier, 0xFFFFFFFF), (Setting.MAX_CONCURRENT_STREAMS, 7))
    events = wire.feed(conn, wire.settings(*pairs))
    assert kinds(events) == [RemoteSettingsChanged]
    assert conn.data_to_send() == wire.settings(ack=True)
    assert {code: conn.remote_settings[code] for code in (1, 2, 4, 5)} == before
    assert conn.remote_settings.max_concurrent_streams == 7


def test_identifiers_of_settings_are_16_bits_wide() -> None:
    """0x0105 is not MAX_FRAME_SIZE, 0x0104 not INITIAL_WINDOW_SIZE."""
    conn = wire.client((0x0105, 3), (0x0104, 0xFFFFFFFF), (0x0102, 9))
    assert conn.max_outbound_frame_size == wire.DEFAULT_FRAME_SIZE
    conn.send_headers(1, wire.POST)
    assert conn.local_flow_control_window(1) == wire.DEFAULT_WINDOW


@pytest.mark.parametrize("code", UNKNOWN_CODES)
def test_unknown_error_codes(code: int) -> None:
    """Section 7: unknown error codes trigger no special behaviour; the number is passed on."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    event = only(wire.feed(conn, wire.rst_stream(1, code)), StreamReset)
    assert event.error_code == code
    conn.clear_outbound_data_buffer()
    assert_alive(conn)
    end = only(wire.feed(conn, wire.goaway(0, code)), ConnectionTerminated)
    assert end.error_code == code


@pytest.mark.parametrize("code", UNKNOWN_CODES)
def test_unknown_error_codes_at_a_client(code: int) -> None:
    """They end the request, and the connection continues until the program closes it."""
    conn = wire.client()
    for stream_id in (1, 3):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
    conn.clear_outbound_data_buffer()
    assert only(wire.feed(conn, wire.rst_stream(1, code)), StreamReset).error_code == code
    end = only(wire.feed(conn, wire.goaway(3, code)), ConnectionTerminated)
    assert (end.error_code, end.unprocessed_stream_ids) == (code, ())
    assert_alive(conn)
    response = wire.headers(3, wire.RESPONSE)
    assert getattr(wire.feed(conn, response)[0], "headers", None) == list(wire.RESPONSE)


def test_unknown_frames_between_the_frames_of_a_stream() -> None:
    """Extension frames are allowed anywhere except inside a field block."""
    conn = wire.server()
    extension = wire.frame(0xF5, 0x05, 1, b"?")
    events = wire.feed(
        conn,
        extension,
        wire.headers(1, wire.POST),
        extension,
        wire.data(1, b"x"),
        extension,
        wire.data(1, end_stream=True),
        extension,
    )
    assert kinds(events).count(UnknownFrameReceived) == 4
    assert kinds(events).count(RequestReceived) == 1
    assert sent(conn) == []


@pytest.mark.parametrize("stream_id", [0, 1, 3])
def test_unknown_frame_inside_a_field_block(stream_id: int) -> None:
    """Inside a field block an extension frame is a connection error PROTOCOL_ERROR."""
    assert_connection_error(
        wire.server(),
        wire.headers(1, wire.REQUEST, end_headers=False),
        wire.frame(0xF5, 0, stream_id, b"?"),
        code=Code.PROTOCOL_ERROR,
    )


def test_unknown_pseudo_header_fields_are_not_an_extension_point() -> None:
    """Section 8.3: a pseudo-header field that was not negotiated makes a request malformed."""
    assert_malformed(wire.server(), wire.headers(1, [*wire.REQUEST, (b":extension", b"1")]))


def test_unknown_methods_schemes_and_status_codes_are_fine() -> None:
    """HTTP's own extension points are open: methods, schemes, status codes, fields."""
    conn = wire.server()
    request = [
        (b":method", b"BREW"),
        (b":scheme", b"coffee"),
        (b":authority", b"pot.example"),
        (b":path", b"/"),
        (b"x-anything", b"goes"),
    ]
    assert kinds(wire.feed(conn, wire.headers(1, request))) == [RequestReceived]
    ours = wire.client()
    ours.send_headers(1, wire.REQUEST)
    events = wire.feed(ours, wire.headers(1, [(b":status", b"599")]))
    assert getattr(events[0], "headers", None) == [(b":status", b"599")]
