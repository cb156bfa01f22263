"""Exceptions inside receive_data that the peer did not cause, and calls from within it.

A logger or a hook raises, or the user presses Ctrl-C: the input is half processed, so the
connection cannot continue. It tells the peer, and loses nothing that was received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hpack import Decoder

from h2.config import DummyLogger
from h2.connection import H2Connection
from h2.events import Event, PingReceived, RequestReceived
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import kinds
from support.wire import Code, Type


@pytest.fixture(params=[False, True], ids=["default", "strict"], autouse=True)
def strict(request: pytest.FixtureRequest) -> Iterator[bool]:
    with wire.mode(request.param):
        yield request.param


class MistakeError(Exception):
    """Exceptions that no code of this package raises."""


class Logger(DummyLogger):
    """A logger that calls a function when a frame of a type is logged."""

    def __init__(self, type_: str, action: Callable[[], object]) -> None:
        self.type = f" {type_} "
        self.action = action

    def debug(self, fmtstr: str, *args: object) -> None:
        if self.type in f" {fmtstr % args} ":
            self.action()


class Hooked(H2Connection):
    """A connection that overrides the handler of received GOAWAY frames."""

    action: Callable[[], object] = staticmethod(lambda: None)

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        self.action()
        return super()._receive_goaway_frame(frame)


class BadDecoder(Decoder):
    """A decoder that raises for every block except the first."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error
        self.blocks = 0

    def decode(self, data: bytes, raw: bool = False) -> Any:
        self.blocks += 1
        if self.blocks > 1:
            raise self.error
        return super().decode(data, raw)


def raising(error: BaseException) -> Callable[[], object]:
    def action() -> None:
        raise error

    return action


def with_logger(error: BaseException) -> tuple[H2Connection, bytes]:
    return wire.server(logger=Logger("PRIORITY", raising(error))), wire.priority(9)


def with_hook(error: BaseException) -> tuple[H2Connection, bytes]:
    conn = Hooked(wire.configuration(client_side=False))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.settings(ack=True))
    conn.clear_outbound_data_buffer()
    conn.action = raising(error)
    return conn, wire.goaway(0)


def with_decoder(error: BaseException) -> tuple[H2Connection, bytes]:
    conn = wire.server()
    conn.decoder = BadDecoder(error)
    return conn, wire.headers(3, wire.REQUEST)


ERRORS = [MistakeError(), KeyboardInterrupt(), MemoryError(), SystemExit(1)]


@pytest.mark.parametrize("build", [with_logger, with_hook, with_decoder])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_connection_ends_and_the_exception_goes_on(
    build: Callable[[BaseException], tuple[H2Connection, bytes]], error: BaseException
) -> None:
    conn, frame = build(error)
    lost = wire.headers(5, wire.REQUEST)
    with pytest.raises(type(error)) as caught:
        wire.feed(conn, wire.ping(), wire.headers(1, wire.REQUEST), frame, lost)
    assert caught.value is error

    # The peer is told, after the pending output.
    pong, goaway = wire.parse(conn.data_to_send())
    assert pong.type == Type.PING
    assert (goaway.type, goaway.error_code, goaway.last_stream_id) == (
        *(Type.GOAWAY, Code.INTERNAL_ERROR, 1),
    )
    assert conn.data_to_send() == b""
    assert conn.receive_data(b"") == []

    # The next exception carries the events of the earlier frames, once.
    with pytest.raises(ProtocolError) as later:
        conn.receive_data(lost)
    assert kinds(later.value.events) == [PingReceived, RequestReceived]
    assert later.value.events[1].stream_id == 1
    with pytest.raises(ProtocolError) as later:
        conn.receive_data(lost)
    assert later.value.events == []
    with pytest.raises(ProtocolError):
        conn.send_headers(1, wire.RESPONSE)
    assert conn.data_to_send() == b""


def test_an_exception_while_a_frame_is_completed() -> None:
    """The frame started in an earlier read; its second half causes the exception."""
    conn = wire.server(logger=Logger("PRIORITY", raising(MistakeError())))
    frame = wire.priority(9)
    assert kinds(wire.feed(conn, wire.ping(), frame[:4])) == [PingReceived]
    with pytest.raises(MistakeError):
        conn.receive_data(frame[4:] + wire.ping())
    assert wire.parse(conn.data_to_send())[-1].error_code == Code.INTERNAL_ERROR
    with pytest.raises(ProtocolError) as later:
        conn.receive_data(b"x")
    assert later.value.events == []


