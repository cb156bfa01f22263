"""The start and the end of a connection, and how local settings limit what may arrive."""

from __future__ import annotations

from typing import Any

import pytest
from hyperframe.frame import PingFrame, WindowUpdateFrame

from h2._core.state import PartialBlock
from h2._rules import connection_states
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event, PingReceived, SettingsAcknowledged
from h2.exceptions import (
    FlowControlError,
    NoSuchStreamError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
)
from h2.settings import SettingCodes, Settings
from support import wire
from support.exchange import assert_works, server_connection, shake_hands
from support.outcome import assert_dead, same
from support.snapshot import snapshot
from support.wire import MAX_WINDOW, Code, Setting, Type


def server_with(values: dict[SettingCodes, int]) -> H2Connection:
    """A server whose SETTINGS are in flight."""
    conn = server_connection()
    conn.local_settings = Settings(client=False, initial_values=values)
    conn.initiate_connection()
    conn.clear_outbound_data_buffer()
    return conn


def test_larger_frames_are_taken_from_a_peer_that_has_the_settings_but_not_yet_said_so() -> None:
    conn = server_with({SettingCodes.MAX_FRAME_SIZE: 50_000})
    assert conn.max_inbound_frame_size == 50_000
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.frame(0x77, 0, 0, bytes(50_000)))


def test_a_larger_hpack_table_is_taken_from_such_a_peer() -> None:
    conn = server_with({SettingCodes.HEADER_TABLE_SIZE: 9_000})
    block = wire.table_size_update(9_000) + wire.block(wire.REQUEST)
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.headers(1, block))
    with pytest.raises(ProtocolError) as caught:
        wire.feed(conn, wire.headers(3, wire.table_size_update(9_001) + wire.block(wire.REQUEST)))
    assert caught.value.error_code == Code.COMPRESSION_ERROR


def test_a_smaller_hpack_table_counts_from_the_acknowledgment_on() -> None:
    conn = server_with({SettingCodes.HEADER_TABLE_SIZE: 100})
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.headers(1, wire.REQUEST))
    wire.feed(conn, wire.settings(ack=True))
    with pytest.raises(ProtocolError, match="size update"):
        wire.feed(conn, wire.headers(3, wire.REQUEST))


@pytest.mark.parametrize("window", [0, 10, 65_535, 100_000])
def test_the_initial_window_counts_from_the_acknowledgment_on(window: int) -> None:
    conn = server_with({SettingCodes.INITIAL_WINDOW_SIZE: window})
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.headers(1, wire.POST))
    assert conn._core.streams[1].window.value == max(window, 65_535)
    wire.feed(conn, wire.settings(ack=True))
    assert conn._core.streams[1].window.value == window


@pytest.mark.parametrize(
    ("window", "arrives", "opened"),
    [
        (200_000, 90_000, []),  # less than half of the window, which is larger now
        (200_000, 120_000, [120_000]),
        (30_000, 15_000, [15_000]),
        (30_000, 14_000, []),
    ],
)
def test_credit_follows_the_initial_window(window: int, arrives: int, opened: list[int]) -> None:
    """The setting in effect decides when credit is sent, and how far a window grows."""
    conn = wire.server()
    conn.increment_flow_control_window(1_000_000)
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: window})
    wire.feed(conn, wire.settings(ack=True))
    for _ in range(3):
        for _ in range(arrives // 1_000):
            wire.feed(conn, wire.data(1, bytes(1_000)))
        conn.clear_outbound_data_buffer()
        conn.acknowledge_received_data(arrives, 1)
        on_stream = [f for f in wire.parse(conn.data_to_send()) if f.stream_id == 1]
        assert [frame.increment for frame in on_stream] == opened
        if not opened:
            break
        assert conn._core.streams[1].window.value == window


def test_a_new_initial_window_must_leave_every_stream_a_legal_window() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    conn.increment_flow_control_window(MAX_WINDOW - 65_535, 1)
    before = snapshot(conn)
    with pytest.raises(FlowControlError):
        conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 65_536})
    assert snapshot(conn) == before
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 65_535})
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 0})
    conn.reset_stream(1)
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: MAX_WINDOW})


