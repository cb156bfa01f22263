"""How much content a message has: RFC 9113 sections 8.1.1 and 8.5, RFC 9110 section 8.6."""

from __future__ import annotations

from typing import Final

from h2._compiled import COMPILED
from h2._core.stream import (
    CONNECT_METHOD,
    HEAD_METHOD,
    ORDINARY_METHOD,
    UNKNOWN_METHOD,
    Stream,
)
from h2._frames.describe import name_of
from h2._hpack import FieldSection
from h2._rules import registry as rules
from h2._rules.fields import CONNECT, HEAD, NO_CONTENT, OF_PROXY, PRIORITY, SUCCESSFUL, decimal
from h2._rules.registry import Rule, Violation
from h2.exceptions import InvalidBodyLengthError

#: Fields of a request that affect priorities (RFC 9218).
_SIGNALS: Final = PRIORITY | OF_PROXY


def note_method(stream: Stream, seen: int) -> None:
    """Remember what the method of a request implies for the response."""
    if seen & HEAD:
        stream.method = HEAD_METHOD
    elif seen & CONNECT:
        stream.method = CONNECT_METHOD


def begin_request(stream: Stream, section: FieldSection, signals: list[int] | None) -> None:
    """Remember how much content a request announces.

    Its stream is added to ``signals`` if a field affects priorities.
    """
    if signals is not None and section.seen & _SIGNALS:
        signals.append(stream.stream_id)
    note_method(stream, section.seen)
    # "Content-Length" is ignored in a request that opens a tunnel (RFC 9110 section 9.3.6).
    if section.noted is not None and stream.method != CONNECT_METHOD:
        length = decimal(section.noted) if COMPILED else int(section.noted)
        stream.content_length = stream.remaining = length


def begin_response(stream: Stream, section: FieldSection) -> None:
    """Remember how much content a final response announces."""
    if stream.method != ORDINARY_METHOD and _answers_method(stream, section.seen):
        return
    if section.seen & NO_CONTENT:
        stream.remaining = 0
        return
    # The response to an upgrade may be one to HEAD, so its content-length means nothing.
    if section.noted is None or stream.method == UNKNOWN_METHOD:
        return
    length = decimal(section.noted) if COMPILED else int(section.noted)
    stream.content_length = stream.remaining = length


def _answers_method(stream: Stream, seen: int) -> bool:
    """Return whether the request method alone decides how the response ends; note it if so."""
    if stream.method == CONNECT_METHOD and seen & SUCCESSFUL:
        stream.tunnel = True
        return True
    # "A response that is defined to have no content [...] MAY have a non-zero content-length
    # header field, even though no content is included in DATA frames."
    if stream.method == HEAD_METHOD:
        stream.content_length = stream.remaining = 0
        return True
    return False


def answer_connect(stream: Stream, seen: int) -> None:
    """Note our final response to CONNECT: the stream becomes a tunnel, or was refused."""
    stream.tunnel = bool(seen & SUCCESSFUL)


def wrong_content(stream: Stream, remaining: int) -> Violation:
    """Return the violation for more content than the message announces, or for less at its end."""
    if stream.content_length is None:
        return Violation(
            rules.CONTENT_NOT_ALLOWED,
            f"Received content on stream {stream.stream_id}, whose response cannot have any",
            stream.stream_id,
            InvalidBodyLengthError(0, -remaining),
        )
    return _mismatch(rules.CONTENT_LENGTH_MISMATCH, stream, remaining)


def unmet(stream: Stream, remaining: int) -> Violation:
    """Return the violation for HEADERS that end a message before all of its content arrived."""
    return _mismatch(rules.CONTENT_LENGTH_UNMET, stream, remaining)


def _mismatch(rule: Rule, stream: Stream, remaining: int) -> Violation:
    # "A request or response is also malformed if the value of a content-length header field does
    # not equal the sum of the DATA frame payload lengths that form the content"
    expected = stream.content_length or 0
    received = expected - remaining
    return Violation(
        rule,
        f"content-length is {expected}, received {received} octets",
        stream.stream_id,
        InvalidBodyLengthError(expected, received),
    )


def in_tunnel(type_: int, stream_id: int) -> Violation:
    """Return the violation for a frame that is not allowed in a tunnel (section 8.5)."""
    # "Frame types other than DATA or stream management frames (RST_STREAM, WINDOW_UPDATE, and
    # PRIORITY) MUST NOT be sent on a connected stream and MUST be treated as a stream error
    # (Section 5.4.2) if received." (section 8.5)
    return Violation(
        rules.TUNNEL_FRAME,
        f"Received {name_of(type_)} frame on tunnel stream {stream_id}",
        stream_id,
    )
