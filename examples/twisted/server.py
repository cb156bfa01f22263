"""A file server on Twisted: GET and HEAD for the files of a folder, over TLS.

Start it from the root of the checkout, then request a file from another shell:

    python -m examples.twisted.server examples
    curl --cacert examples/certificates/authority.pem https://localhost:8443/twisted/server.py

Every client has a `FileServer`: a Twisted protocol around the client's session, in
`examples/common/session.py`. It is also the producer of its transport: that is how Twisted signals
when enough bytes are pending, and when there is room again. In between nothing is read, neither
from files nor from the client, so a slow client does not take more memory than a fast one.
"""

from __future__ import annotations

import signal
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from twisted.internet import ssl, task
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from examples.common import certificate, files, options
from examples.common.session import Session

IDLE_SECONDS = 60  # a client that neither sends nor reads for this long is disconnected
LINGER_SECONDS = 10  # time for a client to read our last frames and disconnect
STOP_SECONDS = 3  # time limit for requests after Ctrl+C; a second one ends them
ABORT_SECONDS = 1  # time for a client to read our last frames after that
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@implementer(IHandshakeListener, IPushProducer)
class FileServer(Protocol, TimeoutMixin):
    """One client: its HTTP/2 connection and the responses in progress."""

    transport: Any  # the TLS wrapper has the methods of both transports

    def __init__(self, root: Path, clients: set[FileServer]) -> None:
        self.clients = clients
        self.session = Session(partial(files.respond, root), STOP_SECONDS)
        self.talking = False  # whether HTTP/2 is active: after the handshake, before we disconnect
        self.full = False  # whether enough bytes are pending in the transport
        self.gone: Deferred[None] = Deferred()

    # Called by Twisted.

    def connectionMade(self) -> None:
        """The client has connected; the TLS handshake comes next."""
        self.clients.add(self)
        self.transport.setTcpNoDelay(True)
        self.setTimeout(IDLE_SECONDS)

    def handshakeCompleted(self) -> None:
        """Start HTTP/2, if ALPN selected it."""
        if self.transport.negotiatedProtocol != b"h2":
            self.hang_up()
            return
        self.talking = True
        self.transport.registerProducer(self, True)
        self.send()

    def dataReceived(self, data: bytes) -> None:
        """Process what the client sends, and use the window that it opens."""
        if self.talking:
            self.resetTimeout()
            self.session.receive(data)
            self.send()

    def pauseProducing(self) -> None:
        """Enough bytes are pending: stop making more, and take no new requests either."""
        self.full = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The bytes were sent: continue."""
        self.full = False
        self.resetTimeout()
        self.transport.resumeProducing()
        self.send()

    def stopProducing(self) -> None:
        """The client has disconnected: `connectionLost()` is called next."""

    def timeoutConnection(self) -> None:
        """Nothing has happened for too long."""
        if self.talking:
            self.break_off()
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Drop everything, whatever the reason is."""
        self.talking = False
        self.setTimeout(None)
        self.session.end()
        self.clients.discard(self)
        self.gone.callback(None)

    # What we do.

    def send(self) -> None:
        """Send as much as the client and the transport have room for."""
        while not self.full and (data := self.session.send()):
            self.transport.write(data)
        if self.session.ended and not self.full:
            self.hang_up()

    def stop(self) -> Deferred[None]:
        """Begin a graceful shutdown; return a Deferred that fires when it is complete."""
        if self.talking:
            self.session.leave()
            self.send()
        elif not self.session.ended:  # the handshake is not over
            self.transport.abortConnection()
        return self.gone

    def break_off(self) -> None:
        """Disconnect immediately, whatever is still in progress."""
        if self.talking:
            self.session.end()
            self.hang_up()

    def hang_up(self) -> None:
        """Send our last frames and close the connection; further input is ignored."""
        if self.talking:
            self.transport.write(self.session.conn.data_to_send())
            self.transport.unregisterProducer()
        self.talking = False
        self.transport.resumeProducing()
        self.transport.loseConnection()
        self.setTimeout(LINGER_SECONDS)


class FileServerFactory(Factory):
    """Creates the protocols of the clients, and keeps track of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clients: set[FileServer] = set()

    def buildProtocol(self, address: object) -> FileServer:
        """Return the protocol for a client that connects."""
        return FileServer(self.root, self.clients)

    async def stop(self, reactor: Any, port: Any) -> None:
        """Accept no more clients, shut down the connections, and wait until they are closed."""
        await maybeDeferred(port.stopListening)
        deadlines = [
            reactor.callLater(STOP_SECONDS, self.break_off),
            reactor.callLater(STOP_SECONDS + ABORT_SECONDS, self.abort),
        ]
        await DeferredList([client.stop() for client in list(self.clients)])
        for deadline in deadlines:
            if deadline.active():
                deadline.cancel()

    def break_off(self) -> None:
        """Disconnect clients whose requests take too long."""
        for client in list(self.clients):
            client.break_off()

    def abort(self) -> None:
        """Abort all connections."""
        for client in list(self.clients):
            client.transport.abortConnection()


def tls_options(folder: Path) -> ssl.CertificateOptions:
    """TLS as RFC 9113 section 9.2 requires, with the certificate from this folder."""
    paths = certificate.certificate(folder)
    # Twisted passes these on to pyOpenSSL; its annotations name classes of older versions.
    key: Any = load_pem_private_key(paths.key.read_bytes(), password=None)
    chain: list[Any] = load_pem_x509_certificates(paths.chain.read_bytes())
    return ssl.CertificateOptions(
        privateKey=key,
        certificate=chain[0],
        extraCertChain=chain[1:],
        raiseMinimumTo=ssl.TLSVersion.TLSv1_2,
        acceptableCiphers=ssl.AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),
        acceptableProtocols=[b"h2"],
    )


async def serve(reactor: Any, args: Namespace) -> None:
    """Serve until Ctrl+C stops the reactor, which waits for the clients to disconnect."""
    factory = FileServerFactory(args.root)
    tls = tls_options(args.certificates)
    endpoint = SSL4ServerEndpoint(reactor, args.port, tls, interface=args.host)
    try:
        port = await endpoint.listen(factory)
    except CannotListenError as error:
        raise SystemExit(str(error)) from error
    stopped: Deferred[None] = Deferred()

    def stop() -> Deferred[None]:
        # A second Ctrl+C, which would be an error of the reactor, does not wait for clients.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: reactor.callFromThread(factory.abort))
        ensureDeferred(factory.stop(reactor, port)).chainDeferred(stopped)
        return stopped

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    # Not before the reactor handles Ctrl+C.
    reactor.callWhenRunning(options.announce, port.getHost().port, args.host)
    await stopped


def main() -> None:
    """Read the command line and serve."""
    parser = options.server_options(__doc__)
    parser.add_argument("root", type=Path, metavar="ROOT", help="the folder to serve")
    task.react(serve, [parser.parse_args()])


if __name__ == "__main__":
    main()
