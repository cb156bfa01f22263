"""An HTTP/2 server on asyncio: describes requests as JSON, echoes content, makes content up.

Start it, then ask it something from another shell:

    python -m examples.asyncio.server --port 8443
    alias get='curl --cacert examples/certificates/authority.pem'
    get https://localhost:8443/any/path
    get https://localhost:8443/bytes/1000000 --output million
    get https://localhost:8443/echo --data-binary @million | cmp - million

Each client has a `Connection`, an `asyncio.Protocol`: bytes in, events, bytes out. Each request has
a `Stream` and a task that runs `answer()`; the task waits whenever it is not its turn.

What bounds what:

- What a client sends and we have not used yet is bounded by the flow-control windows: octets are
  acknowledged when they are taken out of the stream. The connection window has room for all
  streams, so that a request that is not read does not hold up the others.
- What we send and a client does not take is bounded by its windows and by asyncio: above its
  high-water mark the transport says `pause_writing()`, and no stream has room until it resumes.
- We read on while writing is paused: the client may be in the middle of sending and look at our
  answer later. For the same reason `/echo` does not make its input wait for its output. What has
  come in and cannot go out yet moves to a temporary file, of limited size.
- Answers to control frames go out whether there is room or not. A client that makes us answer and
  does not listen is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import signal
import socket
import ssl
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import FrameType
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from examples.common.transport import close
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

MAX_STREAMS = 100  # requests that a client may have open at the same time
STREAM_WINDOW = 128 * 1024  # octets of content that wait to be used, for each request
MAX_HEADER_LIST = 64 * 1024  # octets of a request's header section
IN_MEMORY = 1024 * 1024  # octets that an echo keeps in memory before it uses a file
IN_FILE = 64 * 1024 * 1024  # octets that an echo keeps at all
MAX_UNSENT = 1024 * 1024  # octets that a client may leave unread before it is cut off

HANDSHAKE_SECONDS = 10.0  # for TLS
IDLE_SECONDS = 60.0  # requests on which nothing moves for so long, and clients without, have to go
LINGER_SECONDS = 1.0  # how long we wait for the client to hang up first
GRACE_SECONDS = 3.0  # how long requests may go on when the server stops

LAST_CALL = b"lastcall"  # what we ping with before the server stops
PATTERN = bytes(range(256)) * 64  # content of /bytes, over and over

Fields = Sequence[tuple[bytes, bytes]]


async def answer(stream: Stream) -> None:
    """Answer one request: this is the application."""
    method, target = stream.method, stream.path.partition(b"?")[0]
    if method == b"CONNECT":
        stream.refuse(405, allow="GET, HEAD, POST")
    elif not target.startswith(b"/"):
        stream.refuse(400)
    elif target == b"/echo":
        await echo(stream) if method == b"POST" else stream.refuse(405, allow="POST")
    elif target.startswith(b"/bytes/"):
        size = re.fullmatch(rb"[0-9]{1,12}", target.removeprefix(b"/bytes/"))
        if not size:
            stream.refuse(400)
        elif method not in {b"GET", b"HEAD"}:
            stream.refuse(405, allow="GET, HEAD")
        else:
            await generate(stream, int(size[0]))
    else:
        await describe(stream)


async def describe(stream: Stream) -> None:
    """Answer with the request's fields and what is to say about its content, as JSON."""
    stream.invite()
    digest, length = hashlib.sha256(), 0
    async for piece in stream:
        digest.update(piece)
        length += len(piece)
    seen: dict[str, Any] = {
        "headers": as_dict(stream.fields),
        "content": {"length": length, "sha256": digest.hexdigest()},
    }
    if stream.trailers:
        seen["trailers"] = as_dict(stream.trailers)
    body = json.dumps(seen, indent=2).encode() + b"\n"
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    is_head = stream.method == b"HEAD"
    stream.respond(200, headers, end=is_head)
    if not is_head:
        await stream.write(body, end=True)


def as_dict(fields: Fields) -> dict[str, str]:
    """Return fields as text; the values of a repeated name are joined."""
    merged: dict[str, str] = {}
    for raw_name, raw_value in fields:
        # Fields are octets. Most are ASCII; whatever else arrives must not break the answer.
        name = raw_name.decode("utf-8", "backslashreplace")
        value = raw_value.decode("utf-8", "backslashreplace")
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged


async def generate(stream: Stream, size: int) -> None:
    """Answer with so many octets."""
    headers = [("content-type", "application/octet-stream"), ("content-length", str(size))]
    is_head = stream.method == b"HEAD"
    stream.respond(200, headers, end=is_head or not size)
    while size and not is_head:
        piece = PATTERN[:size]
        size -= len(piece)
        await stream.write(piece, end=not size)


async def echo(stream: Stream) -> None:
    """Send the content back as it arrives; take it as it comes even if it cannot go out."""
    stream.invite()
    stream.respond(200, [("content-type", "application/octet-stream")])
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as backlog:
        start = end = 0  # of what has come in and not gone out
        while start < end or stream.received or not stream.complete:
            while stream.received and end < IN_FILE:
                backlog.seek(end)
                end += backlog.write(stream.take())
            while size := min(end - start, stream.room()):
                backlog.seek(start)
                stream.send(backlog.read(size))
                start += size
            if start < end or not (stream.received or stream.complete):
                await stream.changed()
            else:
                start = end = 0
                backlog.seek(0)
                backlog.truncate()
    stream.send(b"", end=True)


