"""An anyio client: many requests at once over one connection, on asyncio or on trio.

    python -m examples.anyio.client https://localhost:8443/ https://localhost:8443/bytes/1000000
    python -m examples.anyio.client --backend trio --data FILE https://localhost:8443/echo

All URLs belong to one server, and the requests are sent together, as far as the server allows it.
The content of the responses is written to standard output, in the order of the URLs; `--data` posts
a file to each of them. The exit status is 0 if all responses are complete, with a status below 400.
For servers started from these examples, name the CA certificate:

    --authority examples/certificates/authority.pem

Flow control keeps the memory small. What arrives of a response before its turn stays within the
window of its stream, and room is given back only for what is written out.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult

import anyio
import anyio.to_thread
from anyio.abc import ByteStream, TaskGroup
from anyio.streams.tls import TLSAttribute

import h2.events
from examples.common.certificate import client_context
from examples.common.urls import host_and_port, request_fields, split_url
from h2.buffered import BufferedH2Connection, Keepalive
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

LIMIT = 100  # requests at a time; the server may allow fewer
STREAM_WINDOW = 65_535  # octets of a response that may wait for its turn
UPLOAD_SIZE = 65_536  # octets read from the file at a time
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 30.0  # a server that is silent for this long gets a PING, and as long to answer
FAREWELL_SECONDS = 1.0  # time for sending our last frames


class RequestError(Exception):
    """A request did not get a complete and successful response."""


class Request:
    """One request and its state."""

    def __init__(self, url: SplitResult, stream_id: int) -> None:
        self.url, self.id = url, stream_id
        self.status = ""  # of the response, once that has begun
        self.failure = ""
        self.changed = anyio.Event()
        self.uploading = anyio.CancelScope()

    def wake(self) -> None:
        """Wake the tasks that wait."""
        self.changed.set()
        self.changed = anyio.Event()

    def fail(self, reason: str) -> None:
        """Make it fail, unless it has already."""
        self.failure = self.failure or reason
        self.wake()

    async def wait(self) -> None:
        """Wait until something happens to it; raise `RequestError` if it has failed."""
        if self.failure:
            raise RequestError(self.failure)
        await self.changed.wait()


class Connection:
    """One connection: a task that reads, a task that writes, and a task for each upload.

    The reader does not wait for the writer: a server that waits until we read would never read what
    we send.
    """

    def __init__(self, transport: ByteStream, tasks: TaskGroup) -> None:
        self.transport, self.tasks = transport, tasks
        self.conn = BufferedH2Connection(
            receive_buffering=True,
            # Enough for all streams. With less, responses that wait for their turn could exhaust
            # the window that the current one needs: a deadlock.
            connection_window=LIMIT * STREAM_WINDOW,
            keepalive=Keepalive(IDLE_SECONDS, IDLE_SECONDS),
        )
        self.conn.STREAMS_BEFORE_SETTINGS = 1  # the others wait for the server's limit
        self.conn.initiate_connection()
        self.conn.update_settings({SettingCodes.ENABLE_PUSH: 0})
        self.requests: dict[int, Request] = {}
        self.closing = ""  # why there can be no more requests
        self.unwritten = anyio.Event()  # there may be something to write
        self.over = False  # whether everything has ended when that is written
        self.written = anyio.Event()  # the writer has ended
        tasks.start_soon(self.read)
        tasks.start_soon(self.write)

    async def read(self) -> None:
        """Read until the connection ends."""
        try:
            while True:
                self.handle(self.conn.receive_data(await self.transport.receive()))
                self.unwritten.set()
        except ProtocolError as error:
            self.handle(error.events)  # of the valid frames before it
            self.close(f"the server broke the protocol: {error}")
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            self.close("the server hung up")

    async def write(self) -> None:
        """Write what can be sent, as fast as the server reads it, until everything has ended."""
        # With TLS, sending can find out that the server has hung up; the reader notices, too.
        with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            while True:
                self.unwritten = anyio.Event()
                self.conn.handle_timer(time.monotonic())
                data = self.conn.data_to_send(65_536)
                self.handle(self.conn.events())
                if data:
                    await self.transport.send(data)
                elif self.over:
                    break
                else:
                    due = (self.conn.get_timer() or math.inf) - time.monotonic()
                    with anyio.move_on_after(due):
                        await self.unwritten.wait()
        self.written.set()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Process events; those that are not listed only wake the request."""
        for event in events:
            request = self.requests.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.ResponseReceived() if request:
                    request.status = dict(event.headers)[b":status"].decode()
                case h2.events.StreamReset(error_code=code) if request:
                    who = "the server" if event.remote_reset else "this client"
                    request.fail(f"{who} reset the stream: {code!r}")
                case h2.events.ConnectionTerminated(error_code=code, last_stream_id=last):
                    # The others are completed, or fail when the server disconnects.
                    self.close(f"the server takes no more requests: {code!r}", above=last)
                case h2.events.KeepaliveTimedOut():
                    self.close("the server does not answer")
            if request:
                request.wake()

    def close(self, reason: str, above: int = 0) -> None:
        """Make requests on streams above this number fail, and all further ones."""
        self.closing = reason
        for request in self.requests.values():
            if request.id > above:
                request.fail(reason)
        self.unwritten.set()

    async def leave(self) -> None:
        """End the connection, and all tasks."""
        if not self.closing:
            self.conn.close_connection()
        self.over = True
        self.unwritten.set()
        with anyio.move_on_after(FAREWELL_SECONDS):
            await self.written.wait()
        self.tasks.cancel_scope.cancel()

    def open(self, url: SplitResult, path: Path | None) -> Request:
        """Send a request; it is queued while the server allows no more, and may fail at once."""
        request = Request(url, self.conn.get_next_available_stream_id())
        try:
            fields = request_fields("POST" if path else "GET", url)
            fields.append(("user-agent", "h2-anyio-example"))
            if path:
                fields.append(("content-length", str(path.stat().st_size)))
            self.conn.send_headers(request.id, fields, end_stream=not path)
        except (ProtocolError, OSError) as error:
            request.fail(self.closing or str(error))
            return request
        self.requests[request.id] = request
        self.unwritten.set()
        if path:
            self.tasks.start_soon(self.upload, request, path)
        return request

    async def upload(self, request: Request, path: Path) -> None:
        """Send a file as the content of a request, as fast as the server's windows allow."""
        try:
            with request.uploading:
                async with await anyio.open_file(path, "rb") as file:
                    while content := await file.read(UPLOAD_SIZE):
                        self.conn.send_data(request.id, content)
                        self.unwritten.set()
                        while not self.conn.is_writable(request.id):
                            await request.wait()  # raises after a reset
                    self.conn.end_stream(request.id)
                    self.unwritten.set()
        except (ProtocolError, RequestError):
            pass  # the server has answered already, or `download()` reports the failure
        except OSError as error:
            request.fail(f"cannot read the file: {error}")

    async def download(self, request: Request) -> None:
        """Write out the content of a response, then forget the request.

        Raises `RequestError` unless that is successful.
        """
        try:
            while not (request.status and self.conn.at_end(request.id)):
                if request.status and self.conn.readable(request.id):
                    content = self.conn.read_data(request.id)
                    self.unwritten.set()  # the server may send as much again
                    await anyio.to_thread.run_sync(write_out, content)
                else:
                    await request.wait()
            if request.status >= "400":
                raise RequestError(f"status {request.status}")
        finally:
            request.uploading.cancel()
            with contextlib.suppress(ProtocolError):  # it has ended
                self.conn.reset_stream(request.id, ErrorCodes.CANCEL)
            self.conn.discard_data(request.id)
            self.requests.pop(request.id, None)


