"""h2._dataclass: the shared methods do what those of the standard library do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from h2._dataclass import dataclass
from h2.events import RequestReceived, ResponseReceived
from h2.limits import Rate


def both(**options: Any) -> list[Any]:
    """Return two classes with the same fields: one by this package, one by the standard library."""

    members = {"__annotations__": {"x": int, "y": Any}, "y": None}
    return [
        decorate(**options)(type("Point", (), dict(members)))
        for decorate in (dataclass, dataclasses.dataclass)
    ]


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"kw_only": True}, {"repr": False}])
def test_methods_are_those_of_the_standard_library(options: dict[str, Any]) -> None:
    ours, standard = both(**options)
    assert inspect.signature(ours) == inspect.signature(standard)
    for x, y in ((1, 2), (1, None), ("a", [])):
        one, other = ours(x=x, y=y), standard(x=x, y=y)
        assert (repr(one) == repr(other)) is (options != {"repr": False})
        assert one == ours(x=x, y=y) != other
        assert one != ours(x=x, y=3)
        assert one.__eq__(other) is NotImplemented
        assert dataclasses.asdict(one) == dataclasses.asdict(other)
    assert (ours.__hash__ is None) is (standard.__hash__ is None) is (not options.get("frozen"))
    if "frozen" in options:
        assert hash(ours(1, 2)) == hash(standard(1, 2))
        with pytest.raises(dataclasses.FrozenInstanceError):
            ours(1).x = 2


def test_own_methods_are_kept() -> None:
    class Point:
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "a point"

    point = dataclass()(Point)(1)
    assert (point == 5, hash(point), repr(point)) == (True, 7, "a point")


def test_equality_needs_the_same_class() -> None:
    assert RequestReceived(stream_id=1) != ResponseReceived(stream_id=1)


def test_subclasses_by_the_standard_library_compare_their_own_fields() -> None:
    @dataclasses.dataclass(kw_only=True)
    class Timed(RequestReceived):
        seconds: float

    assert Timed(stream_id=1, seconds=1) == Timed(stream_id=1, seconds=1)
    assert Timed(stream_id=1, seconds=1) != Timed(stream_id=1, seconds=2)

    @dataclasses.dataclass(frozen=True)
    class Named(Rate):
        name: str

    assert repr(Named(1, 2, "a")).endswith("Named(burst=1, per_second=2, name='a')")
    assert hash(Named(1, 2, "a")) == hash((1, 2, "a"))


def test_copies_are_equal() -> None:
    rate = Rate(1, 2)
    assert copy.copy(rate) == pickle.loads(pickle.dumps(rate)) == rate
    assert len({rate, copy.copy(rate)}) == 1
