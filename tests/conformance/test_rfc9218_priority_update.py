"""RFC 9218: PRIORITY_UPDATE frames (section 7.1) and SETTINGS_NO_RFC7540_PRIORITIES (2.1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import PriorityUpdated, PriorityUpdateReceived, RemoteSettingsChanged
from h2.exceptions import (
    DenialOfServiceError,
    InvalidSettingsValueError,
    NoSuchStreamError,
    ProtocolError,
    StreamClosedError,
    TooManyStreamsError,
)
from h2.settings import ChangedSetting, SettingCodes, Settings
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_ignored,
    assert_refused,
    only,
)
from support.wire import MAX_STREAM_ID, RESERVED, Code, Setting, Type

NO_PRIORITIES = Setting.NO_RFC7540_PRIORITIES


def assert_error_if_strict(
    conn: H2Connection,
    *frames: bytes,
    code: int = Code.PROTOCOL_ERROR,
    last_stream_id: int = 0,
) -> None:
    """A connection error with strict=True; ignored by default, as h2 4.4.1 does."""
    if conn.config.strict:
        assert_connection_error(conn, *frames, code=code, last_stream_id=last_stream_id)
    else:
        assert_ignored(conn, *frames)


# Receiving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "urgency", "incremental"),
    [
        (b"u=0", 0, False),
        (b"u=7, i", 7, True),
        (b"i", 3, True),
        (b"i=?0", 3, False),
        (b"", 3, False),
        # Section 4: unknown parameters, wrong types and values out of range are ignored.
        (b"u=1, colour=red", 1, False),
        (b"u=8, i", 3, True),
        (b"u=-1", 3, False),
        (b"u=1.5, i=1", 3, False),
        # Section 7: a value that cannot be parsed MAY be an error, and is ignored here.
        (b"u=1, ", 3, False),
        (b"\xff\x00", 3, False),
        (b"u=1;", 3, False),
    ],
)
def test_priority_update(value: bytes, urgency: int, incremental: bool) -> None:
    """Section 7: a complete set of parameters; missing ones have their default."""
    conn = wire.requested_server()
    event = only(wire.feed(conn, wire.priority_update(1, value)), PriorityUpdateReceived)
    assert event == PriorityUpdateReceived(
        prioritized_stream_id=1, urgency=urgency, incremental=incremental
    )
    assert_alive(conn)


def responding_server() -> H2Connection:
    """A server that has ended its response while the request continues."""
    conn = wire.open_server()
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    conn.clear_outbound_data_buffer()
    return conn


def pushing_server() -> H2Connection:
    """A server that has promised stream 2."""
    conn = wire.requested_server()
    conn.push_stream(1, 2, wire.REQUEST)
    conn.clear_outbound_data_buffer()
    return conn


def sending_server() -> H2Connection:
    """A server that sends the pushed response on stream 2."""
    conn = pushing_server()
    conn.send_headers(2, wire.RESPONSE)
    conn.clear_outbound_data_buffer()
    return conn


REPORTED: dict[str, tuple[Callable[[], H2Connection], int]] = {
    "idle": (wire.server, 1),
    "idle, the highest": (wire.server, MAX_STREAM_ID),
    "idle above a used one": (wire.requested_server, 3),
    "open": (wire.open_server, 1),
    "half-closed (remote)": (wire.requested_server, 1),
    "half-closed (local)": (responding_server, 1),
    "reserved": (pushing_server, 2),
    "pushed": (sending_server, 2),
}


@pytest.mark.parametrize(("make", "stream_id"), REPORTED.values(), ids=REPORTED)
def test_streams_that_can_be_prioritized(make: Callable[[], H2Connection], stream_id: int) -> None:
    """Section 7.1: idle, open, half-closed or reserved streams; the reserved bit is ignored.

    No stream changes its state: an idle one stays idle.
    """
    conn = make()
    state = conn.stream_state(stream_id)
    for identifier in (stream_id, stream_id | RESERVED):
        event = only(wire.feed(conn, wire.priority_update(identifier)), PriorityUpdateReceived)
        assert event.prioritized_stream_id == stream_id
    assert conn.stream_state(stream_id) == state
    assert_alive(conn)


def closed_server() -> H2Connection:
    """A server on which streams 1, 2, 5 and 7 are closed, and 3 was skipped."""
    conn = sending_server()
    conn.send_data(2, b"", end_stream=True)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    for stream_id in (5, 7):
        wire.feed(conn, wire.headers(stream_id, wire.REQUEST, end_stream=True))
    wire.feed(conn, wire.rst_stream(5))
    conn.reset_stream(7)
    conn.clear_outbound_data_buffer()
    return conn


@pytest.mark.parametrize("stream_id", [1, 2, 3, 5, 7])
def test_closed_streams(stream_id: int) -> None:
    """Section 7.1: "Servers can discard frames [...] "closed" state"."""
    assert_ignored(closed_server(), wire.priority_update(stream_id, b"u=1"))


@pytest.mark.parametrize("stream_id", [1, 3, 2, MAX_STREAM_ID])
def test_on_a_stream(stream_id: int) -> None:
    """Section 7.1: on a stream other than 0 it is a connection error."""
    frame = wire.priority_update(1, b"u=1", stream_id=stream_id)
    assert_error_if_strict(wire.requested_server(), frame, last_stream_id=1)


@pytest.mark.parametrize("stream_id", [0, RESERVED])
def test_for_stream_zero(stream_id: int) -> None:
    """Section 7.1: prioritized stream 0 is a connection error."""
    assert_error_if_strict(wire.server(), wire.priority_update(stream_id, b"u=1"))


@pytest.mark.parametrize("make", [wire.server, pushing_server])
def test_for_an_idle_push_stream(make: Callable[[], H2Connection]) -> None:
    """Section 7.1: a push stream that is idle is a connection error."""
    conn = make()
    frame = wire.priority_update(4, b"u=1")
    assert_error_if_strict(conn, frame, last_stream_id=conn.highest_inbound_stream_id)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_too_short(length: int) -> None:
    """A frame without a whole stream identifier is FRAME_SIZE_ERROR (RFC 9113 section 4.2)."""
    frame = wire.frame(Type.PRIORITY_UPDATE, 0, 0, bytes(length))
    assert_error_if_strict(wire.server(), frame, code=Code.FRAME_SIZE_ERROR)


@pytest.mark.parametrize("stream_id", [0, 1, 2, 5])
def test_at_a_client(stream_id: int) -> None:
    """Section 7.1: "If a client receives a PRIORITY_UPDATE frame", whatever its content."""
    assert_error_if_strict(wire.open_client(), wire.priority_update(stream_id, b"u=1"))
    assert_error_if_strict(wire.open_client(), wire.frame(Type.PRIORITY_UPDATE, 0, stream_id))


def test_priority_update_inside_a_field_block() -> None:
    """As an extension frame it cannot be inside a field block (RFC 9113 5.5)."""
    conn = wire.server()
    begun = wire.headers(1, b"", end_headers=False)
    assert_connection_error(conn, begun, wire.priority_update(1), code=Code.PROTOCOL_ERROR)


def limited_server(limit: int) -> H2Connection:
    """A server whose client knows that this many streams may be open."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: limit})
    wire.feed(conn, wire.settings(ack=True))
    conn.clear_outbound_data_buffer()
    return conn


