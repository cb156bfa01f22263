"""Write docs/attacks.md: what attacks cost and how they end, from the record of a run.

usage: python -m tools.attacks_page [--check]

`docs/attacks.json` is that record; a run stores its figures there next to those of other packages:

    python -m benchmarks.attacks --json docs/attacks.json
    python -m benchmarks.attacks --frames 11000 --seconds 0.3 \
        --packages buffered,reading --json docs/attacks.json
    python -m benchmarks.attacks --sample --modes serves \
        --frames 20000 --seconds 0.3 --packages published,jh2,libnghttp2 --json docs/attacks.json

With `--check` nothing is written, and the exit status is 1 if the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from benchmarks.attacks import judge, record
from benchmarks.attacks.catalogue import ATTACKS, TOPICS
from benchmarks.attacks.record import Record, Row, Run
from tools import pages
from tools.pages import note, table, write_or_check

#: The packages, in the order of the columns.
TITLES = {
    "ours": "this package",
    "buffered": "`BufferedH2Connection`",
    "reading": "with `receive_buffering`",
    "published": "h2 4.4.1",
    "jh2": "jh2 5.0.15",
    "libnghttp2": "libnghttp2",
}

#: The other class of this package, without and with its own buffering of what it receives.
BUFFERED = ("buffered", "reading")
OTHERS = tuple(name for name in TITLES if name not in ("ours", *BUFFERED))

#: From the best to the worst.
VERDICTS: tuple[judge.Verdict, ...] = ("refused", "harmless", "valid", "FAIL")

INTRODUCTION = """\
# What each known attack costs

This page shows what a hostile peer can do to a connection with the default configuration, and at
what cost. A catalogue of {attacks} attacks ({names} kinds, most of them against both roles) is sent
as raw bytes. An attack ends after {frames:,} frames, when the connection has ended, or after
{seconds:g} seconds of CPU time; one during which memory grows is repeated, ten times as long. The
other packages got a subset of the attacks, and only one application; the table of results has the
limits of each run. The frames arrive in reads of 64 KiB. `python -m benchmarks.attacks` repeats all
measurements on your machine; with `--packages buffered,reading` it attacks `BufferedH2Connection`
instead, without and with `receive_buffering`. Each attack is tried with three applications:

- one that **ignores** everything: it never takes output, acknowledges nothing, answers nothing;
- one that **serves**: it takes output after each read, acknowledges content, answers requests;
- one that serves and **keeps** all events forever.

Each attack must meet these conditions with each application:

- It is *refused*: the connection ends with GOAWAY. Or it is *harmless*: it costs at most
  {harmless:g} times as much CPU time per octet as ordinary requests, and the connection's memory
  does not grow.
- The connection never holds more than {growth:g} MB, including the events of one read. If the
  application keeps its events, {kept} octets per octet received are allowed instead.
- No octet costs more than {most:g} times as much as an octet of ordinary requests.
- {valid} of the attacks consist of *valid messages* only, within all limits; the catalogue marks
  them. They cannot be distinguished from what a busy peer sends: refusing them would break honest
  traffic, and an application has to handle them anyway. They cost more per octet than ordinary
  requests because they have many fields in few octets, large fields from the compression table, or
  one frame per octet of content. They may cost up to {valid_times:g} times as much as ordinary
  requests, and the connection's memory must not grow. An application that chooses to keep all
  events keeps Python objects: one event per octet of content, or one tuple and its place in a list
  per field. There, up to {valid_kept} octets per octet received are allowed.

Ordinary requests are those of a browser: eleven fields, most of them from the compression table.
They are measured with the same package in the same process. An attack of less than 4 KiB counts as
4 KiB, because setting up the connection costs that much. Memory is measured with `tracemalloc`,
which does not see what jh2 allocates outside Python; for the C library, the pages of the process
are counted, and the frame shown is the last one of its read. A client under attack has sent up to
5,000 requests; attacks that need a request per frame end there.

"""

COLUMNS = """
In the tables, "times" is the CPU time per octet relative to ordinary requests, for the worst of the
three applications. "KB" is the largest growth of the connection's memory with an application that
does not keep events.
"""

BUFFERED_TEXT = """
## The buffered connection

The same attacks on `BufferedH2Connection`: without `receive_buffering` and with it. The application
that serves them reads content with `read_data` in the second case.

`BufferedH2Connection` is strict by default: a stream above its limit is reset, and the connection
ends when the limit on glitches is exceeded, after some 5,000 of them. If the application takes no
output, each of them takes about 100 octets until then.

"""

OTHERS_TEXT = """
## Other packages

The same attacks, as far as they were tried with other packages: how they end, the CPU time per
octet relative to ordinary requests with that package, and the growth of memory.

