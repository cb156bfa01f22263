"""The record of passed cases: which of our programs, with which peer, in which case.

Tests call `matrix.passed(side, peer, case)` at their end. `--write-matrix` writes the
record to `docs/interop.json`, from which a page of the manual is generated. If all peers are
required (in CI), the record must match that file, except for the versions of the peers. This only
applies to the version of Python that wrote the file: not every framework runs on all of them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.peers import SEARCH_PATH

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
FILE = Path(__file__).resolve().parents[2] / "docs" / "interop.json"

# The command that prints the version of each peer.
VERSIONS = {
    "curl": ["curl", "--version"],
    "nghttp": ["nghttp", "--version"],
    "h2load": ["h2load", "--version"],
    "nghttpd": ["nghttpd", "--version"],
    "nghttpx": ["nghttpx", "--version"],
    "Node http2": ["node", "--version"],
    "Node http2 with ws": ["node", "--version"],
    "Java HttpClient": ["java", "--version"],
    "Go net/http": ["go", "version"],
    "Chromium": ["chromium", "--version"],
    "nginx": ["nginx", "-v"],
    "Apache httpd": ["apache2", "-v"],
    "h2o": ["h2o", "--version"],
}
#: Peers that come from PyPI.
PACKAGES = {name: name for name in ("grpcio", "grpclib", "httpx", "hypercorn")}


class Matrix:
    """The tests that have passed in this run."""

    def __init__(self) -> None:
        self.rows: set[tuple[str, str, str]] = set()

    def passed(self, side: str, peer: str, case: str) -> None:
        """Record that one of our programs passed a case with a peer."""
        self.rows.add((side, peer, case))

    def as_json(self) -> dict[str, Any]:
        """The content of the file."""
        keys = ("side", "peer", "case")
        return {
            "python": PYTHON,
            "peers": {peer: version(peer) for peer in sorted({row[1] for row in self.rows})},
            "passed": [dict(zip(keys, row, strict=True)) for row in sorted(self.rows)],
        }

    def write(self) -> None:
        """Write the file."""
        FILE.write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")

    def difference(self) -> list[str]:
        """The differences between this run and the file, one per line."""
        file = json.loads(FILE.read_text(encoding="utf-8"))
        if file["python"] != PYTHON:
            return []
        wanted = {(row["side"], row["peer"], row["case"]) for row in file["passed"]}
        lines = [f"in the file only: {' / '.join(row)}" for row in sorted(wanted - self.rows)]
        lines += [f"not in the file: {' / '.join(row)}" for row in sorted(self.rows - wanted)]
        return lines


def version(peer: str) -> str:
    """The version of a peer, in its shortest form."""
    if peer in PACKAGES:
        from importlib.metadata import version as version_of

        return version_of(PACKAGES[peer])
    command = VERSIONS.get(peer)
    program = command and shutil.which(command[0], path=SEARCH_PATH)
    if not command or not program:
        return ""
    done = subprocess.run(
        [program, *command[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""
