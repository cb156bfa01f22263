"""A client on Twisted that posts a file under flow control and prints the response's content.

Start it from the root of the checkout; without --authority it uses the system's CA certificates:

    python -m examples.twisted.post_client https://www.example.com/ README.md

The file is sent a piece at a time, and only while there is room in the windows of the stream and of
the connection, which the server opens, and in the transport. Content that arrives is acknowledged
after it is printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import SplitResult, urlsplit

from OpenSSL import SSL, crypto
from twisted.internet import ssl, task
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.files import SizedFile
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

CONNECT_SECONDS = 10  # time limit for connecting
IDLE_SECONDS = 30  # time limit for a server that neither sends nor reads
LINGER_SECONDS = 0.5  # time for the server to close the connection after us
PIECE = 16_384  # octets read from the file at a time: a DATA frame of the usual maximum size


@implementer(IHandshakeListener, IPushProducer)
class PostRequest(Protocol, TimeoutMixin):
    """A connection on which one request is made."""

    transport: Any  # the TLS wrapper has the methods of both transports

    def __init__(self, url: SplitResult, file: SizedFile, output: BinaryIO) -> None:
        self.url = url
        self.file = file
        self.output = output  # where the response's content goes
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
        self.stream_id = self.conn.get_next_available_stream_id()
        self.talking = False  # whether HTTP/2 is active: after the handshake, before we disconnect
        self.full = False  # whether enough bytes are pending in the transport
        self.uploaded = False  # whether the server has the file, or does not want the rest
        self.answered = False  # whether the response has arrived
        self.broken = False  # whether the server has violated the protocol
        self.status = ""  # of the response
        self.error = ""  # why there is none
        self.closed: Deferred[None] = Deferred()  # fires at the end of the connection

    # Called by Twisted.

    def connectionMade(self) -> None:
        """We have connected; the TLS handshake comes next."""
        self.transport.setTcpNoDelay(True)
        self.setTimeout(IDLE_SECONDS)

    def handshakeCompleted(self) -> None:
        """Make the request, if ALPN selected HTTP/2."""
        if self.transport.negotiatedProtocol != b"h2":
            self.error = "the server does not speak HTTP/2"
            self.hang_up()
            return
        self.talking = True
        self.transport.registerProducer(self, True)
        self.conn.initiate_connection()
        self.conn.update_settings({SettingCodes.ENABLE_PUSH: 0})
        fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self.url.netloc),
            (":path", (self.url.path or "/") + (self.url.query and f"?{self.url.query}")),
            ("content-type", "application/octet-stream"),
            ("content-length", str(self.file.left)),
        ]
        self.uploaded = not self.file.left
        self.conn.send_headers(self.stream_id, fields, end_stream=self.uploaded)
        self.upload()

    def dataReceived(self, data: bytes) -> None:
        """Process what the server sends."""
        if not self.talking:
            return
        self.resetTimeout()
        try:
            events = self.conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            events = list(error.events)  # what came before counts: it may be the whole response
            self.broken = True
            self.error = f"the server breaks the rules: {error}"
        for event in events:
            if self.talking:
                self.handle(event)
        if self.broken and self.talking:
            self.hang_up()
        elif self.talking:
            self.upload()

    def pauseProducing(self) -> None:
        """Enough bytes are pending: make no more. We keep reading, or both might wait."""
        self.full = True

    def resumeProducing(self) -> None:
        """The bytes were sent: continue."""
        self.full = False
        self.resetTimeout()
        self.upload()

    def stopProducing(self) -> None:
        """The server has disconnected: `connectionLost()` is called next."""

    def timeoutConnection(self) -> None:
        """Nothing has happened for too long."""
        self.error = self.error or "the server neither sends nor takes anything"
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Report the end of the connection, with the reason if there is no response."""
        self.talking = False
        self.setTimeout(None)
        self.error = self.error or explanation(reason)
        self.closed.callback(None)

    # The request and its response.

    def handle(self, event: h2.events.Event) -> None:
        """Process an event; those that are not listed need no action."""
        match event:
            case h2.events.ResponseReceived():
                self.status = dict(event.headers)[b":status"].decode()
            case h2.events.DataReceived():
                self.show(event)
            case h2.events.StreamEnded():
                self.answered = True
            case h2.events.StreamReset(error_code=ErrorCodes.NO_ERROR) if self.answered:
                self.uploaded = True  # RFC 9113 section 8.1: the response is complete without it
            case h2.events.StreamReset(stream_id=self.stream_id):
                self.fail(f"the request was reset: {event.error_code!r}")
            case h2.events.ConnectionTerminated() if (
                event.error_code or self.stream_id in event.unprocessed_stream_ids
            ):
                self.fail(f"the server leaves: {event.error_code!r}")

    def show(self, event: h2.events.DataReceived) -> None:
        """Write content that has arrived, and acknowledge it."""
        data = memoryview(event.data)
        try:
            while data:
                data = data[self.output.write(data) :]
        except OSError as error:
            self.fail(f"cannot write: {error}")
            return
        self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def upload(self) -> None:
        """Send as much of the file as the server and the transport have room for."""
        self.flush()
        while not (self.uploaded or self.full):
            window = self.conn.local_flow_control_window(self.stream_id)
            size = min(window, self.conn.max_outbound_frame_size, PIECE)
            if size <= 0:
                return
            try:
                piece = self.file.read(size)
            except OSError as error:
                self.conn.reset_stream(self.stream_id, ErrorCodes.CANCEL)
                self.fail(str(error))
                return
            self.uploaded = not self.file.left
            self.conn.send_data(self.stream_id, piece, end_stream=self.uploaded)
            self.flush()
        if self.uploaded and self.answered:
            self.leave()

    def flush(self) -> None:
        """Pass everything that the connection has to send to the transport."""
        if data := self.conn.data_to_send():
            self.transport.write(data)

    def fail(self, error: str) -> None:
        """Give up."""
        self.error = error
        self.leave()

    def leave(self) -> None:
        """Send GOAWAY; after a protocol violation it is already pending."""
        if not self.broken:
            self.conn.close_connection()
        self.hang_up()

    def hang_up(self) -> None:
        """Send our last frames and close the connection; further input is ignored."""
        self.flush()
        self.talking = False
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self.setTimeout(LINGER_SECONDS)


