"""TLS connections on asyncio, and the main loop of a server. Nothing here is specific to HTTP/2.

A `Wire` carries bytes: it returns what arrives, and pulls what is to be sent as fast as the other
end reads it. `serve()` has one for each client, until Ctrl+C or SIGTERM. The certificate is that of
`examples.common.certificate`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import SplitResult

from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from examples.common.sockets import prepare
from examples.common.transport import Link, speaks_http2, stop_accepting, within
from examples.common.urls import host_and_port


class Wire(Link):
    """One connection.

    Neither direction waits for the other one. The other end may read late, or not at all: then
    nothing more is pulled, and reading continues.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stop: Callable[[], None] = lambda: None  # to be called when the process ends
        self.arrived: list[bytes] = []
        self.lost: ConnectionError | None = None
        self.changed = self.loop.create_future()

    async def read(self, until: float | None = None) -> bytes:
        """Send pending output, and return what has arrived.

        Returns nothing at the given time, or if something was sent in the meantime.

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

    def flushed(self, sent: bool) -> None:
        """Let `read()` return if something was sent."""
        if sent:
            self.wake()

    async def close(self, linger: bool) -> None:
        """Send pending output and disconnect, as `hang_up()` does, and wait until that is done."""
        self.hang_up(linger)
        if self.transport is not None:
            try:
                await asyncio.wait([self.closed])
            finally:
                self.transport.abort()

    # Called by asyncio.

    def data_received(self, data: bytes) -> None:
        """Keep what has arrived."""
        if not self.leaving:
            self.arrived.append(data)
            self.wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell `read()` that nothing more arrives."""
        super().connection_lost(error)
        reason = f"the connection was lost: {error}" if error else "the other end hung up"
        self.lost = ConnectionError(reason)
        self.wake()


async def connect(link: Link, url: SplitResult, tls: ssl.SSLContext, seconds: float) -> None:
    """Connect to the server of a URL, which speaks HTTP/2; without TLS for the scheme http.

    :param seconds: the time limit
    :raises OSError: if there is no connection
    """
    context = None if url.scheme == "http" else tls
    connecting = link.loop.create_connection(lambda: link, *host_and_port(url), ssl=context)
    try:
        transport, _ = await within(seconds, connecting, lambda pair: pair[0].abort())
    except asyncio.TimeoutError:
        raise ConnectionError("no connection in time") from None
    if not speaks_http2(transport):
        raise ConnectionError("the server does not speak HTTP/2")


def serve(
    serve_client: Callable[[Wire], Coroutine[Any, Any, None]],
    description: str | None,
    handshake_seconds: float,
) -> None:
    """Read the command line; serve clients that speak HTTP/2 until Ctrl+C or SIGTERM.

    :param serve_client: serves one client until `read()` raises, or until it has to end
    :param description: the docstring of the program
    :param handshake_seconds: the time limit for the TLS handshake
    """
    args = server_options(description).parse_args()
    tls = server_context(args.certificates)

    async def serve_socket(sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        transport, wire = await loop.connect_accepted_socket(
            Wire, sock, ssl=tls, ssl_handshake_timeout=handshake_seconds
        )
        if not speaks_http2(transport):
            return
        serving = loop.create_task(serve_client(wire))
        while not serving.done():
            try:
                await asyncio.wait([serving])
            except asyncio.CancelledError:
                wire.stop()
                wire.wake()  # `until` may have changed
        await wire.close(linger=True)
        await serving

    asyncio.run(accept(serve_socket, args.host, args.port))


async def accept(
    serve_socket: Callable[[socket.socket], Coroutine[Any, Any, None]],
    host: str,
    port: int,
    scheme: str = "https",
    clients: int = sys.maxsize,
) -> None:
    """Run a task for each client until Ctrl+C or SIGTERM; then cancel them, and wait for them.

    :param clients: the maximum number of clients at the same time; others wait
    """
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(clients)

    async def run(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it has disconnected, or TLS failed
            prepare(sock)
            await serve_socket(sock)

    async def go_on() -> None:
        tasks = set[asyncio.Task[None]]()
        try:
            while True:
                await places.acquire()
                try:
                    sock, _ = await loop.sock_accept(listener)
                except OSError:  # it has already disconnected, or too many files are open
                    places.release()
                    await asyncio.sleep(0.1)
                else:
                    tasks.add(task := loop.create_task(run(sock)))
                    task.add_done_callback(tasks.discard)
                    task.add_done_callback(lambda _: places.release())
        finally:
            listener.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as listener:
        listener.setblocking(False)
        accepting = loop.create_task(go_on())
        stop = partial(loop.call_soon_threadsafe, stop_accepting, listener, accepting)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop())
        announce(listener.getsockname()[1], host, scheme)
        await asyncio.wait([accepting])