def updates(*stream_ids: int) -> list[bytes]:
    return [wire.priority_update(stream_id, b"u=1") for stream_id in stream_ids]


def test_too_many_idle_streams() -> None:
    """Section 7.1: idle streams with a priority and active ones count together."""
    conn = limited_server(3)
    assert len(wire.feed(conn, *updates(1, 9, 5, 9, 1))) == 5
    assert_error_if_strict(conn, *updates(7))


def test_streams_that_are_opened_are_idle_no_more() -> None:
    """An opened stream counts as active until it is closed."""
    conn = limited_server(3)
    wire.feed(conn, *updates(1, 3, 5), wire.headers(1, wire.REQUEST, end_stream=True))
    assert len(wire.feed(conn, *updates(1, 3, 5))) == 3
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    conn.clear_outbound_data_buffer()
    assert len(wire.feed(conn, *updates(7))) == 1
    # Stream 9 skips 3, 5 and 7, which closes them.
    wire.feed(conn, wire.headers(9, wire.POST))
    assert len(wire.feed(conn, *updates(11, 13))) == 2
    assert_error_if_strict(conn, *updates(15), last_stream_id=9)


def test_active_streams_leave_no_room() -> None:
    """Only idle streams are limited: those that are open can be prioritized at any time."""
    conn = limited_server(1)
    wire.feed(conn, wire.headers(1, wire.POST))
    assert len(wire.feed(conn, *updates(1))) == 1
    assert_error_if_strict(conn, *updates(3), last_stream_id=1)


