"""Which rule was broken: a record of violations, and the rule of each reaction in a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from h2._rules.registry import Violation


@contextmanager
def watched_violations() -> Iterator[list[Violation]]:
    """Collect the violations that occur in the block, in order.

    A stream error raises no exception, so a test cannot learn its rule in another way.
    """
    found: list[Violation] = []
    plain = Violation.__init__

    def watched(self: Violation, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        found.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Violation, "__init__", watched)
        yield found
