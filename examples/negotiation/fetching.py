"""Shared by the three clients here: get one URL after the other once HTTP/2 is negotiated.

The clients differ only in how they negotiate HTTP/2 with the server. The content of the responses
is written to stdout, byte for byte; `-v` shows on stderr what was negotiated.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import BinaryIO
from urllib.parse import SplitResult, urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

TIMEOUT = 30.0  # seconds of silence from the server until we give up
PORTS = {"http": 80, "https": 443}

GetSome = Callable[[deque[SplitResult], BinaryIO], None]


class FetchError(Exception):
    """There is no complete and successful response; the text says why."""


class TryAgainError(FetchError):
    """There is no response on this connection; the request may be retried on another one."""


class Client:
    """The client's end of an HTTP/2 connection, over a socket that it closes at the end."""

    def __init__(
        self, sock: socket.socket, conn: h2.connection.H2Connection, received: bytes = b""
    ) -> None:
        self.sock = sock
        self.conn = conn
        self.received = received  # was already read
        self.going_away = False
        self.failure: Exception | None = None  # why nothing more can arrive

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        with self.sock, contextlib.suppress(OSError):
            if kind is None and self.failure is None:
                self.conn.close_connection()
            # After an error by the server, GOAWAY is pending.
            self.sock.sendall(self.conn.data_to_send())

    def get_all(self, waiting: deque[SplitResult], out: BinaryIO) -> None:
        """Get the waiting URLs, and remove those that are done."""
        while waiting:
            url = waiting[0]
            self.save(self.request(url), url, out)
            waiting.popleft()

    def request(self, url: SplitResult) -> int:
        """Send a GET request; return its stream."""
        # The server may temporarily allow no streams.
        while self.conn.remote_settings.max_concurrent_streams == 0 and not self.going_away:
            self.receive()
        if self.going_away:
            raise TryAgainError(f"{url.geturl()}: not asked for, the server is going away")
        stream_id = self.conn.get_next_available_stream_id()
        headers = [
            (":method", "GET"),
            (":scheme", url.scheme),
            (":authority", url.netloc),
            (":path", target(url)),
            ("user-agent", "h2-example"),
        ]
        self.conn.send_headers(stream_id, headers, end_stream=True)
        return stream_id

    def save(self, stream_id: int, url: SplitResult, out: BinaryIO) -> None:
        """Write the content of a response as it arrives."""
        status = 0
        ended = False
        while not ended:
            try:
                events = self.receive()
            except ConnectionError as error:
                if status:
                    raise
                # It may have been processed, but doing that twice is harmless: it is a GET.
                raise TryAgainError(f"{url.geturl()}: no response, {error}") from error
            for event in events:
                match event:
                    case h2.events.ResponseReceived():
                        status = int(dict(event.headers)[b":status"])
                    case h2.events.DataReceived():
                        out.write(event.data)
                        # Only what has been written is acknowledged.
                        length = event.flow_controlled_length
                        self.conn.acknowledge_received_data(length, stream_id)
                    case h2.events.StreamEnded():
                        ended = True
                    case h2.events.StreamReset() if not ended:
                        refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
                        kind = TryAgainError if refused else FetchError
                        raise kind(f"{url.geturl()}: stream reset, {event.error_code!r}")
                    case h2.events.ConnectionTerminated() if (
                        stream_id in event.unprocessed_stream_ids
                    ):
                        raise TryAgainError(f"{url.geturl()}: not processed")
        check_status(url, status)

    def receive(self) -> list[h2.events.Event]:
        """Write pending output; wait for bytes, and return their events.

        If the connection fails, the next call raises: what came before counts.
        """
        if self.failure is not None:
            raise self.failure
        if data := self.conn.data_to_send():
            # If the server has disconnected, what it sent before that can still be read.
            with contextlib.suppress(ConnectionError):
                self.sock.sendall(data)
        received, self.received = self.received or self.sock.recv(65536), b""
        if not received:
            raise ConnectionError("the server has hung up")
        try:
            events = self.conn.receive_data(received)
        except h2.exceptions.ProtocolError as error:
            self.going_away, self.failure = True, error
            events = list(error.events)
        for event in events:
            if isinstance(event, h2.events.ConnectionTerminated):
                self.going_away = True  # existing requests are still answered
                if event.error_code != h2.errors.ErrorCodes.NO_ERROR:
                    text = f"the server ended the connection: {event.error_code!r}"
                    self.failure = self.failure or FetchError(text)
        return events


def client_connection() -> h2.connection.H2Connection:
    """Return the client's end of a new HTTP/2 connection, with push disabled."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, strict=True))
    conn.local_settings = h2.settings.Settings(
        client=True, initial_values={h2.settings.SettingCodes.ENABLE_PUSH: 0}
    )
    return conn


def connect(url: SplitResult) -> socket.socket:
    """Open a TCP connection to the server of a URL."""
    address = (url.hostname or "", url.port or PORTS[url.scheme])
    sock = socket.create_connection(address, timeout=TIMEOUT)
    # Frames are sent when they are ready; waiting to fill a packet would only add delay.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def target(url: SplitResult) -> str:
    """Return the request target for this URL."""
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def check_status(url: SplitResult, status: int) -> None:
    """Raise `FetchError` for an error response."""
    if status >= 400:
        raise FetchError(f"{url.geturl()}: status {status}")


def client_options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of a client."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n\n")[0])
    parser.add_argument("url", nargs="+", help="what to get; all from one server")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what was agreed on")
    return parser


def parse_urls(urls: Sequence[str], scheme: str) -> list[SplitResult]:
    """Parse URLs; all must have this scheme and the same server."""
    parsed = [urlsplit(url) for url in urls]
    for url in parsed:
        if url.scheme != scheme or not url.hostname or "@" in url.netloc:
            raise FetchError(f"{url.geturl()}: not of the form {scheme}://server[:port]/...")
        if url.netloc != parsed[0].netloc:
            raise FetchError(f"{url.geturl()}: on another server than {parsed[0].geturl()}")
    return parsed


def run(urls: Sequence[str], scheme: str, get_some: GetSome) -> int:
    """Get these URLs, on as few connections as the server allows; return the exit status.

    :param get_some: opens a connection, and gets as many of the URLs as possible on it
    """
    try:
        waiting = deque(parse_urls(urls, scheme))
        while waiting:
            before = len(waiting)
            try:
                get_some(waiting, sys.stdout.buffer)
            except TryAgainError:
                if len(waiting) == before:  # another connection would not help
                    raise
        sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        return 130
    except (FetchError, h2.exceptions.ProtocolError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
