"""RFC 9113 section 10.5: each limit of h2.limits, with its default value and disabled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Any, NamedTuple

import pytest

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, PingReceived
from h2.exceptions import DenialOfServiceError, H2Error
from h2.limits import AbuseLimits, Rate
from support import wire
from support.builds import pure_build
from support.outcome import assert_alive, assert_dead, sent
from support.wire import Code, Setting, Type

REQUESTS = 3000


class Clock:
    """A clock that is set by hand, and counts how often it is read."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.time


def connection(
    client: bool, limits: AbuseLimits | None = None, clock: Any = None, **options: Any
) -> H2Connection:
    """A connection with streams 1 and 3 open, opened by the client."""
    clock = clock or Clock()
    make = wire.client if client else wire.server
    conn = make(limits=limits, clock=clock, **options)
    for stream_id in (1, 3):
        if client:
            conn.send_headers(stream_id, wire.POST)
            wire.feed(conn, wire.headers(stream_id, wire.RESPONSE))
        else:
            wire.feed(conn, wire.headers(stream_id, wire.POST))
    conn.clear_outbound_data_buffer()
    return conn


class Flood(NamedTuple):
    """The frames that a peer repeats, the limit that stops it, and the number allowed."""

    limit: str
    frames: Callable[[], Iterable[bytes]]
    allowed: int
    clients: bool = True
    servers: bool = True
    drained: bool = True


def same(frame: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (frame for _ in count())


def reset_requests() -> Iterator[bytes]:
    for stream_id in count(5, 2):
        yield wire.headers(stream_id, wire.POST) + wire.rst_stream(stream_id)


def faulty_requests() -> Iterator[bytes]:
    for stream_id in count(5, 2):
        yield wire.headers(stream_id, wire.POST) + wire.window_update(stream_id, 0)


def reset_promises() -> Iterator[bytes]:
    for stream_id in count(2, 2):
        yield wire.push_promise(1, stream_id) + wire.rst_stream(stream_id)


def refused_promises() -> Iterator[bytes]:
    for stream_id in count(2, 2):
        yield wire.push_promise(1, stream_id)


FREE = 8  # frames for each stream, and for the connection
OPEN = 2
SETTINGS = wire.settings((Setting.MAX_FRAME_SIZE, 20_000))

FLOODS = {
    "rapid-reset": Flood("resets_received", reset_requests, 2000, clients=False),
    "rapid-reset-of-promises": Flood("resets_received", reset_promises, 2000, servers=False),
    "made-you-reset": Flood("resets_provoked", faulty_requests, 1000, clients=False),
    "promises": Flood("glitches", refused_promises, 200 + 5000, servers=False),
    "unknown": Flood("glitches", same(wire.frame(0xEE, 0, 0)), 2000 + FREE * (OPEN + 1) // 5),
    "priority": Flood("glitches", same(wire.priority(1)), 10_000 + FREE * (OPEN + 1)),
    "settings": Flood("glitches", same(SETTINGS), 2500),
    "settings-ack": Flood("glitches", same(wire.settings(ack=True)), 10_000),
    "ping-ack": Flood("glitches", same(wire.ping(ack=True)), 10_000),
    "altsvc": Flood("glitches", same(wire.altsvc(0, b"https://a.example", b"h3")), 10_000),
    "goaway": Flood("glitches", same(wire.goaway(3)), 1000),
    "window-update": Flood(
        "glitches", same(wire.window_update(1, 1)), 4 * (10_000 + FREE * (OPEN + 1))
    ),
    "window-update-of-the-connection": Flood(
        "glitches", same(wire.window_update(0, 255)), 4 * (10_000 + FREE * (OPEN + 1))
    ),
    "informational": Flood(
        "glitches",
        same(wire.headers(5, [(b":status", b"103")])),
        5000 + FREE * (OPEN + 2) // 2,
        servers=False,
    ),
    "ping": Flood("pending_answers", same(wire.ping()), 1000, drained=False),
    "settings-that-are-not-read": Flood(
        "pending_answers", same(wire.settings()), 1000, drained=False
    ),
    "empty-data": Flood("empty_data", same(wire.data(1, b"")), 100 + OPEN),
    "padding": Flood("empty_data", same(wire.data(1, b"", pad=3)), 100 + OPEN),
    "small-data": Flood("small_data", same(wire.data(1, b"x")), 2**14),
}


@pytest.fixture(params=FLOODS)
def flood(request: pytest.FixtureRequest) -> Flood:
    return FLOODS[request.param]


def roles(flood: Flood) -> list[bool]:
    """Whether the victim is a client."""
    return [True] * flood.clients + [False] * flood.servers


def suffering(flood: Flood, client: bool, limits: AbuseLimits | None = None) -> H2Connection:
    # With strict=True one unsolicited acknowledgment is an error.
    options = {"strict": False} if flood is FLOODS["settings-ack"] else {}
    conn = connection(client, limits, **options)
    if flood is FLOODS["informational"]:
        conn.send_headers(5, wire.POST)
    return conn


def pour(conn: H2Connection, flood: Flood, number: int) -> None:
    for frame in islice(flood.frames(), number):
        conn.receive_data(frame)
        if flood.drained:
            conn.data_to_send()


def test_a_flood_is_ended_where_the_limit_says(flood: Flood) -> None:
    for client in roles(flood):
        conn = suffering(flood, client)
        pour(conn, flood, flood.allowed)
        with pytest.raises(DenialOfServiceError) as caught:
            pour(conn, Flood(*flood[:1], lambda: islice(flood.frames(), flood.allowed, None), 0), 1)
        error = caught.value
        assert error.limit == flood.limit
        assert error.allowed is not None
        assert error.seen is not None
        assert error.seen > error.allowed
        assert f"'{flood.limit}'" in str(error)
        assert str(error.seen) in str(error)
        assert error.error_code == Code.ENHANCE_YOUR_CALM
        last = sent(conn)[-1]
        assert (last.type, last.error_code) == (Type.GOAWAY, Code.ENHANCE_YOUR_CALM)
        assert_dead(conn)


def test_a_flood_is_not_ended_where_the_limit_is_off(flood: Flood) -> None:
    for client in roles(flood):
        conn = suffering(flood, client, AbuseLimits.off())
        # Without this limit, the flow-control window ends the flood.
        most = 60_000 if flood.limit == "small_data" else flood.allowed + 1200
        pour(conn, flood, most)
        conn.clear_outbound_data_buffer()
        assert_alive(conn)


@pytest.mark.parametrize("name", ["rapid-reset", "made-you-reset", "ping-ack", "empty-data"])
def test_what_the_rates_forget_each_second(name: str) -> None:
    flood = FLOODS[name]
    rate = getattr(AbuseLimits(), flood.limit)
    clock = Clock()
    conn = connection(False, clock=clock)
    frames = iter(flood.frames())
    for frame in islice(frames, flood.allowed):
        conn.receive_data(frame)
    clock.time += 2
    for frame in islice(frames, 2 * rate.per_second):
        conn.receive_data(frame)
    with pytest.raises(DenialOfServiceError):
        conn.receive_data(next(frames))


def test_the_clock_is_read_only_where_a_rate_needs_it() -> None:
    clock = Clock()
    conn = connection(False, clock=clock)
    wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True), wire.data(1, b"content"))
    wire.feed(conn, wire.window_update(0, 100_000), wire.ping(), wire.priority(1))
    conn.acknowledge_received_data(7, 1)
    assert clock.reads == 0
    wire.feed(conn, *[wire.goaway(0)] * 3, wire.rst_stream(1), wire.window_update(3, 0))
    assert clock.reads == 1
    wire.feed(conn, wire.goaway(0))
    assert clock.reads == 2


