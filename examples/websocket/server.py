"""WebSockets over HTTP/2 (RFC 8441): a page whose script opens them on the page's own connection.

    python -m examples.websocket.server

Open https://localhost:8443/ in a browser that trusts examples/certificates/authority.pem: the page
tries everything that this server supports, and shows the results. From a shell:

    CA=examples/certificates/authority.pem
    python -m examples.websocket.client --authority $CA --text hello wss://localhost:8443/echo

`/echo` echoes every message, piece by piece, however large it is; `/fields` sends the header fields
of the request that opened the WebSocket as JSON, and closes. (An ordinary GET gets its own fields.)

How a WebSocket over HTTP/2 is opened:

1. The server's SETTINGS have ENABLE_CONNECT_PROTOCOL = 1. A browser checks this on an existing
   connection, and opens a new one with HTTP/1.1 if it is missing.
2. The client sends an extended CONNECT request: `:protocol` is websocket, the stream stays open.
3. The server answers with status 200. There is no Upgrade, no `sec-websocket-key`, no 101.
4. From then on DATA frames carry what RFC 6455 would send over a TCP connection, and END_STREAM is
   the end of that connection. wsproto reads and writes it; its handshake is for HTTP/1.1 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

import h2.events
from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from examples.common.transport import close, within
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings

PAGE = Path(__file__).with_name("page.html").read_bytes()
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 60.0  # a client that is silent for this long gets a PING
SEND_SECONDS = 60.0  # time limit for a client to read what we send
GRACE_SECONDS = 3.0  # how long clients have to close their WebSockets when the server stops
LINGER_SECONDS = 1.0  # time for the client to disconnect after our last frame
PIECE = 16_384  # octets read from a WebSocket at a time

Fields = Sequence[tuple[bytes, bytes]]


class WebSocket:
    """The server's end of a WebSocket, which echoes what it receives."""

    def __init__(self) -> None:
        self.ws = Connection(ConnectionType.SERVER)
        self.output = b""
        self.finished = False  # nothing follows the output

    def send(self, event: Event) -> None:
        """Append a frame to the output."""
        self.output += self.ws.send(event)

    def receive(self, data: bytes) -> None:
        """Process octets from the client, split anywhere, and react to the frames in them."""
        if self.finished:
            return
        self.ws.receive_data(data)
        for event in self.ws.events():
            match event:
                case Message() if event.data or event.message_finished:
                    # Each part of a message is echoed as soon as it arrives, as a separate frame:
                    # no message is too large, and none has to be stored.
                    echo = type(event)(data=event.data, message_finished=event.message_finished)
                    self.send(echo)
                case Ping():
                    self.send(event.response())
                case CloseConnection():  # or wsproto, after a violation
                    self.close(event)

    def close(self, event: CloseConnection) -> None:
        """Send a Close frame, unless it was already sent; nothing follows it."""
        if self.ws.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
            self.send(event.response())
        self.finished = True

    def leave(self) -> None:
        """Tell the client that the server is going away."""
        if not self.finished:
            self.close(CloseConnection(code=CloseReason.GOING_AWAY, reason="the server stops"))


