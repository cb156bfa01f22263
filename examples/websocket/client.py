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
one has fit into the flow-control windows, and content that arrives is acknowledged when it is read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from urllib.parse import SplitResult

from wsproto.connection import Connection as WebSocketConnection
from wsproto.connection import ConnectionState, ConnectionType
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
from examples.common.streams import Connection, Stream
from examples.common.tls import connect
from examples.common.transport import within
from examples.common.urls import request_fields, split_url
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

PIECE = 65_536  # octets of a large message that go into one WebSocket frame
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0  # how long the server may take to answer our Close frame


class WebSocketError(Exception):
    """There is no WebSocket, or it ended prematurely."""


class Client(Connection):
    """A connection to a server."""

    def __init__(self) -> None:
        super().__init__(patience=None)
        self.settled = self.loop.create_future()  # done when the server's settings have arrived
        self.failure: ConnectionError | None = None

    def handle(self, events: Sequence[h2.events.Event]) -> None:
        """Note that the settings have arrived."""
        super().handle(events)
        if any(isinstance(event, h2.events.RemoteSettingsChanged) for event in events):
            self.settle()

    def end_streams(self, error: ConnectionError) -> None:
        """Note that nothing more arrives."""
        super().end_streams(error)
        self.failure = self.failure or error
        self.settle()

    def settle(self) -> None:
        """Let `open()` continue."""
        if not self.settled.done():
            self.settled.set_result(None)

    async def open(self, url: SplitResult) -> Stream:
        """Open a WebSocket; return its stream when the server has accepted."""
        await asyncio.wait([self.settled])
        if self.failure:
            raise self.failure
        # SETTINGS are the first frame from the server; they have the setting, or it is missing.
        if not self.h2.remote_settings.enable_connect_protocol:
            raise WebSocketError("the server has no WebSockets over HTTP/2")
        fields = [
            *request_fields("CONNECT", url),
            (":protocol", "websocket"),
            ("sec-websocket-version", "13"),
            ("user-agent", "h2-websocket-example"),
        ]
        stream = self.request([(name.encode(), value.encode()) for name, value in fields])
        while (status := dict(await stream.head())[b":status"].decode()) != "200":
            if status >= "200":
                raise WebSocketError(f"the server refuses with status {status}")
        return stream


class WebSocket:
    """The client's end of a WebSocket."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.ws = stream, WebSocketConnection(ConnectionType.CLIENT)
        self.arrived = asyncio.Semaphore(0)  # counts whole messages and Pongs
        self.close_code: int | None = None

    async def run(self, events: Iterator[Event]) -> int:
        """Send and receive at the same time; return the code with which the server closed."""
        sender = asyncio.ensure_future(self.send_all(events))
        receiver = asyncio.ensure_future(self.receive_all())
        try:
            await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
            if not receiver.done():
                await sender
                closing = self.ws.state is ConnectionState.LOCAL_CLOSING
                await within(CLOSE_SECONDS if closing else None, receiver)
            return receiver.result()
        finally:
            sender.cancel()
            receiver.cancel()
            await asyncio.gather(sender, receiver, return_exceptions=True)

    async def send_all(self, events: Iterator[Event]) -> None:
        """Send everything, and close when as many messages have arrived."""
        wanted = 0
        with contextlib.suppress(ConnectionError):  # the receiver reports it
            for event in events:
                await self.stream.write(self.ws.send(event))
                wanted += not isinstance(event, Message) or event.message_finished
            for _ in range(wanted):
                await self.arrived.acquire()
            if wanted:
                await self.stream.write(
                    self.ws.send(CloseConnection(code=CloseReason.NORMAL_CLOSURE))
                )

    async def receive_all(self) -> int:
        """Receive until the server has closed; return the code."""
        while self.close_code is None:
            if not (data := await self.stream.read()):
                raise WebSocketError("the server ended the stream without a Close frame")
            self.ws.receive_data(data)
            for event in self.ws.events():
                self.react(event)
        if self.stream.h2.send_buffer_size(self.stream.id):
            self.stream.close(ErrorCodes.CANCEL)  # it has closed while we were still sending
        else:
            self.put(b"", end=True)
        return self.close_code

    def react(self, event: Event) -> None:
        """React to an event of the WebSocket."""
        match event:
            case Message():
                text = isinstance(event, TextMessage)
                content = event.data.encode() if text else event.data
                end = b"\n" if text and event.message_finished else b""
                sys.stdout.buffer.write(content + end)
                sys.stdout.buffer.flush()
                if event.message_finished:
                    self.arrived.release()
            case Pong():
                self.arrived.release()
            case Ping():
                self.put(self.ws.send(event.response()))
            case CloseConnection():  # wsproto also creates one if the server violates RFC 6455
                self.close_code = event.code
                if self.ws.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
                    self.put(self.ws.send(event.response()))

    def put(self, data: bytes, end: bool = False) -> None:
        """Send this as soon as the windows allow, unless the server does not need it any more."""
        with contextlib.suppress(ConnectionError):
            self.stream.put(data, end)


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
    client = Client()
    await connect(client, url, client_context(authority), CONNECT_SECONDS)
    try:
        stream = await within(CONNECT_SECONDS, client.open(url))
        return await WebSocket(stream).run(events)
    finally:
        with contextlib.suppress(ProtocolError):  # it has ended already
            client.h2.close_connection()
        client.hang_up(linger=False)
        await asyncio.wait([client.closed])


def websocket_url(text: str) -> SplitResult:
    """Parse a URL of the command line."""
    return split_url(text, "wss")


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
