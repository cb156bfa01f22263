"""Show differences: ``python -m differential PUBLISHED_PYTHON [FIRST LAST [SHOWN]]``."""

from __future__ import annotations

import sys
from collections import defaultdict

from . import compare
from .compare import Difference
from .runner import Runner
from .session import Findings, start


def main(published: str, first: str = "0", last: str = "300", shown: str = "5") -> None:
    """Print the unexplained differences, grouped by similarity, with the shortest one in full."""
    session = start(Runner(published), Runner(sys.executable), range(int(first), int(last)))
    for title, findings in (("direct", session.direct()), ("refusals", session.refusals())):
        print(f"## {title}: {findings.compared_steps} steps alike, {dict(findings.used)}")
        report(findings, int(shown))
    carried, amiss = session.lost_events()
    print(f"## carried events: {carried}", *amiss[: int(shown)], sep="\n")


def report(findings: Findings, shown: int) -> None:
    """Groups of unexplained differences, largest first."""
    groups: dict[object, list[Difference]] = defaultdict(list)
    for difference in findings.unexplained:
        where = difference.step.get("method", difference.p["do"])
        groups[where, difference.parts[:2], difference.errors()].append(difference)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    for key, members in ordered:
        print(len(members), key, [member.program["seed"] for member in members[:8]])
    for _, members in ordered[:shown]:
        print("-" * 80)
        print(compare.explain(min(members, key=lambda member: member.index)))


if __name__ == "__main__":
    main(*sys.argv[1:])
