"""Fixtures for the property tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from h2.config import H2Configuration


@pytest.fixture(scope="module", autouse=True)
def still_clock() -> Iterator[None]:
    """Stop the clock, so that connections that received the same octets have the same state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(H2Configuration, "clock", staticmethod(lambda: 0.0))
        yield
