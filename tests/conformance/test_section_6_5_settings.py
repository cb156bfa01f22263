"""RFC 9113 section 6.5: SETTINGS frames and their synchronization."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.events import PingReceived, RemoteSettingsChanged, SettingsAcknowledged
from h2.exceptions import InvalidSettingsValueError
from h2.settings import SettingCodes, Settings
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.snapshot import snapshot
from support.wire import Code, Factory, Flag, Setting, Type

SIDES = pytest.mark.parametrize("make", [wire.server, wire.client], ids=["server", "client"])


@SIDES
def test_settings_are_applied_and_acknowledged(make: Factory) -> None:
    """The values apply immediately; the ACK follows; the changes are reported."""
    conn = make()
    events = wire.feed(
        conn,
        wire.settings(
            (Setting.HEADER_TABLE_SIZE, 1_000),
            (Setting.ENABLE_PUSH, 0),
            (Setting.MAX_CONCURRENT_STREAMS, 5),
            (Setting.INITIAL_WINDOW_SIZE, 100_000),
            (Setting.MAX_FRAME_SIZE, 30_000),
            (Setting.MAX_HEADER_LIST_SIZE, 9_000),
        ),
    )
    assert conn.data_to_send() == wire.settings(ack=True)
    changed = only(events, RemoteSettingsChanged).changed_settings
    assert {int(code): change.new_value for code, change in changed.items()} == {
        1: 1_000,
        2: 0,
        3: 5,
        4: 100_000,
        5: 30_000,
        6: 9_000,
    }
    assert changed[Setting.MAX_FRAME_SIZE].original_value == 16_384
    assert conn.remote_settings.header_table_size == 1_000
    assert conn.remote_settings.enable_push == 0
    assert conn.remote_settings.max_concurrent_streams == 5
    assert conn.remote_settings.initial_window_size == 100_000
    assert conn.remote_settings.max_header_list_size == 9_000
    assert conn.max_outbound_frame_size == 30_000


def test_the_last_value_counts() -> None:
    """The settings of a frame are processed in order; a repeated one replaces the earlier."""
    conn = wire.client(
        (Setting.INITIAL_WINDOW_SIZE, 100),
        (Setting.MAX_FRAME_SIZE, 20_000),
        (Setting.INITIAL_WINDOW_SIZE, 1),
    )
    conn.send_headers(1, wire.POST)
    assert conn.local_flow_control_window(1) == 1


def test_every_value_of_a_repeated_setting_is_checked() -> None:
    """An invalid value is an error even if a valid one follows in the same frame."""
    assert_connection_error(
        wire.server(strict=True),
        wire.settings((Setting.MAX_FRAME_SIZE, 1), (Setting.MAX_FRAME_SIZE, 20_000)),
        code=Code.PROTOCOL_ERROR,
    )


@SIDES
def test_a_value_that_is_replaced_in_its_frame_ends_no_connection_by_default(make: Factory) -> None:
    """By default only the last value is checked, as in h2 4.4.1."""
    conn = make()
    frame = wire.settings((5, 1), (4, 2**31), (4, 7), (5, 20_000), (99, 1), (99, 2))
    if conn.config.strict:
        assert_connection_error(conn, frame, code=Code.PROTOCOL_ERROR)
        return
    changed = only(wire.feed(conn, frame), RemoteSettingsChanged).changed_settings
    assert {int(code): change.new_value for code, change in changed.items()} == {
        5: 20_000,
        4: 7,
        99: 2,
    }
    assert conn.max_outbound_frame_size == 20_000
    assert_connection_error(make(), wire.settings((4, 7), (4, 2**31)), code=Code.FLOW_CONTROL_ERROR)


def test_settings_on_a_stream() -> None:
    """SETTINGS apply to the connection; on a stream they are a connection error PROTOCOL_ERROR."""
    for flags in (0, Flag.ACK):
        for stream_id in (1, 2, 2**31 - 1):
            assert_connection_error(
                wire.server(),
                wire.frame(Type.SETTINGS, flags, stream_id),
                code=Code.PROTOCOL_ERROR,
            )


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11, 13, 100])
def test_length_not_a_multiple_of_six(size: int) -> None:
    """A length that is not a multiple of six is a connection error FRAME_SIZE_ERROR."""
    assert_connection_error(
        wire.server(), wire.frame(Type.SETTINGS, 0, 0, bytes(size)), code=Code.FRAME_SIZE_ERROR
    )


@pytest.mark.parametrize("size", [1, 6, 12])
def test_ack_with_a_payload(size: int) -> None:
    """An ACK with a payload is a connection error FRAME_SIZE_ERROR."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    error = assert_connection_error(
        conn, wire.frame(Type.SETTINGS, Flag.ACK, 0, bytes(size)), code=Code.FRAME_SIZE_ERROR
    )
    assert str(error) == f"Received SETTINGS frame of {size} octets on stream 0"


