"""The whole state of a connection, as one value that compares by content.

Caches are left out, and so is how octets are divided into chunks. Everything else is found by
inspection, not by name, so state that is added later is covered automatically.
"""

from __future__ import annotations

import types
from enum import Enum
from typing import Any

from h2._core.outbound_fields import FieldPlanner
from h2._core.output import Output
from h2._core.state import Connection, PartialBlock, PartialFrame
from h2._core.stream import Streams
from h2._hpack import Decoder, Encoder
from h2.connection import H2Connection
from h2.events import Event

_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_PLAIN = (Enum, int, float, str, bytes, type(None), type, types.FunctionType, types.MethodType)

#: Attributes that are not state: caches, derived values, shared objects.
LEFT_OUT: dict[type, set[str]] = {
    Connection: {
        *("config", "goaway_hook", "now", "transition_table", "transitions"),
        # What was read from the settings.
        *("list_limit", "streams_allowed", "values_seen", "window_of_streams"),
        *("peer_streams_allowed", "peer_values_seen"),
    },
    Streams: {"_latest", "_seen_by_program", "_slots"},
    # How octets are stored in memory.
    Output: {"append", "chunks", "_first", "_position", "_content", "_indexed"},
    PartialFrame: {"pieces"},
    FieldPlanner: {
        *("_options", "_normalize", "_split_cookies"),
        *("_checked", "_normalized", "_blocks", "_blocks_generation", "_repeats"),
        *("_kept", "_remembered"),
    },
    PartialBlock: {"parts"},
    Encoder: {"_static", "_entries", "fields"},
    Decoder: {"_static", "_blocks", "_runs", "_changed", "_entries", "_evicted"},
}


def attributes(thing: object) -> dict[str, Any]:
    """The attributes of an object, whether in slots, in a dict, or in a compiled class."""
    found = {}
    for cls in type(thing).__mro__:
        for name, descriptor in vars(cls).items():
            if isinstance(descriptor, _DESCRIPTORS) and not name.startswith("__"):
                found[name] = getattr(thing, name)
    return found | getattr(thing, "__dict__", {})


def freeze(thing: object) -> object:
    """An immutable copy of a structure; copies of equal structures are equal."""
    if isinstance(thing, _PLAIN):
        return thing
    if isinstance(thing, bytearray):
        return bytes(thing)
    if isinstance(thing, (set, frozenset)):
        return frozenset(map(freeze, thing))
    parts: list[object] = [type(thing).__name__]
    if isinstance(thing, dict):
        parts += [(freeze(key), freeze(value)) for key, value in thing.items()]
    elif isinstance(thing, (list, tuple)):
        parts += map(freeze, thing)
        if type(thing) in (list, tuple):
            return tuple(parts)
    left_out = LEFT_OUT.get(type(thing), set())
    parts += sorted(
        (name, freeze(value)) for name, value in attributes(thing).items() if name not in left_out
    )
    parts += _joined(thing)
    return tuple(parts)


def _joined(thing: object) -> list[object]:
    """The content of the attributes that are left out."""
    if isinstance(thing, Output):
        return [pending(thing)]
    if isinstance(thing, PartialFrame):
        return [b"".join(thing.pieces)]
    if isinstance(thing, PartialBlock):
        return [b"".join(thing.parts)]
    if isinstance(thing, Encoder):
        dead = thing._evicted - (thing._inserted - len(thing._entries))
        known = {key for key, entry in thing.fields.items() if entry.seq > 0}
        return [freeze(thing._entries[dead:]), freeze(known)]
    if isinstance(thing, Decoder):
        return [freeze(thing._entries[thing._evicted :])]
    return []


def pending(out: Output) -> bytes:
    """The pending output, without removing it."""
    return b"".join(out.chunks[out._first :])[out._position :]


def snapshot(conn: H2Connection) -> object:
    """The whole state of ``conn``."""
    return freeze(conn._core)


def frozen_events(events: list[Event]) -> object:
    """Events in a form that compares all of their fields, types of header tuples included."""
    return [freeze(event) for event in events]
