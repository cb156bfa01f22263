"""`FrameBuffer` turns octets into frames of the package `hyperframe`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from h2.exceptions import (
    DenialOfServiceError,
    FrameDataMissingError,
    FrameTooLargeError,
    H2Error,
    ProtocolError,
)
from h2.frame_buffer import CONTINUATION_BACKLOG, FrameBuffer
from support import wire
from support.wire import Flag, Type

PING = PingFrame(0, b"12345678").serialize()
HEADERS = HeadersFrame(1, b"abc", flags=["END_STREAM"]).serialize()


def continuation(data: bytes = b"def", stream_id: int = 1, last: bool = False) -> bytes:
    flags = ["END_HEADERS"] if last else []
    octets: bytes = ContinuationFrame(stream_id, data, flags=flags).serialize()
    return octets


def frames(octets: Any, server: bool = False) -> list[Frame]:
    buffer = FrameBuffer(server)
    buffer.add_data(octets)
    return list(buffer)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_object(kind: Any) -> None:
    (ping,) = frames(kind(PING))
    assert isinstance(ping, PingFrame)
    assert ping.opaque_data == b"12345678"


@pytest.mark.parametrize("size", [1, 2, 9, 10, 1000])
def test_octets_may_be_cut_anywhere(size: int) -> None:
    octets = wire.PREFACE + PING + HEADERS + continuation() + continuation(last=True) + PING
    buffer = FrameBuffer(server=True)
    found = []
    for start in range(0, len(octets), size):
        buffer.add_data(octets[start : start + size])
        found += list(buffer)
    assert [type(frame) for frame in found] == [PingFrame, HeadersFrame, PingFrame]
    assert found[1].data == b"abcdefdef"
    assert found[1].flags == {"END_STREAM", "END_HEADERS"}


def test_a_promise_comes_with_its_whole_block() -> None:
    promise = PushPromiseFrame(1, 2, b"abc").serialize()
    (found,) = frames(promise + continuation(last=True))
    assert (type(found), found.promised_stream_id, found.data) == (PushPromiseFrame, 2, b"abcdef")


def test_a_block_in_one_frame() -> None:
    (found,) = frames(HeadersFrame(1, b"abc", flags=["END_HEADERS"]).serialize())
    assert found.data == b"abc"


def test_continuation_of_nothing_is_a_frame_of_its_own() -> None:
    (found,) = frames(continuation())
    assert type(found) is ContinuationFrame


def test_frames_of_unknown_types() -> None:
    (found,) = frames(wire.frame(0xF0, 0, 1, b"abc"))
    assert (type(found), found.type, found.body) == (ExtensionFrame, 0xF0, b"abc")


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/1", b"\0"])
def test_a_client_begins_with_its_preface(octets: bytes) -> None:
    buffer = FrameBuffer(server=True)
    with pytest.raises(ProtocolError, match="preface"):
        buffer.add_data(octets)


def test_a_frame_that_is_too_long() -> None:
    buffer = FrameBuffer()
    # The frame header is enough.
    buffer.add_data(DataFrame(1, b"x" * 16_385).serialize()[:9])
    with pytest.raises(FrameTooLargeError, match="16385"):
        next(buffer)
    buffer.max_frame_size = 20_000
    buffer.add_data(b"x" * 16_385)
    assert next(buffer).body_len == 16_385
    buffer.max_frame_size = 7
    buffer.add_data(PING)
    with pytest.raises(FrameTooLargeError):
        next(buffer)


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (wire.frame(Type.PING, 0, 0, b"abcd"), FrameDataMissingError),
        (wire.frame(Type.DATA, Flag.PADDED, 1), FrameDataMissingError),
        (wire.frame(Type.DATA, Flag.PADDED, 1, b"\x09ab"), ProtocolError),
        (wire.frame(Type.PING, 0, 1, b"12345678"), ProtocolError),
        (wire.frame(Type.WINDOW_UPDATE, 0, 1, bytes(4)), ProtocolError),
        (HEADERS + PING, ProtocolError),
        (HEADERS + HEADERS, ProtocolError),
        (HEADERS + continuation(stream_id=3), ProtocolError),
    ],
)
def test_what_is_no_frame(octets: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(ProtocolError) as caught:
        frames(octets)
    assert type(caught.value) is error


def test_a_block_in_very_many_frames() -> None:
    most = HEADERS + continuation() * (CONTINUATION_BACKLOG - 1)
    assert frames(most) == []
    assert (
        len(frames(HEADERS + continuation() * (CONTINUATION_BACKLOG - 2) + continuation(last=True)))
        == 1
    )
    with pytest.raises(DenialOfServiceError, match="frames"):
        frames(most + continuation(last=True))


@given(
    st.lists(
        st.sampled_from([PING, HEADERS, continuation(), continuation(last=True), b"\0\0\1", b"\0"])
        | st.binary(max_size=20)
        | st.builds(
            wire.frame,
            st.integers(0, 12),
            st.integers(0, 255),
            st.integers(0, 3),
            st.binary(max_size=20),
        )
    ).map(b"".join),
    st.lists(st.integers(0, 200)),
)
def test_any_octets_are_frames_or_an_error(octets: bytes, cuts: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> list[object]:
        buffer = FrameBuffer()
        found: list[object] = []
        for piece in pieces:
            try:
                buffer.add_data(piece)
                for frame in buffer:
                    found.append(frame.serialize())  # noqa: PERF401 - those before an error count
            except H2Error as error:
                return [*found, type(error)]
        return found

    places = sorted({0, *(cut for cut in cuts if cut < len(octets)), len(octets)})
    assert outcome([octets[a:b] for a, b in pairwise(places)]) == outcome([octets])