# Section 6.5.2: values --------------------------------------------------------------------------

INVALID = {
    "push 2": (Setting.ENABLE_PUSH, 2, Code.PROTOCOL_ERROR),
    "push huge": (Setting.ENABLE_PUSH, 2**32 - 1, Code.PROTOCOL_ERROR),
    "window 2^31": (Setting.INITIAL_WINDOW_SIZE, 2**31, Code.FLOW_CONTROL_ERROR),
    "window 2^32-1": (Setting.INITIAL_WINDOW_SIZE, 2**32 - 1, Code.FLOW_CONTROL_ERROR),
    "frame size 0": (Setting.MAX_FRAME_SIZE, 0, Code.PROTOCOL_ERROR),
    "frame size 2^14-1": (Setting.MAX_FRAME_SIZE, 2**14 - 1, Code.PROTOCOL_ERROR),
    "frame size 2^24": (Setting.MAX_FRAME_SIZE, 2**24, Code.PROTOCOL_ERROR),
    "connect 2": (Setting.ENABLE_CONNECT_PROTOCOL, 2, Code.PROTOCOL_ERROR),
}


@SIDES
@pytest.mark.parametrize(("setting", "value", "code"), INVALID.values(), ids=INVALID)
def test_invalid_values(make: Factory, setting: int, value: int, code: int) -> None:
    """A value out of range is a connection error with the setting's own code."""
    error = assert_connection_error(
        make(), wire.settings((setting, value)), code=code, error=InvalidSettingsValueError
    )
    assert error.error_code == code


def test_a_server_does_not_enable_push() -> None:
    """A client that receives ENABLE_PUSH with 1 from a server: PROTOCOL_ERROR."""
    assert_connection_error(
        wire.client(), wire.settings((Setting.ENABLE_PUSH, 1)), code=Code.PROTOCOL_ERROR
    )


VALID = {
    "table 0": (Setting.HEADER_TABLE_SIZE, 0),
    "table 2^32-1": (Setting.HEADER_TABLE_SIZE, 2**32 - 1),
    "push 0": (Setting.ENABLE_PUSH, 0),
    "streams 0": (Setting.MAX_CONCURRENT_STREAMS, 0),
    "streams 2^32-1": (Setting.MAX_CONCURRENT_STREAMS, 2**32 - 1),
    "window 0": (Setting.INITIAL_WINDOW_SIZE, 0),
    "window 2^31-1": (Setting.INITIAL_WINDOW_SIZE, 2**31 - 1),
    "frame size 2^14": (Setting.MAX_FRAME_SIZE, 2**14),
    "frame size 2^24-1": (Setting.MAX_FRAME_SIZE, 2**24 - 1),
    "list size 0": (Setting.MAX_HEADER_LIST_SIZE, 0),
    "list size 2^32-1": (Setting.MAX_HEADER_LIST_SIZE, 2**32 - 1),
    "connect 0": (Setting.ENABLE_CONNECT_PROTOCOL, 0),
    "connect 1": (Setting.ENABLE_CONNECT_PROTOCOL, 1),
}


@SIDES
@pytest.mark.parametrize(("setting", "value"), VALID.values(), ids=VALID)
def test_limits_of_the_values(make: Factory, setting: int, value: int) -> None:
    """The smallest and the largest value of each setting are accepted."""
    conn = make()
    event = only(wire.feed(conn, wire.settings((setting, value))), RemoteSettingsChanged)
    assert event.changed_settings[setting].new_value == value
    assert conn.remote_settings[setting] == value
    assert conn.data_to_send() == wire.settings(ack=True)


