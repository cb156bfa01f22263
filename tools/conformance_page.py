"""Write docs/conformance-suite.md: how to run the conformance suite, and what it found.

usage: python -m tools.conformance_page [--check]

`docs/conformance-peers.json` is the record (`python -m tools.conformance_peers`). With `--check`
nothing is written, and the exit status is 1 if the page is out of date.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence

from conformance import cases as _declared
from conformance.case import CASES
from tools.conformance_readings import reading
from tools.conformance_record import Record, Subject, read
from tools.pages import note, table, write_or_check

INTRODUCTION = """\
# The conformance suite

The folder `conformance` of the repository has {count} test cases for HTTP/2 endpoints: {server} for
servers, {client} for clients. They are derived from the text of RFC 9113, RFC 7541 and RFC 8441.
The suite has its own code for encoding frames and field blocks and for parsing answers, so no
package is judged by its own code. It is not part of the wheel; run it in a checkout:

```
.venv/bin/python -m conformance server http://localhost:8080/file
.venv/bin/python -m conformance server https://localhost:8443/file --post /upload
.venv/bin/python -m conformance client --port 8080
.venv/bin/python -m conformance client --command "curl --http2-prior-knowledge {{url}}"
.venv/bin/python -m conformance package h2 --strict
```

- **A server** should serve at least 100,000 octets of content at the URL. With `http` the suite
  uses prior knowledge; with `https` it accepts any certificate. If the URL does not accept content,
  use `--post` to name a path that does.
- **A client** has to be started for each case, by you or by the suite with `--command`, in which
  `{{url}}` is replaced. Without a command the suite prints the URL and waits. `--tls` generates a
  certificate for the run; `--cert` and `--key` name an existing one. `--upload` runs the cases for
  a client that sends at least 100,000 octets.
- **A package** with the API of h2 is imported and tested in memory, in both roles. `--strict` sets
  `strict=True` and requires the exact scope.

`--list` lists the cases, `--only TEXT` selects some of them, `--timeout` limits the time per case,
and `--json` and `--junit` write the results to files. The exit status is 0 if no case failed.

Each case names a section of the RFC, what is sent, and the expected answer: a connection error, a
stream error or no error, with the error code. There are three ways to pass:

- *exact*: the scope and the error code are those of the RFC.
- *allowed*: something that the RFC allows instead. "An endpoint MAY choose to treat a stream error
  as a connection error", GOAWAY before closing a connection is only a SHOULD, a server may answer a
  malformed request with 4xx, and a generic error code may replace a specific one.
- *by default*: what a package may do to behave like h2 4.4.1 where the RFC requires more (the
  column "by default" in [conformance](conformance.md)). This never counts as a pass for a server or
  a client, or with `--strict`.

## Results

Cases that do not apply to an endpoint are *left out*: PUSH_PROMISE for a client that has disabled
push, frames in a tunnel for a server that opens none, or uploads for a client that was not told to
send any. *Differs* means that the answer contradicts a sentence of the RFC, which is quoted below.
*Unchecked* means that the answer was unexpected, and that who is right has not been examined yet. A
peer may have good reasons, and a newer version may behave differently.
`.venv/bin/python -m tools.conformance_peers` runs everything again.
"""

_KINDS = (("package", "Packages"), ("server", "Servers"), ("client", "Clients"))


def page(record: Record) -> str:
    """The text of the page."""
    roles = Counter(role.value for case in CASES for role in case.roles)
    parts = [INTRODUCTION.format(count=roles.total(), **roles)]
    for kind, title in _KINDS:
        subjects = [subject for subject in record["subjects"] if subject["kind"] == kind]
        head = (kind, "version", "exact", "allowed", "by default", "differs", "unchecked")
        count = roles[kind] or roles.total()
        rows = [_row(subject, count) for subject in subjects]
        parts += [f"\n### {title}\n\n", table((*head, "left out"), rows)]
    parts.append("\n## Where peers differ\n")
    for subject in record["subjects"]:
        if subject["failed"]:
            parts += [f"\n### {subject['name']} {subject['version']}\n\n", _differences(subject)]
    parts += ["\n## The cases\n\n", _sections()]
    return "".join(parts) + note("tools.conformance_page")


def _row(subject: Subject, count: int) -> tuple[str, ...]:
    """The figures of a subject; cases that were not started also count as left out."""
    checked = [bool(reading(item["case"], item["seen"])) for item in subject["failed"]]
    figures = (
        *(subject["exact"], subject["allowed"], subject["lenient"]),
        *(checked.count(True), checked.count(False)),
    )
    left_out = count - sum(figures)
    return (subject["name"], subject["version"], *map(str, figures), str(left_out))


def _differences(subject: Subject) -> str:
    """A row for each sentence and each kind of answer; below, what is unchecked."""
    titles = {case.name(role): case.title for case in CASES for role in case.roles}
    rows: dict[tuple[str, str], list[str]] = {}
    for item in subject["failed"]:
        text = reading(item["case"], item["seen"]) or "unchecked"
        came = re.sub(r" on stream \d+", "", item["seen"])
        sent = rows.setdefault((text, came), [])
        title = titles.get(item["case"], item["case"])
        if title not in sent:
            sent.append(title)
    ordered = sorted(rows.items(), key=lambda entry: entry[0][0] == "unchecked")
    return table(
        ("RFC 9113", "what was sent", "what came back"),
        [(text, "; ".join(sent), came) for (text, came), sent in ordered],
    )


def _sections() -> str:
    """How many cases there are for each section."""
    count = Counter(case.section for case in CASES for _ in case.roles)
    rows = [
        (f"RFC {name}" if " " in name else f"RFC 9113 section {name}", str(count[name]))
        for name in sorted(count, key=_place)
    ]
    return table(("section", "cases"), rows)


def _place(section: str) -> tuple[bool, list[int]]:
    document, _, number = section.rpartition(" ")
    return bool(document), [*map(int, f"{document or 9113}.{number}".split("."))]


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; returns the exit status."""
    assert _declared.__all__
    record = read()
    if record is None:
        print("docs/conformance-peers.json is missing: tools.conformance_peers writes it")
        return 1
    return write_or_check(
        "tools.conformance_page", {"conformance-suite.md": page(record)}, arguments
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
