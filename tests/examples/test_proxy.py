"""The reverse proxy in front of third-party servers."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hpack import Decoder

from support import wire
from support.cases import Offer
from support.example import IMPATIENT, Example, Served
from support.matrix import Matrix
from support.processes import TIMEOUT, require_module, serving
from support.raw import PATIENCE, RawClient, content, ends, fields_of
from support.raw import request as get
from support.scripted import Client as ScriptClient
from support.scripted import listening
from support.servers import nghttpd, nginx
from support.site import Site
from support.sockets import until
from support.standard import ServerTests
from support.wire import Code, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "reverse proxy"
OFFER = Offer(
    small="/hello.txt",
    small_is_hello=True,
    big="/big.bin",
    echo="/echo",
    page="/page.html",
    missing="/none",
)
PROGRAM = Example("examples.proxy.server", OFFER, ("h11",))


nginx_with_types = partial(nginx, extra="types { text/html html; image/svg+xml svg; }")


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2"])
def program(
    request: pytest.FixtureRequest, site: Site, certificates: Certificate
) -> Iterator[Example]:
    """The proxy in front of nginx, or of nghttpd, because nginx takes no trailers over HTTP/2."""
    http2 = request.param == "HTTP/2"
    start, options = (nghttpd, ["--http2"]) if http2 else (nginx_with_types, [])
    with start(site, certificates) as target:
        assert target.authority
        yield replace(PROGRAM, arguments=(*options, "--authority", target.trust, target.url))


class TestServer(ServerTests):
    side = SIDE
    left_out = (
        "disconnects",  # connections to the server stay open
        "echo without room",  # the server behind it buffers the content
    )


# --- Frame by frame, with a scripted server ---

Script = Callable[[socket.socket], None]
Start = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def proxy(site: Site, certificates: Certificate) -> Start:
    """Starts the proxy in front of a port."""

    def start(port: int, *options: str, patch: str = "") -> AbstractContextManager[Served]:
        example = replace(PROGRAM, arguments=(*options, f"http://127.0.0.1:{port}"))
        return example.running(site, certificates, patch=patch)

    return start


def head_of(
    frames: list[Frame], number: int = -1, decoder: Decoder | None = None
) -> list[wire.Field]:
    """The header section in these frames."""
    decoder = decoder or Decoder()
    blocks = [frame.fragment for frame in frames if frame.type == Type.HEADERS]
    return [wire.decode(block, decoder=decoder) for block in blocks][number]


def status_of(frames: list[Frame]) -> bytes:
    return dict(head_of(frames))[b":status"]


def ask(served: Served, *parts: bytes) -> list[Frame]:
    """Send this on stream 1; all frames up to its end."""
    with RawClient(served.target) as client:
        client.send(*parts)
        return [frame for frame in client.until(ends(1)) if frame.stream_id == 1]


def post(*more: tuple[str, str], end: bool = False) -> bytes:
    return wire.headers(1, fields_of("/path", "POST", *more), end_stream=end)


def answering(answer: bytes, heard: list[bytes], end: bytes = b"\r\n\r\n") -> Script:
    def script(sock: socket.socket) -> None:
        heard.append(until(sock, end))
        sock.sendall(answer)
        while sock.recv(65536):
            pass

    return script


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_fields_over_http_1(proxy: Start) -> None:
    heard: list[bytes] = []
    answer = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Transfer-Encoding: chunked\r\nX-End: 2\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 3\r\n\r\n"
    )
    more = [("te", "trailers"), ("cookie", "a=1"), ("cookie", "b=2"), ("proxy-authorization", "x")]
    with (
        listening(answering(answer, heard, b"0\r\nx-sum: 9\r\n\r\n")) as port,
        proxy(port) as served,
    ):
        sent = [post(*more), wire.data(1, b"content")]
        frames = ask(served, *sent, wire.headers(1, [(b"x-sum", b"9")], end_stream=True))
        served.server.stop()
    first, *lines = heard[0].partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert first == b"post /path http/1.1"
    assert sorted(lines) == [
        b"connection: te",
        b"cookie: a=1; b=2",
        b'forwarded: for=127.0.0.1;host="localhost:8443";proto=https',
        b"host: localhost:8443",
        b"te: trailers",
        b"transfer-encoding: chunked",
        b"via: 2 h2-example",
    ]
    assert heard[0].partition(b"\r\n\r\n")[2] == b"7\r\ncontent\r\n0\r\nx-sum: 9\r\n\r\n"
    assert content(frames, 1) == b"ok"
    heads = [head_of(frames, number) for number in range(3)]
    assert heads[0] == [(b":status", b"103"), (b"link", b"</a>")]
    assert heads[1] == [(b":status", b"200"), (b"x-end", b"2"), (b"via", b"1.1 h2-example")]
    assert heads[2] == [(b"x-sum", b"3")]


def over_http2(script: Callable[[ScriptClient], None]) -> Script:
    return lambda sock: script(ScriptClient(sock))


def good(client: ScriptClient) -> None:
    """Answer one request, and wait for the end."""
    stream_id = client.request().stream_id
    head = wire.headers(stream_id, [(b":status", b"200"), (b"x-end", b"2")])
    client.send(head, wire.data(stream_id, b"ok"))
    client.send(wire.headers(stream_id, [(b"x-sum", b"3")], end_stream=True))
    client.bye()
    client.hang_up()


def test_fields_over_http_2(proxy: Start) -> None:
    heard: list[wire.Field] = []

    def script(client: ScriptClient) -> None:
        heard.extend(wire.decode(client.request().fragment))
        client.send(wire.headers(1, [(b":status", b"204")], end_stream=True))
        client.bye()
        client.hang_up()

    with listening(over_http2(script)) as port, proxy(port, "--http2") as served:
        frames = ask(served, post(("te", "trailers"), ("via", "1.1 x"), end=True))
        served.server.stop()
    assert heard == [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"localhost:8443"),
        (b":path", b"/path"),
        (b"via", b"1.1 x"),
        (b"te", b"trailers"),
        (b"via", b"2 h2-example"),
        (b"forwarded", b'for=127.0.0.1;host="localhost:8443";proto=https'),
    ]
    assert head_of(frames) == [(b":status", b"204"), (b"via", b"2 h2-example")]


def refusing(*parts: bytes) -> Script:
    def script(client: ScriptClient) -> None:
        client.request()
        client.send(*parts)
        client.bye()
        client.hang_up()

    return over_http2(script)


def refusing_and_serving(client: ScriptClient) -> None:
    """The connection stays open, and carries the second request."""
    client.request()
    client.send(wire.rst_stream(1, Code.REFUSED_STREAM))
    client.until(lambda frame: frame.type == Type.HEADERS)
    client.send(wire.headers(3, [(b":status", b"200")]), wire.data(3, b"ok", end_stream=True))
    client.bye()
    client.hang_up()


@pytest.mark.parametrize("body", [False, True])
@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param([refusing(wire.goaway(0)), over_http2(good)], id="GOAWAY"),
        pytest.param([over_http2(refusing_and_serving)], id="REFUSED_STREAM"),
    ],
)
def test_requests_that_were_not_processed_are_sent_again(
    scripts: list[Script], body: bool, proxy: Start
) -> None:
    with listening(*scripts) as port, proxy(port, "--http2") as served:
        sent = [post(), wire.data(1, b"body", end_stream=True)] if body else [get(1, "/")]
        frames = ask(served, *sent)
        served.server.stop()
    assert content(frames, 1) == b"ok"


def hanging_up(sock: socket.socket) -> None:
    until(sock, b"\r\n\r\n")


def test_safe_requests_are_sent_again_and_others_are_not(proxy: Start) -> None:
    heard: list[bytes] = []
    with listening(hanging_up, answering(OK, heard)) as port, proxy(port) as served:
        assert content(ask(served, get(1, "/")), 1) == b"ok"
        served.server.stop()
    with listening(hanging_up) as port, proxy(port) as served:
        assert status_of(ask(served, post(end=True))) == b"502"
        served.server.stop()
    assert len(heard) == 1


def test_connections_are_used_again(proxy: Start) -> None:
    def script(sock: socket.socket) -> None:
        for _ in range(2):
            until(sock, b"\r\n\r\n")
            sock.sendall(OK)
        assert sock.recv(1) == b""

    with listening(script) as port, proxy(port) as served:
        assert content(ask(served, get(1, "/")), 1) == b"ok"
        assert content(ask(served, get(1, "/")), 1) == b"ok"
        served.server.stop()


def test_connections_that_are_not_used_are_closed(proxy: Start) -> None:
    closed = threading.Event()

    def script(sock: socket.socket) -> None:
        until(sock, b"\r\n\r\n")
        sock.sendall(OK)
        assert sock.recv(1) == b""
        closed.set()

    with listening(script) as port, proxy(port, patch=IMPATIENT) as served:
        assert content(ask(served, get(1, "/")), 1) == b"ok"
        assert closed.wait(TIMEOUT)
        served.server.stop()


def test_what_comes_between_two_requests_is_no_response(proxy: Start) -> None:
    answered, sent = threading.Event(), threading.Event()

    def script(sock: socket.socket) -> None:
        until(sock, b"\r\n\r\n")
        sock.sendall(OK)
        assert answered.wait(TIMEOUT)
        sock.sendall(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        sent.set()
        assert sock.recv(1) == b""

    with listening(script, answering(OK, [])) as port, proxy(port) as served:
        assert content(ask(served, get(1, "/")), 1) == b"ok"
        answered.set()
        assert sent.wait(TIMEOUT)  # the proxy reads it during the next TLS handshake
        assert content(ask(served, get(1, "/")), 1) == b"ok"
        served.server.stop()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (get(1, "/", "TRACE"), b"501"),
        (wire.headers(1, [(b":method", b"CONNECT"), (b":authority", b"a:1")]), b"501"),
        (
            wire.headers(1, fields_of("*", "OPTIONS", ("max-forwards", "0")), end_stream=True),
            b"204",
        ),
        (get(1, "/"), b"502"),
    ],
)
def test_requests_that_the_proxy_answers(sent: bytes, expected: bytes, proxy: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with proxy(port) as served:
        assert status_of(ask(served, sent)) == expected
        served.server.stop()


def test_max_forwards_counts(proxy: Start) -> None:
    heard: list[bytes] = []
    fields = fields_of("*", "OPTIONS", ("max-forwards", "3"))
    with listening(answering(OK, heard)) as port, proxy(port) as served:
        ask(served, wire.headers(1, fields, end_stream=True))
        served.server.stop()
    assert heard[0].startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert b"max-forwards: 2\r\n" in heard[0].lower()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"nonsense\r\n\r\n", b"502"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", b"502"),
        (b"", b"504"),
    ],
)
def test_responses_that_are_none(answer: bytes, expected: bytes, proxy: Start) -> None:
    script = answering(answer, [])
    with listening(script) as port, proxy(port, patch=IMPATIENT) as served:
        assert status_of(ask(served, post(end=True))) == expected
        served.server.stop()


def test_responses_that_break_off(proxy: Start) -> None:
    def script(sock: socket.socket) -> None:
        until(sock, b"\r\n\r\n")
        sock.sendall(OK[:-1])

    with listening(script) as port, proxy(port) as served:
        frames = ask(served, get(1, "/"))
        served.server.stop()
    assert content(frames, 1) == b"o"
    assert (frames[-1].type, frames[-1].error_code) == (Type.RST_STREAM, Code.INTERNAL_ERROR)


def test_a_reset_of_the_client_reaches_the_server(proxy: Start) -> None:
    begun, ended = threading.Event(), threading.Event()

    def script(client: ScriptClient) -> None:
        client.request()
        begun.set()
        reset = client.until(lambda frame: frame.type == Type.RST_STREAM)
        assert (reset.stream_id, reset.error_code) == (1, Code.CANCEL)
        ended.set()
        client.bye()
        client.hang_up()

    def script_of_http_1(sock: socket.socket) -> None:
        until(sock, b"\r\n\r\n")
        begun.set()
        assert sock.recv(1) == b""
        ended.set()

    for options, serve in (["--http2"], over_http2(script)), ([], script_of_http_1):
        begun.clear()
        ended.clear()
        with listening(serve) as port, proxy(port, *options) as served:
            with RawClient(served.target) as client:
                client.send(post())
                assert begun.wait(TIMEOUT)
                client.send(wire.rst_stream(1, Code.CANCEL))
                assert ended.wait(TIMEOUT)
            served.server.stop()


def test_a_client_that_disconnects_ends_the_request_at_the_server(proxy: Start) -> None:
    """Also while the proxy waits for room to pass on what the server has sent."""

    def script(client: ScriptClient) -> None:
        stream_id = client.request().stream_id
        client.sock.settimeout(PATIENCE)  # less than a request waits for the server
        client.send(wire.headers(stream_id, [(b":status", b"200")]))
        client.send(wire.data(stream_id, bytes(1000)))
        reset = client.until(lambda frame: frame.type == Type.RST_STREAM)
        assert (reset.stream_id, reset.error_code) == (1, Code.CANCEL)
        client.bye()
        client.hang_up()

    with listening(over_http2(script)) as port, proxy(port, "--http2") as served:
        with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 10)) as client:
            client.send(get(1, "/"))
            assert content(client.until(lambda frame: frame.type == Type.DATA), 1) == bytes(10)
        served.server.stop()


def test_a_response_that_does_not_wait_for_the_request(proxy: Start) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"
    with listening(answering(answer, [])) as port, proxy(port) as served:
        with RawClient(served.target) as client:
            client.send(post(), wire.data(1, bytes(1000)))
            frames = client.until(ends(1))
            assert status_of(frames) == b"413"
            last = client.until(lambda frame: frame.type == Type.RST_STREAM)[-1]
            assert (last.stream_id, last.error_code) == (1, Code.NO_ERROR)
        served.server.stop()


# --- Back-pressure ---

LARGE = 64 * 1024 * 1024


def test_a_client_that_does_not_read_stops_the_server(proxy: Start) -> None:
    """The proxy only reads what fits into its buffers and those of the system."""
    sent, stopped = 0, threading.Event()

    def script(sock: socket.socket) -> None:
        nonlocal sent
        until(sock, b"\r\n\r\n")
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE)
        sock.settimeout(1)
        try:
            while sent < LARGE:
                sent += sock.send(bytes(65536))
        except TimeoutError:
            pass
        stopped.set()

    with listening(script) as port, proxy(port) as served:
        with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 1000)) as client:
            client.send(get(1, "/"))
            frames = client.until(lambda frame: frame.type == Type.DATA)
            assert content(frames, 1) == bytes(1000)
            assert stopped.wait(TIMEOUT)
            client.send(wire.window_update(0, 2**30), wire.window_update(1, 2**30))
            # The script has ended, which truncates the response.
            last = client.until(ends(1))[-1]
            assert last.type == Type.RST_STREAM
        served.server.stop()
    assert sent < 16 * 1024 * 1024  # more than a socket of this machine buffers


def test_a_server_that_does_not_read_stops_the_client(proxy: Start) -> None:
    def script(client: ScriptClient) -> None:
        client.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 1000)))
        client.until(lambda frame: frame.type == Type.DATA)
        client.until(lambda frame: frame.type == Type.RST_STREAM)
        client.bye()
        client.hang_up()

    with listening(over_http2(script)) as port, proxy(port, "--http2") as served:
        with RawClient(served.target) as client:
            client.send(post(), *[wire.data(1, bytes(16_000))] * 4)
            time.sleep(1)
            frames = client.pong()
            given = [f for f in frames if f.type == Type.WINDOW_UPDATE and f.stream_id == 1]
            # The proxy has read one piece, which is pending; it must not read more.
            assert sum(int.from_bytes(frame.payload, "big") for frame in given) <= 64_000
            client.send(wire.data(1, bytes(1000)))
            time.sleep(0.5)
            frames = client.pong()
            assert not [f for f in frames if f.type == Type.WINDOW_UPDATE and f.stream_id == 1]
            client.send(wire.rst_stream(1, Code.CANCEL))
        served.server.stop()


def test_grpc_goes_through(proxy: Start, matrix: Matrix) -> None:
    grpc = require_module("grpc")
    command = [sys.executable, "-m", "examples.grpc.server", "--cleartext", "--port", "0"]
    with serving(command) as server, proxy(server.port, "--http2") as served:
        assert served.target.authority
        trust = grpc.ssl_channel_credentials(served.target.authority.read_bytes())
        with grpc.secure_channel(served.target.url.removeprefix("https://"), trust) as channel:
            requests = [b"%d" % number for number in range(100)]
            call = channel.stream_stream("/echo.Echo/Stream", None, None)
            assert list(call(iter(requests), timeout=60)) == requests
            with pytest.raises(grpc.RpcError) as unknown:
                channel.unary_unary("/echo.Echo/None", None, None)(b"", timeout=60)
            assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
        served.server.stop()
        server.stop()
    matrix.passed(SIDE, "grpcio", "gRPC calls")
