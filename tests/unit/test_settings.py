"""h2.settings and h2._rules.setting_bounds: RFC 9113 section 6.5, RFC 8441 section 3."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import Callable, MutableMapping
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._frames import decode
from h2._rules import received_settings
from h2._rules.registry import Violation
from h2._rules.setting_bounds import BOUNDS, SENDER_BOUNDS, revocation, value_violation
from h2.errors import ErrorCodes
from h2.exceptions import InvalidSettingsValueError, ProtocolError
from h2.settings import ChangedSetting, SettingCodes, Settings, _setting_code_from_int
from support import wire

CODES = {
    "HEADER_TABLE_SIZE": 1,
    "ENABLE_PUSH": 2,
    "MAX_CONCURRENT_STREAMS": 3,
    "INITIAL_WINDOW_SIZE": 4,
    "MAX_FRAME_SIZE": 5,
    "MAX_HEADER_LIST_SIZE": 6,
    "ENABLE_CONNECT_PROTOCOL": 8,
    "NO_RFC7540_PRIORITIES": 9,
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
    (65_535, 2**32 - 1),
    (0, 5),
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
    assert value_violation(setting, value, SENDER_BOUNDS[True]) is None
    assert Settings().receive([(setting, value)])[setting].new_value == value


@pytest.mark.parametrize(("setting", "value", "code"), INVALID)
def test_invalid_values(setting: int, value: int, code: ErrorCodes) -> None:
    settings = Settings()
    initial: dict[Any, int] = {setting: value}
    calls: list[Callable[[], object]] = [
        lambda: settings.__setitem__(setting, value),
        lambda: Settings(initial_values=initial),
        lambda: settings.validate_received_setting(setting, value),
        lambda: settings.setdefault(setting, value) if setting == 6 else settings.update(initial),
    ]
    for call in calls:
        with pytest.raises(InvalidSettingsValueError) as caught:
            call()
        assert caught.value.error_code is code
        assert caught.value.rule == "setting-invalid"
        assert str(caught.value) == f"Setting {setting} has invalid value {value}"
        assert settings == Settings()
    with pytest.raises(Violation) as violated:
        settings.receive([(1, 5), (setting, value)])
    assert violated.value.exception().error_code is code  # type: ignore[attr-defined]  # a ProtocolError
    assert settings == Settings()


def test_an_invalid_value_is_a_protocol_error_and_a_value_error() -> None:
    for kind in (ProtocolError, ValueError):
        with pytest.raises(kind):
            Settings().max_frame_size = 1


def test_every_bound_names_a_known_setting() -> None:
    assert set(BOUNDS) == set(CODES.values())
    assert all(minimum < maximum for minimum, maximum, _ in BOUNDS.values())


def test_a_server_must_not_enable_push() -> None:
    server = Settings(client=False)
    with pytest.raises(InvalidSettingsValueError) as caught:
        server.validate_received_setting(2, 1)
    assert caught.value.error_code is PROTOCOL
    with pytest.raises(Violation, match="Setting 2 has invalid value 1"):
        server.receive([(2, 1)])
    assert value_violation(2, 1, SENDER_BOUNDS[False]) is not None
    assert value_violation(2, -1, SENDER_BOUNDS[False]) is not None
    assert value_violation(2, 0, SENDER_BOUNDS[False]) is None
    server.validate_received_setting(2, 0)
    # An assignment may; only the sent value matters.
    server.enable_push = 1
    server.acknowledge()
    assert server.enable_push == 1


def test_extended_connect_cannot_be_taken_back() -> None:
    settings = Settings(initial_values={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    settings.validate_received_setting(8, 1)
    with pytest.raises(InvalidSettingsValueError) as caught:
        settings.validate_received_setting(8, 0)
    assert caught.value.error_code is PROTOCOL
    assert caught.value.rule == "connect-protocol-revoked"
    Settings().validate_received_setting(8, 0)
    assert [revocation(8, 0, False), revocation(8, 1, True), revocation(3, 0, True)] == [None] * 3
    assert revocation(8, 0, True) is not None


@pytest.mark.parametrize("value", [-1, 2])
def test_the_setting_about_priorities_is_0_or_1(value: int) -> None:
    assert value_violation(9, 0) is value_violation(9, 1) is None
    with pytest.raises(InvalidSettingsValueError) as caught:
        Settings()[9] = value
    assert caught.value.error_code is PROTOCOL
    assert caught.value.rule == "priorities-setting-invalid"


@pytest.mark.parametrize(
    "pair", [(1, -1), (1, 2**32), (3, 2**32 + 1), (99, 2**32), (65536, 0), (-1, 0)]
)
def test_what_does_not_fit_into_a_frame_is_not_sent(pair: tuple[int, int]) -> None:
    violation = value_violation(*pair)
    assert violation is not None
    assert violation.exception().error_code is PROTOCOL  # type: ignore[attr-defined]  # a ProtocolError


@pytest.mark.parametrize("pair", [(4.0, 1), (4, 1.0), ("4", 1), (4, "1"), (99.0, 1), (None, 1)])
def test_what_is_no_integer_is_refused(pair: tuple[Any, Any]) -> None:
    settings = Settings()
    with pytest.raises(TypeError):
        value_violation(*pair)
    with pytest.raises(TypeError):
        settings[pair[0]] = pair[1]
    assert settings == Settings()


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
    assert dict(settings) == CLIENT_DEFAULTS
    assert list(settings.items()) == list(CLIENT_DEFAULTS.items())
    assert len(settings) == 5
    assert 99 not in settings
    assert settings.get(99) is None
    with pytest.raises(KeyError):
        settings[99]
    assert described(settings.acknowledge()) == {99: (99, None, 5)}
    assert settings[99] == 5
    assert list(settings) == [1, 2, 4, 5, 8, 99]


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("client", [True, False])
def test_the_default_of_a_deleted_setting_holds(client: bool, name: str) -> None:
    code = SettingCodes[name]
    value = 20000 if name == "MAX_FRAME_SIZE" else 1
    default = getattr(Settings(client), name.lower())
    settings = Settings(client, initial_values={code: value})
    assert getattr(settings, name.lower()) == value
    del settings[code]
    assert code not in settings
    assert code not in list(settings)
    assert len(settings) == len(dict(settings))
    with pytest.raises(KeyError):
        settings[code]
    with pytest.raises(KeyError):
        del settings[code]
    assert getattr(settings, name.lower()) == default
    settings[code] = value
    assert getattr(settings, name.lower()) == default
    assert described(settings.acknowledge()) == {code: (code, None, value)}
    assert getattr(settings, name.lower()) == settings[code] == value
    assert list(settings)[-1] == code
    assert dict(Settings()) == CLIENT_DEFAULTS


def test_what_the_peer_was_told_holds_after_a_deletion() -> None:
    limits = {SettingCodes.MAX_CONCURRENT_STREAMS: 7, SettingCodes.INITIAL_WINDOW_SIZE: 99}
    settings = Settings(initial_values=limits)
    settings._told = settings.in_effect  # as a connection does that announces them
    del settings[4]
    del settings[3]
    assert settings.initial_window_size == 99
    assert settings.max_concurrent_streams == 2**32 + 1
    settings.acknowledge_frame({4: 98, 5: 20000})
    del settings[4]
    settings[5] = 30000
    settings.acknowledge()
    del settings[5]
    assert settings.initial_window_size == 98
    assert settings.max_frame_size == 20000
    settings.receive([(4, 97)])
    assert settings.initial_window_size == settings[4] == 97


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
    settings[3] = 7
    settings.clear()
    assert len(settings) == 0
    assert settings.acknowledge() == {}
    assert settings.max_frame_size == 16384


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


DUPLICATES = [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_copies(duplicate: Callable[[Any], Any]) -> None:
    settings: Any = Settings(client=False, initial_values={SettingCodes.MAX_FRAME_SIZE: 20000})
    settings.initial_window_size = 7
    settings.label = "mine"
    del settings[5]
    twin = duplicate(settings)
    assert twin == settings
    assert (twin.label, twin.max_frame_size) == ("mine", 16384)
    twin.initial_window_size = 8
    twin.acknowledge()
    assert (twin.initial_window_size, settings.initial_window_size) == (7, 65535)
    assert described(settings.acknowledge()) == {4: (4, 65535, 7)}
    assert settings.acknowledge() == {}
    twin.receive([(2, 0)])
    assert described(twin.acknowledge()) == {4: (4, 7, 8)}


def test_a_copy_without_pending_values() -> None:
    twin = copy.copy(Settings(client=False))
    assert twin == Settings(client=False)
    assert twin.acknowledge() == {}
    twin.validate_received_setting(2, 0)
    with pytest.raises(InvalidSettingsValueError):
        twin.validate_received_setting(2, 1)


def test_repr_says_what_is_in_effect_and_what_is_pending() -> None:
    settings = Settings(client=False)
    del settings[8]
    assert repr(settings) == (
        "<Settings server HEADER_TABLE_SIZE=4096 ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=65535"
        " MAX_FRAME_SIZE=16384>"
    )
    settings = Settings()
    settings.clear()
    assert repr(settings) == "<Settings client>"
    settings[99] = 5
    settings[4] = 1
    settings[99] = 6
    assert repr(settings) == "<Settings client pending 99=5 99=6 INITIAL_WINDOW_SIZE=1>"


def test_values_of_a_frame_take_effect_with_the_oldest_pending_ones_of_other_settings() -> None:
    settings = Settings()
    settings[4] = 7
    settings[2] = 0
    settings[2] = 1
    assert described(settings.acknowledge_frame({4: 8, 5: 20000})) == {
        2: (2, 1, 0),
        4: (4, 65535, 8),
        5: (5, 16384, 20000),
    }
    assert described(settings.acknowledge_frame({})) == {2: (2, 0, 1), 4: (4, 8, 7)}
    assert settings.acknowledge_frame({}) == {}


def test_a_frame_supersedes_pending_values() -> None:
    settings = Settings()
    settings.supersede({4: 9})
    settings[4] = 7
    settings[4] = 8
    settings[5] = 20000
    settings.supersede({4: 9, 6: 1})
    assert described(settings.acknowledge()) == {5: (5, 16384, 20000)}


def test_settings_adopt_the_values_of_others() -> None:
    other = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: 99})
    del other[8]
    settings = Settings()
    settings.adopt(other)
    assert list(settings.items()) == list(other.items())
    assert settings.in_effect == {1: 4096, 2: 1, 4: 99, 5: 16384, 8: 0}
    settings.receive([(4, 1)])
    assert other[4] == 99


def test_received_settings_apply_at_once() -> None:
    settings = Settings(client=False)
    changes = settings.receive([(3, 7), (4, 9), (200, 8), (8, 1)])
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
    assert described(settings.receive([(4, 1), (5, 20000), (4, 2)])) == {
        4: (4, 65535, 2),
        5: (5, 16384, 20000),
    }
    assert settings.initial_window_size == 2
    with pytest.raises(Violation):
        settings.receive([(4, 2**31), (4, 3)])
    assert settings.initial_window_size == 2


def test_the_same_values_are_worked_out_once() -> None:
    pairs = ((3, 7), (4, 9), (200, 8))
    first, second = Settings(client=False), Settings(client=False)
    reports = [settings.receive(pairs) for settings in (first, second)]
    assert described(reports[0]) == described(reports[1])
    assert first.in_effect is second.in_effect
    # Objects that programs get are never shared.
    assert reports[0] is not reports[1]
    assert all(reports[0][key] is not reports[1][key] for key in reports[0])
    # The result depends on earlier values, and on the end that receives.
    assert described(first.receive(pairs)) == {3: (3, 7, 7), 4: (4, 9, 9), 200: (200, None, 8)}
    client, server = Settings(), Settings(client=False)
    assert described(client.receive(((2, 1),))) == {2: (2, 1, 1)}
    with pytest.raises(Violation):
        server.receive(((2, 1),))


def test_two_ends_that_announce_the_same_do_not_replace_each_others_results() -> None:
    """Only the first connection of a kind adds to the cache of the process."""
    received_settings._KNOWN.clear()  # it does so itself when it is full
    pairs = ((4, 70_000), (5, 20_000))
    ends = [Settings(), Settings(client=False)]
    for end in ends:
        end.receive(pairs)
    known = dict(received_settings._KNOWN)
    for end in (Settings(), Settings(client=False)):
        end.receive(pairs)
    assert dict(received_settings._KNOWN) == known


def test_results_are_kept_within_bounds() -> None:
    for number in range(100):
        Settings().receive(((200, number),))
        Settings().receive(((200, number),) * 17)
        decode.settings(bytes((0, 200, 0, 0, 0, number)))
        decode.settings(bytes((0, 200, 0, 0, 0, number)) * 17)
    assert len(received_settings._KNOWN) <= 16
    assert max(len(taken.entries) for taken in received_settings._KNOWN.values()) <= 16
    assert len(decode._KNOWN_SETTINGS) <= 16
    assert max(map(len, decode._KNOWN_SETTINGS)) <= 96


def test_a_value_that_a_program_keeps_under_an_unknown_number_is_not_reported() -> None:
    settings = Settings(initial_values={200: 5})  # type: ignore[dict-item] # any number will do
    assert described(settings.receive([(200, 8)])) == {200: (200, None, 8)}


def test_unknown_settings_of_the_peer_are_not_kept() -> None:
    settings = Settings()
    for number in range(1000, 2000):
        settings.receive([(number, 1)])
    assert dict(settings) == CLIENT_DEFAULTS


def test_received_settings_leave_the_queue_alone() -> None:
    settings = Settings()
    settings[4] = 5
    settings.receive([(4, 6)])
    assert settings.initial_window_size == 6
    assert described(settings.acknowledge()) == {4: (4, 6, 5)}


def test_memory() -> None:
    initial = {SettingCodes.MAX_CONCURRENT_STREAMS: 100, SettingCodes.MAX_HEADER_LIST_SIZE: 65536}

    def after_a_handshake() -> tuple[Settings, Settings]:
        local, remote = Settings(initial_values=initial), Settings(client=False)
        local._told = local.in_effect
        local.acknowledge_frame({})
        values = {1: 4096, 2: 0, 3: 100, 4: 65535, 5: 16384, 6: 65536, 8: 0}
        remote.receive(values.items())
        return local, remote

    after_a_handshake()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [after_a_handshake() for _ in range(100)]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / (2 * len(kept)) < 700


class Model:
    """A naive implementation of settings as the manual describes them."""

    def __init__(self, client: bool) -> None:
        self.values = {**CLIENT_DEFAULTS, 2: 1 if client else 0}
        self.told = dict(self.values)
        self.pending: list[tuple[int, int]] = []

    def effective(self, setting: int) -> int | None:
        """The value in effect, whether or not the mapping has it."""
        if setting in self.values:
            return self.values[setting]
        return self.told[setting] if setting in CLIENT_DEFAULTS else None

    def delete(self, setting: int) -> None:
        if setting not in self.values and setting not in dict(self.pending):
            raise KeyError
        self.values.pop(setting, None)
        self.supersede({setting: 0})

    def supersede(self, frame: dict[int, int]) -> None:
        self.pending = [pair for pair in self.pending if pair[0] not in frame]

    def acknowledge(self, frame: dict[int, int]) -> dict[int, tuple[int, int | None, int]]:
        taken = dict(frame)
        left = []
        for setting, value in self.pending:
            if setting in taken:
                left.append((setting, value))
            else:
                taken[setting] = value
        self.pending = left
        before = dict(self.values)
        self.values.update(taken)
        self.told.update(frame)
        return {
            setting: (setting, before.get(setting), taken[setting])
            for setting in self.values
            if setting in taken
        }

    def receive(self, frame: dict[int, int]) -> dict[int, tuple[int, int | None, int]]:
        before = dict(self.values)
        known = {key: value for key, value in frame.items() if key in CODES.values()}
        self.values.update(known)
        return {
            key: (key, before.get(key) if key in known else None, value)
            for key, value in frame.items()
        }


NUMBERS = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 99, 1000])
FRAME = st.dictionaries(
    st.sampled_from([1, 3, 4, 5, 6, 99]), st.integers(16384, 2**24 - 1), max_size=3
)
STEPS = st.one_of(
    st.tuples(st.just("assign"), NUMBERS, st.sampled_from([0, 1, 16384, 20000])),
    st.tuples(st.just("assign"), NUMBERS, st.sampled_from([0, 1, 16384, 20000])),
    st.tuples(st.just("delete"), NUMBERS, st.none()),
    st.tuples(st.just("acknowledge"), st.just({}), st.none()),
    st.tuples(st.sampled_from(["frame", "supersede", "receive"]), FRAME, st.none()),
    st.tuples(st.sampled_from(["announced", "copy"]), st.none(), st.none()),
)


@given(client=st.booleans(), steps=st.lists(STEPS, max_size=40))
def test_settings_behave_like_the_model(client: bool, steps: list[tuple[str, Any, Any]]) -> None:
    settings, model = Settings(client=client), Model(client)
    for action, setting, value in steps:
        if action == "acknowledge":
            assert described(settings.acknowledge()) == model.acknowledge({})
        elif action == "frame":
            assert described(settings.acknowledge_frame(setting)) == model.acknowledge(setting)
        elif action == "supersede":
            settings.supersede(setting)
            model.supersede(setting)
        elif action == "receive":
            assert described(settings.receive(setting.items())) == model.receive(setting)
        elif action == "announced":
            settings._told = settings.in_effect
            model.told = {key: model.effective(key) or 0 for key in CLIENT_DEFAULTS}
        elif action == "copy":
            settings = copy.copy(settings)
        elif action == "delete":
            expected = None
            try:
                model.delete(setting)
            except KeyError as error:
                expected = error
            with pytest.raises(KeyError) if expected else nullcontext():
                del settings[setting]
        elif value_violation(setting, value) is None:
            settings[setting] = value
            model.pending.append((setting, value))
        else:
            with pytest.raises(InvalidSettingsValueError):
                settings[setting] = value
        assert_like(settings, model)


def assert_like(settings: Settings, model: Model) -> None:
    """The mapping, the values in effect, and the representation."""
    assert list(settings.items()) == list(model.values.items())
    assert list(settings) == list(settings.keys()) == list(dict(settings))
    assert len(settings) == len(model.values)
    assert settings == copy.deepcopy(settings)
    for name, code in CODES.items():
        default = {3: 2**32 + 1, 9: 0}.get(code)
        effective = model.effective(code)
        assert getattr(settings, name.lower()) == (default if effective is None else effective)
        assert (code in settings) == (code in model.values)
        assert settings.in_effect.get(code) == effective
    _, _, pending = repr(settings).strip("<>").partition(" pending ")
    names = {name: str(code) for name, code in CODES.items()}
    shown = sorted(pair.split("=") for pair in pending.split())
    assert sorted([names.get(name, name), value] for name, value in shown) == sorted(
        [str(code), str(value)] for code, value in model.pending
    )


class Index:
    """An object that converts to an integer."""

    def __index__(self) -> int:
        return 20_000


@pytest.mark.parametrize("value", [Index(), 20_000])
@pytest.mark.parametrize("code", [1, 3, 4, 5, 6])
def test_values_become_integers(code: int, value: Any) -> None:
    settings = Settings(initial_values={SettingCodes(code): value})
    settings[code] = value
    values = [settings[code], settings.acknowledge()[code].new_value, settings[code]]
    assert values == [20_000] * 3
    assert {*map(type, values)} == {int}


@pytest.mark.parametrize("value", [Index(), 20_000])
@pytest.mark.parametrize("code", [1, 3, 4, 5, 6])
def test_values_that_are_sent_become_integers(code: int, value: Any) -> None:
    client, server = wire.pair()
    server.local_settings[code] = 30_000
    server.update_settings({code: value})
    client.send_headers(1, wire.REQUEST)
    wire.exchange(client, server)
    assert server.local_settings[code] == client.remote_settings[code] == 20_000
    assert type(server.local_settings[code]) is int