def write_out(content: bytes) -> None:
    """Write to standard output, past its buffer."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]


def https_url(text: str) -> SplitResult:
    """Parse a URL of the command line."""
    return split_url(text, "https")


async def fetch_all(
    connection: Connection, urls: Iterable[SplitResult], upload: Path | None
) -> list[str]:
    """Make requests, some of them at the same time; return what went wrong."""
    failures: list[str] = []
    requests: deque[Request] = deque()  # in the order of the URLs

    async def finish_first() -> None:
        request = requests.popleft()
        try:
            await connection.download(request)
        except (RequestError, OSError) as error:
            failures.append(f"{request.url.geturl()}: {error}")

    for url in urls:
        if len(requests) == LIMIT:
            await finish_first()
        requests.append(connection.open(url, upload))
    while requests:
        await finish_first()
    return failures


async def fetch(urls: list[SplitResult], authority: Path | None, upload: Path | None) -> list[str]:
    """Make all requests over one connection; return what went wrong."""
    host, port = host_and_port(urls[0])
    with anyio.fail_after(CONNECT_SECONDS):
        transport = await anyio.connect_tcp(
            host,
            port,
            ssl_context=client_context(authority),
            tls_standard_compatible=False,  # many servers disconnect without a TLS close_notify
        )
    async with transport:
        if transport.extra(TLSAttribute.alpn_protocol) != "h2":
            return [f"{host} does not speak HTTP/2"]
        async with anyio.create_task_group() as tasks:
            connection = Connection(transport, tasks)
            failures = await fetch_all(connection, urls, upload)
            await connection.leave()
    return failures


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
