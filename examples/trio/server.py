"""A trio server: a nursery for each connection, a task for each request, flow control.

Start it, then send it a request from another shell:

    python -m examples.trio.server
    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    curl --cacert examples/certificates/authority.pem --data-binary @FILE https://localhost:8443/echo
    h2load -n 1000 -m 10 -c 4 https://localhost:8443/

It answers with the JSON of the request's header fields; `POST /echo` streams the content of the
request back, and `GET /bytes/N` sends N octets.

All tasks of a connection are in one nursery, so that nothing outlives the connection:

- one task reads, and passes what arrives to the requests;
- one task writes. Only it uses the sending side of the transport, so cancelling a request never
  truncates a TLS record;
- one task waits for the end: the server stops, or the client is idle for too long;
- each request is a task. It waits for content, for the client's flow-control windows and for the
  writer, and is cancelled when its stream is reset.
"""

from __future__ import annotations

import contextlib
import signal
import ssl
import traceback
from collections.abc import Iterable, Sequence
from functools import partial

import trio

import h2.events
import h2.exceptions
from examples.common.answers import fields_as_json
from examples.common.certificate import server_context
from examples.common.options import announce, server_options
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration

CONNECTION_WINDOW = 1_048_576  # unread octets that the requests of one connection may have in total
WRITE_SIZE = 65_536  # octets that are passed to the transport at a time
MAX_BYTES = 2**30  # the maximum for one request
HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 60.0  # a client that neither sends nor reads for this long is disconnected
GRACE_SECONDS = 3.0  # time limit for requests in progress when the connection ends
LINGER_SECONDS = 1.0  # time for the client to disconnect after our last frame

PIECE = 16_384  # octets of content that a request reads at a time

# Octet number n of what /bytes sends is n modulo 251. That is a prime, so any loss or reordering of
# frames is detected.
PATTERN = bytes(range(251)) * 261

Fields = Sequence[tuple[bytes, bytes]]
Transport = trio.SSLStream[trio.SocketStream]