def test_all_streams_that_are_allowed_may_be_canceled_at_once() -> None:
    conn = connection(False)
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: REQUESTS})
    wire.feed(conn, wire.settings(ack=True))
    streams = range(5, 2 * REQUESTS + 5, 2)
    wire.feed(conn, *[wire.headers(id, wire.POST) for id in streams[: REQUESTS - 2]])
    wire.feed(conn, *[wire.rst_stream(id) for id in streams[: REQUESTS - 2]])
    assert conn.open_inbound_streams == 2


def test_no_number_of_streams_switches_the_limit_of_resets_off() -> None:
    conn = connection(False)
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 2**31})
    wire.feed(conn, wire.settings(ack=True))
    with pytest.raises(DenialOfServiceError, match="20001, the limit 'resets_received' is 20000"):
        wire.feed(conn, *islice(reset_requests(), 20_001))


def test_uploads_that_are_given_up_after_the_response() -> None:
    """The server refuses the upload, and its client need not send the rest (section 8.1)."""
    conn = connection(False, AbuseLimits(resets_received=Rate(1, 0)))
    for stream_id in range(5, 2005, 2):
        wire.feed(conn, wire.headers(stream_id, wire.POST))
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        conn.clear_outbound_data_buffer()
        wire.feed(conn, wire.rst_stream(stream_id))
    # The burst is ten, because the server allows a hundred streams.
    unanswered = range(2005, 2027, 2)
    with pytest.raises(DenialOfServiceError, match="11, the limit 'resets_received' is 10"):
        wire.feed(conn, *[wire.headers(id, wire.POST) + wire.rst_stream(id) for id in unanswered])


