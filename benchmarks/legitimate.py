"""Traffic that looks like an attack but is not one: no limit may stop it.

usage: python -m benchmarks.legitimate [--only NAMES] [--long] [--h2load]

The tests run all of it in small sizes; `--long` takes a night. Unless noted otherwise, the clock of
the limits does not advance, so that nothing is forgotten. `--h2load` runs 1,000,000 requests of
h2load over one connection to `python -m h2 serve` instead.
"""

from __future__ import annotations

import argparse
import itertools
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    PingAckReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes, Settings

from .attacks import messages, wire
from .workloads import Headers, expect, request_headers, response_headers

LARGEST = 2**31 - 1
RESPONSE: Headers = response_headers(0)[:4]
UPLOAD: Headers = [(b":method", b"POST"), *request_headers(0)[1:]]


class Clock:
    """A clock that only advances on request."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The seconds that it shows."""
        return self.now


class Ends:
    """A client and a server, and all octets between them.

    Both acknowledge content, and a server answers what has ended unless `answers` is False.
    """

    def __init__(self, streams: int = 100, windows: int = 65535, **options: Any) -> None:
        self.clock = Clock()
        self.answers = True
        self.events: list[Event] = []
        self.received = [0, 0]  # octets of content, by client and server
        options["clock"] = self.clock
        self.client, self.server = (
            H2Connection(H2Configuration(client_side=side, **options)) for side in (True, False)
        )
        for end in (self.client, self.server):
            values = {
                SettingCodes.MAX_CONCURRENT_STREAMS: streams,
                SettingCodes.INITIAL_WINDOW_SIZE: windows,
            }
            end.local_settings = Settings(client=end is self.client, initial_values=values)
            end.initiate_connection()
            if windows > 65535:
                end.increment_flow_control_window(windows - 65535)

    def pump(self) -> None:
        """Transfer octets in both directions until both are silent."""
        while True:
            up, down = self.client.data_to_send(), self.server.data_to_send()
            if not up and not down:
                return
            self.to_server(up)
            self.to_client(down)

    def to_server(self, octets: bytes) -> list[Event]:
        """Pass octets to the server, and do what a server does."""
        events = self.server.receive_data(octets)
        self._acknowledge(self.server, 1, events)
        for event in events:
            if isinstance(event, StreamEnded) and self.answers:
                with suppress(StreamClosedError):  # canceled in the same read
                    self.server.send_headers(event.stream_id, RESPONSE, end_stream=True)
        return events

    def to_client(self, octets: bytes) -> list[Event]:
        """Pass octets to the client."""
        events = self.client.receive_data(octets)
        self._acknowledge(self.client, 0, events)
        self.events += events
        return events

    def _acknowledge(self, end: H2Connection, number: int, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, DataReceived):
                self.received[number] += len(event.data)
                end.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def count(self, *kinds: type[Event]) -> int:
        """How many such events the client has received since the last call."""
        found = sum(isinstance(event, kinds) for event in self.events)
        self.events.clear()
        return found


@dataclass(frozen=True)
class Traffic:
    """One kind of traffic, and its amount in a test and in a long run."""

    name: str
    words: str
    run: Callable[[int], None]
    quick: int
    long: int


TRAFFIC: dict[str, Traffic] = {}


def traffic(
    name: str, words: str, quick: int, long: int
) -> Callable[[Callable[[int], None]], Callable[[int], None]]:
    """Add a function to the list; it gets the amount."""

    def add(run: Callable[[int], None]) -> Callable[[int], None]:
        TRAFFIC[name] = Traffic(name, words, run, quick, long)
        return run

    return add


@traffic("grpc-stream", "messages of five octets both ways on one stream", 20_000, 10_000_000)
def grpc_stream(size: int) -> None:
    """A gRPC stream with empty messages: a prefix of five octets each."""
    ends = Ends()
    ends.client.send_headers(1, UPLOAD)
    ends.pump()
    ends.server.send_headers(1, RESPONSE)
    sent = 0
    for at_once in itertools.cycle((1, 7, 1000)):
        for _ in range(at_once):
            ends.client.send_data(1, b"\0\0\0\0\0")
            ends.server.send_data(1, b"\0\0\0\0\0")
        sent += at_once
        ends.pump()
        if sent >= size:
            break
    expect(ends.received[0], 5 * sent)
    expect(ends.received[1], 5 * sent)