def explanation(reason: Failure) -> str:
    """Say why a connection has ended."""
    if reason.check(ssl.VerificationError):
        return "the certificate of the server is for another host"
    error = reason.value
    if type(error) is SSL.Error:  # its subclasses have other arguments
        return "TLS failed: " + ", ".join(part[-1] for part in error.args[0])
    return f"the connection ended too early: {reason.getErrorMessage()}"


def https_url(text: str) -> SplitResult:
    """Parse a URL of the command line."""
    url = urlsplit(text)
    usable = url.scheme == "https" and url.hostname and "@" not in url.netloc and url.port != 0
    if not usable or " " in text or not (text.isascii() and text.isprintable()):
        raise argparse.ArgumentTypeError("not a URL that this program can use")
    return url


def authority(path: str) -> Any:
    """Read the certificate of an authority that the command line names."""
    try:
        return ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(Path(path).read_bytes())])
    except (OSError, crypto.Error) as error:
        raise argparse.ArgumentTypeError(f"no certificate in {path}") from error


def regular_file(path: str) -> SizedFile:
    """Open the file that the command line names."""
    if not Path(path).is_file():  # a pipe has no length
        raise argparse.ArgumentTypeError(f"{path} is not a file")
    try:
        return SizedFile(Path(path))
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def exchange(reactor: Any, request: PostRequest, trust: Any) -> None:
    """Connect, and wait until the request is complete and the connection is closed."""
    host, port = request.url.hostname or "", request.url.port or 443
    tls = ssl.optionsForClientTLS(host, trust, acceptableProtocols=[b"h2"])
    tcp: Any = HostnameEndpoint(reactor, host, port, timeout=CONNECT_SECONDS)
    try:
        await connectProtocol(wrapClientTLS(tls, tcp), request)
    except (ConnectError, DNSLookupError) as error:
        request.error = str(error)
    else:
        await request.closed


async def run(reactor: Any, args: argparse.Namespace) -> None:
    """Make the request and show its response."""
    # Without a buffer: what has been written is written, and nothing is left to fail at the end.
    with args.file, open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as output:
        request = PostRequest(args.url, args.file, output)
        work = ensureDeferred(exchange(reactor, request, args.authority))
        reactor.addSystemEventTrigger("before", "shutdown", work.cancel)  # Ctrl+C
        try:
            await work
        except CancelledError:
            request.error = "interrupted"
    if not (request.answered and request.uploaded):
        raise SystemExit(f"{args.url.geturl()}: {request.error}")
    if not request.status.startswith("2"):
        raise SystemExit(f"{args.url.geturl()}: status {request.status}")


def main() -> None:
    """Read the command line and make the request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--authority", type=authority, metavar="FILE", help="CA certificate")
    parser.add_argument("url", type=https_url, metavar="URL")
    parser.add_argument("file", type=regular_file, metavar="FILE")
    task.react(run, [parser.parse_args()])


if __name__ == "__main__":
    main()
