"""Traffic between two connections in one process, for any package with the h2 API.

Each workload is a generator. It prepares its connections and headers, yields the sections to
measure, one function at a time, and checks after each that all of the traffic arrived. Code between
two sections is not measured. A section returns how many units it handled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from h2.connection import H2Connection

Headers = list[tuple[bytes, bytes]]
Section = Callable[[], int]

ROOT = Path(__file__).resolve().parent.parent
STORIES = ROOT.parent / "shared/data/hpack-test-case/raw-data"

REQUEST: Headers = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"www.example.com"),
    (b":path", b"/api/v2/items?page=%d"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"referer", b"https://www.example.com/dashboard"),
    (b"cookie", b"session=0123456789abcdef0123456789abcdef"),
    (b"x-request-id", b"%016x"),
]
RESPONSE: Headers = [
    (b":status", b"200"),
    (b"server", b"example/1.0"),
    (b"date", b"Fri, 20 Nov 2026 06:27:00 GMT"),
    (b"content-type", b"application/json"),
    (b"content-length", b"512"),
    (b"cache-control", b"max-age=0, private, must-revalidate"),
    (b"etag", b'W/"%016x"'),
    (b"vary", b"Accept-Encoding"),
]
BODY = b"x" * 512
CHUNK = b"z" * 16384
MIB = 1 << 20


@dataclass(frozen=True)
class Api:
    """The modules of one package that has the h2 API."""

    connection: ModuleType
    config: ModuleType
    events: ModuleType
    settings: ModuleType


def load(package: str) -> Api:
    """Import the package and return its modules."""
    names = ("connection", "config", "events", "settings")
    return Api(*(import_module(f"{package}.{name}") for name in names))


def pump(client: H2Connection, server: H2Connection) -> None:
    """Transfer bytes in both directions until a handshake or an acknowledgment is complete."""
    for _ in range(3):
        if data := client.data_to_send():
            server.receive_data(data)
        if data := server.data_to_send():
            client.receive_data(data)


def pair(api: Api) -> tuple[H2Connection, H2Connection]:
    """A client and a server that have exchanged their settings."""
    client, server = (
        api.connection.H2Connection(api.config.H2Configuration(client_side=side))
        for side in (True, False)
    )
    client.initiate_connection()
    server.initiate_connection()
    pump(client, server)
    return client, server


def request_headers(number: int) -> Headers:
    """A browser's request; path and request id differ from one number to the next."""
    headers = list(REQUEST)
    headers[3] = (b":path", REQUEST[3][1] % number)
    headers[10] = (b"x-request-id", REQUEST[10][1] % number)
    return headers


def response_headers(number: int) -> Headers:
    """The answer to it; the entity tag differs from one number to the next."""
    headers = list(RESPONSE)
    headers[6] = (b"etag", RESPONSE[6][1] % number)
    return headers


def expect(got: int, wanted: int) -> None:
    """Raise `RuntimeError` if traffic was lost: a broken run must not look like a fast one."""
    if got != wanted:
        raise RuntimeError(f"traffic got lost: {got} instead of {wanted}")


def get(api: Api, size: int) -> Iterator[Section]:
    """Request and response with a body of 512 bytes, one at a time."""
    client, server = pair(api)
    requests = [request_headers(number) for number in range(size)]
    responses = [response_headers(number) for number in range(size)]
    request_event, data_event = api.events.RequestReceived, api.events.DataReceived
    received = 0

    def run() -> int:
        nonlocal received
        for stream_id, request, response in zip(count(1, 2), requests, responses, strict=False):
            client.send_headers(stream_id, request, end_stream=True)
            for event in server.receive_data(client.data_to_send()):
                if isinstance(event, request_event):
                    server.send_headers(event.stream_id, response)
                    server.send_data(event.stream_id, BODY, end_stream=True)
            for event in client.receive_data(server.data_to_send()):
                if isinstance(event, data_event):
                    received += len(event.data)
                    client.acknowledge_received_data(event.flow_controlled_length, stream_id)
        return size

    yield run
    expect(received, size * len(BODY))


def repeat(api: Api, size: int) -> Iterator[Section]:
    """The same request and the same empty response each time: the best case for caches."""
    client, server = pair(api)
    request_event = api.events.RequestReceived
    request = request_headers(1)
    response = [*response_headers(1)[:4], (b"content-length", b"0")]
    received = 0

    def run() -> int:
        nonlocal received
        for stream_id in range(1, 2 * size, 2):
            client.send_headers(stream_id, request, end_stream=True)
            for event in server.receive_data(client.data_to_send()):
                if isinstance(event, request_event):
                    server.send_headers(event.stream_id, response, end_stream=True)
            received += len(client.receive_data(server.data_to_send()))
        return size

    yield run
    expect(received, 2 * size)


