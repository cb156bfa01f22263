"""The command line: runs the catalogue and prints a table.

usage: python -m benchmarks.attacks [--only NAMES] [--packages NAMES] [--quick] [--json FILE]

Exit status 0 means that each connection class of this checkout withstands all attacks.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.venvs import ROOT, ensure

from . import record
from .catalogue import ATTACKS, SAMPLE
from .judge import faults, grows, too_costly, verdict
from .probe import Outcome, times
from .victim import BUFFERED, LIBRARY, MODES, READING

#: Target -> import name of the package. The packages are in environments of tools.venvs; ours also
#: has the C library and our buffered connection.
PACKAGES = {"ours": "h2", "published": "h2", "jh2": "jh2", LIBRARY: LIBRARY}
PACKAGES |= {BUFFERED: BUFFERED, READING: READING}
#: Targets in which a harmful attack is a failure.
OURS = ("ours", BUFFERED, READING)

# Quick runs are long enough for the limits that count frames.
FRAMES, QUICK_FRAMES = 100_000, 12_000
SECONDS, QUICK_SECONDS = 5.0, 0.3


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.attacks", description="What attacks cost and how they end."
    )
    parser.add_argument(
        "--only", default="", help="identifiers or parts of them, separated by commas"
    )
    parser.add_argument(
        "--sample", action="store_true", help=f"run {len(SAMPLE)} attacks of all kinds only"
    )
    parser.add_argument(
        "--packages",
        default="ours",
        help=f"out of {', '.join(PACKAGES)}, separated by commas (ours)",
    )
    parser.add_argument(
        "--modes", default=",".join(MODES), help=f"applications, out of {', '.join(MODES)} (all)"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FRAMES:,} frames each")
    parser.add_argument("--frames", type=int, help=f"frames of each attack ({FRAMES:,})")
    parser.add_argument("--seconds", type=float, help=f"CPU seconds for each attack ({SECONDS:g})")
    parser.add_argument(
        "--again", type=int, default=2, help="repeat attacks that cost too much so often (2)"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="note the figures there, beside those of other packages",
    )
    parser.add_argument(
        "--add", action="store_true", help="keep the figures of other attacks in that file"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    parser.add_argument("--list", action="store_true", help="list the attacks without running them")
    options = parser.parse_args(arguments)
    options.frames = options.frames or (QUICK_FRAMES if options.quick else FRAMES)
    options.seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    wanted = options.only.split(",")
    names = SAMPLE if options.sample else ATTACKS
    options.names = [name for name in names if any(part in name for part in wanted)]
    options.packages = options.packages.split(",")
    options.modes = options.modes.split(",")
    if unknown := set(options.packages) - set(PACKAGES):
        parser.error(f"no such package: {', '.join(sorted(unknown))}")
    if unknown := set(options.modes) - set(MODES):
        parser.error(f"no such mode: {', '.join(sorted(unknown))}")
    if not options.names:
        parser.error("no attack has such a name")
    return options


def run(package: str, options: argparse.Namespace, names: list[str]) -> Iterator[Outcome]:
    """Run these attacks on one package, in an environment that has it."""
    command = [
        *(
            str(ensure("ours" if package in (LIBRARY, *OURS) else package)),
            "-m",
            "benchmarks.attacks.probe",
            PACKAGES[package],
        ),
        *(str(options.frames), str(options.seconds), ",".join(options.modes), *names),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for printed in process.stdout:
            yield Outcome(**json.loads(printed))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def line(package: str, outcome: Outcome) -> list[str]:
    """The cells of one row."""
    end = f"{outcome.error} at {outcome.refused_at:,}" if outcome.error else ""
    return [
        outcome.attack,
        package,
        outcome.mode,
        verdict(outcome),
        end + (f" ({outcome.code})" if outcome.code is not None else ""),
        f"{outcome.frames:,}" + ("+" if outcome.cut else ""),
        f"{times(outcome):.1f}",
        f"{outcome.peak / 1000:,.0f}",
        f"{outcome.pending:,}",
        f"{outcome.events:,}",
        "; ".join(faults(outcome)),
    ]


HEAD = ["attack", "package", "application", "verdict", "refused", "frames", "times", "KB"]
HEAD += ["pending", "events", "why"]


def show(cells: Sequence[str], markdown: bool) -> None:
    """Print one row of the table."""
    if markdown:
        print(f"| {' | '.join(cells)} |", flush=True)
    else:
        widths = (42, 9, 8, 8, 34, 8, 6, 8, 10, 8, 0)
        print(" ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip(), flush=True)


def measure(package: str, options: argparse.Namespace) -> list[Outcome]:
    """Run all attacks on one package.

    Repeats those that cost too much, because the machine may be busy, and those during which memory
    grows, ten times as long, because it may grow up to some limit only.
    """
    found: dict[tuple[str, str], Outcome] = {}
    for outcome in run(package, options, options.names):
        found[outcome.attack, outcome.mode] = outcome
        show(line(package, outcome), options.markdown)
    for _ in range(options.again):
        costly = [outcome for outcome in found.values() if too_costly(outcome)]
        names = list(dict.fromkeys(outcome.attack for outcome in costly))
        for outcome in run(package, options, names) if names else ():
            if times(outcome) < times(found[outcome.attack, outcome.mode]):
                found[outcome.attack, outcome.mode] = outcome
                show(line(package, outcome), options.markdown)
    longer = argparse.Namespace(**vars(options))
    longer.frames *= 10
    longer.seconds *= 10
    names = list(dict.fromkeys(outcome.attack for outcome in found.values() if grows(outcome)))
    for outcome in run(package, longer, names) if names else ():
        found[outcome.attack, outcome.mode] = outcome
        show(line(package, outcome), options.markdown)
    return list(found.values())


def main(arguments: Sequence[str]) -> int:
    """Run the program; returns the exit status."""
    options = parse_arguments(arguments)
    if options.list:
        for name in options.names:
            print(f"{name:45} {ATTACKS[name].cve:18} {ATTACKS[name].words}")
        return 0
    show(HEAD, options.markdown)
    if options.markdown:
        show(["---"] * len(HEAD), True)
    found = {package: measure(package, options) for package in options.packages}
    for package, outcomes in found.items():
        failed = {outcome.attack for outcome in outcomes if faults(outcome)}
        print(
            f"\n{package}: {len(options.names) - len(failed)} of {len(options.names)} attacks pass"
        )
    if options.json:
        runs = record.read(options.json)
        for package, outcomes in found.items():
            measured = record.run(options.frames, options.seconds, outcomes)
            if options.add and package in runs:
                measured = record.merged(runs[package], measured, ATTACKS)
            runs[package] = measured
        record.write(options.json, runs)
    return int(any(faults(outcome) for name in OURS for outcome in found.get(name, ())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
