"""Handlers of received frames other than field blocks: RFC 9113 section 6, RFC 7838."""

from __future__ import annotations

from typing import Any, Final

from h2._compiled import COMPILED
from h2._core import abuse, framing
from h2._core.faults import is_enforced
from h2._core.flow_control import hand_back
from h2._core.frame_checks import check_shape, not_allowed, unpad, wrong_size
from h2._core.state import Connection
from h2._frames import decode, encode, layout
from h2._frames.layout import ACK, END_STREAM, PADDED
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.abuse import SMALL_DATA, SMALL_INCREMENT
from h2._rules.registry import Violation
from h2._rules.stream_states import CLOSED_BY_PEER, CLOSED_BY_US, HALF_LOCAL, IDLE
from h2.errors import _error_code_from_int
from h2.events import (
    AlternativeServiceAvailable,
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    StreamEnded,
    StreamReset,
    UnknownFrameReceived,
)

_new: Final = object.__new__

# The arguments of `_new`: a tuple that exists costs less than one that each call creates.
_DATA_RECEIVED: Final[tuple[Any, ...]] = (DataReceived,)
_PING_ACK_RECEIVED: Final[tuple[Any, ...]] = (PingAckReceived,)
_PING_RECEIVED: Final[tuple[Any, ...]] = (PingReceived,)
_STREAM_ENDED: Final[tuple[Any, ...]] = (StreamEnded,)
_STREAM_RESET: Final[tuple[Any, ...]] = (StreamReset,)

# Typed Any, or the compiler would turn a member of ErrorCodes into a plain integer.
_code_of: Final[Any] = _error_code_from_int

_ON_DATA: Final = states.TABLE[states.RECV_DATA]
_ON_DATA_END: Final = states.TABLE[states.RECV_DATA_END]
_ON_RST_STREAM: Final = states.TABLE[states.RECV_RST_STREAM]
_ON_ALTSVC: Final = states.TABLE[states.RECV_ALTSVC]