def test_a_limit_that_the_client_may_not_know() -> None:
    """A limit applies once the client has acknowledged it (RFC 9113 section 6.5.3)."""
    conn = limited_server(2)
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 1})
    conn.clear_outbound_data_buffer()
    assert len(wire.feed(conn, *updates(1, 3))) == 2
    wire.feed(conn, wire.settings(ack=True))
    assert_error_if_strict(conn, *updates(3))


def test_what_is_remembered_is_bounded_without_a_limit() -> None:
    """Without SETTINGS_MAX_CONCURRENT_STREAMS nothing is an error, and little is remembered."""
    conn = H2Connection(wire.configuration(client_side=False))
    del conn.local_settings[Setting.MAX_CONCURRENT_STREAMS]
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.settings(ack=True))
    conn.clear_outbound_data_buffer()
    assert len(wire.feed(conn, *updates(*range(1, 10_001, 2)))) == 5_000
    idle = conn._core.idle_priorities
    assert idle is not None
    assert idle.count_with(10_001, 0) == 1024 + 1
    assert_alive(conn)


@pytest.mark.parametrize(("size", "extras"), [(4, 1), (63, 1), (64, 2), (127, 2), (128, 3)])
def test_what_a_frame_costs(size: int, extras: int) -> None:
    """It counts as one frame, and as more if it is long."""
    conn = wire.server()
    wire.feed(conn, wire.priority_update(1, b"u=1" + b" " * (size - 7) if size > 4 else b""))
    assert conn._core.conduct.extras == extras


@pytest.mark.parametrize(("value", "most"), [(b"u=1", 10_600), (b"a=1, " * 3_200, 60)])
def test_a_flood(value: bytes, most: int) -> None:
    """More frames than there are streams count as glitches, long ones more (RFC 9113 10.5)."""
    conn = wire.requested_server()
    frames = [wire.priority_update(1, value)] * most
    with pytest.raises(DenialOfServiceError) as caught:
        wire.feed(conn, *frames)
    assert caught.value.rule == "too-many-glitches"


# Sending ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((), b""),
        ((0,), b"u=0"),
        ((7, True), b"u=7, i"),
        ((3, True), b"i"),
        ((3, False), b""),
    ],
)
def test_send_priority_update(arguments: tuple[int, ...], value: bytes) -> None:
    """Section 7.1: the frame is sent on stream 0, with the value of the field."""
    conn = wire.open_client()
    conn.send_priority_update(1, *arguments)
    assert conn.data_to_send() == wire.priority_update(1, value)


def promised_client() -> H2Connection:
    """A client to which stream 2 was promised."""
    conn = wire.requesting_client()
    wire.feed(conn, wire.push_promise(1, 2))
    return conn


def pushed_client() -> H2Connection:
    """A client that receives the pushed response on stream 2."""
    conn = promised_client()
    wire.feed(conn, wire.headers(2, wire.RESPONSE))
    return conn


SENDABLE: dict[str, tuple[Callable[[], H2Connection], int]] = {
    "idle": (wire.client, 1),
    "idle, the highest": (wire.client, MAX_STREAM_ID),
    "open": (wire.open_client, 1),
    "half-closed (local)": (wire.requesting_client, 1),
    "reserved (remote)": (promised_client, 2),
    "pushed": (pushed_client, 2),
}


