"""The module `stubs` for grpclib's tests: a transport into an H2Connection, and a handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from grpclib.protocol import AbstractHandler, EventsProcessor, Stream

from h2.connection import H2Connection
from h2.events import Event


class TransportStub(asyncio.Transport):
    """Passes what is written to the connection of the other end, and keeps the events."""

    def __init__(self, peer: H2Connection) -> None:
        super().__init__()
        self._peer = peer
        self._events: list[Event] = []
        self._error: type[Exception] | None = None

    def __raise_on_write__(self, error: type[Exception]) -> None:
        """From now on, each write raises this."""
        self._error = error

    def write(self, data: Any) -> None:
        """Pass the data to the other end immediately."""
        if self._error is not None:
            raise self._error
        self._events += self._peer.receive_data(data)

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    def events(self) -> list[Event]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def process(self, processor: EventsProcessor) -> list[Event]:
        """Pass the events since the last call to grpclib, and return them."""
        events = self.events()
        for event in events:
            processor.process(event)
        return events


class DummyHandler(AbstractHandler):
    """It keeps the arguments of the last request."""

    stream: Stream
    headers: list[tuple[str, str]]
    release_stream: Callable[[], None]

    def accept(
        self, stream: Stream, headers: list[tuple[str, str]], release_stream: Callable[[], None]
    ) -> None:
        """Note a request."""
        self.stream = stream
        self.headers = headers
        self.release_stream = release_stream

    def cancel(self, stream: Stream) -> None:
        """Note a stream that was reset."""

    def close(self) -> None:
        """Note a connection that was closed."""
