"""What goes next when bytes are taken: frames are cut as late as possible (RFC 9218 section 10)."""

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

#: More than can ever be sent in one call.
_UNLIMITED: Final = 2**62

#: Larger frames are not made, whatever the peer accepts: no other stream has a turn meanwhile.
_LARGEST_FRAME: Final = 2**16

#: A frame has at least so much content, if there is so much, even if ``amount`` is smaller: the
#: rest of it goes out in the next call.
_SHORTEST: Final = 1024


def data_to_send(queue: SendQueue, amount: int | None) -> bytes:
    """Return bytes for the peer, and forget them."""
    conn = queue.conn
    if not queue.straight:
        if conn.state == TERMINATED:
            queue.drop_all()
        _fill(queue, amount)
    queue.straight = 0 if queue.line or queue.scheduler else STRAIGHT
    if conn.exhausted:
        flow_control.reopen(conn)
    out = conn.out
    if not out.chunks:
        return b""
    if amount is not None and out.room(amount) >= 0:
        amount = None  # taking everything is cheaper
    return out.take(amount, conn.config._active_logger)


def _fill(queue: SendQueue, amount: int | None) -> None:
    """Add frames to the output, as many as windows and ``amount`` allow."""
    out = queue.conn.out
    if queue.windows_changed:
        queue.wake_all()
    while True:
        if queue.line:
            waiting.open_waiting(queue)
        if not queue.scheduler:
            return
        room = _UNLIMITED if amount is None else out.room(amount)
        cut_short = _cut(queue, room, room == amount)
        # Where content has ended pushed streams, others can be opened.
        if cut_short or not queue.line or not waiting.can_open(queue):
            return


def _cut(queue: SendQueue, room: int, first: bool) -> bool:
    """Cut frames; return whether there is no room for more of them.

    ``first`` says that nothing else goes out in this call, so that a frame may be made shorter.
    """
    conn = queue.conn
    windows = conn.send_windows
    scheduler = queue.scheduler
    largest = min(conn.max_outbound_frame_size, _LARGEST_FRAME)
    while windows.connection > 0:
        if room <= 0:
            return True
        turn = scheduler.next()
        if turn is None:
            return False
        outbound = queue.queues[turn.stream_id]
        stream = conn.streams.get(outbound.stream_id)
        if stream is None:
            queue.drop(outbound.stream_id)  # the application has taken it out of the streams
            continue
        window = windows.initial + stream.send_offset
        if window <= 0:
            scheduler.park(turn)
            continue
        if window > windows.connection:
            window = windows.connection
        padding = outbound.next_padding()
        if padding is not None:
            used = _cut_padded(queue, outbound, padding, min(window, largest), room, first)
        else:
            size = outbound.size
            if size > window:
                size = window
            if size > largest and not scheduler.alone(turn):
                size = largest
            used = size + HEADER_LENGTH * -(-size // largest)
            if used > room:
                frames = room // (largest + HEADER_LENGTH)
                if frames:
                    size = frames * largest
                elif first:
                    size = min(size, largest, max(room - HEADER_LENGTH, _SHORTEST))
                else:
                    return True  # rather than a frame that is cut short
                used = size + HEADER_LENGTH * -(-size // largest)
            _send(queue, outbound, stream, size, largest)
        if not used:
            return True
        room -= used
        first = False
        scheduler.sent(turn)
        if outbound.unwritable:
            queue.note_writable(outbound)
        if not outbound.size and outbound.ended:
            waiting.end_message(queue, outbound)
    return False


def _send(queue: SendQueue, outbound: Outbound, stream: Stream, size: int, largest: int) -> None:
    """Send so many octets of a stream, in frames without padding."""
    conn = queue.conn
    append = conn.out.append
    stream_id = outbound.stream_id
    ends = size == outbound.size and outbound.ended and outbound.trailers is None
    queue.size -= size
    conn.send_windows.connection -= size
    stream.send_offset -= size
    flags = 0
    while size:
        length = size if size < largest else largest
        size -= length
        if ends and not size:
            flags = END_STREAM
        data = outbound.take(length)
        header = encode.pack_header(length >> 8, length & 0xFF, DATA, flags, stream_id)
        if length < COPY_BELOW:
            append(header + data)
        else:
            append(header)
            append(data)
    if ends:
        conn.streams.move(stream, _ON_DATA_END[stream.state], conn.max_reset)


def _cut_padded(
    queue: SendQueue,
    outbound: Outbound,
    padding: tuple[int, int],
    limit: int,
    room: int,
    first: bool,
) -> int:
    """Send one frame with padding; return how many octets it takes, 0 if there is no room.

    Where the window leaves no octet of content, the padding is shorter: a stream must not stall.
    """
    pad_length, size = padding
    overhead = min(pad_length + 1, limit - 1)
    size = min(size, limit - overhead)
    used = HEADER_LENGTH + overhead + size
    if used > room and not first:
        return 0
    ends = size == outbound.size and outbound.ended and outbound.trailers is None
    queue.size -= size
    data = outbound.take(size)
    pad = overhead - 1 if overhead else None
    send.send_data(queue.conn, outbound.stream_id, data, ends, pad)
    return used
