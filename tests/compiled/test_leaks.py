"""A request leaves nothing behind: no objects, memory, or references to shared objects.

The pure build passes, too; the tests are meant for code that counts references itself.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from hpack.struct import HeaderTuple

import h2.events
from h2._core.static_table import STATIC
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from support import wire

# Not None: where an exception is raised the compiler loses a reference to it. It is never freed.
SHARED = (
    *(True, b"", (), 0, 1, 2**40, HeaderTuple),
    *(h2.events.RequestReceived, h2.events.DataReceived, h2.events.StreamEnded),
    *STATIC.exact.values(),
    *STATIC.received[0x81:],
    *(entry.field for entry in STATIC.received[0x81:]),
)


class Traffic:
    """Two connections that stay open."""

    def __init__(self) -> None:
        self.client, self.server = wire.pair()

    def requests(self) -> None:
        """Requests with a response, of which every third one is reset, and rejected calls."""
        client, server = self.client, self.server
        for number in range(30):
            stream_id = client.get_next_available_stream_id()
            client.send_headers(stream_id, [*wire.REQUEST, (b"x", b"%d" % number)])
            client.send_data(stream_id, b"x" * 100, end_stream=True)
            client.ping(b"12345678")
            wire.exchange(client, server)
            with pytest.raises(ProtocolError):
                client.send_data(stream_id, b"x")
            server.send_headers(stream_id, [*wire.RESPONSE, (b"long", b"y" * 60)])
            if number % 3:
                server.send_data(stream_id, b"z" * 2000, end_stream=True)
            else:
                server.reset_stream(stream_id)
            wire.exchange(client, server)
            server.acknowledge_received_data(100, stream_id)
            if number % 3:
                client.acknowledge_received_data(2000, stream_id)
            wire.exchange(client, server)


def connections() -> None:
    """Connections that end in a connection error in the middle of things."""
    for _ in range(20):
        server = H2Connection(H2Configuration(client_side=False))
        server.initiate_connection()
        for octets in (
            wire.PREFACE + wire.settings(),
            wire.headers(1, wire.POST),
            wire.data(1, b"x"),
        ):
            server.receive_data(octets)
        with pytest.raises(ProtocolError):
            server.receive_data(wire.headers(2, wire.REQUEST))


def growth(run: Callable[[], None]) -> tuple[int, int, list[int]]:
    """The numbers of objects, octets and shared references that a repetition adds."""
    for _ in range(3):
        run()
    gc.collect()
    tracemalloc.start()
    before = [sys.getrefcount(shared) for shared in SHARED]
    objects, octets = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        run()
    gc.collect()
    objects, octets = len(gc.get_objects()) - objects, tracemalloc.get_traced_memory()[0] - octets
    tracemalloc.stop()
    return objects, octets, [
        sys.getrefcount(shared) - known for shared, known in zip(SHARED, before, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("run", [Traffic().requests, connections])
def test_nothing_stays(run: Callable[[], None]) -> None:
    objects, octets, references = growth(run)
    assert abs(objects) < 200
    assert octets < 40_000
    assert all(abs(change) < 100 for change in references), [*zip(SHARED, references, strict=True)]


def test_what_stays_is_found() -> None:
    kept: list[object] = []

    def run() -> None:
        kept.extend(HeaderTuple(b"name", b"value") for _ in range(30))

    objects, octets, references = growth(run)
    assert objects >= 300
    assert octets > 10_000
    assert max(references) >= 300
