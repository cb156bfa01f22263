"""The clients of the negotiation examples, with scripted servers."""

from __future__ import annotations

import base64
import io
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from support import wire
from support.processes import TIMEOUT, python_command, require_module, run
from support.scripted import listening
from support.sockets import rest_of, until
from support.wire import Code, Flag, Frame, Setting, Type

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

Script = Callable[[socket.socket], None]
OK = wire.headers(1, ((b":status", b"200"),))


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    require_module("h11")


@contextmanager
def scripted(*scripts: Script) -> Iterator[str]:
    """A server that runs a script with each client, in order; returns its URL."""

    with listening(*scripts) as port:
        yield f"http://127.0.0.1:{port}/"


def client_run(way: str, *urls: str) -> tuple[int, str, str]:
    command = python_command("-m", f"examples.negotiation.{way}_client", *urls)
    done = run(command)
    return done.returncode, done.stdout, done.stderr


def request_on(sock: socket.socket, stream_id: int) -> None:
    """Wait for a request on this stream."""
    head = bytes([Type.HEADERS, Flag.END_STREAM | Flag.END_HEADERS]) + stream_id.to_bytes(4, "big")
    until(sock, head)


def says(*frames: bytes) -> Script:
    """Answer the request on stream 1 with these frames, and wait until the client disconnects."""

    def script(sock: socket.socket) -> None:
        sock.sendall(wire.settings())
        request_on(sock, 1)
        sock.sendall(b"".join(frames))
        rest_of(sock)

    return script


ALL_OF_IT = (OK, wire.data(1, b"content", end_stream=True))


def leaves_out(*frames: bytes) -> Script:
    """Answer on stream 1; send these frames, and then nothing, for the request on stream 3."""

    def script(sock: socket.socket) -> None:
        sock.sendall(wire.settings())
        request_on(sock, 1)
        sock.sendall(b"".join(ALL_OF_IT))
        request_on(sock, 3)
        sock.sendall(b"".join(frames))
        sock.shutdown(socket.SHUT_WR)
        rest_of(sock)

    return script


@pytest.mark.parametrize(
    "frames",
    [(wire.goaway(1),), (wire.rst_stream(3, Code.REFUSED_STREAM),), ()],
    ids=["GOAWAY", "refused", "hangs up"],
)
def test_a_request_that_was_not_answered_is_sent_again(frames: tuple[bytes, ...]) -> None:
    with scripted(leaves_out(*frames), says(*ALL_OF_IT)) as url:
        assert client_run("prior_knowledge", url, url) == (0, "content" * 2, "")


@pytest.mark.parametrize(
    "frames", [(wire.goaway(0),), (wire.rst_stream(1, Code.REFUSED_STREAM),)], ids=str
)
def test_a_request_is_not_sent_for_ever(frames: tuple[bytes, ...]) -> None:
    with scripted(says(*frames)) as url:
        status, out, err = client_run("prior_knowledge", url, url)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"error: {url}: ")


def test_no_request_follows_a_goaway() -> None:
    with scripted(says(*ALL_OF_IT, wire.goaway(1)), says(*ALL_OF_IT)) as url:
        assert client_run("prior_knowledge", url, url) == (0, "content" * 2, "")


def test_a_server_that_is_gone_when_its_response_is_read() -> None:
    from examples.negotiation.fetching import Client, client_connection

    ours, theirs = socket.socketpair()
    theirs.sendall(wire.settings() + b"".join(ALL_OF_IT))
    theirs.close()
    conn, out, url = client_connection(), io.BytesIO(), urlsplit("http://localhost/")
    conn.initiate_connection()
    with Client(ours, conn) as client:
        client.get_all(deque([url]), out)
    assert out.getvalue() == b"content"


def test_a_response_goes_on_after_goaway() -> None:
    with scripted(says(OK, wire.goaway(1), wire.data(1, b"content", end_stream=True))) as url:
        assert client_run("prior_knowledge", url) == (0, "content", "")