@traffic("grpc-slow", "a window full of such messages before any is acknowledged", 2, 1000)
def grpc_slow(size: int) -> None:
    """The application reads everything once the window is exhausted."""
    ends = Ends()
    ends.client.send_headers(1, UPLOAD)
    ends.pump()
    total = 0
    for _ in range(size):
        kept: list[Event] = []
        while ends.client.local_flow_control_window(1) >= 5:
            for _ in range(min(500, ends.client.local_flow_control_window(1) // 5)):
                ends.client.send_data(1, b"\0\0\0\0\0")
            kept += ends.server.receive_data(ends.client.data_to_send())
        total += len(kept)
        for event in kept:
            if isinstance(event, DataReceived):
                ends.server.acknowledge_received_data(event.flow_controlled_length, 1)
        ends.pump()
    # The first window is the full one, the later ones are what was acknowledged: half.
    if total < 6500 * (size + 1):
        raise RuntimeError(f"the window took {total} messages only")


@traffic("crumbs", "requests with a cookie in 60 crumbs", 300, 1_000_000)
def crumbs(size: int) -> None:
    """Browsers split a cookie, so that its parts compress."""
    ends = Ends()
    cookies = [(b"cookie", b"name-%02d=%032x" % (number, number)) for number in range(60)]
    for stream_id in range(1, 2 * size, 2):
        ends.client.send_headers(stream_id, request_headers(stream_id) + cookies, end_stream=True)
        ends.pump()
        expect(ends.count(ResponseReceived), 1)


@traffic("cookie-in-table", "requests with a cookie of 3 KB from the table", 300, 1_000_000)
def cookie_in_table(size: int) -> None:
    """A large cookie that costs one octet on the wire after the first request."""
    ends = Ends()
    cookie = wire.literal(32, b"session=" + b"c" * 3000, add=True)
    ends.pump()
    for stream_id in range(1, 2 * size, 2):
        fields = messages.GET + (wire.indexed(62) if stream_id > 1 else cookie)
        events = ends.to_server(wire.headers(stream_id, fields, end=True))
        expect(sum(isinstance(event, RequestReceived) for event in events), 1)
        ends.server.data_to_send()


@traffic("cancellations", "30 % of all requests are canceled", 3000, 1_000_000)
def cancellations(size: int) -> None:
    """A client, or a proxy for many, cancels requests; 100 a second in the long run."""
    ends = Ends()
    answered = 0
    for number, stream_id in enumerate(range(1, 2 * size, 2)):
        ends.client.send_headers(stream_id, request_headers(number), end_stream=True)
        if number % 10 in (1, 5, 6):
            if number % 2:
                ends.server.receive_data(ends.client.data_to_send())
            ends.client.reset_stream(stream_id, ErrorCodes.CANCEL)
        ends.pump()
        answered += ends.count(ResponseReceived)
        if number >= 3000:
            ends.clock.now += 0.01
    expect(answered, size * 7 // 10)


@traffic("cancel-all", "3,000 streams are canceled at once, where so many are allowed", 1, 1000)
def cancel_all(size: int) -> None:
    """The user closes the page, or the proxy loses its client; then it starts again."""
    ends = Ends(streams=4000)
    ends.pump()
    ends.answers = False
    ids = itertools.count(1, 2)
    for _ in range(size):
        opened = list(itertools.islice(ids, 3000))
        for stream_id in opened:
            ends.client.send_headers(stream_id, request_headers(stream_id), end_stream=True)
        ends.pump()
        for stream_id in opened:
            ends.client.reset_stream(stream_id, ErrorCodes.CANCEL)
        ends.pump()
        ends.clock.now += 100


@traffic("pings", "a PING every second", 2000, 1_000_000)
def pings(size: int) -> None:
    """A health checker that does nothing else."""
    ends = Ends()
    ends.pump()
    for number in range(size):
        ends.client.ping(number.to_bytes(8, "big"))
        ends.pump()
        expect(ends.count(PingAckReceived), 1)
        ends.clock.now += 1


@traffic("priorities", "pages of a browser that sends priorities", 5, 10_000)
def priorities(size: int) -> None:
    """Groups of idle streams as in Firefox, then three frames for each request."""
    ends = Ends()
    ids = itertools.count(13, 2)
    for stream_id in (3, 5, 7, 9, 11):
        ends.client.prioritize(stream_id, weight=101, depends_on=0)
    for _ in range(size):
        for stream_id in itertools.islice(ids, 100):
            ends.client.send_headers(
                stream_id,
                request_headers(stream_id),
                end_stream=True,
                priority_weight=42,
                priority_depends_on=11,
                priority_exclusive=False,
            )
            ends.client.prioritize(stream_id, weight=22, depends_on=3)
            ends.client.prioritize(stream_id, weight=12, depends_on=0, exclusive=True)
            update = stream_id.to_bytes(4, "big") + b"u=1, i"
            octets = ends.client.data_to_send() + wire.frame(wire.PRIORITY_UPDATE, 0, 0, update)
            ends.to_server(octets)
        ends.pump()
        expect(ends.count(ResponseReceived), 100)


@traffic("burst", "1,000 requests in one burst after SETTINGS", 1, 100)
def burst(size: int) -> None:
    """If that many streams are allowed, all are answered; otherwise some are refused harmlessly."""
    for streams, _ in itertools.product((1000, 100), range(size)):
        ends = Ends(streams=streams)
        requests = b"".join(itertools.islice(messages.ordinary_requests(), 1000))
        ends.answers = False
        events = ends.server.receive_data(wire.PREFACE + wire.settings() + requests)
        expect(sum(isinstance(event, RequestReceived) for event in events), streams)
        expect(sum(isinstance(event, StreamReset) for event in events), 0)
        refused = list(_resets(ends.server.data_to_send()))
        expect(len(refused), 1000 - streams)


def _resets(octets: bytes) -> Iterator[int]:
    """The error codes of RST_STREAM frames."""
    start = 0
    for end in wire.frame_ends(octets):
        if octets[start + 3] == wire.RST_STREAM:
            yield int.from_bytes(octets[end - 4 : end], "big")
        start = end


@traffic("slow-reader", "a download that is read 512 octets at a time", 1, 1000)
def slow_reader(size: int) -> None:
    """The server's output is pending; meanwhile the client sends PING."""
    ends = Ends(windows=1 << 22)
    ends.client.send_headers(1, request_headers(0), end_stream=True)
    ends.pump()
    total = 0
    ends.events.clear()
    ends.answers = False
    ends.client.send_headers(3, request_headers(1), end_stream=True)
    ends.pump()
    ends.server.send_headers(3, RESPONSE)
    for _ in range(size):
        for _ in range(128):
            ends.server.send_data(3, bytes(8192))
            total += 8192
        for number in itertools.count():
            octets = ends.server.data_to_send(512)
            if not octets:
                break
            ends.to_client(octets)
            if not number % 100:
                ends.client.ping(bytes(8))
            ends.to_server(ends.client.data_to_send())
    expect(ends.received[0], total)


@traffic("events", "small pieces of content, a WINDOW_UPDATE or two for each", 20_000, 10_000_000)
def server_sent_events(size: int) -> None:
    """A receiver that opens both windows after each frame, however small."""
    ends = Ends()
    ends.answers = False
    ends.client.send_headers(1, request_headers(0), end_stream=True)
    ends.pump()
    ends.server.send_headers(1, RESPONSE)
    for _ in range(0, size, 100):
        for _ in range(100):
            ends.server.send_data(1, b"data: 0123456789\n\n")
        ends.server.data_to_send()
        ends.to_server((wire.window_update(0, 18) + wire.window_update(1, 18)) * 100)


@traffic("proxy", "uploads of one-octet frames on 2,000 streams", 20, 5000)
def proxy(size: int) -> None:
    """A proxy that forwards everything as it arrives."""
    ends = Ends(streams=2000, windows=1 << 20)
    ends.pump()
    ids = range(1, 4000, 2)
    for stream_id in ids:
        ends.client.send_headers(stream_id, UPLOAD)
    ends.pump()
    for number in range(size):
        for stream_id in ids:
            ends.client.send_data(stream_id, b"x", end_stream=number == size - 1)
        ends.pump()
    expect(ends.received[1], 2000 * size)
    expect(ends.count(ResponseReceived), 2000)


@traffic(
    "rejected-uploads", "uploads that the server resets while content is under way", 100, 50_000
)
def rejected_uploads(size: int) -> None:
    """Each reset is followed by a full window of content that was sent before it."""
    ends = Ends()
    ends.answers = False
    ends.pump()
    for stream_id in range(1, 2 * size, 2):
        ends.client.send_headers(stream_id, UPLOAD)
        ends.to_server(ends.client.data_to_send())
        while ends.client.local_flow_control_window(stream_id) >= 1024:
            ends.client.send_data(stream_id, bytes(1024))
        ends.server.send_headers(stream_id, [(b":status", b"413")], end_stream=True)
        ends.server.reset_stream(stream_id)
        ends.pump()


@traffic("informational", "two informational responses before each response", 1000, 1_000_000)
def informational(size: int) -> None:
    """100 (Continue) and 103 (Early Hints)."""
    ends = Ends()
    ends.answers = False
    for stream_id in range(1, 2 * size, 2):
        ends.client.send_headers(stream_id, UPLOAD, end_stream=True)
        ends.pump()
        ends.server.send_headers(stream_id, [(b":status", b"100")])
        hints = [(b":status", b"103"), (b"link", b"</style.css>; rel=preload; as=style")]
        ends.server.send_headers(stream_id, hints)
        ends.server.send_headers(stream_id, RESPONSE, end_stream=True)
        ends.pump()
        expect(ends.count(ResponseReceived), 1)


@traffic("pushes", "50 promises for each page, half of them canceled", 10, 10_000)
def pushes(size: int) -> None:
    """A browser cancels what is in its cache."""
    ends = Ends()
    ends.answers = False
    ids = itertools.count(2, 2)
    for page in range(1, 2 * size, 2):
        ends.client.send_headers(page, request_headers(page), end_stream=True)
        ends.pump()
        promised = list(itertools.islice(ids, 50))
        for stream_id in promised:
            ends.server.push_stream(page, stream_id, request_headers(stream_id))
        ends.pump()
        for stream_id in promised[::2]:
            ends.client.reset_stream(stream_id, ErrorCodes.CANCEL)
        ends.pump()
        for stream_id in promised[1::2]:
            ends.server.send_headers(stream_id, RESPONSE, end_stream=True)
        ends.server.send_headers(page, RESPONSE, end_stream=True)
        ends.pump()
        expect(ends.count(ResponseReceived), 1 + 25)


@traffic("tuning", "SETTINGS change with every tenth request", 2000, 1_000_000)
def tuning(size: int) -> None:
    """A peer that adjusts its windows to its measurements, a few times a second."""
    ends = Ends()
    for number, stream_id in enumerate(range(1, 2 * size, 2)):
        if not number % 10:
            window = 65535 + number % 1000
            ends.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
            ends.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        ends.client.send_headers(stream_id, request_headers(number), end_stream=True)
        ends.pump()
        expect(ends.count(ResponseReceived), 1)


def h2load(requests: int) -> str:
    """Let h2load send this many requests over one connection to `python -m h2 serve`.

    Returns its report; raises `RuntimeError` unless all were answered.
    """
    program = shutil.which("h2load")
    if program is None:
        raise RuntimeError("h2load is not installed")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_text("Hello")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "h2", "serve", "--port", str(port), folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            url = f"http://127.0.0.1:{port}/index.html"
            load = [program, f"-n{requests}", "-c1", "-m100", url]
            report = subprocess.run(load, capture_output=True, text=True, check=True).stdout
        finally:
            server.terminate()
            server.wait()
    if f"status codes: {requests} 2xx" not in report:
        raise RuntimeError(f"h2load lost requests:\n{report}")
    found = re.search(r"^finished in.*$", report, re.MULTILINE)
    return found[0] if found else report


def _wait_for(port: int) -> None:
    """Wait until a server listens."""
    for _ in range(600):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise RuntimeError("the server does not start")


def main(arguments: Sequence[str]) -> int:
    """Run the program; a limit that stops traffic causes a traceback."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.legitimate", description="Traffic that no limit may end."
    )
    parser.add_argument("--only", default=",".join(TRAFFIC), help="names, separated by commas")
    parser.add_argument("--long", action="store_true", help="run sizes that take a night")
    parser.add_argument(
        "--h2load",
        type=int,
        nargs="?",
        const=1_000_000,
        metavar="N",
        help="let h2load send N requests instead (1,000,000)",
    )
    options = parser.parse_args(arguments)
    if options.h2load:
        print(h2load(options.h2load))
        return 0
    for name in options.only.split(","):
        found = TRAFFIC[name]
        size = found.long if options.long else found.quick
        start = time.process_time()
        found.run(size)
        print(
            f"{name:18} {size:12,} {time.process_time() - start:8.1f} s  {found.words}", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
