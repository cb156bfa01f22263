"""RFC 9113 section 8.1.1: content-length and the sum of the DATA payloads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from h2.events import DataReceived, Event, RequestReceived, ResponseReceived, StreamEnded
from h2.exceptions import InvalidBodyLengthError
from support import wire
from support.outcome import (
    assert_alive,
    assert_ignored,
    assert_malformed,
    assert_refused,
    kinds,
    sent,
)
from support.wire import requesting_client


def length(value: bytes) -> wire.Field:
    return (b"content-length", value)


def post(value: bytes) -> list[wire.Field]:
    return [*wire.POST, length(value)]


END_TRAILERS = wire.headers(1, wire.TRAILERS, end_stream=True)
MATCHING = {
    "one frame": (b"5", [wire.data(1, b"abcde", end_stream=True)]),
    "two frames": (b"5", [wire.data(1, b"abc"), wire.data(1, b"de", end_stream=True)]),
    "empty last frame": (b"5", [wire.data(1, b"abcde"), wire.data(1, end_stream=True)]),
    "padding does not count": (b"5", [wire.data(1, b"abcde", end_stream=True, pad=20)]),
    "empty frames": (b"1", [wire.data(1), wire.data(1, b"a"), wire.data(1, end_stream=True)]),
    "trailers": (b"5", [wire.data(1, b"abcde"), END_TRAILERS]),
    "zero": (b"0", [wire.data(1, end_stream=True)]),
    "zero, trailers": (b"0", [END_TRAILERS]),
    "leading zeros": (b"0005", [wire.data(1, b"abcde", end_stream=True)]),
}


@pytest.mark.parametrize(("value", "frames"), MATCHING.values(), ids=MATCHING)
def test_matching_length(value: bytes, frames: list[bytes]) -> None:
    """The length is that of the content: padding and empty frames change nothing."""
    conn = wire.server()
    events = wire.feed(conn, wire.headers(1, post(value)), *frames)
    assert kinds(events)[-1] is StreamEnded
    assert_alive(conn)


def test_matching_length_of_no_content() -> None:
    """content-length 0 with END_STREAM on HEADERS."""
    events = wire.feed(wire.server(), wire.headers(1, post(b"0"), end_stream=True))
    assert kinds(events) == [RequestReceived, StreamEnded]


MISMATCHING = {
    "too short": (b"6", [wire.data(1, b"abcde", end_stream=True)], 6, 5),
    "too long": (b"4", [wire.data(1, b"abcde", end_stream=True)], 4, 5),
    "too long, not ended": (b"4", [wire.data(1, b"abcde")], 4, 5),
    "too short, empty last frame": (b"6", [wire.data(1, end_stream=True)], 6, 0),
    "too short, padded": (b"6", [wire.data(1, b"abcde", end_stream=True, pad=9)], 6, 5),
    "zero": (b"0", [wire.data(1, b"a")], 0, 1),
}


@pytest.mark.parametrize(
    ("value", "frames", "expected", "actual"), MISMATCHING.values(), ids=MISMATCHING
)
def test_mismatching_length(value: bytes, frames: list[bytes], expected: int, actual: int) -> None:
    """More or less content than announced makes a message malformed."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, post(value)))
    error = assert_malformed(conn, *frames)
    assert isinstance(error, InvalidBodyLengthError)
    assert (error.expected_length, error.actual_length) == (expected, actual)


def test_too_much_in_the_second_frame() -> None:
    """The frame that exceeds the length is the error; the first one is reported."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, post(b"3")))
    assert_malformed(conn, wire.data(1, b"ab"), wire.data(1, b"cd"), events=[DataReceived])


def test_too_much_content_is_given_back_to_the_connection() -> None:
    """It is not reported, so the application cannot acknowledge it (section 6.9)."""
    conn = wire.server(strict=True)  # by default the connection ends
    wire.feed(conn, wire.headers(1, post(b"3")))
    handed_back = conn._core.window.handed_back
    assert_malformed(conn, wire.data(1, b"abcd", pad=5))
    assert conn._core.window.handed_back == handed_back + 4 + 1 + 5


def test_mismatch_on_the_headers_that_end_the_stream() -> None:
    """content-length above 0 with END_STREAM on HEADERS: content is missing."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST, end_stream=True))
    request = wire.headers(3, post(b"5"), end_stream=True)
    error = assert_malformed(conn, request, known=False)
    assert isinstance(error, InvalidBodyLengthError)
    assert (error.expected_length, error.actual_length) == (5, 0)
    # Its identifier is used: later frames on it are discarded, and the next stream is 5.
    assert_ignored(conn, wire.data(3, b"x"), wire.headers(3, wire.TRAILERS, end_stream=True))
    assert kinds(wire.feed(conn, wire.headers(5, wire.POST))) == [RequestReceived]


