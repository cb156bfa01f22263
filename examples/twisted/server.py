"""A file server on Twisted: GET and HEAD for the files of a folder, over TLS.

Start it from the root of the checkout, then ask for a file from another shell:

    python -m examples.twisted.server examples
    curl --cacert examples/certificates/authority.pem https://localhost:8443/twisted/server.py

Every client has a `FileServer`: a Twisted protocol around an `H2Connection`. It is also the
producer of its transport. That is how Twisted says when enough bytes wait to be sent, and when
there is room again. In between nothing is read, neither from files nor from the client, so that a
slow client takes no more memory than a quick one.
"""

from __future__ import annotations

import contextlib
import signal
from argparse import Namespace
from collections.abc import Sequence
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

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common import certificate, files, options
from h2.errors import ErrorCodes

IDLE_SECONDS = 60  # a client that neither sends nor takes anything for so long is hung up on
LINGER_SECONDS = 10  # how long a client may take to read our last words and to hang up itself
STOP_SECONDS = 3  # how long requests may go on after Ctrl+C; the second one ends it
ABORT_SECONDS = 1  # how long a client may take then to read our last words
LAST_CALL = b"lastcall"  # what we ping with before the last GOAWAY
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
PIECE = 16_384  # octets read from a file at a time; every response gets its turn after that many

Fields = Sequence[tuple[bytes, bytes]]


@implementer(IHandshakeListener, IPushProducer)
class FileServer(Protocol, TimeoutMixin):
    """One client: its HTTP/2 connection and the responses that are under way."""

    transport: Any  # what wraps the TCP transport in TLS has the methods of both

    def __init__(self, root: Path, clients: set[FileServer]) -> None:
        self.root = root
        self.clients = clients
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.requests: dict[int, Fields] = {}  # by stream; those that are still arriving
        self.responses: dict[int, files.Response] = {}  # by stream; what is left to send
        self.talking = False  # whether HTTP/2 is spoken: the handshake is over, we did not hang up
        self.leaving = False  # whether the connection closes as soon as nothing is under way
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
        self.conn.initiate_connection()
        self.send()

    def dataReceived(self, data: bytes) -> None:
        """Act on what the client sends, and use the room that it gives us."""
        if not self.talking:
            return
        self.resetTimeout()
        try:
            events = self.conn.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.hang_up()  # the GOAWAY frame that tells the client why is waiting to be sent
            return
        for event in events:
            self.handle(event)
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
            self.conn.close_connection()
            self.hang_up()
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let go of everything; why the client went makes no difference."""
        self.talking = False
        self.setTimeout(None)
        for stream_id in list(self.responses):
            self.forget(stream_id)
        self.clients.discard(self)
        self.gone.callback(None)

    # Requests and responses.

    def handle(self, event: h2.events.Event) -> None:
        """Act on an event; those that are not listed need no action."""
        match event:
            case h2.events.RequestReceived():
                self.requests[event.stream_id] = event.headers
                if (b":method", b"CONNECT") in event.headers:
                    self.answer(event.stream_id)  # the end of a tunnel is not to be waited for
                elif (b"expect", b"100-continue") in event.headers:
                    self.send_headers(event.stream_id, [(":status", "100")])
            case h2.events.DataReceived():
                # Nothing here has a use for the content of a request. Its place in the
                # flow-control windows goes back to the client.
                length = event.flow_controlled_length
                self.conn.acknowledge_received_data(length, event.stream_id)
            case h2.events.StreamEnded() if event.stream_id in self.requests:
                self.answer(event.stream_id)
            case h2.events.StreamReset():
                self.requests.pop(event.stream_id, None)
                self.forget(event.stream_id)
            case h2.events.ConnectionTerminated():
                self.leaving = True
            case h2.events.PingAckReceived() if event.ping_data == LAST_CALL:
                self.say_goodbye()

    def answer(self, stream_id: int) -> None:
        """Begin the response to a request."""
        response = files.respond(self.root, self.requests.pop(stream_id))
        self.responses[stream_id] = response
        self.send_headers(stream_id, response.headers, end_stream=not response.left)
        if not response.left:
            self.forget(stream_id)

    def send_headers(
        self, stream_id: int, fields: list[tuple[str, str]], end_stream: bool = False
    ) -> None:
        """Send a header section, unless the client has cancelled the request.

        One read can bring a request and the reset that cancels it. The connection knows of the
        reset when the read is through; its event comes after that of the request.
        """
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            self.conn.send_headers(stream_id, fields, end_stream)

    def send(self) -> None:
        """Send as much as the client and the transport have room for."""
        self.flush()
        while not self.full and (stream_id := self.ready()) is not None:
            self.send_piece(stream_id)
            self.flush()
        if self.leaving and not (self.requests or self.responses or self.full):
            self.hang_up()

    def ready(self) -> int | None:
        """Return the stream whose turn it is, of those that the client has room for."""
        window = self.conn.local_flow_control_window
        return next((stream_id for stream_id in self.responses if window(stream_id) > 0), None)

    def send_piece(self, stream_id: int) -> None:
        """Send the next piece of a response, which then goes to the end of the line."""
        response = self.responses[stream_id] = self.responses.pop(stream_id)
        window = self.conn.local_flow_control_window(stream_id)
        try:
            piece = response.read(min(window, self.conn.max_outbound_frame_size, PIECE))
        except OSError:  # the file cannot be read any more, or has become shorter
            self.forget(stream_id)
            self.conn.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
            return
        self.conn.send_data(stream_id, piece, end_stream=not response.left)
        if not response.left:
            self.forget(stream_id)

    def forget(self, stream_id: int) -> None:
        """Let go of a response that is complete, or that nobody wants any more."""
        if response := self.responses.pop(stream_id, None):
            response.close()

    # The end of the connection.

    def flush(self) -> None:
        """Give everything that the connection has to say to the transport."""
        if data := self.conn.data_to_send():
            self.transport.write(data)

    def stop(self) -> Deferred[None]:
        """Begin a graceful shutdown (RFC 9113 section 6.8); return what fires when that is done.

        Requests that are on their way are still answered, so no last stream is named yet. When the
        client answers the PING, it has read the GOAWAY frame, and all of them have arrived.
        """
        if self.talking:
            self.conn.close_connection(last_stream_id=self.conn.HIGHEST_ALLOWED_STREAM_ID)
            self.conn.ping(LAST_CALL)
            self.send()
        elif not self.leaving:  # the handshake is not over
            self.transport.abortConnection()
        return self.gone

    def say_goodbye(self) -> None:
        """Name the last request that is answered."""
        self.conn.close_connection()
        self.leaving = True

    def break_off(self) -> None:
        """Leave at once, whatever is still under way."""
        if self.talking:
            self.say_goodbye()
            self.hang_up()

    def hang_up(self) -> None:
        """Send our last words and close the connection; what still arrives is not looked at."""
        self.flush()
        self.talking, self.leaving = False, True
        self.transport.unregisterProducer()
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
        signal.signal(signal.SIGINT, lambda *_: reactor.callFromThread(factory.abort))
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
