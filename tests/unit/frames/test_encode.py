"""Encoded frames, compared with those of a builder that shares no code with the package."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._frames import encode
from support import wire
from support.wire import Flag, Setting, Type

IDS = [1, 2**31 - 1]


@pytest.mark.parametrize("length", [0, 1, 255, 256, 16_384, 65_535, 65_536, 70_000, 2**24 - 1])
def test_length_has_24_bits(length: int) -> None:
    payload = bytes(length)
    assert encode.frame(Type.DATA, 1, 3, payload) == wire.frame(Type.DATA, 1, 3, payload)


@pytest.mark.parametrize("stream_id", [0, *IDS])
def test_window_update(stream_id: int) -> None:
    expected = wire.window_update(stream_id, 2**31 - 1)
    assert encode.window_update(stream_id, 2**31 - 1) == expected


@pytest.mark.parametrize("stream_id", IDS)
@pytest.mark.parametrize("code", [0, 13, 2**32 - 1])
def test_rst_stream(stream_id: int, code: int) -> None:
    assert encode.rst_stream(stream_id, code) == wire.rst_stream(stream_id, code)


def test_settings() -> None:
    pairs = [(Setting.INITIAL_WINDOW_SIZE, 2**31 - 1), (65_535, 2**32 - 1), (1, 0)]
    assert encode.settings(pairs) == wire.settings(*pairs)
    assert encode.settings([]) == wire.settings()
    assert encode.settings_payload(pairs) == wire.settings(*pairs)[wire.FRAME_HEADER :]
    assert wire.settings(ack=True) == encode.SETTINGS_ACK


def test_ping() -> None:
    assert wire.ping(b"12345678") == encode.PING_HEADER + b"12345678"
    assert wire.ping(b"12345678", ack=True) == encode.PING_ACK_HEADER + b"12345678"


@pytest.mark.parametrize("debug_data", [b"", b"why"])
def test_goaway(debug_data: bytes) -> None:
    expected = wire.goaway(2**31 - 1, 2**32 - 1, debug_data)
    assert encode.goaway(2**31 - 1, 2**32 - 1, debug_data) == expected


@pytest.mark.parametrize("weight", [1, 16, 256])
@pytest.mark.parametrize("depends_on", [0, 2**31 - 1])
@pytest.mark.parametrize("exclusive", [False, True])
def test_priority(weight: int, depends_on: int, exclusive: bool) -> None:
    fields = encode.priority_fields(depends_on, weight, exclusive)
    assert fields == wire.priority_fields(depends_on, weight, exclusive)
    assert encode.priority(5, fields) == wire.priority(5, depends_on, weight, exclusive)


@pytest.mark.parametrize("origin", [b"", b"https://a.example", bytes(300)])
def test_altsvc(origin: bytes) -> None:
    assert encode.altsvc(0, origin, b"h2=x") == wire.altsvc(0, origin, b"h2=x")


@given(
    st.sampled_from([b"", b"\0\0\0\2", b"\0\0\0\0\7"]),
    st.binary(max_size=120),
    st.integers(6, 40) | st.just(16_384),
)
def test_a_field_block_in_frames_of_any_size(prefix: bytes, block: bytes, size: int) -> None:
    type_ = Type.PUSH_PROMISE if len(prefix) == 4 else Type.HEADERS
    frames = wire.parse(encode.field_block(type_, Flag.END_STREAM, 5, prefix, block, size))
    assert b"".join(frame.payload for frame in frames) == prefix + block
    first, *rest = frames
    assert (first.type, first.flags & ~Flag.END_HEADERS) == (type_, Flag.END_STREAM)
    assert {(frame.type, frame.flags & ~Flag.END_HEADERS) for frame in rest} <= {
        (Type.CONTINUATION, 0)
    }
    assert {frame.stream_id for frame in frames} == {5}
    assert [frame.has(Flag.END_HEADERS) for frame in frames] == [False] * len(rest) + [True]
    # All but the last one have the maximum length, so there are no more frames than necessary.
    assert [len(frame.payload) for frame in frames[:-1]] == [size] * len(rest)
    assert len(frames[-1].payload) <= size
    assert frames[-1].payload or not rest


@pytest.mark.parametrize("origins", [[], [b"a"], [b"https://a.example", bytes(65_535), b""]])
def test_origin(origins: list[bytes]) -> None:
    assert encode.origin(origins) == wire.origin(*origins)


@pytest.mark.parametrize("stream_id", IDS)
@pytest.mark.parametrize("value", [b"", b"u=0, i"])
def test_priority_update(stream_id: int, value: bytes) -> None:
    assert encode.priority_update(stream_id, value) == wire.priority_update(stream_id, value)
