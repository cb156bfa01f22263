"""The state of a connection, and the contents of events, as comparable values."""

from __future__ import annotations

from collections.abc import Sequence

from h2.connection import H2Connection
from h2.events import Event, UnknownFrameReceived
from h2.exceptions import H2Error

from .check import require

#: Octets that a connection may hold in any case: tables, and what always exists.
_ALWAYS = 80_000

#: Octets held for each octet that was received, in the worst case.
_FOR_EACH = 8


def state_of(conn: H2Connection) -> tuple[object, ...]:
    """Return everything that determines how the connection continues, without caches."""
    core = conn._core
    streams = core.streams
    encoder, decoder = conn.encoder, conn.decoder
    partial, block = core.partial_frame, core.partial_block
    return (
        core.state,
        [
            (
                *(stream_id, stream.state, stream.send_offset, stream.authority),
                *(stream.window.value, stream.window.limit, stream.window.handed_back),
                *(stream.content_length, stream.remaining, stream.method, stream.tunnel),
            )
            for stream_id, stream in streams.items()
        ],
        list(streams.reset.items()),
        (streams.highest_inbound, streams.highest_promised, streams.highest_outbound),
        (streams.inbound_open, streams.outbound_open),
        (core.goaway_sent_last, core.goaway_received_last, core.initiated),
        (core.window.value, core.window.limit, core.window.handed_back),
        (core.send_windows.connection, core.send_windows.initial),
        (core.exhausted, core.preface_left, core.unreported),
        (partial.header, b"".join(partial.pieces), partial.payload_missing, partial.discarding),
        block and (block.stream_id, b"".join(block.parts), block.frames, block.promised_id),
        (dict(core.local_settings.in_effect), dict(core.remote_settings.in_effect)),
        core.announced.in_flight,
        (core.max_inbound_frame_size, core.max_outbound_frame_size),
        (encoder.header_table_size, encoder.header_table.resized),
        (encoder.header_table.dynamic_entries, decoder.header_table.dynamic_entries),
        (decoder.header_table_size, decoder.max_allowed_table_size),
    )


def check_state(conn: H2Connection, fed: int) -> None:
    """Check invariants between two calls, ``fed`` octets after the start."""
    core = conn._core
    streams = core.streams
    outbound = 1 if core.client else 0
    ours = theirs = 0
    largest = core.window.value
    initial = core.send_windows.initial
    for stream_id, stream in streams.items():
        if stream.open:
            if stream_id & 1 == outbound:
                ours += 1
            else:
                theirs += 1
        require(not stream.closed, "a closed stream is kept:", stream)
        largest = max(largest, stream.window.value, initial + stream.send_offset)
    require(conn.open_outbound_streams == ours, "outbound", conn.open_outbound_streams, ours)
    require(conn.open_inbound_streams == theirs, "inbound", conn.open_inbound_streams, theirs)
    largest = max(largest, core.send_windows.connection)
    require(largest <= 2**31 - 1, "a window of", largest, "octets")
    require(len(streams.reset) <= conn.MAX_CLOSED_STREAMS, "remembers", len(streams.reset))
    held = conn.outbound_buffer_size + sum(map(len, core.partial_frame.pieces))
    if core.partial_block is not None:
        held += core.partial_block.size
    require(held <= _ALWAYS + _FOR_EACH * fed, "holds", held, "octets after", fed)
    require(conn.outbound_flow_control_window >= 0, "sent more than the window of the connection")


def check_error(error: H2Error) -> None:
    """Check the contents of the exception for a violation."""
    require(error.rule is not None, "an exception that names no rule:", repr(error))
    require(str(error), "an exception without words:", repr(error))
    require(len(str(error)) <= 1000, "an exception of", len(str(error)), "characters")
    require(all(isinstance(event, Event) for event in error.events), "events:", error.events)


def flat(events: Sequence[Event]) -> list[object]:
    """Return events in a comparable form that includes the classes of header fields."""
    return [
        event.frame.serialize()
        if isinstance(event, UnknownFrameReceived)
        else (event, [type(field) for field in getattr(event, "headers", None) or ()])
        for event in events
    ]
