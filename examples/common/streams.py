"""HTTP/2 on asyncio made easy: streams that are read and written with `await`.

A `Connection` transfers bytes between a transport and a `BufferedH2Connection`, as a server or as a
client. A `Stream` is one request and its response. Reading lets the peer send more, and writing
waits until the content was sent: a program that reads from one stream and writes to another never
buffers more than a piece. Waiting ends with an exception:

- `asyncio.TimeoutError`: nothing happened within the timeout of the stream
- `ConnectionError`: the peer has reset the stream, or the connection is lost
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import h2.events
from examples.common.tls import accept
from examples.common.transport import Link
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes

Fields = list[tuple[bytes, bytes]]  # that arrived
NewFields = Sequence[tuple[bytes, bytes]] | Sequence[tuple[str, str]]  # that are sent
S = TypeVar("S", bound="Stream")


class StreamResetError(ConnectionError):
    """The peer has reset the stream."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the stream was reset: {code!r}")
        self.code = code


class RefusedError(StreamResetError):
    """The peer has not processed the request: it is safe to retry it."""


class LostError(ConnectionError):
    """The connection is lost. The peer may have processed a request on it."""


class Stream:
    """One request and its response, from either side."""

    def __init__(self, connection: Connection, stream_id: int = 0) -> None:
        self.connection, self.h2 = connection, connection.h2
        self.id = stream_id or self.h2.get_next_available_stream_id()
        self.patience: float | None = connection.patience
        self.heads: list[Fields] = []  # header sections that arrived and were not returned yet
        self.trailers: Fields = []  # of the peer; complete when `read()` returns nothing
        self.error: Exception | None = None  # why nothing more can be received or sent
        self.changed = connection.loop.create_future()
        self.task: asyncio.Task[None] | None = None  # of a server: answers the request

    async def head(self) -> Fields:
        """Return the next header section; a final response may follow interim ones."""
        while not self.heads:
            await self.wait()
        return self.heads.pop(0)

    async def read(self, amount: int = 65_536) -> bytes:
        """Return content as soon as there is some, and nothing at its end."""
        while True:
            try:
                data = self.h2.read_data(self.id, amount)
            except ProtocolError as error:  # everything that arrived was read, but it is incomplete
                raise self.error or ConnectionError(str(error)) from None
            if data or self.at_end():
                self.connection.flush_soon()  # the peer may send as much again
                return data
            await self.wait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the content piece by piece."""
        while piece := await self.read():
            yield piece

    async def read_all(self) -> bytes:
        """Return the whole content."""
        return b"".join([piece async for piece in self])

    def at_end(self) -> bool:
        """Return whether all content has arrived and was read."""
        return self.h2.at_end(self.id)

    def send(self, fields: NewFields, end: bool = False) -> None:
        """Send a header section, or trailers."""
        with self.closed_is_an_error():
            self.h2.send_headers(self.id, fields, end)

    def put(self, data: bytes, end: bool = False) -> None:
        """Send content as soon as there is room for it."""
        with self.closed_is_an_error():
            self.h2.send_data(self.id, data, end)

    async def write(self, data: bytes, end: bool = False) -> None:
        """Send content; return when all of it was sent."""
        self.put(data, end)
        while self.h2.send_buffer_size(self.id):
            await self.wait()
        if self.error:  # it was dropped
            raise self.error

    @contextlib.contextmanager
    def closed_is_an_error(self) -> Any:
        """Schedule a flush, or raise if nothing can be sent."""
        try:
            yield
        except ProtocolError as error:
            if self.error or isinstance(error, StreamClosedError):
                raise self.error or ConnectionError(str(error)) from None
            raise
        self.connection.flush_soon()

    async def wait(self) -> None:
        """Wait until something happens to the stream, with the timeout."""
        if self.error:
            raise self.error
        buffered = self.h2.send_buffer_size(self.id)
        try:
            await self.connection.wait(self.changed, self.patience)
        except asyncio.TimeoutError:
            # With wide windows, nothing but the buffer shows that content is being sent.
            if self.h2.send_buffer_size(self.id) == buffered:
                raise

    def wake(self) -> None:
        """Wake everything that waits."""
        changed, self.changed = self.changed, self.connection.loop.create_future()
        changed.set_result(None)

    def lose(self, error: Exception) -> None:
        """Note that it has ended, and stop the work on it."""
        self.error = error
        self.wake()
        if self.task is not None:
            self.task.cancel()  # possibly before it has begun, so it cannot clean up
            self.connection.streams.pop(self.id, None)
            self.h2.discard_data(self.id)

    def close(self, code: ErrorCodes = ErrorCodes.CANCEL) -> None:
        """Reset the stream unless both sides have ended it; it must not be used any more."""
        self.connection.streams.pop(self.id, None)
        if code or not self.at_end():
            self.connection.flush()  # curl drops a response that arrives together with a reset
            with contextlib.suppress(ProtocolError):
                self.h2.reset_stream(self.id, code)
        self.h2.discard_data(self.id)
        self.connection.flush_soon()


class Connection(Link):
    """One connection; of a server if there is a function that answers requests."""

    def __init__(
        self,
        answer: Callable[[Any], Coroutine[Any, Any, None]] | None = None,
        *,
        patience: float | None = 60.0,  # seconds that a stream waits for its peer
        keepalive: float = 60.0,  # seconds of silence before a PING, and to answer it
        grace: float = 3.0,  # seconds for a graceful shutdown of a server
        window: int = 65_535,  # octets that a stream may leave unread
    ) -> None:
        super().__init__()
        self.h2 = BufferedH2Connection(
            H2Configuration(client_side=answer is None),
            receive_buffering=True,
            stream_window=window,
            connection_window=100 * window,  # room for what all streams leave unread
            keepalive=Keepalive(keepalive, keepalive),
            # A client lets its requests finish when the server goes away, however long they take.
            shutdown_timeout=grace if answer else None,
        )
        self.h2.SEND_BUFFER_HIGH, self.h2.SEND_BUFFER_LOW = 1, 0  # see `Stream.write()`
        self.pull = self.h2.data_to_send
        self.answer, self.patience = answer, patience
        self.streams: dict[int, Stream] = {}
        self.usable = True  # for new requests
        self.reason: ConnectionError | None = None  # why the connection has ended
        self.last_stream = 2**31 - 1  # that the peer has processed, as far as we know
        self.timer: asyncio.TimerHandle | None = None

    def request(self, fields: NewFields, end: bool = False) -> Stream:
        """Send a request. It is queued if the server allows no more streams now."""
        return self.begin_request(Stream(self), fields, end)

    def begin_request(self, stream: S, fields: NewFields, end: bool) -> S:
        """Send a request on a new stream, of any class.

        :raises ConnectionError: if the connection accepts no requests any more
        """
        if not self.usable:
            raise self.reason or RefusedError(ErrorCodes.REFUSED_STREAM)
        stream.send(fields, end)
        self.streams[stream.id] = stream
        if stream.id > 2**31 - 3:
            self.shut_down()  # this was the last identifier
        return stream

    def shut_down(self) -> None:
        """Finish what is in progress, accept nothing new, and close the connection."""
        self.usable = False
        self.h2.graceful_shutdown()
        self.flush_soon()

    # Called by asyncio.

    def connection_made(self, transport: Any) -> None:
        """Begin, if the peer wants HTTP/2."""
        self.h2.initiate_connection()
        if self.answer is None:
            self.h2.update_settings({SettingCodes.ENABLE_PUSH: 0})
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Process what the peer sends."""
        if self.leaving:
            return
        try:
            self.handle(self.h2.receive_data(data))
        except ProtocolError as error:
            self.handle(error.events)
            peer = "client" if self.answer else "server"  # GOAWAY is pending, with the reason
            self.leave(ConnectionError(f"the {peer} broke the protocol: {error}"))
        self.flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        """Abort what is in progress: the peer has disconnected."""
        super().connection_lost(error)
        with contextlib.suppress(ProtocolError):  # it has ended already
            # So that truncated content is not mistaken for complete.
            self.h2.close_connection(ErrorCodes.CANCEL)
        self.end_streams(LostError(str(error or "the peer has closed the connection")))
        if self.timer is not None:
            self.timer.cancel()

    # What happens on the connection.

    def handle(self, events: Sequence[h2.events.Event]) -> None:
        """Process events; those that are not listed only wake up the stream."""
        for event in events:
            stream = self.streams.get(getattr(event, "stream_id", None) or 0)
            match event:
                case h2.events.RequestReceived():
                    self.begin(event.stream_id, event.headers)
                case h2.events.ResponseReceived() | h2.events.InformationalResponseReceived() if (
                    stream
                ):
                    stream.heads.append(event.headers)
                case h2.events.TrailersReceived() if stream:
                    stream.trailers = event.headers
                case h2.events.StreamReset() if stream:
                    refused = event.error_code == ErrorCodes.REFUSED_STREAM
                    stream.lose((RefusedError if refused else StreamResetError)(event.error_code))
                case h2.events.ConnectionTerminated():
                    self.usable, self.last_stream = False, event.last_stream_id
                    if self.answer is None:
                        self.h2.graceful_shutdown()
                case h2.events.KeepaliveTimedOut():
                    self.h2.close_connection()
                    self.leave(ConnectionError("the peer does not answer"))
                case h2.events.ConnectionDrained():
                    self.leave(ConnectionError("the connection is closed"))
            if stream:
                stream.wake()

    def begin(self, stream_id: int, fields: Fields) -> None:
        """Start to answer a request."""
        assert self.answer is not None  # only servers receive requests
        stream = self.streams[stream_id] = Stream(self, stream_id)
        stream.heads.append(fields)
        stream.task = self.loop.create_task(self.answer(stream))

    def flushed(self, sent: bool) -> None:
        """Process what sending has caused, and set the timer."""
        self.handle(self.h2.events())
        if self.timer is not None:
            self.timer.cancel()
        due = None if self.leaving else self.h2.get_timer()
        self.timer = None if due is None else self.loop.call_at(due, self.on_timer)

    def on_timer(self) -> None:
        """Let the connection do what is due."""
        self.h2.handle_timer(self.loop.time())
        self.flush()

    def leave(self, error: ConnectionError) -> None:
        """Send GOAWAY, and give the peer a moment to read it and disconnect."""
        if not self.leaving:
            self.end_streams(error)
            self.hang_up(linger=self.answer is not None)

    def end_streams(self, error: ConnectionError) -> None:
        """Tell everything that works on a stream."""
        self.usable, self.reason = False, self.reason or error
        for stream in list(self.streams.values()):
            stream.lose(stream.error or error)


async def serve(
    make_connection: Callable[[], Link],
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    handshake: float = 10.0,
    clients: int = sys.maxsize,
) -> None:
    """Listen and serve until Ctrl+C or SIGTERM; then let what is in progress finish.

    :param handshake: the time limit for the TLS handshake
    :param clients: the maximum number of clients at the same time; others wait
    """
    loop = asyncio.get_running_loop()

    async def serve_socket(sock: socket.socket) -> None:
        limit = handshake if tls else None
        _, connection = await loop.connect_accepted_socket(
            make_connection, sock, ssl=tls, ssl_handshake_timeout=limit
        )
        while not connection.closed.done():
            try:
                await asyncio.wait([connection.closed])
            except asyncio.CancelledError:
                connection.shut_down()

    await accept(serve_socket, host, port, "https" if tls else "http", clients)
