"""The boundaries of reads make no difference: same events, same answers, same error."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from h2.connection import H2Connection
from h2.exceptions import H2Error
from support import traffic, wire
from support.snapshot import frozen_events, snapshot


class Result(NamedTuple):
    """All results of receiving a stream of bytes."""

    events: object
    output: bytes
    error: object
    state: object


def play(conn: H2Connection, chunks: Iterable[bytes]) -> Result:
    """Feed the chunks; an exception carries the events before the error."""
    conn.clear_outbound_data_buffer()
    events, output, error = [], [], None
    errors = 0
    for chunk in chunks:
        try:
            events += conn.receive_data(chunk)
        except H2Error as caught:
            events += caught.events
            if error is not None and caught.rule == "connection-closed":
                continue  # as for any input after the end
            errors += 1
            code = getattr(caught, "error_code", None)
            # The message about another protocol quotes the input so far.
            text = "" if caught.rule == "preface-invalid" else str(caught)
            error = (type(caught), text, text and caught.args, caught.rule, code)
        output.append(conn.data_to_send())
    assert errors <= 1
    # After an error, only the end of the connection matters.
    state = snapshot(conn) if error is None else None
    return Result(frozen_events(events), b"".join(output), error, state)


def pieces(octets: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    return [octets[start:end] for start, end in pairwise(places)]


@given(traffic.situations(), st.lists(st.integers(0, 3_000), max_size=12))
@settings(max_examples=600)
@example((wire.server, wire.headers(1, wire.REQUEST) + wire.ping() + wire.data(9)), [5, 5, 14, 15])
def test_any_cuts(situation: traffic.Situation, cuts: list[int]) -> None:
    build, octets = situation
    assert play(build(), pieces(octets, cuts)) == play(build(), [octets])


@given(traffic.situations())
@settings(max_examples=150)
def test_octet_by_octet(situation: traffic.Situation) -> None:
    build, octets = situation
    octets = octets[:1_500]
    assert play(build(), pieces(octets, range(1, len(octets)))) == play(build(), [octets])


@given(traffic.situations(), st.sampled_from([bytearray, memoryview]))
@settings(max_examples=50)
def test_any_bytes_like_object(
    situation: traffic.Situation, cls: type[bytearray] | type[memoryview]
) -> None:
    build, octets = situation
    conn = build()
    # The owner reuses the object, so no part of it may be kept.
    buffer = bytearray(octets)
    chunk = buffer if cls is bytearray else memoryview(buffer)
    result = play(conn, [chunk])  # type: ignore[list-item]  # bytes-like is what is under test
    state = result.state and snapshot(conn)
    buffer[:] = bytes(len(buffer))
    assert result == play(build(), [octets])
    assert state == (result.state and snapshot(conn))


def test_a_frame_of_the_largest_size_in_small_pieces() -> None:
    frame = wire.data(1, bytes(range(256)) * 64)
    request = wire.headers(1, wire.POST)
    for size in (1, 8, 9, 10, 500, 511, 512, 513, 4_096):
        chunks = [frame[at : at + size] for at in range(0, len(frame), size)]
        result = play(wire.server(), [request, *chunks])
        assert result == play(wire.server(), [request + frame])


@pytest.mark.parametrize("sizes", [[1], [511], [9, 1, 510], [512, 1], [1, 600, 2, 2, 2]])
def test_small_pieces_of_a_frame_are_put_together(sizes: list[int]) -> None:
    """Single octets are not stored as an object each."""
    conn = wire.server()
    frame = wire.frame(0x77, 0, 0, bytes(16_384))
    conn.receive_data(frame[:9])
    at, count, large = 9, 0, 0
    while at + sizes[count % len(sizes)] < len(frame):
        size = sizes[count % len(sizes)]
        conn.receive_data(frame[at : at + size])
        at += size
        count += 1
        large += size >= 512
    pieces = conn._core.partial_frame.pieces
    assert sum(map(len, pieces)) == at - 9
    assert len(pieces) <= 2 * large + 1
    assert len(conn.receive_data(frame[at:])) == 1
    assert conn._core.partial_frame.pieces == []
