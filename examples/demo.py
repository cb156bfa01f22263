"""An HTTP/2 server and a client, both built on h2, over a real socket, with every frame shown.

    python -m examples.demo

The server uses TLS on a free port of the loopback interface, with a certificate made for this run
(by the package trustme, from the dependency group `examples`). ALPN selects HTTP/2. The client then

1. gets a page,
2. posts a body that is larger than the initial flow-control window, and gets it back,
3. gets a page for which the server first sends 103 (Early Hints), and pushes a style sheet.

The traffic is printed frame by frame (consecutive DATA and WINDOW_UPDATE frames are summed up),
then what the client saw as an application. The exit status is 0 only if every byte arrived as it
was sent; otherwise it is 1, and the last lines say what is missing. `--server-drops-last-byte`
makes the server drop one byte of every body, to show that the demo would detect it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import ssl
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import trustme

import h2
import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.transport import close
from h2._cli.frame_log import FrameLog

TIMEOUT = 15.0  # seconds for everything; it takes well under one
BODY_SIZE = 1024 * 1024

PAGES = {
    "/": ("text/plain", b"Hello, this is HTTP/2.\n"),
    "/page": ("text/html", b"<!doctype html><link rel=stylesheet href=/style.css><h1>Page</h1>\n"),
    "/style.css": ("text/css", b"h1 { color: rebeccapurple }\n"),
}
HINTED = "/style.css"
HINT = f"<{HINTED}>; rel=preload; as=style"

Headers = Sequence[tuple[str, str]]


class Endpoint:
    """The common part of both sides: a connection, its transport, and bodies to send."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client_side: bool,
        log: FrameLog | None = None,
    ) -> None:
        config = h2.config.H2Configuration(client_side=client_side, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.reader = reader
        self.writer = writer
        self.log = log
        self.unsent: dict[int, memoryview] = {}  # by stream: what did not fit in the windows
        self.conn.initiate_connection()

    def handle(self, event: h2.events.Event) -> None:
        """Process an event; each side does this differently."""
        raise NotImplementedError

    def send(self, stream_id: int, headers: Headers, body: bytes) -> None:
        """Send a message: its header fields now, its body as fast as the other side allows."""
        self.conn.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self.unsent[stream_id] = memoryview(body)

    async def step(self) -> bool:
        """Write pending output, wait for bytes, handle their events; false at the end."""
        self.flush()
        data = await self.reader.read(65536)
        if self.log and data:
            self.log.received(data)
        for event in self.conn.receive_data(data):
            self.handle(event)
        return bool(data)

    def flush(self) -> None:
        """Write what the connection has to send, and as much of the bodies as fits in the windows.

        `write()` never blocks; memory is bounded by the other side's window. So both ends can send
        a large body at the same time without waiting for each other to read.
        """
        for stream_id, rest in list(self.unsent.items()):
            while rest and (room := self.conn.local_flow_control_window(stream_id)) > 0:
                size = min(room, self.conn.max_outbound_frame_size, len(rest))
                self.conn.send_data(stream_id, rest[:size], end_stream=size == len(rest))
                rest = rest[size:]
            if rest:
                self.unsent[stream_id] = rest
            else:
                del self.unsent[stream_id]
        data = self.conn.data_to_send()
        if self.log and data:
            self.log.sent(data)
        self.writer.write(data)

    async def hang_up(self) -> None:
        """Send GOAWAY and close the transport."""
        self.conn.close_connection()
        self.flush()
        close(self.writer.transport)
        await self.writer.wait_closed()


@dataclass
class Message:
    """A request or a response as far as it has arrived."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    hints: dict[str, str] = field(default_factory=dict)
    complete: bool = False


class Server(Endpoint):
    """Answers with a page or with the body of the request."""

    drops_last_byte = False

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer, client_side=False)
        self.requests: dict[int, Message] = {}

    @classmethod
    async def serve(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it disconnects."""
        server = cls(reader, writer)
        try:
            while await server.step():
                pass
        finally:
            close(writer.transport)

    def handle(self, event: h2.events.Event) -> None:
        """Collect requests, and answer those that are complete."""
        match event:
            case h2.events.RequestReceived():
                self.requests[event.stream_id] = Message(as_dict(event.headers))
            case h2.events.DataReceived():
                self.requests[event.stream_id].body += event.data
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.answer(event.stream_id, self.requests.pop(event.stream_id))

    def answer(self, stream_id: int, request: Message) -> None:
        """Send what was requested; for the page, also a hint at its style sheet, and the sheet."""
        path = request.headers[":path"]
        if path == "/echo":
            self.respond(stream_id, "application/octet-stream", bytes(request.body))
            return
        if path == "/page":
            self.conn.send_headers(stream_id, [(":status", "103"), ("link", HINT)])
            pushed = self.conn.get_next_available_stream_id()
            authority = request.headers[":authority"]
            self.conn.push_stream(stream_id, pushed, request_headers("GET", authority, HINTED))
            self.respond(pushed, *PAGES[HINTED])
        self.respond(stream_id, *PAGES[path])

    def respond(self, stream_id: int, content_type: str, body: bytes) -> None:
        """Send a response."""
        if self.drops_last_byte:
            body = body[:-1]
        headers = [
            (":status", "200"),
            ("content-type", content_type),
            ("content-length", str(len(body))),
        ]
        self.send(stream_id, headers, body)


class Client(Endpoint):
    """Sends requests and collects the responses, including pushed ones."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: FrameLog
    ) -> None:
        super().__init__(reader, writer, client_side=True, log=log)
        self.frame_log = log
        self.responses: dict[int, Message] = {}
        self.pushed: dict[str, Message] = {}

    async def exchange(self, method: str, path: str, body: bytes = b"") -> Message:
        """Send a request; wait for its response and for everything that was pushed with it."""
        self.frame_log.note(f"{method} {path}, {len(body)} bytes")
        stream_id = self.conn.get_next_available_stream_id()
        response = self.responses[stream_id] = Message()
        self.send(stream_id, request_headers(method, "localhost", path), body)
        while not all(message.complete for message in self.responses.values()):
            if not await self.step():
                raise ConnectionError("the server hung up")
        return response

    def handle(self, event: h2.events.Event) -> None:
        """Note what has arrived."""
        match event:
            case h2.events.InformationalResponseReceived():
                self.responses[event.stream_id].hints = as_dict(event.headers)
            case h2.events.ResponseReceived():
                self.responses[event.stream_id].headers = as_dict(event.headers)
            case h2.events.PushedStreamReceived():
                response = self.responses[event.pushed_stream_id] = Message()
                self.pushed[as_dict(event.headers)[":path"]] = response
            case h2.events.DataReceived():
                self.responses[event.stream_id].body += event.data
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.responses[event.stream_id].complete = True
            case h2.events.StreamReset() if event.stream_id in self.responses:
                self.responses[event.stream_id].complete = True  # there will be no more of it


def as_dict(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Decode header fields; in this demo all names are different."""
    return {name.decode(): value.decode() for name, value in headers}


def request_headers(method: str, authority: str, path: str) -> Headers:
    """Return the four pseudo-header fields of a request."""
    return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]


