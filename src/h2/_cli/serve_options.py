"""The options of `python -m h2 serve`."""

from __future__ import annotations

import argparse
from typing import Final

from h2._cli import waterfall
from h2._cli.option_parser import OptionParser, port

DESCRIPTION: Final = """
Serve the files below a folder over HTTP/2: cleartext with prior knowledge, or TLS with --cert or
--tls. Each request is logged to standard error.
"""


def add(parser: OptionParser) -> None:
    """Add all options to the parser of the command."""
    parser.further = "place"
    add = parser.add_argument
    add("place", metavar="DIR | PORT", nargs="*",
        help="folder to serve (default: the current folder), or port to listen on"
    )  # fmt: skip
    add("-b", "--bind", "--host", dest="host", metavar="ADDRESS", default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1)"
    )  # fmt: skip
    add("-p", "--port", metavar="PORT", type=port,
        help="port to listen on; 0 picks a free one (default: 8080, or 8443 with TLS)"
    )  # fmt: skip
    add("--cert", metavar="FILE", help="certificate chain (PEM); enables TLS")
    add("--key", metavar="FILE", help="private key (PEM), if it is not in the --cert file")
    add("--tls", action="store_true", help="use TLS with a certificate generated for this run")
    add("--waterfall", metavar="FILE", help=f"when the server stops, {waterfall.HELP}")
    add("-v", "--verbose", action="store_true", help="show every frame on standard error")


def place_of(options: argparse.Namespace) -> tuple[str, int | None]:
    """Return the folder and the port that the positional arguments name.

    Raises ValueError if there are two folders or two ports.
    """
    folder, wanted = None, options.port
    for text in options.place:
        if text.isdecimal():
            if wanted is not None:
                raise ValueError(f"two ports given: {wanted} and {text}")
            wanted = _port_of(text)
        elif folder is not None:
            raise ValueError(f"two folders given: {folder} and {text}")
        else:
            folder = text
    return folder or ".", wanted


def _port_of(text: str) -> int:
    try:
        return port(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from None
