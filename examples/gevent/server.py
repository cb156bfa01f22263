"""A file server on gevent, with two greenlets for each client: one reads, one writes.

Start it in the root of the checkout, then fetch a file from another shell:

    python -m examples.gevent.server docs
    curl --cacert examples/certificates/authority.pem https://localhost:8443/architecture.md

The reader gives bytes to the connection and acts on the events. The writer sends what the
connection has to say and, a piece at a time, the files that are asked for, as far as the client has
room for them.
"""

from __future__ import annotations

# From here on, what would block the process blocks one greenlet; hence this comes first.
from gevent import monkey

monkey.patch_all()

import argparse
import signal
import socket
import ssl
import time
from pathlib import Path

import gevent
import gevent.event
import gevent.pool
import gevent.server

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from examples.common import certificate, files, options

MAX_CLIENTS = 100  # clients served at the same time; further ones wait in line
HANDSHAKE_SECONDS = 10.0  # how long a client may take to agree on TLS
IDLE_SECONDS = 60.0  # a client with which nothing is exchanged for so long is told to go
SEND_SECONDS = 30.0  # how long a client may leave what we send unread
GRACE_SECONDS = 3.0  # how long responses that are under way may take when the server stops
LINGER_SECONDS = 1.0  # how long a client has to read our last words and hang up
PIECE = 16_384  # bytes read from a file at once
MAX_BACKLOG = 262_144  # bytes that we take from a client while it takes none from us
LAST_CALL = b"lastcall"  # what we ping with before the last GOAWAY


class Session:
    """One client: its socket, its HTTP/2 connection and the responses that are under way."""

    def __init__(self, sock: ssl.SSLSocket, root: Path) -> None:
        self.sock = sock
        self.root = root
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.responses: dict[int, files.Response] = {}  # by stream, the one whose turn it is first
        self.closing = False  # whether the client has been told that we take no more requests
        self.active = time.monotonic()  # when bytes last went either way
        self.backlog = 0  # bytes read since nothing was left to write
        self.wake = gevent.event.Event()  # there may be something to write
        self.written = gevent.event.Event()  # the backlog is gone

    def run(self) -> None:
        """Serve until the client leaves, falls silent or breaks the rules, or the server stops."""
        self.conn.initiate_connection()
        reader = gevent.spawn(self.read)
        try:
            self.write()
            # Closing a socket in which bytes of the client wait would discard what we sent last.
            reader.join(LINGER_SECONDS)
        finally:
            reader.kill()
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

    def read(self) -> None:
        """Take in what the client says, until it leaves or says nothing any more."""
        try:
            while data := self.receive():
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
                    self.written.wait()
                gevent.sleep(0)  # recv() does not yield as long as there are bytes
        finally:
            self.end()

    def receive(self) -> bytes:
        """Wait for bytes; none mean that the client left, or that nothing has happened for long."""
        while (patience := self.active + IDLE_SECONDS - time.monotonic()) > 0:
            with gevent.Timeout(patience, False):
                try:
                    data = self.sock.recv(65_536)
                except OSError:
                    return b""
                self.active = time.monotonic()
                return data
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
                    # No request needs content here, so its place in the windows is free at once.
                    length = event.flow_controlled_length
                    self.conn.acknowledge_received_data(length, event.stream_id)
                case h2.events.StreamReset():
                    self.drop(event.stream_id)
                case h2.events.PingAckReceived() if event.ping_data == LAST_CALL:
                    self.close()

    def respond(self, stream_id: int, fields: list[tuple[bytes, bytes]]) -> None:
        """Begin the response to a request; the writer sends its content."""
        response = files.respond(self.root, fields)
        self.conn.send_headers(stream_id, response.headers, end_stream=not response.left)
        if response.left:
            self.responses[stream_id] = response
        else:
            response.close()

    def drop(self, stream_id: int) -> None:
        """Forget the response on this stream, if there is one."""
        if response := self.responses.pop(stream_id, None):
            response.close()

    # The writer.

    def write(self) -> None:
        """Send what there is to send, until the last response is through and no more may come."""
        while True:
            self.wake.clear()
            self.send_piece()
            if data := self.conn.data_to_send():
                with gevent.Timeout(SEND_SECONDS, TimeoutError):
                    self.sock.sendall(data)
                self.active = time.monotonic()
            elif self.closing and not self.responses:
                return
            # Also where nothing was to be written: then there is nothing to wait for.
            self.backlog = 0
            self.written.set()
            if data:
                gevent.sleep(0)  # sendall() does not yield as long as there is room
            else:
                self.wake.wait()

    def send_piece(self) -> None:
        """Give the connection a piece of the first response for which the client has room."""
        window = self.conn.local_flow_control_window
        stream_id = next((stream_id for stream_id in self.responses if window(stream_id) > 0), None)
        if stream_id is None:
            return
        # Its next turn comes after the others have had theirs.
        response = self.responses[stream_id] = self.responses.pop(stream_id)
        size = min(window(stream_id), self.conn.max_outbound_frame_size, PIECE)
        try:
            piece = response.read(size)
        except OSError:  # the file cannot be read any more, or has become shorter
            self.drop(stream_id)
            self.conn.reset_stream(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            return
        self.conn.send_data(stream_id, piece, end_stream=not response.left)
        if not response.left:
            self.drop(stream_id)


class Server:
    """What listens, and the sessions that came of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.root: Path = args.root
        self.context = certificate.server_context(args.certificates)
        self.sessions: set[Session] = set()
        self.pool = gevent.pool.Pool(MAX_CLIENTS)
        self.listener = gevent.server.StreamServer(
            (args.host, args.port), self.serve_client, spawn=self.pool
        )

    def serve_client(self, sock: socket.socket, _address: object) -> None:
        """Serve one client, in a greenlet of its own; the listener closes its socket."""
        try:
            # Frames go out when they are ready; waiting to fill a packet would only add delay.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            ) as tls:
                with gevent.Timeout(HANDSHAKE_SECONDS, TimeoutError):
                    tls.do_handshake()
                if tls.selected_alpn_protocol() != "h2":
                    return
                session = Session(tls, self.root)
                self.sessions.add(session)
                try:
                    session.run()
                finally:
                    self.sessions.remove(session)
        except OSError:
            pass  # the client has gone, or speaks no TLS: nobody is left to tell

    def run(self) -> None:
        """Serve until Ctrl+C."""
        interrupted = gevent.event.Event()
        gevent.signal_handler(signal.SIGINT, interrupted.set)
        self.listener.start()
        options.announce(self.listener.server_port, self.listener.server_host)
        interrupted.wait()
        self.listener.close()
        for session in self.sessions:
            session.leave()
        self.pool.join(GRACE_SECONDS)
        for session in self.sessions:
            session.end()
        self.listener.stop(LINGER_SECONDS)


def main() -> None:
    """Read the command line and serve."""
    parser = options.server_options(__doc__)
    parser.add_argument("root", type=Path, help="the folder whose files are served")
    Server(parser.parse_args()).run()


if __name__ == "__main__":
    main()
