"""An anyio client: many requests at once over one connection, on asyncio or on trio.

    python -m examples.anyio.client https://localhost:8443/ https://localhost:8443/bytes/1000000
    python -m examples.anyio.client --backend trio --data FILE https://localhost:8443/echo

All URLs belong to one server, and the requests are sent together, as far as the server allows it.
The content of the responses is written to standard output, in the order of the URLs; `--data` posts
a file to each of them. The exit status is 0 if all responses are complete, with a status below 400.
For servers started from these examples, name the CA certificate:

    --authority examples/certificates/authority.pem

Flow control keeps the memory small. What arrives of a response before it is its turn stays within
the window of its stream, and room is given back only for what is written out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import anyio
import anyio.to_thread
from anyio.abc import ByteStream, TaskGroup
from anyio.streams.tls import TLSAttribute

import h2.events
from examples.common.certificate import client_context
from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

LIMIT = 100  # requests at a time; the server may allow fewer
STREAM_WINDOW = 65_535  # octets of a response that may wait for its turn
UPLOAD_SIZE = 65_536  # octets read from the file at a time
CONNECT_SECONDS = 10.0
FAREWELL_SECONDS = 1.0  # time for sending our last frames


class RequestError(Exception):
    """A request did not get a complete and successful response."""


class Signal:
    """Wakes the tasks that wait for the next change."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def fire(self) -> None:
        """Wake all waiting tasks."""
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        """Wait for the next `fire()`."""
        await self._event.wait()


class Request:
    """One request and its state."""

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id
        self.status = ""  # of the response, once that has begun
        self.failure: str | None = None
        self.changed = Signal()

    def fail(self, reason: str) -> None:
        """Make it fail, unless it has already."""
        self.failure = self.failure or reason
        self.changed.fire()

    async def wait(self) -> None:
        """Wait until something happens to it; raise `RequestError` if it has failed."""
        if self.failure is not None:
            raise RequestError(self.failure)
        await self.changed.wait()


class Connection:
    """One connection: a task that reads, a task that writes, and requests that others make.

    Neither task waits for the other: a server that waits until we read would never read what we
    send.
    """

    def __init__(self, transport: ByteStream) -> None:
        self.transport = transport
        # Enough for all streams. With less, responses that wait for their turn could exhaust the
        # window that the current one needs: a deadlock.
        window = LIMIT * STREAM_WINDOW
        self.conn = BufferedH2Connection(receive_buffering=True, connection_window=window)
        self.requests: dict[int, Request] = {}
        self.settings_received = anyio.Event()
        self.closing: str | None = None  # why there can be no more requests
        self.unwritten = Signal()  # there is something to write
        self.written = Signal()  # everything has been written

    async def start(self, group: TaskGroup) -> None:
        """Send the preface, and wait for the server's settings, which limit the requests."""
        self.conn.initiate_connection()
        self.conn.update_settings({SettingCodes.ENABLE_PUSH: 0})
        group.start_soon(self.read)
        group.start_soon(self.write)
        await self.settings_received.wait()

    async def read(self) -> None:
        """Read until the connection ends."""
        try:
            while True:
                self.handle(self.conn.receive_data(await self.transport.receive()))
                self.unwritten.fire()
        except ProtocolError as error:
            self.handle(error.events)  # of the valid frames before it
            self.close(f"the server broke the protocol: {error}")
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            self.close("the server hung up")
        self.unwritten.fire()

    async def write(self) -> None:
        """Write what can be sent, as fast as the server reads it."""
        with contextlib.suppress(anyio.BrokenResourceError):  # the reader notices, too
            while True:
                while data := self.conn.data_to_send(65_536):
                    await self.transport.send(data)
                    self.handle(self.conn.events())
                self.written.fire()
                await self.unwritten.wait()

    async def flush(self) -> None:
        """Wait until everything is written."""
        self.unwritten.fire()
        await self.written.wait()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Process events; those that are not listed only wake the request."""
        for event in events:
            request = self.requests.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.RemoteSettingsChanged():
                    self.settings_received.set()
                case h2.events.ResponseReceived() if request:
                    request.status = dict(event.headers)[b":status"].decode()
                case h2.events.StreamReset(error_code=code) if request:
                    who = "the server" if event.remote_reset else "this client"
                    request.fail(f"{who} reset the stream: {code!r}")
                case h2.events.ConnectionTerminated(error_code=code, last_stream_id=last):
                    # The others are completed, or fail when the server disconnects.
                    self.close(f"the server takes no more requests: {code!r}", above=last)
            if request:
                request.changed.fire()

    def close(self, reason: str, above: int = 0) -> None:
        """Refuse new requests, and make those on streams above this number fail."""
        self.closing = reason
        self.settings_received.set()
        for request in self.requests.values():
            if request.stream_id > above:
                request.fail(reason)

    def open(self, fields: list[tuple[str, str]], end_stream: bool) -> Request:
        """Send the header section of a request; it is queued while the server allows no more."""
        if self.closing is not None:
            raise RequestError(self.closing)
        request = Request(self.conn.get_next_available_stream_id())
        self.conn.send_headers(request.stream_id, fields, end_stream=end_stream)
        self.requests[request.stream_id] = request
        self.unwritten.fire()
        return request

    async def upload(self, request: Request, path: Path) -> None:
        """Send a file as the content of a request, as fast as the server's windows allow."""
        try:
            async with await anyio.open_file(path, "rb") as file:
                while content := await file.read(UPLOAD_SIZE):
                    self.conn.send_data(request.stream_id, content)
                    self.unwritten.fire()
                    while not self.conn.is_writable(request.stream_id):
                        await request.wait()  # raises after a reset
                self.conn.end_stream(request.stream_id)
                self.unwritten.fire()
        except (ProtocolError, RequestError):
            pass  # the server has answered already, or `download()` reports the failure
        except OSError as error:
            request.fail(f"cannot read the file: {error}")

    async def download(self, request: Request, turn: anyio.Event) -> None:
        """Receive a response, and write its content when it is its turn."""
        while not request.status:
            await request.wait()
        await turn.wait()
        while not self.conn.at_end(request.stream_id):
            if self.conn.readable(request.stream_id):
                content = self.conn.read_data(request.stream_id)
                self.unwritten.fire()  # the server may send as much again
                await anyio.to_thread.run_sync(write_out, content)
            else:
                await request.wait()
        if request.status >= "400":
            raise RequestError(f"status {request.status}")

    def forget(self, request: Request) -> None:
        """Forget a request; cancel it if it has not ended."""
        del self.requests[request.stream_id]
        with contextlib.suppress(ProtocolError):  # it has ended
            self.conn.reset_stream(request.stream_id, ErrorCodes.CANCEL)
        self.conn.discard_data(request.stream_id)
        self.unwritten.fire()