def test_a_client_may_enable_push() -> None:
    """A client may send ENABLE_PUSH with 1."""
    conn = wire.server()
    wire.feed(conn, wire.settings((Setting.ENABLE_PUSH, 0)))
    wire.feed(conn, wire.settings((Setting.ENABLE_PUSH, 1)))
    assert conn.remote_settings.enable_push == 1


# Section 6.5.3: synchronization -------------------------------------------------------------------


def test_one_ack_for_each_frame_in_order() -> None:
    """Every SETTINGS frame is acknowledged, among the answers to other frames."""
    conn = wire.server()
    wire.feed(conn, wire.settings(), wire.ping(), wire.settings((4, 70_000)), wire.settings())
    ack = wire.settings(ack=True)
    assert conn.data_to_send() == ack + wire.ping(ack=True) + ack + ack


def test_settings_apply_to_the_frames_behind_them() -> None:
    """The new values apply to frames after SETTINGS in the same read."""
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    wire.feed(
        conn,
        wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)),
        wire.window_update(1, 10),
    )
    assert conn.local_flow_control_window(1) == 10


def test_an_ack_is_not_acknowledged() -> None:
    """An ACK causes no answer."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, wire.settings(ack=True))
    assert kinds(events) == [SettingsAcknowledged]
    assert conn.data_to_send() == b""


def test_each_ack_releases_the_oldest_frame() -> None:
    """ACKs are matched one to one with the frames that were sent."""
    conn = wire.server()
    for value in (20_000, 30_000, 40_000):
        conn.update_settings({Setting.MAX_FRAME_SIZE: value})
    assert [f.settings for f in sent(conn)] == [[(5, 20_000)], [(5, 30_000)], [(5, 40_000)]]
    for value in (20_000, 30_000, 40_000):
        event = only(wire.feed(conn, wire.settings(ack=True)), SettingsAcknowledged)
        assert event.changed_settings[Setting.MAX_FRAME_SIZE].new_value == value
        assert conn.max_inbound_frame_size == value


def test_acks_between_other_frames() -> None:
    """Two ACKs in one read release two frames."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 1})
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 2})
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, wire.settings(ack=True), wire.ping(), wire.settings(ack=True))
    assert kinds(events) == [SettingsAcknowledged, PingReceived, SettingsAcknowledged]
    assert conn.local_settings.max_concurrent_streams == 2


def test_unsolicited_ack() -> None:
    """An ACK without a frame to acknowledge is a connection error PROTOCOL_ERROR."""
    for conn in (wire.server(strict=True), wire.client(strict=True)):
        error = assert_connection_error(conn, wire.settings(ack=True), code=Code.PROTOCOL_ERROR)
        assert error.rule == "settings-ack-unsolicited"


def test_one_ack_too_many() -> None:
    """After as many ACKs as frames the next one is unsolicited."""
    conn = wire.server(strict=True)
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    wire.feed(conn, wire.settings(ack=True))
    assert_connection_error(conn, wire.settings(ack=True), code=Code.PROTOCOL_ERROR)


@SIDES
def test_an_unsolicited_ack_changes_nothing_by_default(make: Factory) -> None:
    """It is reported as in h2 4.4.1, but it acknowledges nothing, not even pending values."""
    conn = make()
    if conn.config.strict:
        assert_connection_error(conn, wire.settings(ack=True), code=Code.PROTOCOL_ERROR)
        return
    conn.local_settings.max_frame_size = 30_000
    before = snapshot(conn)
    event = only(wire.feed(conn, wire.settings(ack=True)), SettingsAcknowledged)
    assert event.changed_settings == {}
    conn._core.conduct.buckets.clear()  # it also counts as a glitch, which is not compared here
    assert snapshot(conn) == before
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 7})
    conn.clear_outbound_data_buffer()
    acks = wire.feed(conn, wire.settings(ack=True), wire.settings(ack=True))
    assert [set(event.changed_settings) for event in acks] == [{4, 5}, set()]
    assert_alive(conn)


