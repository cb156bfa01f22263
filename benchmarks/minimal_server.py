"""A minimal HTTP/2 server on asyncio, for any package with the h2 API: GET is answered immediately.

usage: python -m benchmarks.minimal_server PACKAGE PORT

It speaks HTTP/2 without TLS, with prior knowledge. Its cost is that of the package and of asyncio,
which transfers the octets.
"""

from __future__ import annotations

import asyncio
import sys

from .hello import BODY, HEADERS
from .workloads import Api, load

RESPONSE = [
    (b":status", b"200"),
    (b"server", b"example/1.0"),
    (b"date", b"Fri, 20 Nov 2026 06:27:00 GMT"),
    *HEADERS,
]


class Server(asyncio.Protocol):
    """One client."""

    def __init__(self, api: Api) -> None:
        self.api = api
        config = api.config.H2Configuration(client_side=False, header_encoding=None)
        self.conn = api.connection.H2Connection(config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.conn.initiate_connection()
        transport.write(self.conn.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Answer all requests of a read, then write once."""
        conn, events = self.conn, self.api.events
        for event in conn.receive_data(data):
            if isinstance(event, events.RequestReceived):
                conn.send_headers(event.stream_id, RESPONSE)
                conn.send_data(event.stream_id, BODY, end_stream=True)
            elif isinstance(event, events.ConnectionTerminated):
                self.transport.close()
        self.transport.write(conn.data_to_send())


async def main() -> None:
    """Serve until the process is ended."""
    package, port = sys.argv[1:]
    api = load(package)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(api), "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
