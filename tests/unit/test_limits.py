"""h2.limits: the settings of the limits against abuse, and the option that takes them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import time
from pathlib import Path
from typing import Any

import pytest

from h2._core.output import ANSWERS_TOGETHER
from h2.config import H2Configuration
from h2.limits import AbuseLimits, Rate

NAMES = [field.name for field in dataclasses.fields(AbuseLimits)]


def test_defaults() -> None:
    limits = AbuseLimits()
    assert limits.resets_received == Rate(burst=2000, per_second=33)
    assert limits.resets_provoked == Rate(burst=1000, per_second=33)
    assert limits.glitches == Rate(burst=10_000, per_second=330)
    assert limits.empty_data == Rate(burst=100, per_second=10)
    assert (limits.pending_answers, limits.settings_entries, limits.fields) == (1000, 32, 128)
    assert (limits.reserved_streams, limits.cookie_crumbs, limits.encoded_factor) == (200, 256, 2)
    assert limits.expansion == Rate(burst=524_288, per_second=65_536)
    assert limits.small_data == 16_384


def test_all_of_them_can_be_off() -> None:
    assert {getattr(AbuseLimits.off(), name) for name in NAMES} == {None}


def test_they_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AbuseLimits().fields = 3  # type: ignore[misc]  # that is what is tested
    assert dataclasses.replace(AbuseLimits(), fields=3).fields == 3


RATES = [name for name in NAMES if isinstance(getattr(AbuseLimits(), name), Rate)]


@pytest.mark.parametrize("name", sorted({*NAMES} - {*RATES}))
def test_negative_numbers(name: str) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        AbuseLimits(**options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [5, Rate(5, 5), True, 1.5, float("nan"), "5"], ids=repr)
def test_limits_of_another_type(name: str, value: Any) -> None:
    """They are rejected here, not when the first frame is counted."""
    options: dict[str, Any] = {name: value}
    if type(value) is type(getattr(AbuseLimits(), name)):
        assert getattr(AbuseLimits(**options), name) == value
        return
    with pytest.raises(ValueError, match=f"{name} must be an? (Rate|int) or None, not"):
        AbuseLimits(**options)


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(("burst", "per_second"), [(0, 1), (1, -1), (1, NAN), (1, INFINITE)])
def test_rates_that_are_none(burst: int, per_second: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Rate(burst, per_second)


@pytest.mark.parametrize(
    ("burst", "per_second"),
    [(1.5, 1), (NAN, 1), (True, 1), ("1", 1), (None, 1), (1, "1"), (1, None), (1, True)],
)
def test_rates_of_another_type(burst: Any, per_second: Any) -> None:
    with pytest.raises(ValueError, match="burst must be an int, per_second a number"):
        Rate(burst, per_second)


@pytest.mark.parametrize("limits", [None, AbuseLimits(fields=7, expansion=None, pending_answers=3)])
def test_configurations_can_be_copied(limits: AbuseLimits | None) -> None:
    config = H2Configuration(limits=limits)
    for made in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert made.limits == config.limits
        assert made._suspect_list == config._suspect_list
        assert made._few_answers == config._few_answers
        assert repr(made) == repr(config)
    assert hash(AbuseLimits()) == hash(AbuseLimits())


def test_options() -> None:
    assert H2Configuration().limits == AbuseLimits()
    assert H2Configuration().clock is time.monotonic
    limits = AbuseLimits(fields=7)
    config = H2Configuration(limits=limits, clock=time.time)
    assert (config.limits, config.clock) == (limits, time.time)
    assert "limits=AbuseLimits(" in repr(config)
    assert "clock=<" in repr(config)
    assert "limits" not in repr(H2Configuration())


@pytest.mark.parametrize(("name", "value"), [("limits", 3), ("limits", Rate(1, 1)), ("clock", 3)])
def test_options_of_the_wrong_type(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        H2Configuration(**options)
    with pytest.raises(ValueError, match=name):
        setattr(H2Configuration(), name, value)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 4096),
        ({"fields": 10}, 320),
        ({"cookie_crumbs": 20}, 640),
        ({"expansion": None}, 4096),
        ({"expansion": None, "fields": None}, 8192),
        ({"expansion": None, "fields": None, "cookie_crumbs": None}, 2**63),
    ],
)
def test_lists_that_need_no_look(options: Any, size: int) -> None:
    assert AbuseLimits(**options).suspect_list() == size


@pytest.mark.parametrize(
    ("most", "few"),
    [(0, 0), (3, 3), (1000, ANSWERS_TOGETHER - 1), (None, ANSWERS_TOGETHER - 1)],
)
def test_answers_that_need_no_look(most: int | None, few: int) -> None:
    assert AbuseLimits(pending_answers=most).few_answers() == few


def test_the_manual_lists_all_of_them_with_their_defaults() -> None:
    page = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    assert rows == {name: shown(getattr(AbuseLimits(), name)) for name in NAMES}


def shown(value: Rate | float) -> str:
    """A default value as the manual formats it."""
    if isinstance(value, Rate):
        return f"{shown(value.burst)}, {shown(value.per_second)} a second"
    return f"{value:,}" if value >= 10_000 else str(value)
