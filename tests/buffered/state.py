"""The whole state of a buffering connection, as one value that compares by content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from h2._core.state import Connection
from h2.buffered import BufferedH2Connection
from support.snapshot import LEFT_OUT, attributes, freeze, snapshot


def state_of(conn: BufferedH2Connection) -> object:
    """The state of the core, and of everything above it."""
    return snapshot(conn), _frozen(conn._buffers, {})


def _frozen(thing: object, seen: dict[int, tuple[int, object]]) -> object:
    """Like `freeze`, for parts that refer to each other. The core is frozen separately.

    ``seen`` keeps its objects alive: compiled objects create a new tuple at each access, and a
    later one could get the same id.
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
        left_out = LEFT_OUT.get(type(thing), set())
        found = sorted(item for item in attributes(thing).items() if item[0] not in left_out)
        return type(thing).__name__, [(name, _frozen(value, seen)) for name, value in found]
    return freeze(thing)
