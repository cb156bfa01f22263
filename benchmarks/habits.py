"""The cost of habits of a program: two ways to do the same, and the ratio of their CPU time.

usage: python -m benchmarks.habits [--rounds N]

The table is in the chapter on performance in the manual. Each way alternates with its counterpart,
on separate connections; the fastest run of each counts. Only the ratios are meaningful, and they
vary by a few percent from run to run.
"""

from __future__ import annotations

import argparse
import gc
import io
import itertools
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import process_time

from h2.config import H2Configuration, OutputLogger
from h2.connection import H2Connection
from h2.events import DataReceived
from h2.settings import SettingCodes

from .workloads import MIB, Headers, expect, pump, request_headers

LARGEST_WINDOW = 2**31 - 1
REQUESTS = 1000

#: Prepares connections and returns what is measured.
Way = Callable[[], Callable[[], None]]


@dataclass(frozen=True)
class Habit:
    """Two ways to do the same: the expensive one, and the recommended one."""

    costly: str
    advised: str
    ways: tuple[Way, Way]


def connected(
    client_options: H2Configuration | None = None, server_options: H2Configuration | None = None
) -> tuple[H2Connection, H2Connection]:
    """A connected client and server, with the largest windows in both directions."""
    settings: dict[SettingCodes | int, int] = {
        SettingCodes.INITIAL_WINDOW_SIZE: LARGEST_WINDOW,
        SettingCodes.MAX_CONCURRENT_STREAMS: REQUESTS,
    }
    client = H2Connection(client_options or H2Configuration())
    server = H2Connection(server_options or H2Configuration(client_side=False))
    for end in (client, server):
        end.initiate_connection()
        end.update_settings(settings)
        end.increment_flow_control_window(LARGEST_WINDOW - 65535)
    pump(client, server)
    return client, server


def requested() -> tuple[H2Connection, H2Connection]:
    """The same, with a request on stream 1 that is answered with content."""
    client, server = connected()
    client.send_headers(1, request_headers(1), end_stream=True)
    pump(client, server)
    server.send_headers(1, [(b":status", b"200")])
    pump(client, server)
    return client, server


def frames(size: int, total: int) -> bytes:
    """DATA frames of this size on stream 1, as bytes (RFC 9113 section 4.1)."""
    frame = struct.pack(">HBBBL", size >> 8, size & 0xFF, 0, 0, 1) + bytes(size)
    return frame * (total // size)


def writing(each: bool) -> Callable[[], None]:
    """Small responses on a socket: written frame by frame, or together."""
    _, server = requested()
    near, far = socket.socketpair()

    def run() -> None:
        with near, far:
            for _ in range(100):
                for _ in range(20):
                    server.send_data(1, bytes(512))
                    if each:
                        near.sendall(server.data_to_send())
                if not each:
                    near.sendall(server.data_to_send())
                left = 20 * (9 + 512)
                while left:
                    left -= len(far.recv(left))

    return run


def reading(size: int, each: bool = False) -> Callable[[], None]:
    """A download in reads of this size, acknowledged for each event or once for each read."""
    client, _ = requested()
    data = frames(16384, 16 * MIB)
    reads = [data[start : start + size] for start in range(0, len(data), size)]

    def run() -> None:
        total = 0
        for read in reads:
            arrived = 0
            for event in client.receive_data(read):
                if isinstance(event, DataReceived):
                    arrived += event.flow_controlled_length
                    if each:
                        client.acknowledge_received_data(event.flow_controlled_length, 1)
            if not each:
                client.acknowledge_received_data(arrived, 1)
            client.data_to_send()
            total += arrived
        expect(total, 16 * MIB)

    return run


def sending(size: int) -> Callable[[], None]:
    """An upload in frames of this size."""
    client, _ = connected()
    client.send_headers(1, request_headers(1))
    piece = bytes(size)

    def run() -> None:
        for _ in range(16 * MIB // size):
            client.send_data(1, piece)
            client.data_to_send()

    return run


def headers(make: Callable[[int], list[tuple[str, str]] | Headers]) -> Callable[[], None]:
    """Requests with the header sections that `make` gives for their numbers."""
    client, _ = connected()
    made = [make(number) for number in range(REQUESTS)]

    def run() -> None:
        for stream_id, request in zip(itertools.count(1, 2), made, strict=False):
            client.send_headers(stream_id, request, end_stream=True)
            client.data_to_send()

    return run


def same(number: int) -> Headers:
    """A header section that never changes."""
    return request_headers(1)


def same_as_text(number: int) -> list[tuple[str, str]]:
    """The same as `str`."""
    return [(name.decode(), value.decode()) for name, value in same(number)]


def serving(options: H2Configuration) -> Callable[[], None]:
    """Requests that arrive at a server with these options."""
    client, server = connected(None, options)
    arriving = []
    for number, stream_id in zip(range(REQUESTS), itertools.count(1, 2), strict=False):
        client.send_headers(stream_id, request_headers(number), end_stream=True)
        arriving.append(client.data_to_send())

    def run() -> None:
        requests = 0
        for data in arriving:
            requests += len(server.receive_data(data)) > 0
        expect(requests, REQUESTS)

    return run


def options(encoding: str | None = None, validate: bool = True, log: bool = False) -> Way:
    """A server with one option that is not the default."""
    logger = OutputLogger(io.StringIO(), trace_level=True) if log else None
    return partial(
        serving,
        H2Configuration(
            client_side=False,
            header_encoding=encoding,
            validate_inbound_headers=validate,
            logger=logger,
        ),
    )


HABITS = (
    Habit(
        "writing to the socket after each frame of 512 octets",
        "after 20 of them",
        (partial(writing, True), partial(writing, False)),
    ),
    Habit(
        "sending content in frames of 1 KiB",
        "of 16 KiB",
        (partial(sending, 1024), partial(sending, 16384)),
    ),
    Habit(
        "reading 4 KiB at a time",
        "64 KiB",
        (partial(reading, 4096), partial(reading, 65536)),
    ),
    Habit(
        "acknowledging each event, in reads of 64 KiB",
        "once for each read",
        (partial(reading, 65536, True), partial(reading, 65536)),
    ),
    Habit(
        "requests in which two fields change each time",
        "in which none does",
        (partial(headers, request_headers), partial(headers, same)),
    ),
    Habit(
        "fields of a request as `str`",
        "as `bytes`",
        (partial(headers, same_as_text), partial(headers, same)),
    ),
    Habit(
        'receiving requests with `header_encoding="utf-8"`',
        "as `bytes`, the default",
        (options("utf-8"), options()),
    ),
    Habit(
        "receiving requests that are validated, the default",
        "`validate_inbound_headers=False`",
        (options(), options(validate=False)),
    ),
    Habit(
        "receiving requests with a logger that writes frames",
        "without a logger",
        (options(log=True), options()),
    ),
)


def seconds(way: Way) -> float:
    """CPU time of one run, preparations not counted."""
    run = way()
    gc.collect()
    start = process_time()
    run()
    return process_time() - start


def ratio(habit: Habit, rounds: int) -> float:
    """How many times as much the expensive way costs as the recommended one."""
    costly, advised = habit.ways
    runs = [(seconds(costly), seconds(advised)) for _ in range(rounds)]
    return min(costly for costly, _ in runs) / min(advised for _, advised in runs)


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description="What habits of a program cost.")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each way (7)")
    rounds = parser.parse_args().rounds
    print("| this | compared with | costs |\n| --- | --- | ---: |")
    for habit in HABITS:
        print(f"| {habit.costly} | {habit.advised} | {ratio(habit, rounds):.1f}x |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
