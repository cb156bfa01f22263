"""A server on a buffered connection, and one that does its own waiting, under h2load.

usage: python -m benchmarks.served [--rounds N] [--json]

Each case alternates between both servers. The figure is the CPU time of the server for a request,
in the best of the rounds, because the machine may be busy. The exit status is 1 if the buffered
server takes more than the other one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time
from typing import Any

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    Event,
    RequestReceived,
    StreamReset,
)
from h2.exceptions import ProtocolError

from .workloads import ROOT, expect

#: The maximum to pass to the transport at a time: four frames of the default maximum size.
FRAME = 16_384 + 9
PIECE = 4 * FRAME


def size_of(event: RequestReceived) -> int:
    """The size of the content that a request asks for: its path is the number."""
    (path,) = (value for name, value in event.headers if name in (b":path", ":path"))
    return int(path[1:])


class Server(asyncio.Protocol):
    """The common part of both servers."""

    connection: type[H2Connection] = H2Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface."""
        self.transport: Any = transport
        self.paused = False
        self.conn = self.connection(H2Configuration(client_side=False))
        self.conn.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Answer what has arrived."""
        try:
            events = self.conn.receive_data(data)
        except ProtocolError:
            self.transport.write(self.conn.data_to_send())
            self.transport.close()
            return
        for event in events:
            self.handle(event)
        self.flush()

    def handle(self, event: Event) -> None:
        """Process an event."""
        if isinstance(event, RequestReceived):
            size = size_of(event)
            length = b"%d" % size
            self.conn.send_headers(
                event.stream_id, [(b":status", b"200"), (b"content-length", length)]
            )
            self.send(event.stream_id, bytes(size))
        elif isinstance(event, ConnectionTerminated):
            self.transport.close()

    def send(self, stream_id: int, content: bytes) -> None:
        """Send all of the content, and end the stream."""
        raise NotImplementedError

    def flush(self) -> None:
        """Write what can be written."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        """Pause: the transport is full."""
        self.paused = True

    def resume_writing(self) -> None:
        """Continue."""
        self.paused = False
        self.flush()


class Buffered(Server):
    """The server on the buffered connection."""

    connection = BufferedH2Connection

    def send(self, stream_id: int, content: bytes) -> None:
        """Pass it on."""
        self.conn.send_data(stream_id, content, end_stream=True)

    def flush(self) -> None:
        """Write what can be written."""
        while not self.paused and (data := self.conn.data_to_send(PIECE)):
            self.transport.write(data)


class ByHand(Server):
    """The server that does its own waiting and scheduling."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with nothing pending."""
        self.waiting: dict[int, memoryview] = {}
        super().connection_made(transport)

    def send(self, stream_id: int, content: bytes) -> None:
        """Buffer it."""
        self.waiting[stream_id] = memoryview(content)

    def handle(self, event: Event) -> None:
        """Drop what is no longer wanted; windows are checked in each flush."""
        super().handle(event)
        if isinstance(event, StreamReset):
            self.waiting.pop(event.stream_id, None)

    def flush(self) -> None:
        """Write what can be written: a frame of each stream in turn."""
        conn = self.conn
        sent = True
        while sent and not self.paused:
            sent = False
            size = 0
            for stream_id, rest in list(self.waiting.items()):
                room = min(conn.local_flow_control_window(stream_id), conn.max_outbound_frame_size)
                if room <= 0 and rest:
                    continue
                piece = rest[:room]
                rest = rest[room:]
                conn.send_data(stream_id, piece, end_stream=not rest)
                if rest:
                    self.waiting[stream_id] = rest
                else:
                    del self.waiting[stream_id]
                sent = True
                size += len(piece) + 9
                if size > PIECE - FRAME:
                    break
            if data := conn.data_to_send():
                self.transport.write(data)


SERVERS: dict[str, type[Server]] = {"by hand": ByHand, "buffered": Buffered}


@dataclass(frozen=True)
class Case:
    """The requests that h2load makes."""

    size: int
    requests: int
    streams: int


CASES = {
    "100 octets": Case(100, 20_000, 100),
    "16 KiB": Case(16_384, 5_000, 100),
    "1 MB, 10 at once": Case(1_000_000, 300, 10),
    "10 MB, 100 at once": Case(10_000_000, 100, 100),
}


async def serve(name: str) -> None:
    """Serve until standard input ends; then print the CPU time."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(SERVERS[name], "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    before = process_time()
    await loop.run_in_executor(None, sys.stdin.read)
    print(process_time() - before)
    server.close()


@contextmanager
def serving(name: str) -> Iterator[tuple[int, list[float]]]:
    """The port of a server in a separate process, and a list for its CPU time."""
    command = [sys.executable, "-m", "benchmarks.served", "--serve", name]
    spent: list[float] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), spent
        out, _ = process.communicate()
        spent.append(float(out))


def load(name: str, case: Case) -> float:
    """Microseconds of CPU time of this server per request."""
    with serving(name) as (port, spent):
        command = ["h2load", "-n", str(case.requests), "-m", str(case.streams), "-w", "20"]
        command += ["-W", "24", f"http://127.0.0.1:{port}/{case.size}"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        expect(f", {case.requests} succeeded," in done.stdout, True)
    return spent[0] / case.requests * 1e6


def measure(cases: dict[str, Case], rounds: int) -> dict[str, dict[str, float]]:
    """The figures of all cases, alternating between both servers."""
    figures = {}
    for label, case in cases.items():
        spent: dict[str, list[float]] = {name: [] for name in SERVERS}
        for _ in range(rounds):
            for name in SERVERS:
                spent[name].append(load(name, case))
        figures[label] = {name: min(values) for name, values in spent.items()}
    return figures


def main() -> int:
    """Measure, print; returns the exit status."""
    parser = argparse.ArgumentParser(description="Two servers under h2load.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    if shutil.which("h2load") is None:
        parser.error("h2load is not there")
    figures = measure(CASES, options.rounds)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        for label, found in figures.items():
            by_hand, buffered = found.values()
            ratio = buffered / by_hand
            print(f"{label:20} {by_hand:9.1f} us {buffered:9.1f} us   {ratio:5.2f}")
    return int(any(found["buffered"] > found["by hand"] for found in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
