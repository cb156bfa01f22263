"""The two ends of `benchmarks.soak`, which stress each other within the rules."""

from __future__ import annotations

import hashlib
import random
import select
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h2.config
import h2.connection
import h2.events
import h2.settings
from h2.errors import ErrorCodes
from h2.limits import AbuseLimits, Rate
from h2.settings import SettingCodes

if TYPE_CHECKING:
    from hashlib import _Hash

PATIENCE: Final = 600.0  # seconds without any progress: other programs may take all cores
OWING: Final = 0.001  # seconds to wait while content is to be acknowledged
FULL: Final = 262_144  # octets waiting for the socket
#: Like a gateway: one connection with more cancelled requests each second than a browser has.
LIMITS: Final = AbuseLimits(resets_received=Rate(burst=2000, per_second=1000))
LONGEST: Final = 60_000  # octets of content
#: What content is cut from.
BLOCK: Final = random.Random(9113).randbytes(65_536 + LONGEST)
SIZES: Final = (0, 1, 30, 100, 100, 300, 300, 1000)
LAST_CALL: Final = b"lastcall"
OK: Final = (":status", "200")

# What a request asks the server for.
GET: Final = "get"  # content
POST: Final = "post"  # the hash of the request's content
RESET: Final = "reset"  # half of the content, then RST_STREAM
LEAVE: Final = "leave"  # content, then a graceful shutdown
RETIRE: Final = "retire"  # content, and no further requests
FAIL: Final = "fail"  # GOAWAY with an error


def content(number: int, size: int) -> memoryview:
    """Return the content of the message with this number."""
    start = number * 7919 % 65_536
    return memoryview(BLOCK)[start : start + size]


