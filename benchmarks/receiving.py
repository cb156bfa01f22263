"""The cost of receive buffering.

usage: python -m benchmarks.receiving

Bytecode instructions for each frame, counted in the package at the receiver. "By hand" is the
minimum that a program has to do without `receive_buffering`: take the content of each
`DataReceived`, and acknowledge it immediately. It buffers nothing, does not give back windows of
reset streams, and cannot read less than a frame. "Plain" is the same on `H2Connection`. The exit
status is 1 if a ratio of "kept" and "by hand" is above its limit.
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
    """Frames of one size, and how many in each read."""

    size: int
    in_a_read: int
    most: float  #: the largest ratio that is allowed


CASES = (
    Case(16_384, 1, 1.3),
    Case(16_384, 3, 1.2),
    Case(100, 1, 1.3),
    Case(100, 100, 1.05),
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
    """Process a read for a program that acknowledges by itself."""
    received = 0
    for event in conn.receive_data(data):
        if isinstance(event, h2.events.DataReceived):
            received += len(event.data)
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    conn.data_to_send()
    return received


def read_kept(conn: h2.buffered.BufferedH2Connection, data: bytes) -> int:
    """Process a read for a program that reads what the connection has buffered."""
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
    """Print the table; return the exit status."""
    print("octets  in a read   plain  by hand   kept  ratio  limit")
    above = 0
    for case in CASES:
        config = h2.config.H2Configuration(strict=True)
        plain = h2.connection.H2Connection(config)
        sending = h2.buffered.BufferedH2Connection(config)
        keeping = h2.buffered.BufferedH2Connection(config, receive_buffering=True)
        for conn in (plain, sending, keeping):
            prepared(conn)
        hand = count(partial(by_hand, sending), case)
        kept = count(partial(read_kept, keeping), case)
        ratio = kept / hand
        above += ratio > case.most
        print(
            f"{case.size:>6,} {case.in_a_read:>10} {count(partial(by_hand, plain), case):>7.0f} "
            f"{hand:>8.0f} {kept:>6.0f} {ratio:>6.2f} {case.most:>6.2f}"
        )
    return 1 if above else 0


if __name__ == "__main__":
    raise SystemExit(main())
