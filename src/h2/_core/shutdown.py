"""A graceful shutdown: no new streams, and existing ones are completed (section 6.8)."""

from __future__ import annotations

from typing import Final

from h2._core import enqueue, lifecycle, send
from h2._core.send_queue import SendQueue
from h2._frames.decode import ID_MASK
from h2._rules.connection_states import TERMINATED
from h2.errors import ErrorCodes
from h2.events import ConnectionDrained, StreamReset

#: The payload of the PING after the first GOAWAY.
_LAST_CALL: Final = b"h2-leave"

# Stages of a shutdown.
BEGUN: Final = 0
ANNOUNCED: Final = 1  #: the first GOAWAY of a server and PING have been sent
LAST_NAMED: Final = 2  #: the GOAWAY with the last stream has been sent
DRAINED: Final = 3


class Shutdown:
    """A graceful shutdown that has begun.

    "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY
    frame with the last stream identifier set to 2^31-1 and a NO_ERROR code." A client must not:
    to the server that number is an impossible pushed stream, which nghttp2 treats as an error. It
    need not either, because nothing can be in flight once its own streams have ended. Its only
    GOAWAY comes last, since it would stop requests that are still waiting.
    """

    __slots__ = ("queue", "stage", "unanswered")

    def __init__(self, queue: SendQueue) -> None:
        self.queue = queue
        self.stage = BEGUN
        self.unanswered = False  #: our PING has not been acknowledged yet
        queue.closing = True
        self.advance()

    def advance(self) -> bool:
        """Continue as far as possible; return whether the shutdown is complete."""
        conn = self.queue.conn
        if self.stage != DRAINED and conn.state != TERMINATED:
            over = not conn.streams and not self.queue.waiting_streams
            if self.stage == BEGUN and not conn.client:
                self._announce()
            elif self.stage == BEGUN and over:
                self._name_last()
            elif self.stage == ANNOUNCED and conn.goaway_sent_last < ID_MASK:
                self.stage = LAST_NAMED  # the program does not wait for the acknowledgment
            if self.stage != LAST_NAMED or not over:
                return False
        if self.stage != DRAINED:
            self.stage = DRAINED
            self.queue.events.append(ConnectionDrained())
        return True

    def acknowledged(self, ping_data: bytes) -> bool:
        """Return whether an acknowledgment is for our PING: then no new stream can arrive."""
        if not self.unanswered or ping_data != _LAST_CALL:
            return False
        self.unanswered = False
        if self.stage == ANNOUNCED and self.queue.conn.state != TERMINATED:
            self._name_last()
        return True

    def give_up(self) -> list[int]:
        """Reset streams that are not complete, because the time is over; return them."""
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
            self.stage = LAST_NAMED  # the program has already named the last stream
            return
        lifecycle.close(conn, ErrorCodes.NO_ERROR, b"", ID_MASK)
        send.ping(conn, _LAST_CALL)
        self.unanswered = True
        self.stage = ANNOUNCED

    def _name_last(self) -> None:
        lifecycle.close(self.queue.conn, ErrorCodes.NO_ERROR, b"", None)
        self.stage = LAST_NAMED
