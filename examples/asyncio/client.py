"""An HTTP/2 client on asyncio: many requests at the same time, one connection for each server.

From a shell; it prints status, length, SHA-256, seconds and URL of each response:

    python -m examples.asyncio.client --repeat 100 --concurrency 10 https://example.com/

In a program:

    async with Client() as client:
        async with await client.request("GET", "https://example.com/") as response:
            print(response.status, await response.read())

Requests above the server's limit wait in the connection. Those that the server says it did not look
at are sent again, whatever their method (RFC 9113 section 8.7). Where a connection is lost before
the response begins, that is safe only if the method is idempotent (RFC 9110 section 9.2.2).
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import ssl
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h2.events
from examples.common.certificate import client_context
from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes
from h2.exceptions import NoAvailableStreamIDError, ProtocolError
from h2.settings import SettingCodes, Settings

ATTEMPTS = 5  # how often a request may be refused, or meet a connection that takes none
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
PAUSE_SECONDS = 0.05  # before the second attempt where the first was refused; doubles each time
LINGER_SECONDS = 0.5  # how long a closing client waits for the servers to hang up

Fields = Sequence[tuple[str, str]]
Content = bytes | AsyncIterable[bytes]
Origin = tuple[str, str, int]  # scheme, host, port


class RequestError(Exception):
    """A request failed."""


class NotProcessedError(RequestError):
    """A request failed, and the server has not acted on it: it is safe to send it again."""


class LostError(RequestError):
    """The connection was lost: the server may have acted on the request."""


class Response:
    """A response, and the request that it belongs to."""

    def __init__(self, connection: "Connection", stream_id: int, waiting: bool) -> None:
        self.connection, self.h2, self.id = connection, connection.h2, stream_id
        self.status, self.headers, self.trailers = 0, as_text([]), as_text([])
        self.waiting = waiting  # for the server to allow another request
        self.producing = False  # whether the program has to say what follows
        self.complete = self.sent = False  # in each direction
        self.error: Exception | None = None
        self.changed = asyncio.Event()
        self.upload: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Response":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what has not ended, and forget what has not been read."""
        self.connection.end(self, RequestError("the response was closed"))
        self.h2.discard_data(self.id)
        self.connection.flush_soon()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Take the content piece by piece, until its end."""
        try:
            while not self.h2.at_end(self.id):
                if self.h2.readable(self.id):
                    yield self.h2.read_data(self.id)
                else:
                    await self.wait()
        finally:
            self.close()

    async def read(self) -> bytes:
        """Take all the content."""
        return b"".join([piece async for piece in self])

    async def wait(self) -> None:
        """Wait until something happens; raise if that is a failure, or if nothing moves."""
        self.connection.flush_soon()
        self.changed.clear()
        while self.error is None:
            unsent = self.h2.send_buffer_size(self.id)
            try:
                await asyncio.wait_for(self.changed.wait(), self.connection.timeout)
                break
            except asyncio.TimeoutError:
                others = self.waiting and self.h2.open_outbound_streams
                if not (self.producing or others or unsent != self.h2.send_buffer_size(self.id)):
                    reason = f"nothing moved for {self.connection.timeout:g} seconds"
                    self.connection.end(self, RequestError(reason))
        if self.error is not None:
            raise self.error

    async def send(self, content: AsyncIterable[bytes]) -> None:
        """Send the content of the request, at the pace of the server. Runs as a task."""
        try:
            while self.waiting:
                await self.wait()
            self.producing = True
            async for piece in content:
                self.h2.send_data(self.id, piece)
                self.connection.flush_soon()
                self.producing = False
                while not self.h2.is_writable(self.id):
                    await self.wait()
                self.producing = True
            self.producing = False
            self.h2.end_stream(self.id)
            self.connection.flush_soon()
            self.sent = True
            self.connection.settle(self)
        except Exception as error:  # of the iterator: whoever waits for the response gets it
            self.connection.end(self, error)


class Connection(asyncio.Protocol):
    """One connection to a server."""

    def __init__(self, timeout: float, connections: "set[Connection]") -> None:
        self.h2 = BufferedH2Connection(
            receive_buffering=True, stream_window=256 * 1024, connection_window=2**31 - 1
        )
        self.h2.STREAMS_BEFORE_SETTINGS = 1  # the others wait to see how many there may be
        values = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_HEADER_LIST_SIZE: 64 * 1024}
        self.h2.local_settings = Settings(client=True, initial_values=values)
        self.timeout, self.connections = timeout, connections
        self.responses: dict[int, Response] = {}  # those that have not ended
        self.taken = False  # whether the server may have acted on a request
        self.flushing = self.paused = self.draining = self.ended = False
        self.reason = ""  # why it takes no more requests
        self.loop = asyncio.get_running_loop()
        self.closed = self.loop.create_future()

    async def request(self, fields: Fields, content: Content) -> Response:
        """Send a request, and wait for the response."""
        if self.draining:
            raise NotProcessedError(self.reason)
        before = self.h2.waiting_streams
        try:
            stream_id = self.h2.get_next_available_stream_id()
            self.h2.send_headers(stream_id, fields, end_stream=content == b"")
        except NoAvailableStreamIDError as error:
            self.reason, self.draining = "no stream identifiers are left", True
            raise NotProcessedError(self.reason) from error
        except (ProtocolError, TypeError, ValueError) as error:
            raise RequestError(f"the request is malformed: {error}") from error
        response = Response(self, stream_id, self.h2.waiting_streams > before)
        self.responses[stream_id], self.taken = response, True
        if isinstance(content, bytes):
            if content:
                self.h2.send_data(stream_id, content, end_stream=True)
            response.sent = True
        else:
            response.upload = self.loop.create_task(response.send(content))
        try:
            while not response.status:
                await response.wait()
        except asyncio.CancelledError:
            response.close()
            raise
        return response

    def settle(self, response: Response) -> None:
        """Let go of a request that has ended in both directions."""
        if response.complete and response.sent:
            self.end(response)

    def end(self, response: Response, error: Exception | None = None) -> None:
        """Let go of a request; with an error if it has not ended."""
        if self.responses.pop(response.id, None) is None:
            return
        if error and not response.complete:
            response.error = error
        with contextlib.suppress(ProtocolError):  # where it is closed already
            self.h2.reset_stream(response.id, ErrorCodes.CANCEL)
        if response.upload and response.upload is not asyncio.current_task():
            response.upload.cancel()
        response.changed.set()
        self.flush_soon()
        if self.draining and not self.responses:
            self.hang_up()

    def leave(self, reason: str, kind: type[RequestError] = RequestError) -> None:
        """End the connection, and everything that is under way on it."""
        self.reason, self.draining = self.reason or reason, True
        for response in list(self.responses.values()):
            self.end(response, kind(reason))
        self.hang_up()

    def hang_up(self) -> None:
        """Say the last words, and close the connection."""
        if not self.ended:
            self.ended = True
            self.h2.close_connection()
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())
            self.transport.close()

    def connection_made(self, transport: Any) -> None:
        """Begin, if the server speaks HTTP/2."""
        self.transport = transport
        self.connections.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls and tls.selected_alpn_protocol() != "h2":
            self.leave("the server does not speak HTTP/2")
        else:
            self.h2.initiate_connection()
            self.flush()

    def data_received(self, data: bytes) -> None:
        """Act on what the server says."""
        try:
            self.handle(self.h2.receive_data(data))
        except ProtocolError as error:
            self.handle(error.events)
            self.ended = True  # the GOAWAY frame that says why is pending
            self.leave(f"the server broke the rules: {error}")
        self.flush_soon()

    def handle(self, events: Sequence[h2.events.Event]) -> None:
        """Act on events; those that are not listed need no action."""
        for event in events:
            response = self.responses.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.ConnectionTerminated():
                    self.reason, self.draining = "the server is going away", True
                    self.taken = self.taken and event.last_stream_id > 0
                case h2.events.StreamOpened() if response:
                    response.waiting = False
                case h2.events.ResponseReceived() if response:
                    response.status = int(event.headers[0][1])
                    response.headers = as_text(event.headers[1:])
                case h2.events.TrailersReceived() if response:
                    response.trailers = as_text(event.headers)
                case h2.events.StreamEnded() if response:
                    response.complete = True
                    self.settle(response)
                case h2.events.StreamReset(error_code=code) if response:
                    if code == ErrorCodes.REFUSED_STREAM and not response.status:
                        reason = self.reason or "the server refused the request"
                        self.end(response, NotProcessedError(reason))
                    elif event.remote_reset:
                        self.end(response, RequestError(f"the server reset the request: {code!r}"))
                    else:
                        self.end(response, RequestError("the response is malformed"))
            if response:
                response.changed.set()
        if self.draining and not self.responses:
            self.hang_up()

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
        """Stop sending: the server is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self.paused = False
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        """Give up what is under way: the server has gone."""
        if not self.transport.is_closing():
            self.transport.close()  # Python 3.10 takes it for open otherwise, and warns
        reason = f"the connection was lost: {error}" if error else "the server hung up"
        self.leave(reason, LostError)
        self.connections.discard(self)
        self.closed.set_result(None)


