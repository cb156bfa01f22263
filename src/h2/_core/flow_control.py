"""Flow control of a connection and its streams, in both directions: RFC 9113 sections 5.2, 6.9."""

from __future__ import annotations

from operator import index
from typing import Any, Final

from h2._compiled import COMPILED
from h2._core import abuse
from h2._core.faults import is_enforced
from h2._core.frame_checks import not_allowed, wrong_size
from h2._core.misuse import find_stream, no_stream
from h2._core.misuse import not_allowed as not_allowed_now
from h2._core.state import Connection
from h2._frames import encode, layout
from h2._frames.decode import ID_MASK, u31, unpack_long
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.abuse import SMALL_INCREMENT
from h2._rules.flow_control import MAX_WINDOW
from h2._rules.registry import Violation
from h2.events import WindowUpdated

_new: Final = object.__new__

# The arguments of `_new`: a tuple that exists costs less than one that each call creates.
_WINDOW_UPDATED: Final[tuple[Any, ...]] = (WindowUpdated,)

_ON_RECV: Final = states.TABLE[states.RECV_WINDOW_UPDATE]
_ON_SEND: Final = states.TABLE[states.SEND_WINDOW_UPDATE]
_PEER_ENDED: Final = states.FIRST_PEER_ENDED
_TERMINATED: Final = connection_states.TERMINATED


# What the peer may send.


def acknowledge_received_data(conn: Connection, length: Any, stream_id: Any) -> None:
    """Acknowledge octets that the application has processed; opens windows when worthwhile."""
    if type(length) is not int or type(stream_id) is not int:
        length, stream_id = index(length), index(stream_id)
    octets: int = length
    if octets < 0:
        raise ValueError("Cannot acknowledge negative data")
    stream = conn.streams.get(stream_id) if COMPILED else conn.streams.table.get(stream_id)
    if stream is None and not conn.streams.is_used(stream_id):
        if stream_id <= 0:
            raise ValueError(f"Stream ID {stream_id} is not valid for acknowledge_received_data")
        raise no_stream(conn, stream_id)
    if conn.state == _TERMINATED:
        return
    increment = conn.window.hand_back(octets)
    if increment:
        if conn.conduct.small is not None:
            conn.window_given += increment
        conn.out.chunks.append(encode.window_update(0, increment))
    # Nothing more can come on a stream that the peer has ended.
    if stream is not None and stream.state < _PEER_ENDED:
        increment = stream.window.hand_back(octets)
        if increment:
            conn.out.chunks.append(encode.window_update(stream_id, increment))


def acknowledge_reads(conn: Connection, length: int, stream_id: int) -> None:
    """Acknowledge octets that the application has read; opens windows when worthwhile.

    An exhausted window is opened when bytes are taken for the peer, so many small reads cause one
    WINDOW_UPDATE.
    """
    if conn.state == _TERMINATED:
        return
    window = conn.window
    if window.value > 0:
        increment = window.hand_back(length)
        if increment:
            if conn.conduct.small is not None:
                conn.window_given += increment
            conn.out.chunks.append(encode.window_update(0, increment))
    else:
        window.handed_back += length
        _reopen_later(conn, stream_id)
    stream = conn.streams.table.get(stream_id)
    if stream is not None and stream.state < _PEER_ENDED:
        window = stream.window
        if window.value > 0:
            increment = window.hand_back(length)
            if increment:
                conn.out.chunks.append(encode.window_update(stream_id, increment))
        else:
            window.handed_back += length
            _reopen_later(conn, stream_id)


def _reopen_later(conn: Connection, stream_id: int) -> None:
    exhausted = conn.exhausted
    if not exhausted or exhausted[-1] != stream_id:
        exhausted.append(stream_id)


def hand_back(conn: Connection, length: int) -> int:
    """Give octets of the connection window back to the peer (section 6.9).

    Returns the increment that was announced, 0 for none.
    """
    increment = conn.window.hand_back(length)
    if increment:
        if conn.conduct.small is not None:
            conn.window_given += increment
        conn.out.chunks.append(encode.window_update(0, increment))
    return increment


def take_all(conn: Connection) -> bytes:
    """Return all bytes for the peer, after opening the windows that DATA has exhausted."""
    if conn.exhausted:
        reopen(conn)
    return conn.out.take_all(conn.options.log)


def reopen(conn: Connection) -> None:
    """Open exhausted windows by whatever has been acknowledged, without waiting for more.

    The peer cannot send any more, and the application may keep what it has for as long as it
    likes. Another acknowledgment, which would open the window, may never come, and the peer would
    wait forever. The acknowledgments for the events of the last read have been made by now.
    """
    for stream_id in conn.exhausted:
        acknowledge_received_data(conn, 0, stream_id)
    conn.exhausted.clear()


def follow_initial_window(conn: Connection, change: int) -> None:
    """Change the windows of all streams with our acknowledged INITIAL_WINDOW_SIZE (6.9.2)."""
    for stream in conn.streams.table.values():
        increment = stream.window.resize(change)
        if increment and stream.state < _PEER_ENDED:
            conn.out.chunks.append(encode.window_update(stream.stream_id, increment))


def increment_flow_control_window(conn: Connection, increment: int, stream_id: int | None) -> None:
    """Open a receive window explicitly (section 6.9)."""
    if stream_id is None:
        conn.check_send(connection_states.SEND_CONTROL)
        window = conn.window
        check_window(window.value + increment)
        conn.window_given += increment
    else:
        conn.check_send(connection_states.SEND_ON_STREAM)
        stream = find_stream(conn, stream_id)
        if _ON_SEND[stream.state] < 0:
            raise not_allowed_now("WINDOW_UPDATE", stream_id, stream.state)
        window = stream.window
        # The SETTINGS in flight may enlarge the window as well.
        growth = conn.announced.window_growth(conn.recv_initial_window())
        check_window(window.value + growth + increment)
    window.enlarge(increment)
    conn.out.chunks.append(encode.window_update(stream_id or 0, increment))


