"""Received SETTINGS and their acknowledgments: RFC 9113 sections 6.5 and 6.9.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from h2._core.faults import is_enforced
from h2._core.flow_control import change_send_windows, follow_initial_window
from h2._core.frame_checks import check_shape, wrong_size
from h2._core.state import Connection
from h2._frames import decode, encode
from h2._frames.layout import ACK, SETTINGS
from h2._rules import registry as rules
from h2._rules.registry import Violation
from h2._rules.setting_bounds import (
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
)
from h2.events import RemoteSettingsChanged, SettingsAcknowledged
from h2.exceptions import InvalidSettingsValueError

_new: Final = object.__new__


def settings(conn: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """SETTINGS (section 6.5), and its acknowledgment (6.5.3)."""
    if stream_id:
        check_shape(SETTINGS, stream_id, payload)
    if flags & ACK:
        _settings_ack(conn, payload)
        return
    # "A SETTINGS frame with a length other than a multiple of 6 octets MUST be treated as
    # a connection error (Section 5.4.1) of type FRAME_SIZE_ERROR." (section 6.5)
    if len(payload) % 6:
        raise wrong_size(SETTINGS, stream_id, payload)
    apply_remote_settings(conn, list(decode.settings(payload)))
    # "Once all values have been processed, the recipient MUST immediately emit a SETTINGS frame
    # with the ACK flag set." (section 6.5.3)
    conn.out.answer(encode.SETTINGS_ACK)


def apply_remote_settings(conn: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Apply the peer's settings and report them (section 6.5.3)."""
    remote = conn.remote_settings
    try:
        changed = remote._apply(pairs)
    except InvalidSettingsValueError as error:
        raise Violation(rules.SETTING_INVALID, str(error), 0, error) from None
    values = remote._values
    if INITIAL_WINDOW_SIZE in changed and values[INITIAL_WINDOW_SIZE] != conn.send_windows.initial:
        change_send_windows(conn, values[INITIAL_WINDOW_SIZE])
    if MAX_FRAME_SIZE in changed:
        conn.max_outbound_frame_size = values[MAX_FRAME_SIZE]
    encoder = conn.planner.encoder
    if HEADER_TABLE_SIZE in changed and (
        len(changed) != len(pairs) or values[HEADER_TABLE_SIZE] != encoder.header_table_size
    ):
        # Each value in its turn: the smallest one has to be signaled (RFC 7541 section 4.2).
        for code, value in pairs:
            if code == HEADER_TABLE_SIZE:
                encoder.header_table_size = value
    event = _new(RemoteSettingsChanged)
    event.changed_settings = changed
    conn.events.append(event)


def _settings_ack(conn: Connection, payload: bytes) -> None:
    # "Receipt of a SETTINGS frame with the ACK flag set and a length field value other than 0
    # MUST be treated as a connection error (Section 5.4.1) of type FRAME_SIZE_ERROR."
    if payload:
        raise wrong_size(SETTINGS, 0, payload)
    # "SETTINGS frames are acknowledged in the order in which they are received" (section 6.5.3)
    if not conn.settings_sent:
        if is_enforced(conn, rules.SETTINGS_ACK_UNSOLICITED):
            raise Violation(
                rules.SETTINGS_ACK_UNSOLICITED,
                "Received acknowledgment of SETTINGS that was not sent",
            )
        conn.events.append(SettingsAcknowledged())
        return
    conn.settings_sent -= 1
    before = conn.recv_initial_window()
    changed = conn.local_settings._acknowledge_frame()
    if changed or not conn.settings_confirmed:
        conn.settings_confirmed = True
        if MAX_FRAME_SIZE in changed:
            conn.max_inbound_frame_size = conn.local_settings.max_frame_size
        if MAX_HEADER_LIST_SIZE in changed:
            # What was set last counts: this, or what the application sets on the decoder.
            conn.decoder.max_header_list_size = changed[MAX_HEADER_LIST_SIZE].new_value
        _insist_on_local_settings(conn, before)
    event = _new(SettingsAcknowledged)
    event.changed_settings = changed
    conn.events.append(event)


def _insist_on_local_settings(conn: Connection, window_before: int) -> None:
    """Enforce our settings from now on: the peer knows them (sections 6.5.3 and 6.9.2)."""
    local = conn.local_settings
    table_size = local.header_table_size
    if table_size != conn.decoder.max_allowed_table_size:
        conn.decoder.max_allowed_table_size = table_size
    change = local.initial_window_size - window_before
    if change:
        follow_initial_window(conn, change)