def data(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """DATA (section 6.1). The most frequent frame: its cost is paid every 16 KiB."""
    content = unpad(layout.DATA, stream_id, payload) if flags & PADDED else payload
    length = len(payload)
    end = flags & END_STREAM
    # "A receiver that receives a flow-controlled frame MUST always account for its contribution
    # against the connection flow-control window, unless the receiver treats this as a connection
    # error (Section 5.4.1). This is necessary even if the frame is in error." (section 6.9)
    window = conn.window
    left = window.value - length
    if left < 0:
        raise Violation(
            rules.CONNECTION_WINDOW_EXCEEDED,
            f"Received {length} octets of DATA, the connection window is {window.value}",
        )
    window.value = left
    stream = conn.streams.get(stream_id) if COMPILED else conn.streams.table.get(stream_id)
    if stream is None:
        check_shape(layout.DATA, stream_id, payload)
        _discard_data(conn, end, stream_id, length)
        return
    reaction = (_ON_DATA_END if end else _ON_DATA)[stream.state]
    if reaction < 0:
        # Give back the window of DATA that is not delivered (section 6.9), then raise.
        hand_back(conn, length)
        raise not_allowed(reaction, layout.DATA, stream_id)
    window = stream.window
    room = window.value - length
    if room < 0 and length:
        hand_back(conn, length)
        raise Violation(
            rules.STREAM_WINDOW_EXCEEDED,
            f"Received {length} octets of DATA on stream {stream_id}, "
            f"the stream window is {window.value}",
            stream_id,
        )
    window.value = room
    remaining = stream.remaining
    if remaining is not None:
        stream.remaining = remaining = remaining - len(content)
        if remaining < 0 or (end and remaining):
            hand_back(conn, length)
            raise framing.wrong_content(stream, remaining)
    if length < SMALL_DATA and not end:
        abuse.small_data(conn, length, content)
    event = _new(*_DATA_RECEIVED)
    event.stream_id = stream_id
    event.data = content
    event.flow_controlled_length = length
    conn.events.append(event)
    if end:
        ended = event.stream_ended = _new(*_STREAM_ENDED)
        ended.stream_id = stream_id
        conn.events.append(ended)
        conn.streams.move(stream, reaction, conn.max_reset)
    if not (left and room) and length:
        conn.exhausted.append(stream_id)


def _discard_data(conn: Connection, end: int, stream_id: int, length: int) -> None:
    """Discard DATA on a stream that does not exist: give back its window, raise if needed."""
    increment = hand_back(conn, length)
    reaction = (_ON_DATA_END if end else _ON_DATA)[conn.streams.state_of(stream_id)]
    if reaction != states.IGNORE:
        raise not_allowed(reaction, layout.DATA, stream_id)
    # A full window of content may be in flight when we reset the stream, in frames of any size. It
    # costs little, unless the connection window is exhausted: then each frame is answered.
    if not length or 0 < increment < SMALL_INCREMENT:
        abuse.extra_frame(conn, "DATA frame on a closed stream")


def priority(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """PRIORITY (section 6.3): a hint that does not change any stream."""
    # An idle stream cannot be reset (section 6.4), so a stream error is a connection error there.
    if stream_id and len(payload) != 5:
        state = conn.streams.state_of(stream_id)
        if state == CLOSED_BY_US:
            return
        # "A PRIORITY frame with a length other than 5 octets MUST be treated as a stream error"
        if state != IDLE:
            raise Violation(
                rules.PRIORITY_SIZE_WRONG,
                f"Received PRIORITY frame of {len(payload)} octets on stream {stream_id}",
                stream_id,
            )
    check_shape(layout.PRIORITY, stream_id, payload)
    if conn.streams.reset.get(stream_id) == CLOSED_BY_US:
        abuse.glitch(conn, "PRIORITY frame on a stream that was reset")
    else:
        abuse.extra_frame(conn, "PRIORITY frame")
    conn.events.append(priority_event(conn, stream_id, decode.priority(payload)))


def priority_event(
    conn: Connection, stream_id: int, fields: tuple[int, int, bool]
) -> PriorityUpdated:
    """Return the event for priority fields, which PRIORITY and HEADERS carry."""
    depends_on, weight, exclusive = fields
    # "A stream cannot depend on itself." (RFC 7540 section 5.3.1) RFC 9113 has no such rule.
    if depends_on == stream_id and is_enforced(conn, rules.PRIORITY_SELF_DEPENDENCY):
        raise Violation(
            rules.PRIORITY_SELF_DEPENDENCY,
            f"Stream {stream_id} may not depend on itself",
            stream_id,
        )
    return PriorityUpdated(
        stream_id=stream_id, weight=weight, depends_on=depends_on, exclusive=exclusive
    )


def rst_stream(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """RST_STREAM (section 6.4)."""
    if not stream_id or len(payload) != 4:
        check_shape(layout.RST_STREAM, stream_id, payload)
    streams = conn.streams
    stream = streams.table.get(stream_id)
    if stream is None:
        # "RST_STREAM frames MUST NOT be sent for a stream in the 'idle' state."
        reaction = _ON_RST_STREAM[streams.state_of(stream_id)]
        if reaction != states.IGNORE:
            violation = not_allowed(reaction, layout.RST_STREAM, stream_id)
            if not (streams.highest_inbound or streams.highest_outbound):
                # If there are no streams, h2 4.4.1 checks this, too.
                violation.rule = rules.STREAM_IDLE
            if is_enforced(conn, violation.rule):
                raise violation
        abuse.extra_frame(conn, "RST_STREAM frame on a closed stream")
        # Both ends may have ended the stream while our content is still pending.
        conn.send_windows.connection += conn.out.drop_content(stream_id)
        return
    # Once we have responded in full, it saves the peer the rest of its request and us no work.
    if stream.state != HALF_LOCAL and streams.is_inbound(stream_id):
        abuse.reset_by_peer(conn)
    conn.abandon(stream, CLOSED_BY_PEER)
    event = _new(*_STREAM_RESET)
    event.stream_id = stream_id
    event.error_code = _code_of(decode.error_code(payload))
    event.remote_reset = True
    conn.events.append(event)


def ping(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """PING (section 6.7)."""
    if stream_id or len(payload) != 8:
        check_shape(layout.PING, stream_id, payload)
    if flags & ACK:
        conduct = conn.conduct
        if conduct.pings:
            conduct.pings -= 1
        else:
            abuse.glitch(conn, "unsolicited PING acknowledgment")
        ack = _new(*_PING_ACK_RECEIVED)
        ack.ping_data = payload
        conn.events.append(ack)
        return
    # "Receivers of a PING frame that does not include an ACK flag MUST send a PING frame with
    # the ACK flag set in response, with an identical frame payload."
    abuse.acknowledge(conn, encode.PING_ACK_HEADER + payload)
    event = _new(*_PING_RECEIVED)
    event.ping_data = payload
    conn.events.append(event)


def goaway(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """GOAWAY (section 6.8): the peer accepts no new streams; those it knows continue."""
    check_shape(layout.GOAWAY, stream_id, payload)
    abuse.glitch(conn, "GOAWAY frame", abuse.GLITCHES_OF_GOAWAY)
    last, code, debug_data = decode.goaway(payload)
    if conn.goaway_hook is not None:
        conn.events.extend(conn.goaway_hook(last, code, debug_data))
    else:
        conn.events.append(drain(conn, last, code, debug_data))


def drain(conn: Connection, last: int, code: int, debug_data: bytes) -> ConnectionTerminated:
    """Forget the streams that the peer will not process, and return the event."""
    # "The receiver of the GOAWAY frame can treat the streams [above the last one] as though they
    # had never been created at all"
    unprocessed: tuple[int, ...] = ()
    if last < min(conn.goaway_received_last, conn.streams.highest_outbound):
        unprocessed = _opened_above(conn, last)
        for stream_id in unprocessed:
            conn.abandon(conn.streams[stream_id], CLOSED_BY_US)
    conn.goaway_received_last = min(last, conn.goaway_received_last)
    return ConnectionTerminated(
        error_code=_code_of(code),
        last_stream_id=last,
        additional_data=debug_data or None,
        unprocessed_stream_ids=unprocessed,
    )


def _opened_above(conn: Connection, last: int) -> tuple[int, ...]:
    """Return the streams that we opened above an identifier, in order.

    Visits only the latest ones, because a peer may lower the identifier with every GOAWAY.
    """
    found: list[int] = []
    for stream_id in reversed(conn.streams.table):
        if not conn.streams.is_inbound(stream_id):
            if stream_id <= last:
                break
            found.append(stream_id)
    return tuple(reversed(found))


def altsvc(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """ALTSVC (RFC 7838 section 4): ignored by servers, and if it is invalid."""
    abuse.glitch(conn, "ALTSVC frame")
    # "The ALTSVC frame is intended for receipt by clients. A device acting as a server MUST ignore
    # it."
    if not conn.client:
        return
    check_shape(layout.ALTSVC, stream_id, payload)
    fields = decode.altsvc(payload)
    if fields is None:
        raise wrong_size(layout.ALTSVC, stream_id, payload)
    origin, field_value = fields
    if stream_id:
        stream = conn.streams.table.get(stream_id)
        # "An ALTSVC frame on a stream other than stream 0 containing non-empty 'Origin'
        # information is invalid and MUST be ignored."
        if stream is None or origin or _ON_ALTSVC[stream.state] < 0 or stream.authority is None:
            return
        origin = stream.authority
    elif not origin:
        # "An ALTSVC frame on stream 0 with empty (length 0) 'Origin' information is invalid and
        # MUST be ignored."
        return
    conn.events.append(AlternativeServiceAvailable(origin=origin, field_value=field_value))


def unknown(conn: Connection, type_: int, flags: int, stream_id: int, payload: bytes) -> None:
    """Handle a frame of a type that this package does not know (section 5.5)."""
    # "Implementations MUST ignore unknown or unsupported values in all extensible protocol
    # elements." The application may know the extension. Imported here because it is rarely needed.
    from hyperframe.frame import ExtensionFrame

    abuse.extra_frame(conn, "frame of an unknown type", abuse.GLITCHES_OF_UNKNOWN)
    frame = ExtensionFrame(type_, stream_id, flags, payload)
    frame.body_len = len(payload)
    conn.events.append(UnknownFrameReceived(frame=frame))
