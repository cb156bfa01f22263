"""Connections in separate threads, and one shared by threads as the manual describes."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import Any

import pytest

from h2._hpack import huffman
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived
from h2.exceptions import NoSuchStreamError
from h2.settings import SettingCodes
from support import wire
from support.fields import Field
from support.processes import ROOT

THREADS = 8
ROUNDS = 100
#: One configuration for all, because some consumers store it on a class.
CLIENT = H2Configuration()
SERVER = H2Configuration(client_side=False)


@pytest.fixture(autouse=True)
def quick_switches() -> Iterator[None]:
    """Let threads switch as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def unused_huffman_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the Huffman automaton, so that all threads compute it at the same time."""
    monkeypatch.setattr(huffman, "_cells_left", huffman._MOST_CELLS)
    for row in list(huffman._ROWS.values()):
        row[:256] = [None] * 256


def fields_of(chance: Random) -> list[Field]:
    """Fields that differ between threads, with values that Huffman coding shortens."""
    usual, allowed = b"aeiost0123456789/-.=%", bytes(range(0x21, 0x7F))
    text = bytes(chance.choice(usual * 20 + allowed) for _ in range(chance.randint(40, 90)))
    return [
        *wire.POST,
        (b"x-%d" % chance.randint(0, 9), text),
        (b"authorization", text[::-1]),
        (b"user-agent", b"agent %d" % chance.randint(0, 3)),
    ]


def converse(seed: int, barrier: Barrier) -> int:
    """Exchange requests and responses on two pairs of connections; return how many were correct."""
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


# --- one connection for several threads, with the code of the manual ---


def blocks_of_the_manual() -> tuple[str, str]:
    """The class that shares a connection, and the function that opens a stream."""
    text = (ROOT / "docs" / "threads.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    shared = next(block for block in blocks if "class SharedConnection" in block)
    opening = next(block for block in blocks if "def open_stream" in block)
    return shared, opening.partition("\n\n\n")[0]


def test_threads_share_a_connection_in_the_way_of_the_manual() -> None:
    names: dict[str, Any] = {}
    for block in blocks_of_the_manual():
        exec(block, names)
    client, server = H2Connection(CLIENT), H2Connection(SERVER)
    server.initiate_connection()
    server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: THREADS * ROUNDS})
    requests: dict[int, list[Field]] = {}

    def write(data: bytes) -> None:
        for event in server.receive_data(data):
            if isinstance(event, RequestReceived):
                requests[event.stream_id] = list(event.headers)

    def work(seed: int) -> dict[int, list[Field]]:
        chance, sent = Random(seed), {}
        for _ in range(ROUNDS):
            fields = fields_of(chance)
            sent[shared.call(names["open_stream"], fields)] = fields
        return sent

    with contextlib.closing(names["SharedConnection"](client, write)) as shared:
        shared.call(H2Connection.initiate_connection)
        shared.call(H2Connection.receive_data, server.data_to_send())
        with ThreadPoolExecutor(THREADS) as pool:
            done = list(pool.map(work, range(THREADS)))
        with pytest.raises(NoSuchStreamError):
            shared.call(H2Connection.send_data, 2**31 - 1, b"")
    # Everything arrived, in an order in which HPACK can decode it.
    assert requests == {stream: fields for sent in done for stream, fields in sent.items()}
    assert len(requests) == THREADS * ROUNDS