def test_settings_without_content_are_acknowledged_like_others() -> None:
    conn = wire.client()
    for _ in range(2):
        conn.update_settings({})
    for _ in range(2):
        (event,) = wire.feed(conn, wire.settings(ack=True))
        assert isinstance(event, SettingsAcknowledged)
        assert event.changed_settings == {}


def test_the_preface_goes_in_front_of_what_waits_already() -> None:
    conn = server_connection()
    wire.feed(conn, wire.PREFACE, wire.settings())
    conn.initiate_connection()
    types = [(frame.type, frame.flags) for frame in wire.parse(conn.data_to_send())]
    assert types == [(Type.SETTINGS, 0), (Type.SETTINGS, 1)]


def test_the_end_says_why() -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST), wire.headers(3, wire.REQUEST))
    conn.close_connection(Code.ENHANCE_YOUR_CALM, b"too much")
    assert conn.data_to_send() == wire.goaway(3, Code.ENHANCE_YOUR_CALM, b"too much")
    assert_dead(conn)


def three_requests() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, *(wire.headers(stream_id, wire.POST) for stream_id in (1, 3, 5)))
    return conn


@pytest.mark.parametrize("code", [Code.NO_ERROR, Code.INTERNAL_ERROR])
def test_a_later_goodbye_names_no_later_stream(code: Code) -> None:
    conn = three_requests()
    conn.close_connection(last_stream_id=3)
    conn.clear_outbound_data_buffer()
    conn.close_connection(code)
    assert conn.data_to_send() == wire.goaway(3, code)


def test_an_error_after_a_goodbye_names_no_later_stream() -> None:
    conn = three_requests()
    conn.close_connection(last_stream_id=3)
    conn.clear_outbound_data_buffer()
    with pytest.raises(ProtocolError):
        wire.feed(conn, wire.window_update(0, 0))
    assert conn.data_to_send() == wire.goaway(3, Code.PROTOCOL_ERROR)


def test_an_end_may_be_said_again() -> None:
    conn = wire.server()
    for code in (Code.INTERNAL_ERROR, Code.NO_ERROR, Code.PROTOCOL_ERROR):
        conn.close_connection(code)
        assert conn.data_to_send() == wire.goaway(0, code)
    assert_dead(conn)


def test_after_the_end_credit_goes_nowhere() -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), *[wire.data(1, bytes(16_000))] * 3)
    conn.close_connection(Code.INTERNAL_ERROR)
    conn.clear_outbound_data_buffer()
    conn.acknowledge_received_data(48_000, 1)
    assert conn.data_to_send() == b""


def test_the_end_in_the_middle_of_a_frame_keeps_nothing_of_it() -> None:
    conn = wire.server()
    frame = wire.frame(0x77, 0, 0, bytes(10_000))
    conn.receive_data(frame[:5_000])
    conn.close_connection(Code.INTERNAL_ERROR)
    partial = conn._core.partial_frame
    assert not partial.pieces
    assert (partial.header, partial.payload_missing, partial.discarding) == (b"", 0, 0)
    for _ in range(20):
        with pytest.raises(ProtocolError, match="has ended"):
            conn.receive_data(bytes(1_000))
    assert not conn._core.partial_frame.pieces


def test_the_end_in_the_middle_of_a_field_block_keeps_nothing_of_it() -> None:
    conn = wire.server()
    conn.receive_data(wire.headers(1, wire.REQUEST, end_headers=False))
    conn.close_connection(Code.INTERNAL_ERROR)
    assert conn._core.partial_block is None


class Leaving(H2Connection):
    """A connection that ends when it receives GOAWAY, as a subclass may do."""

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        frames, events = super()._receive_goaway_frame(frame)
        self.close_connection(Code.INTERNAL_ERROR)
        return frames, events


