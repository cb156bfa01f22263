"""An HTTP/2 client on a plain socket that knows beforehand that the server speaks HTTP/2.

    python -m examples.negotiation.prior_knowledge_client http://127.0.0.1:8080/

Nothing is negotiated: the client starts with the connection preface, and need not wait for the
server's before it sends requests (RFC 9113 sections 3.3 and 3.4).
"""

from __future__ import annotations

import argparse
import sys
from typing import BinaryIO

from examples.negotiation.fetching import (
    Client,
    client_connection,
    client_options,
    connect,
    parse_urls,
    run,
)


def fetch(args: argparse.Namespace, out: BinaryIO) -> None:
    """Get the URLs, one after the other, on one connection."""
    urls = parse_urls(args.url, "http")
    conn = client_connection()
    conn.initiate_connection()
    with Client(connect(urls[0]), conn) as client:
        if args.verbose:
            print("HTTP/2 by prior knowledge", file=sys.stderr)
        for url in urls:
            client.get(url, out)


def main() -> int:
    """Read the command line and fetch; return the exit status."""
    args = client_options(__doc__).parse_args()
    return run(lambda out: fetch(args, out))


if __name__ == "__main__":
    sys.exit(main())
