"""Arguments of the wrong type or out of range raise a clear exception and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from h2.connection import H2Connection
from h2.exceptions import H2Error
from support import wire
from support.snapshot import snapshot
from support.wire import Setting


class Index:
    """An object that converts to an integer."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def busy_client() -> H2Connection:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    wire.feed(conn, wire.headers(1, wire.RESPONSE), wire.data(1, bytes(1_000)))
    return conn


def busy_server() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.POST))
    return conn


NOT_AN_INTEGER: list[Any] = [None, "1", b"1", 1.0, [1]]
WRONG: list[tuple[Callable[[], H2Connection], str, tuple[Any, ...], dict[str, Any]]] = [
    *((busy_client, "send_headers", (value, wire.REQUEST), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "send_data", (value, b"x"), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "end_stream", (value,), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "reset_stream", (value,), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "reset_stream", (1, value), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "prioritize", (value,), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "prioritize", (1,), {"weight": value}) for value in NOT_AN_INTEGER[1:]),
    *((busy_client, "prioritize", (1,), {"depends_on": value}) for value in NOT_AN_INTEGER[1:]),
    *((busy_server, "push_stream", (value, 2, wire.REQUEST), {}) for value in NOT_AN_INTEGER),
    *((busy_server, "push_stream", (1, value, wire.REQUEST), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "increment_flow_control_window", (value,), {}) for value in NOT_AN_INTEGER),
    *(
        (busy_client, "increment_flow_control_window", (1, value), {})
        for value in NOT_AN_INTEGER[1:]
    ),
    *((busy_client, "acknowledge_received_data", (value, 1), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "acknowledge_received_data", (1, value), {}) for value in ("1", None, b"1")),
    *((busy_client, "close_connection", (value,), {}) for value in NOT_AN_INTEGER),
    *((busy_client, "close_connection", (0, None, value), {}) for value in ("1", b"1", [1])),
    *((busy_client, "data_to_send", (value,), {}) for value in NOT_AN_INTEGER[1:]),
    *((busy_client, "send_data", (1, value), {}) for value in ("text", None, 5, [b"x"])),
    *((busy_client, "send_data", (1, b"x", False, value), {}) for value in ("1", 1.0, b"1")),
    *((busy_client, "receive_data", (value,), {}) for value in ("text", None, 5, [b"x"])),
    *((busy_client, "ping", (value,), {}) for value in ("12345678", None, 5, b"1234567")),
    *((busy_client, "close_connection", (0, value), {}) for value in ("text", 5, [b"x"])),
    *(
        (busy_client, "update_settings", (value,), {})
        for value in (None, 5, "text", [(3, 1)], {3: 1.5}, {3: "1"}, {3: None}, {"3": 1}, {3.0: 1})
    ),
    *(
        (busy_server, "advertise_alternative_service", (b"h2=x",), keywords)
        for keywords in (
            *({"origin": "text"}, {"origin": 5}, {"stream_id": "1"}, {"stream_id": [1]}, {}),
            *({"stream_id": None}, {"origin": b"https://a.b", "stream_id": 1}),
        )
    ),
    (busy_server, "advertise_alternative_service", ("h2=x",), {"stream_id": 1}),
    *((busy_client, "local_flow_control_window", (value,), {}) for value in NOT_AN_INTEGER[:3]),
    *((busy_client, "remote_flow_control_window", (value,), {}) for value in NOT_AN_INTEGER[:3]),
    # Out of range.
    *((busy_client, "send_data", (1, b"x"), {"pad_length": value}) for value in (-1, 256)),
    *((busy_client, "reset_stream", (1, value), {}) for value in (-1, 2**32)),
    *((busy_client, "close_connection", (value,), {}) for value in (-1, 2**32)),
    *((busy_client, "close_connection", (0, None, value), {}) for value in (-1, 2**31)),
    *((busy_client, "prioritize", (value,), {}) for value in (0, -1, 2**31)),
    *((busy_client, "prioritize", (1,), {"depends_on": value}) for value in (-1, 2**31)),
    *((busy_client, "increment_flow_control_window", (value,), {}) for value in (0, -1, 2**31)),
    *((busy_client, "acknowledge_received_data", (1, value), {}) for value in (0, -1)),
    (busy_client, "acknowledge_received_data", (-1, 1), {}),
    (busy_client, "acknowledge_received_data", (1, 3), {}),
    (busy_client, "data_to_send", (-1,), {}),
    # Longer than the largest frame that the peer accepts.
    *((busy_client, "close_connection", (0, bytes(size)), {}) for size in (16_384, 2**24)),
    (busy_server, "advertise_alternative_service", (bytes(16_384),), {"stream_id": 1}),
    (busy_client, "update_settings", ({100 + number: 1 for number in range(3_000)},), {}),
]


