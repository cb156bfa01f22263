"""The streams shared by the asyncio examples: cases that the tests of the examples omit."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from examples.common.streams import Connection, Stream
from support import wire
from support.raw import fields_of, request


class Transport:
    """A transport without TLS that accepts all output."""

    def __init__(self) -> None:
        self.closed = False

    def get_extra_info(self, name: str) -> Any:
        return None

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write(self, data: bytes) -> None:
        """Discard the output, which the tests do not need."""


async def connected(answered: list[int]) -> Connection:
    """A server that records which requests it has started to answer."""

    async def answer(stream: Stream) -> None:
        answered.append(stream.id)
        with contextlib.suppress(ConnectionError):
            while await stream.read():
                pass

    connection = Connection(answer)
    connection.connection_made(Transport())
    connection.data_received(wire.PREFACE + wire.settings())
    return connection


def test_requests_that_are_reset_leave_nothing() -> None:
    """Including those that are reset in the same read, before the server starts to answer."""

    async def scenario() -> None:
        answered: list[int] = []
        connection = await connected(answered)
        post = wire.headers(1, fields_of("/", "POST")) + wire.data(1, b"content")
        connection.data_received(post + wire.rst_stream(1))
        connection.data_received(request(3, "/", "POST", end_stream=False))
        await asyncio.sleep(0)
        (stream,) = connection.streams.values()
        task = stream.task
        assert task is not None
        connection.data_received(wire.rst_stream(3))
        await asyncio.wait([task])
        assert (answered, connection.streams) == ([3], {})
        connection.connection_lost(None)

    asyncio.run(scenario())


def test_streams_that_nobody_ends_are_lost_with_the_connection() -> None:
    async def scenario() -> None:
        connection = await connected([])
        connection.data_received(request(1, "/", "POST", end_stream=False))
        await asyncio.sleep(0)
        (stream,) = connection.streams.values()
        connection.connection_lost(None)
        assert (connection.streams, connection.usable) == ({}, False)
        assert str(stream.error) == "the peer has closed the connection"
        assert connection.transport.is_closing()
        assert connection.timer is None or connection.timer.cancelled()

    asyncio.run(scenario())