def test_our_values_apply_with_the_ack() -> None:
    """Until the peer acknowledges, our old values are in effect."""
    conn = wire.server()
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 10, Setting.MAX_FRAME_SIZE: 20_000})
    wire.feed(conn, wire.headers(1, wire.POST))
    assert conn.local_settings.initial_window_size == 65_535
    assert conn.remote_flow_control_window(1) == 65_535
    assert conn.max_inbound_frame_size == 16_384
    wire.feed(conn, wire.settings(ack=True))
    assert conn.local_settings.initial_window_size == 10
    assert conn.remote_flow_control_window(1) == 10
    assert conn.max_inbound_frame_size == 20_000


@SIDES
@pytest.mark.parametrize(("setting", "value", "code"), INVALID.values(), ids=INVALID)
def test_we_do_not_send_invalid_values(make: Factory, setting: int, value: int, code: int) -> None:
    """An invalid local value is rejected; no frame is sent and no ACK is expected."""
    conn = make()
    error = assert_refused(conn, "update_settings", {1: 5, setting: value})
    assert isinstance(error, InvalidSettingsValueError)
    assert error.error_code == code
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 7})
    event = only(wire.feed(conn, wire.settings(ack=True)), SettingsAcknowledged)
    assert set(event.changed_settings) == {Setting.MAX_CONCURRENT_STREAMS}


def test_one_invalid_value_refuses_all() -> None:
    """A call with a valid and an invalid value applies neither."""
    conn = wire.server()
    both = {Setting.MAX_CONCURRENT_STREAMS: 7, Setting.MAX_FRAME_SIZE: 1}
    assert_refused(conn, "update_settings", both)
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000})
    assert [f.settings for f in sent(conn)] == [[(5, 20_000)]]
    wire.feed(conn, wire.settings(ack=True))
    assert conn.local_settings.max_concurrent_streams != 7


def test_a_server_does_not_send_enable_push_1() -> None:
    """A server must not set ENABLE_PUSH to 1 explicitly."""
    conn = wire.server()
    assert_refused(conn, "update_settings", {Setting.ENABLE_PUSH: 1})
    assert_alive(conn)


def test_the_first_settings_of_a_server_do_not_enable_push() -> None:
    """A server may only send ENABLE_PUSH with 0; a client may send 1."""
    for client_side, allowed in ((False, {0}), (True, {0, 1})):
        conn = H2Connection(wire.configuration(client_side=client_side))
        conn.initiate_connection()
        (first,) = sent(conn)
        values = [value for setting, value in first.settings if setting == Setting.ENABLE_PUSH]
        assert set(values) <= allowed


def test_a_server_that_is_told_to_enable_push_from_the_start() -> None:
    """Nothing is sent, and the connection can start with other values; h2 4.4.1 sends it."""
    conn = H2Connection(wire.configuration(client_side=False))
    initial = {SettingCodes.ENABLE_PUSH: 1, SettingCodes.MAX_CONCURRENT_STREAMS: 7}
    conn.local_settings = Settings(client=False, initial_values=initial)
    if not conn.config.strict:
        conn.initiate_connection()
        assert (Setting.ENABLE_PUSH, 1) in sent(conn)[0].settings
        return
    assert isinstance(assert_refused(conn, "initiate_connection"), InvalidSettingsValueError)
    conn.local_settings = Settings(client=False)
    conn.initiate_connection()
    assert (Setting.ENABLE_PUSH, 1) not in sent(conn)[0].settings
    client = H2Connection(wire.configuration(client_side=True))
    client.local_settings = Settings(client=True, initial_values=initial)
    client.initiate_connection()
    assert (Setting.ENABLE_PUSH, 1) in sent(client)[0].settings


def test_a_setting_that_does_not_fit_is_not_sent() -> None:
    """An identifier has 16 bits, a value 32."""
    for changes in ({1: -1}, {1: 2**32}, {3: 2**32}, {99: 2**32}, {65_536: 0}, {-1: 0}):
        assert_refused(wire.server(), "update_settings", changes)
    conn = wire.server()
    conn.update_settings({65_535: 2**32 - 1, 0: 0})
    event = only(wire.feed(conn, wire.settings(ack=True)), SettingsAcknowledged)
    assert {code: change.new_value for code, change in event.changed_settings.items()} == {
        65_535: 2**32 - 1,
        0: 0,
    }
    assert conn.local_settings[65_535] == 2**32 - 1
