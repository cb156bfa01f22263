"""Calls in an unusual order, unusual limits, subclasses and loggers that call the connection."""

from __future__ import annotations

import math
from typing import Any

import pytest

from buffered.ends import POST, REQUEST, RESPONSE, client, content, frames, server, types
from buffered.state import state_of
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import DummyLogger, H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, StreamOpened, StreamReset
from h2.exceptions import FlowControlError, NoSuchStreamError, ProtocolError
from h2.priorities import Priority
from h2.settings import Settings
from support import wire
from support.wire import DEFAULT_WINDOW, MAX_WINDOW, Setting, Type


class Patient(BufferedH2Connection):
    """A client that sends no request before it knows the limit of the server."""

    STREAMS_BEFORE_SETTINGS = 0


# An upgrade: stream 1 has the HTTP/1.1 request.


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("stream_id", [1, 3])
def test_no_upgrade_after_a_request_that_waits(stream_id: int, dropped: bool) -> None:
    conn = Patient()
    conn.send_headers(stream_id, REQUEST, end_stream=True)
    if dropped:
        conn.reset_stream(stream_id)
    before = state_of(conn)
    with pytest.raises(ProtocolError, match="stream 1 has already been used"):
        conn.initiate_upgrade_connection()
    assert state_of(conn) == before
    conn.initiate_connection()
    wire.feed(conn, wire.settings())
    assert types(frames(conn)).count(Type.HEADERS) == (not dropped)


# A subclass that handles GOAWAY itself.


@pytest.mark.parametrize("drains", [False, True])
@pytest.mark.parametrize("informs", [False, True])
def test_what_waits_is_refused_however_a_subclass_handles_goaway(
    informs: bool, drains: bool
) -> None:
    class Own(Patient):
        def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
            answers, events = super()._receive_goaway_frame(frame) if drains else ([], [])
            return answers, events if informs else []

    conn = Own()
    conn.initiate_connection()
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 3)))
    for stream_id in (1, 3, 5, 7, 9):
        conn.send_headers(stream_id, POST)
        conn.send_data(stream_id, bytes(100_000))
    conn.data_to_send()
    assert conn.waiting_streams == 2
    events = wire.feed(conn, wire.goaway(1))
    refused = [event for event in events if isinstance(event, StreamReset)]
    assert [event.stream_id for event in refused] == [3, 5, 7, 9][0 if drains else 2 :]
    assert {event.error_code for event in refused} == {ErrorCodes.REFUSED_STREAM}
    assert conn.waiting_streams == 0
    assert set(conn._sending.queues) == ({1} if drains else {1, 3, 5})
    wire.feed(conn, wire.window_update(0, 1))
    assert Type.HEADERS not in types(frames(conn))


# Limits that make no sense.


def test_a_buffer_without_content_is_writable_whatever_the_limits() -> None:
    conn = BufferedH2Connection()
    conn.SEND_BUFFER_HIGH, conn.SEND_BUFFER_LOW = 10, -1
    conn.initiate_connection()
    conn.send_headers(1, POST)
    conn.send_data(1, bytes(30_000))
    assert not conn.is_writable(1)
    conn.data_to_send()
    assert [event.stream_id for event in conn.events()] == [1]
    assert conn.is_writable(1)


@pytest.mark.parametrize("name", ["SEND_BUFFER_HIGH", "SEND_BUFFER_LOW", "STREAMS_BEFORE_SETTINGS"])
def test_other_limits_may_be_any_number(name: str) -> None:
    def limited(limit: object) -> BufferedH2Connection:
        conn: BufferedH2Connection = type("Limited", (BufferedH2Connection,), {name: limit})()
        conn.initiate_connection()
        conn.send_headers(1, POST)
        conn.send_headers(3, POST)
        conn.send_data(1, bytes(2))
        return conn

    def behaviour(conn: BufferedH2Connection) -> list[object]:
        return [conn.waiting_streams, conn.is_writable(1), conn.data_to_send(), conn.events()]

    assert behaviour(limited(1.0)) == behaviour(limited(1))
    assert behaviour(limited(math.inf)) == behaviour(limited(10**6))
    with pytest.raises(TypeError):
        limited("1")


