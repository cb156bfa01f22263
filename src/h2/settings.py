"""The settings of one endpoint of a connection (RFC 9113 section 6.5)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from operator import index
from typing import Any

from h2._rules import setting_bounds as codes
from h2._rules.received_settings import take
from h2._rules.setting_bounds import SENDER_BOUNDS, revocation, value_violation

__all__ = ["ChangedSetting", "SettingCodes", "Settings"]


class SettingCodes(enum.IntEnum):
    """The settings that this package knows.

    They are those of RFC 9113 section 6.5.2, RFC 8441 section 3 and RFC 9218 section 2.1.
    """

    #: Size in bytes of the largest HPACK dynamic table that the sender keeps for decoding.
    HEADER_TABLE_SIZE = codes.HEADER_TABLE_SIZE

    #: Whether the sender, a client, accepts pushed streams: 0 or 1.
    ENABLE_PUSH = codes.ENABLE_PUSH

    #: How many streams the receiver may have open at a time.
    MAX_CONCURRENT_STREAMS = codes.MAX_CONCURRENT_STREAMS

    #: Flow-control window in bytes that every new stream of the receiver starts with.
    INITIAL_WINDOW_SIZE = codes.INITIAL_WINDOW_SIZE

    #: Size in bytes of the largest frame payload that the sender accepts.
    MAX_FRAME_SIZE = codes.MAX_FRAME_SIZE

    #: Size in bytes of the largest field section that the sender accepts, each field counted as
    #: its name, its value and 32 bytes. Advice only.
    MAX_HEADER_LIST_SIZE = codes.MAX_HEADER_LIST_SIZE

    #: Whether the sender, a server, accepts extended CONNECT requests: 0 or 1.
    ENABLE_CONNECT_PROTOCOL = codes.ENABLE_CONNECT_PROTOCOL

    #: Whether the sender ignores the priorities of RFC 7540: 0 or 1. It must be in the first
    #: SETTINGS frame and never changes.
    NO_RFC7540_PRIORITIES = codes.NO_RFC7540_PRIORITIES


_new = object.__new__

_BY_VALUE: dict[int, SettingCodes] = {int(member): member for member in SettingCodes}

# Module-level names for the properties: access to a member through its class costs more.
_HEADER_TABLE_SIZE = SettingCodes.HEADER_TABLE_SIZE
_ENABLE_PUSH = SettingCodes.ENABLE_PUSH
_MAX_CONCURRENT_STREAMS = SettingCodes.MAX_CONCURRENT_STREAMS
_INITIAL_WINDOW_SIZE = SettingCodes.INITIAL_WINDOW_SIZE
_MAX_FRAME_SIZE = SettingCodes.MAX_FRAME_SIZE
_MAX_HEADER_LIST_SIZE = SettingCodes.MAX_HEADER_LIST_SIZE
_ENABLE_CONNECT_PROTOCOL = SettingCodes.ENABLE_CONNECT_PROTOCOL
_NO_RFC7540_PRIORITIES = SettingCodes.NO_RFC7540_PRIORITIES

# "Initially, there is no limit": a number that no SETTINGS frame can contain and no count reaches.
_UNLIMITED = 2**32 + 1

# RFC 9113 section 6.5.2. For a server, ENABLE_PUSH is "equivalent to the value 0".
_CLIENT_DEFAULTS: dict[SettingCodes | int, int] = {
    _HEADER_TABLE_SIZE: 4096,
    _ENABLE_PUSH: 1,
    _INITIAL_WINDOW_SIZE: 65535,
    _MAX_FRAME_SIZE: 16384,
    _ENABLE_CONNECT_PROTOCOL: 0,
}
_SERVER_DEFAULTS: dict[SettingCodes | int, int] = {**_CLIENT_DEFAULTS, _ENABLE_PUSH: 0}


def _setting_code_from_int(code: int) -> SettingCodes | int:
    """Return the member of :class:`SettingCodes` for ``code``, or ``code`` if there is none."""
    return _BY_VALUE.get(code, code)


@lru_cache(maxsize=64)
def _shared(values: tuple[tuple[SettingCodes | int, int], ...]) -> dict[SettingCodes | int, int]:
    """Return these values as one dict for all connections: dicts of values never change."""
    return dict(values)


class ChangedSetting:
    """One setting that changed, as :class:`h2.events.RemoteSettingsChanged` reports it.

    :param setting: which setting; an integer if it is not one of :class:`SettingCodes`
    :param original_value: its value before, ``None`` if it had none
    :param new_value: its value now
    """

    __slots__ = ("new_value", "original_value", "setting")

    def __init__(
        self, setting: SettingCodes | int, original_value: int | None, new_value: int
    ) -> None:
        #: Which setting changed.
        self.setting: SettingCodes | int = setting

        #: The value before the change, or ``None``.
        self.original_value: int | None = original_value

        #: The value after the change.
        self.new_value: int = new_value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChangedSetting):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __reduce__(self) -> tuple[Any, ...]:
        # Older pickle protocols do not support slots.
        return type(self), self._parts()

    def _parts(self) -> tuple[SettingCodes | int, int | None, int]:
        return self.setting, self.original_value, self.new_value

    def __repr__(self) -> str:
        return (
            f"ChangedSetting(setting={self.setting}, "
            f"original_value={self.original_value}, new_value={self.new_value})"
        )


# The arguments of `_new`: a tuple that exists costs less than one that each call creates.
_CHANGED_SETTING = (ChangedSetting,)


class Settings(MutableMapping["SettingCodes | int", int]):
    """The settings of one endpoint: the values in effect, and those that are pending.

    A setting takes effect only when the peer has acknowledged it (RFC 9113 section 6.5.3).
    Therefore an assignment queues a value, reading returns the value in effect, and
    :meth:`acknowledge` puts the oldest pending value of every setting into effect::

        >>> settings = Settings()
        >>> settings.initial_window_size = 1048576
        >>> settings.initial_window_size
        65535
        >>> settings.acknowledge()
        {<SettingCodes.INITIAL_WINDOW_SIZE: 4>: ChangedSetting(setting=4, ...)}
        >>> settings.initial_window_size
        1048576

    As a mapping it contains the values in effect, in the order in which a connection announces
    them. A deleted setting is not announced; the value that was announced before it was deleted, or
    else its initial value (section 6.5.2), is in effect again.

    :param client: whether these are the settings of a client, which determines the initial value of
        ``ENABLE_PUSH``
    :param initial_values: values that are in effect from the start, instead of the initial values
        of the RFC
    :raises InvalidSettingsValueError: if one of ``initial_values`` is out of bounds
    """

    # `_values` is the mapping; until a setting is deleted it is the same object as `in_effect`.
    # `_told` has what the peer was told last, or else the initial values. These dicts are replaced,
    # never changed in place: connections that keep the initial values share one dict. Pending
    # values are in the order of assignment; None if none was assigned.
    __slots__ = ("__dict__", "__weakref__", "_client", "_pending", "_told", "_values", "in_effect")

    #: The values in effect, read-only: those of the mapping, and those that apply to deleted
    #: settings. Only ``MAX_CONCURRENT_STREAMS`` and ``MAX_HEADER_LIST_SIZE`` may be
    #: missing, which means no limit, and ``NO_RFC7540_PRIORITIES``, which means 0. Replaced
    #: whenever a value changes.
    in_effect: Mapping[SettingCodes | int, int]

    _values: dict[SettingCodes | int, int]
    _told: Mapping[SettingCodes | int, int]
    _pending: dict[SettingCodes | int, list[int]] | None

    def __init__(
        self, client: bool = True, initial_values: dict[SettingCodes, int] | None = None
    ) -> None:
        self._client = client
        self._pending = None
        self._told = values = _CLIENT_DEFAULTS if client else _SERVER_DEFAULTS
        if initial_values is not None:
            given = {code: _checked(code, value) for code, value in initial_values.items()}
            values = values | given
        self._values = self.in_effect = values

    def acknowledge(self) -> dict[SettingCodes | int, ChangedSetting]:
        """Put the oldest pending value of every setting into effect.

        A connection does this itself when an acknowledgment arrives. Call it to change the settings
        of a connection before it starts.

        :returns: what changed, by setting; empty if nothing was pending
        """
        return self.acknowledge_frame({})

    def validate_received_setting(self, setting: SettingCodes | int, value: int) -> None:
        """Check a value that the endpoint with these settings sent.

        :raises InvalidSettingsValueError: if the endpoint must not send it: it is out of bounds,
            enables push on a server, or revokes ``ENABLE_CONNECT_PROTOCOL``
            (RFC 9113 section 6.5.2, RFC 8441 section 3)
        """
        violation = value_violation(setting, value, SENDER_BOUNDS[self._client])
        if violation is None:
            enabled = bool(self.in_effect[_ENABLE_CONNECT_PROTOCOL])
            violation = revocation(setting, value, enabled)
        if violation is not None:
            raise violation.exception()

    # Only for the connection.

    def adopt(self, other: Settings) -> None:
        """Share the values in effect of ``other``.

        :meta private:
        """
        self._values, self.in_effect, self._told = other._values, other.in_effect, other._told

    def listed(self) -> Mapping[SettingCodes | int, int]:
        """Return the values of the mapping, in order, read-only.

        :meta private:
        """
        return self._values

    def start_with(self, values: Mapping[SettingCodes | int, int]) -> None:
        """Put values into effect that the first SETTINGS frame will announce. Checks nothing.

        :meta private:
        """
        self._replace(_shared((*self._values.items(), *values.items())))

    def supersede(self, announced: Iterable[SettingCodes | int]) -> None:
        """Drop the pending values of settings for which the peer gets a newer value.

        :meta private:
        """
        if self._pending is not None:
            for setting in announced:
                self._pending.pop(setting, None)

    def acknowledge_frame(
        self, announced: Mapping[SettingCodes | int, int]
    ) -> dict[SettingCodes | int, ChangedSetting]:
        """Put values into effect that the peer has acknowledged, and return what changed.

        The oldest pending values of all other settings take effect with them. Checks nothing.

        :meta private:
        """
        if not announced and not self._pending:
            return {}
        changes = dict(announced)
        if changes:
            self._told = {**self._told, **changes}
        if self._pending:
            for setting in [setting for setting in self._pending if setting not in changes]:
                changes[setting] = self._pending[setting].pop(0)
                if not self._pending[setting]:
                    del self._pending[setting]
        before = self._values
        self._replace({**before, **changes})
        return {
            setting: ChangedSetting(setting, before.get(setting), value)
            for setting, value in self._values.items()
            if setting in changes
        }

    def _replace(self, values: dict[SettingCodes | int, int]) -> None:
        """Put new values of the mapping into effect; no setting was deleted."""
        whole = self.in_effect is self._values
        self._values = values
        self.in_effect = values if whole else {**self.in_effect, **values}

    def receive(self, pairs: Iterable[tuple[int, int]]) -> dict[SettingCodes | int, ChangedSetting]:
        """Check and apply values that the endpoint with these settings sent, in their order.

        Unknown settings are reported and not kept: a peer could send any number of them. They need
        no check, because any 32-bit value is valid. If it raises a Violation, nothing has changed.

        :meta private:
        """
        after, changes = take(pairs, self._values, SENDER_BOUNDS[self._client], _BY_VALUE)
        self._replace(after)
        reported: dict[SettingCodes | int, ChangedSetting] = {}
        for setting, original, value in changes:
            # Without the constructor: every connection begins with half a dozen of these.
            reported[setting] = change = _new(*_CHANGED_SETTING)
            change.setting = setting
            change.original_value = original
            change.new_value = value
        return reported

    # The settings by name.

    @property
    def header_table_size(self) -> int:
        """``HEADER_TABLE_SIZE``: the largest HPACK dynamic table, in bytes."""
        return self.in_effect[_HEADER_TABLE_SIZE]

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        self[_HEADER_TABLE_SIZE] = value

    @property
    def enable_push(self) -> int:
        """``ENABLE_PUSH``: whether pushed streams are accepted, 0 or 1."""
        return self.in_effect[_ENABLE_PUSH]

    @enable_push.setter
    def enable_push(self, value: int) -> None:
        self[_ENABLE_PUSH] = value

    @property
    def initial_window_size(self) -> int:
        """``INITIAL_WINDOW_SIZE``: the flow-control window of a new stream, in bytes."""
        return self.in_effect[_INITIAL_WINDOW_SIZE]

    @initial_window_size.setter
    def initial_window_size(self, value: int) -> None:
        self[_INITIAL_WINDOW_SIZE] = value

    @property
    def max_frame_size(self) -> int:
        """``MAX_FRAME_SIZE``: the largest frame payload, in bytes."""
        return self.in_effect[_MAX_FRAME_SIZE]

    @max_frame_size.setter
    def max_frame_size(self, value: int) -> None:
        self[_MAX_FRAME_SIZE] = value

    @property
    def max_concurrent_streams(self) -> int:
        """``MAX_CONCURRENT_STREAMS``: how many streams the peer may have open at a time.

        If no limit is set, it is 2**32 + 1, larger than any limit that can be set.
        """
        return self.in_effect.get(_MAX_CONCURRENT_STREAMS, _UNLIMITED)

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[_MAX_CONCURRENT_STREAMS] = value

    @property
    def max_header_list_size(self) -> int | None:
        """``MAX_HEADER_LIST_SIZE``: the largest field section, in bytes.

        ``None`` if no limit is set.
        """
        return self.in_effect.get(_MAX_HEADER_LIST_SIZE)

    @max_header_list_size.setter
    def max_header_list_size(self, value: int) -> None:
        self[_MAX_HEADER_LIST_SIZE] = value

    @property
    def enable_connect_protocol(self) -> int:
        """``ENABLE_CONNECT_PROTOCOL``: whether extended CONNECT is accepted, 0 or 1."""
        return self.in_effect[_ENABLE_CONNECT_PROTOCOL]

    @enable_connect_protocol.setter
    def enable_connect_protocol(self, value: int) -> None:
        self[_ENABLE_CONNECT_PROTOCOL] = value

    @property
    def no_rfc7540_priorities(self) -> int:
        """``NO_RFC7540_PRIORITIES``: whether RFC 7540 priorities are not used, 0 or 1.

        It takes effect only in the first SETTINGS frame (RFC 9218 section 2.1): put it among the
        initial values.
        """
        return self.in_effect.get(_NO_RFC7540_PRIORITIES, 0)

    @no_rfc7540_priorities.setter
    def no_rfc7540_priorities(self, value: int) -> None:
        self[_NO_RFC7540_PRIORITIES] = value

    # The settings as a mapping.

    def __getitem__(self, key: SettingCodes | int) -> int:
        return self._values[key]

    def __setitem__(self, key: SettingCodes | int, value: int) -> None:
        value = _checked(key, value)
        if self._pending is None:
            self._pending = {}
        self._pending.setdefault(key, []).append(value)

    def __delitem__(self, key: SettingCodes | int) -> None:
        pending = self._pending is not None and self._pending.pop(key, None) is not None
        if key in self._values:
            self._values = {code: value for code, value in self._values.items() if code != key}
            # Settings that are not limits always have a value.
            told = {setting: self._told[setting] for setting in _CLIENT_DEFAULTS}
            self.in_effect = {**told, **self._values}
        elif not pending:
            raise KeyError(key)

    def clear(self) -> None:
        """Delete all settings and all pending values."""
        self._pending = None
        super().clear()

    def __iter__(self) -> Iterator[SettingCodes | int]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return self._values == other._values and (self._pending or {}) == (other._pending or {})

    def __copy__(self) -> Settings:
        twin: Settings = _new(type(self))
        twin.__dict__.update(self.__dict__)
        twin._client = self._client
        twin.adopt(self)
        pending = self._pending
        twin._pending = pending and {setting: values[:] for setting, values in pending.items()}
        return twin

    def __repr__(self) -> str:
        listed = [f"{_name(setting)}={value}" for setting, value in self._values.items()]
        pending = [
            f"{_name(setting)}={value}"
            for setting, values in (self._pending or {}).items()
            for value in values
        ]
        whose = "client" if self._client else "server"
        return f"<Settings {' '.join([whose, *listed, *(pending and ['pending', *pending])])}>"


def _name(setting: SettingCodes | int) -> str:
    return getattr(_BY_VALUE.get(setting), "name", str(setting))


def _checked(setting: SettingCodes | int, value: int) -> int:
    """Return a value as an integer if it is within bounds, or raise."""
    violation = value_violation(setting, value)
    if violation is not None:
        raise violation.exception()
    return index(value)