def check_window(window: int) -> None:
    """Raise if a window that we open would become too large (section 6.9.1)."""
    if window > MAX_WINDOW:
        raise Violation(
            rules.RECEIVE_WINDOW_OVERFLOW, f"A flow-control window must not exceed {MAX_WINDOW}"
        ).exception()


def remote_flow_control_window(conn: Connection, stream_id: Any) -> int:
    """Return how much the peer may send on a stream now: the smaller of the two windows."""
    stream = conn.streams.table.get(stream_id)
    if stream is not None:
        own = stream.window.value
    elif conn.streams.is_used(stream_id):
        own = conn.recv_initial_window()
    else:
        raise no_stream(conn, stream_id)
    return min(own, conn.window.value)


# What we may send.


def local_flow_control_window(conn: Connection, stream_id: Any) -> int:
    """Return how much may be sent on a stream now: the smaller of the two windows."""
    stream = conn.streams.table.get(stream_id)
    if stream is None:
        if not conn.streams.is_used(stream_id):
            raise no_stream(conn, stream_id)
        return conn.send_windows.of_stream(0)
    windows = conn.send_windows
    window = windows.initial + stream.send_offset
    return window if window < windows.connection else windows.connection


def window_update(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """WINDOW_UPDATE (section 6.9)."""
    if len(payload) != 4:
        raise wrong_size(layout.WINDOW_UPDATE, stream_id, payload)
    increment = u31(payload, 0) if COMPILED else unpack_long(payload)[0] & ID_MASK
    windows = conn.send_windows
    if not stream_id:
        window = windows.connection + increment
        if increment < SMALL_INCREMENT:
            _small_increment(conn, stream_id, increment)
        elif conn.conduct.send_window is not None:
            conn.conduct.send_window += increment
        if window > MAX_WINDOW:
            # "for the connection, a GOAWAY frame with an error code of FLOW_CONTROL_ERROR is sent"
            # (section 6.9.1)
            raise Violation(
                rules.CONNECTION_WINDOW_OVERFLOW,
                f"Received WINDOW_UPDATE with increment {increment}, "
                f"the connection window is {windows.connection}",
            )
        windows.connection = window
    else:
        stream = conn.streams.get(stream_id) if COMPILED else conn.streams.table.get(stream_id)
        reaction = _ON_RECV[conn.streams.state_of(stream_id) if stream is None else stream.state]
        if reaction < 0 and reaction != states.IGNORE:
            violation = not_allowed(reaction, layout.WINDOW_UPDATE, stream_id)
            if is_enforced(conn, violation.rule):
                raise violation
        if stream is None:
            abuse.late_update(conn)
            return
        if increment < SMALL_INCREMENT:
            _small_increment(conn, stream_id, increment)
        offset = stream.send_offset + increment
        if windows.initial + offset > MAX_WINDOW:
            # "For streams, the sender sends a RST_STREAM with an error code of FLOW_CONTROL_ERROR"
            # (section 6.9.1)
            raise Violation(
                rules.STREAM_WINDOW_OVERFLOW,
                f"Received WINDOW_UPDATE with increment {increment} on stream {stream_id}, "
                f"the stream window is {stream.send_offset + windows.initial}",
                stream_id,
            )
        stream.send_offset = offset
        if offset > windows.largest_offset:
            windows.largest_offset = offset
    event = _new(*_WINDOW_UPDATED)
    event.stream_id = stream_id
    event.delta = increment
    conn.events.append(event)


def _small_increment(conn: Connection, stream_id: int, increment: int) -> None:
    """Reject an increment of 0, and too many other small ones."""
    if increment:
        before = conn.send_windows.connection
        abuse.small_update(conn, before, before if stream_id else before + increment)
    # "errors on the connection flow-control window MUST be treated as a connection error" (6.9)
    elif not stream_id:
        raise Violation(rules.CONNECTION_INCREMENT_ZERO, "Received WINDOW_UPDATE with increment 0")
    # "A receiver MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window
    # increment of 0 as a stream error (Section 5.4.2) of type PROTOCOL_ERROR" (section 6.9)
    else:
        raise Violation(
            rules.STREAM_INCREMENT_ZERO,
            f"Received WINDOW_UPDATE with increment 0 on stream {stream_id}",
            stream_id,
        )


def change_send_windows(conn: Connection, size: int) -> None:
    """Apply the peer's initial window to all streams (section 6.9.2), usually in O(1)."""
    # "An endpoint MUST treat a change to SETTINGS_INITIAL_WINDOW_SIZE that causes any
    # flow-control window to exceed the maximum size as a connection error (Section 5.4.1) of type
    # FLOW_CONTROL_ERROR."
    windows = conn.send_windows
    if size + windows.largest_offset > MAX_WINDOW:
        # The bound never shrinks by itself; only here is it worth looking at every stream.
        offsets = [stream.send_offset for stream in conn.streams.table.values()]
        windows.largest_offset = max(0, *offsets, 0)
        if size + windows.largest_offset > MAX_WINDOW:
            raise Violation(
                rules.INITIAL_WINDOW_OVERFLOW,
                f"INITIAL_WINDOW_SIZE {size} makes a flow-control window exceed {MAX_WINDOW}",
            )
    windows.initial = size
