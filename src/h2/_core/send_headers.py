"""Field blocks out: requests, responses, trailers, promises (RFC 9113 sections 6.2, 6.6, 8)."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any, Final

from h2._compiled import COMPILED
from h2._core import framing
from h2._core.misuse import no_stream, not_allowed
from h2._core.outbound_fields import Plan
from h2._core.state import Connection
from h2._core.stream import CONNECT_METHOD, Stream
from h2._frames import encode
from h2._frames.encode import pack_header
from h2._frames.layout import END_HEADERS, END_STREAM, HEADERS, PRIORITY_FLAG, PUSH_PROMISE
from h2._native import mypyc_attr
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.fields import (
    CONNECT,
    CONTENT_LENGTH,
    HEAD,
    INFORMATIONAL,
    PUSHABLE,
    REQUEST,
    RESPONSE,
    SUCCESSFUL,
    TRAILERS,
)
from h2._rules.messages import check_message
from h2._rules.registry import Violation
from h2.exceptions import H2Error, StreamIDTooLowError

_ON_HEADERS: Final = states.TABLE[states.SEND_HEADERS]
_ON_HEADERS_END: Final = states.TABLE[states.SEND_HEADERS_END]
_ON_INFORMATIONAL: Final = states.TABLE[states.SEND_INFORMATIONAL]
_ON_PUSH_PROMISE: Final = states.TABLE[states.SEND_PUSH_PROMISE]
_SENT_KIND: Final = states.SENT_KIND
_SEND_ON_STREAM: Final = connection_states.SEND_ON_STREAM
_SEND_OPEN: Final = connection_states.SEND_OPEN
_IDLE: Final = states.IDLE
_FIRST_COUNTED: Final = states.FIRST_COUNTED
_CLOSED: Final = states.CLOSED
_RESERVED_LOCAL: Final = states.RESERVED_LOCAL

#: Methods that decide how the response ends.
_METHOD_THAT_COUNTS: Final = HEAD | CONNECT

MAX_STREAM_ID: Final = 2**31 - 1


@mypyc_attr(native_class=False)
class CheckedFields(list[Any]):
    """Fields that were checked as a valid message, whatever the options are by now."""

    __slots__ = ()


# A name of another module is looked up in a dict at each use, a constant is not.
_CHECKED_FIELDS: Final[type[CheckedFields]] = CheckedFields


def send_headers(
    conn: Connection, stream_id: Any, headers: Any, end_stream: Any, priority: bytes
) -> Plan:
    """Send a field block in HEADERS; ``priority`` is the packed priority fields or empty.

    ``headers`` is a list or any other iterable of fields. Nothing changes before the comment
    "commit". Returns what was sent.
    """
    if type(stream_id) is not int:
        stream_id = index(stream_id)
    flags = END_STREAM if end_stream else 0
    # Before everything else, because an iterable may call the connection.
    fields: list[Any] = headers if type(headers) is list else list(headers)
    stream = conn.streams.get(stream_id) if COMPILED else conn.streams.table.get(stream_id)
    if stream is None:
        _check_open(conn, stream_id)
        state = _IDLE
    else:
        if conn.transitions[_SEND_ON_STREAM] < 0:
            conn.check_send(_SEND_ON_STREAM)
        state = stream.state
    kind = _SENT_KIND[state]
    if kind < 0:
        raise not_allowed("HEADERS", stream_id, state)
    planner = conn.planner
    plan = planner.plan(conn.options, kind, fields)
    if not plan.valid and type(headers) is not _CHECKED_FIELDS:
        _check_message(conn, kind, plan)
    after = (_ON_HEADERS_END if flags else _ON_HEADERS)[state]
    if stream is not None and (
        kind == TRAILERS
        or plan.seen & INFORMATIONAL
        or stream.method == CONNECT_METHOD
        or state == _RESERVED_LOCAL
    ):
        after = after_answer(conn, stream, kind, plan, after, flags != 0)
    # commit
    wire = plan.encoded or planner.encode(plan, kind, fields)
    length = len(wire)
    if priority or length > conn.max_outbound_frame_size:
        flags |= PRIORITY_FLAG if priority else 0
        size = conn.max_outbound_frame_size
        conn.out.chunks.append(encode.field_block(HEADERS, flags, stream_id, priority, wire, size))
    else:
        flags |= END_HEADERS
        header = pack_header(length >> 8, length & 0xFF, HEADERS, flags, stream_id)
        conn.out.chunks.append(header + wire)
    if stream is None:
        _open_stream(conn, stream_id, after, plan)
    elif after != state:
        if stream.method == CONNECT_METHOD and kind == RESPONSE:
            framing.answer_connect(stream, plan.seen)
        if state >= _FIRST_COUNTED and after < _CLOSED:
            stream.state = after
        else:
            conn.streams.move(stream, after, conn.max_reset)
    return plan


def _check_message(conn: Connection, kind: int, plan: Plan) -> None:
    """Check that the fields of a block are a valid message (section 8)."""
    if conn.config.validate_outbound_headers:
        fields = [entry.field for entry in plan.entries]
        lenient = not conn.config.strict
        found = check_message(kind, fields, conn.connect_protocol(), lenient)
        if found is not None:
            raise found.exception()
    if not plan.entries and kind != TRAILERS:
        raise ValueError("a request or response must have at least one header field")
    plan.valid = True


def plan_block(conn: Connection, kind: int, fields: list[Any]) -> Plan:
    """Return what to encode for the fields of a valid message, or raise."""
    plan = conn.planner.plan(conn.options, kind, fields)
    if not plan.valid:
        _check_message(conn, kind, plan)
    return plan


def after_answer(
    conn: Connection, stream: Stream, kind: int, plan: Plan, after: int, end_stream: bool
) -> int:
    """Return the state of the stream after a response or trailers, or raise (section 8.1)."""
    if kind == TRAILERS:
        if after < 0:
            raise Violation(
                rules.TRAILERS_WITHOUT_END_STREAM,
                f"Trailers must have END_STREAM set (stream {stream.stream_id})",
            ).exception()
        # Before the response to CONNECT arrives, the stream may already be a tunnel at the peer.
        unanswered = stream.state == states.OPEN_REQUEST_SENT
        if stream.tunnel or (unanswered and stream.method == CONNECT_METHOD):
            raise _in_tunnel("trailers", stream.stream_id)
    elif plan.seen & INFORMATIONAL:
        if end_stream:
            raise Violation(
                rules.INFORMATIONAL_WITH_END_STREAM,
                f"Cannot set END_STREAM on an informational response (stream {stream.stream_id})",
            ).exception()
        after = _ON_INFORMATIONAL[stream.state]
    elif stream.method == CONNECT_METHOD:
        _check_tunnel(conn, plan)
    if stream.state == _RESERVED_LOCAL:
        _check_peer_limit(conn)
    return after


def _check_tunnel(conn: Connection, plan: Plan) -> None:
    """Check a final response to CONNECT; h2 4.4.1 allows a length, which the client ignores."""
    if not (conn.config.strict and conn.config.validate_outbound_headers):
        return
    # "A server MUST NOT send a Content-Length header field in any 2xx (Successful) response to a
    # CONNECT request (Section 9.3.6)." (RFC 9110 section 8.6)
    if plan.seen & SUCCESSFUL and plan.seen & CONTENT_LENGTH:
        raise Violation(
            rules.CONTENT_LENGTH_FORBIDDEN,
            "A successful response to CONNECT cannot have the field 'content-length'",
        ).exception()


def _in_tunnel(what: str, stream_id: int) -> H2Error:
    return Violation(
        rules.TUNNEL_FRAME, f"Cannot send {what} on tunnel stream {stream_id}", stream_id
    ).exception()


def _check_open(conn: Connection, stream_id: int) -> None:
    """Check that a client may open this stream now (sections 5.1.1, 5.1.2, 6.8)."""
    streams = conn.streams
    if (
        stream_id > streams.highest_outbound
        and stream_id & 1
        and stream_id <= MAX_STREAM_ID
        and conn.transitions[_SEND_OPEN] >= 0
    ):
        _check_peer_limit(conn)
        return
    if streams.is_used(stream_id):
        if streams.was_skipped(stream_id):
            raise too_low(stream_id, streams.highest_outbound)
        raise no_stream(conn, stream_id)
    conn.check_send(connection_states.SEND_OPEN)
    check_new_id(conn, stream_id)


def check_new_id(conn: Connection, stream_id: int) -> None:
    """Check that we may open or promise a stream with this identifier (section 5.1.1)."""
    streams = conn.streams
    highest = streams.highest_outbound
    if stream_id <= 0 or (stream_id <= highest and not streams.is_inbound(stream_id)):
        raise too_low(stream_id, highest)
    # "Streams initiated by a client MUST use odd-numbered stream identifiers; those initiated by
    # the server MUST use even-numbered stream identifiers."
    if streams.is_inbound(stream_id):
        raise Violation(
            rules.STREAM_ID_PARITY, f"Stream {stream_id} can only be opened by the peer"
        ).exception()
    if stream_id > MAX_STREAM_ID:
        raise Violation(
            rules.STREAM_IDS_EXHAUSTED, f"Stream identifiers must not exceed {MAX_STREAM_ID}"
        ).exception()


def too_low(stream_id: int, highest: int) -> Exception:
    """Return the exception for an identifier that was skipped by a higher one."""
    return Violation(
        rules.STREAM_ID_TOO_LOW,
        f"Stream {stream_id} is lower than {highest}",
        stream_id,
        StreamIDTooLowError(stream_id, highest),
    ).exception()


def _check_peer_limit(conn: Connection) -> None:
    # "Endpoints MUST NOT exceed the limit set by their peer." (section 5.1.2)
    limit = conn.peer_limit()
    if conn.streams.open.outbound >= limit:
        raise Violation(
            rules.PEER_LIMIT_REACHED,
            f"The peer allows {limit} concurrent streams, {conn.streams.outbound_open} are open",
        ).exception()


def _open_stream(conn: Connection, stream_id: int, state: int, plan: Plan) -> None:
    """Add the stream that our request opened."""
    stream = Stream(stream_id, state, conn.recv_initial_window())
    stream.authority = plan.authority
    if plan.seen & _METHOD_THAT_COUNTS:
        framing.note_method(stream, plan.seen)
    conn.streams.add(stream)


def push_stream(conn: Connection, stream_id: int, promised_id: int, headers: Iterable[Any]) -> None:
    """Promise a response to a request that the client did not make (sections 6.6, 8.4)."""
    fields = list(headers)
    conn.check_send(connection_states.SEND_PUSH_PROMISE)
    # "PUSH_PROMISE MUST NOT be sent if the SETTINGS_ENABLE_PUSH setting of the peer endpoint is
    # set to 0."
    if not conn.remote_settings.enable_push:
        raise Violation(rules.PUSH_DISABLED, "The peer has disabled push").exception()
    parent = conn.streams.table.get(stream_id)
    if parent is None:
        raise no_stream(conn, stream_id)
    # "PUSH_PROMISE frames MUST only be sent on a peer-initiated stream that is in either the
    # 'open' or 'half-closed (remote)' state."
    if not conn.streams.is_inbound(stream_id):
        raise Violation(
            rules.PUSH_PARENT_PUSHED, f"Cannot push on stream {stream_id}, which was pushed"
        ).exception()
    if _ON_PUSH_PROMISE[parent.state] < 0:
        raise not_allowed("PUSH_PROMISE", stream_id, parent.state)
    if parent.tunnel:
        raise _in_tunnel("PUSH_PROMISE", stream_id)
    check_new_id(conn, promised_id)
    plan = plan_block(conn, REQUEST, fields)
    if conn.config.validate_outbound_headers and not _is_pushable(plan):
        raise Violation(
            rules.PUSH_NOT_SAFE, "A promised request must be GET or HEAD, without content"
        ).exception()
    # commit
    wire = plan.encoded or conn.planner.encode(plan, REQUEST, fields)
    prefix = promised_id.to_bytes(4, "big")
    conn.out.chunks.append(
        encode.field_block(PUSH_PROMISE, 0, stream_id, prefix, wire, conn.max_outbound_frame_size)
    )
    conn.streams.add(Stream(promised_id, states.RESERVED_LOCAL, conn.recv_initial_window()))


def _is_pushable(plan: Plan) -> bool:
    # "The server MUST include a method in the ':method' pseudo-header field that is safe and
    # cacheable." (section 8.4.1) "Promised requests MUST be safe [...] and cacheable [...].
    # Promised requests cannot include any content or a trailer section." (section 8.4)
    safe = False
    for entry in plan.entries:
        name, value = entry.field
        if name == b":method":
            safe = value in PUSHABLE
        elif name == b"content-length" and int(value):
            return False
    return safe
