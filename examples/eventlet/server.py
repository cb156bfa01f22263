"""A server on eventlet and pyOpenSSL: the JSON of a request's header fields, and an echo.

Start it in the root of the checkout, then send it a request from another shell:

    python -m examples.eventlet.server
    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    curl --cacert examples/certificates/authority.pem https://localhost:8443/echo -d hello

Every client has two green threads, in `examples/common/green.py`. Echoed content is acknowledged
when it is sent, so a client that does not read the echo cannot send more.
"""

from __future__ import annotations

import os

# No names are looked up here, and where some other packages are installed, eventlet's own resolver
# cannot be imported.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

import argparse
import signal
from pathlib import Path

import eventlet
from eventlet.green import socket, threading
from eventlet.green.OpenSSL import SSL

from examples.common import certificate, options
from examples.common.answers import answer
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
        self.context = tls_context(args.certificates)
        family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
        # Otherwise a second server would share the port unnoticed.
        self.listener = eventlet.listen((args.host, args.port), family, reuse_port=False)
        self.pool = eventlet.GreenPool(MAX_CLIENTS)
        self.places = eventlet.semaphore.Semaphore(MAX_CLIENTS)
        self.clients: set[Client] = set()

    def accept(self) -> None:
        """Start a green thread for every client, as long as there are places."""
        while True:
            self.places.acquire()
            try:
                sock, _address = self.listener.accept()
            except OSError:  # it has already disconnected, or too many files are open
                self.places.release()
                eventlet.sleep(0.1)
            else:
                self.pool.spawn(self.serve_client, sock)

    def serve_client(self, sock: socket.socket) -> None:
        """Serve one client, and close its socket."""
        try:
            prepare(sock)
            tls = SSL.Connection(self.context, sock)
            tls.set_accept_state()
            with eventlet.Timeout(HANDSHAKE_SECONDS, TimeoutError):
                tls.do_handshake()
            if tls.get_alpn_proto_negotiated() != b"h2":
                return
            session = Session(answer, GRACE_SECONDS)
            patience = Patience(IDLE_SECONDS, SEND_SECONDS, LINGER_SECONDS)
            errors = (OSError, SSL.Error)
            client = Client(eventlet, threading.Event, tls, session, patience, errors)
            self.clients.add(client)
            try:
                client.run()
            finally:
                self.clients.remove(client)
        except (OSError, SSL.Error):
            pass  # the client has disconnected, or does not speak TLS
        finally:
            sock.close()
            self.places.release()

    def run(self) -> None:
        """Serve until Ctrl+C or SIGTERM."""
        ours, theirs = socket.socketpair()
        with ours, theirs, self.listener:
            # The signal becomes a byte for which this green thread waits. As an exception, it would
            # hit the one that happens to run.
            signal.set_wakeup_fd(theirs.fileno())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
            acceptor = eventlet.spawn(self.accept)
            options.announce(self.listener.getsockname()[1], self.listener.getsockname()[0])
            ours.recv(1)
            signal.set_wakeup_fd(-1)
            acceptor.kill()
        for client in list(self.clients):
            client.leave()
        with eventlet.Timeout(GRACE_SECONDS + 2 * LINGER_SECONDS, False):
            self.pool.waitall()
        for thread in list(self.pool.coroutines_running):
            thread.kill()


def tls_context(folder: Path) -> SSL.Context:
    """TLS for a server as RFC 9113 section 9.2 requires; ALPN selects HTTP/2 or nothing."""
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
