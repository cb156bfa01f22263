"""RFC 9113 section 8.1: the sequence of frames that makes a message."""

from __future__ import annotations

import pytest

from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import assert_alive, assert_malformed, assert_refused, kinds, only, sent
from support.wire import Flag, Type, requested_server, requesting_client

CONTINUE = ((b":status", b"100"),)
EARLY_HINTS = ((b":status", b"103"), (b"link", b"</style.css>; rel=preload"))


D, E, T = DataReceived, StreamEnded, TrailersReceived
REQUESTS: dict[str, tuple[list[bytes], list[type[Event]]]] = {
    "headers only": ([wire.headers(1, wire.REQUEST, end_stream=True)], [E]),
    "empty data ends": ([wire.headers(1, wire.REQUEST), wire.data(1, end_stream=True)], [D, E]),
    "data": ([wire.headers(1, wire.POST), wire.data(1, b"x", end_stream=True)], [D, E]),
    "much data": (
        [wire.headers(1, wire.POST), wire.data(1, b"x"), wire.data(1, b"y", end_stream=True)],
        [D, D, E],
    ),
    "data and trailers": (
        [
            wire.headers(1, wire.POST),
            wire.data(1, b"x"),
            wire.headers(1, wire.TRAILERS, end_stream=True),
        ],
        [D, T, E],
    ),
    "trailers without data": (
        [wire.headers(1, wire.POST), wire.headers(1, wire.TRAILERS, end_stream=True)],
        [T, E],
    ),
}


@pytest.mark.parametrize(("frames", "rest"), REQUESTS.values(), ids=REQUESTS)
def test_requests(frames: list[bytes], rest: list[type[Event]]) -> None:
    """HEADERS, any number of DATA, optionally trailers; END_STREAM on the last frame."""
    conn = wire.server()
    assert kinds(wire.feed(conn, *frames)) == [RequestReceived, *rest]
    assert_alive(conn)


@pytest.mark.parametrize(("frames", "rest"), REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("interim", [0, 1, 5])
def test_responses(frames: list[bytes], rest: list[type[Event]], interim: int) -> None:
    """Any number of interim responses, then the same parts as in a request."""
    first, *others = frames
    end = bool(wire.parse(first)[0].flags & Flag.END_STREAM)
    conn = requesting_client()
    events = wire.feed(
        conn,
        *(wire.headers(1, EARLY_HINTS) for _ in range(interim)),
        wire.headers(1, wire.RESPONSE, end_stream=end),
        *others,
    )
    informational = [InformationalResponseReceived] * interim
    assert kinds(events) == [*informational, ResponseReceived, *rest]
    assert_alive(conn)


def test_interim_and_final_responses_with_their_fields() -> None:
    """Each interim response has its own fields; the final one is a ResponseReceived."""
    events = wire.feed(
        requesting_client(),
        wire.headers(1, CONTINUE),
        wire.headers(1, EARLY_HINTS),
        wire.headers(1, wire.RESPONSE),
    )
    assert [tuple(e.headers) for e in events] == [CONTINUE, EARLY_HINTS, wire.RESPONSE]  # type: ignore[attr-defined]  # all three have headers


TRAILERS_AT_A_SERVER = {
    "second headers without end_stream": wire.headers(1, wire.TRAILERS),
    "a second request": wire.headers(1, wire.POST, end_stream=True),
    "pseudo-header field in trailers": wire.headers(
        1, [(b":method", b"GET"), (b"a", b"b")], end_stream=True
    ),
    "status in trailers": wire.headers(1, [(b":status", b"200")], end_stream=True),
    "pseudo-header field at the end": wire.headers(
        1, [(b"a", b"b"), (b":path", b"/")], end_stream=True
    ),
}


@pytest.mark.parametrize("frame", TRAILERS_AT_A_SERVER.values(), ids=TRAILERS_AT_A_SERVER)
def test_malformed_trailers_of_a_request(frame: bytes) -> None:
    """Trailers end the stream and carry no pseudo-header fields."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST), wire.data(1, b"x"))
    assert_malformed(conn, frame)


MALFORMED_RESPONSES: dict[str, tuple[list[bytes], list[type[Event]]]] = {
    "interim with end_stream": ([wire.headers(1, CONTINUE, end_stream=True)], []),
    "data before the response": ([wire.data(1, b"x")], []),
    "data after an interim response": (
        [wire.headers(1, CONTINUE), wire.data(1, b"x")],
        [InformationalResponseReceived],
    ),
    "end before the response": ([wire.data(1, end_stream=True)], []),
    "trailers before the response": ([wire.headers(1, wire.TRAILERS, end_stream=True)], []),
    "trailers after an interim response": (
        [wire.headers(1, CONTINUE), wire.headers(1, wire.TRAILERS, end_stream=True)],
        [InformationalResponseReceived],
    ),
    "two final responses": (
        [wire.headers(1, wire.RESPONSE), wire.headers(1, wire.RESPONSE)],
        [ResponseReceived],
    ),
    "second final response ends": (
        [wire.headers(1, wire.RESPONSE), wire.headers(1, wire.RESPONSE, end_stream=True)],
        [ResponseReceived],
    ),
    "interim after the final response": (
        [wire.headers(1, wire.RESPONSE), wire.headers(1, CONTINUE)],
        [ResponseReceived],
    ),
    "trailers that do not end": (
        [wire.headers(1, wire.RESPONSE), wire.headers(1, wire.TRAILERS)],
        [ResponseReceived],
    ),
    "status in trailers": (
        [
            wire.headers(1, wire.RESPONSE),
            wire.headers(1, [(b":status", b"200"), (b"a", b"b")], end_stream=True),
        ],
        [ResponseReceived],
    ),
}


@pytest.mark.parametrize(
    ("frames", "events"), MALFORMED_RESPONSES.values(), ids=MALFORMED_RESPONSES
)
def test_malformed_sequences_of_a_response(frames: list[bytes], events: list[type[Event]]) -> None:
    """Extra frames, missing frames and frames in the wrong order make a response malformed."""
    assert_malformed(requesting_client(), *frames, events=events)


def test_a_malformed_block_in_two_frames() -> None:
    """The rule applies to the message, however its blocks were split."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    assert_malformed(
        conn,
        wire.headers(1, b"", end_headers=False),
        wire.continuation(1, wire.TRAILERS),
        last_stream_id=1,
    )


