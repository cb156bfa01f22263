"""An HTTP/2 server on plain sockets with TLS, where ALPN selects the protocol.

    python -m examples.negotiation.tls_server

    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    nghttp -v https://localhost:8443/

The client offers its protocols in the TLS handshake, and the server selects one. Only "h2" leads to
HTTP/2. A client without it gets an error in HTTP/1.1; a server for both versions would continue in
HTTP/1.1 instead.
"""

from __future__ import annotations

import ssl
import time

from examples.common.certificate import Certificate, certificate
from examples.common.options import server_options
from examples.negotiation.serving import (
    AGREE_SECONDS,
    SEND_SECONDS,
    Channel,
    Session,
    serve,
    server_connection,
)

MAX_HEAD = 16384  # maximum bytes of an HTTP/1.1 request to read
REASON = b"This server speaks HTTP/2 only (ALPN: h2).\n"
REFUSAL = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\n"
    b"Connection: close\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n" % len(REASON)
)


def tls_context(files: Certificate) -> ssl.SSLContext:
    """TLS as RFC 9113 section 9.2 requires, with ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    # Section 9.2: TLS 1.2 or newer.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Section 9.2.1: no compression and no renegotiation. TLS 1.3 has neither.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Section 9.2.2: for TLS 1.2, only suites that appendix A does not list: AEAD with ephemeral
    # keys. All suites of TLS 1.3 are allowed, and not set here.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    # In order of preference; the first one that the client offers is selected.
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def serve_client(channel: Channel, context: ssl.SSLContext) -> None:
    """Serve one client: TLS first, then what ALPN has selected."""
    channel.sock.settimeout(SEND_SECONDS)
    with context.wrap_socket(channel.sock, server_side=True) as tls:
        channel.sock = tls
        # None if the client offers no protocol that we support. RFC 9113 section 3.3 allows no
        # other way to HTTP/2 over TLS, so such a client speaks something older.
        if tls.selected_alpn_protocol() == "h2":
            conn = server_connection()
            conn.initiate_connection()
            Session(channel, conn, agreed_by="ALPN").run()
        else:
            turn_away(channel)


def turn_away(channel: Channel) -> None:
    """Wait for the request of an HTTP/1.1 client and answer that the version is not supported."""
    until = time.monotonic() + AGREE_SECONDS
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
        received = channel.receive(until)
        if not received:
            return
        head += received
    channel.send(REFUSAL if head.startswith(b"HEAD ") else REFUSAL + REASON)
    channel.hang_up()


def main() -> None:
    """Read the command line and serve."""
    args = server_options(__doc__).parse_args()
    context = tls_context(certificate(args.certificates))
    serve(args.host, args.port, "https", lambda channel: serve_client(channel, context))


if __name__ == "__main__":
    main()
