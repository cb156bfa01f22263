"""Received CONTINUATION: the rest of a field block (RFC 9113 section 6.10)."""

from __future__ import annotations

from h2._core import abuse, field_blocks
from h2._core.frame_checks import check_shape
from h2._core.receive_headers import headers_block
from h2._core.receive_promise import promised_block
from h2._core.state import Connection, PartialBlock
from h2._frames.describe import name_of
from h2._frames.layout import CONTINUATION, END_HEADERS
from h2._rules import registry as rules
from h2._rules.registry import Violation


def continuation(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """CONTINUATION (section 6.10)."""
    check_shape(CONTINUATION, stream_id, payload)
    block = conn.partial_block
    if block is None:
        # "A CONTINUATION frame MUST be preceded by a HEADERS, PUSH_PROMISE or CONTINUATION frame
        # without the END_HEADERS flag set."
        raise Violation(
            rules.CONTINUATION_UNEXPECTED,
            f"Received CONTINUATION frame on stream {stream_id} without a field block to continue",
        )
    if not payload:
        abuse.glitch(conn, "empty CONTINUATION frame")
    block.parts.append(payload)
    block.size += len(payload)
    block.frames += 1
    if block.frames >= conn.max_continuations:
        raise Violation(
            rules.CONTINUATION_FLOOD,
            f"Field block on stream {stream_id} spans more than {conn.max_continuations} frames",
        )
    field_blocks.check_encoded_size(conn, block)
    if flags & END_HEADERS:
        conn.end_block()
        whole = b"".join(block.parts)
        if block.promised_id is None:
            headers_block(conn, stream_id, whole, block.end_stream, block.priority)
        else:
            promised_block(conn, stream_id, block.promised_id, whole)


def interrupted(block: PartialBlock, type_: int, stream_id: int) -> Violation:
    """Return the violation for a frame between the frames of a field block (sections 6.2, 6.10)."""
    # "A receiver MUST treat the receipt of any other type of frame or a frame on a different
    # stream as a connection error (Section 5.4.1) of type PROTOCOL_ERROR."
    return Violation(
        rules.CONTINUATION_MISSING,
        f"Expected CONTINUATION frame on stream {block.stream_id}, "
        f"received {name_of(type_)} on stream {stream_id}",
    )
