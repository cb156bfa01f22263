"""Received HEADERS: requests, responses, trailers (RFC 9113 sections 6.2 and 8.1)."""

from __future__ import annotations

from typing import Any, Final

from hpack.exceptions import HPACKError

from h2._compiled import COMPILED
from h2._core import abuse, field_blocks, framing
from h2._core.frame_checks import check_shape, not_allowed, unpad, wrong_size
from h2._core.inbound_fields import checked_fields
from h2._core.receive import priority_event
from h2._core.state import Connection, PartialBlock
from h2._core.stream import Stream
from h2._frames import decode
from h2._frames.layout import (
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PRIORITY_FLAG,
)
from h2._hpack import HeaderListTooLarge
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.fields import (
    CONNECT,
    CONTENT_LENGTH,
    INFORMATIONAL,
    OF_PROXY,
    PRIORITY,
    REQUEST,
    RESPONSE,
)
from h2._rules.registry import Violation
from h2.events import (
    InformationalResponseReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)

#: Depends on, weight, exclusive.
Priority = tuple[int, int, bool]

_new: Final = object.__new__

# The arguments of `_new`: a tuple that exists costs less than one that each call creates.
_STREAM_ENDED: Final[tuple[Any, ...]] = (StreamEnded,)

_ON_HEADERS: Final = states.TABLE[states.RECV_HEADERS]
_ON_HEADERS_END: Final = states.TABLE[states.RECV_HEADERS_END]
_ON_INFORMATIONAL: Final = states.TABLE[states.RECV_INFORMATIONAL]
_RECEIVED_KIND: Final = states.RECEIVED_KIND
_IDLE: Final = states.IDLE
_FIRST_COUNTED: Final = states.FIRST_COUNTED
_CLOSED: Final = states.CLOSED
_RESERVED_REMOTE: Final = states.RESERVED_REMOTE

#: HEADERS with one of these flags contains more than the field block.
_MORE_FIELDS: Final = PADDED | PRIORITY_FLAG

#: A request without these needs no further processing.
_REQUEST_THAT_COUNTS: Final = CONTENT_LENGTH | CONNECT | PRIORITY | OF_PROXY

#: The arguments of `_new` for the event of a field block of each kind.
_EVENTS: Final[tuple[Any, ...]] = ((RequestReceived,), (ResponseReceived,), (TrailersReceived,))
_INTERIM: Final[tuple[Any, ...]] = (InformationalResponseReceived,)


