"""The options of `python -m h2 decode`."""

from __future__ import annotations

import argparse
from typing import Final

from h2._cli import waterfall

DESCRIPTION: Final = """
Show the frames and header fields in the bytes of one direction of a connection, raw or as
hexadecimal text. Errors are reported with their offset; the exit status is then 1.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add all options to the parser of the command."""
    parser.add_argument("file", metavar="FILE", help="what to decode; '-' is standard input")
    parser.add_argument("--waterfall", metavar="FILE",
        help=f"{waterfall.HELP}; the FILE to decode can be such a recording"
    )  # fmt: skip
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--raw", dest="format", action="store_const", const="raw", default="auto",
        help="the file contains raw bytes"
    )  # fmt: skip
    form.add_argument("--hex", dest="format", action="store_const", const="hex",
        help="the file contains hexadecimal text: digits, or a dump with offsets"
    )  # fmt: skip
