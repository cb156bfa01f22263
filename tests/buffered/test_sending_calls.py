"""Calls that send: their exceptions, and that a call that raises changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

import pytest

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import (
    H2Error,
    NoAvailableStreamIDError,
    NoSuchStreamError,
    ProtocolError,
    RFC1122Error,
    StreamClosedError,
    StreamIDTooLowError,
)
from support.snapshot import LEFT_OUT
from tests.buffered.ends import (
    POST,
    REQUEST,
    RESPONSE,
    TRAILERS,
    WIDE,
    client,
    frames,
    nothing_is_left,
    responding,
    server,
    shape,
    types,
)
from tests.support import wire
from tests.support.wire import Setting, Type

FRAME = wire.DEFAULT_FRAME_SIZE
Call = Callable[[BufferedH2Connection], object]


def waiting_client() -> BufferedH2Connection:
    """A client with a request on stream 1, and waiting ones on 3 (incomplete) and 5 (complete)."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1))
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.send_headers(3, POST)
    conn.send_data(3, b"content")
    conn.send_headers(5, REQUEST, end_stream=True)
    conn.data_to_send()
    return conn


def queueing_server() -> BufferedH2Connection:
    """A server with pending content on 1 (incomplete), 3 (ended) and 5 (with trailers)."""
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1, 3, 5)
    for stream_id in (1, 3, 5):
        conn.send_data(stream_id, b"content")
    conn.end_stream(3)
    conn.send_headers(5, TRAILERS, end_stream=True)
    wire.feed(conn, wire.headers(7, wire.REQUEST, end_stream=True))
    wire.feed(conn, wire.headers(9, wire.POST), wire.rst_stream(9))
    conn.data_to_send()
    return conn


BAD_FIELDS = [(b"Upper Case", b"value")]

REFUSED_BY_CLIENT: list[tuple[Call, type[Exception]]] = [
    (lambda conn: conn.send_headers(7, TRAILERS), ProtocolError),
    (lambda conn: conn.send_headers(7, [(b":method", b"GET")]), ProtocolError),
    (lambda conn: conn.send_headers(7, [(b"a",)]), ValueError),
    (lambda conn: conn.send_headers(7, [b"a"]), TypeError),  # type: ignore[list-item]  # on purpose
    (lambda conn: conn.send_headers(7, REQUEST, priority_weight=300), ProtocolError),
    (lambda conn: conn.send_headers(8, REQUEST), ProtocolError),
    (lambda conn: conn.send_headers(2**31 + 1, REQUEST), NoAvailableStreamIDError),
    (lambda conn: conn.send_headers(0, REQUEST), StreamIDTooLowError),
    (lambda conn: conn.send_headers(1, TRAILERS, end_stream=True), ProtocolError),
    (lambda conn: conn.send_headers(3, TRAILERS), ProtocolError),
    (lambda conn: conn.send_headers(3, REQUEST, end_stream=True), ProtocolError),
    (lambda conn: conn.send_headers(3, BAD_FIELDS, end_stream=True), ProtocolError),
    (lambda conn: conn.send_headers(5, TRAILERS, end_stream=True), ProtocolError),
    (lambda conn: conn.send_data(5, b"late"), ProtocolError),
    (lambda conn: conn.end_stream(5), ProtocolError),
    (lambda conn: conn.send_data(1, b"late"), ProtocolError),
    (lambda conn: conn.send_data(7, b"too early"), NoSuchStreamError),
    (lambda conn: conn.send_data(3, b"", pad_length=256), ValueError),
    (lambda conn: conn.send_data(3, "text"), TypeError),  # type: ignore[arg-type]  # on purpose
    (lambda conn: conn.send_data(3, b"", pad_length="1"), TypeError),  # type: ignore[arg-type]  # on purpose
    (lambda conn: conn.reset_stream(7), NoSuchStreamError),
    (lambda conn: conn.reset_stream(3, 2**32), ValueError),
    (lambda conn: conn.set_priority(7, urgency=1), NoSuchStreamError),
    (lambda conn: conn.set_priority(3, urgency=8), ValueError),
    (lambda conn: conn.send_priority_update(3, urgency=-1), ValueError),
    (lambda conn: conn.send_priority_update(0), ValueError),
    (lambda conn: conn.send_priority_update(2), NoSuchStreamError),
    (lambda conn: conn.prioritize(3, weight=0), ProtocolError),
    (lambda conn: conn.push_stream(1, 2, REQUEST), ProtocolError),
    (lambda conn: conn.data_to_send(-1), ValueError),
    (lambda conn: conn.close_connection(0, last_stream_id=-1), ValueError),
]

