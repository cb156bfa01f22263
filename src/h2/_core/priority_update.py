"""PRIORITY_UPDATE: how urgent a response is (RFC 9218 section 7)."""

from __future__ import annotations

from typing import Final

from h2._core import abuse
from h2._core.faults import is_enforced
from h2._core.misuse import find_stream, no_stream, not_allowed
from h2._core.state import Connection
from h2._frames import decode, encode
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules.idle_priorities import IdlePriorities
from h2._rules.registry import Violation
from h2._rules.setting_bounds import MAX_CONCURRENT_STREAMS
from h2._rules.stream_states import HALF_REMOTE
from h2.events import PriorityUpdateReceived
from h2.priorities import Priority

#: Parsing a field value of this length takes about as long as other glitches. No client sends this
#: much.
_OCTETS_FOR_GLITCH: Final = 64


def priority_update(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """Report a received frame: advice that touches no stream."""
    amount = 1 + len(payload) // _OCTETS_FOR_GLITCH
    abuse.extra_frame(conn, "PRIORITY_UPDATE frame", amount)
    violation = _fault(conn, stream_id, payload)
    if violation is not None:
        if is_enforced(conn, violation.rule):
            raise violation
        return
    prioritized = decode.stream_id(payload)
    # "Servers can discard frames where the prioritized stream ID refers to a stream in the
    # "half-closed (local)" or "closed" state" (section 7.1). Content of a half-closed one may still
    # be pending.
    if conn.streams.is_used(prioritized) and prioritized not in conn.streams:
        return
    # "Failure to parse the Priority Field Value MAY be treated as a connection error." (section 7)
    # It is not: the field is ignored then, and the defaults apply.
    priority = Priority.parse(payload[4:])
    conn.events.append(
        PriorityUpdateReceived(
            prioritized_stream_id=prioritized,
            urgency=priority.urgency,
            incremental=priority.incremental,
        )
    )


def _fault(conn: Connection, stream_id: int, payload: bytes) -> Violation | None:
    """Return what is wrong with a received frame (section 7.1)."""
    # "If a client receives a PRIORITY_UPDATE frame, it MUST respond with a connection error of type
    # PROTOCOL_ERROR."
    if conn.client:
        return Violation(
            rules.PRIORITY_UPDATE_FROM_SERVER, "A server must not send PRIORITY_UPDATE"
        )
    # "Receiving a PRIORITY_UPDATE frame with a field of any other value MUST be treated as a
    # connection error of type PROTOCOL_ERROR."
    if stream_id:
        return Violation(
            rules.PRIORITY_UPDATE_ON_STREAM, f"Received PRIORITY_UPDATE frame on stream {stream_id}"
        )
    if len(payload) < 4:
        return Violation(
            rules.PRIORITY_UPDATE_SIZE_WRONG,
            f"Received PRIORITY_UPDATE frame of {len(payload)} octets",
        )
    prioritized = decode.stream_id(payload)
    # "If a PRIORITY_UPDATE frame is received with a prioritized stream ID of 0x0, the recipient
    # MUST respond with a connection error of type PROTOCOL_ERROR."
    if not prioritized:
        return Violation(
            rules.PRIORITY_UPDATE_OF_CONNECTION, "Received PRIORITY_UPDATE for stream 0"
        )
    if conn.streams.is_used(prioritized):
        return None
    # "Servers that receive a PRIORITY_UPDATE for a push stream in the "idle" state MUST respond
    # with a connection error of type PROTOCOL_ERROR."
    if not conn.streams.is_inbound(prioritized):
        return Violation(
            rules.PRIORITY_UPDATE_OF_IDLE_PUSH,
            f"Received PRIORITY_UPDATE for stream {prioritized}, which was not promised",
        )
    # The client may not know a limit that it has not acknowledged.
    limit = conn.announced.acknowledged_stream_limit
    if not _remember(conn, prioritized, limit):
        return Violation(
            rules.PRIORITY_UPDATE_OF_TOO_MANY,
            f"Received PRIORITY_UPDATE for stream {prioritized}, which is idle; "
            f"the limit is {limit} concurrent streams",
        )
    return None


def _remember(conn: Connection, stream_id: int, limit: int | None) -> bool:
    """Remember that an idle stream has a priority; return False if there are too many."""
    # "The number of streams that have been prioritized but remain in the "idle" state plus the
    # number of active streams [...] MUST NOT exceed the value of the
    # SETTINGS_MAX_CONCURRENT_STREAMS parameter. Servers that receive such a PRIORITY_UPDATE MUST
    # respond with a connection error of type PROTOCOL_ERROR."
    streams = conn.streams
    if conn.client:
        active, highest = streams.outbound_open, streams.highest_outbound
    else:
        active, highest = streams.inbound_open, streams.highest_inbound
    idle = conn.idle_priorities or IdlePriorities()
    if limit is not None and idle.count_with(stream_id, highest) + active > limit:
        return False
    idle.add(stream_id, highest)
    conn.idle_priorities = idle
    return True


def send(conn: Connection, stream_id: int, priority: Priority, heeded: bool = True) -> None:
    """Send PRIORITY_UPDATE for a stream of which content can still arrive (section 7.1).

    Nothing is sent if the server is known to ignore it.
    """
    conn.check_send(connection_states.SEND_PRIORITY_UPDATE)
    frame = encode.priority_update(stream_id, bytes(priority))
    if conn.streams.is_used(stream_id):
        # "clients SHOULD provide a prioritized stream ID that refers to a stream in the "open",
        # "half-closed (local)", or "idle" state"; of push streams "in the "reserved (remote)" or
        # "half-closed (local)" state."
        if find_stream(conn, stream_id).state == HALF_REMOTE:
            raise not_allowed("PRIORITY_UPDATE", stream_id, HALF_REMOTE)
    elif conn.streams.is_inbound(stream_id):
        # "Clients MUST NOT provide a prioritized stream ID that refers to a push stream in the
        # "idle" state."
        raise no_stream(conn, stream_id)
    else:
        conn.check_send(connection_states.SEND_OPEN)
        if not heeded:
            return
        limit = conn.remote_settings.in_effect.get(MAX_CONCURRENT_STREAMS)
        if not _remember(conn, stream_id, limit):
            raise Violation(
                rules.PEER_LIMIT_REACHED,
                f"The peer allows {limit} concurrent streams, including idle ones with a priority",
            ).exception()
    if heeded:
        conn.out.chunks.append(frame)
