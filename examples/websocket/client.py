"""A WebSocket client over HTTP/2 (RFC 8441): sends messages, and writes those that arrive.

    CA=examples/certificates/authority.pem
    python -m examples.websocket.client --authority $CA --text hello wss://localhost:8443/echo
    python -m examples.websocket.client --authority $CA --data FILE wss://localhost:8443/echo
    python -m examples.websocket.client --authority $CA wss://localhost:8443/fields

It sends the texts, then the file as one binary message, then a Ping with `--ping`, and closes the
WebSocket when as many messages (and the Pong) have arrived: with an echo server, its own. If it has
nothing to send it waits for the server to close. Text messages are written to standard output, each
followed by a line break, binary ones unchanged. The exit status is 0 if the WebSocket was closed
normally, with the codes 1000 or 1005.

One task sends, one receives. The message from the file is sent in pieces, each when the previous
one has fit into the flow-control windows, and content that arrives is acknowledged when it is
written.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason

import h2.events
from examples.common.certificate import client_context
from examples.common.transport import close
from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError

PIECE = 65_536  # octets of a large message that go into one WebSocket frame
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0  # how long the server may take to answer our Close frame


class WebSocketError(Exception):
    """There is no WebSocket, or it ended prematurely."""


class Client:
    """A connection to a server with one WebSocket on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.conn = BufferedH2Connection(receive_buffering=True)
        self.ws = Connection(ConnectionType.CLIENT)
        self.stream_id = 0
        self.progress = asyncio.Event()  # set after each read
        self.opened = False
        self.arrived = 0  # whole messages and Pongs
        self.close_code: int | None = None
        self.broken: WebSocketError | None = None  # a protocol violation by the server

    async def open(self, url: SplitResult) -> None:
        """Open the WebSocket; return when the server has accepted."""
        self.conn.initiate_connection()
        await self.write()
        while not self.conn.remote_settings.enable_connect_protocol:
            # SETTINGS are the first frame from the server; they have the setting, or it is missing.
            events = await self.read()
            if any(isinstance(event, h2.events.RemoteSettingsChanged) for event in events):
                break
        if self.broken is not None:
            raise self.broken
        if not self.conn.remote_settings.enable_connect_protocol:
            raise WebSocketError("the server has no WebSockets over HTTP/2")
        self.stream_id = self.conn.get_next_available_stream_id()
        fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", url.netloc.rpartition("@")[2]),
            (":path", (url.path or "/") + (f"?{url.query}" if url.query else "")),
            ("sec-websocket-version", "13"),
            ("user-agent", "h2-websocket-example"),
        ]
        self.conn.send_headers(self.stream_id, fields)
        await self.write()
        while not self.opened:
            self.handle(await self.read())

    async def read(self) -> list[h2.events.Event]:
        """Wait for events of the connection.

        If the server violates the protocol, the next call raises: what came before counts.
        """
        if self.broken is not None:
            raise self.broken
        data = await self.reader.read(PIECE)
        if not data:
            raise WebSocketError("the server hung up")
        try:
            events = self.conn.receive_data(data)
        except ProtocolError as error:
            events = list(error.events)
            self.broken = WebSocketError(f"the server broke the protocol: {error}")
        await self.write()
        return events

    async def write(self) -> None:
        """Write what the connection has to send."""
        self.writer.write(self.conn.data_to_send())
        await self.writer.drain()

    def handle(self, events: list[h2.events.Event]) -> None:
        """Process the events of one read."""
        for event in events:
            match event:
                case h2.events.ResponseReceived():
                    status = dict(event.headers)[b":status"].decode()
                    if status != "200":
                        raise WebSocketError(f"the server refuses with status {status}")
                    self.opened = True
                case h2.events.DataAvailable():
                    self.take_in(self.conn.read_data(event.stream_id))
                case h2.events.StreamReset(stream_id=self.stream_id) if self.close_code is None:
                    raise WebSocketError(f"the stream was reset: {event.error_code!r}")
                case h2.events.StreamEnded() if self.close_code is None:
                    raise WebSocketError("the server ended the stream without a Close frame")

    def take_in(self, data: bytes) -> None:
        """Process WebSocket frames."""
        if self.close_code is None:
            self.ws.receive_data(data)
            for frame in self.ws.events():
                self.react(frame)

    def react(self, event: Event) -> None:
        """React to an event of the WebSocket."""
        match event:
            case Message():
                text = isinstance(event, TextMessage)
                content = event.data.encode() if text else event.data
                end = b"\n" if text and event.message_finished else b""
                sys.stdout.buffer.write(content + end)
                sys.stdout.buffer.flush()
                self.arrived += event.message_finished
            case Pong():
                self.arrived += 1
            case Ping():
                self.put(event.response())
            case CloseConnection():  # wsproto also creates one if the server violates RFC 6455
                self.close_code = event.code
                if self.ws.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
                    self.put(event.response())

    def put(self, event: Event) -> None:
        """Send a frame as soon as the windows allow."""
        with contextlib.suppress(ProtocolError):  # the server does not need it any more
            self.conn.send_data(self.stream_id, self.ws.send(event))

    async def receive_all(self) -> int:
        """Receive until the WebSocket is closed; return the code with which the server closed."""
        while True:
            # The first frames may have come together with the response that opened the WebSocket.
            await self.write()
            self.progress.set()
            if self.close_code is not None:
                break
            self.handle(await self.read())
        if self.broken is None:  # else a GOAWAY frame has told the server about it
            with contextlib.suppress(StreamClosedError):
                if self.conn.send_buffer_size(
                    self.stream_id
                ):  # the server has closed while we were still sending
                    self.conn.reset_stream(self.stream_id, ErrorCodes.CANCEL)
                else:
                    self.conn.end_stream(self.stream_id)
            self.conn.close_connection()
            await self.write()
        return self.close_code

    async def wait(self) -> None:
        """Wait until something has arrived."""
        self.progress.clear()
        await self.progress.wait()

    async def send(self, event: Event) -> None:
        """Send a frame, and wait until the windows have had room for all of it."""
        self.put(event)
        await self.write()
        while self.conn.send_buffer_size(self.stream_id):  # 0 after a reset, too
            await self.wait()

    async def send_all(self, events: Iterator[Event]) -> None:
        """Send everything, and close when as many messages have arrived."""
        wanted = 0
        for event in events:
            if self.close_code is not None:
                return
            await self.send(event)
            wanted += not isinstance(event, Message) or event.message_finished
        while self.arrived < wanted:
            await self.wait()
        if wanted and self.close_code is None:
            await self.send(CloseConnection(code=CloseReason.NORMAL_CLOSURE))

    async def run(self, events: Iterator[Event]) -> int:
        """Send and receive at the same time; return the code with which the server closed."""
        sender = asyncio.ensure_future(self.send_all(events))
        receiver = asyncio.ensure_future(self.receive_all())
        try:
            await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
            if not receiver.done():
                await sender
                closing = self.ws.state is ConnectionState.LOCAL_CLOSING
                await asyncio.wait_for(receiver, CLOSE_SECONDS if closing else None)
            return receiver.result()
        finally:
            sender.cancel()
            receiver.cancel()
            await asyncio.gather(sender, receiver, return_exceptions=True)


