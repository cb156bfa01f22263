"""Calls that accept everything at any time: what cannot be sent now is queued."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any, Final

from h2._core import lifecycle, priority_update, send, waiting
from h2._core.early_updates import EarlyUpdates
from h2._core.misuse import find_stream, not_allowed, stream_closed
from h2._core.outbound import Block, Outbound
from h2._core.outbound_fields import Plan
from h2._core.send import send_data as _send_data
from h2._core.send_headers import push_stream as _push_stream
from h2._core.send_headers import send_headers as _send_headers
from h2._core.send_queue import STRAIGHT, SendQueue
from h2._core.state import Connection
from h2._core.stream import Stream
from h2._rules import connection_states
from h2._rules import stream_states as states
from h2._rules.connection_states import TERMINATED
from h2._rules.fields import PRIORITY, STATUS, TRAILERS
from h2._rules.setting_bounds import NO_RFC7540_PRIORITIES
from h2.errors import ErrorCodes
from h2.exceptions import (
    FlowControlError,
    FrameTooLargeError,
    NoSuchStreamError,
    TooManyStreamsError,
)
from h2.priorities import Priority
from h2.settings import SettingCodes

_ON_DATA: Final = states.TABLE[states.SEND_DATA]
_ON_DATA_END: Final = states.TABLE[states.SEND_DATA_END]

#: The bits of a response with the field "priority".
_PRIORITY_OF_RESPONSE: Final = PRIORITY | STATUS
_RESERVED_LOCAL: Final = states.RESERVED_LOCAL
_SEND_ON_STREAM: Final = connection_states.SEND_ON_STREAM


def send_headers(
    queue: SendQueue, stream_id: int, headers: Any, end_stream: bool, priority: bytes
) -> None:
    """Send a field block, or queue it."""
    # First of all, because an iterable may call the connection.
    fields: list[Any] = headers if headers.__class__ is list else list(headers)
    if priority and not queue.takes_old_signals:
        priority = b""
    conn = queue.conn
    outbound = queue.queues.get(stream_id)
    if outbound is not None and outbound.holds:
        plan = _keep_block(queue, outbound, fields, end_stream, priority)
    else:
        stream = conn.streams.table.get(stream_id)
        if stream is None:
            if waiting.must_wait(queue, stream_id):
                waiting.wait(queue, stream_id, fields, end_stream, priority)
                return
            _send_headers(conn, stream_id, fields, end_stream, priority)
            if queue.early_updates:
                waiting.send_early_update(queue, stream_id)
            return
        if stream.state == _RESERVED_LOCAL and (queue.line or not waiting.can_open(queue)):
            plan = waiting.wait_promised(queue, stream_id, fields, end_stream, priority)
        else:
            plan = _send_headers(conn, stream_id, fields, end_stream, priority)
            if end_stream:
                queue.finish(stream_id)
                return
    if plan.seen & _PRIORITY_OF_RESPONSE == _PRIORITY_OF_RESPONSE:
        # The field of a response changes only what it names (RFC 9218 section 8).
        values = [entry.field[1] for entry in plan.entries if entry.field[0] == b"priority"]
        queue.set_priority(stream_id, queue.get_priority(stream_id).merge(b", ".join(values)))


def _keep_block(
    queue: SendQueue, outbound: Outbound, fields: list[Any], end_stream: bool, priority: bytes
) -> Plan:
    """Queue a field block behind something else; it is checked now."""
    stream = _sender(queue, outbound, "HEADERS")
    plan, kind, after = waiting.check_block(queue.conn, stream, fields, end_stream)
    # commit
    block = Block(waiting.fields_of(plan), end_stream, priority)
    opening = outbound.opening
    if opening is not None:
        stream.state = after
    if opening is None or kind == TRAILERS:
        outbound.trailers = block
    else:
        opening.blocks.append(block)
    outbound.ended = end_stream
    return plan


def _sender(queue: SendQueue, outbound: Outbound, what: str) -> Stream:
    """Return the stream of a queue in the state after everything that is pending, or raise.

    What the application has ended counts as ended, although the end has yet to be sent.
    """
    stream_id = outbound.stream_id
    if outbound.reset_behind:
        raise stream_closed(stream_id)
    if outbound.opening is not None:
        return outbound.opening.stream
    queue.conn.check_send(_SEND_ON_STREAM)
    stream = find_stream(queue.conn, stream_id)
    if outbound.ended:
        state = _ON_DATA_END[stream.state]
        if state >= states.CLOSED:
            raise stream_closed(stream_id)
        raise not_allowed(what, stream_id, state)
    return stream


def push_stream(queue: SendQueue, stream_id: int, promised_id: int, headers: Iterable[Any]) -> None:
    """Promise a response, unless the application has ended the associated one."""
    outbound = queue.queues.get(stream_id)
    if outbound is not None:
        _sender(queue, outbound, "PUSH_PROMISE")
    _push_stream(queue.conn, stream_id, promised_id, headers)


def send_data(
    queue: SendQueue, stream_id: int, data: bytes, end_stream: bool, pad_length: int | None
) -> None:
    """Send content, or queue it behind what is already pending."""
    size = len(data)
    straight = queue.straight
    if (
        size <= straight
        and (end_stream or (size and straight == STRAIGHT))
        and pad_length is None
        and (stream_id not in queue.queues or not queue.queues[stream_id].holds)
    ):
        try:
            _send_data(queue.conn, stream_id, data, end_stream, None)
        except (FlowControlError, FrameTooLargeError, NoSuchStreamError):
            pass  # there is no window for all of it, or it cannot be sent any more
        else:
            queue.straight = straight - size
            if end_stream:
                queue.finish(stream_id)
            return
    conn = queue.conn
    outbound = queue.queues.get(stream_id)
    if outbound is not None and (outbound.ended or outbound.opening is not None):
        stream = _sender(queue, outbound, "DATA")
    else:
        if conn.transitions[_SEND_ON_STREAM] < 0:
            conn.check_send(_SEND_ON_STREAM)
        found = conn.streams.table.get(stream_id)
        if found is None:
            raise queue.no_stream(stream_id)
        stream = found
    state = stream.state
    after = (_ON_DATA_END if end_stream else _ON_DATA)[state]
    if after < 0:
        if state >= states.CLOSED:
            raise stream_closed(stream_id)
        raise not_allowed("DATA", stream_id, state)
    # commit
    if data:
        if outbound is not None:
            queue.append(outbound, data, pad_length)
        else:
            # The identifier is the key of the stream, not an equal number.
            outbound = queue.begin(stream.stream_id, data, pad_length)
    if not end_stream:
        return
    if outbound is None or not (data or outbound.holds):
        _send_data(conn, stream_id, b"", True, _fitting_padding(conn, stream, pad_length))
        queue.finish(stream_id)
        return
    outbound.ended = True
    if outbound.opening is not None:
        stream.state = after


def _fitting_padding(conn: Connection, stream: Stream, pad_length: int | None) -> int | None:
    """Return as much of the padding as the windows allow for a frame without content."""
    room = min(conn.send_windows.of_stream(stream.send_offset), conn.max_outbound_frame_size)
    return None if pad_length is None or room < 1 else min(pad_length, room - 1)


def reset_stream(queue: SendQueue, stream_id: int, error_code: int) -> None:
    """Reset a stream, and drop what is pending on it."""
    conn = queue.conn
    outbound = queue.queues.get(stream_id)
    if outbound is None:
        if stream_id not in conn.streams:
            conn.check_send(_SEND_ON_STREAM)
            raise queue.no_stream(stream_id)
    elif outbound.ended and error_code == ErrorCodes.NO_ERROR and not conn.client:
        # "a server MAY request that the client abort transmission of a request without error by
        # sending a RST_STREAM with an error code of NO_ERROR after sending a complete response":
        # so the response is still sent.
        conn.check_send(_SEND_ON_STREAM)
        if outbound.reset_behind:
            raise stream_closed(stream_id)
        outbound.reset_behind = True
        return
    if stream_id in conn.streams:
        send.reset_stream(conn, stream_id, error_code)
    queue.drop(stream_id)


def send_priority_update(queue: SendQueue, stream_id: int, priority: Priority) -> None:
    """Send PRIORITY_UPDATE, or queue it until the request has been sent."""
    conn = queue.conn
    streams = conn.streams
    if conn.client and not streams.is_used(stream_id) and not streams.is_inbound(stream_id):
        bytes(priority)  # raises if the priority is invalid
        conn.check_send(connection_states.SEND_OPEN)
        if stream_id in queue.queues:
            _keep_update(queue, stream_id, priority)
            return
        if stream_id <= queue.highest_given:
            raise stream_closed(stream_id)
    try:
        priority_update.send(conn, stream_id, priority, queue.takes_updates)
    except TooManyStreamsError:
        _keep_update(queue, stream_id, priority)


def _keep_update(queue: SendQueue, stream_id: int, priority: Priority) -> None:
    if queue.early_updates is None:
        queue.early_updates = EarlyUpdates()
    queue.early_updates.keep(stream_id, priority)


def set_priority(queue: SendQueue, stream_id: int, urgency: Any, incremental: Any) -> None:
    """Change the priority of what we send on a stream; what is not given stays the same."""
    before = queue.get_priority(stream_id)
    priority = Priority(
        before.urgency if urgency is None else index(urgency),
        before.incremental if incremental is None else bool(incremental),
    )
    bytes(priority)  # raises if the priority is invalid
    queue.set_priority(stream_id, priority)


def prioritize(queue: SendQueue, stream_id: Any, fields: bytes) -> None:
    """Send PRIORITY, unless the server has announced that it ignores it."""
    stream_id = send.checked_id(stream_id)
    if queue.takes_old_signals:
        send.prioritize(queue.conn, stream_id, fields)


def connection_closed(queue: SendQueue) -> None:
    """Drop what can no longer be sent after our GOAWAY."""
    conn = queue.conn
    if conn.state == TERMINATED:
        queue.drop_all()
    elif conn.client:
        queue.refuse_waiting()


def next_stream_id(queue: SendQueue, highest: int) -> int:
    """Return the identifier of the next stream that we can open or promise."""
    following = lifecycle.next_stream_id(queue.conn, highest)
    if queue.highest_given < following:
        return following
    following = queue.highest_given + 2
    if following > highest:
        raise lifecycle.no_more_ids()
    return following


def check_upgrade(queue: SendQueue) -> None:
    """Check that no request waits, or has waited, to be opened: stream 1 will be another one."""
    if queue.highest_given:
        raise lifecycle.too_late()


def prepare(queue: SendQueue) -> None:
    """Announce in a server's first SETTINGS that it uses RFC 9218, unless they are explicit."""
    conn = queue.conn
    if not conn.client and not conn.initiated:
        local = conn.local_settings
        if NO_RFC7540_PRIORITIES not in local.listed():
            local.start_with({SettingCodes.NO_RFC7540_PRIORITIES: 1})
