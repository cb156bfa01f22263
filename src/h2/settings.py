"""The settings of one endpoint of a connection (RFC 9113 section 6.5)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from h2._rules import setting_bounds as bounds
from h2._rules.registry import SETTING_INVALID
from h2.errors import ErrorCodes
from h2.exceptions import InvalidSettingsValueError

__all__ = ["ChangedSetting", "SettingCodes", "Settings"]


class SettingCodes(enum.IntEnum):
    """The settings that this package knows (RFC 9113 section 6.5.2, RFC 8441 section 3)."""

    #: Size in bytes of the largest HPACK dynamic table that the sender keeps for decoding.
    HEADER_TABLE_SIZE = bounds.HEADER_TABLE_SIZE

    #: Whether the sender, a client, accepts pushed streams: 0 or 1.
    ENABLE_PUSH = bounds.ENABLE_PUSH

    #: How many streams the receiver may have open at a time.
    MAX_CONCURRENT_STREAMS = bounds.MAX_CONCURRENT_STREAMS

    #: Flow-control window in bytes that every new stream of the receiver starts with.
    INITIAL_WINDOW_SIZE = bounds.INITIAL_WINDOW_SIZE

    #: Size in bytes of the largest frame payload that the sender accepts.
    MAX_FRAME_SIZE = bounds.MAX_FRAME_SIZE

    #: Size in bytes of the largest field section that the sender accepts, each field counted as
    #: its name, its value and 32 bytes. Advice only.
    MAX_HEADER_LIST_SIZE = bounds.MAX_HEADER_LIST_SIZE

    #: Whether the sender, a server, accepts extended CONNECT requests: 0 or 1.
    ENABLE_CONNECT_PROTOCOL = bounds.ENABLE_CONNECT_PROTOCOL


_BY_VALUE: dict[int, SettingCodes] = {int(member): member for member in SettingCodes}

# Plain names for what the properties look up: access to a member through its class costs more.
_HEADER_TABLE_SIZE = SettingCodes.HEADER_TABLE_SIZE
_ENABLE_PUSH = SettingCodes.ENABLE_PUSH
_MAX_CONCURRENT_STREAMS = SettingCodes.MAX_CONCURRENT_STREAMS
_INITIAL_WINDOW_SIZE = SettingCodes.INITIAL_WINDOW_SIZE
_MAX_FRAME_SIZE = SettingCodes.MAX_FRAME_SIZE
_MAX_HEADER_LIST_SIZE = SettingCodes.MAX_HEADER_LIST_SIZE
_ENABLE_CONNECT_PROTOCOL = SettingCodes.ENABLE_CONNECT_PROTOCOL

# "Initially, there is no limit": a number that no SETTINGS frame can carry and no count reaches.
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
    """Return the member of :class:`SettingCodes` for ``code``, or ``code`` where there is none."""
    return _BY_VALUE.get(code, code)


class ChangedSetting:
    """One setting that changed, as :class:`h2.events.RemoteSettingsChanged` reports it.

    :param setting: which setting; an integer where it is not one of :class:`SettingCodes`
    :param original_value: its value before, ``None`` where it had none
    :param new_value: its value now
    """

    __slots__ = ("new_value", "original_value", "setting")

    def __init__(
        self, setting: SettingCodes | int, original_value: int | None, new_value: int
    ) -> None:
        #: Which setting changed.
        self.setting = setting

        #: The value before the change, or ``None``.
        self.original_value = original_value

        #: The value after the change.
        self.new_value = new_value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChangedSetting):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __reduce__(self) -> tuple[Any, ...]:
        # Older pickle protocols know nothing of slots.
        return type(self), self._parts()

    def _parts(self) -> tuple[SettingCodes | int, int | None, int]:
        return self.setting, self.original_value, self.new_value

    def __repr__(self) -> str:
        return (
            f"ChangedSetting(setting={self.setting}, "
            f"original_value={self.original_value}, new_value={self.new_value})"
        )


class Settings(MutableMapping["SettingCodes | int", int]):
    """The settings of one endpoint, with the values that still wait to be acknowledged.

    A setting takes effect only when the peer has acknowledged it (RFC 9113 section 6.5.3). An
    assignment therefore queues a value, reading gives the value that is in effect, and
    :meth:`acknowledge` puts the oldest queued value of every setting into effect::

        >>> settings = Settings()
        >>> settings.initial_window_size = 1048576
        >>> settings.initial_window_size
        65535
        >>> settings.acknowledge()
        {<SettingCodes.INITIAL_WINDOW_SIZE: 4>: ChangedSetting(setting=4, ...)}
        >>> settings.initial_window_size
        1048576

    :param client: whether these are the settings of a client, which decides the initial value of
        ``ENABLE_PUSH``
    :param initial_values: values that are in effect from the start, in place of the initial values
        of the RFC
    :raises InvalidSettingsValueError: if one of ``initial_values`` is out of bounds
    """

    # `_values` maps setting to value in effect. The dict is replaced, never changed in place:
    # connections that keep the initial values share one dict.
    #
    # `_queue` holds the values that wait, as a list of layers; the values of one setting are in
    # order. The first `_sent` layers stand for one SETTINGS frame each that was sent. An assignment
    # goes into the first layer after those that have a value of the same setting, and it makes a
    # further layer where there is none. `None` stands for an empty queue.
    __slots__ = ("__dict__", "__weakref__", "_client", "_queue", "_sent", "_values")

    _values: dict[SettingCodes | int, int]
    _queue: list[dict[SettingCodes | int, int]] | None

    def __init__(
        self, client: bool = True, initial_values: dict[SettingCodes, int] | None = None
    ) -> None:
        self._client = client
        self._queue = None
        self._sent = 0
        self._values = _CLIENT_DEFAULTS if client else _SERVER_DEFAULTS
        if initial_values is not None:
            values = self._values.copy()
            for setting, value in initial_values.items():
                _check(setting, value)
                values[setting] = value
            self._values = values

    def acknowledge(self) -> dict[SettingCodes | int, ChangedSetting]:
        """Put the oldest queued value of every setting into effect.

        A connection does this by itself when an acknowledgment arrives. It is for callers who
        change the settings of a connection before it starts.

        :returns: what changed, by setting; empty where nothing was queued
        """
        if self._queue is None:
            return {}
        oldest: dict[SettingCodes | int, int] = {}
        for layer in self._queue:
            for setting in [setting for setting in layer if setting not in oldest]:
                oldest[setting] = layer.pop(setting)
        # Frames keep their place: their acknowledgments are still to come.
        self._queue[self._sent :] = filter(None, self._queue[self._sent :])
        return self._commit(oldest)

    def validate_received_setting(self, setting: SettingCodes | int, value: int) -> None:
        """Check a value that the endpoint with these settings sent.

        :raises InvalidSettingsValueError: if the endpoint must not send it: it is out of bounds,
            enables push on a server, or takes back ``ENABLE_CONNECT_PROTOCOL``
            (RFC 9113 section 6.5.2, RFC 8441 section 3)
        """
        before = self._values.get(setting)
        code = bounds.sender_violation(setting, value, self._client, before)
        if code is not None:
            raise _invalid(setting, value, code)

    # The way of the connection: one SETTINGS frame at a time.

    def _validate(self, changes: Mapping[SettingCodes | int, int]) -> None:
        """Check the contents of a SETTINGS frame that this endpoint wants to send.

        Stricter than assignment: the rules about who may send what hold as well.
        """
        announced = self._values.get if self._queue is None else self._announced
        for setting, value in changes.items():
            code = bounds.sender_violation(setting, value, self._client, announced(setting))
            if code is not None:
                raise _invalid(setting, value, code)

    def _propose(self, changes: Mapping[SettingCodes | int, int], first: bool = False) -> None:
        """Queue the contents of one SETTINGS frame that is being sent. Checks nothing.

        Assignments that wait in the same place take effect together with the frame. With ``first``
        it goes out in front of those that were sent before.
        """
        if self._queue is None:
            self._queue = []
        if first and self._sent:
            self._queue.insert(0, dict(changes))
        elif self._sent < len(self._queue):
            self._queue[self._sent].update(changes)
        else:
            self._queue.append(dict(changes))
        self._sent += 1

    def _acknowledge_frame(self) -> dict[SettingCodes | int, ChangedSetting]:
        """Put the oldest frame that waits into effect, and nothing of the frames after it.

        Gives an empty dict where nothing waits: how many acknowledgments may come is for the
        connection to know, because an application may replace its settings at any time.
        """
        if self._queue is None:
            return {}
        self._sent = max(self._sent - 1, 0)
        return self._commit(self._queue.pop(0))

    def _commit(
        self, changes: dict[SettingCodes | int, int]
    ) -> dict[SettingCodes | int, ChangedSetting]:
        """Put values that were taken from the queue into effect, and say what changed."""
        if not self._queue:
            self._queue = None
        if not changes:
            return {}
        before = self._values
        self._values = after = {**before, **changes}
        return {
            setting: ChangedSetting(setting, before.get(setting), value)
            for setting, value in after.items()
            if setting in changes
        }

    def _apply(
        self, changes: dict[int, int] | Iterable[tuple[int, int]]
    ) -> dict[SettingCodes | int, ChangedSetting]:
        """Check and apply a SETTINGS frame that the endpoint with these settings sent.

        ``changes`` is a dict, or the pairs in the order of the frame, where the last value of
        a setting counts. Unknown settings are reported and not kept: a peer could make them pile
        up. Nothing changes where an exception is raised.
        """
        pairs = changes.items() if isinstance(changes, dict) else changes
        by_client = self._client
        before = self._values
        after = before.copy()
        reported: dict[SettingCodes | int, ChangedSetting] = {}
        simple = bounds.SIMPLE
        for code, value in pairs:
            limits = simple.get(code)
            if limits is None or not limits[0] <= value <= limits[1]:
                violation = bounds.sender_violation(code, value, by_client, after.get(code))
                if violation is not None:
                    raise _invalid(code, value, violation)
            setting = _BY_VALUE.get(code)
            if setting is None:
                reported[code] = ChangedSetting(code, None, value)
            else:
                reported[setting] = ChangedSetting(setting, before.get(setting), value)
                after[setting] = value
        self._values = after
        return reported

    def _announced(self, setting: SettingCodes | int) -> int | None:
        """Return the value that was queued last, or else the value in effect."""
        for layer in reversed(self._queue or ()):
            if setting in layer:
                return layer[setting]
        return self._values.get(setting)

    def _waiting(self) -> dict[SettingCodes | int, list[int]]:
        """Return the queued values of every setting that has some, oldest first."""
        waiting: dict[SettingCodes | int, list[int]] = {}
        for layer in self._queue or ():
            for setting, value in layer.items():
                waiting.setdefault(setting, []).append(value)
        return waiting

    # The settings by name.

    @property
    def header_table_size(self) -> int:
        """``HEADER_TABLE_SIZE``: the largest HPACK dynamic table, in bytes."""
        return self._values[_HEADER_TABLE_SIZE]

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        self[_HEADER_TABLE_SIZE] = value

    @property
    def enable_push(self) -> int:
        """``ENABLE_PUSH``: whether pushed streams are accepted, 0 or 1."""
        return self._values[_ENABLE_PUSH]

    @enable_push.setter
    def enable_push(self, value: int) -> None:
        self[_ENABLE_PUSH] = value

    @property
    def initial_window_size(self) -> int:
        """``INITIAL_WINDOW_SIZE``: the flow-control window of a new stream, in bytes."""
        return self._values[_INITIAL_WINDOW_SIZE]

    @initial_window_size.setter
    def initial_window_size(self, value: int) -> None:
        self[_INITIAL_WINDOW_SIZE] = value

    @property
    def max_frame_size(self) -> int:
        """``MAX_FRAME_SIZE``: the largest frame payload, in bytes."""
        return self._values[_MAX_FRAME_SIZE]

    @max_frame_size.setter
    def max_frame_size(self, value: int) -> None:
        self[_MAX_FRAME_SIZE] = value

    @property
    def max_concurrent_streams(self) -> int:
        """``MAX_CONCURRENT_STREAMS``: how many streams the peer may have open at a time.

        Larger than any limit that can be set (2**32 + 1) where no limit is set.
        """
        return self._values.get(_MAX_CONCURRENT_STREAMS, _UNLIMITED)

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[_MAX_CONCURRENT_STREAMS] = value

    @property
    def max_header_list_size(self) -> int | None:
        """``MAX_HEADER_LIST_SIZE``: the largest field section, in bytes.

        ``None`` where no limit is set.
        """
        return self._values.get(_MAX_HEADER_LIST_SIZE)

    @max_header_list_size.setter
    def max_header_list_size(self, value: int) -> None:
        self[_MAX_HEADER_LIST_SIZE] = value

    @property
    def enable_connect_protocol(self) -> int:
        """``ENABLE_CONNECT_PROTOCOL``: whether extended CONNECT is accepted, 0 or 1."""
        return self._values[_ENABLE_CONNECT_PROTOCOL]

    @enable_connect_protocol.setter
    def enable_connect_protocol(self, value: int) -> None:
        self[_ENABLE_CONNECT_PROTOCOL] = value

    # The settings as a mapping.

    def __getitem__(self, key: SettingCodes | int) -> int:
        return self._values[key]

    def __setitem__(self, key: SettingCodes | int, value: int) -> None:
        _check(key, value)
        if self._queue is None:
            self._queue = []
        place = len(self._queue)
        while place and key not in self._queue[place - 1]:
            place -= 1
        if place == len(self._queue):
            self._queue.append({})
        self._queue[place][key] = value

    def __delitem__(self, key: SettingCodes | int) -> None:
        queued = [layer for layer in self._queue or () if key in layer]
        if key in self._values:
            self._values = {code: value for code, value in self._values.items() if code != key}
        elif not queued:
            raise KeyError(key)
        for layer in queued:
            del layer[key]

    def __iter__(self) -> Iterator[SettingCodes | int]:
        if self._queue is None:
            return iter(self._values)
        return iter(self._values | dict.fromkeys(self._waiting(), 0))

    def __len__(self) -> int:
        if self._queue is None:
            return len(self._values)
        return len(self._values.keys() | self._waiting().keys())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return self._values == other._values and self._waiting() == other._waiting()


def _check(setting: SettingCodes | int, value: int) -> None:
    code = bounds.value_violation(setting, value)
    if code is not None:
        raise _invalid(setting, value, code)


def _invalid(
    setting: SettingCodes | int, value: int, code: ErrorCodes
) -> InvalidSettingsValueError:
    error = InvalidSettingsValueError(f"Setting {setting} has invalid value {value}", code)
    error.rule = SETTING_INVALID.id
    return error
