"""A graceful shutdown that proceeds by itself (RFC 9113 section 6.8)."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from h2._core.shutdown import _LAST_CALL
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionDrained,
    ConnectionTerminated,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from h2.exceptions import ProtocolError
from tests.buffered.ends import (
    POST,
    REQUEST,
    RESPONSE,
    WIDE,
    client,
    frames,
    nothing_is_left,
    responding,
    server,
    types,
)
from tests.buffered.test_timers import Clock, connected, due, pass_time
from tests.support import wire
from tests.support.peers import require_program
from tests.support.processes import TIMEOUT, free_port, listening, run
from tests.support.wire import Type


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drained(events: list[Event]) -> bool:
    return ConnectionDrained() in events


def acknowledge(conn: BufferedH2Connection, sent: list[wire.Frame]) -> list[Event]:
    """Answer the PING among these frames."""
    (ping,) = (frame for frame in sent if frame.type == Type.PING)
    return wire.feed(conn, wire.ping(ping.payload, ack=True))


def last_ids(sent: list[wire.Frame]) -> list[int]:
    """The last streams of the GOAWAY frames, all of which must have NO_ERROR."""
    goaways = [frame for frame in sent if frame.type == Type.GOAWAY]
    assert {frame.error_code for frame in goaways} <= {0}
    return [frame.last_stream_id for frame in goaways]


# A server


def test_a_server_leaves_in_two_steps() -> None:
    conn = responding(server(), 1)
    conn.graceful_shutdown()
    assert not drained(conn.events())
    sent = frames(conn)
    assert types(sent) == [Type.GOAWAY, Type.PING]
    assert last_ids(sent) == [wire.MAX_STREAM_ID]
    # A request in flight is served.
    assert any(
        isinstance(event, RequestReceived)
        for event in wire.feed(conn, wire.headers(3, wire.REQUEST, end_stream=True))
    )
    assert acknowledge(conn, sent) == []
    assert last_ids(frames(conn)) == [3]
    # A later one is not.
    assert wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True)) == []
    for stream_id in (1, 3):
        if stream_id == 3:
            conn.send_headers(3, RESPONSE)
        assert not drained(conn.events())
        conn.send_data(stream_id, b"content", end_stream=True)
    conn.data_to_send()
    assert drained(conn.events())
    assert not drained(conn.events())
    assert nothing_is_left(conn)


def test_the_program_may_name_the_last_stream_itself() -> None:
    """It knows that no acknowledgment of the PING can arrive: the client has sent everything."""
    conn = responding(server(), 1)
    conn.graceful_shutdown()
    frames(conn)
    conn.close_connection()
    assert last_ids(frames(conn)) == [1]
    assert not drained(conn.events())
    conn.send_data(1, b"content", end_stream=True)
    assert types(frames(conn)) == [Type.DATA]
    assert drained(conn.events())
    assert nothing_is_left(conn)


def test_requests_in_the_read_of_the_acknowledgment_count() -> None:
    conn = server()
    conn.graceful_shutdown()
    (ping,) = (frame for frame in frames(conn) if frame.type == Type.PING)
    wire.feed(
        conn,
        wire.headers(1, wire.REQUEST, end_stream=True),
        wire.ping(ping.payload, ack=True),
        wire.headers(3, wire.REQUEST, end_stream=True),
    )
    assert last_ids(frames(conn)) == [3]


def test_a_server_without_streams_is_drained_with_the_acknowledgment() -> None:
    conn = server()
    conn.graceful_shutdown()
    sent = frames(conn)
    assert not drained(conn.events())
    assert drained(acknowledge(conn, sent))
    assert last_ids(frames(conn)) == [0]


def test_what_waits_for_a_window_is_waited_for() -> None:
    conn = responding(server((wire.Setting.INITIAL_WINDOW_SIZE, 10)), 1)
    conn.graceful_shutdown()
    acknowledge(conn, frames(conn))
    conn.send_data(1, bytes(20), end_stream=True)
    conn.data_to_send()
    assert not drained(conn.events())
    assert not drained(wire.feed(conn, wire.window_update(1, 10)))
    conn.data_to_send()
    assert drained(conn.events())


def test_the_end_that_a_client_still_owes_is_waited_for() -> None:
    conn = server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.graceful_shutdown()
    acknowledge(conn, frames(conn))
    conn.send_headers(1, RESPONSE, end_stream=True)
    conn.data_to_send()
    assert not drained(conn.events())
    assert drained(wire.feed(conn, wire.data(1, b"", end_stream=True)))


def test_streams_that_are_reset_are_over() -> None:
    conn = responding(server(), 1, 3)
    conn.graceful_shutdown()
    acknowledge(conn, frames(conn))
    conn.reset_stream(1, ErrorCodes.CANCEL)
    assert drained(wire.feed(conn, wire.rst_stream(3)))


def test_a_second_call_does_nothing() -> None:
    conn = server()
    conn.graceful_shutdown()
    sent = frames(conn)
    conn.graceful_shutdown()
    assert conn.data_to_send() == b""
    acknowledge(conn, sent)
    conn.data_to_send()
    conn.graceful_shutdown()
    assert conn.data_to_send() == b""
    assert conn.events() == []


def test_after_goaway_of_the_program_the_number_stays() -> None:
    conn = responding(server(), 1)
    conn.close_connection(last_stream_id=1)
    conn.data_to_send()
    conn.graceful_shutdown()
    assert conn.data_to_send() == b""
    conn.send_data(1, b"", end_stream=True)
    assert drained(conn.events())


def test_goaway_of_the_program_meanwhile() -> None:
    """The real number is named a second time: it is the same."""
    conn = responding(server(), 1)
    conn.graceful_shutdown()
    sent = frames(conn)
    conn.close_connection()
    acknowledge(conn, sent)
    assert last_ids(frames(conn)) == [1, 1]


def test_the_program_sees_the_answers_to_its_own_ping_frames_alone() -> None:
    conn = server()
    conn.ping(b"programs")
    conn.graceful_shutdown()
    theirs, _, ours = frames(conn)
    events = wire.feed(
        conn,
        wire.ping(theirs.payload, ack=True),
        wire.ping(ours.payload, ack=True),
        wire.ping(ours.payload, ack=True),
    )
    acks = [event.ping_data for event in events if isinstance(event, PingAckReceived)]
    assert acks == [theirs.payload, ours.payload]


def test_pushed_streams_are_waited_for() -> None:
    conn = responding(server((wire.Setting.MAX_CONCURRENT_STREAMS, 1)), 1)
    for promised in (2, 4):
        conn.push_stream(1, promised, REQUEST)
        conn.send_headers(promised, RESPONSE)
    assert conn.waiting_streams == 1
    conn.graceful_shutdown()
    acknowledge(conn, frames(conn))
    for stream_id in (1, 2, 4):
        assert not drained(conn.events())
        conn.send_data(stream_id, b"content", end_stream=True)
        conn.data_to_send()
    assert drained(conn.events())
    assert nothing_is_left(conn)
    with pytest.raises(ProtocolError):
        conn.push_stream(1, 6, REQUEST)


# A client


def test_a_client_leaves_when_its_streams_are_over() -> None:
    conn = client()
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.graceful_shutdown()
    assert types(frames(conn)) == [Type.HEADERS]
    assert not drained(conn.events())
    assert drained(wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True)))
    sent = frames(conn)
    assert types(sent) == [Type.GOAWAY]
    assert last_ids(sent) == [0]
    assert conn.data_to_send() == b""


def test_a_client_sees_the_answers_to_all_ping_frames() -> None:
    """It sends none by itself when it shuts down."""
    conn = client()
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.graceful_shutdown()
    conn.ping(_LAST_CALL)
    (event,) = wire.feed(conn, wire.ping(_LAST_CALL, ack=True))
    assert isinstance(event, PingAckReceived)


def test_a_client_without_streams_is_drained_at_once() -> None:
    conn = client()
    conn.graceful_shutdown()
    assert drained(conn.events())
    assert last_ids(frames(conn)) == [0]


def test_requests_that_wait_go_out_first() -> None:
    conn = client((wire.Setting.MAX_CONCURRENT_STREAMS, 1))
    for stream_id in (1, 3):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
    conn.graceful_shutdown()
    assert types(frames(conn)) == [Type.HEADERS]
    assert not drained(wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True)))
    assert types(frames(conn)) == [Type.HEADERS]
    assert conn.events() == [StreamOpened(stream_id=3)]
    assert drained(wire.feed(conn, wire.headers(3, wire.RESPONSE, end_stream=True)))
    assert types(frames(conn)) == [Type.GOAWAY]


def test_new_requests_are_refused() -> None:
    conn = client((wire.Setting.MAX_CONCURRENT_STREAMS, 1))
    for stream_id in (1, 3):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
    conn.graceful_shutdown()
    with pytest.raises(ProtocolError):
        conn.send_headers(5, REQUEST, end_stream=True)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    conn.data_to_send()
    conn.events()
    with pytest.raises(ProtocolError):
        conn.send_headers(5, REQUEST, end_stream=True)


def test_goaway_of_the_server_refuses_what_waits() -> None:
    conn = client((wire.Setting.MAX_CONCURRENT_STREAMS, 1))
    for stream_id in (1, 3):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
    conn.graceful_shutdown()
    conn.data_to_send()
    events = wire.feed(conn, wire.goaway(1))
    assert StreamReset(stream_id=3, error_code=ErrorCodes.REFUSED_STREAM) in events
    assert drained(wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True)))
    assert types(frames(conn)) == [Type.GOAWAY]


def test_promised_responses_are_waited_for() -> None:
    conn = client()
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.data_to_send()
    wire.feed(conn, wire.push_promise(1, 2, wire.REQUEST))
    conn.graceful_shutdown()
    assert not drained(wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True)))
    assert drained(wire.feed(conn, wire.headers(2, wire.RESPONSE, end_stream=True)))
    assert last_ids(frames(conn)) == [2]


# It never raises


@pytest.mark.parametrize("end", [server, client], ids=["server", "client"])
def test_a_connection_that_has_ended_is_drained(end: Any) -> None:
    conn = end()
    conn.close_connection(ErrorCodes.INTERNAL_ERROR)
    conn.data_to_send()
    conn.graceful_shutdown()
    assert drained(conn.events())
    assert conn.data_to_send() == b""


def test_an_error_of_the_peer_meanwhile() -> None:
    conn = responding(server(), 1)
    conn.graceful_shutdown()
    sent = frames(conn)
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, wire.data(0, b""))
    assert drained(list(caught.value.events))
    assert conn.events() == []
    (goaway,) = frames(conn)
    assert goaway.error_code == ErrorCodes.PROTOCOL_ERROR
    assert len(sent) == 2


def test_an_acknowledgment_in_front_of_an_error() -> None:
    conn = server()
    conn.graceful_shutdown()
    (ping,) = (frame for frame in frames(conn) if frame.type == Type.PING)
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.ping(ping.payload, ack=True), wire.data(0, b""))
    assert [frame.error_code for frame in frames(conn)] == [ErrorCodes.PROTOCOL_ERROR]


@pytest.mark.parametrize("client_side", [True, False], ids=["client", "server"])
def test_before_the_connection_has_begun(client_side: bool) -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=client_side))
    conn.graceful_shutdown()
    conn.initiate_connection()
    sent = conn.data_to_send().removeprefix(wire.PREFACE)
    assert types(wire.parse(sent)) == [
        *(Type.SETTINGS, Type.GOAWAY),
        *([] if client_side else [Type.PING]),
    ]


@pytest.mark.parametrize("seed", range(40))
def test_at_any_time(seed: int, clock: Clock) -> None:
    """Whatever has happened, no call raises, and nothing is left at the end."""
    rng = random.Random(seed)
    conn = server(*WIDE, shutdown_timeout=5, clock=clock)
    next_id = 1
    for _ in range(rng.randrange(20)):
        acts = rng.choice(("request", "respond", "content", "push", "reset", "pull", "shutdown"))
        if acts == "request":
            wire.feed(conn, wire.headers(next_id, wire.REQUEST, end_stream=rng.random() < 0.5))
            next_id += 2
        stream_id = rng.randrange(1, next_id + 2)
        try:
            if acts == "respond":
                conn.send_headers(stream_id, RESPONSE)
            elif acts == "content":
                conn.send_data(stream_id, bytes(rng.choice((0, 10, 300_000))), rng.random() < 0.3)
            elif acts == "push":
                conn.push_stream(stream_id, conn.get_next_available_stream_id(), REQUEST)
            elif acts == "reset":
                conn.reset_stream(stream_id, rng.choice((0, 8)))
        except ProtocolError:
            pass  # not possible in this state
        if acts == "pull":
            conn.data_to_send(rng.choice((None, 100, 65536)))
        elif acts == "shutdown":
            conn.graceful_shutdown()
    conn.graceful_shutdown()
    conn.data_to_send()
    events = conn.events() + pass_time(conn, clock, 5)
    conn.data_to_send()
    assert drained(events)
    assert not conn._core.streams
    assert nothing_is_left(conn)


# The limit


def test_what_is_not_complete_in_time_is_reset(clock: Clock) -> None:
    conn = responding(server(*WIDE, shutdown_timeout=5, clock=clock), 1, 3)
    conn.graceful_shutdown()
    assert due(conn, clock) == 5
    acknowledge(conn, frames(conn))
    conn.send_data(1, b"all", end_stream=True)
    conn.data_to_send()
    assert pass_time(conn, clock, 4.9) == []
    assert pass_time(conn, clock, 0.1) == [
        StreamReset(stream_id=3, error_code=ErrorCodes.CANCEL, remote_reset=False),
        ConnectionDrained(),
    ]
    (reset,) = frames(conn)
    assert (reset.type, reset.stream_id, reset.error_code) == (Type.RST_STREAM, 3, 8)
    assert conn.get_timer() is None


def test_a_limit_that_has_passed_is_not_due_again(clock: Clock) -> None:
    conn = responding(server(shutdown_timeout=5, clock=clock), 1)
    conn.graceful_shutdown()
    clock.now += 5
    conn.handle_timer(clock.now)
    assert conn.get_timer() is None  # before the program has asked for events


def test_without_an_acknowledgment_the_last_stream_is_named_in_the_end(clock: Clock) -> None:
    conn = responding(server(shutdown_timeout=5, clock=clock), 1)
    conn.graceful_shutdown()
    conn.data_to_send()
    assert drained(pass_time(conn, clock, 5))
    sent = frames(conn)
    assert types(sent) == [Type.GOAWAY, Type.RST_STREAM]
    assert last_ids(sent) == [1]


def test_requests_that_were_not_opened_in_time_are_refused(clock: Clock) -> None:
    conn = client((wire.Setting.MAX_CONCURRENT_STREAMS, 1), shutdown_timeout=5, clock=clock)
    for stream_id in (1, 3):
        conn.send_headers(stream_id, POST)
        conn.send_data(stream_id, b"content")
    conn.data_to_send()
    conn.graceful_shutdown()
    events = pass_time(conn, clock, 5)
    assert [
        (event.stream_id, event.error_code) for event in events if isinstance(event, StreamReset)
    ] == [(3, ErrorCodes.REFUSED_STREAM), (1, ErrorCodes.CANCEL)]
    assert drained(events)
    assert types(frames(conn)) == [Type.GOAWAY, Type.RST_STREAM]
    assert nothing_is_left(conn)


def test_what_nobody_has_read_gives_its_window_back(clock: Clock) -> None:
    conn = server(shutdown_timeout=5, clock=clock, receive_buffering=True)
    wire.feed(conn, wire.headers(1, wire.POST), *[wire.data(1, bytes(16_000))] * 4)
    conn.graceful_shutdown()
    conn.data_to_send()
    assert conn.readable(1) == 64_000
    assert drained(pass_time(conn, clock, 5))
    assert conn.readable(1) == 0
    (given_back,) = (frame for frame in frames(conn) if frame.type == Type.WINDOW_UPDATE)
    assert (given_back.stream_id, given_back.increment) == (0, 64_000)


def test_a_shutdown_that_is_complete_does_not_time_out(clock: Clock) -> None:
    conn = client(shutdown_timeout=5, clock=clock)
    conn.graceful_shutdown()
    assert pass_time(conn, clock, 5) == [ConnectionDrained()]
    assert last_ids(frames(conn)) == [0]


def test_no_time_runs_once_nothing_is_left(clock: Clock) -> None:
    conn = server(shutdown_timeout=5, clock=clock)
    conn.graceful_shutdown()
    assert drained(acknowledge(conn, frames(conn)))
    assert conn.get_timer() is None
    assert pass_time(conn, clock, 5) == []


# Over a socket


def serve(listener: socket.socket, size: int, log: list[type[Event]]) -> None:
    """Serve one connection, and shut down when the first request has arrived."""
    sock, _ = listener.accept()
    # A client that has its response may disconnect at any time.
    with sock, suppress(OSError):
        sock.settimeout(TIMEOUT)
        conn = BufferedH2Connection(H2Configuration(client_side=False), shutdown_timeout=TIMEOUT)
        conn.initiate_connection()
        while True:
            while data := conn.data_to_send(65536):
                sock.sendall(data)
            events = conn.events()
            if not drained(events):
                received = sock.recv(65536)
                if not received:
                    return
                events += conn.receive_data(received)
            log += map(type, events)
            for event in events:
                if isinstance(event, RequestReceived):
                    conn.send_headers(event.stream_id, RESPONSE)
                    conn.send_data(event.stream_id, bytes(size), end_stream=True)
                    conn.graceful_shutdown()
            if ConnectionDrained in log:
                break
        sock.sendall(conn.data_to_send())
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


class Leaving(NamedTuple):
    """A server that shuts down with the first request, and the types of its events."""

    port: int
    log: list[type[Event]]
    thread: threading.Thread


@pytest.fixture
def leaving() -> Iterator[Leaving]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(TIMEOUT)
    log: list[type[Event]] = []
    thread = threading.Thread(target=serve, args=(listener, 3_000_000, log), daemon=True)
    thread.start()
    yield Leaving(listener.getsockname()[1], log, thread)
    thread.join(TIMEOUT)
    listener.close()
    assert not thread.is_alive()


def test_curl_gets_all_of_it(leaving: Leaving) -> None:
    command = [require_program("curl"), "-sS", "--http2-prior-knowledge", "-o", "/dev/null"]
    done = run(
        [*command, "-w", "%{http_code} %{size_download}", f"http://127.0.0.1:{leaving.port}/"]
    )
    assert (done.stdout, done.stderr) == ("200 3000000", "")


def test_nghttp_gets_all_of_what_it_asked_for_in_time(leaving: Leaving) -> None:
    addresses = [f"http://127.0.0.1:{leaving.port}/{number}" for number in range(5)]
    done = run([require_program("nghttp"), "-nv", *addresses])
    assert done.returncode == 0
    assert done.stdout.count(":status: 200") == 5
    assert f"last_stream_id={wire.MAX_STREAM_ID}" in done.stdout
    assert done.stdout.count("recv GOAWAY") == 2
    leaving.thread.join(TIMEOUT)
    assert leaving.log.count(RequestReceived) == 5
    assert ConnectionDrained in leaving.log
    assert PingAckReceived not in leaving.log


def test_a_client_of_ours_leaves_nghttpd(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(bytes(1_000_000))
    port = free_port()
    command = [require_program("nghttpd"), "--no-tls", f"--htdocs={tmp_path}", "-m", "2", str(port)]
    fields = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/page")]
    with listening(command, port), connected(port) as ours:
        ours.until(RemoteSettingsChanged)
        for stream_id in (1, 3, 5, 7):
            ours.conn.send_headers(stream_id, fields, end_stream=True)
        ours.conn.graceful_shutdown()
        end = time.monotonic() + TIMEOUT
        while not drained(ours.seen):
            assert time.monotonic() < end, ours.seen
            ours.turn(1)
            for event in list(ours.seen):
                length = getattr(event, "flow_controlled_length", 0)
                if length:
                    ours.conn.acknowledge_received_data(length, event.stream_id)
                    ours.seen.remove(event)
    kinds = [type(event) for event in ours.seen]
    assert kinds.count(ResponseReceived) == kinds.count(StreamEnded) == 4
    assert ConnectionTerminated not in kinds