def test_faults_on_streams_of_our_own() -> None:
    """Errors of the server in answers to our requests count as three glitches each."""
    conn = wire.client((Setting.MAX_CONCURRENT_STREAMS, 2**31), clock=Clock())
    for stream_id in range(1, 6668, 2):
        conn.send_headers(stream_id, wire.POST)
    faults = [wire.window_update(stream_id, 0) for stream_id in range(1, 6668, 2)]
    assert len(wire.feed(conn, *faults[:3333])) == 3333
    with pytest.raises(DenialOfServiceError, match="'glitches'"):
        wire.feed(conn, *faults[3333:])


def test_refused_streams_are_glitches() -> None:
    conn = H2Connection(H2Configuration(client_side=False, clock=Clock()))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings())
    requests = (wire.headers(stream_id, wire.POST) for stream_id in count(1, 2))
    for request in islice(requests, 100 + 5000):
        conn.receive_data(request)
    with pytest.raises(DenialOfServiceError, match="'glitches' is 10000"):
        conn.receive_data(next(requests))


def test_the_priority_of_a_refused_stream_is_one_more() -> None:
    """It would be free for an accepted stream; here it would let events accumulate."""
    conn = H2Connection(H2Configuration(client_side=False, clock=Clock()))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings())
    pairs = (wire.headers(at, wire.POST) + wire.priority(at) for at in count(1, 2))
    for pair in islice(pairs, 100 + 10_000 // 3):
        conn.receive_data(pair)
    with pytest.raises(DenialOfServiceError, match="'glitches' is 10000"):
        conn.receive_data(next(pairs))


@pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
@pytest.mark.parametrize(
    "frame",
    [
        wire.data(1, b""),
        wire.rst_stream(1),
        wire.window_update(1, 1000),
        wire.headers(1, wire.TRAILERS, end_stream=True),
    ],
    ids=["data", "rst_stream", "window_update", "headers"],
)
def test_frames_on_a_stream_that_we_reset(client: bool, frame: bytes) -> None:
    conn = connection(client)
    conn.reset_stream(1)
    conn.clear_outbound_data_buffer()
    for _ in range(10_000 + FREE * (OPEN + 1)):
        assert conn.receive_data(frame) == []
    with pytest.raises(DenialOfServiceError, match="'glitches'"):
        conn.receive_data(frame)


def test_content_on_a_stream_that_we_reset() -> None:
    """Larger frames are not glitches: a whole window of them may be in flight."""
    conn = connection(False)
    conn.reset_stream(1)
    for _ in range(11_000):
        assert conn.receive_data(wire.data(1, bytes(256))) == []
    conn.clear_outbound_data_buffer()
    assert_alive(conn)


def test_entries_of_settings() -> None:
    pairs = [(1000 + n, n) for n in range(32)]
    conn = wire.server(limits=AbuseLimits(settings_entries=None))
    wire.feed(conn, wire.settings(*pairs, *pairs))
    conn = wire.server()
    (event,) = wire.feed(conn, wire.settings(*pairs))
    assert len(event.changed_settings) == 32  # type: ignore[attr-defined]  # Event is the base
    assert set(conn.remote_settings) <= {1, 2, 3, 4, 5, 6, 8}
    with pytest.raises(DenialOfServiceError, match="33, the limit 'settings_entries' is 32"):
        wire.feed(conn, wire.settings(*pairs, (2000, 1)))


def test_answers_that_are_read_in_part() -> None:
    """Answers that have been sent do not count, however the output is taken."""
    conn = connection(False)
    for _ in range(5):
        wire.feed(conn, *[wire.ping()] * 900)
        conn.send_headers(1, [(b":status", b"100")])
        assert len(conn.data_to_send(880 * 17)) == 880 * 17
    conn.clear_outbound_data_buffer()
    wire.feed(conn, *[wire.ping()] * 1000)


def test_answers_between_content_and_other_frames() -> None:
    conn = connection(False)
    conn.send_headers(1, wire.RESPONSE)
    for _ in range(1000):
        wire.feed(conn, wire.ping())
        conn.send_data(1, b"x")
    conn.send_data(1, bytes(2000))
    conn.send_headers(3, wire.RESPONSE)
    conn.reset_stream(3)
    assert conn.data_to_send(5)
    with pytest.raises(DenialOfServiceError, match="1001, the limit 'pending_answers' is 1000"):
        wire.feed(conn, wire.ping())


def test_resets_are_no_acknowledgments() -> None:
    """Only answers that the peer can request without bound count."""
    conn = wire.server(limits=AbuseLimits(pending_answers=3, resets_provoked=None))
    frames = islice(faulty_requests(), 200)
    wire.feed(conn, *frames, *[wire.ping()] * 3)
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.ping())


