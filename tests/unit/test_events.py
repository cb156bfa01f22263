"""h2.events: construction, fields, equality, representation."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import pydoc
from collections.abc import Callable
from functools import partial
from typing import Any, get_type_hints

import pytest
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hyperframe.frame import ExtensionFrame

from h2 import events
from h2.errors import ErrorCodes
from h2.events import (
    AlternativeServiceAvailable,
    ConnectionDrained,
    ConnectionTerminated,
    DataAvailable,
    DataReceived,
    Event,
    InformationalResponseReceived,
    KeepaliveTimedOut,
    OriginReceived,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    PriorityUpdateReceived,
    PushedStreamReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    SettingsTimedOut,
    StreamEnded,
    StreamOpened,
    StreamReset,
    StreamWritable,
    TrailersReceived,
    UnknownFrameReceived,
    WindowUpdated,
)
from h2.settings import ChangedSetting, SettingCodes, Settings

FRAME = ExtensionFrame(type=0xF0, stream_id=1, body=b"x" * 100)
HEADERS = [HeaderTuple(b":status", b"200"), NeverIndexedHeaderTuple(b"cookie", b"a=1")]
ENDED = StreamEnded(stream_id=1)
PRIORITY = PriorityUpdated(stream_id=1, weight=16, depends_on=0, exclusive=False)

# The required and the optional arguments of the constructor.
REQUIRED: dict[type[Any], dict[str, Any]] = {
    RequestReceived: {"stream_id": 1},
    ResponseReceived: {"stream_id": 1},
    TrailersReceived: {"stream_id": 1},
    InformationalResponseReceived: {"stream_id": 1},
    DataReceived: {"stream_id": 1},
    WindowUpdated: {"stream_id": 0},
    PingReceived: {"ping_data": b"12345678"},
    PingAckReceived: {"ping_data": b"12345678"},
    StreamEnded: {"stream_id": 1},
    StreamReset: {"stream_id": 1},
    UnknownFrameReceived: {"frame": FRAME},
    RemoteSettingsChanged: {},
    SettingsAcknowledged: {},
    PushedStreamReceived: {},
    PriorityUpdated: {},
    ConnectionTerminated: {},
    AlternativeServiceAvailable: {},
    OriginReceived: {},
    PriorityUpdateReceived: {},
    StreamWritable: {},
    StreamOpened: {},
    DataAvailable: {},
    ConnectionDrained: {},
    KeepaliveTimedOut: {},
    SettingsTimedOut: {},
}
MESSAGE = {"headers": HEADERS, "stream_ended": ENDED, "priority_updated": PRIORITY}
CHANGES: dict[SettingCodes | int, ChangedSetting] = {
    SettingCodes.MAX_FRAME_SIZE: ChangedSetting(SettingCodes.MAX_FRAME_SIZE, 16384, 20000)
}
OPTIONAL: dict[type[Any], dict[str, Any]] = {
    RequestReceived: MESSAGE,
    ResponseReceived: MESSAGE,
    TrailersReceived: MESSAGE,
    InformationalResponseReceived: {"headers": HEADERS, "priority_updated": PRIORITY},
    DataReceived: {"data": b"abc", "flow_controlled_length": 5, "stream_ended": ENDED},
    WindowUpdated: {"delta": 10},
    PingReceived: {},
    PingAckReceived: {},
    StreamEnded: {},
    StreamReset: {"error_code": ErrorCodes.CANCEL, "remote_reset": False},
    UnknownFrameReceived: {},
    RemoteSettingsChanged: {"changed_settings": CHANGES},
    SettingsAcknowledged: {"changed_settings": CHANGES},
    PushedStreamReceived: {"pushed_stream_id": 2, "parent_stream_id": 1, "headers": HEADERS},
    PriorityUpdated: {"stream_id": 1, "weight": 5, "depends_on": 3, "exclusive": True},
    ConnectionTerminated: {
        "error_code": ErrorCodes.NO_ERROR,
        "last_stream_id": 7,
        "additional_data": b"bye",
        "unprocessed_stream_ids": (9, 11),
    },
    AlternativeServiceAvailable: {"origin": b"example.com", "field_value": b'h2=":8443"'},
    OriginReceived: {"origins": (b"https://example.com", b"http://[::1]:8080")},
    PriorityUpdateReceived: {"prioritized_stream_id": 5, "urgency": 0, "incremental": True},
    StreamWritable: {"stream_id": 1},
    StreamOpened: {"stream_id": 3},
    DataAvailable: {"stream_id": 5},
    ConnectionDrained: {},
    KeepaliveTimedOut: {},
    SettingsTimedOut: {},
}
# Defaults other than None. A fresh dict for each event.
OTHER_DEFAULTS: dict[type[Any], dict[str, Any]] = {
    StreamReset: {"remote_reset": True},
    ConnectionTerminated: {"unprocessed_stream_ids": ()},
    RemoteSettingsChanged: {"changed_settings": {}},
    SettingsAcknowledged: {"changed_settings": {}},
}
WITH_REQUIRED = [cls for cls in REQUIRED if REQUIRED[cls]]
HASHABLE = [cls for cls in REQUIRED if not REQUIRED[cls]]


def full(cls: type[Any]) -> Any:
    return cls(**REQUIRED[cls], **OPTIONAL[cls])


def test_every_public_event_is_listed_here() -> None:
    assert {cls.__name__ for cls in REQUIRED} | {"Event"} == set(events.__all__)
    assert all(cls.__bases__ == (Event,) for cls in REQUIRED)


@pytest.mark.parametrize("cls", REQUIRED)
def test_construction_with_all_fields(cls: type[Any]) -> None:
    event = full(cls)
    assert vars(event) == {**REQUIRED[cls], **OPTIONAL[cls]}


@pytest.mark.parametrize("cls", REQUIRED)
def test_construction_with_the_required_fields(cls: type[Any]) -> None:
    event = cls(**REQUIRED[cls])
    defaults = {**dict.fromkeys(OPTIONAL[cls]), **OTHER_DEFAULTS.get(cls, {})}
    assert vars(event) == {**REQUIRED[cls], **defaults}


@pytest.mark.parametrize("cls", WITH_REQUIRED)
def test_required_fields_are_required(cls: type[Any]) -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument"):
        cls()


@pytest.mark.parametrize("cls", REQUIRED)
def test_fields_go_by_keyword_and_no_others_are_taken(cls: type[Any]) -> None:
    with pytest.raises(TypeError):
        cls(1)
    with pytest.raises(TypeError):
        cls(**REQUIRED[cls], unknown=1)


@pytest.mark.parametrize("cls", REQUIRED)
def test_optional_fields_have_values_without_the_constructor(cls: type[Any]) -> None:
    # A connection creates events this way, and sets only the attributes that have a value.
    event = object.__new__(cls)
    for name, value in REQUIRED[cls].items():
        setattr(event, name, value)
    wanted = {**dict.fromkeys(OPTIONAL[cls]), **OTHER_DEFAULTS.get(cls, {})}
    wanted.pop("changed_settings", None)
    assert {name: getattr(event, name) for name in wanted} == wanted


@pytest.mark.parametrize("cls", REQUIRED)
def test_events_made_without_the_constructor_are_equal_to_others(cls: type[Any]) -> None:
    event = object.__new__(cls)
    vars(event).update(REQUIRED[cls])
    if "changed_settings" in OPTIONAL[cls]:  # the connection sets it: a separate dict
        event.changed_settings = {}
    assert event == cls(**REQUIRED[cls])
    assert repr(event) == repr(cls(**REQUIRED[cls]))


@pytest.mark.parametrize("cls", REQUIRED)
def test_equality_by_value(cls: type[Any]) -> None:
    assert full(cls) == full(cls)
    assert full(cls) != object()
    for name in OPTIONAL[cls]:
        other = full(cls)
        setattr(other, name, "something else")
        assert other != full(cls)


@pytest.mark.parametrize("cls", REQUIRED)
def test_the_events_that_have_a_hash(cls: type[Any]) -> None:
    if cls in HASHABLE:
        assert len({full(cls), full(cls)}) == 1
        assert len({full(cls), cls()}) == 2 - (not OPTIONAL[cls])
    else:
        with pytest.raises(TypeError, match="unhashable"):
            hash(full(cls))


def test_equal_fields_of_another_event_are_not_equal() -> None:
    ping: Event = PingReceived(ping_data=b"12345678")
    assert ping != PingAckReceived(ping_data=b"12345678")


@pytest.mark.parametrize("cls", REQUIRED)
def test_events_take_further_attributes(cls: type[Any]) -> None:
    event = full(cls)
    event.note = "mine"
    assert event.note == "mine"


def pickled(value: Any, protocol: int) -> Any:
    return pickle.loads(pickle.dumps(value, protocol))


WAYS_TO_COPY = [
    copy.copy,
    copy.deepcopy,
    *(partial(pickled, protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
]


@pytest.mark.parametrize("duplicate", WAYS_TO_COPY)
@pytest.mark.parametrize("cls", [cls for cls in REQUIRED if cls is not UnknownFrameReceived])
def test_copies(cls: type[Any], duplicate: Callable[[Any], Any]) -> None:
    event = full(cls)
    twin = duplicate(event)
    assert twin is not event
    assert type(twin) is cls
    assert twin == event
    if "headers" in OPTIONAL[cls]:
        assert [type(field) for field in twin.headers] == [HeaderTuple, NeverIndexedHeaderTuple]


@pytest.mark.parametrize("duplicate", WAYS_TO_COPY)
def test_copies_of_an_event_with_a_frame(duplicate: Callable[[Any], Any]) -> None:
    twin = duplicate(UnknownFrameReceived(frame=FRAME))
    assert twin.frame.serialize() == FRAME.serialize()


@pytest.mark.parametrize("duplicate", WAYS_TO_COPY)
def test_copies_of_fields_alone(duplicate: Callable[[Any], Any]) -> None:
    for field in (*HEADERS, HeaderTuple("text", "more")):
        twin = duplicate(field)
        assert (type(twin), twin, twin.indexable) == (type(field), field, field.indexable)


def test_pickles_of_events_need_no_more_than_their_classes() -> None:
    # Other processes and h2 4.4.1 read them.
    for cls in (RequestReceived, PushedStreamReceived):
        text = pickle.dumps(full(cls))
        assert b"HeaderTuple" in text
        assert b"_field" not in text
    assert pickled(Event(), 5).__class__ is Event


def test_help_says_what_every_field_means() -> None:
    for cls in REQUIRED:
        text = pydoc.render_doc(cls)
        for field in dataclasses.fields(cls):
            assert f":param {field.name}: " in text


def test_types_of_fields_are_known_at_run_time() -> None:
    for cls in REQUIRED:
        assert get_type_hints(cls).keys() == {field.name for field in dataclasses.fields(cls)}


def test_events_are_dataclasses() -> None:
    assert all(dataclasses.is_dataclass(cls) for cls in REQUIRED)
    assert dataclasses.replace(ENDED, stream_id=3) == StreamEnded(stream_id=3)
    assert Event() != Event()


def test_dicts_of_settings_are_not_shared() -> None:
    first = RemoteSettingsChanged()
    first.changed_settings.update(CHANGES)
    assert RemoteSettingsChanged().changed_settings == {}


MESSAGES = [RequestReceived, ResponseReceived, TrailersReceived, InformationalResponseReceived]


@pytest.mark.parametrize("cls", MESSAGES)
def test_repr_of_messages(cls: type[Any]) -> None:
    name = cls.__name__
    assert repr(cls(stream_id=1, headers=[])) == f"<{name} stream_id:1, headers:[]>"
    assert repr(cls(stream_id=1)) == f"<{name} stream_id:1, headers:None>"
    assert repr(cls(stream_id=5, headers=[("a", "b")])) == (
        f"<{name} stream_id:5, headers:[('a', 'b')]>"
    )
    assert repr(full(cls)) == (
        f"<{name} stream_id:1, headers:[(b':status', b'200'), (b'cookie', b'a=1')]>"
    )


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (None, ""),
        (b"", ""),
        (b"abc", "616263"),
        (bytearray(b"abc"), "616263"),
        (memoryview(b"abc"), "616263"),
        (b"x" * 20, "78" * 20),
        (b"\x00\xff" * 5000, "00ff" * 10),
    ],
)
def test_repr_of_payloads(data: Any, shown: str) -> None:
    event = DataReceived(stream_id=1, data=data, flow_controlled_length=7, stream_ended=ENDED)
    assert repr(event) == f"<DataReceived stream_id:1, flow_controlled_length:7, data:{shown}>"
    terminated = ConnectionTerminated(error_code=0, last_stream_id=5, additional_data=data)
    assert repr(terminated) == (
        f"<ConnectionTerminated error_code:0, last_stream_id:5, additional_data:{shown or None}>"
    )


@pytest.mark.parametrize("cls", [PingReceived, PingAckReceived])
def test_repr_of_pings(cls: type[Any]) -> None:
    name = cls.__name__
    assert repr(cls(ping_data=b"\x00" * 8)) == f"<{name} ping_data:{'00' * 8}>"
    assert repr(cls(ping_data=b"x" * 50)) == f"<{name} ping_data:{'78' * 50}>"
    assert repr(cls(ping_data=b"")) == f"<{name} ping_data:>"
    assert repr(cls(ping_data=None)) == f"<{name} ping_data:None>"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (WindowUpdated(stream_id=0, delta=5), "<WindowUpdated stream_id:0, delta:5>"),
        (StreamEnded(stream_id=3), "<StreamEnded stream_id:3>"),
        (
            StreamReset(stream_id=1, error_code=ErrorCodes.CANCEL),
            "<StreamReset stream_id:1, error_code:ErrorCodes.CANCEL, remote_reset:True>",
        ),
        (
            StreamReset(stream_id=1, error_code=77, remote_reset=False),
            "<StreamReset stream_id:1, error_code:77, remote_reset:False>",
        ),
        (
            PushedStreamReceived(),
            "<PushedStreamReceived pushed_stream_id:None, parent_stream_id:None, headers:None>",
        ),
        (
            PushedStreamReceived(pushed_stream_id=2, parent_stream_id=1, headers=[(b"a", b"b")]),
            "<PushedStreamReceived pushed_stream_id:2, parent_stream_id:1, headers:[(b'a', b'b')]>",
        ),
        (
            PriorityUpdated(),
            "<PriorityUpdated stream_id:None, weight:None, depends_on:None, exclusive:None>",
        ),
        (PRIORITY, "<PriorityUpdated stream_id:1, weight:16, depends_on:0, exclusive:False>"),
        (
            ConnectionTerminated(),
            "<ConnectionTerminated error_code:None, last_stream_id:None, additional_data:None>",
        ),
        (
            ConnectionTerminated(error_code=ErrorCodes.NO_ERROR, last_stream_id=0),
            (
                "<ConnectionTerminated error_code:ErrorCodes.NO_ERROR, last_stream_id:0, "
                "additional_data:None>"
            ),
        ),
        (
            ConnectionTerminated(error_code=77, last_stream_id=3, unprocessed_stream_ids=(5, 9)),
            (
                "<ConnectionTerminated error_code:77, last_stream_id:3, additional_data:None, "
                "unprocessed_stream_ids:(5, 9)>"
            ),
        ),
        (
            AlternativeServiceAvailable(),
            "<AlternativeServiceAvailable origin:, field_value:>",
        ),
        (
            AlternativeServiceAvailable(origin=b"example.com\xff", field_value=b'h2=":8000"'),
            '<AlternativeServiceAvailable origin:example.com, field_value:h2=":8000">',
        ),
        (OriginReceived(), "<OriginReceived origins:>"),
        (StreamWritable(stream_id=1), "<StreamWritable stream_id:1>"),
        (StreamOpened(stream_id=3), "<StreamOpened stream_id:3>"),
        (DataAvailable(stream_id=5), "<DataAvailable stream_id:5>"),
        (ConnectionDrained(), "<ConnectionDrained>"),
        (KeepaliveTimedOut(), "<KeepaliveTimedOut>"),
        (SettingsTimedOut(), "<SettingsTimedOut>"),
        (
            OriginReceived(origins=(b"https://example.com", b"http://\xff")),
            "<OriginReceived origins:https://example.com, http://\ufffd>",
        ),
        (
            PriorityUpdateReceived(),
            ("<PriorityUpdateReceived prioritized_stream_id:None, urgency:None, incremental:None>"),
        ),
        (
            PriorityUpdateReceived(prioritized_stream_id=3, urgency=7, incremental=False),
            "<PriorityUpdateReceived prioritized_stream_id:3, urgency:7, incremental:False>",
        ),
        (UnknownFrameReceived(frame=FRAME), "<UnknownFrameReceived>"),
        (RemoteSettingsChanged(), "<RemoteSettingsChanged changed_settings:{}>"),
        (
            SettingsAcknowledged(changed_settings={**CHANGES, 99: ChangedSetting(99, None, 1)}),
            (
                "<SettingsAcknowledged changed_settings:{"
                "ChangedSetting(setting=5, original_value=16384, new_value=20000), "
                "ChangedSetting(setting=99, original_value=None, new_value=1)}>"
            ),
        ),
    ],
)
def test_repr(event: Event, text: str) -> None:
    assert repr(event) == text


@pytest.mark.parametrize("old", [Settings(), dict(Settings())])
def test_from_settings(old: Any) -> None:
    event = RemoteSettingsChanged.from_settings(old, {1: 5, 3: 6, 99: 9, 4: 65535})
    assert [
        (key, change.setting, change.original_value, change.new_value)
        for key, change in event.changed_settings.items()
    ] == [(1, 1, 4096, 5), (3, 3, None, 6), (99, 99, None, 9), (4, 4, 65535, 65535)]
    assert [type(key) for key in event.changed_settings] == [
        SettingCodes,
        SettingCodes,
        int,
        SettingCodes,
    ]
    assert type(event.changed_settings[3].setting) is SettingCodes


def test_from_settings_without_changes() -> None:
    assert RemoteSettingsChanged.from_settings({1: 2}, {}).changed_settings == {}


def test_from_settings_keeps_a_subclass() -> None:
    class Mine(RemoteSettingsChanged):
        pass

    assert type(Mine.from_settings({}, {1: 2})) is Mine
