"""A server on plain sockets that lets HTTP/1.1 clients upgrade to HTTP/2 without TLS.

    python -m examples.negotiation.upgrade_server

    curl --http2 http://127.0.0.1:8080/                    # Upgrade: h2c
    curl --http2 --data text http://127.0.0.1:8080/        # after the request's content
    curl --http2-prior-knowledge http://127.0.0.1:8080/    # prior knowledge, same port
    curl --http1.1 http://127.0.0.1:8080/                  # no upgrade: the answer is HTTP/1.1

The upgrade is in RFC 7540 section 3.2. RFC 9113 dropped it, and browsers never supported it; curl,
nghttp and Java still do. For new programs use TLS, or prior knowledge.
"""

from __future__ import annotations

import math
import time
from http import HTTPStatus

import h11

import h2.exceptions
from examples.common.options import server_options
from examples.negotiation.serving import (
    AGREE_SECONDS,
    Channel,
    Request,
    Session,
    serve,
    server_connection,
)

ResponseHead = type[h11.Response] | type[h11.InformationalResponse]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4


def serve_client(channel: Channel) -> None:
    """Serve one client: its first bytes determine the protocol."""
    until = time.monotonic() + AGREE_SECONDS
    received = channel.receive(until)
    while len(received) < len(PREFACE) and PREFACE.startswith(received):
        more = channel.receive(until)
        if not more:
            return
        received += more
    if received.startswith(PREFACE):
        conn = server_connection()
        conn.initiate_connection()
        Session(channel, conn, agreed_by="prior knowledge").run(received)
    else:
        OlderSession(channel, received).run()


class OlderSession:
    """One client that speaks HTTP/1.1, until it leaves or switches to HTTP/2."""

    def __init__(self, channel: Channel, received: bytes) -> None:
        self.channel = channel
        self.conn = h11.Connection(h11.SERVER)
        self.conn.receive_data(received)

    def run(self) -> None:
        """Answer requests, or upgrade with one of them and serve in HTTP/2 from then on."""
        try:
            while isinstance(head := self.next_event(AGREE_SECONDS), h11.Request):
                if not head.http_version.startswith(b"1."):  # an invalid preface
                    self.refuse(505, "this is not HTTP/1.1, and no connection preface of HTTP/2")
                    break
                request = self.take_content(head)
                settings = offered_settings(head)
                if settings is not None:
                    self.upgrade(settings, request)
                    return
                self.answer(request)
                if self.conn.our_state is not h11.DONE:
                    break  # this client wants to close, or cannot send more
                self.conn.start_next_cycle()
        except (h11.RemoteProtocolError, h2.exceptions.ProtocolError) as error:
            self.refuse(getattr(error, "error_status_hint", 400), str(error))
        self.channel.hang_up()

    def next_event(self, seconds: float = math.inf) -> object:
        """Return the next event from the client, within this time."""
        until = time.monotonic() + seconds
        while (event := self.conn.next_event()) is h11.NEED_DATA:
            if self.conn.they_are_waiting_for_100_continue:
                self.send_head(h11.InformationalResponse, 100, {})
            try:
                self.conn.receive_data(self.channel.receive(until))
            except TimeoutError:
                if self.conn.their_state is not h11.SEND_BODY or self.channel.leaving:
                    raise
                self.channel.leave()  # the server stops, and this request is in progress
        return event

    def take_content(self, head: h11.Request) -> Request:
        """Receive the content of a request to its end."""
        request = Request(head.method.decode(), head.target.decode())
        while isinstance(part := self.next_event(), h11.Data):
            request.take(part.data)
        return request

    def upgrade(self, settings: bytes, request: Request) -> None:
        """Switch to HTTP/2; the request is answered there, on stream 1."""
        conn = server_connection()
        conn.initiate_upgrade_connection(settings)  # raises for invalid settings
        fields = {"connection": "Upgrade", "upgrade": "h2c"}
        self.send_head(h11.InformationalResponse, 101, fields)
        session = Session(self.channel, conn, agreed_by="upgrade")
        session.answer(1, request)
        # What follows the request in the same read is already HTTP/2.
        rest, _ = self.conn.trailing_data
        session.run(rest)

    def answer(self, request: Request) -> None:
        """Answer in HTTP/1.1."""
        status, fields, content = request.response("1.1", agreed_by=None)
        self.respond(status, fields, content)

    def refuse(self, status: int, reason: str) -> None:
        """Tell a client what is wrong with its request, and that this was the last one."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        content = f"{reason}\n".encode()
        fields = {"content-type": "text/plain", "content-length": str(len(content))}
        self.respond(status, fields | {"connection": "close"}, content)

    def respond(self, status: int, fields: dict[str, str], content: bytes) -> None:
        """Send a response."""
        self.send_head(h11.Response, status, fields)
        self.send(h11.Data(data=content))
        self.send(h11.EndOfMessage())

    def send_head(self, kind: ResponseHead, status: int, fields: dict[str, str]) -> None:
        """Send status line and fields of a response."""
        reason = HTTPStatus(status).phrase.encode()  # h2load wants one
        self.send(kind(status_code=status, headers=list(fields.items()), reason=reason))

    def send(self, event: h11.Event) -> None:
        """Write this event as HTTP/1.1."""
        if data := self.conn.send(event):
            self.channel.send(data)


def offered_settings(head: h11.Request) -> bytes | None:
    """Return the SETTINGS of a request that offers the upgrade; otherwise `None`.

    RFC 7540 section 3.2.1: no upgrade without the field, with several of them, or if an
    intermediary forwarded it, which a sender prevents by naming it in Connection. HTTP/1.0 does not
    have upgrades (RFC 9110 section 7.8).
    """
    settings = [value for name, value in head.headers if name == b"http2-settings"]
    offered = (
        head.http_version >= b"1.1"
        and b"h2c" in tokens(head, b"upgrade")
        and tokens(head, b"connection") >= {b"upgrade", b"http2-settings"}
        and len(settings) == 1
    )
    return settings[0] if offered else None


def tokens(head: h11.Request, field: bytes) -> set[bytes]:
    """Return the members of a list field, in lower case."""
    lists = (value for name, value in head.headers if name == field)
    return {token.strip().lower() for value in lists for token in value.split(b",")}


def main() -> None:
    """Read the command line and serve."""
    args = server_options(__doc__, port=8080, tls=False).parse_args()
    serve(args.host, args.port, "http", serve_client)


if __name__ == "__main__":
    main()
