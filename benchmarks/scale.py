"""Many connections in one process: their cost in memory and in time while they are idle.

usage: python -m benchmarks.scale [--connections N] [--requests N] [--variants N] [--json]

Server connections in memory, without sockets. Each has answered a few different requests of a
browser, and is then idle. Memory is what the process takes from the system (Linux: resident set),
time is CPU time. After that, with fewer connections, it measures the effect of settings and habits.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.settings
from h2.connection import H2Connection
from h2.settings import SettingCodes

from .workloads import BODY, request_headers, response_headers

SESSIONS: Final = 64  # recorded ones, which the connections use in turn
SAMPLE: Final = 1000  # connections that are woken up to measure that

Session = list[bytes]
Values = dict[SettingCodes, int]
Figures = dict[str, float]


def resident() -> int:
    """Return the octets of memory that the process uses; 0 if unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def server(values: Values | None = None) -> H2Connection:
    """Return a started connection, possibly with different SETTINGS."""
    conn = H2Connection(h2.config.H2Configuration(client_side=False))
    if values is not None:
        conn.local_settings = h2.settings.Settings(client=False, initial_values=values)
    conn.initiate_connection()
    return conn


def answer(conn: H2Connection, octets: bytes, respond: bool = True) -> None:
    """Do what a server does with one read; its output is discarded."""
    for event in conn.receive_data(octets):
        if respond and isinstance(event, h2.events.StreamEnded):
            conn.send_headers(event.stream_id, response_headers(event.stream_id))
            conn.send_data(event.stream_id, BODY, end_stream=True)
    conn.data_to_send()


def record(number: int, requests: int, values: Values | None = None) -> Session:
    """Return what a client sends in a session, read by read; the last one is one more request."""
    client = H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    peer = server(values)
    client.receive_data(peer.data_to_send())
    session = []
    for n in range(requests + 1):
        stream_id = client.get_next_available_stream_id()
        client.send_headers(stream_id, request_headers(1000 * number + n), end_stream=True)
        session.append(client.data_to_send())
        for event in peer.receive_data(session[-1]):
            if isinstance(event, h2.events.StreamEnded):
                peer.send_headers(stream_id, response_headers(stream_id))
                peer.send_data(stream_id, BODY, end_stream=True)
        client.receive_data(peer.data_to_send())
        client.acknowledge_received_data(len(BODY), stream_id)
    return session


def used(session: Session, values: Values | None = None) -> H2Connection:
    """Return a connection that is idle after all requests of a session except the last one."""
    conn = server(values)
    for octets in session[:-1]:
        answer(conn, octets)
    return conn


def scale(connections: int, requests: int) -> Figures:
    """Measure that many connections at once."""
    sessions = [record(number, requests) for number in range(min(SESSIONS, connections))]
    used(sessions[0])  # creates everything that is created on first use
    gc.collect()
    before, start = resident(), process_time()
    idle = [used(sessions[number % len(sessions)]) for number in range(connections)]
    spent = process_time() - start
    figures = {
        "connections": float(connections),
        "MiB in all": (resident() - before) / 2**20,
        "bytes for each": (resident() - before) / connections,
        "us to make one": spent / connections * 1e6,
    }
    start = process_time()
    gc.collect()
    figures["ms for a full collection"] = (process_time() - start) * 1e3
    step = max(1, connections // SAMPLE)
    start = process_time()
    for number in range(0, connections, step):
        answer(idle[number], sessions[number % len(sessions)][-1])
    figures["us for one more request"] = (process_time() - start) / len(idle[::step]) * 1e6
    if any(conn.open_inbound_streams for conn in idle):
        raise AssertionError("a connection is not idle")
    return figures


# Variants -----------------------------------------------------------------------------------------


def with_values(**values: int) -> Callable[[Session], H2Connection]:
    """Return a function that creates connections with these settings."""
    codes = {SettingCodes[name]: value for name, value in values.items()}
    return lambda session: used(session, codes)


def without_encoder_table(session: Session, values: Values | None = None) -> H2Connection:
    """Return a connection whose encoder keeps no fields of responses."""
    conn = server(values)
    answer(conn, session[0], respond=False)  # the SETTINGS of the client set the size, too
    conn.encoder.header_table_size = 0
    for octets in session[1:-1]:
        answer(conn, octets)
    conn.reset_stream(1)
    return conn


def without_tables(session: Session) -> H2Connection:
    """Return a connection that keeps no fields at all."""
    return without_encoder_table(session, {SettingCodes.HEADER_TABLE_SIZE: 0})


def with_open_streams(number: int) -> Callable[[Session], H2Connection]:
    """Return a function that creates connections with this many unanswered requests."""

    def build(session: Session) -> H2Connection:
        conn = server()
        for octets in session[: -1 - number]:
            answer(conn, octets)
        for octets in session[-1 - number : -1]:
            answer(conn, octets, respond=False)
        return conn

    return build


VARIANTS: Final[dict[str, Callable[[Session], H2Connection]]] = {
    "as it is": used,
    "HEADER_TABLE_SIZE 0": with_values(HEADER_TABLE_SIZE=0),
    "HEADER_TABLE_SIZE 65,536": with_values(HEADER_TABLE_SIZE=65_536),
    "an encoder without a table": without_encoder_table,
    "HEADER_TABLE_SIZE 0, and no encoder table": without_tables,
    "INITIAL_WINDOW_SIZE 1 MiB": with_values(INITIAL_WINDOW_SIZE=2**20),
    "MAX_CONCURRENT_STREAMS 1000": with_values(MAX_CONCURRENT_STREAMS=1000),
    "1 request open": with_open_streams(1),
    "5 requests open": with_open_streams(5),
}


def variants(connections: int, requests: int) -> Figures:
    """Measure the bytes of a connection for each variant, with tracemalloc."""
    figures = {}
    for name, build in VARIANTS.items():
        # The clients have to know the size of the table.
        values = None
        if name.startswith("HEADER_TABLE_SIZE"):
            size = 65_536 if name.endswith("65,536") else 0
            values = {SettingCodes.HEADER_TABLE_SIZE: size}
        sessions = [
            record(number, requests, values) for number in range(min(SESSIONS, connections))
        ]
        build(sessions[0])
        gc.collect()
        tracemalloc.start()
        made = [build(sessions[number % len(sessions)]) for number in range(connections)]
        gc.collect()
        figures[name] = tracemalloc.get_traced_memory()[0] / len(made)
        tracemalloc.stop()
        del made
    return figures


def show(title: str, figures: Figures) -> None:
    """Print figures as a table."""
    print(f"{title}:")
    for name, value in figures.items():
        print(f"  {name:42} {value:12,.1f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description="Many idle connections in one process."
    )
    parser.add_argument("--connections", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--requests", type=int, default=10, help="requests on each of them (10)")
    parser.add_argument(
        "--variants", type=int, default=500, help="connections for each variant of settings (500)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args(arguments)
    parts = {
        "all at once": scale(options.connections, options.requests),
        "bytes for each": variants(options.variants, options.requests),
    }
    if options.json:
        print(json.dumps(parts))
        return 0
    for title, figures in parts.items():
        show(title, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
