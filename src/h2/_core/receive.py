"""What each received frame does, but for field blocks: RFC 9113 section 6, RFC 7838."""

from __future__ import annotations

from typing import Final

from h2._core.state import Connection
from h2._core.stream import Stream
from h2._frames import decode, encode, layout
from h2._frames.decode import ID_MASK, unpack_long
from h2._frames.describe import name_of
from h2._frames.layout import (
    ACK,
    END_STREAM,
    KIND_OF,
    ON_CONNECTION,
    ON_STREAM,
    PADDED,
    SHAPES,
)
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.flow_control import MAX_WINDOW
from h2._rules.registry import Rule, Violation
from h2._rules.stream_states import CLOSED_BY_PEER, CLOSED_BY_US, IDLE
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
    WindowUpdated,
)
from h2.exceptions import (
    InvalidBodyLengthError,
    NoSuchStreamError,
    StreamClosedError,
)

_new: Final = object.__new__

_ON_DATA: Final = states.TABLE[states.RECV_DATA]
_ON_DATA_END: Final = states.TABLE[states.RECV_DATA_END]
_ON_RST_STREAM: Final = states.TABLE[states.RECV_RST_STREAM]
_ON_WINDOW_UPDATE: Final = states.TABLE[states.RECV_WINDOW_UPDATE]
_ON_ALTSVC: Final = states.TABLE[states.RECV_ALTSVC]

_REACTION_RULES: Final[dict[int, Rule]] = {
    states.HALF_CLOSED_ERROR: rules.STREAM_HALF_CLOSED,
    states.RESET_ERROR: rules.STREAM_RESET_BY_PEER,
    states.CLOSED_ERROR: rules.STREAM_CLOSED,
    states.IDLE_ERROR: rules.STREAM_IDLE,
    states.RESERVED_ERROR: rules.STREAM_RESERVED,
    states.EARLY_DATA_ERROR: rules.DATA_BEFORE_HEADERS,
    states.PUSH_ERROR: rules.PUSH_PARENT_STATE,
    states.TRAILERS_ERROR: rules.TRAILERS_WITHOUT_END_STREAM,
}


def not_allowed(reaction: int, type_: int, stream_id: int) -> Violation:
    """Word the error for a frame that the state of its stream does not allow (section 5.1)."""
    rule = _REACTION_RULES[reaction]
    message = (
        f"Received {name_of(type_)} frame on stream {stream_id}: {states.REACTION_NAMES[reaction]}"
    )
    error: NoSuchStreamError | None = None
    if rule is rules.STREAM_CLOSED:
        error = StreamClosedError(stream_id)
    elif rule is rules.STREAM_IDLE:
        error = NoSuchStreamError(stream_id)
    return Violation(rule, message, stream_id, error)


def check_shape(type_: int, stream_id: int, payload: bytes) -> None:
    """Check the stream identifier and the length of a frame (sections 4.2 and 6)."""
    place, least, most, section = SHAPES[KIND_OF[type_]]
    if place == ON_STREAM and not stream_id:
        raise Violation(
            rules.STREAM_ID_MISSING,
            f"Received {name_of(type_)} frame on stream 0 (section {section})",
        )
    if place == ON_CONNECTION and stream_id:
        raise Violation(
            rules.STREAM_ID_FORBIDDEN,
            f"Received {name_of(type_)} frame on stream {stream_id} (section {section})",
        )
    if not least <= len(payload) <= most:
        raise wrong_size(type_, stream_id, payload)


def wrong_size(type_: int, stream_id: int, payload: bytes) -> Violation:
    """Word the error for a frame whose length is not the one of its type (section 4.2)."""
    return Violation(
        rules.FRAME_SIZE_WRONG,
        f"Received {name_of(type_)} frame of {len(payload)} octets on stream {stream_id}",
        stream_id,
    )


def unpad(type_: int, stream_id: int, payload: bytes) -> bytes:
    """Return the content of a padded frame (section 6.1)."""
    # "a frame [...] too small to contain mandatory frame data" (section 4.2)
    if not payload:
        raise wrong_size(type_, stream_id, payload)
    content = decode.strip_padding(payload)
    if content is None:
        raise Violation(
            rules.PADDING_TOO_LONG,
            f"Received {name_of(type_)} frame on stream {stream_id} with more padding than payload",
        )
    return content


