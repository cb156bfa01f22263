"""The priority of a stream, and how clients and servers signal it (RFC 9218)."""

from __future__ import annotations

import pytest

from h2._core.priority_merging import Priorities
from h2._rules import connection_states
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import PriorityUpdateReceived, RequestReceived
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes
from tests.buffered.ends import (
    POST,
    REQUEST,
    RESPONSE,
    WIDE,
    client,
    frames,
    nothing_is_left,
    responding,
    server,
    shape,
    types,
)
from tests.support import wire
from tests.support.wire import Setting, Type

FRAME = wire.DEFAULT_FRAME_SIZE
SIDE_BY_SIDE = (3, True)
DEFAULT = (3, False)


def request(conn: BufferedH2Connection, stream_id: int, *fields: tuple[bytes, bytes]) -> None:
    """Let a request with these fields arrive."""
    wire.feed(conn, wire.headers(stream_id, [*wire.REQUEST, *fields], end_stream=True))


def test_peers_that_never_signal_have_their_responses_side_by_side() -> None:
    conn = responding(server(*WIDE), 1, 3)
    assert conn.get_priority(1) == conn.get_priority(3) == SIDE_BY_SIDE
    for stream_id in (1, 3):
        conn.send_data(stream_id, bytes(2 * FRAME))
    assert [stream for stream, _, _ in shape(frames(conn))] == [1, 3, 1, 3]


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_the_field_of_a_request(encoding: str | None) -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=False, header_encoding=encoding))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(*WIDE))
    request(conn, 1, (b"priority", b"u=5, i"))
    # From the first signal on, the defaults of the RFC apply.
    request(conn, 3)
    request(conn, 5, (b"priority", b"u=1"), (b"priority", b"i"))
    request(conn, 7, (b"priority", b"u=9, i=4"))
    request(conn, 9, (b"priority", b"\xff=1"), (b"x-other", b"\xff"))
    assert conn.get_priority(1) == (5, True)
    assert conn.get_priority(3) == DEFAULT
    assert conn.get_priority(5) == (1, True)
    assert conn.get_priority(7) == DEFAULT
    assert conn.get_priority(9) == DEFAULT


def test_urgent_content_goes_first() -> None:
    conn = server(*WIDE)
    request(conn, 1, (b"priority", b"u=5"))
    request(conn, 3, (b"priority", b"u=1"))
    request(conn, 5)
    responding_to = (1, 3, 5)
    for stream_id in responding_to:
        conn.send_headers(stream_id, RESPONSE)
        conn.send_data(stream_id, bytes(2 * FRAME), end_stream=True)
    assert [stream for stream, _, _ in shape(frames(conn))] == [3, 3, 5, 5, 1, 1]
    assert nothing_is_left(conn)


@pytest.mark.parametrize("name", [b"via", b"forwarded", b"x-forwarded-for"])
def test_requests_of_a_proxy_are_side_by_side(name: bytes) -> None:
    conn = server(*WIDE)
    request(conn, 1, (b"priority", b"u=0"), (name, b"a"), (name, b"b"))
    request(conn, 3, (b"priority", b"u=0"))
    wire.feed(conn, wire.priority_update(3, b"u=1"))
    assert conn.get_priority(1) == conn.get_priority(3) == SIDE_BY_SIDE
    # The priority that the program sets is still used.
    conn.set_priority(3, urgency=6)
    assert conn.get_priority(3) == (6, True)


def test_priority_update_changes_nothing_behind_a_proxy() -> None:
    conn = server(*WIDE)
    request(conn, 1, (b"via", b"a"))
    conn.send_headers(1, RESPONSE)
    conn.send_data(1, bytes(2 * FRAME))
    wire.feed(conn, wire.priority_update(1, b"u=0"))
    assert conn.get_priority(1) == SIDE_BY_SIDE


def test_priority_update_before_the_request_of_a_proxy_changes_nothing_either() -> None:
    conn = server(*WIDE)
    wire.feed(conn, wire.priority_update(1, b"u=0"), wire.priority_update(3, b"u=7"))
    request(conn, 1, (b"via", b"a"))
    request(conn, 3, (b"via", b"b"), (b"priority", b"u=1"))
    assert [conn.get_priority(stream_id) for stream_id in (1, 3)] == [SIDE_BY_SIDE] * 2
    assert not conn._sending.priorities.known


