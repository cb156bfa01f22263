"""Every conformance test runs in both modes: as h2 4.4.1 does by default, and strict."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import wire


@pytest.fixture(params=[False, True], ids=["default", "strict"], autouse=True)
def strict(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the connections of this test are made with ``strict=True``."""
    with wire.mode(request.param):
        yield request.param
