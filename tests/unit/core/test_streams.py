"""What a connection remembers about its streams: counters, gaps, streams removed by programs."""

from __future__ import annotations

import copy
import random

import pytest

from h2._core import framing
from h2._core.stream import Stream, Streams
from h2._rules import stream_states as states
from h2.connection import H2Connection
from h2.events import StreamReset
from h2.exceptions import (
    InvalidBodyLengthError,
    StreamClosedError,
    StreamIDTooLowError,
    TooManyStreamsError,
)
from support import wire


def counts(conn: H2Connection) -> tuple[int, int]:
    return conn.open_inbound_streams, conn.open_outbound_streams


def open_pair() -> tuple[H2Connection, H2Connection]:
    """Both ends of streams 1 (open) and 2 (promised and answered)."""
    client, server = wire.pair()
    client.send_headers(1, wire.POST)
    wire.exchange(client, server)
    server.push_stream(1, 2, wire.REQUEST)
    assert counts(server) == (1, 0)
    server.send_headers(2, wire.RESPONSE)
    wire.exchange(client, server)
    return client, server


def test_reserved_streams_do_not_count_until_they_are_answered() -> None:
    client, server = open_pair()
    assert counts(client) == (1, 1)
    assert counts(server) == (1, 1)
    server.end_stream(2)
    wire.exchange(client, server)
    assert counts(client) == (0, 1)
    assert counts(server) == (1, 0)


@pytest.mark.parametrize("reset_by", [0, 1])
@pytest.mark.parametrize("stream_id", [1, 2])
def test_reset_streams_do_not_count(reset_by: int, stream_id: int) -> None:
    ends = open_pair()
    ends[reset_by].reset_stream(stream_id)
    wire.exchange(*ends)
    assert sum(map(sum, map(counts, ends))) == 2


def test_a_reserved_stream_that_is_reset_was_never_counted() -> None:
    client, server = wire.pair()
    client.send_headers(1, wire.POST)
    wire.exchange(client, server)
    server.push_stream(1, 2, wire.REQUEST)
    wire.exchange(client, server)
    client.reset_stream(2)
    wire.exchange(client, server)
    assert (counts(client), counts(server)) == ((0, 1), (1, 0))


@pytest.mark.parametrize("status", [b"103", b"200"])
def test_answering_a_promise_opens_a_stream(status: bytes) -> None:
    """Either end counts the stream from its first HEADERS frame on, an informational one too."""
    client, server = wire.pair()
    client.update_settings({wire.Setting.MAX_CONCURRENT_STREAMS: 1})
    client.send_headers(1, wire.POST)
    wire.exchange(client, server)
    for promised in (2, 4):
        server.push_stream(1, promised, wire.REQUEST)
    server.send_headers(2, [(b":status", status)])
    wire.exchange(client, server)
    assert (counts(client), counts(server)) == ((1, 1), (1, 1))
    with pytest.raises(TooManyStreamsError):
        server.send_headers(4, [(b":status", status)])
    (event,) = wire.feed(client, wire.headers(4, [(b":status", status)]))
    assert isinstance(event, StreamReset)
    assert (event.stream_id, event.error_code) == (4, wire.Code.REFUSED_STREAM)


@pytest.mark.parametrize("how", ["pop", "pop with default", "del"])
def test_a_stream_that_a_consumer_takes_out_counts_no_more(how: str) -> None:
    client, _ = open_pair()
    stream = client.streams[1]
    if how == "pop":
        assert client.streams.pop(1) is stream
    elif how == "del":
        del client.streams[1]
    else:
        assert client.streams.pop(1, None) is stream
        assert client.streams.pop(1, None) is None
    assert counts(client) == (1, 0)
    with pytest.raises(KeyError):
        client.streams.pop(1)
    with pytest.raises(KeyError):
        del client.streams[1]
    assert counts(client) == (1, 0)
    with pytest.raises(StreamClosedError):
        client.send_data(1, b"x")
    assert client.get_next_available_stream_id() == 3


