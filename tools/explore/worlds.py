"""Invariants of two ends with nothing in flight between them."""

from __future__ import annotations

from h2._core.stream import Stream
from h2.stream import StreamState
from tools.explore.endpoint import Endpoint
from tools.explore.facts import ENDED, Fault

#: The state of a stream, and its state at the other end.
_MIRRORED = {
    StreamState.IDLE: StreamState.IDLE,
    StreamState.RESERVED_LOCAL: StreamState.RESERVED_REMOTE,
    StreamState.RESERVED_REMOTE: StreamState.RESERVED_LOCAL,
    StreamState.OPEN: StreamState.OPEN,
    StreamState.HALF_CLOSED_LOCAL: StreamState.HALF_CLOSED_REMOTE,
    StreamState.HALF_CLOSED_REMOTE: StreamState.HALF_CLOSED_LOCAL,
    StreamState.CLOSED: StreamState.CLOSED,
}


def check_agreement(client: Endpoint, server: Endpoint) -> None:
    """Check that two ends agree once everything they sent has arrived."""
    if client.closed or server.closed:
        return
    for stream_id in client.facts.keys() | server.facts.keys():
        one = client.conn.stream_state(stream_id)
        other = server.conn.stream_state(stream_id)
        if _MIRRORED[one] != other:
            raise Fault("disagree", f"stream {stream_id} is {one.name} and {other.name}")
    for sender, receiver in ((client, server), (server, client)):
        if sender.conn.open_outbound_streams != receiver.conn.open_inbound_streams:
            raise Fault("disagree", "on the number of open streams")
        _check_settings(sender, receiver)
        _check_messages(sender, receiver)
        _check_windows(sender, receiver)


def _check_settings(sender: Endpoint, receiver: Endpoint) -> None:
    one, other = sender.conn._core, receiver.conn._core
    if one.announced.in_flight:
        raise Fault("stuck", "SETTINGS is not acknowledged")
    for code, value in one.local_settings.in_effect.items():
        if other.remote_settings.in_effect.get(code) != value:
            raise Fault("disagree", f"on setting {code}")
    if one.max_inbound_frame_size < other.max_outbound_frame_size:
        raise Fault("disagree", "on the size of frames")
    if one.decoder.max_allowed_table_size < other.planner.encoder.header_table_size:
        raise Fault("disagree", "on the size of the HPACK table")


def _check_messages(sender: Endpoint, receiver: Endpoint) -> None:
    for stream_id, facts in sender.facts.items():
        other = receiver.facts.get(stream_id)
        if facts.over:
            continue
        if other is None or other.over:
            raise Fault("disagree", f"stream {stream_id} goes on at one end only")
        if facts.sent != other.received:
            raise Fault("disagree", f"stream {stream_id}: {facts} and {other}")


def _check_windows(sender: Endpoint, receiver: Endpoint) -> None:
    """Check that send windows match the other end, and that no window stays closed."""
    one, other = sender.conn._core, receiver.conn._core
    permitted = other.window.value
    if one.send_windows.connection != permitted:
        raise Fault("window", f"of the connection: {one.send_windows.connection}, {permitted}")
    if permitted <= 0 and not receiver.unacked:
        raise Fault("stuck", "the window of the connection is shut")
    for stream_id, facts in sender.facts.items():
        if facts.over or facts.sent == ENDED:
            continue
        stream: Stream = other.streams[stream_id]
        window = one.send_windows.initial + one.streams[stream_id].send_offset
        if window != stream.window.value:
            raise Fault("window", f"of stream {stream_id}: {window}, {stream.window.value}")
        if window <= 0 < stream.window.limit and stream_id not in receiver.unacked:
            raise Fault("stuck", f"the window of stream {stream_id} is shut")