def data(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """DATA (section 6.1). The most frequent frame: what it costs is paid per 16 KiB."""
    content = unpad(layout.DATA, stream_id, payload) if flags & PADDED else payload
    length = len(payload)
    stream = conn.streams.get(stream_id)
    end = flags & END_STREAM
    # "A receiver that receives a flow-controlled frame MUST always account for its contribution
    # against the connection flow-control window, unless the receiver treats this as a connection
    # error (Section 5.4.1). This is necessary even if the frame is in error." (section 6.9)
    window = conn.recv_window - length
    if stream is None:
        check_shape(layout.DATA, stream_id, payload)
        reaction = (_ON_DATA_END if end else _ON_DATA)[conn.streams.state_of(stream_id)]
    else:
        reaction = (_ON_DATA_END if end else _ON_DATA)[stream.state]
        if stream.recv_window < length and length and reaction >= 0 <= window:
            raise _too_much_data(
                rules.STREAM_WINDOW_EXCEEDED, stream_id, stream.recv_window, length
            )
    if window < 0 and length:
        raise _too_much_data(rules.CONNECTION_WINDOW_EXCEEDED, stream_id, conn.recv_window, length)
    if stream is None or reaction < 0:
        _refuse_data(conn, reaction, stream_id, length)
        return
    conn.recv_window = window
    stream.recv_window = left = stream.recv_window - length
    stream.received += len(content)
    if stream.expected >= 0:
        check_length(stream, end)
    event = _new(DataReceived)
    event.stream_id = stream_id
    event.data = content
    event.flow_controlled_length = length
    conn.events.append(event)
    if end:
        ended = event.stream_ended = _new(StreamEnded)
        ended.stream_id = stream_id
        conn.events.append(ended)
        conn.streams.move(stream, reaction, conn.max_reset)
    if length and not (window and left):
        conn.used_up += (stream_id,)


def _too_much_data(rule: Rule, stream_id: int, window: int, length: int) -> Violation:
    which = "stream" if rule is rules.STREAM_WINDOW_EXCEEDED else "connection"
    return Violation(
        rule,
        f"Received {length} octets of DATA on stream {stream_id}, the {which} window is {window}",
        stream_id,
    )


def _refuse_data(conn: Connection, reaction: int, stream_id: int, length: int) -> None:
    """Account for DATA that nobody gets (section 6.9), then say what is wrong with it."""
    if reaction in (states.HALF_CLOSED_ERROR, states.RESET_ERROR, states.IGNORE):
        conn.recv_window -= length
        conn.hand_back(length)
    if reaction != states.IGNORE:
        raise not_allowed(reaction, layout.DATA, stream_id)


def check_length(stream: Stream, end: int, rule: Rule = rules.CONTENT_LENGTH_MISMATCH) -> None:
    """Compare the content so far with content-length (section 8.1.1).

    ``rule`` is another one where HEADERS end the message.
    """
    # "A request or response is also malformed if the value of a content-length header field does
    # not equal the sum of the DATA frame payload lengths that form the content"
    expected = stream.expected
    if expected >= 0 and (stream.received > expected or (end and stream.received != expected)):
        raise Violation(
            rule,
            f"content-length is {expected}, received {stream.received} octets",
            stream.stream_id,
            InvalidBodyLengthError(expected, stream.received),
        )


def priority(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """PRIORITY (section 6.3): advice that touches no stream."""
    if stream_id and len(payload) != 5:
        state = conn.streams.state_of(stream_id)
        if state == CLOSED_BY_US:
            return
        # "A PRIORITY frame with a length other than 5 octets MUST be treated as a stream error";
        # an idle stream cannot be reset (section 6.4), so there it is a connection error.
        if state != IDLE:
            raise Violation(
                rules.PRIORITY_SIZE_WRONG,
                f"Received PRIORITY frame of {len(payload)} octets on stream {stream_id}",
                stream_id,
            )
    check_shape(layout.PRIORITY, stream_id, payload)
    conn.events.append(priority_event(stream_id, decode.priority(payload)))


def priority_event(stream_id: int, fields: tuple[int, int, bool]) -> PriorityUpdated:
    """Return the event for priority fields, which PRIORITY and HEADERS carry."""
    depends_on, weight, exclusive = fields
    # "A stream cannot depend on itself." (RFC 7540 section 5.3.1)
    if depends_on == stream_id:
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
    check_shape(layout.RST_STREAM, stream_id, payload)
    streams = conn.streams
    stream = streams.get(stream_id)
    if stream is None:
        # "RST_STREAM frames MUST NOT be sent for a stream in the 'idle' state."
        reaction = _ON_RST_STREAM[streams.state_of(stream_id)]
        if reaction != states.IGNORE:
            raise not_allowed(reaction, layout.RST_STREAM, stream_id)
        return
    streams.move(stream, CLOSED_BY_PEER, conn.max_reset)
    conn.events.append(
        StreamReset(
            stream_id=stream_id,
            error_code=_error_code_from_int(decode.error_code(payload)),
            remote_reset=True,
        )
    )


def ping(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """PING (section 6.7)."""
    if stream_id or len(payload) != 8:
        check_shape(layout.PING, stream_id, payload)
    if flags & ACK:
        ack = _new(PingAckReceived)
        ack.ping_data = payload
        conn.events.append(ack)
        return
    # "Receivers of a PING frame that does not include an ACK flag MUST send a PING frame with
    # the ACK flag set in response, with an identical frame payload."
    conn.out.append(encode.ping_ack(payload))
    event = _new(PingReceived)
    event.ping_data = payload
    conn.events.append(event)


def goaway(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """GOAWAY (section 6.8): the peer takes no new streams; those it knows go on."""
    check_shape(layout.GOAWAY, stream_id, payload)
    last, code, debug_data = decode.goaway(payload)
    if conn.goaway_hook is not None:
        conn.events.extend(conn.goaway_hook(last, code, debug_data))
    else:
        conn.events.append(drain(conn, last, code, debug_data))


def drain(conn: Connection, last: int, code: int, debug_data: bytes) -> ConnectionTerminated:
    """Forget the streams that the peer will not process, and return the event."""
    # "The receiver of the GOAWAY frame can treat the streams [above the last one] as though they
    # had never been created at all"
    if last < min(conn.goaway_received_last, conn.streams.highest_outbound):
        for stream_id in [
            id for id in conn.streams if id > last and not conn.streams.is_inbound(id)
        ]:
            conn.streams.move(conn.streams[stream_id], CLOSED_BY_US, conn.max_reset)
    conn.goaway_received_last = min(last, conn.goaway_received_last)
    return ConnectionTerminated(
        error_code=_error_code_from_int(code),
        last_stream_id=last,
        additional_data=debug_data or None,
    )


def window_update(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """WINDOW_UPDATE (section 6.9)."""
    if len(payload) != 4:
        raise wrong_size(layout.WINDOW_UPDATE, stream_id, payload)
    increment = unpack_long(payload)[0] & ID_MASK
    if not stream_id:
        window = conn.send_window + increment
        if window > MAX_WINDOW or not increment:
            raise _bad_connection_increment(conn, increment)
        conn.send_window = window
    else:
        stream = conn.streams.get(stream_id)
        reaction = _ON_WINDOW_UPDATE[
            conn.streams.state_of(stream_id) if stream is None else stream.state
        ]
        if stream is None or reaction < 0:
            if reaction != states.IGNORE:
                raise not_allowed(reaction, layout.WINDOW_UPDATE, stream_id)
            return
        offset = stream.send_offset + increment
        if conn.remote_initial_window + offset > MAX_WINDOW or not increment:
            raise _bad_stream_increment(stream_id, increment)
        stream.send_offset = offset
        if offset > conn.send_offset_bound:
            conn.send_offset_bound = offset
    event = _new(WindowUpdated)
    event.stream_id = stream_id
    event.delta = increment
    conn.events.append(event)


def _bad_connection_increment(conn: Connection, increment: int) -> Violation:
    # "errors on the connection flow-control window MUST be treated as a connection error" (6.9)
    if not increment:
        return Violation(rules.CONNECTION_INCREMENT_ZERO, "Received WINDOW_UPDATE with increment 0")
    # "for the connection, a GOAWAY frame with an error code of FLOW_CONTROL_ERROR is sent" (6.9.1)
    return Violation(
        rules.CONNECTION_WINDOW_OVERFLOW,
        f"Received WINDOW_UPDATE with increment {increment}, window is {conn.send_window}",
    )


def _bad_stream_increment(stream_id: int, increment: int) -> Violation:
    # "A receiver MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window
    # increment of 0 as a stream error (Section 5.4.2) of type PROTOCOL_ERROR" (section 6.9)
    if not increment:
        return Violation(
            rules.STREAM_INCREMENT_ZERO,
            f"Received WINDOW_UPDATE with increment 0 on stream {stream_id}",
            stream_id,
        )
    # "For streams, the sender sends a RST_STREAM with an error code of FLOW_CONTROL_ERROR" (6.9.1)
    return Violation(
        rules.STREAM_WINDOW_OVERFLOW,
        f"Received WINDOW_UPDATE with increment {increment} on stream {stream_id}",
        stream_id,
    )


def altsvc(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """ALTSVC (RFC 7838 section 4): only a client listens, and only where it makes sense."""
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
        stream = conn.streams.get(stream_id)
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
    # elements." The application may know the extension. Imported here: few programs ever get here.
    from hyperframe.frame import ExtensionFrame

    frame = ExtensionFrame(type_, stream_id, flags, payload)
    frame.body_len = len(payload)
    conn.events.append(UnknownFrameReceived(frame=frame))
