"""A server on tornado: the JSON of a request's header fields, and an echo.

Start it in the root of the checkout, then ask it something from another shell:

    python -m examples.tornado.server
    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    curl --cacert examples/certificates/authority.pem https://localhost:8443/echo -d hello

Every client has two coroutines. The reader gives bytes to the connection and acts on the events.
The writer sends what the connection has to say and, a piece at a time, the responses, as far as the
client has room for them. What is echoed counts as received when it has been sent: a client that
does not take its content back cannot send more of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import tornado.util
from tornado import gen
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.locks import Event
from tornado.netutil import bind_sockets
from tornado.tcpserver import TCPServer

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common import certificate, options

MAX_CLIENTS = 100  # clients served at the same time; further ones are turned away
HANDSHAKE_SECONDS = 10.0  # how long a client may take to agree on TLS
IDLE_SECONDS = 60.0  # a client with which nothing is exchanged for so long is told to go
SEND_SECONDS = 30.0  # how long a client may leave what we send unread
GRACE_SECONDS = 3.0  # how long responses that are under way may take when the server stops
LINGER_SECONDS = 1.0  # how long a client has to read our last words and hang up
PIECE = 16_384  # bytes of a response sent at once
MAX_BACKLOG = 262_144  # bytes that we take from a client while it takes none from us
LAST_CALL = b"lastcall"  # what we ping with before the last GOAWAY

Fields = list[tuple[bytes, bytes]]


@dataclass
class Response:
    """Content that waits to be sent."""

    content: bytearray
    complete: bool = True  # whether nothing will be added to it
    echo: bool = False  # whether it is the content of the request


def fields_as_json(fields: Fields) -> bytes:
    """Render header fields as a JSON object; the values of a repeated name are joined."""
    merged: dict[str, str] = {}
    for raw_name, raw_value in fields:
        # Fields are bytes. Most are ASCII; whatever else arrives must not break the answer.
        name = raw_name.decode("utf-8", "backslashreplace")
        value = raw_value.decode("utf-8", "backslashreplace")
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return json.dumps(merged, indent=2).encode() + b"\n"


def answer(fields: Fields) -> tuple[list[tuple[str, str]], Response]:
    """Choose the response to a request with these header fields: its header section and content."""
    request = dict(fields)
    is_echo = request.get(b":path", b"").partition(b"?")[0] == b"/echo"
    if is_echo and request[b":method"] == b"POST":
        headers = [(":status", "200"), ("content-type", "application/octet-stream")]
        return headers, Response(bytearray(), complete=False, echo=True)
    if request[b":method"] in {b"GET", b"HEAD"}:
        content = fields_as_json(fields)
        headers = [(":status", "200"), ("content-type", "application/json")]
    else:
        content = b"405 Method Not Allowed\n"
        allowed = "GET, HEAD, POST" if is_echo else "GET, HEAD"
        headers = [(":status", "405"), ("content-type", "text/plain"), ("allow", allowed)]
    headers.append(("content-length", str(len(content))))
    return headers, Response(bytearray(content))


class Session:
    """One client: its byte stream, its HTTP/2 connection and the responses that are under way."""

    def __init__(self, stream: IOStream) -> None:
        self.stream = stream
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.responses: dict[int, Response] = {}  # by stream, the one whose turn it is first
        self.closing = False  # whether the client has been told that we take no more requests
        self.active = time.monotonic()  # when bytes last went either way
        self.backlog = 0  # bytes read since nothing was left to write
        self.wake = Event()  # there may be something to write
        self.written = Event()  # the backlog is gone

    async def run(self) -> None:
        """Serve until the client leaves, falls silent or breaks the rules, or the server stops."""
        self.conn.initiate_connection()
        reader = asyncio.create_task(self.read())
        try:
            await self.write()
            # Closing a socket in which bytes of the client wait would discard what we sent last.
            await asyncio.wait({reader}, timeout=LINGER_SECONDS)
        finally:
            reader.cancel()
            self.end()

    def leave(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8): ask the client for no more requests.

        Those that are on their way are still answered, so no last stream is named yet. When the
        client answers the PING, it has read the GOAWAY frame, and all of them have arrived.
        """
        if not self.closing:
            self.conn.close_connection(last_stream_id=self.conn.HIGHEST_ALLOWED_STREAM_ID)
            self.conn.ping(LAST_CALL)
        self.wake.set()

    def close(self) -> None:
        """Name the last request that is answered; the responses under way go on."""
        if not self.closing:
            self.closing = True
            self.conn.close_connection()
        self.wake.set()

    def end(self) -> None:
        """Take no more requests, and give up the responses under way."""
        for stream_id in list(self.responses):
            self.drop(stream_id)
        self.close()

    # The reader.

    async def read(self) -> None:
        """Take in what the client says, until it leaves or says nothing any more."""
        try:
            while data := await self.receive():
                try:
                    events = self.conn.receive_data(data)
                except h2.exceptions.ProtocolError:
                    # The GOAWAY frame that tells the client what it did wrong waits to be sent.
                    self.closing = True
                    self.end()
                else:
                    self.handle(events)
                self.wake.set()
                self.backlog += len(data)
                while self.backlog > MAX_BACKLOG:
                    self.written.clear()
                    await self.written.wait()
                await asyncio.sleep(0)  # reading does not yield as long as there are bytes
        finally:
            self.end()

    async def receive(self) -> bytes:
        """Wait for bytes; none mean that the client left, or that nothing has happened for long."""
        reading = asyncio.ensure_future(self.stream.read_bytes(65_536, partial=True))
        while (patience := self.active + IDLE_SECONDS - time.monotonic()) > 0:
            await asyncio.wait({reading}, timeout=patience)
            if reading.done():
                self.active = time.monotonic()
                return b"" if reading.exception() else reading.result()
        return b""

    def handle(self, events: list[h2.events.Event]) -> None:
        """Act on the events of one read; those that are not listed need no action.

        One read can bring a request and, behind it, the reset that cancels it. The connection knows
        of the reset as soon as the read is through, so such a request cannot be answered any more.
        """
        resets = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            match event:
                case h2.events.RequestReceived() if event.stream_id not in resets:
                    self.respond(event.stream_id, event.headers)
                case h2.events.DataReceived():
                    self.take(event)
                case h2.events.StreamEnded() if response := self.responses.get(event.stream_id):
                    response.complete = True
                case h2.events.StreamReset():
                    self.drop(event.stream_id)
                case h2.events.PingAckReceived() if event.ping_data == LAST_CALL:
                    self.close()

    def respond(self, stream_id: int, fields: Fields) -> None:
        """Begin the response to a request; the writer sends its content."""
        headers, response = answer(fields)
        if response.echo and (b"expect", b"100-continue") in fields:
            self.conn.send_headers(stream_id, [(":status", "100")])
        is_head = (b":method", b"HEAD") in fields  # asks for the header fields of the answer only
        self.conn.send_headers(stream_id, headers, end_stream=is_head)
        if not is_head:
            self.responses[stream_id] = response

    def take(self, event: h2.events.DataReceived) -> None:
        """Keep the content of a request until it has been sent back, if that is what is wanted.

        All else has its place in the flow-control windows back at once, padding included.
        """
        length = event.flow_controlled_length
        response = self.responses.get(event.stream_id)
        if response and response.echo:
            response.content += event.data
            length -= len(event.data)
        self.conn.acknowledge_received_data(length, event.stream_id)

    def drop(self, stream_id: int) -> None:
        """Forget the response on this stream, if there is one."""
        response = self.responses.pop(stream_id, None)
        if response and response.echo:
            # Its place in the window of the connection is for the other streams now.
            self.conn.acknowledge_received_data(len(response.content), stream_id)

    # The writer.

    async def write(self) -> None:
        """Send what there is to send, until the last response is through and no more may come."""
        while True:
            self.wake.clear()
            self.send_piece()
            if data := self.conn.data_to_send():
                await within(SEND_SECONDS, self.stream.write(data))
                self.active = time.monotonic()
            elif self.closing and not self.responses:
                return
            # Also where nothing was to be written: then there is nothing to wait for.
            self.backlog = 0
            self.written.set()
            if data:
                await asyncio.sleep(0)  # writing does not yield as long as there is room
            else:
                await self.wake.wait()

    def send_piece(self) -> None:
        """Give the connection a piece of the first response that can go on."""
        for stream_id, response in self.responses.items():
            window = self.conn.local_flow_control_window(stream_id)
            size = min(window, self.conn.max_outbound_frame_size, PIECE, len(response.content))
            if size > 0 or (response.complete and not response.content):
                break
        else:
            return
        piece = bytes(response.content[:size])
        del response.content[:size]
        ends = response.complete and not response.content
        self.conn.send_data(stream_id, piece, end_stream=ends)
        if response.echo:
            self.conn.acknowledge_received_data(len(piece), stream_id)
        del self.responses[stream_id]
        if not ends:
            self.responses[stream_id] = response  # its next turn comes after the others' turns


