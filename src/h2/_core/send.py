"""What an application sends on streams that exist, and flow control in both directions."""

from __future__ import annotations

from operator import index
from typing import Final

from h2._core.state import Connection
from h2._core.stream import Stream
from h2._frames import encode
from h2._frames.decode import ID_MASK
from h2._frames.layout import DATA, END_STREAM, PADDED
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.flow_control import MAX_WINDOW, increment_due
from h2._rules.registry import Violation
from h2.exceptions import H2Error, NoSuchStreamError, StreamClosedError

_ON_DATA: Final = states.TABLE[states.SEND_DATA]
_ON_DATA_END: Final = states.TABLE[states.SEND_DATA_END]
_ON_RST_STREAM: Final = states.TABLE[states.SEND_RST_STREAM]
_ON_WINDOW_UPDATE: Final = states.TABLE[states.SEND_WINDOW_UPDATE]
_ON_ALTSVC: Final = states.TABLE[states.SEND_ALTSVC]
_SEND_ON_STREAM: Final = connection_states.SEND_ON_STREAM
_TERMINATED: Final = connection_states.TERMINATED

#: Content of at least this size is put into the output as it is; below, one copy that joins it
#: to the frame header is cheaper than one more piece to join later.
_COPY_BELOW: Final = 1024

#: Its length has 16 bits (RFC 7838 section 4).
_LONGEST_ORIGIN: Final = 0xFFFF


def missing_stream(conn: Connection, stream_id: int) -> H2Error:
    """Return the exception for a stream that is idle or closed (section 5.1)."""
    error: NoSuchStreamError
    if conn.streams.is_used(stream_id):
        error = StreamClosedError(stream_id)
        message = f"Stream {stream_id} is closed"
    else:
        error = NoSuchStreamError(stream_id)
        message = f"Stream {stream_id} does not exist"
    return Violation(rules.NOT_ALLOWED_NOW, message, stream_id, error).public()


def not_allowed(what: str, stream_id: int, state: int) -> H2Error:
    """Return the exception for a frame that the state of its stream does not allow."""
    return Violation(
        rules.NOT_ALLOWED_NOW,
        f"Cannot send {what} on stream {stream_id} in state {states.STATE_NAMES[state]}",
    ).public()


def check_frame_size(conn: Connection, length: int) -> None:
    """Raise for a payload that the peer does not accept (section 4.2)."""
    if length > conn.max_outbound_frame_size:
        raise Violation(
            rules.SEND_FRAME_TOO_LARGE,
            f"Cannot send a frame of {length} octets, "
            f"the peer accepts {conn.max_outbound_frame_size}",
        ).public()


def find_stream(conn: Connection, stream_id: int) -> Stream:
    """Return a stream that is not closed, or raise."""
    stream = conn.streams.get(stream_id)
    if stream is None:
        raise missing_stream(conn, stream_id)
    return stream


def send_data(
    conn: Connection, stream_id: int, data: bytes, end_stream: bool, pad_length: int | None
) -> None:
    """Send DATA (section 6.1)."""
    if conn.row[_SEND_ON_STREAM] < 0:
        conn.check_send(_SEND_ON_STREAM)
    stream = conn.streams.get(stream_id)
    if stream is None:
        raise missing_stream(conn, stream_id)
    state = (_ON_DATA_END if end_stream else _ON_DATA)[stream.state]
    if state < 0:
        raise not_allowed("DATA", stream_id, stream.state)
    length = len(data) if pad_length is None else len(data) + pad_length + 1
    # "The sender MUST NOT send a flow-controlled frame with a length that exceeds the space
    # available in either of the flow-control windows advertised by the receiver." (section 6.9.1)
    if length and (
        length > conn.send_window or length > conn.remote_initial_window + stream.send_offset
    ):
        window = min(conn.send_window, conn.remote_initial_window + stream.send_offset)
        raise Violation(
            rules.SEND_WINDOW_EXCEEDED,
            f"Cannot send {length} octets on stream {stream_id}, the window is {window}",
        ).public()
    if length > conn.max_outbound_frame_size:
        check_frame_size(conn, length)
    # commit
    flags = END_STREAM if end_stream else 0
    if pad_length is not None:
        flags |= PADDED
        data = bytes((pad_length,)) + data + bytes(pad_length)
    header = encode.pack_header(length >> 8, length & 0xFF, DATA, flags, stream_id)
    if length < _COPY_BELOW:
        conn.out.append(header + data)
    else:
        conn.out.append(header)
        conn.out.append(data)
    conn.send_window -= length
    stream.send_offset -= length
    if state != stream.state:
        conn.streams.move(stream, state, conn.max_reset)


def reset_stream(conn: Connection, stream_id: int, error_code: int) -> None:
    """Send RST_STREAM (section 6.4)."""
    conn.check_send(_SEND_ON_STREAM)
    stream = find_stream(conn, stream_id)
    state = _ON_RST_STREAM[stream.state]
    conn.out.append(encode.rst_stream(stream_id, error_code))
    conn.streams.move(stream, state, conn.max_reset)