def test_the_preface_counts_for_no_answer() -> None:
    conn = H2Connection(H2Configuration(limits=AbuseLimits(pending_answers=2)))
    conn.initiate_connection()
    wire.feed(conn, wire.settings(), wire.ping())
    with pytest.raises(DenialOfServiceError, match="3, the limit 'pending_answers' is 2"):
        wire.feed(conn, wire.ping())


def acknowledge(conn: H2Connection, events: Iterable[Event]) -> None:
    for event in events:
        if isinstance(event, DataReceived):
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)


def test_small_data_that_is_acknowledged() -> None:
    """Many messages of ten octets, while a large upload is not acknowledged."""
    conn = connection(False)
    wire.feed(conn, *[wire.data(3, bytes(10_000))] * 3)
    for _ in range(20_000):
        acknowledge(conn, wire.feed(conn, wire.data(1, b"0123456789")))
        conn.clear_outbound_data_buffer()
    assert_alive(conn)


def test_small_data_in_a_large_window() -> None:
    conn = connection(False)
    conn.increment_flow_control_window(2**20)
    conn.increment_flow_control_window(2**20, 1)
    wire.feed(conn, *[wire.data(1, b"0123456789")] * 100_000)


def test_each_eight_octets_of_the_window_allow_one_more() -> None:
    conn = connection(False, AbuseLimits(small_data=10))
    wire.feed(conn, *[wire.data(1, b"x")] * (65_535 // 8))
    with pytest.raises(DenialOfServiceError, match="8192, the limit 'small_data' is 8191"):
        wire.feed(conn, wire.data(1, b"x"))


def test_small_data_of_many_streams() -> None:
    conn = connection(False)
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 2000})
    wire.feed(conn, wire.settings(ack=True))
    wire.feed(conn, *[wire.data(1, b"x")] * 32_000)
    with pytest.raises(DenialOfServiceError, match="32001, the limit 'small_data' is 32000"):
        wire.feed(conn, wire.data(1, b"x"))


def test_data_that_ends_streams_is_not_small() -> None:
    conn = wire.server(limits=AbuseLimits(small_data=0, empty_data=Rate(1, 0)))
    for stream_id in range(1, 20_001, 2):
        wire.feed(
            conn, wire.headers(stream_id, wire.POST), wire.data(stream_id, b"", end_stream=True)
        )
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        conn.clear_outbound_data_buffer()
    assert_alive(conn)


def test_one_empty_frame_for_each_stream() -> None:
    """Some servers send an empty piece before the content, or after it."""
    conn = wire.client(limits=AbuseLimits(empty_data=Rate(1, 0)))
    for stream_id in range(1, 1001, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        wire.feed(conn, wire.headers(stream_id, wire.RESPONSE), wire.data(stream_id, b""))
        wire.feed(conn, wire.data(stream_id, b"content", end_stream=True))
    conn.send_headers(1001, wire.REQUEST, end_stream=True)
    wire.feed(conn, wire.headers(1001, wire.RESPONSE), *[wire.data(1001, b"")] * 2)
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.data(1001, b""))


def test_windows_that_are_opened_by_hand() -> None:
    """A program may send WINDOW_UPDATE itself instead of acknowledging content."""
    client, server = wire.pair(clock=Clock())
    client.send_headers(1, wire.POST)
    for _ in range(20):
        for _ in range(1000):
            client.send_data(1, b"x")
        wire.exchange(client, server)
        server.increment_flow_control_window(1000)
        server.increment_flow_control_window(1000, stream_id=1)
        wire.exchange(client, server)
    assert_alive(server)


