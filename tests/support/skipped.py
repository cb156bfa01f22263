"""The section at the end of a run: why tests were skipped, and how to install what they need."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

#: Debian's packages with the programs that tests need. `.ci/run` installs most of them.
PACKAGES: Final = {
    "apache2": "apache2",
    "cc": "gcc",
    "chromium": "chromium",
    "curl": "curl",
    "git": "git",
    "go": "golang-go",
    "h2load": "nghttp2-client",
    "h2o": "h2o",
    "hexdump": "bsdextrautils",
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "nghttp": "nghttp2-client",
    "nghttpd": "nghttp2-server",
    "nghttpx": "nghttp2-proxy",
    "nginx": "nginx-light",
    "node": "nodejs",
    "od": "coreutils",
    "openssl": "openssl",
    "valgrind": "valgrind",
    "xxd": "xxd",
}


def advice(reason: str) -> str:
    """How to install what a skipped test needs; "" if nothing can be installed."""
    if "no interpreter with the published h2" in reason:
        return "python3 -m tools.venvs published"
    if "pyright" in reason:
        return "python3 -m tools.venvs pyright"
    if "atheris" in reason:
        return ".venv/bin/python -m pip install atheris"
    if found := re.search(r"program (\S+) not found", reason):
        package = PACKAGES.get(found[1].rpartition("/")[2])
        return f"apt install {package}" if package else ""
    if found := re.search(r"Debian's package (\S+) not found", reason):
        return f"apt install {found[1]}"
    if "module " in reason or "dependency group" in reason or "could not import" in reason:
        return "make venv"
    return ""


def reasons(longreprs: Iterable[object]) -> Counter[str]:
    """The number of tests skipped for each reason, from the reports of pytest."""
    found: Counter[str] = Counter()
    for longrepr in longreprs:
        text = longrepr[2] if isinstance(longrepr, tuple) else longrepr
        found[str(text).removeprefix("Skipped: ")] += 1
    return found


def summary(counts: Counter[str]) -> list[str]:
    """The lines about skipped tests, first those for which something can be installed."""
    if not counts:
        return []
    missing = {reason: advice(reason) for reason in counts}
    lines = [
        f"{counts[reason]:6}  {reason}" + (f"  ->  {missing[reason]}" if missing[reason] else "")
        for reason in sorted(counts, key=lambda each: (not missing[each], missing[each], each))
    ]
    apt = "apt install "
    packages = {command.removeprefix(apt) for command in missing.values() if apt in command}
    if packages:
        lines.append(f"All from Debian at once: {apt}{' '.join(sorted(packages))}")
    return [*lines, "pytest -rs names the files and lines."]
