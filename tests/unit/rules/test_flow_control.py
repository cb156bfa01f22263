"""When a window is opened again, and by how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._rules.flow_control import increment_due


@pytest.mark.parametrize(
    ("processed", "window", "limit", "increment"),
    [
        (0, 65_535, 65_535, 0),
        (32_766, 32_769, 65_535, 0),
        (32_767, 32_768, 65_535, 32_767),  # half of the window
        (1_024, 0, 65_535, 0),
        (1_025, 0, 65_535, 1_025),  # exhausted: sooner
        (1_025, 1, 65_535, 0),
        (1_025, -5_000, 65_535, 1_025),
        (25, 0, 100, 0),
        (26, 0, 100, 26),  # a quarter of a small window
        (50, 0, 100, 50),
        (1, 0, 1, 1),
        (1, 0, 0, 0),
        (500, 90, 100, 10),  # more than ever arrived: not beyond the limit
        (500, 100, 100, 0),
    ],
)
def test_increment(processed: int, window: int, limit: int, increment: int) -> None:
    assert increment_due(processed, window, limit) == increment


SIZES = st.integers(0, 70_000) | st.integers(0, 20)


@given(SIZES, SIZES, SIZES)
def test_the_window_never_grows_beyond_its_limit(processed: int, taken: int, limit: int) -> None:
    window = limit - taken
    increment = increment_due(processed, window, limit)
    assert 0 <= increment <= processed
    assert window + increment <= limit


@given(st.integers(1, 200_000) | st.integers(1, 20), st.lists(st.integers(1, 50_000), max_size=40))
def test_a_peer_is_never_kept_waiting(limit: int, sizes: list[int]) -> None:
    """Once everything was processed, more than half of the window is open."""
    window, processed = limit, 0
    for size in sizes:
        arrived = min(size, window)
        window -= arrived
        processed += arrived
        increment = increment_due(processed, window, limit)
        if increment:
            window += increment
            processed = 0
        assert window * 2 >= limit