REFUSED_BY_SERVER: list[tuple[Call, type[Exception]]] = [
    (lambda conn: conn.send_headers(1, TRAILERS), ProtocolError),
    (lambda conn: conn.send_headers(1, RESPONSE, end_stream=True), ProtocolError),
    (lambda conn: conn.send_headers(1, BAD_FIELDS, end_stream=True), ProtocolError),
    (lambda conn: conn.send_headers(1, TRAILERS, True, priority_weight=1), RFC1122Error),
    (lambda conn: conn.send_headers(3, TRAILERS, end_stream=True), StreamClosedError),
    (lambda conn: conn.send_data(3, b""), StreamClosedError),
    (lambda conn: conn.end_stream(5), StreamClosedError),
    (lambda conn: conn.send_data(7, b"too early"), ProtocolError),
    (lambda conn: conn.end_stream(7), ProtocolError),
    (lambda conn: conn.send_headers(9, RESPONSE), StreamClosedError),
    (lambda conn: conn.send_data(9, bytes(FRAME + 1)), StreamClosedError),
    (lambda conn: conn.reset_stream(9), StreamClosedError),
    (lambda conn: conn.reset_stream(11), NoSuchStreamError),
    (lambda conn: conn.send_headers(2, REQUEST), ProtocolError),
    (lambda conn: conn.push_stream(1, 4, TRAILERS), ProtocolError),
    (lambda conn: conn.push_stream(3, 4, REQUEST), StreamClosedError),
    (lambda conn: conn.push_stream(9, 4, REQUEST), StreamClosedError),
    (lambda conn: conn.set_priority(9, 1), StreamClosedError),
    (lambda conn: conn.send_priority_update(1), ProtocolError),
    (lambda conn: conn.prioritize(1), RFC1122Error),
]


def remembered(value: object, seen: dict[int, tuple[int, object]] | None = None) -> object:
    """The complete state of an object in a comparable form, with cycles removed."""
    seen = {} if seen is None else seen
    if isinstance(value, (int, str, bytes, type(None), type)) or callable(value):
        return value if not callable(value) or isinstance(value, type) else None
    if id(value) in seen:
        return seen[id(value)][0]
    seen[id(value)] = len(seen), value  # kept alive, so that its id is not reused
    if isinstance(value, dict):
        return [(remembered(key, seen), remembered(item, seen)) for key, item in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)) or hasattr(value, "popleft"):
        return [type(value).__name__, *(remembered(item, seen) for item in value)]
    parts = dict(getattr(value, "__dict__", {}))
    slots = (MemberDescriptorType, GetSetDescriptorType)  # of either build
    for cls in type(value).__mro__:
        for name, descriptor in vars(cls).items():
            if isinstance(descriptor, slots) and name[:2] != "__" and hasattr(value, name):
                parts[name] = getattr(value, name)
    names = sorted(parts.keys() - LEFT_OUT.get(type(value), set()))
    return type(value).__name__, [(name, remembered(parts[name], seen)) for name in names]


def sending_state(conn: BufferedH2Connection) -> object:
    """The sending state of the connection, except the caches of the planner."""
    core = conn._core
    planner = core.planner
    return remembered(
        [
            conn._sending.queues,
            conn._sending.line,
            conn._sending.size,
            conn._sending.straight,
            conn._sending.events,
            conn._sending.early_updates,
            conn._sending.highest_given,
            conn._sending.priorities.known,
            conn._sending.scheduler,
            core.streams,
            dict(core.streams.items()),
            core.out.chunks,
            core.send_windows,
            core.state,
            planner.encoder.fields.keys(),
        ]
    )


