"""A file server on Twisted: GET and HEAD for the files of a folder, over TLS.

Start it from the root of the checkout, then ask for a file from another shell:

    python -m examples.twisted.server examples
    curl --cacert examples/certificates/authority.pem https://localhost:8443/twisted/server.py

Every client has a `FileServer`: a Twisted protocol around the session of the client, in
`examples/common/session.py`. It is also the producer of its transport. That is how Twisted says
when enough bytes wait to be sent, and when there is room again. In between nothing is read, neither
from files nor from the client, so that a slow client takes no more memory than a quick one.
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

IDLE_SECONDS = 60  # a client that neither sends nor takes anything for so long is hung up on
LINGER_SECONDS = 10  # how long a client may take to read our last words and to hang up itself
STOP_SECONDS = 3  # how long requests may go on after Ctrl+C; the second one ends it
ABORT_SECONDS = 1  # how long a client may take then to read our last words
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@implementer(IHandshakeListener, IPushProducer)
class FileServer(Protocol, TimeoutMixin):
    """One client: its HTTP/2 connection and the responses that are under way."""

    transport: Any  # what wraps the TCP transport in TLS has the methods of both

    def __init__(self, root: Path, clients: set[FileServer]) -> None:
        self.clients = clients
        self.session = Session(partial(files.respond, root), STOP_SECONDS)
        self.talking = False  # whether HTTP/2 is spoken: the handshake is over, we did not hang up
        self.full = False  # whether enough bytes wait in the transport
        self.gone: Deferred[None] = Deferred()

    # What Twisted calls.

    def connectionMade(self) -> None:
        """The client has connected; the TLS handshake comes next."""
        self.clients.add(self)
        self.transport.setTcpNoDelay(True)
        self.setTimeout(IDLE_SECONDS)

    def handshakeCompleted(self) -> None:
        """Start HTTP/2, if ALPN picked it."""
        if self.transport.negotiatedProtocol != b"h2":
            self.hang_up()
            return
        self.talking = True
        self.transport.registerProducer(self, True)
        self.send()

    def dataReceived(self, data: bytes) -> None:
        """Act on what the client sends, and use the room that it gives us."""
        if self.talking:
            self.resetTimeout()
            self.session.receive(data)
            self.send()

    def pauseProducing(self) -> None:
        """Enough bytes wait to be sent: stop making more, and take no new requests either."""
        self.full = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The bytes are on their way: go on."""
        self.full = False
        self.resetTimeout()
        self.transport.resumeProducing()
        self.send()

    def stopProducing(self) -> None:
        """The client has gone: `connectionLost()` is called next."""

    def timeoutConnection(self) -> None:
        """Nothing has happened for too long."""
        if self.talking:
            self.break_off()
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let go of everything; why the client went makes no difference."""
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
        """Begin a graceful shutdown; return what fires when that is done."""
        if self.talking:
            self.session.leave()
            self.send()
        elif not self.session.ended:  # the handshake is not over
            self.transport.abortConnection()
        return self.gone

    def break_off(self) -> None:
        """Leave at once, whatever is still under way."""
        if self.talking:
            self.session.end()
            self.hang_up()

    def hang_up(self) -> None:
        """Send our last words and close the connection; what still arrives is not looked at."""
        if self.talking:
            self.transport.write(self.session.conn.data_to_send())
            self.transport.unregisterProducer()
        self.talking = False
        self.transport.resumeProducing()
        self.transport.loseConnection()
        self.setTimeout(LINGER_SECONDS)


class FileServerFactory(Factory):
    """Makes the protocols of the clients, and knows who is there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clients: set[FileServer] = set()

    def buildProtocol(self, address: object) -> FileServer:
        """Return the protocol for a client that connects."""
        return FileServer(self.root, self.clients)

    async def stop(self, reactor: Any, port: Any) -> None:
        """Take no more clients, say goodbye to those that are here, and wait until they go."""
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
        """Say goodbye to those whose requests take too long."""
        for client in list(self.clients):
            client.break_off()

    def abort(self) -> None:
        """Close all connections at once."""
        for client in list(self.clients):
            client.transport.abortConnection()


def tls_options(folder: Path) -> ssl.CertificateOptions:
    """TLS as RFC 9113 section 9.2 wants it, with the certificate from this folder."""
    paths = certificate.certificate(folder)
    # Twisted passes these on to pyOpenSSL, and its annotations name classes of older versions.
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
    """Serve until Ctrl+C stops the reactor, which waits for the clients to go."""
    factory = FileServerFactory(args.root)
    tls = tls_options(args.certificates)
    endpoint = SSL4ServerEndpoint(reactor, args.port, tls, interface=args.host)
    try:
        port = await endpoint.listen(factory)
    except CannotListenError as error:
        raise SystemExit(str(error)) from error
    stopped: Deferred[None] = Deferred()

    def stop() -> Deferred[None]:
        # Ctrl+C once more, which would be an error of the reactor, waits for nobody.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: reactor.callFromThread(factory.abort))
        ensureDeferred(factory.stop(reactor, port)).chainDeferred(stopped)
        return stopped

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    # Not before the reactor heeds Ctrl+C.
    reactor.callWhenRunning(options.announce, port.getHost().port, args.host)
    await stopped


def main() -> None:
    """Read the command line and serve."""
    parser = options.server_options(__doc__)
    parser.add_argument("root", type=Path, metavar="ROOT", help="the folder to serve")
    task.react(serve, [parser.parse_args()])


if __name__ == "__main__":
    main()
