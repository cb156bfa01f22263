"""An HTTP/2 server on asyncio: describes requests as JSON, echoes content, makes content up.

    python -m examples.asyncio.server --port 8443
    curl --cacert examples/certificates/authority.pem https://localhost:8443/any/path

A `BufferedH2Connection` keeps what is not read yet and what cannot be sent yet. A `Connection`
carries bytes between it and a client. Each request has a task, which runs `answer()`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import h2.events
from examples.common.certificate import FOLDER, server_context
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError

IDLE_SECONDS = 60.0  # after which a client has to answer a PING, and a request that waits is reset
HANDSHAKE_SECONDS, GRACE_SECONDS, LINGER_SECONDS = 10.0, 3.0, 1.0
PATTERN = bytes(range(256)) * 256


async def answer(request: "Request") -> bytes:
    """Answer one request, and return the last piece of the content: this is the application."""
    method, path = request.fields[":method"], request.fields.get(":path", "").split("?")[0]
    allowed = {"/echo": "POST", "/bytes": "GET, HEAD"}.get(path[:6], "GET, HEAD, POST, PUT")
    size = path.removeprefix("/bytes/")
    if method not in allowed.split(", "):
        request.respond(405, ("allow", allowed))
    elif path == "/echo":
        request.respond(200)
        while data := await request.read():
            await request.write(data)
    elif path.startswith("/bytes/") and size.isascii() and size.isdigit() and len(size) < 13:
        request.respond(200, ("content-length", size))
        for start in range(0, int(size), len(PATTERN)):
            await request.write(PATTERN[: int(size) - start])
    elif path.startswith("/bytes"):
        request.respond(400)
    else:
        digest, length = hashlib.sha256(), 0
        while data := await request.read():
            digest.update(data)
            length += len(data)
        content = {"length": length, "sha256": digest.hexdigest()}
        seen = {"headers": request.fields, "content": content, "trailers": request.trailers}
        request.respond(200, ("content-type", "application/json"))
        return json.dumps(seen, indent=2).encode() + b"\n"
    return b""


class Request:
    """One request, as the application sees it."""

    def __init__(self, connection: "Connection", event: h2.events.RequestReceived) -> None:
        self.connection, self.h2, self.id = connection, connection.h2, event.stream_id
        self.fields, self.trailers = as_dict(event.headers), dict[str, str]()
        self.is_head = self.fields[":method"] == "HEAD"
        self.expects = self.fields.get("expect") == "100-continue"
        self.changed = connection.loop.create_future()
        self.task = connection.loop.create_task(self.run())

    async def run(self) -> None:
        """Answer the request; reset it if that fails, or if the rest of it is not wanted."""
        code = ErrorCodes.NO_ERROR
        try:
            await self.write(await answer(self), end=True)
        except (asyncio.TimeoutError, StreamClosedError):
            code = ErrorCodes.CANCEL
        except Exception as error:
            self.connection.loop.call_exception_handler({"message": "failed", "exception": error})
            code = ErrorCodes.INTERNAL_ERROR
        if code or not self.h2.at_end(self.id):
            self.connection.flush()  # curl drops a response that arrives together with a reset
            with contextlib.suppress(StreamClosedError):
                self.h2.reset_stream(self.id, code)
        self.connection.requests.pop(self.id, None)
        self.connection.flush_soon()

    def respond(self, status: int, *fields: tuple[str, str]) -> None:
        """Send the header section of the response."""
        self.h2.send_headers(self.id, [(":status", str(status)), *fields])

    async def read(self) -> bytes:
        """Return content as soon as there is some; none at its end."""
        while not (data := self.h2.read_data(self.id)) and not self.h2.at_end(self.id):
            if self.expects:
                self.respond(100)
                self.expects = False
            await self.wait()
        return data

    async def write(self, data: bytes, end: bool = False) -> None:
        """Send content; return when all of it is on its way."""
        self.h2.send_data(self.id, b"" if self.is_head else data, end)
        while self.h2.send_buffer_size(self.id):
            await self.wait()

    async def wait(self) -> None:
        """Wait until something happens to the request, but not for ever."""
        self.connection.flush_soon()
        self.changed = self.connection.loop.create_future()
        timer = self.connection.loop.call_later(IDLE_SECONDS, self.wake, asyncio.TimeoutError())
        try:
            await self.changed
        finally:
            timer.cancel()

    def wake(self, error: Exception | None = None) -> None:
        """Go on waiting no more: something has happened, or nothing for too long."""
        if not self.changed.done():
            self.changed.set_exception(error) if error else self.changed.set_result(None)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self) -> None:
        self.h2 = BufferedH2Connection(
            H2Configuration(client_side=False),
            receive_buffering=True,
            connection_window=100 * 65_535,  # room for what all requests leave unread
            keepalive=Keepalive(IDLE_SECONDS, GRACE_SECONDS),
            shutdown_timeout=GRACE_SECONDS,
        )
        self.h2.SEND_BUFFER_HIGH, self.h2.SEND_BUFFER_LOW = 1, 0  # see `Request.write()`
        self.loop = asyncio.get_running_loop()
        self.requests: dict[int, Request] = {}
        self.paused = self.flushing = self.leaving = False
        self.closed = self.loop.create_future()

    def connection_made(self, transport: Any) -> None:
        """Begin, if the client wants HTTP/2."""
        self.transport = transport
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            self.h2.initiate_connection()
            self.flush()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Act on what the client says."""
        if self.leaving:
            return
        try:
            self.handle(self.h2.receive_data(data))
        except ProtocolError:
            self.leave()  # the GOAWAY frame that tells the client what it did wrong is pending
        self.flush_soon()

    def handle(self, events: list[h2.events.Event]) -> None:
        """Act on events; those that are not listed need no action."""
        for event in events:
            request = self.requests.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.RequestReceived():
                    self.requests[event.stream_id] = Request(self, event)
                case h2.events.TrailersReceived() if request:
                    request.trailers = as_dict(event.headers)
                case h2.events.StreamReset() if request:
                    self.requests.pop(request.id).task.cancel()
                case h2.events.KeepaliveTimedOut():
                    self.h2.close_connection()
                    self.leave()
                case h2.events.ConnectionDrained():
                    self.leave()
            if request:
                request.wake()

    def flush_soon(self) -> None:
        """Flush at the end of this turn of the loop, when all have written that want to."""
        if not self.flushing:
            self.flushing = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what can be sent, as much of it as the transport wants."""
        self.flushing = False
        while not (self.paused or self.transport.is_closing()) and (
            data := self.h2.data_to_send(65_536)
        ):
            self.transport.write(data)
        self.handle(self.h2.events())

    def pause_writing(self) -> None:
        """Stop sending: the client is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self.paused = False
        self.flush()

    def leave(self) -> None:
        """Say the last words, and give the client a moment to read them and hang up."""
        self.leaving = True
        for request in self.requests.values():
            request.task.cancel()
        self.transport.write(self.h2.data_to_send())
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        """Give up what is under way: the client has gone."""
        if not self.transport.is_closing():
            self.transport.close()  # Python 3.10 takes it for open otherwise, and warns
        self.paused = self.leaving = True
        self.closed.set_result(None)
        for request in self.requests.values():
            request.task.cancel()


