"""An HTTP/2 server on asyncio: describes requests as JSON, echoes or generates content.

    python -m examples.asyncio.server --port 8443
    curl --cacert examples/certificates/authority.pem https://localhost:8443/any/path

Each request has a task, which runs `answer()`. A `Wire` carries bytes, and knows nothing of HTTP/2.
"""

import asyncio
import contextlib
import hashlib
import json
from typing import Any

import h2.events
from examples.common.tls import Wire, serve
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

HANDSHAKE_SECONDS, IDLE_SECONDS, GRACE_SECONDS = 10.0, 60.0, 3.0
PATTERN = bytes(range(256)) * 256
Fields = dict[str, str]


async def answer(request: "Request") -> None:
    """Answer one request: this is the application."""
    kind, _, size = request.fields.get(":path", "").partition("?")[0][1:].partition("/")
    allowed = {"echo": "POST", "bytes": "GET, HEAD"}.get(kind, "GET, HEAD, POST, PUT")
    is_bad = kind == "bytes" and not (size.isdecimal() and len(size) < 13)
    if is_bad or request.fields[":method"] not in allowed.split(", "):
        request.respond(400 if is_bad else 405, allow=allowed)
    elif kind == "echo":
        request.respond(200)
        while data := await request.read():
            await request.write(data)
    elif kind == "bytes":
        for start in range(0, int(size), len(PATTERN)):
            await request.write(PATTERN[: int(size) - start])
    else:
        digest, length = hashlib.sha256(), 0
        while data := await request.read():
            digest.update(data)
            length += len(data)
        content = {"length": length, "sha256": digest.hexdigest()}
        seen = {"headers": request.fields, "content": content, "trailers": request.trailers}
        await request.write(json.dumps(seen, indent=2).encode() + b"\n")


class Request:
    """One request, as the application sees it."""

    def __init__(self, conn: BufferedH2Connection, wire: Wire, stream_id: int) -> None:
        self.conn, self.wire, self.id, self.status = conn, wire, stream_id, 0
        self.fields, self.trailers, self.changed = Fields(), Fields(), wire.loop.create_future()
        self.task: asyncio.Task[None]

    def respond(self, status: int, **fields: str) -> None:
        """Send the header section of the response."""
        self.status = status
        self.conn.send_headers(self.id, [(":status", str(status)), *fields.items()])

    async def read(self) -> bytes:
        """Return content as soon as there is some; empty at the end."""
        while not (data := self.conn.read_data(self.id)) and not self.conn.at_end(self.id):
            if self.fields.get("expect") == "100-continue" and not self.status:
                self.respond(100)
            await self._wait()
        return data

    async def write(self, data: bytes, end: bool = False) -> None:
        """Send content; return when all of it was sent."""
        if self.status < 200:
            self.respond(200)
        self.conn.send_data(self.id, b"" if self.fields[":method"] == "HEAD" else data, end)
        while self.conn.send_buffer_size(self.id):
            await self._wait()

    async def _wait(self) -> None:
        self.changed = self.wire.loop.create_future()
        await self.wire.wait(self.changed, IDLE_SECONDS)


async def serve_client(wire: Wire) -> None:
    """Serve one client until it disconnects or times out."""
    conn = BufferedH2Connection(
        H2Configuration(client_side=False, header_encoding="utf-8"),
        receive_buffering=True,
        connection_window=100 * 65_535,  # room for what all requests leave unread
        keepalive=Keepalive(IDLE_SECONDS, IDLE_SECONDS),
        shutdown_timeout=GRACE_SECONDS,
    )
    conn.SEND_BUFFER_HIGH, conn.SEND_BUFFER_LOW = 1, 0  # see `Request.write()`
    conn.initiate_connection()
    wire.pull, wire.stop = conn.data_to_send, conn.graceful_shutdown
    requests, drained = dict[int, Request](), False

    def join(merged: Fields, fields: list[Any]) -> None:
        for name, value in fields:
            merged[name] = f"{merged[name]}, {value}" if name in merged else value

    async def run(request: Request) -> None:
        code = ErrorCodes.INTERNAL_ERROR
        try:
            await answer(request)
            await request.write(b"", end=True)
            code = ErrorCodes.NO_ERROR
        except (asyncio.TimeoutError, ProtocolError):
            code = ErrorCodes.CANCEL
        finally:
            wire.flush()  # curl drops a response that arrives together with a reset
            with contextlib.suppress(ProtocolError):  # both sides have ended it
                conn.reset_stream(request.id, code)
            wire.flush_soon()
            requests.pop(request.id, None)

    with contextlib.suppress(ConnectionError, ProtocolError):  # GOAWAY has the reason
        while not drained:
            events = conn.receive_data(await wire.read(conn.get_timer()))
            conn.handle_timer(wire.loop.time())
            for event in events + conn.events():
                request = requests.get(getattr(event, "stream_id", 0))
                match event:
                    case h2.events.RequestReceived():
                        request = requests[event.stream_id] = Request(conn, wire, event.stream_id)
                        join(request.fields, event.headers)
                        request.task = asyncio.create_task(run(request))
                    case h2.events.TrailersReceived() if request:
                        join(request.trailers, event.headers)
                    case h2.events.StreamReset() if request:
                        requests.pop(request.id).task.cancel()
                    case h2.events.KeepaliveTimedOut():
                        conn.graceful_shutdown()
                    case h2.events.ConnectionDrained():
                        drained = True
                if request and not request.changed.done():
                    request.changed.set_result(None)
    for request in requests.values():
        request.task.cancel()


def main() -> None:
    """Serve until Ctrl+C or SIGTERM."""
    serve(serve_client, __doc__, HANDSHAKE_SECONDS)


if __name__ == "__main__":
    main()
