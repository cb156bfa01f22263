"""An HTTP/2 client on asyncio: concurrent requests, one connection for each server.

    async with Client() as client:
        async with await client.request("GET", "https://example.com/") as response:
            print(response.status, await response.read())

Requests above the server's limit wait in the connection. Those that the server did not process are
retried, whatever their method (RFC 9113 section 8.7). If a connection is lost before the response
begins, that is safe only if the method is idempotent (RFC 9110 section 9.2.2).
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

import h2.events
from examples.common.certificate import client_context
from examples.common.tls import Wire, connect, split_url
from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

ATTEMPTS = 5  # how often a request may be refused, or find a connection that accepts none
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")

Fields = Sequence[tuple[str, str]]
Content = bytes | AsyncIterable[bytes]  # an iterator can be sent only once


class RequestError(Exception):
    """A request failed."""


class NotProcessedError(RequestError):
    """A request failed, but the server has not processed it: it is safe to retry it."""


class LostError(RequestError):
    """The connection was lost: the server may have processed the request."""


class Response(contextlib.AbstractAsyncContextManager["Response"]):
    """A response, and the request that it belongs to."""

    def __init__(self, connection: "Connection", stream_id: int) -> None:
        self.connection, self.h2, self.id = connection, connection.h2, stream_id
        self.status, self.headers, self.trailers = 0, as_text([]), as_text([])
        self.error: BaseException | None = None  # why it has failed
        self.upload: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the content piece by piece."""
        try:
            while not self.h2.at_end(self.id):
                if self.h2.readable(self.id):
                    yield self.h2.read_data(self.id)
                else:
                    await self.wait()
        finally:
            self.close()

    async def read(self) -> bytes:
        """Return the whole content."""
        return b"".join([piece async for piece in self])

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self, error: BaseException | None = None) -> None:
        """Reset the stream unless both sides have ended it, and forget what has not been read."""
        with contextlib.suppress(ProtocolError):
            self.h2.reset_stream(self.id, ErrorCodes.CANCEL)
        self.h2.discard_data(self.id)
        self.end(error or RequestError("the response was closed"))

    def end(self, error: BaseException | None = None) -> None:
        """End the request: it has failed, or it is complete."""
        if self.connection.responses.pop(self.id, None):
            self.error = error
            if self.upload:
                self.upload.cancel()
        self.changed.set()
        self.connection.wire.wake()

    async def send(self, content: AsyncIterable[bytes]) -> None:
        """Send the content of the request, at the pace of the server. Runs as a task."""
        try:
            async for piece in content:
                self.h2.send_data(self.id, piece)
                self.connection.wire.flush_soon()
                while not self.h2.is_writable(self.id):
                    await self.wait()  # raises after a reset
            self.h2.end_stream(self.id)
            self.changed.set()
        except Exception as error:  # of the iterator: raised where the response is awaited
            self.close(error)

    async def wait(self) -> None:
        """Wait until something happens, or time is up; raise if the request has failed."""
        if self.error:
            raise self.error
        timeout: float | None = self.connection.timeout
        queued = self.id not in self.h2.streams and self.h2.open_outbound_streams
        if queued or (self.upload and self.h2.is_writable(self.id)):
            timeout = None  # requests in front of it have to end, or we have to say something
        self.changed.clear()
        self.connection.wire.flush_soon()
        try:
            await asyncio.wait_for(self.changed.wait(), timeout)
        except asyncio.TimeoutError:
            self.close(RequestError(f"nothing moved for {timeout:g} seconds"))


