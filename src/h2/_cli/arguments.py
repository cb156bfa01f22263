"""The command line of `python -m h2`: its parser, and its exit."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, TextIO

import h2
from h2._cli import decode, decode_options, get, get_options, serve, serve_options
from h2._cli.failure import Failure, Status
from h2._cli.option_parser import OptionParser
from h2._cli.text import reason

_DESCRIPTION: Final = "Look at HTTP/2: fetch a URL, serve a folder, decode recorded bytes."
_EPILOG: Final = "Exit statuses are those of curl. The manual is docs/command-line.md."


def parser() -> OptionParser:
    """Return the parser of the whole command line."""
    top = OptionParser(prog="python -m h2", description=_DESCRIPTION, epilog=_EPILOG)
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    get_ = commands.add_parser("get", help="fetch URLs", description=get_options.DESCRIPTION)
    get_.set_defaults(run=get.run)
    get_options.add(get_)
    serve_ = commands.add_parser(
        "serve", help="serve a folder", description=serve_options.DESCRIPTION
    )
    serve_.set_defaults(run=serve.run)
    serve_options.add(serve_)
    decode_ = commands.add_parser(
        "decode", help="decode recorded bytes", description=decode_options.DESCRIPTION
    )
    decode_.set_defaults(run=decode.run)
    decode_options.add(decode_)
    return top


def _version() -> str:
    return f"h2 {h2.__version__} ({'compiled' if h2.__compiled__ else 'pure'})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    if arguments is None and "_ARGCOMPLETE" in os.environ:
        _complete()
    quiet = False
    try:
        # Whatever a peer sent can be printed, with escapes if necessary.
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
    except BrokenPipeError:  # the reader of our output has closed it
        return _end(Status.WRITE)
    except KeyboardInterrupt:
        return _end(Status.INTERRUPTED)
    except ImportError as error:  # such as ssl, which not every Python has
        return _end(
            Status.SCHEME, f"This Python lacks a module that the command needs: {error.name}"
        )
    except OSError as error:  # while writing our output: all others have been handled
        return _end(Status.WRITE, f"Could not write the output: {reason(error)}")


def _complete() -> None:
    """Print shell completions and exit, if argcomplete is installed and the shell asks."""
    with contextlib.suppress(ImportError):
        importlib.import_module("argcomplete").autocomplete(parser())


def _tolerate(out: TextIO) -> None:
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _end(status: Status, message: str = "") -> int:
    """Write the message, if standard error still has a reader."""
    _flush(sys.stdout)
    if message:
        with contextlib.suppress(OSError):
            print(f"h2: ({status.value}) {message}", file=sys.stderr)
    _flush(sys.stderr)
    return status.value


def _flush(out: TextIO) -> None:
    """Write what is pending. If that fails, Python does not try again at exit."""
    try:
        out.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
