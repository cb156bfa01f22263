"""Starting and ending a connection, changing its settings (RFC 9113 sections 3, 6.5, 6.8)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from operator import index
from typing import Any, Final

from h2._core.misuse import check_frame_size
from h2._core.receive_settings import apply_remote_settings, take_received
from h2._core.state import Connection
from h2._core.stream import UNKNOWN_METHOD, Stream
from h2._frames import decode, encode
from h2._frames.layout import ACK, HEADER_LENGTH, MAX_FRAME_SIZE_LOWER, PREFACE, SETTINGS
from h2._rules import connection_states
from h2._rules import registry as rules
from h2._rules import stream_states as states
from h2._rules.flow_control import MAX_WINDOW
from h2._rules.quote import quoted
from h2._rules.registry import Violation
from h2._rules.setting_bounds import (
    INITIAL_WINDOW_SIZE,
    SENDER_BOUNDS,
    priorities_change,
    revocation,
    value_violation,
)
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes

_HEADER_TABLE_SIZE: Final = SettingCodes.HEADER_TABLE_SIZE
_MAX_FRAME_SIZE: Final = SettingCodes.MAX_FRAME_SIZE

#: Octets of the payload of GOAWAY in front of the debug data (section 6.8).
_GOAWAY_FIELDS: Final = 8


def initiate(conn: Connection) -> None:
    """Send the connection preface (section 3.4)."""
    conn.check_send(connection_states.SEND_CONTROL)
    # "The client connection preface starts with a sequence of 24 octets"
    preface = PREFACE if conn.client and not conn.initiated else b""
    # "The SETTINGS frames received from a peer as part of the connection preface MUST be
    # acknowledged (see Section 6.5.3) after sending the connection preface.": so it goes in front
    # of what is already pending.
    settings = conn.local_settings
    values = settings._values
    if conn.config.strict:
        _check_values(conn, values)
    frames = preface + _checked(conn, _first_settings(values))
    # commit
    overtaken = 0
    if conn.initiated:
        conn.out.chunks.append(frames)
    else:
        pending = _pending_settings(conn) if conn.announced.in_flight else 0
        if conn.out.insert_first(frames):
            overtaken = pending
    conn.initiated = True
    settings._told = settings.in_effect
    conn.announced.send_first(values, len(conn.announced.in_flight) - overtaken)
    _follow_local_settings(conn)


def _pending_settings(conn: Connection) -> int:
    """Return how many SETTINGS frames are pending in the output, acknowledgments aside."""
    pending = b"".join(conn.out.chunks)
    count = start = 0
    while start < len(pending):
        high, low, type_, flags, _ = decode.unpack_header(pending, start)
        count += type_ == SETTINGS and not flags & ACK
        start += HEADER_LENGTH + (high << 8 | low)
    return count


class _FirstSettings:
    """A SETTINGS frame and the values it announces."""

    __slots__ = ("frame", "values")

    def __init__(self, values: Mapping[SettingCodes | int, int], frame: bytes) -> None:
        self.values = values
        self.frame = frame


#: The first frames of recent connections. Dicts of values never change, and connections with the
#: initial values share one, so comparing the identity of the dict is enough.
_FIRST_SETTINGS: Final[list[_FirstSettings]] = []
_MOST_FIRST: Final = 4


def _first_settings(values: Mapping[SettingCodes | int, int]) -> bytes:
    """Return the SETTINGS frame for the initial values of a connection."""
    for known in _FIRST_SETTINGS:
        if known.values is values:
            return known.frame
    frame = _encoded_settings(*values.items())
    if len(_FIRST_SETTINGS) >= _MOST_FIRST:
        _FIRST_SETTINGS.clear()
    _FIRST_SETTINGS.append(_FirstSettings(values, frame))
    return frame


@lru_cache(maxsize=8)
def _encoded_settings(*pairs: tuple[int, int]) -> bytes:
    """Return the SETTINGS frame for these values; most connections of a program send the same."""
    return encode.settings(pairs)


def _checked(conn: Connection, frame: bytes) -> bytes:
    """Return the frame if it is not too large for the peer, or raise."""
    check_frame_size(conn, len(frame) - HEADER_LENGTH)
    return frame


def _check_values(conn: Connection, values: Mapping[SettingCodes | int, int]) -> None:
    """Check that we may send these values (section 6.5.2).

    h2 4.4.1 does not reject anything in the initial values of a server: it sends ENABLE_PUSH 1 if
    the program sets it.
    """
    for setting, value in values.items():
        violation = value_violation(setting, value, SENDER_BOUNDS[conn.client])
        if violation is not None:
            raise violation.exception()


def _follow_local_settings(conn: Connection) -> None:
    """Accept what a peer may send that has seen our settings, and one that has not yet."""
    values = conn.local_settings.in_effect
    frame_size = values[_MAX_FRAME_SIZE]
    if frame_size > max(conn.max_inbound_frame_size, MAX_FRAME_SIZE_LOWER):
        conn.max_inbound_frame_size = frame_size
    table_size = values[_HEADER_TABLE_SIZE]
    if table_size > conn.decoder.max_allowed_table_size:
        conn.decoder.max_allowed_table_size = table_size


def update_settings(conn: Connection, changes: Any) -> None:
    """Send SETTINGS with changed values (section 6.5)."""
    conn.check_send(connection_states.SEND_CONTROL)
    if not isinstance(changes, Mapping):
        raise TypeError(f"settings must be a mapping, not {quoted(changes)}")
    values = {setting: index(value) for setting, value in dict(changes).items()}
    enabled = conn.announced.connect_protocol or bool(conn.local_settings.enable_connect_protocol)
    # A frame that is sent before the preface is the first one.
    told = conn.local_settings.no_rfc7540_priorities if conn.initiated else None
    for setting, value in values.items():
        violation = value_violation(setting, value, SENDER_BOUNDS[conn.client])
        violation = violation or revocation(setting, value, enabled)
        if conn.config.strict:
            violation = violation or priorities_change(setting, value, told)
        if violation is not None:
            raise violation.exception()
    size = values.get(INITIAL_WINDOW_SIZE)
    if size is not None:
        _check_receive_windows(conn, size)
    frame = _checked(conn, encode.settings(values.items()))
    # commit
    conn.out.chunks.append(frame)
    conn.announced.send(values)
    conn.local_settings.supersede(values)


def _check_receive_windows(conn: Connection, size: int) -> None:
    """Check that a new initial window leaves the window of every stream legal (6.9.2)."""
    change = size - conn.recv_initial_window()
    if change <= 0:
        return
    largest = max((stream.window.limit for stream in conn.streams.table.values()), default=0)
    if largest + change > MAX_WINDOW:
        raise Violation(
            rules.RECEIVE_WINDOW_OVERFLOW,
            f"INITIAL_WINDOW_SIZE {size} makes a flow-control window exceed {MAX_WINDOW}",
        ).exception()


def initiate_upgrade(conn: Connection, settings_header: Any) -> bytes | None:
    """Start after an HTTP/1.1 upgrade (RFC 7540 section 3.2): stream 1 holds that request."""
    conn.check_send(connection_states.SEND_CONTROL)
    if conn.streams.is_used(1):
        raise too_late()
    returned = None
    pairs: list[tuple[int, int]] = []
    if conn.client:
        payload = encode.settings_payload(conn.local_settings.listed().items())
        returned = base64.urlsafe_b64encode(payload)
    elif settings_header:
        pairs = _upgrade_settings(conn, settings_header)
    initiate(conn)
    if pairs:
        conn.events = []  # the application passed the settings on itself: no event
        apply_remote_settings(conn, pairs)
        conn.events = conn.no_events
    conn.upgraded = True
    state = states.HALF_LOCAL_WAITING if conn.client else states.HALF_REMOTE_WAITING
    stream = Stream(1, state, conn.recv_initial_window())
    if conn.client:
        stream.method = UNKNOWN_METHOD
    conn.streams.add(stream)
    return returned


def too_late() -> H2Error:
    """Return the exception for an upgrade after requests."""
    return Violation(
        rules.UPGRADE_TOO_LATE, "Cannot upgrade: stream 1 has already been used"
    ).exception()


def _upgrade_settings(conn: Connection, header: Any) -> list[tuple[int, int]]:
    """Return the settings of an HTTP2-Settings field, checked (RFC 7540 section 3.2.1)."""
    try:
        text = header.encode("ascii") if isinstance(header, str) else bytes(memoryview(header))
        # No padding is missing: whole settings are multiples of six octets.
        payload = base64.b64decode(text.strip(), b"-_", validate=True)
        if len(payload) % 6:
            raise ValueError("not a SETTINGS payload")
    except (ValueError, TypeError, binascii.Error) as error:
        raise Violation(
            rules.UPGRADE_SETTINGS_INVALID, f"Invalid HTTP2-Settings field: {error}"
        ).exception() from None
    pairs = list(decode.settings(payload))
    try:
        take_received(conn, copy(conn.remote_settings), pairs)
    except Violation as violation:
        # Its traceback refers to frames that refer to it; the exception would keep this cycle.
        violation.__traceback__ = None
        raise violation.exception() from None
    return pairs


def close(conn: Connection, error_code: int, debug_data: bytes, last_stream_id: Any) -> None:
    """Send GOAWAY (section 6.8): with NO_ERROR existing streams continue, else nothing does."""
    graceful = error_code == ErrorCodes.NO_ERROR
    state = conn.transitions[
        connection_states.SEND_GOAWAY if graceful else connection_states.SEND_GOAWAY_ERROR
    ]
    previous = conn.goaway_sent_last
    if last_stream_id is None:
        last_stream_id = min(conn.streams.highest_inbound, previous)
    elif index(last_stream_id) > previous:
        # "Endpoints MUST NOT increase the value they send in the last stream identifier"
        raise Violation(
            rules.LAST_STREAM_ID_RAISED,
            f"last_stream_id {last_stream_id} is higher than {previous}, which was sent earlier",
        ).exception()
    check_frame_size(conn, _GOAWAY_FIELDS + len(debug_data))
    conn.out.chunks.append(encode.goaway(last_stream_id, error_code, debug_data))
    conn.goaway_sent_last = last_stream_id
    if state == connection_states.TERMINATED:
        conn.end()
    else:
        conn.enter(state)


def next_stream_id(conn: Connection, highest: int) -> int:
    """Return the identifier of the next stream that we can open or promise (section 5.1.1)."""
    used = conn.streams.highest_outbound
    following = used + 2 if used else (1 if conn.client else 2)
    if following > highest:
        raise no_more_ids()
    return following


def no_more_ids() -> H2Error:
    """Return the exception for a connection on which no more streams can be opened."""
    return Violation(
        rules.STREAM_IDS_EXHAUSTED, "All stream identifiers have been used"
    ).exception()