class Client:
    """Requests to any number of servers.

    :param context: TLS with ALPN for `h2`; trusts the authorities of the system if None
    :param timeout: how many seconds a server may leave us waiting
    """

    def __init__(self, context: ssl.SSLContext | None = None, *, timeout: float = 30.0) -> None:
        self.context = client_context() if context is None else context
        self.timeout = timeout
        self.current: dict[Origin, asyncio.Task[Connection]] = {}  # where new requests go
        self.connections: set[Connection] = set()  # also those that only finish what they have

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections, and what is under way on them."""
        for task in self.current.values():
            task.cancel()
        await asyncio.gather(*self.current.values(), return_exceptions=True)
        for connection in list(self.connections):
            connection.leave("the client was closed")
        if closing := [connection.closed for connection in self.connections]:
            await asyncio.wait(closing, timeout=LINGER_SECONDS)
        for connection in self.connections:
            connection.transport.abort()

    async def request(
        self, method: str, url: str, headers: Fields = (), content: Content = b""
    ) -> Response:
        """Send a request; return the response as soon as its header section is there.

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
            connection = await self.connect((parts.scheme, parts.hostname, port))
            try:
                return await connection.request(fields, content)
            except NotProcessedError:
                # A connection that has taken other requests brings us on: there is an end to them.
                attempts += not (connection.draining and connection.taken)
                if attempts == ATTEMPTS or isinstance(content, AsyncIterator):
                    raise
            except LostError:
                attempts += 1
                once = method not in IDEMPOTENT or isinstance(content, AsyncIterator)
                if attempts == ATTEMPTS or once:
                    raise
            if not connection.draining:
                await asyncio.sleep(PAUSE_SECONDS * 2 ** (attempts - 1))

    async def connect(self, origin: Origin) -> Connection:
        """Return the connection to a server, after making it if there is none for new requests."""
        task = self.current.get(origin)
        if not task or (task.done() and (task.exception() or task.result().draining)):
            task = self.current[origin] = asyncio.create_task(self.open(*origin))
        return await asyncio.shield(task)  # others may wait for it, too

    async def open(self, scheme: str, host: str, port: int) -> Connection:
        """Make a connection."""
        context = self.context if scheme == "https" else None
        connecting = asyncio.get_running_loop().create_connection(
            lambda: Connection(self.timeout, self.connections), host, port, ssl=context
        )
        try:
            _, connection = await asyncio.wait_for(connecting, self.timeout)
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            reason = error or "no connection in time"
            raise RequestError(f"{host} port {port}: {reason}") from error
        if connection.draining:
            raise RequestError(f"{host} port {port}: {connection.reason}")
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


def as_text(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return fields as text; whatever octets they have, there is a character for each."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


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
    places = asyncio.Semaphore(args.concurrency)

    async def one(url: str, number: int) -> bool:
        async with places:
            return await fetch(client, args, url, number)

    async with Client(client_context(args.authority)) as client:
        requests = [one(url, number) for number, url in enumerate(args.url * args.repeat, 1)]
        return all(await asyncio.gather(*requests))


def main() -> int:
    """Read the command line and make the requests; return the exit status."""
    parser = argparse.ArgumentParser(description="Make many requests over HTTP/2 at the same time.")
    parser.add_argument("url", nargs="+", help="https, or http for HTTP/2 with prior knowledge")
    parser.add_argument("--authority", type=Path, metavar="FILE", help="certificate to trust (PEM)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="ask for each N times")
    parser.add_argument("--concurrency", type=int, default=100, metavar="N", help="N at a time")
    parser.add_argument("--data", type=Path, metavar="FILE", help="POST the content of this file")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep content in files here")
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
