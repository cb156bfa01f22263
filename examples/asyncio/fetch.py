"""Make many concurrent requests over HTTP/2.

    python -m examples.asyncio.fetch --repeat 100 --concurrency 10 https://example.com/

Prints status, length, SHA-256, seconds and URL of each response. `examples/asyncio/client.py` does
the work.
"""

import argparse
import asyncio
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from examples.asyncio.client import Client
from examples.common.certificate import client_context
from h2.exceptions import ProtocolError


class FileContent:
    """The content of a file, read again for each attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the file piece by piece."""
        with self.path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, 64 * 1024):
                yield piece


async def fetch(client: Client, args: argparse.Namespace, url: str, number: int) -> bool:
    """Make one request and print a line about the response; return whether it succeeded."""
    began, digest, length = time.perf_counter(), hashlib.sha256(), 0
    method, content = ("POST", FileContent(args.data)) if args.data else ("GET", b"")
    try:
        async with client.request(method, url, content=content) as response:
            with open(args.output / str(number) if args.output else os.devnull, "wb") as file:
                async for piece in response:
                    digest.update(piece)
                    length += file.write(piece)
    except (ProtocolError, OSError, asyncio.TimeoutError, ValueError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return False
    seconds = time.perf_counter() - began
    print(f"{response.status} {length} {digest.hexdigest()} {seconds:.3f} {url}", flush=True)
    return True


async def run(args: argparse.Namespace) -> bool:
    """Make all requests; return whether all of them succeeded."""
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
    places = asyncio.Semaphore(args.concurrency)

    async def one(url: str, number: int) -> bool:
        async with places:
            return await fetch(client, args, url, number)

    async with Client(client_context(args.authority)) as client:
        requests = [one(url, number) for number, url in enumerate(args.url * args.repeat, 1)]
        return all(await asyncio.gather(*requests))


def main() -> int:
    """Read the command line and make the requests; return the exit status."""
    parser = argparse.ArgumentParser(description="Make many requests over HTTP/2 at the same time.")
    parser.add_argument("url", nargs="+", help="https, or http for HTTP/2 with prior knowledge")
    parser.add_argument("--authority", type=Path, metavar="FILE", help="certificate to trust (PEM)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="ask for each N times")
    parser.add_argument("--concurrency", type=int, default=100, metavar="N", help="N at a time")
    parser.add_argument("--data", type=Path, metavar="FILE", help="POST the content of this file")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep content in files here")
    args = parser.parse_args()
    if min(args.repeat, args.concurrency) < 1:
        parser.error("N must be at least 1")
    try:
        return 0 if asyncio.run(run(args)) else 1
    except OSError as error:  # with the CA certificate, or the folder for the output
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
