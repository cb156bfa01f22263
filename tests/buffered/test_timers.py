"""Keepalive and timeouts, with the clock of the program."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionDrained,
    Event,
    KeepaliveTimedOut,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    SettingsTimedOut,
    StreamEnded,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from tests.buffered.ends import REQUEST, RESPONSE, frames, nothing_is_left, types
from tests.support import wire
from tests.support.peers import require_program
from tests.support.processes import TIMEOUT, free_port, listening
from tests.support.wire import Type


class Clock:
    """Time that advances when a test sets it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


both_roles = pytest.mark.parametrize("client", [True, False], ids=["client", "server"])


def begun(client: bool, clock: Callable[[], float], **options: Any) -> BufferedH2Connection:
    """A connection whose preface is in flight, and that has received nothing."""
    conn = BufferedH2Connection(H2Configuration(client_side=client), clock=clock, **options)
    conn.initiate_connection()
    conn.data_to_send()
    return conn


def established(client: bool, clock: Callable[[], float], **options: Any) -> BufferedH2Connection:
    """A connection whose preface the peer has answered."""
    conn = begun(client, clock, **options)
    preface = b"" if client else wire.PREFACE
    wire.feed(conn, preface, wire.settings(), wire.settings(ack=True))
    conn.data_to_send()
    return conn


def due(conn: BufferedH2Connection, clock: Clock) -> float | None:
    """Seconds until the next timer is due."""
    at = conn.get_timer()
    return None if at is None else at - clock.now


def pass_time(conn: BufferedH2Connection, clock: Clock, seconds: float) -> list[Event]:
    """Advance the clock, and let the connection handle its timers."""
    clock.now += seconds
    conn.handle_timer(clock.now)
    return conn.events()


@both_roles
def test_nothing_happens_unless_it_was_asked_for(client: bool, clock: Clock) -> None:
    conn = begun(client, clock)
    assert conn.get_timer() is None
    assert pass_time(conn, clock, 1e9) == []
    conn.graceful_shutdown()
    conn.data_to_send()
    assert conn.get_timer() is None
    assert [event for event in pass_time(conn, clock, 1e9) if not client] == []
    assert conn.data_to_send() == b""


@both_roles
def test_a_connection_that_has_not_begun_waits_for_nothing(client: bool, clock: Clock) -> None:
    conn = BufferedH2Connection(
        H2Configuration(client_side=client),
        keepalive=Keepalive(20, 10),
        settings_timeout=5,
        shutdown_timeout=3,
        clock=clock,
    )
    assert conn.get_timer() is None
    assert pass_time(conn, clock, 100) == []
    assert conn.data_to_send() == b""
    # SETTINGS that are sent before the preface have no peer that could acknowledge them.
    conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 70_000})
    assert conn.get_timer() is None
    # PING must not be sent before our first SETTINGS, whatever has arrived.
    wire.feed(conn, b"" if client else wire.PREFACE, wire.settings())
    assert conn.get_timer() is None
    conn.initiate_connection()
    assert due(conn, clock) == 5


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
@pytest.mark.parametrize("what", ["idle", "timeout", "settings_timeout", "shutdown_timeout"])
def test_a_time_that_is_none_is_refused(what: str, seconds: float) -> None:
    options: dict[str, Any] = {what: seconds}
    if what in ("idle", "timeout"):
        options = {"keepalive": Keepalive(**{"idle": 20.0, "timeout": 10.0, **options})}
    with pytest.raises(ValueError, match=what):
        BufferedH2Connection(**options)


@pytest.mark.parametrize("what", ["idle", "timeout", "settings_timeout", "shutdown_timeout"])
def test_a_time_that_is_no_number_is_refused(what: str) -> None:
    options: dict[str, Any] = {what: "10"}
    if what in ("idle", "timeout"):
        options = {"keepalive": Keepalive(**{"idle": 20.0, "timeout": 10.0, **options})}
    with pytest.raises(TypeError, match=f"{what} must be a number, not str"):
        BufferedH2Connection(**options)
    with pytest.raises(TypeError, match="now must be a number, not str"):
        BufferedH2Connection().handle_timer("10")  # type: ignore[arg-type]  # that is the test


