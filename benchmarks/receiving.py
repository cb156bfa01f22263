"""What it costs to receive content: kept by the connection, or by a program on the plain class.

usage: python -m benchmarks.receiving

Bytecode instructions for each frame, counted in the package at the receiver alone. "By hand" is
what a program has to do at least with `H2Connection`: take the content of each `DataReceived`, and
acknowledge it at once. It keeps nothing, gives back no window of a stream that was reset, and
cannot read less than a frame. The exit status is 1 if a ratio is above its limit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import h2.buffered
import h2.config
import h2.connection
import h2.events

from .gate import Counts, count_instructions

READS = 200


class Case(NamedTuple):
    """Frames of one size, so many in each read."""

    size: int
    in_a_read: int
    most: float  #: the largest ratio that is allowed


CASES = (
    Case(16_384, 1, 1.55),
    Case(16_384, 3, 1.35),
    Case(100, 1, 1.5),
    Case(100, 100, 1.15),
)


def frame(type_: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """A frame as its peer sends it."""
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 255, type_, flags, stream_id) + (
        payload
    )


def prepared(conn: h2.connection.H2Connection) -> None:
    """Receive the start of a response with large windows."""
    conn.initiate_connection()
    conn.receive_data(frame(4, 0, 0, b"") + frame(4, 1, 0, b""))
    authority = [(":scheme", "https"), (":authority", "a.example"), (":path", "/")]
    conn.send_headers(1, [(":method", "GET"), *authority], end_stream=True)
    for stream_id in (None, 1):
        conn.increment_flow_control_window(2**20, stream_id)
    conn.data_to_send()
    conn.receive_data(frame(1, 4, 1, b"\x88"))


def by_hand(conn: h2.connection.H2Connection, data: bytes) -> int:
    """Receive a read of a program that acknowledges by itself."""
    received = 0
    for event in conn.receive_data(data):
        if isinstance(event, h2.events.DataReceived):
            received += len(event.data)
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    conn.data_to_send()
    return received


def kept(conn: h2.buffered.BufferedH2Connection, data: bytes) -> int:
    """Receive a read of a program that reads what the connection has kept."""
    received = 0
    for event in conn.receive_data(data):
        if isinstance(event, h2.events.DataAvailable):
            received += len(conn.read_data(event.stream_id))
    conn.data_to_send()
    return received


def count(read: Callable[[bytes], int], case: Case) -> float:
    """The instructions for a frame."""
    data = frame(0, 0, 1, bytes(case.size)) * case.in_a_read
    read(data)
    counts: Counts = {}
    received = 0
    with count_instructions(counts):
        for _ in range(READS):
            received += read(data)
    if received != READS * case.size * case.in_a_read:
        raise RuntimeError(f"received {received} octets")
    return counts["instructions"] / (READS * case.in_a_read)


def main() -> int:
    """Print the table; tell whether all ratios are within their limits."""
    print(f"{'octets':>7} {'in a read':>9} {'by hand':>8} {'kept':>7} {'ratio':>6} {'limit':>6}")
    above = 0
    for case in CASES:
        config = h2.config.H2Configuration(strict=True)
        plain = h2.connection.H2Connection(config)
        buffered = h2.buffered.BufferedH2Connection(config, receive_buffering=True)
        prepared(plain)
        prepared(buffered)
        hand = count(partial(by_hand, plain), case)
        ours = count(partial(kept, buffered), case)
        ratio = ours / hand
        above += ratio > case.most
        print(
            f"{case.size:>7,} {case.in_a_read:>9} {hand:>8.0f} {ours:>7.0f} {ratio:>6.2f} "
            f"{case.most:>6.2f}"
        )
    return 1 if above else 0


if __name__ == "__main__":
    raise SystemExit(main())
