"""h2._rules.abuse: the counters of what a peer does."""

from __future__ import annotations

import pytest

from h2._rules.abuse import Conduct, SmallFrames, TokenBucket


def test_a_bucket_allows_the_burst_and_no_more() -> None:
    bucket = TokenBucket()
    assert [bucket.take(1, 3, 0, 100.0) for _ in range(5)] == [True, True, True, False, False]


def test_a_bucket_forgets_so_many_each_second() -> None:
    bucket = TokenBucket()
    assert bucket.take(10, 10, 2, 100.0)
    assert not bucket.take(1, 10, 2, 100.0)  # counted nevertheless
    assert bucket.take(2, 10, 2, 101.5)
    assert bucket.used == 10
    assert not bucket.take(1, 10, 2, 101.5)


def test_a_bucket_saves_nothing_for_later() -> None:
    bucket = TokenBucket()
    assert bucket.take(1, 5, 1, 0.0)
    assert bucket.take(5, 5, 1, 1e9)
    assert not bucket.take(1, 5, 1, 1e9)


def test_a_clock_that_goes_back_gives_nothing_back() -> None:
    bucket = TokenBucket()
    assert bucket.take(5, 5, 1, 1000.0)
    assert not bucket.take(1, 5, 1, 500.0)
    assert bucket.take(1, 5, 1, 503.0)


def test_a_clock_that_goes_back_a_little_takes_nothing_either() -> None:
    bucket = TokenBucket()
    assert bucket.take(5, 5, 1, 1000.0)
    assert not bucket.take(1, 5, 1, 999.5)
    assert bucket.used == 6


def test_less_than_a_second_is_not_saved_either() -> None:
    bucket = TokenBucket()
    assert bucket.take(1, 5, 1, 0.0)
    assert bucket.take(5, 5, 1, 1.5)
    assert bucket.used == 5


def test_small_frames_of_which_all_are_acknowledged() -> None:
    small = SmallFrames(acknowledged=70)
    small.count, small.octets = 10, 50
    assert small.settle(120) == 0
    assert small.octets == 0


@pytest.mark.parametrize(("acknowledged", "left"), [(0, 10), (4, 10), (5, 9), (25, 5), (49, 1)])
def test_small_frames_of_which_some_are_acknowledged(acknowledged: int, left: int) -> None:
    """Acknowledged octets are first attributed to small frames."""
    small = SmallFrames(acknowledged=1000)
    small.count, small.octets = 10, 50
    assert small.settle(1000 + acknowledged) == left
    assert small.octets == 50 - acknowledged
    assert small.settle(1000 + acknowledged) == left


def test_small_frames_settled_in_steps() -> None:
    small = SmallFrames(acknowledged=0)
    acknowledged = 0
    for step in range(1, 1001):
        small.count += 1
        small.octets += 1 + step % 100
        acknowledged += small.octets // 2 if step % 10 else small.octets
        left = small.settle(acknowledged)
        assert 0 <= left <= step
        assert bool(left) == bool(small.octets) == bool(step % 10)


def test_two_small_window_updates_for_each_octet_sent() -> None:
    conduct = Conduct()
    assert not conduct.is_due_update(65_535, 65_535)
    # Three octets were sent.
    assert [conduct.is_due_update(65_532, 65_532) for _ in range(7)] == [True] * 6 + [False]
    # One octet is given back for the connection, then one is sent.
    assert not conduct.is_due_update(65_532, 65_533)
    assert conduct.is_due_update(65_532, 65_532)


def test_large_window_updates_between_small_ones() -> None:
    conduct = Conduct()
    assert not conduct.is_due_update(100_000, 100_000)
    assert conduct.is_due_update(99_999, 99_999)
