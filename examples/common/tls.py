"""Clients and servers on asyncio: how they connect, and accept until Ctrl+C or SIGTERM.

Nothing here is specific to HTTP/2 but the name of the protocol that TLS has to select.
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

from examples.common.options import announce
from examples.common.sockets import prepare
from examples.common.transport import Link, speaks_http2, stop_accepting, within
from examples.common.urls import host_and_port


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
