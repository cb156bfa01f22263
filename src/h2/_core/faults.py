"""The one place where a broken rule becomes RST_STREAM, GOAWAY, an event, an exception."""

from __future__ import annotations

from h2._core.state import Connection
from h2._frames.encode import goaway, rst_stream
from h2._rules.connection_states import TERMINATED
from h2._rules.registry import Violation
from h2._rules.stream_states import CLOSED_BY_US
from h2.errors import ErrorCodes
from h2.events import StreamReset
from h2.exceptions import H2Error, ProtocolError


def reset_stream(conn: Connection, violation: Violation) -> None:
    """Answer a stream error (RFC 9113 section 5.4.2): RST_STREAM, and an event if it was alive."""
    stream_id = violation.stream_id
    code = violation.rule.code
    # "An endpoint that detects a stream error sends a RST_STREAM frame (Section 6.4) that contains
    # the stream identifier of the stream where the error occurred."
    stream = conn.streams.get(stream_id)
    if stream is not None:
        conn.abandon(stream, CLOSED_BY_US)
        conn.events.append(StreamReset(stream_id=stream_id, error_code=code, remote_reset=False))
    else:
        # "Normally, an endpoint SHOULD NOT send more than one RST_STREAM frame for any stream."
        conn.streams.remember(stream_id, CLOSED_BY_US, conn.max_reset)
    conn.out.answer(rst_stream(stream_id, code))


def terminate(conn: Connection, violation: Violation) -> H2Error:
    """Answer a connection error (section 5.4.1): GOAWAY; return the exception to raise."""
    error = violation.public()
    code = error.error_code if isinstance(error, ProtocolError) else ErrorCodes.PROTOCOL_ERROR
    # "An endpoint that encounters a connection error SHOULD first send a GOAWAY frame (Section 6.8)
    # with the stream identifier of the last stream that it successfully received from its peer."
    last = min(conn.streams.highest_inbound, conn.goaway_sent_last)
    conn.goaway_sent_last = last
    conn.out.append(goaway(last, code, b""))
    conn.enter(TERMINATED)
    conn.partial.clear()
    conn.block = None
    error.events = conn.events
    return error
