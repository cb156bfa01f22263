"""Write the pages of the manual about what the RFCs require, and which tests check it.

usage: python -m tools.requirements [--check]

The table is kept by hand in `tests/conformance/requirements`: a file for each RFC, a row for each
normative sentence. With `--check` nothing is written, and the exit status is 1 if a page is out of
date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from h2._rules.registry import RULES, SCOPE_NAMES
from tools.pages import ROOT, note, table, write_or_check

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it along for Python 3.10

FOLDER: Final = ROOT / "tests" / "conformance" / "requirements"

#: The RFCs of the table, and of which sections. No sections means all.
RFCS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "9113": ("HTTP/2", ()),
    "7541": ("HPACK: Header Compression for HTTP/2", ()),
    "8441": ("Bootstrapping WebSockets with HTTP/2", ()),
    "7838": ("HTTP Alternative Services: the ALTSVC frame", ("4",)),
    "8336": ("The ORIGIN HTTP/2 Frame", ()),
    "9218": ("Extensible Prioritization Scheme for HTTP", ()),
    "9110": (
        "HTTP Semantics: what a stack can see",
        (
            *("2.2", "2.3", "5.1", "5.3", "5.4", "5.5", "6.5.1", "7.2", "7.6.1", "8.6", "9.1"),
            *("9.3.2", "9.3.6", "10.1.4", "15.2", "15.3.6", "15.4.5"),
        ),
    ),
}

SIDES: Final = ("sending", "receiving")
ROLES: Final = ("client", "server", "client and server", "intermediary")

#: How a reason begins: who is responsible for a sentence, if not just the library.
REASONS: Final = {
    "application": "what only the program can decide or know",
    "intermediary": "what a proxy does between two connections",
    "TLS": "what the TLS layer and its certificates are for",
    "transport": "sockets, which belong to the program",
    "design": "something that no code of the library does",
    "definition": "the meaning of words",
    "specification": "for authors of other specifications",
    "HTTP/1.1": "for messages of another version",
    "HTTP/3": "for another protocol",
}


@dataclass(frozen=True)
class Requirement:
    """A row: one normative sentence of an RFC, whom it binds, and how it is handled."""

    id: str  #: `9113-5.1.1-3` is the third normative sentence of section 5.1.1 of RFC 9113
    text: str
    binds: tuple[str, ...]  #: such as `client sending`
    rules: tuple[str, ...] = ()  #: of `h2._rules.registry`
    sending: tuple[str, ...] = ()  #: tests of what is sent, as pytest names them
    receiving: tuple[str, ...] = ()  #: tests of what is received
    reason: str = ""  #: why there is no test, or what tests of the library cannot show

    @property
    def rfc(self) -> str:
        """The number of the RFC."""
        return self.id.split("-")[0]

    @property
    def section(self) -> str:
        """The number of the section."""
        return self.id.split("-")[1]

    @property
    def tests(self) -> tuple[str, ...]:
        """All tests of the row."""
        return self.sending + self.receiving

    @property
    def kind(self) -> str:
        """The beginning of the reason."""
        return self.reason.split(":")[0]


def faults(row: Requirement) -> Iterator[str]:
    """The errors of a row by itself."""
    if not row.tests and not row.reason:
        yield "has neither a test nor a reason"
    if row.reason and row.kind not in REASONS:
        yield f"has a reason of no known kind: {row.reason}"
    for bound in row.binds:
        role, _, side = bound.rpartition(" ") if bound.endswith(SIDES) else (bound, "", "")
        if role not in ROLES:
            yield f"binds nobody that is known: {bound}"
        if side and not getattr(row, side) and not row.reason:
            yield f"binds {bound}, and has neither a test of that nor a reason"
    bound_sides = {bound.rpartition(" ")[2] for bound in row.binds}
    for side in SIDES:
        if getattr(row, side) and bound_sides & {*SIDES} and side not in bound_sides:
            yield f"has tests of {side}, which it does not bind"


def load() -> dict[str, Requirement]:
    """All rows by id, in the order of the RFCs and of their sentences."""
    return {
        id: Requirement(id=id, **{key: _value(value) for key, value in fields.items()})
        for rfc in RFCS
        for id, fields in _read(rfc).items()
    }


def rules_beyond() -> dict[str, str]:
    """The rules that do not enforce any sentence of the table, each with the reason."""
    return dict(_read("rules"))


def _read(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return found


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


INTRODUCTION = """\
# What the RFCs require, and which tests check it

Every sentence of these RFCs with one of the words MUST, SHALL, SHOULD, REQUIRED or RECOMMENDED has
a row in a table. The row names the endpoint that the sentence binds, as sender or receiver, the
[rules](conformance.md) that enforce it, and the tests that exercise it on that side, or the reason
why there is none. Identifiers are stable: `9113-5.1.1-3` is the third sentence of section 5.1.1.

The project's tests fail for

- a row with neither a test nor a reason,
- a row that names a test or a rule that does not exist,
- a row with a rule that none of its tests breaks,
- a rule in the registry that no row names or no test breaks,
- a test that names a row that does not exist,
- a sentence that has no row, or whose row has a different text.

The tests in `tests/conformance` run in both modes, by default and with `strict=True`. By default,
the scope of an error may differ from the RFC, because it matches h2 4.4.1. The rows say so, and
[conformance](conformance.md) shows both scopes of each rule. A few rules come from RFC 7540, which
RFC 9113 replaces; [RFC 7540 and RFC 9113](rfc7540.md) compares the two.

