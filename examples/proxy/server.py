"""A reverse proxy: HTTP/2 for clients, HTTP/1.1 or HTTP/2 to the upstream server.

    python -m examples.proxy.server http://127.0.0.1:8080
    curl --cacert examples/certificates/authority.pem https://localhost:8443/

Each request has two tasks: one for its content, one for the response. Both read a piece and write
it to the other side before they read the next one, so an end that does not read makes the other one
wait. If a connection fails, requests that the server has not processed, or that are safe, are
retried once.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from examples.common.certificate import server_context
from examples.common.options import server_options
from examples.common.streams import Connection, Fields, Stream, StreamResetError, serve
from examples.proxy.upstream import SAFE, Http1, RefusedError, Server
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

IDLE_SECONDS = 60.0  # how long a request waits for either side
GRACE_SECONDS = 3.0  # time limit for requests in progress after Ctrl+C
HANDSHAKE_SECONDS = 10.0
KEPT_CONTENT = 65_536  # octets of a request that are kept for a retry
HOP_BY_HOP = {b"connection", b"proxy-connection", b"keep-alive", b"te", b"transfer-encoding"}
HOP_BY_HOP |= {b"upgrade", b"http2-settings", b"proxy-authorization", b"proxy-authenticate"}
T = TypeVar("T")


class Exchange:
    """A request to the server, and its response."""

    def __init__(self, server: Server, client: Stream) -> None:
        self.server, self.client = server, client
        self.upload: asyncio.Task[None] | None = None
        self.kept: list[bytes] | None = []  # content that was read, unless it is too much to keep
        self.started = False  # whether the response has started

    async def run(self) -> None:
        """Get the response, and answer instead of the server if there is none."""
        code = ErrorCodes.NO_ERROR
        try:
            self.fields = request_to_server(await self.client.head(), self.client, self.server)
            try:
                await self.attempt()
            except ConnectionError as error:
                if self.started or self.kept is None or not self.repeatable(error):
                    raise
                await self.attempt()
        except RefusedError as refused:
            code = self.refuse(refused.args[0])
        except asyncio.TimeoutError:
            code = self.refuse(504)
        except (OSError, ProtocolError):  # no connection, or no valid response
            code = self.refuse(502)
        except asyncio.CancelledError:  # the client has disconnected
            code = ErrorCodes.CANCEL
        finally:
            self.client.close(code)

    def repeatable(self, error: ConnectionError) -> bool:
        """Return whether the server has not processed the request, or may do so twice."""
        refused = isinstance(error, StreamResetError) and error.code == ErrorCodes.REFUSED_STREAM
        return self.client.error is None and (refused or self.fields[0][1] in SAFE)

    def refuse(self, status: int) -> ErrorCodes:
        """Answer instead of the server if still possible; return why the stream ends."""
        if self.started or self.client.error:
            return ErrorCodes.INTERNAL_ERROR
        self.client.send([(b":status", b"%d" % status), (b"content-length", b"0")], end=True)
        return ErrorCodes.NO_ERROR

    async def attempt(self) -> None:
        """Send the request, and forward the response."""
        async with self.server.places:
            end = self.client.at_end() and not (self.kept or self.client.trailers)
            upstream = await self.server.request(self.fields, end)
            try:
                self.upload = None if end else asyncio.create_task(self.send_content(upstream))
                await self.download(upstream)
            finally:
                upstream.close()
                if self.upload:
                    self.upload.cancel()
                    await asyncio.gather(self.upload, return_exceptions=True)

    async def send_content(self, upstream: Stream | Http1) -> None:
        """Forward the content and the trailers of the request."""
        for piece in self.kept or ():
            await upstream.write(piece)
        while data := await self.client.read():
            if self.kept is not None:
                self.kept.append(data)
                if sum(map(len, self.kept)) > KEPT_CONTENT:
                    self.kept = None
            await upstream.write(data)
        if self.client.trailers:
            upstream.send(end_to_end(self.client.trailers), end=True)
        else:
            await upstream.write(b"", end=True)

    async def download(self, upstream: Stream | Http1) -> None:
        """Forward the response: interim ones, the header section, content, trailers."""
        while (head := await self.patiently(upstream.head))[0][1].startswith(b"1"):
            self.client.send(end_to_end(head))
        via = b"2" if self.server.http2 else b"1.1"
        empty = self.fields[0][1] == b"HEAD" or head[0][1] in {b"204", b"304"}
        empty |= upstream.at_end() and not upstream.trailers
        self.client.send([*end_to_end(head), (b"via", via + b" h2-example")], end=empty)
        self.started = True
        while data := await self.patiently(upstream.read):
            await self.client.write(data)
        if upstream.trailers and not empty:
            self.client.send(end_to_end(upstream.trailers), end=True)
        elif not empty:
            await self.client.write(b"", end=True)

    async def patiently(self, take: Callable[[], Awaitable[T]]) -> T:
        """Wait for the server; the timeout does not run while the client is still sending."""
        while True:
            try:
                return await take()
            except asyncio.TimeoutError:
                if self.upload is None or self.upload.done():
                    raise


def end_to_end(fields: Fields) -> Fields:
    """Remove hop-by-hop fields (RFC 9110 section 7.6.1)."""
    options = b",".join(value for name, value in fields if name == b"connection")
    named = {option.strip().lower() for option in options.split(b",")}
    return [field for field in fields if field[0] not in HOP_BY_HOP | named]


def request_to_server(fields: Fields, client: Stream, server: Server) -> Fields:
    """Return the header section for the server; raise RefusedError for unsupported requests."""
    request = dict(fields)
    method, forwards = request[b":method"], request.get(b"max-forwards", b"")
    if b":path" not in request or method == b"TRACE":  # CONNECT has no path
        raise RefusedError(501)
    others = [field for field in end_to_end(fields) if field[0][:1] != b":" and field[0] != b"host"]
    if method == b"OPTIONS" and forwards.isdigit():
        if int(forwards) == 0:
            raise RefusedError(204)
        others = [field for field in others if field[0] != b"max-forwards"]
        others.append((b"max-forwards", b"%d" % (int(forwards) - 1)))
    if not (authority := request.get(b":authority") or request.get(b"host")):
        raise RefusedError(400)
    if (b"te", b"trailers") in fields:
        others.append((b"te", b"trailers"))
    address = client.connection.transport.get_extra_info("peername")[0]
    sender = f'"[{address}]"' if ":" in address else address
    host = authority.replace(b"\\", rb"\\").replace(b'"', rb"\"")
    return [
        (b":method", method),
        (b":scheme", b"https" if server.tls else b"http"),
        (b":authority", authority),
        (b":path", request[b":path"]),
        *others,
        (b"via", b"2 h2-example"),
        (b"forwarded", b'for=%s;host="%s";proto=https' % (sender.encode(), host)),
    ]


async def run(args: argparse.Namespace) -> None:
    """Serve until Ctrl+C or SIGTERM."""
    server = Server(args.server, args.http2, args.authority, IDLE_SECONDS)

    def connect() -> Connection:
        return Connection(
            lambda client: Exchange(server, client).run(),
            patience=IDLE_SECONDS,
            keepalive=IDLE_SECONDS,
            grace=GRACE_SECONDS,
        )

    tls = server_context(args.certificates)
    await serve(connect, args.host, args.port, tls, HANDSHAKE_SECONDS)
    await server.close()


def main() -> None:
    """Read the command line and serve."""
    parser = server_options(__doc__)
    parser.add_argument("server", metavar="URL", help="http://HOST:PORT or https://HOST:PORT")
    parser.add_argument("--http2", action="store_true", help="the server speaks HTTP/2")
    parser.add_argument("--authority", type=Path, metavar="FILE", help="certificate to trust")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
