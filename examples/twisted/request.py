"""A request of a Twisted client on its own connection; shared by the clients here.

`BufferedH2Connection` buffers content for which there is no window yet.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

import h2.events
from examples.common.urls import host_and_port, request_fields, split_url
from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

CONNECT_SECONDS = 10  # time limit for connecting
IDLE_SECONDS = 30  # time limit for a server that neither sends nor reads
LINGER_SECONDS = 0.5  # time for the server to close the connection after us


@implementer(IHandshakeListener, IPushProducer)
class Request(Protocol, TimeoutMixin):
    """A connection for one request, whose content subclasses define."""

    transport: Any  # the TLS wrapper has the methods of both transports

    def __init__(self, url: SplitResult, method: str) -> None:
        self.url, self.method = url, method
        self.conn = BufferedH2Connection(receive_buffering=True)
        self.stream_id = self.conn.get_next_available_stream_id()
        self.talking = False  # whether HTTP/2 is active: after the handshake, before we disconnect
        self.full = False  # whether enough bytes are pending in the transport
        self.uploaded = True  # whether the server has the content, or does not want the rest
        self.fields: list[tuple[bytes, bytes]] = []  # of the response
        self.answered = False  # whether the response has arrived
        self.broken = False  # whether the server has violated the protocol
        self.error = ""  # why there is no response
        self.closed: Deferred[None] = Deferred()  # fires at the end of the connection

    # For subclasses.

    def send_request(self, fields: list[tuple[str, str]]) -> None:
        """Send the request with these pseudo-header fields."""
        self.conn.send_headers(self.stream_id, fields, end_stream=True)

    def read(self) -> None:
        """Read content of the response."""
        self.conn.discard_data(self.stream_id)

    def write(self) -> None:
        """Send content of the request, as much as there is room for."""

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
        self.send_request(request_fields(self.method, self.url))
        self.go_on()

    def dataReceived(self, data: bytes) -> None:
        """Process what the server sends."""
        if not self.talking:
            return
        self.resetTimeout()
        try:
            events = self.conn.receive_data(data)
        except ProtocolError as error:
            events = list(error.events)  # what came before counts: it may be the whole response
            self.broken = True
            self.error = f"the server breaks the rules: {error}"
        for event in events:
            if self.talking:
                self.handle(event)
        if self.broken and self.talking:
            self.hang_up()
        elif self.talking:
            self.go_on()

    def pauseProducing(self) -> None:
        """Enough bytes are pending: stop writing. Keep reading, or both ends might wait."""
        self.full = True

    def resumeProducing(self) -> None:
        """The bytes were sent: continue."""
        self.full = False
        self.resetTimeout()
        if self.talking:
            self.go_on()

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
                self.fields = event.headers
            case h2.events.DataAvailable():
                self.read()
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

    def go_on(self) -> None:
        """Send what can be sent, and disconnect when everything is done."""
        self.flush()
        self.write()
        if self.talking and self.uploaded and self.answered:
            self.leave()

    def flush(self) -> None:
        """Pass pending output to the transport, as much as it accepts."""
        while not self.full and (data := self.conn.data_to_send(65_536)):
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
        self.talking = False
        self.transport.write(self.conn.data_to_send())
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self.setTimeout(LINGER_SECONDS)


def explanation(reason: Failure) -> str:
    """Return the reason why a connection has ended."""
    if reason.check(ssl.VerificationError):
        return "the certificate of the server is for another host"
    error = reason.value
    if type(error) is SSL.Error:  # its subclasses have other arguments
        return "TLS failed: " + ", ".join(part[-1] for part in error.args[0])
    return f"the connection ended too early: {reason.getErrorMessage()}"


def client_options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of both clients."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--authority", type=authority, metavar="FILE", help="CA certificate")
    parser.add_argument("url", type=https_url, metavar="URL")
    return parser


def https_url(text: str) -> SplitResult:
    """Parse a URL of the command line."""
    with contextlib.suppress(ValueError):
        url = split_url(text, "https")
        if "@" not in url.netloc and " " not in text and text.isascii() and text.isprintable():
            return url
    raise argparse.ArgumentTypeError("not a URL that this program can use")


def authority(path: str) -> Any:
    """Read the certificate of an authority named on the command line."""
    try:
        return ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(Path(path).read_bytes())])
    except (OSError, crypto.Error) as error:
        raise argparse.ArgumentTypeError(f"no certificate in {path}") from error


async def exchange(reactor: Any, request: Request, trust: Any) -> None:
    """Connect, and wait until the request is complete and the connection is closed."""
    host, port = host_and_port(request.url)
    tls = ssl.optionsForClientTLS(host, trust, acceptableProtocols=[b"h2"])
    tcp: Any = HostnameEndpoint(reactor, host, port, timeout=CONNECT_SECONDS)
    try:
        await connectProtocol(wrapClientTLS(tls, tcp), request)
    except (ConnectError, DNSLookupError) as error:
        request.error = str(error)
    else:
        await request.closed


async def make(reactor: Any, request: Request, trust: Any) -> None:
    """Make a request and wait for its response; exit if there is none."""
    work = ensureDeferred(exchange(reactor, request, trust))
    reactor.addSystemEventTrigger("before", "shutdown", work.cancel)  # Ctrl+C
    try:
        await work
    except CancelledError:
        request.error = "interrupted"
        request.answered = False
    if not (request.answered and request.uploaded):
        raise SystemExit(f"{request.url.geturl()}: {request.error}")