@pytest.mark.parametrize(
    ("build", "method", "arguments", "keywords"),
    [
        pytest.param(*case, id=f"{case[1]}-{number}")  # the arguments are too long for a test id
        for number, case in enumerate(WRONG)
    ],
)
def test_wrong_arguments(
    build: Callable[[], H2Connection],
    method: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> None:
    conn = build()
    before = snapshot(conn)
    with pytest.raises((TypeError, ValueError, H2Error)):
        getattr(conn, method)(*arguments, **keywords)
    assert snapshot(conn) == before


def test_whatever_is_an_integer_is_taken() -> None:
    conn = busy_client()
    conn.clear_outbound_data_buffer()
    one: Any = Index(1)
    conn.send_headers(Index(3), wire.REQUEST)  # type: ignore[arg-type]  # what is under test
    conn.send_data(one, b"x")
    conn.increment_flow_control_window(Index(5), one)  # type: ignore[arg-type]  # the same
    conn.acknowledge_received_data(True, 1)
    conn.acknowledge_received_data(0, 1)
    conn.prioritize(3, weight=Index(7), depends_on=one)  # type: ignore[arg-type]  # the same
    conn.reset_stream(one, Index(8))  # type: ignore[arg-type]  # the same
    assert conn.data_to_send(Index(9))[:3] != b""  # type: ignore[arg-type]  # the same
    conn.close_connection(Index(0))  # type: ignore[arg-type]  # the same
    wire.feed(conn, wire.ping())


@pytest.mark.parametrize(
    "data",
    [b"content", bytearray(b"content"), memoryview(b"content"), memoryview(b"c.o.n.t.e.n.t")[::2]],
)
def test_content_of_any_bytes_like_type(data: Any) -> None:
    conn = busy_client()
    conn.clear_outbound_data_buffer()
    conn.send_data(1, data)
    assert conn.data_to_send() == wire.data(1, b"content")


def test_mutable_content_is_copied() -> None:
    for size in (10, 5_000):
        conn = busy_client()
        conn.clear_outbound_data_buffer()
        buffer: Any = bytearray(b"a" * size)
        conn.send_data(1, buffer)
        buffer[:] = b"b" * size
        assert conn.data_to_send() == wire.data(1, b"a" * size)


def test_settings_that_may_be_sent_by_number_or_by_name() -> None:
    conn = wire.client()
    conn.update_settings({Setting.MAX_FRAME_SIZE: 20_000, 99: 5})
    assert conn.data_to_send() == wire.settings((5, 20_000), (99, 5))


@pytest.mark.parametrize(("value", "ends"), [(1, True), ("no", True), (0, False), (None, False)])
def test_the_end_of_a_stream_is_any_truth_value(value: Any, ends: bool) -> None:
    conn = busy_client()
    conn.clear_outbound_data_buffer()
    conn.send_data(1, b"x", end_stream=value)
    conn.send_headers(3, wire.POST, end_stream=value)
    data, headers = wire.parse(conn.data_to_send())
    assert bool(data.flags & 1) is bool(headers.flags & 1) is ends
