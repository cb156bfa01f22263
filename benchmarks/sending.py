"""What it costs to send: with content that the connection keeps, or by hand on the plain class.

usage: python -m benchmarks.sending [--count]

Bytecode instructions and CPU time at the sender, for each frame, response or message, and octets
of memory. "By hand" is what a program has to do at least with `H2Connection`: look at the window,
cut a piece of content, send it, take the bytes. It has no priorities and puts nothing together.
CPU time is the best of several runs in turns, and says little on a machine that has other things to
do: `--count` leaves it out. A large frame takes more instructions than by hand and about the same
time, because content is not copied. The exit status is 1 if a figure is above its limit.
"""

from __future__ import annotations

import argparse
import gc
import struct
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from .gate import Counts, count_instructions

REQUEST = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"www.example.com"),
    (b":path", b"/"),
    (b"user-agent", b"Mozilla/5.0"),
    (b"accept", b"*/*"),
]
RESPONSE = [
    (b":status", b"200"),
    (b"content-type", b"text/plain"),
    (b"content-length", b"100"),
    (b"server", b"example/1.0"),
]
WINDOW = 2**31 - 1
FRAME = 16_384
CHUNK = bytes(65_536)
AMOUNT = 65_536
MESSAGE = bytes(105)
TURNS = 7

Run = Callable[[], int]  #: does the work, and returns how many units


@dataclass
class Comparison:
    """Both ways of one thing, and how much more the second may cost."""

    name: str
    by_hand: Run
    kept: Run
    most_instructions: float
    most_time: float


def frame(type_: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """A frame as its peer sends it."""
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 255, type_, flags, stream_id) + (
        payload
    )


def server(cls: type[H2Connection]) -> H2Connection:
    """A server whose windows are as wide as they can be."""
    conn = cls(H2Configuration(client_side=False, strict=True))
    conn.local_settings = Settings(False, {SettingCodes.MAX_CONCURRENT_STREAMS: 2**20})
    conn.initiate_connection()
    settings = frame(4, 0, 0, struct.pack(">HL", 4, WINDOW)) + frame(4, 1, 0, b"")
    wide = frame(8, 0, 0, struct.pack(">L", WINDOW - 65_535))
    conn.receive_data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + wide)
    conn.data_to_send()
    return conn


def buffered_server() -> BufferedH2Connection:
    """The same that buffers."""
    conn = server(BufferedH2Connection)
    if not isinstance(conn, BufferedH2Connection):
        raise TypeError("the class of the server has changed")
    return conn


def respond(conn: H2Connection, number: int = 1) -> None:
    """Receive so many requests and send the fields of the responses."""
    blocks = requests(number)
    for place, block in enumerate(blocks):
        conn.receive_data(block)
        conn.send_headers(2 * place + 1, RESPONSE)
    conn.data_to_send()


def requests(number: int) -> list[bytes]:
    """The requests of a client, each with all of its bytes."""
    client = H2Connection()
    client.local_settings = Settings(True, {SettingCodes.ENABLE_PUSH: 0})
    client.remote_settings = Settings(False, {SettingCodes.MAX_CONCURRENT_STREAMS: 2**20})
    client.initiate_connection()
    client.data_to_send()
    blocks = []
    for place in range(number):
        client.send_headers(2 * place + 1, REQUEST, end_stream=True)
        blocks.append(client.data_to_send())
    return blocks


def refill(conn: H2Connection) -> None:
    """Open the windows that content has used."""
    sent = WINDOW - conn.outbound_flow_control_window
    if sent > WINDOW // 2:
        for stream_id in (0, 1):
            conn.receive_data(frame(8, 0, stream_id, struct.pack(">L", sent)))


def large_content() -> Comparison:
    """Content of any length, in frames of 16 KiB; 64 KiB at most are taken at a time."""
    plain, buffered = server(H2Connection), buffered_server()
    for conn in (plain, buffered):
        respond(conn)
    writes = 60

    def by_hand() -> int:
        refill(plain)
        frames = 0
        for _ in range(writes):
            for start in range(0, len(CHUNK), FRAME):
                size = min(FRAME, plain.local_flow_control_window(1))
                plain.send_data(1, CHUNK[start : start + size])
                frames += 1
                if frames % 3 == 0:
                    plain.data_to_send()
        return frames

    def kept() -> int:
        refill(buffered)
        octets = written = 0
        while written < writes or buffered.send_buffer_size(1):
            if written < writes and buffered.is_writable(1):
                buffered.send_data(1, CHUNK)
                written += 1
            octets += len(buffered.data_to_send(AMOUNT))
            buffered.events()
        return octets // FRAME

    return Comparison("frame of 16 KiB", by_hand, kept, 2.0, 1.3)


