"""Programs, and an interpreter with the published h2, that some tests need.

If one is missing, the test is skipped with a reason. With `H2_REQUIRE_PEERS=1` in the
environment (CI sets it) it fails instead, so that no skipped test goes unnoticed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# On Debian the PATH of an ordinary user does not have the folder of server programs.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])


def unavailable(reason: str) -> NoReturn:
    """Skip the test for this reason, or fail it if peers are required."""
    __tracebackhide__ = True
    if os.environ.get("H2_REQUIRE_PEERS") == "1":
        pytest.fail(f"{reason}, and H2_REQUIRE_PEERS=1 asks for it", pytrace=False)
    pytest.skip(reason)


def require_program(name: str) -> str:
    """The path of a program such as `curl`, `nghttp`, `nghttpd` or `h2load`."""
    __tracebackhide__ = True
    return shutil.which(name, path=SEARCH_PATH) or unavailable(f"program {name} not found")


def require_published_python() -> str:
    """The interpreter of an environment that holds the published h2 4.4.1.

    `H2_PUBLISHED_PYTHON` names it; without that, the environment that the benchmarks and
    `python -m tools.venvs published` make is used if it is there.
    """
    __tracebackhide__ = True
    root = Path(__file__).resolve().parents[2]
    default = root / ".benchmarks" / "published" / "bin" / "python"
    python = os.environ.get("H2_PUBLISHED_PYTHON") or str(default)
    if not Path(python).exists():
        unavailable(f"no interpreter with the published h2 at {python}")
    return python
