"""Everything that a buffered connection remembers, as one value that compares by content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from h2._core.state import Connection
from h2.buffered import BufferedH2Connection
from support.snapshot import attributes, freeze, snapshot


def state_of(conn: BufferedH2Connection) -> object:
    """The memory of the core, and the behaviour of everything above it."""
    return snapshot(conn), _frozen(conn._buffers, {})


def _frozen(thing: object, seen: dict[int, tuple[int, object]]) -> object:
    """As `freeze`, for parts that know each other. The core is looked at apart.

    ``seen`` keeps what it knows: compiled objects make a new tuple each time they are asked for
    one, and the next could get its identity.
    """
    if isinstance(thing, Connection):
        return "the core"
    if id(thing) in seen:
        return f"part {seen[id(thing)][0]}"
    if isinstance(thing, memoryview):
        return bytes(thing)
    if isinstance(thing, dict):
        seen[id(thing)] = len(seen), thing
        return [(_frozen(key, seen), _frozen(value, seen)) for key, value in thing.items()]
    if isinstance(thing, Iterable) and not isinstance(thing, (str, bytes, bytearray)):
        seen[id(thing)] = len(seen), thing
        parts: Any = sorted(thing) if isinstance(thing, (set, frozenset)) else thing
        return [_frozen(part, seen) for part in parts]
    if type(thing).__module__.startswith("h2._core"):
        seen[id(thing)] = len(seen), thing
        found = sorted(attributes(thing).items())
        return type(thing).__name__, [(name, _frozen(value, seen)) for name, value in found]
    return freeze(thing)
