"""The upstream server, and the connections to it, for HTTP/1.1 or for HTTP/2."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11

from examples.common.certificate import client_context
from examples.common.streams import Connection, Fields, Stream
from examples.common.transport import close, within
from h2.exceptions import ProtocolError

CONNECT_SECONDS = 10.0
CONNECTIONS = 100  # the maximum, for HTTP/1.1
SAFE = {b"GET", b"HEAD", b"OPTIONS"}


class RefusedError(Exception):
    """The proxy answers the request itself, with this status code."""


class Http1:
    """A connection for HTTP/1.1; it has the methods of `Stream`, for one request at a time."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server
    ) -> None:
        self.reader, self.writer, self.server = reader, writer, server
        self.h11 = h11.Connection(h11.CLIENT)
        self.trailers: Fields = []
        self.chunked = False
        self.watch: asyncio.Task[None] | None = None  # while no request is in progress

    def send(self, fields: Fields, end: bool = False) -> None:
        """Send the header section, or trailers."""
        if self.h11.our_state is h11.IDLE:
            (_, method), _, (_, authority), (_, path), *others = fields
            head = [(b"host", authority), *(field for field in others if field[0] != b"cookie")]
            if cookies := [value for name, value in others if name == b"cookie"]:
                head.append((b"cookie", b"; ".join(cookies)))
            if (b"te", b"trailers") in fields:
                head.append((b"connection", b"te"))
            self.chunked = not end and b"content-length" not in dict(others)
            if self.chunked:
                head.append((b"transfer-encoding", b"chunked"))
            elif end and method not in SAFE and b"content-length" not in dict(others):
                head.append((b"content-length", b"0"))
            self.pass_on(h11.Request(method=method, target=path, headers=head))
            fields = []
        if end:
            self.pass_on(h11.EndOfMessage(headers=fields if self.chunked else []))

    async def write(self, data: bytes, end: bool = False) -> None:
        """Send content; return when there is room for more."""
        self.pass_on(h11.EndOfMessage() if end else h11.Data(data=data))
        await within(self.server.patience, self.writer.drain())

    def pass_on(self, event: Any) -> None:
        """Write the output of h11 for this."""
        self.writer.write(self.h11.send(event) or b"")

    async def head(self) -> Fields:
        """Return the next header section; a final response may follow interim ones."""
        event = await self.event()
        return [(b":status", b"%d" % event.status_code), *event.headers]

    async def read(self) -> bytes:
        """Return content as soon as there is some, and nothing at its end."""
        event = await self.event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self.trailers = list(event.headers)
        return b""

    def at_end(self) -> bool:
        """Return whether all content was read; false if that is not known yet."""
        return self.h11.their_state is h11.DONE

    async def event(self) -> Any:
        """Return the next event of h11."""
        if self.watch:
            await asyncio.wait([self.watch])  # it was cancelled
        try:
            while (event := self.h11.next_event()) is h11.NEED_DATA:
                reading = self.reader.read(65_536)
                self.h11.receive_data(await within(self.server.patience, reading))
        except h11.RemoteProtocolError as error:
            raise ConnectionError(str(error)) from None
        return event

    def close(self) -> None:
        """Keep the connection for other requests, or abort it if this one is not complete."""
        try:
            self.h11.start_next_cycle()
        except h11.ProtocolError:
            self.break_off()
        else:
            self.trailers = []
            self.watch = asyncio.create_task(self.wait_for_anything())
            self.server.idle.append(self)

    async def wait_for_anything(self) -> None:
        """Wait for unexpected input, which is not a response, or for the end."""
        with contextlib.suppress(OSError):
            await self.reader.read(1)

    def usable(self) -> bool:
        """Return whether nothing has arrived since the last request."""
        return self.watch is not None and self.watch.cancel()

    def break_off(self) -> None:
        """Abort the connection, whatever has not been sent."""
        close(self.writer.transport)
        self.writer.transport.abort()


class Server:
    """The upstream server, and the connections to it."""

    def __init__(self, url: str, http2: bool, authority: Path | None, patience: float) -> None:
        parts = urlsplit(url)
        protocol = "h2" if http2 else "http/1.1"
        self.tls = client_context(authority, (protocol,)) if parts.scheme == "https" else None
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.tls else 80)
        self.http2, self.patience, self.connecting = http2, patience, asyncio.Lock()
        self.places: contextlib.AbstractAsyncContextManager[Any] = (
            contextlib.nullcontext() if http2 else asyncio.Semaphore(CONNECTIONS)
        )
        self.idle: list[Http1] = []
        self.connection: Connection | None = None
        self.timer: asyncio.TimerHandle | None = None

    async def request(self, fields: Fields, end: bool) -> Stream | Http1:
        """Send the header section of a request, over an existing connection or a new one."""
        self.set_timer()
        http1 = None if self.http2 else await self.http1_connection()
        try:
            if http1:
                http1.send(fields, end)
                return http1
            return (await self.http2_connection()).request(fields, end)
        except (h11.LocalProtocolError, ProtocolError):  # it cannot be sent with this protocol
            if http1:
                http1.close()
            raise RefusedError(400) from None

    async def http1_connection(self) -> Http1:
        """Return a connection that is not in use."""
        while self.idle:
            http1 = self.idle.pop()
            if http1.usable():
                return http1
            http1.break_off()
        connect = asyncio.open_connection(self.host, self.port, ssl=self.tls)
        opened = await within(CONNECT_SECONDS, connect, lambda pair: pair[1].transport.abort())
        return Http1(*opened, self)

    async def http2_connection(self) -> Connection:
        """Return the connection, or a new one if it accepts no more requests."""
        async with self.connecting:
            if self.connection and self.connection.usable:
                return self.connection
            connect = asyncio.get_running_loop().create_connection(
                lambda: Connection(patience=self.patience), self.host, self.port, ssl=self.tls
            )
            opened = await within(CONNECT_SECONDS, connect, lambda pair: pair[0].abort())
            self.connection = opened[1]
        return opened[1]

    def set_timer(self) -> None:
        """Close connections after some time without requests."""
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(self.patience, self.close_unused)

    def close_unused(self) -> None:
        """Close connections without a request in progress."""
        while self.idle:
            self.idle.pop().break_off()
        if self.connection and self.connection.streams:
            self.set_timer()
        elif self.connection:
            self.connection.shut_down()

    async def close(self) -> None:
        """Close all connections; requests in progress have a moment to end."""
        while self.idle:
            self.idle.pop().break_off()
        if self.timer:
            self.timer.cancel()
        if self.connection:
            self.connection.shut_down()
            await self.connection.closed
        await asyncio.sleep(0)  # lets the others close