def test_an_exception_after_goaway_names_no_higher_stream() -> None:
    conn = wire.server(logger=Logger("PRIORITY", raising(MistakeError())))
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    conn.close_connection(last_stream_id=1)
    conn.clear_outbound_data_buffer()
    with pytest.raises(MistakeError):
        wire.feed(conn, wire.priority(9))
    (goaway,) = wire.parse(conn.data_to_send())
    assert (goaway.error_code, goaway.last_stream_id) == (Code.INTERNAL_ERROR, 1)


def test_a_hook_that_ends_the_connection_and_raises() -> None:
    """Only the GOAWAY of the program is sent."""
    conn, frame = with_hook(MistakeError())

    def action() -> None:
        conn.close_connection(Code.ENHANCE_YOUR_CALM)
        raise MistakeError

    assert isinstance(conn, Hooked)
    conn.action = action
    with pytest.raises(MistakeError):
        wire.feed(conn, frame)
    assert [f.error_code for f in wire.parse(conn.data_to_send())] == [Code.ENHANCE_YOUR_CALM]


def test_a_hook_that_ends_the_connection() -> None:
    """Octets after the frame are ignored, and the events of the frame are not lost."""
    conn, frame = with_hook(MistakeError())
    assert isinstance(conn, Hooked)
    conn.action = lambda: conn.close_connection(Code.CANCEL)
    events = wire.feed(conn, wire.ping(), frame, wire.frame(Type.PING, 0, 1, b"not one"))
    assert [type(event).__name__ for event in events] == ["PingReceived", "ConnectionTerminated"]
    assert [f.type for f in wire.parse(conn.data_to_send())] == [Type.PING, Type.GOAWAY]


# Calls from within --------------------------------------------------------------------------------


def test_receive_data_called_by_a_logger() -> None:
    conn = wire.server()
    conn.config.logger = Logger("PRIORITY", lambda: conn.receive_data(wire.ping()))
    with pytest.raises(RuntimeError, match="receive_data must not be called while it is running"):
        wire.feed(conn, wire.ping(), wire.priority(9))
    with pytest.raises(ProtocolError) as later:
        conn.receive_data(wire.ping())
    assert kinds(later.value.events) == [PingReceived]


@pytest.mark.parametrize("octets", [b"", wire.ping(), bytes(600)])
def test_a_refused_call_from_inside_changes_nothing(octets: bytes) -> None:
    """If the caller catches the exception, the read continues."""
    errors: list[str] = []

    def action() -> None:
        with pytest.raises(RuntimeError) as caught:
            conn.receive_data(octets)
        errors.append(str(caught.value))

    conn = wire.server()
    conn.config.logger = Logger("PRIORITY", action)
    frames = [wire.ping(), wire.priority(9), wire.headers(1, wire.REQUEST), wire.ping()]
    events = wire.feed(conn, *frames)
    assert len(events) == 4
    assert len(errors) == 1
    # The same if the frame arrives in two reads.
    frame = wire.priority(9)
    assert wire.feed(conn, frame[:11]) == []
    assert len(wire.feed(conn, frame[11:], wire.ping())) == 2
    assert len(errors) == 2
    conn.clear_outbound_data_buffer()


def test_receive_data_called_by_the_goaway_hook() -> None:
    conn, frame = with_hook(MistakeError())
    assert isinstance(conn, Hooked)
    conn.action = lambda: conn.receive_data(wire.ping())
    with pytest.raises(RuntimeError, match="while it is running"):
        wire.feed(conn, frame)
    (goaway,) = wire.parse(conn.data_to_send())
    assert goaway.error_code == Code.INTERNAL_ERROR


def test_a_logger_may_send() -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.config.logger = Logger("PRIORITY", lambda: conn.send_headers(1, wire.RESPONSE))
    wire.feed(conn, wire.ping(), wire.priority(9), wire.ping(b"abcdefgh"))
    types = [frame.type for frame in wire.parse(conn.data_to_send())]
    assert types == [Type.PING, Type.HEADERS, Type.PING]


