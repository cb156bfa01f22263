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
from pathlib import Path

from wsproto.connection import Connection as WebSocketConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from examples.common.answers import fields_as_json
from examples.common.certificate import server_context
from examples.common.options import server_options
from examples.common.streams import Connection, Fields, Stream, serve
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

PAGE = Path(__file__).with_name("page.html").read_bytes()
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 60.0  # a client that is silent for this long gets a PING
SEND_SECONDS = 60.0  # how long a response waits for its client
GRACE_SECONDS = 3.0  # how long clients have to close their WebSockets when the server stops
CLOSE_SECONDS = 5.0  # how long a client may take to answer our Close frame
PIECE = 16_384  # octets read from a WebSocket at a time


class WebSocket:
    """The server's end of a WebSocket, which echoes what it receives."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.ws = stream, WebSocketConnection(ConnectionType.SERVER)
        self.output = b""
        self.finished = False  # nothing follows the output

    async def run(self) -> None:
        """Echo until either end closes it; each piece is read after the one before it was sent.

        So no more is buffered here than the client may send.
        """
        while not self.finished:
            await self.flush()
            data = await self.stream.read(PIECE)
            self.receive(data)
            if not data:
                self.finished = True  # this corresponds to the end of a TCP connection

    async def flush(self) -> None:
        """Send the output, and the end of the stream if nothing follows."""
        output, self.output = self.output, b""
        await self.stream.write(output, end=self.finished)

    def send(self, event: Event) -> None:
        """Append a frame to the output."""
        self.output += self.ws.send(event)

    def receive(self, data: bytes) -> None:
        """Process octets from the client, split anywhere, and react to the frames in them."""
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


class Client(Connection):
    """The connection to a client, and its WebSockets."""

    def __init__(self) -> None:
        super().__init__(
            self.respond, patience=SEND_SECONDS, keepalive=IDLE_SECONDS, grace=GRACE_SECONDS
        )
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
                SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
            },
        )
        self.websockets: set[Stream] = set()  # those that echo

    def shut_down(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8), and close all WebSockets."""
        super().shut_down()
        for stream in self.websockets:
            if stream.task:
                stream.task.cancel()

    async def respond(self, stream: Stream) -> None:
        """Answer a request: open a WebSocket, or send the page or an error."""
        fields = await stream.head()
        request, code = dict(fields), ErrorCodes.NO_ERROR
        try:
            if b":protocol" not in request:
                head, content = response(fields)
                stream.send(head, end=not content)
                if content:
                    await stream.write(content, end=True)
            elif refused := refusal(request):
                stream.send(refused, end=True)
            else:
                await self.open(stream, fields)
        except (ConnectionError, asyncio.TimeoutError, asyncio.CancelledError):
            code = ErrorCodes.CANCEL
        finally:
            stream.close(code)

    async def open(self, stream: Stream, fields: Fields) -> None:
        """Open a WebSocket, and serve it until both ends have closed."""
        websocket = WebSocket(stream)
        stream.patience = None  # it may be silent for as long as it likes; its client must be alive
        stream.send([(b":status", b"200")])
        if path_of(dict(fields)) == b"/fields":
            websocket.send(TextMessage(data=fields_as_json(fields).decode()))
            websocket.close(CloseConnection(code=CloseReason.NORMAL_CLOSURE, reason="all said"))
        elif not self.usable:
            websocket.leave()
        self.websockets.add(stream)
        try:
            await websocket.run()
        except asyncio.CancelledError:  # the server stops, or the client has gone
            websocket.leave()
        finally:
            self.websockets.discard(stream)
        await websocket.flush()
        stream.patience = CLOSE_SECONDS
        with contextlib.suppress(asyncio.TimeoutError):
            while await stream.read():
                pass


def response(fields: Fields) -> tuple[Fields, bytes]:
    """Return the response to an ordinary request, header section and content."""
    request = dict(fields)
    method, path = request[b":method"], path_of(request)
    status, kind, content = b"404", b"text/plain", b"not here\n"
    if method not in {b"GET", b"HEAD"}:
        status, content = b"405", b"GET and HEAD only\n"
    elif path == b"/":
        status, kind, content = b"200", b"text/html; charset=utf-8", PAGE
    elif path == b"/fields":
        status, kind, content = b"200", b"application/json", fields_as_json(fields)
    length = b"%d" % len(content)
    head = [(b":status", status), (b"content-type", kind), (b"content-length", length)]
    return head, b"" if method == b"HEAD" else content


def path_of(request: dict[bytes, bytes]) -> bytes:
    """Return the path of a request without its query; an ordinary CONNECT has none."""
    return request.get(b":path", b"").partition(b"?")[0]


def refusal(request: dict[bytes, bytes]) -> Fields | None:
    """Return the response that refuses an extended CONNECT request, or None."""
    if request[b":protocol"] != b"websocket":
        return [(b":status", b"501")]
    if path_of(request) not in {b"/echo", b"/fields"}:
        return [(b":status", b"404")]
    if request.get(b"sec-websocket-version") != b"13":
        return [(b":status", b"400"), (b"sec-websocket-version", b"13")]
    # Browsers let scripts of any page open WebSockets, with cookies, and send the script's origin.
    own = b"https://" + request.get(b":authority", b"")
    if request.get(b"origin", own) != own:
        return [(b":status", b"403")]
    return None


def main() -> None:
    """Read the command line, and serve until Ctrl+C or SIGTERM."""
    options = server_options(__doc__).parse_args()
    tls = server_context(options.certificates)
    asyncio.run(serve(Client, options.host, options.port, tls, HANDSHAKE_SECONDS))


if __name__ == "__main__":
    main()