def grpc(api: Api, size: int) -> Iterator[Section]:
    """A unary call: headers and 37 bytes each way, then trailers."""
    client, server = pair(api)
    request = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/helloworld.Greeter/SayHello"),
        (b":authority", b"localhost:50051"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc+proto"),
        (b"user-agent", b"grpc-python/1.0"),
        (b"grpc-timeout", b"999m"),
    ]
    response = [(b":status", b"200"), (b"content-type", b"application/grpc+proto")]
    trailers = [(b"grpc-status", b"0")]
    message = b"\0\0\0\0\x20" + b"m" * 32
    data_event, end_event = api.events.DataReceived, api.events.StreamEnded
    trailers_event = api.events.TrailersReceived
    finished = 0

    def serve(data: bytes) -> None:
        for event in server.receive_data(data):
            if isinstance(event, data_event):
                server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, end_event):
                server.send_headers(event.stream_id, response)
                server.send_data(event.stream_id, message)
                server.send_headers(event.stream_id, trailers, end_stream=True)

    def run() -> int:
        nonlocal finished
        for stream_id in range(1, 2 * size, 2):
            client.send_headers(stream_id, request)
            client.send_data(stream_id, message, end_stream=True)
            serve(client.data_to_send())
            for event in client.receive_data(server.data_to_send()):
                if isinstance(event, data_event):
                    client.acknowledge_received_data(event.flow_controlled_length, stream_id)
                elif isinstance(event, trailers_event):
                    finished += 1
        return size

    yield run
    expect(finished, size)


def concurrent(api: Api, size: int) -> Iterator[Section]:
    """A hundred streams open at once, 612 bytes up and 512 down on each, read in batches."""
    at_once = 100
    client, server = pair(api)
    client.increment_flow_control_window(2**30)
    server.increment_flow_control_window(2**30)
    pump(client, server)
    data_event, end_event = api.events.DataReceived, api.events.StreamEnded
    rounds = [
        [(stream_id, request_headers(number)) for number, stream_id in enumerate(ids)]
        for ids in (range(first, first + 200, 2) for first in range(1, 2 * size, 200))
    ]
    finished = 0

    def serve(data: bytes) -> None:
        for event in server.receive_data(data):
            if isinstance(event, end_event):
                server.send_headers(event.stream_id, RESPONSE[:4])
                server.send_data(event.stream_id, BODY, end_stream=True)
            elif isinstance(event, data_event):
                server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def run() -> int:
        nonlocal finished
        for streams in rounds:
            for stream_id, request in streams:
                client.send_headers(stream_id, request)
            for stream_id, _ in streams:
                client.send_data(stream_id, BODY)
            for stream_id, _ in streams:
                client.send_data(stream_id, BODY[:100], end_stream=True)
            serve(client.data_to_send())
            for event in client.receive_data(server.data_to_send()):
                if isinstance(event, end_event):
                    finished += 1
                elif isinstance(event, data_event):
                    client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            pump(client, server)
        return len(rounds) * at_once

    yield run
    expect(finished, len(rounds) * at_once)


def conn(api: Api, size: int) -> Iterator[Section]:
    """Connection setup: preface, settings and their acknowledgments, in both directions."""

    def run() -> int:
        for _ in range(size):
            pair(api)
        return size

    yield run


def ping(api: Api, size: int) -> Iterator[Section]:
    """One PING after another, each answered."""
    client, server = pair(api)
    answered = 0

    def run() -> int:
        nonlocal answered
        for _ in range(size):
            client.ping(b"12345678")
            server.receive_data(client.data_to_send())
            answered += len(client.receive_data(server.data_to_send()))
        return size

    yield run
    expect(answered, size)


def download(api: Api, size: int) -> Iterator[Section]:
    """One response body in frames of 16 KiB within the default windows, acknowledged as read."""
    client, server = pair(api)
    client.send_headers(1, request_headers(0), end_stream=True)
    server.receive_data(client.data_to_send())
    server.send_headers(1, RESPONSE[:4])
    client.receive_data(server.data_to_send())
    data_event = api.events.DataReceived
    total = size * MIB
    received = 0

    def run() -> int:
        nonlocal received
        sent = 0
        while received < total:
            while sent < total and server.local_flow_control_window(1) >= len(CHUNK):
                server.send_data(1, CHUNK)
                sent += len(CHUNK)
            for event in client.receive_data(server.data_to_send()):
                if isinstance(event, data_event):
                    received += len(event.data)
                    client.acknowledge_received_data(event.flow_controlled_length, 1)
            if data := client.data_to_send():
                server.receive_data(data)
        return size

    yield run
    expect(received, total)