def local_flow_control_window(conn: Connection, stream_id: int) -> int:
    """Return how much may be sent on a stream now: the smaller of the two windows."""
    stream = conn.streams.get(stream_id)
    if stream is None:
        raise missing_stream(conn, stream_id)
    window = conn.remote_initial_window + stream.send_offset
    return window if window < conn.send_window else conn.send_window


def remote_flow_control_window(conn: Connection, stream_id: int) -> int:
    """Return how much the peer may send on a stream now: the smaller of the two windows."""
    return min(conn.recv_window, find_stream(conn, stream_id).recv_window)


def increment_flow_control_window(conn: Connection, increment: int, stream_id: int | None) -> None:
    """Open a receive window by hand (section 6.9)."""
    if stream_id is None:
        conn.check_send(connection_states.SEND_CONTROL)
        window = conn.recv_window + increment
        _check_window(window)
        conn.recv_window = window
        conn.recv_limit = max(window, conn.recv_limit)
        conn.out.append(encode.window_update(0, increment))
        return
    conn.check_send(_SEND_ON_STREAM)
    stream = find_stream(conn, stream_id)
    if _ON_WINDOW_UPDATE[stream.state] < 0:
        raise not_allowed("WINDOW_UPDATE", stream_id, stream.state)
    window = stream.recv_window + increment
    _check_window(window)
    stream.recv_window = window
    stream.recv_limit = max(window, stream.recv_limit)
    conn.out.append(encode.window_update(stream_id, increment))


def _check_window(window: int) -> None:
    if window > MAX_WINDOW:
        raise Violation(
            rules.RECEIVE_WINDOW_OVERFLOW, f"A flow-control window must not exceed {MAX_WINDOW}"
        ).public()


def acknowledge_received_data(conn: Connection, length: int, stream_id: int) -> None:
    """Take back octets that the application has dealt with; opens windows when it pays."""
    stream = conn.streams.get(stream_id)
    if stream is None and not conn.streams.is_used(stream_id):
        raise missing_stream(conn, stream_id)
    if conn.state == _TERMINATED:
        return
    conn.hand_back(length)
    if stream is None:
        return
    processed = stream.recv_processed + length
    increment = increment_due(processed, stream.recv_window, stream.recv_limit)
    if increment > 0:
        stream.recv_window += increment
        conn.out.append(encode.window_update(stream_id, increment))
        processed = 0
    stream.recv_processed = processed


def ping(conn: Connection, opaque_data: bytes) -> None:
    """Send PING (section 6.7)."""
    if conn.row[connection_states.SEND_CONTROL] < 0:
        conn.check_send(connection_states.SEND_CONTROL)
    conn.out.append(encode.ping(opaque_data))


def priority_fields(
    conn: Connection,
    stream_id: int,
    weight: int | None,
    depends_on: int | None,
    exclusive: bool | None,
) -> bytes:
    """Return the packed priority fields, with the defaults of RFC 7540 section 5.3.5."""
    conn.check_send(connection_states.SEND_PRIORITY)
    weight = 16 if weight is None else index(weight)
    depends_on = 0 if depends_on is None else index(depends_on)
    # "All dependent streams are allocated an integer weight between 1 and 256 (inclusive)."
    # (RFC 7540 section 5.3.2)
    if not 1 <= weight <= 256:
        raise Violation(
            rules.PRIORITY_WEIGHT, f"Weight must be between 1 and 256, not {weight}"
        ).public()
    if depends_on == stream_id != 0:
        raise Violation(
            rules.PRIORITY_SELF_DEPENDENCY, f"Stream {stream_id} may not depend on itself"
        ).public()
    if not 0 <= depends_on <= ID_MASK:
        raise ValueError(f"depends_on must be between 0 and {ID_MASK}, not {depends_on}")
    return encode.priority_fields(depends_on, weight, bool(exclusive))


def prioritize(conn: Connection, stream_id: int, fields: bytes) -> None:
    """Send PRIORITY (section 6.3)."""
    if not 0 < index(stream_id) <= ID_MASK:
        raise ValueError(f"Stream {stream_id} does not exist")
    conn.out.append(encode.priority(stream_id, fields))


def advertise(conn: Connection, stream_id: int | None, origin: bytes, field_value: bytes) -> None:
    """Send ALTSVC (RFC 7838 section 4): for an origin, or for the origin of a stream."""
    conn.check_send(connection_states.SEND_ALTSVC)
    if stream_id is not None:
        stream = find_stream(conn, index(stream_id))
        if _ON_ALTSVC[stream.state] < 0:
            raise not_allowed("ALTSVC", stream_id, stream.state)
    if len(origin) > _LONGEST_ORIGIN:
        raise ValueError(f"origin must have at most {_LONGEST_ORIGIN} octets, not {len(origin)}")
    check_frame_size(conn, 2 + len(origin) + len(field_value))
    conn.out.append(encode.altsvc(stream_id or 0, origin, field_value))
