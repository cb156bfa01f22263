"""The simplest complete HTTP/2 client: one request on a blocking socket, with TLS or without.

    python -m examples.sockets.client https://example.com/
    python -m examples.sockets.client --data FILE https://example.com/form > answer

The content of the response is written to stdout. `http://` means HTTP/2 with prior knowledge.

A blocking client must not wait in one direction while the server waits for the other one:

- It sends only as much as the window of the stream allows, and checks between two pieces whether
  the server has sent something: a larger window, or that it does not want the rest.
- While a piece is being sent nothing is read. That is safe because a server can have at most our
  window of 65,535 octets in flight, which fits in the socket's buffer; we open the window only by
  reading.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import sys
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, urlsplit

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.certificate import client_context
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

SECONDS = 30.0  # the longest wait for the server


class FetchError(Exception):
    """There is no complete response."""


class Exchange:
    """One request and its response, on its own socket."""

    def __init__(self, sock: socket.socket, output: BinaryIO) -> None:
        self.sock = sock
        self.output = output
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
        self.stream_id = 0
        self.complete = False  # the response has arrived in full
        self.violation: h2.exceptions.ProtocolError | None = (
            None  # a protocol violation by the server
        )

    def run(self, fields: list[tuple[str, str]], content: BinaryIO | None) -> None:
        """Send the request; write the content of the response until its end."""
        self.conn.initiate_connection()
        self.conn.update_settings({SettingCodes.ENABLE_PUSH: 0})
        self.stream_id = self.conn.get_next_available_stream_id()
        self.conn.send_headers(self.stream_id, fields, end_stream=content is None)
        self.flush()
        while not self.complete:
            busy = content is not None and self.send_piece(content)
            self.read(wait=not busy)
        if self.violation is None:  # otherwise GOAWAY was sent
            self.conn.close_connection()
            self.flush()

    def send_piece(self, content: BinaryIO) -> bool:
        """Send some content; return whether more can be sent immediately."""
        if content.closed:
            return False
        window = self.conn.local_flow_control_window(self.stream_id)
        if window <= 0:
            return False
        piece = content.read(min(window, self.conn.max_outbound_frame_size))
        self.conn.send_data(self.stream_id, piece, end_stream=not piece)
        self.flush()
        if not piece:
            content.close()
        return bool(piece)

    def read(self, wait: bool) -> None:
        """Act on what the server says; wait for it if there is nothing else to do."""
        self.sock.settimeout(SECONDS if wait else 0)
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        if not data:
            raise FetchError("the server hung up")
        try:
            events = self.conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            # What came before the error counts: the response may be complete.
            events, self.violation = list(error.events), error
        try:
            for event in events:
                self.handle(event)
        finally:  # after a protocol violation, sends GOAWAY
            self.flush()
        if self.violation is not None and not self.complete:
            raise self.violation

    def handle(self, event: h2.events.Event) -> None:
        """Process one event; those that are not listed need no action."""
        match event:
            case h2.events.DataReceived():
                self.output.write(event.data)
                length = event.flow_controlled_length
                self.conn.acknowledge_received_data(length, event.stream_id)
            case h2.events.StreamEnded():
                self.complete = True
            case h2.events.StreamReset(stream_id=self.stream_id) if not self.complete:
                # After a complete response it would mean that the rest of the request is not
                # wanted.
                raise FetchError(f"the server reset the request: {name_of(event.error_code)}")
            case h2.events.ConnectionTerminated() if self.stream_id in event.unprocessed_stream_ids:
                # The request was not processed, so it could be retried on a new connection.
                raise FetchError(f"the server is going away: {name_of(event.error_code)}")

    def flush(self) -> None:
        """Write everything that the connection has to send.

        If the server has disconnected, what it sent before that can still be read, and may be
        complete.
        """
        self.sock.settimeout(SECONDS)
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(self.conn.data_to_send())


def name_of(code: ErrorCodes | int | None) -> str:
    """Return the name of an error code, or the number of one that has no name."""
    return code.name if isinstance(code, ErrorCodes) else str(code)


def connect(url: SplitResult, authority: Path | None) -> socket.socket:
    """Connect to the server of a URL; with TLS it has to select HTTP/2."""
    context = client_context(authority) if url.scheme == "https" else None
    port = url.port or (443 if context else 80)
    sock = socket.create_connection((url.hostname, port), timeout=SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is None:
        return sock
    tls = context.wrap_socket(sock, server_hostname=url.hostname)
    if tls.selected_alpn_protocol() != "h2":
        tls.close()
        raise FetchError("the server does not speak HTTP/2")
    return tls


def fetch(address: str, data: Path | None, authority: Path | None, output: BinaryIO) -> None:
    """GET a URL, or POST the content of a file to it."""
    url = urlsplit(address)
    if url.scheme not in {"https", "http"} or not url.hostname:
        raise FetchError(f"{address} is no URL of a web page")
    fields = [
        (":method", "POST" if data else "GET"),
        (":scheme", url.scheme),
        (":authority", url.netloc.rpartition("@")[2]),
        (":path", (url.path or "/") + (f"?{url.query}" if url.query else "")),
    ]
    with contextlib.ExitStack() as stack:
        content = stack.enter_context(data.open("rb")) if data else None
        if data:
            fields.append(("content-length", str(data.stat().st_size)))
        sock = stack.enter_context(connect(url, authority))
        Exchange(sock, output).run(fields, content)
    output.flush()


def main() -> int:
    """Read the command line and make the request; return the exit status."""
    parser = argparse.ArgumentParser(description="Fetch a URL over HTTP/2.")
    parser.add_argument("url", help="https, or http for HTTP/2 with prior knowledge")
    parser.add_argument("--authority", type=Path, metavar="FILE", help="certificate to trust (PEM)")
    parser.add_argument("--data", type=Path, metavar="FILE", help="POST the content of this file")
    args = parser.parse_args()
    try:
        fetch(args.url, args.data, args.authority, sys.stdout.buffer)
    except (FetchError, OSError, ValueError, h2.exceptions.ProtocolError) as error:
        print(f"{args.url}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