def test_priority_update_shows_that_the_client_knows_priorities() -> None:
    conn = server(*WIDE)
    for stream_id in (1, 3):
        request(conn, stream_id)
    wire.feed(conn, wire.priority_update(1, b"u=0"))
    assert conn.get_priority(3) == DEFAULT


def test_a_signal_for_a_response_that_has_ended_shows_it_too() -> None:
    conn = server(*WIDE)
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.send_headers(1, RESPONSE, end_stream=True)
    wire.feed(conn, wire.priority_update(1, b"u=0"))
    request(conn, 3)
    assert conn.get_priority(3) == DEFAULT


def test_a_field_about_priorities_is_an_ordinary_field_without_buffering() -> None:
    conn = wire.server()
    fields = [*wire.REQUEST, (b"priority", b"u=0")]
    (event, *_) = wire.feed(conn, wire.headers(1, fields, end_stream=True))
    assert isinstance(event, RequestReceived)


def test_priority_update_overrides_the_field() -> None:
    conn = responding(server(*WIDE), 1)
    conn.send_data(1, bytes(100_000))
    (event,) = wire.feed(conn, wire.priority_update(1, b"u=6"))
    assert event == PriorityUpdateReceived(prioritized_stream_id=1, urgency=6, incremental=False)
    assert conn.get_priority(1) == (6, False)
    # Before the request, in a read before or in the same one.
    wire.feed(conn, wire.priority_update(3, b"i"))
    request(conn, 3, (b"priority", b"u=0"))
    wire.feed(
        conn,
        wire.headers(5, [*wire.REQUEST, (b"priority", b"u=0")], end_stream=True),
        wire.priority_update(5, b"u=2"),
    )
    assert conn.get_priority(3) == (3, True)
    assert conn.get_priority(5) == (2, False)


def test_a_priority_that_comes_too_late_is_not_kept() -> None:
    conn = server(*WIDE)
    wire.feed(conn, wire.headers(1, [*wire.POST, (b"priority", b"u=0")]))
    conn.send_headers(1, RESPONSE, end_stream=True)
    wire.feed(conn, wire.priority_update(1, b"u=6"))
    conn.set_priority(1, urgency=7)
    # A request that is reset in the same read.
    wire.feed(
        conn,
        wire.headers(3, [*wire.REQUEST, (b"priority", b"u=0")], end_stream=True),
        wire.rst_stream(3),
    )
    # One that is malformed apart from the field.
    fields = [*wire.REQUEST, (b"priority", b"u=0"), (b"content-length", b"5")]
    wire.feed(conn, wire.headers(5, fields, end_stream=True))
    assert nothing_is_left(conn)
    with pytest.raises(StreamClosedError):
        conn.set_priority(3, urgency=7)


def test_identifiers_that_may_still_be_used_are_not_forgotten() -> None:
    conn = server(*WIDE)
    conn._core.announced.acknowledged_stream_limit = None
    idle = range(1, 401, 2)
    for stream_id in idle:
        wire.feed(conn, wire.priority_update(stream_id, b"u=1"))
    assert {conn.get_priority(stream_id) for stream_id in idle} == {(1, False)}


def test_identifiers_that_are_passed_over_are_forgotten() -> None:
    conn = server(*WIDE)
    priorities: Priorities = conn._sending.priorities
    conn._core.announced.acknowledged_stream_limit = None
    for stream_id in range(1, 10_001, 2):
        wire.feed(conn, wire.priority_update(stream_id, b"u=1"))
        if stream_id % 100 == 99:
            request(conn, stream_id + 2)
            conn.send_headers(stream_id + 2, RESPONSE, end_stream=True)
    assert priorities.known is not None
    assert len(priorities.known) <= 256


def test_the_field_of_a_response_changes_what_it_names() -> None:
    conn = server(*WIDE)
    request(conn, 1, (b"priority", b"u=5, i"))
    conn.send_headers(1, [*RESPONSE, (b"priority", b"u=1")])
    assert conn.get_priority(1) == (1, True)
    request(conn, 3, (b"priority", b"u=5"))
    conn.send_headers(3, [*RESPONSE, (b"priority", b"i"), (b"priority", b"x=1")])
    assert conn.get_priority(3) == (5, True)
    request(conn, 5, (b"priority", b"u=5"))
    conn.send_headers(5, [*RESPONSE, (b"priority", b"u=1")], end_stream=True)
    # This also works for a response that has to wait.
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 0)))
    conn.push_stream(1, 2, REQUEST)
    conn.send_headers(2, [(b":status", b"103")])
    conn.send_headers(2, [*RESPONSE, (b"priority", b"u=2")])
    assert conn.get_priority(2) == (2, False)