def write_out(content: bytes) -> None:
    """Write to standard output, past its buffer."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]


def https_url(text: str) -> SplitResult:
    """Parse a URL. Raises `ValueError` if it is not one that this program can fetch."""
    url = urlsplit(text)
    if url.scheme != "https" or not url.hostname or url.port == 0:
        raise ValueError(text)
    return url


def request_fields(url: SplitResult, upload: Path | None) -> list[tuple[str, str]]:
    """Return the header section of the request for this URL."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    fields = [
        (":method", "GET" if upload is None else "POST"),
        (":scheme", "https"),
        (":authority", url.netloc.rpartition("@")[2]),
        (":path", target),
        ("user-agent", "h2-anyio-example"),
    ]
    if upload is not None:
        fields.append(("content-length", str(upload.stat().st_size)))
    return fields


class Job(NamedTuple):
    """The common state of the requests of one run."""

    connection: Connection
    upload: Path | None
    limit: anyio.Semaphore
    failures: list[str]

    async def exchange(
        self, url: SplitResult, request: Request, mine: anyio.Event, following: anyio.Event
    ) -> None:
        """Send the content of a request, and receive the response at the same time.

        `mine` is set when it is its turn to write the response, and `following` is set afterwards
        for the next one.
        """
        async with anyio.create_task_group() as group:
            if self.upload is not None:
                group.start_soon(self.connection.upload, request, self.upload)
            try:
                await self.connection.download(request, mine)
            except (RequestError, OSError) as error:
                self.failures.append(f"{url.geturl()}: {error}")
            group.cancel_scope.cancel()
        self.connection.forget(request)
        await mine.wait()
        following.set()
        self.limit.release()

    async def run(self, urls: list[SplitResult]) -> None:
        """Make all requests."""
        turn = anyio.Event()
        turn.set()
        async with anyio.create_task_group() as exchanges:
            for url in urls:
                await self.limit.acquire()
                try:
                    fields = request_fields(url, self.upload)
                    request = self.connection.open(fields, end_stream=self.upload is None)
                except (RequestError, ProtocolError) as error:
                    self.failures.append(f"{url.geturl()}: {error}")
                    self.limit.release()
                    continue
                turn, mine = anyio.Event(), turn
                exchanges.start_soon(self.exchange, url, request, mine, turn)


async def fetch(urls: list[SplitResult], authority: Path | None, upload: Path | None) -> list[str]:
    """Make all requests over one connection; return what went wrong."""
    host, port = urls[0].hostname or "", urls[0].port or 443
    async with contextlib.AsyncExitStack() as stack:
        with anyio.fail_after(CONNECT_SECONDS):
            transport = await anyio.connect_tcp(
                host,
                port,
                ssl_context=client_context(authority),
                tls_standard_compatible=False,  # many servers disconnect without a TLS close_notify
            )
            stack.push_async_callback(transport.aclose)
            if transport.extra(TLSAttribute.alpn_protocol) != "h2":
                return [f"{host} does not speak HTTP/2"]
        async with anyio.create_task_group() as group:
            connection = Connection(transport)
            job = Job(connection, upload, anyio.Semaphore(LIMIT), [])
            with anyio.move_on_after(CONNECT_SECONDS) as starting:
                await connection.start(group)
            if starting.cancelled_caught:
                connection.close("the server sent no settings")
            await job.run(urls)
            if connection.closing is None:
                connection.conn.close_connection()
            with anyio.move_on_after(FAREWELL_SECONDS):
                await connection.flush()
            group.cancel_scope.cancel()
    return job.failures


def main() -> int:
    """Read the command line and make the requests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("urls", nargs="+", type=https_url, metavar="URL")
    parser.add_argument("--authority", type=Path, help="certificate of the authority to trust")
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio")
    parser.add_argument("--data", type=Path, metavar="FILE", help="file to post to each URL")
    options = parser.parse_args()
    if len({url.netloc for url in options.urls}) > 1:
        parser.error("all URLs must belong to one server")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C: there is nothing to clean up
    run = partial(fetch, options.urls, options.authority, options.data)
    try:
        failures = anyio.run(run, backend=options.backend)
    except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        failures = [str(error) or type(error).__name__]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