def difference(response: Message | None, body: bytes) -> str:
    """Return what is missing from a response that should have this body; empty if nothing."""
    if response is None:
        return "never came"
    if response.headers.get(":status") != "200":
        return f"status {response.headers.get(':status', 'missing')} where 200 was expected"
    if len(response.body) != len(body):
        return f"{len(response.body)} of {len(body)} bytes arrived"
    if response.body != body:
        at = next(i for i, byte in enumerate(body) if response.body[i] != byte)
        return f"byte {at} is not the one that was sent"
    return ""


class Report:
    """The results of the client as an application, and what is missing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.faults: list[str] = []

    def add(self, what: str, response: Message | None, body: bytes) -> None:
        """Compare a response with the expected one."""
        fault = difference(response, body)
        if fault:
            self.faults.append(f"{what}: {fault}")
        status = response.headers.get(":status", "---") if response else "---"
        size = f"{len(response.body)} bytes" if response else ""
        self.lines.append(f"  {what:<17} {status:<4} {size:<14}  {fault or 'as sent'}")

    def add_hint(self, what: str, hints: dict[str, str]) -> None:
        """Note whether the informational response arrived."""
        if hints.get(":status") != "103" or hints.get("link") != HINT:
            self.faults.append(f"{what}: 103 (Early Hints) never came")
        self.lines.append(f"  {what:<17} {hints.get(':status', '---'):<4} {hints.get('link', '')}")

    def print(self) -> bool:
        """Print both; true if nothing is missing."""
        print("\nWhat the client saw", *self.lines, sep="\n")
        if self.faults:
            print("\nNOT everything arrived:", *(f"  {fault}" for fault in self.faults), sep="\n")
        else:
            print("\nEverything arrived, byte by byte as it was sent.")
        return not self.faults


async def visit(client: Client, body_size: int) -> Report:
    """Do the client's part."""
    report = Report()
    home = await client.exchange("GET", "/")
    report.add("GET /", home, PAGES["/"][1])
    body = random.randbytes(body_size)
    echo = await client.exchange("POST", "/echo", body)
    report.add("POST /echo", echo, body)
    page = await client.exchange("GET", "/page")
    report.add_hint("GET /page", page.hints)
    report.add("GET /page", page, PAGES["/page"][1])
    report.add("pushed " + HINTED, client.pushed.get(HINTED), PAGES[HINTED][1])
    client.frame_log.note("goodbye")
    return report


def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Create a certificate authority and a certificate for this run; both stay in memory."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    for context in (server, client):
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9113 section 9.2
        context.set_alpn_protocols(["h2"])
    return server, client


async def run(body_size: int) -> Report:
    """Start the server, visit it, stop it."""
    server_tls, client_tls = tls_contexts()
    server = await asyncio.start_server(Server.serve, "127.0.0.1", 0, ssl=server_tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_tls, server_hostname="localhost"
        )
        tls = writer.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "h2":
            raise ConnectionError("the server did not select HTTP/2 with ALPN")
        print(f"h2 {h2.__version__}, https://localhost:{port}/, {tls.version()}", end=", ")
        print("HTTP/2 negotiated with ALPN; --> is client to server\n")
        client = Client(reader, writer, FrameLog(sys.stdout, fold=True))
        try:
            return await visit(client, body_size)
        finally:
            await client.hang_up()


def main() -> int:
    """Run the demo; the exit status shows whether all bytes arrived."""
    parser = argparse.ArgumentParser(description="Show an HTTP/2 connection frame by frame.")
    parser.add_argument(
        "--body-size", type=int, default=BODY_SIZE, metavar="BYTES", help="size of the posted body"
    )
    parser.add_argument(
        "--server-drops-last-byte",
        action="store_true",
        help="self-check: the server swallows a byte of every body, and the demo must fail",
    )
    args = parser.parse_args()
    Server.drops_last_byte = args.server_drops_last_byte
    try:
        report = asyncio.run(asyncio.wait_for(run(args.body_size), TIMEOUT))
    except asyncio.TimeoutError:
        print(f"\nNOT everything arrived: nothing more came within {TIMEOUT:.0f} seconds")
        return 1
    except (OSError, h2.exceptions.ProtocolError) as error:
        print(f"\nNOT everything arrived: {type(error).__name__}: {error}")
        return 1
    return 0 if report.print() else 1


if __name__ == "__main__":
    sys.exit(main())
