"""A file server on gevent, with two greenlets for each client: one reads, one writes.

Start it in the root of the checkout, then fetch a file from another shell:

    python -m examples.gevent.server docs
    curl --cacert examples/certificates/authority.pem https://localhost:8443/architecture.md

The reader gives bytes to the session of the client, in `examples/common/session.py`. The writer
sends what the session has to say: answers, and the files that are asked for, as far as the client
has room for them.
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
from functools import partial
from pathlib import Path

import gevent
import gevent.event
import gevent.pool
import gevent.server

from examples.common import certificate, files, options
from examples.common.session import Session

MAX_CLIENTS = 100  # clients served at the same time; further ones wait in line
HANDSHAKE_SECONDS = 10.0  # how long a client may take to agree on TLS
IDLE_SECONDS = 60.0  # a client with which nothing is exchanged for so long is told to go
SEND_SECONDS = 30.0  # how long a client may leave what we send unread
GRACE_SECONDS = 3.0  # how long responses that are under way may take when the server stops
LINGER_SECONDS = 1.0  # how long a client has to read our last words and hang up
MAX_BACKLOG = 262_144  # bytes that we take from a client while it takes none from us


class Client:
    """One client: its socket, and its session."""

    def __init__(self, sock: ssl.SSLSocket, root: Path) -> None:
        self.sock = sock
        self.session = Session(partial(files.respond, root), GRACE_SECONDS)
        self.active = time.monotonic()  # when bytes last went either way
        self.backlog = 0  # bytes read since the client took some
        self.wake = gevent.event.Event()  # there may be something to write
        self.written = gevent.event.Event()  # the backlog is gone

    def run(self) -> None:
        """Serve until the client leaves, falls silent or breaks the rules, or the server stops."""
        reader = gevent.spawn(self.read)
        try:
            self.write()
            # Closing a socket in which bytes of the client wait would discard what we sent last.
            reader.join(LINGER_SECONDS)
        finally:
            reader.kill()
            self.session.end()

    def leave(self) -> None:
        """Begin a graceful shutdown."""
        self.session.leave()
        self.wake.set()

    def read(self) -> None:
        """Take in what the client says, until it leaves or says nothing any more."""
        while data := self.receive():
            self.session.receive(data)
            self.wake.set()
            self.backlog += len(data)
            while self.backlog > MAX_BACKLOG:
                self.written.clear()
                self.written.wait()
            gevent.sleep(0)  # recv() does not yield as long as there are bytes
        self.session.end()
        self.wake.set()

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

    def write(self) -> None:
        """Send what there is to send, until the session has ended."""
        while True:
            self.wake.clear()
            data, self.backlog = self.session.send(), 0
            self.written.set()
            if data:
                with gevent.Timeout(SEND_SECONDS, TimeoutError):
                    self.sock.sendall(data)
                self.active = time.monotonic()
                gevent.sleep(0)  # sendall() does not yield as long as there is room
            elif self.session.ended:
                return
            else:
                self.wake.wait(self.session.patience())


class Server:
    """What listens, and the sessions that came of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.root: Path = args.root
        self.context = certificate.server_context(args.certificates)
        self.clients: set[Client] = set()
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
                client = Client(tls, self.root)
                self.clients.add(client)
                try:
                    client.run()
                finally:
                    self.clients.remove(client)
        except OSError:
            pass  # the client has gone, or speaks no TLS: nobody is left to tell

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