def test_a_consumer_takes_out_all_streams() -> None:
    for conn in open_pair():
        streams = conn.streams
        streams.clear()
        assert counts(conn) == (0, 0)
        assert not streams
        with pytest.raises(StreamClosedError):
            conn.send_data(1, b"x")
        with pytest.raises(KeyError):
            streams.popitem()
        assert counts(conn) == (0, 0)


def test_content_of_a_response_without_any_is_counted_in_its_error() -> None:
    error = framing.wrong_content(Stream(1, states.HALF_LOCAL, 0), -3).exception()
    assert isinstance(error, InvalidBodyLengthError)
    assert (error.expected_length, error.actual_length) == (0, 3)


def test_streams_are_a_mapping() -> None:
    client, _ = open_pair()
    streams = client._core.streams
    assert len(streams) == len(list(streams)) > 1
    assert dict(streams.items()) == {stream_id: streams[stream_id] for stream_id in streams}
    assert list(streams.values()) == [streams[stream_id] for stream_id in streams]


def test_a_consumer_takes_out_the_streams_one_by_one() -> None:
    client, server = open_pair()
    server.push_stream(1, 4, wire.REQUEST)
    wire.exchange(client, server)
    taken = []
    while client.streams:
        stream_id, stream = client.streams.popitem()
        taken.append((stream_id, stream.stream_id, counts(client)))
    assert taken == [(4, 4, (1, 1)), (2, 2, (0, 1)), (1, 1, (0, 0))]
    assert not server.streams.popitem()[1].open
    assert counts(server) == (1, 1)


def test_counters_after_streams_were_taken_out() -> None:
    """Streams that are opened later are counted as usual."""
    client, server = wire.pair()
    client.update_settings({wire.Setting.MAX_CONCURRENT_STREAMS: 2})
    for stream_id in (1, 3):
        client.send_headers(stream_id, wire.POST)
    wire.exchange(client, server)
    client.streams.clear()
    server.streams.clear()
    client.send_headers(5, wire.POST)
    wire.exchange(client, server)
    assert (counts(client), counts(server)) == ((0, 1), (1, 0))
    client.reset_stream(5)
    wire.exchange(client, server)
    assert (counts(client), counts(server)) == ((0, 0), (0, 0))


def test_a_connection_shows_what_it_is_and_does() -> None:
    client, server = open_pair()
    server.send_data(2, bytes(535))
    wire.exchange(client, server)
    client.ping(b"12345678")
    assert repr(client) == (
        "<H2Connection client OPEN streams=2 inbound=1 (highest 2) outbound=1 (highest 1) "
        "windows=65000/65535 buffered=17>"
    )
    server.close_connection()
    server.data_to_send()
    assert repr(server) == (
        "<H2Connection server GOAWAY_SENT streams=2 inbound=1 (highest 1) outbound=1 (highest 2) "
        "windows=65535/65000 buffered=0>"
    )

    class Mine(H2Connection):
        pass

    assert repr(Mine()).startswith("<Mine client STARTING streams=0 ")


def test_a_reserved_stream_that_a_consumer_takes_out() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.push_promise(1, 2))
    conn.streams.pop(2)
    assert counts(conn) == (0, 1)


def test_closing_a_stream_that_was_taken_out_does_not_count_twice() -> None:
    streams = Streams(client=True)
    stream = Stream(1, states.OPEN_REQUEST_SENT, 65_535)
    streams.add(stream)
    streams.seen_by_program.pop(1)
    streams.move(stream, states.CLOSED_BY_US, 10)
    assert streams.outbound_open == 0
    assert streams.state_of(1) == states.CLOSED


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_memory_of_reset_streams_is_limited(limit: int) -> None:
    class Forgetful(H2Connection):
        MAX_CLOSED_STREAMS = limit

    conn = Forgetful()
    conn.initiate_connection()
    for stream_id in (1, 3, 5, 7):
        conn.send_headers(stream_id, wire.REQUEST)
        conn.reset_stream(stream_id)
    assert list(conn._core.streams.reset) == [1, 3, 5, 7][4 - limit :]


def test_identifiers_that_were_passed_over() -> None:
    conn = wire.client()
    for stream_id in (3, 5, 11):
        conn.send_headers(stream_id, wire.REQUEST)
    for stream_id in (1, 7, 9):
        with pytest.raises(StreamIDTooLowError) as caught:
            conn.send_headers(stream_id, wire.REQUEST)
        assert (caught.value.stream_id, caught.value.max_stream_id) == (stream_id, 11)
    conn.send_headers(13, wire.REQUEST)


