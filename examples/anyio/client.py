"""An anyio client: many requests at once over one connection, on asyncio or on trio.

    python -m examples.anyio.client https://localhost:8443/ https://localhost:8443/bytes/1000000
    python -m examples.anyio.client --backend trio --data FILE https://localhost:8443/echo

All URLs belong to one server, and the requests are sent together, as far as the server allows it.
The content of the responses is written to standard output, in the order of the URLs; `--data` posts
a file to each of them. The exit status is 0 if all responses are complete, with a status below 400.
For servers started from these examples, name the CA certificate:

    --authority examples/certificates/authority.pem

Flow control keeps memory usage low. A response that arrives before its turn stays within the window
of its stream, and content is acknowledged only when it was written.
"""

from __future__ import annotations

import argparse
import contextlib
import math
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
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from anyio.streams.tls import TLSAttribute

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.certificate import client_context
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

LIMIT = 100  # requests at a time; the server may allow fewer
STREAM_WINDOW = 65_535  # octets of a response that may wait for its turn
UPLOAD_SIZE = 65_536  # octets read from the file at a time
CONNECT_SECONDS = 10.0
FAREWELL_SECONDS = 1.0  # time for sending our last frames

Event = h2.events.ResponseReceived | h2.events.DataReceived | h2.events.StreamEnded


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


class Stream(NamedTuple):
    """The stream of one request: its number, and where its events arrive."""

    stream_id: int
    # Flow control bounds what is pending here, so the buffer needs no bound.
    events: MemoryObjectReceiveStream[Event | RequestError]


class Connection:
    """One connection: a task that reads, a task that writes, and streams that others use."""

    def __init__(self, transport: ByteStream) -> None:
        self.transport = transport
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
        self.inboxes: dict[int, MemoryObjectSendStream[Event | RequestError]] = {}
        self.settings_received = anyio.Event()
        self.closing: str | None = None  # why there can be no more requests
        self.unwritten = Signal()  # there is something to write
        self.written = Signal()  # everything has been written
        self.changed = Signal()  # windows or limits may have changed

    async def start(self, group: TaskGroup) -> None:
        """Send the preface, and wait for the server's settings, which limit the requests."""
        self.conn.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            },
        )
        self.conn.initiate_connection()
        # Enough for all streams. With less, responses that wait for their turn could exhaust the
        # window that the current one needs: a deadlock.
        self.conn.increment_flow_control_window(LIMIT * STREAM_WINDOW - 65_535)
        group.start_soon(self.read)
        group.start_soon(self.write)
        await self.settings_received.wait()

    async def read(self) -> None:
        """Read until the connection ends, and pass the events to the requests."""
        try:
            while True:
                self.handle(self.conn.receive_data(await self.transport.receive()))
                # Do not wait for the writer here: a server that waits until we read would never
                # read what we send.
                self.unwritten.fire()
                self.changed.fire()
        except h2.exceptions.ProtocolError as error:
            self.handle(error.events)  # of the valid frames before it
            self.close(f"the server broke the protocol: {error}")
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            self.close("the server hung up")
        self.unwritten.fire()
        self.changed.fire()

    async def write(self) -> None:
        """Write what the connection has to send, whenever there is something."""
        with contextlib.suppress(anyio.BrokenResourceError):  # the reader notices, too
            while True:
                while data := self.conn.data_to_send():
                    await self.transport.send(data)
                self.written.fire()
                await self.unwritten.wait()

    async def flush(self) -> None:
        """Wait until everything is written: the transport sets the pace of an upload."""
        self.unwritten.fire()
        await self.written.wait()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Pass events to the requests that they concern. Nothing here waits."""
        for event in events:
            match event:
                case h2.events.RemoteSettingsChanged():
                    self.settings_received.set()
                case h2.events.DataReceived():
                    self.take_in(event)
                case h2.events.ResponseReceived() | h2.events.StreamEnded():
                    self.deliver(event.stream_id, event)
                case h2.events.StreamReset(stream_id=stream_id, error_code=code):
                    who = "the server" if event.remote_reset else "this client"
                    self.deliver(stream_id, RequestError(f"{who} reset the stream: {code!r}"))
                case h2.events.ConnectionTerminated(error_code=code, last_stream_id=last):
                    # The others are completed, or fail when the server disconnects.
                    self.close(f"the server takes no more requests: {code!r}", above=last)

    def take_in(self, event: h2.events.DataReceived) -> None:
        """Pass content to its request. Acknowledge what will not be read, and padding."""
        kept = 0
        if event.data and event.stream_id in self.inboxes:
            self.deliver(event.stream_id, event)
            kept = len(event.data)
        self.conn.acknowledge_received_data(event.flow_controlled_length - kept, event.stream_id)

    def deliver(self, stream_id: int, item: Event | RequestError) -> None:
        """Put something into the inbox of a request, if it is still waiting."""
        if inbox := self.inboxes.get(stream_id):
            inbox.send_nowait(item)

    def close(self, reason: str, above: int = 0) -> None:
        """Refuse new requests, and make those on streams above this number fail."""
        self.closing = reason
        self.settings_received.set()
        for stream_id in self.inboxes:
            if stream_id > above:
                self.deliver(stream_id, RequestError(reason))

    async def open(self, fields: list[tuple[str, str]], end_stream: bool) -> Stream:
        """Send the header section of a request as soon as the server allows another stream."""
        while self.closing is None:
            if self.conn.open_outbound_streams < self.conn.remote_settings.max_concurrent_streams:
                break
            await self.changed.wait()
        if self.closing is not None:
            raise RequestError(self.closing)
        stream_id = self.conn.get_next_available_stream_id()
        self.conn.send_headers(stream_id, fields, end_stream=end_stream)
        self.inboxes[stream_id], events = anyio.create_memory_object_stream[Event | RequestError](
            math.inf
        )
        self.unwritten.fire()
        return Stream(stream_id, events)

    async def upload(self, stream_id: int, path: Path) -> None:
        """Send a file as the content of a request."""
        try:
            async with await anyio.open_file(path, "rb") as file:
                while content := await file.read(UPLOAD_SIZE):
                    await self.send(stream_id, content)
                self.conn.end_stream(stream_id)
                self.unwritten.fire()
        except h2.exceptions.ProtocolError:
            pass  # the stream has ended: the server has answered already, or has reset it
        except OSError as error:
            self.deliver(stream_id, RequestError(f"cannot read the file: {error}"))

    async def send(self, stream_id: int, content: bytes) -> None:
        """Send content as fast as the server's windows allow."""
        rest = memoryview(content)
        while rest:
            window = self.conn.local_flow_control_window(stream_id)
            size = min(window, self.conn.max_outbound_frame_size, len(rest))
            if size > 0:
                self.conn.send_data(stream_id, rest[:size])
                rest = rest[size:]
            else:
                self.unwritten.fire()
                await self.changed.wait()
        await self.flush()

    async def receive(self, stream: Stream) -> Event:
        """Return the next event of a stream."""
        item = await stream.events.receive()
        if isinstance(item, RequestError):
            raise item
        return item

    def give_back(self, event: h2.events.DataReceived) -> None:
        """Acknowledge content that has been processed."""
        self.conn.acknowledge_received_data(len(event.data), event.stream_id)
        self.unwritten.fire()

    def forget(self, stream: Stream) -> None:
        """Forget a stream; cancel it if it has not ended."""
        self.inboxes.pop(stream.stream_id).close()
        while True:
            try:
                item = stream.events.receive_nowait()
            except anyio.EndOfStream:
                break
            if isinstance(item, h2.events.DataReceived):
                self.give_back(item)
        stream.events.close()
        with contextlib.suppress(h2.exceptions.ProtocolError):  # it has ended
            self.conn.reset_stream(stream.stream_id, ErrorCodes.CANCEL)
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


