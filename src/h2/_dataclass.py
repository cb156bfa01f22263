"""Dataclasses whose comparison, hash and representation are shared by all of them.

The standard decorator generates source for each of these methods in each class, and compiles it
whenever the module is imported: with two dozen events, that is a tenth of the time that importing
the package takes. The constructor, which has to have the parameters of its class, is still
generated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


def dataclass(*, repr: bool = True, frozen: bool = False, **options: Any) -> Callable[[type], type]:
    """Return a decorator like that of the standard library, to which the options are passed.

    Methods that the class defines itself are kept. Type checkers do not see this function: modules
    import the standard one for them.
    """

    def decorate(cls: type) -> type:
        own = vars(cls)
        shared: dict[str, Any] = {"__eq__": _eq, "__hash__": _hash if frozen else None}
        if repr:
            shared["__repr__"] = _repr
        for name, method in shared.items():
            if name not in own:
                setattr(cls, name, method)
        return dataclasses.dataclass(repr=False, eq=False, frozen=frozen, **options)(cls)

    return decorate


def _values(record: Any) -> tuple[Any, ...]:
    return tuple([getattr(record, name) for name in record.__dataclass_fields__])


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    fields = [f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__]
    return f"{type(self).__qualname__}({', '.join(fields)})"
