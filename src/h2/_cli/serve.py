"""`python -m h2 serve`: serves the files below a folder over HTTP/2.

One thread serves all clients: sockets never block, and the selector says which ones are ready.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import h2.config
import h2.connection
from h2._cli import waterfall
from h2._cli.channel import Channel
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import FrameLog
from h2._cli.serve_options import place_of
from h2._cli.session import LINGER_SECONDS, Connection, Session
from h2._cli.text import reason
from h2.recorder import Recorder

if TYPE_CHECKING:
    import ssl

MAX_CLIENTS: Final = 200  # connections of further ones are closed
MAX_RECORDED: Final = 100  # connections for --waterfall, and frames of each
MAX_FRAMES: Final = 20_000
MAX_OCTETS: Final = 5_000_000
POLL_SECONDS: Final = 0.25  # how often the server checks for a stop and for timeouts
#: Priorities no longer apply to what the operating system has buffered, so that is kept small.
UNSENT: Final = 128 * 1024
_LOW_WATER: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_PAUSE_SECONDS: Final = 0.01
_ORDERS: Final = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS: Final = 3.0  # for responses in progress when the server stops


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    try:
        folder, port = place_of(options)
    except ValueError as error:
        raise Failure(Status.USAGE, str(error)) from None
    root = Path(folder)
    if not root.is_dir():
        raise Failure(Status.READ, f"{folder} is not a folder")
    if options.key and not options.cert:
        raise Failure(Status.USAGE, "--key needs --cert")
    context = _tls(options)
    if port is None:
        port = 8443 if context else 8080
    stopping = threading.Event()
    with _listener(options.host, port) as listener, _on_interrupt(stopping):
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if context else "http"
        print(f"listening on {scheme}://{shown}:{port}/ (Ctrl+C stops)", flush=True)
        server = Server(listener, root.resolve(), context, options.verbose)
        server.recording = options.waterfall is not None
        server.run(stopping)
    if options.waterfall:
        recorders = [recorder for recorder in server.recorders if recorder.frames]
        waterfall.save(options.waterfall, recorders, f"h2 serve {folder}")
    return 0


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not (options.tls or options.cert):
        return None
    from h2._cli import tls

    context = tls.server_context()
    if options.cert:
        tls.load_certificate(context, options.cert, options.key)
    else:
        tls.make_certificate(context, options.host)
        print(
            "the certificate was generated for this run: clients need --insecure", file=sys.stderr
        )
    return context


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        why = reason(error).partition(" (")[0]  # the rest repeats the address
        text = f"Could not listen on {host} port {port}: {why}"
        raise Failure(Status.BIND, text) from None


@contextlib.contextmanager
def _on_interrupt(stopping: threading.Event) -> Iterator[None]:
    """Make Ctrl+C and `kill` set an event: an exception could interrupt anything."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in _ORDERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Server:
    """Accepts clients and gives each its turn."""

    def __init__(
        self,
        listener: socket.socket,
        root: Path,
        context: ssl.SSLContext | None,
        verbose: bool,
    ) -> None:
        self._listener = listener
        self._root = root
        self._context = context
        self._verbose = verbose
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[int, Session] = {}  # by file descriptor
        self._eager: set[int] = set()  # those that can continue without waiting
        self._ticked = time.monotonic()
        self._clients = 0  # how many there have been
        self.recording = False  # whether to record what clients do
        self.recorders: list[Recorder] = []

    def run(self, stopping: threading.Event) -> None:
        """Serve until the event is set, then shut down gracefully."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        try:
            while not stopping.is_set():
                self._turn()
            self._selector.unregister(self._listener)
            self._listener.close()
            for session in self._sessions.values():
                session.leave()
            self._go_on(GRACE_SECONDS)
            for session in self._sessions.values():
                session.break_off()
            self._go_on(LINGER_SECONDS)
        finally:
            for session in self._sessions.values():
                session.close()
            self._selector.close()

    def _go_on(self, seconds: float) -> None:
        """Serve the remaining clients until they are gone, at most for this long."""
        self._eager = set(self._sessions)
        give_up = time.monotonic() + seconds
        while self._sessions and time.monotonic() < give_up:
            self._turn()

    def _turn(self) -> None:
        """Wait until sessions are ready, and advance them."""
        ready = self._eager
        self._eager = set()
        for key, _ in self._selector.select(0 if ready else POLL_SECONDS):
            if key.fileobj is self._listener:
                self._accept()
            else:
                ready.add(key.fd)
        for descriptor in ready:
            self._advance(descriptor)
        now = time.monotonic()
        if now - self._ticked >= POLL_SECONDS:
            self._ticked = now
            for descriptor, session in list(self._sessions.items()):
                if session.tick(now):
                    self._advance(descriptor)

    def _accept(self) -> None:
        """Accept a new client, if there is room for one."""
        try:
            sock, address = self._listener.accept()
        except OSError:  # it has already disconnected; or too many files are open, which may last
            time.sleep(_PAUSE_SECONDS)
            return
        if len(self._sessions) >= MAX_CLIENTS:
            sock.close()
            return
        self._clients += 1
        try:
            channel, conn = self._channel(sock)
        except OSError:
            sock.close()
            return
        session = Session(channel, conn, self._root, str(address[0]), _print_line)
        descriptor = channel.sock.fileno()
        self._sessions[descriptor] = session
        self._selector.register(descriptor, selectors.EVENT_READ)
        self._eager.add(descriptor)

    def _channel(self, sock: socket.socket) -> tuple[Channel, Connection]:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _LOW_WATER is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _LOW_WATER, UNSENT)
        recorder = None
        if self.recording and len(self.recorders) < MAX_RECORDED:
            recorder = Recorder(
                f"client #{self._clients}", limit=MAX_FRAMES, octet_limit=MAX_OCTETS
            )
            self.recorders.append(recorder)
        config = h2.config.H2Configuration(client_side=False, strict=True, logger=recorder)
        conn = Connection(config)
        log = None
        if self._verbose:
            first = self._clients == 1
            log = FrameLog(sys.stderr, label=f"#{self._clients} ", titles=first)
        if self._context is None:
            return Channel(sock, conn, log), conn
        from h2._cli import tls

        return tls.SecureChannel(tls.accept(sock, self._context), conn, log), conn

    def _advance(self, descriptor: int) -> None:
        """Advance a client, and find out what to wait for next."""
        session = self._sessions[descriptor]
        try:
            if session.advance():
                self._eager.add(descriptor)
        except OSError:  # it has disconnected, or never finished its TLS handshake
            session.closed = True
        if session.closed:
            self._remove(descriptor)
            return
        events = selectors.EVENT_WRITE if session.channel.blocked else 0
        if session.listening or not events:
            events |= selectors.EVENT_READ
        self._selector.modify(descriptor, events)

    def _remove(self, descriptor: int) -> None:
        self._eager.discard(descriptor)
        self._selector.unregister(descriptor)
        session = self._sessions.pop(descriptor)
        session.close()
        session.drop()


def _print_line(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        raise Failure(Status.WRITE) from None
