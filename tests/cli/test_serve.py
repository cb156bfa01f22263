"""`python -m h2 serve` in this process, with scripted clients."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import selectors
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import h2.config
import h2.connection
from h2._cli import http1, serve, session, tls
from h2._cli.arguments import main
from h2._cli.channel import Channel
from h2._cli.failure import Failure
from h2.limits import AbuseLimits
from support import wire
from support.misbehaving import OFFENSES
from support.processes import TIMEOUT, free_port, wait_for_port
from support.sockets import break_off, rest_of
from support.wire import Code, Flag, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

BIG = 3_000_000
HUGE_WINDOW = 2**30
#: The first GOAWAY of a graceful shutdown.
LEAVING = wire.goaway(wire.MAX_STREAM_ID) + wire.ping(b"h2-leave")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root").resolve()
    (root / "hello").write_bytes(b"hello")
    (root / "empty").touch()
    (root / "big").write_bytes(os.urandom(BIG))
    return root


@contextmanager
def serving(
    root: Path, context: ssl.SSLContext | None = None, verbose: bool = False
) -> Iterator[tuple[serve.Server, int]]:
    """A server in a thread, and its port."""
    stopping = threading.Event()
    errors: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = serve.Server(listener, root, context, verbose)

        def run() -> None:
            try:
                server.run(stopping)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server, port
        finally:
            stopping.set()
            thread.join()
    for error in errors:
        raise error


def get(stream_id: int, path: str = "/hello", *, method: str = "GET") -> bytes:
    fields = [(b":method", method.encode()), *wire.REQUEST[1:3], (b":path", path.encode())]
    return wire.headers(stream_id, fields, end_stream=True)


def connect(port: int, *settings: tuple[int, int]) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    sock.sendall(wire.PREFACE + wire.settings(*settings))
    return sock


def some(sock: socket.socket) -> list[Frame]:
    """The next frames that arrive together, all of them whole."""
    data = b""
    while True:
        data += sock.recv(65536)
        with contextlib.suppress(ValueError):
            return wire.parse(data)


def heard(sock: socket.socket) -> list[Frame]:
    """Everything the server sends until it disconnects."""
    return wire.parse(rest_of(sock))


def talk(port: int, *parts: bytes, settings: tuple[tuple[int, int], ...] = ()) -> list[Frame]:
    """Send all these frames at once and nothing else; return the answers."""
    with connect(port, *settings) as sock:
        sock.sendall(b"".join(parts))
        sock.shutdown(socket.SHUT_WR)
        return heard(sock)


def content(frames: list[Frame], stream_id: int) -> bytes:
    return b"".join(f.data for f in frames if f.type == Type.DATA and f.stream_id == stream_id)


def complete(frames: list[Frame]) -> list[int]:
    """The streams that the server has ended."""
    return [
        f.stream_id
        for f in frames
        if f.type in {Type.DATA, Type.HEADERS} and f.has(Flag.END_STREAM)
    ]


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


# --- requests ---


def test_requests_and_what_the_log_says_of_them(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(root) as (_, port):
        frames = talk(
            port, get(1), get(3, "/missing\x1b"[:-1]), get(5, method="HEAD"), get(7, "/empty")
        )
    assert content(frames, 1) == b"hello"
    assert content(frames, 3) == b"404 Not Found\n"
    assert sorted(complete(frames)) == [1, 3, 5, 7]
    assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)
    out, err = capfd.readouterr()
    assert out == ""
    when = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    lines = sorted(re.sub(when, "WHEN", line) for line in err.splitlines())
    assert lines == [
        '127.0.0.1 - - WHEN "GET /empty HTTP/2" 200 0',
        '127.0.0.1 - - WHEN "GET /hello HTTP/2" 200 5',
        '127.0.0.1 - - WHEN "GET /missing HTTP/2" 404 14',
        '127.0.0.1 - - WHEN "HEAD /hello HTTP/2" 200 0',
    ]


def test_the_content_of_requests_is_taken_in_and_given_back(root: Path) -> None:
    post = wire.headers(1, [(b":method", b"POST"), *wire.REQUEST[1:]])
    part = wire.data(1, bytes(10_000), pad=255)
    trailers = wire.headers(1, wire.TRAILERS, end_stream=True)
    with serving(root) as (_, port):
        frames = talk(port, post, part * 6, trailers)
    assert content(frames, 1) == b"405 Method Not Allowed\n"
    updates = [f.increment for f in frames if f.type == Type.WINDOW_UPDATE and f.stream_id == 0]
    assert sum(updates) >= 32_768


def test_expect_100_continue(root: Path) -> None:
    fields = [*wire.REQUEST, (b"expect", b"100-continue")]
    with serving(root) as (_, port):
        frames = talk(port, wire.headers(1, fields), wire.data(1, b"x", end_stream=True))
    statuses = [wire.decode(f.fragment)[0][1] for f in frames if f.type == Type.HEADERS]
    assert statuses == [b"100", b"200"]


def test_connect_is_refused(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fields = [(b":method", b"CONNECT"), (b":authority", b"example.com:1")]
    with serving(root) as (_, port):
        frames = talk(port, wire.headers(1, fields, end_stream=True))
        assert Type.RST_STREAM not in {frame.type for frame in frames}
        # A tunnel has no end to wait for, so the server rejects its content.
        fields.append((b"expect", b"100-continue"))
        open_end = talk(port, wire.headers(1, fields), wire.data(1, b"x"), get(3))
        with connect(port) as sock:
            # The answer arrives before the end of the request, which is then ignored.
            sock.sendall(wire.headers(1, fields))
            data = b""
            while wire.rst_stream(1, Code.NO_ERROR) not in data:
                data += sock.recv(65536)
            sock.sendall(wire.data(1, b"y", end_stream=True) + get(3))
            sock.shutdown(socket.SHUT_WR)
            in_time = wire.parse(data) + heard(sock)
    assert content(frames, 1) == b"405 Method Not Allowed\n"
    for frames in (open_end, in_time):
        assert content(frames, 1) == b"405 Method Not Allowed\n"
        assert content(frames, 3) == b"hello"
        resets = [frame for frame in frames if frame.type == Type.RST_STREAM]
        assert [frame.error_code for frame in resets] == [Code.NO_ERROR]
    assert capfd.readouterr().err.count('"CONNECT example.com:1 HTTP/2" 405') == 3


def test_a_request_that_is_cancelled_at_once_harms_no_other(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(root) as (_, port):
        frames = talk(port, get(1), wire.rst_stream(1), get(3))
    assert complete(frames) == [3]
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_responses_that_are_cancelled_half_way(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(root) as (_, port), connect(port, (Setting.INITIAL_WINDOW_SIZE, 10)) as sock:
        sock.sendall(get(1, "/big") + get(3, "/big"))
        begun: set[int] = set()
        while begun < {1, 3}:
            begun |= {frame.stream_id for frame in some(sock) if frame.type == Type.DATA}
        sock.sendall(wire.rst_stream(1) + wire.window_update(3, 5))
        sock.shutdown(socket.SHUT_WR)
        heard(sock)
    err = capfd.readouterr().err
    assert re.search(r'"GET /big HTTP/2" 200 10 \(cancelled\)$', err, re.MULTILINE)
    assert re.search(r'"GET /big HTTP/2" 200 15 \(cut off\)$', err, re.MULTILINE)


def test_windows_are_respected_and_responses_take_turns(root: Path) -> None:
    window = (Setting.INITIAL_WINDOW_SIZE, 1000)
    with serving(root) as (_, port):
        updates = wire.window_update(1, 500), wire.window_update(3, 1)
        frames = talk(port, get(1, "/big"), get(3, "/big"), *updates, settings=(window,))
    big = (root / "big").read_bytes()
    assert content(frames, 1) == big[:1500]
    assert content(frames, 3) == big[:1001]
    # They share the window of the connection, and frames of each are sent in turn.
    with serving(root) as (_, port):
        window = (Setting.INITIAL_WINDOW_SIZE, BIG)
        frames = talk(port, get(1, "/big"), get(3, "/big"), settings=(window,))
        assert len(content(frames, 1)) + len(content(frames, 3)) == 65_535
        more = wire.window_update(0, 2 * BIG)
        frames = talk(port, more, get(1, "/big"), get(3, "/big"), settings=(window,))
    streams = [f.stream_id for f in frames if f.type == Type.DATA]
    assert len(streams) >= 2 * BIG // 16_384
    for most in range(len(streams) - 4):
        assert abs(streams[:most].count(1) - streams[:most].count(3)) <= 2


def test_the_most_urgent_responses_come_first(root: Path) -> None:
    def ask(stream_id: int, priority: bytes) -> bytes:
        target = (b":path", b"/big")
        fields = [(b":method", b"GET"), *wire.REQUEST[1:3], target, (b"priority", priority)]
        return wire.headers(stream_id, fields, end_stream=True)

    more = wire.window_update(0, 4 * BIG)
    window = (Setting.INITIAL_WINDOW_SIZE, BIG)
    with serving(root) as (_, port):
        requests = ask(1, b"u=5"), ask(3, b"u=1"), ask(5, b"u=3")
        frames = talk(port, more, *requests, settings=(window,))
        change = wire.priority_update(1, b"u=0")
        changed = talk(port, more, *requests, change, settings=(window,))
    assert complete(frames) == [3, 5, 1]
    assert complete(changed)[0] == 1


@pytest.mark.parametrize("every", [15, 16, 17, 18])
def test_a_socket_that_takes_nothing_now_and_then(
    root: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    real, turn = Channel._send, 0

    def send(channel: Channel, data: bytearray) -> int:
        nonlocal turn
        turn += 1
        if turn % every:
            channel.blocked = True
            return 0
        return real(channel, data)

    monkeypatch.setattr(Channel, "_send", send)
    with serving(root) as (_, port), connect(port, (Setting.INITIAL_WINDOW_SIZE, BIG)) as sock:
        sock.sendall(wire.window_update(0, BIG) + get(1, "/big"))
        whole = (root / "big").read_bytes()
        data = b""
        while not data.endswith(whole[-100:]):
            data += sock.recv(65536)
    assert content(wire.parse(data), 1) == whole


def test_a_file_that_becomes_shorter(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = root / "shrinking"
    file.write_bytes(bytes(100_000))
    with serving(root) as (_, port), connect(port) as sock:
        sock.sendall(get(1, "/shrinking"))
        data = b""
        while len(data) < 65_535:
            data += sock.recv(65536)
        os.truncate(file, 70_000)
        sock.sendall(wire.window_update(0, 50_000) + wire.window_update(1, 50_000))
        sock.shutdown(socket.SHUT_WR)
        data += rest_of(sock)
    (reset,) = (frame for frame in wire.parse(data) if frame.type == Type.RST_STREAM)
    assert reset.error_code == Code.INTERNAL_ERROR
    assert "(file changed)" in capfd.readouterr().err


# --- misbehaving clients ---


@pytest.mark.parametrize(
    ("offense", "code"),
    [*OFFENSES, pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 3, Code.FRAME_SIZE_ERROR, id="HTTP/1")],
)
def test_an_offender_is_told_and_hung_up_on(
    root: Path, offense: bytes, code: Code, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(root) as (_, port):
        *_, last = talk(port, offense, get(1), bytes(2_000_000))
    assert (last.type, last.error_code) == (Type.GOAWAY, code)
    assert capfd.readouterr().err.startswith("127.0.0.1 protocol error: ")


def test_malformed_requests_are_answered_and_noted(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fields = [*wire.POST, (b"content-length", b"9")]
    with serving(root) as (_, port):
        frames = talk(
            *(port, wire.headers(1, [(b":method", b"GET")])),
            *(wire.headers(3, fields), wire.data(3, b"short", end_stream=True), get(5)),
        )
    assert content(frames, 5) == b"hello"
    resets = [f for f in frames if f.type == Type.RST_STREAM]
    assert [(f.stream_id, f.error_code) for f in resets] == [
        *((1, Code.PROTOCOL_ERROR), (3, Code.PROTOCOL_ERROR))
    ]
    err = capfd.readouterr().err
    assert "127.0.0.1 stream 1 reset with PROTOCOL_ERROR\n" in err
    assert '"GET /hello HTTP/2" 200 5\n' in err


def test_a_request_that_turns_out_to_be_malformed(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fields = [*wire.POST, (b"content-length", b"9")]
    with serving(root) as (_, port), connect(port) as sock:
        sock.sendall(wire.headers(1, fields) + wire.ping())
        while Type.PING not in {frame.type for frame in some(sock)}:
            pass
        sock.sendall(wire.data(1, b"short", end_stream=True))
        sock.shutdown(socket.SHUT_WR)
        heard(sock)
    assert '"POST / HTTP/2" - 0 (reset with PROTOCOL_ERROR)\n' in capfd.readouterr().err


def test_an_offender_that_does_not_hang_up(root: Path) -> None:
    with serving(root) as (server, port), connect(port) as sock:
        sock.sendall(wire.ping(b"short"))
        assert heard(sock)[-1].type == Type.GOAWAY
        eventually(lambda: not server._sessions)


def test_clients_that_vanish(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(root) as (server, port):
        for rest in (b"", get(1, "/big"), wire.headers(1, wire.POST) + wire.data(1, bytes(999))):
            with connect(port, (Setting.INITIAL_WINDOW_SIZE, BIG)) as sock:
                sock.sendall(wire.window_update(0, BIG) + rest)
                sock.recv(100)
                break_off(sock)
        assert complete(talk(port, get(1))) == [1]
        eventually(lambda: not server._sessions)
    assert "(cut off)" in capfd.readouterr().err


def test_a_client_that_reads_nothing_costs_little(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = functools.partial(h2.config.H2Configuration, limits=AbuseLimits.off())
    monkeypatch.setattr(h2.config, "H2Configuration", without)
    settings = (Setting.INITIAL_WINDOW_SIZE, HUGE_WINDOW)
    with serving(root) as (server, port), connect(port, settings) as sock:
        sock.sendall(wire.window_update(0, HUGE_WINDOW))
        sock.sendall(b"".join(get(2 * n + 1, "/big") for n in range(50)))
        # It also sends many PINGs, and never reads the answers.
        sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while True:
                sock.sendall(wire.ping() * 1000)
        (client,) = server._sessions.values()
        eventually(lambda: not client.listening)
        assert len(client.channel.unsent) < 2_000_000
        # Others are served in the meantime.
        assert complete(talk(port, get(1))) == [1]
        # And once it reads, it gets everything that it requested.
        sock.settimeout(TIMEOUT)
        received = 0
        while received < 50 * BIG:
            received += len(sock.recv(1_000_000))


def test_silent_clients_are_sent_away(
    root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(session, "LINGER_SECONDS", 0.3)
    with serving(root) as (server, port), connect(port) as sock:
        sock.sendall(get(1, "/big"))  # whose window it never opens
        frames = heard(sock)
        assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)
        # It does not disconnect, either.
        eventually(lambda: not server._sessions)
    err = capfd.readouterr().err
    assert "127.0.0.1 timed out\n" in err
    assert err.endswith('"GET /big HTTP/2" 200 65535 (cut off)\n')


def test_there_is_an_end_to_the_number_of_clients(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "MAX_CLIENTS", 1)
    with serving(root) as (server, port), connect(port) as sock:
        eventually(lambda: server._sessions)
        with contextlib.suppress(OSError):
            assert talk(port, get(1)) == []
        sock.sendall(get(1))
        sock.shutdown(socket.SHUT_WR)
        assert complete(heard(sock)) == [1]


def test_clients_that_cannot_be_accepted(root: Path) -> None:
    class Listener:
        """Replaces a socket that cannot accept clients."""

        def accept(self) -> tuple[socket.socket, tuple[str, int]]:
            raise OSError(errno.EMFILE, "Too many open files")

    with socket.socket() as unused:
        server = serve.Server(unused, root, None, False)
        server._listener = Listener()  # type: ignore[assignment]  # has what _accept() needs
        server._accept()
        assert not server._sessions

        class Gone:
            """A client that has disconnected before it is accepted."""

            closed = False

            def setsockopt(self, *_: object) -> None:
                raise OSError(errno.EINVAL, "Invalid argument")

            def close(self) -> None:
                self.closed = True

        gone = Gone()
        server._listener.accept = lambda: (gone, ("127.0.0.1", 1))  # type: ignore[assignment,method-assign,return-value]  # likewise
        server._accept()
        assert gone.closed
        assert not server._sessions
        server._selector.close()


STREAM = b"".join(
    [
        wire.PREFACE,
        wire.settings((Setting.INITIAL_WINDOW_SIZE, 100_000), (Setting.HEADER_TABLE_SIZE, 0)),
        wire.settings(ack=True),
        get(1, "/big"),
        get(3, "/hello"),
        wire.window_update(0, 1000),
        wire.rst_stream(1),
        wire.headers(5, [*wire.POST, (b"expect", b"100-continue")]),
        wire.data(5, b"content", end_stream=True),
        wire.ping(),
        get(7, "/", method="HEAD"),
        wire.goaway(0),
    ]
)


@given(
    st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.binary(max_size=4)), max_size=4),
    st.integers(1, 200),
)
def test_any_bytes_of_a_client(root: Path, edits: list[tuple[int, bytes]], step: int) -> None:
    data = bytearray(STREAM)
    for at, new in edits:
        data[at : at + len(new)] = new
    ours, theirs = socket.socketpair()
    lines: list[str] = []
    with ours, theirs:
        conn = session.Connection(h2.config.H2Configuration(client_side=False, strict=True))
        served = session.Session(Channel(ours, conn, None), conn, root, "client", lines.append)
        theirs.setblocking(False)
        for at in range(0, len(data), step):
            with contextlib.suppress(BrokenPipeError):  # it has disconnected
                theirs.send(data[at : at + step])
            while served.advance():
                pass
            with contextlib.suppress(BlockingIOError):
                theirs.recv(1_000_000)
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_WR)
        while served.advance():
            pass
        served.drop()
        assert served.closed or served._end_at is not None
    assert all(line.isprintable() for line in lines)


# --- the end ---


def test_requests_under_way_are_finished_when_the_server_stops(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        context = serving(root)
        server, port = stack.enter_context(context)
        sock = stack.enter_context(connect(port))
        sock.sendall(get(1, "/big"))
        data = b""
        while len(data) < 65_535:
            data += sock.recv(65536)
        stopper = threading.Thread(target=stack.pop_all().close)
        # The popped stack closes the socket first, so a duplicate keeps the connection open.
        mine = socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    del server
    with mine:
        mine.settimeout(TIMEOUT)
        stopper.start()
        while LEAVING not in data:
            data += mine.recv(65536)
        # This request was in flight; after its answer, only the answer to the PING is missing.
        mine.sendall(get(3, "/empty") + wire.window_update(0, BIG) + wire.window_update(1, BIG))
        while len(data) < BIG:
            data += mine.recv(65536)
        assert wire.goaway(3) not in data
        mine.sendall(wire.ping(b"h2-leave", ack=True))
        while wire.goaway(3) not in data:
            data += mine.recv(65536)
        mine.sendall(get(5, "/empty"))
        data += rest_of(mine)
    stopper.join()
    frames = wire.parse(data)
    assert content(frames, 1) == (root / "big").read_bytes()
    assert sorted(complete(frames)) == [1, 3]


def test_the_server_does_not_wait_for_ever_when_it_stops(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "GRACE_SECONDS", 0.2)
    start = time.monotonic()
    with connect_later() as late:
        with serving(root) as (server, port):
            sock, offender, idle = late(port), late(port), late(port)
            sock.sendall(get(1, "/big"))
            idle.sendall(get(1, "/empty"))
            eventually(lambda: len(server._sessions) == 3)
            offender.sendall(wire.data(0, b"no stream"))
            # It gets its GOAWAY before the server stops, or another GOAWAY would precede it.
            eventually(lambda: wire.goaway(0, 1) in offender.recv(999, socket.MSG_PEEK))
            sock.recv(100)
            idle.recv(100)
        assert time.monotonic() - start < TIMEOUT / 2
        # Each GOAWAY names the last stream; the offender got one for its error.
        for client, last in ((sock, wire.goaway(1)), (idle, wire.goaway(1))):
            octets = rest_of(client)
            assert LEAVING in octets
            assert octets.endswith(last)
        goaways = [frame for frame in heard(offender) if frame.type == Type.GOAWAY]
        assert [frame.error_code for frame in goaways] == [Code.PROTOCOL_ERROR]
    assert "(cut off)" in capfd.readouterr().err


@contextmanager
def connect_later() -> Iterator[Callable[[int], socket.socket]]:
    """Connect a client that stays open when the server has ended."""
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(connect(port))


# --- TLS ---


@pytest.fixture
def server_context(certificates: Certificate) -> ssl.SSLContext:
    context = tls.server_context()
    tls.load_certificate(context, str(certificates.chain), str(certificates.key))
    return context


def client_context(certificates: Certificate, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.authority)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def test_tls(root: Path, server_context: ssl.SSLContext, certificates: Certificate) -> None:
    context = client_context(certificates, "h2")
    with serving(root, server_context) as (server, port):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as raw:
            eventually(lambda: server._sessions)  # it only waits for this client
            with context.wrap_socket(raw, server_hostname="localhost") as sock:
                windows = wire.settings((Setting.INITIAL_WINDOW_SIZE, BIG))
                sock.sendall(wire.PREFACE + windows + wire.window_update(0, BIG) + get(1, "/big"))
                data = b""
                while not data.endswith((root / "big").read_bytes()[-100:]):
                    data += sock.recv(65536)
                sock.sendall(wire.ping(b"short"))
                frames = wire.parse(data + rest_of(sock))
        eventually(lambda: not server._sessions)
    assert content(frames, 1) == (root / "big").read_bytes()
    assert frames[-1].error_code == Code.FRAME_SIZE_ERROR


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
def test_clients_that_do_not_offer_h2(
    root: Path,
    server_context: ssl.SSLContext,
    certificates: Certificate,
    protocols: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    context = client_context(certificates, *protocols)
    with (
        serving(root, server_context, verbose=True) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = rest_of(sock)
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert answer.endswith(b"\r\n\r\n" + http1.ANSWER_OVER_TLS.rpartition(b"\r\n")[2])
    err = capfd.readouterr().err
    assert "127.0.0.1 does not offer HTTP/2 with ALPN\n" in err
    assert "-->" not in err  # no frame was sent


@pytest.mark.parametrize(
    ("octets", "line", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1", b"HTTP/1.1 400 "),
        (wire.PREFACE, "PRI * HTTP/2.0", b""),
        (b"\0\x1b" * 100, r"\x00\x1b" * 40, b""),
    ],
)
def test_clients_that_do_not_speak_tls(
    root: Path,
    server_context: ssl.SSLContext,
    octets: bytes,
    line: str,
    answer: bytes,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serving(root, server_context, verbose=True) as (server, port):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock:
            eventually(lambda: server._sessions)
            sock.sendall(octets)
            assert rest_of(sock).startswith(answer)
        eventually(lambda: not server._sessions)
    err = capfd.readouterr().err
    assert f'127.0.0.1 speaks plaintext on the TLS port: "{line}"\n' in err
    assert "-->" not in err


def test_handshakes_that_fail(
    root: Path,
    server_context: ssl.SSLContext,
    certificates: Certificate,
    capfd: pytest.CaptureFixture[str],
) -> None:
    old = client_context(certificates, "h2")
    old.set_ciphers("DHE+AESGCM")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(root, server_context) as (server, port):
        for context in (ssl.create_default_context(), old):
            with (
                socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as raw,
                pytest.raises(ssl.SSLError),
            ):
                context.wrap_socket(raw, server_hostname="localhost")
            eventually(lambda: not server._sessions)
        hello = b"\x16\x03\x01\0\5\1\0\0\1\3"
        for octets in (b"", hello, hello[:3]):  # it disconnects before or during the handshake
            with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as raw:
                raw.sendall(octets)
                raw.shutdown(socket.SHUT_WR)
                rest_of(raw)
            eventually(lambda: not server._sessions)
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as raw:
            eventually(lambda: server._sessions)
            raw.sendall(hello[:3])
            break_off(raw)
        eventually(lambda: not server._sessions)
    lines = [line.removeprefix("127.0.0.1 ") for line in capfd.readouterr().err.splitlines()]
    assert lines[:2] == [
        "TLS failed: the client does not trust the certificate",
        "TLS failed: the client offers no acceptable cipher",
    ]
    assert len(lines) == 5
    assert all(line.startswith("TLS failed: ") for line in lines)


# --- clients of other protocols, in cleartext ---


@pytest.mark.parametrize("step", [1, 100])
def test_http_1_is_answered_with_a_sentence(
    root: Path, step: int, capfd: pytest.CaptureFixture[str]
) -> None:
    request = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"
    with (
        serving(root, verbose=True) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock,
    ):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(request), step):
            sock.sendall(request[at : at + step])
        answer = rest_of(sock)
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")
    assert f"content-length: {len(text)}".encode() in head
    assert text.startswith(b"This server speaks HTTP/2 only: ")
    assert text.count(b"\n") == 1
    err = capfd.readouterr().err
    assert (
        len(re.findall(r'^127\.0\.0\.1 speaks HTTP/1: "GET /hello?( HTTP/1\.1)?"', err, re.M)) == 1
    )
    assert "-->" not in err


def test_tls_on_the_port_for_cleartext(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        serving(root) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock,
        pytest.raises(ssl.SSLError),
    ):
        ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")
    assert capfd.readouterr().err == "127.0.0.1 speaks TLS on the cleartext port\n"


def test_clients_that_say_nothing(
    root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(root) as (server, port):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock:
            sock.sendall(b"PRI")
            eventually(lambda: server._sessions)
        eventually(lambda: not server._sessions)
    assert capfd.readouterr().err == ""
    with contextlib.ExitStack() as stack:
        with serving(root) as (server, port):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            eventually(lambda: server._sessions)
        assert sock.recv(100) == b""  # the server does not wait for it when it stops
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.3)
    with (
        serving(root) as (server, port),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock,
    ):
        assert sock.recv(100) == b""
    assert capfd.readouterr().err == "127.0.0.1 timed out\n"


class Stubborn:
    """A TLS socket that must write, or read, before it can continue."""

    def __init__(self, error: type[ssl.SSLError]) -> None:
        self.error = error

    def setblocking(self, _blocking: bool) -> None:
        pass

    def version(self) -> str:
        return "TLSv1.2"

    def send(self, _data: bytes) -> int:
        raise self.error

    recv = send


@pytest.mark.parametrize(
    ("error", "blocked"), [(ssl.SSLWantReadError, False), (ssl.SSLWantWriteError, True)]
)
def test_tls_may_wait_for_either_direction(error: type[ssl.SSLError], blocked: bool) -> None:
    conn = h2.connection.H2Connection()
    channel = tls.SecureChannel(Stubborn(error), conn, None)  # type: ignore[arg-type]  # is enough
    assert channel.receive() is None
    conn.initiate_connection()
    channel.flush()
    assert channel.unsent.startswith(wire.PREFACE)
    assert channel.blocked is blocked


# --- the command ---


@contextmanager
def client_thread(
    work: Callable[[int], object], port: int, order: signal.Signals = signal.SIGINT
) -> Iterator[None]:
    """Call a function when the server listens, then press Ctrl+C or send another signal."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            wait_for_port(port)
            work(port)
        except BaseException as error:
            errors.append(error)
        finally:
            os.kill(os.getpid(), order)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    for error in errors:
        raise error


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM])
def test_the_command(
    root: Path, tmp_path: Path, order: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    port = free_port()
    handler = signal.getsignal(order)
    with client_thread(lambda port: talk(port, get(1)), port, order):
        assert main(["serve", str(root), str(port), "-v", "--waterfall", str(page)]) == 0
    assert f"<title>h2 serve {root}</title>" in page.read_text()
    assert signal.getsignal(order) is handler
    out, err = capfd.readouterr()
    assert out == f"listening on http://127.0.0.1:{port}/ (Ctrl+C stops)\n"
    assert err.count("seconds       frame") == 1
    label = re.search(r"^(#\d+) +\d\.\d{4}  <--  HEADERS +1 ", err, re.MULTILINE)
    assert label
    assert re.search(rf"^{label[1]} {{17}}:path: /hello$", err, re.MULTILINE)
    assert re.search(rf"^{label[1]} +\d\.\d{{4}}  -->  DATA +1 +5  END_STREAM", err, re.MULTILINE)
    assert '"GET /hello HTTP/2" 200 5\n' in err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_command_with_a_certificate_of_its_own(
    root: Path, host: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def work(port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((host, port), timeout=TIMEOUT) as raw,
            context.wrap_socket(raw) as sock,
        ):
            seen.append(sock.selected_alpn_protocol())

    monkeypatch.setattr("support.processes.socket.create_connection", socket.create_connection)
    port = free_port()
    monkeypatch.setattr(sys.modules[__name__], "wait_for_port", lambda port: wait(host, port))
    with client_thread(work, port):
        assert main(["serve", str(root), "--host", host, "--port", str(port), "--tls"]) == 0
    assert seen == ["h2"]
    out, err = capfd.readouterr()
    shown = f"[{host}]" if ":" in host else host
    assert out == f"listening on https://{shown}:{port}/ (Ctrl+C stops)\n"
    assert "the certificate was generated for this run: clients need --insecure\n" in err


def wait(host: str, port: int) -> None:
    def answers() -> bool:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return False
        return True

    eventually(answers)


def test_a_certificate_names_the_host(certificates: Certificate) -> None:
    x509 = pytest.importorskip("cryptography.x509")
    context = tls.server_context()
    tls.make_certificate(context, "box.example")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        thread = threading.Thread(
            target=lambda: context.wrap_socket(ours, server_side=True).close()
        )
        thread.start()
        with trusting.wrap_socket(theirs) as sock:
            der = sock.getpeercert(binary_form=True)
        thread.join()
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "box.example"}
    assert set(map(str, names.get_values_for_type(x509.IPAddress))) == {"127.0.0.1", "::1"}


def test_the_usual_ports(
    root: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificate
) -> None:
    asked: list[object] = []

    def create_server(address: object, **_: object) -> socket.socket:
        asked.append(address)
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket, "create_server", create_server)
    assert main(["serve", str(root)]) == 45
    files = ["--cert", str(certificates.chain), "--key", str(certificates.key)]
    assert main(["serve", str(root), *files]) == 45
    assert asked == [("127.0.0.1", 8080), ("127.0.0.1", 8443)]