@pytest.mark.parametrize("largest", [1e6, 1_000_000])
def test_the_largest_window_may_be_any_number(largest: int) -> None:
    size = {"stream_window": 600_000, "connection_window": 600_000}
    conn = BufferedH2Connection(automatic_window=True, clock=lambda: 0.0, **size)
    conn.LARGEST_AUTOMATIC_WINDOW = largest
    conn.initiate_connection()
    wire.feed(conn, wire.settings(), wire.settings(ack=True))
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.data_to_send()
    content = wire.data(1, bytes(16_384))
    wire.feed(conn, wire.headers(1, RESPONSE), content * 10)
    assert frames(conn) == wire.parse(wire.ping(b"h2window"))
    for event in wire.feed(conn, content * 16, wire.ping(b"h2window", ack=True)):
        assert isinstance(event, DataReceived)
    update = wire.settings((Setting.INITIAL_WINDOW_SIZE, 1_000_000))
    assert frames(conn) == wire.parse(update + wire.window_update(0, 400_000))


def test_a_window_never_grows_beyond_what_the_protocol_allows() -> None:
    size = {"stream_window": MAX_WINDOW, "connection_window": MAX_WINDOW}
    conn = BufferedH2Connection(automatic_window=True, clock=lambda: 0.0, **size)
    conn.LARGEST_AUTOMATIC_WINDOW = 2**40
    conn.initiate_connection()
    wire.feed(conn, wire.settings(), wire.settings(ack=True))
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.data_to_send()
    automatic = conn._buffers.automatic
    assert automatic is not None
    automatic._octets = MAX_WINDOW // 2  # a quarter would be enough to measure
    wire.feed(conn, wire.headers(1, RESPONSE), wire.data(1, bytes(1000)))
    assert Type.PING not in types(frames(conn))


def test_priorities_of_idle_streams_are_limited_without_a_limit_of_streams() -> None:
    """A program that replaces the settings often leaves out MAX_CONCURRENT_STREAMS."""
    conn = BufferedH2Connection(H2Configuration(client_side=False, header_encoding=None))
    conn.local_settings = Settings(client=False, initial_values={})
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.settings(ack=True))
    for stream_id in range(1, 10_001, 2):
        assert wire.feed(conn, wire.priority_update(stream_id, b"u=1"))
    known = conn._sending.priorities.known
    assert known is not None
    assert len(known) == 1024
    wire.feed(conn, wire.headers(2047, REQUEST), wire.headers(2049, REQUEST))
    assert [conn.get_priority(stream_id).urgency for stream_id in (2047, 2049)] == [1, 3]
    assert len(wire.feed(conn, wire.priority_update(20_001, b"u=2"))) == 1
    assert conn.get_priority(20_001).urgency == 2, "there is room again"


def test_a_priority_that_comes_too_late_is_not_kept_although_there_was_one_before() -> None:
    conn = server()
    wire.feed(conn, wire.priority_update(1, b"u=1"), wire.headers(1, POST))
    conn.send_headers(1, RESPONSE, end_stream=True)
    assert not conn._sending.priorities.known
    assert len(wire.feed(conn, wire.priority_update(1, b"u=2"))) == 1
    assert not conn._sending.priorities.known


# A logger that calls the connection.


