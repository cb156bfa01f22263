"""Buffering connections after the handshake, and their output as frames."""

from __future__ import annotations

from typing import Any

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from tests.support import wire

#: Settings of a peer whose windows never limit these tests.
WIDE = ((wire.Setting.INITIAL_WINDOW_SIZE, wire.MAX_WINDOW),)

POST = list(wire.POST)
REQUEST = list(wire.REQUEST)
RESPONSE = list(wire.RESPONSE)
TRAILERS = list(wire.TRAILERS)


def server(*peer_settings: tuple[int, int], **options: Any) -> BufferedH2Connection:
    """A server whose client has announced these settings; the connection window is large."""
    conn = BufferedH2Connection(H2Configuration(client_side=False), **options)
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings(*peer_settings), wire.settings(ack=True))
    widen(conn)
    conn.data_to_send()
    return conn


def client(*peer_settings: tuple[int, int], **options: Any) -> BufferedH2Connection:
    """A client whose server has announced these settings; the connection window is large."""
    conn = BufferedH2Connection(**options)
    conn.initiate_connection()
    wire.feed(conn, wire.settings(*peer_settings), wire.settings(ack=True))
    widen(conn)
    conn.data_to_send()
    return conn


def widen(conn: BufferedH2Connection) -> None:
    """Make the window of the connection as large as possible."""
    wire.feed(conn, wire.window_update(0, wire.MAX_WINDOW - wire.DEFAULT_WINDOW))


def responding(conn: BufferedH2Connection, *stream_ids: int) -> BufferedH2Connection:
    """A server with complete requests on these streams, whose responses have started."""
    for stream_id in stream_ids:
        wire.feed(conn, wire.headers(stream_id, wire.REQUEST, end_stream=True))
        conn.send_headers(stream_id, RESPONSE)
    conn.data_to_send()
    return conn


def frames(conn: BufferedH2Connection, amount: int | None = None) -> list[wire.Frame]:
    """Its output, which must end with a whole frame."""
    return wire.parse(conn.data_to_send(amount))


def shape(sent: list[wire.Frame]) -> list[tuple[int, int, int]]:
    """DATA frames as stream, payload length, flags."""
    return [
        (frame.stream_id, len(frame.payload), frame.flags)
        for frame in sent
        if frame.type == wire.Type.DATA
    ]


def content(sent: list[wire.Frame], stream_id: int) -> bytes:
    """The content in the DATA frames of a stream."""
    return b"".join(
        frame.data
        for frame in sent
        if frame.type == wire.Type.DATA and frame.stream_id == stream_id
    )


def types(sent: list[wire.Frame]) -> list[int]:
    """The types of the frames."""
    return [frame.type for frame in sent]


def nothing_is_left(conn: BufferedH2Connection) -> bool:
    """Whether no state is left: no queue, no octets, no waiting stream, no priority."""
    queue = conn._sending
    return (
        not queue.queues
        and not queue.size
        and not queue.line
        and not queue.scheduler
        and not queue.priorities.known
        and not queue.early_updates
        and not conn.waiting_streams
        and not conn.send_buffer_size()
    )
