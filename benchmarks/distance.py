"""What buffers below a connection cost on a link with a delay: TCP_NOTSENT_LOWAT, one write a turn.

usage: python -m benchmarks.distance [--rounds N]

Needs Linux and root: see `benchmarks.link`. Two measurements, each over a link of 50 Mbit/s with a
round-trip time of 40 ms. In the first, a client downloads without end, and asks for something
urgent from time to time. In the second, it makes a hundred requests in one write, of which the last
is urgent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import select
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import DataReceived, StreamEnded

from . import link
from .served import Buffered
from .workloads import ROOT, expect

PORT = 8080
ROUND_TRIP, RATE, QUEUE = 0.04, 50e6 / 8, 0.04
CONGESTION_CONTROL = b"cubic"  # the default of most Linux systems
WINDOW = 2**31 - 1
BULK = 1 << 30
URGENT = 1_000  # octets
EVERY = 0.25  # seconds between urgent requests
KIB = 1024
LOW_WATERS = (0, 256 * KIB, 128 * KIB, 64 * KIB, 16 * KIB)  # 0: as the operating system has it
BURST = 100
BURST_SIZES = (100, 16_384)


class Server(Buffered):
    """The server, with a limit for unsent octets in the socket."""

    def __init__(self, low_water: int, eager: bool) -> None:
        self.low_water, self.eager = low_water, eager

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the limit, and the congestion control."""
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)
        if self.low_water:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self.low_water)
        super().connection_made(transport)

    def send(self, stream_id: int, content: bytes) -> None:
        """Write after each response, if the server does not wait for the others."""
        super().send(stream_id, content)
        if self.eager:
            self.flush()


def serve(low_water: int, eager: bool) -> None:
    """Serve until killed."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Server(low_water, eager), link.SERVER, PORT)
        await server.serve_forever()

    asyncio.run(run())


class Client:
    """A connection to the server that counts what arrives, and when a stream has ended."""

    def __init__(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                self.sock = socket.create_connection((link.SERVER, PORT), timeout=10)
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.conn = BufferedH2Connection(
            H2Configuration(), stream_window=WINDOW, connection_window=WINDOW
        )
        self.conn.STREAMS_BEFORE_SETTINGS = 2 * BURST
        self.conn.initiate_connection()
        self.octets = 0
        self.ended: dict[int, float] = {}

    def ask(self, size: int, priority: str) -> int:
        """Queue a request; return its stream."""
        stream_id = self.conn.get_next_available_stream_id()
        fields = {":method": "GET", ":scheme": "http", ":authority": "x", ":path": f"/{size}"}
        self.conn.send_headers(stream_id, [*fields.items(), ("priority", priority)], True)
        return stream_id

    def read(self, until: float) -> None:
        """Send what is pending, and note what arrives until then."""
        self.sock.sendall(self.conn.data_to_send())
        ready, _, _ = select.select([self.sock], [], [], max(0.0, until - time.monotonic()))
        if ready:
            data = self.sock.recv(256 * KIB)
            expect(bool(data), True)
            for event in self.conn.receive_data(data):
                if isinstance(event, DataReceived):
                    self.octets += len(event.data)
                elif isinstance(event, StreamEnded):
                    self.ended[event.stream_id] = time.monotonic()


def during_download(rounds: int) -> dict[str, float]:
    """Urgent requests during a download: how long they take, and how fast the download is."""
    client = Client()
    client.ask(BULK, "u=5")
    settled = time.monotonic() + 3  # seconds for TCP to find the rate
    while time.monotonic() < settled:
        client.read(settled)
    began, octets, times = time.monotonic(), client.octets, []
    for _ in range(rounds):
        asked = time.monotonic()
        stream_id = client.ask(URGENT, "u=0")
        following = asked + EVERY
        while time.monotonic() < following or stream_id not in client.ended:
            client.read(following if stream_id in client.ended else asked + 30)
        times.append(client.ended[stream_id] - asked)
    speed = (client.octets - octets) / (time.monotonic() - began)
    return {"median": statistics.median(times), "longest": max(times), "octets": speed}


def burst(size: int) -> dict[str, float]:
    """A hundred requests in one write, the last one urgent: when it ends, and when all have."""
    client = Client()
    for _ in range(5):  # both ends know each other
        client.read(time.monotonic() + ROUND_TRIP)
    asked = time.monotonic()
    streams = [client.ask(size, "u=5") for _ in range(BURST - 1)]
    streams.append(client.ask(size, "u=0"))
    while len(client.ended) < BURST:
        client.read(asked + 30)
    times = [client.ended[stream_id] - asked for stream_id in streams]
    return {"urgent": times[-1], "all": max(times)}


def report(figures: dict[str, float]) -> None:
    """Print the figures of a client."""
    print(json.dumps(figures), flush=True)


@dataclass(frozen=True)
class Case:
    """One measurement: a download, or a burst of responses of this size in octets."""

    what: str
    low_water: int = 0
    eager: bool = False

    def __str__(self) -> str:
        limit = f"limit {self.low_water or 'none':>6}"
        if self.what == "download":
            return f"download, {limit}"
        turn = "response" if self.eager else "turn"
        return f"burst of {self.what:>5}, {limit}, a write each {turn}"


CASES = [Case("download", low_water) for low_water in LOW_WATERS] + [
    Case(str(size), low_water, eager)
    for size in BURST_SIZES
    for low_water in (0, 64 * KIB)
    for eager in (False, True)
]


def run(case: Case, rounds: int) -> None:
    """Run one measurement in this process; print its figures, and the packets of the server."""
    what = case.what
    ask = partial(during_download, rounds) if what == "download" else partial(burst, int(what))
    packets, _ = link.connect_over(
        partial(serve, case.low_water, case.eager),
        lambda: report(ask()),
        round_trip=ROUND_TRIP,
        rate=RATE,
        queue=QUEUE,
    )
    report({"packets": packets})


def measure(case: Case, rounds: int) -> dict[str, float]:
    """The figures of one measurement, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.distance", "--run", case.what]
    command += ["--rounds", str(rounds), "--low-water", str(case.low_water)]
    command += ["--eager"] * case.eager
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, timeout=600)
    done.check_returncode()
    figures: dict[str, float] = {}
    for line in done.stdout.splitlines():
        figures.update(json.loads(line))
    return figures


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description="Buffers below a connection, on a distant link.")
    parser.add_argument("--rounds", type=int, default=40, help="urgent requests of a download (40)")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--low-water", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--eager", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if reason := link.missing():
        parser.error(reason)
    if options.run:
        run(Case(options.run, options.low_water, options.eager), options.rounds)
        return 0
    for case in CASES:
        figures = measure(case, options.rounds)
        print(f"{case}:", *(f"{name} {value:.6g}" for name, value in figures.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
