"""A server that only supports HTTP/1.1: that of the standard library."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from support.clients import Target

if TYPE_CHECKING:
    from examples.common.certificate import Certificate


class _Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Send nothing: it is for clients of another protocol."""


@contextmanager
def http1_server(certificate: Certificate | None = None) -> Iterator[Target]:
    """Run the server for one connection; with a certificate over TLS, where it ignores ALPN."""
    with _Server(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.handle_request)
        thread.start()
        if certificate:
            yield Target(f"https://localhost:{server.server_port}", certificate.authority)
        else:
            yield Target(f"http://localhost:{server.server_port}")
        thread.join()
