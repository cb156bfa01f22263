"""Calls before initiate_connection: their frames follow the connection preface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from buffered.pairs import POST, REQUEST, client, server
from h2.buffered import BufferedH2Connection
from h2.events import ConnectionDrained
from h2.exceptions import ProtocolError
from support import wire
from support.wire import Setting, Type

Call = Callable[[BufferedH2Connection], Any]

#: Calls that a client may make first, and the frames that they create.
OF_A_CLIENT: dict[str, tuple[Call, list[int]]] = {
    "request": (lambda conn: conn.send_headers(1, REQUEST, end_stream=True), [Type.HEADERS]),
    "ping": (lambda conn: conn.ping(b"12345678"), [Type.PING]),
    "window": (lambda conn: conn.increment_flow_control_window(9), [Type.WINDOW_UPDATE]),
    "settings": (lambda conn: conn.update_settings({Setting.ENABLE_PUSH: 0}), [Type.SETTINGS]),
    "priority": (lambda conn: conn.prioritize(1), [Type.PRIORITY]),
    "update": (lambda conn: conn.send_priority_update(1), [Type.PRIORITY_UPDATE]),
    "close": (lambda conn: conn.close_connection(), [Type.GOAWAY]),
    "shutdown": (lambda conn: conn.graceful_shutdown(), [Type.GOAWAY]),
    "nothing": (lambda conn: conn.receive_data(b""), []),
}
OF_A_SERVER: dict[str, tuple[Call, list[int]]] = {
    "ping": OF_A_CLIENT["ping"],
    "window": OF_A_CLIENT["window"],
    "settings": (
        lambda conn: conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 9}),
        [Type.SETTINGS],
    ),
    "origins": (lambda conn: conn.advertise_origins(["https://a.example"]), [Type.ORIGIN]),
    "close": OF_A_CLIENT["close"],
    "shutdown": (lambda conn: conn.graceful_shutdown(), [Type.GOAWAY, Type.PING]),
}
CASES = [(client, *case) for case in OF_A_CLIENT.values()]
CASES += [(server, *case) for case in OF_A_SERVER.values()]
NAMES = [f"client-{name}" for name in OF_A_CLIENT] + [f"server-{name}" for name in OF_A_SERVER]


@pytest.mark.parametrize("takes", [False, True], ids=["", "taken-early"])
@pytest.mark.parametrize(("make", "call", "frames"), CASES, ids=NAMES)
def test_it_follows_the_preface(
    make: Callable[[], BufferedH2Connection], call: Call, frames: list[int], takes: bool
) -> None:
    conn = make()
    call(conn)
    if takes:
        assert conn.data_to_send() == conn.data_to_send(100) == b""
    conn.initiate_connection()
    data = conn.data_to_send()
    if conn.config.client_side:
        assert data.startswith(wire.PREFACE)
        data = data.removeprefix(wire.PREFACE)
    assert [frame.type for frame in wire.parse(data)] == [Type.SETTINGS, *frames]
    assert conn.data_to_send() == b""


def test_a_request_with_content_follows_it_in_the_order_of_the_calls() -> None:
    conn = client()
    conn.send_headers(1, POST)
    conn.send_data(1, b"some")
    conn.send_data(1, b"more", end_stream=True)
    assert conn.data_to_send() == b""
    assert conn.send_buffer_size(1) == 8
    conn.initiate_connection()
    frames = wire.parse(conn.data_to_send().removeprefix(wire.PREFACE))
    assert [frame.type for frame in frames] == [Type.SETTINGS, Type.HEADERS, Type.DATA]
    assert frames[-1].payload == b"somemore"


def test_a_client_that_shuts_down_first_has_nothing_left() -> None:
    conn = client()
    conn.graceful_shutdown()
    assert conn.events() == [ConnectionDrained()]
    assert conn.data_to_send() == b""


@pytest.mark.parametrize("make", [client, server])
def test_a_connection_that_ends_first_says_nothing(
    make: Callable[[], BufferedH2Connection],
) -> None:
    """A peer that has not received the preface does not understand GOAWAY."""
    conn = make()
    conn.close_connection(error_code=2)
    assert conn.data_to_send() == b""
    with pytest.raises(ProtocolError):
        conn.initiate_connection()
    assert conn.data_to_send() == b""


def test_what_is_small_goes_straight_out_after_it() -> None:
    """A message behind no pending output needs no queue."""
    conn = client()
    conn.initiate_connection()
    conn.send_headers(1, POST)
    conn.send_data(1, b"some", end_stream=True)
    assert conn.send_buffer_size() == 0