## Totals

{counts}
Sentences that the library cannot satisfy on its own are *tested in part*, as far as it can. These
are the reasons for those tested in part and those not tested:

{kinds}
## Rules that none of these sentences requires

{beyond}
```{{toctree}}
:hidden:
:maxdepth: 1

{pages}
```
"""

HEAD = ("sentence", "binds", "checked by")
COUNTED = (
    *("RFC", "sentences", "tested", "tested in part", "not tested", "with rules"),
    *("other scope by default", "tests"),
)


def counts(rows: Sequence[Requirement], name: str) -> tuple[str, ...]:
    """A row of the table of counts."""
    tested = [row for row in rows if row.tests]
    in_part = sum(bool(row.reason) for row in tested)
    numbers = (
        *(len(rows), len(tested) - in_part, in_part, len(rows) - len(tested)),
        *(sum(bool(row.rules) for row in rows), sum(map(_differs, rows))),
        len({test for row in rows for test in row.tests}),
    )
    return (name, *map(str, numbers))


def index_page(rows: Mapping[str, Requirement]) -> str:
    """The page with the counts."""
    every = list(rows.values())
    of = {rfc: [row for row in every if row.rfc == rfc] for rfc in RFCS}
    lines = [counts(of[rfc], f"[{rfc}](requirements/rfc{rfc}.md): {RFCS[rfc][0]}") for rfc in RFCS]
    lines.append(counts(every, "all"))
    untested = dict.fromkeys(REASONS, 0)
    in_part = dict.fromkeys(REASONS, 0)
    for row in every:
        if row.reason:
            (in_part if row.tests else untested)[row.kind] += 1
    kinds = [
        (f"*{kind}*", text, str(untested[kind]), str(in_part[kind]))
        for kind, text in REASONS.items()
    ]
    beyond = [(f"`{rule}`", reason) for rule, reason in rules_beyond().items()]
    text = INTRODUCTION.format(
        kinds=table(("reason", "meaning", "not tested", "tested in part"), kinds),
        counts=table(COUNTED, lines),
        beyond=table(("rule", "reason"), beyond),
        pages="\n".join(f"requirements/rfc{rfc}" for rfc in RFCS),
    )
    return text + note("tools.requirements")


def rfc_page(rfc: str, rows: Sequence[Requirement]) -> str:
    """The page of one RFC: a table for each section."""
    title, only = RFCS[rfc]
    parts = [f"# RFC {rfc}: {title}\n"]
    if only:
        parts.append(f"\nThis page covers {'section' if len(only) == 1 else 'sections'} ")
        parts.append(f"{', '.join(only)} of this RFC.\n")
    for section, group in groupby(rows, key=lambda row: row.section):
        parts.append(f"\n## Section {section}\n\n")
        parts.append(f"<https://www.rfc-editor.org/rfc/rfc{rfc}.html#section-{section}>\n\n")
        parts.append(table(HEAD, [_cells(row) for row in group]))
    return "".join(parts) + note("tools.requirements")


def _cells(row: Requirement) -> tuple[str, str, str]:
    """A row of the page."""
    checked = []
    if row.rules:
        checked.append(f"rules: {', '.join(map(_rule, row.rules))}")
    for side in SIDES:
        tests = getattr(row, side)
        if tests:
            checked.append(f"{side}: {_by_file(tests)}")
    if row.reason:
        checked.append(f"*{row.kind}*{row.reason.removeprefix(row.kind)}")
    text = row.text.replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")
    return f"**{row.id}** {text}", _bound(row.binds), "; ".join(checked)


def _bound(binds: Sequence[str]) -> str:
    """Whom a sentence binds, in a few words."""
    if len(binds) == 2 and binds[1] == binds[0].replace(*SIDES):
        return binds[0].replace(SIDES[0], ", sending and receiving").replace(" ,", ",")
    return ", ".join(binds) or "nobody"


def _by_file(tests: Sequence[str]) -> str:
    """Tests, each after the name of its file if it is the first one in it."""
    names = []
    last = ""
    for test in tests:
        path, _, name = test.partition("::")
        file = path.split("/")[-1]
        names.append(f"`{name}`" if file == last else f"`{file}` `{name}`")
        last = file
    return ", ".join(names)


def _rule(id: str) -> str:
    """A rule, with its default scope if that differs from the one of the RFC."""
    rule = RULES[id]
    if rule.scope == rule.strict_scope:
        return f"`{id}`"
    return f"`{id}` (by default: {SCOPE_NAMES[rule.scope]})"


def _differs(row: Requirement) -> bool:
    """Whether breaking the sentence has another scope by default than with `strict=True`."""
    return any(RULES[id].scope != RULES[id].strict_scope for id in row.rules)


def pages() -> dict[str, str]:
    """The texts of all pages by the names of their files."""
    rows = load()
    found = {"requirements.md": index_page(rows)}
    for rfc in RFCS:
        of = [row for row in rows.values() if row.rfc == rfc]
        found[f"requirements/rfc{rfc}.md"] = rfc_page(rfc, of)
    return found


def main(arguments: Sequence[str]) -> int:
    """Write or check the pages; returns the exit status."""
    return write_or_check("tools.requirements", pages(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
