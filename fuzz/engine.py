"""The two ways to search: atheris, which measures coverage in C, and a built-in loop."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final, NamedTuple

from .corpus import found, kept, save
from .coverage import Coverage
from .mutation import mutated

#: The fraction of inputs whose coverage is measured, which costs many times as much as the input.
_ONE_IN: Final = 4


class Limits(NamedTuple):
    """How long to search, and where to put results."""

    seconds: float | None
    runs: int | None
    seed: int
    longest: int
    output: Path


class Outcome(NamedTuple):
    """The result of a search."""

    runs: int
    finding: bytes | None
    error: Exception | None
    corpus: list[bytes]


def search(target: Callable[[bytes], None], limits: Limits, begin: Sequence[bytes]) -> Outcome:
    """Search with the built-in loop until something is found or the time is over.

    Later inputs are derived from those that reached new lines.
    """
    random = Random(limits.seed)
    coverage = Coverage()
    corpus = list(dict.fromkeys([b"", *begin]))
    pending = list(begin)
    end = None if limits.seconds is None else monotonic() + limits.seconds
    runs = 0
    while (limits.runs is None or runs < limits.runs) and (end is None or monotonic() < end):
        data = pending.pop() if pending else mutated(random, corpus, limits.longest)
        runs += 1
        try:
            if runs % _ONE_IN:
                target(data)
            elif coverage.new_in(target, data) and data not in corpus:
                corpus.append(data)
        except Exception as error:
            return Outcome(runs, data, error, corpus)
    return Outcome(runs, None, None, corpus)


def run_own(name: str, limits: Limits) -> bool:
    """Search with the built-in loop; return whether something was found."""
    from .targets import TARGETS

    outcome = search(TARGETS[name], limits, kept(name) + found(limits.output / name))
    print(f"{name}: {outcome.runs} runs, {len(outcome.corpus)} inputs that reach new lines")
    save(limits.output / name, outcome.corpus)
    if outcome.finding is not None and outcome.error is not None:
        traceback.print_exception(outcome.error)
        _report(name, limits.output, outcome.finding)
    return outcome.finding is not None


def run_atheris(name: str, limits: Limits) -> bool:
    """Search with atheris, which ends the process itself, with status 77 if it finds something.

    It must see the import of the package, so nothing may have imported it before.
    """
    import atheris

    with atheris.instrument_imports(include=["h2"]):
        from .targets import TARGETS
    target = TARGETS[name]
    folder = limits.output / name
    save(folder, kept(name))

    def attempt(data: bytes) -> None:
        try:
            target(data)
        except Exception:
            _report(name, limits.output, data)
            raise

    options = [f"-max_len={limits.longest}", "-print_final_stats=1"]
    options.append(f"-artifact_prefix={limits.output}/{name}-")
    if limits.seed:
        options.append(f"-seed={limits.seed}")
    if limits.seconds is not None:
        options.append(f"-max_total_time={max(1, int(limits.seconds))}")
    if limits.runs is not None:
        options.append(f"-runs={limits.runs}")
    atheris.Setup([sys.argv[0], *options, str(folder)], attempt)
    atheris.Fuzz()
    return False


def _report(name: str, output: Path, data: bytes) -> None:
    """Write an input that breaks something to a file, and print how to try it again."""
    (file,) = save(output, [data], f"{name}-found-")
    print(f"broken by {data.hex()}")
    print(f"try it again: python -m fuzz {name} {file}")


ENGINES: Final = {"atheris": run_atheris, "own": run_own}