def test_keepalive_has_a_type() -> None:
    with pytest.raises(TypeError, match="keepalive must be a Keepalive"):
        BufferedH2Connection(keepalive=(20, 10))  # type: ignore[arg-type]  # that is the test


# Keepalive


@both_roles
def test_ping_after_silence(client: bool, clock: Clock) -> None:
    conn = established(client, clock, keepalive=Keepalive(20, 10))
    assert due(conn, clock) == 20
    assert pass_time(conn, clock, 19.9) == []
    assert conn.data_to_send() == b""
    assert pass_time(conn, clock, 0.1) == []
    (ping,) = frames(conn)
    assert (ping.type, ping.flags) == (Type.PING, 0)
    assert due(conn, clock) == 10


@both_roles
def test_no_answer_is_the_end(client: bool, clock: Clock) -> None:
    conn = established(client, clock, keepalive=Keepalive(20, 10))
    pass_time(conn, clock, 20)
    assert pass_time(conn, clock, 9.9) == []
    assert pass_time(conn, clock, 0.1) == [KeepaliveTimedOut()]
    # It is reported once. The program decides what to do: it may have another reason to wait.
    assert conn.get_timer() is None
    assert pass_time(conn, clock, 1e6) == []
    assert types(frames(conn)) == [Type.PING]
    if client:
        conn.send_headers(1, REQUEST, end_stream=True)


@both_roles
def test_the_answer_begins_a_new_time(client: bool, clock: Clock) -> None:
    conn = established(client, clock, keepalive=Keepalive(20, 10))
    for _ in range(3):
        pass_time(conn, clock, 20)
        (ping,) = frames(conn)
        clock.now += 5
        assert wire.feed(conn, wire.ping(ping.payload, ack=True)) == []
        assert due(conn, clock) == 20


def test_anything_that_comes_shows_that_the_peer_is_there(clock: Clock) -> None:
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    clock.now += 15
    wire.feed(conn, wire.window_update(0, 1)[:3])  # a part of a frame
    assert due(conn, clock) == 20
    pass_time(conn, clock, 20)
    assert types(frames(conn)) == [Type.PING]
    clock.now += 9
    wire.feed(conn, wire.window_update(0, 1)[3:])
    assert due(conn, clock) == 20
    assert pass_time(conn, clock, 2) == []


def test_no_octets_show_nothing(clock: Clock) -> None:
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    clock.now += 15
    conn.receive_data(b"")
    assert due(conn, clock) == 5


def test_a_call_too_early_does_nothing(clock: Clock) -> None:
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    conn.handle_timer(-1e9)
    conn.handle_timer(math.nan)
    assert conn.data_to_send() == b""
    assert due(conn, clock) == 20


def test_a_call_too_late_gives_the_peer_its_time(clock: Clock) -> None:
    """A program that was suspended must not conclude that the peer is dead."""
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    assert pass_time(conn, clock, 3600) == []
    assert types(frames(conn)) == [Type.PING]
    assert due(conn, clock) == 10


def test_a_peer_that_comes_back_is_watched_again(clock: Clock) -> None:
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    pass_time(conn, clock, 20)
    assert pass_time(conn, clock, 10) == [KeepaliveTimedOut()]
    wire.feed(conn, wire.window_update(0, 1))
    assert due(conn, clock) == 20
    pass_time(conn, clock, 20)
    assert pass_time(conn, clock, 10) == [KeepaliveTimedOut()]


def test_the_program_sees_the_answers_to_its_own_ping_frames_alone(clock: Clock) -> None:
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    pass_time(conn, clock, 20)
    conn.ping(b"programs")
    ours, theirs = frames(conn)
    events = wire.feed(
        conn,
        wire.window_update(0, 1),
        wire.ping(theirs.payload, ack=True),
        wire.ping(ours.payload, ack=True),
        wire.ping(ours.payload, ack=True),  # unsolicited
    )
    assert [e.ping_data for e in events if isinstance(e, PingAckReceived)] == [
        theirs.payload,
        ours.payload,
    ]
    assert len(events) == 3