# Iterables of header fields that call the connection ----------------------------------------------


def fields_that(action: Callable[[], object], fields: wire.Fields) -> Iterator[wire.Field]:
    """Yield header fields, and make a call in the middle."""
    yield fields[0]
    action()
    yield from fields[1:]


class Blocks:
    """The field blocks that a connection sends, decoded in order with one table."""

    def __init__(self, conn: H2Connection) -> None:
        self.conn = conn
        self.decoder = Decoder()

    def sent(self) -> list[tuple[int, list[wire.Field]]]:
        return [
            (frame.stream_id, wire.decode(frame.fragment, decoder=self.decoder))
            for frame in wire.parse(self.conn.data_to_send())
            if frame.type in (Type.HEADERS, Type.PUSH_PROMISE)
        ]


INNER = [*wire.REQUEST, (b"inner", b"1")]
OUTER = [*wire.REQUEST, (b"outer", b"2")]


def test_fields_that_send_a_request_on_another_stream() -> None:
    conn = wire.client()
    blocks = Blocks(conn)
    conn.send_headers(3, fields_that(lambda: conn.send_headers(1, INNER), OUTER))
    assert blocks.sent() == [(1, INNER), (3, OUTER)]
    assert conn.open_outbound_streams == 2


def test_fields_that_use_up_the_identifier() -> None:
    """The outer request is rejected, like any request whose identifier is too low."""
    conn = wire.client()
    blocks = Blocks(conn)
    with pytest.raises(ProtocolError):
        conn.send_headers(1, fields_that(lambda: conn.send_headers(3, INNER), OUTER))
    assert blocks.sent() == [(3, INNER)]
    conn.send_headers(5, OUTER)
    assert blocks.sent()[0][0] == 5
    assert conn.open_outbound_streams == 2


def test_fields_that_send_on_the_same_stream() -> None:
    conn = wire.client()
    blocks = Blocks(conn)
    with pytest.raises(ProtocolError):
        conn.send_headers(1, fields_that(lambda: conn.send_headers(1, INNER), OUTER))
    assert blocks.sent() == [(1, INNER)]
    # As trailers the outer fields would be valid.
    trailers = fields_that(lambda: conn.send_headers(3, INNER), [(b"a", b"b"), (b"c", b"d")])
    conn.send_headers(1, trailers, end_stream=True)
    assert [stream_id for stream_id, _ in blocks.sent()] == [3, 1]
    assert conn.open_outbound_streams == 2


def test_fields_that_receive() -> None:
    """A reset and a new table size that arrive in between are respected."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    gone = fields_that(lambda: wire.feed(conn, wire.rst_stream(1)), [*wire.RESPONSE, (b"a", b"b")])
    with pytest.raises(ProtocolError):
        conn.send_headers(1, gone)
    assert conn.data_to_send() == b""
    smaller = wire.settings((wire.Setting.HEADER_TABLE_SIZE, 0))
    fields = [*wire.RESPONSE, (b"a", b"b")]
    conn.send_headers(3, fields_that(lambda: wire.feed(conn, smaller), fields))
    ack, response = wire.parse(conn.data_to_send())
    assert ack.type == Type.SETTINGS
    assert response.fragment.startswith(wire.table_size_update(0))
    assert wire.decode(response.fragment) == fields


def test_fields_that_end_the_connection() -> None:
    conn = wire.client()
    with pytest.raises(ProtocolError):
        conn.send_headers(1, fields_that(lambda: conn.close_connection(1), OUTER))
    assert [frame.type for frame in wire.parse(conn.data_to_send())] == [Type.GOAWAY]


def test_fields_of_a_promise_that_reset_its_parent() -> None:
    conn = wire.server()
    blocks = Blocks(conn)
    wire.feed(conn, wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    with pytest.raises(ProtocolError):
        conn.push_stream(1, 2, fields_that(lambda: conn.reset_stream(1), OUTER))
    assert [frame.type for frame in wire.parse(conn.data_to_send())] == [Type.RST_STREAM]
    conn.push_stream(3, 2, fields_that(lambda: conn.send_headers(3, wire.RESPONSE), OUTER))
    assert [stream_id for stream_id, _ in blocks.sent()] == [3, 3]