class Connection:
    """One connection to a server, with a timeout in seconds."""

    def __init__(self, wire: Wire, timeout: float) -> None:
        self.h2 = BufferedH2Connection(
            receive_buffering=True, stream_window=256 * 1024, connection_window=2**31 - 1
        )
        self.h2.STREAMS_BEFORE_SETTINGS = 1  # the others wait for the server's limit
        self.wire, self.timeout = wire, timeout
        self.responses: dict[int, Response] = {}  # those that have not ended
        self.reason = ""  # why it accepts no more requests
        self.taken = False  # whether the server may have processed a request
        self.task = asyncio.create_task(self.run())

    async def request(self, fields: Fields, content: Content) -> Response:
        """Send a request, and wait for the response."""
        if self.reason:
            raise NotProcessedError(self.reason)
        try:
            stream_id = self.h2.get_next_available_stream_id()
            self.h2.send_headers(stream_id, fields, end_stream=not content)
        except (ProtocolError, TypeError, ValueError) as error:
            raise RequestError(f"the request is malformed: {error}") from error
        response = self.responses[stream_id] = Response(self, stream_id)
        self.taken = True
        if not isinstance(content, bytes):
            response.upload = asyncio.create_task(response.send(content))
        elif content:
            self.h2.send_data(stream_id, content, end_stream=True)
        try:
            while not response.status:
                await response.wait()
        except asyncio.CancelledError as error:
            response.close(error)
            raise
        return response

    async def run(self) -> None:
        """Transfer bytes and events until everything has ended, and nothing new is possible."""
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.ENABLE_PUSH: 0})
        self.wire.pull = self.h2.data_to_send
        try:
            while self.responses or not self.reason:
                self.handle(self.h2.receive_data(await self.wire.read()))
            self.h2.close_connection()
        except ConnectionError as error:
            self.leave(LostError(str(error)))
        except ProtocolError as error:
            self.handle(error.events)
            self.leave(RequestError(f"the server broke the rules: {error}"))
        finally:
            await self.wire.close(linger=False)

    def leave(self, error: RequestError) -> None:
        """Accept no more requests, and end those in progress."""
        self.reason = self.reason or str(error)
        for response in list(self.responses.values()):
            response.end(error)
        self.wire.wake()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Process events; those that are not listed need no action."""
        for event in events:
            response = self.responses.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.ConnectionTerminated():
                    self.reason = "the server is going away"
                    self.taken = self.taken and event.last_stream_id > 0
                case h2.events.ResponseReceived() if response:
                    response.status = int(event.headers[0][1])
                    response.headers = as_text(event.headers[1:])
                case h2.events.TrailersReceived() if response:
                    response.trailers = as_text(event.headers)
                case h2.events.StreamEnded() if response:
                    response.end()
                case h2.events.StreamReset(error_code=ErrorCodes.REFUSED_STREAM) if response:
                    reason = self.reason or "the server refused the request"
                    response.end(NotProcessedError(reason))
                case h2.events.StreamReset() if response:
                    response.end(RequestError(f"the request was reset: {event.error_code!r}"))
            if response:
                response.changed.set()


class Client(contextlib.AbstractAsyncContextManager["Client"]):
    """Requests to any number of servers, with a timeout in seconds."""

    def __init__(self, context: ssl.SSLContext | None = None, *, timeout: float = 30.0) -> None:
        self.context, self.timeout = context or client_context(), timeout
        self.current: dict[str, asyncio.Task[Connection]] = {}  # where new requests go
        self.connections: set[Connection] = set()  # including those that accept no new requests

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections, and what is in progress on them."""
        for connecting in self.current.values():
            connecting.cancel()
        await asyncio.gather(*self.current.values(), return_exceptions=True)
        error = RequestError("the client was closed")
        for connection in self.connections:
            for response in list(connection.responses.values()):
                response.close(error)
            connection.leave(error)
        tasks = [connection.task for connection in self.connections]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def request(
        self, method: str, url: str, headers: Fields = (), content: Content = b""
    ) -> Response:
        """Send a request, several times if necessary; return as soon as there is a response."""
        try:
            parts = split_url(url)
        except ValueError as error:
            raise RequestError(str(error)) from error
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
            connection = await self.connect(f"{parts.scheme}://{parts.netloc}")
            try:
                return await connection.request(fields, content)
            except (NotProcessedError, LostError) as error:
                # A connection that has accepted other requests is progress, so retries will end.
                lost = isinstance(error, LostError)
                attempts += lost or not (connection.reason and connection.taken)
                once = isinstance(content, AsyncIterator) or (lost and method not in IDEMPOTENT)
                if once or attempts == ATTEMPTS:
                    raise
            if not connection.reason:
                await asyncio.sleep(0.05 * 2 ** (attempts - 1))

    async def connect(self, server: str) -> Connection:
        """Return the connection to a server, or open one if there is none for new requests."""
        task = self.current.get(server)
        if not task or (task.done() and (task.exception() or task.result().reason)):
            task = self.current[server] = asyncio.create_task(self.open(server))
        return await asyncio.shield(task)  # others may wait for it, too

    async def open(self, server: str) -> Connection:
        """Open a connection."""
        try:
            wire = await connect(server, self.context, self.timeout)
        except (OSError, asyncio.TimeoutError) as error:
            raise RequestError(f"{server}: {error or 'no connection in time'}") from error
        connection = Connection(wire, self.timeout)
        self.connections.add(connection)
        connection.task.add_done_callback(lambda _: self.connections.discard(connection))
        return connection


def as_text(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return fields as text, with a character for each octet."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


if __name__ == "__main__":
    from examples.asyncio.fetch import main  # which imports this module

    raise SystemExit(main())