def test_an_answer_that_comes_late_is_still_ours(clock: Clock) -> None:
    """Content arrived first, so another PING has been sent since."""
    conn = established(True, clock, keepalive=Keepalive(20, 10))
    pass_time(conn, clock, 20)
    wire.feed(conn, wire.window_update(0, 1))
    pass_time(conn, clock, 20)
    first, second = frames(conn)
    answers = [wire.ping(ping.payload, ack=True) for ping in (first, second)]
    assert wire.feed(conn, *answers) == []


def test_a_connection_that_has_ended_waits_for_nothing(clock: Clock) -> None:
    conn = established(
        True, clock, keepalive=Keepalive(20, 10), settings_timeout=5, shutdown_timeout=3
    )
    conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1})
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.data(0, b""))
    assert conn.get_timer() is None
    conn.data_to_send()
    assert pass_time(conn, clock, 1e6) == []
    assert conn.data_to_send() == b""


# SETTINGS without acknowledgment


@both_roles
def test_settings_that_nobody_acknowledges(client: bool, clock: Clock) -> None:
    conn = begun(client, clock, settings_timeout=5)
    assert due(conn, clock) == 5
    assert pass_time(conn, clock, 4.9) == []
    assert pass_time(conn, clock, 0.1) == [SettingsTimedOut()]
    (goaway,) = frames(conn)
    assert goaway.error_code == ErrorCodes.SETTINGS_TIMEOUT
    assert conn.get_timer() is None
    assert pass_time(conn, clock, 100) == []
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.settings())


@both_roles
def test_settings_that_are_acknowledged(client: bool, clock: Clock) -> None:
    conn = established(client, clock, settings_timeout=5)
    assert conn.get_timer() is None
    assert pass_time(conn, clock, 100) == []


def test_each_settings_frame_has_its_time(clock: Clock) -> None:
    conn = established(True, clock, settings_timeout=5)
    for value in (1, 2):
        conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: value})
    assert due(conn, clock) == 5
    clock.now += 4
    wire.feed(conn, wire.settings(ack=True))
    assert due(conn, clock) == 5
    clock.now += 4
    wire.feed(conn, wire.settings(ack=True))
    assert conn.get_timer() is None


def test_the_time_of_the_oldest_settings_frame_runs_however_often_it_is_asked_for(
    clock: Clock,
) -> None:
    conn = established(True, clock, settings_timeout=5)
    for value in (1, 2):
        conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: value})
    assert due(conn, clock) == 5
    for _ in range(4):
        assert pass_time(conn, clock, 1) == []
    assert pass_time(conn, clock, 1) == [SettingsTimedOut()]


def test_a_peer_that_sends_all_but_the_acknowledgment(clock: Clock) -> None:
    conn = begun(False, clock, settings_timeout=5, keepalive=Keepalive(1, 1))
    wire.feed(conn, wire.PREFACE, wire.settings())
    for _ in range(4):
        wire.feed(conn, wire.window_update(0, 1))
        assert pass_time(conn, clock, 1) == []
    assert pass_time(conn, clock, 1) == [SettingsTimedOut()]


def test_what_is_buffered_is_dropped_when_settings_time_out(clock: Clock) -> None:
    conn = begun(False, clock, settings_timeout=5)
    conn.get_timer()
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.headers(1, wire.REQUEST, end_stream=True))
    conn.send_headers(1, RESPONSE)
    conn.send_data(1, bytes(200_000), end_stream=True)
    conn.data_to_send()
    assert conn.send_buffer_size()
    assert pass_time(conn, clock, 5) == [SettingsTimedOut()]
    assert nothing_is_left(conn)
    assert types(frames(conn)) == [Type.GOAWAY]


