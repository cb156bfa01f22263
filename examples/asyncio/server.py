"""An HTTP/2 server on asyncio: describes requests as JSON, echoes or generates content.

    python -m examples.asyncio.server --port 8443
    curl --cacert examples/certificates/authority.pem https://localhost:8443/any/path

A `Client` is a connection. It has a `Request` for each stream, whose task runs `answer()`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import signal
import socket
from pathlib import Path
from typing import Any, ClassVar

from examples.common import certificate
from h2 import events
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

HANDSHAKE_SECONDS, IDLE_SECONDS, GRACE_SECONDS, LINGER_SECONDS = 10.0, 60.0, 3.0, 1.0
PATTERN = bytes(range(256)) * 256


async def answer(request: "Request") -> None:
    """Answer one request: this is the application."""
    kind, _, size = request.fields.get(":path", "").partition("?")[0][1:].partition("/")
    allowed = {"echo": "POST", "bytes": "GET, HEAD"}.get(kind, "GET, HEAD, POST, PUT")
    is_bad = kind == "bytes" and not (size.isdecimal() and len(size) < 13)
    if is_bad or request.fields[":method"] not in allowed.split(", "):
        request.respond(400 if is_bad else 405, allow=allowed)
    elif kind == "echo":
        request.respond(200)
        while data := await request.read():
            await request.write(data)
    elif kind == "bytes":
        request.respond(200)
        for start in range(0, int(size), len(PATTERN)):
            await request.write(PATTERN[: int(size) - start])
    else:
        digest, length = hashlib.sha256(), 0
        while data := await request.read():
            digest.update(data)
            length += len(data)
        content = {"length": length, "sha256": digest.hexdigest()}
        seen = {"headers": request.fields, "content": content, "trailers": request.trailers}
        request.respond(200)
        await request.write(json.dumps(seen, indent=2).encode() + b"\n")


class Request:
    """One request, as the application sees it."""

    def __init__(self, client: "Client", stream_id: int) -> None:
        self.client, self.conn, self.id, self.status = client, client.conn, stream_id, 0
        self.fields, self.trailers = dict[str, str](), dict[str, str]()
        self.changed, self.task = client.loop.create_future(), client.loop.create_task(self.run())

    def respond(self, status: int, **fields: str) -> None:
        """Send the header section of the response."""
        self.status = status
        self.conn.send_headers(self.id, [(":status", str(status)), *fields.items()])

    async def read(self) -> bytes:
        """Return content as soon as there is some; empty at the end."""
        while not (data := self.conn.read_data(self.id)) and not self.conn.at_end(self.id):
            if self.fields.get("expect") == "100-continue" and not self.status:
                self.respond(100)
            await self.wait()
        return data

    async def write(self, data: bytes) -> None:
        """Send content, as soon as what was written before was sent."""
        await self.sent()
        self.conn.send_data(self.id, b"" if self.fields[":method"] == "HEAD" else data)

    async def sent(self) -> None:
        """Wait until all content was sent."""
        while self.conn.send_buffer_size(self.id):
            await self.wait()

    async def wait(self) -> None:
        """Wait until something happens to the stream."""
        self.changed = self.client.loop.create_future()
        self.client.loop.call_soon(self.client.flush)
        if not (await asyncio.wait([self.changed], timeout=IDLE_SECONDS))[0]:
            raise asyncio.TimeoutError

    async def run(self) -> None:
        """Answer the request, and end the stream, even if the client has more to send."""
        code = ErrorCodes.INTERNAL_ERROR
        try:
            await answer(self)
            self.conn.end_stream(self.id)
            await self.sent()
            code = ErrorCodes.NO_ERROR
        except (asyncio.TimeoutError, ProtocolError):
            code = ErrorCodes.CANCEL
        finally:
            self.client.flush()  # curl drops a response that arrives together with a reset
            with contextlib.suppress(ProtocolError):  # both sides have ended it
                self.conn.reset_stream(self.id, code)
            self.client.loop.call_soon(self.client.flush)
            self.client.requests.pop(self.id, None)


class Client(asyncio.Protocol):
    """One client. Reading from it never waits for writing to it."""

    everyone: ClassVar = set["Client"]()

    def connection_made(self, transport: Any) -> None:
        """Begin, if TLS has selected HTTP/2."""
        self.transport, self.room, self.requests = transport, 65_536, dict[int, Request]()
        self.loop = asyncio.get_running_loop()
        self.conn = BufferedH2Connection(
            H2Configuration(client_side=False, header_encoding="utf-8"),
            receive_buffering=True,
            connection_window=100 * 65_535,  # room for what all requests leave unread
            keepalive=Keepalive(IDLE_SECONDS, IDLE_SECONDS),
            shutdown_timeout=GRACE_SECONDS,
        )
        self.conn.SEND_BUFFER_HIGH, self.conn.SEND_BUFFER_LOW = 1, 0  # see `Request.sent()`
        self.conn.initiate_connection()
        self.everyone.add(self)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            transport.abort()
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Process what the client has sent; flush when the requests have reacted to it."""
        try:
            self.handle(self.conn.receive_data(data))
        except ProtocolError:  # GOAWAY has the reason
            self.handle([events.ConnectionDrained()])
        self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what the transport accepts. The rest can still be reordered or cancelled."""
        while not self.transport.is_closing() and (data := self.conn.data_to_send(self.room)):
            self.transport.write(data)
        self.handle(self.conn.events())

    def handle(self, news: list[events.Event]) -> None:
        """Start requests, and wake up those to which something has happened."""
        for event in news:
            request = self.requests.get(getattr(event, "stream_id", 0))
            match event:
                case events.RequestReceived():
                    request = self.requests[event.stream_id] = Request(self, event.stream_id)
                    join(request.fields, event.headers)
                case events.TrailersReceived() if request:
                    join(request.trailers, event.headers)
                case events.StreamReset() if request:
                    self.requests.pop(request.id).task.cancel()
                case events.KeepaliveTimedOut():
                    self.conn.graceful_shutdown()
                case events.ConnectionDrained():  # let the client read GOAWAY, and disconnect
                    self.loop.call_later(LINGER_SECONDS, self.transport.abort)
            if request and not request.changed.done():
                request.changed.set_result(None)

    def pause_writing(self) -> None:
        """Pull nothing more from the connection: the client reads slowly."""
        self.room = 0

    def resume_writing(self) -> None:
        """Continue."""
        self.room = 65_536
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        """Stop all work for the client."""
        self.transport.abort()  # otherwise Python 3.10 warns of an unclosed transport
        self.everyone.discard(self)
        for request in self.requests.values():
            request.task.cancel()


def join(merged: dict[str, str], fields: list[Any]) -> None:
    """Add fields to a dictionary; those of the same name become one."""
    for name, value in fields:
        merged[name] = f"{merged[name]}, {value}" if name in merged else value


async def serve(args: argparse.Namespace) -> None:
    """Serve until Ctrl+C or SIGTERM; then let requests in progress finish."""
    loop, tls = asyncio.get_running_loop(), certificate.server_context(args.certificates)
    server = await loop.create_server(
        Client, args.host, args.port, ssl=tls, ssl_handshake_timeout=HANDSHAKE_SECONDS, backlog=1024
    )
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # what the system buffers cannot be reordered
        server.sockets[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 131_072)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(server.close))
    host, port = server.sockets[0].getsockname()[:2]
    print(f"listening on https://{host}:{port}/ (Ctrl+C stops)", flush=True)
    while server.is_serving() or Client.everyone:
        await asyncio.sleep(0.5)
        for client in Client.everyone:
            if not server.is_serving():
                client.conn.graceful_shutdown()
            client.conn.handle_timer(loop.time())
            client.flush()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8443, help="port; 0 takes any free one")
    parser.add_argument("--certificates", type=Path, default=certificate.FOLDER)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
