"""Received SETTINGS and their acknowledgments: RFC 9113 sections 6.5 and 6.9.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from h2._core import abuse
from h2._core.faults import is_enforced
from h2._core.flow_control import change_send_windows, follow_initial_window
from h2._core.frame_checks import check_shape, wrong_size
from h2._core.state import Connection
from h2._frames import decode, encode
from h2._frames.layout import ACK, SETTINGS
from h2._rules import registry as rules
from h2._rules.registry import Violation
from h2._rules.setting_bounds import (
    ENABLE_CONNECT_PROTOCOL,
    HEADER_TABLE_SIZE,
    NO_RFC7540_PRIORITIES,
    priorities_change,
    revocation,
    value_violation,
)
from h2.events import RemoteSettingsChanged, SettingsAcknowledged
from h2.settings import ChangedSetting, SettingCodes, Settings

# Looking up a setting is fastest with the object that is the key.
_HEADER_TABLE_SIZE: Final = SettingCodes.HEADER_TABLE_SIZE
_INITIAL_WINDOW_SIZE: Final = SettingCodes.INITIAL_WINDOW_SIZE
_MAX_FRAME_SIZE: Final = SettingCodes.MAX_FRAME_SIZE
_MAX_HEADER_LIST_SIZE: Final = SettingCodes.MAX_HEADER_LIST_SIZE

_new: Final = object.__new__

# The arguments of `_new`: a tuple that exists costs less than one that each call creates.
_REMOTE_SETTINGS_CHANGED: Final[tuple[Any, ...]] = (RemoteSettingsChanged,)
_SETTINGS_ACKNOWLEDGED: Final[tuple[Any, ...]] = (SettingsAcknowledged,)


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
    abuse.settings_frame(conn, len(payload) // 6)
    apply_remote_settings(conn, decode.settings(payload))
    # "Once all values have been processed, the recipient MUST immediately emit a SETTINGS frame
    # with the ACK flag set." (section 6.5.3)
    abuse.acknowledge(conn, encode.SETTINGS_ACK)


def apply_remote_settings(conn: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Apply the peer's settings and report them (section 6.5.3)."""
    changed = take_received(conn, conn.remote_settings, pairs)
    values = conn.remote_settings.in_effect
    if (
        _INITIAL_WINDOW_SIZE in changed
        and values[_INITIAL_WINDOW_SIZE] != conn.send_windows.initial
    ):
        change_send_windows(conn, values[_INITIAL_WINDOW_SIZE])
    if _MAX_FRAME_SIZE in changed:
        conn.max_outbound_frame_size = values[_MAX_FRAME_SIZE]
    encoder = conn.planner.encoder
    if _HEADER_TABLE_SIZE in changed and (
        len(changed) != len(pairs) or values[_HEADER_TABLE_SIZE] != encoder.header_table_size
    ):
        # Each value in turn: the smallest one must be signaled (RFC 7541 section 4.2).
        for code, value in pairs:
            if code == HEADER_TABLE_SIZE:
                encoder.header_table_size = value
    event = _new(*_REMOTE_SETTINGS_CHANGED)
    event.changed_settings = changed
    conn.events.append(event)


def take_received(
    conn: Connection, remote: Settings, pairs: Sequence[tuple[int, int]]
) -> dict[SettingCodes | int, ChangedSetting]:
    """Check and apply the contents of one SETTINGS frame; changes nothing else.

    By default only the last value of each setting is checked, as in h2 4.4.1.
    """
    strict = conn.config.strict
    if strict:
        _check_extensions(remote, pairs)
    try:
        return remote.receive(pairs)
    except Violation:
        if strict or len(dict(pairs)) == len(pairs):
            raise
    return remote.receive(dict(pairs).items())


def _check_extensions(remote: Settings, pairs: Sequence[tuple[int, int]]) -> None:
    """Check what h2 4.4.1 does not: settings of extensions, some of which must not change."""
    enabled = bool(remote.in_effect[ENABLE_CONNECT_PROTOCOL])
    no_priorities = remote.in_effect.get(NO_RFC7540_PRIORITIES)
    for code, value in pairs:
        violation = revocation(code, value, enabled)
        violation = violation or priorities_change(code, value, no_priorities)
        if code == ENABLE_CONNECT_PROTOCOL:
            enabled = bool(value)
        elif code == NO_RFC7540_PRIORITIES:
            no_priorities = value
            violation = value_violation(code, value) or violation
        if violation is not None:
            raise violation


def _settings_ack(conn: Connection, payload: bytes) -> None:
    # "Receipt of a SETTINGS frame with the ACK flag set and a length field value other than 0
    # MUST be treated as a connection error (Section 5.4.1) of type FRAME_SIZE_ERROR."
    if payload:
        raise wrong_size(SETTINGS, 0, payload)
    event = _new(*_SETTINGS_ACKNOWLEDGED)
    event.changed_settings = _acknowledged(conn)
    conn.events.append(event)


def _acknowledged(conn: Connection) -> dict[SettingCodes | int, ChangedSetting]:
    """Put into effect what the peer has acknowledged, and return what changed."""
    streams = conn.streams.table.values()
    window_before = conn.recv_initial_window() if streams else 0
    frame = conn.announced.acknowledge()
    if frame is None:
        if is_enforced(conn, rules.SETTINGS_ACK_UNSOLICITED):
            raise Violation(
                rules.SETTINGS_ACK_UNSOLICITED,
                "Received an unsolicited SETTINGS acknowledgment",
            )
        abuse.glitch(conn, "unsolicited SETTINGS acknowledgment")
        return {}
    values, changes = frame
    local = conn.local_settings
    # Without the call in the usual case, the acknowledgment of the first frame.
    changed = local.acknowledge_frame(changes) if changes or local._pending else {}
    # The peer knows these values, so they are enforced from now on.
    if _MAX_FRAME_SIZE in changed:
        conn.max_inbound_frame_size = local.max_frame_size
    if _MAX_HEADER_LIST_SIZE in changed:
        # The last value set counts: this one, or the one that the application sets on the decoder.
        conn.decoder.max_header_list_size = changed[_MAX_HEADER_LIST_SIZE].new_value
    if _HEADER_TABLE_SIZE in values or _HEADER_TABLE_SIZE in changed:
        table_size = local.in_effect[_HEADER_TABLE_SIZE]
        if table_size != conn.decoder.max_allowed_table_size:
            conn.decoder.max_allowed_table_size = table_size
    change = conn.recv_initial_window() - window_before if streams else 0
    if change:
        follow_initial_window(conn, change)
    return changed
