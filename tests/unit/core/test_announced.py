"""SETTINGS in flight, and what the peer has acknowledged."""

from __future__ import annotations

import pytest

from h2._core.announced import AnnouncedSettings

FIRST = {1: 4096, 3: 100, 4: 65_535, 8: 0}


def test_nothing_was_sent() -> None:
    announced = AnnouncedSettings()
    assert announced.acknowledge() is None
    assert announced.acknowledged_stream_limit is None
    assert not announced.window_is_known
    assert not announced.connect_protocol
    assert announced.window_growth(0) == 0


def test_frames_are_acknowledged_in_order() -> None:
    announced = AnnouncedSettings()
    announced.send_first(FIRST, 0)
    announced.send({4: 1})
    announced.send({})
    announced.send({4: 2, 5: 20_000})
    assert announced.acknowledge() == (FIRST, {})
    assert announced.acknowledge() == ({4: 1}, {4: 1})
    assert announced.acknowledge() == ({}, {})
    assert announced.acknowledge() == ({4: 2, 5: 20_000}, {4: 2, 5: 20_000})
    assert announced.acknowledge() is None


def test_the_first_frame_takes_back_what_was_sent_before_it() -> None:
    """Its values are in effect, except for those that an earlier frame changes."""
    announced = AnnouncedSettings()
    announced.send({4: 1, 3: 100, 99: 5})
    announced.send({1: 9})
    announced.send_first(FIRST, 1)
    assert announced.acknowledge() == ({4: 1, 3: 100, 99: 5}, {4: 1, 3: 100, 99: 5})
    assert announced.acknowledge() == (FIRST, {4: 65_535})
    assert announced.acknowledge() == ({1: 9}, {1: 9})


def test_the_stream_limit_counts_from_its_acknowledgment_on() -> None:
    announced = AnnouncedSettings()
    announced.send({4: 1})
    announced.send_first(FIRST, 1)
    announced.send({3: 0})
    limits = []
    while announced.acknowledge():
        limits.append(announced.acknowledged_stream_limit)
    assert limits == [None, 100, 0]


@pytest.mark.parametrize(("values", "known"), [({3: 1}, False), ({4: 0}, True), (FIRST, True)])
def test_the_window_is_known_with_an_acknowledgment_that_says_it(
    values: dict[int, int], known: bool
) -> None:
    announced = AnnouncedSettings()
    announced.send(values)
    assert not announced.window_is_known
    announced.acknowledge()
    assert announced.window_is_known is known


def test_windows_may_grow_by_the_largest_size_in_flight() -> None:
    announced = AnnouncedSettings()
    announced.send({3: 7})
    assert announced.window_growth(0) == announced.window_growth(100) == 0
    for size in (50, 300, 200):
        announced.send({4: size})
    assert [announced.window_growth(size) for size in (0, 100, 300, 301)] == [300, 200, 0, 0]
    announced.acknowledge()
    announced.acknowledge()
    assert announced.window_growth(50) == 250
    announced.acknowledge()
    assert announced.window_growth(100) == 100
    announced.acknowledge()
    assert announced.window_growth(0) == 0


def test_extended_connect_counts_as_soon_as_it_is_sent() -> None:
    for send in (
        lambda announced: announced.send({8: 1}),
        lambda announced: announced.send_first({8: 1}, 0),
    ):
        announced = AnnouncedSettings()
        announced.send({8: 0})
        assert not announced.connect_protocol
        send(announced)
        assert announced.connect_protocol
        announced.send({4: 1})
        assert announced.connect_protocol
