"""Received field blocks, whatever frames carry them: RFC 9113 sections 4.3 and 10.5.1."""

from __future__ import annotations

from hpack.exceptions import HPACKError, OversizedHeaderListError

from h2._core import abuse
from h2._core.state import Connection, PartialBlock
from h2._hpack import HeaderListTooLarge
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.quote import shortened
from h2._rules.registry import Violation
from h2.exceptions import StreamIDTooLowError


def begin(conn: Connection, block: PartialBlock) -> None:
    """Wait for the CONTINUATION frames of a field block."""
    check_encoded_size(conn, block)
    conn.begin_block(block)


def check_encoded_size(conn: Connection, block: PartialBlock) -> None:
    """Check that a field block is not too long to be accepted."""
    factor = conn.config.limits.encoded_factor
    limit = conn.header_list_limit()
    if factor is not None and block.size > factor * limit:
        raise abuse.crossed(
            rules.FIELD_BLOCK_TOO_LARGE,
            "encoded_factor",
            factor * limit,
            block.size,
            f"Octets of the field block on stream {block.stream_id}, header list limit {limit}",
        )


def not_decoded(stream_id: int, error: HPACKError) -> Violation:
    """Return the violation for a field block after which the decoder is unusable."""
    what = shortened(str(error))  # a foreign decoder may quote the whole block
    if isinstance(error, OversizedHeaderListError):
        return Violation(rules.FIELD_BLOCK_TOO_LARGE, f"Field block on stream {stream_id}: {what}")
    # "A receiver MUST terminate the connection with a connection error (Section 5.4.1) of type
    # COMPRESSION_ERROR if it does not decompress a field block." (section 4.3)
    return Violation(
        rules.FIELD_BLOCK_INVALID, f"Invalid field block on stream {stream_id}: {what}"
    )


def list_too_large(stream_id: int, error: HeaderListTooLarge) -> Violation:
    """Return the violation for fields beyond the limit; the HPACK table has been updated."""
    return Violation(
        rules.FIELD_SECTION_TOO_LARGE, f"Field block on stream {stream_id}: {error}", stream_id
    )


def skip(conn: Connection, stream_id: int) -> None:
    """Count a stream of the peer as opened and reset by us: frames on it are ignored."""
    conn.streams.use_inbound(stream_id)
    conn.streams.remember(stream_id, states.CLOSED_BY_US, conn.max_reset)


def too_low(stream_id: int, highest: int) -> Violation:
    """Return the violation for a stream that is not above the previous ones (section 5.1.1)."""
    return Violation(
        rules.STREAM_ID_TOO_LOW,
        f"Stream {stream_id} is lower than {highest}, the highest stream so far",
        stream_id,
        StreamIDTooLowError(stream_id, highest),
    )