@pytest.mark.parametrize(("call", "error"), REFUSED_BY_CLIENT)
def test_a_call_of_a_client_that_raises_changes_nothing(call: Call, error: type[Exception]) -> None:
    check_refused(waiting_client, call, error)


@pytest.mark.parametrize(("call", "error"), REFUSED_BY_SERVER)
def test_a_call_of_a_server_that_raises_changes_nothing(call: Call, error: type[Exception]) -> None:
    check_refused(queueing_server, call, error)


def check_refused(
    make: Callable[[], BufferedH2Connection], call: Call, error: type[Exception]
) -> None:
    conn = make()
    before = sending_state(conn)
    with pytest.raises(error) as caught:
        call(conn)
    assert isinstance(caught.value, H2Error) == issubclass(error, H2Error)
    assert sending_state(conn) == before
    # And it continues as if the call had not been made.
    other = make()
    for end in (conn, other):
        if end.config.client_side:
            wire.feed(end, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 10)))
            end.end_stream(3)
        else:
            wire.feed(end, wire.settings((Setting.INITIAL_WINDOW_SIZE, 100)))
            end.end_stream(1)
    assert conn.data_to_send() == other.data_to_send()


def test_the_list_of_calls_can_fail() -> None:
    """The comparison detects the changes of a call that does not raise."""
    for make, calls in (
        (waiting_client, (lambda conn: conn.send_data(3, b"x"), lambda conn: conn.end_stream(3))),
        (queueing_server, (lambda conn: conn.send_data(1, b"x"), lambda conn: conn.end_stream(1))),
    ):
        for call in calls:
            conn = make()
            before = sending_state(conn)
            call(conn)
            assert sending_state(conn) != before


def test_what_does_not_raise_in_any_state() -> None:
    def ended() -> BufferedH2Connection:
        conn = queueing_server()
        conn.close_connection(ErrorCodes.INTERNAL_ERROR)
        return conn

    for make in (BufferedH2Connection, waiting_client, queueing_server, ended):
        conn = make()
        for stream_id in (-1, 0, 1, 2, 3, 5, 7, 9, 11, 2**31):
            conn.is_writable(stream_id)
            conn.send_buffer_size(stream_id)
            conn.get_priority(stream_id)
        conn.data_to_send(10)
        conn.data_to_send()
        conn.events()
        conn.get_timer()
        conn.handle_timer(0.0)
        conn.graceful_shutdown()
        assert conn.send_buffer_size() >= 0
        assert conn.waiting_streams >= 0


def test_nothing_can_be_sent_when_the_connection_has_ended() -> None:
    conn = responding(server((Setting.INITIAL_WINDOW_SIZE, 0)), 1)
    conn.send_data(1, bytes(100))
    # A logger that raises ends the connection without any later processing of its events.
    conn._core.end()
    for call in (
        lambda: conn.send_data(1, b"late"),
        lambda: conn.end_stream(1),
        lambda: conn.send_headers(1, TRAILERS, end_stream=True),
        lambda: conn.reset_stream(1),
    ):
        with pytest.raises(ProtocolError, match="The connection has ended"):
            call()
    assert not conn.is_writable(1)
    wire.feed(conn)
    assert nothing_is_left(conn)
    with pytest.raises(ProtocolError, match="The connection has ended"):
        conn.reset_stream(11)


def test_a_connection_that_has_ended_sends_nothing_that_waits() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(100_000))
    conn._core.end()
    assert conn.data_to_send() == b""
    assert nothing_is_left(conn)


def test_clearing_the_buffer_drops_what_waits() -> None:
    conn = responding(server(*WIDE), 1)
    conn.ping(b"01234567")
    conn.send_data(1, bytes(100_000))
    assert conn.outbound_buffer_size == 17
    assert conn.send_buffer_size() == 100_000
    conn.clear_outbound_data_buffer()
    assert conn.data_to_send() == b""
    assert nothing_is_left(conn)


def test_all_identifiers_used() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1))
    conn.HIGHEST_ALLOWED_STREAM_ID = 5
    conn.send_headers(1, REQUEST)
    for stream_id in (3, 5):
        assert conn.get_next_available_stream_id() == stream_id
        conn.send_headers(stream_id, REQUEST)
    with pytest.raises(NoAvailableStreamIDError):
        conn.get_next_available_stream_id()