def messages(texts: list[str], file: Path | None, ping: bool) -> Generator[Event, None, None]:
    """The events to send, in order; a large file becomes a message of several frames."""
    for text in texts:
        yield TextMessage(data=text)
    if file is not None:
        with file.open("rb") as content:
            piece = content.read(PIECE)
            while following := content.read(PIECE):
                yield BytesMessage(data=piece, message_finished=False)
                piece = following
            yield BytesMessage(data=piece)
    if ping:
        yield Ping(payload=b"still there?")


async def talk(url: SplitResult, authority: Path | None, events: Iterator[Event]) -> int:
    """Connect, open the WebSocket, send and receive; return the code with which it was closed."""
    context = client_context(authority)
    connecting = asyncio.open_connection(url.hostname, url.port or 443, ssl=context)
    reader, writer = await asyncio.wait_for(connecting, CONNECT_SECONDS)
    try:
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            raise WebSocketError("the server does not speak HTTP/2")
        client = Client(reader, writer)
        await asyncio.wait_for(client.open(url), CONNECT_SECONDS)
        return await client.run(events)
    finally:
        close(writer.transport)
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)


def websocket_url(text: str) -> SplitResult:
    """Parse a URL. Raises `ValueError` if it is not one that this program can open."""
    url = urlsplit(text)
    if url.scheme != "wss" or not url.hostname or url.port == 0:
        raise ValueError(text)
    return url


def main() -> int:
    """Read the command line and talk to the server."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", type=websocket_url, metavar="URL", help="begins with wss://")
    parser.add_argument("--authority", type=Path, help="certificate of the authority to trust")
    parser.add_argument("--text", action="append", default=[], help="a message; may be repeated")
    parser.add_argument("--data", type=Path, metavar="FILE", help="send it as a binary message")
    parser.add_argument("--ping", action="store_true", help="send a Ping and wait for the Pong")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C: there is nothing to clean up
    try:
        # A generator that was not exhausted has a file open.
        with contextlib.closing(messages(options.text, options.data, options.ping)) as events:
            code = asyncio.run(talk(options.url, options.authority, events))
    except (OSError, WebSocketError, asyncio.TimeoutError) as error:
        print(str(error) or "the server does not answer", file=sys.stderr)
        return 1
    if code not in {CloseReason.NORMAL_CLOSURE, CloseReason.NO_STATUS_RCVD}:
        print(f"the server closed with code {code}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