def test_set_priority_is_the_latest_word() -> None:
    conn = server(*WIDE)
    request(conn, 1, (b"priority", b"u=5, i"))
    conn.set_priority(1, urgency=2)
    assert conn.get_priority(1) == (2, True)
    conn.set_priority(1, incremental=False)
    assert conn.get_priority(1) == (2, False)
    conn.send_headers(1, RESPONSE)
    conn.send_data(1, bytes(100_000))
    assert conn.get_priority(1) == (2, False)
    wire.feed(conn, wire.priority_update(1, b"u=7"))
    assert conn.get_priority(1) == (7, False)


def test_a_change_takes_effect_with_the_next_frame() -> None:
    conn = server(*WIDE)
    for stream_id in (1, 3):
        request(conn, stream_id, (b"priority", b"u=4"))
        conn.send_headers(stream_id, RESPONSE)
        conn.send_data(stream_id, bytes(3 * FRAME))
    assert shape(frames(conn, FRAME + 100)) == [(1, FRAME, 0)]
    wire.feed(conn, wire.priority_update(3, b"u=0"))
    assert shape(frames(conn, FRAME + 100)) == [(3, FRAME, 0)]
    conn.set_priority(1, urgency=0)
    assert shape(frames(conn, FRAME + 100)) == [(1, FRAME, 0)]


def test_a_client_sends_its_requests_side_by_side() -> None:
    conn = client(*WIDE)
    for stream_id in (1, 3):
        conn.send_headers(stream_id, [*POST, (b"priority", b"u=%d" % stream_id)])
        conn.send_data(stream_id, bytes(2 * FRAME))
    assert [stream for stream, _, _ in shape(frames(conn))] == [1, 3, 1, 3]
    conn.set_priority(1, 5)
    assert conn.get_priority(1) == (5, True)


# Signals of clients.


def updates(sent: list[wire.Frame]) -> list[tuple[int, bytes]]:
    """The PRIORITY_UPDATE frames: stream and value."""
    return [
        (int.from_bytes(frame.payload[:4], "big"), frame.payload[4:])
        for frame in sent
        if frame.type == Type.PRIORITY_UPDATE
    ]


@pytest.mark.parametrize(
    ("settings", "types_after"),
    [
        ([(Setting.NO_RFC7540_PRIORITIES, 1)], [Type.PRIORITY_UPDATE, Type.HEADERS]),
        ([(Setting.NO_RFC7540_PRIORITIES, 0)], [Type.PRIORITY, Type.HEADERS]),
        ([], [Type.PRIORITY, Type.HEADERS]),
    ],
)
def test_a_client_sends_the_signals_that_the_server_heeds(
    settings: list[tuple[int, int]], types_after: list[int]
) -> None:
    conn = BufferedH2Connection()
    conn.initiate_connection()

    def signal(stream_id: int) -> list[wire.Frame]:
        conn.send_priority_update(stream_id, urgency=1)
        conn.prioritize(stream_id)
        conn.send_headers(stream_id, REQUEST, True, priority_weight=5)
        return [frame for frame in frames(conn) if frame.type != Type.SETTINGS]

    both = signal(1)
    assert types(both) == [Type.PRIORITY_UPDATE, Type.PRIORITY, Type.HEADERS]
    assert both[2].has(wire.Flag.PRIORITY)
    # Only the first SETTINGS frame matters.
    wire.feed(conn, wire.settings(*settings))
    wire.feed(conn, wire.settings())
    frames(conn)
    after = signal(3)
    assert types(after) == types_after
    assert after[1].has(wire.Flag.PRIORITY) == (types_after[0] == Type.PRIORITY)
    # Also for an open stream.
    conn.send_priority_update(3, urgency=1)
    assert types(frames(conn)) == types_after[:1] * (types_after[0] == Type.PRIORITY_UPDATE)
    # Invalid calls are still rejected.
    with pytest.raises(ProtocolError):
        conn.prioritize(5, weight=0)
    with pytest.raises(ValueError, match="Stream 0 does not exist"):
        conn.prioritize(0)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    with pytest.raises(StreamClosedError):
        conn.send_priority_update(1)


HEEDS = (Setting.NO_RFC7540_PRIORITIES, 1)


