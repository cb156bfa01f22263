"""Write docs/speed.md and its plots from the figures of the benchmarks.

usage: python -m tools.speed_page [--check]

The figures are in two files, which the benchmarks write:

    make bench ARGS="--json docs/benchmarks.json"
    .venv/bin/python -m benchmarks.servers --json docs/servers.json

With `--check` nothing is written, and the exit status is 1 if the page or a plot is out of date.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypedDict

from benchmarks.run import IN_C, figure
from benchmarks.servers import SERVERS, STREAMS
from tools import plots
from tools.drawing import Drawing
from tools.pages import ROOT, note, table, write_or_check

NAME = "speed.md"

#: Each workload in a few words.
WORDS = {
    "get": "a request and a response of 512 octets at a time",
    "repeat": "the same request and empty response, repeated",
    "grpc": "unary calls: 37 octets each way, trailers",
    "concurrent": "a hundred streams open at once, content both ways",
    "conn": "opening a connection: preface and settings",
    "ping": "PING and its acknowledgment",
    "download": "a response of 32 MiB in frames of 16 KiB",
    "recv_small_reads": "the same frames, received in reads of 4 KiB",
    "traces": "recorded traffic of browsers: requests and responses",
}

#: The measurements of growth to draw: the names of their figures in the file, and their labels.
STREAMS_OPEN = {f"us with {number} open": f"{number:,}" for number in (1, 100, 1000, 10_000)}
READS = {
    "us/MiB by 64 KiB": "64 KiB",
    "us/MiB by 1448 bytes": "1448 octets",
    "us/MiB by single bytes, of 256 KiB": "1 octet",
}

PAGE = """\
# Speed, compared with other packages

