"""A file server on curio, with two tasks for each client: one reads, one writes.

Start it in the root of the checkout, then fetch a file from another shell:

    python -m examples.curio.server docs
    curl --cacert examples/certificates/authority.pem https://localhost:8443/architecture.md

The reader passes bytes to the client's session, in `examples/common/session.py`. The writer sends
the session's output: answers, and the requested files, as far as the client has room for them.
"""

from __future__ import annotations

import argparse
import signal
import socket
import time
from functools import partial
from pathlib import Path

import curio
import curio.io

from examples.common import certificate, files, options
from examples.common.session import Session
from examples.common.sockets import prepare

MAX_CLIENTS = 100  # clients served at the same time; others wait
HANDSHAKE_SECONDS = 10.0  # time limit for the TLS handshake
IDLE_SECONDS = 60.0  # a client that is idle for this long is disconnected
SEND_SECONDS = 30.0  # time limit for a client to read what we send
GRACE_SECONDS = 3.0  # time limit for responses in progress when the server stops
LINGER_SECONDS = 1.0  # time for a client to read our last frames and disconnect
MAX_BACKLOG = 262_144  # bytes to read from a client while it reads none from us


class Client:
    """One client: its socket, and its session."""

    def __init__(self, sock: curio.io.Socket, root: Path) -> None:
        self.sock = sock
        self.session = Session(partial(files.respond, root), GRACE_SECONDS)
        self.active = time.monotonic()  # when bytes were last transferred in either direction
        self.backlog = 0  # bytes read since the client last read some
        self.wake = curio.Event()  # there may be something to write
        self.written = curio.Event()  # the backlog is empty

    async def run(self) -> None:
        """Serve until the client leaves, times out or breaks the protocol, or the server stops."""
        reader = await curio.spawn(self.read)
        try:
            await self.write()
            # Closing a socket with unread bytes from the client would discard what we sent last.
            await curio.ignore_after(LINGER_SECONDS, reader.wait)
        finally:
            await reader.cancel()
            self.session.end()

    async def leave(self) -> None:
        """Begin a graceful shutdown."""
        self.session.leave()
        await self.wake.set()

    async def read(self) -> None:
        """Read what the client sends, until it leaves or times out."""
        while data := await self.receive():
            self.session.receive(data)
            await self.wake.set()
            self.backlog += len(data)
            while self.backlog > MAX_BACKLOG:
                self.written.clear()
                await self.written.wait()
            await curio.sleep(0)  # recv() does not yield while there are bytes
        self.session.end()
        await self.wake.set()

    async def receive(self) -> bytes:
        """Wait for bytes; none mean that the client has left or timed out."""
        while (patience := self.active + IDLE_SECONDS - time.monotonic()) > 0:
            try:
                data: bytes | None = await curio.ignore_after(patience, self.sock.recv, 65_536)
            except OSError:
                return b""
            if data is not None:
                self.active = time.monotonic()
                return data
        return b""

    async def write(self) -> None:
        """Send pending output, until the session has ended."""
        while True:
            self.wake.clear()
            data, self.backlog = self.session.send(), 0
            await self.written.set()
            if data:
                await curio.timeout_after(SEND_SECONDS, self.sock.sendall, data)
                self.active = time.monotonic()
                await curio.sleep(0)  # sendall() does not yield while there is room
            elif self.session.ended:
                return
            else:
                await curio.ignore_after(self.session.patience(), self.wake.wait)


class Server:
    """The listener, and its sessions."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.root: Path = args.root
        self.context = certificate.server_context(args.certificates)
        family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
        self.listener = curio.tcp_server_socket(args.host, args.port, family)
        self.places = curio.Semaphore(MAX_CLIENTS)
        self.clients: dict[Client, curio.Task] = {}

    async def accept(self) -> None:
        """Start a task for every client, as long as there are places."""
        while True:
            await self.places.acquire()
            try:
                sock, _address = await self.listener.accept()
            except OSError:  # it has already disconnected, or too many files are open
                await self.places.release()
                await curio.sleep(0.1)
            else:
                await curio.spawn(self.serve_client, sock, daemon=True)

    async def serve_client(self, sock: curio.io.Socket) -> None:
        """Serve one client, and close its socket."""
        try:
            async with sock:
                prepare(sock)
                tls = self.context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
            async with curio.io.Socket(tls) as wrapped:
                await curio.timeout_after(HANDSHAKE_SECONDS, wrapped.do_handshake)
                if tls.selected_alpn_protocol() != "h2":
                    return
                client = Client(wrapped, self.root)
                self.clients[client] = await curio.current_task()
                try:
                    await client.run()
                finally:
                    del self.clients[client]
        except (OSError, curio.TaskTimeout):
            pass  # the client has disconnected, or does not speak TLS
        finally:
            await self.places.release()

    async def run(self) -> None:
        """Serve until Ctrl+C or SIGTERM."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        # The signal becomes a byte. curio's events are no help, because they ask who calls them,
        # and a signal handler interrupts anything.
        signal.set_wakeup_fd(theirs.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        async with self.listener, curio.io.Socket(ours) as stopping:
            acceptor = await curio.spawn(self.accept)
            options.announce(self.listener.getsockname()[1], self.listener.getsockname()[0])
            await stopping.recv(1)
            signal.set_wakeup_fd(-1)  # a second one makes no difference
            theirs.close()
            await acceptor.cancel()
        for client in list(self.clients):
            await client.leave()
        async with curio.ignore_after(GRACE_SECONDS + 2 * LINGER_SECONDS):
            for task in list(self.clients.values()):
                await task.wait()
        # What is left after that is cancelled by curio.run().


def main() -> None:
    """Read the command line and serve."""
    parser = options.server_options(__doc__)
    parser.add_argument("root", type=Path, help="the folder whose files are served")
    server = Server(parser.parse_args())
    curio.run(server.run)


if __name__ == "__main__":
    main()
