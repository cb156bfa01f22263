"""An HTTP/2 server on plain sockets for clients with prior knowledge.

    python -m examples.negotiation.prior_knowledge_server

    curl --http2-prior-knowledge http://127.0.0.1:8080/
    nghttp -v http://127.0.0.1:8080/

Nothing is negotiated: both ends start with the connection preface (RFC 9113 section 3.3). A client
that speaks anything else is disconnected after its first bytes.
"""

from __future__ import annotations

from examples.common.options import server_options
from examples.negotiation.serving import Channel, Session, serve, server_connection


def serve_client(channel: Channel) -> None:
    """Serve one client: HTTP/2 from the first byte."""
    conn = server_connection()
    conn.initiate_connection()
    Session(channel, conn, agreed_by="prior knowledge").run()


def main() -> None:
    """Read the command line and serve."""
    args = server_options(__doc__, port=8080, tls=False).parse_args()
    serve(args.host, args.port, "http", serve_client)


if __name__ == "__main__":
    main()