@pytest.mark.parametrize("size", [1, 255, 256])
def test_small_content_under_way_to_a_stream_that_we_reset(size: int) -> None:
    """The whole window may be in flight, in the smallest possible frames."""
    conn = connection(False, AbuseLimits(glitches=Rate(1, 0)))
    conn.reset_stream(1)
    for _ in range(65_535 // size):
        conn.receive_data(wire.data(1, b"x" * size))
    conn.clear_outbound_data_buffer()
    assert_alive(conn)


@pytest.mark.parametrize("size", [1, 256, 1000])
def test_late_content_of_which_each_frame_is_answered(size: int) -> None:
    """If the application holds the whole window, each small frame needs a WINDOW_UPDATE."""
    conn = connection(False, AbuseLimits(glitches=Rate(50, 0)))
    left = 65_535 - size
    while left:
        piece = min(left, 16_384)
        conn.receive_data(wire.data(3, bytes(piece)))
        left -= piece
    conn.reset_stream(1)
    late = wire.data(1, bytes(size))
    for _ in range(50 + FREE * (OPEN + 1)):
        conn.receive_data(late)
    with pytest.raises(DenialOfServiceError, match="'glitches'"):
        conn.receive_data(late)


@pytest.mark.parametrize(("size", "extras"), [(2**14 - 1, 1), (2**14, 0)])
def test_late_content_that_is_answered_with_a_large_increment(size: int, extras: int) -> None:
    """Its content is worth more than its cost."""
    conn = connection(False)
    left = 65_535 - size
    while left:
        piece = min(left, 16_384)
        conn.receive_data(wire.data(3, bytes(piece)))
        left -= piece
    conn.reset_stream(1)
    conn.clear_outbound_data_buffer()
    conn.receive_data(wire.data(1, bytes(size)))
    assert conn.data_to_send() == wire.window_update(0, size)
    assert conn._core.conduct.extras == extras


def test_updates_of_streams_after_a_large_one_of_the_connection() -> None:
    """The content that was sent justifies small increments, in either order."""
    conn = connection(False, AbuseLimits(glitches=Rate(8, 0)))
    streams = range(5, 195, 2)
    for stream_id in streams:
        wire.feed(conn, wire.headers(stream_id, wire.REQUEST, end_stream=True))
        conn.send_headers(stream_id, wire.RESPONSE)
    for _ in range(50):
        for stream_id in streams:
            conn.send_data(stream_id, bytes(300))
        conn.clear_outbound_data_buffer()
        wire.feed(conn, wire.window_update(0, 30_000))
        wire.feed(conn, *[wire.window_update(stream_id, 300) for stream_id in streams])
    assert_alive(conn)


@pytest.mark.parametrize("stream_id", [0, 1])
def test_increments_that_are_large_are_no_glitches(stream_id: int) -> None:
    conn = connection(False, AbuseLimits(glitches=Rate(1, 0)))
    wire.feed(conn, *[wire.window_update(stream_id, 2**14)] * 200)
    assert not conn._core.conduct.extras
    wire.feed(conn, wire.window_update(stream_id, 2**14 - 1))
    assert conn._core.conduct.extras


@pytest.mark.parametrize("stream_id", [0, 1])
def test_two_small_increments_for_each_octet_that_was_sent(stream_id: int) -> None:
    conn = connection(False)
    conn.send_headers(1, wire.RESPONSE)
    for _ in range(3):
        conn.send_data(1, b"content")
        wire.feed(conn, *[wire.window_update(stream_id, 100)] * 2 * len(b"content"))
    assert not conn._core.conduct.extras
    for number in (1, 2, 3):
        wire.feed(conn, wire.window_update(stream_id, 100))
        assert conn._core.conduct.extras == number / 4


def test_what_each_stream_allows_is_not_lost_by_those_that_had_too_much() -> None:
    """The excess counts as glitches, and each new stream adds the same allowance."""
    conn = connection(False)
    conduct = conn._core.conduct
    for stream_id in (5, 7, 9):
        allowed = FREE * (conn._core.streams.ever_opened + 1)
        wire.feed(conn, *[wire.priority(1)] * (allowed + 5))
        assert conduct.extras == allowed
        wire.feed(conn, *[wire.data(1, b"")] * 10)
        assert conduct.empty == conn._core.streams.ever_opened
        wire.feed(conn, wire.headers(stream_id, wire.POST))


def test_each_entry_of_settings_counts_and_the_frame_too() -> None:
    conn = connection(False)
    for entries, used in ((3, 8), (0, 10), (1, 14)):
        wire.feed(conn, wire.settings(*[(Setting.MAX_FRAME_SIZE, 20_000)] * entries))
        assert conn._core.conduct.buckets["glitches"].used == used


@pytest.mark.parametrize("client", [True, False])
def test_the_first_settings_are_free(client: bool) -> None:
    conn = H2Connection(H2Configuration(client_side=client, clock=Clock()))
    conn.initiate_connection()
    preface = b"" if client else wire.PREFACE
    wire.feed(conn, preface, wire.settings((Setting.MAX_FRAME_SIZE, 20_000)))
    assert not conn._core.conduct.buckets


def test_as_many_answers_as_are_allowed() -> None:
    """Even if some were read before."""
    conn = connection(False, AbuseLimits(pending_answers=600))
    wire.feed(conn, *[wire.ping()] * 400)
    assert len(conn.data_to_send(len(wire.ping()))) == len(wire.ping())
    wire.feed(conn, *[wire.ping()] * 201)
    with pytest.raises(DenialOfServiceError, match="'pending_answers' is 600"):
        wire.feed(conn, wire.ping())


def test_small_frames_are_counted_with_their_octets() -> None:
    conn = connection(False, AbuseLimits(small_data=3))
    small = wire.data(1, b"x" * 10)
    wire.feed(conn, *[small] * 3)
    conduct = conn._core.conduct.small
    assert conduct is not None
    assert (conduct.count, conduct.octets) == (3, 30)
    conn.acknowledge_received_data(20, 1)
    wire.feed(conn, small)
    assert (conduct.count, conduct.octets) == (2, 20)
    # Content acknowledged by WINDOW_UPDATE counts in the same way.
    wire.feed(conn, *[small] * 2)
    wire.feed(conn, wire.data(1, bytes(16_384)), wire.data(1, bytes(16_384)))
    conn.acknowledge_received_data(2 * 16_384, 1)
    wire.feed(conn, small)
    assert (conduct.count, conduct.octets) == (0, 0)


@pytest.mark.parametrize("promises", [1, 2])
def test_promises_are_counted_from_the_first(promises: int) -> None:
    conn = connection(True, AbuseLimits(reserved_streams=1))
    for promised in range(2, 2 + 2 * promises, 2):
        wire.feed(conn, wire.push_promise(1, promised), wire.rst_stream(promised))
    assert "glitches" not in conn._core.conduct.buckets
    wire.feed(conn, *[wire.push_promise(1, 100), wire.rst_stream(100)] * (promises == 2))
    assert ("glitches" in conn._core.conduct.buckets) == (promises == 2)


def test_answers_that_nobody_reads_are_put_together() -> None:
    """Only occasionally: joining them each time would copy all of them each time."""
    conn = connection(False)
    chunks = []
    for _ in range(999):
        wire.feed(conn, wire.ping())
        chunks.append(len(conn._core.out.chunks))
    assert chunks[200] == chunks[0] + 200
    assert max(chunks) < 300
    assert len(sent(conn)) == 999


def test_fields_that_are_as_large_as_their_block_do_not_expand() -> None:
    conn = connection(False)
    fields = [*wire.REQUEST, *[(b"x-field", bytes([65 + n % 26]) * 800) for n in range(12)]]
    block = wire.headers(5, fields, end_stream=True)
    assert len(block) > 9_000
    conn.receive_data(block)
    assert "expansion" not in conn._core.conduct.buckets


def test_updates_that_come_after_the_end_of_the_stream() -> None:
    conn = connection(False, AbuseLimits(glitches=Rate(1, 0)))
    wire.feed(conn, wire.headers(5, wire.REQUEST, end_stream=True))
    conn.send_headers(5, wire.RESPONSE)
    for _ in range(1000):
        conn.send_data(5, b"piece")
    conn.end_stream(5)
    conn.clear_outbound_data_buffer()
    wire.feed(conn, *[wire.window_update(0, 5) + wire.window_update(5, 5)] * 1000)
    assert_alive(conn)


def test_a_clock_that_fails() -> None:
    """The connection ends, because a frame is lost; earlier frames are not."""

    def clock() -> float:
        raise OSError("no clock")

    conn = connection(False, clock=clock)
    with pytest.raises(OSError, match="no clock"):
        wire.feed(conn, wire.ping(), wire.goaway(0), wire.ping())
    last = sent(conn)[-1]
    assert (last.type, last.error_code) == (Type.GOAWAY, Code.INTERNAL_ERROR)
    with pytest.raises(H2Error) as caught:
        wire.feed(conn, wire.ping())
    assert [type(event) for event in caught.value.events] == [PingReceived]


def test_a_clock_that_goes_back() -> None:
    """Counters do not decay then, and decay as usual from there on."""
    clock = Clock()
    conn = connection(False, AbuseLimits(glitches=Rate(20, 10)), clock=clock)
    wire.feed(conn, wire.goaway(0), wire.goaway(0))
    clock.time -= 1000
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.goaway(0))
    conn = connection(False, AbuseLimits(glitches=Rate(20, 10)), clock=clock)
    wire.feed(conn, wire.goaway(0))
    clock.time -= 1000
    wire.feed(conn, wire.goaway(0))
    clock.time += 1
    wire.feed(conn, wire.goaway(0))
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.goaway(0))


