"""Connections in threads of their own do not affect each other, whatever they share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest

from h2._hpack import huffman
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived
from support import wire
from support.fields import Field

THREADS = 8
ROUNDS = 100
#: One configuration for all: consumers keep it on a class.
CLIENT = H2Configuration()
SERVER = H2Configuration(client_side=False)


@pytest.fixture(autouse=True)
def quick_switches() -> Iterator[None]:
    """Let threads take turns as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def unused_huffman_table() -> None:
    """Forget what was worked out of the Huffman automaton, so that all threads do it at once."""
    for row in list(huffman._ROWS.values()):
        row[:256] = [None] * 256  # type: ignore[list-item]  # a cell that was not needed before


def fields_of(chance: Random) -> list[Field]:
    """Fields that differ between threads, of text that Huffman coding makes shorter."""
    usual, allowed = b"aeiost0123456789/-.=%", bytes(range(0x21, 0x7F))
    text = bytes(chance.choice(usual * 20 + allowed) for _ in range(chance.randint(40, 90)))
    return [
        *wire.POST,
        (b"x-%d" % chance.randint(0, 9), text),
        (b"authorization", text[::-1]),
        (b"user-agent", b"agent %d" % chance.randint(0, 3)),
    ]


def converse(seed: int, barrier: Barrier) -> int:
    """Exchange requests and responses on two pairs of connections; return how many came right."""
    chance = Random(seed)
    pairs = [(H2Connection(CLIENT), H2Connection(SERVER)) for _ in range(2)]
    for client, server in pairs:
        client.initiate_connection()
        server.initiate_connection()
    barrier.wait()
    right = 0
    for _ in range(ROUNDS):
        for client, server in pairs:
            stream_id = client.get_next_available_stream_id()
            fields, body = fields_of(chance), chance.randbytes(100)
            client.send_headers(stream_id, fields)
            client.send_data(stream_id, body, end_stream=True)
            _, events = wire.exchange(client, server)
            request = next(event for event in events if isinstance(event, RequestReceived))
            data = next(event for event in events if isinstance(event, DataReceived))
            answer = [*wire.RESPONSE, *fields[4:]]
            server.send_headers(stream_id, answer, end_stream=True)
            events, _ = wire.exchange(client, server)
            response = next(event for event in events if isinstance(event, ResponseReceived))
            right += request.headers == fields and data.data == body and response.headers == answer
    return right


def test_each_thread_with_connections_of_its_own() -> None:
    barrier = Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda seed: converse(seed, barrier), range(THREADS)))
    assert results == [2 * ROUNDS] * THREADS
