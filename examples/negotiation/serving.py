"""Shared by the three servers here: a thread for each client, and the HTTP/2 exchange with it.

The servers differ only in how they negotiate HTTP/2 with a client. After that all do the same: each
request is answered with a JSON text that shows what arrived, and how HTTP/2 was negotiated. A
server that stops tells its clients, and finishes what is in progress.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import signal
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.options import announce

if TYPE_CHECKING:
    from hashlib import _Hash

MAX_CLIENTS = 100  # clients served at the same time; others wait until one leaves
IDLE_SECONDS = 60.0  # a client that is idle for this long is disconnected
AGREE_SECONDS = 10.0  # time limit until it is clear which protocol a client speaks
SEND_SECONDS = 10.0  # time limit for a client to read what we send
DRAIN_SECONDS = 3.0  # time limit for requests in progress during shutdown
POLL_SECONDS = 0.25  # how often a waiting thread checks whether the server stops
LINGER_SECONDS = 1.0  # time for the client to disconnect after our last frame

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT")


class Channel:
    """The socket of one client. Waiting on it ends when the server stops."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock = sock
        self.stopping = stopping
        self.deadline = math.inf

    def receive(self, until: float = math.inf) -> bytes:
        """Wait for bytes; none mean that the client sends no more.

        Raises `TimeoutError` at the given time, after a long silence and when the server stops;
        after `leave()`, when the time limit has passed.
        """
        self.sock.settimeout(POLL_SECONDS)
        until = min(until, self.deadline, time.monotonic() + IDLE_SECONDS)
        while time.monotonic() < until and (self.leaving or not self.stopping.is_set()):
            with contextlib.suppress(TimeoutError):
                return self.sock.recv(65536)
        raise TimeoutError("nothing arrived in time, or the server stops")

    @property
    def leaving(self) -> bool:
        """Whether only what is under way is still to be finished."""
        return self.deadline < math.inf

    def leave(self) -> None:
        """Start the time limit of the shutdown."""
        self.deadline = time.monotonic() + DRAIN_SECONDS

    def send(self, data: bytes) -> None:
        """Write all of this."""
        self.sock.settimeout(SEND_SECONDS)
        self.sock.sendall(data)

    def hang_up(self) -> None:
        """Signal that nothing more will be sent, and let the client read everything.

        Closing a socket with unread bytes from the client would discard what we sent last.
        """
        self.sock.settimeout(LINGER_SECONDS)
        if isinstance(self.sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):  # the client may already have disconnected
                self.sock.unwrap()
        self.sock.shutdown(socket.SHUT_WR)
        give_up = time.monotonic() + LINGER_SECONDS
        while self.sock.recv(65536) and time.monotonic() < give_up:
            pass


@dataclass
class Request:
    """A request as far as it has arrived. Its content is counted and hashed, and not kept."""

    method: str
    target: str
    length: int = 0
    digest: _Hash = field(default_factory=hashlib.sha256)

    def take(self, content: bytes) -> None:
        """Process part of the content."""
        self.length += len(content)
        self.digest.update(content)

    def response(self, version: str, agreed_by: str | None) -> tuple[int, dict[str, str], bytes]:
        """Return status code, fields and content of the answer."""
        told = {
            "http_version": version,
            "agreed_by": agreed_by,
            "method": self.method,
            "target": self.target,
            "content_length": self.length,
            "content_sha256": self.digest.hexdigest(),
        }
        content = json.dumps(told, indent=2).encode() + b"\n"
        fields = {"content-type": "application/json", "content-length": str(len(content))}
        if self.method not in METHODS:
            return 405, fields | {"allow": ", ".join(METHODS)}, content
        return 200, fields, b"" if self.method == "HEAD" else content


