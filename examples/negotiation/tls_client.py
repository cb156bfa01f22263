"""An HTTP/2 client on a plain socket with TLS, where ALPN selects the protocol.

    python -m examples.negotiation.tls_client \
        --authority examples/certificates/authority.pem https://localhost:8443/

The client offers its protocols in the TLS handshake, and the server selects one, so both ends know
how to continue without another round trip.
"""

from __future__ import annotations

import ssl
import sys
from collections import deque
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult

from examples.negotiation.fetching import (
    Client,
    FetchError,
    client_connection,
    client_options,
    connect,
    run,
)


def tls_context(authority: Path | None) -> ssl.SSLContext:
    """TLS for a client of HTTP/2, with ALPN; it trusts this authority, or those of the system."""
    context = ssl.create_default_context(cafile=authority)  # checks certificate and host name
    # The rules are those of the server: RFC 9113 sections 9.2, 9.2.1 and 9.2.2.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    # If "http/1.1" is offered, too, a server without HTTP/2 completes the handshake. This client
    # can then report that; others would continue in HTTP/1.1.
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def get_some(
    waiting: deque[SplitResult], out: BinaryIO, context: ssl.SSLContext, verbose: bool
) -> None:
    """Get URLs on one connection, as long as the server accepts requests."""
    with (
        connect(waiting[0]) as sock,
        # The host name goes into the handshake (SNI) and is compared with the certificate.
        context.wrap_socket(sock, server_hostname=waiting[0].hostname) as tls,
    ):
        if (protocol := tls.selected_alpn_protocol()) != "h2":
            selected = f"the server selected {protocol or 'no protocol'} with ALPN"
            raise FetchError(f"{selected}, but this client only speaks HTTP/2")
        if verbose:
            print(f"negotiated HTTP/2 with ALPN, over {tls.version()}", file=sys.stderr)
        conn = client_connection()
        conn.initiate_connection()
        with Client(tls, conn) as client:
            client.get_all(waiting, out)


def main() -> int:
    """Read the command line and fetch; return the exit status."""
    parser = client_options(__doc__)
    parser.add_argument(
        "--authority", type=Path, metavar="FILE", help="certificate of the authority to trust"
    )
    args = parser.parse_args()
    try:
        context = tls_context(args.authority)
    except OSError as error:
        parser.error(f"--authority: {error}")
    return run(
        args.url, "https", lambda waiting, out: get_some(waiting, out, context, args.verbose)
    )


if __name__ == "__main__":
    sys.exit(main())