class Session:
    """One client: its transport, its HTTP/2 connection and its WebSockets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.task = asyncio.current_task()
        self.conn = BufferedH2Connection(
            H2Configuration(client_side=False),
            receive_buffering=True,
            shutdown_timeout=GRACE_SECONDS,
        )
        self.conn.SEND_BUFFER_HIGH, self.conn.SEND_BUFFER_LOW = 1, 0  # see `go_on()`
        self.conn.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
                SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
            },
        )
        self.websockets: dict[int, WebSocket] = {}
        self.stopping = False  # whether the server is stopping
        self.over = False  # whether only pending frames remain to be sent

    async def run(self) -> None:
        """Serve until the client leaves, times out or breaks the protocol, or the server stops."""
        self.conn.initiate_connection()
        await self.flush()
        with contextlib.suppress(ProtocolError):  # GOAWAY is pending
            while not self.over:
                if data := await self.receive():
                    self.handle(self.conn.receive_data(data))
                else:
                    self.conn.close_connection()
                    self.over = True
                await self.flush()
        await self.flush()

    async def receive(self) -> bytes:
        """Wait for octets; none mean that the client has left."""
        for patience in (True, False):
            with contextlib.suppress(asyncio.TimeoutError):
                return await within(IDLE_SECONDS, self.reader.read(65_536))
            if patience and self.conn.open_inbound_streams:
                # A WebSocket may be silent for as long as it likes; its client must be alive.
                self.conn.ping(b"alive?  ")
                await self.flush()
            else:
                break
        return b""

    async def flush(self) -> None:
        """Write what can be sent, and wait for the client to read it.

        Nothing is read in the meantime, so that a client that does not read cannot make us store
        more.
        """
        while data := self.conn.data_to_send(65_536):
            self.writer.write(data)
            self.handle(self.conn.events())
            await within(SEND_SECONDS, self.writer.drain())

    def leave(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8), and let the client close WebSockets."""
        self.stopping = True
        self.conn.graceful_shutdown()
        with contextlib.suppress(ProtocolError):  # after a violation by the client
            for stream_id, websocket in list(self.websockets.items()):
                websocket.leave()
                self.send(stream_id, websocket)
        self.writer.write(self.conn.data_to_send())

    def break_off(self) -> None:
        """Disconnect immediately: the time for a graceful shutdown is over."""
        self.conn.handle_timer(time.monotonic())
        self.writer.write(self.conn.data_to_send())
        if self.task:
            self.task.cancel()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Process events; those that are not listed need no action."""
        for event in events:
            match event:
                case h2.events.RequestReceived():
                    # One read can bring a request and, behind it, the reset that cancels it.
                    with contextlib.suppress(StreamClosedError):
                        self.answer(event.stream_id, event.headers)
                case h2.events.DataAvailable() | h2.events.StreamEnded():
                    self.go_on(event.stream_id)
                case h2.events.StreamWritable():
                    self.go_on(event.stream_id)
                case h2.events.StreamReset():
                    self.websockets.pop(event.stream_id, None)
                    self.conn.discard_data(event.stream_id)
                case h2.events.ConnectionDrained():
                    self.over = True

    def go_on(self, stream_id: int) -> None:
        """Read what a WebSocket has received, if all of its output was sent.

        So no more is buffered here than the client may send.
        """
        while (websocket := self.websockets.get(stream_id)) and not self.conn.send_buffer_size(
            stream_id
        ):
            data = self.conn.read_data(stream_id, PIECE)
            websocket.receive(data)
            if self.conn.at_end(stream_id):
                websocket.finished = True  # this corresponds to the end of a TCP connection
            self.send(stream_id, websocket)
            if not data:
                break

    def send(self, stream_id: int, websocket: WebSocket) -> None:
        """Send the output of a WebSocket; forget it if nothing follows."""
        self.conn.send_data(stream_id, websocket.output, end_stream=websocket.finished)
        websocket.output = b""
        if websocket.finished:
            del self.websockets[stream_id]
            self.conn.discard_data(stream_id)

    def answer(self, stream_id: int, fields: Fields) -> None:
        """Answer a request: open a WebSocket, or send the page or an error."""
        request = dict(fields)
        method, path = request[b":method"], path_of(request)
        if b":protocol" in request:
            if (refused := refusal(request)) is not None:
                self.conn.send_headers(stream_id, refused, end_stream=True)
                return
            self.conn.send_headers(stream_id, [(":status", "200")])
            self.websockets[stream_id] = websocket = WebSocket()
            if path == b"/fields":
                websocket.send(TextMessage(data=fields_as_json(fields)))
                websocket.close(CloseConnection(code=CloseReason.NORMAL_CLOSURE, reason="all said"))
            if self.stopping:
                websocket.leave()
            self.send(stream_id, websocket)
            return
        status, kind, content = "404", "text/plain", b"not here\n"
        if method not in {b"GET", b"HEAD"}:
            status, content = "405", b"GET and HEAD only\n"
        elif path == b"/":
            status, kind, content = "200", "text/html; charset=utf-8", PAGE
        elif path == b"/fields":
            status, kind, content = "200", "application/json", fields_as_json(fields).encode()
        response = [
            (":status", status),
            ("content-type", kind),
            ("content-length", str(len(content))),
        ]
        self.conn.discard_data(stream_id)  # it is not needed
        self.conn.send_headers(stream_id, response, end_stream=method == b"HEAD")
        if method != b"HEAD":
            self.conn.send_data(stream_id, content, end_stream=True)


def path_of(request: dict[bytes, bytes]) -> bytes:
    """Return the path of a request without its query; an ordinary CONNECT has none."""
    return request.get(b":path", b"").partition(b"?")[0]


def refusal(request: dict[bytes, bytes]) -> list[tuple[str, str]] | None:
    """Return the response that refuses an extended CONNECT request, or None."""
    if request[b":protocol"] != b"websocket":
        return [(":status", "501")]
    if path_of(request) not in {b"/echo", b"/fields"}:
        return [(":status", "404")]
    if request.get(b"sec-websocket-version") != b"13":
        return [(":status", "400"), ("sec-websocket-version", "13")]
    # Browsers let scripts of any page open WebSockets, with cookies, and send the script's origin.
    own = b"https://" + request.get(b":authority", b"")
    if request.get(b"origin", own) != own:
        return [(":status", "403")]
    return None


def fields_as_json(fields: Fields) -> str:
    """Render header fields as a JSON object."""
    return json.dumps({name.decode(): value.decode("latin-1") for name, value in fields}, indent=2)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the client read our last frames and disconnect; after a moment, do so ourselves.

    Closing a socket with unread octets from the client would discard what we sent last.
    """

    async def until_closed() -> None:
        while await reader.read(65_536):
            pass
        close(writer.transport)
        await writer.wait_closed()

    try:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await within(LINGER_SECONDS, until_closed())
    finally:
        writer.transport.abort()


async def serve(host: str, port: int, context: ssl.SSLContext) -> None:
    """Accept clients until Ctrl+C is pressed."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))
    sessions: set[Session] = set()

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        sessions.add(session)
        try:
            if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
                await session.run()
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass  # the client has disconnected or does not read, or the server stops
        finally:
            await hang_up(reader, writer)
            sessions.discard(session)

    server = await asyncio.start_server(
        serve_client, host, port, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
    )
    announce(server.sockets[0].getsockname()[1], host)
    await stopping.wait()
    server.close()
    tasks = [session.task for session in sessions if session.task]
    for session in sessions:
        session.leave()
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        for session in sessions:
            session.break_off()
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Read the command line and serve."""
    options = server_options(__doc__).parse_args()
    asyncio.run(serve(options.host, options.port, server_context(options.certificates)))


if __name__ == "__main__":
    main()
