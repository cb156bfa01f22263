"""Exceptions for calls that the application must not make now."""

from __future__ import annotations

from h2._core.state import Connection
from h2._core.stream import Stream
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.registry import Violation
from h2.exceptions import H2Error, NoSuchStreamError, StreamClosedError


def no_stream(conn: Connection, stream_id: int) -> H2Error:
    """Return the exception for a stream that is idle or closed (section 5.1)."""
    if conn.streams.is_used(stream_id):
        return stream_closed(stream_id)
    return Violation(
        rules.NOT_ALLOWED_NOW,
        f"Stream {stream_id} does not exist",
        stream_id,
        NoSuchStreamError(stream_id),
    ).exception()


def stream_closed(stream_id: int) -> H2Error:
    """Return the exception for a stream that is closed."""
    return Violation(
        rules.NOT_ALLOWED_NOW,
        f"Stream {stream_id} is closed",
        stream_id,
        StreamClosedError(stream_id),
    ).exception()


def not_allowed(what: str, stream_id: int, state: int) -> H2Error:
    """Return the exception for a frame that the state of its stream does not allow."""
    return Violation(
        rules.NOT_ALLOWED_NOW,
        f"Cannot send {what} on stream {stream_id} in state {states.STATE_NAMES[state]}",
    ).exception()


def find_stream(conn: Connection, stream_id: int) -> Stream:
    """Return a stream that is not closed, or raise."""
    stream = conn.streams.table.get(stream_id)
    if stream is None:
        raise no_stream(conn, stream_id)
    return stream


def check_frame_size(conn: Connection, length: int) -> None:
    """Raise for a payload that the peer does not accept (section 4.2)."""
    if length > conn.max_outbound_frame_size:
        raise Violation(
            rules.SEND_FRAME_TOO_LARGE,
            f"Cannot send a frame of {length} octets, "
            f"the peer accepts {conn.max_outbound_frame_size}",
        ).exception()
