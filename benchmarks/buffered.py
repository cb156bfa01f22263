"""The cost of a buffered connection, compared with a program that does its own waiting.

usage: python -m benchmarks.buffered [--repeats N] [--json]

Every comparison runs both ways in one process, alternately, and the ratio is that of the best runs.
Time is CPU time, memory is what tracemalloc counts. The exit status is 1 if a ratio exceeds its
limit. The gate counts the instructions of the same work (`benchmarks.gate`).
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from .workloads import CHUNK, REQUEST, RESPONSE, ROOT, Section, expect, pump, request_headers

Connected = tuple[H2Connection, H2Connection]

WIDEST = 2**31 - 1
PIECE = 65_536
FRAMES = PIECE // len(CHUNK)
SMALL = b"x" * 100
MESSAGE = b"m" * 105
FEW_STREAMS, MANY_STREAMS = 100, 10_000


def connected(server: H2Connection) -> Connected:
    """A client with the largest possible windows, and this server, after their handshake."""
    client = H2Connection()
    client.local_settings = Settings(
        client=True, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: WIDEST}
    )
    server.local_settings = Settings(
        client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 2 * MANY_STREAMS}
    )
    client.initiate_connection()
    server.initiate_connection()
    client.increment_flow_control_window(WIDEST - 65_535)
    pump(client, server)
    return client, server


def plain() -> Connected:
    """A server whose program does its own waiting, and its client."""
    return connected(H2Connection(H2Configuration(client_side=False)))


def buffered() -> Connected:
    """A buffered server, and its client."""
    return connected(BufferedH2Connection(H2Configuration(client_side=False, strict=False)))


def responding(ends: Connected, number: int) -> H2Connection:
    """The server, with this many responses that have begun."""
    client, server = ends
    for stream_id in range(1, 2 * number, 2):
        client.send_headers(stream_id, REQUEST, end_stream=True)
        server.receive_data(client.data_to_send())
        server.send_headers(stream_id, RESPONSE[:4])
    server.data_to_send()
    return server


def flush(server: H2Connection) -> int:
    """Take everything that may be sent, in pieces, as for a transport; return its size."""
    sent = 0
    while data := server.data_to_send(PIECE):
        sent += len(data)
    if isinstance(server, BufferedH2Connection):
        server.events()
    return sent


def frame_by_hand(size: int) -> Iterator[Section]:
    """Frames of 16 KiB, cut by the program out of pieces of 64 KiB."""
    server = responding(plain(), 1)
    content = bytes(PIECE)
    sent = 0

    def run() -> int:
        nonlocal sent
        for _ in range(size):
            start = 0
            while start < len(content):
                room = min(server.local_flow_control_window(1), server.max_outbound_frame_size)
                piece = content[start : start + room]
                server.send_data(1, piece)
                start += len(piece)
            sent += flush(server)
        return size * FRAMES

    yield run
    expect(sent, size * (PIECE + 9 * FRAMES))


def frame_buffered(size: int) -> Iterator[Section]:
    """The same pieces, cut by the connection."""
    server = responding(buffered(), 1)
    content = bytes(PIECE)
    sent = 0

    def run() -> int:
        nonlocal sent
        for _ in range(size):
            server.send_data(1, content)
            sent += flush(server)
        return size * FRAMES

    yield run
    expect(sent, size * (PIECE + 9 * FRAMES))


def _response(ends: Connected, size: int) -> Iterator[Section]:
    client, server = ends
    asked = []
    for number in range(size):
        client.send_headers(2 * number + 1, request_headers(number % 10), end_stream=True)
        asked.append(client.data_to_send())
    sent = 0

    def run() -> int:
        nonlocal sent
        for number, data in enumerate(asked):
            server.receive_data(data)
            stream_id = 2 * number + 1
            server.send_headers(stream_id, RESPONSE[:4])
            server.send_data(stream_id, SMALL, end_stream=True)
            sent += len(server.data_to_send())
            if isinstance(server, BufferedH2Connection):
                server.events()
        return size

    yield run
    expect(sent // size >= len(SMALL), True)


def _message(server: H2Connection, size: int) -> Iterator[Section]:
    sent = 0

    def run() -> int:
        nonlocal sent
        for _ in range(size):
            server.send_data(1, MESSAGE)
            sent += len(server.data_to_send())
            if isinstance(server, BufferedH2Connection):
                server.events()
        return size

    yield run
    expect(sent, size * (len(MESSAGE) + 9))


def _streams(number: int, size: int) -> Iterator[Section]:
    """Frames of this many streams, each with two pending frames; `size` frames are taken."""
    server = responding(buffered(), number)
    content = bytes(2 * len(CHUNK))
    for stream_id in range(1, 2 * number, 2):
        server.send_data(stream_id, content)
    sent = 0

    def run() -> int:
        nonlocal sent
        taken = 0
        while taken < size:
            taken += len(server.data_to_send(4 * (len(CHUNK) + 9))) // len(CHUNK)
        sent += taken
        return taken

    yield run
    expect(sent >= size, True)


@dataclass(frozen=True)
class Comparison:
    """Two ways to do the same, and the most that the second may cost relative to the first.

    `most` is the ratio of times, `instructions` that of the instructions that the gate counts,
    without those of the programs in this file.
    """

    first: Callable[[int], Iterator[Section]]
    second: Callable[[int], Iterator[Section]]
    unit: str
    size: int
    few: int
    most: float
    instructions: float


COMPARISONS = {
    "frame": Comparison(frame_by_hand, frame_buffered, "frame of 16 KiB", 2000, 10, 1.3, 1.3),
    "response": Comparison(
        lambda size: _response(plain(), size),
        lambda size: _response(buffered(), size),
        *("response of 100 octets", 2000, 50, 1.25, 1.25),
    ),
    "message": Comparison(
        lambda size: _message(responding(plain(), 1), size),
        lambda size: _message(responding(buffered(), 1), size),
        *("message of 105 octets", 10_000, 50, 1.4, 1.6),
    ),
    "streams": Comparison(
        lambda size: _streams(FEW_STREAMS, size),
        lambda size: _streams(MANY_STREAMS, size),
        *("frame of 10,000 streams, not 100", 180, 100, 1.2, 1.02),
    ),
}


def cost(work: Iterator[Section]) -> float:
    """Microseconds of CPU time for a unit."""
    spent, units = 0.0, 0
    gc.collect()
    for section in work:
        start = process_time()
        units += section()
        spent += process_time() - start
    return spent / units * 1e6


def compare(comparison: Comparison, repeats: int) -> tuple[float, float]:
    """The best cost of both ways, run alternately."""
    pairs = [
        (cost(comparison.first(comparison.size)), cost(comparison.second(comparison.size)))
        for _ in range(repeats + 1)
    ][1:]
    return min(first for first, _ in pairs), min(second for _, second in pairs)


def _held(build: Callable[[], object]) -> int:
    """Octets held by what `build` creates."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    made = build()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del made
    return held