@pytest.mark.parametrize(
    "end",
    [wire.data(0, b"no stream"), wire.goaway(1, Code.ENHANCE_YOUR_CALM)],
    ids=["fault", "GOAWAY with an error"],
)
def test_a_connection_that_fails_behind_a_response(end: bytes) -> None:
    heard: list[bytes] = []

    def script(sock: socket.socket) -> None:
        sock.sendall(wire.settings())
        request_on(sock, 1)
        sock.sendall(b"".join([*ALL_OF_IT, end]))
        heard.append(rest_of(sock))

    # The response is used, and the rest is requested on another connection.
    with scripted(script, says(*ALL_OF_IT)) as url:
        assert client_run("prior_knowledge", url, url) == (0, "content" * 2, "")
    with scripted(script) as url:
        assert client_run("prior_knowledge", url) == (0, "content", "")
    for octets in heard:
        goaways = [frame for frame in wire.parse(octets) if frame.type == Type.GOAWAY]
        assert [goaway.last_stream_id for goaway in goaways] == ([0] if goaways else [])
        assert end != wire.data(0, b"no stream") or goaways[0].error_code == Code.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ((OK, wire.rst_stream(1, Code.INTERNAL_ERROR)), "stream reset"),
        ((OK, wire.goaway(1, Code.ENHANCE_YOUR_CALM)), "ENHANCE_YOUR_CALM"),
        ((wire.data(0, b"no stream"),), "error: "),
        ((wire.headers(1, ((b":status", b"500"),), end_stream=True),), "status 500"),
    ],
    ids=["reset", "GOAWAY with an error", "protocol error", "500"],
)
def test_failures_are_told(frames: tuple[bytes, ...], said: str) -> None:
    with scripted(says(*frames)) as url:
        status, out, err = client_run("prior_knowledge", url)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert said in err


def test_half_a_response_is_a_failure_and_not_asked_for_again() -> None:
    def half(sock: socket.socket) -> None:
        sock.sendall(wire.settings())
        request_on(sock, 1)
        sock.sendall(OK + wire.data(1, b"half"))
        sock.shutdown(socket.SHUT_WR)
        rest_of(sock)

    with scripted(half) as url:
        status, out, err = client_run("prior_knowledge", url)
    assert (status, out, err) == (1, "half", "error: the server has hung up\n")


def test_a_server_that_allows_no_streams_for_a_while() -> None:
    def script(sock: socket.socket) -> None:
        sock.sendall(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 0)))
        request_on(sock, 1)  # it does not know yet
        sock.sendall(b"".join(ALL_OF_IT) + wire.ping())
        until(sock, wire.ping(ack=True))
        # A second request would arrive before the answer to the PING.
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(TIMEOUT)
        sock.sendall(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
        request_on(sock, 3)
        answer = wire.headers(3, ((b":status", b"200"),)) + wire.data(3, b"2", end_stream=True)
        sock.sendall(answer)
        rest_of(sock)

    with scripted(script) as url:
        assert client_run("prior_knowledge", url, url) == (0, "content2", "")


def test_the_client_begins_only_after_101() -> None:
    heard = []

    def script(sock: socket.socket) -> None:
        heard.append(until(sock, b"\r\n\r\n"))
        # The answer is in the same read as 101, before the client has sent any HTTP/2.
        sock.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" + SWITCHING + wire.settings())
        sock.sendall(b"".join(ALL_OF_IT))
        heard.append(until(sock, wire.settings(ack=True)))
        rest_of(sock)

    with scripted(script) as url:
        assert client_run("upgrade", url) == (0, "content", "")
    request, start = heard
    assert request.startswith(b"GET / HTTP/1.1\r\n")
    fields = dict(line.split(b": ") for line in request.split(b"\r\n")[1:-2])
    assert (fields[b"Connection"], fields[b"Upgrade"]) == (b"Upgrade, HTTP2-Settings", b"h2c")
    offered = fields[b"HTTP2-Settings"]
    payload = base64.urlsafe_b64decode(offered + b"=" * (-len(offered) % 4))
    settings = Frame(Type.SETTINGS, 0, 0, payload).settings
    assert (Setting.ENABLE_PUSH, 0) in settings
    assert start.startswith(wire.PREFACE)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"nonsense" * 10],
)
def test_answers_to_the_offer_that_make_no_sense(answer: bytes) -> None:
    def script(sock: socket.socket) -> None:
        until(sock, b"\r\n\r\n")
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)
        rest_of(sock)

    with scripted(script) as url:
        status, out, err = client_run("upgrade", url)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("error: ")
