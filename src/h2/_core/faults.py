"""The one place where a broken rule becomes RST_STREAM, GOAWAY, an event, an exception."""

from __future__ import annotations

from h2._core import abuse
from h2._core.state import Connection
from h2._frames.encode import frame, goaway, rst_stream
from h2._frames.layout import END_HEADERS, END_STREAM, HEADERS
from h2._rules import registry as rules
from h2._rules.connection_states import TERMINATED
from h2._rules.fields import RESPONSE
from h2._rules.registry import TOLERATED, Rule, Violation
from h2._rules.stream_states import CLOSED_BY_US, UNANSWERED
from h2.errors import ErrorCodes
from h2.events import StreamReset
from h2.exceptions import H2Error, ProtocolError


def scope_of(conn: Connection, rule: Rule) -> int:
    """Return the consequence if a received frame breaks a rule."""
    return rule.strict_scope if conn.config.strict else rule.scope


def is_enforced(conn: Connection, rule: Rule) -> bool:
    """Return whether it has a consequence if a received frame breaks a rule."""
    return scope_of(conn, rule) != TOLERATED


def reset_stream(conn: Connection, violation: Violation) -> None:
    """Answer a stream error (RFC 9113 section 5.4.2): RST_STREAM, and an event if it was alive."""
    stream_id = violation.stream_id
    rule = violation.rule
    strict = conn.config.strict
    code = rule.strict_code if strict else rule.code
    streams = conn.streams
    stream = streams.table.get(stream_id)
    abuse.reset_by_us(conn, stream, violation)
    refused = stream is None and not streams.is_used(stream_id)
    if refused:
        # The frame would have opened or promised this stream.
        streams.use_inbound(stream_id)
    unanswered = refused or (stream is not None and stream.state in UNANSWERED)
    if rule.status and unanswered and strict and not conn.client:
        # "For malformed requests, a server MAY send an HTTP response prior to closing or resetting
        # the stream." (section 8.1.1) "A server that receives a larger field block than it is
        # willing to handle can send an HTTP 431 (Request Header Fields Too Large) status code"
        # (section 10.5.1)
        _respond(conn, stream_id, rule.status)
    if stream is not None:
        conn.reset(stream)
    else:
        # "Normally, an endpoint SHOULD NOT send more than one RST_STREAM frame for any stream."
        streams.remember(stream_id, CLOSED_BY_US, conn.max_reset)
    if stream is not None or (refused and strict):
        conn.events.append(StreamReset(stream_id=stream_id, error_code=code, remote_reset=False))
    # "An endpoint that detects a stream error sends a RST_STREAM frame (Section 6.4) that contains
    # the stream identifier of the stream where the error occurred."
    conn.out.answer(rst_stream(stream_id, code))


def _respond(conn: Connection, stream_id: int, status: bytes) -> None:
    """Send a response that consists of a status code only."""
    fields = [(b":status", status)]
    plan = conn.planner.plan(conn.options, RESPONSE, fields)
    block = plan.encoded or conn.planner.encode(plan, RESPONSE, fields)
    conn.out.answer(frame(HEADERS, END_HEADERS | END_STREAM, stream_id, block))


def terminate(conn: Connection, violation: Violation) -> H2Error:
    """Answer a connection error (section 5.4.1): GOAWAY; return the exception to raise."""
    error = violation.exception()
    code = error.error_code if isinstance(error, ProtocolError) else ErrorCodes.PROTOCOL_ERROR
    rule = violation.rule
    if rule.status and not conn.client and violation.stream_id > conn.streams.highest_inbound:
        # A malformed request counts as received: its client must not send it again elsewhere.
        conn.streams.use_inbound(violation.stream_id)
    # "A GOAWAY frame (Section 6.8) MAY be omitted in this case, since an invalid preface indicates
    # that the peer is not using HTTP/2." (section 3.4)
    if rule is not rules.PREFACE_INVALID or conn.config.strict:
        send_goaway(conn, code)
    conn.end()
    error.events = conn.events
    return error


def fail(conn: Connection) -> None:
    """End the connection after an error that is not the peer's, with input half processed."""
    if conn.state != TERMINATED:
        send_goaway(conn, ErrorCodes.INTERNAL_ERROR)
        conn.end()
    conn.unreported += conn.events


def send_goaway(conn: Connection, code: int) -> None:
    """Tell the peer that the connection has ended, and which stream was the last one received."""
    # "An endpoint that encounters a connection error SHOULD first send a GOAWAY frame (Section 6.8)
    # with the stream identifier of the last stream that it successfully received from its peer."
    last = min(conn.streams.highest_inbound, conn.goaway_sent_last)
    conn.goaway_sent_last = last
    conn.out.chunks.append(goaway(last, code, b""))
