"""Decides what to send when bytes are taken: frames are cut late (RFC 9218 section 10)."""

from __future__ import annotations

from typing import Final

from h2._core import flow_control, send, waiting
from h2._core.outbound import Outbound
from h2._core.output import COPY_BELOW
from h2._core.send_queue import STRAIGHT, SendQueue
from h2._core.stream import Stream
from h2._frames import encode
from h2._frames.layout import DATA, END_STREAM, HEADER_LENGTH
from h2._rules import stream_states as states
from h2._rules.connection_states import TERMINATED

_ON_DATA_END: Final = states.TABLE[states.SEND_DATA_END]

#: More than can be sent in one call.
_UNLIMITED: Final = 2**62

#: Larger frames are not created, whatever the peer accepts, because they delay other streams.
_LARGEST_FRAME: Final = 2**16

#: A frame has at least this much content, if there is that much, even if ``amount`` is smaller: the
#: rest of it is sent in the next call.
_SHORTEST: Final = 1024


def data_to_send(queue: SendQueue, amount: int | None) -> bytes:
    """Remove and return bytes for the peer."""
    conn = queue.conn
    out = conn.out
    if conn.exhausted:
        flow_control.reopen(conn)
    if queue.straight:
        queue.straight = STRAIGHT
        if amount is None or out.room(amount) >= 0:
            return out.take_all(conn.options.log)
        return out.take(amount, conn.options.log)
    if not conn.initiated:
        return b""  # nothing is sent before the preface
    room = _fill(queue, _UNLIMITED if amount is None else amount)
    queue.straight = 0 if queue.line or queue.scheduler.ready else STRAIGHT
    if amount is None or room >= 0:
        return out.take_all(conn.options.log)
    return out.take(amount, conn.options.log)


def _fill(queue: SendQueue, amount: int) -> int:
    """Add frames to the output, as many as windows and ``amount`` allow.

    Returns how much of ``amount`` is left, below 0 if it is exceeded.
    """
    conn = queue.conn
    if conn.state == TERMINATED:
        queue.drop_all()
    if queue.windows_changed:
        queue.wake_all()
    while True:
        if queue.line:
            waiting.open_waiting(queue)
        room = conn.out.room(amount) if conn.out.chunks else amount
        if room > 0 and queue.scheduler.ready:
            room = _cut(queue, room, room == amount)
        # If content has ended pushed streams, others can be opened.
        if not queue.line or not waiting.can_open(queue):
            return room


def _cut(queue: SendQueue, room: int, first: bool) -> int:
    """Cut frames; return how much room is left, below 0 if the last one does not fit.

    ``first`` means that nothing else is sent in this call, so a frame may be shortened.
    """
    conn = queue.conn
    windows = conn.send_windows
    chunks = conn.out.chunks
    scheduler = queue.scheduler
    largest = min(conn.max_outbound_frame_size, _LARGEST_FRAME)
    full = False
    while not full and windows.connection > 0 and room > 0:
        outbound = scheduler.next()
        if outbound is None:
            break
        stream = conn.streams.table.get(outbound.stream_id)
        if stream is None:
            queue.drop(outbound.stream_id)  # the application has removed the stream
            continue
        window = windows.initial + stream.send_offset
        if window <= 0:
            scheduler.park(outbound)
            queue.parked[outbound.stream_id] = None
            continue
        if window > windows.connection:
            window = windows.connection
        if outbound.paddings is not None:
            size = 0
            used = _cut_padded(queue, outbound, min(window, largest), room, first)
        else:
            size = outbound.size
            if size > window:
                size = window
            if size > largest and not scheduler.alone(outbound):
                size = largest
            used = size + HEADER_LENGTH * (-(-size // largest) if size > largest else 1)
            if used > room:
                size = _fitting(size, largest, room, first)
                used = size + HEADER_LENGTH * -(-size // largest)
                full = True
            if size:
                _send(queue, outbound, stream, size, largest)
        if not used:
            break  # rather than a shortened frame
        room -= used
        first = False
        scheduler.sent(outbound)
        if size == window and outbound.size and windows.initial + stream.send_offset <= 0:
            # It would be parked at its next turn anyway. Many windows may be this small.
            scheduler.pause(outbound)
            queue.parked[outbound.stream_id] = None
        if outbound.unwritable and outbound.size <= queue.low:
            queue.note_writable(outbound)
        if not outbound.size and outbound.ended:
            before = len(chunks)
            waiting.end_message(queue, outbound)
            if len(chunks) > before:  # trailers, or RST_STREAM
                room -= sum(map(len, chunks[before:]))
    return room


def _fitting(size: int, largest: int, room: int, first: bool) -> int:
    """Return how much content fits into frames within the room; 0 for none."""
    frames = room // (largest + HEADER_LENGTH)
    if frames:
        return frames * largest
    if first:
        return min(size, largest, max(room - HEADER_LENGTH, _SHORTEST))
    return 0


def _send(queue: SendQueue, outbound: Outbound, stream: Stream, size: int, largest: int) -> None:
    """Send ``size`` octets of a stream, in frames without padding."""
    conn = queue.conn
    chunks = conn.out.chunks
    stream_id = outbound.stream_id
    queue.size -= size
    conn.send_windows.connection -= size
    stream.send_offset -= size
    pieces = outbound.cut(size, largest)
    last = pieces.pop()
    if pieces:
        # All of these are taken in this call, so they may be separate chunks at any size.
        header = encode.pack_header(largest >> 8, largest & 0xFF, DATA, 0, stream_id)
        for piece in pieces:
            chunks.append(header)
            chunks.append(piece)
    length = len(last)
    ends = outbound.ended and not outbound.size and outbound.trailers is None
    flags = END_STREAM if ends else 0
    header = encode.pack_header(length >> 8, length & 0xFF, DATA, flags, stream_id)
    if length < COPY_BELOW:
        chunks.append(header + last)
    else:
        chunks.append(header)
        chunks.append(last)
    if ends:
        conn.streams.move(stream, _ON_DATA_END[stream.state], conn.max_reset)


def _cut_padded(
    queue: SendQueue,
    outbound: Outbound,
    limit: int,
    room: int,
    first: bool,
) -> int:
    """Send one frame with padding; return how many octets it takes, 0 if it does not fit.

    If the window leaves no room for content, the padding is shortened: a stream must not stall.
    """
    pad_length, size = outbound.next_padding()
    overhead = min(pad_length + 1, limit - 1)
    size = min(size, limit - overhead)
    used = HEADER_LENGTH + overhead + size
    if used > room and not first:
        return 0
    ends = size == outbound.size and outbound.ended and outbound.trailers is None
    queue.size -= size
    data = bytes(outbound.cut(size, size)[0])
    pad = overhead - 1 if overhead else None
    send.send_data(queue.conn, outbound.stream_id, data, ends, pad)
    return used
