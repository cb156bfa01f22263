"""Which rule was broken: the watch over violations, and what each reaction of a table comes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from h2._rules.registry import Violation


@contextmanager
def watched_violations() -> Iterator[list[Violation]]:
    """Collect the violations that are found in the meantime, in order.

    A stream error raises nothing that a caller sees, so this is how a test learns its rule.
    """
    found: list[Violation] = []
    plain = Violation.__init__

    def watched(self: Violation, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        found.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Violation, "__init__", watched)
        yield found
