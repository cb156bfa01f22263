"""A long run over real sockets, to check that memory stays flat and nothing is lost.

usage: python -m benchmarks.soak [--requests N] [--connections N] [--seed N]

Two processes communicate over TCP on the loopback interface. First all requests use one connection,
then there are that many connections one after the other. What happens on them depends on the seed:

- responses of 0 to 60,000 octets, and requests with content, under windows that both ends keep
  changing;
- requests that the client cancels, before or during the response, and responses that the server
  resets;
- content that the reader keeps for a while before it acknowledges it;
- connections that the server closes: in two steps while requests are in flight, immediately after a
  request, so that others have to be retried elsewhere, or with an error.

The number of a request determines its content, and both ends check the hash of what they receive.
Every request must end as planned: with a complete response, a reset, or a GOAWAY frame that
excludes it, after which it is retried on the next connection. The memory of both processes is read
from /proc (Linux); from the first tenth of a part to its end it may grow by at most
`ALLOWED_GROWTH`. The exit status is 0 if all of this holds.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .soak_ends import (
    FAIL,
    GET,
    LEAVE,
    LONGEST,
    PATIENCE,
    POST,
    RESET,
    RETIRE,
    SIZES,
    Client,
    Request,
    Server,
)

ALLOWED_GROWTH: Final = 4096  # KiB of resident memory, for each process


def resident(process: int) -> int:
    """Return the KiB of memory that a process uses; 0 if unknown."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return int(text.partition("VmRSS:")[2].split()[0])


def requests(rng: random.Random, first: int, number: int) -> list[Request]:
    """Return this many requests of all kinds that do not end the connection."""
    made = []
    for n in range(first, first + number):
        draw = rng.random()
        size = rng.randrange(LONGEST) if draw < 0.002 else rng.choice(SIZES)
        kind = POST if draw > 0.85 else RESET if draw > 0.84 else GET
        cancel = kind == GET and rng.random() < 0.03
        made.append(Request(n, kind, size, cancel))
    return made


def last_request(rng: random.Random, number: int) -> Request | None:
    """Return the request that makes the server close a connection, if there is to be one."""
    draw = rng.random()
    if draw < 0.4:
        return None
    kind = LEAVE if draw < 0.6 else RETIRE if draw < 0.9 else FAIL
    return Request(number, kind, 100, cancel=False)


def serve(listener: socket.socket, connections: int, seed: int) -> None:
    """Serve this many connections, one after the other."""
    rng = random.Random(seed)
    for _ in range(connections):
        sock, _ = listener.accept()
        with sock:
            Server(sock, rng).run()


class Soak:
    """The run, and its results."""

    def __init__(self, port: int, server: int, seed: int) -> None:
        self.port = port
        self.server = server  # its process
        self.rng = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.line: deque[Request] = deque()
        self.asked = 0

    def connect(self) -> None:
        """Make requests from the queue over a connection."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            Client(sock, self.rng, self.line, self.outcomes).run()

    def memory(self) -> tuple[int, int]:
        """Return the KiB that client and server use."""
        return resident(os.getpid()), resident(self.server)

    def one_connection(self, number: int) -> Iterator[int]:
        """Make all requests over one connection; yield how many have been made."""
        made = 0
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            client = Client(sock, self.rng, self.line, self.outcomes)
            while made < number:
                self.line.extend(requests(self.rng, made, min(1000, number - made)))
                made = min(made + 1000, number)
                while self.line:
                    client.open()
                    client.turn(0.05)
                yield made
            client.run()
        self.asked += number

    def many_connections(self, number: int) -> Iterator[int]:
        """Make connections in turn, with a few requests on each; yield how many there have been."""
        for made in range(number):
            some = requests(self.rng, self.asked, self.rng.randrange(12))
            last = last_request(self.rng, self.asked + len(some))
            if last is not None:
                place = len(some) if last.kind == FAIL else self.rng.randrange(len(some) + 1)
                some.insert(place, last)
            self.asked += len(some)
            self.line.extend(some)
            if not self.line:
                self.line.append(Request(self.asked, GET, 1, cancel=False))
                self.asked += 1
            self.connect()
            yield made + 1

    def part(self, name: str, progress: Iterator[int], total: int) -> Sequence[str]:
        """Run a part to its end; return problems with its memory."""
        start, at, first = time.monotonic(), 0, (0, 0)
        before = self.outcomes.copy()
        for done in progress:
            tenth = done * 10 // total
            if tenth > at:
                at, now = tenth, self.memory()
                first = first if any(first) else now
                print(f"{name}: {done} of {total}, {now[0]} and {now[1]} KiB", file=sys.stderr)
        last, seconds = self.memory(), time.monotonic() - start
        grown = [end - begin for begin, end in zip(first, last, strict=True)]
        print(f"{name}: {total} in {seconds:.0f} s")
        print(f"  memory: client {last[0]} KiB ({grown[0]:+}), server {last[1]} KiB ({grown[1]:+})")
        for outcome, number in sorted((self.outcomes - before).items()):
            print(f"  {outcome}: {number}")
        return [f"{name}: {growth} KiB more" for growth in grown if growth > ALLOWED_GROWTH]


@contextmanager
def server(connections: int, seed: int) -> Iterator[tuple[int, int]]:
    """Run the server in a separate process; yield its port and process."""
    command = [sys.executable, "-m", "benchmarks.soak", "--serve", str(connections)]
    command += ["--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
            if process.wait(PATIENCE) != 0:
                raise AssertionError("the server has failed")
        finally:
            process.kill()


def soak(number: int, connections: int, seed: int) -> list[str]:
    """Run both parts; return what is wrong."""
    # Requests to be retried may be left in the queue: there is one last connection for them.
    with server(connections + 2, seed) as (port, process):
        run = Soak(port, process, seed)
        wrong = [*run.part("one connection", run.one_connection(number), number)]
        wrong += run.part("connections in turn", run.many_connections(connections), connections)
        run.connect()
    ends = sum(count for outcome, count in run.outcomes.items() if outcome != "sent again")
    print(f"{run.asked} requests, {ends} of them ended as they were meant to")
    if ends != run.asked or run.line:
        wrong.append(f"{run.asked - ends} requests are lost")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description="A long run over real sockets."
    )
    parser.add_argument(
        "--requests", type=int, default=1_000_000, help="requests over one connection (1,000,000)"
    )
    parser.add_argument(
        "--connections", type=int, default=10_000, help="connections in turn (10,000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers (1)")
    parser.add_argument(
        "--serve", type=int, metavar="N", help="run the server for N connections only"
    )
    options = parser.parse_args(arguments)
    if options.serve is not None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print(listener.getsockname()[1], flush=True)
            serve(listener, options.serve, options.seed)
        return 0
    wrong = soak(options.requests, options.connections, options.seed)
    for text in wrong:
        print(f"WRONG: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
