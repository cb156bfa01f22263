"""Sending anything but field blocks: DATA, RST_STREAM, PING, PRIORITY, ALTSVC."""

from __future__ import annotations

from operator import index
from typing import Any, Final

from h2._compiled import COMPILED
from h2._core.misuse import check_frame_size, find_stream, no_stream, not_allowed
from h2._core.output import COPY_BELOW
from h2._core.state import Connection
from h2._frames import encode
from h2._frames.decode import ID_MASK
from h2._frames.encode import pack_header
from h2._frames.layout import DATA, END_STREAM, PADDED
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.registry import Violation
from h2.errors import ErrorCodes

_ON_DATA: Final = states.TABLE[states.SEND_DATA]
_ON_DATA_END: Final = states.TABLE[states.SEND_DATA_END]
_ON_ALTSVC: Final = states.TABLE[states.SEND_ALTSVC]
_SEND_ON_STREAM: Final = connection_states.SEND_ON_STREAM
_SEND_CONTROL: Final = connection_states.SEND_CONTROL

#: Its length has 16 bits (RFC 7838 section 4).
_LONGEST_ORIGIN: Final = 0xFFFF


def send_data(
    conn: Connection, stream_id: Any, given: Any, end_stream: Any, pad_length: int | None
) -> None:
    """Send DATA (section 6.1)."""
    data: bytes = given if type(given) is bytes else bytes(memoryview(given))
    if type(stream_id) is not int:
        stream_id = index(stream_id)
    flags = END_STREAM if end_stream else 0
    if conn.transitions[_SEND_ON_STREAM] < 0:
        conn.check_send(_SEND_ON_STREAM)
    stream = conn.streams.get(stream_id) if COMPILED else conn.streams.table.get(stream_id)
    if stream is None:
        raise no_stream(conn, stream_id)
    state = (_ON_DATA_END if flags else _ON_DATA)[stream.state]
    if state < 0:
        raise not_allowed("DATA", stream_id, stream.state)
    length = len(data) if pad_length is None else len(data) + pad_length + 1
    # "The sender MUST NOT send a flow-controlled frame with a length that exceeds the space
    # available in either of the flow-control windows advertised by the receiver." (section 6.9.1)
    windows = conn.send_windows
    if length and (length > windows.connection or length > windows.initial + stream.send_offset):
        window = windows.of_stream(stream.send_offset)
        raise Violation(
            rules.SEND_WINDOW_EXCEEDED,
            f"Cannot send {length} octets on stream {stream_id}, the window is {window}",
        ).exception()
    if length > conn.max_outbound_frame_size:
        check_frame_size(conn, length)
    # commit
    if pad_length is not None:
        flags |= PADDED
        data = bytes((pad_length,)) + data + bytes(pad_length)
    header = pack_header(length >> 8, length & 0xFF, DATA, flags, stream_id)
    if length < COPY_BELOW:
        conn.out.chunks.append(header + data)
    else:
        conn.out.chunks.append(header)
        conn.out.chunks.append(data)
    windows.connection -= length
    stream.send_offset -= length
    if state != stream.state:
        conn.streams.move(stream, state, conn.max_reset)


def reset_stream(conn: Connection, stream_id: int, error_code: int) -> None:
    """Send RST_STREAM (section 6.4)."""
    conn.check_send(_SEND_ON_STREAM)
    stream = find_stream(conn, stream_id)
    # "a server MAY request that the client abort transmission of a request without error by sending
    # a RST_STREAM with an error code of NO_ERROR after sending a complete response (i.e., a frame
    # with the END_STREAM flag set)" (section 8.1): so the response is still sent.
    if error_code == ErrorCodes.NO_ERROR and stream.state in states.HALF_CLOSED_LOCAL:
        conn.streams.move(stream, states.CLOSED_BY_US, conn.max_reset)
    else:
        conn.reset(stream)
    conn.out.chunks.append(encode.rst_stream(stream_id, error_code))


def ping(conn: Connection, opaque_data: Any) -> None:
    """Send PING (section 6.7)."""
    if not isinstance(opaque_data, bytes) or len(opaque_data) != 8:
        raise ValueError(f"Invalid value for ping data: {opaque_data!r}")
    if conn.transitions[_SEND_CONTROL] < 0:
        conn.check_send(_SEND_CONTROL)
    conn.out.chunks.append(encode.PING_HEADER + opaque_data)
    conn.conduct.pings += 1


def priority_fields(
    conn: Connection,
    stream_id: Any,
    weight: Any,
    depends_on: Any,
    exclusive: Any,
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
        ).exception()
    if depends_on == stream_id != 0:
        raise Violation(
            rules.PRIORITY_SELF_DEPENDENCY, f"Stream {stream_id} may not depend on itself"
        ).exception()
    if not 0 <= depends_on <= ID_MASK:
        raise ValueError(f"depends_on must be between 0 and {ID_MASK}, not {depends_on}")
    return encode.priority_fields(depends_on, weight, bool(exclusive))


def prioritize(conn: Connection, stream_id: Any, fields: bytes) -> None:
    """Send PRIORITY (section 6.3)."""
    stream_id = checked_id(stream_id)
    conn.out.chunks.append(encode.priority(stream_id, fields))


def checked_id(stream_id: Any) -> int:
    """Return the identifier of any stream, or raise ValueError."""
    number = index(stream_id)
    if not 0 < number <= ID_MASK:
        raise ValueError(f"Stream {number} does not exist")
    return number


def advertise(conn: Connection, stream_id: Any, origin: bytes, field_value: bytes) -> None:
    """Send ALTSVC (RFC 7838 section 4): for an origin, or for the origin of a stream."""
    conn.check_send(connection_states.SEND_ALTSVC)
    if stream_id is not None:
        stream_id = index(stream_id)
        stream = find_stream(conn, stream_id)
        if _ON_ALTSVC[stream.state] < 0:
            raise not_allowed("ALTSVC", stream_id, stream.state)
    if len(origin) > _LONGEST_ORIGIN:
        raise ValueError(f"origin must be at most {_LONGEST_ORIGIN} octets long, not {len(origin)}")
    check_frame_size(conn, 2 + len(origin) + len(field_value))
    conn.out.chunks.append(encode.altsvc(stream_id or 0, origin, field_value))