def digest(data: bytes | memoryview) -> str:
    """Return what both ends compare."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Incoming:
    """Content as it arrives."""

    hash: _Hash = field(default_factory=hashlib.sha256)
    size: int = 0

    def add(self, data: bytes) -> None:
        """Add some of it."""
        self.hash.update(data)
        self.size += len(data)

    def is_all(self, expected: memoryview) -> bool:
        """Whether it is exactly this."""
        return self.size == len(expected) and self.hash.hexdigest() == digest(expected)


class End:
    """The common part of both ends: a connection on a socket, and pending content."""

    def __init__(self, sock: socket.socket, client: bool, rng: random.Random) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.rng = rng
        config = h2.config.H2Configuration(client_side=client, strict=True, limits=LIMITS)
        self.conn = h2.connection.H2Connection(config)
        values = {SettingCodes.INITIAL_WINDOW_SIZE: rng.choice((1000, 20_000, 65_535, 500_000))}
        self.conn.local_settings = h2.settings.Settings(client=client, initial_values=values)
        self.conn.initiate_connection()
        self.unsent = bytearray()
        self.outgoing: dict[int, memoryview] = {}
        self.cut: set[int] = set()  # streams to reset after what is being sent
        self.owed: deque[tuple[int, int]] = deque()  # stream and unacknowledged octets
        self.over = False  # whether this end has finished sending
        self.closed = False  # whether the other end has disconnected
        self.moved = time.monotonic()

    def turn(self, wait: float) -> None:
        """Write and read once; wait up to this long if neither is possible.

        Content that this end has not acknowledged yet may be all that keeps the other end waiting,
        so the wait is short as long as there is some.
        """
        if not self.over:
            self.pay()
            self.send_content()
        self.unsent += self.conn.data_to_send()
        wait = min(wait, OWING) if self.owed else wait
        reads, writes, _ = select.select([self.sock], [self.sock] * bool(self.unsent), [], wait)
        if writes:
            sent = self.sock.send(self.unsent)
            del self.unsent[:sent]
        if reads:
            self.moved = time.monotonic()
            data = self.sock.recv(65_536)
            self.closed = not data
            for event in self.conn.receive_data(b"" if self.over else data):
                self.handle(event)
        if time.monotonic() - self.moved > PATIENCE:
            raise TimeoutError(f"nothing moves; streams {dict(self.conn.streams)}")

    def handle(self, event: h2.events.Event) -> None:
        """Process an event; each end does this differently."""
        raise NotImplementedError

    def pay(self) -> None:
        """Acknowledge content, but with a delay: this reader may be slow."""
        # Never all of it, unless nothing else is happening, and never none.
        keep = self.rng.randrange(40) if len(self.owed) > 1 else 0
        while len(self.owed) > keep:
            stream_id, octets = self.owed.popleft()
            self.conn.acknowledge_received_data(octets, stream_id)
        if self.rng.random() < 0.002:
            size = self.rng.choice((50, 1000, 65_535, 1_000_000))
            self.conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})

    def send_content(self) -> None:
        """Send what the windows allow, as long as the socket accepts it."""
        for stream_id, rest in list(self.outgoing.items()):
            if len(self.unsent) > FULL:
                return
            room = min(
                self.conn.local_flow_control_window(stream_id), self.conn.max_outbound_frame_size
            )
            if room <= 0:
                continue
            piece, rest = rest[:room], rest[room:]
            pad = self.rng.choice((None, None, None, 0, 20)) if room > len(piece) + 21 else None
            ends = not rest and stream_id not in self.cut
            self.conn.send_data(stream_id, piece, end_stream=ends, pad_length=pad)
            if rest:
                self.outgoing[stream_id] = rest
                continue
            if not ends:
                self.conn.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
            self.forget(stream_id)

    def forget(self, stream_id: int) -> None:
        """Send no more content on this stream."""
        self.outgoing.pop(stream_id, None)
        self.cut.discard(stream_id)

    def finish(self) -> None:
        """Write what is left, then wait until the other end disconnects."""
        while self.unsent or self.conn.outbound_buffer_size:
            self.turn(0.05)
        self.sock.shutdown(socket.SHUT_WR)
        self.over = True
        while not self.closed:
            self.turn(0.05)


class Server(End):
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, rng: random.Random) -> None:
        super().__init__(sock, False, rng)
        self.requests: dict[int, tuple[str, int, int, Incoming]] = {}
        self.leaving = False
        self.last = self.conn.HIGHEST_ALLOWED_STREAM_ID  # the last stream that is served

    def run(self) -> None:
        """Serve until either end closes the connection."""
        while not (self.closed or self.over or (self.leaving and not self.busy())):
            self.turn(0.05)
        if not self.closed:
            self.finish()

    def busy(self) -> bool:
        """Whether a request is still being served."""
        return any(stream_id <= self.last for stream_id in self.conn.streams)

    def handle(self, event: h2.events.Event) -> None:
        """Process an event; those that are not listed need no action."""
        match event:
            case h2.events.RequestReceived() if event.stream_id <= self.last:
                path = dict(event.headers)[b":path"].decode()
                _, kind, number, size = path.split("/")
                self.requests[event.stream_id] = (kind, int(number), int(size), Incoming())
            case h2.events.DataReceived():
                self.owed.append((event.stream_id, event.flow_controlled_length))
                if event.stream_id in self.requests:
                    self.requests[event.stream_id][3].add(event.data)
            case h2.events.StreamEnded() if event.stream_id in self.requests:
                request = self.requests.pop(event.stream_id)
                if event.stream_id in self.conn.streams:  # it was not cancelled in the same read
                    self.answer(event.stream_id, *request)
            case h2.events.StreamReset():
                self.requests.pop(event.stream_id, None)
                self.forget(event.stream_id)
            case h2.events.PingAckReceived() if event.ping_data == LAST_CALL:
                self.conn.close_connection()
                self.leaving = True
            case h2.events.ConnectionTerminated():
                self.leaving = True

    def answer(self, stream_id: int, kind: str, number: int, size: int, got: Incoming) -> None:
        """Answer a request."""
        if kind == FAIL:
            self.conn.close_connection(ErrorCodes.INTERNAL_ERROR)
            self.over = True
            return
        if kind == POST:
            size = 0
        if kind == RESET:
            size //= 2
            self.cut.add(stream_id)
        told = got.hash.hexdigest() if kind == POST else str(size)
        ends = not size and kind != RESET
        self.conn.send_headers(stream_id, [OK, ("x-about", told)], end_stream=ends)
        if not ends:
            self.outgoing[stream_id] = content(number, size)
        if kind == RETIRE:
            self.last, self.leaving = stream_id, True
            self.requests = {n: other for n, other in self.requests.items() if n < stream_id}
            self.conn.close_connection(last_stream_id=stream_id)
        if kind == LEAVE:
            self.conn.close_connection(last_stream_id=self.conn.HIGHEST_ALLOWED_STREAM_ID)
            self.conn.ping(LAST_CALL)


@dataclass
class Request:
    """A request, and its result."""

    number: int
    kind: str
    size: int
    cancel: bool
    got: Incoming = field(default_factory=Incoming)

    @property
    def path(self) -> str:
        """The path that tells the server what to do."""
        return f"/{self.kind}/{self.number}/{self.size}"


class Client(End):
    """The client's end of one connection, which takes requests from a queue."""

    def __init__(
        self,
        sock: socket.socket,
        rng: random.Random,
        line: deque[Request],
        outcomes: Counter[str],
    ) -> None:
        super().__init__(sock, True, rng)
        self.line = line
        self.outcomes = outcomes
        self.active: dict[int, Request] = {}
        self.leaving = False
        self.limit = 30

    def run(self) -> None:
        """Make requests until there are no more, or the server closes the connection."""
        while self.active or not (self.leaving or self.closed or not self.line):
            if self.closed:
                raise AssertionError(f"the server hung up on {list(self.active.values())}")
            self.open()
            self.turn(0.05)
        self.conn.close_connection()
        if not self.closed:
            self.finish()

    def open(self) -> None:
        """Send as many requests as there is room for."""
        if self.rng.random() < 0.01:
            self.limit = self.rng.choice((1, 5, 30, 100))
        room = min(self.limit, self.conn.remote_settings.max_concurrent_streams)
        while self.line and len(self.active) < room and not self.leaving:
            if self.line[0].kind == FAIL and self.active:
                return  # it may take others with it
            request = self.line.popleft()
            method = "POST" if request.kind == POST else "GET"
            stream_id = self.conn.get_next_available_stream_id()
            fields = [
                (":method", method),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", request.path),
            ]
            has_content = request.kind == POST and request.size > 0
            self.conn.send_headers(stream_id, fields, end_stream=not has_content)
            if has_content:
                self.outgoing[stream_id] = content(request.number, request.size)
            self.active[stream_id] = request
            if request.cancel and request.number % 2:
                self.cancel(stream_id)
            if request.kind == FAIL:
                return

    def cancel(self, stream_id: int) -> None:
        """Cancel a request."""
        self.forget(stream_id)
        self.conn.reset_stream(stream_id, ErrorCodes.CANCEL)
        self.end(stream_id, "cancelled")

    def end(self, stream_id: int, outcome: str) -> Request:
        """Note the result of a request."""
        self.outcomes[outcome] += 1
        return self.active.pop(stream_id)

    def handle(self, event: h2.events.Event) -> None:
        """Process an event; those that are not listed need no action."""
        request = self.active.get(getattr(event, "stream_id", None) or 0)
        match event:
            case h2.events.ResponseReceived() if request:
                told = dict(event.headers)[b"x-about"].decode()
                if request.kind == POST and told != digest(content(request.number, request.size)):
                    raise AssertionError(f"the server got other content than that of {request}")
            case h2.events.DataReceived():
                self.owed.append((event.stream_id, event.flow_controlled_length))
                if request:
                    request.got.add(event.data)
                    if request.cancel and event.stream_id in self.conn.streams:
                        self.cancel(event.stream_id)
            case h2.events.StreamEnded() if request:
                size = 0 if request.kind == POST else request.size
                whole = request.got.is_all(content(request.number, size))
                if not whole or request.kind == RESET:
                    raise AssertionError(f"not the response to {request}")
                self.end(event.stream_id, "answered")
            case h2.events.StreamReset() if request:
                half = content(request.number, request.size // 2)
                if request.kind != RESET or not request.got.is_all(half):
                    raise AssertionError(f"{event} for {request}")
                self.end(event.stream_id, "reset by the server")
            case h2.events.ConnectionTerminated():
                self.go_on_elsewhere(event)

    def go_on_elsewhere(self, event: h2.events.ConnectionTerminated) -> None:
        """Put unprocessed requests back; the rest is still answered, or ended by an error."""
        self.leaving = True
        for stream_id in event.unprocessed_stream_ids:
            request = self.active.pop(stream_id, None)
            if request is not None:
                self.outcomes["sent again"] += 1
                self.forget(stream_id)
                request.got = Incoming()
                self.line.append(request)
        if event.error_code:
            for stream_id, request in list(self.active.items()):
                if request.kind != FAIL:
                    raise AssertionError(f"{event} for {request}")
                self.end(stream_id, "ended by an error")
