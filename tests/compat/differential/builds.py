"""Compare the compiled build with the pure one: ``python -m differential.builds [STEPS]``.

Both run the same programs of random steps. Every event, octet and exception must be the same. The
interpreter it runs on must have the compiled build installed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h2

from .generator import program
from .runner import Runner

#: Programs that both builds run before their traces are compared: these are large.
TOGETHER = 200


@contextmanager
def pure_source() -> Iterator[str]:
    """A folder with the installed package, without compiled modules."""
    with tempfile.TemporaryDirectory() as folder:
        left_out = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(Path(h2.__file__).parent, Path(folder) / "h2", ignore=left_out)
        yield folder


def installed() -> Runner:
    """The folder of the package that this process imports."""
    return Runner(sys.executable, str(Path(h2.__file__).parent.parent))


def differences(
    compiled: Runner, pure: Runner, seeds: range
) -> tuple[int, list[tuple[int, int, Any, Any]]]:
    """The number of steps run, and the differences: seed, step, and the result of each build."""
    programs = [program(seed) for seed in seeds]
    found = []
    steps = 0
    for seed, ours, theirs in zip(seeds, compiled.run(programs), pure.run(programs), strict=True):
        steps += len(theirs)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            if one != other:
                found.append((seed, number, one, other))
                break
    return steps, found


def main(wanted: str = "1000000") -> int:
    """Compare until this many steps were run; return the exit status."""
    if not h2.__compiled__:
        sys.exit("this compares the compiled build with the pure one, and only that is installed")
    steps, first = 0, 0
    with pure_source() as folder:
        compiled, pure = installed(), Runner(sys.executable, folder)
        while steps < int(wanted):
            more, found = differences(compiled, pure, range(first, first + TOGETHER))
            steps, first = steps + more, first + TOGETHER
            for difference in found:
                print(*difference, sep="\n")
            if found:
                return 1
            print(f"{steps} steps of {first} programs are the same", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
