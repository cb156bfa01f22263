"""An HTTP/2 client on a plain socket, with prior knowledge that the server speaks HTTP/2.

    python -m examples.negotiation.prior_knowledge_client http://127.0.0.1:8080/

Nothing is negotiated: the client starts with the connection preface, and need not wait for the
server's before it sends requests (RFC 9113 sections 3.3 and 3.4).
"""

from __future__ import annotations

import sys
from collections import deque
from typing import BinaryIO
from urllib.parse import SplitResult

from examples.negotiation.fetching import (
    Client,
    client_connection,
    client_options,
    connect,
    run,
)


def get_some(waiting: deque[SplitResult], out: BinaryIO, verbose: bool) -> None:
    """Get URLs on one connection, as long as the server accepts requests."""
    conn = client_connection()
    conn.initiate_connection()
    with Client(connect(waiting[0]), conn) as client:
        if verbose:
            print("using HTTP/2 with prior knowledge, without negotiation", file=sys.stderr)
        client.get_all(waiting, out)


def main() -> int:
    """Read the command line and fetch; return the exit status."""
    args = client_options(__doc__).parse_args()
    return run(args.url, "http", lambda waiting, out: get_some(waiting, out, args.verbose))


if __name__ == "__main__":
    sys.exit(main())
