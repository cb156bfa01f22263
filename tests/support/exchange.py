"""Exchanges between two connections in memory, through the documented API."""

from __future__ import annotations

from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, ResponseReceived, StreamEnded
from support import wire

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]
RESPONSE = [(":status", "200")]


def server_connection() -> H2Connection:
    return H2Connection(H2Configuration(client_side=False))


def shake_hands(client: H2Connection, server: H2Connection) -> None:
    client.initiate_connection()
    server.initiate_connection()
    wire.exchange(client, server)


def kinds(events: Iterable[Event]) -> list[type]:
    return [event.__class__ for event in events]


def assert_works(client: H2Connection, server: H2Connection) -> None:
    """Exchange a request and a response, both with content, over an established connection."""
    stream_id = client.get_next_available_stream_id()
    client.send_headers(stream_id, [(":method", "POST"), *REQUEST[1:]])
    client.send_data(stream_id, b"question", end_stream=True)
    _, events = wire.exchange(client, server)
    assert kinds(events) == [RequestReceived, DataReceived, StreamEnded]
    server.send_headers(stream_id, RESPONSE)
    server.send_data(stream_id, b"answer", end_stream=True)
    events, _ = wire.exchange(client, server)
    assert kinds(events) == [ResponseReceived, DataReceived, StreamEnded]
