"""Time workloads on one package, in a separate process; the other programs here call this.

usage: python -m benchmarks.measure PACKAGE REPEATS WORKLOAD [WORKLOAD ...]

Prints one JSON object: for each workload the microseconds of CPU time per unit, one figure per
repetition. An uncounted run comes first, so that tables built on first use exist.
"""

from __future__ import annotations

import gc
import json
import sys
from time import process_time

from .workloads import WORKLOADS, Api, Workload, load


def cost(api: Api, workload: Workload) -> float:
    """Microseconds of CPU time per unit, over one run of the workload."""
    spent, units = 0.0, 0
    gc.collect()
    for section in workload.prepare(api, workload.size):
        start = process_time()
        units += section()
        spent += process_time() - start
    return spent / units * 1e6


def main() -> None:
    """Run the program."""
    package, repeats, *names = sys.argv[1:]
    api = load(package)
    figures = {}
    for name in names:
        cost(api, WORKLOADS[name])
        figures[name] = [cost(api, WORKLOADS[name]) for _ in range(int(repeats))]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
