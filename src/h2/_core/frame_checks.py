"""Checks of a received frame by itself, and violations for frames in a wrong state."""

from __future__ import annotations

from typing import Final

from h2._frames import decode
from h2._frames.describe import name_of
from h2._frames.layout import (
    DATA,
    KIND_OF,
    ON_CONNECTION,
    ON_STREAM,
    RST_STREAM,
    SHAPES,
    WINDOW_UPDATE,
)
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.registry import Rule, Violation
from h2.exceptions import NoSuchStreamError, StreamClosedError

_REACTION_RULES: Final[dict[int, Rule]] = {
    states.HALF_CLOSED_ERROR: rules.STREAM_HALF_CLOSED,
    states.RESET_ERROR: rules.STREAM_RESET_BY_PEER,
    states.CLOSED_ERROR: rules.STREAM_CLOSED,
    states.IDLE_ERROR: rules.STREAM_IDLE,
    states.RESERVED_ERROR: rules.STREAM_RESERVED,
    states.EARLY_DATA_ERROR: rules.DATA_BEFORE_HEADERS,
    states.PUSH_ERROR: rules.PUSH_PARENT_STATE,
    states.TRAILERS_ERROR: rules.TRAILERS_WITHOUT_END_STREAM,
}


#: Rules that also depend on the type of the frame: h2 4.4.1 does not check these.
_FRAME_RULES: Final[dict[tuple[int, int], Rule]] = {
    (states.IDLE_ERROR, RST_STREAM): rules.RESET_OF_IDLE_STREAM,
    (states.RESERVED_ERROR, DATA): rules.DATA_ON_RESERVED_STREAM,
    (states.RESERVED_ERROR, WINDOW_UPDATE): rules.WINDOW_OF_RESERVED_STREAM,
}


def not_allowed(reaction: int, type_: int, stream_id: int) -> Violation:
    """Return the violation for a frame that the state of its stream forbids (section 5.1)."""
    rule = _FRAME_RULES.get((reaction, type_)) or _REACTION_RULES[reaction]
    reason = states.REACTION_NAMES[reaction].removeprefix("error: ")
    message = f"Received {name_of(type_)} frame on stream {stream_id}: {reason}"
    error: NoSuchStreamError | None = None
    if rule is rules.STREAM_CLOSED:
        error = StreamClosedError(stream_id)
    elif reaction == states.IDLE_ERROR:
        error = NoSuchStreamError(stream_id)
    return Violation(rule, message, stream_id, error)


def check_shape(type_: int, stream_id: int, payload: bytes) -> None:
    """Check the stream identifier and the length of a frame (sections 4.2 and 6)."""
    place, least, most, section = SHAPES[KIND_OF[type_]]
    if place == ON_STREAM and not stream_id:
        raise Violation(
            rules.STREAM_ID_MISSING,
            f"Received {name_of(type_)} frame on stream 0 (section {section})",
        )
    if place == ON_CONNECTION and stream_id:
        raise Violation(
            rules.STREAM_ID_FORBIDDEN,
            f"Received {name_of(type_)} frame on stream {stream_id} (section {section})",
        )
    if not least <= len(payload) <= most:
        raise wrong_size(type_, stream_id, payload)


def wrong_size(type_: int, stream_id: int, payload: bytes) -> Violation:
    """Return the violation for a frame of a length that its type does not allow (section 4.2)."""
    return Violation(
        rules.FRAME_SIZE_WRONG,
        f"Received {name_of(type_)} frame of {len(payload)} octets on stream {stream_id}",
        stream_id,
    )


def unpad(type_: int, stream_id: int, payload: bytes) -> bytes:
    """Return the content of a padded frame (section 6.1)."""
    # "a frame [...] too small to contain mandatory frame data" (section 4.2)
    if not payload:
        raise wrong_size(type_, stream_id, payload)
    content = decode.strip_padding(payload)
    if content is None:
        raise Violation(
            rules.PADDING_TOO_LONG,
            f"Received {name_of(type_)} frame on stream {stream_id} with more padding than payload",
        )
    return content
