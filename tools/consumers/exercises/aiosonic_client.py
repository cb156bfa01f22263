"""aiosonic sends requests to Hypercorn, over TLS."""

from __future__ import annotations

import asyncio

import aiosonic


def test_get(tls_port: int) -> None:
    async def main() -> None:
        async with aiosonic.HTTPClient(http2=True, verify_ssl=False) as client:
            response = await client.get(f"https://localhost:{tls_port}/some/path")
            assert response.status_code == 200
            assert await response.text() == "/some/path"
            assert response.headers["x-version"] == "2"

    asyncio.run(main())


def test_many_at_the_same_time(tls_port: int) -> None:
    async def main() -> None:
        async with aiosonic.HTTPClient(http2=True, verify_ssl=False) as client:

            async def post(number: int) -> None:
                content = f"content {number} ".encode() * 3000
                response = await client.post(f"https://localhost:{tls_port}/", data=content)
                assert await response.content() == content

            await asyncio.gather(*map(post, range(40)))

    asyncio.run(main())


def test_upload_larger_than_all_windows(tls_port: int) -> None:
    async def main() -> None:
        content = bytes(range(256)) * 4000
        async with aiosonic.HTTPClient(http2=True, verify_ssl=False) as client:
            response = await client.post(f"https://localhost:{tls_port}/", data=content)
            assert await response.content() == content

    asyncio.run(main())
