"""Received PUSH_PROMISE (RFC 9113 sections 6.6 and 8.4)."""

from __future__ import annotations

from typing import Any, Final

from hpack.exceptions import HPACKError

from h2._core import abuse, field_blocks, framing
from h2._core.frame_checks import check_shape, not_allowed, unpad
from h2._core.inbound_fields import checked_fields
from h2._core.state import Connection, PartialBlock
from h2._core.stream import HEAD_METHOD, Stream
from h2._frames import decode
from h2._frames.encode import rst_stream
from h2._frames.layout import END_HEADERS, PADDED, PUSH_PROMISE
from h2._hpack import FieldSection, HeaderListTooLarge
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.fields import PUSHABLE, REQUEST
from h2._rules.registry import Violation
from h2.errors import ErrorCodes
from h2.events import PushedStreamReceived

_ON_PUSH_PROMISE: Final = states.TABLE[states.RECV_PUSH_PROMISE]


def push_promise(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """PUSH_PROMISE (section 6.6)."""
    if flags & PADDED:
        payload = unpad(PUSH_PROMISE, stream_id, payload)
    check_shape(PUSH_PROMISE, stream_id, payload)
    promised_id = decode.stream_id(payload)
    if flags & END_HEADERS:
        promised_block(conn, stream_id, promised_id, payload[4:])
    else:
        field_blocks.begin(conn, PartialBlock(stream_id, payload[4:], False, None, promised_id))


def promised_block(conn: Connection, stream_id: int, promised_id: int, data: bytes) -> None:
    """Handle the complete field block of PUSH_PROMISE (sections 6.6 and 8.4)."""
    section: FieldSection | HeaderListTooLarge
    try:
        section = conn.decoder.decode(data, conn.header_list_limit())
    except HeaderListTooLarge as error:
        section = error
    except HPACKError as failure:
        raise field_blocks.not_decoded(stream_id, failure) from None
    reaction = _check_promise(conn, stream_id, promised_id)
    if promised_id > conn.goaway_sent_last:
        field_blocks.skip(conn, promised_id)
    elif reaction == states.IGNORE:
        # "an endpoint that has sent RST_STREAM on the associated stream MUST handle PUSH_PROMISE
        # frames that might have been created before the RST_STREAM frame is received"
        abuse.glitch(conn, "PUSH_PROMISE frame on a closed stream")
        field_blocks.skip(conn, promised_id)
        conn.out.answer(rst_stream(promised_id, ErrorCodes.REFUSED_STREAM))
    elif reaction < 0:
        if stream_id not in conn.streams:
            raise not_allowed(reaction, PUSH_PROMISE, stream_id)
        raise Violation(
            rules.PUSH_PARENT_ENDED,
            f"Received PUSH_PROMISE on stream {stream_id}, whose response has ended",
            promised_id,
        )
    elif conn.streams[stream_id].tunnel:
        field_blocks.skip(conn, promised_id)
        raise framing.in_tunnel(PUSH_PROMISE, stream_id)
    elif isinstance(section, HeaderListTooLarge):
        raise field_blocks.list_too_large(promised_id, section)
    else:
        if section.size > conn.options.suspect_list:
            abuse.check_section(conn, section, len(data), promised_id)
        _reserve(conn, stream_id, promised_id, section)


def _check_promise(conn: Connection, stream_id: int, promised_id: int) -> int:
    """Check both stream identifiers; return the reaction of the associated stream."""
    streams = conn.streams
    # "An endpoint that has set this setting [to 0] and has received acknowledgment MUST treat
    # the receipt of a PUSH_PROMISE frame as a connection error"
    if not conn.local_settings.enable_push:
        raise Violation(rules.PUSH_DISABLED, "Received PUSH_PROMISE although push is disabled")
    parent = streams.state_of(stream_id)
    pushed = streams.is_inbound(stream_id)
    if pushed and parent != states.CLOSED_BY_US:
        raise Violation(
            rules.PUSH_PARENT_PUSHED,
            f"Received PUSH_PROMISE on stream {stream_id}, which the server opened",
        )
    # "A receiver MUST treat the receipt of a PUSH_PROMISE that promises an illegal stream
    # identifier (Section 5.1.1) as a connection error"
    if not promised_id or not streams.is_inbound(promised_id):
        raise Violation(rules.STREAM_ID_PARITY, f"Stream {promised_id} cannot be promised")
    reaction = _ON_PUSH_PROMISE[parent]
    if promised_id > streams.highest_inbound:
        if pushed:
            raise Violation(
                rules.PUSH_PARENT_RESET,
                f"Received PUSH_PROMISE on stream {stream_id}, which the server opened",
                promised_id,
            )
        return reaction
    # h2 4.4.1 treats promises that it refused as if they had never been made.
    refused = reaction == states.IGNORE or (reaction < 0 and stream_id in streams)
    if (
        refused
        or promised_id > streams.highest_promised
        or streams.state_of(promised_id) in (states.CLOSED_BY_US, states.CLOSED_BY_PEER)
    ):
        raise Violation(
            rules.PROMISE_REPEATED,
            f"Stream {promised_id} was already promised, or is lower than a promised stream",
            promised_id,
        )
    raise field_blocks.too_low(promised_id, streams.highest_inbound)


def _reserve(conn: Connection, stream_id: int, promised_id: int, section: FieldSection) -> None:
    """Add the stream that a valid promise reserves."""
    streams = conn.streams
    # Reserved streams do not count toward any limit that the peer knows (section 5.1.2).
    most = conn.config.limits.reserved_streams
    if most is not None and len(streams) - streams.inbound_open - streams.outbound_open >= most:
        raise Violation(
            rules.STREAM_REFUSED,
            f"Stream {promised_id} exceeds the limit of {most} promised streams",
            promised_id,
        )
    fields = checked_fields(conn, REQUEST, section, promised_id)
    stream = Stream(promised_id, states.RESERVED_REMOTE, conn.recv_initial_window())
    if not _note_request(stream, section):
        raise Violation(
            rules.PUSH_NOT_SAFE,
            f"Promised request on stream {promised_id} is not safe",
            promised_id,
        )
    abuse.promise(conn)
    streams.add(stream)
    streams.highest_promised = promised_id
    event: Any = PushedStreamReceived()
    event.pushed_stream_id = promised_id
    event.parent_stream_id = stream_id
    event.headers = fields
    conn.events.append(event)


def _note_request(stream: Stream, section: FieldSection) -> bool:
    """Remember what the response to a promised request depends on; return if it is safe."""
    # "Clients that receive a promised request that is not cacheable, that is not known to be safe,
    # or that indicates the presence of request content MUST reset the promised stream with
    # a stream error (Section 5.4.2) of type PROTOCOL_ERROR." (section 8.4)
    safe = not section.noted or not int(section.noted)
    for name, value in section.fields[: section.leading]:
        if name == b":authority":
            stream.authority = value
        elif name == b":method":
            safe = safe and value in PUSHABLE
            if value == b"HEAD":
                stream.method = HEAD_METHOD
    return safe
