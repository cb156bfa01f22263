"""A trio server: a nursery for each connection, a task for each request.

Start it, then send it a request from another shell:

    python -m examples.trio.server
    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    curl --cacert examples/certificates/authority.pem --data-binary @FILE https://localhost:8443/echo
    h2load -n 1000 -m 10 -c 4 https://localhost:8443/

It answers with the JSON of the request's header fields; `POST /echo` streams the content of the
request back, and `GET /bytes/N` sends N octets.

All tasks of a connection are in one nursery, so that nothing outlives the connection: one task
reads, one writes, one waits for the server to stop, and each request is a task. Only one task uses
the sending side of the transport, so cancelling a request never truncates a TLS record.
"""

from __future__ import annotations

import contextlib
import math
import signal
import ssl
import traceback
from collections.abc import Iterable
from functools import partial

import trio
from trio.lowlevel import ParkingLot

import h2.events
from examples.common.answers import Fields, fields_as_json
from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

CONNECTION_WINDOW = 1_048_576  # unread octets that the requests of one connection may have in total
MAX_BYTES = 2**30  # the maximum for one request
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 60.0  # a client that neither sends nor reads for this long is disconnected
GRACE_SECONDS = 3.0  # time limit for requests in progress when the connection ends
LINGER_SECONDS = 1.0  # time for the client to disconnect after our last frame
PIECE = 16_384  # octets of content that a request reads at a time

# Octet number n of what /bytes sends is n modulo 251. That is a prime, so any loss or reordering of
# frames is detected.
PATTERN = bytes(range(251)) * 261

Transport = trio.SSLStream[trio.SocketStream]


async def answer(request: Request) -> None:
    """Answer one request: this is the application."""
    fields = dict(request.fields)
    method, path = fields[b":method"], fields.get(b":path", b"").partition(b"?")[0]
    number = path.removeprefix(b"/bytes/")
    if fields.get(b"expect") == b"100-continue":
        request.send_headers(100)
    if method == b"CONNECT":  # its content has no end to wait for
        await request.send_text(405, "no proxy\n", (b"allow", b"GET, HEAD, POST"))
        return
    if path == b"/echo" and method in {b"POST", b"PUT"}:
        kinds = [field for field in request.fields if field[0] == b"content-type"]
        request.send_headers(200, *kinds)
        while content := await request.receive():
            await request.send(content)
        await request.send(b"", end_stream=True)
        return
    while await request.receive():
        pass  # the other answers do not depend on the content of the request
    if path == b"/echo":
        await request.send_text(405, "echo needs POST or PUT\n", (b"allow", b"POST, PUT"))
    elif not path.startswith(b"/"):
        await request.send_text(400, "a path begins with a slash\n")
    elif number == path:
        await request.send_text(200, fields_as_json(request.fields).decode())
    elif not number.isdigit() or len(number) > 10 or int(number) > MAX_BYTES:
        await request.send_text(400, f"a number up to {MAX_BYTES}, please\n")
    else:
        kind = (b"content-type", b"application/octet-stream")
        request.send_headers(200, kind, (b"content-length", number))
        for start in range(0, int(number), len(PATTERN)):
            await request.send(PATTERN[: int(number) - start])
        await request.send(b"", end_stream=True)


class Request:
    """A request in progress, as the application sees it."""

    def __init__(self, connection: Connection, stream_id: int, fields: Fields) -> None:
        self.connection, self.conn, self.id = connection, connection.conn, stream_id
        self.fields = fields
        self.scope = trio.CancelScope()  # cancelled when the stream is reset
        self.changed = ParkingLot()  # it waits here for content, or for room

    async def run(self) -> None:
        """Answer the request, unless its stream is reset before that is done."""
        try:
            with self.scope:
                await answer(self)
        except ProtocolError:  # cancelling does not stop a task that was about to continue
            with contextlib.suppress(ProtocolError):
                self.conn.reset_stream(self.id, ErrorCodes.CANCEL)
        finally:
            del self.connection.requests[self.id]
            self.conn.discard_data(self.id)  # the window of the connection needs it
            self.connection.unwritten.unpark_all()

    async def receive(self) -> bytes:
        """Return content as soon as there is some; empty at the end."""
        conn = self.conn
        while not (content := conn.read_data(self.id, PIECE)) and not conn.at_end(self.id):
            await self.wait()
        return content

    def send_headers(self, status: int, *fields: tuple[bytes, bytes]) -> None:
        """Send the header section of a response."""
        self.conn.send_headers(self.id, [(b":status", b"%d" % status), *fields])

    async def send_text(self, status: int, text: str, *fields: tuple[bytes, bytes]) -> None:
        """Send a complete response: JSON, or an error message."""
        content, kind = text.encode(), b"application/json" if status == 200 else b"text/plain"
        length = (b"content-length", b"%d" % len(content))
        self.send_headers(status, (b"content-type", kind), length, *fields)
        await self.send(content, end_stream=True)

    async def send(self, content: bytes, end_stream: bool = False) -> None:
        """Send content as fast as the client has room for it; none after a HEAD."""
        is_head = (b":method", b"HEAD") in self.fields
        self.conn.send_data(self.id, b"" if is_head else content, end_stream)
        while self.conn.send_buffer_size(self.id):
            await self.wait()

    async def wait(self) -> None:
        """Let the writer continue, and wait for a change."""
        self.connection.unwritten.unpark_all()
        await self.changed.park()