def recv_small_reads(api: Api, size: int) -> Iterator[Section]:
    """Frames of 16 KiB that reach the receiver in reads of 4 KiB; the sender is not measured."""
    client, server = pair(api)
    client.increment_flow_control_window(2**30)
    pump(client, server)
    client.send_headers(1, request_headers(0), end_stream=True)
    client.increment_flow_control_window(2**30, 1)
    server.receive_data(client.data_to_send())
    server.send_headers(1, RESPONSE[:4])
    for _ in range(size * MIB // len(CHUNK)):
        server.send_data(1, CHUNK)
    data = server.data_to_send()
    data_event = api.events.DataReceived
    received = 0

    def run() -> int:
        nonlocal received
        for start in range(0, len(data), 4096):
            for event in client.receive_data(data[start : start + 4096]):
                if isinstance(event, data_event):
                    received += len(event.data)
        return size

    yield run
    expect(received, size * MIB)


def traces(api: Api, size: int) -> Iterator[Section]:
    """Recorded browser traffic: every story's first messages, over one connection pair a story."""
    for path in sorted(STORIES.glob("story_*.json")):
        story = json.loads(path.read_text())
        messages = [message_of(case["headers"]) for case in story["cases"][:size]]
        # The one story that does not say what it holds is story 26 in an order that is not allowed.
        if replay := {"request": requests, "response": responses}.get(story.get("context")):
            yield from replay(api, messages)


def message_of(fields: list[dict[str, str]]) -> Headers:
    """A recorded message as HTTP/2 allows it: its fields without what RFC 9113 forbids.

    Connection-specific fields of HTTP/1.1 are removed (section 8.2.2), and so is a content-length
    that a 204 response must not have or that contradicts another (section 8.1.1).
    """
    connection_specific = {
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    }
    pairs = [(name, value.strip()) for field in fields for name, value in field.items()]
    lengths = {value for name, value in pairs if name == "content-length"}
    left_out = connection_specific
    if (":status", "204") in pairs or len(lengths) > 1:
        left_out = connection_specific | {"content-length"}
    return [(name.encode(), value.encode()) for name, value in pairs if name not in left_out]


def requests(api: Api, messages: list[Headers]) -> Iterator[Section]:
    """Recorded requests from client to server; the answers that close the streams do not count."""
    client, server = pair(api)
    end_event = api.events.StreamEnded
    for streams in batches(messages):
        received = 0

        def run(streams: list[tuple[int, Headers]] = streams) -> int:
            nonlocal received
            for stream_id, request in streams:
                length = int(dict(request).get(b"content-length", b"0"))
                client.send_headers(stream_id, request, end_stream=not length)
                if length:
                    client.send_data(stream_id, bytes(length), end_stream=True)
                events = server.receive_data(client.data_to_send())
                received += isinstance(events[-1], end_event)
            return len(streams)

        yield run
        expect(received, len(streams))
        for stream_id, _ in streams:
            server.send_headers(stream_id, RESPONSE[:1], end_stream=True)
        client.receive_data(server.data_to_send())


def responses(api: Api, messages: list[Headers]) -> Iterator[Section]:
    """Recorded responses from server to client; the requests before them do not count.

    The requests are HEAD, so that a response without its body is complete whatever its length.
    """
    client, server = pair(api)
    end_event = api.events.StreamEnded
    head = [(b":method", b"HEAD"), *request_headers(0)[1:4]]
    for streams in batches(messages):
        for stream_id, _ in streams:
            client.send_headers(stream_id, head, end_stream=True)
        server.receive_data(client.data_to_send())
        received = 0

        def run(streams: list[tuple[int, Headers]] = streams) -> int:
            nonlocal received
            for stream_id, response in streams:
                server.send_headers(stream_id, response, end_stream=True)
                events = client.receive_data(server.data_to_send())
                received += isinstance(events[-1], end_event)
            return len(streams)

        yield run
        expect(received, len(streams))


def batches(messages: list[Headers]) -> Iterator[list[tuple[int, Headers]]]:
    """The messages with their stream ids, fifty at a time: fewer than a peer must allow open."""
    numbered = zip(count(1, 2), messages, strict=False)
    while batch := list(islice(numbered, 50)):
        yield batch


@dataclass(frozen=True)
class Workload:
    """A workload with its sizes and its required speed.

    `size` is what one timed run handles, `few` what the gate counts; for the traces both are the
    number of messages taken from each story. `floor` is how many times faster than the published
    h2 4.4.1 the package has to be on CPython 3.11 when pure, `compiled` the same when compiled.
    """

    prepare: Callable[[Api, int], Iterator[Section]]
    unit: str
    size: int
    few: int
    floor: float
    compiled: float

    @property
    def available(self) -> bool:
        """Whether the data that the workload replays are there."""
        return self.prepare is not traces or STORIES.is_dir()


WORKLOADS = {
    "get": Workload(get, "request", 2000, 50, 6, 33),
    "repeat": Workload(repeat, "request", 2000, 50, 15, 39),
    "grpc": Workload(grpc, "call", 1500, 50, 12, 33),
    "concurrent": Workload(concurrent, "stream", 1500, 100, 10, 29),
    "conn": Workload(conn, "pair", 300, 10, 4, 10),
    "ping": Workload(ping, "ping", 5000, 50, 6, 24),
    "download": Workload(download, "MiB", 32, 1, 10, 20),
    "recv_small_reads": Workload(recv_small_reads, "MiB", 8, 1, 9, 14),
    "traces": Workload(traces, "message", 1000, 10, 5, 17),
}
