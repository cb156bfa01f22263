"""A file server on gevent, with two greenlets for each client: one reads, one writes.

Start it in the root of the checkout, then fetch a file from another shell:

    python -m examples.gevent.server docs
    curl --cacert examples/certificates/authority.pem https://localhost:8443/architecture.md

The reader passes bytes to the client's session, in `examples/common/session.py`. The writer sends
the session's output: answers, and the requested files, as far as the client has room for them.
"""

from __future__ import annotations

# From here on, what would block the process blocks one greenlet, so this comes first.
from gevent import monkey

monkey.patch_all()

import argparse
import signal
import socket
import ssl
import time
from functools import partial
from pathlib import Path

import gevent
import gevent.event
import gevent.pool
import gevent.server

from examples.common import certificate, files, options
from examples.common.session import Session

MAX_CLIENTS = 100  # clients served at the same time; others wait
HANDSHAKE_SECONDS = 10.0  # time limit for the TLS handshake
IDLE_SECONDS = 60.0  # a client that is idle for this long is disconnected
SEND_SECONDS = 30.0  # time limit for a client to read what we send
GRACE_SECONDS = 3.0  # time limit for responses in progress when the server stops
LINGER_SECONDS = 1.0  # time for a client to read our last frames and disconnect
MAX_BACKLOG = 262_144  # bytes to read from a client while it reads none from us


class Client:
    """One client: its socket, and its session."""

    def __init__(self, sock: ssl.SSLSocket, root: Path) -> None:
        self.sock = sock
        self.session = Session(partial(files.respond, root), GRACE_SECONDS)
        self.active = time.monotonic()  # when bytes were last transferred in either direction
        self.backlog = 0  # bytes read since the client last read some
        self.wake = gevent.event.Event()  # there may be something to write
        self.written = gevent.event.Event()  # the backlog is empty

    def run(self) -> None:
        """Serve until the client leaves, times out or breaks the protocol, or the server stops."""
        reader = gevent.spawn(self.read)
        try:
            self.write()
            # Closing a socket with unread bytes from the client would discard what we sent last.
            reader.join(LINGER_SECONDS)
        finally:
            reader.kill()
            self.session.end()

    def leave(self) -> None:
        """Begin a graceful shutdown."""
        self.session.leave()
        self.wake.set()

    def read(self) -> None:
        """Read what the client sends, until it leaves or times out."""
        while data := self.receive():
            self.session.receive(data)
            self.wake.set()
            self.backlog += len(data)
            while self.backlog > MAX_BACKLOG:
                self.written.clear()
                self.written.wait()
            gevent.sleep(0)  # recv() does not yield while there are bytes
        self.session.end()
        self.wake.set()

    def receive(self) -> bytes:
        """Wait for bytes; none mean that the client has left or timed out."""
        while (patience := self.active + IDLE_SECONDS - time.monotonic()) > 0:
            with gevent.Timeout(patience, False):
                try:
                    data = self.sock.recv(65_536)
                except OSError:
                    return b""
                self.active = time.monotonic()
                return data
        return b""

    def write(self) -> None:
        """Send pending output, until the session has ended."""
        while True:
            self.wake.clear()
            data, self.backlog = self.session.send(), 0
            self.written.set()
            if data:
                with gevent.Timeout(SEND_SECONDS, TimeoutError):
                    self.sock.sendall(data)
                self.active = time.monotonic()
                gevent.sleep(0)  # sendall() does not yield while there is room
            elif self.session.ended:
                return
            else:
                self.wake.wait(self.session.patience())


class Server:
    """The listener, and its sessions."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.root: Path = args.root
        self.context = certificate.server_context(args.certificates)
        self.clients: set[Client] = set()
        self.pool = gevent.pool.Pool(MAX_CLIENTS)
        self.listener = gevent.server.StreamServer(
            (args.host, args.port), self.serve_client, spawn=self.pool
        )

    def serve_client(self, sock: socket.socket, _address: object) -> None:
        """Serve one client in a separate greenlet; the listener closes its socket."""
        try:
            # Frames are sent when they are ready; waiting to fill a packet would only add delay.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            ) as tls:
                with gevent.Timeout(HANDSHAKE_SECONDS, TimeoutError):
                    tls.do_handshake()
                if tls.selected_alpn_protocol() != "h2":
                    return
                client = Client(tls, self.root)
                self.clients.add(client)
                try:
                    client.run()
                finally:
                    self.clients.remove(client)
        except OSError:
            pass  # the client has disconnected, or does not speak TLS

    def run(self) -> None:
        """Serve until Ctrl+C or SIGTERM."""
        stopping = gevent.event.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            gevent.signal_handler(number, stopping.set)
        self.listener.start()
        options.announce(self.listener.server_port, self.listener.server_host)
        stopping.wait()
        self.listener.close()
        for client in self.clients:
            client.leave()
        self.pool.join(GRACE_SECONDS + LINGER_SECONDS)
        self.listener.stop(LINGER_SECONDS)


def main() -> None:
    """Read the command line and serve."""
    parser = options.server_options(__doc__)
    parser.add_argument("root", type=Path, help="the folder whose files are served")
    Server(parser.parse_args()).run()


if __name__ == "__main__":
    main()