@pytest.mark.parametrize("apart", [True, False])
def test_a_subclass_that_ends_the_connection_on_goaway(apart: bool) -> None:
    conn = Leaving()
    conn.initiate_connection()
    wire.feed(conn, wire.settings())
    conn.clear_outbound_data_buffer()
    frames = [wire.goaway(0), wire.ping(), wire.settings(), wire.push_promise(1, 2)]
    if apart:
        events = wire.feed(conn, frames[0])
        for frame in frames[1:]:
            with pytest.raises(ProtocolError, match="has ended"):
                conn.receive_data(frame)
    else:
        events = wire.feed(conn, *frames)
    same([type(event) for event in events], [ConnectionTerminated])
    assert conn.data_to_send() == wire.goaway(0, Code.INTERNAL_ERROR)
    assert_dead(conn)


class Answering(H2Connection):
    """A connection that answers GOAWAY with frames and more events."""

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        frames, events = super()._receive_goaway_frame(frame)
        ping = PingFrame(0, b"and now?")
        window = WindowUpdateFrame(0, window_increment=5)
        return [*frames, ping, window], [*events, *events]


def test_frames_and_events_that_a_subclass_returns_for_goaway() -> None:
    """All of them are used, in order."""
    conn = Answering()
    conn.initiate_connection()
    wire.feed(conn, wire.settings())
    conn.clear_outbound_data_buffer()
    events = wire.feed(conn, wire.ping(), wire.goaway(7, Code.CANCEL, b"why"), wire.ping())
    same(
        [type(event) for event in events],
        [PingReceived, ConnectionTerminated, ConnectionTerminated, PingReceived],
    )
    same(
        conn.data_to_send(),
        wire.ping(ack=True)
        + wire.ping(b"and now?")
        + wire.window_update(0, 5)
        + wire.ping(ack=True),
    )


def test_a_connection_works_after_many_changes_of_settings() -> None:
    client, server = H2Connection(), server_connection()
    shake_hands(client, server)
    for size in (0, 100, 70_000, 4_096):
        for conn in (client, server):
            conn.update_settings({Setting.HEADER_TABLE_SIZE: size, Setting.MAX_FRAME_SIZE: 20_000})
        wire.exchange(client, server)
        for _ in range(3):
            assert_works(client, server)


def test_settings_sent_before_the_preface_are_acknowledged_after_it() -> None:
    """The SETTINGS frame of the preface is sent first, so its acknowledgment arrives first."""
    server = server_connection()
    server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 99})
    server.initiate_connection()
    first, second = wire.parse(server.data_to_send())
    assert (len(first.payload) > 6, len(second.payload)) == (True, 6)
    ack = wire.frame(Type.SETTINGS, 1, 0, b"")
    wire.feed(server, wire.PREFACE, wire.settings(), ack)
    assert server.local_settings.initial_window_size == 65_535
    wire.feed(server, ack)
    assert server.local_settings.initial_window_size == 99


def test_an_acknowledgment_of_other_settings_leaves_an_assigned_frame_size_alone() -> None:
    server = wire.server()
    server.max_inbound_frame_size = 50_000
    server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 7})
    wire.feed(server, wire.frame(Type.SETTINGS, 1, 0, b""))
    assert server.local_settings.max_concurrent_streams == 7
    assert server.max_inbound_frame_size == 50_000
    wire.feed(server, wire.frame(0x77, 0, 0, bytes(50_000)))


def test_the_preface_overtakes_only_what_has_not_gone_out() -> None:
    """Acknowledgments are sent in the order in which the frames arrived."""
    server = server_connection()
    server.update_settings({Setting.INITIAL_WINDOW_SIZE: 1, Setting.MAX_FRAME_SIZE: 20_000})
    server.data_to_send()
    server.update_settings({Setting.INITIAL_WINDOW_SIZE: 2})
    server.update_settings({Setting.INITIAL_WINDOW_SIZE: 3})
    server.ping(b"between.")
    server.initiate_connection()
    frames = wire.parse(server.data_to_send())
    assert [dict(frame.settings).get(4) for frame in frames[:-1]] == [65_535, 2, 3]
    wire.feed(server, wire.PREFACE, wire.settings())
    sizes = []
    for _ in range(4):
        wire.feed(server, wire.settings(ack=True))
        sizes.append(server.local_settings.initial_window_size)
    assert sizes == [1, 65_535, 2, 3]
    assert server.max_inbound_frame_size == 16_384


