"""Explore what two ends of this package can do to each other.

usage: python -m tools.explore [--depth N] [--streams 1|2] [--scenario NAME] [--mode MODE]
       python -m tools.explore --walks N [--length N] [--streams N] [--seed S] [--chain] [...]
       python -m tools.explore --faults [--only TEXT]

Two connections, a client and a server, with a channel in each direction that keeps the order. The
first form tries every order of up to N legal calls and of all deliveries, breadth first. The second
takes random walks, which are longer, with an intermediary between the two if --chain is given. The
third puts faults into the cells of the state tables, one at a time, and searches for each. The exit
status is 1 if anything illegal was found, or if a fault was not found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tools.explore import seeded
from tools.explore.calls import SCENARIOS
from tools.explore.chains import chain_walk
from tools.explore.search import Search
from tools.explore.walks import walk

#: How many calls in a row are searched unless --depth says otherwise: with one stream, with two.
DEPTHS = {
    "messages": (12, 7),
    "push": (6, 5),
    "connect": (6, 5),
    "upgrade": (5, 4),
    "settings": (4, 3),
    "windows": (5, 4),
    "filled": (5, 4),
    "shutdown": (7, 5),
    "others": (6, 5),
    "ending": (5, 4),
    "leaving": (4, 3),
    "largest": (4, 4),
    "restricted": (4, 3),
    "forgetful": (6, 4),
    "all": (3, 2),
    "start": (2, 2),
    "held": (3, 2),
}

_HEAD = "| scenario | mode | streams | calls | states | steps | states of an end | CPU s | found |"


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.explore", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--depth", type=int, help="try up to so many calls in a row")
    add("--streams", type=int, default=1, help="streams that each end opens or promises at most")
    add(
        "--scenario", action="append", choices=SCENARIOS, help="this scenario only; may be repeated"
    )
    add("--mode", choices=("default", "strict", "both"), default="both")
    add("--states", type=int, default=10**8, help="give up after so many states")
    add("--walks", type=int, default=0, help="so many random walks for each scenario and mode")
    add("--length", type=int, default=400, help="so many steps in a walk")
    add("--seed", default="1", help="where random numbers start")
    add("--chain", action="store_true", help="walks through an intermediary")
    add("--faults", action="store_true", help="put faults into the tables")
    add("--only", default="", help="of the cells, those with this text in their name")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Run the program; return the exit status."""
    arguments = _arguments(given)
    if arguments.faults:
        return _faults(arguments.only)
    modes = [mode for mode in ("default", "strict") if arguments.mode in (mode, "both")]
    runs = [(name, mode) for name in arguments.scenario or SCENARIOS for mode in modes]
    if arguments.walks:
        return _walk(runs, arguments)
    if arguments.streams not in (1, 2):
        raise SystemExit("a search has one stream or two; random walks may have more")
    return _search(runs, arguments)


def _search(runs: list[tuple[str, str]], arguments: argparse.Namespace) -> int:
    print(_HEAD)
    print("| --- | --- " + "| ---: " * 7 + "|")
    streams = arguments.streams
    findings = []
    for name, mode in runs:
        depth = arguments.depth or DEPTHS[name][streams - 1]
        search = Search(SCENARIOS[name], mode == "strict", streams, arguments.states)
        report = search.run(depth)
        findings += report.findings
        figures = (report.depth, report.states, report.steps, report.ends)
        shown = " | ".join(f"{figure:,}" for figure in figures)
        print(
            f"| {name} | {mode} | {streams} | {shown} | {report.seconds:.0f} "
            f"| {len(report.findings)} |",
            flush=True,
        )
    for finding in findings:
        print(finding)
    return bool(findings)


def _walk(runs: list[tuple[str, str]], arguments: argparse.Namespace) -> int:
    print("| scenario | mode | streams | walks | steps | CPU s | found |")
    print("| --- | --- " + "| ---: " * 5 + "|")
    findings = []
    take = chain_walk if arguments.chain else walk
    for name, mode in runs:
        began = time.process_time()
        report = take(
            SCENARIOS[name],
            mode == "strict",
            arguments.streams,
            arguments.walks,
            arguments.length,
            arguments.seed,
        )
        findings += report.findings
        print(
            f"| {name} | {mode} | {arguments.streams} | {report.walks:,} | {report.steps:,} "
            f"| {time.process_time() - began:.0f} | {len(report.findings)} |",
            flush=True,
        )
    for finding in findings:
        print(finding)
    return bool(findings)


def _faults(only: str) -> int:
    missed = tried = 0
    asked = seeded.asked_cells()
    for cell in sorted(asked):
        if only in str(cell):
            for value in seeded.changes(cell):
                outcome = seeded.try_cell(cell, value, asked[cell])
                tried += 1
                missed += not (outcome.found or outcome.excuse)
                print(outcome, flush=True)
    for cell in seeded.cells():
        if cell not in asked and only in str(cell):
            reason = seeded.reason(cell)
            missed += not reason
            print(f"{cell}: nobody asks: {reason or 'NO REASON'}")
    print(f"{tried} faults in {len(asked)} cells, {missed} not found or not explained")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