"""


def read() -> Record:
    """The record."""
    return record.read(pages.ROOT / "docs" / "attacks.json")


def page(runs: Record) -> str:
    """The text of the page."""
    by_package = {package: grouped(run["rows"]) for package, run in runs.items()}
    attacks = by_package["ours"]
    parts = [
        INTRODUCTION.format(
            attacks=len(attacks),
            names=len({name.partition("/")[2] for name in attacks}),
            frames=runs["ours"]["frames"],
            seconds=runs["ours"]["seconds"],
            harmless=judge.HARMLESS_TIMES,
            growth=judge.MOST_GROWTH / 1e6,
            kept=judge.MOST_KEPT,
            most=judge.MOST_TIMES,
            valid=sum(ATTACKS[name].valid for name in attacks),
            valid_times=judge.VALID_TIMES,
            valid_kept=judge.VALID_KEPT,
        ),
        "## The result\n\n",
        summary(runs),
        COLUMNS,
    ]
    for topic, title in TOPICS.items():
        rows = list(topic_rows(topic, attacks))
        if rows:
            parts += [f"\n## {title}\n\n", table(HEAD, rows)]
    for packages, text in ((BUFFERED, BUFFERED_TEXT), (OTHERS, OTHERS_TEXT)):
        others = {name: by_package[name] for name in packages if name in by_package}
        if others:
            head = ["attack", *(TITLES[package] for package in others)]
            parts += [text, table(head, compared(attacks, others))]
    return "".join(parts) + note("tools.attacks_page")


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each attack."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["attack"], []).append(row)
    return found


HEAD = ("attack", "what is sent", "how it ends", "times", "KB")

SUMMARY = (
    *("Python", "applications", "frames", "seconds"),
    *("refused", "harmless", "valid messages", "fails", "most times", "most MB held"),
)


def summary(runs: Record) -> str:
    """How many attacks end in each way with each package, and the worst figures."""
    packages = [package for package in TITLES if package in runs]
    columns = [figures(runs[package]) for package in packages]
    rows = [(label, *row) for label, *row in zip(SUMMARY, *columns, strict=True)]
    return table(("", *(TITLES[package] for package in packages)), rows)


def figures(run: Run) -> Sequence[str]:
    """The figures of a package."""
    every = run["rows"]
    ends = [ending(rows) for rows in grouped(every).values()]
    return (
        run["python"],
        ", ".join(dict.fromkeys(row["mode"] for row in every)),
        f"{run['frames']:,}",
        f"{run['seconds']:g}",
        *(str(ends.count(verdict)) for verdict in VERDICTS),
        f"{max(row['times'] for row in every):,.1f}",
        f"{held(every) / 1e6:,.1f}",
    )


def held(rows: Sequence[Row]) -> int:
    """The most memory held if the application keeps nothing."""
    return max(row["peak"] for row in rows if row["mode"] != "keeps")


def ending(rows: Sequence[Row]) -> str:
    """The verdict on an attack: the worst of the three applications."""
    verdicts = [row["verdict"] for row in rows]
    return next(verdict for verdict in reversed(VERDICTS) if verdict in verdicts)


def topic_rows(topic: str, attacks: dict[str, list[Row]]) -> Iterator[Sequence[str]]:
    """The attacks of one module of the catalogue."""
    for name, rows in attacks.items():
        attack = ATTACKS[name]
        if attack.topic == topic:
            words = f"{attack.words} ({attack.cve})" if attack.cve else attack.words
            yield (f"`{name}`", words, how(rows), *costs(rows))


def compared(
    attacks: dict[str, list[Row]], others: dict[str, dict[str, list[Row]]]
) -> Iterator[Sequence[str]]:
    """The attacks that were tried with others, too, in the order of the catalogue."""
    for name in attacks:
        if any(name in found for found in others.values()):
            yield (
                f"`{name}`",
                *(result(found[name]) if name in found else "" for found in others.values()),
            )


def costs(rows: Sequence[Row]) -> tuple[str, str]:
    """The most times and the most KB."""
    return f"{max(row['times'] for row in rows):.1f}", f"{held(rows) / 1000:,.0f}"


def result(rows: Sequence[Row]) -> str:
    """How an attack ends and what it costs, in one cell."""
    times, kilobytes = costs(rows)
    return f"{how(rows)}; {times} times, {kilobytes} KB"


def how(rows: Sequence[Row]) -> str:
    """How an attack ends, as text: stated once if it is the same for all applications."""
    verdict = ending(rows)
    if verdict == "FAIL":
        wrong = list(dict.fromkeys(fault for row in rows for fault in row["faults"]))
        return f"**fails**: {wrong[0]}"
    ends = {row["mode"]: end(row) for row in rows}
    if len(set(ends.values())) > 1:
        return "; ".join(f"{mode}: {words}" for mode, words in ends.items())
    frames = sorted(row["refused_at"] for row in rows)
    place = f"{frames[0]:,}" if frames[0] == frames[-1] else f"{frames[0]:,} to {frames[-1]:,}"
    return next(iter(ends.values())).replace("refused:", f"refused at frame {place}:")


def end(row: Row) -> str:
    """How it ends for one application."""
    if row["verdict"] == "refused":
        return f"refused: `{row['error']}`"
    return "valid messages" if row["verdict"] == "valid" else "harmless"


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; returns the exit status."""
    return write_or_check("tools.attacks_page", {"attacks.md": page(read())}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
