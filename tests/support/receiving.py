"""A connection that buffers received content, and the windows that its peer sees."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from h2._core.receive_queue import ReceiveQueue
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import Event
from support import wire
from support.wire import DEFAULT_WINDOW, Frame, Setting, Type


def started(client_side: bool, **options: Any) -> BufferedH2Connection:
    """A connection with ``receive_buffering`` whose preface is pending."""
    config = H2Configuration(client_side=client_side, **options.pop("config", {}))
    conn = BufferedH2Connection(config, **{"receive_buffering": True, **options})
    conn.initiate_connection()
    return conn


def shaken(conn: BufferedH2Connection) -> BufferedH2Connection:
    """A connection after its handshake, without pending output."""
    preface = b"" if conn.config.client_side else wire.PREFACE
    wire.feed(conn, preface, wire.settings(), wire.settings(ack=True))
    conn.data_to_send()
    return conn


def server(**options: Any) -> BufferedH2Connection:
    return shaken(started(False, **options))


def client(**options: Any) -> BufferedH2Connection:
    return shaken(started(True, **options))


def uploading(*stream_ids: int, **options: Any) -> BufferedH2Connection:
    """A server that has received the header section of a POST on each of these streams."""
    conn = server(**options)
    wire.feed(conn, *(wire.headers(stream_id, wire.POST) for stream_id in stream_ids or (1,)))
    return conn


def downloading(*stream_ids: int, **options: Any) -> BufferedH2Connection:
    """A client that has received the header section of a response on each of these streams."""
    conn = client(**options)
    for stream_id in stream_ids or (1,):
        conn.send_headers(stream_id, wire.REQUEST, end_stream=True)
    conn.data_to_send()
    wire.feed(conn, *(wire.headers(stream_id, wire.RESPONSE) for stream_id in stream_ids or (1,)))
    return conn


def receiving_of(conn: BufferedH2Connection) -> ReceiveQueue:
    """The content that a connection buffers."""
    receiving = conn._buffers.receiving
    assert receiving is not None
    return receiving


def frames_of(conn: BufferedH2Connection) -> list[Frame]:
    """The pending frames."""
    return wire.parse(conn.data_to_send())


def increments(conn: BufferedH2Connection) -> dict[int, int]:
    """By how much the pending WINDOW_UPDATE frames enlarge each window; 0 is the connection's."""
    found: dict[int, int] = {}
    for frame in frames_of(conn):
        if frame.type == Type.WINDOW_UPDATE:
            found[frame.stream_id] = found.get(frame.stream_id, 0) + frame.increment
    return found


class PeerWindows:
    """The windows as the peer tracks them (RFC 9113 sections 6.9.1 and 6.9.2)."""

    def __init__(self) -> None:
        self.connection = DEFAULT_WINDOW
        self.initial = DEFAULT_WINDOW
        self.streams: dict[int, int] = {}
        self.unacknowledged: deque[Frame] = deque()  #: SETTINGS

    def open(self, stream_id: int) -> None:
        self.streams[stream_id] = self.initial

    def room(self, stream_id: int) -> int:
        return min(self.connection, self.streams[stream_id])

    def spend(self, stream_id: int, octets: int) -> None:
        self.connection -= octets
        self.streams[stream_id] -= octets

    def read(self, frames: Iterable[Frame]) -> None:
        """Process the output of the connection, except for SETTINGS, acknowledged later."""
        for frame in frames:
            if frame.type == Type.WINDOW_UPDATE and not frame.stream_id:
                self.connection += frame.increment
            elif frame.type == Type.WINDOW_UPDATE and frame.stream_id in self.streams:
                self.streams[frame.stream_id] += frame.increment
            elif frame.type == Type.SETTINGS and not frame.has(wire.Flag.ACK):
                self.unacknowledged.append(frame)

    def acknowledge(self) -> bytes:
        """Put the oldest SETTINGS into effect; return the acknowledgment."""
        values = dict(self.unacknowledged.popleft().settings)
        size = values.get(Setting.INITIAL_WINDOW_SIZE, self.initial)
        for stream_id in self.streams:
            self.streams[stream_id] += size - self.initial
        self.initial = size
        return wire.settings(ack=True)


def kinds(events: Iterable[Event]) -> list[str]:
    """The names of the classes of events."""
    return [type(event).__name__ for event in events]
