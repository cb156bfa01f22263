"""The gRPC echo server and client, with grpcio, grpclib and misbehaving clients."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from support import wire
from support.cases import Offer
from support.clients import Target
from support.example import Example, Served, finish
from support.matrix import Matrix
from support.processes import complaints, python_command, require_module, run
from support.raw import RawClient, content, ends, fields_of
from support.scripted import Client as ScriptClient
from support.scripted import scripted
from support.site import Site
from support.wire import Code, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "gRPC server"
CLIENT_SIDE = "gRPC client"
OFFER = Offer("", "", "")  # none of the standard paths
PROGRAM = Example("examples.grpc.server", OFFER, ())
BIG = bytes(range(256)) * 12_000  # 3 MB: many windows
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


# --- Third-party clients ---


def octets(message: bytes) -> bytes:
    """A serializer that leaves messages unchanged."""
    return message


class Grpcio:
    """Calls by grpcio; each method returns the messages, or raises the name of the status."""

    name = "grpcio"

    def __init__(self, target: Target) -> None:
        self.grpc = require_module("grpc")
        assert target.authority
        trust = self.grpc.ssl_channel_credentials(target.authority.read_bytes())
        self.channel = self.grpc.secure_channel(target.url.removeprefix("https://"), trust)

    def call(self, method: str, messages: list[bytes], timeout: float | None = 60) -> list[bytes]:
        kind = {"Unary": "unary_unary", "Repeat": "unary_stream", "Join": "stream_unary"}
        make = getattr(self.channel, kind.get(method, "stream_stream"))
        call = make(f"/echo.Echo/{method}", octets, octets)
        request = messages[0] if method in {"Unary", "Repeat"} else iter(messages)
        try:
            answer = call(request, timeout=timeout)
            return [answer] if isinstance(answer, bytes) else list(answer)
        except self.grpc.RpcError as error:
            raise RuntimeError(error.code().name, error.details()) from None

    def close(self) -> None:
        self.channel.close()


class Octets:
    """A codec for grpclib that leaves messages unchanged."""

    __content_subtype__ = "proto"

    def encode(self, message: bytes, message_type: object) -> bytes:
        return message

    def decode(self, data: bytes, message_type: object) -> bytes:
        return data


class Grpclib:
    """Calls by grpclib."""

    name = "grpclib"

    def __init__(self, target: Target) -> None:
        require_module("grpclib")
        self.target = target

    def call(self, method: str, messages: list[bytes], timeout: float | None = 60) -> list[bytes]:
        return asyncio.run(self._call(method, messages, timeout))

    async def _call(self, method: str, messages: list[bytes], timeout: float | None) -> list[bytes]:
        from grpclib import GRPCError
        from grpclib.client import Channel, StreamStreamMethod

        tls = ssl.create_default_context(cafile=self.target.authority)
        tls.set_alpn_protocols(["h2"])
        port = int(self.target.url.rsplit(":", 1)[1])
        channel = Channel("localhost", port, ssl=tls, codec=cast(Any, Octets()))
        echo: Any = StreamStreamMethod(channel, f"/echo.Echo/{method}", bytes, bytes)
        try:
            async with echo.open(timeout=timeout) as stream:
                await stream.send_request()
                sending = asyncio.create_task(self._send(stream, messages))
                try:
                    return [answer async for answer in stream]
                finally:
                    sending.cancel()
                    await asyncio.wait([sending])
        except GRPCError as error:
            raise RuntimeError(error.status.name, error.message) from None
        except asyncio.TimeoutError:
            raise RuntimeError("DEADLINE_EXCEEDED", "") from None
        finally:
            channel.close()
            await asyncio.sleep(0.1)  # its transport needs this time to close

    async def _send(self, stream: Any, messages: list[bytes]) -> None:
        for message in messages:
            await stream.send_message(message)
        await stream.end()

    def close(self) -> None:
        """Each call has closed its channel."""


Caller = Grpcio | Grpclib


@pytest.fixture(params=[Grpcio, Grpclib], ids=lambda kind: kind.name)
def caller(request: pytest.FixtureRequest, served: Served) -> Iterator[Caller]:
    caller = request.param(served.target)
    yield caller
    caller.close()


NUMBERS = [b"%d" % number for number in range(500)]
CALLS: dict[str, tuple[str, list[bytes], list[bytes]]] = {
    "unary call": ("Unary", [b"hello"], [b"hello"]),
    "empty message": ("Unary", [b""], [b""]),
    "message of 3 MB": ("Unary", [BIG], [BIG]),
    "server streams": ("Repeat", [b"again"], [b"again"] * 100),
    "client streams": ("Join", [b"a", b"", b"bc"], [b"abc"]),
    "both stream": ("Stream", NUMBERS, NUMBERS),
    "both stream 15 MB": ("Stream", [BIG] * 5, [BIG] * 5),
    "no message": ("Stream", [], []),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls(caller: Caller, case: str, matrix: Matrix) -> None:
    method, messages, answers = CALLS[case]
    assert caller.call(method, messages) == answers
    matrix.passed(SIDE, caller.name, case)


def test_errors(caller: Caller) -> None:
    with pytest.raises(RuntimeError) as unknown:
        caller.call("None", [b"hello"])
    assert unknown.value.args == ("UNIMPLEMENTED", "no such method")
    with pytest.raises(RuntimeError) as long:
        caller.call("Stream", [bytes(4 * 1024 * 1024 + 1)])
    assert long.value.args == ("RESOURCE_EXHAUSTED", "a message of 4,194,305 octets")


def test_deadlines(served: Served) -> None:
    """A call that waits for messages ends at its deadline, even if only the server enforces it."""
    grpcio = Grpcio(served.target)
    never = threading.Event()
    call = grpcio.channel.stream_stream("/echo.Echo/Stream", octets, octets)
    began = time.monotonic()
    with pytest.raises(grpcio.grpc.RpcError) as late:
        list(call(iter(lambda: never.wait(30) and b"", b""), timeout=0.5))
    assert late.value.code() is grpcio.grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 20
    never.set()
    grpcio.close()


# --- Frame by frame ---


def call(stream_id: int, method: str, *more: tuple[str, str], end: bool = False) -> bytes:
    fields = fields_of(f"/echo.Echo/{method}", "POST", *GRPC, *more)
    return wire.headers(stream_id, fields, end_stream=end)


def message(octets: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(octets).to_bytes(4, "big") + octets


def status(frames: list[Frame]) -> bytes:
    """The status in the last header section of these frames, all of one stream."""
    decoder = wire.Decoder()
    blocks = [frame.fragment for frame in frames if frame.type == Type.HEADERS]
    fields = [dict(wire.decode(block, decoder=decoder)) for block in blocks]
    return fields[-1].get(b"grpc-status", fields[-1].get(b":status", b""))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param([call(1, "Unary", end=True)], b"13", id="no message"),
        pytest.param([call(1, "Unary"), wire.data(1, message(b"x") * 2)], b"13", id="two"),
        pytest.param([call(1, "Join"), wire.data(1, b"\0\0", end_stream=True)], b"13", id="prefix"),
        pytest.param(
            [call(1, "Join"), wire.data(1, message(b"xy")[:-1], end_stream=True)], b"13", id="cut"
        ),
        pytest.param([call(1, "Join"), wire.data(1, message(b"x", 1))], b"12", id="compressed"),
        pytest.param([call(1, "Join", ("grpc-timeout", "1X"))], b"13", id="malformed timeout"),
        pytest.param([call(1, "Join", ("grpc-timeout", "20m"))], b"4", id="deadline"),
        pytest.param([wire.headers(1, fields_of("/", "GET"), end_stream=True)], b"415", id="GET"),
    ],
)
def test_requests_that_end_badly(served: Served, sent: list[bytes], expected: bytes) -> None:
    with RawClient(served.target) as client:
        client.send(*sent)
        frames = client.until(ends(1))
        assert status(frames) == expected
        assert len(client.pong()) < 3  # the connection continues, and RST_STREAM may have arrived


def test_a_client_that_does_not_read_meets_its_deadline(served: Served) -> None:
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(call(1, "Unary", ("grpc-timeout", "200m")))
        client.send(wire.data(1, message(b"hello"), end_stream=True))
        last = client.until(ends(1))[-1]
        assert (last.type, last.error_code) == (Type.RST_STREAM, Code.CANCEL)


def test_a_client_that_cancels(served: Served) -> None:
    with RawClient(served.target) as client:
        client.send(call(1, "Stream"), wire.data(1, message(b"one")))
        client.until(lambda frame: frame.type == Type.DATA)
        client.send(wire.rst_stream(1, Code.CANCEL), call(3, "Unary"))
        client.send(wire.data(3, message(b"two"), end_stream=True))
        frames = client.until(ends(3))
        assert content(frames, 3) == message(b"two")
        assert not [frame for frame in frames if frame.stream_id == 1]


@pytest.mark.parametrize("cleartext", [False, True])
def test_the_server_finishes_calls_before_it_stops(
    cleartext: bool, certificates: Certificate, site: Site
) -> None:
    """Ctrl+C and SIGTERM: a call in progress is completed."""
    options = ("--cleartext",) if cleartext else ()
    program = Example("examples.grpc.server", OFFER, (), arguments=options)
    with program.running(site, certificates) as served:
        if cleartext:
            grpc = require_module("grpc")
            channel = grpc.insecure_channel(f"localhost:{served.server.port}")
        else:
            channel = Grpcio(served.target).channel
        requests: Any = threading.Semaphore(1)
        answers = channel.stream_stream("/echo.Echo/Stream", octets, octets)(
            iter(lambda: requests.acquire() and b"ping", None)
        )
        assert next(answers) == b"ping"
        if cleartext:
            served.server.process.terminate()
        else:
            served.server.interrupt()
        time.sleep(0.3)
        requests.release()
        assert next(answers) == b"ping"
        answers.cancel()
        channel.close()
        requests.release()
        finish(served)


# --- The client ---


def fetch(url: str, *arguments: str, authority: Any) -> subprocess.CompletedProcess[str]:
    trust = ["--authority", str(authority)] if authority else []
    return run(python_command("-m", "examples.grpc.client", *trust, url, *arguments))


@contextmanager
def grpcio_server(certificates: Certificate) -> Iterator[str]:
    """A server of grpcio with the methods that the client calls."""
    grpc = require_module("grpc")

    def unary(request: bytes, context: Any) -> bytes:
        if request == b"fail":
            context.abort(grpc.StatusCode.NOT_FOUND, "nicht für 100 %")
        return request

    def stream(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            if request == b"sleep":
                time.sleep(1)
            yield request

    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
    }
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", handlers),))
    pair = (certificates.key.read_bytes(), certificates.chain.read_bytes())
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([pair]))
    server.start()
    try:
        yield f"https://localhost:{port}/echo.Echo"
    finally:
        server.stop(None).wait()


@contextmanager
def grpclib_server(certificates: Certificate) -> Iterator[str]:
    """The same with grpclib, in a thread with its own event loop."""
    require_module("grpclib")
    from grpclib import GRPCError, Status
    from grpclib.const import Cardinality, Handler
    from grpclib.server import Server

    async def unary(stream: Any) -> None:
        request = await stream.recv_message()
        if request == b"fail":
            raise GRPCError(Status.NOT_FOUND, "nicht für 100 %")
        await stream.send_message(request)

    async def streaming(stream: Any) -> None:
        async for request in stream:
            if request == b"sleep":
                await asyncio.sleep(1)
            await stream.send_message(request)

    class Echo:
        def __mapping__(self) -> dict[str, Any]:
            both = Cardinality.STREAM_STREAM
            return {
                "/echo.Echo/Unary": Handler(unary, Cardinality.UNARY_UNARY, bytes, bytes),
                "/echo.Echo/Stream": Handler(streaming, both, bytes, bytes),
            }

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.chain, certificates.key)
    tls.set_alpn_protocols(["h2"])
    loop = asyncio.new_event_loop()

    async def start() -> tuple[Any, int]:
        server = Server([Echo()], codec=cast(Any, Octets()))
        await server.start("127.0.0.1", 0, ssl=tls)
        return server, server._server.sockets[0].getsockname()[1]

    async def end(server: Any) -> None:
        server.close()
        await server.wait_closed()

    server, port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"https://localhost:{port}/echo.Echo"
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


Start = Callable[["Certificate"], Any]


@pytest.mark.parametrize("start", [grpcio_server, grpclib_server])
def test_the_client(start: Start, certificates: Certificate, matrix: Matrix) -> None:
    trust = certificates.authority
    with start(certificates) as url:
        done = fetch(f"{url}/Unary", "hello", authority=trust)
        assert (done.returncode, done.stdout, complaints(done.stderr)) == (0, "hello\n", [])
        words = ["one", "two", "x" * 100_000]
        done = fetch(f"{url}/Stream", *words, "--timeout", "60", authority=trust)
        assert (done.returncode, done.stdout.split()) == (0, words), done.stderr
        done = fetch(f"{url}/Unary", "fail", authority=trust)
        assert complaints(done.stderr) == ["NOT_FOUND: nicht für 100 %"]
        assert (done.returncode, done.stdout) == (1, "")
        done = fetch(f"{url}/None", "x", authority=trust)
        assert complaints(done.stderr)[0].startswith("UNIMPLEMENTED"), done
        done = fetch(f"{url}/Stream", "one", "sleep", "--timeout", "0.5", authority=trust)
        assert (done.returncode, done.stdout) == (1, "one\n")
        assert complaints(done.stderr)[0].startswith("DEADLINE_EXCEEDED"), done
    matrix.passed(CLIENT_SIDE, start.__name__.removesuffix("_server"), "calls and errors")


RESPONSE = [(b":status", b"200"), (b"content-type", b"application/grpc")]


def with_reset(code: Code) -> Callable[[ScriptClient], None]:
    def script(client: ScriptClient) -> None:
        client.request()
        client.send(wire.rst_stream(1, code))
        client.bye()
        client.hang_up()

    return script


def with_response(*parts: bytes) -> Callable[[ScriptClient], None]:
    def script(client: ScriptClient) -> None:
        client.request()
        client.send(*parts)
        client.bye()
        client.hang_up()

    return script


def going_away(client: ScriptClient) -> None:
    client.request()
    client.send(wire.goaway(0, Code.NO_ERROR))
    client.hang_up()


def hanging_up(client: ScriptClient) -> None:
    client.request()
    client.send(wire.headers(1, RESPONSE))
    client.hang_up()


def end(*fields: tuple[bytes, bytes]) -> bytes:
    return wire.headers(1, fields or [(b":status", b"503")], end_stream=True)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(with_reset(Code.REFUSED_STREAM), "UNAVAILABLE", id="refused"),
        pytest.param(with_reset(Code.CANCEL), "CANCELLED", id="cancel"),
        pytest.param(with_reset(Code.PROTOCOL_ERROR), "INTERNAL", id="reset"),
        pytest.param(going_away, "UNAVAILABLE", id="GOAWAY"),
        pytest.param(hanging_up, "UNAVAILABLE", id="hang up"),
        pytest.param(with_response(end()), "UNAVAILABLE: HTTP status 503", id="503"),
        pytest.param(
            with_response(
                wire.headers(1, RESPONSE), wire.data(1, message(b"x")[:3], end_stream=True)
            ),
            "INTERNAL: the last message is not complete",
            id="cut",
        ),
        pytest.param(
            with_response(wire.headers(1, RESPONSE), end((b"grpc-status", b"99"))),
            "UNKNOWN",
            id="unknown status",
        ),
        pytest.param(
            with_response(wire.headers(1, RESPONSE, end_stream=True)), "UNKNOWN", id="no status"
        ),
        pytest.param(
            with_response(
                wire.headers(1, [(b":status", b"100")]), end(*RESPONSE, (b"grpc-status", b"5"))
            ),
            "NOT_FOUND",
            id="trailers only",
        ),
    ],
)
def test_servers_that_fail(script: Callable[[ScriptClient], None], expected: str) -> None:
    with scripted(script) as port:
        done = fetch(f"http://localhost:{port}/echo.Echo/Unary", "hello", authority=None)
    assert (done.returncode, done.stdout) == (1, "")
    assert complaints(done.stderr)[0].startswith(expected), done


def test_no_server_or_none_of_http_2(certificates: Certificate) -> None:
    done = fetch("http://127.0.0.1:9/echo.Echo/Unary", "hello", authority=None)
    assert done.returncode == 1
    assert "UNAVAILABLE" in done.stderr
    assert "Traceback" not in done.stderr