def test_the_preface_goes_behind_a_frame_that_has_begun_to_go_out() -> None:
    server = server_connection()
    server.update_settings({Setting.INITIAL_WINDOW_SIZE: 1})
    server.data_to_send(3)
    server.initiate_connection()
    wire.feed(server, wire.PREFACE, wire.settings(), wire.settings(ack=True))
    assert server.local_settings.initial_window_size == 1
    wire.feed(server, wire.settings(ack=True))
    assert server.local_settings.initial_window_size == 65_535


def test_an_acknowledgment_before_the_preface_does_not_acknowledge_the_preface() -> None:
    """The peer may use the initial values until it acknowledges the frame that has others."""
    server = server_connection()
    server.update_settings({Setting.MAX_CONCURRENT_STREAMS: 7})
    server.data_to_send()
    wire.feed(server, wire.PREFACE, wire.settings(), wire.settings(ack=True))
    values = {SettingCodes.INITIAL_WINDOW_SIZE: 99, SettingCodes.HEADER_TABLE_SIZE: 100}
    server.local_settings = Settings(client=False, initial_values=values)
    server.initiate_connection()
    wire.feed(server, wire.headers(1, wire.POST), wire.data(1, bytes(10_000)))
    assert server.remote_flow_control_window(1) == 55_535
    wire.feed(server, wire.settings(ack=True))
    assert server.remote_flow_control_window(1) == 99 - 10_000


def test_settings_that_are_replaced_get_what_was_sent_before() -> None:
    """The peer acknowledges what was sent, whatever the application does in the meantime."""
    server = wire.server()
    server.update_settings({Setting.MAX_FRAME_SIZE: 20_000, Setting.INITIAL_WINDOW_SIZE: 7})
    server.local_settings = Settings(client=False)
    server.local_settings.initial_window_size = 8
    (event,) = wire.feed(server, wire.settings(ack=True))
    assert isinstance(event, SettingsAcknowledged)
    assert set(event.changed_settings) == {4, 5}
    assert server.local_settings.initial_window_size == 7
    assert server.max_inbound_frame_size == 20_000


def test_what_is_sent_does_not_change_with_the_mapping_that_said_it() -> None:
    server = wire.server()
    changes: dict[Any, int] = {4: 8}
    server.update_settings(changes)
    changes[4] = 9
    changes[5] = 20_000
    wire.feed(server, wire.settings(ack=True))
    assert server.local_settings.initial_window_size == 8
    assert server.local_settings.max_frame_size == 16_384


def test_settings_that_fit_into_no_frame_are_refused_before_anything_is_sent() -> None:
    server = server_connection()
    for code in range(100, 3_000):
        server.local_settings[code] = 1
    server.local_settings.acknowledge()
    before = snapshot(server)
    with pytest.raises(ProtocolError, match="octets"):
        server.initiate_connection()
    assert snapshot(server) == before


@pytest.mark.parametrize(
    "setting",
    [*SettingCodes][:-1],  # a new connection has no value for the last one
)
@pytest.mark.parametrize("is_client", [True, False])
def test_a_connection_works_without_a_setting(setting: SettingCodes, is_client: bool) -> None:
    """A setting that is deleted before or after the start of a connection has its default."""
    for before in (True, False):
        client, server = H2Connection(), server_connection()
        conn = client if is_client else server
        if before:
            del conn.local_settings[setting]
        client.initiate_connection()
        server.initiate_connection()
        if not before:
            del conn.local_settings[setting]
        wire.exchange(client, server)
        conn.update_settings({Setting.MAX_HEADER_LIST_SIZE: 70_000})
        wire.exchange(client, server)
        assert_works(client, server)
        del (server if is_client else client).remote_settings[SettingCodes.HEADER_TABLE_SIZE]
        conn.update_settings({setting: 20_000 if setting == 5 else 0})
        wire.exchange(client, server)
        assert conn.local_settings[setting] == (20_000 if setting == 5 else 0)
        if setting not in (3, 4, 6):  # 0 leaves no room for it
            assert_works(client, server)


