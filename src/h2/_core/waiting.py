"""Streams waiting to be opened, because the peer allows no more of them (section 5.1.2)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from hpack.struct import NeverIndexedHeaderTuple

from h2._core import framing, priority_update, send
from h2._core.misuse import not_allowed, stream_closed
from h2._core.outbound import Block, Opening, Outbound
from h2._core.outbound_fields import Plan
from h2._core.send_headers import (
    CheckedFields,
    after_answer,
    check_new_id,
    plan_block,
    send_headers,
    too_low,
)
from h2._core.send_queue import SendQueue
from h2._core.state import Connection
from h2._core.stream import Stream
from h2._core.waiting_windows import enlarge_opened
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.fields import REQUEST
from h2._rules.registry import Violation
from h2._rules.setting_bounds import MAX_CONCURRENT_STREAMS
from h2.events import StreamOpened

_ON_HEADERS: Final = states.TABLE[states.SEND_HEADERS]
_ON_HEADERS_END: Final = states.TABLE[states.SEND_HEADERS_END]
_SENT_KIND: Final = states.SENT_KIND


def can_open(queue: SendQueue) -> bool:
    """Return whether the peer allows one more stream. Only the core counts them."""
    conn = queue.conn
    limit = conn.remote_settings.in_effect.get(MAX_CONCURRENT_STREAMS)
    if limit is None:
        # "It is recommended that this value be no smaller than 100", so a client that does not know
        # the limit yet does not wait for it.
        if queue.first_settings:
            return True
        limit = queue.streams_before_settings
    return conn.streams.outbound_open < limit


def must_wait(queue: SendQueue, stream_id: int) -> bool:
    """Return whether a request has to wait; raise if it can never be opened."""
    conn = queue.conn
    if not conn.client or stream_id <= conn.streams.highest_outbound:
        return False  # an error, which the core finds
    if queue.closing:
        raise Violation(
            rules.GOING_AWAY, "Cannot open a stream: the connection is shutting down"
        ).exception()
    if stream_id <= queue.highest_given:
        raise too_low(stream_id, queue.highest_given)
    return bool(queue.line) or not can_open(queue)


def wait(
    queue: SendQueue, stream_id: int, fields: list[Any], end_stream: bool, priority: bytes
) -> None:
    """Queue a request until its stream can be opened. It is checked now."""
    conn = queue.conn
    conn.check_send(connection_states.SEND_OPEN)
    check_new_id(conn, stream_id)
    plan = plan_block(conn, REQUEST, fields)
    # commit
    state = (_ON_HEADERS_END if end_stream else _ON_HEADERS)[states.IDLE]
    stream = Stream(stream_id, state, 0)
    framing.note_method(stream, plan.seen)
    if queue.early_updates:
        queue.early_updates.pass_over(queue.highest_given, stream_id)
    queue.highest_given = stream_id
    _enter_line(queue, stream, Block(fields_of(plan), end_stream, priority))


def wait_promised(
    queue: SendQueue, stream_id: int, fields: list[Any], end_stream: bool, priority: bytes
) -> Plan:
    """Queue the first field block on a promised stream until the stream can be opened."""
    conn = queue.conn
    conn.check_send(connection_states.SEND_ON_STREAM)
    # Its blocks have the same meaning as those of a response to a complete request.
    stream = Stream(stream_id, states.HALF_REMOTE_WAITING, 0)
    plan, _, after = check_block(conn, stream, fields, end_stream)
    # commit
    stream.state = after
    _enter_line(queue, stream, Block(fields_of(plan), end_stream, priority))
    return plan


def _enter_line(queue: SendQueue, stream: Stream, block: Block) -> None:
    stream_id = stream.stream_id
    urgency, incremental = queue.priorities.of(stream_id)
    outbound = queue.queues[stream_id] = Outbound(stream_id, urgency, incremental)
    opening = outbound.opening = Opening(stream, block)
    outbound.ended = block.end_stream
    if queue.line is None:
        queue.line = OrderedDict()
    queue.line[stream_id] = opening
    queue.straight = 0


def check_block(
    conn: Connection, stream: Stream, fields: list[Any], end_stream: bool
) -> tuple[Plan, int, int]:
    """Check a response or trailers; return the plan, the kind, and the state after the block."""
    state = stream.state
    kind = _SENT_KIND[state]
    if kind < 0:
        if state >= states.CLOSED:
            raise stream_closed(stream.stream_id)
        raise not_allowed("HEADERS", stream.stream_id, state)
    plan = plan_block(conn, kind, fields)
    after = (_ON_HEADERS_END if end_stream else _ON_HEADERS)[state]
    return plan, kind, after_answer(conn, stream, kind, plan, after, end_stream)


def fields_of(plan: Plan) -> CheckedFields:
    """Return the fields of a plan; the plan is invalid once other blocks have been encoded."""
    return CheckedFields(
        NeverIndexedHeaderTuple(*entry.field) if entry.never else entry.field
        for entry in plan.entries
    )


def open_waiting(queue: SendQueue) -> None:
    """Open waiting streams, as many as the peer allows."""
    conn = queue.conn
    while queue.line and can_open(queue):
        stream_id, opening = queue.line.popitem(last=False)
        if not conn.client and stream_id not in conn.streams:
            queue.drop(stream_id)  # the application has removed the stream
            continue
        outbound = queue.queues[stream_id]
        outbound.opening = None
        for block in opening.blocks:
            priority = block.priority if queue.takes_old_signals else b""
            send_headers(conn, stream_id, block.fields, block.end_stream, priority)
        if queue.early_updates:
            send_early_update(queue, stream_id)
        if opening.increment:
            enlarge_opened(conn, opening)
        queue.events.append(StreamOpened(stream_id=stream_id))
        if outbound.size:
            queue.scheduler.add(outbound, True)
        elif outbound.ended:
            end_message(queue, outbound)


def send_early_update(queue: SendQueue, stream_id: int) -> None:
    """Send the PRIORITY_UPDATE queued for a request, right after the request."""
    priority = queue.early_updates.take(stream_id) if queue.early_updates else None
    if priority is not None and queue.takes_updates:
        priority_update.send(queue.conn, stream_id, priority)


def end_message(queue: SendQueue, outbound: Outbound) -> None:
    """Do what follows the content of a message that has ended."""
    conn = queue.conn
    stream_id = outbound.stream_id
    trailers = outbound.trailers
    stream = conn.streams.table.get(stream_id)
    if trailers is not None:
        send_headers(conn, stream_id, trailers.fields, True, trailers.priority)
    elif stream is not None and stream.state in states.UNENDED:
        send.send_data(conn, stream_id, b"", True, None)
    if outbound.reset_behind and stream_id in conn.streams:
        send.reset_stream(conn, stream_id, 0)
    queue.finish(stream_id)
