"""Copies of a connection, and images of it that compare by content.

Both look at every attribute, so that state that is added later is covered automatically. They are
generic and fast: the attributes of a class are looked up once.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from enum import Enum
from operator import attrgetter
from typing import Any

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._core.outbound_fields import FieldPlanner, Plan
from h2._core.output import Output
from h2._core.state import Connection
from h2._core.static_table import STATIC
from h2._core.stream import Stream, Streams
from h2._hpack import Decoder, Encoder, Entry, FieldSection
from h2.config import H2Configuration
from h2.connection import H2Connection

Memo = dict[int, Any]
Copier = Callable[[Any, Memo], Any]

#: Values of these classes never change, and have the same meaning in every connection. The entries
#: of HPACK tables are here because the fields of the exploration enter no table.
_CONSTANT: set[type] = {
    *(int, bool, float, str, bytes, type(None), type, types.FunctionType),
    *(H2Configuration, HeaderTuple, NeverIndexedHeaderTuple, Entry, FieldSection, Plan),
    type(STATIC),
}

#: Tables that all connections share.
_SHARED: dict[type, set[str]] = {
    Connection: {"options", "transition_table", "transitions"},
    Encoder: {"_static_names"},
}

#: Attributes that are not state: caches, derived values, what is shared, and the counts of limits
#: against abuse, none of which is reached. Streams have separate images.
_LEFT_OUT: dict[type, set[str]] = {
    Connection: {
        *("config", "options", "goaway_hook", "transition_table", "transitions"),
        *("streams", "no_events", "out"),
        *("conduct", "now", "window_given"),
        # What was read from the settings.
        *("list_limit", "streams_allowed", "values_seen", "window_of_streams"),
        *("peer_streams_allowed", "peer_values_seen"),
    },
    Streams: {"reset", "table", "_latest", "_seen_by_program", "_slots"},
    Stream: {"stream_id"},
    FieldPlanner: {
        *("_options", "_normalize", "_split_cookies"),
        *("_checked", "_normalized", "_blocks", "_blocks_generation", "_repeats"),
        *("_kept", "_remembered"),
    },
    Encoder: {
        *("_static", "_static_names", "_string", "_recent", "_mask", "_earned", "_enough"),
        *("generation", "_names"),
    },
    Decoder: {"_static", "_blocks", "_runs", "_changed"},
}

_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)


def _attributes(cls: type) -> list[str]:
    """The names of the attributes that instances have in slots."""
    return [
        name
        for base in cls.__mro__
        for name, descriptor in vars(base).items()
        if isinstance(descriptor, _DESCRIPTORS) and not name.startswith("__")
    ]


# Copies.


def copy_of(conn: H2Connection) -> H2Connection:
    """Return a connection that continues from the state of ``conn``, and shares nothing with it."""
    twin = object.__new__(type(conn))
    twin.__dict__["_core"] = _copy(conn._core, {})
    return twin


def _copy(thing: Any, memo: Memo) -> Any:
    cls = thing.__class__
    if cls in _CONSTANT:
        return thing
    known = memo.get(id(thing))
    if known is not None:
        return known
    copier = _COPIERS.get(cls)
    if copier is None:
        if issubclass(cls, Enum):
            _CONSTANT.add(cls)
            return thing
        copier = _COPIERS[cls] = _object_copier(cls)
    twin = memo[id(thing)] = copier(thing, memo)
    return twin


def _copy_list(thing: list[Any], memo: Memo) -> list[Any]:
    return [_copy(value, memo) for value in thing]


def _copy_dict(thing: Mapping[Any, Any], memo: Memo) -> dict[Any, Any]:
    return {key: _copy(value, memo) for key, value in thing.items()}


def _copy_tuple(thing: tuple[Any, ...], memo: Memo) -> tuple[Any, ...]:
    return tuple([_copy(value, memo) for value in thing])


def _copy_method(thing: Any, memo: Memo) -> Any:
    """Copy a method that is bound to an object, such as the ``append`` of a list."""
    owner = thing.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return thing
    return getattr(_copy(owner, memo), thing.__name__)


_COPIERS: dict[type, Copier] = {
    list: _copy_list,
    dict: _copy_dict,
    tuple: _copy_tuple,
    bytearray: lambda thing, memo: thing[:],
    types.BuiltinMethodType: _copy_method,
    types.MethodType: _copy_method,
}


def _object_copier(cls: Any) -> Copier:
    names = _attributes(cls)
    shared = _SHARED.get(cls, set())
    is_dict = issubclass(cls, dict)

    def copier(thing: Any, memo: Memo) -> Any:
        twin = cls.__new__(cls)
        memo[id(thing)] = twin
        for name in names:
            value = getattr(thing, name)
            if value.__class__ not in _CONSTANT and name not in shared:
                value = _copy(value, memo)
            setattr(twin, name, value)
        if is_dict:
            for key, value in thing.items():
                dict.__setitem__(twin, key, _copy(value, memo))
        return twin

    return copier


# Images.


def image_of(conn: H2Connection) -> object:
    """Return the whole state of a connection, except that of its streams.

    HPACK tables are left out, so they must be empty.
    """
    core = conn._core
    if core.planner.encoder.fields or core.decoder._entries:  # type: ignore[union-attr]  # our own
        raise ValueError("the fields of an exploration must not enter HPACK tables")
    return _image(core), _image(core.streams)


def stream_images(conn: H2Connection) -> dict[int, object]:
    """Return what a connection remembers about each stream: its state, and how it was reset."""
    streams = conn._core.streams
    images: dict[int, object] = dict(streams.reset)
    images.update((stream_id, _image(stream)) for stream_id, stream in streams.items())
    return images


def pending(out: Output) -> bytes:
    """Return the octets that are pending, without taking them."""
    return b"".join(out.chunks[out._first :])[out._position :]


def _image(thing: Any) -> Any:
    cls = thing.__class__
    if cls in _CONSTANT:
        return thing
    imager = _IMAGERS.get(cls)
    if imager is None:
        if issubclass(cls, Enum):
            _CONSTANT.add(cls)
            return thing
        imager = _IMAGERS[cls] = _object_imager(cls)
    return imager(thing)


def _image_dict(thing: Mapping[Any, Any]) -> object:
    return tuple(sorted((int(key), _image(value)) for key, value in thing.items()))


def _image_tuple(thing: Any) -> object:
    return tuple([_image(value) for value in thing])


_IMAGERS: dict[type, Callable[[Any], Any]] = {
    list: _image_tuple,
    tuple: _image_tuple,
    dict: _image_dict,
    bytearray: bytes,
}


def _object_imager(cls: type) -> Callable[[Any], Any]:
    left_out = _LEFT_OUT.get(cls, set())
    names = [name for name in _attributes(cls) if name not in left_out]
    if len(names) < 2:
        names += names or ["__class__"]  # a getter of one attribute returns no tuple
        names = (names * 2)[:2]
    getter = attrgetter(*names)

    def imager(thing: Any) -> object:
        return tuple(
            [value if value.__class__ in _CONSTANT else _image(value) for value in getter(thing)]
        )

    return imager