# Sending ------------------------------------------------------------------------------------------


def test_response_that_we_send() -> None:
    """1xx, final response, data, trailers with END_STREAM."""
    conn = requested_server()
    conn.send_headers(1, CONTINUE)
    conn.send_headers(1, EARLY_HINTS)
    conn.send_headers(1, wire.RESPONSE)
    conn.send_data(1, b"x")
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    frames = sent(conn)
    assert [f.type for f in frames] == [1, 1, 1, 0, 1]
    assert [f.has(Flag.END_STREAM) for f in frames] == [False] * 4 + [True]


def test_what_a_server_may_not_send() -> None:
    """Each rejected call leaves the stream as it was, so a valid call still works."""
    conn = requested_server()
    assert_refused(conn, "send_data", 1, b"x")
    assert_refused(conn, "end_stream", 1)
    assert_refused(conn, "send_headers", 1, CONTINUE, end_stream=True)
    assert_refused(conn, "send_headers", 1, wire.TRAILERS, end_stream=True)
    conn.send_headers(1, CONTINUE)
    assert_refused(conn, "send_data", 1, b"x")
    conn.send_headers(1, wire.RESPONSE)
    assert_refused(conn, "send_headers", 1, CONTINUE)
    assert_refused(conn, "send_headers", 1, wire.RESPONSE)
    assert_refused(conn, "send_headers", 1, wire.RESPONSE, end_stream=True)
    assert_refused(conn, "send_headers", 1, wire.TRAILERS)
    conn.send_data(1, b"x")
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.DATA, Type.HEADERS]


def test_what_a_client_may_not_send() -> None:
    """A second request on a stream, trailers that do not end, a request without fields."""
    conn = wire.client()
    assert_refused(conn, "send_headers", 1, wire.TRAILERS)
    assert_refused(conn, "send_headers", 1, [])
    conn.send_headers(1, wire.POST)
    assert_refused(conn, "send_headers", 1, wire.TRAILERS)
    assert_refused(conn, "send_headers", 1, wire.POST, end_stream=True)
    conn.send_headers(1, wire.TRAILERS, end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS]


def test_refused_fields_do_not_reach_the_compression_state() -> None:
    """After a rejected call the peer decodes the next block as if the call had not been made."""
    ours, theirs = wire.pair()
    for stream_id in (1, 3):
        with pytest.raises(ProtocolError):
            ours.send_headers(stream_id, [*wire.REQUEST, (b"x-new", b"1"), (b":late", b"no")])
        ours.send_headers(stream_id, [*wire.REQUEST, (b"x-new", b"1")])
        _, events = wire.exchange(ours, theirs)
        assert only(events, RequestReceived).headers[-1] == (b"x-new", b"1")


def test_complete_response_before_the_end_of_the_request() -> None:
    """A server may respond early, and stop the upload with RST_STREAM (NO_ERROR)."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.POST)
    ours.send_data(1, b"part")
    wire.exchange(ours, theirs)
    theirs.send_headers(1, wire.RESPONSE)
    theirs.send_data(1, b"done", end_stream=True)
    theirs.reset_stream(1)
    events, _ = wire.exchange(ours, theirs)
    assert kinds(events)[:3] == [ResponseReceived, DataReceived, StreamEnded]
    assert only(events, DataReceived).data == b"done"
