"""echocorn serves an ASGI application to httpx, over HTTP/2 with prior knowledge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest


def new_client(url: str) -> httpx.Client:
    """A client that only speaks HTTP/2."""
    return httpx.Client(base_url=url, http1=False, http2=True, trust_env=False)


@pytest.fixture
def client(echocorn_url: str) -> Iterator[httpx.Client]:
    """A client with its own connection."""
    with new_client(echocorn_url) as client:
        yield client


def ask_for_too_much(url: str) -> None:
    """Send a header list above the server's limit; it may answer or disconnect."""
    with new_client(url) as client:
        try:
            response = client.get("/", headers={"x-large": "x" * 30_000})
        except httpx.HTTPError:
            return
    assert response.status_code == 431


def test_get(client: httpx.Client) -> None:
    response = client.get("/some/path")
    assert response.status_code == 200
    assert response.headers["x-version"] in ("2", "2.0")
    assert response.text == "/some/path"


def test_many_one_after_the_other(client: httpx.Client) -> None:
    paths = [f"/{number}" for number in range(300)]
    assert [client.get(path).text for path in paths] == paths


def test_upload_larger_than_all_windows(client: httpx.Client) -> None:
    content = bytes(range(256)) * 4000
    assert client.post("/", content=content).content == content


def test_many_at_the_same_time(echocorn_url: str) -> None:
    contents = [f"content {number} ".encode() * 500 for number in range(40)]

    async def main() -> list[bytes]:
        async with httpx.AsyncClient(http1=False, http2=True, trust_env=False) as client:
            posts = (client.post(echocorn_url, content=content) for content in contents)
            return [response.content for response in await asyncio.gather(*posts)]

    assert asyncio.run(main()) == contents


def test_header_list_above_the_limit(client: httpx.Client, echocorn_url: str) -> None:
    assert client.get("/before").text == "/before"
    ask_for_too_much(echocorn_url)
    assert client.get("/after").text == "/after"
