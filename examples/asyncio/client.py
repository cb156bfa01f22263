"""An HTTP/2 client on asyncio: concurrent requests, one connection for each server.

    async with Client() as client:
        async with client.request("GET", "https://example.com/") as response:
            print(response.status, await response.read())

Requests above the server's limit wait in the connection. Those that the server did not process are
retried, whatever their method (RFC 9113 section 8.7). If a connection is lost before the response
begins, that is safe only if the method is idempotent (RFC 9110 section 9.2.2).
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from urllib.parse import SplitResult

import h2.events
from examples.common.certificate import client_context
from examples.common.tls import Wire, connect
from examples.common.urls import request_fields, split_url
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

ATTEMPTS = 5  # how often a request may be refused, or find a connection that accepts none
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
Fields = list[tuple[str, str]]
Content = bytes | AsyncIterable[bytes]  # an iterator can be sent only once


class RequestError(Exception):
    """A request failed."""


class NotProcessedError(RequestError):
    """A request failed, but the server has not processed it: it is safe to retry it."""


class LostError(RequestError):
    """The connection was lost: the server may have processed the request."""


class Response:
    """A request that was sent, and the response."""

    def __init__(self, connection: "Connection", fields: Fields, content: Content) -> None:
        self.connection, self.h2 = connection, connection.h2
        self.id = self.h2.get_next_available_stream_id()
        self.status, self.headers, self.trailers = 0, Fields(), Fields()
        self.error: Exception | None = None  # why nothing more can be received or sent
        self.changed = connection.wire.loop.create_future()
        self.upload: asyncio.Task[None] | None = None
        self.h2.send_headers(self.id, fields, end_stream=not content)
        if not isinstance(content, bytes):
            self.upload = asyncio.create_task(self.send(content))
        elif content:
            self.h2.send_data(self.id, content, end_stream=True)
        connection.responses[self.id] = self
        connection.taken = True

    async def read(self) -> bytes:
        """Return the whole content."""
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the content piece by piece."""
        while not self.h2.at_end(self.id):
            if self.h2.readable(self.id):
                yield self.h2.read_data(self.id)
            else:
                await self.wait()

    async def send(self, content: AsyncIterable[bytes]) -> None:
        """Send the content of the request, at the pace of the server. Runs as a task."""
        try:
            async for piece in content:
                self.h2.send_data(self.id, piece)
                self.connection.wire.flush_soon()
                while not self.h2.is_writable(self.id):
                    await self.wait()  # raises after a reset
            self.h2.end_stream(self.id)
        except Exception as error:  # of the iterator: raised where the response is awaited
            self.error = self.error or error
        self.wake()

    def wake(self) -> None:
        """Wake everything that waits for a change."""
        changed, self.changed = self.changed, self.connection.wire.loop.create_future()
        changed.set_result(None)

    async def wait(self) -> None:
        """Wait until something happens; raise if the request has failed, or time is up."""
        if self.error:
            raise self.error
        timeout: float | None = self.connection.timeout
        queued = self.id not in self.h2.streams and self.h2.open_outbound_streams
        if queued or (self.upload and self.h2.is_writable(self.id)):
            timeout = None  # requests in front of it have to end, or we have to say something
        try:
            await self.connection.wire.wait(self.changed, timeout)
        except asyncio.TimeoutError:
            raise RequestError(f"nothing moved for {timeout:g} seconds") from None

    def close(self) -> None:
        """Reset the stream unless both sides have ended it, and forget what has not been read."""
        self.error = self.error or RequestError("the response was closed")
        if self.upload:
            self.upload.cancel()
        with contextlib.suppress(ProtocolError):
            self.h2.reset_stream(self.id, ErrorCodes.CANCEL)
        self.h2.discard_data(self.id)
        self.connection.responses.pop(self.id, None)
        self.connection.wire.wake()
        self.wake()


