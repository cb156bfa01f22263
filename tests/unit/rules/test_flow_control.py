"""When a receive window reopens, and by how much; how much may be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._rules.flow_control import MAX_WINDOW, ReceiveWindow, SendWindows


def window_of(value: int, limit: int) -> ReceiveWindow:
    window = ReceiveWindow(limit)
    window.value = value
    return window


@pytest.mark.parametrize(
    ("handed_back", "value", "limit", "increment"),
    [
        (0, 65_535, 65_535, 0),
        (32_766, 32_769, 65_535, 0),
        (32_767, 32_768, 65_535, 32_767),  # half of the window
        (0, 0, 65_535, 0),
        (1, 0, 65_535, 1),  # exhausted: immediately
        (1, 1, 65_535, 0),
        (5_000, -5_000, 65_535, 0),  # would not open it
        (5_001, -5_000, 65_535, 5_001),
        (49, 1, 100, 0),
        (50, 50, 100, 50),
        (1, 0, 1, 1),
        (1, 0, 0, 0),
        (500, 90, 100, 10),  # more than has arrived: not above the limit
        (500, 100, 100, 0),
    ],
)
def test_increment(handed_back: int, value: int, limit: int, increment: int) -> None:
    window = window_of(value, limit)
    assert window.hand_back(handed_back) == increment
    assert window.value == value + increment
    assert window.handed_back == (0 if increment else handed_back)


def test_what_is_too_little_to_announce_is_kept() -> None:
    window = window_of(40, 100)
    assert [window.hand_back(20) for _ in range(3)] == [0, 0, 60]
    assert (window.value, window.limit, window.handed_back) == (100, 100, 0)


def test_enlarging() -> None:
    window = window_of(50, 100)
    window.enlarge(30)
    assert (window.value, window.limit) == (80, 100)
    window.enlarge(70)
    assert (window.value, window.limit) == (150, 150)


def test_a_smaller_limit_makes_what_was_handed_back_enough() -> None:
    """29,991 octets arrived and were acknowledged: less than half, then the window shrinks."""
    window = window_of(65_535 - 29_991, 65_535)
    assert window.hand_back(29_991) == 0
    assert window.resize(20_000 - 65_535) == 29_991
    assert (window.value, window.limit) == (20_000, 20_000)


def test_a_larger_limit_announces_nothing() -> None:
    window = window_of(60_000, 65_535)
    assert window.resize(10_000) == 0
    assert (window.value, window.limit) == (70_000, 75_535)


SIZES = st.integers(0, 70_000) | st.integers(0, 20)


@given(SIZES, SIZES, SIZES)
def test_the_window_never_grows_beyond_its_limit(handed_back: int, taken: int, limit: int) -> None:
    window = window_of(limit - taken, limit)
    assert 0 <= window.hand_back(handed_back) <= handed_back
    assert window.value <= limit


STEPS = st.tuples(st.sampled_from(["arrive", "hand back", "resize", "enlarge"]), SIZES)


@given(st.integers(0, 70_000) | st.integers(0, 20), st.lists(STEPS, max_size=40))
def test_a_window_is_open_once_everything_was_handed_back(
    size: int, steps: list[tuple[str, int]]
) -> None:
    """And an exhausted window opens with any octet that makes it positive."""
    window = ReceiveWindow(size)
    initial, open_at_peer, held = size, size, 0
    for step, amount in [*steps, ("hand back", 10**9)]:
        increment = 0
        if step == "arrive":
            arrived = min(amount, max(window.value, 0))
            window.value -= arrived
            open_at_peer -= arrived
            held += arrived
        elif step == "hand back":
            amount = min(amount, held)
            held -= amount
            increment = window.hand_back(amount)
            if window.value <= 0:
                assert window.value + window.handed_back <= 0
        elif step == "resize":
            change, initial = amount - initial, amount
            open_at_peer += change
            increment = window.resize(change)
        else:
            window.enlarge(amount)
            open_at_peer += amount
        open_at_peer += increment
        assert window.value == open_at_peer  # both ends agree
    assert not held
    assert window.value + window.handed_back >= window.limit
    assert window.value * 2 >= window.limit or not window.limit


@given(st.integers(-1_000, MAX_WINDOW), st.integers(0, MAX_WINDOW), st.integers(0, MAX_WINDOW))
def test_a_stream_may_send_what_both_windows_allow(
    offset: int, initial: int, connection: int
) -> None:
    windows = SendWindows()
    windows.initial, windows.connection = initial, connection
    assert windows.of_stream(offset) == min(initial + offset, connection)