def test_mismatch_on_the_trailers() -> None:
    """Trailers end the message before all of its content has arrived."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, post(b"6")), wire.data(1, b"abcde"))
    error = assert_malformed(conn, END_TRAILERS, known=False)
    assert isinstance(error, InvalidBodyLengthError)
    assert (error.expected_length, error.actual_length) == (6, 5)


INVALID = {
    "empty": [b""],
    "word": [b"abc"],
    "sign": [b"+5"],
    "minus": [b"-5"],
    "hex": [b"0x5"],
    "inner space": [b"5 5"],
    "list": [b"5, 5"],
    "underscore": [b"1_0"],
    "decimal point": [b"5.0"],
    "superscript": ["5²".encode("latin-1")],
    "two values": [b"5", b"6"],
    "two values, one word": [b"5", b"x"],
}


@pytest.mark.parametrize("values", INVALID.values(), ids=INVALID)
def test_invalid_length(values: Sequence[bytes]) -> None:
    """content-length is one number of digits (RFC 9110 8.6); anything else is malformed."""
    fields = [*wire.POST, *map(length, values)]
    assert_malformed(wire.server(), wire.headers(1, fields))


@pytest.mark.parametrize("value", [b"9223372036854775808", b"9" * 700, b"0" * 640 + b"5"])
def test_an_absurdly_large_length(value: bytes) -> None:
    """Numbers of more than 63 bits are malformed, because no content can match them."""
    assert_malformed(wire.server(), wire.headers(1, post(value)), known=False)


@pytest.mark.parametrize("value", [b"9223372036854775807", b"0" * 621 + b"9223372036854775807"])
def test_the_largest_length(value: bytes) -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, post(value)))
    assert_malformed(conn, wire.data(1, b"x", end_stream=True))


# Responses ----------------------------------------------------------------------------------------


def response(status: bytes, value: bytes) -> list[wire.Field]:
    return [(b":status", status), length(value)]


@pytest.mark.parametrize(
    "frame",
    [wire.data(1, b"abcd", end_stream=True), wire.data(1, b"abcdef")],
    ids=["too short", "too long"],
)
def test_mismatching_response(frame: bytes) -> None:
    """The rule holds for responses."""
    head = wire.headers(1, response(b"200", b"5"))
    error = assert_malformed(requesting_client(), head, frame, events=[ResponseReceived])
    assert isinstance(error, InvalidBodyLengthError)


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        ([wire.headers(1, response(b"200", b"5"), end_stream=True)], []),
        ([wire.headers(1, response(b"404", b"5"), end_stream=True)], []),
        ([wire.headers(1, response(b"200", b"5")), END_TRAILERS], [ResponseReceived]),
    ],
    ids=["no content", "404", "trailers"],
)
def test_response_that_headers_end_too_early(
    frames: list[bytes], events: list[type[Event]]
) -> None:
    """If HEADERS end the message, its content is too short."""
    conn = requesting_client()
    error = assert_malformed(conn, *frames, events=events, known=False)
    assert isinstance(error, InvalidBodyLengthError)


@pytest.mark.parametrize("end", ["headers", "data", "trailers"])
@pytest.mark.parametrize(
    ("method", "status"),
    [(b"HEAD", b"200"), (b"HEAD", b"404"), (b"GET", b"304")],
)
def test_responses_without_content(method: bytes, status: bytes, end: str) -> None:
    """A response to HEAD or a 304 has no content, whatever its content-length says."""
    frames = [wire.headers(1, response(status, b"1234"), end_stream=end == "headers")]
    if end == "data":
        frames.append(wire.data(1, end_stream=True))
    elif end == "trailers":
        frames.append(END_TRAILERS)
    conn = requesting_client(method)
    events = wire.feed(conn, *frames)
    assert kinds(events)[0] is ResponseReceived
    assert kinds(events)[-1] is StreamEnded
    assert_alive(conn)


@pytest.mark.parametrize(
    ("method", "status", "known"),
    [(b"HEAD", b"200", True), (b"GET", b"304", False), (b"GET", b"204", False)],
)
def test_content_where_there_is_none(method: bytes, status: bytes, known: bool) -> None:
    """A response without content by definition is malformed if it has non-empty DATA."""
    conn = requesting_client(method)
    wire.feed(conn, wire.headers(1, [(b":status", status)]))
    assert_malformed(conn, wire.data(1, b"x"), known=known)


@pytest.mark.parametrize(
    ("status", "value"), [(b"100", b"0"), (b"103", b"5"), (b"204", b"5"), (b"204", b"x")]
)
def test_a_length_with_a_status_that_has_none(status: bytes, value: bytes) -> None:
    """RFC 9110 8.6: no content-length with 1xx and 204."""
    fields = response(status, value)
    conn = requesting_client()
    if value == b"x":
        assert_malformed(conn, wire.headers(1, fields))
    else:
        assert_malformed(conn, wire.headers(1, fields), known=False)
    server = wire.server()
    wire.feed(server, wire.headers(1, wire.REQUEST, end_stream=True))
    assert_refused(server, "send_headers", 1, fields)
    server.send_headers(1, fields[:1], end_stream=status == b"204")
    assert len(sent(server)) == 1


def test_204_with_length_0() -> None:
    """Some servers send it, and it is correct."""
    server = wire.server()
    wire.feed(server, wire.headers(1, wire.REQUEST, end_stream=True))
    server.send_headers(1, response(b"204", b"0"), end_stream=True)
    events = wire.feed(requesting_client(), server.data_to_send())
    assert kinds(events) == [ResponseReceived, StreamEnded]


def test_a_length_with_204_is_no_matter_of_framing() -> None:
    """Without validation the field is reported; the response still has no content."""
    conn = wire.client(validate_inbound_headers=False)
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    events = wire.feed(conn, wire.headers(1, response(b"204", b"5"), end_stream=True))
    assert kinds(events) == [ResponseReceived, StreamEnded]


BAD_LENGTHS = {"word": [b"abc"], "two values": [b"1", b"2"]}


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("values", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_bad_lengths_where_there_is_no_content(values: list[bytes], validate: bool) -> None:
    """Promised requests and responses to HEAD are malformed, too; h2 4.4.1 does not check them."""
    lengths = [*map(length, values)]
    conn = wire.client(validate_inbound_headers=validate)
    conn.send_headers(1, [(b":method", b"HEAD"), *wire.REQUEST[1:]], end_stream=True)
    promise = wire.push_promise(1, 2, [*wire.REQUEST, *lengths])
    assert_malformed(conn, promise, known=False)
    assert_malformed(conn, wire.headers(1, [*wire.RESPONSE, *lengths]), known=False)
    conn.send_headers(3, [(b":method", b"HEAD"), *wire.REQUEST[1:]], end_stream=True)
    wire.feed(conn, wire.headers(3, wire.RESPONSE))
    assert_malformed(conn, wire.headers(3, lengths, end_stream=True), known=False)
    conn.send_headers(5, wire.REQUEST, end_stream=True)
    assert_malformed(conn, wire.headers(5, [*wire.RESPONSE, *lengths]))


@pytest.mark.parametrize("validate", [True, False])
def test_bad_length_in_the_trailers_of_a_request_for_head(validate: bool) -> None:
    """The exception only applies to responses, whatever the method of the request."""
    conn = wire.server(validate_inbound_headers=validate)
    wire.feed(conn, wire.headers(1, [(b":method", b"HEAD"), *wire.REQUEST[1:]]))
    assert_malformed(conn, wire.headers(1, [length(b"x")], end_stream=True))


def test_interim_responses_have_no_length() -> None:
    """The content-length of a final response counts from the final response on."""
    conn = requesting_client()
    events = wire.feed(
        conn,
        wire.headers(1, [(b":status", b"103"), (b"link", b"</>")]),
        wire.headers(1, response(b"200", b"2")),
        wire.data(1, b"ok", end_stream=True),
    )
    assert kinds(events)[-1] is StreamEnded


def test_pushed_response_to_head() -> None:
    """The promised request decides whether a pushed response has content."""
    conn = requesting_client()
    wire.feed(conn, wire.push_promise(1, 2, [(b":method", b"HEAD"), *wire.REQUEST[1:]]))
    events = wire.feed(conn, wire.headers(2, response(b"200", b"1234"), end_stream=True))
    assert kinds(events) == [ResponseReceived, StreamEnded]


def test_the_same_length_twice() -> None:
    """Two content-length fields with the same value are equivalent to one (RFC 9110 8.6)."""
    conn = wire.server()
    wire.feed(conn, wire.headers(1, [*wire.POST, length(b"2"), length(b"2")]))
    assert kinds(wire.feed(conn, wire.data(1, b"ok", end_stream=True)))[-1] is StreamEnded


@pytest.mark.parametrize("values", INVALID.values(), ids=INVALID)
def test_lengths_that_we_do_not_send(values: Sequence[bytes]) -> None:
    """An invalid number, or two different ones, cannot be sent in either message."""
    lengths = [*map(length, values)]
    conn = wire.client()
    assert_refused(conn, "send_headers", 1, [*wire.POST, *lengths])
    conn.send_headers(1, post(b"5"))
    server = wire.server()
    wire.feed(server, wire.headers(1, wire.REQUEST))
    assert_refused(server, "send_headers", 1, [*wire.RESPONSE, *lengths])
    server.send_headers(1, response(b"200", b"5"))
    assert len(sent(conn)) == len(sent(server)) == 1


@pytest.mark.parametrize("value", [b"9223372036854775808", b"9" * 700])
def test_an_absurdly_large_length_in_a_response(value: bytes) -> None:
    """A number that is too large does not cause a different failure."""
    conn = requesting_client()
    assert_malformed(conn, wire.headers(1, response(b"200", value)), known=False)
