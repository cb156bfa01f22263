"""A server on eventlet and pyOpenSSL: the JSON of a request's header fields, and an echo.

Start it in the root of the checkout, then ask it something from another shell:

    python -m examples.eventlet.server
    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    curl --cacert examples/certificates/authority.pem https://localhost:8443/echo -d hello

Every client has two green threads. The reader gives bytes to the connection and acts on the events.
The writer sends what the connection has to say and, a piece at a time, the responses, as far as the
client has room for them. What is echoed counts as received when it has been sent: a client that
does not take its content back cannot send more of it.
"""

from __future__ import annotations

import os

# No names are looked up here, and where some other packages are installed, eventlet's own resolver
# cannot be imported.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

import argparse
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import eventlet
from eventlet.green import socket, threading
from eventlet.green.OpenSSL import SSL

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common import certificate, options

MAX_CLIENTS = 100  # clients served at the same time; further ones wait in line
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
    """One client: its socket, its HTTP/2 connection and the responses that are under way."""

    def __init__(self, sock: SSL.Connection) -> None:
        self.sock = sock
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.responses: dict[int, Response] = {}  # by stream, the one whose turn it is first
        self.closing = False  # whether the client has been told that we take no more requests
        self.active = time.monotonic()  # when bytes last went either way
        self.backlog = 0  # bytes read since nothing was left to write
        self.wake = threading.Event()  # there may be something to write
        self.written = threading.Event()  # the backlog is gone

    def run(self) -> None:
        """Serve until the client leaves, falls silent or breaks the rules, or the server stops."""
        self.conn.initiate_connection()
        reader = eventlet.spawn(self.read)
        try:
            self.write()
            # Closing a socket in which bytes of the client wait would discard what we sent last.
            with eventlet.Timeout(LINGER_SECONDS, False):
                reader.wait()
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
                eventlet.sleep(0)  # recv() does not yield as long as there are bytes
        finally:
            self.end()

    def receive(self) -> bytes:
        """Wait for bytes; none mean that the client left, or that nothing has happened for long."""
        while (patience := self.active + IDLE_SECONDS - time.monotonic()) > 0:
            with eventlet.Timeout(patience, False):
                try:
                    data: bytes = self.sock.recv(65_536)
                except (OSError, SSL.Error):
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

    def write(self) -> None:
        """Send what there is to send, until the last response is through and no more may come."""
        while True:
            self.wake.clear()
            self.send_piece()
            if data := self.conn.data_to_send():
                with eventlet.Timeout(SEND_SECONDS, TimeoutError):
                    self.sock.sendall(data)
                self.active = time.monotonic()
            elif self.closing and not self.responses:
                return
            # Also where nothing was to be written: then there is nothing to wait for.
            self.backlog = 0
            self.written.set()
            if data:
                eventlet.sleep(0)  # sendall() does not yield as long as there is room
            else:
                self.wake.wait()

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


class Server:
    """What listens, and the sessions that came of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.context = tls_context(args.certificates)
        family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
        # Otherwise a second server would share the port unnoticed.
        self.listener = eventlet.listen((args.host, args.port), family, reuse_port=False)
        self.pool = eventlet.GreenPool(MAX_CLIENTS)
        self.places = eventlet.semaphore.Semaphore(MAX_CLIENTS)
        self.sessions: set[Session] = set()

    def accept(self) -> None:
        """Give every client a green thread of its own, as long as there are places."""
        while True:
            self.places.acquire()
            try:
                sock, _address = self.listener.accept()
            except OSError:  # it has gone again, or there are too many open files
                self.places.release()
                eventlet.sleep(0.1)
            else:
                self.pool.spawn(self.serve_client, sock)

    def serve_client(self, sock: socket.socket) -> None:
        """Serve one client, and close its socket."""
        try:
            # Frames go out when they are ready; waiting to fill a packet would only add delay.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = SSL.Connection(self.context, sock)
            tls.set_accept_state()
            with eventlet.Timeout(HANDSHAKE_SECONDS, TimeoutError):
                tls.do_handshake()
            if tls.get_alpn_proto_negotiated() != b"h2":
                return
            session = Session(tls)
            self.sessions.add(session)
            try:
                session.run()
            finally:
                self.sessions.remove(session)
        except (OSError, SSL.Error):
            pass  # the client has gone, or speaks no TLS: nobody is left to tell
        finally:
            sock.close()
            self.places.release()

    def run(self) -> None:
        """Serve until Ctrl+C."""
        ours, theirs = socket.socketpair()
        with ours, theirs, self.listener:
            # The signal becomes a byte for which this green thread waits. As an exception, it would
            # hit the one that happens to run.
            signal.set_wakeup_fd(theirs.fileno())
            signal.signal(signal.SIGINT, lambda *_: None)
            acceptor = eventlet.spawn(self.accept)
            options.announce(self.listener.getsockname()[1], self.listener.getsockname()[0])
            ours.recv(1)
            signal.set_wakeup_fd(-1)
            acceptor.kill()
        for session in list(self.sessions):
            session.leave()
        with eventlet.Timeout(GRACE_SECONDS, False):
            self.pool.waitall()
        for session in list(self.sessions):
            session.end()
        with eventlet.Timeout(LINGER_SECONDS, False):
            self.pool.waitall()
        for thread in list(self.pool.coroutines_running):
            thread.kill()


def tls_context(folder: Path) -> SSL.Context:
    """TLS for a server as RFC 9113 section 9.2 wants it; ALPN picks HTTP/2 or nothing."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_select_callback(
        lambda _, offered: b"h2" if b"h2" in offered else SSL.NO_OVERLAPPING_PROTOCOLS
    )
    files = certificate.certificate(folder)
    context.use_certificate_chain_file(str(files.chain))
    context.use_privatekey_file(str(files.key))
    return context


def main() -> None:
    """Read the command line and serve."""
    Server(options.server_options(__doc__).parse_args()).run()


if __name__ == "__main__":
    main()
