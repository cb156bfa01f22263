"""A client on Twisted that makes a HEAD request and prints the header section of the response.

Start it from the root of the checkout; without --authority it uses the system's CA certificates:

    python -m examples.twisted.head_client https://www.example.com/

With the server of this folder:

    AUTHORITY=examples/certificates/authority.pem
    python -m examples.twisted.head_client --authority $AUTHORITY https://localhost:8443/
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from OpenSSL import SSL, crypto
from twisted.internet import ssl, task
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.settings import SettingCodes

CONNECT_SECONDS = 10  # time limit for connecting
IDLE_SECONDS = 30  # time limit for a silent server
LINGER_SECONDS = 0.5  # time for the server to close the connection after us


@implementer(IHandshakeListener)
class HeadRequest(Protocol, TimeoutMixin):
    """A connection on which one request is made."""

    transport: Any  # the TLS wrapper has the methods of both transports

    def __init__(self, url: SplitResult) -> None:
        self.url = url
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
        self.stream_id = self.conn.get_next_available_stream_id()
        self.talking = False  # whether HTTP/2 is active: after the handshake, before we disconnect
        self.fields: list[tuple[bytes, bytes]] = []  # of the response
        self.complete = False  # whether the response has arrived
        self.broken = False  # whether the server has violated the protocol
        self.error = ""  # why it has not arrived
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
        self.conn.initiate_connection()
        self.conn.update_settings({SettingCodes.ENABLE_PUSH: 0})
        fields = [
            (":method", "HEAD"),
            (":scheme", "https"),
            (":authority", self.url.netloc),
            (":path", (self.url.path or "/") + (self.url.query and f"?{self.url.query}")),
        ]
        self.conn.send_headers(self.stream_id, fields, end_stream=True)
        self.flush()

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
        self.flush()

    def timeoutConnection(self) -> None:
        """The server has been silent for too long, or does not close the connection after us."""
        self.error = self.error or "the server is silent"
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
            case h2.events.StreamEnded():
                self.complete = True
                self.leave()
            case h2.events.StreamReset(stream_id=self.stream_id):
                self.fail(f"the request was reset: {event.error_code!r}")
            case h2.events.ConnectionTerminated() if (
                event.error_code or self.stream_id in event.unprocessed_stream_ids
            ):
                self.fail(f"the server leaves: {event.error_code!r}")

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


async def exchange(reactor: Any, request: HeadRequest, trust: Any) -> None:
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
    """Make the request and show the result."""
    request = HeadRequest(args.url)
    work = ensureDeferred(exchange(reactor, request, args.authority))
    reactor.addSystemEventTrigger("before", "shutdown", work.cancel)  # Ctrl+C
    try:
        await work
    except CancelledError:
        request.error = "interrupted"
    if not request.complete:
        raise SystemExit(f"{args.url.geturl()}: {request.error}")
    for name, value in request.fields:
        print(name.decode(), value.decode("utf-8", "backslashreplace"), sep=": ")


def main() -> None:
    """Read the command line and make the request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--authority", type=authority, metavar="FILE", help="CA certificate")
    parser.add_argument("url", type=https_url, metavar="URL")
    task.react(run, [parser.parse_args()])


if __name__ == "__main__":
    main()