def test_updates_for_small_content() -> None:
    """Two updates of one octet per frame are allowed, although they are pointless."""
    conn = connection(False, AbuseLimits(glitches=Rate(1, 0)))
    conn.send_headers(1, wire.RESPONSE)
    for _ in range(500):
        conn.send_data(1, b"x")
        conn.data_to_send()
        wire.feed(conn, wire.window_update(0, 1), wire.window_update(1, 1))
    assert_alive(conn)


@pytest.mark.parametrize(("limit", "most"), [("fields", 128), ("cookie_crumbs", 256)])
def test_number_of_fields(limit: str, most: int) -> None:
    """Cookies have a separate limit."""
    name = b"x" if limit == "fields" else b"cookie"
    others = len(wire.REQUEST) if limit == "fields" else 0
    conn = wire.server()
    fields = [*wire.REQUEST, *[(name, b"1")] * (most - others)]
    assert wire.feed(conn, wire.headers(1, fields))
    assert_alive(conn)
    # The application gets no event, or with strict=True one for the reset.
    events = wire.feed(conn, wire.headers(3, [*fields, (name, b"1")]))
    assert len(events) == conn.config.strict
    reset = sent(conn)[-1]
    assert (reset.type, reset.error_code) == (Type.RST_STREAM, Code.ENHANCE_YOUR_CALM)
    conn = wire.server(limits=AbuseLimits(**{limit: None}))  # type: ignore[arg-type]  # all take it
    assert wire.feed(conn, wire.headers(1, [*fields, (name, b"1")]))
    assert_alive(conn)