def test_streams_in_order_leave_no_gaps() -> None:
    """A gap is remembered although many streams follow it, whichever end opens them."""
    client, server = wire.pair()
    client.send_headers(5, wire.REQUEST, end_stream=True)
    for stream_id in range(7, 207, 2):
        client.send_headers(stream_id, wire.REQUEST, end_stream=True)
        wire.exchange(client, server)
        server.send_headers(stream_id, wire.RESPONSE, end_stream=True)
        wire.exchange(client, server)
    with pytest.raises(StreamIDTooLowError):
        client.send_headers(3, wire.REQUEST)
    with pytest.raises(StreamIDTooLowError):
        wire.feed(server, wire.headers(3, wire.REQUEST))


def closed_between_others() -> tuple[H2Connection, H2Connection]:
    """Stream 4, promised and closed; its identifier is between those of requests 1 and 9."""
    client, server = wire.pair()
    for stream_id in (1, 9):
        client.send_headers(stream_id, wire.POST)
    wire.exchange(client, server)
    for stream_id in (2, 4):
        server.push_stream(1, stream_id, wire.REQUEST)
        server.send_headers(stream_id, wire.RESPONSE, end_stream=True)
    wire.exchange(client, server)
    return client, server


def test_streams_of_the_other_end_were_not_passed_over() -> None:
    """Streams 3, 5 and 7 were never opened; stream 4 was, and is closed."""
    client, server = closed_between_others()
    for conn in (client, server):
        with pytest.raises(StreamClosedError):
            conn.send_headers(4, wire.REQUEST)
    with pytest.raises(StreamIDTooLowError):
        client.send_headers(5, wire.REQUEST)
    with pytest.raises(StreamClosedError) as caught:
        wire.feed(client, wire.headers(4, wire.RESPONSE))
    assert caught.value.error_code == wire.Code.STREAM_CLOSED
    client, server = closed_between_others()
    with pytest.raises(StreamClosedError):
        wire.feed(server, wire.headers(4, wire.REQUEST))
    client, server = closed_between_others()
    with pytest.raises(StreamIDTooLowError):
        wire.feed(server, wire.headers(5, wire.REQUEST))


def test_memory_of_passed_over_identifiers_is_limited() -> None:
    """A forgotten gap leads to another error of the same scope, not to a stream."""
    conn = wire.client()
    last = 1 + 6 * 99
    for stream_id in range(1, last + 1, 6):
        conn.send_headers(stream_id, wire.REQUEST)
    assert len(conn._core.streams._gaps) <= 32
    with pytest.raises(StreamIDTooLowError):
        conn.send_headers(last - 2, wire.REQUEST)
    with pytest.raises(StreamClosedError):
        conn.send_headers(3, wire.REQUEST)


# The record of identifiers, by itself ---------------------------------------------------


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("inbound", [True, False])
@pytest.mark.parametrize("refused", [True, False])
def test_which_identifiers_were_skipped(client: bool, inbound: bool, refused: bool) -> None:
    """For both ends, whether a stream was opened or only its identifier used."""
    parity = int(inbound != client)
    streams = Streams(client)
    used = [parity + 4, parity + 6, parity + 12]
    for stream_id in used:
        if inbound and refused:
            streams.use_inbound(stream_id)
        else:
            streams.add(Stream(stream_id, states.OPEN_REQUEST_SENT, 0))
    odd_or_even = range(parity or 2, parity + 16, 2)
    skipped = [stream_id for stream_id in odd_or_even if streams.was_skipped(stream_id)]
    assert skipped == [each for each in odd_or_even if each < used[-1] and each not in used]
    assert [each for each in range(-1, 20) if streams.is_used(each)] == [
        each for each in odd_or_even if each <= used[-1]
    ]
    assert streams.ever_opened == len(used)
    other = Streams(client)
    assert not any(map(other.was_skipped, range(20)))


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("refused", [True, False])
def test_the_first_identifier_that_can_be_skipped(client: bool, refused: bool) -> None:
    streams = Streams(client)
    first = 2 if client else 1
    if refused:
        streams.use_inbound(first + 2)
    else:
        streams.add(Stream(first + 2, states.OPEN_BOTH, 0))
    assert streams.was_skipped(first)
    assert streams.ever_opened == 1