async def serve_client(sock: socket.socket, context: ssl.SSLContext) -> None:
    """Serve one client. Cancelling this begins an orderly end."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):  # it has gone, or failed at TLS: nobody is left to tell
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, connection = await loop.connect_accepted_socket(
            Connection, sock, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        while not connection.closed.done():
            due = connection.h2.get_timer()
            try:
                await asyncio.wait([connection.closed], timeout=due and due - loop.time())
            except asyncio.CancelledError:
                connection.h2.graceful_shutdown()
            connection.h2.handle_timer(loop.time())
            connection.flush()


async def accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Serve clients until this is cancelled, and then end them all."""
    clients = set[asyncio.Task[None]]()
    try:
        while True:
            try:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError:  # it has gone already, or too many files are open
                await asyncio.sleep(0.1)
            else:
                clients.add(client := asyncio.create_task(serve_client(sock, context)))
                client.add_done_callback(clients.discard)
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def serve(host: str, port: int, context: ssl.SSLContext) -> None:
    """Listen and serve until Ctrl+C or SIGTERM."""
    loop = asyncio.get_running_loop()
    with socket.create_server((host, port), backlog=1024) as listener:
        listener.setblocking(False)
        accepting = loop.create_task(accept(listener, context))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(accepting.cancel))
        url = f"https://{host}:{listener.getsockname()[1]}/"
        print(f"listening on {url} (Ctrl+C stops)", flush=True)
        await asyncio.wait([accepting])


def as_dict(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return fields as text; the values of a repeated name are joined."""
    merged: dict[str, str] = {}
    for field in fields:
        name, value = (octets.decode("utf-8", "backslashreplace") for octets in field)
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="An HTTP/2 server on asyncio.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--certificates", type=Path, default=FOLDER)
    args = parser.parse_args()
    asyncio.run(serve(args.host, args.port, server_context(args.certificates)))


if __name__ == "__main__":
    main()
