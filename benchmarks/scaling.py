"""How costs grow: with open streams, with finished ones, with idle ones, with the size of reads.

usage: python -m benchmarks.scaling [--package h2] [--only NAME,...] [--json]

Each measurement runs in a separate process, so that memory figures are clean. Memory is what
tracemalloc counts, time is CPU time, the best of several repetitions.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import TYPE_CHECKING

from .workloads import (
    BODY,
    CHUNK,
    MIB,
    REQUEST,
    RESPONSE,
    ROOT,
    Api,
    expect,
    load,
    pair,
    pump,
    request_headers,
)

if TYPE_CHECKING:
    from h2.connection import H2Connection

Figures = dict[str, float]
# glibc returns freed memory to the system immediately if enough of it is at the end of the heap;
# then every received MiB pays for page faults again. Keep it, as a busy program would.
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}
OPEN_STREAMS = (1, 100, 1000, 10_000)


def roomy_pair(api: Api) -> tuple[H2Connection, H2Connection]:
    """A client and a server that allows more streams at once than any measurement opens."""
    codes = api.settings.SettingCodes
    client = api.connection.H2Connection(api.config.H2Configuration(client_side=True))
    server = api.connection.H2Connection(api.config.H2Configuration(client_side=False))
    values = {codes.MAX_CONCURRENT_STREAMS: 1 << 24, codes.MAX_HEADER_LIST_SIZE: 1 << 16}
    server.local_settings = api.settings.Settings(client=False, initial_values=values)
    client.initiate_connection()
    server.initiate_connection()
    pump(client, server)
    return client, server


def open_streams(client: H2Connection, server: H2Connection, first: int, number: int) -> None:
    """Open this many streams with a request each, and pass the client's output to the server."""
    for stream_id in range(first, first + 2 * number, 2):
        client.send_headers(stream_id, REQUEST, end_stream=True)
        server.receive_data(client.data_to_send())


def opening(api: Api, already_open: int) -> tuple[H2Connection, Callable[[int, int], None]]:
    """A connection with that many open streams, and a function that opens more."""
    client, server = roomy_pair(api)
    open_streams(client, server, 1, already_open)
    expect(server.open_inbound_streams, already_open)
    return server, partial(open_streams, client, server)


def open_stream(api: Api) -> Figures:
    """Microseconds to open one more stream, both ends, for growing numbers of open ones."""
    at_once, figures = 50, {}
    for already_open in OPEN_STREAMS:
        server, open_more = opening(api, already_open)
        first, best = 2 * already_open + 1, float("inf")
        for _ in range(20):
            start = process_time()
            open_more(first, at_once)
            best = min(best, process_time() - start)
            for stream_id in range(first, first + 2 * at_once, 2):
                server.send_headers(stream_id, RESPONSE[:4], end_stream=True)
            server.data_to_send()
            first += 2 * at_once
        figures[f"us with {already_open} open"] = best / at_once * 1e6
    figures["growth"] = figures["us with 10000 open"] / figures["us with 1 open"]
    return figures


def traced(build: Callable[[], object]) -> int:
    """Bytes held, after a garbage collection, by what `build` returned."""
    tracemalloc.start()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    made = build()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del made
    return held


def idle_stream(api: Api, number: int = 10_000) -> Figures:
    """Bytes for a stream whose request was sent and that waits for its response."""
    client, server = roomy_pair(api)
    open_streams(client, server, 1, 50)
    blocks: list[bytes] = []

    def send() -> None:
        for stream_id in range(101, 101 + 2 * number, 2):
            client.send_headers(stream_id, REQUEST, end_stream=True)
            blocks.append(client.data_to_send())

    def receive() -> None:
        for block in blocks:
            server.receive_data(block)

    # The list keeps what was written, so it is subtracted from the client's figure.
    sent = traced(send) - sum(map(sys.getsizeof, blocks)) - sys.getsizeof(blocks)
    received = traced(receive)
    expect(server.open_inbound_streams, number + 50)
    return {"client bytes": sent / number, "server bytes": received / number}


def established(api: Api, side: str, requests: int) -> H2Connection:
    """One side of a connection that is idle after this many requests with a body in return."""
    client, server = pair(api)
    for number in range(requests):
        stream_id = 2 * number + 1
        client.send_headers(stream_id, request_headers(number), end_stream=True)
        server.receive_data(client.data_to_send())
        server.send_headers(stream_id, RESPONSE[:4])
        server.send_data(stream_id, BODY, end_stream=True)
        client.receive_data(server.data_to_send())
        client.acknowledge_received_data(len(BODY), stream_id)
        pump(client, server)
    return client if side == "client" else server


def several(number: int, build: Callable[[], object]) -> list[object]:
    """The results of calling `build` this many times."""
    return [build() for _ in range(number)]


def idle_connection(api: Api, number: int = 300) -> Figures:
    """Bytes for an idle established connection: new, and after ten requests."""
    figures = {}
    for side in ("client", "server"):
        for state, requests in (("new", 0), ("used", 10)):
            build = partial(established, api, side, requests)
            build()
            figures[f"{state} {side} bytes"] = traced(partial(several, number, build)) / number
    return figures


