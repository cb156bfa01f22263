"""The faults that `seeded_faults` puts into the package: the original code, and its replacement."""

from __future__ import annotations

from typing import Final, NamedTuple


class Fault(NamedTuple):
    """A fault: file, code, replacement, and tests that find it if the simulation cannot."""

    name: str
    file: str
    old: str
    new: str
    tests: str = ""


FAULTS: Final = (
    # Windows.
    Fault(
        "a negative window is taken as a size",
        "_core/pull.py",
        "if window <= 0:",
        "if window == 0:",
    ),
    Fault(
        "one octet of each window is reserved",
        "_core/pull.py",
        "window = windows.initial + stream.send_offset",
        "window = windows.initial + stream.send_offset - 1",
    ),
    Fault(
        "the wake-up by WINDOW_UPDATE is lost",
        "_core/follow.py",
        "    WindowUpdated: _window_updated,\n",
        "",
    ),
    Fault(
        "the wake-up by INITIAL_WINDOW_SIZE is lost",
        "_core/follow.py",
        "queue.windows_changed = True",
        "queue.windows_changed = False",
    ),
    Fault(
        "DATA does not count for the window of the connection",
        "_core/pull.py",
        "    conn.send_windows.connection -= size\n",
        "",
    ),
    Fault(
        "DATA does not count for the window of the stream",
        "_core/pull.py",
        "    stream.send_offset -= size\n",
        "",
    ),
    Fault(
        "a stream without a window stops all others",
        "_core/pull.py",
        "            queue.parked[outbound.stream_id] = None\n            continue\n",
        "            queue.parked[outbound.stream_id] = None\n            break\n",
    ),
    Fault(
        "padding does not count",
        "_core/pull.py",
        "size = min(len(outbound.chunk) - outbound.gone, limit - overhead)",
        "size = min(len(outbound.chunk) - outbound.gone, limit)",
    ),
    Fault(
        "padding stalls a small window",
        "_core/pull.py",
        "overhead = min(pad_length + 1, limit - 1)",
        "overhead = min(pad_length + 1, limit)",
    ),
    Fault(
        "of the streams that a SETTINGS frame gives a window one is woken",
        "_core/send_queue.py",
        "while lacking and lacking[0][0] < initial:",
        "if lacking and lacking[0][0] < initial:",
    ),
    Fault(
        "a window that grew and was still shut is forgotten",
        "_core/send_queue.py",
        "            self.parked[outbound.stream_id] = None  # it lacks less than before\n",
        "            pass\n",
    ),
    # Frames.
    Fault(
        "frames are larger than the peer takes",
        "_core/pull.py",
        "largest = min(conn.max_outbound_frame_size, _LARGEST_FRAME)",
        "largest = _LARGEST_FRAME",
    ),
    Fault(
        "more than amount goes out",
        "_core/pull.py",
        "    if amount is None or room >= 0:\n",
        "    if True:\n",
    ),
    Fault(
        "END_STREAM is lost",
        "_core/pull.py",
        "DATA, end, outbound.stream_id)",
        "DATA, 0, outbound.stream_id)",
    ),
    Fault(
        "END_STREAM comes too early",
        "_core/pull.py",
        "flags = END_STREAM if not left and outbound.ended",
        "flags = END_STREAM if left < 50 and outbound.ended",
    ),
    Fault(
        "END_STREAM of an empty write is lost",
        "_core/enqueue.py",
        '_send_data(conn, stream_id, b"", True, _fitting_padding(conn, stream, pad_length))',
        "pass",
    ),
    Fault(
        "an octet is sent twice",
        "_core/outbound.py",
        "            self.gone = stop\n        elif",
        "            self.gone = stop - 1\n        elif",
    ),
    Fault(
        "the place in a chunk is lost where small ones are joined",
        "_core/outbound.py",
        "            pieces.append(self.take(part))\n            size -= part\n",
        "            pieces.append(self.take(part))\n            size -= part\n"
        "        self.gone = 0\n",
    ),
    Fault(
        "what is passed is not copied",
        "buffered.py",
        "        if data.__class__ is not bytes:\n            data = bytes(memoryview(data))\n"
        "        if stream_id.__class__",
        "        if data.__class__ is not bytes:\n            data = memoryview(data)\n"
        "        if stream_id.__class__",
    ),
    # A frame with all that is pending on a stream.
    Fault(
        "a frame with all that is pending does not count for the window of the connection",
        "_core/pull.py",
        "    conn.send_windows.connection -= length\n",
        "",
    ),
    Fault(
        "a frame with all that is pending does not count for the window of the stream",
        "_core/pull.py",
        "    stream.send_offset -= length\n",
        "",
    ),
    Fault(
        "the size of the queues includes what a frame with all of a stream has taken",
        "_core/pull.py",
        "    queue.size -= length\n",
        "",
    ),
    Fault(
        "the rest of a chunk is sent with what precedes it",
        "_core/pull.py",
        "    if outbound.gone:\n        data = outbound.take(length)\n    else:\n"
        '        data = outbound.chunk\n        outbound.chunk = b""\n',
        '    data = outbound.chunk\n    outbound.chunk = b""\n    outbound.gone = 0\n',
    ),
    Fault(
        "StreamWritable is lost where a frame has all that is pending",
        "_core/pull.py",
        "    if outbound.full:\n        queue.note_writable(outbound)\n    if end:\n",
        "    if end:\n",
    ),
    Fault(
        "trailers are lost behind a frame with all that is pending",
        "_core/pull.py",
        "(_send_end(queue, outbound) if ended else 0)",
        "0",
    ),
    Fault(
        "RST_STREAM is lost behind a frame with all that is pending",
        "_core/pull.py",
        "        if not outbound.reset_behind:\n",
        "        if True:\n",
    ),
    # Order on a stream.
    Fault(
        "trailers overtake content",
        "_core/enqueue.py",
        "if outbound is not None and outbound.holds:\n        plan",
        "if outbound is not None and outbound.opening is not None:\n        plan",
    ),
    Fault(
        "a short write overtakes content",
        "_core/enqueue.py",
        "and (stream_id not in queue.queues or not queue.queues[stream_id].holds)",
        "and (stream_id not in queue.queues or queue.queues[stream_id].opening is None)",
    ),
    Fault(
        "trailers of a request that waits are lost",
        "_core/enqueue.py",
        "    if opening is None or kind == TRAILERS:\n        outbound.trailers = block\n",
        "    if opening is None:\n        outbound.trailers = block\n",
    ),
    Fault(
        "END_STREAM goes with content although trailers follow",
        "_core/pull.py",
        "flags = END_STREAM if not left and outbound.ended and outbound.trailers is None else 0",
        "flags = END_STREAM if not left and outbound.ended else 0",
    ),
    Fault(
        "a complete response is dropped by NO_ERROR",
        "_core/enqueue.py",
        "elif outbound.ended and error_code == ErrorCodes.NO_ERROR and not conn.client:",
        "elif outbound.ended and error_code == -1:",
    ),
    # The limit of streams.
    Fault(
        "one stream too many is opened",
        "_core/waiting.py",
        "return conn.streams.outbound_open < limit",
        "return conn.streams.outbound_open <= limit",
    ),
    Fault(
        "requests that wait count for the limit, too",
        "_core/waiting.py",
        "return conn.streams.outbound_open < limit",
        "return conn.streams.outbound_open + len(queue.line or ()) <= limit",
    ),
    Fault(
        "nobody looks after requests that wait",
        "_core/pull.py",
        "queue.straight = 0 if queue.line or queue.scheduler.ready else STRAIGHT",
        "queue.straight = 0 if queue.scheduler.ready else STRAIGHT",
    ),
    Fault(
        "a request that opens late does not send its content",
        "_core/pull.py",
        "if not queue.line or not waiting.can_open(queue):",
        "if True:",
    ),
    Fault(
        "content of a request that opens is forgotten",
        "_core/waiting.py",
        "            queue.scheduler.add(outbound, True)\n",
        "            pass\n",
    ),
    Fault(
        "identifiers are given out twice",
        "_core/enqueue.py",
        "    if queue.highest_given < following:\n",
        "    if following:\n",
    ),
    Fault(
        "requests overtake those that wait",
        "_core/waiting.py",
        "return bool(queue.line) or not can_open(queue)",
        "return not can_open(queue)",
    ),
    # Resets and GOAWAY.
    Fault(
        "RST_STREAM of the peer leaves what waits",
        "_core/follow.py",
        "    StreamReset: _stream_reset,\n",
        "",
    ),
    Fault(
        "a reset does not give back the size of the queue",
        "_core/send_queue.py",
        "            self.size -= outbound.size\n",
        "            pass\n",
    ),
    Fault(
        "a stream that was reset stays in the schedule",
        "_core/send_queue.py",
        "                self.scheduler.remove(outbound)\n",
        "                pass\n",
    ),
    Fault(
        "a request that was cancelled stays in the line",
        "_core/send_queue.py",
        "                self.line.pop(stream_id, None)\n",
        "                pass\n",
    ),
    Fault(
        "RST_STREAM goes out for a request that was never sent",
        "_core/enqueue.py",
        "    if stream_id in conn.streams:\n"
        "        send.reset_stream(conn, stream_id, error_code)\n",
        "    send.reset_stream(conn, stream_id, error_code)\n",
    ),
    Fault(
        "after GOAWAY requests go on waiting",
        "_core/send_queue.py",
        "            self.refuse_waiting()\n            self.early_updates = None\n",
        "            self.early_updates = None\n",
    ),
    Fault(
        "nobody hears of streams above the last one of GOAWAY",
        "_core/follow.py",
        "queue.peer_goes_away(event.unprocessed_stream_ids)",
        "queue.peer_goes_away(())",
    ),
    Fault(
        "what waits survives a connection error",
        "_core/follow.py",
        "    if conn.state == TERMINATED:\n        queue.drop_all()\n",
        "",
    ),
    Fault(
        "what waits survives our GOAWAY with an error",
        "_core/enqueue.py",
        "    if conn.state == TERMINATED:\n        queue.drop_all()\n",
        "    if conn.state == TERMINATED:\n        return\n",
    ),
    # Events.
    Fault(
        "StreamWritable is lost",
        "_core/pull.py",
        "            queue.note_writable(outbound)\n",
        "            pass\n",
    ),
    Fault(
        "StreamWritable comes only when nothing is left",
        "_core/pull.py",
        "if outbound.full and left <= queue.low:",
        "if outbound.full and not left:",
    ),
    Fault(
        "StreamWritable comes too early",
        "_core/pull.py",
        "if outbound.full and left <= queue.low:",
        "if outbound.full:",
    ),
    Fault(
        "StreamOpened is lost",
        "_core/waiting.py",
        "        queue.events.append(StreamOpened(stream_id=stream_id))\n",
        "",
    ),
    Fault(
        "events are lost where receive_data returns others",
        "_core/follow.py",
        "        events += queue.take_events()\n",
        "        queue.take_events()\n",
    ),
    # Calls that raise.
    Fault(
        "a request that is refused uses up its identifier",
        "_core/waiting.py",
        "    plan = plan_block(conn, REQUEST, fields)\n    # commit\n",
        "    queue.highest_given = stream_id\n    plan = plan_block(conn, REQUEST, fields)\n",
    ),
    Fault(
        "content after the end is taken while a request waits",
        "_core/enqueue.py",
        "    if outbound.opening is not None:\n        stream.state = after\n\n",
        "\n",
    ),
    # State that is kept.
    Fault(
        "priorities are kept for ever",
        "_core/send_queue.py",
        "            known.pop(stream_id, None)\n",
        "            pass\n",
    ),
    # Receiving.
    Fault(
        "DataAvailable is lost where content comes again",
        "_core/receive_queue.py",
        "            if stream_id not in told:\n",
        "            if stream_id not in told and stream_id not in self._ended | waiting.keys():\n",
    ),
    Fault(
        "padding is never acknowledged",
        "_core/receive_queue.py",
        "            acknowledge_reads(self._conn, length - size, stream_id)\n",
        "            pass\n",
    ),
    Fault(
        "content that was read is not acknowledged",
        "_core/receive_queue.py",
        "        acknowledge_reads(self._conn, len(data), stream_id)\n        return data\n",
        "        return data\n",
    ),
    Fault(
        "content of a stream that was reset keeps its window",
        "_core/receive_queue.py",
        "            hand_back(conn, len(content))\n",
        "            pass\n",
    ),
    Fault(
        "content that comes in pieces is lost",
        "_core/receive_queue.py",
        "            pieces.append(content)\n",
        "            pass\n",
    ),
    Fault(
        "discard_data is soon forgotten",
        "_core/receive_queue.py",
        "            ignored.add(stream_id)\n",
        "            pass\n",
    ),
    Fault(
        "the end of content comes before the content was read",
        "_core/receive_queue.py",
        "return not self.readable(stream_id) and self._is_complete(stream_id)",
        "return self._is_complete(stream_id)",
    ),
    # Shutdown.
    Fault(
        "ConnectionDrained comes while streams are open",
        "_core/shutdown.py",
        "over = not conn.streams and not self.queue.waiting_streams",
        "over = not self.queue.waiting_streams",
    ),
    Fault(
        "ConnectionDrained comes again and again",
        "_core/shutdown.py",
        "            self.stage = DRAINED\n",
        "            self.stage = LAST_NAMED\n",
    ),
    Fault(
        "the second GOAWAY of a shutdown is forgotten",
        "_core/shutdown.py",
        "            self._name_last()\n        return True\n",
        "            pass\n        return True\n",
    ),
    Fault(
        "a shutdown takes new requests",
        "_core/shutdown.py",
        "        queue.closing = True\n",
        "        queue.closing = False\n",
    ),
    # The schedule.
    Fault(
        "a stream with another priority is lost",
        "_core/scheduler.py",
        "        if ready:\n            self.add(turn, fresh)\n",
        "",
    ),
)
