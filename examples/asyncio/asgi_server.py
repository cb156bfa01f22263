"""An ASGI 3 server for HTTP/2: streaming in both directions, lifespan, trailers.

It runs any ASGI application, named as `module:name`:

    python -m examples.asyncio.asgi_server tests.examples.applications.starlette_app:app
    curl --cacert examples/certificates/authority.pem https://localhost:8443/

A `Stream` is one request and its response, including the waiting: for content, for flow-control
windows, for the transport. It and `Connection` extend those of `examples/common/streams.py`. An
`Exchange` translates between a stream and ASGI. All of it runs on the event loop, so nothing needs
a lock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pkgutil
import ssl
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

from examples.common import streams
from examples.common.certificate import server_context
from examples.common.options import server_options
from examples.common.transport import LINGER_SECONDS
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

MAX_CLIENTS = 100  # served at the same time; others wait
HANDSHAKE_SECONDS = 10.0  # time limit for the TLS handshake
IDLE_SECONDS = 60.0  # after this time an idle client gets a PING, then it is disconnected
STALL_SECONDS = 60.0  # how long a request waits for its client to send or read content
GRACE_SECONDS = 3.0  # time limit for requests in progress after Ctrl+C
PIECE = 16_384  # how much content the application gets at a time
MAX_REQUESTS = 100  # on one connection; the value that h2 announces to the client

Task = asyncio.Task[None]
Fields = list[tuple[bytes, bytes]]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Exchange:
    """One request and its response, as an ASGI application sees them."""

    def __init__(self, stream: Stream, application: Application, state: dict[str, Any]) -> None:
        self.stream = stream
        self.application = application
        self.state = state
        self.request = dict(stream.fields)
        self.delivered = False  # whether the application has all content of the request
        self.expected = "http.response.start"  # what the application has to send next
        self.head: Fields = []  # header section that waits for the first content
        self.has_content = True  # responses to HEAD, and some others, have none
        self.left: int | None = None  # how much content has yet to follow
        self.trailers: Fields | None = None  # trailer section, if the application announced one

    async def run(self) -> None:
        """Run the application for the request."""
        try:
            if refusal := self.refusal():
                await self.answer(refusal)
                return
            await self.application(self.scope(), self.receive, self.send)
            if self.expected:
                raise RuntimeError(f"the application ended without {self.expected}")
        except asyncio.CancelledError:  # something it waited for was cancelled, or the server stops
            await self.fail()
        except (Exception, SystemExit):
            # Applications may fail because their client left, which is not their fault.
            if not self.stream.gone:
                traceback.print_exc()
                await self.fail()

    def refusal(self) -> bytes | None:
        """The status code for a request that is not for an application."""
        path = self.request.get(b":path")
        if path is None:
            return b"501"  # CONNECT
        return None if path.startswith(b"/") else b"400"

    def scope(self) -> dict[str, Any]:
        """Describe the request."""
        path, _, query = self.request[b":path"].partition(b"?")
        headers = [field for field in self.stream.fields if not field[0].startswith(b":")]
        if authority := self.request.get(b":authority"):
            others = (field for field in headers if field[0] != b"host")
            headers = [(b"host", authority), *others]
        connection = self.stream.connection
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "2",
            "method": self.request[b":method"].decode(),
            "scheme": self.request[b":scheme"].decode(),
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": connection.peer,
            "server": connection.address,
            "extensions": {"http.response.trailers": {}},
            "state": self.state.copy(),
        }

    async def receive(self) -> Message:
        """Return the next piece of the request; after the last one, wait for a disconnect."""
        try:
            while self.delivered:
                await self.stream.wait(None)
            body = await self.stream.read()
        except ConnectionError:
            return {"type": "http.disconnect"}
        self.delivered = self.stream.at_end()
        return {"type": "http.request", "body": body, "more_body": not self.delivered}

    async def send(self, message: Message) -> None:
        """Accept the next piece of the response; return when the client has room for more."""
        if self.stream.gone:
            raise ClientGoneError("the client has gone")
        if message["type"] != self.expected:
            raise RuntimeError(f"got {message['type']}, expected {self.expected or 'nothing'}")
        if self.expected == "http.response.start":
            self.start(message)
        elif self.expected == "http.response.body":
            await self.send_body(message.get("body", b""), message.get("more_body", False))
        elif self.trailers is not None:
            self.trailers += plain(message["headers"])
            if not message.get("more_trailers", False):
                self.expected = ""
                if not self.stream.ended:
                    self.stream.send_headers(self.trailers, end=True)

    def start(self, message: Message) -> None:
        """Keep the header section until content comes: the application may still fail cleanly."""
        status = str(message["status"]).encode()
        fields = plain(message.get("headers", ()))
        names = dict(fields)
        if b"date" not in names:
            fields.append((b"date", formatdate(usegmt=True).encode()))
        self.head = [(b":status", status), *fields]
        self.has_content = self.request[b":method"] != b"HEAD" and status not in {b"204", b"304"}
        if self.has_content and b"content-length" in names:
            self.left = int(names[b"content-length"])
        if message.get("trailers", False):
            self.trailers = []
        self.expected = "http.response.body"

    async def send_body(self, body: bytes, more: bool) -> None:
        """Send content, after the header section if that is still pending."""
        if self.left is not None:
            self.left -= len(body)
            if self.left < 0 or (self.left > 0 and not more):
                raise RuntimeError("the content is not as long as its content-length")
        last = not more and self.trailers is None
        if self.head:
            head, self.head = self.head, []
            self.stream.send_headers(head, end=not self.has_content or (last and not body))
        if not self.stream.ended:
            await self.stream.send_data(body, end=last)
        if not more:
            self.expected = "" if self.trailers is None else "http.response.trailers"

    async def fail(self) -> None:
        """Tell the client that the application failed, in whatever way is still possible."""
        if self.stream.started:
            self.stream.reset(ErrorCodes.INTERNAL_ERROR)
        else:
            with contextlib.suppress(ConnectionError):
                await self.answer(b"500")

    async def answer(self, status: bytes) -> None:
        """Answer instead of the application."""
        text = b"" if self.request[b":method"] == b"HEAD" else status + b"\n"
        self.stream.send_headers(
            [(b":status", status), (b"content-type", b"text/plain")], end=not text
        )
        if text:
            await self.stream.send_data(text, end=True)


def plain(headers: Iterable[Iterable[bytes]]) -> Fields:
    """Return fields as pairs with names in lower case; ASGI also allows other iterables."""
    return [(bytes(name).lower(), bytes(value)) for name, value in headers]


class Lifespan:
    """The part of ASGI that tells an application when its server starts and stops."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.state: dict[str, Any] = {}  # from the application; each request gets a copy
        self.orders: asyncio.Queue[Message] = asyncio.Queue()
        self.answers: asyncio.Queue[Message] = asyncio.Queue()
        self.supported = True

    async def run(self) -> None:
        """Run the application for as long as the server lives."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        # An exception means that the application does not support lifespan. One that does reports
        # its failure before it raises anything.
        with contextlib.suppress(Exception):
            await self.application(scope, self.orders.get, self.answers.put)
        await self.answers.put({"type": "unsupported"})

    async def tell(self, what: str, seconds: float | None = None) -> None:
        """Tell the application to start up or shut down, and wait until it has."""
        if not self.supported:
            return
        await self.orders.put({"type": f"lifespan.{what}"})
        try:
            answer = await asyncio.wait_for(self.answers.get(), seconds)
        except asyncio.TimeoutError:
            raise SystemExit(f"{what} takes too long") from None
        self.supported = answer["type"] == f"lifespan.{what}.complete"
        if answer["type"] == f"lifespan.{what}.failed":
            raise SystemExit(f"{what} failed: {answer.get('message', '')}")


class ClientGoneError(ConnectionError):
    """The client reset the stream or disconnected. ASGI requires an OSError for that."""


class Stream(streams.Stream):
    """One request and its response on the wire."""

    connection: Connection

    def __init__(self, connection: Connection, stream_id: int, fields: Fields) -> None:
        super().__init__(connection, stream_id)
        self.fields = fields
        self.expects_continue = (b"expect", b"100-continue") in fields
        self.started = False  # the header section of the response was sent
        self.ended = False  # the response was sent in full
        self.waiting: Task | None = None  # for others; ends with the exchange

    @property
    def gone(self) -> bool:
        """Whether the exchange was aborted, by us or by the client."""
        return self.error is not None and not self.ended

    def reset(self, code: ErrorCodes) -> None:
        """Abort the exchange."""
        if not self.gone and not self.ended:
            self.h2.reset_stream(self.id, code)
            self.connection.flush_soon()
            self.lose(ClientGoneError("the server has reset the stream"))

    def lose(self, error: Exception) -> None:
        """Note that the exchange was aborted. The application may continue without its client."""
        super().lose(error)
        if self.waiting is not None:
            self.waiting.cancel()

    async def wait(self, seconds: float | None = STALL_SECONDS) -> None:
        """Wait until something has changed; if it takes too long, abort the exchange."""
        self.connection.flush_soon()
        changed = self.changed
        while not changed.done():
            unsent = self.h2.send_buffer_size(self.id)
            await asyncio.wait([changed], timeout=seconds)
            if not changed.done() and unsent == self.h2.send_buffer_size(self.id):
                self.reset(ErrorCodes.CANCEL)
        self.check()

    def check(self) -> None:
        """Raise an exception if the exchange was aborted."""
        if self.gone or self.ended:
            raise ClientGoneError("the exchange with the client is over")

    async def read(self, amount: int = PIECE) -> bytes:
        """Return content as it arrives, none at its end; it is acknowledged when it is read."""
        self.check()
        if self.expects_continue and not self.started and not self.h2.readable(self.id):
            self.h2.send_headers(self.id, [(":status", "100")])
        self.expects_continue = False
        return await super().read(amount)

    def send_headers(self, fields: Fields, end: bool) -> None:
        """Send a header section, or trailers if there was one."""
        self.check()
        self.send(fields, end)
        self.started = True
        if end:
            self.end_response()

    async def send_data(self, data: bytes, end: bool) -> None:
        """Send content; return when client and transport have had room for it."""
        self.check()
        await self.write(data, end)
        if end:
            self.end_response()

    def end_response(self) -> None:
        """Note that the response was sent; the rest of the request is no longer needed."""
        self.ended = True
        if self.id in self.h2.streams:  # the request is not complete: RFC 9113 section 8.1
            # Separately: curl and Node drop a response that arrives together with the reset.
            self.connection.flush()
            self.h2.reset_stream(self.id, ErrorCodes.NO_ERROR)
        self.h2.discard_data(self.id)
        self.connection.flush_soon()
        self.wake()


class Connection(streams.Connection):
    """One client: its transport, its HTTP/2 connection and its streams."""

    address: tuple[str, int]  # ours
    peer: tuple[str, int]  # the client's; a closed transport does not have it any more

    def __init__(self, server: Server) -> None:
        super().__init__(self.serve, keepalive=IDLE_SECONDS, grace=GRACE_SECONDS)
        self.server = server

    def connection_made(self, transport: Any) -> None:
        """Note the addresses."""
        self.address = transport.get_extra_info("sockname")[:2]
        self.peer = transport.get_extra_info("peername")[:2]
        super().connection_made(transport)

    def begin(self, stream_id: int, fields: Fields) -> None:
        """Start the application, unless it is busy enough for this client.

        h2 limits the open streams, but the application may still be working on closed ones.
        """
        if len(self.streams) < 2 * MAX_REQUESTS:
            stream = self.streams[stream_id] = Stream(self, stream_id, fields)
            self.server.start(self.serve(stream))
            return
        with contextlib.suppress(ProtocolError):  # the client has already reset it
            self.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)

    async def serve(self, stream: Stream) -> None:
        """Run the application for one request."""
        try:
            if not stream.gone:
                await self.server.handle(stream)
        finally:
            del self.streams[stream.id]

    def on_timer(self) -> None:
        """Do what is due; disconnect an idle client, instead of asking whether it is alive."""
        if not self.streams:
            self.h2.graceful_shutdown()
        super().on_timer()


class Server:
    """All clients, and all requests in progress."""

    def __init__(self, handle: Callable[[Stream], Awaitable[None]]) -> None:
        self.handle = handle  # answers one request
        self.requests: set[Task] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a task for a request and keep it: the loop itself would not."""
        task = asyncio.create_task(coroutine)
        self.requests.add(task)
        task.add_done_callback(self.requests.discard)

    async def run(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Serve until Ctrl+C."""
        await streams.serve(
            lambda: Connection(self), host, port, context, HANDSHAKE_SECONDS, MAX_CLIENTS
        )
        for task in self.requests:  # of applications that continue without their client
            task.cancel()
        if self.requests:
            await asyncio.wait(self.requests, timeout=LINGER_SECONDS)


async def serve(application: Application, options: argparse.Namespace) -> None:
    """Run the application until Ctrl+C."""
    context = server_context(options.certificates)
    lifespan = Lifespan(application)
    task = asyncio.create_task(lifespan.run())
    await lifespan.tell("startup")
    server = Server(lambda stream: Exchange(stream, application, lifespan.state).run())
    await server.run(options.host, options.port, context)
    await lifespan.tell("shutdown", GRACE_SECONDS)
    task.cancel()


def load(parser: argparse.ArgumentParser, name: str) -> Any:
    """Return the application that the command line names."""
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        parser.error(f"cannot load {name}: {error}")


def main() -> None:
    """Read the command line and serve."""
    parser = server_options(__doc__)
    parser.add_argument("application", metavar="module:name", help="the ASGI application")
    options = parser.parse_args()
    application = load(parser, options.application)
    with contextlib.suppress(KeyboardInterrupt):  # before the server listens
        asyncio.run(serve(application, options))


if __name__ == "__main__":
    main()
