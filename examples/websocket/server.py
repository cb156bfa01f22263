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
from collections.abc import Sequence
from pathlib import Path

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from examples.common.transport import close
from h2.settings import SettingCodes, Settings

PAGE = Path(__file__).with_name("page.html").read_bytes()
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 60.0  # a client that is silent for this long gets a PING
SEND_SECONDS = 60.0  # time limit for a client to read what we send
GRACE_SECONDS = 3.0  # how long clients have to close their WebSockets when the server stops
LINGER_SECONDS = 1.0  # time for the client to disconnect after our last frame
LAST_CALL = b"lastcall"  # the payload of the PING before the last GOAWAY

Fields = Sequence[tuple[bytes, bytes]]


class Exchange:
    """What has yet to be sent on one stream."""

    def __init__(self, output: bytes = b"") -> None:
        self.output = bytearray(output)
        self.finished = True  # nothing follows the output
        self.held = 0  # flow-controlled octets received but not acknowledged yet

    def receive(self, data: bytes) -> None:
        """Discard the content of the request, which is not needed."""

    def leave(self) -> None:
        """Prepare for the end of the connection."""


class WebSocket(Exchange):
    """The server's end of a WebSocket, which echoes what it receives."""

    def __init__(self) -> None:
        super().__init__()
        self.finished = False
        self.ws = Connection(ConnectionType.SERVER)

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
        self.close(CloseConnection(code=CloseReason.GOING_AWAY, reason="the server stops"))


class Session:
    """One client: its transport, its HTTP/2 connection and the exchanges in progress."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.task = asyncio.current_task()
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.conn.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
                SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
            },
        )
        self.exchanges: dict[int, Exchange] = {}
        self.leaving = False  # whether the final GOAWAY has been sent
        self.broken = False  # whether the client has violated the protocol; GOAWAY reports it

    async def run(self) -> None:
        """Serve until the client leaves, times out or breaks the protocol, or the server stops."""
        self.conn.initiate_connection()
        await self.flush()
        while not (self.leaving and not self.exchanges):
            data = await self.receive()
            if not data:
                self.say_goodbye()
                break
            try:
                events = self.conn.receive_data(data)
            except h2.exceptions.ProtocolError:
                self.broken = True
                break  # GOAWAY is pending
            self.handle(events)
            self.send_content()
            await self.flush()
        await self.flush()

    async def receive(self) -> bytes:
        """Wait for octets; none mean that the client has left."""
        for patience in (True, False):
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(self.reader.read(65_536), IDLE_SECONDS)
            if patience and self.exchanges:
                # A WebSocket may be silent for any time, but its client must be alive.
                self.conn.ping(b"alive?  ")
                await self.flush()
            else:
                break
        return b""

    async def flush(self) -> None:
        """Write what the connection has to send, and wait for the client to read it.

        Nothing is read in the meantime, so that a client that does not read cannot make us store
        more.
        """
        if data := self.conn.data_to_send():
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), SEND_SECONDS)

    def leave(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8), and let the client close WebSockets.

        Requests in flight are still answered, so no last stream is named yet. When the client
        answers the PING, it has read the GOAWAY frame, and all of them have arrived.
        """
        if self.broken or self.leaving:
            return
        self.conn.close_connection(last_stream_id=self.conn.HIGHEST_ALLOWED_STREAM_ID)
        self.conn.ping(LAST_CALL)
        self.close_websockets()
        self.writer.write(self.conn.data_to_send())

    def say_goodbye(self) -> None:
        """Send GOAWAY with the last request that is answered, unless it was already sent."""
        if not (self.broken or self.leaving):
            self.leaving = True
            self.conn.close_connection()

    def close_websockets(self) -> None:
        """Tell all WebSocket clients that the server is going away."""
        for exchange in self.exchanges.values():
            exchange.leave()
        self.send_content()

    def break_off(self) -> None:
        """Disconnect immediately: the time for a graceful shutdown is over."""
        self.say_goodbye()
        self.writer.write(self.conn.data_to_send())
        if self.task:
            self.task.cancel()

    def handle(self, events: list[h2.events.Event]) -> None:
        """Process the events of one read; those that are not listed need no action."""
        resets = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            match event:
                case h2.events.RequestReceived() if event.stream_id not in resets:
                    self.answer(event.stream_id, event.headers)
                case h2.events.DataReceived():
                    self.take_in(event)
                case h2.events.StreamEnded() if event.stream_id in self.exchanges:
                    # For a WebSocket this corresponds to the end of a TCP connection.
                    self.exchanges[event.stream_id].finished = True
                case h2.events.StreamReset():
                    if exchange := self.exchanges.pop(event.stream_id, None):
                        self.conn.acknowledge_received_data(exchange.held, event.stream_id)
                case h2.events.PingAckReceived() if event.ping_data == LAST_CALL:
                    self.say_goodbye()
                    self.close_websockets()  # those that were opened in the meantime

    def take_in(self, event: h2.events.DataReceived) -> None:
        """Pass content to its exchange; it is acknowledged when the output was sent."""
        if exchange := self.exchanges.get(event.stream_id):
            exchange.held += event.flow_controlled_length
            exchange.receive(event.data)
        else:
            length = event.flow_controlled_length
            self.conn.acknowledge_received_data(length, event.stream_id)

    def answer(self, stream_id: int, fields: Fields) -> None:
        """Answer a request: open a WebSocket, or send the page or an error."""
        request = dict(fields)
        method, path = request[b":method"], path_of(request)
        if b":protocol" in request:
            if (refused := refusal(request)) is not None:
                self.conn.send_headers(stream_id, refused, end_stream=True)
                return
            self.conn.send_headers(stream_id, [(":status", "200")])
            self.exchanges[stream_id] = websocket = WebSocket()
            if path == b"/fields":
                websocket.send(TextMessage(data=fields_as_json(fields)))
                websocket.close(CloseConnection(code=CloseReason.NORMAL_CLOSURE, reason="all said"))
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
        self.conn.send_headers(stream_id, response, end_stream=method == b"HEAD")
        if method != b"HEAD":
            self.exchanges[stream_id] = Exchange(content)

    def send_content(self) -> None:
        """Send as much of every exchange as the windows allow.

        Once all output is sent, the octets that caused it are acknowledged. So what is pending here
        is bounded by what the client may send.
        """
        for stream_id, exchange in list(self.exchanges.items()):
            while exchange.output:
                window = self.conn.local_flow_control_window(stream_id)
                size = min(window, self.conn.max_outbound_frame_size, len(exchange.output))
                if size <= 0:
                    break
                self.conn.send_data(stream_id, bytes(exchange.output[:size]))
                del exchange.output[:size]
            if not exchange.output:
                if exchange.finished:
                    self.conn.end_stream(stream_id)
                    del self.exchanges[stream_id]
                self.conn.acknowledge_received_data(exchange.held, stream_id)
                exchange.held = 0


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
            await asyncio.wait_for(until_closed(), LINGER_SECONDS)
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