def stream_memory(number: int = 2000) -> float:
    """Octets for a stream with a pending chunk, in addition to the chunk and the open stream."""
    server = responding(buffered(), number)

    def queue() -> None:
        for stream_id in range(1, 2 * number, 2):
            server.send_data(stream_id, CHUNK)

    return _held(queue) / number


def connection_memory(number: int = 200) -> float:
    """How many more octets a new buffered connection takes after the handshake."""

    def several(make: Callable[[], Connected]) -> float:
        return _held(lambda: [make()[1] for _ in range(number)]) / number

    for make in (plain, buffered):
        make()  # tables that are built on first use
    return several(buffered) - several(plain)


@dataclass(frozen=True)
class Memory:
    """A memory figure, and its limit."""

    take: Callable[[], float]
    unit: str
    most: int


MEMORY = {
    "stream memory": Memory(stream_memory, "octets for a stream with a chunk", 400),
    "connection memory": Memory(connection_memory, "octets more for a connection", 1024),
}


def memory_in_own_process() -> dict[str, float]:
    """All memory figures, from a separate process."""
    command = [sys.executable, "-m", "benchmarks.buffered", "--memory"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """All figures, in one run."""
    figures = {}
    for name, comparison in COMPARISONS.items():
        first, second = compare(comparison, repeats)
        figures[name] = {"first": first, "second": second, "ratio": second / first}
    for name, octets in memory_in_own_process().items():
        figures[name] = {"octets": octets}
    return figures


def above(figures: dict[str, dict[str, float]]) -> list[str]:
    """The names of the figures that exceed their limits."""
    found = [name for name, asked in COMPARISONS.items() if figures[name]["ratio"] > asked.most]
    return found + [name for name, asked in MEMORY.items() if figures[name]["octets"] > asked.most]


def show(figures: dict[str, dict[str, float]]) -> None:
    """Print the figures, each with its limit."""
    for name, comparison in COMPARISONS.items():
        first, second, ratio = (figures[name][what] for what in ("first", "second", "ratio"))
        verdict = "   ABOVE" * (ratio > comparison.most)
        print(
            f"{comparison.unit:33} {first:8.2f} us {second:8.2f} us   {ratio:5.2f}, "
            f"at most {comparison.most}{verdict}"
        )
    for name, memory in MEMORY.items():
        octets = figures[name]["octets"]
        verdict = "   ABOVE" * (octets > memory.most)
        print(f"{memory.unit:33} {octets:8.0f}, at most {memory.most}{verdict}")


def main() -> int:
    """Compare all, print the figures; returns the exit status."""
    parser = argparse.ArgumentParser(description="What a connection that buffers costs.")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each, in turns (7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps({name: memory.take() for name, memory in MEMORY.items()}))
        return 0
    figures = measure(options.repeats)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        show(figures)
    return int(bool(above(figures)))


if __name__ == "__main__":
    sys.exit(main())
