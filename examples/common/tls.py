"""TLS connections on asyncio, and the process of a server. There is nothing about HTTP/2 in here.

A `Wire` carries bytes: it hands out what arrives, and asks for what is to be sent as fast as the
other end takes it. `serve()` has one for each client, until Ctrl+C or SIGTERM. The certificate is
that of `examples.common.certificate`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import SplitResult, urlsplit

from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from examples.common.transport import close

PORTS = {"https": 443, "http": 80}
LINGER_SECONDS = 1.0  # how long the other end may take to read our last words and hang up


class Wire(asyncio.Protocol):
    """One connection.

    Neither direction waits for the other one. The other end may read late, or not at all: then
    nothing more is asked for, and reading goes on.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # What returns so many bytes to send, or less; and what is called when the process ends.
        self.pull: Callable[[int], bytes] = lambda amount: b""
        self.stop: Callable[[], None] = lambda: None
        self.arrived: list[bytes] = []
        self.paused = self.flushing = self.leaving = False
        self.lost: ConnectionError | None = None
        self.closed = self.loop.create_future()
        self.changed = self.loop.create_future()

    async def read(self, until: float | None = None) -> bytes:
        """Send what is to be sent, and return what has arrived.

        That is nothing if it is time, or if something was sent meanwhile.

        :param until: when to return at the latest, in seconds of the loop
        :raises ConnectionError: if nothing more can arrive
        """
        self.flush_soon()
        if not (self.arrived or self.lost):
            timeout = None if until is None else max(0.0, until - self.loop.time())
            await asyncio.wait([self.changed], timeout=timeout)
        if self.changed.done():
            self.changed = self.loop.create_future()
        data = b"".join(self.arrived)
        self.arrived.clear()
        if self.lost and not data:
            raise self.lost
        return data

    def wake(self) -> None:
        """Let `read()` return."""
        if not self.changed.done():
            self.changed.set_result(None)

    def flush_soon(self) -> None:
        """Flush at the end of this turn of the loop, when all have written that want to."""
        if not self.flushing:
            self.flushing = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is to be sent, as much of it as the other end takes."""
        self.flushing = False
        while not (self.paused or self.transport.is_closing()) and (data := self.pull(65_536)):
            self.transport.write(data)
            self.wake()

    async def close(self, linger: bool) -> None:
        """Say the last words and hang up.

        :param linger: whether the other end has a moment to read them and hang up first: where
            something that it has sent is not read, what was sent last may be lost
        """
        self.leaving = True
        try:
            if not self.transport.is_closing():
                while data := self.pull(65_536):
                    self.transport.write(data)
                if not linger:
                    close(self.transport)
            await asyncio.wait([self.closed], timeout=LINGER_SECONDS)
        finally:
            self.transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        """Keep what leads to the other end."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what has arrived."""
        if not self.leaving:
            self.arrived.append(data)
            self.wake()

    def pause_writing(self) -> None:
        """Send no more: the other end is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self.paused = False
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        """Let `read()` know that nothing more comes."""
        close(self.transport)  # else Python 3.10 warns of an unclosed one if it uses TLS
        reason = f"the connection was lost: {error}" if error else "the other end hung up"
        self.lost = ConnectionError(reason)
        self.closed.set_result(None)
        self.wake()


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL of a web page.

    :raises ValueError: if it is none
    """
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and parts.port != 0:
            return parts
    raise ValueError(f"{url} is no URL of a web page")


async def connect(server: str, tls: ssl.SSLContext, seconds: float) -> Wire:
    """Return a connection to a server that speaks HTTP/2; without TLS for the scheme http.

    :param server: the beginning of its URLs
    :param seconds: how long it may take
    :raises OSError: if there is no connection
    """
    parts = split_url(server)
    is_tls = parts.scheme == "https"
    connecting = asyncio.get_running_loop().create_connection(
        Wire, parts.hostname or "", parts.port or PORTS[parts.scheme], ssl=tls if is_tls else None
    )
    transport, wire = await asyncio.wait_for(connecting, seconds)
    if is_tls and transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        transport.abort()
        raise ConnectionError("the server does not speak HTTP/2")
    return wire


def serve(
    serve_client: Callable[[Wire], Coroutine[Any, Any, None]],
    description: str | None,
    handshake_seconds: float,
) -> None:
    """Read the command line; serve clients that speak HTTP/2 until Ctrl+C or SIGTERM.

    :param serve_client: serves one client until `read()` raises, or until it has to end
    :param description: the docstring of the program
    :param handshake_seconds: how long a client may take for TLS
    """
    args = server_options(description).parse_args()
    tls = server_context(args.certificates)

    async def serve_socket(sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        transport, wire = await loop.connect_accepted_socket(
            Wire, sock, ssl=tls, ssl_handshake_timeout=handshake_seconds
        )
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            transport.abort()
            return
        serving = loop.create_task(serve_client(wire))
        while not serving.done():
            try:
                await asyncio.wait([serving])
            except asyncio.CancelledError:
                wire.stop()
                wire.wake()  # `until` may be another time now
        await wire.close(linger=True)
        await serving

    asyncio.run(accept(serve_socket, args.host, args.port))


async def accept(
    serve_socket: Callable[[socket.socket], Coroutine[Any, Any, None]],
    host: str,
    port: int,
    scheme: str = "https",
) -> None:
    """Run a task for each client until Ctrl+C or SIGTERM; then cancel them, and wait for them."""
    loop = asyncio.get_running_loop()

    async def run(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it has gone, or failed at TLS: nobody is left to tell
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await serve_socket(sock)

    async def go_on() -> None:
        clients = set[asyncio.Task[None]]()
        try:
            while True:
                try:
                    sock, _ = await loop.sock_accept(listener)
                except OSError:  # it has gone already, or too many files are open
                    await asyncio.sleep(0.1)
                else:
                    clients.add(client := loop.create_task(run(sock)))
                    client.add_done_callback(clients.discard)
        finally:
            listener.close()
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    with socket.create_server((host, port), backlog=1024) as listener:
        listener.setblocking(False)
        accepting = loop.create_task(go_on())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(accepting.cancel))
        announce(listener.getsockname()[1], host, scheme)
        await asyncio.wait([accepting])