def test_what_the_command_cannot_do(
    root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def complaint(*arguments: str) -> str:
        main(["serve", *arguments])
        return capfd.readouterr().err

    missing = str(root / "missing")
    assert complaint(missing) == f"h2: (26) {missing} is not a folder\n"
    assert complaint(str(root), "--cert", missing) == (
        f"h2: (58) Could not use the certificate {missing}: No such file or directory\n"
    )
    assert complaint(str(root), "--cert", str(root / "empty")).startswith("h2: (58) ")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert complaint(str(root), "--port", port) == (
            f"h2: (45) Could not listen on 127.0.0.1 port {port}: Address already in use\n"
        )
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)
    assert complaint(str(root), "--tls") == (
        "h2: (2) --tls needs the cryptography package to generate a certificate; or use --cert\n"
    )


def test_the_server_ends_when_nobody_reads_its_log(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def write(self, _text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Closed())
    with (
        pytest.raises(Failure) as caught,
        serving(root) as (_, port),
        contextlib.suppress(OSError),
    ):
        assert complete(talk(port, get(1), get(3, "/big"))) == [1]
    assert caught.value.status == 23
    assert str(caught.value) == ""


def test_it_is_fair_to_select_what_can_go_on(root: Path) -> None:
    """An idle client is checked when it sends something."""
    with serving(root) as (server, port), connect(port) as sock:
        eventually(lambda: server._sessions)
        ((descriptor, client),) = server._sessions.items()
        eventually(lambda: server._selector.get_key(descriptor).events == selectors.EVENT_READ)
        assert client.listening
        sock.shutdown(socket.SHUT_WR)
        heard(sock)


def test_goodbye_is_said_once(root: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        conn = session.Connection(h2.config.H2Configuration(client_side=False, strict=True))
        served = session.Session(Channel(ours, conn, None), conn, root, "client", print)
        served.leave()
        served.leave()
        served.advance()
        served.leave()
        theirs.settimeout(TIMEOUT)
        theirs.sendall(wire.PREFACE + wire.settings() + wire.ping(b"h2-leave", ack=True) * 2)
        served.advance()
        served.leave()
        served.break_off()
        served.advance()
        frames = heard(theirs)
    goaways = [frame.last_stream_id for frame in frames if frame.type == Type.GOAWAY]
    assert goaways == [wire.MAX_STREAM_ID, 0]


@pytest.mark.parametrize("code", [Code.NO_ERROR, Code.PROTOCOL_ERROR])
def test_a_client_that_says_goodbye_gets_what_it_asked_for(root: Path, code: Code) -> None:
    with serving(root) as (_, port):
        frames = talk(port, get(1), wire.goaway(0, code), get(3, "/empty"), wire.ping())
    assert content(frames, 1) == b"hello"


def test_a_frame_that_never_comes_whole_is_in_the_log(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(root, verbose=True) as (_, port):
        talk(port, wire.ping()[:-1])
    err = capfd.readouterr().err
    assert err.count("error: frame is truncated: 7 of 8 octets of its payload") == 1