def test_priority_update_of_requests_that_are_not_open() -> None:
    """At most as many as the server allows; the others are sent with their requests."""
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 2), HEEDS)
    for stream_id in (1, 3, 5):
        conn.send_priority_update(stream_id, urgency=stream_id)
    assert updates(frames(conn)) == [(1, b"u=1"), (3, b"")]
    for stream_id in (1, 3, 5, 7, 9):
        conn.send_headers(stream_id, REQUEST, end_stream=True)
    conn.send_priority_update(7, urgency=7)
    conn.send_priority_update(9, urgency=7)
    conn.reset_stream(9)
    with pytest.raises(StreamClosedError):
        conn.send_priority_update(9, urgency=7)
    assert types(frames(conn)) == [Type.HEADERS, Type.HEADERS]
    for stream_id in (1, 3):
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE, end_stream=True))
    sent = frames(conn)
    assert [(frame.type, frame.stream_id) for frame in sent] == [
        (Type.HEADERS, 5),
        (Type.PRIORITY_UPDATE, 0),
        (Type.HEADERS, 7),
        (Type.PRIORITY_UPDATE, 0),
    ]
    assert updates(sent) == [(5, b"u=5"), (7, b"u=7")]
    assert nothing_is_left(conn)


def test_priority_update_passes_content_that_waits() -> None:
    conn = client((Setting.INITIAL_WINDOW_SIZE, 0), HEEDS)
    conn.send_headers(1, POST)
    conn.send_data(1, b"content")
    conn.send_priority_update(1, urgency=1)
    assert types(frames(conn)) == [Type.HEADERS, Type.PRIORITY_UPDATE]


def test_no_priority_update_after_goaway() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 0), HEEDS)
    conn.send_headers(1, REQUEST)
    conn._core.enter(connection_states.GOAWAY_RECEIVED)
    with pytest.raises(ProtocolError):
        conn.send_priority_update(1, urgency=1)


def test_what_was_said_about_priorities_is_read_once() -> None:
    conn = server(*WIDE)
    for stream_id in (1, 3):
        request(conn, stream_id, (b"priority", b"u=1"))
        assert not conn._core.signals


def test_priority_update_that_goes_out_with_a_request_that_does_not_wait() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1), HEEDS)
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.send_priority_update(3, urgency=2)
    conn.send_priority_update(3, urgency=1)
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    frames(conn)
    conn.send_headers(3, REQUEST, end_stream=True)
    assert updates(frames(conn)) == [(3, b"u=1")]
    assert nothing_is_left(conn)


def test_signals_of_requests_that_wait_are_decided_when_they_leave() -> None:
    conn = BufferedH2Connection()
    conn.STREAMS_BEFORE_SETTINGS = 0
    conn.initiate_connection()
    conn.send_headers(1, REQUEST, True, priority_weight=5)
    wire.feed(conn, wire.settings(HEEDS))
    assert not frames(conn)[-1].has(wire.Flag.PRIORITY)


def test_priority_updates_for_requests_that_cannot_come_are_forgotten() -> None:
    conn = client((Setting.MAX_CONCURRENT_STREAMS, 1), HEEDS)
    conn.send_headers(1, REQUEST)
    conn.send_priority_update(3, urgency=1)
    wire.feed(conn, wire.goaway(1))
    assert nothing_is_left(conn)
    with pytest.raises(ProtocolError):
        conn.send_priority_update(3, urgency=1)


def test_a_server_says_that_it_goes_by_rfc_9218() -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=False))
    conn.initiate_connection()
    (sent,) = frames(conn)
    assert (Setting.NO_RFC7540_PRIORITIES, 1) in sent.settings
    assert conn.local_settings.no_rfc7540_priorities == 1
    other = BufferedH2Connection(H2Configuration(client_side=False))
    other.local_settings[SettingCodes.NO_RFC7540_PRIORITIES] = 0
    other.local_settings.acknowledge()
    other.initiate_connection()
    other.initiate_connection()
    assert (Setting.NO_RFC7540_PRIORITIES, 0) in frames(other)[0].settings


def test_a_client_does_not_say_so() -> None:
    conn = BufferedH2Connection()
    conn.initiate_connection()
    (sent,) = frames(conn)
    assert Setting.NO_RFC7540_PRIORITIES not in dict(sent.settings)


def test_old_signals_change_nothing() -> None:
    conn = server(*WIDE)
    fields = wire.priority_fields(weight=200)
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True, priority=fields))
    wire.feed(conn, wire.priority(1, weight=3))
    assert conn.get_priority(1) == SIDE_BY_SIDE