def test_fields_may_come_from_an_iterator_that_calls_the_connection() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 0))

    def fields() -> Iterator[tuple[bytes, bytes]]:
        yield from REQUEST
        conn.send_headers(1, REQUEST, end_stream=True)

    conn.send_headers(3, fields(), end_stream=True)
    assert conn.waiting_streams == 2


class One:
    """An object that converts to an integer."""

    def __index__(self) -> int:
        return 1


def test_any_bytes_and_any_integers() -> None:
    stream_id: Any = One()
    conn = responding(server(*WIDE), 1)
    conn.send_data(stream_id, bytearray(b"one"))
    conn.send_data(stream_id, memoryview(b"two"))
    conn.set_priority(stream_id, urgency=0)
    conn.send_headers(stream_id, TRAILERS, end_stream=True)
    assert types(frames(conn)) == [Type.DATA, Type.DATA, Type.HEADERS]
    assert conn.receive_data(bytearray(wire.ping())) != []


@pytest.mark.parametrize(
    "name", ["is_writable", "send_buffer_size", "get_priority", "readable", "at_end", "read_data"]
)
def test_only_integers_are_streams(name: str) -> None:
    """In the pure build, too, where 1.0 would be found, because it is equal to 1."""
    conn = responding(server(*WIDE, receive_buffering=True), 1)
    call = getattr(conn, name)
    assert call(One()) == call(1)
    for stream_id in (1.0, "1"):
        with pytest.raises(TypeError):
            call(stream_id)


@pytest.mark.parametrize("end", [1, "yes", 0, None])
def test_anything_may_say_whether_a_stream_ends(end: Any) -> None:
    conn = responding(server(*WIDE), 1, 3)
    conn.send_data(1, b"content", end_stream=end)
    conn.send_headers(3, TRAILERS, end_stream=True)
    wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True))
    conn.send_headers(5, RESPONSE, end_stream=end)
    ended = [frame.stream_id for frame in frames(conn) if frame.has(wire.Flag.END_STREAM)]
    assert ended == ([1, 3, 5] if end else [3])


def test_strict_by_default() -> None:
    """Errors have the scope of the RFC, unless the configuration says otherwise."""
    assert BufferedH2Connection().config.strict
    assert not H2Connection().config.strict
    unsaid = H2Configuration(client_side=False)
    conn = BufferedH2Connection(unsaid)
    assert conn.config.strict
    assert not conn.config.client_side
    assert not unsaid.strict
    conn.config = unsaid
    assert conn.config.strict
    assert not conn.config.client_side
    for value in (True, False):
        said = H2Configuration(strict=value)
        assert BufferedH2Connection(said).config is said
        assigned = H2Configuration()
        assigned.strict = value
        assert BufferedH2Connection(assigned).config is assigned


def test_an_application_that_takes_out_a_stream() -> None:
    """Its pending output is dropped, and other streams continue."""
    conn = responding(server(*WIDE), 1, 3)
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(2 * FRAME), end_stream=True)
    del conn.streams[1]
    assert {stream for stream, _, _ in shape(frames(conn))} == {3}
    assert nothing_is_left(conn)


def test_an_application_that_takes_out_a_promised_stream_that_waits() -> None:
    conn = responding(server((Setting.MAX_CONCURRENT_STREAMS, 0)), 1)
    for stream_id in (2, 4):
        conn.push_stream(1, stream_id, REQUEST)
        conn.send_headers(stream_id, RESPONSE, end_stream=True)
    del conn.streams[2]
    conn.data_to_send()
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 5)))
    assert [frame.stream_id for frame in frames(conn) if frame.type == Type.HEADERS] == [4]
    assert nothing_is_left(conn)


@pytest.mark.parametrize("stream_id", [0, -1, -2])
@pytest.mark.parametrize("client_side", [True, False])
def test_a_stream_that_cannot_exist_was_not_closed(client_side: bool, stream_id: int) -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=client_side))
    conn.initiate_connection()
    with pytest.raises(NoSuchStreamError) as caught:
        conn.end_stream(stream_id)
    assert type(caught.value) is NoSuchStreamError