def within(seconds: float, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Wait for something that a stream does, or raise `tornado.util.TimeoutError`.

    `asyncio.wait_for()` would cancel the future, and streams are not prepared for that.
    """
    return gen.with_timeout(timedelta(seconds=seconds), future, quiet_exceptions=StreamClosedError)


class Server(TCPServer):
    """What listens, and the sessions that came of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(ssl_options=certificate.server_context(args.certificates))
        self.clients = 0
        self.sessions: dict[Session, asyncio.Task[None]] = {}

    async def handle_stream(self, stream: IOStream, address: tuple[object, ...]) -> None:
        """Serve one client, and close its socket."""
        self.clients += 1
        try:
            if self.clients <= MAX_CLIENTS:
                await self.serve_client(stream)
        except (OSError, tornado.util.TimeoutError):
            pass  # the client has gone, or speaks no TLS: nobody is left to tell
        finally:
            self.clients -= 1
            stream.close()

    async def serve_client(self, stream: IOStream) -> None:
        """Agree on TLS, then speak HTTP/2."""
        assert isinstance(stream, SSLIOStream)  # because the server has ssl_options
        # Frames go out when they are ready; waiting to fill a packet would only add delay.
        stream.set_nodelay(True)
        await within(HANDSHAKE_SECONDS, stream.wait_for_handshake())
        if stream.socket.selected_alpn_protocol() != "h2":
            return
        session = Session(stream)
        self.sessions[session] = asyncio.create_task(session.run())
        try:
            await self.sessions[session]
        finally:
            del self.sessions[session]

    async def run(self, host: str, port: int) -> None:
        """Serve until Ctrl+C."""
        interrupted = Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
        sockets = bind_sockets(port, host)
        self.add_sockets(sockets)
        options.announce(sockets[0].getsockname()[1], host)
        await interrupted.wait()
        self.stop()
        for session in self.sessions:
            session.leave()
        await self.wait(GRACE_SECONDS)
        for session in self.sessions:
            session.end()
        await self.wait(LINGER_SECONDS)
        # What is left after that is cancelled by asyncio.run().

    async def wait(self, seconds: float) -> None:
        """Wait until all clients have gone, but no longer than this."""
        if self.sessions:
            await asyncio.wait(set(self.sessions.values()), timeout=seconds)


def main() -> None:
    """Read the command line and serve."""
    args = options.server_options(__doc__).parse_args()
    # It warns of every client that does not speak TLS.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    asyncio.run(Server(args).run(args.host, args.port))


if __name__ == "__main__":
    main()
