"""A graceful shutdown: no new streams, and those that exist go on to their end (section 6.8)."""

from __future__ import annotations

from typing import Final

from h2._core import enqueue, lifecycle, send
from h2._core.send_queue import SendQueue
from h2._frames.decode import ID_MASK
from h2._rules.connection_states import TERMINATED
from h2.errors import ErrorCodes
from h2.events import ConnectionDrained, StreamReset

#: Of the PING behind the first GOAWAY.
_LAST_CALL: Final = b"h2-leave"

# How far a shutdown is.
BEGUN: Final = 0
ANNOUNCED: Final = 1  #: the first GOAWAY of a server and PING are on their way
LAST_NAMED: Final = 2  #: the GOAWAY with the last stream is on its way
DRAINED: Final = 3


class Shutdown:
    """A graceful shutdown that has begun.

    "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY
    frame with the last stream identifier set to 2^31-1 and a NO_ERROR code." A client must not:
    for the server that number names a pushed stream that cannot be, which nghttp2 takes for an
    error. Nor need it, because nothing can be on its way once its own streams are over. Its one
    GOAWAY comes last, since it would stop requests that still wait.
    """

    __slots__ = ("queue", "stage", "unanswered")

    def __init__(self, queue: SendQueue) -> None:
        self.queue = queue
        self.stage = BEGUN
        self.unanswered = False  #: the acknowledgment of our PING is still to come
        queue.closing = True
        self.advance()

    def advance(self) -> bool:
        """Go on as far as possible; return whether nothing is left."""
        conn = self.queue.conn
        if self.stage != DRAINED and conn.state != TERMINATED:
            over = not conn.streams and not self.queue.waiting_streams
            if self.stage == BEGUN and not conn.client:
                self._announce()
            elif self.stage == BEGUN and over:
                self._name_last()
            if self.stage != LAST_NAMED or not over:
                return False
        if self.stage != DRAINED:
            self.stage = DRAINED
            self.queue.events.append(ConnectionDrained())
        return True

    def acknowledged(self, ping_data: bytes) -> bool:
        """Tell whether an acknowledgment is for our PING: no new stream can come any more then."""
        if not self.unanswered or ping_data != _LAST_CALL:
            return False
        self.unanswered = False
        if self.stage == ANNOUNCED and self.queue.conn.state != TERMINATED:
            self._name_last()
        return True

    def give_up(self) -> list[int]:
        """Reset what is not complete, because the time is over; return those streams."""
        queue = self.queue
        conn = queue.conn
        if conn.client:
            queue.refuse_waiting()
        if self.stage != LAST_NAMED:
            self._name_last()
        incomplete = list(conn.streams)
        for stream_id in incomplete:
            enqueue.reset_stream(queue, stream_id, ErrorCodes.CANCEL)
            queue.events.append(
                StreamReset(stream_id=stream_id, error_code=ErrorCodes.CANCEL, remote_reset=False)
            )
        self.advance()
        return incomplete

    def _announce(self) -> None:
        conn = self.queue.conn
        if conn.goaway_sent_last < ID_MASK:
            self.stage = LAST_NAMED  # the program has named the last stream already
            return
        lifecycle.close(conn, ErrorCodes.NO_ERROR, b"", ID_MASK)
        send.ping(conn, _LAST_CALL)
        self.unanswered = True
        self.stage = ANNOUNCED

    def _name_last(self) -> None:
        lifecycle.close(self.queue.conn, ErrorCodes.NO_ERROR, b"", None)
        self.stage = LAST_NAMED