class Connection:
    """One connection to a server, with a timeout in seconds. Requests wait until it is open."""

    def __init__(self, url: SplitResult, tls: ssl.SSLContext, timeout: float) -> None:
        self.h2 = BufferedH2Connection(
            H2Configuration(header_encoding="latin-1"),
            receive_buffering=True,
            stream_window=256 * 1024,
            connection_window=2**31 - 1,
        )
        self.h2.STREAMS_BEFORE_SETTINGS = 1  # the others wait for the server's limit
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.ENABLE_PUSH: 0})
        self.wire, self.url, self.timeout = Wire(), url, timeout
        self.wire.pull = self.h2.data_to_send
        self.responses: dict[int, Response] = {}  # those that are in use
        self.reason = ""  # why it accepts no more requests
        self.taken = False  # whether the server may have processed a request
        self.task = asyncio.create_task(self.run(tls))

    async def run(self, tls: ssl.SSLContext) -> None:
        """Transfer bytes and events until everything has ended, and nothing new is possible."""
        error = RequestError("the client was closed")
        failure = RequestError
        try:
            await connect(self.wire, self.url, tls, self.timeout)
            failure = LostError
            while self.responses or not self.reason:
                self.handle(self.h2.receive_data(await self.wire.read()))
            self.h2.close_connection()
        except OSError as fault:
            error = failure(str(fault))
        except ProtocolError as fault:
            self.handle(fault.events)
            error = RequestError(f"the server broke the rules: {fault}")
        finally:
            self.reason = self.reason or str(error)
            for response in self.responses.values():
                response.error = response.error or error
                response.wake()
            await self.wire.close(linger=False)

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Process events; those that are not listed only wake up what waits for them."""
        for event in events:
            response = self.responses.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.ConnectionTerminated():
                    self.reason = "the server is going away"
                    self.taken = self.taken and event.last_stream_id > 0
                case h2.events.ResponseReceived() if response:
                    (_, status), *response.headers = event.headers
                    response.status = int(status)
                case h2.events.TrailersReceived() if response:
                    response.trailers = event.headers
                case h2.events.StreamReset(error_code=ErrorCodes.REFUSED_STREAM) if response:
                    reason = self.reason or "the server refused the request"
                    response.error = NotProcessedError(reason)
                case h2.events.StreamReset() if response:
                    response.error = RequestError(f"the request was reset: {event.error_code!r}")
            if response:
                response.wake()


class Client(contextlib.AbstractAsyncContextManager["Client"]):
    """Requests to any number of servers, with a timeout in seconds."""

    def __init__(self, context: ssl.SSLContext | None = None, *, timeout: float = 30.0) -> None:
        self.context, self.timeout = context or client_context(), timeout
        self.connections: set[Connection] = set()

    async def __aexit__(self, *_: object) -> None:
        """End all connections, and what is in progress on them."""
        await asyncio.sleep(0)  # a task that has not begun could not clean up
        tasks = [connection.task for connection in self.connections]
        for connection in self.connections:
            for response in list(connection.responses.values()):
                response.close()
            connection.h2.close_connection()
            connection.task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
            connection = self.connect(parts)
            response = Response(connection, fields, content)
            try:
                while not response.status:
                    await response.wait()
                yield response
                return
            except (NotProcessedError, LostError) as error:
                # A connection that has accepted other requests is progress, so retries will end.
                lost = isinstance(error, LostError)
                attempts += lost or not (connection.reason and connection.taken)
                once = isinstance(content, AsyncIterator) or (lost and method not in IDEMPOTENT)
                if response.status or once or attempts == ATTEMPTS:
                    raise
            finally:
                response.close()
            if not connection.reason:
                await asyncio.sleep(0.05 * 2 ** (attempts - 1))

    def connect(self, url: SplitResult) -> Connection:
        """Return the connection to a server, or a new one if there is none for new requests."""
        for connection in self.connections:
            same = connection.url.scheme == url.scheme and connection.url.netloc == url.netloc
            if same and not connection.reason:
                return connection
        connection = Connection(url, self.context, self.timeout)
        self.connections.add(connection)
        connection.task.add_done_callback(lambda _: self.connections.discard(connection))
        return connection


if __name__ == "__main__":
    from examples.asyncio.fetch import main  # which imports this module

    raise SystemExit(main())
