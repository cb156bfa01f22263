"""Windows that grow with the content received in a round trip."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, PingAckReceived
from h2.exceptions import ProtocolError
from support import wire
from support.receiving import PeerWindows, downloading, frames_of, kinds, server, started
from support.wire import DEFAULT_WINDOW, MAX_WINDOW, Setting, Type

FRAME = 16_384


class Link:
    """A download over a link with a rate and a delay; the sender has unlimited content.

    Frames wait in a queue if they are sent faster than the link transmits them. Time advances in
    steps of a millisecond.
    """

    def __init__(self, rate: int, delay: float, **options: Any) -> None:
        self.now = 0.0
        self.conn = started(True, automatic_window=True, clock=lambda: self.now, **options)
        self.rate = rate  #: octets per second
        self.delay = delay  #: seconds, one way
        self.windows = PeerWindows()
        self.windows.read(wire.parse(self.conn.data_to_send()))
        wire.feed(self.conn, wire.settings(), self.windows.acknowledge())
        self.queue: deque[bytes] = deque()
        self.room = 0.0  #: octets that the link can transmit now
        self.down: deque[tuple[float, bytes]] = deque()
        self.up: deque[tuple[float, bytes]] = deque()
        self.pings: list[float] = []
        self.events: list[Any] = []
        self.delivered = 0
        self.reading = True

    def open(self, *stream_ids: int) -> None:
        for stream_id in stream_ids:
            self.conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
            self.windows.open(stream_id)
            self.queue.append(wire.headers(stream_id, wire.RESPONSE))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 0.001
            while self.up and self.up[0][0] <= self.now:
                self.peer_reads(self.up.popleft()[1])
            self.peer_sends()
            self.room = min(self.room + self.rate / 1000, self.rate / 100)
            while self.queue and self.room >= 0:
                frame = self.queue.popleft()
                self.room -= len(frame)
                self.down.append((self.now + self.delay, frame))
            while self.down and self.down[0][0] <= self.now:
                self.receive(self.down.popleft()[1])
            if out := self.conn.data_to_send():
                self.up.append((self.now + self.delay, out))

    def peer_reads(self, data: bytes) -> None:
        frames = wire.parse(data)
        for frame in frames:
            if frame.type == Type.PING:
                self.pings.append(self.now)
                self.queue.append(wire.ping(frame.payload, ack=True))
        self.windows.read(frames)
        while self.windows.unacknowledged:
            self.queue.append(self.windows.acknowledge())

    def peer_sends(self) -> None:
        for stream_id in self.windows.streams:
            while (allowed := min(self.windows.room(stream_id), FRAME)) > 0:
                self.windows.spend(stream_id, allowed)
                self.queue.append(wire.data(stream_id, bytes(allowed)))

    def receive(self, frame: bytes) -> None:
        for event in self.conn.receive_data(frame):
            self.events.append(event)
            if isinstance(event, DataReceived) and self.reading:
                self.delivered += len(event.data)
                length = event.flow_controlled_length
                self.conn.acknowledge_received_data(length, event.stream_id)
        if self.reading and self.conn._buffers.receiving is not None:
            for stream_id in self.windows.streams:
                if self.conn.readable(stream_id):
                    self.delivered += len(self.conn.read_data(stream_id))

    def throughput(self, seconds: float) -> float:
        """The share of the capacity of the link that is used."""
        before = self.delivered
        self.run(seconds)
        return (self.delivered - before) / (self.rate * seconds)


@pytest.mark.parametrize("receive_buffering", [True, False])
def test_a_long_fat_link_is_used_in_full(receive_buffering: bool) -> None:
    link = Link(12_500_000, 0.05, receive_buffering=receive_buffering)
    link.open(1)
    link.run(2)
    product = 2 * link.delay * link.rate
    assert link.conn._core.window.limit == link.windows.initial
    assert 2 * product <= link.windows.initial <= 4 * product
    assert link.throughput(2) > 0.9
    assert len(link.pings) <= 15, "one for each doubling, and then fewer and fewer"
    assert not [event for event in link.events if isinstance(event, PingAckReceived)]


def test_without_it_the_same_link_is_not() -> None:
    link = Link(12_500_000, 0.05)
    link.conn.LARGEST_AUTOMATIC_WINDOW = 1
    link.conn._limit_queues()
    link.open(1)
    link.run(2)
    assert link.throughput(2) < 0.1
    assert link.pings == []


def test_a_queue_on_the_way_makes_no_larger_windows() -> None:
    link = Link(1_000_000, 0.01)
    link.open(1)
    link.run(10)
    assert link.windows.initial <= 4 * DEFAULT_WINDOW, "20,000 octets fit on the way"
    assert link.throughput(1) > 0.9


def test_the_windows_have_a_limit() -> None:
    link = Link(100_000_000, 0.05)
    link.conn.LARGEST_AUTOMATIC_WINDOW = 300_000
    link.conn._limit_queues()
    link.open(1)
    link.run(3)
    assert link.windows.initial == link.conn._core.window.limit == 300_000
    pings = len(link.pings)
    assert pings < 10
    link.run(3)
    assert len(link.pings) == pings, "nothing more to learn"


def test_windows_that_are_larger_from_the_start_are_measured_against() -> None:
    link = Link(12_500_000, 0.05, stream_window=2**20, connection_window=2**20)
    link.open(1)
    link.run(3)
    assert 2**20 <= link.windows.initial <= 2**22
    assert link.throughput(1) > 0.9


def test_many_streams_share_what_the_connection_carries() -> None:
    link = Link(12_500_000, 0.05)
    link.open(*range(1, 41, 2))
    link.run(3)
    assert link.throughput(1) > 0.9


def test_a_program_that_reads_slowly_gets_no_larger_windows() -> None:
    link = Link(12_500_000, 0.05)
    link.reading = False
    link.open(1)
    for _ in range(100):
        link.run(0.05)
        link.conn.read_data(1, 1000)
    assert link.windows.initial == DEFAULT_WINDOW
    assert len(link.pings) <= 6


def test_pings_become_rare_where_there_is_nothing_to_gain() -> None:
    link = Link(1_000_000, 0.001)
    link.open(1)
    link.run(30)
    assert len(link.pings) < 15
    assert link.pings[-1] - link.pings[-2] > 4


def test_little_content_brings_no_ping() -> None:
    conn = server(automatic_window=True, clock=lambda: 0.0)
    for stream_id in range(1, 201, 2):
        wire.feed(
            conn,
            wire.headers(stream_id, wire.POST),
            wire.data(stream_id, b"x" * 100, end_stream=True),
        )
        conn.read_data(stream_id)
        conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        assert Type.PING not in {frame.type for frame in frames_of(conn)}


DOUBLED = 2 * DEFAULT_WINDOW


def measuring(**options: Any) -> tuple[BufferedH2Connection, bytes]:
    """A client that has just sent PING to measure, and the acknowledgment of it."""
    conn = downloading(automatic_window=True, **{"clock": lambda: 0.0, **options})
    wire.feed(conn, wire.data(1, bytes(FRAME)))
    conn.read_data(1)
    (ping,) = frames_of(conn)
    assert (ping.type, ping.flags, len(ping.payload)) == (Type.PING, 0, 8)
    return conn, wire.ping(ping.payload, ack=True)


def arrive(conn: BufferedH2Connection, octets: int, *, read: bool = True) -> None:
    """Receive content that the program reads immediately, or not."""
    while octets:
        size = min(octets, FRAME)
        octets -= size
        wire.feed(conn, wire.data(1, bytes(size)))
    if read:
        conn.read_data(1)
    conn.data_to_send()


def arrive_quietly(conn: BufferedH2Connection, octets: int) -> None:
    """Receive a frame that the program reads; output stays pending."""
    wire.feed(conn, wire.data(1, bytes(octets)))
    conn.read_data(1)


def test_one_ping_at_a_time() -> None:
    conn, _ = measuring()
    for _ in range(10):
        wire.feed(conn, wire.data(1, bytes(FRAME)))
        conn.read_data(1)
        assert Type.PING not in {frame.type for frame in frames_of(conn)}


def test_other_acknowledgments_are_events_as_ever() -> None:
    conn, ack = measuring()
    conn.ping(b"ourprog.")
    assert kinds(wire.feed(conn, wire.ping(b"ourprog.", ack=True))) == ["PingAckReceived"]
    assert wire.feed(conn, ack) == []
    assert kinds(wire.feed(conn, ack)) == ["PingAckReceived"], "nobody has asked for this one"


def test_a_second_acknowledgment_in_one_read_is_none_of_ours() -> None:
    conn, ack = measuring()
    assert kinds(wire.feed(conn, ack, ack)) == ["PingAckReceived"]


def test_windows_grow_by_settings_and_window_update() -> None:
    conn, ack = measuring()
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    before = conn._core.window.value + conn._core.window.handed_back
    assert wire.feed(conn, ack) == []
    settings, update = frames_of(conn)
    assert settings.settings == [(Setting.INITIAL_WINDOW_SIZE, DOUBLED)]
    assert update.stream_id == 0
    window = conn._core.window
    assert window.value + window.handed_back == before + DEFAULT_WINDOW == DOUBLED
    assert window.limit == DOUBLED
    wire.feed(conn, wire.settings(ack=True))
    assert conn._core.streams[1].window.limit == DOUBLED


EVEN = 80_000  #: a window size that is divisible by 4 and by 5


def even() -> tuple[BufferedH2Connection, list[float]]:
    """A client whose windows have this size, and the time on its clock."""
    clock = [0.0]
    conn = downloading(
        automatic_window=True,
        clock=lambda: clock[0],
        stream_window=EVEN,
        connection_window=EVEN,
    )
    return conn, clock


def asks(conn: BufferedH2Connection, octets: int) -> bool:
    """Whether this much content, all of it read, makes the connection measure."""
    wire.feed(conn, *(wire.data(1, bytes(octets - at)[:FRAME]) for at in range(0, octets, FRAME)))
    conn.read_data(1)
    return Type.PING in {frame.type for frame in frames_of(conn)}


def test_a_quarter_of_a_window_is_worth_measuring() -> None:
    conn, clock = even()
    quarter = EVEN // 4
    assert not asks(conn, quarter - 1)
    assert asks(conn, 1)
    # Content that arrives during a measurement does not count for the next one.
    assert not asks(conn, quarter)
    wire.feed(conn, wire.ping(b"h2window", ack=True))
    clock[0] = 1.0
    assert not asks(conn, quarter - 1)
    assert asks(conn, 1)


@pytest.mark.parametrize(("octets", "grows"), [(EVEN * 2 // 5 - 1, False), (EVEN * 2 // 5, True)])
def test_two_fifths_of_a_window_make_it_grow(octets: int, grows: bool) -> None:
    conn, clock = even()
    assert asks(conn, EVEN // 4)
    assert not asks(conn, octets)
    clock[0] = 1.0
    wire.feed(conn, wire.ping(b"h2window", ack=True))
    assert conn._core.window.limit == (2 * EVEN if grows else EVEN)


@pytest.mark.parametrize(("unread", "grows"), [(EVEN // 2 - 1, True), (EVEN // 2, False)])
def test_half_a_window_that_is_not_read_is_too_much(unread: int, grows: bool) -> None:
    conn, _ = even()
    assert asks(conn, EVEN // 4)
    for at in range(0, unread, FRAME):
        wire.feed(conn, wire.data(1, bytes(unread - at)[:FRAME]))
    assert conn.readable(1) == unread
    wire.feed(conn, wire.ping(b"h2window", ack=True))
    assert conn._core.window.limit == (2 * EVEN if grows else EVEN)


def test_a_window_in_settings_that_are_in_flight_counts() -> None:
    conn, _ = even()
    assert asks(conn, EVEN // 4)
    assert not asks(conn, EVEN // 2)
    wire.feed(conn, wire.ping(b"h2window", ack=True))
    assert [frame.type for frame in frames_of(conn)] == [Type.SETTINGS, Type.WINDOW_UPDATE]
    assert not asks(conn, 2 * EVEN // 4 - 1), "of the size that the peer has not acknowledged"
    assert asks(conn, 1)


@pytest.mark.parametrize("more", [0, 1])
def test_a_window_that_is_as_large_as_the_others_become(more: int) -> None:
    """It gets no WINDOW_UPDATE; a difference of one octet suffices for one."""
    conn, ack = measuring(connection_window=DOUBLED - more)
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    wire.feed(conn, ack)
    sent = [(frame.type, frame.stream_id) for frame in frames_of(conn)]
    assert sent == [(Type.SETTINGS, 0), (Type.WINDOW_UPDATE, 0)][: 1 + more]


def test_settings_do_not_repeat_a_window() -> None:
    conn, ack = measuring(stream_window=DOUBLED)
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    wire.feed(conn, ack)
    assert [frame.type for frame in frames_of(conn)] == [Type.WINDOW_UPDATE]


def test_less_than_two_fifths_of_a_window_are_no_reason_to_grow() -> None:
    conn, ack = measuring()
    arrive(conn, DEFAULT_WINDOW * 2 // 5 - 1)
    assert wire.feed(conn, ack) == []
    assert frames_of(conn) == []


def test_content_of_the_read_that_ends_a_measurement_counts() -> None:
    conn, ack = measuring()
    wire.feed(conn, wire.data(1, bytes(FRAME)), wire.data(1, bytes(FRAME)), ack)
    assert [frame.type for frame in frames_of(conn)] == [Type.SETTINGS, Type.WINDOW_UPDATE]


def test_content_that_is_not_read_is_no_reason_to_grow() -> None:
    conn, ack = measuring()
    arrive(conn, DEFAULT_WINDOW // 2 + 1, read=False)
    assert wire.feed(conn, ack) == []
    assert frames_of(conn) == []


def test_a_longer_round_trip_counts_for_less() -> None:
    now = [0.0]
    conn, ack = measuring(clock=lambda: now[0])
    now[0] = 0.1
    wire.feed(conn, ack)
    now[0] = 0.2
    arrive(conn, 2 * FRAME, read=False)
    conn.read_data(1)
    arrive(conn, 2 * FRAME)
    now[0] = 0.4
    assert wire.feed(conn, ack) == []
    assert frames_of(conn) == [], "49,152 octets in 0.2 seconds are 24,576 in 0.1"


def test_the_next_ping_comes_after_a_pause_with_content() -> None:
    now = [0.0]
    conn, ack = measuring(clock=lambda: now[0])
    wire.feed(conn, ack)
    arrive(conn, FRAME)
    now[0] = 0.09
    arrive(conn, FRAME)
    assert wire.feed(conn, wire.window_update(0, 1)) != []
    assert frames_of(conn) == [], "too early"
    now[0] = 0.2
    wire.feed(conn, wire.window_update(0, 1))
    assert frames_of(conn) == [], "no content has come"
    wire.feed(conn, wire.data(1, b"x"))
    assert [frame.type for frame in frames_of(conn)] == [Type.PING]


def test_pauses_become_longer_until_windows_grow() -> None:
    now = [0.0]
    conn, ack = measuring(clock=lambda: now[0])

    def asks_at(time: float) -> bool:
        now[0] = time
        arrive_quietly(conn, FRAME)
        return Type.PING in {frame.type for frame in frames_of(conn)}

    wire.feed(conn, ack)
    assert not asks_at(0.09)
    assert asks_at(0.11)
    wire.feed(conn, ack)
    assert not asks_at(0.3)
    assert asks_at(0.32)
    arrive(conn, DEFAULT_WINDOW // 2)
    wire.feed(conn, ack)
    assert conn._core.window.limit == DOUBLED
    conn.data_to_send()
    wire.feed(conn, wire.settings(ack=True))
    arrive_quietly(conn, FRAME)
    assert asks_at(0.32)
    wire.feed(conn, ack)
    arrive(conn, FRAME)
    assert not asks_at(0.41)
    assert asks_at(0.43)


def test_small_frames_are_still_counted_after_a_growth() -> None:
    conn, ack = measuring()
    wire.feed(conn, wire.data(1, b"small"))
    arrive(conn, DEFAULT_WINDOW // 2)
    window = conn._core.window
    total = conn._core.window_given + window.handed_back
    value = window.value + window.handed_back
    wire.feed(conn, ack)
    assert conn._core.window_given + window.handed_back == total + DEFAULT_WINDOW
    assert window.value + window.handed_back == value + DEFAULT_WINDOW


def test_the_window_of_the_connection_can_be_larger_than_what_streams_grow_to() -> None:
    conn, ack = measuring(connection_window=2**20)
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    wire.feed(conn, ack)
    assert [frame.type for frame in frames_of(conn)] == [Type.SETTINGS]


def test_streams_can_start_with_more_than_the_connection_grows_to() -> None:
    conn, ack = measuring(stream_window=2**20)
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    wire.feed(conn, ack)
    assert [frame.type for frame in frames_of(conn)] == [Type.WINDOW_UPDATE]


def test_a_stream_whose_window_is_as_large_as_can_be_stops_the_growth() -> None:
    conn, ack = measuring()
    conn.increment_flow_control_window(MAX_WINDOW - (DEFAULT_WINDOW - FRAME), 1)
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    assert wire.feed(conn, ack) == []
    assert frames_of(conn) == []


def test_a_connection_that_ends_measures_no_more() -> None:
    conn, ack = measuring()
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    with pytest.raises(ProtocolError, match="DATA"):
        wire.feed(conn, ack, wire.data(0))
    assert [frame.type for frame in frames_of(conn)] == [Type.GOAWAY]


def test_content_before_the_end_of_a_connection_brings_no_ping() -> None:
    conn = downloading(automatic_window=True)
    with pytest.raises(ProtocolError, match="DATA"):
        wire.feed(conn, wire.data(1, bytes(FRAME)), wire.data(1, bytes(FRAME)), wire.data(0))
    assert [frame.type for frame in frames_of(conn)] == [Type.GOAWAY]


def test_a_connection_that_goes_away_measures_as_ever() -> None:
    conn, ack = measuring()
    conn.close_connection(ErrorCodes.NO_ERROR)
    arrive(conn, DEFAULT_WINDOW // 2 + 1)
    assert wire.feed(conn, ack) == []
    assert [frame.type for frame in frames_of(conn)] == [Type.SETTINGS, Type.WINDOW_UPDATE]


def test_it_is_off_by_default() -> None:
    conn = downloading()
    for _ in range(3):
        wire.feed(conn, wire.data(1, bytes(FRAME)))
    assert frames_of(conn) == []


def test_a_peer_that_never_acknowledges_settings_gets_each_size_once() -> None:
    now = 0.0
    conn = BufferedH2Connection(
        wire.configuration(client_side=False),
        receive_buffering=True,
        automatic_window=True,
        clock=lambda: now,
    )
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.headers(1, wire.POST))
    conn.data_to_send()
    sent: list[wire.Frame] = []
    for _ in range(400):
        now += 0.01
        conn.receive_data(wire.data(1, bytes(16_000)))
        conn.read_data(1)
        frames = wire.parse(conn.data_to_send())
        pings = [frame.payload for frame in frames if frame.type == Type.PING]
        conn.receive_data(wire.data(1, bytes(16_000)) * 2)
        conn.read_data(1)
        conn.receive_data(b"".join(wire.ping(payload, ack=True) for payload in pings))
        sent += frames
    settings = [frame.payload for frame in sent if frame.type == Type.SETTINGS]
    assert len(settings) == len(set(settings)) == 1
    assert conn.remote_flow_control_window(1) <= DEFAULT_WINDOW