def test_settings_before_the_first_flight_behind_a_large_frame() -> None:
    """The first acknowledgment is for the SETTINGS frame that is sent first."""
    conn = H2Connection()
    conn.send_headers(1, [*wire.REQUEST, (b"x-field", bytes(range(33, 127)) * 10)])
    conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100})
    conn.initiate_connection()
    sent = wire.parse(conn.data_to_send().removeprefix(wire.PREFACE))
    assert [frame.type for frame in sent] == [Type.SETTINGS, Type.HEADERS, Type.SETTINGS]
    assert len(sent[1].payload) > 255
    for size in (65_535, 100):
        wire.feed(conn, wire.settings(), wire.settings(ack=True))
        assert conn.local_settings.initial_window_size == size


def test_the_widest_window_decides_whether_settings_are_refused() -> None:
    conn = H2Connection()
    conn.initiate_connection()
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, wire.REQUEST)
    conn.increment_flow_control_window(1000, 3)
    with pytest.raises(FlowControlError):
        conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: MAX_WINDOW - 999})
    conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: MAX_WINDOW - 1000})


@pytest.mark.parametrize("client_side", [True, False])
def test_the_connection_is_no_stream(client_side: bool) -> None:
    conn = wire.client() if client_side else wire.server()
    for window in (conn.local_flow_control_window, conn.remote_flow_control_window):
        with pytest.raises(NoSuchStreamError):
            window(0)


def test_the_highest_stream_was_not_passed_over() -> None:
    conn = wire.client()
    conn.send_headers(5, wire.REQUEST, end_stream=True)
    wire.feed(conn, wire.headers(5, wire.RESPONSE, end_stream=True))
    with pytest.raises(StreamClosedError):
        conn.send_headers(5, wire.REQUEST)
    with pytest.raises(StreamIDTooLowError):
        conn.send_headers(3, wire.REQUEST)


def test_the_last_stream_of_goaway_only_falls() -> None:
    conn = wire.client()
    for stream_id in (1, 3, 5, 7):
        conn.send_headers(stream_id, wire.REQUEST)
    known = []
    for last in (5, 7, 5, 3):
        (event, *_) = wire.feed(conn, wire.goaway(last))
        assert isinstance(event, ConnectionTerminated)
        known.append((conn._core.goaway_received_last, list(event.unprocessed_stream_ids)))
    assert known == [(5, [7]), (5, []), (5, []), (3, [5])]


def test_content_in_the_wrong_state_gives_its_window_back() -> None:
    conn = wire.client(strict=True)
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    wire.feed(conn, wire.data(1, bytes(16_384)))
    window = conn._core.window
    assert window.value + window.handed_back == window.limit


@pytest.mark.parametrize(
    ("frame", "counts"),
    [
        (wire.data(1, bytes(255)), True),
        (wire.data(1, bytes(256)), False),
        (wire.data(1, b"x", end_stream=True), False),
    ],
)
def test_which_data_frames_are_small(frame: bytes, counts: bool) -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), frame)
    assert (conn._core.conduct.small is not None) == counts


def test_each_ping_is_acknowledged_once() -> None:
    conn = wire.client(strict=False)
    for _ in range(2):
        conn.ping(b"12345678")
    wire.feed(conn, *[wire.ping(ack=True)] * 2)
    assert not conn._core.conduct.buckets
    wire.feed(conn, wire.ping(ack=True))
    assert conn._core.conduct.buckets["glitches"].used == 1


def test_values_of_a_new_connection() -> None:
    conn = H2Connection()
    assert conn.local_settings.max_concurrent_streams == 100
    del conn.local_settings[SettingCodes.MAX_HEADER_LIST_SIZE]
    assert conn._core.header_list_limit() == 65_536


