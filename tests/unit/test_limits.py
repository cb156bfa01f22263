"""h2.limits: the settings of the limits against abuse, and the option that takes them."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import pytest

from h2.config import H2Configuration
from h2.limits import AbuseLimits, Rate

NAMES = [field.name for field in dataclasses.fields(AbuseLimits)]


def test_defaults() -> None:
    limits = AbuseLimits()
    assert limits.resets_received == limits.resets_provoked == Rate(burst=1000, per_second=33)
    assert limits.glitches == Rate(burst=10_000, per_second=330)
    assert limits.empty_data == Rate(burst=100, per_second=10)
    assert (limits.pending_answers, limits.settings_entries, limits.fields) == (1000, 32, 128)
    assert (limits.reserved_streams, limits.cookie_crumbs, limits.encoded_factor) == (200, 256, 2)
    assert (limits.small_data, limits.expansion) == (16_384, 524_288)


def test_all_of_them_can_be_off() -> None:
    assert {getattr(AbuseLimits.off(), name) for name in NAMES} == {None}


def test_they_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AbuseLimits().fields = 3  # type: ignore[misc]  # that is what is tested
    assert dataclasses.replace(AbuseLimits(), fields=3).fields == 3


@pytest.mark.parametrize("name", NAMES)
def test_negative_numbers(name: str) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        AbuseLimits(**options)


@pytest.mark.parametrize(("burst", "per_second"), [(0, 1), (1, -1)])
def test_rates_that_are_none(burst: int, per_second: int) -> None:
    with pytest.raises(ValueError, match="allows nothing"):
        Rate(burst, per_second)


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


def test_the_manual_lists_all_of_them_with_their_defaults() -> None:
    page = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    assert rows == {name: shown(getattr(AbuseLimits(), name)) for name in NAMES}


def shown(value: Rate | int) -> str:
    """A default as the manual writes it."""
    if isinstance(value, Rate):
        return f"{shown(value.burst)}, {value.per_second} a second"
    return f"{value:,}" if value >= 10_000 else str(value)
