"""States in terms of the published API, mapped from the integers that the tables use."""

from __future__ import annotations

import enum
from typing import Final

from h2._rules import connection_states as connection
from h2._rules import stream_states as stream


class ConnectionState(enum.Enum):
    """The coarse state of a connection, as in ``H2Connection.state_machine.state``."""

    IDLE = 0
    CLIENT_OPEN = 1
    SERVER_OPEN = 2
    CLOSED = 3


class StreamState(enum.IntEnum):
    """The state of a stream (RFC 9113 section 5.1)."""

    IDLE = 0
    RESERVED_REMOTE = 1
    RESERVED_LOCAL = 2
    OPEN = 3
    HALF_CLOSED_REMOTE = 4
    HALF_CLOSED_LOCAL = 5
    CLOSED = 6


class StreamClosedBy(enum.Enum):
    """How a stream was closed."""

    SEND_END_STREAM = 0
    RECV_END_STREAM = 1
    SEND_RST_STREAM = 2
    RECV_RST_STREAM = 3


_STREAM_STATES: Final = (
    StreamState.IDLE,
    StreamState.RESERVED_LOCAL,
    StreamState.RESERVED_REMOTE,
    StreamState.OPEN,
    StreamState.OPEN,
    StreamState.OPEN,
    StreamState.HALF_CLOSED_LOCAL,
    StreamState.HALF_CLOSED_LOCAL,
    StreamState.HALF_CLOSED_REMOTE,
    StreamState.HALF_CLOSED_REMOTE,
    StreamState.CLOSED,
    StreamState.CLOSED,
    StreamState.CLOSED,
)

_HEADERS_SENT: Final = frozenset((
    stream.OPEN_REQUEST_SENT, stream.OPEN_BOTH, stream.HALF_LOCAL_WAITING, stream.HALF_LOCAL,
    stream.HALF_REMOTE,
))  # fmt: skip


def stream_state(state: int) -> StreamState:
    """Return a state of the stream table in the terms of RFC 9113 section 5.1."""
    return _STREAM_STATES[state]


class StreamStateMachine:
    """The state of one stream when this object was created."""

    __slots__ = ("headers_sent", "state")

    def __init__(self, state: int) -> None:
        #: A member of :class:`h2.stream.StreamState`.
        self.state: StreamState = _STREAM_STATES[state]
        #: Whether our final field block was sent: the request of a client, the response of a
        #: server.
        self.headers_sent: bool = state in _HEADERS_SENT


class ConnectionStateMachine:
    """The state of a connection when this object was created.

    The attribute ``state`` is a member of :class:`h2.connection.ConnectionState`.
    A connection on which no new stream can be opened is shown as ``CLOSED``, even though existing
    streams may continue: that is what programs check for.
    """

    __slots__ = ("state",)

    state: ConnectionState

    def __init__(self, state: int, client: bool, streams_used: bool) -> None:
        if state not in (connection.STARTING, connection.OPEN):
            self.state = ConnectionState.CLOSED
        elif not streams_used:
            self.state = ConnectionState.IDLE
        else:
            self.state = ConnectionState.CLIENT_OPEN if client else ConnectionState.SERVER_OPEN
