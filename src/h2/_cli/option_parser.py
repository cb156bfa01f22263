"""The parser of options, and the types of their values."""

from __future__ import annotations

import argparse
import contextlib
import difflib
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from h2._cli.failure import Failure, Status

MAX_SECONDS: Final = 1e6  # longer than the operating system can wait


class OptionParser(argparse.ArgumentParser):
    """A parser whose errors look like all other messages, and name the right `--help`."""

    #: The destination of positional arguments after an option, which argparse leaves over.
    further: str | None = None

    def error(self, message: str) -> NoReturn:
        """Exit with a message and a hint."""
        raise Failure(Status.USAGE, f"{message}\nTry '{self.prog} --help'.")

    def parse_known_args(  # type: ignore[override]  # the overloads differ in the namespace only
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse arguments; unknown ones are errors of the command, not of the program.

        argparse leaves such arguments to the main parser, whose help does not list the options of
        the command.
        """
        found, unknown = super().parse_known_args(args, namespace)
        for argument in unknown:
            if argument.startswith("-") or self.further is None:
                self.error(self._unknown(argument))
            getattr(found, self.further).append(argument)
        return found, []

    def _unknown(self, argument: str) -> str:
        if not argument.startswith("-"):
            return f"unexpected argument: {argument}"
        option = argument.partition("=")[0]
        known = [name for name in self._option_string_actions if name.startswith("--")]
        close = difflib.get_close_matches(option, known, n=1, cutoff=0.75)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return f"unknown option: {option}{hint}"


def seconds(text: str) -> float:
    """Return a time span."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < MAX_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")


def number(least: int, most: int, what: str) -> Callable[[str], int]:
    """Return a type for whole numbers within these bounds."""

    def parse(text: str) -> int:
        with contextlib.suppress(ValueError):
            if least <= int(text) <= most:
                return int(text)
        raise argparse.ArgumentTypeError(f"not {what}: {text!r}")

    return parse


port = number(0, 65535, "a port")
