"""The package under two of its consumers: httpx as the client of hypercorn, over TLS with ALPN.

Both run in this process, on one event loop and a real socket, and both import this package.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.processes import TIMEOUT, require_module

MEGABYTE = 1024 * 1024
CHUNK = bytes(range(256)) * 100
CHUNKS = 50

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application: echoes bodies, streams a download, or reports the request."""
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    version = scope["http_version"].encode()
    headers = [(b"x-version", version), (b"x-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/download":
        for _ in range(CHUNKS):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        content = body if scope["method"] == "POST" else scope["path"].encode()
        await send({"type": "http.response.body", "body": content})


async def answer_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


class Site:
    """A hypercorn with its certificate, and an httpx client that trusts it."""

    def __init__(self, folder: Path) -> None:
        trustme = require_module("trustme")
        self.httpx: ModuleType = require_module("httpx")
        self.hypercorn: ModuleType = require_module("hypercorn")
        self.serve = require_module("hypercorn.asyncio").serve
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        certificate.cert_chain_pems[0].write_to_path(self.cert)
        certificate.private_key_pem.write_to_path(self.key)
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)

    def visit(self, client_part: Callable[[Any], Awaitable[None]]) -> None:
        """Start the server, run the client, stop the server."""
        asyncio.run(asyncio.wait_for(self._visit(client_part), TIMEOUT))

    async def _visit(self, client_part: Callable[[Any], Awaitable[None]]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = self.hypercorn.Config()
            # The server closes the descriptor that it is given, so it gets a duplicate.
            config.bind = [f"fd://{listener.dup().detach()}"]
            config.certfile, config.keyfile = str(self.cert), str(self.key)
            config.errorlog = None
            stopping = asyncio.Event()
            server = asyncio.create_task(
                self.serve(application, config, shutdown_trigger=stopping.wait)
            )
            url = f"https://localhost:{listener.getsockname()[1]}"
            client = self.httpx.AsyncClient(
                http1=False, http2=True, verify=self.trust, base_url=url, timeout=TIMEOUT
            )
            try:
                async with client:
                    await client_part(client)
            finally:
                stopping.set()
                await server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def test_get(site: Site) -> None:
    async def visit(client: Any) -> None:
        response = await client.get("/some/page")
        assert (response.http_version, response.headers["x-version"]) == ("HTTP/2", "2")
        assert (response.status_code, response.text) == (200, "/some/page")

    site.visit(visit)


def test_post_of_a_megabyte(site: Site) -> None:
    async def visit(client: Any) -> None:
        body = secrets.token_bytes(MEGABYTE)
        response = await client.post("/echo", content=body)
        assert response.headers["x-length"] == str(MEGABYTE)
        assert response.content == body

    site.visit(visit)


def test_streaming_download(site: Site) -> None:
    async def visit(client: Any) -> None:
        digest, parts = hashlib.sha256(), 0
        async with client.stream("GET", "/download") as response:
            async for part in response.aiter_raw():
                digest.update(part)
                parts += 1
        assert parts > 1
        assert digest.digest() == hashlib.sha256(CHUNK * CHUNKS).digest()

    site.visit(visit)


def test_a_download_that_is_broken_off_harms_no_other(site: Site) -> None:
    async def visit(client: Any) -> None:
        async with client.stream("GET", "/download") as response:
            assert await anext(response.aiter_raw())
        assert (await client.get("/after")).text == "/after"

    site.visit(visit)


def test_twenty_requests_at_once(site: Site) -> None:
    async def visit(client: Any) -> None:
        bodies = [bytes([number]) * 50_000 for number in range(20)]
        posts = (client.post(f"/{number}", content=body) for number, body in enumerate(bodies))
        responses = await asyncio.gather(*posts)
        assert [response.content for response in responses] == bodies
        # All of them used one connection.
        streams = {response.extensions["network_stream"] for response in responses}
        assert len(streams) == 1
        assert sorted(response.extensions["stream_id"] for response in responses) == list(
            range(1, 41, 2)
        )

    site.visit(visit)