def finished_streams(api: Api, number: int = 70_000) -> Figures:
    """Bytes that both ends of one connection hold after this many finished requests."""
    client, server = pair(api)

    def exchange(stream_ids: range) -> None:
        for stream_id in stream_ids:
            client.send_headers(stream_id, REQUEST, end_stream=True)
            server.receive_data(client.data_to_send())
            server.send_headers(stream_id, RESPONSE[:4], end_stream=True)
            client.receive_data(server.data_to_send())

    exchange(range(1, 201, 2))
    return {"retained bytes": traced(partial(exchange, range(201, 201 + 2 * number, 2)))}


def reading(api: Api) -> Callable[[int, int], float]:
    """A function that times receiving a number of bytes of DATA frames in reads of one size.

    All events are kept until the end, whatever the size of the reads: otherwise memory that is
    freed and reused after each read would be warm, which would favor small reads.
    """
    client, server = pair(api)
    client.increment_flow_control_window(2**30)
    client.send_headers(1, request_headers(0), end_stream=True)
    client.increment_flow_control_window(2**30, 1)
    pump(client, server)
    server.send_headers(1, RESPONSE[:4])
    client.receive_data(server.data_to_send())
    for _ in range(MIB // len(CHUNK)):
        server.send_data(1, CHUNK)
    frames = server.data_to_send()
    data_event = api.events.DataReceived

    def read(size: int, step: int) -> float:
        data = frames[: len(frames) * size // MIB]
        reads = [data[start : start + step] for start in range(0, len(data), step)]
        events: list[object] = []
        start = process_time()
        for piece in reads:
            events += client.receive_data(piece)
        spent = process_time() - start
        expect(sum(len(event.data) for event in events if isinstance(event, data_event)), size)
        return spent

    return read


def receive(api: Api) -> Figures:
    """Microseconds to receive 1 MiB in one call and in smaller reads, down to single bytes."""
    read = reading(api)

    def best(size: int, step: int, repeats: int) -> float:
        return min(read(size, step) for _ in range(repeats)) * 1e6 * MIB / size

    figures = {
        "us/MiB in one call": best(MIB, 2 * MIB, 30),
        "us/MiB by 64 KiB": best(MIB, 64 << 10, 30),
        "us/MiB by 1448 bytes": best(MIB, 1448, 10),
        "us/MiB by single bytes, of 64 KiB": best(64 << 10, 1, 5),
        "us/MiB by single bytes, of 256 KiB": best(256 << 10, 1, 5),
    }
    one_call, pieces, _, short, long = figures.values()
    return {**figures, "one call to 64 KiB": one_call / pieces, "long to short": long / short}


def import_time(api: Api) -> Figures:
    """Milliseconds to import the connection module in a new process, the best of many."""
    name = api.connection.__name__
    code = (
        f"from time import process_time as now; start = now(); import {name}; print(now() - start)"
    )
    # The source is compiled to bytecode once, as it is in any installation.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", code]
    runs = (
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        for _ in range(25)
    )
    return {"ms": min(float(run.stdout) for run in runs) * 1e3}


@dataclass(frozen=True)
class Measurement:
    """A measurement, and limits for some of its figures."""

    take: Callable[[Api], Figures]
    limits: Figures


KIB = 1 << 10
MEASUREMENTS = {
    "open_stream": Measurement(open_stream, {"growth": 1.2}),
    "idle_stream": Measurement(idle_stream, {"client bytes": 400, "server bytes": 400}),
    "idle_connection": Measurement(
        idle_connection,
        dict.fromkeys(
            ("new client bytes", "used client bytes", "new server bytes", "used server bytes"),
            8.25 * KIB,
        ),
    ),
    "finished_streams": Measurement(finished_streams, {"retained bytes": 100 * KIB}),
    "receive": Measurement(receive, {"one call to 64 KiB": 1.2, "long to short": 1.2}),
    "import_time": Measurement(import_time, {"ratio": 1.5}),
}


def in_own_process(python: str, package: str, name: str) -> Figures:
    """Take one measurement in a new process of this interpreter."""
    command = [python, "-m", "benchmarks.scaling", "--package", package, "--one", name]
    environment = {**os.environ, **ALLOCATOR}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def above(name: str, figures: Figures) -> list[str]:
    """One line for each figure of a measurement that is above its limit."""
    limits = MEASUREMENTS[name].limits
    return [
        f"{label}: {figure:g}, at most {limits[label]:g}"
        for label, figure in figures.items()
        if figure > limits.get(label, figure)
    ]


def show(name: str, figures: Figures) -> None:
    """Print the figures of a measurement, with their limits."""
    for label, figure in figures.items():
        limit = MEASUREMENTS[name].limits.get(label)
        verdict = "" if limit is None else f"   at most {limit:g}"
        if limit is not None and figure > limit:
            verdict += "   ABOVE"
        print(f"{name:17} {label:35} {figure:12.2f}{verdict}", flush=True)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description="How costs grow.")
    parser.add_argument("--package", default="h2", help="import name of the package (h2)")
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="names, comma between")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(MEASUREMENTS[options.one].take(load(options.package))))
        return
    taken = {}
    for name in options.only.split(","):
        taken[name] = in_own_process(sys.executable, options.package, name)
        if not options.json:
            show(name, taken[name])
    if options.json:
        print(json.dumps(taken, indent=1))


if __name__ == "__main__":
    main()
