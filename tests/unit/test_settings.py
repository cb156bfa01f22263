"""h2.settings and h2._rules.setting_bounds: RFC 9113 section 6.5, RFC 8441 section 3."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._rules import setting_bounds
from h2.errors import ErrorCodes
from h2.exceptions import InvalidSettingsValueError, ProtocolError
from h2.settings import ChangedSetting, SettingCodes, Settings, _setting_code_from_int

CODES = {
    "HEADER_TABLE_SIZE": 1,
    "ENABLE_PUSH": 2,
    "MAX_CONCURRENT_STREAMS": 3,
    "INITIAL_WINDOW_SIZE": 4,
    "MAX_FRAME_SIZE": 5,
    "MAX_HEADER_LIST_SIZE": 6,
    "ENABLE_CONNECT_PROTOCOL": 8,
}
CLIENT_DEFAULTS = {1: 4096, 2: 1, 4: 65535, 5: 16384, 8: 0}
FLOW = ErrorCodes.FLOW_CONTROL_ERROR
PROTOCOL = ErrorCodes.PROTOCOL_ERROR

VALID = [
    (1, 0),
    (1, 2**32 - 1),
    (2, 0),
    (2, 1),
    (3, 0),
    (3, 2**32 - 1),
    (4, 0),
    (4, 2**31 - 1),
    (5, 2**14),
    (5, 2**24 - 1),
    (6, 0),
    (6, 2**32 - 1),
    (8, 0),
    (8, 1),
    (99, 12345),
]
INVALID = [
    (2, -1, PROTOCOL),
    (2, 2, PROTOCOL),
    (4, -1, FLOW),
    (4, 2**31, FLOW),
    (5, 2**14 - 1, PROTOCOL),
    (5, 2**24, PROTOCOL),
    (6, -1, PROTOCOL),
    (6, 2**32, PROTOCOL),
    (8, -1, PROTOCOL),
    (8, 2, PROTOCOL),
]


def described(changes: dict[Any, ChangedSetting]) -> dict[int, tuple[int, int | None, int]]:
    return {
        key: (change.setting, change.original_value, change.new_value)
        for key, change in changes.items()
    }


def test_codes() -> None:
    assert {code.name: code.value for code in SettingCodes} == CODES
    assert _setting_code_from_int(8) is SettingCodes.ENABLE_CONNECT_PROTOCOL
    assert _setting_code_from_int(7) == 7
    assert type(_setting_code_from_int(7)) is int


def test_changed_setting() -> None:
    change = ChangedSetting(setting=SettingCodes.ENABLE_PUSH, original_value=1, new_value=0)
    assert (change.setting, change.original_value, change.new_value) == (2, 1, 0)
    assert repr(change) == "ChangedSetting(setting=2, original_value=1, new_value=0)"
    assert repr(ChangedSetting(99, None, 5)) == (
        "ChangedSetting(setting=99, original_value=None, new_value=5)"
    )


def test_changes_are_compared_by_value() -> None:
    change = ChangedSetting(SettingCodes.ENABLE_PUSH, 1, 0)
    assert change == ChangedSetting(2, 1, 0)
    assert len({change, ChangedSetting(2, 1, 0)}) == 1
    assert change != (2, 1, 0)
    for other in (ChangedSetting(3, 1, 0), ChangedSetting(2, None, 0), ChangedSetting(2, 1, 1)):
        assert change != other


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_changes_can_be_pickled(protocol: int) -> None:
    change = ChangedSetting(SettingCodes.ENABLE_PUSH, 1, 0)
    twin = pickle.loads(pickle.dumps(change, protocol))
    assert twin == change
    assert type(twin.setting) is SettingCodes


def test_initial_values_of_the_rfc() -> None:
    assert dict(Settings()) == CLIENT_DEFAULTS
    assert dict(Settings(client=False)) == {**CLIENT_DEFAULTS, 2: 0}
    assert all(type(key) is SettingCodes for key in Settings())
    settings = Settings()
    assert settings.header_table_size == 4096
    assert settings.enable_push == 1
    assert settings.initial_window_size == 65535
    assert settings.max_frame_size == 16384
    assert settings.max_concurrent_streams == 2**32 + 1
    assert settings.max_header_list_size is None
    assert settings.enable_connect_protocol == 0


def test_initial_values_of_the_caller_are_in_effect_at_once() -> None:
    settings = Settings(
        client=False,
        initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: 100,
            SettingCodes.INITIAL_WINDOW_SIZE: 1000,
        },
    )
    assert list(settings.items()) == [(1, 4096), (2, 0), (4, 1000), (5, 16384), (8, 0), (3, 100)]
    assert settings.acknowledge() == {}
    assert dict(Settings()) == CLIENT_DEFAULTS


@pytest.mark.parametrize("name", CODES)
def test_property(name: str) -> None:
    code = SettingCodes[name]
    attribute = name.lower()
    value = 20000 if name == "MAX_FRAME_SIZE" else 1
    settings = Settings(client=False)
    before = getattr(settings, attribute)
    setattr(settings, attribute, value)
    assert getattr(settings, attribute) == before
    assert described(settings.acknowledge())[code][2] == value
    assert getattr(settings, attribute) == settings[code] == value


@pytest.mark.parametrize(("setting", "value"), VALID)
def test_valid_values(setting: int, value: int) -> None:
    initial: dict[Any, int] = {setting: value}
    settings = Settings()
    settings[setting] = value
    settings.acknowledge()
    assert settings[setting] == Settings(initial_values=initial)[setting] == value
    Settings().validate_received_setting(setting, value)
    Settings()._validate({setting: value})
    assert Settings()._apply({setting: value})[setting].new_value == value


@pytest.mark.parametrize(("setting", "value", "code"), INVALID)
def test_invalid_values(setting: int, value: int, code: ErrorCodes) -> None:
    settings = Settings()
    initial: dict[Any, int] = {setting: value}
    calls: list[Callable[[], object]] = [
        lambda: settings.__setitem__(setting, value),
        lambda: Settings(initial_values=initial),
        lambda: settings.validate_received_setting(setting, value),
        lambda: settings._apply({1: 5, setting: value}),
        lambda: settings.setdefault(setting, value) if setting == 6 else settings.update(initial),
    ]
    for call in calls:
        with pytest.raises(InvalidSettingsValueError) as caught:
            call()
        assert caught.value.error_code is code
        assert caught.value.rule == "setting-invalid"
        assert str(caught.value) == f"Setting {setting} has invalid value {value}"
        assert settings == Settings()
    with pytest.raises(InvalidSettingsValueError):
        settings._validate({1: 5, setting: value})
    assert settings == Settings()


def test_an_invalid_value_is_a_protocol_error_and_a_value_error() -> None:
    for kind in (ProtocolError, ValueError):
        with pytest.raises(kind):
            Settings().max_frame_size = 1


def test_every_bound_names_a_known_setting() -> None:
    assert set(setting_bounds.BOUNDS) < set(CODES.values())
    assert all(bound.minimum < bound.maximum for bound in setting_bounds.BOUNDS.values())


def test_a_server_must_not_enable_push() -> None:
    server = Settings(client=False)
    for call in (
        lambda: server.validate_received_setting(2, 1),
        lambda: server._apply({2: 1}),
        lambda: server._validate({2: 1}),
    ):
        with pytest.raises(InvalidSettingsValueError) as caught:
            call()
        assert caught.value.error_code is PROTOCOL
    server.validate_received_setting(2, 0)
    # An assignment may: only what is sent counts.
    server.enable_push = 1
    server.acknowledge()
    assert server.enable_push == 1


def test_extended_connect_cannot_be_taken_back() -> None:
    settings = Settings(initial_values={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    settings.validate_received_setting(8, 1)
    for call in (
        lambda: settings.validate_received_setting(8, 0),
        lambda: settings._apply({8: 0}),
        lambda: settings._apply([(8, 1), (8, 0)]),
        lambda: settings._validate({8: 0}),
    ):
        with pytest.raises(InvalidSettingsValueError) as caught:
            call()
        assert caught.value.error_code is PROTOCOL
    assert settings.enable_connect_protocol == 1


def test_extended_connect_taken_back_within_one_frame() -> None:
    settings = Settings(client=False)
    with pytest.raises(InvalidSettingsValueError):
        settings._apply([(8, 1), (8, 0)])
    assert settings.enable_connect_protocol == 0


def test_extended_connect_taken_back_before_the_acknowledgment() -> None:
    settings = Settings(client=False)
    settings._propose({8: 1})
    settings._propose({4: 1})
    with pytest.raises(InvalidSettingsValueError):
        settings._validate({8: 0})
    settings._validate({8: 1, 4: 2})


@pytest.mark.parametrize(
    "changes", [{1: -1}, {1: 2**32}, {3: 2**32 + 1}, {99: 2**32}, {65536: 0}, {-1: 0}]
)
def test_what_does_not_fit_into_a_frame_is_not_sent(changes: dict[Any, int]) -> None:
    with pytest.raises(InvalidSettingsValueError) as caught:
        Settings()._validate(changes)
    assert caught.value.error_code is PROTOCOL


def test_a_frame_takes_unknown_settings() -> None:
    settings = Settings()
    settings._validate({65535: 2**32 - 1, 0: 0})
    settings._propose({65535: 7})
    assert described(settings._acknowledge_frame()) == {65535: (65535, None, 7)}
    assert settings[65535] == 7


def test_values_wait_in_a_queue_for_each_setting() -> None:
    settings = Settings()
    settings.initial_window_size = 1
    settings.initial_window_size = 2
    settings.max_frame_size = 20000
    settings.enable_push = 0
    assert described(settings.acknowledge()) == {
        2: (2, 1, 0),
        4: (4, 65535, 1),
        5: (5, 16384, 20000),
    }
    assert described(settings.acknowledge()) == {4: (4, 1, 2)}
    assert settings.acknowledge() == {}
    assert dict(settings) == {**CLIENT_DEFAULTS, 2: 0, 4: 2, 5: 20000}


def test_changes_are_listed_in_the_order_of_the_settings() -> None:
    settings = Settings()
    settings[99] = 1
    settings.max_frame_size = 20000
    settings.header_table_size = 1
    assert list(settings.acknowledge()) == [1, 5, 99]


def test_the_same_value_again_is_reported() -> None:
    settings = Settings()
    settings.initial_window_size = 65535
    assert described(settings.acknowledge()) == {4: (4, 65535, 65535)}


def test_a_setting_without_a_value_in_effect() -> None:
    settings = Settings()
    settings[99] = 5
    assert len(settings) == 6
    assert list(settings) == [1, 2, 4, 5, 8, 99]
    assert 99 not in settings
    assert settings.get(99) is None
    with pytest.raises(KeyError):
        settings[99]
    assert described(settings.acknowledge()) == {99: (99, None, 5)}
    assert settings[99] == 5
    assert len(settings) == 6


def test_deletion() -> None:
    settings = Settings()
    del settings[SettingCodes.ENABLE_CONNECT_PROTOCOL]
    assert list(settings) == [1, 2, 4, 5]
    for missing in (
        lambda: settings.enable_connect_protocol,
        lambda: settings[8],
        lambda: settings.__delitem__(8),
    ):
        with pytest.raises(KeyError):
            missing()
    assert dict(Settings()) == CLIENT_DEFAULTS


def test_deletion_takes_the_waiting_values_along() -> None:
    settings = Settings()
    settings[99] = 1
    settings[4] = 1
    settings[4] = 2
    settings[5] = 20000
    del settings[99]
    del settings[4]
    assert 4 not in list(settings)
    assert described(settings.acknowledge()) == {5: (5, 16384, 20000)}
    assert settings.acknowledge() == {}
    settings[4] = 3
    assert described(settings.acknowledge()) == {4: (4, None, 3)}


def test_mapping_methods() -> None:
    settings = Settings()
    assert isinstance(settings, MutableMapping)
    assert settings.pop(1) == 4096
    assert settings.popitem() == (2, 1)
    assert settings.setdefault(4, 7) == 65535
    settings.update({4: 5, 99: 6})
    settings.acknowledge()
    assert dict(settings) == {4: 5, 5: 16384, 8: 0, 99: 6}
    settings.clear()
    assert len(settings) == 0


def test_equality() -> None:
    assert Settings() == Settings()
    assert Settings() != Settings(client=False)
    assert Settings(client=False) == Settings(initial_values={SettingCodes.ENABLE_PUSH: 0})
    assert Settings() != dict(Settings())
    assert Settings().__eq__(5) is NotImplemented
    with pytest.raises(TypeError, match="unhashable"):
        hash(Settings())


def test_equality_looks_at_waiting_values() -> None:
    first, second = Settings(), Settings()
    first[4] = 5
    assert first != second
    second[4] = 5
    assert first == second
    first[4] = 6
    second[4] = 7
    assert first != second


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies(duplicate: Callable[[Settings], Settings]) -> None:
    settings = Settings(client=False)
    settings.initial_window_size = 7
    twin = duplicate(settings)
    assert twin == settings
    twin.acknowledge()
    assert (twin.initial_window_size, settings.initial_window_size) == (7, 65535)


def test_frames_are_acknowledged_one_at_a_time() -> None:
    settings = Settings()
    settings._propose({4: 1, 5: 20000})
    settings._propose({})
    settings._propose({2: 0, 4: 2})
    assert described(settings._acknowledge_frame()) == {4: (4, 65535, 1), 5: (5, 16384, 20000)}
    assert settings._acknowledge_frame() == {}
    assert settings.enable_push == 1
    assert described(settings._acknowledge_frame()) == {2: (2, 1, 0), 4: (4, 1, 2)}
    assert settings._acknowledge_frame() == {}


def test_a_frame_is_a_copy_of_what_was_proposed() -> None:
    changes: dict[Any, int] = {4: 1}
    settings = Settings()
    settings._propose(changes)
    changes[5] = 20000
    assert described(settings._acknowledge_frame()) == {4: (4, 65535, 1)}


def test_an_assignment_takes_effect_with_the_next_frame() -> None:
    settings = Settings()
    settings[4] = 7
    settings._propose({5: 20000})
    settings[2] = 0
    settings._propose({4: 8})
    assert described(settings._acknowledge_frame()) == {
        2: (2, 1, 0),
        4: (4, 65535, 7),
        5: (5, 16384, 20000),
    }
    assert described(settings._acknowledge_frame()) == {4: (4, 7, 8)}


def test_acknowledge_does_not_shift_frames() -> None:
    settings = Settings()
    settings._propose({})
    settings._propose({4: 1})
    settings._propose({4: 2, 5: 20000})
    settings[4] = 3
    assert described(settings.acknowledge()) == {4: (4, 65535, 1), 5: (5, 16384, 20000)}
    assert settings._acknowledge_frame() == {}
    assert settings._acknowledge_frame() == {}
    assert described(settings._acknowledge_frame()) == {4: (4, 1, 2)}
    assert described(settings._acknowledge_frame()) == {4: (4, 2, 3)}


def test_an_acknowledgment_without_a_frame_applies_assignments() -> None:
    settings = Settings()
    settings[4] = 1
    settings[4] = 2
    assert described(settings._acknowledge_frame()) == {4: (4, 65535, 1)}
    settings._propose({5: 20000})
    assert described(settings._acknowledge_frame()) == {4: (4, 1, 2), 5: (5, 16384, 20000)}


def test_received_settings_apply_at_once() -> None:
    settings = Settings(client=False)
    changes = settings._apply({3: 7, 4: 9, 200: 8, 8: 1})
    assert described(changes) == {
        3: (3, None, 7),
        4: (4, 65535, 9),
        200: (200, None, 8),
        8: (8, 0, 1),
    }
    assert [type(key) for key in changes] == [SettingCodes, SettingCodes, int, SettingCodes]
    assert type(changes[3].setting) is SettingCodes
    assert dict(settings) == {1: 4096, 2: 0, 4: 9, 5: 16384, 8: 1, 3: 7}
    assert all(type(key) is SettingCodes for key in settings)


def test_the_last_of_repeated_values_counts() -> None:
    settings = Settings()
    assert described(settings._apply([(4, 1), (5, 20000), (4, 2)])) == {
        4: (4, 65535, 2),
        5: (5, 16384, 20000),
    }
    assert settings.initial_window_size == 2
    with pytest.raises(InvalidSettingsValueError):
        settings._apply([(4, 2**31), (4, 3)])
    assert settings.initial_window_size == 2


def test_unknown_settings_of_the_peer_are_not_kept() -> None:
    settings = Settings()
    for number in range(1000, 2000):
        settings._apply({number: 1})
    assert dict(settings) == CLIENT_DEFAULTS


def test_received_settings_leave_the_queue_alone() -> None:
    settings = Settings()
    settings[4] = 5
    settings._apply({4: 6})
    assert settings.initial_window_size == 6
    assert described(settings.acknowledge()) == {4: (4, 6, 5)}


def test_memory() -> None:
    initial = {SettingCodes.MAX_CONCURRENT_STREAMS: 100, SettingCodes.MAX_HEADER_LIST_SIZE: 65536}

    def after_a_handshake() -> tuple[Settings, Settings]:
        local, remote = Settings(initial_values=initial), Settings(client=False)
        local._propose({})
        local._acknowledge_frame()
        remote._apply({1: 4096, 2: 0, 3: 100, 4: 65535, 5: 16384, 6: 65536, 8: 0})
        return local, remote

    after_a_handshake()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [after_a_handshake() for _ in range(100)]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / (2 * len(kept)) < 700


class Model:
    """Settings as the manual describes them: a stack of values for each setting."""

    def __init__(self, client: bool) -> None:
        defaults = {**CLIENT_DEFAULTS, 2: 1 if client else 0}
        self.stacks: dict[int, list[int | None]] = {key: [value] for key, value in defaults.items()}

    def assign(self, setting: int, value: int) -> None:
        self.stacks.setdefault(setting, [None]).append(value)

    def delete(self, setting: int) -> bool:
        return self.stacks.pop(setting, None) is not None

    def acknowledge(self) -> list[tuple[int, int | None, int | None]]:
        changes = []
        for setting, stack in self.stacks.items():
            if len(stack) > 1:
                changes.append((setting, stack.pop(0), stack[0]))
        return changes


NUMBERS = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 99, 1000])
STEPS = st.one_of(
    st.tuples(st.just("assign"), NUMBERS, st.sampled_from([0, 1, 16384, 20000])),
    st.tuples(st.just("delete"), NUMBERS, st.none()),
    st.tuples(st.just("acknowledge"), st.none(), st.none()),
)


@given(client=st.booleans(), steps=st.lists(STEPS, max_size=40))
def test_settings_behave_like_the_model(client: bool, steps: list[tuple[str, Any, Any]]) -> None:
    settings, model = Settings(client=client), Model(client)
    for action, setting, value in steps:
        if action == "acknowledge":
            changes = described(settings.acknowledge())
            assert list(changes.values()) == model.acknowledge()
        elif action == "delete":
            if model.delete(setting):
                del settings[setting]
            else:
                with pytest.raises(KeyError):
                    del settings[setting]
        elif setting_bounds.value_violation(setting, value) is None:
            settings[setting] = value
            model.assign(setting, value)
        else:
            with pytest.raises(InvalidSettingsValueError):
                settings[setting] = value
        assert list(settings) == list(model.stacks)
        assert len(settings) == len(model.stacks)
        assert {key: settings.get(key) for key in settings} == {
            key: stack[0] for key, stack in model.stacks.items()
        }
        assert settings.max_header_list_size == model.stacks.get(6, [None])[0]


FRAMES = st.lists(
    st.dictionaries(NUMBERS.filter(lambda n: n not in (2, 8)), st.integers(16384, 2**24 - 1)),
    max_size=8,
)


@given(frames=FRAMES, data=st.data())
def test_each_acknowledgment_is_for_one_frame(
    frames: list[dict[Any, int]], data: st.DataObject
) -> None:
    settings = Settings()
    effective: dict[int, int] = dict(CLIENT_DEFAULTS)
    waiting: list[dict[Any, int]] = []
    for frame in frames:
        settings._validate(frame)
        settings._propose(frame)
        waiting.append(frame)
        for _ in range(data.draw(st.integers(0, len(waiting)))):
            acknowledged = waiting.pop(0)
            changes = settings._acknowledge_frame()
            assert {key: change.new_value for key, change in changes.items()} == acknowledged
            assert all(
                change.original_value == effective.get(key) for key, change in changes.items()
            )
            effective.update(acknowledged)
        assert {key: settings.get(key) for key in effective} == effective