@pytest.mark.parametrize(("make", "stream_id"), SENDABLE.values(), ids=SENDABLE)
def test_streams_for_which_it_can_be_sent(make: Callable[[], H2Connection], stream_id: int) -> None:
    """Section 7.1: streams on which content may still arrive."""
    conn = make()
    state = conn.stream_state(stream_id)
    conn.send_priority_update(stream_id, 1)
    assert conn.data_to_send() == wire.priority_update(stream_id, b"u=1")
    assert conn.stream_state(stream_id) == state


def answered_client() -> H2Connection:
    """A client whose request continues after the response has ended."""
    conn = wire.open_client()
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    return conn


def closed_client() -> H2Connection:
    """A client on which streams 2 and 5 are closed, and 1 and 3 were skipped."""
    conn = wire.client()
    conn.send_headers(5, wire.REQUEST, end_stream=True)
    wire.feed(conn, wire.push_promise(5, 2), wire.headers(2, wire.RESPONSE, end_stream=True))
    wire.feed(conn, wire.headers(5, wire.RESPONSE, end_stream=True))
    return conn


def leaving_client() -> H2Connection:
    """A client that has received GOAWAY."""
    conn = wire.open_client()
    wire.feed(conn, wire.goaway(1))
    return conn


REFUSED: dict[str, tuple[Callable[[], H2Connection], int, type[Exception]]] = {
    "half-closed (remote)": (answered_client, 1, ProtocolError),
    "closed": (closed_client, 5, StreamClosedError),
    "closed push": (closed_client, 2, StreamClosedError),
    "passed over": (closed_client, 3, StreamClosedError),
    "idle push": (promised_client, 4, NoSuchStreamError),
    "after GOAWAY": (leaving_client, 3, ProtocolError),
    "server": (wire.requested_server, 1, ProtocolError),
    "stream 0": (wire.client, 0, ValueError),
    "negative": (wire.client, -1, ValueError),
    "too high": (wire.client, 2**31, ValueError),
}


@pytest.mark.parametrize(("make", "stream_id", "error"), REFUSED.values(), ids=REFUSED)
def test_streams_for_which_it_cannot_be_sent(
    make: Callable[[], H2Connection], stream_id: int, error: type[Exception]
) -> None:
    """Section 7.1: streams without content to come, idle push streams, and any at a server."""
    assert type(assert_refused(make(), "send_priority_update", stream_id)) is error


def test_an_open_stream_after_goaway() -> None:
    """A stream that continues can be prioritized."""
    conn = leaving_client()
    conn.send_priority_update(1, 0)
    assert conn.data_to_send() == wire.priority_update(1, b"u=0")


@pytest.mark.parametrize("urgency", [-1, 8, 2**40])
def test_urgencies_out_of_range(urgency: int) -> None:
    """Section 4.1: "between 0 and 7 inclusive"."""
    assert (
        type(assert_refused(wire.open_client(), "send_priority_update", 1, urgency)) is ValueError
    )


@pytest.mark.parametrize("arguments", [("1",), (1, "3"), (1, 3.0), (None,), (1, None)])
def test_types(arguments: tuple[object, ...]) -> None:
    assert type(assert_refused(wire.open_client(), "send_priority_update", *arguments)) is TypeError


def test_a_client_keeps_the_limit_of_idle_streams() -> None:
    """Section 7.1: a client does not prioritize more idle streams than it could open."""
    conn = wire.client((Setting.MAX_CONCURRENT_STREAMS, 3))
    conn.send_headers(1, wire.POST)
    for stream_id in (1, 3, 5, 3):
        conn.send_priority_update(stream_id, 1)
    error = assert_refused(conn, "send_priority_update", 7, 1)
    assert type(error) is TooManyStreamsError
    # An open stream is no longer idle, and a closed one does not count.
    conn.send_headers(3, wire.REQUEST, end_stream=True)
    assert type(assert_refused(conn, "send_priority_update", 7, 1)) is TooManyStreamsError
    wire.feed(conn, wire.headers(3, wire.RESPONSE, end_stream=True))
    conn.send_priority_update(7, 1)
    assert conn.data_to_send() == wire.priority_update(7, b"u=1")