def test_messages_of_very_many_fields_again_and_again() -> None:
    fields = [*wire.REQUEST, *[(b"x", b"1")] * 200]
    requests = (wire.headers(stream_id, fields) for stream_id in count(1, 2))
    conn = connection(False)
    for request in islice(requests, 2, 502):
        conn.receive_data(request)
    with pytest.raises(DenialOfServiceError, match="'glitches' is 10000"):
        conn.receive_data(next(requests))


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize("name", [b"x", b"cookie"])
def test_messages_of_more_fields_are_refused_earlier(client: bool, name: bytes) -> None:
    head = wire.RESPONSE if client else wire.REQUEST
    fields = [*head, *[(name, b"1")] * 1600]
    conn = connection(client)
    identifiers = count(5, 2)
    for stream_id in islice(identifiers, 62):
        if client:
            conn.send_headers(stream_id, wire.REQUEST)
        conn.receive_data(wire.headers(stream_id, fields))
    stream_id = next(identifiers)
    if client:
        conn.send_headers(stream_id, wire.REQUEST)
    with pytest.raises(DenialOfServiceError, match="'glitches' is 10000"):
        conn.receive_data(wire.headers(stream_id, fields))


def bomb(stream_id: int) -> bytes:
    """A request with a cookie of the dynamic table 15 times."""
    return wire.headers(stream_id, wire.block(wire.REQUEST) + wire.indexed(62) * 15)


@pytest.mark.parametrize(
    "limits",
    [AbuseLimits(), AbuseLimits(expansion=None), AbuseLimits.off()],
    ids=["on", "off", "all-off"],
)
def test_a_cookie_that_is_referenced_often(limits: AbuseLimits) -> None:
    """At most 512 KiB are allocated in excess of what the octets on the wire justify."""
    conn = wire.server(limits=limits)
    cookie = wire.block([(b"cookie", b"c" * 3900)], add=True)
    wire.feed(conn, wire.headers(1, wire.block(wire.REQUEST) + cookie))
    requests = [bomb(stream_id) for stream_id in range(3, 43, 2)]
    if limits.expansion is None:
        assert len(wire.feed(conn, *requests)) == 20
        return
    with pytest.raises(DenialOfServiceError) as caught:
        wire.feed(conn, *requests)
    assert caught.value.limit == "expansion"
    assert len(caught.value.events) < 12


def test_a_cookie_that_is_sent_twice_in_every_request() -> None:
    """Browsers do that where a site sets the same cookie for two domains."""
    clock = Clock()
    conn = wire.server(clock=clock)
    crumbs = wire.block([(b"cookie", b"c" * 3900)], add=True) + wire.indexed(62)
    for stream_id in range(1, 2000, 2):
        wire.feed(conn, wire.headers(stream_id, wire.block(wire.REQUEST) + crumbs, end_stream=True))
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        conn.clear_outbound_data_buffer()
        crumbs = wire.indexed(62) * 2
        clock.time += 0.05
    assert_alive(conn)


