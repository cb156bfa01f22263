"""Fuzz a target until something is found or the time is over.

usage: python -m fuzz TARGET [--seconds N] [--runs N] [--seed N] [--engine NAME]
       python -m fuzz TARGET FILE [FILE ...]
       python -m fuzz --list

With atheris (`pip install atheris`) the search is guided by the coverage of the package; without
it, a built-in loop does the same, but more slowly. An input that breaks something is written to a
file, and the exit status is 1. FILE is such an input, to try again.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from .engine import ENGINES, Limits
from .names import TARGET_NAMES

_SECONDS = 60


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return the exit status."""
    options = _parser().parse_args(arguments)
    if options.list or options.target is None:
        for name, what in TARGET_NAMES.items():
            print(f"{name:15} {what}")
        return 0
    if options.files:
        from .targets import TARGETS

        for file in options.files:
            TARGETS[options.target](file.read_bytes())
            print(f"{file}: nothing is wrong")
        return 0
    seconds = options.seconds
    if seconds is None and options.runs is None:
        seconds = _SECONDS
    limits = Limits(seconds, options.runs, options.seed, options.max_len, options.output)
    engine = options.engine
    if engine is None:
        engine = "atheris" if importlib.util.find_spec("atheris") else "own"
    return 1 if ENGINES[engine](options.target, limits) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("target", nargs="?", choices=TARGET_NAMES, help="what to fuzz")
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="try these inputs instead"
    )
    parser.add_argument("--list", action="store_true", help="list the targets")
    parser.add_argument(
        "--seconds", type=float, help=f"stop after so many seconds ({_SECONDS} by default)"
    )
    parser.add_argument("--runs", type=int, help="stop after so many inputs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random numbers (0)")
    parser.add_argument(
        "--max-len", type=int, default=200, help="largest size of an input in octets (200)"
    )
    parser.add_argument("--engine", choices=ENGINES, help="atheris by default if it is installed")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("build/fuzz"),
        help="folder for findings, and for the inputs that the next run starts from (build/fuzz)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
