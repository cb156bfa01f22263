"""RFC 9113: requirements for all endpoints, tested on a client and on a server.

The file for a section tests most errors in detail, at one end. Here each is tested at both ends;
the cases are named after the rows of the table of requirements.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    StreamEnded,
    TrailersReceived,
    UnknownFrameReceived,
    WindowUpdated,
)
from h2.exceptions import FrameTooLargeError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_refused,
    assert_resets_if_strict,
    assert_stream_error,
    kinds,
    only,
    sent,
)
from support.wire import (
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    MAX_WINDOW,
    RESERVED,
    Code,
    Flag,
    Setting,
    Type,
)

HEADER_FLAGS = Flag.END_HEADERS | Flag.END_STREAM


@pytest.fixture(params=["client", "server"])
def conn(request: pytest.FixtureRequest) -> H2Connection:
    """A connection with stream 1, on which both messages have started."""
    conn: H2Connection = wire.client() if request.param == "client" else wire.server()
    if request.param == "client":
        conn.send_headers(1, wire.POST)
        wire.feed(conn, wire.headers(1, wire.RESPONSE))
    else:
        wire.feed(conn, wire.headers(1, wire.POST))
        conn.send_headers(1, wire.RESPONSE)
    conn.clear_outbound_data_buffer()
    return conn


def last_stream(conn: H2Connection) -> int:
    """The last stream identifier that a GOAWAY of this connection has."""
    return 0 if conn.config.client_side else 1


BEGUN = wire.headers(1, b"", end_stream=True, end_headers=False)

CONNECTION_ERRORS: dict[str, tuple[Code, list[bytes]]] = {
    "9113-4.2-2 data": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.DATA, Flag.PADDED, 1)]),
    "9113-4.2-2 goaway": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.GOAWAY, 0, 0, bytes(7))]),
    "9113-4.2-3 headers": (
        Code.FRAME_SIZE_ERROR,
        [wire.frame(Type.HEADERS, HEADER_FLAGS | Flag.PRIORITY, 1, bytes(4))],
    ),
    "9113-4.3-1 data": (Code.PROTOCOL_ERROR, [BEGUN, wire.data(1)]),
    "9113-4.3-1 ping": (Code.PROTOCOL_ERROR, [BEGUN, wire.ping()]),
    "9113-4.3-1 other stream": (Code.PROTOCOL_ERROR, [BEGUN, wire.continuation(3, b"")]),
    "9113-4.3-3 index 0": (
        Code.COMPRESSION_ERROR,
        [wire.headers(1, wire.indexed(0), end_stream=True)],
    ),
    "9113-5.5-3": (Code.PROTOCOL_ERROR, [BEGUN, wire.frame(0xF5, 0, 1)]),
    "9113-6.1-3": (Code.PROTOCOL_ERROR, [wire.data(0, b"x")]),
    "9113-6.1-5": (Code.PROTOCOL_ERROR, [wire.frame(Type.DATA, Flag.PADDED, 1, b"\x04abc")]),
    "9113-6.2-3 headers": (Code.PROTOCOL_ERROR, [BEGUN, wire.headers(1, wire.TRAILERS)]),
    "9113-6.2-5": (Code.PROTOCOL_ERROR, [wire.headers(0, wire.TRAILERS, end_stream=True)]),
    "9113-6.2-6": (
        Code.PROTOCOL_ERROR,
        [wire.frame(Type.HEADERS, HEADER_FLAGS | Flag.PADDED, 1, b"\x04abc")],
    ),
    "9113-6.3-1": (Code.PROTOCOL_ERROR, [wire.priority(0)]),
    "9113-6.4-4": (Code.PROTOCOL_ERROR, [wire.rst_stream(0)]),
    "9113-6.4-7": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.RST_STREAM, 0, 1, bytes(3))]),
    "9113-6.5-4": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.SETTINGS, Flag.ACK, 0, bytes(6))]),
    "9113-6.5-6": (Code.PROTOCOL_ERROR, [wire.frame(Type.SETTINGS, 0, 1)]),
    "9113-6.5-8": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.SETTINGS, 0, 0, bytes(7))]),
    "9113-6.7-6": (Code.PROTOCOL_ERROR, [wire.frame(Type.PING, 0, 1, bytes(8))]),
    "9113-6.7-7": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.PING, 0, 0, bytes(9))]),
    "9113-6.8-4": (Code.PROTOCOL_ERROR, [wire.frame(Type.GOAWAY, 0, 1, bytes(8))]),
    "9113-6.9-2 connection": (Code.PROTOCOL_ERROR, [wire.window_update(0, 0)]),
    "9113-6.9-5": (Code.FRAME_SIZE_ERROR, [wire.frame(Type.WINDOW_UPDATE, 0, 1, bytes(5))]),
    "9113-6.9.1-3 connection": (Code.FLOW_CONTROL_ERROR, [wire.window_update(0, MAX_WINDOW)]),
    "9113-6.10-4": (Code.PROTOCOL_ERROR, [wire.continuation(0, b"")]),
    "9113-6.10-6": (Code.PROTOCOL_ERROR, [wire.continuation(1, b"")]),
}


@pytest.mark.parametrize(("code", "frames"), CONNECTION_ERRORS.values(), ids=CONNECTION_ERRORS)
def test_connection_errors(conn: H2Connection, code: Code, frames: list[bytes]) -> None:
    """GOAWAY with the code of the sentence; earlier frames are answered and reported."""
    assert_connection_error(conn, *frames, code=code, last_stream_id=last_stream(conn))


def test_a_window_that_settings_make_too_large(conn: H2Connection) -> None:
    """9113-6.9.2-3."""
    wire.feed(conn, wire.window_update(1, 1))
    frame = wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW))
    code = Code.FLOW_CONTROL_ERROR
    assert_connection_error(conn, frame, code=code, last_stream_id=last_stream(conn))


@pytest.mark.parametrize("type_", [*Type, 0xF5])
def test_frames_above_the_maximum_size(conn: H2Connection, type_: int) -> None:
    """9113-4.2-2, for every frame type."""
    frame = wire.frame(type_, 0, 1, bytes(DEFAULT_FRAME_SIZE + 1))
    assert_connection_error(
        conn,
        frame,
        code=Code.FRAME_SIZE_ERROR,
        error=FrameTooLargeError,
        last_stream_id=last_stream(conn),
    )


STREAM_ERRORS = {
    "9113-6.3-2": (Code.FRAME_SIZE_ERROR, wire.frame(Type.PRIORITY, 0, 1, bytes(6))),
    "9113-6.9-2": (Code.PROTOCOL_ERROR, wire.window_update(1, 0)),
    "9113-6.9.1-3": (Code.FLOW_CONTROL_ERROR, wire.window_update(1, MAX_WINDOW)),
}


@pytest.mark.parametrize(("code", "frame"), STREAM_ERRORS.values(), ids=STREAM_ERRORS)
def test_stream_errors(conn: H2Connection, code: Code, frame: bytes) -> None:
    """RST_STREAM with the code of the sentence; the connection stays open."""
    assert_stream_error(conn, frame, stream_id=1, code=code)


def fill_window(conn: H2Connection) -> None:
    for size in (DEFAULT_FRAME_SIZE, DEFAULT_FRAME_SIZE, DEFAULT_FRAME_SIZE, 16_383):
        wire.feed(conn, wire.data(1, bytes(size)))


def test_windows_that_are_exceeded(conn: H2Connection) -> None:
    """9113-6.9.1-1: of the stream first, then of the connection."""
    conn.increment_flow_control_window(1)
    fill_window(conn)
    assert_resets_if_strict(
        conn,
        wire.data(1, b"x"),
        stream_id=1,
        code=Code.FLOW_CONTROL_ERROR,
        last_stream_id=last_stream(conn),
    )


def test_the_window_of_the_connection_is_exceeded(conn: H2Connection) -> None:
    """9113-6.9.1-1."""
    conn.increment_flow_control_window(1, stream_id=1)
    fill_window(conn)
    code = Code.FLOW_CONTROL_ERROR
    assert_connection_error(conn, wire.data(1, b"x"), code=code, last_stream_id=last_stream(conn))


IGNORED = {
    "9113-4.1-2": (wire.frame(0xF5, 0xFF, 0, b"?"), [UnknownFrameReceived]),
    "9113-4.1-3 data": (wire.frame(Type.DATA, 0xF6, 1, b"x"), [DataReceived]),
    "9113-4.1-3 headers": (
        wire.frame(Type.HEADERS, 0xD2 | HEADER_FLAGS, 1, wire.block(wire.TRAILERS)),
        [TrailersReceived, StreamEnded],
    ),
    "9113-4.1-3 ping": (wire.frame(Type.PING, 0xFE, 0, bytes(8)), [PingReceived]),
    "9113-4.1-3 settings": (wire.frame(Type.SETTINGS, 0xFE, 0), [RemoteSettingsChanged]),
    "9113-4.1-3 window_update": (
        wire.frame(Type.WINDOW_UPDATE, 0xFF, 1, b"\0\0\0\x01"),
        [WindowUpdated],
    ),
    "9113-4.1-4 data": (wire.data(1 | RESERVED, b"x"), [DataReceived]),
    "9113-4.1-4 priority": (wire.priority(1 | RESERVED), [PriorityUpdated]),
    "9113-4.1-4 window_update": (wire.window_update(RESERVED, 1 | RESERVED), [WindowUpdated]),
    "9113-6.5.2-12": (wire.settings((0xF5, 7)), [RemoteSettingsChanged]),
}


@pytest.mark.parametrize(("frame", "events"), IGNORED.values(), ids=IGNORED)
def test_what_is_ignored(conn: H2Connection, frame: bytes, events: list[type]) -> None:
    """Unknown types and settings, unused flags and reserved bits change nothing."""
    assert kinds(wire.feed(conn, frame)) == events
    conn.clear_outbound_data_buffer()
    assert_alive(conn)


def test_frames_of_the_usual_size(conn: H2Connection) -> None:
    """9113-4.2-1: DATA and field blocks of 2^14 octets in each frame."""
    event = only(wire.feed(conn, wire.data(1, bytes(DEFAULT_FRAME_SIZE))), DataReceived)
    assert len(event.data) == DEFAULT_FRAME_SIZE
    fixed = len(wire.block([(b"x", b"")])) + 3  # its length takes four octets then
    block = wire.block([(b"x", b"v" * (2 * DEFAULT_FRAME_SIZE - fixed))])
    assert len(block) == 2 * DEFAULT_FRAME_SIZE
    events = wire.feed(
        conn,
        wire.headers(1, block[:DEFAULT_FRAME_SIZE], end_stream=True, end_headers=False),
        wire.continuation(1, block[DEFAULT_FRAME_SIZE:]),
    )
    assert kinds(events) == [TrailersReceived, StreamEnded]


def test_settings_are_followed(conn: H2Connection) -> None:
    """9113-6.5-2, 9113-6.9.2-1: sizes of frames, of windows and of the HPACK table."""
    wire.feed(conn, wire.settings((5, 20_000), (4, 30_000), (1, 0)), wire.window_update(0, 100_000))
    assert conn.data_to_send() == wire.settings(ack=True)
    conn.send_data(1, bytes(20_000))
    assert_refused(conn, "send_data", 1, bytes(10_001))
    conn.send_data(1, bytes(10_000))
    conn.clear_outbound_data_buffer()
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert sent(conn)[0].fragment.startswith(wire.table_size_update(0))


NOT_SENT: dict[str, tuple[Callable[[H2Connection], object], str, tuple[object, ...]]] = {
    "9113-4.1-1": (lambda conn: None, "send_data", (1, bytes(DEFAULT_FRAME_SIZE + 1))),
    "9113-5.1-8 reset": (lambda conn: conn.reset_stream(1), "send_data", (1, b"x")),
    "9113-5.1-8 twice": (lambda conn: conn.reset_stream(1), "reset_stream", (1,)),
    "9113-5.1-8 ended": (lambda conn: conn.end_stream(1), "send_headers", (1, wire.TRAILERS)),
    "9113-6.1-2": (lambda conn: None, "send_data", (0, b"x")),
    "9113-6.2-4": (lambda conn: None, "send_headers", (0, wire.TRAILERS)),
    "9113-6.4-1": (
        lambda conn: wire.feed(conn, wire.rst_stream(1)),
        "send_headers",
        (1, wire.TRAILERS),
    ),
    "9113-6.4-5": (lambda conn: None, "reset_stream", (7,)),
    "9113-6.5.2-9": (lambda conn: None, "update_settings", ({4: 2**31},)),
    "9113-6.5.2-10": (lambda conn: None, "update_settings", ({5: 2**14 - 1},)),
    "9113-6.7-1": (lambda conn: None, "ping", (b"1234567",)),
    "9113-6.9.1-1": (
        lambda conn: wire.feed(conn, wire.settings((4, 10))),
        "send_data",
        (1, bytes(11)),
    ),
    "9113-6.9.1-1 connection": (
        lambda conn: (
            conn.send_data(1, bytes(DEFAULT_FRAME_SIZE))
            or wire.feed(conn, wire.settings((4, MAX_WINDOW), (5, 2**20)))
        ),
        "send_data",
        (1, bytes(DEFAULT_WINDOW - DEFAULT_FRAME_SIZE + 1)),
    ),
    "9113-6.9.1-2": (lambda conn: None, "increment_flow_control_window", (MAX_WINDOW,)),
    "9113-6.9.2-2": (
        lambda conn: conn.send_data(1, b"x" * 9) or wire.feed(conn, wire.settings((4, 0))),
        "send_data",
        (1, b"x"),
    ),
}


@pytest.mark.parametrize(("first", "call", "arguments"), NOT_SENT.values(), ids=NOT_SENT)
def test_what_is_not_sent(
    conn: H2Connection,
    first: Callable[[H2Connection], object],
    call: str,
    arguments: tuple[object, ...],
) -> None:
    """The call raises, nothing is sent, and the connection continues."""
    first(conn)
    assert_refused(conn, call, *arguments)
    assert_alive(conn)


def test_what_is_sent(conn: H2Connection) -> None:
    """9113-6.1-1, 9113-6.10-1, 9113-6.10-3: padding is zero, a long block is not interrupted."""
    conn.send_data(1, b"abc", pad_length=7)
    assert conn.data_to_send() == wire.data(1, b"abc", pad=7)
    conn.send_headers(1, [(b"large", bytes(range(33, 127)) * 400)], end_stream=True)
    conn.ping(b"12345678")
    *block, ping = sent(conn)
    assert ping.type == Type.PING
    assert [frame.type for frame in block] == [Type.HEADERS, Type.CONTINUATION, Type.CONTINUATION]
    assert {frame.stream_id for frame in block} == {1}
    assert [frame.has(Flag.END_HEADERS) for frame in block] == [False, False, True]