def test_a_promise_that_expands() -> None:
    conn = wire.client(limits=AbuseLimits(expansion=Rate(1, 0)))
    conn.send_headers(1, wire.REQUEST)
    entry = wire.block([(b":status", b"200"), (b"x", b"v" * 3900)], add=True)
    wire.feed(conn, wire.headers(1, entry))
    promise = wire.block(wire.REQUEST) + wire.indexed(62) * 3
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.push_promise(1, 2, promise))


def test_a_block_that_is_encoded_too_long() -> None:
    frame = wire.headers(1, bytes(16_384), end_headers=False)
    more = [wire.continuation(1, bytes(16_384), end_headers=False)] * 8
    with pytest.raises(DenialOfServiceError) as caught:
        wire.feed(wire.server(), frame, *more)
    assert (caught.value.limit, caught.value.allowed) == ("encoded_factor", 131_072)
    assert wire.feed(wire.server(limits=AbuseLimits(encoded_factor=None)), frame, *more) == []


def test_empty_continuations_are_glitches() -> None:
    conn = wire.server(limits=AbuseLimits(glitches=Rate(3, 0)))
    unfinished = wire.headers(1, wire.REQUEST, end_headers=False)
    with pytest.raises(DenialOfServiceError, match="empty CONTINUATION"):
        wire.feed(conn, unfinished, *[wire.continuation(1, b"", end_headers=False)] * 4)


def test_promises_may_be_unlimited() -> None:
    conn = wire.client(limits=AbuseLimits(reserved_streams=None))
    conn.send_headers(1, wire.REQUEST)
    assert len(wire.feed(conn, *islice(refused_promises(), 500))) == 500


def kept_promises() -> Iterator[bytes]:
    """Promises on stream 1, each with its response."""
    for promised in count(2, 2):
        response = wire.headers(promised, wire.RESPONSE, end_stream=True)
        yield wire.push_promise(1, promised, wire.REQUEST) + response


def test_promises_beyond_what_requests_bring_are_glitches() -> None:
    conn = wire.client(clock=Clock())
    conn.send_headers(1, wire.REQUEST)
    conn.send_headers(3, wire.REQUEST)
    frames = kept_promises()
    wire.feed(conn, *islice(frames, 2 * 200 + 10_000 // 4))
    with pytest.raises(DenialOfServiceError, match="PUSH_PROMISE frame in excess"):
        wire.feed(conn, next(frames))
    conn = wire.client(clock=Clock(), limits=AbuseLimits(reserved_streams=None))
    conn.send_headers(1, wire.REQUEST)
    assert len(wire.feed(conn, *islice(kept_promises(), 3000))) == 3 * 3000


def test_sixty_promises_for_each_request_are_no_glitch() -> None:
    conn = wire.client(limits=AbuseLimits(glitches=Rate(1, 0)))
    frames = kept_promises()
    for stream_id in range(1, 101, 2):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
        assert len(wire.feed(conn, *islice(frames, 60))) == 3 * 60


def test_promises_on_a_stream_that_we_reset_are_glitches() -> None:
    conn = wire.client(limits=AbuseLimits(glitches=Rate(3, 0)))
    conn.send_headers(1, wire.REQUEST)
    conn.reset_stream(1)
    frames = refused_promises()
    wire.feed(conn, *islice(frames, 3))
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, next(frames))


def test_an_acknowledgment_of_our_ping_is_no_glitch() -> None:
    conn = wire.client(limits=AbuseLimits(glitches=Rate(1, 0)))
    for _ in range(5):
        conn.ping(b"12345678")
        wire.feed(conn, wire.ping(ack=True))


def test_streams_that_were_passed_over_give_nothing() -> None:
    """Only streams that were opened add to the allowance."""
    conn = wire.server(limits=AbuseLimits(glitches=Rate(1, 0)))
    wire.feed(conn, wire.headers(2_000_001, wire.POST))
    wire.feed(conn, *[wire.priority(1)] * 17)
    with pytest.raises(DenialOfServiceError):
        wire.feed(conn, wire.priority(1))


@pure_build
def test_what_a_stream_error_leaves_behind() -> None:
    """Errors in many large frames leave no garbage behind."""
    conn = wire.server(limits=AbuseLimits.off(), strict=True)
    with pytest.MonkeyPatch.context() as patch:
        found = []
        patch.setattr(
            "h2._core.reader.reset_stream", lambda conn, violation: found.append(violation)
        )
        wire.feed(conn, wire.headers(1, [(b"x", b"y" * 10_000)]))
    assert [violation.__traceback__ for violation in found] == [None]
