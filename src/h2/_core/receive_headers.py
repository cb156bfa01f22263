"""Received field blocks: HEADERS, PUSH_PROMISE, CONTINUATION (RFC 9113 sections 4.3, 6, 8)."""

from __future__ import annotations

from typing import Any, Final

from hpack.exceptions import HPACKError, OversizedHeaderListError

from h2._core import framing
from h2._core.frame_checks import check_shape, not_allowed, unpad, wrong_size
from h2._core.inbound_fields import checked_fields
from h2._core.receive import priority_event
from h2._core.state import Connection, PartialBlock
from h2._core.stream import HEAD_METHOD, Stream
from h2._frames import decode
from h2._frames.describe import name_of
from h2._frames.encode import rst_stream
from h2._frames.layout import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PRIORITY_FLAG,
    PUSH_PROMISE,
)
from h2._hpack import FieldSection, HeaderListTooLarge
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.fields import (
    CONNECT,
    CONTENT_LENGTH,
    INFORMATIONAL,
    PUSHABLE,
    REQUEST,
    RESPONSE,
)
from h2._rules.registry import Violation
from h2._rules.setting_bounds import MAX_CONCURRENT_STREAMS
from h2.errors import ErrorCodes
from h2.events import (
    InformationalResponseReceived,
    PushedStreamReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from h2.exceptions import StreamIDTooLowError

#: Depends on, weight, exclusive.
Priority = tuple[int, int, bool]

_new: Final = object.__new__

_ON_HEADERS: Final = states.TABLE[states.RECV_HEADERS]
_ON_HEADERS_END: Final = states.TABLE[states.RECV_HEADERS_END]
_ON_INFORMATIONAL: Final = states.TABLE[states.RECV_INFORMATIONAL]
_ON_PUSH_PROMISE: Final = states.TABLE[states.RECV_PUSH_PROMISE]
_RECEIVED_KIND: Final = states.RECEIVED_KIND
_IDLE: Final = states.IDLE
_FIRST_COUNTED: Final = states.FIRST_COUNTED
_CLOSED: Final = states.CLOSED
_RESERVED_REMOTE: Final = states.RESERVED_REMOTE

#: What a field block of each kind is reported as.
_EVENTS: Final = (RequestReceived, ResponseReceived, TrailersReceived)

#: Encoded blocks are refused beyond this multiple of the header list limit. An encoder that codes
#: strings only where that makes them shorter stays below the limit itself, for 32 octets a field
#: count in addition (section 6.5.2); so this leaves room for a clumsy one.
_ENCODED_FACTOR: Final = 2


#: So many promises without a response are kept: a server must not make us hold any number of them.
#: nghttp2 has the same limit; servers that push promise what one page needs.
_MOST_PROMISES: Final = 200


def headers(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """HEADERS (section 6.2)."""
    if not stream_id:
        check_shape(HEADERS, stream_id, payload)
    if flags & PADDED:
        payload = unpad(HEADERS, stream_id, payload)
    fields: Priority | None = None
    if flags & PRIORITY_FLAG:
        if len(payload) < 5:
            raise wrong_size(HEADERS, stream_id, payload)
        fields = decode.priority(payload)
        payload = payload[5:]
    if flags & END_HEADERS:
        _headers_block(conn, stream_id, payload, bool(flags & END_STREAM), fields)
    else:
        _begin_block(conn, PartialBlock(stream_id, payload, bool(flags & END_STREAM), fields, 0))


def push_promise(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """PUSH_PROMISE (section 6.6)."""
    if flags & PADDED:
        payload = unpad(PUSH_PROMISE, stream_id, payload)
    check_shape(PUSH_PROMISE, stream_id, payload)
    promised_id = decode.stream_id(payload)
    if flags & END_HEADERS:
        _promised_block(conn, stream_id, promised_id, payload[4:])
    else:
        _begin_block(conn, PartialBlock(stream_id, payload[4:], False, None, promised_id))


def continuation(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """CONTINUATION (section 6.10)."""
    check_shape(CONTINUATION, stream_id, payload)
    block = conn.partial_block
    if block is None:
        # "A CONTINUATION frame MUST be preceded by a HEADERS, PUSH_PROMISE or CONTINUATION frame
        # without the END_HEADERS flag set."
        raise Violation(
            rules.CONTINUATION_UNEXPECTED,
            f"Received CONTINUATION frame on stream {stream_id} that continues no field block",
        )
    block.parts.append(payload)
    block.size += len(payload)
    block.frames += 1
    if block.frames >= conn.max_continuations:
        raise Violation(
            rules.CONTINUATION_FLOOD,
            f"Field block on stream {stream_id} in more than {conn.max_continuations} frames",
        )
    _check_encoded_size(conn, block)
    if flags & END_HEADERS:
        conn.partial_block = None
        whole = b"".join(block.parts)
        if block.promised_id:
            _promised_block(conn, stream_id, block.promised_id, whole)
        else:
            _headers_block(conn, stream_id, whole, block.end_stream, block.priority)


def interrupted(block: PartialBlock, type_: int, stream_id: int) -> Violation:
    """Return the violation for a frame between the frames of a field block (sections 6.2, 6.10)."""
    # "A receiver MUST treat the receipt of any other type of frame or a frame on a different
    # stream as a connection error (Section 5.4.1) of type PROTOCOL_ERROR."
    return Violation(
        rules.CONTINUATION_MISSING,
        f"Expected CONTINUATION frame on stream {block.stream_id}, "
        f"received {name_of(type_)} on stream {stream_id}",
    )


def _begin_block(conn: Connection, block: PartialBlock) -> None:
    _check_encoded_size(conn, block)
    conn.partial_block = block


def _check_encoded_size(conn: Connection, block: PartialBlock) -> None:
    limit = conn.header_list_limit()
    if block.size > _ENCODED_FACTOR * limit:
        raise Violation(
            rules.FIELD_BLOCK_TOO_LARGE,
            f"Field block on stream {block.stream_id} is larger than {_ENCODED_FACTOR} times "
            f"the header list limit of {limit} octets",
        )


def _not_decoded(stream_id: int, error: HPACKError) -> Violation:
    """Return the violation for a field block after which the decoder is of no further use."""
    if isinstance(error, OversizedHeaderListError):
        return Violation(rules.FIELD_BLOCK_TOO_LARGE, f"Field block on stream {stream_id}: {error}")
    # "A receiver MUST terminate the connection with a connection error (Section 5.4.1) of type
    # COMPRESSION_ERROR if it does not decompress a field block." (section 4.3)
    return Violation(
        rules.FIELD_BLOCK_INVALID, f"Invalid field block on stream {stream_id}: {error}"
    )


def _list_too_large(stream_id: int, error: HeaderListTooLarge) -> Violation:
    return Violation(
        rules.FIELD_SECTION_TOO_LARGE, f"Field block on stream {stream_id}: {error}", stream_id
    )


def _headers_block(
    conn: Connection, stream_id: int, data: bytes, end_stream: bool, priority: Priority | None
) -> None:
    """Handle the complete field block of HEADERS."""
    # Decompressed whatever becomes of the frame: the table has to follow the peer's (section 4.3).
    stream = conn.streams.get(stream_id)
    try:
        section = conn.decoder.decode(data, conn.header_list_limit())
    except HeaderListTooLarge as error:
        if stream is None and not _is_new(conn, stream_id):
            return
        raise _list_too_large(stream_id, error) from None
    except HPACKError as error:
        raise _not_decoded(stream_id, error) from None
    state, kind = _IDLE, REQUEST
    if stream is not None:
        state = stream.state
        kind = _RECEIVED_KIND[state]
    elif not _is_new(conn, stream_id):
        return
    after = (_ON_HEADERS_END if end_stream else _ON_HEADERS)[state]
    interim = section.seen & INFORMATIONAL if kind == RESPONSE else 0
    if interim:
        after = _ON_INFORMATIONAL[state]
    if after < 0:
        raise _not_now(stream, after, stream_id)
    fields = checked_fields(conn, kind, section, stream_id)
    priority_updated = None if priority is None else priority_event(stream_id, priority)
    if stream is None:
        stream = Stream(stream_id, after, conn.recv_initial_window())
        if section.seen & (CONTENT_LENGTH | CONNECT):
            framing.begin_message(stream, kind, section)
        if end_stream and stream.remaining:
            raise framing.unmet(stream, stream.remaining)
        conn.streams.add(stream)
    else:
        if state == _RESERVED_REMOTE:
            _check_concurrency(conn, stream_id)
        if interim and end_stream:
            raise _ended_early(stream_id)
        if kind == RESPONSE and not interim:
            framing.begin_message(stream, kind, section)
        elif stream.tunnel:
            raise framing.in_tunnel(HEADERS, stream_id)
        if end_stream and stream.remaining:
            raise framing.unmet(stream, stream.remaining)
        if state >= _FIRST_COUNTED and after < _CLOSED:
            stream.state = after
        else:
            conn.streams.move(stream, after, conn.max_reset)
    event: Any = _new(InformationalResponseReceived if interim else _EVENTS[kind])
    event.stream_id = stream_id
    event.headers = fields
    conn.events.append(event)
    if end_stream:
        ended = event.stream_ended = _new(StreamEnded)
        ended.stream_id = stream_id
        conn.events.append(ended)
    if priority_updated is not None:
        event.priority_updated = priority_updated
        conn.events.append(priority_updated)


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
    """Tell whether HEADERS opens a stream; False where the frame is to be discarded."""
    streams = conn.streams
    if stream_id <= streams.highest_inbound or conn.client or not stream_id & 1:
        return _discard(conn, stream_id)
    if stream_id > conn.goaway_sent_last:
        # "After sending a GOAWAY frame, the sender can discard frames for streams initiated by
        # the receiver with identifiers higher than the identified last stream." (section 6.8)
        _skip(conn, stream_id)
        return False
    _check_concurrency(conn, stream_id)
    return True


def _skip(conn: Connection, stream_id: int) -> None:
    """Count a stream of the peer as opened and reset by us: frames on it are ignored."""
    conn.streams.use_inbound(stream_id)
    conn.streams.remember(stream_id, states.CLOSED_BY_US, conn.max_reset)


def _discard(conn: Connection, stream_id: int) -> bool:
    """Discard HEADERS on a stream that is closed, or raise where that is not allowed."""
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
        raise _too_low(stream_id, streams.highest_inbound)
    # HEADERS that opens a stream of the other end.
    reaction = states.IDLE_ERROR if state == states.IDLE else _ON_HEADERS[state]
    if reaction != states.IGNORE:
        raise not_allowed(reaction, HEADERS, stream_id)
    return False


def _too_low(stream_id: int, highest: int) -> Violation:
    return Violation(
        rules.STREAM_ID_TOO_LOW,
        f"Stream {stream_id} is lower than {highest}, the highest one so far",
        stream_id,
        StreamIDTooLowError(stream_id, highest),
    )


def _check_concurrency(conn: Connection, stream_id: int) -> None:
    # "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream
    # limit to be exceeded MUST treat this as a stream error (Section 5.4.2) of type PROTOCOL_ERROR
    # or REFUSED_STREAM." (section 5.1.2) By default the published API ends the connection, but not
    # for promised streams, nor should it for a peer that cannot know of the limit yet.
    limit = conn.local_settings.in_effect.get(MAX_CONCURRENT_STREAMS)
    if limit is not None and conn.streams.inbound_open >= limit:
        known = not conn.client and conn.announced.acknowledged_stream_limit is not None
        raise Violation(
            rules.TOO_MANY_STREAMS if known else rules.STREAM_REFUSED,
            f"Stream {stream_id} exceeds the limit of {limit} concurrent streams",
            stream_id,
        )


def _promised_block(conn: Connection, stream_id: int, promised_id: int, data: bytes) -> None:
    """Handle the complete field block of PUSH_PROMISE (sections 6.6 and 8.4)."""
    section: FieldSection | None = None
    too_large: HeaderListTooLarge | None = None
    try:
        section = conn.decoder.decode(data, conn.header_list_limit())
    except HeaderListTooLarge as error:
        too_large = error
    except HPACKError as error:
        raise _not_decoded(stream_id, error) from None
    reaction = _check_promise(conn, stream_id, promised_id)
    if promised_id > conn.goaway_sent_last:
        _skip(conn, promised_id)
    elif reaction == states.IGNORE:
        # "an endpoint that has sent RST_STREAM on the associated stream MUST handle PUSH_PROMISE
        # frames that might have been created before the RST_STREAM frame is received"
        _skip(conn, promised_id)
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
        _skip(conn, promised_id)
        raise framing.in_tunnel(PUSH_PROMISE, stream_id)
    elif too_large is not None:
        raise _list_too_large(promised_id, too_large)
    elif section is not None:
        _reserve(conn, stream_id, promised_id, section)


def _check_promise(conn: Connection, stream_id: int, promised_id: int) -> int:
    """Check who promises what; return what the state of the associated stream says to it."""
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
    # For h2 4.4.1 promises that it refused are as if they had never been.
    refused = reaction == states.IGNORE or (reaction < 0 and stream_id in streams)
    if (
        refused
        or promised_id > streams.highest_promised
        or streams.state_of(promised_id) in (states.CLOSED_BY_US, states.CLOSED_BY_PEER)
    ):
        raise Violation(
            rules.PROMISE_REPEATED,
            f"Stream {promised_id} was promised before, or is lower than one that was",
            promised_id,
        )
    raise _too_low(promised_id, streams.highest_inbound)


def _reserve(conn: Connection, stream_id: int, promised_id: int, section: FieldSection) -> None:
    """Take in the stream that a valid promise reserves."""
    streams = conn.streams
    # Streams that are reserved count for no limit that the peer knows (section 5.1.2).
    if len(streams) - streams.inbound_open - streams.outbound_open >= _MOST_PROMISES:
        raise Violation(
            rules.STREAM_REFUSED,
            f"Stream {promised_id} exceeds the limit of {_MOST_PROMISES} promised streams",
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
    streams.add(stream)
    streams.highest_promised = promised_id
    event: Any = PushedStreamReceived()
    event.pushed_stream_id = promised_id
    event.parent_stream_id = stream_id
    event.headers = fields
    conn.events.append(event)


def _note_request(stream: Stream, section: FieldSection) -> bool:
    """Remember what the response to a promised request depends on; False if it is not safe."""
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
