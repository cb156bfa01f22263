"""The windows of requests that wait to be opened: those that their streams will start with."""

from __future__ import annotations

from typing import Any, Final

from h2._core import flow_control
from h2._core.outbound import Opening
from h2._core.send_queue import SendQueue
from h2._core.state import Connection
from h2._rules import connection_states
from h2._rules.flow_control import MAX_WINDOW

_SEND_ON_STREAM: Final = connection_states.SEND_ON_STREAM


def local_flow_control_window(queue: SendQueue, stream_id: Any) -> int:
    """Return how much may be sent on a stream, or could be if it were open."""
    if _opening(queue, stream_id) is None:
        return flow_control.local_flow_control_window(queue.conn, stream_id)
    return queue.conn.send_windows.of_stream(0)


def remote_flow_control_window(queue: SendQueue, stream_id: Any) -> int:
    """Return how much the peer may send on a stream, or could if it were open."""
    opening = _opening(queue, stream_id)
    conn = queue.conn
    if opening is None:
        return flow_control.remote_flow_control_window(conn, stream_id)
    return min(conn.recv_initial_window() + _enlarged_by(conn, opening), conn.window.value)


def increment_flow_control_window(queue: SendQueue, increment: int, stream_id: int | None) -> None:
    """Open a receive window explicitly; that of a request that waits as soon as it is sent."""
    opening = None if stream_id is None else _opening(queue, stream_id)
    conn = queue.conn
    if opening is None:
        flow_control.increment_flow_control_window(conn, increment, stream_id)
        return
    conn.check_send(_SEND_ON_STREAM)
    flow_control.check_window(_largest(conn) + opening.increment + increment)
    # commit
    opening.increment += increment


def enlarge_opened(conn: Connection, opening: Opening) -> None:
    """Open the receive window of a stream that has just been opened."""
    increment = _enlarged_by(conn, opening)
    if increment > 0:
        flow_control.increment_flow_control_window(conn, increment, opening.stream.stream_id)


def _opening(queue: SendQueue, stream_id: Any) -> Opening | None:
    """Return the request that waits to open a stream; None if there is none."""
    # The promised streams that wait on a server exist already.
    return queue.line.get(stream_id) if queue.line and queue.conn.client else None


def _enlarged_by(conn: Connection, opening: Opening) -> int:
    """Return how much larger than others the window will be.

    INITIAL_WINDOW_SIZE may have become larger since the call.
    """
    return min(opening.increment, MAX_WINDOW - _largest(conn))


def _largest(conn: Connection) -> int:
    """Return the window of a new stream once the peer has acknowledged all of our SETTINGS."""
    size = conn.recv_initial_window()
    return size + conn.announced.window_growth(size)
