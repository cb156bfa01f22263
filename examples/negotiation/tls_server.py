"""An HTTP/2 server on plain sockets with TLS, where ALPN picks the protocol.

    python -m examples.negotiation.tls_server

    curl --cacert examples/certificates/authority.pem https://localhost:8443/
    nghttp -v https://localhost:8443/

The client names the protocols that it speaks in the TLS handshake, and the server picks one. Only
"h2" leads to HTTP/2. A client that cannot speak it is told so in HTTP/1.1; a server for both
versions would begin with HTTP/1.1 there.
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

MAX_HEAD = 16384  # bytes of an HTTP/1.1 request that we are ready to look at
REASON = b"This server speaks HTTP/2 only (ALPN: h2).\n"
REFUSAL = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\n"
    b"Connection: close\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n" % len(REASON)
)


def tls_context(files: Certificate) -> ssl.SSLContext:
    """TLS as RFC 9113 section 9.2 wants it, with ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    # Section 9.2: TLS 1.2 or newer.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Section 9.2.1: no compression and no renegotiation. TLS 1.3 has neither.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Section 9.2.2: for TLS 1.2, only what appendix A does not list, which is AEAD with ephemeral
    # keys. The suites of TLS 1.3 are all fine, and not set here.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    # In the order in which we like them; the first one that the client has named is picked.
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def serve_client(channel: Channel, context: ssl.SSLContext) -> None:
    """Serve one client: TLS first, then what ALPN has picked."""
    channel.sock.settimeout(SEND_SECONDS)
    with context.wrap_socket(channel.sock, server_side=True) as tls:
        channel.sock = tls
        # None where the client names no protocol that we speak. RFC 9113 section 3.3 leaves no
        # other way to HTTP/2 over TLS, so such a client speaks something older.
        if tls.selected_alpn_protocol() == "h2":
            conn = server_connection()
            conn.initiate_connection()
            Session(channel, conn, agreed_by="ALPN").run()
        else:
            turn_away(channel)


def turn_away(channel: Channel) -> None:
    """Wait for the request of an HTTP/1.1 client and answer that this is the wrong version."""
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