class Stream:
    """One request and its response, as the application sees them."""

    def __init__(self, connection: Connection, stream_id: int, fields: Fields) -> None:
        self.connection = connection
        self.id = stream_id
        self.fields = fields
        request = dict(fields)
        self.method = request[b":method"]
        self.path = request.get(b":path", b"")
        self.trailers: Fields = ()
        self.received: deque[tuple[bytes, int]] = deque()  # content, and its size in the windows
        self.complete = False  # nothing more arrives
        self.moved = connection.loop.time()  # when content last went in or out
        self.wake = asyncio.Event()
        self.task = connection.loop.create_task(connection.run(self))

    async def changed(self) -> None:
        """Wait until something arrives, or there may be more room to send."""
        self.connection.flush()
        self.wake.clear()
        await self.wake.wait()

    def invite(self) -> None:
        """Tell a client that asks first that its content is welcome."""
        if (b"expect", b"100-continue") in self.fields and not self.complete:
            self.connection.h2.send_headers(self.id, [(":status", "100")])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Take the content piece by piece, until its end."""
        while self.received or not self.complete:
            if self.received:
                yield self.take()
            else:
                await self.changed()

    def take(self) -> bytes:
        """Take the next piece out, and let the client send more in its place."""
        data, length = self.received.popleft()
        self.connection.h2.acknowledge_received_data(length, self.id)
        return data

    def respond(self, status: int, headers: list[tuple[str, str]], end: bool = False) -> None:
        """Send the header section of the response."""
        fields = [(":status", str(status)), *headers]
        self.connection.h2.send_headers(self.id, fields, end_stream=end)

    def refuse(self, status: int, **headers: str) -> None:
        """Send a response that says no."""
        self.respond(status, list(headers.items()), end=True)

    def room(self) -> int:
        """Return how many octets of content can be sent at once now."""
        connection = self.connection
        if connection.paused:
            return 0
        window = connection.h2.local_flow_control_window(self.id)
        return max(0, min(window, connection.h2.max_outbound_frame_size))

    def send(self, data: bytes | memoryview, end: bool = False) -> None:
        """Send content for which there is room."""
        self.connection.h2.send_data(self.id, data, end_stream=end)
        self.connection.flush()
        self.moved = self.connection.loop.time()

    async def write(self, data: bytes, end: bool = False) -> None:
        """Send content, at the pace of the client."""
        rest = memoryview(data)
        while rest:
            while not (size := min(len(rest), self.room())):
                await self.changed()
            self.send(rest[:size], end=end and size == len(rest))
            rest = rest[size:]
        await asyncio.sleep(0)  # a fast client must not keep the others waiting


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
            },
        )
        self.streams: dict[int, Stream] = {}
        self.paused = False  # whether the transport has enough to write
        self.leaving = False  # whether the connection ends with its last stream
        self.heard = self.loop.time()  # when the client last said something
        self.done = self.loop.create_future()  # nothing is left to do here
        self.closed = self.loop.create_future()  # the transport has closed
        self.transport: asyncio.Transport

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if the client wants HTTP/2."""
        self.transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            self.transport.abort()
            return
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(MAX_STREAMS * STREAM_WINDOW)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Act on what the client says."""
        self.heard = self.loop.time()
        try:
            for event in self.h2.receive_data(data):
                self.handle(event)
        except h2.exceptions.ProtocolError:
            # The GOAWAY frame that tells the client what it did wrong is waiting to be sent.
            self.give_up()
        self.flush()
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Stop sending content: the client is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on sending content."""
        self.paused = False
        self.wake_all()

    def connection_lost(self, error: Exception | None) -> None:
        """Give up what is under way: the client has gone."""
        self.closed.set_result(None)
        self.give_up()

    # What we do.

    def handle(self, event: h2.events.Event) -> None:
        """Act on one event; those that are not listed need no action."""
        stream = self.streams.get(getattr(event, "stream_id", 0))
        match event:
            case h2.events.RequestReceived():
                self.streams[event.stream_id] = Stream(self, event.stream_id, event.headers)
            case h2.events.DataReceived() if stream and event.data:
                stream.received.append((event.data, event.flow_controlled_length))
                stream.moved = self.heard
            case h2.events.DataReceived():
                # Of a request that was given up, or padding alone: nobody is going to take it.
                length = event.flow_controlled_length
                self.h2.acknowledge_received_data(length, event.stream_id)
            case h2.events.TrailersReceived() if stream:
                stream.trailers = event.headers
            case h2.events.StreamEnded() if stream:
                stream.complete = True
            case h2.events.StreamReset() if stream:
                # One read can bring a request and the reset that cancels it. The task does not
                # run in between, so it never sends on a stream that is closed.
                self.drop(stream)
            case h2.events.WindowUpdated(stream_id=0) | h2.events.RemoteSettingsChanged():
                self.wake_all()
            case h2.events.PingAckReceived() if event.ping_data == LAST_CALL:
                self.leave()
        if stream:
            stream.wake.set()

    async def run(self, stream: Stream) -> None:
        """Have a request answered. Runs as a task, which `drop()` cancels."""
        try:
            await answer(stream)
            if not stream.complete:
                # The response is there, the rest of the request is not wanted any more: this is
                # how to say so (RFC 9113 section 8.1).
                self.h2.reset_stream(stream.id, ErrorCodes.NO_ERROR)
        except Exception as error:  # a fault here must not take the other requests down
            self.loop.call_exception_handler({"message": "request failed", "exception": error})
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self.h2.reset_stream(stream.id, ErrorCodes.INTERNAL_ERROR)
        self.forget(stream)
        self.flush()

    def drop(self, stream: Stream) -> None:
        """Stop working on a request."""
        stream.task.cancel()
        self.forget(stream)

    def forget(self, stream: Stream) -> None:
        """Clear up after a request; what nobody took of its content makes room for others."""
        del self.streams[stream.id]
        for _, length in stream.received:
            self.h2.acknowledge_received_data(length, stream.id)
        self.note_end()

    def give_up(self) -> None:
        """Stop working on all requests, and take no more."""
        self.leaving = True
        for stream in list(self.streams.values()):
            self.drop(stream)
        self.note_end()

    def note_end(self) -> None:
        """Note if nothing is left to do."""
        if self.leaving and not self.streams and not self.done.done():
            self.done.set_result(None)

    def wake_all(self) -> None:
        """Let all requests look whether there is more room."""
        for stream in self.streams.values():
            stream.wake.set()

    def flush(self) -> None:
        """Write everything that the connection has to say."""
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def leave(self) -> None:
        """Take no more requests; the connection ends with those that are there."""
        if not self.leaving:
            self.leaving = True
            self.h2.close_connection()
            self.flush()
            self.note_end()

    def check(self) -> None:
        """Reset requests on which nothing moves; leave a client that is silent."""
        now = self.loop.time()
        for stream in list(self.streams.values()):
            if now - stream.moved > IDLE_SECONDS:
                self.h2.reset_stream(stream.id, ErrorCodes.CANCEL)
                self.drop(stream)
        self.flush()
        if not self.streams and now - self.heard > IDLE_SECONDS:
            self.leave()

    async def attend(self) -> None:
        """Stay until the connection has ended. Cancelling this begins an orderly end."""
        try:
            while not self.done.done():
                await asyncio.wait([self.done], timeout=IDLE_SECONDS / 4)
                self.check()
        except asyncio.CancelledError:
            if not self.leaving:
                # A round trip after this, no more requests are on their way and we can leave.
                self.h2.close_connection(last_stream_id=2**31 - 1)
                self.h2.ping(LAST_CALL)
                self.flush()
            await asyncio.wait([self.done], timeout=GRACE_SECONDS)
        try:
            self.leave()
            # Closing while octets of the client wait unread would discard what we said last.
            await asyncio.wait([self.closed], timeout=LINGER_SECONDS)
            self.give_up()
            close(self.transport)
            await asyncio.wait([self.closed], timeout=LINGER_SECONDS)
        finally:
            self.transport.abort()


