"""The options of `python -m h2 get`. If curl or nghttp has such an option, it has the same name."""

from __future__ import annotations

import argparse
from typing import Final

from h2._cli import report, waterfall
from h2._cli.option_parser import OptionParser, number, seconds
from h2._cli.resolve import override

DESCRIPTION: Final = """
Send requests over HTTP/2 and write the content of the responses to standard output.
https:// negotiates HTTP/2 with ALPN; http:// uses it from the first byte (prior knowledge).
URLs on the same server are fetched concurrently over one connection.
"""

_MAX_WINDOW: Final = 2**31 - 1


def add(parser: OptionParser) -> None:
    """Add all options to the parser of the command."""
    parser.further = "urls"
    parser.add_argument("urls", metavar="URL", nargs="+", help="https://... or http://...")
    _add_request(parser.add_argument_group("request"))
    _add_response(parser.add_argument_group("response"))
    _add_connection(parser.add_argument_group("connection"))
    _add_http2(parser.add_argument_group("HTTP/2"))
    _add_messages(parser.add_argument_group("messages"))


def _add_request(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "-X", "--request", metavar="METHOD", help="request method (default: depends on the content)"
    )
    add("-I", "--head", action="store_true", help="send HEAD; show the header section only")
    add("-H", "--header", metavar="FIELD", action="append", default=[],
        help="add the field 'NAME: VALUE'; 'NAME:' omits one that is sent by default, 'NAME;' sends"
        " it empty"
    )  # fmt: skip
    add("-A", "--user-agent", metavar="TEXT", help="value of the user-agent field; '' omits it")
    add("-u", "--user", metavar="USER:PASSWORD",
        help="send these credentials (Basic); prompts for the password if it is missing"
    )  # fmt: skip
    add(
        "-r",
        "--range",
        metavar="RANGE",
        help="request part of the content: 0-99, 100-, or -100 for the last 100 octets",
    )
    add("--compressed", action="store_true",
        help="request compressed content and decompress it: gzip, and zstd on Python 3.14 or later"
    )  # fmt: skip
    content = group.add_mutually_exclusive_group()
    add = content.add_argument
    add("-d", "--data", metavar="DATA", action="append",
        help="POST this data; several are joined with '&'; '@FILE' sends a file unchanged, '@-' "
        "standard input"
    )  # fmt: skip
    add("--upload", metavar="FILE", help="POST this file; '-' is standard input")
    add("-T", "--upload-file", metavar="FILE", help="PUT this file; '-' is standard input")


def _add_response(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-i", "--include", action="store_true", help="show the header section before the content")
    where = group.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", action="append",
        help="write the content to this file, '-' is standard output; repeat for more URLs"
    )  # fmt: skip
    where.add_argument("-O", "--remote-name", action="store_true",
        help="write the content of each URL to a file named after the last part of its path"
    )  # fmt: skip
    add(
        "-f",
        "--fail",
        action="store_true",
        help="exit with status 22 if the status code is 400 or higher",
    )
    add("-L", "--location", action="store_true", help="follow redirects")
    add("--max-redirs", metavar="N", type=number(0, 10**6, "a number of redirects"), default=50,
        help="follow at most N redirects (default: 50)"
    )  # fmt: skip


def _add_connection(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-k", "--insecure", action="store_true", help="do not verify the server's certificate")
    add("--cacert", metavar="FILE", help="trust this CA certificate (PEM) instead of the system's")
    add("-E", "--cert", metavar="FILE", help="client certificate (PEM)")
    add("--key", metavar="FILE", help="its private key (PEM), if it is not in the --cert file")
    add("--resolve", metavar="HOST:PORT:ADDRESS", type=override, action="append", default=[],
        help="connect to this address (or several, separated by commas) for HOST and PORT; '*' "
        "matches any host"
    )  # fmt: skip
    add("--prior-knowledge", action="store_true",
        help="use HTTP/2 even if ALPN did not select it; http:// always does"
    )  # fmt: skip
    add("-m", "--max-time", metavar="SECONDS", type=seconds, help="time out after this long")
    add("--connect-timeout", metavar="SECONDS", type=seconds, default=300.0,
        help="time out if connecting, including TLS, takes longer (default: 300)"
    )  # fmt: skip


def _add_http2(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    size = number(0, _MAX_WINDOW, "the size of a window, 0 to 2147483647 octets")
    add("--window", metavar="OCTETS", type=size, default=1024 * 1024,
        help="window of each stream: how much the server may send ahead (default: 1048576)"
    )  # fmt: skip
    add("--connection-window", metavar="OCTETS",
        type=number(65535, _MAX_WINDOW, "the size of a window, 65535 to 2147483647 octets"),
        default=1024 * 1024, help="window of the connection, 65535 or more (default: 1048576)"
    )  # fmt: skip
    add("--padding", metavar="OCTETS", type=number(0, 255, "a number of octets, 0 to 255"),
        help="pad each DATA frame that is sent"
    )  # fmt: skip
    add("--trailer", metavar="FIELD", action="append", default=[],
        help="send 'NAME: VALUE' after the content"
    )  # fmt: skip
    add("--urgency", metavar="N", type=number(0, 7, "an urgency, 0 to 7"), action="append",
        help="priority of the response, 0 is the most urgent (RFC 9218); repeat for more URLs"
    )  # fmt: skip
    add("--incremental", action="store_true",
        help="the response can be used in parts and may be interleaved with others (RFC 9218)"
    )  # fmt: skip


def _add_messages(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-v", "--verbose", action="store_true",
        help="show the certificate and every frame on standard error"
    )  # fmt: skip
    add("--waterfall", metavar="FILE", help=waterfall.HELP)
    add("--stat", action="store_true",
        help="show when each stream was sent, answered and completed, on standard error"
    )  # fmt: skip
    add("-w", "--write-out", metavar="FORMAT", type=report.write_out_format,
        help="write this after each response; %%{NAME} is replaced, for example "
        "%%{response_code}; '@FILE' reads the format from a file"
    )  # fmt: skip
    add("-s", "--silent", action="store_true", help="no progress bar, no error messages")
    add("-S", "--show-error", action="store_true", help="error messages even with --silent")