class Signal:
    """Wakes the tasks that wait for the next change."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def fire(self) -> None:
        """Wake all waiting tasks."""
        self._event.set()
        self._event = trio.Event()

    async def wait(self) -> None:
        """Wait for the next `fire()`."""
        await self._event.wait()


class Request:
    """A request in progress."""

    def __init__(self, stream_id: int, fields: Fields) -> None:
        self.stream_id = stream_id
        self.fields = fields
        self.scope = trio.CancelScope()  # cancelled when the stream is reset
        self.changed = Signal()  # content has arrived, or there is room for more


class Connection:
    """One client: its transport, its HTTP/2 connection and the requests in progress."""

    def __init__(self, transport: Transport, nursery: trio.Nursery) -> None:
        self.transport = transport
        self.nursery = nursery
        # All streams share the connection window. It is larger than that of a stream, so that one
        # request with unread content does not block the others.
        self.conn = BufferedH2Connection(
            H2Configuration(client_side=False),
            receive_buffering=True,
            connection_window=CONNECTION_WINDOW,
            shutdown_timeout=GRACE_SECONDS,
            clock=trio.current_time,
        )
        # A request continues when everything that it sent has been written.
        self.conn.SEND_BUFFER_HIGH, self.conn.SEND_BUFFER_LOW = 1, 0
        self.requests: dict[int, Request] = {}
        self.unwritten = Signal()  # there is something to write
        self.written = Signal()  # everything has been written
        self.drained = trio.Event()  # nothing is left to do
        self.broken = False  # whether the client has violated the protocol; GOAWAY reports it
        self.deadline = 0.0

    async def run(self, stopping: trio.Event) -> None:
        """Serve until the client leaves or violates the protocol, or the server ends it."""
        self.conn.initiate_connection()
        self.stay_awake()
        self.nursery.start_soon(self.write)
        self.nursery.start_soon(self.end_in_time, stopping)
        try:
            if await self.read() and self.requests:
                # They may need time. The client sends nothing more, so it acknowledges no PING.
                with contextlib.suppress(h2.exceptions.ProtocolError):  # it has ended already
                    self.conn.close_connection()
                await self.leave()
        except trio.BrokenResourceError:
            pass  # the client has disconnected
        self.nursery.cancel_scope.cancel()

    # Tasks of the connection.

    async def read(self) -> bool:
        """Read until the client is done; return whether it followed the protocol."""
        while data := await self.transport.receive_some():
            self.stay_awake()
            try:
                events = self.conn.receive_data(bytes(data))
            except h2.exceptions.ProtocolError:
                self.broken = True
                for request in self.requests.values():
                    request.scope.cancel()
                with trio.move_on_after(GRACE_SECONDS):
                    await self.flush()  # GOAWAY, with the reason
                return False
            self.handle(events)
            # Do not read from a client that requires answers (PING, SETTINGS) but does not read.
            await self.flush()
        return True

    async def write(self) -> None:
        """Write what the connection has to send, whenever there is something."""
        try:
            while True:
                while data := self.conn.data_to_send(WRITE_SIZE):
                    self.handle(self.conn.events())
                    await self.transport.send_all(data)
                    self.stay_awake()
                self.handle(self.conn.events())
                self.written.fire()
                await self.unwritten.wait()
        except trio.BrokenResourceError:
            self.nursery.cancel_scope.cancel()  # the client has disconnected

    async def end_in_time(self, stopping: trio.Event) -> None:
        """End the connection when the server stops or the client is idle for too long."""
        while not stopping.is_set() and trio.current_time() < self.deadline:
            with trio.move_on_at(self.deadline):
                await stopping.wait()
        if stopping.is_set():
            await self.leave()
        else:
            self.conn.close_connection()
            with trio.move_on_after(LINGER_SECONDS):
                await self.flush()
        self.nursery.cancel_scope.cancel()

    def stay_awake(self) -> None:
        """Note that the client is alive."""
        self.deadline = trio.current_time() + IDLE_SECONDS

    async def flush(self) -> None:
        """Wait until everything is written: the client sets the pace of senders."""
        self.unwritten.fire()
        await self.written.wait()

    async def leave(self) -> None:
        """End the connection gracefully (RFC 9113 section 6.8): finish what is in progress."""
        self.conn.graceful_shutdown()
        if not self.broken:
            self.unwritten.fire()
            with trio.move_on_at(self.conn.get_timer() or trio.current_time()):
                await self.drained.wait()
            self.conn.handle_timer(trio.current_time())
        with trio.move_on_after(LINGER_SECONDS):
            await self.flush()

    def handle(self, events: Iterable[h2.events.Event]) -> None:
        """Pass events to the tasks that they concern. Nothing here waits."""
        for event in events:
            request = self.requests.get(getattr(event, "stream_id", 0))
            match event:
                case h2.events.RequestReceived():
                    request = Request(event.stream_id, event.headers)
                    self.requests[event.stream_id] = request
                    self.nursery.start_soon(self.serve, request)
                case h2.events.StreamReset() if request:
                    request.scope.cancel()
                case h2.events.ConnectionDrained():
                    self.drained.set()
            if request:
                request.changed.fire()

    # Used by the tasks of requests.

    async def serve(self, request: Request) -> None:
        """Answer a request, unless its stream is reset before that is done."""
        try:
            with request.scope:
                await self.respond(request)
        except h2.exceptions.ProtocolError:
            # Cancelling does not stop a task that was about to continue: its next call is refused.
            if not request.scope.cancel_called:
                raise
        finally:
            del self.requests[request.stream_id]
            self.conn.discard_data(request.stream_id)  # the window of the connection needs it
            self.unwritten.fire()

    async def receive(self, request: Request) -> bytes:
        """Return content as soon as there is some; empty at the end."""
        conn, stream_id = self.conn, request.stream_id
        while not (content := conn.read_data(stream_id, PIECE)) and not conn.at_end(stream_id):
            self.unwritten.fire()
            await request.changed.wait()
        self.unwritten.fire()
        return content

    async def send(self, request: Request, content: bytes, end_stream: bool = False) -> None:
        """Send content as fast as the client has room for it, after what is pending."""
        self.conn.send_data(request.stream_id, content, end_stream)
        while self.conn.send_buffer_size(request.stream_id):
            self.unwritten.fire()
            await request.changed.wait()
        await self.flush()

    async def respond(self, request: Request) -> None:
        """Choose the answer to a request."""
        fields = dict(request.fields)
        method = fields[b":method"]
        path = fields.get(b":path", b"").partition(b"?")[0]
        if fields.get(b"expect") == b"100-continue":
            self.conn.send_headers(request.stream_id, [(":status", "100")])
        if method == b"CONNECT":  # its content has no end to wait for
            await self.send_text(request, 405, "no proxy\n", ("allow", "GET, HEAD, POST"))
            return
        if path == b"/echo" and method in {b"POST", b"PUT"}:
            await self.echo(request)
            return
        while await self.receive(request):
            pass  # the other answers do not depend on the content of the request
        if path == b"/echo":
            await self.send_text(request, 405, "echo needs POST or PUT\n", ("allow", "POST, PUT"))
        elif not path.startswith(b"/"):
            await self.send_text(request, 400, "a path begins with a slash\n")
        elif path.startswith(b"/bytes/"):
            await self.send_bytes(request, path.removeprefix(b"/bytes/"))
        else:
            await self.send_text(request, 200, fields_as_json(request.fields).decode())

    async def echo(self, request: Request) -> None:
        """Echo the content of a request while it arrives."""
        copied = [field for field in request.fields if field[0] == b"content-type"]
        self.conn.send_headers(request.stream_id, [(b":status", b"200"), *copied])
        while content := await self.receive(request):
            await self.send(request, content)
        await self.send(request, b"", end_stream=True)

    async def send_bytes(self, request: Request, number: bytes) -> None:
        """Send as many octets as the path requests."""
        if not number.isdigit() or len(number) > 10 or int(number) > MAX_BYTES:
            await self.send_text(request, 400, f"a number up to {MAX_BYTES}, please\n")
            return
        left = int(number)
        if self.start_response(request, 200, "application/octet-stream", left):
            while left > len(PATTERN):
                await self.send(request, PATTERN)
                left -= len(PATTERN)
            await self.send(request, PATTERN[:left], end_stream=True)

    async def send_text(
        self, request: Request, status: int, text: str, *more: tuple[str, str]
    ) -> None:
        """Send a complete response: JSON, or an error message."""
        content = text.encode()
        kind = "application/json" if status == 200 else "text/plain"
        if self.start_response(request, status, kind, len(content), *more):
            await self.send(request, content, end_stream=True)

    def start_response(
        self, request: Request, status: int, kind: str, length: int, *more: tuple[str, str]
    ) -> bool:
        """Send the header section of a response; return whether content follows."""
        fields = [
            (":status", str(status)),
            ("content-type", kind),
            ("content-length", str(length)),
            *more,
        ]
        is_head = (b":method", b"HEAD") in request.fields
        self.conn.send_headers(request.stream_id, fields, end_stream=is_head)
        return not is_head


async def hang_up(transport: Transport) -> None:
    """Signal that nothing more will be sent, and let the client read everything.

    Closing a socket with unread bytes from the client would discard what we sent last.
    """
    tcp = transport.transport_stream
    with trio.move_on_after(LINGER_SECONDS):
        with contextlib.suppress(trio.BrokenResourceError):  # the client is still talking
            await transport.unwrap()
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
                await Connection(transport, nursery).run(stopping)
            await hang_up(transport)
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
