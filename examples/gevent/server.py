"""A file server on gevent, with two greenlets for each client: one reads, one writes.

Start it in the root of the checkout, then fetch a file from another shell:

    python -m examples.gevent.server docs
    curl --cacert examples/certificates/authority.pem https://localhost:8443/architecture.md

The greenlets are in `examples/common/green.py`. Their output comes from the client's session, in
`examples/common/session.py`.
"""

from __future__ import annotations

# From here on, what would block the process blocks one greenlet, so this comes first.
from gevent import monkey

monkey.patch_all()

import argparse
import signal
import socket
from functools import partial
from pathlib import Path

import gevent
import gevent.event
import gevent.pool
import gevent.server

from examples.common import certificate, files, options
from examples.common.green import Client, Patience
from examples.common.session import Session
from examples.common.sockets import prepare

MAX_CLIENTS = 100  # clients served at the same time; others wait
HANDSHAKE_SECONDS = 10.0  # time limit for the TLS handshake
IDLE_SECONDS = 60.0  # a client that is idle for this long is disconnected
SEND_SECONDS = 30.0  # time limit for a client to read what we send
GRACE_SECONDS = 3.0  # time limit for responses in progress when the server stops
LINGER_SECONDS = 1.0  # time for a client to read our last frames and disconnect


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
            prepare(sock)
            with self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            ) as tls:
                with gevent.Timeout(HANDSHAKE_SECONDS, TimeoutError):
                    tls.do_handshake()
                if tls.selected_alpn_protocol() != "h2":
                    return
                session = Session(partial(files.respond, self.root), GRACE_SECONDS)
                patience = Patience(IDLE_SECONDS, SEND_SECONDS, LINGER_SECONDS)
                client = Client(gevent, gevent.event.Event, tls, session, patience)
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
