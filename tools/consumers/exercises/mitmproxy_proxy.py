"""mitmproxy passes requests on to Hypercorn, with TLS and HTTP/2 on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import free_port, serving


@pytest.fixture(scope="module")
def url(tls_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the proxy."""
    folder: Path = tmp_path_factory.mktemp("mitmproxy")
    port = free_port()
    command = [
        *("-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"),
        *("--listen-host", "127.0.0.1", "--listen-port", str(port)),
        *("--mode", f"reverse:https://localhost:{tls_port}"),
        *("--ssl-insecure", "--set", f"confdir={folder}", "--set", "stream_large_bodies=100k"),
    ]
    with serving(folder, port, *command):
        yield f"https://localhost:{port}"


def new_client() -> httpx.AsyncClient:
    """A client that does not verify the certificate."""
    return httpx.AsyncClient(http2=True, verify=False, trust_env=False, timeout=20)


def test_get(url: str) -> None:
    async def main() -> None:
        async with new_client() as client:
            response = await client.get(f"{url}/some/path")
            assert response.http_version == "HTTP/2"
            assert response.text == "/some/path"
            assert response.headers["x-version"] == "2"

    asyncio.run(main())


@pytest.mark.parametrize("size", [50_000, 1_000_000])
def test_upload(url: str, size: int) -> None:
    content = bytes(range(250)) * (size // 250)

    async def main() -> bytes:
        async with new_client() as client:
            return (await client.post(url, content=content)).content

    assert asyncio.run(main()) == content


def test_many_at_the_same_time(url: str) -> None:
    contents = [f"content {number} ".encode() * 500 for number in range(40)]

    async def main() -> list[bytes]:
        async with new_client() as client:
            posts = (client.post(url, content=content) for content in contents)
            return [response.content for response in await asyncio.gather(*posts)]

    assert asyncio.run(main()) == contents