class Session:
    """One client after HTTP/2 was negotiated: its connection, and what is in progress."""

    def __init__(self, channel: Channel, conn: h2.connection.H2Connection, agreed_by: str) -> None:
        self.channel = channel
        self.conn = conn
        self.agreed_by = agreed_by
        self.requests: dict[int, Request] = {}  # by stream: requests still arriving
        self.contents: dict[int, memoryview] = {}  # by stream: what is left to send of a response
        self.said_goodbye = False

    def run(self, received: bytes = b"") -> None:
        """Serve until either end closes the connection; start with bytes that were already read."""
        if self.channel.leaving:
            self.leave()
        going_on = self.step(received)
        while going_on and not self.finished() and (received := self.receive()):
            going_on = self.step(received)
        if going_on and not self.said_goodbye:
            self.say_goodbye()
        self.flush()
        self.channel.hang_up()

    def step(self, received: bytes) -> bool:
        """Process bytes from the client, and send pending output; false after an error."""
        try:
            events = self.conn.receive_data(received)
        except h2.exceptions.ProtocolError:
            return False  # GOAWAY is pending, with the reason
        for event in events:
            self.handle(event)
        self.send_contents()
        self.flush()
        return True

    def receive(self) -> bytes:
        """Wait for bytes; none mean that the client has left or timed out."""
        try:
            return self.channel.receive()
        except TimeoutError:
            if self.channel.leaving:
                return b""
        self.leave()
        return self.receive()

    def handle(self, event: h2.events.Event) -> None:
        """Process an event; those that are not listed need no action."""
        match event:
            case h2.events.RequestReceived():
                self.accept(event.stream_id, dict(event.headers))
            case h2.events.DataReceived():
                if event.stream_id in self.requests:
                    self.requests[event.stream_id].take(event.data)
                # Acknowledge it. Padding counts.
                length = event.flow_controlled_length
                self.conn.acknowledge_received_data(length, event.stream_id)
            case h2.events.StreamEnded() if event.stream_id in self.requests:
                self.answer(event.stream_id, self.requests.pop(event.stream_id))
            case h2.events.StreamReset():
                self.requests.pop(event.stream_id, None)
                self.contents.pop(event.stream_id, None)
            case h2.events.PingAckReceived() if self.channel.leaving and not self.said_goodbye:
                self.say_goodbye()

    def accept(self, stream_id: int, fields: dict[bytes, bytes]) -> None:
        """Start a request; its content has yet to arrive."""
        method = fields[b":method"].decode("latin-1")
        target = fields.get(b":path", b"").decode("latin-1")
        if method == "CONNECT":  # what follows is not content, and need not end before the answer
            self.answer(stream_id, Request(method, target))
            return
        self.requests[stream_id] = Request(method, target)
        if fields.get(b"expect") == b"100-continue":
            with contextlib.suppress(h2.exceptions.StreamClosedError):
                self.conn.send_headers(stream_id, [(":status", "100")])

    def answer(self, stream_id: int, request: Request) -> None:
        """Answer a request: the header section now, the content as the client has room for it."""
        status, fields, content = request.response("2", self.agreed_by)
        headers = [(":status", str(status)), *fields.items()]
        # One read can contain a request and, after it, the reset that cancels it.
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            self.conn.send_headers(stream_id, headers, end_stream=not content)
            if content:
                self.contents[stream_id] = memoryview(content)

    def send_contents(self) -> None:
        """Send as much of every response as the windows allow.

        The rest stays pending. WINDOW_UPDATE and SETTINGS frames open windows; this method is
        called again after every read.
        """
        for stream_id, rest in list(self.contents.items()):
            while rest and (room := self.conn.local_flow_control_window(stream_id)) > 0:
                size = min(room, self.conn.max_outbound_frame_size, len(rest))
                self.conn.send_data(stream_id, rest[:size], end_stream=size == len(rest))
                rest = rest[size:]
            if rest:
                self.contents[stream_id] = rest
            else:
                del self.contents[stream_id]

    def leave(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8): accept no more requests.

        Those that are in flight are still served, so no last stream is named yet. When the answer
        to the PING arrives, the client has read the GOAWAY frame before it.
        """
        self.conn.close_connection(last_stream_id=self.conn.HIGHEST_ALLOWED_STREAM_ID)
        self.conn.ping(b"goodbye?")
        self.flush()
        self.channel.leave()

    def say_goodbye(self) -> None:
        """Send GOAWAY with the last request that is served."""
        self.conn.close_connection()
        self.said_goodbye = True

    def finished(self) -> bool:
        """Whether the shutdown is complete."""
        return self.said_goodbye and self.conn.open_inbound_streams == 0

    def flush(self) -> None:
        """Write everything that the connection has to send."""
        if data := self.conn.data_to_send():
            self.channel.send(data)


ServeClient = Callable[[Channel], None]


def server_connection() -> h2.connection.H2Connection:
    """Return the server's end of a new HTTP/2 connection."""
    return h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))


def serve(host: str, port: int, scheme: str, serve_client: ServeClient) -> None:
    """Listen and pass every client to a thread, until Ctrl+C."""
    stopping = threading.Event()
    # Ctrl+C sets an event instead of raising: an exception could occur between the arrival of a
    # client and the start of its thread.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    free = threading.Semaphore(MAX_CLIENTS)

    def guard(sock: socket.socket) -> None:
        try:
            with sock:
                # Frames are sent when they are ready; waiting to fill a packet would only add
                # delay.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                serve_client(Channel(sock, stopping))
        except OSError:
            pass  # the client has disconnected, or is too slow
        except Exception:  # a bug in this program must not affect the other clients
            traceback.print_exc()
        finally:
            free.release()

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, port), family=family) as listener,
        ThreadPoolExecutor(MAX_CLIENTS) as pool,  # waits for its threads at the end
    ):
        announce(listener.getsockname()[1], host, scheme)
        listener.settimeout(POLL_SECONDS)
        while not stopping.is_set():
            if free.acquire(timeout=POLL_SECONDS):
                try:
                    sock, _ = listener.accept()
                except OSError:  # no client, or it has already disconnected
                    free.release()
                else:
                    pool.submit(guard, sock)
        listener.close()  # new clients must not wait for a server that stops