def test_both_sides() -> None:
    """The server of this package reports what its client sends, even before the request."""
    ours, theirs = wire.pair()
    ours.send_priority_update(1, 0, True)
    ours.send_headers(1, wire.REQUEST, end_stream=True)
    ours.send_priority_update(1)
    _, told = wire.exchange(ours, theirs)
    assert [event for event in told if isinstance(event, PriorityUpdateReceived)] == [
        PriorityUpdateReceived(prioritized_stream_id=1, urgency=0, incremental=True),
        PriorityUpdateReceived(prioritized_stream_id=1, urgency=3, incremental=False),
    ]


# SETTINGS_NO_RFC7540_PRIORITIES -------------------------------------------------------------------


def starting(client_side: bool, value: int | None = None) -> H2Connection:
    """A connection that has not started, possibly with a different value of the setting."""
    conn = H2Connection(wire.configuration(client_side=client_side))
    if value is not None:
        conn.local_settings = Settings(
            client=client_side, initial_values={SettingCodes.NO_RFC7540_PRIORITIES: value}
        )
    return conn


@pytest.mark.parametrize("make", [wire.server, wire.client])
@pytest.mark.parametrize("value", [0, 1])
def test_the_setting_is_kept(make: Callable[..., H2Connection], value: int) -> None:
    """Section 2.1: 0 or 1, and 0 if it was not sent."""
    assert make().remote_settings.no_rfc7540_priorities == 0
    assert NO_PRIORITIES not in make().remote_settings
    conn = make((NO_PRIORITIES, value))
    assert conn.remote_settings.no_rfc7540_priorities == value
    assert conn.remote_settings[NO_PRIORITIES] == value
    assert conn.local_settings.no_rfc7540_priorities == 0


@pytest.mark.parametrize("client_side", [True, False])
def test_the_setting_is_reported(client_side: bool) -> None:
    conn = starting(client_side)
    conn.initiate_connection()
    preface = b"" if client_side else wire.PREFACE
    event = only(wire.feed(conn, preface, wire.settings((9, 1))), RemoteSettingsChanged)
    assert event.changed_settings == {9: ChangedSetting(9, None, 1)}
    assert type(next(iter(event.changed_settings))) is SettingCodes


@pytest.mark.parametrize("make", [wire.server, wire.client])
@pytest.mark.parametrize("value", [2, 2**32 - 1])
def test_values_that_are_out_of_range(make: Callable[..., H2Connection], value: int) -> None:
    """Section 2.1: a connection error; by default the value is ignored, as in h2 4.4.1."""
    conn = make()
    frame = wire.settings((Setting.MAX_FRAME_SIZE, 20_000), (NO_PRIORITIES, value))
    if conn.config.strict:
        error = assert_connection_error(
            conn, frame, code=Code.PROTOCOL_ERROR, error=InvalidSettingsValueError
        )
        assert error.rule == "priorities-setting-invalid"
        return
    event = only(wire.feed(conn, frame), RemoteSettingsChanged)
    assert event.changed_settings[9] == ChangedSetting(9, None, value)
    assert conn.data_to_send() == wire.settings(ack=True)
    assert conn.max_outbound_frame_size == 20_000
    assert NO_PRIORITIES not in conn.remote_settings
    assert conn.remote_settings.no_rfc7540_priorities == 0


@pytest.mark.parametrize("before", [(), ((NO_PRIORITIES, 1),)])
def test_only_the_last_value_in_a_frame_counts(before: tuple[tuple[int, int], ...]) -> None:
    """By default, as in h2 4.4.1, an ignored value leaves the setting as before the frame."""
    conn = wire.server(*before)
    if conn.config.strict:
        return
    wire.feed(conn, wire.settings((NO_PRIORITIES, 0), (NO_PRIORITIES, 2)))
    assert conn.remote_settings.no_rfc7540_priorities == len(before)
    assert (NO_PRIORITIES in conn.remote_settings) == bool(before)


