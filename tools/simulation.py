"""Simulate random histories of two buffered connections, or put faults into the package first.

usage: python -m tools.simulation [--runs 100000] [--first SEED] [--show]
       python -m tools.simulation --faults

The simulation is `tests/buffered/simulation.py`, which says what is checked. With `--faults` each
of the faults in `tests/buffered/fault_list.py` is put into a copy of the package, and must be
found.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

from tools.venvs import ROOT


def main(arguments: list[str]) -> int:
    """Run the program; returns the exit status."""
    sys.path.insert(0, str(ROOT / "tests"))
    if "--faults" in arguments:
        arguments = [argument for argument in arguments if argument != "--faults"]
        return cast(int, import_module("buffered.seeded_faults").main(arguments))
    return cast(int, import_module("buffered.simulation").main(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