class Caller(DummyLogger):
    """Calls something once, when a frame is logged."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.lines: list[str] = []
        self.call: Any = None

    def debug(self, fmtstr: str, *args: object) -> None:
        self.lines.append(fmtstr % args)
        if self.call is not None and fmtstr.startswith(self.prefix):
            call, self.call = self.call, None
            call()


@pytest.mark.parametrize("amount", [None, 20, 30_000])
def test_what_is_taken_cannot_be_taken_again_by_a_logger(amount: int | None) -> None:
    log = Caller("Sent frame")
    conn = BufferedH2Connection(H2Configuration(logger=log))
    conn.initiate_connection()
    conn.send_headers(1, POST)
    conn.send_data(1, b"content")
    conn.send_data(1, bytes(2000), end_stream=True)
    log.call = lambda: conn.data_to_send(amount)
    with pytest.raises(RuntimeError, match="while it is running"):
        conn.data_to_send(amount)
    sent = b""
    while part := conn.data_to_send(amount):
        sent += part
    assert sent.startswith(wire.PREFACE)
    sent_frames = wire.parse(sent[len(wire.PREFACE) :])
    assert types(sent_frames) == [Type.SETTINGS, Type.HEADERS, Type.DATA, Type.DATA]
    assert content(sent_frames, 1) == b"content" + bytes(2000)


@pytest.mark.parametrize("kind", [H2Connection, BufferedH2Connection])
@pytest.mark.parametrize("amount", [None, 20, 30_000])
@pytest.mark.parametrize("method", ["ping", "send_data", "reset_stream", "update_settings"])
def test_a_logger_may_send(method: str, amount: int | None, kind: type[H2Connection]) -> None:
    arguments: dict[str, Any] = {
        "ping": (b"12345678",),
        "send_data": (1, b"x" * 5000),
        "reset_stream": (1,),
        "update_settings": ({4: 9},),
    }
    log = Caller("Sent frame")
    conn = kind(H2Configuration(logger=log))
    conn.initiate_connection()
    conn.data_to_send()
    conn.send_headers(1, POST)
    conn.send_data(1, bytes(2000))
    log.lines.clear()
    log.call = lambda: getattr(conn, method)(*arguments[method])
    sent = b""
    while part := conn.data_to_send(amount):
        sent += part
    kinds = {"ping": Type.PING, "send_data": Type.DATA, "reset_stream": Type.RST_STREAM}
    third = kinds.get(method, Type.SETTINGS)
    assert types(wire.parse(sent)) == [Type.HEADERS, Type.DATA, third]
    assert len([line for line in log.lines if line.startswith("Sent frame")]) == 3


def test_a_logger_may_clear_what_is_being_taken() -> None:
    log = Caller("Sent frame")
    conn = BufferedH2Connection(H2Configuration(logger=log))
    conn.initiate_connection()
    conn.send_headers(1, POST)
    log.call = conn.clear_outbound_data_buffer
    assert conn.data_to_send() == b""
    conn.ping(b"12345678")
    assert conn.data_to_send() == wire.ping(b"12345678")


# The windows of requests that wait.


def limited(*settings: tuple[int, int]) -> BufferedH2Connection:
    """A client with a request on stream 1, and one on stream 3 that waits for it."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1), *settings)
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.send_headers(3, POST)
    conn.data_to_send()
    return conn


def let_it_go(conn: BufferedH2Connection) -> list[wire.Frame]:
    """End stream 1; return what is sent then."""
    events = wire.feed(conn, wire.headers(1, RESPONSE, end_stream=True))
    sent = frames(conn)
    assert [type(event) for event in conn.events()] == [StreamOpened]
    assert events
    return sent


def test_a_request_that_waits_has_the_windows_that_its_stream_will_have() -> None:
    conn = limited((Setting.INITIAL_WINDOW_SIZE, 1000))
    before = [conn.local_flow_control_window(3), conn.remote_flow_control_window(3)]
    assert before == [1000, DEFAULT_WINDOW]
    let_it_go(conn)
    assert [conn.local_flow_control_window(3), conn.remote_flow_control_window(3)] == before
    for method in (conn.local_flow_control_window, conn.remote_flow_control_window):
        with pytest.raises(NoSuchStreamError):
            method(5)


def test_the_window_of_the_connection_limits_that_of_a_request_that_waits() -> None:
    conn = limited((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW))
    wire.feed(conn, wire.headers(1, RESPONSE), wire.data(1, bytes(100)))
    assert conn.remote_flow_control_window(3) == DEFAULT_WINDOW - 100
    conn.send_headers(5, POST)
    conn.send_data(5, b"x")
    assert conn.local_flow_control_window(3) == MAX_WINDOW == conn.outbound_flow_control_window


def test_the_window_of_a_request_that_waits_is_enlarged_when_it_is_sent() -> None:
    conn = limited()
    conn.increment_flow_control_window(DEFAULT_WINDOW * 9)
    conn.data_to_send()
    conn.increment_flow_control_window(1000, 3)
    conn.increment_flow_control_window(500, 3)
    assert conn.remote_flow_control_window(3) == DEFAULT_WINDOW + 1500
    assert conn.data_to_send() == b""
    conn.end_stream(3)
    assert conn.remote_flow_control_window(3) == DEFAULT_WINDOW + 1500
    sent = let_it_go(conn)
    assert sent[1:] == wire.parse(wire.window_update(3, 1500) + wire.data(3, end_stream=True))
    assert conn.remote_flow_control_window(3) == DEFAULT_WINDOW + 1500


def test_a_window_of_a_request_that_waits_is_limited_like_that_of_a_stream() -> None:
    conn = limited()
    most = MAX_WINDOW - DEFAULT_WINDOW
    conn.increment_flow_control_window(most - 1, 3)
    for increment, error in ((2, FlowControlError), (0, ValueError), (2**31, ValueError)):
        before = state_of(conn)
        with pytest.raises(error):
            conn.increment_flow_control_window(increment, 3)
        assert state_of(conn) == before
    conn.increment_flow_control_window(1, 3)
    assert let_it_go(conn)[1:] == wire.parse(wire.window_update(3, most))


