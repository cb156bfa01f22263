"""Settings of a connection in random histories: what is announced, and what is enforced when.

The peer is a model: it reads the frames, stores their values, and acknowledges them later.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, SettingsAcknowledged
from h2.exceptions import FlowControlError, H2Error
from h2.settings import SettingCodes, Settings
from support import wire
from support.outcome import only
from support.wire import MAX_WINDOW, Flag, Setting, Type

DEFAULTS = {1: 4096, 2: 1, 4: 65_535, 5: 16_384, 8: 0}
ACK = wire.settings(ack=True)

#: Values that are valid for both ends, and differ from the defaults.
VALUES = {1: [0, 100, 9_000], 2: [0], 3: [0, 1, 7], 4: [0, 10, 70_000], 5: [20_000, 2**24 - 1]}
VALUES |= {6: [1_000, 70_000], 8: [1], 99: [0, 5]}
PAIRS = st.sampled_from([(code, value) for code, values in VALUES.items() for value in values])
FRAMES = st.lists(PAIRS, max_size=4).map(dict)

BEFORE = st.one_of(
    st.tuples(st.just("assign"), PAIRS),
    st.tuples(st.just("delete"), st.sampled_from(sorted(VALUES))),
    st.tuples(st.just("delete"), st.sampled_from(sorted(VALUES))),
    st.tuples(st.just("acknowledge"), st.none()),
    st.tuples(st.just("replace"), st.dictionaries(st.sampled_from([1, 3, 4]), st.just(9))),
)
AFTER = st.one_of(
    st.tuples(st.just("update"), FRAMES),
    st.tuples(st.just("update"), FRAMES),
    st.tuples(st.just("ack"), st.none()),
    st.tuples(st.just("ack"), st.none()),
    st.tuples(st.just("assign"), PAIRS),
    st.tuples(st.just("delete"), st.sampled_from(sorted(VALUES))),
    st.tuples(st.just("initiate"), st.none()),
)


class Model:
    """The settings of one end, as its application and its peer see them."""

    def __init__(self, client: bool) -> None:
        self.client = client
        self.values = self.initial() | {3: 100, 6: 65_536}
        self.told = self.initial()
        self.pending: list[tuple[int, int]] = []
        self.frames: deque[tuple[dict[int, int], dict[int, int]]] = deque()
        self.table_size = 4096
        self.frame_size = 16_384
        self.window_is_known = False

    def initial(self) -> dict[int, int]:
        return DEFAULTS | ({} if self.client else {2: 0})

    def effective(self) -> dict[int, int]:
        return {code: self.told[code] for code in DEFAULTS} | self.values

    def replace(self, values: dict[int, int]) -> None:
        self.values = self.initial() | values
        self.told = self.initial()
        self.pending.clear()

    def delete(self, code: int) -> bool:
        known = code in self.values or code in dict(self.pending)
        self.values.pop(code, None)
        self.supersede({code: 0})
        return known

    def supersede(self, frame: dict[int, int]) -> None:
        self.pending = [pair for pair in self.pending if pair[0] not in frame]

    def announce(self) -> dict[int, int]:
        """The frame of the preface; its values are in effect, except for those in flight."""
        upcoming: dict[int, int] = {}
        for says, _ in self.frames:
            upcoming |= says
        changes = {
            code: value for code, value in self.values.items() if upcoming.get(code, value) != value
        }
        self.told = self.effective()
        self.frames.append(({**self.values}, changes))
        self.table_size = max(self.table_size, self.told[1])
        self.frame_size = max(self.frame_size, self.told[5])
        return self.values

    def acknowledge(self, says: dict[int, int], changes: dict[int, int]) -> dict[int, int]:
        taken = dict(changes)
        for code, value in list(self.pending):
            if code not in taken:
                taken[code] = value
                self.pending.remove((code, value))
        self.values = self.values | taken
        self.told = self.told | changes
        self.window_is_known = self.window_is_known or 4 in says
        if 1 in says or 1 in taken:
            self.table_size = self.effective()[1]
        if 5 in taken:
            self.frame_size = self.effective()[5]
        return taken


def start(client: bool) -> tuple[H2Connection, Model]:
    return H2Connection(H2Configuration(client_side=client)), Model(client)


def prepare(conn: H2Connection, model: Model, steps: list[tuple[str, Any]]) -> None:
    """The calls of an application before the connection starts."""
    for action, what in steps:
        if action == "replace":
            initial = {SettingCodes(code): value for code, value in what.items()}
            conn.local_settings = Settings(model.client, initial)
            model.replace(what)
        elif action == "acknowledge":
            conn.local_settings.acknowledge()
            model.acknowledge({}, {})
            model.table_size, model.frame_size = 4096, 16_384
        else:
            change(conn, model, action, what)


def change(conn: H2Connection, model: Model, action: str, what: Any) -> None:
    if action == "assign":
        conn.local_settings[what[0]] = what[1]
        model.pending.append(what)
    elif model.delete(what):
        del conn.local_settings[what]
    else:
        with pytest.raises(KeyError):
            del conn.local_settings[what]


def announced(conn: H2Connection) -> list[tuple[int, int]]:
    """The contents of the one SETTINGS frame that is pending."""
    data = conn.data_to_send().removeprefix(wire.PREFACE)
    (frame,) = (frame for frame in wire.parse(data) if frame.type == Type.SETTINGS)
    assert not frame.has(Flag.ACK)
    return frame.settings


def assert_enforced(conn: H2Connection, model: Model) -> None:
    """With nothing in flight, the values announced last are in effect."""
    effective = model.effective()
    local = conn.local_settings
    assert list(local.items()) == list(model.values.items())
    assert (local.max_frame_size, local.header_table_size) == (effective[5], effective[1])
    assert conn.max_inbound_frame_size == model.frame_size
    assert local.max_concurrent_streams == effective.get(3, 2**32 + 1)
    assert local.max_header_list_size == effective.get(6)
    assert conn.decoder.max_allowed_table_size == model.table_size
    if model.client:
        conn.send_headers(1, wire.REQUEST)
    elif effective.get(3) != 0:
        sizes = wire.table_size_update(0) + wire.table_size_update(min(model.table_size, 4096))
        block = sizes + wire.block(wire.REQUEST)
        only(wire.feed(conn, wire.headers(1, block)), RequestReceived)
    else:
        return
    # A peer that was never told of another window may use the initial one.
    window = effective[4] if model.window_is_known else max(effective[4], 65_535)
    assert conn.remote_flow_control_window(1) == min(window, 65_535)
    assert conn._core.streams[1].window.value == window


@given(
    client=st.booleans(),
    before=st.lists(BEFORE, max_size=12),
    after=st.lists(AFTER, max_size=20),
)
@run(max_examples=400)
def test_histories(
    client: bool, before: list[tuple[str, Any]], after: list[tuple[str, Any]]
) -> None:
    conn, model = start(client)
    prepare(conn, model, before)
    conn.initiate_connection()
    assert announced(conn) == list(model.announce().items())
    wire.feed(conn, *([] if client else [wire.PREFACE]), wire.settings())
    conn.clear_outbound_data_buffer()
    for action, what in after:
        if action == "ack":
            acknowledge(conn, model)
        elif action == "update":
            update(conn, model, what)
        elif action == "initiate":
            conn.initiate_connection()
            assert announced(conn) == list(model.announce().items())
        else:
            change(conn, model, action, what)
        effective = model.effective()
        assert {**conn.local_settings.in_effect} == effective
    while model.frames:
        acknowledge(conn, model)
    assert_enforced(conn, model)


def update(conn: H2Connection, model: Model, frame: dict[int, int]) -> None:
    conn.update_settings({**frame})
    assert announced(conn) == list(frame.items())
    model.frames.append((frame, frame))
    model.supersede(frame)


def acknowledge(conn: H2Connection, model: Model) -> None:
    event = only(wire.feed(conn, ACK), SettingsAcknowledged)
    before = model.values
    taken = model.acknowledge(*model.frames.popleft()) if model.frames else {}
    assert {
        int(code): (change.original_value, change.new_value)
        for code, change in event.changed_settings.items()
    } == {code: (before.get(code), value) for code, value in taken.items()}


# Windows that the peer sees -----------------------------------------------------------------------

SIZES = st.sampled_from([0, 1, 1_000, 65_535, 100_000, 2**30, MAX_WINDOW - 1, MAX_WINDOW])
WINDOW_STEPS = st.one_of(
    st.tuples(st.just("update"), SIZES),
    st.tuples(st.just("update"), SIZES),
    st.tuples(st.just("ack"), st.just(0)),
    st.tuples(st.just("open"), st.just(0)),
    st.tuples(st.just("increment"), SIZES),
    st.tuples(st.just("read"), st.just(0)),
)


class Peer:
    """A client that reads the output of the server and tracks its windows."""

    def __init__(self) -> None:
        self.initial = 65_535
        self.windows: dict[int, int] = {}
        self.unread: deque[wire.Frame] = deque()
        self.acks = 0

    def read(self) -> None:
        """Process the next frame."""
        frame = self.unread.popleft()
        if frame.type == Type.WINDOW_UPDATE:
            self.windows[frame.stream_id] += frame.increment
        elif frame.type == Type.SETTINGS and not frame.has(Flag.ACK):
            size = dict(frame.settings).get(Setting.INITIAL_WINDOW_SIZE, self.initial)
            for stream_id in self.windows:
                self.windows[stream_id] += size - self.initial
            self.initial = size
            self.acks += 1
        assert max(self.windows.values(), default=0) <= MAX_WINDOW


@given(initial=SIZES, steps=st.lists(WINDOW_STEPS, max_size=30))
@run(max_examples=400)
def test_no_window_of_the_peer_becomes_too_large(
    initial: int, steps: list[tuple[str, int]]
) -> None:
    conn = H2Connection(H2Configuration(client_side=False))
    conn.local_settings = Settings(False, {SettingCodes.INITIAL_WINDOW_SIZE: initial})
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings())
    peer = Peer()
    for action, number in steps:
        last = max(peer.windows, default=-1)
        try:
            if action == "update":
                conn.update_settings({Setting.INITIAL_WINDOW_SIZE: number, 99: 0})
            elif action == "ack" and peer.acks:
                peer.acks -= 1
                wire.feed(conn, ACK)
            elif action == "open":
                while peer.acks:  # the acknowledgments are sent before the request
                    peer.acks -= 1
                    wire.feed(conn, ACK)
                peer.windows[last + 2] = peer.initial
                wire.feed(conn, wire.headers(last + 2, wire.POST))
            elif action == "increment" and number and last > 0:
                conn.increment_flow_control_window(number, last)
        except FlowControlError:
            assert action in ("update", "increment")
        peer.unread.extend(wire.parse(conn.data_to_send()))
        if action == "read" and peer.unread:
            peer.read()
    while peer.unread:
        peer.read()
    wire.feed(conn, *[ACK] * peer.acks)
    for stream_id, window in peer.windows.items():
        assert conn._core.streams[stream_id].window.value == window


def test_a_size_that_fits_only_without_what_is_in_flight_is_refused() -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 100_000})
    room = MAX_WINDOW - 100_000
    with pytest.raises(FlowControlError):
        conn.increment_flow_control_window(room + 1, 1)
    conn.increment_flow_control_window(room, 1)
    with pytest.raises(H2Error, match="exceed 2147483647"):
        conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 100_001})
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 100_000})
    wire.feed(conn, ACK, ACK)
    assert conn._core.streams[1].window.value == MAX_WINDOW