class Turn(NamedTuple):
    """The place of a request in the order of output."""

    mine: anyio.Event
    next: anyio.Event


async def receive_response(connection: Connection, stream: Stream, turn: Turn) -> None:
    """Receive a response, and write its content when it is its turn."""
    failure = None
    while not isinstance(event := await connection.receive(stream), h2.events.StreamEnded):
        if isinstance(event, h2.events.ResponseReceived):
            status = dict(event.headers)[b":status"].decode()
            failure = f"status {status}" if status >= "400" else None
            await turn.mine.wait()
        else:
            await anyio.to_thread.run_sync(write_out, event.data)
            connection.give_back(event)
    if failure:
        raise RequestError(failure)


class Job(NamedTuple):
    """What the requests of one run have in common."""

    connection: Connection
    upload: Path | None
    limit: anyio.Semaphore
    failures: list[str]

    async def exchange(self, url: SplitResult, stream: Stream, turn: Turn) -> None:
        """Send the content of a request, and receive the response at the same time."""
        async with anyio.create_task_group() as group:
            if self.upload is not None:
                group.start_soon(self.connection.upload, stream.stream_id, self.upload)
            try:
                await receive_response(self.connection, stream, turn)
            except (RequestError, OSError) as error:
                self.failures.append(f"{url.geturl()}: {error}")
            group.cancel_scope.cancel()
        self.connection.forget(stream)
        await turn.mine.wait()
        turn.next.set()
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
                    stream = await self.connection.open(fields, end_stream=self.upload is None)
                except (RequestError, h2.exceptions.ProtocolError) as error:
                    self.failures.append(f"{url.geturl()}: {error}")
                    self.limit.release()
                    continue
                turn, mine = anyio.Event(), turn
                exchanges.start_soon(self.exchange, url, stream, Turn(mine, turn))


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