class Connection:
    """One client: its transport, its HTTP/2 connection and the requests in progress."""

    def __init__(self, transport: Transport, nursery: trio.Nursery) -> None:
        self.transport, self.nursery = transport, nursery
        self.conn = BufferedH2Connection(
            H2Configuration(client_side=False),
            receive_buffering=True,
            # All streams share it. It is larger than the window of a stream, so that one request
            # with unread content does not block the others.
            connection_window=CONNECTION_WINDOW,
            shutdown_timeout=GRACE_SECONDS,
            clock=trio.current_time,
        )
        # A request continues when everything that it sent has been passed to the transport.
        self.conn.SEND_BUFFER_HIGH, self.conn.SEND_BUFFER_LOW = 1, 0
        self.requests: dict[int, Request] = {}
        self.unwritten = ParkingLot()  # the writer waits here, until there may be something
        self.written = ParkingLot()  # the reader waits here, until something has been written
        self.over = False  # whether the connection ends when everything is written

    async def run(self, stopping: trio.Event) -> None:
        """Serve until the client leaves, is idle or violates HTTP/2, or the server stops."""
        self.conn.initiate_connection()
        self.stay_awake()
        self.nursery.start_soon(self.read)
        self.nursery.start_soon(self.stop, stopping)
        with contextlib.suppress(trio.BrokenResourceError):  # the client has disconnected
            await self.write()
        self.nursery.cancel_scope.cancel()

    def stay_awake(self) -> None:
        """Note that the client is alive: otherwise the nursery is cancelled after some time."""
        self.nursery.cancel_scope.deadline = trio.current_time() + IDLE_SECONDS

    async def read(self) -> None:
        """Read until the client sends nothing more."""
        try:
            while data := await self.transport.receive_some():
                self.stay_awake()
                self.handle(self.conn.receive_data(data))
                # Do not read from a client that requires answers (to PING) but does not read.
                self.unwritten.unpark_all()
                await self.written.park()
            self.conn.close_connection()  # it will not acknowledge the PING of a shutdown
            self.conn.graceful_shutdown()
        except ProtocolError:
            self.over = True  # GOAWAY is pending, with the reason
        except trio.BrokenResourceError:
            self.nursery.cancel_scope.cancel()  # the client has disconnected
        self.unwritten.unpark_all()

    async def write(self) -> None:
        """Write what the connection has to send, and do what is due, until it is over."""
        while True:
            self.conn.handle_timer(trio.current_time())
            data = self.conn.data_to_send(65_536)
            self.handle(self.conn.events())
            if data:
                await self.transport.send_all(data)
                self.stay_awake()
            elif self.over:
                return
            self.written.unpark_all()
            if not data:
                with trio.move_on_at(self.conn.get_timer() or math.inf):
                    await self.unwritten.park()

    async def stop(self, stopping: trio.Event) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8) when the server stops."""
        await stopping.wait()
        self.conn.graceful_shutdown()
        self.unwritten.unpark_all()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Pass events to the requests that they concern. Nothing here waits."""
        for event in events:
            request = self.requests.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.RequestReceived():
                    request = Request(self, event.stream_id, event.headers)
                    self.requests[event.stream_id] = request
                    self.nursery.start_soon(request.run)
                case h2.events.StreamReset() if request:
                    request.scope.cancel()
                case h2.events.ConnectionDrained():
                    self.over = True
            if request:
                request.changed.unpark_all()

    async def hang_up(self) -> None:
        """Signal that nothing more will be sent, and let the client read everything.

        Closing a socket with unread bytes from the client would discard what we sent last.
        """
        tcp = self.transport.transport_stream
        with trio.move_on_after(LINGER_SECONDS):
            with contextlib.suppress(trio.BrokenResourceError):  # the client is still talking
                if not self.over:  # it was idle
                    self.conn.close_connection()
                    await self.transport.send_all(self.conn.data_to_send())
                await self.transport.unwrap()
            await tcp.send_eof()
            while await tcp.receive_some():
                pass


async def serve_client(stopping: trio.Event, transport: Transport) -> None:
    """Serve one client, and close its transport whatever happens."""
    tcp = transport.transport_stream
    try:
        with trio.fail_after(HANDSHAKE_SECONDS):
            await transport.do_handshake()
        if transport.selected_alpn_protocol() == "h2":
            async with trio.open_nursery() as nursery:
                connection = Connection(transport, nursery)
                await connection.run(stopping)
            await connection.hang_up()
    except (trio.BrokenResourceError, trio.TooSlowError):
        pass  # the client has disconnected, or never finished its TLS handshake
    except Exception:  # a bug in this program must not affect the other clients
        traceback.print_exc()
    finally:
        await trio.aclose_forcefully(tcp)


async def serve(host: str, port: int, context: ssl.SSLContext) -> None:
    """Accept clients until Ctrl+C is pressed, then give the remaining ones time to finish."""
    stopping = trio.Event()
    async with trio.open_nursery() as clients:
        accept = partial(
            trio.serve_ssl_over_tcp,
            partial(serve_client, stopping),
            port,
            context,
            host=host,
            https_compatible=True,  # many clients disconnect without a TLS close_notify
            handler_nursery=clients,
        )
        async with trio.open_nursery() as accepting:
            listeners = await accepting.start(accept)
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                announce(listeners[0].transport_listener.socket.getsockname()[1], host)
                async for _ in signals:
                    accepting.cancel_scope.cancel()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressing it again has no effect
        stopping.set()
        # Also for those that are still in the TLS handshake.
        patience = GRACE_SECONDS + 2 * LINGER_SECONDS
        clients.cancel_scope.deadline = trio.current_time() + patience


def main() -> None:
    """Read the command line and serve."""
    options = server_options(__doc__).parse_args()
    trio.run(serve, options.host, options.port, server_context(options.certificates))


if __name__ == "__main__":
    main()
