"""A program of a user with a buffering connection, limits, priorities, and a recording."""

from __future__ import annotations

import time
from typing import Any

from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionDrained,
    DataAvailable,
    Event,
    KeepaliveTimedOut,
    PriorityUpdateReceived,
    StreamOpened,
    StreamWritable,
)
from h2.exceptions import DenialOfServiceError
from h2.limits import AbuseLimits, Rate
from h2.priorities import Priority
from h2.recorder import Recorder, to_json, waterfall


def connected(recorder: Recorder) -> BufferedH2Connection:
    """Options of the connection and of its configuration."""
    limits = AbuseLimits(resets_received=Rate(100, 3.5), settings_entries=32)
    config = H2Configuration(client_side=False, limits=limits, logger=recorder)
    return BufferedH2Connection(
        config,
        receive_buffering=True,
        stream_window=2**20,
        connection_window=2**24,
        automatic_window=True,
        keepalive=Keepalive(30, 10.0),
        settings_timeout=10,
        shutdown_timeout=2.5,
        clock=time.monotonic,
    )


def plain(conn: BufferedH2Connection) -> H2Connection:
    """A buffering connection can be passed where any connection is expected."""
    return conn


def respond(conn: BufferedH2Connection, stream_id: int, content: memoryview) -> int:
    """Send the available content and its urgency."""
    conn.send_headers(stream_id, [(":status", "200"), (b"priority", b"u=1, i")])
    conn.set_priority(stream_id, urgency=1, incremental=True)
    conn.send_data(stream_id, content, end_stream=True)
    priority: Priority = conn.get_priority(stream_id)
    waiting: int = conn.send_buffer_size() + conn.send_buffer_size(stream_id)
    return waiting if conn.is_writable(stream_id) else priority.urgency


def dispatch(conn: BufferedH2Connection, event: Event) -> bytes:
    """Look at the events that only this class returns."""
    if isinstance(event, DataAvailable):
        size: int = conn.readable(event.stream_id)
        return b"" if conn.at_end(event.stream_id) else conn.read_data(event.stream_id, size)
    if isinstance(event, StreamWritable | StreamOpened):
        conn.end_stream(event.stream_id)
    if isinstance(event, ConnectionDrained | KeepaliveTimedOut):
        conn.graceful_shutdown()
    if isinstance(event, PriorityUpdateReceived):
        print(event.prioritized_stream_id)
    return conn.data_to_send(65536)


def wait(conn: BufferedH2Connection) -> float:
    """Handle timers, and collect the events caused by sending."""
    at: float | None = conn.get_timer()
    conn.handle_timer(time.monotonic())
    found: list[Event] = conn.events()
    return len(found) if at is None else at


def merged(field: bytes) -> tuple[int, bool, bytes]:
    """Priorities are tuples, and are sent as fields."""
    urgency, incremental = priority = Priority.parse("u=5").merge(field)
    return urgency, incremental, bytes(priority)


def exceeded(error: DenialOfServiceError) -> str:
    """Say which limit it was."""
    off: AbuseLimits = AbuseLimits.off()
    return f"{error.limit}: {error.seen} of {error.allowed}, {off.settings_entries}"


def shown(*recorders: Recorder) -> str:
    """Recordings become text, and a page."""
    frames: list[dict[str, Any]] = recorders[0].frames
    print(recorders[0].title, len(frames), recorders[0].dropped)
    return waterfall(to_json(*recorders), title="mine")
