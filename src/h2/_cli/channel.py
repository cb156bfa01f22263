"""A socket that never blocks, with an HTTP/2 connection on it."""

from __future__ import annotations

import socket
import time
from typing import Final

import h2.connection
from h2._cli.frame_log import FrameLog

_READ: Final = 65536
#: Content is sent in pieces of at most this size. A peer that accepts frames of 16 MiB does not
#: mean that we should wait until such a frame is full.
PIECE: Final = 16384
_SOME: Final = PIECE + 9  # such a piece in a frame
#: With this much unsent, no more content is queued.
_ENOUGH: Final = 256 * 1024


class NotHttp2(ConnectionError):  # noqa: N818 - the protocol of the other end is its choice
    """The other end speaks something else, or TLS failed. The message says what."""

    def __init__(self, text: str, answer: bytes = b"") -> None:
        super().__init__(text)
        self.answer = answer  # what to send to it


class Channel:
    """Carries bytes between a connection and a socket, and shows them to a log."""

    def __init__(
        self, sock: socket.socket, conn: h2.connection.H2Connection, log: FrameLog | None
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.conn = conn
        self.log = log
        self.last_progress = time.monotonic()
        self.unsent = bytearray()
        self.blocked = False  # whether to wait until the socket is writable

    @property
    def pending(self) -> int:
        """How many octets of frames have not been written to the socket yet."""
        return len(self.unsent) + self.conn.outbound_buffer_size

    @property
    def full(self) -> bool:
        """Whether enough is pending."""
        return self.pending >= _ENOUGH

    def receive(self) -> bytes | None:
        """Return what has arrived: None if nothing has yet, no bytes at the end."""
        data = self._recv(_READ)
        if data:
            self.last_progress = time.monotonic()
            if self.log is not None:
                self.log.received(data)
        return data

    def flush(self) -> None:
        """Send what the connection has to send, as far as the socket accepts it."""
        while self.flush_some():
            pass

    def flush_some(self) -> bool:
        """Send about one frame; returns whether the socket has accepted anything.

        The connection decides what to send next only when the socket is ready for it.
        """
        if not self.unsent:
            data = self.conn.data_to_send(_SOME)
            if data and self.log is not None:
                self.log.sent(data)
            self.unsent += data
        sent = self._send(self.unsent) if self.unsent else 0
        if sent:
            del self.unsent[:sent]
            self.last_progress = time.monotonic()
        return sent > 0

    def end(self) -> None:
        """Signal that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def explain(self, _error: OSError) -> str | None:
        """Return what a socket error means, if it is not just the end of the connection."""
        return None

    def _recv(self, amount: int) -> bytes | None:
        try:
            return self.sock.recv(amount)
        except BlockingIOError:
            return None

    def _send(self, data: bytearray) -> int:
        self.blocked = False
        try:
            return self.sock.send(data)
        except BlockingIOError:
            self.blocked = True
            return 0
