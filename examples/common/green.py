"""One client of a server that has two green threads for it: one reads, one writes.

The reader gives bytes to the session of the client, in `session.py`. The writer sends what the
session has to say, as far as the client has room for it. gevent and eventlet have the same names
for all that is needed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from examples.common.session import Session

MAX_BACKLOG = 262_144  # bytes that we take from a client while it takes none from us


class Patience(NamedTuple):
    """How many seconds a server waits for a client."""

    idle: float  # until it is told to go, because nothing is exchanged with it
    send: float  # while it leaves what we send unread
    linger: float  # until it has read our last words and hung up


class Client:
    """One client: its socket, and its session.

    :param green: the package: gevent or eventlet
    :param event: makes an event, on which its green threads can wait
    :param errors: what the methods of the socket raise when the client has gone
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
        self.active = time.monotonic()  # when bytes last went either way
        self.backlog = 0  # bytes read since the client took some
        self.wake = event()  # there may be something to write
        self.written = event()  # the backlog is gone
        self.gone = event()  # nothing more comes from the client

    def run(self) -> None:
        """Serve until the client leaves, falls silent or breaks the rules, or the server stops."""
        reader = self.green.spawn(self.read)
        try:
            self.write()
            # Closing a socket in which bytes of the client wait would discard what we sent last.
            self.gone.wait(self.patience.linger)
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
            self.green.sleep(0)  # recv() does not yield as long as there are bytes
        self.session.end()
        self.gone.set()
        self.wake.set()

    def receive(self) -> bytes:
        """Wait for bytes; none mean that the client left, or that nothing has happened for long."""
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
        """Send what there is to send, until the session has ended."""
        while True:
            self.wake.clear()
            data, self.backlog = self.session.send(), 0
            self.written.set()
            if data:
                with self.green.Timeout(self.patience.send, TimeoutError):
                    self.sock.sendall(data)
                self.active = time.monotonic()
                self.green.sleep(0)  # sendall() does not yield as long as there is room
            elif self.session.ended:
                return
            else:
                self.wake.wait(self.session.patience())