def test_when_the_table_of_connection_states_need_not_be_asked() -> None:
    """Only in the state OPEN, and not before the end of a field block."""
    core = H2Connection()._core
    block = PartialBlock(1, b"", False, None, None)
    assert not core.ordinary
    for state in (connection_states.STARTING, connection_states.GOAWAY_SENT):
        core.enter(connection_states.OPEN)
        assert core.ordinary
        core.begin_block(block)
        assert not core.ordinary
        core.enter(connection_states.OPEN)
        assert not core.ordinary
        core.end_block()
        assert core.ordinary
        core.enter(state)
        assert not core.ordinary
        core.begin_block(block)
        core.end_block()
        assert not core.ordinary


def test_a_second_preface_goes_behind_what_was_sent() -> None:
    server = wire.server()
    server.update_settings({Setting.INITIAL_WINDOW_SIZE: 2})
    server.initiate_connection()
    server.update_settings({Setting.INITIAL_WINDOW_SIZE: 3})
    sizes = [values.get(Setting.INITIAL_WINDOW_SIZE) for values, _ in _in_flight(server)]
    assert sizes == [2, 65_535, 3]


def _in_flight(conn: H2Connection) -> Any:
    return conn._core.announced.in_flight


@pytest.mark.parametrize(("count", "fits"), [(2_730, True), (2_731, False)])
def test_the_largest_settings_frame(count: int, fits: bool) -> None:
    """A frame has up to 16,384 octets, and a setting takes six."""
    conn = wire.client()
    changes = {100 + number: 1 for number in range(count)}
    if fits:
        conn.update_settings(changes)
        assert len(wire.parse(conn.data_to_send())[0].payload) == 6 * count
    else:
        with pytest.raises(ProtocolError, match="octets"):
            conn.update_settings(changes)
        assert conn.data_to_send() == b""


def test_an_assigned_frame_size_is_not_reduced_by_the_first_settings() -> None:
    server = server_connection()
    values = {SettingCodes.MAX_FRAME_SIZE: 20_000}
    server.local_settings = Settings(client=False, initial_values=values)
    server.max_inbound_frame_size = 50_000
    server.initiate_connection()
    assert server.max_inbound_frame_size == 50_000


def test_no_settings_after_the_end() -> None:
    conn = wire.client()
    conn.close_connection(Code.INTERNAL_ERROR)
    conn.clear_outbound_data_buffer()
    with pytest.raises(ProtocolError):
        conn.update_settings({})
    assert conn.data_to_send() == b""


def test_a_value_that_is_sent_replaces_one_that_was_assigned() -> None:
    conn = wire.client()
    conn.local_settings.initial_window_size = 5
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 7})
    for _ in range(2):
        wire.feed(conn, wire.settings(ack=True))
        assert conn.local_settings.initial_window_size == 7
        conn.update_settings({})


def test_without_a_stream_any_initial_window_may_follow_none() -> None:
    conn = wire.client()
    for size in (0, MAX_WINDOW):
        conn.update_settings({Setting.INITIAL_WINDOW_SIZE: size})
        wire.feed(conn, wire.settings(ack=True))
        assert conn.local_settings.initial_window_size == size


def test_the_highest_stream_identifier_is_used() -> None:
    conn = wire.client()
    conn.send_headers(wire.MAX_STREAM_ID - 2, wire.REQUEST)
    assert conn.get_next_available_stream_id() == wire.MAX_STREAM_ID
    conn.send_headers(wire.MAX_STREAM_ID, wire.REQUEST)
    with pytest.raises(ProtocolError):
        conn.get_next_available_stream_id()


def test_a_setting_that_is_deleted_after_the_preface_keeps_the_value_that_was_sent() -> None:
    server = server_with({SettingCodes.INITIAL_WINDOW_SIZE: 99})
    del server.local_settings[SettingCodes.INITIAL_WINDOW_SIZE]
    assert server.local_settings.initial_window_size == 99
