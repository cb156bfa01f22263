"""A client on Twisted that makes a HEAD request and prints the header section of the response.

Start it from the root of the checkout; without --authority it uses the system's CA certificates:

    python -m examples.twisted.head_client https://www.example.com/

With the server of this folder:

    AUTHORITY=examples/certificates/authority.pem
    python -m examples.twisted.head_client --authority $AUTHORITY https://localhost:8443/
"""

from __future__ import annotations

import argparse
from typing import Any

from twisted.internet import task

from examples.twisted.request import Request, client_options, make


async def run(reactor: Any, args: argparse.Namespace) -> None:
    """Make the request and show what came of it."""
    request = Request(args.url, "HEAD")
    await make(reactor, request, args.authority)
    for name, value in request.fields:
        print(name.decode(), value.decode("utf-8", "backslashreplace"), sep=": ")


def main() -> None:
    """Read the command line and make the request."""
    task.react(run, [client_options(__doc__).parse_args()])


if __name__ == "__main__":
    main()
