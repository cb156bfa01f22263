"""The options of `python -m h2 serve`."""

from __future__ import annotations

import argparse
from typing import Final

from h2._cli import waterfall
from h2._cli.option_parser import OptionParser, port

DESCRIPTION: Final = """
Serve the files below a folder over HTTP/2: cleartext with prior knowledge, or TLS with --cert or
--tls. A line for every request goes to standard error.
"""


def add(parser: OptionParser) -> None:
    """Add all options to the parser of the command."""
    parser.further = "place"
    add = parser.add_argument
    add("place", metavar="DIR | PORT", nargs="*",
        help="folder to serve (default: the current one); a number is the port to listen on"
    )  # fmt: skip
    add("-b", "--bind", "--host", dest="host", metavar="ADDRESS", default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1)"
    )  # fmt: skip
    add("-p", "--port", metavar="PORT", type=port,
        help="0 picks a free one (default: 8080, with TLS 8443)"
    )  # fmt: skip
    add("--cert", metavar="FILE", help="certificate chain (PEM); turns TLS on")
    add("--key", metavar="FILE", help="private key (PEM), if it is not in the --cert file")
    add("--tls", action="store_true", help="TLS with a certificate made for this run")
    add("--waterfall", metavar="FILE", help=f"when the server stops, {waterfall.HELP}")
    add("-v", "--verbose", action="store_true", help="show every frame on standard error")


def place_of(options: argparse.Namespace) -> tuple[str, int | None]:
    """Return the folder and the port that the positional arguments name.

    Raises ValueError if there are two of a kind.
    """
    folder, wanted = None, options.port
    for text in options.place:
        if text.isdecimal():
            if wanted is not None:
                raise ValueError(f"two ports: {wanted} and {text}")
            wanted = _port_of(text)
        elif folder is not None:
            raise ValueError(f"two folders: {folder} and {text}")
        else:
            folder = text
    return folder or ".", wanted


def _port_of(text: str) -> int:
    try:
        return port(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from None
