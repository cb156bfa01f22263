"""A client on a plain socket that starts in HTTP/1.1 and offers to upgrade to HTTP/2.

    python -m examples.negotiation.upgrade_client http://127.0.0.1:8080/ http://127.0.0.1:8080/2

The first request contains the offer (RFC 7540 section 3.2). A server that accepts it answers with
status 101, and with the response on stream 1 of the HTTP/2 connection that follows, which is also
used for further requests. A server without support for it answers in HTTP/1.1, and that response
counts as well.
"""

from __future__ import annotations

import socket
import sys
from collections import deque
from typing import BinaryIO
from urllib.parse import SplitResult

import h11

from examples.negotiation.fetching import (
    Client,
    FetchError,
    check_status,
    client_connection,
    client_options,
    connect,
    run,
    target,
)


class OlderClient:
    """One request in HTTP/1.1, over a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.conn = h11.Connection(h11.CLIENT)

    def request(self, url: SplitResult, fields: dict[str, str]) -> None:
        """Send a GET request with these fields."""
        fields = {"Host": url.netloc, "User-Agent": "h2-example"} | fields
        head = h11.Request(method="GET", target=target(url), headers=list(fields.items()))
        self.sock.sendall(self.conn.send(head) or b"")
        self.sock.sendall(self.conn.send(h11.EndOfMessage()) or b"")

    def next_event(self) -> object:
        """Return the next event from the server."""
        try:
            while (event := self.conn.next_event()) is h11.NEED_DATA:
                self.conn.receive_data(self.sock.recv(65536))
        except h11.RemoteProtocolError as error:
            raise FetchError(f"not the HTTP/1.1 that was expected: {error}") from error
        return event

    def head(self) -> h11.Response | h11.InformationalResponse:
        """Return the head of the final response, or that of the upgrade."""
        while isinstance(event := self.next_event(), h11.InformationalResponse):
            if event.status_code == 101:
                return event
        if not isinstance(event, h11.Response):
            raise FetchError("the server has hung up")
        return event

    def save(self, url: SplitResult, head: h11.Response, out: BinaryIO) -> None:
        """Write the content of the response as it arrives."""
        while isinstance(part := self.next_event(), h11.Data):
            out.write(part.data)
        check_status(url, head.status_code)


def get_some(waiting: deque[SplitResult], out: BinaryIO, verbose: bool) -> None:
    """Get URLs on one connection: all of them after an upgrade, otherwise only the first."""
    url = waiting[0]
    conn = client_connection()
    settings = conn.initiate_upgrade_connection()
    offer = {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": (settings or b"").decode(),
    }
    with connect(url) as sock:
        older = OlderClient(sock)
        older.request(url, offer)
        head = older.head()
        if verbose:
            upgraded = isinstance(head, h11.InformationalResponse)
            outcome = "upgraded to HTTP/2" if upgraded else "continuing in HTTP/1.1, not upgraded"
            print(f"{outcome} (status {head.status_code})", file=sys.stderr)
        if isinstance(head, h11.Response):
            older.save(url, head, out)
            waiting.popleft()
            return
        # What was read may already contain HTTP/2 from the server. We begin only now: the
        # connection preface has been pending in the connection.
        received, _ = older.conn.trailing_data
        with Client(sock, conn, received) as client:
            client.save(1, url, out)
            waiting.popleft()
            client.get_all(waiting, out)


def main() -> int:
    """Read the command line and fetch; return the exit status."""
    args = client_options(__doc__).parse_args()
    return run(args.url, "http", lambda waiting, out: get_some(waiting, out, args.verbose))


if __name__ == "__main__":
    sys.exit(main())
