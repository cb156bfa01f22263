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
OPENING: Final = 0  #: requests wait to be opened
ANNOUNCED: Final = 1  #: the first GOAWAY and PING are on their way
FINISHING: Final = 2  #: the last GOAWAY is on its way, streams go on
DRAINED: Final = 3


class Shutdown:
    """A graceful shutdown that has begun, of either role.

    "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY
    frame with the last stream identifier set to 2^31-1 and a NO_ERROR code." A client does the
    same once none of its requests waits; its GOAWAY is about pushed streams.
    """

    __slots__ = ("queue", "stage", "unanswered")

    def __init__(self, queue: SendQueue) -> None:
        self.queue = queue
        self.stage = OPENING
        self.unanswered = False  #: the acknowledgment of our PING is still to come
        queue.closing = True
        self.advance()

    def advance(self) -> bool:
        """Go on as far as possible; return whether nothing is left."""
        conn = self.queue.conn
        if conn.state != TERMINATED and self.stage != DRAINED:
            # GOAWAY would stop our own requests, too.
            if self.stage == OPENING and not (conn.client and self.queue.waiting_streams):
                self._announce()
            # The peer opens streams only in answer to those of a client, so that none can be on
            # its way once all of them are over.
            if self.stage == ANNOUNCED and conn.client and not conn.streams:
                self._name_last()
            if self.stage != FINISHING or conn.streams:
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

    def give_up(self) -> None:
        """Reset what is not complete: the time is over."""
        queue = self.queue
        conn = queue.conn
        if conn.client:
            queue.refuse_waiting()
        if self.stage == OPENING:
            self._announce()
        if self.stage == ANNOUNCED:
            self._name_last()
        for stream_id in list(conn.streams):
            enqueue.reset_stream(queue, stream_id, ErrorCodes.CANCEL)
            queue.events.append(
                StreamReset(stream_id=stream_id, error_code=ErrorCodes.CANCEL, remote_reset=False)
            )
        self.advance()

    def _announce(self) -> None:
        conn = self.queue.conn
        if conn.goaway_sent_last < ID_MASK:
            self.stage = FINISHING  # the program has named the last stream already
            return
        lifecycle.close(conn, ErrorCodes.NO_ERROR, b"", ID_MASK)
        send.ping(conn, _LAST_CALL)
        self.unanswered = True
        self.stage = ANNOUNCED

    def _name_last(self) -> None:
        lifecycle.close(self.queue.conn, ErrorCodes.NO_ERROR, b"", None)
        self.stage = FINISHING
