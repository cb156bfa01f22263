"""Limits against abuse (RFC 9113 section 10.5): what handlers report, and when it is too much.

The numbers are in h2.limits, what was counted so far in h2._rules.abuse. Each function raises
a Violation when its limit is crossed, and does nothing but count otherwise.
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

#: A peer that may have more streams open may reset them all, up to this multiple of the burst: no
#: limit of streams, or a very high one, would switch the limit of resets off otherwise.
_MOST_BURSTS: Final = 10

#: A fault on a stream that we opened costs about as much as so many other glitches.
_GLITCHES_OF_RESET: Final = 3

#: The event of WINDOW_UPDATE is small: seven octets of memory for each octet that came.
_GLITCHES_OF_UPDATE: Final = 0.25

#: RST_STREAM for a stream that the application does not know takes octets of the output.
_GLITCHES_OF_REFUSAL: Final = 2

#: Very many fields take long to decode: one glitch for so many of them.
_FIELDS_OF_GLITCH: Final = 10

#: The events of a promise and its response take as much memory as those of so many others.
_GLITCHES_OF_PROMISE: Final = 4

#: Each entry of SETTINGS, and the frame itself, takes as much memory in events as so many others.
_GLITCHES_OF_SETTINGS: Final = 2

#: The event of an informational response has a list of fields.
GLITCHES_OF_INFORMATIONAL: Final = 2

#: GOAWAY may end a stream, and no peer needs more than a few.
GLITCHES_OF_GOAWAY: Final = 10

#: The event for a frame of an unknown type is larger than others.
GLITCHES_OF_UNKNOWN: Final = 5

#: For each stream that the peer may open, so many small DATA frames may be unacknowledged.
_SMALL_FOR_STREAM: Final = 16

#: So many octets of the connection window allow another small DATA frame.
_WINDOW_FOR_SMALL: Final = 8


def crossed(
    rule: Rule, limit: str, allowed: int, seen: int, what: str, stream_id: int = 0
) -> Violation:
    """Return the violation for a limit that was crossed."""
    message = f"{what}: {seen}, the limit '{limit}' is {allowed}"
    error = DenialOfServiceError(message)
    error.limit, error.allowed, error.seen = limit, allowed, seen
    return Violation(rule, message, stream_id, error)


def _now(conn: Connection) -> float:
    """Return the time; the clock is asked once in a call of receive_data."""
    if conn.now is None:
        conn.now = conn.config.clock()
    return conn.now


def _stream_limit(conn: Connection) -> int:
    return conn.local_settings.in_effect.get(_MAX_CONCURRENT_STREAMS, 0)


def _spend(
    conn: Connection, limit: str, rule: Rule, what: str, amount: float = 1, at_least: int = 0
) -> None:
    """Take so many from a rate; ``at_least`` is the smallest burst."""
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
    what = "Streams that the peer opened and reset"
    _spend(conn, "resets_received", rules.RAPID_RESET, what, at_least=_stream_limit(conn))


def reset_by_us(conn: Connection, stream: Stream | None, violation: Violation) -> None:
    """Count a stream that we have to reset because of a fault of the peer.

    Where we opened it, or it is none that the application knows, these are glitches.
    """
    if stream is None or not conn.streams.is_inbound(stream.stream_id):
        amount = _GLITCHES_OF_REFUSAL if stream is None else _GLITCHES_OF_RESET
        # Of the limits, those of fields are the ones that end a stream alone.
        fields = getattr(violation.error, "seen", None) or 0
        glitch(conn, "stream error", max(amount, fields // _FIELDS_OF_GLITCH))
        return
    what = "Streams of the peer that had to be reset because of its faults"
    _spend(conn, "resets_provoked", rules.PROVOKED_RESETS, what)


def glitch(conn: Connection, what: str, amount: float = 1) -> None:
    """Count something that is legal and does nothing."""
    what = f"Frames that do nothing, the last one a {what}"
    _spend(conn, "glitches", rules.TOO_MANY_GLITCHES, what, amount)


def extra_frame(conn: Connection, what: str, amount: float = 1) -> None:
    """Count a frame of which ordinary traffic has some for each stream, beyond that a glitch."""
    conduct = conn.conduct
    conduct.extras = extras = conduct.extras + amount
    if extras > FREE_PER_STREAM and extras > FREE_PER_STREAM * (conn.streams.ever_opened + 1):
        conduct.extras -= amount
        glitch(conn, what, amount)


def promise(conn: Connection) -> None:
    """Count a promise; beyond the promises that each request of ours may bring it is a glitch."""
    most = conn.config.limits.reserved_streams
    if most is None:
        return
    conn.conduct.promises += 1
    # The first identifier is 1, and each request takes the next odd one.
    if conn.conduct.promises > most * ((conn.streams.highest_outbound + 1) // 2):
        glitch(conn, "PUSH_PROMISE frame beyond what requests bring", _GLITCHES_OF_PROMISE)


def small_update(conn: Connection, before: int, after: int) -> None:
    """Count a small WINDOW_UPDATE; beyond what follows from the octets sent it is a glitch.

    The window of the connection was ``before`` and is ``after``.
    """
    if not conn.conduct.is_due_update(before, after):
        extra_frame(conn, "WINDOW_UPDATE frame of a small increment", _GLITCHES_OF_UPDATE)


def late_update(conn: Connection) -> None:
    """Count a WINDOW_UPDATE on a stream that is over, unless it follows from the octets sent."""
    before = conn.send_windows.connection
    if not conn.conduct.is_due_update(before, before):
        extra_frame(conn, "WINDOW_UPDATE frame on a stream that is over")


def acknowledge(conn: Connection, frame: bytes) -> None:
    """Answer PING or SETTINGS."""
    out = conn.out
    # Output.answer, without the call.
    out.append(frame)
    out.answers = answers = out.answers + 1
    if answers > conn.config._few_answers:
        _check_answers(conn, out)


def _check_answers(conn: Connection, out: Output) -> None:
    """Put answers together from time to time; refuse too many of them."""
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
                "Acknowledgments of PING and SETTINGS that the peer does not read",
            )


def settings_frame(conn: Connection, entries: int) -> None:
    """Count a SETTINGS frame and its entries; the first one is part of every connection."""
    most = conn.config.limits.settings_entries
    if most is not None and entries > most:
        raise crossed(
            rules.SETTINGS_ENTRIES,
            "settings_entries",
            most,
            entries,
            "Entries of a SETTINGS frame",
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
    base = conn.config.limits.small_data
    if base is not None and small.count > base:
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
                "Small DATA frames that are not acknowledged",
            )


def _acknowledged(conn: Connection) -> int:
    """Return how many octets of content were ever handed back to flow control."""
    return conn.window_given + conn.window.handed_back


def _empty_data(conn: Connection) -> None:
    conduct = conn.conduct
    conduct.empty += 1
    if conduct.empty > conn.streams.ever_opened:
        conduct.empty -= 1
        _spend(conn, "empty_data", rules.EMPTY_DATA, "DATA frames without content")


def check_section(conn: Connection, section: FieldSection, encoded: int, stream_id: int) -> None:
    """Look at a field section that is larger than most; ``encoded`` is the length of its block."""
    limits = conn.config.limits
    honest = FOR_FIELD * len(section.fields) + FOR_OCTET * encoded
    honest += conn.decoder.max_allowed_table_size
    if section.size > honest:
        what = "Octets of fields beyond what the octets received can honestly encode"
        _spend(conn, "expansion", rules.FIELD_EXPANSION, what, section.size - honest)
    cookies = sum(field[0] == b"cookie" for field in section.fields)
    others = len(section.fields) - cookies
    if limits.fields is not None and others > limits.fields:
        raise crossed(
            rules.TOO_MANY_FIELDS,
            "fields",
            limits.fields,
            others,
            f"Fields of a message on stream {stream_id}",
            stream_id,
        )
    if limits.cookie_crumbs is not None and cookies > limits.cookie_crumbs:
        raise crossed(
            rules.TOO_MANY_COOKIES,
            "cookie_crumbs",
            limits.cookie_crumbs,
            cookies,
            f"Cookie fields of a message on stream {stream_id}",
            stream_id,
        )
