"""What a call that raises keeps: nothing, not even until the next run of the garbage collector.

An exception refers to its traceback, and this to stack frames, whose callers have what was
received. If something that the frames refer to refers to the exception, all of it stays.
"""

from __future__ import annotations

import base64
import gc
import struct
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import hpack
import pytest

import h2
from h2.buffered import BufferedH2Connection
from h2.config import DummyLogger, H2Configuration
from h2.connection import H2Connection
from support import calls, wire
from unit.core.test_arguments import WRONG
from unit.rules import scenarios
from unit.rules.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="elsewhere objects are freed at another time"
)


def reading(config: H2Configuration) -> BufferedH2Connection:
    return BufferedH2Connection(config, receive_buffering=True, automatic_window=True)


CLASSES: dict[str, Callable[..., H2Connection]] = {
    "plain": H2Connection,
    "buffered": BufferedH2Connection,
    "reading": reading,
}


@pytest.fixture(params=[*CLASSES], autouse=True)
def connection(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., H2Connection]:
    """The class of which all connections here are."""
    chosen = CLASSES[request.param]
    for module in (wire, scenarios):
        monkeypatch.setattr(module, "H2Connection", chosen)
    return chosen


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Received:
    """Something that the caller of a connection has."""


def what_stays(call: Callable[[], object]) -> Received | None:
    """Make a call, which may raise, and return what it keeps of its caller."""
    return _after(call)()


def _after(call: Callable[[], object]) -> weakref.ref[Received]:
    received = Received()
    with suppress(Exception):
        call()
    return weakref.ref(received)


def test_a_cycle_would_be_noticed() -> None:
    def keep() -> None:
        error = ValueError()
        raise error

    assert what_stays(keep) is not None
    assert what_stays(lambda: int("x")) is None


@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.rule)
def test_a_broken_rule(scenario: Scenario, strict: bool) -> None:
    with wire.mode(strict):
        conn = scenario.build()
        assert what_stays(lambda: scenario.act(conn)) is None
        assert what_stays(lambda: conn.receive_data(wire.ping(b"12345678"))) is None


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[1])
def test_wrong_arguments(case: Any) -> None:
    build, method, arguments, keywords = case
    conn = build()
    assert what_stays(lambda: getattr(conn, method)(*arguments, **keywords)) is None


@pytest.mark.parametrize("number", range(len(calls.BAD_FIELDS)))
def test_wrong_fields(number: int) -> None:
    fields = calls.BAD_FIELDS[number]
    client, server = wire.client(), wire.requested_server()
    assert what_stays(lambda: client.send_headers(1, fields)) is None
    assert what_stays(lambda: server.push_stream(1, 2, fields)) is None
    assert what_stays(lambda: server.send_headers(1, fields)) is None


@pytest.mark.skipif(h2.__compiled__, reason="compiled code needs the garbage collector here")
@pytest.mark.parametrize(
    "header",
    [
        *(b"?", b"AAE", "\xff", 2**62, ["no", "bytes"]),
        *(base64.b64encode(struct.pack(">HL", *pair)) for pair in ((2, 2), (4, 2**31), (5, 1))),
        base64.b64encode(struct.pack(">HLHL", 8, 1, 8, 0)),
    ],
)
@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
def test_settings_of_an_upgrade(
    connection: Callable[..., H2Connection], header: Any, strict: bool
) -> None:
    server = connection(H2Configuration(client_side=False, strict=strict))
    assert what_stays(lambda: server.initiate_upgrade_connection(header)) is None


@pytest.mark.parametrize("stream_id", [1, 2, 3, -1, "x"])
def test_calls_of_a_buffered_connection(stream_id: Any) -> None:
    conn: Any = wire.requested_server()
    conn.receive_data(wire.headers(3, wire.POST) + wire.data(3, b"some") + wire.rst_stream(3))
    tried: list[tuple[Any, ...]] = [
        *(("read_data", amount) for amount in (None, 4, 0, -1, "x")),
        *(("set_priority", urgency) for urgency in (8, -1, "x")),
        *(("send_priority_update", urgency) for urgency in (7, 8, "x")),
        *(("readable",), ("at_end",), ("discard_data",), ("reset_stream", 8)),
        *(("send_data", b"some"), ("send_data", "text"), ("end_stream",)),
    ]
    for method, *arguments in tried:
        if call := getattr(conn, method, None):  # not both classes have all of them
            assert what_stays(partial(call, stream_id, *arguments)) is None, method


class BadDecoder(hpack.Decoder):
    """A decoder that fails in a way of its own."""

    def decode(self, data: bytes, raw: bool = False) -> Any:
        raise LookupError(f"{len(data)} octets, {raw}")


class BadLogger(DummyLogger):
    """A logger that raises."""

    def debug(self, fmtstr: str, *args: object) -> None:
        raise OSError(fmtstr % args)


def test_objects_of_the_program_that_raise() -> None:
    conn = wire.server()
    conn.decoder = BadDecoder()
    assert what_stays(lambda: conn.receive_data(wire.headers(1, wire.REQUEST))) is None
    assert what_stays(lambda: conn.receive_data(wire.ping(b"12345678"))) is None
    noisy = wire.client()
    noisy.config.logger = BadLogger()
    assert what_stays(lambda: noisy.receive_data(wire.ping(b"12345678"))) is None
    assert what_stays(lambda: noisy.receive_data(wire.ping(b"12345678"))) is None