@pytest.mark.parametrize("refused", [True, False])
def test_identifiers_in_order_take_no_memory(refused: bool) -> None:
    streams = Streams(client=False)
    for stream_id in range(1, 100, 2):
        if refused:
            streams.use_inbound(stream_id)
        else:
            streams.add(Stream(stream_id, states.OPEN_BOTH, 0))
    assert not streams._gaps
    assert streams.ever_opened == 50


def test_thirty_two_gaps_are_remembered() -> None:
    streams = Streams(client=True)
    for stream_id in range(1, 1 + 4 * 33, 4):
        streams.add(Stream(stream_id, states.OPEN_REQUEST_SENT, 0))
    assert len(streams._gaps) == 32
    assert streams.was_skipped(3)
    streams.add(Stream(1 + 4 * 33, states.OPEN_REQUEST_SENT, 0))
    assert len(streams._gaps) == 32
    assert not streams.was_skipped(3)
    assert streams.was_skipped(7)
    assert streams.ever_opened == 34


def test_how_streams_were_closed_whose_resets_are_forgotten() -> None:
    """Streams up to the highest forgotten one of the same end count as reset locally."""
    streams = Streams(client=False)
    for stream_id in (3, 7, 9, 4, 8, 10):
        streams.add(Stream(stream_id, states.OPEN_BOTH, 0))
        streams.seen_by_program.pop(stream_id)
    for stream_id in (7, 3, 4, 8):
        streams.remember(stream_id, states.CLOSED_BY_PEER, 0)
    assert not streams.reset
    forgotten = [1, 2, 3, 4, 5, 6, 7, 8]
    assert [each for each in range(1, 11) if streams.state_of(each) == states.CLOSED_BY_US] == (
        forgotten
    )
    assert (streams.state_of(9), streams.state_of(10)) == (states.CLOSED, states.CLOSED)
    assert {streams.state_of(each) for each in (-1, 0, 11, 12)} == {states.IDLE}
    streams = Streams(client=True)
    streams.add(Stream(9, states.OPEN_REQUEST_SENT, 0))
    streams.use_inbound(8)
    streams.remember(5, states.CLOSED_BY_PEER, 0)
    del streams.seen_by_program[9]
    assert [each for each in range(1, 10) if streams.state_of(each) == states.CLOSED_BY_US] == [
        *(1, 3, 5)
    ]
    streams.remember(6, states.CLOSED_BY_PEER, 0)
    streams.remember(4, states.CLOSED_BY_PEER, 0)
    assert [each for each in range(1, 10) if streams.state_of(each) == states.CLOSED_BY_US] == [
        *(1, 2, 3, 4, 5, 6)
    ]