async def serve_client(sock: socket.socket, context: ssl.SSLContext) -> None:
    """Serve one client."""
    with contextlib.suppress(OSError):  # it has gone, or failed at TLS: nobody is left to tell
        # asyncio sees to this itself for sockets that it makes, but not for those that it is given.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, connection = await asyncio.get_running_loop().connect_accepted_socket(
            Connection, sock, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        await connection.attend()


async def accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Make every client a task, until this is cancelled; then end them all.

    With `loop.create_server()` no task would be there during the TLS handshake, and nobody could
    end those that are under way when the server stops.
    """
    loop = asyncio.get_running_loop()
    clients: set[asyncio.Task[None]] = set()
    try:
        while True:
            try:
                sock, _ = await loop.sock_accept(listener)
            except OSError:  # it has gone already, or too many files are open
                await asyncio.sleep(0.1)
                continue
            client = loop.create_task(serve_client(sock, context))
            clients.add(client)
            client.add_done_callback(clients.discard)
    finally:
        listener.close()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def serve(host: str, port: int, context: ssl.SSLContext) -> None:
    """Listen and serve until Ctrl+C."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as listener:
        listener.setblocking(False)
        accepting = loop.create_task(accept(listener, context))

        def stop(_number: int, _frame: FrameType | None) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once more would cancel the shutdown
            loop.call_soon_threadsafe(accepting.cancel)

        # Works on every platform, which `loop.add_signal_handler()` does not.
        signal.signal(signal.SIGINT, stop)
        announce(listener.getsockname()[1], host)
        with contextlib.suppress(asyncio.CancelledError):
            await accepting


def main() -> None:
    """Read the command line and serve."""
    args = server_options(__doc__).parse_args()
    asyncio.run(serve(args.host, args.port, server_context(args.certificates)))


if __name__ == "__main__":
    main()
