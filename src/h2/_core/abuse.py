"""Limits against abuse (RFC 9113 section 10.5): what handlers report, and when it is too much.

The limits are in h2.limits, the counters in h2._rules.abuse. Each function raises a Violation when
its limit is exceeded, and otherwise only counts.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from h2._core.output import ANSWERS_TOGETHER, Output
from h2._core.state import Connection
from h2._core.stream import Stream
from h2._hpack import FieldSection
from h2._rules import registry as rules
from h2._rules.abuse import FOR_FIELD, FOR_OCTET, FREE_PER_STREAM, SmallFrames, TokenBucket
from h2._rules.registry import Rule, Violation
from h2.exceptions import DenialOfServiceError
from h2.limits import Rate
from h2.settings import SettingCodes

_MAX_CONCURRENT_STREAMS: Final = SettingCodes.MAX_CONCURRENT_STREAMS

#: A peer may reset all streams that it may have open, up to this multiple of the burst. Without
#: the bound, a very high stream limit, or none, would switch the limit on resets off.
_MOST_BURSTS: Final = 10

#: An error on a stream that we opened costs about as much as this many other glitches.
_GLITCHES_OF_RESET: Final = 3

#: The event of WINDOW_UPDATE is small: seven octets of memory for each octet received.
_GLITCHES_OF_UPDATE: Final = 0.25

#: RST_STREAM for a stream that the application does not know takes space in the output.
_GLITCHES_OF_REFUSAL: Final = 2

#: Very many fields take long to decode: one glitch for each group of this many.
_FIELDS_OF_GLITCH: Final = 10

#: The events of a promise and its response take as much memory as this many others.
_GLITCHES_OF_PROMISE: Final = 4

#: Each entry of SETTINGS, and the frame itself, takes as much memory in events as this many others.
_GLITCHES_OF_SETTINGS: Final = 2

#: The event of an informational response contains a list of fields.
GLITCHES_OF_INFORMATIONAL: Final = 2

#: GOAWAY may end a stream, and no peer needs more than a few.
GLITCHES_OF_GOAWAY: Final = 10

#: The event for a frame of an unknown type is larger than others.
GLITCHES_OF_UNKNOWN: Final = 5

#: How many small DATA frames may be unacknowledged for each stream that the peer may open.
_SMALL_FOR_STREAM: Final = 16

#: This many octets of the connection window allow one more small DATA frame.
_WINDOW_FOR_SMALL: Final = 8


def crossed(
    rule: Rule, limit: str, allowed: int, seen: int, what: str, stream_id: int = 0
) -> Violation:
    """Return the violation for a limit that was exceeded."""
    message = f"{what}: {seen}, the limit '{limit}' is {allowed}"
    error = DenialOfServiceError(message)
    error.limit, error.allowed, error.seen = limit, allowed, seen
    return Violation(rule, message, stream_id, error)


def _now(conn: Connection) -> float:
    """Return the time; the clock is read once in each call of receive_data."""
    if conn.now is None:
        conn.now = conn.config.clock()
    return conn.now


def _stream_limit(conn: Connection) -> int:
    return conn.local_settings.in_effect.get(_MAX_CONCURRENT_STREAMS, 0)


def _spend(
    conn: Connection, limit: str, rule: Rule, what: str, amount: float = 1, at_least: int = 0
) -> None:
    """Take an amount from a rate; ``at_least`` is the smallest burst."""
    rate: Rate | None = getattr(conn.config.limits, limit)
    if rate is None:
        return
    bucket = conn.conduct.buckets.get(limit)
    if bucket is None:
        bucket = conn.conduct.buckets[limit] = TokenBucket()
    burst = max(rate.burst, min(at_least, _MOST_BURSTS * rate.burst))
    if not bucket.take(amount, burst, rate.per_second, _now(conn)):
        raise crossed(rule, limit, burst, ceil(bucket.used), what)


def reset_by_peer(conn: Connection) -> None:
    """Count a stream that the peer opened and reset."""
    what = "Streams opened and reset by the peer"
    _spend(conn, "resets_received", rules.RAPID_RESET, what, at_least=_stream_limit(conn))


def reset_by_us(conn: Connection, stream: Stream | None, violation: Violation) -> None:
    """Count a stream that we have to reset because of an error by the peer.

    If we opened it, or the application does not know it, these are glitches.
    """
    if stream is None or not conn.streams.is_inbound(stream.stream_id):
        amount = _GLITCHES_OF_REFUSAL if stream is None else _GLITCHES_OF_RESET
        # Only the limits on fields end just a stream.
        fields = getattr(violation.error, "seen", None) or 0
        glitch(conn, "stream error", max(amount, fields // _FIELDS_OF_GLITCH))
        return
    what = "Streams of the peer reset because of its errors"
    _spend(conn, "resets_provoked", rules.PROVOKED_RESETS, what)


def glitch(conn: Connection, what: str, amount: float = 1) -> None:
    """Count something that is legal but has no effect."""
    what = f"Frames without effect, the last one a {what}"
    _spend(conn, "glitches", rules.TOO_MANY_GLITCHES, what, amount)


def extra_frame(conn: Connection, what: str, amount: float = 1) -> None:
    """Count a frame of which ordinary traffic has a few for each stream; any more are glitches."""
    conduct = conn.conduct
    conduct.extras = extras = conduct.extras + amount
    if extras > FREE_PER_STREAM and extras > FREE_PER_STREAM * (conn.streams.ever_opened + 1):
        conduct.extras -= amount
        glitch(conn, what, amount)


def promise(conn: Connection) -> None:
    """Count a promise; it is a glitch if there are more than our requests can account for."""
    most = conn.config.limits.reserved_streams
    if most is None:
        return
    conn.conduct.promises += 1
    # The first identifier is 1, and each request takes the next odd one.
    if conn.conduct.promises > most * ((conn.streams.highest_outbound + 1) // 2):
        glitch(conn, "PUSH_PROMISE frame in excess of the requests sent", _GLITCHES_OF_PROMISE)


def small_update(conn: Connection, before: int, after: int) -> None:
    """Count a small WINDOW_UPDATE; it is a glitch if the octets sent do not account for it.

    The window of the connection was ``before`` and is ``after``.
    """
    if not conn.conduct.is_due_update(before, after):
        extra_frame(conn, "WINDOW_UPDATE frame with a small increment", _GLITCHES_OF_UPDATE)


def late_update(conn: Connection) -> None:
    """Count a WINDOW_UPDATE on a closed stream, unless the octets sent account for it."""
    before = conn.send_windows.connection
    if not conn.conduct.is_due_update(before, before):
        extra_frame(conn, "WINDOW_UPDATE frame on a closed stream")


def acknowledge(conn: Connection, frame: bytes) -> None:
    """Answer PING or SETTINGS."""
    out = conn.out
    # Output.answer, without the call.
    out.chunks.append(frame)
    out.answers = answers = out.answers + 1
    if answers > conn.options.few_answers:
        _check_answers(conn, out)


def _check_answers(conn: Connection, out: Output) -> None:
    """Merge answers from time to time; raise if there are too many."""
    if not out.answers % ANSWERS_TOGETHER:
        out.put_answers_together()
    most = conn.config.limits.pending_answers
    if most is not None and out.answers > most:
        pending = out.count_acknowledgments()
        if pending > most:
            raise crossed(
                rules.PENDING_ANSWERS,
                "pending_answers",
                most,
                pending,
                "PING and SETTINGS acknowledgments that the peer does not read",
            )


def settings_frame(conn: Connection, entries: int) -> None:
    """Count a SETTINGS frame and its entries; every connection has a first one."""
    most = conn.config.limits.settings_entries
    if most is not None and entries > most:
        raise crossed(
            rules.SETTINGS_ENTRIES,
            "settings_entries",
            most,
            entries,
            "Entries in a SETTINGS frame",
        )
    if conn.conduct.settings_came:
        glitch(conn, "SETTINGS frame", _GLITCHES_OF_SETTINGS * (1 + entries))
    else:
        conn.conduct.settings_came = True


def small_data(conn: Connection, length: int, content: bytes) -> None:
    """Count a small DATA frame that does not end its stream."""
    if not content:
        _empty_data(conn)
    small = conn.conduct.small
    if small is None:
        small = conn.conduct.small = SmallFrames(_acknowledged(conn))
    small.octets += length
    small.count += 1
    base = conn.options.few_small_data
    if small.count > base:
        most = max(
            base,
            _SMALL_FOR_STREAM * min(_stream_limit(conn), base),
            conn.window.limit // _WINDOW_FOR_SMALL,
        )
        if small.settle(_acknowledged(conn)) > most:
            raise crossed(
                rules.SMALL_DATA,
                "small_data",
                most,
                small.count,
                "Small DATA frames that have not been acknowledged",
            )


def _acknowledged(conn: Connection) -> int:
    """Return how many octets of content have been acknowledged so far."""
    return conn.window_given + conn.window.handed_back


def _empty_data(conn: Connection) -> None:
    conduct = conn.conduct
    conduct.empty += 1
    if conduct.empty > conn.streams.ever_opened:
        conduct.empty -= 1
        _spend(conn, "empty_data", rules.EMPTY_DATA, "Empty DATA frames")


def check_section(conn: Connection, section: FieldSection, encoded: int, stream_id: int) -> None:
    """Check a field section that is larger than most; ``encoded`` is the length of its block."""
    limits = conn.config.limits
    honest = FOR_FIELD * len(section.fields) + FOR_OCTET * encoded
    honest += conn.decoder.max_allowed_table_size
    if section.size > honest:
        what = "Octets of decoded fields, out of proportion to the octets received"
        _spend(conn, "expansion", rules.FIELD_EXPANSION, what, section.size - honest)
    cookies = sum(field[0] == b"cookie" for field in section.fields)
    others = len(section.fields) - cookies
    if limits.fields is not None and others > limits.fields:
        raise crossed(
            rules.TOO_MANY_FIELDS,
            "fields",
            limits.fields,
            others,
            f"Fields in a message on stream {stream_id}",
            stream_id,
        )
    if limits.cookie_crumbs is not None and cookies > limits.cookie_crumbs:
        raise crossed(
            rules.TOO_MANY_COOKIES,
            "cookie_crumbs",
            limits.cookie_crumbs,
            cookies,
            f"Cookie fields in a message on stream {stream_id}",
            stream_id,
        )