@pytest.mark.parametrize("removals", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_streams_are_found_by_both_look_ups(seed: int, removals: bool) -> None:
    # The compiled build remembers streams outside of the dict. Identifiers that differ by 256
    # share a place there.
    choose = random.Random(seed)
    streams = Streams(client=True)
    most = choose.choice([1, 2, 3, 200])
    for number in range(500):
        if len(streams) < most and (not len(streams) or choose.random() < 0.6):
            step = choose.choice([1, 1, 1, 128])
            last = streams.highest_outbound
            streams.add(Stream(last + 2 * step if last else 1, states.OPEN_BOTH, 10))
        else:
            stream = choose.choice(list(streams.values()))
            if removals and number > 250 and choose.random() < 0.3:
                del streams.seen_by_program[stream.stream_id]
            else:
                after = choose.choice([states.HALF_LOCAL, states.CLOSED, states.CLOSED_BY_US])
                streams.move(stream, after, max_reset=5)
        highest = streams.highest_outbound
        ids = [highest, *(choose.randint(-2, highest + 300) for _ in range(5)), *streams]
        choose.shuffle(ids)
        for stream_id in ids:
            assert streams.get(stream_id) is streams.table.get(stream_id)


@pytest.mark.parametrize("name", ["pop", "popitem", "clear", "__delitem__"])
def test_a_stream_that_a_program_removes_is_gone(name: str) -> None:
    client, server = wire.pair()
    client.send_headers(1, wire.POST)
    wire.exchange(client, server)
    assert client.local_flow_control_window(1)
    client.send_data(1, b"x")
    getattr(client.streams, name)(*([1] if name in ("pop", "__delitem__") else []))
    with pytest.raises(StreamClosedError):
        client.send_data(1, b"x")


def test_programs_see_the_streams_as_a_dict() -> None:
    client, server = wire.pair()
    seen = client.streams
    assert isinstance(seen, dict)
    assert not seen
    assert (len(seen), list(seen), seen) == (0, [], {})
    client.send_headers(1, wire.POST)
    client.send_headers(3, wire.POST)
    wire.exchange(client, server)
    one, three = seen[1], seen[3]
    plain = {1: one, 3: three}
    assert seen is client.streams
    assert seen
    assert seen == plain == seen
    assert (seen != plain) is False
    assert seen != {1: one}
    assert (len(seen), list(seen), list(reversed(seen))) == (2, [1, 3], [3, 1])
    assert (dict(seen), {**seen}, seen.copy(), copy.copy(seen)) == (plain,) * 4
    assert (seen | {5: one}, {5: one} | seen) == ({**plain, 5: one},) * 2
    assert repr(seen) == repr(plain)
    assert (1 in seen, 5 in seen, "1" in seen) == (True, False, False)
    assert (seen.get(1), seen.get(5), seen.get(5, 7)) == (one, None, 7)
    assert (list(seen.keys()), list(seen.values())) == ([1, 3], [one, three])
    assert list(seen.items()) == [(1, one), (3, three)]
    with pytest.raises(KeyError):
        seen[5]
    with pytest.raises(KeyError):
        del seen[5]
    with pytest.raises(KeyError):
        seen.pop(5)
    assert seen.pop(5, None) is None
    assert counts(client) == (0, 2)
    assert seen.popitem() == (3, three)
    assert counts(client) == (0, 1)
    seen[3] = three
    assert seen.setdefault(3, one) is three
    seen.update({5: three})
    seen |= {7: three}
    assert list(client.streams) == [1, 3, 5, 7]
    assert dict.__len__(client.streams) == 0, "the streams are elsewhere"


def test_a_stream_that_a_program_adds_is_found() -> None:
    client, _ = wire.pair()
    client.send_headers(1, wire.POST)
    stream = client.streams[1]
    del client.streams[1]
    with pytest.raises(StreamClosedError):
        client.send_data(1, b"x")
    client.streams[1] = stream
    client.send_data(1, b"x")


@pytest.mark.parametrize("name", ["__setitem__", "update", "__ior__"])
def test_a_stream_that_a_program_replaces_is_found(name: str) -> None:
    client, _ = wire.pair()
    client.send_headers(1, wire.POST)
    client.send_data(1, b"x")
    other = Stream(1, states.OPEN_REQUEST_SENT, 10)
    getattr(client.streams, name)(*([1, other] if name == "__setitem__" else [{1: other}]))
    client.send_data(1, b"x")
    assert other.send_offset == -1


def test_where_the_compiled_build_finds_streams() -> None:
    streams = Streams(client=True)
    one, three, other = (Stream(number, states.OPEN_BOTH, 0) for number in (1, 3, 257))
    streams.add(one)
    streams._note(one)
    assert (streams._latest, streams._slots) == (one, [])
    streams._forget(one)
    assert streams._latest is None
    streams.add(three)
    streams._note(three)
    streams._note(one)
    assert streams._latest is one
    assert [stream for stream in streams._slots if stream] == [one, three]
    streams.add(other)
    streams._note(other)
    assert [stream for stream in streams._slots if stream] == [other, three]
    streams._forget(one)
    assert streams._latest is other
    assert [stream for stream in streams._slots if stream] == [other, three]
    streams._forget(other)
    assert streams._latest is None
    assert [stream for stream in streams._slots if stream] == [three]
