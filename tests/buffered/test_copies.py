"""Copies of connections share nothing with the original."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from buffered.pairs import POST, pair
from h2._compiled import COMPILED
from h2.buffered import BufferedH2Connection
from h2.connection import H2Connection
from h2.events import RequestReceived
from support import wire

pytestmark = pytest.mark.skipif(COMPILED, reason="compiled connections are not copied")


def pickled(conn: H2Connection) -> H2Connection:
    loaded: H2Connection = pickle.loads(pickle.dumps(conn))
    return loaded


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled])
@pytest.mark.parametrize("face", [H2Connection, BufferedH2Connection])
def test_what_a_copy_sends_is_not_sent_by_the_original(
    face: type[H2Connection], duplicate: Callable[[H2Connection], H2Connection]
) -> None:
    conn = face()
    conn.initiate_connection()
    twin = duplicate(conn)
    twin.ping(b"of twins")
    assert b"of twins" not in conn.data_to_send()
    assert b"of twins" in twin.data_to_send()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled])
@pytest.mark.parametrize("removed", [0, 1, 3])
def test_a_copy_has_its_own_streams(
    duplicate: Callable[[H2Connection], H2Connection], removed: int
) -> None:
    """Also if the program has looked at those of the original."""
    conn = wire.client()
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, wire.POST)
    for stream_id in [*conn.streams][:removed]:
        del conn.streams[stream_id]
    twin = duplicate(conn)
    assert [*twin.streams] == [*conn.streams] == [1, 3, 5][removed:]
    assert twin._core.streams.open.altered == (removed > 0)
    twin.send_headers(7, wire.POST)
    twin.streams.pop(7, None)
    twin.send_headers(9, wire.POST)
    assert [*twin.streams] == [*conn.streams, 9]
    assert twin.open_outbound_streams == conn.open_outbound_streams + 1 == 4 - removed


def test_a_copy_of_the_streams_is_a_dict_of_its_own() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    streams = copy.copy(conn.streams)
    assert type(streams) is dict
    assert streams == conn.streams
    streams.clear()
    assert [*conn.streams] == [1]


def test_a_copy_keeps_the_two_lines_of_a_level_apart() -> None:
    """Before a level has its first incremental stream, its two lines are the same object."""
    client, _ = pair({}, {})
    for stream_id in (1, 3, 5):
        client.send_headers(stream_id, POST)
        client.set_priority(stream_id, incremental=stream_id > 1)
    client.send_data(1, bytes(100_000))
    twin = copy.deepcopy(client)
    turns: tuple[list[int], list[int]] = ([], [])
    for conn, order in zip((client, twin), turns, strict=True):
        for stream_id in (3, 5, 3, 5):
            conn.send_data(stream_id, bytes(5_000))
            order += [frame.stream_id for frame in wire.parse(conn.data_to_send(8_000))]
    assert turns[0] == turns[1]
    assert set(turns[0]) == {1, 3, 5}


def test_a_copy_follows_its_own_configuration() -> None:
    conn = wire.server()
    twin = copy.deepcopy(conn)
    twin.config.header_encoding = "utf-8"
    names = []
    for each in (conn, twin):
        (event,) = wire.feed(each, wire.headers(1, wire.REQUEST))
        assert isinstance(event, RequestReceived)
        names.append(event.headers[0][0])
    assert names == [b":method", ":method"]
