"""A server on tornado: the JSON of a request's header fields, and an echo.

Start it in the root of the checkout, then send it a request from another shell:

    python -m examples.tornado.server
    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    curl --cacert examples/certificates/authority.pem https://localhost:8443/echo -d hello

Every client has two coroutines. The reader passes bytes to the client's session, in
`examples/common/session.py`. The writer sends the session's output, as far as the client has room
for it. Content is acknowledged when its echo is sent: a client that does not read its content back
cannot send more of it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import time
from datetime import timedelta
from typing import Any

import tornado.util
from tornado import gen
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.tcpserver import TCPServer

from examples.common import certificate, options
from examples.common.answers import answer
from examples.common.session import Session

MAX_CLIENTS = 100  # clients served at the same time; others are rejected
HANDSHAKE_SECONDS = 10.0  # time limit for the TLS handshake
IDLE_SECONDS = 60.0  # a client that is idle for this long is disconnected
SEND_SECONDS = 30.0  # time limit for a client to read what we send
GRACE_SECONDS = 3.0  # time limit for responses in progress when the server stops
LINGER_SECONDS = 1.0  # time for a client to read our last frames and disconnect
MAX_BACKLOG = 262_144  # bytes to read from a client while it reads none from us


class Client:
    """One client: its byte stream, and its session."""

    def __init__(self, stream: IOStream) -> None:
        self.stream = stream
        self.session = Session(answer, GRACE_SECONDS)
        self.active = time.monotonic()  # when bytes were last transferred in either direction
        self.backlog = 0  # bytes read since the client last read some
        self.wake = asyncio.Event()  # there may be something to write
        self.written = asyncio.Event()  # the backlog is empty

    async def run(self) -> None:
        """Serve until the client leaves, times out or breaks the protocol, or the server stops."""
        reader = asyncio.create_task(self.read())
        try:
            await self.write()
            # Closing a socket with unread bytes from the client would discard what we sent last.
            await asyncio.wait({reader}, timeout=LINGER_SECONDS)
        finally:
            reader.cancel()
            self.session.end()

    def leave(self) -> None:
        """Begin a graceful shutdown."""
        self.session.leave()
        self.wake.set()

    async def read(self) -> None:
        """Read what the client sends, until it leaves or times out."""
        while data := await self.receive():
            self.session.receive(data)
            self.wake.set()
            self.backlog += len(data)
            while self.backlog > MAX_BACKLOG:
                self.written.clear()
                await self.written.wait()
            await asyncio.sleep(0)  # reading does not yield while there are bytes
        self.session.end()
        self.wake.set()

    async def receive(self) -> bytes:
        """Wait for bytes; none mean that the client has left or timed out."""
        reading = asyncio.ensure_future(self.stream.read_bytes(65_536, partial=True))
        while (patience := self.active + IDLE_SECONDS - time.monotonic()) > 0:
            await asyncio.wait({reading}, timeout=patience)
            if reading.done():
                self.active = time.monotonic()
                return b"" if reading.exception() else reading.result()
        return b""

    async def write(self) -> None:
        """Send pending output, until the session has ended."""
        while True:
            self.wake.clear()
            data, self.backlog = self.session.send(), 0
            self.written.set()
            if data:
                await within(SEND_SECONDS, self.stream.write(data))
                self.active = time.monotonic()
                await asyncio.sleep(0)  # writing does not yield while there is room
            elif self.session.ended:
                return
            else:
                waiting = asyncio.ensure_future(self.wake.wait())
                await asyncio.wait({waiting}, timeout=self.session.patience())
                waiting.cancel()


def within(seconds: float, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Wait for something that a stream does, or raise `tornado.util.TimeoutError`.

    `asyncio.wait_for()` would cancel the future, which streams do not support.
    """
    return gen.with_timeout(timedelta(seconds=seconds), future, quiet_exceptions=StreamClosedError)


class Server(TCPServer):
    """The listener, and its sessions."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(ssl_options=certificate.server_context(args.certificates))
        self.places = MAX_CLIENTS  # that are free
        self.clients: dict[Client, asyncio.Task[None]] = {}

    async def handle_stream(self, stream: IOStream, address: tuple[object, ...]) -> None:
        """Serve one client, and close its socket."""
        self.places -= 1
        try:
            if self.places >= 0:
                await self.serve_client(stream)
        except (OSError, tornado.util.TimeoutError):
            pass  # the client has disconnected, or does not speak TLS
        finally:
            self.places += 1
            stream.close()

    async def serve_client(self, stream: IOStream) -> None:
        """Perform the TLS handshake, then speak HTTP/2."""
        assert isinstance(stream, SSLIOStream)  # because the server has ssl_options
        # Frames are sent when they are ready; waiting to fill a packet would only add delay.
        stream.set_nodelay(True)
        await within(HANDSHAKE_SECONDS, stream.wait_for_handshake())
        if stream.socket.selected_alpn_protocol() != "h2":
            return
        client = Client(stream)
        self.clients[client] = asyncio.create_task(client.run())
        try:
            await self.clients[client]
        finally:
            del self.clients[client]

    async def run(self, host: str, port: int) -> None:
        """Serve until Ctrl+C or SIGTERM."""
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        sockets = bind_sockets(port, host)
        self.add_sockets(sockets)
        options.announce(sockets[0].getsockname()[1], host)
        await stopping.wait()
        self.stop()
        for client in self.clients:
            client.leave()
        if self.clients:
            await asyncio.wait(self.clients.values(), timeout=GRACE_SECONDS + 2 * LINGER_SECONDS)
        # What is left after that is cancelled by asyncio.run().


def main() -> None:
    """Read the command line and serve."""
    args = options.server_options(__doc__).parse_args()
    # It warns of every client that does not speak TLS.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    asyncio.run(Server(args).run(args.host, args.port))


if __name__ == "__main__":
    main()
