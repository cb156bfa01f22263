"""The command line of `python -m h2`: what it takes, and how it ends."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn, TextIO

import h2
from h2._cli import decode, get, serve
from h2._cli.failure import Failure, Status
from h2._cli.text import reason

MAX_SECONDS: Final = 1e6  # more than a wait in the operating system takes

_DESCRIPTION: Final = "Look at HTTP/2: fetch a URL, serve a folder, decode recorded bytes."
_EPILOG: Final = "Exit statuses are those of curl. The manual is docs/command-line.md."
_GET: Final = """
Send one request over HTTP/2 and write the content of the response to standard output.
https:// negotiates HTTP/2 with ALPN; http:// speaks it from the first byte (prior knowledge).
"""
_SERVE: Final = """
Serve the files below a folder over HTTP/2: cleartext with prior knowledge, or TLS with --cert or
--tls. A line for every request goes to standard error.
"""
_DECODE: Final = """
Show the frames and header fields in the bytes of one direction of a connection, raw or as
hexadecimal text. Damage is reported at its offset, and makes the exit status 1.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints look like all other messages."""

    def error(self, message: str) -> NoReturn:
        """End with a message and a hint."""
        raise Failure(Status.USAGE, f"{message}\nTry '{self.prog} --help'.")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="python -m h2", description=_DESCRIPTION, epilog=_EPILOG)
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    get_ = commands.add_parser("get", help="fetch a URL", description=_GET)
    get_.set_defaults(run=get.run)
    _add_get(get_)
    serve_ = commands.add_parser("serve", help="serve a folder", description=_SERVE)
    serve_.set_defaults(run=serve.run)
    _add_serve(serve_)
    decode_ = commands.add_parser("decode", help="decode recorded bytes", description=_DECODE)
    decode_.set_defaults(run=decode.run)
    _add_decode(decode_)
    return top


def _version() -> str:
    return f"h2 {h2.__version__} ({'compiled' if h2.__compiled__ else 'pure'})"


def _add_get(get_: argparse.ArgumentParser) -> None:
    add = get_.add_argument
    add("url", metavar="URL", help="https://... or http://...")
    add("-v", "--verbose", action="store_true", help="show every frame on standard error")
    add("-s", "--silent", action="store_true", help="no progress bar, no error messages")
    add("-S", "--show-error", action="store_true", help="error messages even with --silent")
    request = get_.add_argument_group("request")
    add = request.add_argument
    add("-X", "--request", metavar="METHOD", help="method; follows from the content otherwise")
    add("-I", "--head", action="store_true", help="HEAD; shows the header section only")
    add("-H", "--header", metavar="FIELD", action="append", default=[],
        help="add 'NAME: VALUE'; 'NAME:' leaves out what is sent otherwise, 'NAME;' sends it empty"
    )  # fmt: skip
    content = request.add_mutually_exclusive_group()
    add = content.add_argument
    add("-d", "--data", metavar="DATA", action="append",
        help="POST this; several are joined with '&'; '@FILE' sends a file as it is, '@-' standard "
        "input"
    )  # fmt: skip
    add("--upload", metavar="FILE", help="POST this file; '-' is standard input")
    add("-T", "--upload-file", metavar="FILE", help="PUT this file; '-' is standard input")
    response = get_.add_argument_group("response")
    add = response.add_argument
    add("-i", "--include", action="store_true", help="show the header section before the content")
    add("-o", "--output", metavar="FILE", help="where the content goes; '-' is standard output")
    add("-f", "--fail", action="store_true", help="exit status 22 for statuses from 400 on")
    connection = get_.add_argument_group("connection")
    add = connection.add_argument
    add("-k", "--insecure", action="store_true", help="trust any certificate")
    add("--cacert", metavar="FILE", help="trust this authority (PEM) instead of the system's")
    add("--prior-knowledge", action="store_true",
        help="speak HTTP/2 even if ALPN did not pick it; http:// always does"
    )  # fmt: skip
    add("-m", "--max-time", metavar="SECONDS", type=_seconds, help="for everything")
    add("--connect-timeout", metavar="SECONDS", type=_seconds, default=300.0,
        help="until the connection stands, TLS included (300)"
    )  # fmt: skip


def _add_serve(serve_: argparse.ArgumentParser) -> None:
    add = serve_.add_argument
    add("directory", metavar="DIR", nargs="?", default=".", help="folder to serve (this one)")
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=_port, help="0 takes a free one (8080, with TLS 8443)")
    add("--cert", metavar="FILE", help="certificate chain (PEM); turns TLS on")
    add("--key", metavar="FILE", help="private key (PEM), if it is not in the --cert file")
    add("--tls", action="store_true", help="TLS with a certificate made for this run")
    add("-v", "--verbose", action="store_true", help="show every frame on standard error")


def _add_decode(decode_: argparse.ArgumentParser) -> None:
    decode_.add_argument("file", metavar="FILE", help="what to decode; '-' is standard input")
    form = decode_.add_mutually_exclusive_group()
    form.add_argument("--raw", dest="format", action="store_const", const="raw", default="auto",
        help="the file holds the bytes themselves"
    )  # fmt: skip
    form.add_argument("--hex", dest="format", action="store_const", const="hex",
        help="the file is hexadecimal text: digits, or a dump with offsets"
    )  # fmt: skip


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < MAX_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")


def _port(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 0 <= int(text) <= 65535:
            return int(text)
    raise argparse.ArgumentTypeError(f"not a port: {text!r}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    quiet = False
    try:
        # Whatever a peer sent can be printed, if need be with escapes.
        for out in (sys.stdout, sys.stderr):
            _tolerate(out)
        options = parser().parse_args(arguments)
        quiet = getattr(options, "silent", False) and not options.show_error
        command: Callable[[argparse.Namespace], int] = options.run
        status = command(options)
        sys.stdout.flush()
        return status
    except Failure as failure:
        return _end(failure.status, "" if quiet else str(failure))
    except BrokenPipeError:  # the reader of our output has seen enough
        return _end(Status.WRITE)
    except KeyboardInterrupt:
        return _end(Status.INTERRUPTED)
    except ImportError as error:  # of ssl, where it is needed: not every Python has it
        return _end(Status.SCHEME, f"This needs a module that Python lacks here: {error.name}")
    except OSError as error:  # of our own output: everything else has been dealt with
        return _end(Status.WRITE, f"Could not write the output: {reason(error)}")


def _tolerate(out: TextIO) -> None:
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _end(status: Status, message: str = "") -> int:
    """Write the message, if there still is somebody to read it."""
    _flush(sys.stdout)
    if message:
        with contextlib.suppress(OSError):
            print(f"h2: ({status.value}) {message}", file=sys.stderr)
    _flush(sys.stderr)
    return status.value


def _flush(out: TextIO) -> None:
    """Write what waits. What cannot be written is not tried again at the exit of Python."""
    try:
        out.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
