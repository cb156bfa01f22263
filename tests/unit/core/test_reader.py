"""Frames that arrive in pieces, and the choice of the handler."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from itertools import pairwise

import pytest

from h2._core import reader
from h2.connection import H2Connection
from h2.events import DataReceived, Event, PingReceived, RequestReceived
from h2.exceptions import FrameTooLargeError, ProtocolError
from support import wire
from support.wire import Setting, Type


def uploading(size: int = wire.DEFAULT_FRAME_SIZE) -> H2Connection:
    """A server that has received the beginning of a request and accepts frames of a size."""
    conn = wire.server()
    conn.update_settings({Setting.MAX_FRAME_SIZE: size, Setting.INITIAL_WINDOW_SIZE: 2**20})
    wire.feed(conn, wire.settings(ack=True), wire.headers(1, wire.POST))
    conn.increment_flow_control_window(2**20)
    conn.clear_outbound_data_buffer()
    return conn


def received_in(conn: H2Connection, octets: bytes, *cuts: int) -> list[list[Event]]:
    """Return the events of each piece."""
    places = [0, *cuts, len(octets)]
    return [conn.receive_data(octets[start:stop]) for start, stop in pairwise(places)]


@pytest.mark.parametrize("size", [1_600, 16_384, 65_536, 66_051])
@pytest.mark.parametrize(
    "cuts",
    [
        (9,),
        (3, 9),
        (9, 521, 1_034),
        (9, 520, 521, 1_032, 1_033),
        (9, 600, 700),
        (5, 600, 1_112),
        (9, 1_097),
    ],
)
def test_a_large_frame_in_pieces(size: int, cuts: tuple[int, ...]) -> None:
    """Its last piece completes the frame, and the next frame is not affected."""
    conn = uploading(max(size, wire.DEFAULT_FRAME_SIZE))
    content = bytes(number % 251 for number in range(size))
    for _ in range(2):
        *before, last = received_in(conn, wire.data(1, content), *cuts)
        assert before == [[]] * len(cuts)
        (event,) = last
        assert isinstance(event, DataReceived)
        assert event.data == content
    (event,) = wire.feed(conn, wire.ping(b"whole..."))
    assert isinstance(event, PingReceived)


def test_the_header_of_the_next_frame_is_not_mistaken_for_content() -> None:
    """The previous frame no longer counts as incomplete."""
    conn = uploading()
    received_in(conn, wire.data(1, bytes(4_000)), 20, 1_000)
    octets = wire.data(1, bytes(600))
    *_, last = received_in(conn, octets, 3)
    assert isinstance(last[0], DataReceived)


def test_small_pieces_are_collected_behind_a_large_one() -> None:
    conn = uploading()
    octets = wire.data(1, bytes(2_000))
    *before, last = received_in(conn, octets, 709, *range(710, 1_000))
    assert not any(before)
    assert isinstance(last[0], DataReceived)
    received_in(conn, octets[:1_000], 709, *range(710, 1_000))
    assert [len(piece) for piece in conn._core.partial_frame.pieces] == [700, 291]


@pytest.mark.parametrize("cuts", [(), (3,), (9,), (20,), (3, 20), (5, 9, 66_059)])
def test_a_frame_that_is_too_large_says_its_size(cuts: tuple[int, ...]) -> None:
    """The error is raised when all of its pieces have arrived, as in h2 4.4.1."""
    conn = uploading()
    octets = wire.data(1, bytes(0x010203), end_stream=True)
    assert received_in(conn, octets[:-1], *cuts) == [[]] * (len(cuts) + 1)
    with pytest.raises(FrameTooLargeError) as caught:
        conn.receive_data(octets[-1:])
    assert str(caught.value) == "Received DATA frame of 66051 octets, the limit is 16384"


def test_a_whole_frame_that_is_too_large_says_its_size() -> None:
    with pytest.raises(FrameTooLargeError, match="of 66051 octets, the limit is 16384"):
        uploading().receive_data(wire.data(1, bytes(0x010203), end_stream=True))


def test_a_frame_of_the_largest_size_is_not_too_large() -> None:
    conn = uploading()
    with pytest.raises(FrameTooLargeError, match="of 16385 octets"):
        received_in(conn, wire.data(1, bytes(16_385)), 9)


FRAMES = {
    Type.DATA: wire.data(1, b"content"),
    Type.HEADERS: wire.headers(3, wire.REQUEST),
    Type.PRIORITY: wire.priority(3),
    Type.RST_STREAM: wire.rst_stream(1, wire.Code.CANCEL),
    Type.SETTINGS: wire.settings((Setting.INITIAL_WINDOW_SIZE, 5)),
    Type.PING: wire.ping(b"12345678"),
    Type.GOAWAY: wire.goaway(0),
    Type.WINDOW_UPDATE: wire.window_update(1, 9),
}


@pytest.mark.parametrize("type_", FRAMES, ids=lambda type_: type_.name)
def test_the_compiled_build_calls_the_same_handlers(type_: Type) -> None:
    """`_handle` replaces a look-up in a table of the pure build."""
    conn, other = uploading(), uploading()
    expected = wire.feed(other, FRAMES[type_])
    (frame,) = wire.parse(FRAMES[type_])
    core = conn._core
    core.events = []
    reader._handle(core, frame.type, frame.flags, frame.stream_id, frame.payload)
    assert expected
    assert [*map(repr, core.events)] == [*map(repr, expected)]
    assert conn.data_to_send() == other.data_to_send()


def test_each_call_reads_the_clock_again() -> None:
    conn = uploading()
    conn._core.now = 5.0
    (event,) = wire.feed(conn, wire.headers(3, wire.REQUEST))
    assert isinstance(event, RequestReceived)
    assert conn._core.now is None


def test_a_frame_without_payload_in_two_pieces_counts_once() -> None:
    conn = wire.server()
    assert len(received_in(conn, wire.settings(), 3)[1]) == 1
    assert conn.data_to_send() == wire.settings(ack=True)
    (event,) = wire.feed(conn, wire.ping(b"12345678"))
    assert isinstance(event, PingReceived)
    assert conn.data_to_send() == wire.ping(b"12345678", ack=True)


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="elsewhere objects are freed at another time"
)
@pytest.mark.parametrize(
    "first",
    [
        wire.data(0, bytes(10_000)),
        wire.window_update(1, 1),
        wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**31)),
        wire.headers(1, [*wire.REQUEST, (b"Bad", bytes(1_000))]),
        wire.push_promise(1, 2),
    ],
    ids=["DATA on stream 0", "idle stream", "invalid setting", "malformed", "PUSH_PROMISE"],
)
def test_exceptions_keep_nothing_of_the_input(first: bytes) -> None:
    """This holds for a connection error and for calls after it."""
    conn = wire.server()
    data = first + wire.ping(b"12345678")
    gc.disable()
    try:
        before = sys.getrefcount(data)
        for _ in range(3):
            with suppress(ProtocolError):
                conn.receive_data(data)
            assert sys.getrefcount(data) == before
    finally:
        gc.enable()


def test_which_frames_do_not_need_the_table_of_connection_states() -> None:
    """Frames that both ends may receive, and that leave the connection open."""
    fast = {type_ for type_, handler in enumerate(reader._ORDINARY) if handler is not None}
    assert fast == {*Type} - {Type.PUSH_PROMISE, Type.GOAWAY}
