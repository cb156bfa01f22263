"""A client of a server that uses two green threads per client: one reads, one writes.

The reader passes bytes to the session of the client, in `session.py`. The writer sends the output
of the session, as fast as the client reads it. gevent and eventlet use the same names for all that
is needed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from examples.common.session import Session

MAX_BACKLOG = 262_144  # bytes to read from a client while it reads none from us


class Patience(NamedTuple):
    """The time limits of a server, in seconds."""

    idle: float  # until an idle client is disconnected
    send: float  # for a client to read what we send
    linger: float  # for a client to read our last frames and disconnect


class Client:
    """One client: its socket, and its session.

    :param green: the package: gevent or eventlet
    :param event: creates an event on which its green threads can wait
    :param errors: the exceptions that socket methods raise when the client has disconnected
    """

    def __init__(
        self,
        green: Any,
        event: Callable[[], Any],
        sock: Any,
        session: Session,
        patience: Patience,
        errors: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self.green, self.sock, self.session = green, sock, session
        self.patience, self.errors = patience, errors
        self.active = time.monotonic()  # when bytes were last transferred in either direction
        self.backlog = 0  # bytes read since the client last read some
        self.wake = event()  # there may be output to write
        self.written = event()  # the backlog is empty
        self.gone = event()  # nothing more arrives from the client

    def run(self) -> None:
        """Serve until the client disconnects, times out or violates HTTP/2, or the server stops."""
        reader = self.green.spawn(self.read)
        try:
            self.write()
            # Closing a socket with unread bytes from the client would discard what we sent last.
            self.gone.wait(self.patience.linger)
        finally:
            reader.kill()
            self.session.end()

    def leave(self) -> None:
        """Start a graceful shutdown."""
        self.session.leave()
        self.wake.set()

    def read(self) -> None:
        """Read from the client until it disconnects or times out."""
        while data := self.receive():
            self.session.receive(data)
            self.wake.set()
            self.backlog += len(data)
            while self.backlog > MAX_BACKLOG:
                self.written.clear()
                self.written.wait()
            self.green.sleep(0)  # recv() does not yield while there are bytes
        self.session.end()
        self.gone.set()
        self.wake.set()

    def receive(self) -> bytes:
        """Wait for bytes; return none if the client has disconnected or timed out."""
        while (patience := self.active + self.patience.idle - time.monotonic()) > 0:
            with self.green.Timeout(patience, False):
                try:
                    data: bytes = self.sock.recv(65_536)
                except self.errors:
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
                with self.green.Timeout(self.patience.send, TimeoutError):
                    self.sock.sendall(data)
                self.active = time.monotonic()
                self.green.sleep(0)  # sendall() does not yield while there is room
            elif self.session.ended:
                return
            else:
                self.wake.wait(self.session.patience())