def small_response() -> Comparison:
    """A request that arrives and its response of 100 octets."""
    number = 3_000
    blocks = requests(number)

    def responding(conn: H2Connection) -> Run:
        following = iter(range(number))

        def run() -> int:
            for place, _ in zip(following, range(100), strict=False):
                conn.receive_data(blocks[place])
                stream_id = 2 * place + 1
                conn.send_headers(stream_id, RESPONSE)
                conn.send_data(stream_id, CHUNK[:100], end_stream=True)
                conn.data_to_send()
            return 100

        return run

    return Comparison(
        "response of 100 octets",
        responding(server(H2Connection)),
        responding(buffered_server()),
        1.25,
        1.25,
    )


def messages() -> Comparison:
    """Messages of a stream, each taken at once."""

    def sending(conn: H2Connection) -> Run:
        respond(conn)

        def run() -> int:
            for _ in range(500):
                conn.send_data(1, MESSAGE)
                conn.data_to_send()
            return 500

        return run

    return Comparison(
        "message of 105 octets",
        sending(server(H2Connection)),
        sending(buffered_server()),
        1.4,
        1.4,
    )


def many_streams() -> Comparison:
    """Frames of many streams in turns: as much for each of 10,000 as of 100."""

    def sending(number: int) -> Run:
        def run() -> int:
            conn = buffered_server()
            respond(conn, number)
            return measured(conn, number)

        return run

    def measured(conn: BufferedH2Connection, number: int) -> int:
        for place in range(number):
            conn.send_data(2 * place + 1, CHUNK[: 2 * FRAME])
        octets = 0
        while data := conn.data_to_send(AMOUNT):
            octets += len(data)
        return octets // FRAME

    return Comparison("10,000 streams for 100", sending(100), sending(10_000), 1.2, 1.2)


def instructions(run: Run) -> float:
    """The instructions for a unit."""
    run()
    counts: Counts = {}
    with count_instructions(counts):
        units = run()
    return counts["instructions"] / units


def seconds(first: Run, second: Run) -> tuple[float, float]:
    """The CPU time for a unit, of both in turns."""
    best = [float("inf")] * 2
    for _ in range(TURNS):
        for place, run in enumerate((first, second)):
            start = process_time()
            units = run()
            best[place] = min(best[place], (process_time() - start) / units)
    return best[0], best[1]


def memory() -> list[tuple[str, float, float]]:
    """Octets with their limits: a stream with content that waits, and a connection."""
    number = 1000
    conn = buffered_server()
    respond(conn, number + 1)
    conn.send_data(1, CHUNK)
    contents = [b"%09d" % place for place in range(number)]

    def keep() -> None:
        for place, content in enumerate(contents):
            conn.send_data(2 * place + 3, content)

    config = H2Configuration(client_side=False, strict=True)
    connections = [
        held(lambda cls=cls: [started(cls(config)) for _ in range(number)])  # type: ignore[misc]  # mypy cannot infer the type of a lambda with a default
        for cls in (H2Connection, BufferedH2Connection)
    ]
    return [
        ("stream with a chunk", held(keep) / number, 400),
        ("connection, more than plain", (connections[1] - connections[0]) / number, 1024),
    ]


def started(conn: H2Connection) -> H2Connection:
    """The connection with its SETTINGS sent."""
    conn.initiate_connection()
    conn.data_to_send()
    return conn


def held(make: Callable[[], object]) -> int:
    """Octets that are held after a call, and by what it returns."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    made = make()
    gc.collect()
    octets = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del made
    return octets


COMPARISONS = (large_content, small_response, messages)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; tell whether all figures are within their limits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", action="store_true", help="count, and measure no time")
    options = parser.parse_args(arguments)
    above = 0
    print(f"{'':<28} {'by hand':>9} {'kept':>9} {'ratio':>6} {'limit':>6}")
    for compare in (*COMPARISONS, many_streams):
        both = compare()
        pairs = [("instructions", instructions(both.by_hand), instructions(both.kept))]
        limits = [both.most_instructions]
        if not options.count and compare in COMPARISONS:
            hand, kept = seconds(both.by_hand, both.kept)
            pairs.append(("us", hand * 1e6, kept * 1e6))
            limits.append(both.most_time)
        for (unit, hand, kept), most in zip(pairs, limits, strict=True):
            name = f"{both.name}, {unit}" if unit == "us" else both.name
            print(f"{name:<28} {hand:>9.2f} {kept:>9.2f} {kept / hand:>6.2f} {most:>6.2f}")
            above += kept / hand > most
    for name, octets, limit in memory():
        print(f"{name:<28} {'':>9} {octets:>9.0f} {'':>6} {limit:>6.0f}")
        above += octets > limit
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
