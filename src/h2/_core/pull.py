"""Decides what to send when bytes are taken: frames are cut late (RFC 9218 section 10)."""

from __future__ import annotations

from typing import Final

from h2._core import flow_control, send, waiting
from h2._core.outbound import Outbound
from h2._core.output import COPY_BELOW, Chunk
from h2._core.send_queue import STRAIGHT, SendQueue
from h2._core.stream import Stream
from h2._frames.encode import pack_header
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
    scheduler = queue.scheduler
    streams = conn.streams.table
    largest = min(conn.max_outbound_frame_size, _LARGEST_FRAME)
    while windows.connection > 0 and room > 0:
        outbound = scheduler.next()
        if outbound is None:
            break
        stream = streams.get(outbound.stream_id)
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
        later = outbound.later
        left = len(outbound.chunk) - outbound.gone if later is None else outbound.size
        if later is None and left <= window and left <= largest and left + HEADER_LENGTH <= room:
            room -= _send_all(queue, outbound, stream, left)  # the usual case
            first = False
            continue
        size = left if left < window else window
        if size > largest and not scheduler.alone(outbound):
            size = largest
        used = size + HEADER_LENGTH
        if size > largest or used > room or (later is not None and later.paddings is not None):
            before = queue.size
            used = _send_specially(queue, outbound, stream, size, left, largest, room, first)
            if not used:
                break  # rather than a shortened frame
            left -= before - queue.size
        else:
            left -= size
            _send(queue, outbound, stream, outbound.take(size), size, left)
        room -= used
        first = False
        scheduler.sent(outbound, left > 0)
        if outbound.full and left <= queue.low:
            queue.note_writable(outbound)
        if left and windows.initial + stream.send_offset <= 0:
            # It would be parked at its next turn anyway. Many windows may be this small.
            scheduler.pause(outbound)
            queue.parked[outbound.stream_id] = None
        elif outbound.ended and not left:
            room -= _send_end(queue, outbound)
    return room


def _send_all(queue: SendQueue, outbound: Outbound, stream: Stream, length: int) -> int:
    """Send the only chunk of a stream, or the rest of it, in a frame; return how much it takes."""
    if outbound.gone:
        data = outbound.take(length)
    else:
        data = outbound.chunk
        outbound.chunk = b""
    conn = queue.conn
    chunks = conn.out.chunks
    queue.size -= length
    conn.send_windows.connection -= length
    stream.send_offset -= length
    ended = outbound.ended
    end = END_STREAM if ended and outbound.trailers is None else 0
    # The same as in `_send`. A common function would add a call to every frame.
    header = pack_header(length >> 8, length & 0xFF, DATA, end, outbound.stream_id)
    if length < COPY_BELOW:
        chunks.append(header + data)
    else:
        chunks.append(header)
        chunks.append(data)
    queue.scheduler.sent(outbound, False)
    if outbound.full:
        queue.note_writable(outbound)
    if end:
        conn.streams.move(stream, _ON_DATA_END[stream.state], conn.max_reset)
        if not outbound.reset_behind:
            queue.finish(outbound.stream_id)
            return HEADER_LENGTH + length
    return HEADER_LENGTH + length + (_send_end(queue, outbound) if ended else 0)


def _send_specially(
    queue: SendQueue,
    outbound: Outbound,
    stream: Stream,
    size: int,
    left: int,
    largest: int,
    room: int,
    first: bool,
) -> int:
    """Send ``size`` octets of ``left``, in several frames, as many as fit; or a frame with padding.

    Returns how many octets the frames take, 0 if none fits.
    """
    conn = queue.conn
    if outbound.later is not None and outbound.later.paddings is not None:
        limit = min(conn.send_windows.of_stream(stream.send_offset), largest)
        return _send_padded(queue, outbound, outbound.later.paddings[0], limit, room, first)
    used = size + HEADER_LENGTH * -(-size // largest)
    if used > room:
        size = _fitting(size, largest, room, first)
        if not size:
            return 0
        # Nothing may overtake what does not fit.
        used = max(room, size + HEADER_LENGTH)
    pieces = outbound.take_several(size, largest)
    last = pieces.pop()
    if pieces:
        chunks = conn.out.chunks
        header = pack_header(largest >> 8, largest & 0xFF, DATA, 0, outbound.stream_id)
        # All of these are taken in this call, so they may be separate chunks at any size.
        for piece in pieces:
            chunks.append(header)
            chunks.append(piece)
    _send(queue, outbound, stream, last, size, left - size)
    return used


def _send_end(queue: SendQueue, outbound: Outbound) -> int:
    """Send what follows the content of a message; return its size."""
    chunks = queue.conn.out.chunks
    before = len(chunks)
    waiting.end_message(queue, outbound)
    return sum(map(len, chunks[before:]))


def _fitting(size: int, largest: int, room: int, first: bool) -> int:
    """Return how much content fits into frames within the room; 0 for none."""
    frames = room // (largest + HEADER_LENGTH)
    if frames:
        return frames * largest
    if first:
        return min(size, largest, max(room - HEADER_LENGTH, _SHORTEST))
    return 0


def _send(
    queue: SendQueue, outbound: Outbound, stream: Stream, data: Chunk, size: int, left: int
) -> None:
    """Send a frame without padding, the last of ``size`` octets; ``left`` octets are pending."""
    conn = queue.conn
    chunks = conn.out.chunks
    queue.size -= size
    conn.send_windows.connection -= size
    stream.send_offset -= size
    flags = END_STREAM if not left and outbound.ended and outbound.trailers is None else 0
    length = len(data)
    header = pack_header(length >> 8, length & 0xFF, DATA, flags, outbound.stream_id)
    if length < COPY_BELOW:
        chunks.append(header + data)
    else:
        chunks.append(header)
        chunks.append(data)
    if flags:
        conn.streams.move(stream, _ON_DATA_END[stream.state], conn.max_reset)


def _send_padded(
    queue: SendQueue, outbound: Outbound, pad_length: int, limit: int, room: int, first: bool
) -> int:
    """Send one frame with padding; return how many octets it takes, 0 if it does not fit.

    If the window leaves no room for content, the padding is shortened: a stream must not stall.
    """
    overhead = min(pad_length + 1, limit - 1)
    size = min(len(outbound.chunk) - outbound.gone, limit - overhead)
    used = HEADER_LENGTH + overhead + size
    if used > room and not first:
        return 0
    ends = size == outbound.size and outbound.ended and outbound.trailers is None
    queue.size -= size
    data = bytes(outbound.take(size))
    pad = overhead - 1 if overhead else None
    send.send_data(queue.conn, outbound.stream_id, data, ends, pad)
    return used
