"""RFC 9113 section 5.1: frames in flight on streams that we have reset, however many there are.

"An endpoint MUST minimally process and then discard any frames it receives in this state."
"""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, TrailersReceived
from h2.settings import SettingCodes
from support import wire
from support.outcome import assert_alive, kinds
from support.wire import DEFAULT_WINDOW, Type

STREAMS = 3_001
CONTENT = bytes(20)
LIMITS = [0, 1, 1024]


class Client(H2Connection):
    """A client that remembers this many of the streams that it has reset."""

    def __init__(self, limit: int) -> None:
        super().__init__(wire.configuration(client_side=True))
        self.MAX_CLOSED_STREAMS = limit


def ends(limit: int) -> tuple[H2Connection, H2Connection]:
    """A client, and a server that accepts any number of streams."""
    client = Client(limit)
    server = H2Connection(wire.configuration(client_side=False))
    server.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = STREAMS
    server.local_settings.acknowledge()
    client.initiate_connection()
    server.initiate_connection()
    wire.exchange(client, server)
    return client, server


def respond(server: H2Connection, stream_id: int) -> None:
    """A response with content and trailers, with fields that are added to the HPACK table."""
    number = str(stream_id)
    server.send_headers(stream_id, [(":status", "200"), ("etag", number), ("server", "a")])
    server.send_data(stream_id, CONTENT)
    server.send_headers(stream_id, [("checksum", number)], end_stream=True)


def fields_of(events: list[Event]) -> list[dict[bytes, bytes]]:
    return [
        {bytes(name): bytes(value) for name, value in event.headers}  # type: ignore[misc]  # bytes
        for event in events
        if isinstance(event, (ResponseReceived, TrailersReceived))
    ]


@pytest.mark.parametrize("limit", LIMITS)
def test_late_responses_on_thousands_of_streams_that_were_reset(limit: int) -> None:
    """The one request that was not cancelled gets its response; the others are ignored."""
    client, server = ends(limit)
    requested = range(1, 2 * STREAMS, 2)
    for stream_id in requested:
        client.send_headers(stream_id, wire.REQUEST, end_stream=True)
    server.receive_data(client.data_to_send())
    for stream_id in requested:
        respond(server, stream_id)
    for stream_id in requested[:-1]:
        client.reset_stream(stream_id, ErrorCodes.CANCEL)
    resets = client.data_to_send()
    assert len(wire.parse(resets)) == STREAMS - 1

    events = client.receive_data(server.data_to_send())
    last = requested[-1]
    assert kinds(events) == [ResponseReceived, DataReceived, TrailersReceived, StreamEnded]
    assert {event.stream_id for event in events} == {last}  # type: ignore[attr-defined]  # all have
    number = str(last).encode()
    assert fields_of(events) == [
        {b":status": b"200", b"etag": number, b"server": b"a"},
        {b"checksum": number},
    ]
    # No RST_STREAM frames: only credit for the window of the connection is sent.
    answers = client.data_to_send()
    out = wire.parse(answers)
    assert {(frame.type, frame.stream_id) for frame in out} <= {(Type.WINDOW_UPDATE, 0)}
    client.acknowledge_received_data(len(CONTENT), last)
    sent = STREAMS * len(CONTENT)
    opened = sum(frame.increment for frame in out)
    assert client.inbound_flow_control_window == DEFAULT_WINDOW - sent + opened
    assert client.inbound_flow_control_window > DEFAULT_WINDOW // 2

    # Both ends agree about windows and compression afterwards.
    server.receive_data(resets + answers)
    assert server.outbound_flow_control_window == client.inbound_flow_control_window
    client.send_headers(last + 2, wire.REQUEST, end_stream=True)
    wire.exchange(client, server)
    respond(server, last + 2)
    events, _ = wire.exchange(client, server)
    number = str(last + 2).encode()
    assert [found.get(b"etag") for found in fields_of(events)] == [number, None]
    assert client.open_outbound_streams == server.open_inbound_streams == 0
    assert_alive(client)