def headers(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """HEADERS (section 6.2)."""
    if not stream_id:
        check_shape(HEADERS, stream_id, payload)
    fields: Priority | None = None
    if flags & _MORE_FIELDS:
        if flags & PADDED:
            payload = unpad(HEADERS, stream_id, payload)
        if flags & PRIORITY_FLAG:
            if len(payload) < 5:
                raise wrong_size(HEADERS, stream_id, payload)
            fields = decode.priority(payload)
            payload = payload[5:]
    end_stream = flags & END_STREAM != 0
    if flags & END_HEADERS:
        headers_block(conn, stream_id, payload, end_stream, fields)
    else:
        field_blocks.begin(conn, PartialBlock(stream_id, payload, end_stream, fields, None))


def headers_block(
    conn: Connection, stream_id: int, data: bytes, end_stream: bool, priority: Priority | None
) -> None:
    """Handle the complete field block of HEADERS."""
    # Decoded even if the frame is discarded, to keep the tables of both ends in step (section 4.3).
    stream = conn.streams.get(stream_id) if COMPILED else conn.streams.table.get(stream_id)
    try:
        section = conn.decoder.decode(data, conn.header_list_limit())
    except HPACKError as error:
        return _not_decoded(conn, stream, stream_id, error)
    if stream is not None:
        state = stream.state
        kind = _RECEIVED_KIND[state]
    elif _is_new(conn, stream_id):
        state, kind = _IDLE, REQUEST
    else:
        return None
    if section.size > conn.options.suspect_list:
        abuse.check_section(conn, section, len(data), stream_id)
    after = (_ON_HEADERS_END if end_stream else _ON_HEADERS)[state]
    interim = section.seen & INFORMATIONAL if kind == RESPONSE else 0
    if interim:
        after = _ON_INFORMATIONAL[state]
        abuse.extra_frame(conn, "informational response", abuse.GLITCHES_OF_INFORMATIONAL)
    if after < 0:
        raise _not_now(stream, after, stream_id)
    fields = checked_fields(conn, kind, section, stream_id)
    priority_updated = priority and priority_event(conn, stream_id, priority)
    if stream is None:
        stream = Stream(stream_id, after, conn.recv_initial_window())
        if section.seen & _REQUEST_THAT_COUNTS:
            framing.begin_request(stream, section, conn.signals)
        if end_stream and stream.remaining:
            raise framing.unmet(stream, stream.remaining)
        conn.streams.add(stream)
    else:
        if state == _RESERVED_REMOTE:
            _check_concurrency(conn, stream_id)
        if interim and end_stream:
            raise _ended_early(stream_id)
        if kind == RESPONSE and not interim:
            framing.begin_response(stream, section)
        elif stream.tunnel:
            raise framing.in_tunnel(HEADERS, stream_id)
        if end_stream and stream.remaining:
            raise framing.unmet(stream, stream.remaining)
        if state >= _FIRST_COUNTED and after < _CLOSED:
            stream.state = after
        else:
            conn.streams.move(stream, after, conn.max_reset)
    event: Any = _new(*(_INTERIM if interim else _EVENTS[kind]))
    event.stream_id = stream_id
    event.headers = fields
    conn.events.append(event)
    if end_stream:
        ended = event.stream_ended = _new(*_STREAM_ENDED)
        ended.stream_id = stream_id
        conn.events.append(ended)
    if priority_updated is not None:
        event.priority_updated = priority_updated
        conn.events.append(priority_updated)


def _not_decoded(
    conn: Connection, stream: Stream | None, stream_id: int, error: HPACKError
) -> None:
    """Raise for a block without fields, unless the frame is discarded anyway."""
    if not isinstance(error, HeaderListTooLarge):
        raise field_blocks.not_decoded(stream_id, error) from None
    if stream is not None or _is_new(conn, stream_id):
        raise field_blocks.list_too_large(stream_id, error) from None


def _not_now(stream: Stream | None, reaction: int, stream_id: int) -> Violation:
    if stream is not None and stream.tunnel:
        return framing.in_tunnel(HEADERS, stream_id)
    return not_allowed(reaction, HEADERS, stream_id)


def _ended_early(stream_id: int) -> Violation:
    # "A HEADERS frame with the END_STREAM flag set that carries an informational status code is
    # malformed" (section 8.1)
    return Violation(
        rules.INFORMATIONAL_WITH_END_STREAM,
        f"Informational response with END_STREAM on stream {stream_id}",
        stream_id,
    )


def _is_new(conn: Connection, stream_id: int) -> bool:
    """Return whether HEADERS opens a stream; False if the frame is to be discarded."""
    streams = conn.streams
    if stream_id <= streams.highest_inbound or conn.client or not stream_id & 1:
        return _discard(conn, stream_id)
    if stream_id > conn.goaway_sent_last:
        # "After sending a GOAWAY frame, the sender can discard frames for streams initiated by
        # the receiver with identifiers higher than the identified last stream." (section 6.8)
        field_blocks.skip(conn, stream_id)
        return False
    # _check_concurrency, without the call.
    # The look at the limit for the header list has read the settings.
    if streams.open.inbound >= conn.streams_allowed:
        raise _too_many(conn, stream_id, conn.streams_allowed)
    return True


def _discard(conn: Connection, stream_id: int) -> bool:
    """Discard HEADERS on a closed stream, or raise if that is not allowed."""
    streams = conn.streams
    state = streams.state_of(stream_id)
    skipped = state == states.CLOSED and streams.was_skipped(stream_id)
    if (skipped or state == states.IDLE) and conn.client and streams.is_inbound(stream_id):
        raise Violation(
            rules.STREAM_NOT_PROMISED,
            f"Received HEADERS frame on stream {stream_id}, which was not promised",
            stream_id,
        )
    # "The identifier of a newly established stream MUST be numerically greater than all streams
    # that the initiating endpoint has opened or reserved." (section 5.1.1)
    if skipped:
        raise field_blocks.too_low(stream_id, streams.highest_inbound)
    # HEADERS that would open a stream of the other end.
    reaction = states.IDLE_ERROR if state == states.IDLE else _ON_HEADERS[state]
    if reaction != states.IGNORE:
        raise not_allowed(reaction, HEADERS, stream_id)
    abuse.extra_frame(conn, "HEADERS frame on a closed stream")
    return False


def _check_concurrency(conn: Connection, stream_id: int) -> None:
    if conn.streams.open.inbound >= conn.streams_allowed:
        raise _too_many(conn, stream_id, conn.streams_allowed)


def _too_many(conn: Connection, stream_id: int, limit: int) -> Violation:
    # "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream
    # limit to be exceeded MUST treat this as a stream error (Section 5.4.2) of type PROTOCOL_ERROR
    # or REFUSED_STREAM." (section 5.1.2) By default h2 4.4.1 ends the connection, except for
    # promised streams. For a peer that may not know the limit yet, that would be wrong.
    known_limit = conn.announced.acknowledged_stream_limit
    known = not conn.client and known_limit is not None and conn.streams.open.inbound >= known_limit
    return Violation(
        rules.TOO_MANY_STREAMS if known else rules.STREAM_REFUSED,
        f"Stream {stream_id} exceeds the limit of {limit} concurrent streams",
        stream_id,
    )
