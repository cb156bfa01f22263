"""An HTTP/2 client on asyncio: many requests at the same time, one connection for each server.

From a shell; it prints status, length, SHA-256, seconds and URL of each response:

    python -m examples.asyncio.client --repeat 100 --concurrency 10 https://example.com/

In a program:

    async with Client() as client:
        async with await client.request("GET", "https://example.com/") as response:
            print(response.status, await response.read())

Requests wait in line until the server (SETTINGS_MAX_CONCURRENT_STREAMS) and our own limit allow
another one. Where the server says that it did not look at a request, it is sent again: with GOAWAY,
which leaves requests up to its last stream identifier to be finished, on a new connection, and with
REFUSED_STREAM on the same one a little later. These two are a guarantee, so that this is safe
whatever the method (RFC 9113 section 8.7). Where a connection is lost before the response begins,
the server may have acted on the request: it is sent again if its method is idempotent (RFC 9110
section 9.2.2). After every other failure it is for the caller to know what then.

How often that is tried has a limit, but a server that retires a connection after every few requests
must not use it up: a GOAWAY frame counts as an attempt only if the connection took no request at
all. Each of the others brings at least one request to its end, so there is an end to all of them.

To cancel a request, cancel the task that waits for it, or close the response. Others do not notice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from examples.asyncio.client_connection import (
    Connection,
    Content,
    Fields,
    LostError,
    NotProcessedError,
    RequestError,
    Response,
)
from examples.common.certificate import client_context

ATTEMPTS = 5  # how often a request may be refused, or meet a connection that takes none
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
PAUSE_SECONDS = 0.05  # before the second attempt where the first was refused; doubles each time
LINGER_SECONDS = 0.5  # how long a closing client waits for the servers to hang up


class Origin(NamedTuple):
    """What a connection is for."""

    scheme: str
    host: str
    port: int


class Client:
    """Requests to any number of servers.

    :param context: TLS with ALPN for `h2`; trusts the authorities of the system if None
    :param limit: how many requests may be open at the same time with one server
    :param timeout: how many seconds a server may leave us waiting
    """

    def __init__(
        self, context: ssl.SSLContext | None = None, *, limit: int = 100, timeout: float = 30.0
    ) -> None:
        self.context = client_context() if context is None else context
        self.limit = limit
        self.timeout = timeout
        self.current: dict[Origin, asyncio.Task[Connection]] = {}  # where new requests go
        self.connections: set[Connection] = set()  # also those that only finish what they have
        self.closed = False

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections, and what is under way on them."""
        self.closed = True
        for task in self.current.values():
            task.cancel()
        await asyncio.gather(*self.current.values(), return_exceptions=True)
        for connection in self.connections:
            connection.leave("the client was closed")
        if closing := [connection.closed for connection in self.connections]:
            await asyncio.wait(closing, timeout=LINGER_SECONDS)
        for connection in self.connections:
            connection.transport.abort()

    async def request(
        self, method: str, url: str, headers: Fields = (), content: Content = b""
    ) -> Response:
        """Send a request; return the response as soon as its header section is there.

        Its content is then read with `async for`, or `read()`. Close it, best with `async with`.

        :param content: octets, or an asynchronous iterable of them, which is taken from as the
            server has room. If it is an iterator it can be sent only once.
        :raises RequestError: if it fails, after as many attempts as make sense
        """
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise RequestError(f"{url} is no URL: {error}") from error
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise RequestError(f"{url} is no URL of a web page")
        fields = [
            (":method", method),
            (":scheme", parts.scheme),
            (":authority", parts.netloc.rpartition("@")[2]),
            (":path", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")),
            *headers,
        ]
        if isinstance(content, bytes) and content:
            fields.append(("content-length", str(len(content))))
        attempts = 0
        while True:
            connection = await self.connect(Origin(parts.scheme, parts.hostname, port))
            try:
                return await connection.request(fields, content)
            except NotProcessedError as error:
                attempts += error.counts
                used_up = error.sent and isinstance(content, AsyncIterator)
                if attempts == ATTEMPTS or used_up:
                    raise
            except LostError:
                attempts += 1
                used_up = isinstance(content, AsyncIterator)
                if attempts == ATTEMPTS or used_up or method not in IDEMPOTENT:
                    raise
            if not connection.draining:
                await asyncio.sleep(PAUSE_SECONDS * 2 ** (attempts - 1))

    async def connect(self, origin: Origin) -> Connection:
        """Return the connection to a server, after making it if there is none for new requests."""
        if self.closed:
            raise RequestError("the client was closed")
        task = self.current.get(origin)
        if task and task.done() and (task.exception() or task.result().draining):
            task = None
        if task is None:
            task = self.current[origin] = asyncio.create_task(self.open(origin))
        # Others may wait for it, too: it goes on when we are cancelled.
        return await asyncio.shield(task)

    async def open(self, origin: Origin) -> Connection:
        """Make a connection; wait until the server has shown its settings."""
        where = f"{origin.host} port {origin.port}"
        connecting = asyncio.get_running_loop().create_connection(
            lambda: Connection(self.limit, self.timeout, self.connections),
            origin.host,
            origin.port,
            ssl=self.context if origin.scheme == "https" else None,
        )
        try:
            _, connection = await asyncio.wait_for(connecting, self.timeout)
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            raise RequestError(f"{where}: {error or 'no connection in time'}") from error
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(connection.ready.wait(), self.timeout)
        if not connection.ready.is_set():
            connection.leave("the server does not answer")
        if connection.reason:
            raise RequestError(f"{where}: {connection.reason}")
        return connection


class FileContent:
    """The content of a file, each time anew."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the file piece by piece."""
        with self.path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, 64 * 1024):
                yield piece


async def fetch(client: Client, args: argparse.Namespace, url: str, number: int) -> bool:
    """Make one request and print a line about the response; return whether it succeeded."""
    began, digest, length = time.perf_counter(), hashlib.sha256(), 0
    method, content = ("POST", FileContent(args.data)) if args.data else ("GET", b"")
    try:
        async with await client.request(method, url, content=content) as response:
            with open(args.output / str(number) if args.output else os.devnull, "wb") as file:
                async for piece in response:
                    digest.update(piece)
                    length += file.write(piece)
    except (RequestError, OSError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return False
    seconds = time.perf_counter() - began
    print(f"{response.status} {length} {digest.hexdigest()} {seconds:.3f} {url}", flush=True)
    return True


async def run(args: argparse.Namespace) -> bool:
    """Make all requests; return whether all of them succeeded."""
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
    urls = args.url * args.repeat
    async with Client(client_context(args.authority), limit=args.concurrency) as client:
        requests = [fetch(client, args, url, number) for number, url in enumerate(urls, 1)]
        return all(await asyncio.gather(*requests))


def main() -> int:
    """Read the command line and make the requests; return the exit status."""
    parser = argparse.ArgumentParser(description="Make many requests over HTTP/2 at the same time.")
    parser.add_argument("url", nargs="+", help="https, or http for HTTP/2 with prior knowledge")
    parser.add_argument("--authority", type=Path, metavar="FILE", help="certificate to trust (PEM)")
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="ask for each URL N times"
    )
    parser.add_argument(
        "--concurrency", type=int, default=100, metavar="N", help="at most N requests at a time"
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="POST the content of this file")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="keep the content in files 1, 2, 3, ... here"
    )
    args = parser.parse_args()
    if min(args.repeat, args.concurrency) < 1:
        parser.error("N must be at least 1")
    try:
        return 0 if asyncio.run(run(args)) else 1
    except OSError as error:  # with the authority's file, or the folder for the output
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