def test_a_shutdown_ends_with_the_connection(clock: Clock) -> None:
    conn = begun(False, clock, settings_timeout=5, shutdown_timeout=60)
    conn.graceful_shutdown()
    assert due(conn, clock) == 5
    assert pass_time(conn, clock, 5) == [SettingsTimedOut(), ConnectionDrained()]


def test_the_earliest_time_counts(clock: Clock) -> None:
    conn = begun(True, clock, keepalive=Keepalive(20, 10), settings_timeout=30, shutdown_timeout=7)
    assert due(conn, clock) == 20
    conn.send_headers(1, REQUEST)
    conn.graceful_shutdown()
    assert due(conn, clock) == 7


# Over a socket


class Silent:
    """A peer that can stop answering, although its socket stays open."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sock: socket.socket | None = None

    def accept(self) -> socket.socket:
        self.sock, _ = self._listener.accept()
        return self.sock

    def close(self) -> None:
        self._listener.close()
        if self.sock is not None:
            self.sock.close()


@contextmanager
def connected(port: int, **options: Any) -> Iterator[Client]:
    """A client of this server."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock:
        yield Client(sock, **options)


class Client:
    """The loop of a program: it waits for octets until a timer is due."""

    def __init__(self, sock: socket.socket, **options: Any) -> None:
        self.sock = sock
        self.conn = BufferedH2Connection(**options)
        self.conn.initiate_connection()
        self.seen: list[Event] = []

    def turn(self, limit: float) -> None:
        """One iteration of the loop."""
        self.flush()
        at = self.conn.get_timer()
        wait = limit if at is None else min(limit, max(0.0, at - time.monotonic()))
        self.sock.settimeout(wait or 0.001)
        with suppress(TimeoutError):
            self.seen += self.conn.receive_data(self.sock.recv(65536))
        self.conn.handle_timer(time.monotonic())
        self.flush()

    def flush(self) -> None:
        self.sock.settimeout(TIMEOUT)
        while data := self.conn.data_to_send(65536):
            self.sock.sendall(data)
        self.seen += self.conn.events()

    def until(self, kind: type[Event]) -> None:
        """Continue until such an event has arrived."""
        end = time.monotonic() + TIMEOUT
        while not any(isinstance(event, kind) for event in self.seen):
            assert time.monotonic() < end, self.seen
            self.turn(0.5)


def test_a_peer_that_goes_silent() -> None:
    peer = Silent()
    try:
        with connected(peer.port, keepalive=Keepalive(0.05, 0.1)) as client:
            sock = peer.accept()
            sock.sendall(wire.settings() + wire.settings(ack=True))
            client.until(RemoteSettingsChanged)
            began = time.monotonic()
            client.until(KeepaliveTimedOut)
            assert time.monotonic() - began >= 0.1
            client.sock.shutdown(socket.SHUT_WR)
            sent = b""
            while data := sock.recv(65536):
                sent += data
        assert types(wire.parse(sent[len(wire.PREFACE) :]))[-1] == Type.PING
    finally:
        peer.close()


def test_a_real_server_answers_and_is_kept(tmp_path: Any) -> None:
    port = free_port()
    (tmp_path / "page").write_bytes(b"page")
    command = [require_program("nghttpd"), "--no-tls", f"--htdocs={tmp_path}", str(port)]
    with (
        listening(command, port),
        connected(port, keepalive=Keepalive(0.02, TIMEOUT), settings_timeout=TIMEOUT) as client,
    ):
        client.until(RemoteSettingsChanged)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            client.turn(0.05)
        pings = client.conn._buffers.timers.keepalive
        assert pings is not None
        assert pings.unanswered <= 1
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/page")]
        client.conn.send_headers(1, fields, end_stream=True)
        client.until(StreamEnded)
    kinds = {type(event) for event in client.seen}
    assert ResponseReceived in kinds
    assert not kinds & {PingAckReceived, KeepaliveTimedOut, SettingsTimedOut}