@pytest.mark.parametrize("make", [wire.server, wire.client])
@pytest.mark.parametrize("value", [0, 1])
def test_a_value_that_changes(make: Callable[..., H2Connection], value: int) -> None:
    """Section 2.1: "Receivers that detect a change MAY treat it as a connection error"."""
    conn = make((NO_PRIORITIES, value))
    wire.feed(conn, wire.settings((NO_PRIORITIES, value)), wire.settings())
    frame = wire.settings((NO_PRIORITIES, 1 - value))
    conn.clear_outbound_data_buffer()
    if conn.config.strict:
        error = assert_connection_error(
            conn, frame, code=Code.PROTOCOL_ERROR, error=InvalidSettingsValueError
        )
        assert error.rule == "priorities-setting-changed"
        return
    only(wire.feed(conn, frame), RemoteSettingsChanged)
    assert conn.remote_settings.no_rfc7540_priorities == 1 - value


def test_values_that_differ_in_one_frame() -> None:
    """With strict=True each value is checked, not only the last one."""
    conn = wire.server()
    frame = wire.settings((NO_PRIORITIES, 1), (NO_PRIORITIES, 0))
    if conn.config.strict:
        assert_connection_error(
            conn, frame, code=Code.PROTOCOL_ERROR, error=InvalidSettingsValueError
        )
    else:
        only(wire.feed(conn, frame), RemoteSettingsChanged)
        assert conn.remote_settings.no_rfc7540_priorities == 0


@pytest.mark.parametrize("client_side", [True, False])
@pytest.mark.parametrize("value", [0, 1])
def test_the_setting_is_sent_in_the_first_frame(client_side: bool, value: int) -> None:
    """Section 2.1: "they MUST send it in the first SETTINGS frame", and only if they use it."""
    conn = starting(client_side, value)
    conn.initiate_connection()
    start = len(wire.PREFACE) if client_side else 0
    frame = wire.parse(conn.data_to_send()[start:])[0]
    assert (NO_PRIORITIES, value) in frame.settings
    assert conn.local_settings.no_rfc7540_priorities == value
    plain = starting(client_side)
    plain.initiate_connection()
    assert NO_PRIORITIES not in dict(wire.parse(plain.data_to_send()[start:])[0].settings)


@pytest.mark.parametrize("value", [-1, 2, 2**32])
def test_values_that_cannot_be_sent(value: int) -> None:
    """Section 2.1: "MUST be 0 or 1"."""
    assert_refused(wire.server(), "update_settings", {NO_PRIORITIES: value})
    with pytest.raises(InvalidSettingsValueError):
        Settings().no_rfc7540_priorities = value
    with pytest.raises(InvalidSettingsValueError):
        starting(False, value)


@pytest.mark.parametrize("value", [None, 0, 1])
def test_a_value_that_we_change(value: int | None) -> None:
    """Section 2.1: "Senders MUST NOT change" it; by default it is sent, as in h2 4.4.1."""
    conn = starting(False, value)
    conn.update_settings({NO_PRIORITIES: 1})  # is sent before the preface
    conn.initiate_connection()
    conn.clear_outbound_data_buffer()
    same, other = value or 0, 1 - (value or 0)
    conn.update_settings({NO_PRIORITIES: same})
    assert conn.data_to_send() == wire.settings((NO_PRIORITIES, same))
    if conn.config.strict:
        error = assert_refused(conn, "update_settings", {NO_PRIORITIES: other})
        assert isinstance(error, InvalidSettingsValueError)
        assert error.rule == "priorities-setting-changed"
    else:
        conn.update_settings({NO_PRIORITIES: other})
        assert conn.data_to_send() == wire.settings((NO_PRIORITIES, other))


def test_the_old_signals_are_never_acted_on() -> None:
    """Section 2.1: a server that received 1 ignores them; they only cause events."""
    conn = wire.server((NO_PRIORITIES, 1))
    only(wire.feed(conn, wire.priority(1, 3)), PriorityUpdated)
    assert_alive(conn)


def test_a_client_may_go_on_with_both_signals() -> None:
    """Section 2.1.1: the program decides which of them a client sends."""
    for pairs in ((), ((NO_PRIORITIES, 0),), ((NO_PRIORITIES, 1),)):
        conn = wire.client(*pairs)
        conn.send_priority_update(1, 1)
        conn.prioritize(1)
        assert conn.data_to_send() == wire.priority_update(1, b"u=1") + wire.priority(1)