Results of the [benchmarks](performance.md#how-to-measure) in the repository, on CPython {python}.
All times are CPU time, not wall-clock time, the best of several rounds in which the candidates took
turns. The machine has two cores and was running other jobs, so compare the figures with each other
and ignore differences of a few per cent. Measure your own machine with `make bench` and
`python -m benchmarks.servers`. [Compiled and pure](compiled.md) explains how to get each build.

## Workloads

A client and a server connection in one process exchange their octets without a network. The plot
shows the speed relative to h2 4.4.1, by the CPU time of both ends together.

![{ratios}](diagrams/speed-ratios.svg)

The table lists the costs in microseconds per unit: a request with its response, a connection or a
PING. `download` and `recv_small_reads` are in MiB per second.

{workloads}
The program in C runs two sessions of libnghttp2 (`benchmarks/libnghttp2.c`). The workloads:

{words}
## How costs grow

CPU time to open another stream, at both ends together, depending on the number of open ones:

![{streams}](diagrams/speed-open-streams.svg)

CPU time to receive 1 MiB of DATA frames, in reads of 64 KiB, one TCP segment, and one octet:

![{reads}](diagrams/speed-reads.svg)

{import_time}

## A minimal server

The same asyncio server with each package, without TLS. h2load sends requests with a browser's
fields over 4 connections, 32 or 1 at a time on each. CPU time of the server per request:

![{minimal}](diagrams/speed-servers.svg)

{server}

With 1 request at a time, each request needs its own read and write, and most of the time is spent
in the event loop and in system calls.

## ASGI servers

"Hello, world" over TLS: from [the example ASGI server](examples/asyncio.md), from hypercorn with
the published h2 and with this package instead, and from two servers written in Rust, including
their HTTP/2. Each has one worker and runs the application on asyncio. CPU time per request of all
processes and threads of the server:

![{asgi}](diagrams/speed-asgi.svg)

{verdict}
"""

VERDICT = """\
With {streams} requests at a time, {best} takes {best_cost} us per request, and the example on the
compiled build {example} us, {times:.1f} times as much. If the CPU time of such requests matters, a
server in Rust is faster than any server on this package. HTTP/2 takes little of the time: the
minimal server above, without TLS and ASGI, takes {minimal} us in total.
Hypercorn takes {published} us with h2 4.4.1, {ours} us with the pure build and {compiled} us with
the compiled one; the rest is its own.
"""


class Data(TypedDict):
    """The output of `benchmarks.run`."""

    python: str
    workloads: dict[str, dict[str, list[float]]]
    growth: dict[str, dict[str, dict[str, float]]]


Served = dict[str, dict[str, dict[str, float]]]


def read() -> tuple[Data, Served]:
    """The figures of both files."""
    folder = ROOT / "docs"
    data: Data = json.loads((folder / "benchmarks.json").read_text(encoding="utf-8"))
    served: Served = json.loads((folder / "servers.json").read_text(encoding="utf-8"))
    return data, served


def faster(data: Data) -> dict[str, dict[str, float]]:
    """By workload: the highest speed of each package relative to the published h2."""
    return {
        workload: {
            name: min(runs["published"]) / min(runs[name])
            for name in plots.SERIES
            if runs.get(name)
        }
        for workload, runs in data["workloads"].items()
    }


def curves(
    data: Data, measurement: str, labels: Mapping[str, str]
) -> Mapping[str, Sequence[float]]:
    """The figures of a measurement that have these labels, by series."""
    taken = data["growth"][measurement]
    return {
        name: [taken[name][label] for label in labels] for name in plots.SERIES if name in taken
    }


def costs(served: Served, group: str) -> dict[str, dict[str, float]]:
    """The costs of a group of servers, highest first."""
    found = {}
    for streams in STREAMS:
        figures = {
            SERVERS[name].title: by_streams[str(streams)]
            for name, by_streams in served[group].items()
        }
        ordered = sorted(figures, key=lambda title: -figures[title])
        label = "1 request at a time" if streams == 1 else f"{streams} requests at a time"
        found[f"{label}, us for each"] = {title: figures[title] for title in ordered}
    return found


OURS = [SERVERS[name].title for name in ("ours", "compiled", "example", "example-compiled")]
OURS += [SERVERS[name].title for name in ("hypercorn-ours", "hypercorn-compiled")]


def drawings(data: Data, served: Served) -> dict[str, Drawing]:
    """The plots by file name."""
    return {
        "speed-ratios": plots.ratios(
            "For each workload, how many times less CPU time than h2 4.4.1 jh2, this package (pure "
            "and compiled) and libnghttp2 take; the table has the figures.",
            faster(data),
        ),
        "speed-open-streams": plots.lines(
            "CPU time to open a stream against the number of open ones: it is the same with this "
            "package, and grows with h2 4.4.1 and jh2.",
            list(STREAMS_OPEN.values()),
            "us for one more stream",
            "streams that are open",
            curves(data, "open_stream", STREAMS_OPEN),
        ),
        "speed-reads": plots.lines(
            "CPU time to receive 1 MiB against the size of reads.",
            list(READS.values()),
            "us for 1 MiB",
            "size of a read",
            curves(data, "receive", READS),
        ),
        "speed-servers": plots.bars(
            "CPU time for a request of a minimal server on each package, of nghttpd and of nginx.",
            costs(served, "minimal"),
            OURS,
        ),
        "speed-asgi": plots.bars(
            "CPU time for a request of ASGI servers over TLS.", costs(served, "asgi"), OURS
        ),
    }


def workload_table(data: Data) -> str:
    """The table of workloads: the cost of each package, and its speed relative to h2 4.4.1."""
    names = [name for name in plots.SERIES if name != IN_C]
    head = ["workload", *(plots.SERIES[name].title for name in names), "in C"]
    rows = []
    for workload, by_name in faster(data).items():
        cells = [f"`{workload}`"]
        for name in (*names, IN_C):
            if name not in by_name:
                cells.append("")
                continue
            cost = figure(workload, min(data["workloads"][workload][name]))
            times = "" if name == "published" else f" ({plots.number(by_name[name])}x)"
            cells.append(f"{cost}{times}")
        rows.append(cells)
    return table(head, rows, centred=True)


def summary(data: Data) -> str:
    """The table of the README: the relative speed of the pure and the compiled build."""
    rows = []
    for workload, times in faster(data).items():
        to_jh2 = times["ours"] / times["jh2"]
        cells = (times["ours"], to_jh2, times["compiled"])
        rows.append((f"`{workload}`", WORDS[workload], *(f"{plots.number(x)}x" for x in cells)))
    head = ("workload", "what it does", "h2 4.4.1", "jh2", "compiled: h2 4.4.1")
    return table(head, rows)


def import_time(data: Data) -> str:
    """A sentence about the import time."""
    taken = data["growth"]["import_time"]
    ours, compiled, published = (taken[name]["ms"] for name in ("ours", "compiled", "published"))
    return (
        f"`import h2.connection` takes {ours:.0f} ms with the pure build, {compiled:.0f} ms with "
        f"the compiled one, and {published:.0f} ms with h2 4.4.1."
    )


def minimal_server(served: Served) -> str:
    """A sentence about the minimal servers, which the README has, too."""
    most = str(max(STREAMS))
    costs = {name: plots.number(taken[most]) for name, taken in served["minimal"].items()}
    text = (
        f"A minimal asyncio server that receives {most} requests at a time on each connection "
        f"takes {costs['published']} us of CPU time per request with h2 4.4.1, {costs['ours']} us "
        f"with the pure build and {costs['compiled']} us with the compiled one. nghttpd, a server "
        f"in C, takes {costs['nghttpd']} us."
    )
    return textwrap.fill(text, 100)


def verdict(served: Served) -> str:
    """A conclusion from the figures of the ASGI servers, the fastest one first."""
    most = str(max(STREAMS))
    figures = {name: by_streams[most] for name, by_streams in served["asgi"].items()}
    best = min(figures, key=figures.__getitem__)
    text = VERDICT.format(
        streams=most,
        best=SERVERS[best].title,
        minimal=plots.number(served["minimal"]["compiled"][most]),
        best_cost=plots.number(figures[best]),
        example=plots.number(figures["example-compiled"]),
        times=figures["example-compiled"] / figures[best],
        published=plots.number(figures["hypercorn"]),
        ours=plots.number(figures["hypercorn-ours"]),
        compiled=plots.number(figures["hypercorn-compiled"]),
    )
    return textwrap.fill(text, 100)


def files(data: Data, served: Served) -> dict[str, str]:
    """The page and its plots."""
    drawn = drawings(data, served)
    page = PAGE.format(
        python=data["python"],
        ratios=drawn["speed-ratios"].title,
        streams=drawn["speed-open-streams"].title,
        reads=drawn["speed-reads"].title,
        minimal=drawn["speed-servers"].title,
        asgi=drawn["speed-asgi"].title,
        workloads=workload_table(data),
        words="".join(f"- `{name}`: {words}\n" for name, words in WORDS.items()),
        import_time=import_time(data),
        server=minimal_server(served),
        verdict=verdict(served),
    )
    found = {NAME: page + note("tools.speed_page")}
    found |= {f"diagrams/{name}.svg": drawing.svg() for name, drawing in drawn.items()}
    return found


def main(arguments: Sequence[str]) -> int:
    """Write or check the page and its plots; returns the exit status."""
    return write_or_check("tools.speed_page", files(*read()), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
