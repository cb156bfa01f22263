"""A plugin for pytest that records which rules each test breaks: `-p triggered`.

The environment variable TRIGGERED names the file that it writes, as JSON: rules by test, without
the parameters of the test.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

_FOUND: dict[str, set[str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    # Not earlier: conftest.py must be the first to import the helpers.
    from support.rules import watched_violations

    with watched_violations() as violations:
        try:
            return (yield)
        finally:
            rules = {violation.rule.id for violation in violations}
            _FOUND.setdefault(item.nodeid.partition("[")[0], set()).update(rules)


def pytest_sessionfinish() -> None:
    found = {test: sorted(rules) for test, rules in _FOUND.items()}
    Path(os.environ["TRIGGERED"]).write_text(json.dumps(found), encoding="utf-8")
