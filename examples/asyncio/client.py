"""An HTTP/2 client on asyncio: concurrent requests, one connection for each server.

    async with Client() as client:
        async with client.request("GET", "https://example.com/") as response:
            print(response.status, await response.read_all())

Requests above the server's limit wait. Requests are retried if the server did not process them (RFC
9113 section 8.7), or if it may have, but the method is idempotent (RFC 9110 section 9.2.2).
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from urllib.parse import SplitResult

from examples.common import streams
from examples.common.certificate import client_context
from examples.common.tls import connect
from examples.common.urls import request_fields, split_url

ATTEMPTS = 5  # how often a request may be refused, or find a connection that accepts none
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
Content = bytes | AsyncIterable[bytes]  # an iterator can be sent only once


class Response(streams.Stream):
    """A request that was sent, and the response."""

    status: int = 0
    headers: streams.Fields
    upload: asyncio.Task[None] | None = None

    async def begin(self, content: Content) -> None:
        """Wait for the header section of the response, and send the content of the request."""
        if content:
            self.upload = asyncio.create_task(self.send_content(content))
        while self.status < 200:
            (_, status), *self.headers = await self.head()
            self.status = int(status)

    async def send_content(self, content: Content) -> None:
        """Send content, at the pace of the server. Runs as a task."""
        try:
            if isinstance(content, bytes):
                self.put(content)
            else:
                async for piece in content:
                    await self.write(piece)
            await self.write(b"", end=True)
        except Exception as error:  # of the iterator: raised where the response is awaited
            self.error = self.error or error
        self.wake()

    async def wait(self) -> None:
        """Wait until something happens, without a time limit if the server need not do anything."""
        queued = self.id not in self.h2.streams and self.h2.open_outbound_streams
        ours = self.upload and self.h2.is_writable(self.id)
        self.patience = None if queued or ours else self.connection.patience
        await super().wait()


class Connection(streams.Connection):
    """One connection to a server."""

    def __init__(self, client: "Client", url: SplitResult) -> None:
        super().__init__(patience=client.timeout, keepalive=client.timeout, window=256 * 1024)
        self.h2.STREAMS_BEFORE_SETTINGS = 1  # the others wait for the server's limit
        self.server, self.opening = url[:2], asyncio.create_task(self.open(client, url))
        self.opening.add_done_callback(lambda opening: opening.cancelled() or opening.exception())
        client.connections.add(self)
        self.closed.add_done_callback(lambda _: client.connections.discard(self))

    async def open(self, client: "Client", url: SplitResult) -> None:
        """Connect to the server. A failure is not logged if nobody waits for it any more."""
        try:
            await connect(self, url, client.context, client.timeout)
        except asyncio.CancelledError:
            raise ConnectionError("the client was closed") from None
        finally:
            if self.transport is None:
                self.usable = False
                self.closed.set_result(None)


class Client(contextlib.AbstractAsyncContextManager["Client"]):
    """Requests to any number of servers, with a timeout in seconds."""

    def __init__(self, context: ssl.SSLContext | None = None, *, timeout: float = 30.0) -> None:
        self.context, self.timeout = context or client_context(), timeout
        self.connections, self.closed = set[Connection](), False

    async def __aexit__(self, *_: object) -> None:
        """End all connections, and what is in progress on them."""
        self.closed = True
        await asyncio.sleep(0)  # a task that has not begun could not clean up
        for connection in list(self.connections):
            connection.opening.cancel()
            connection.h2.close_connection()
            connection.leave(ConnectionError("the client was closed"))
            await asyncio.wait([connection.closed])

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, url: str, headers: Iterable[tuple[str, str]] = (), content: Content = b""
    ) -> AsyncIterator[Response]:
        """Send a request, several times if necessary, and wait until there is a response."""
        parts = split_url(url, "https", "http")
        fields = [*request_fields(method, parts), *headers]
        if isinstance(content, bytes) and content:
            fields.append(("content-length", str(len(content))))
        attempts = 0
        while True:
            connection = await self.connect(parts)
            response = Response(connection)
            try:
                connection.begin_request(response, fields, not content)
                await response.begin(content)
                yield response
                return
            except ConnectionError as error:
                lost = isinstance(error, streams.LostError)
                safe = isinstance(error, streams.RefusedError) or (lost and method in IDEMPOTENT)
                # So retries will end: the connection has accepted other requests, but not this one.
                progress = 0 < connection.last_stream < response.id
                attempts += lost or connection.usable or not progress
                once = isinstance(content, AsyncIterator)
                if not safe or response.status or once or attempts == ATTEMPTS:
                    raise
            finally:
                if response.upload:
                    response.upload.cancel()
                response.close()
            if connection.usable:
                await asyncio.sleep(0.05 * 2 ** (attempts - 1))

    async def connect(self, url: SplitResult) -> Connection:
        """Return the connection to a server, or a new one if there is none for new requests."""
        if self.closed:
            raise ConnectionError("the client was closed")
        usable = [one for one in self.connections if one.server == url[:2] and one.usable]
        connection = usable[0] if usable else Connection(self, url)
        await asyncio.shield(connection.opening)  # others may wait for it, too
        return connection


if __name__ == "__main__":
    from examples.asyncio.fetch import main  # which imports this module

    raise SystemExit(main())