@pytest.mark.parametrize(
    ("size", "increments"),
    [(100_000, [MAX_WINDOW - 100_000]), (MAX_WINDOW - 1, [1]), (MAX_WINDOW, [])],
)
def test_settings_may_enlarge_the_window_of_a_request_that_waits(
    size: int, increments: list[int]
) -> None:
    """Both together must not be too large."""
    conn = limited()
    conn.increment_flow_control_window(MAX_WINDOW - DEFAULT_WINDOW, 3)
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: size})
    conn.data_to_send()
    sent = let_it_go(conn)
    assert sent[1:] == [
        frame for number in increments for frame in wire.parse(wire.window_update(3, number))
    ]
    wire.feed(conn, wire.settings(ack=True))
    assert conn._core.streams[3].window.value == MAX_WINDOW


def test_an_ended_connection_enlarges_no_window_of_a_request_that_waits() -> None:
    conn = limited()
    conn._core.end()
    with pytest.raises(ProtocolError):
        conn.increment_flow_control_window(1, 3)


def test_a_promised_stream_that_waits_has_windows_already() -> None:
    conn = server((Setting.MAX_CONCURRENT_STREAMS, 0))
    wire.feed(conn, wire.headers(1, REQUEST, end_stream=True))
    conn.push_stream(1, 2, REQUEST)
    conn.send_headers(2, RESPONSE)
    assert conn.waiting_streams == 1
    assert conn.local_flow_control_window(2) == DEFAULT_WINDOW
    with pytest.raises(ProtocolError):
        conn.increment_flow_control_window(1, 2)


# Arguments of unusual types. The compiled build would otherwise check them in its own way.


class Index:
    """An object that converts to an integer."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


STREAM_CALLS = ["at_end", "get_priority", "is_writable", "readable", "send_buffer_size"]


@pytest.mark.parametrize("name", STREAM_CALLS)
def test_a_stream_may_be_anything_that_converts_to_an_integer(name: str) -> None:
    conn = client(receive_buffering=True)
    conn.send_headers(1, POST)
    conn.send_data(1, bytes(100_000))
    conn.set_priority(Index(1), Index(5), 1)  # type: ignore[arg-type]  # on purpose
    for stream_id in (1, 3):
        call = getattr(conn, name)
        assert call(Index(stream_id)) == call(stream_id)
    assert conn.get_priority(1) == Priority(5, True)
    assert [*map(type, conn.get_priority(1))] == [int, bool]


@pytest.mark.parametrize("name", [*STREAM_CALLS, "prioritize", "set_priority"])
@pytest.mark.parametrize("stream_id", [None, 1.0, "1", b"1", [1]])
@pytest.mark.parametrize("new", [False, True])
def test_a_stream_that_is_no_integer_is_refused(name: str, stream_id: Any, new: bool) -> None:
    conn = client((Setting.NO_RFC7540_PRIORITIES, int(new)), receive_buffering=True)
    conn.send_headers(1, POST)
    conn.send_data(1, bytes(100_000))
    before = state_of(conn)
    if (name, stream_id) == ("send_buffer_size", None):  # of all streams
        assert conn.send_buffer_size(None) == 100_000
        return
    with pytest.raises(TypeError):
        getattr(conn, name)(stream_id)
    assert state_of(conn) == before


@pytest.mark.parametrize("now", [None, "9", b"9", [9], Index(9)])
def test_a_time_that_is_no_number_is_refused(now: Any) -> None:
    conn = BufferedH2Connection(
        keepalive=Keepalive(1, 1), settings_timeout=5, shutdown_timeout=1, clock=lambda: 0.0
    )
    conn.initiate_connection()
    before = state_of(conn)
    with pytest.raises(TypeError):
        conn.handle_timer(now)
    assert state_of(conn) == before
    conn.handle_timer(2)
    assert types(frames(conn))[-1] == Type.PING


@pytest.mark.parametrize("now", [float("nan"), float("-inf"), float("inf"), 2**62, 2**64, True])
def test_any_number_is_a_time(now: float) -> None:
    conn = BufferedH2Connection(keepalive=Keepalive(1, 1), clock=lambda: 0.0)
    conn.initiate_connection()
    conn.handle_timer(now)
    assert (Type.PING in types(frames(conn))) == (now >= 1)
