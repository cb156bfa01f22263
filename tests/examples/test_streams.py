"""The streams shared by the asyncio examples: cases that the tests of the examples omit."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from examples.asyncio.server import Client
from examples.common.streams import Connection, Stream, StreamResetError
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


class TLSTransport(Transport):
    """The same, but TLS has selected HTTP/2."""

    def get_extra_info(self, name: str) -> Any:
        return SimpleNamespace(selected_alpn_protocol=lambda: "h2")

    def abort(self) -> None:
        self.closed = True


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


def test_a_reset_cancels_an_answer_that_waits_to_send() -> None:
    """The waiting ends for two reasons at once: something has changed, and it is cancelled."""

    async def scenario() -> None:
        outcomes: list[object] = []

        async def answer(stream: Stream) -> None:
            stream.send([(b":status", b"200")])
            try:
                await stream.write(b"content")
            except BaseException as error:
                outcomes.append(type(error))
                raise

        connection = Connection(answer)
        connection.connection_made(Transport())
        windows = wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, 0))
        connection.data_received(wire.PREFACE + windows + request(1, "/"))
        await asyncio.sleep(0)
        (stream,) = connection.streams.values()
        assert stream.task is not None
        connection.data_received(wire.rst_stream(1))
        await asyncio.wait([stream.task])
        assert outcomes == [asyncio.CancelledError]
        connection.connection_lost(None)

    asyncio.run(scenario())


def test_content_that_a_reset_drops_was_not_sent() -> None:
    async def scenario() -> None:
        connection = Connection()
        connection.connection_made(Transport())
        connection.data_received(wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, 0)))
        stream = connection.request(fields_of("/", "POST"))
        writing = asyncio.create_task(stream.write(b"content"))
        await asyncio.sleep(0)
        connection.data_received(wire.rst_stream(1))
        with pytest.raises(StreamResetError):
            await writing
        connection.connection_lost(None)

    asyncio.run(scenario())


def test_waiting_has_an_end() -> None:
    async def scenario() -> None:
        connection = Connection(patience=0.01)
        connection.connection_made(Transport())
        connection.data_received(wire.settings())
        with pytest.raises(asyncio.TimeoutError):
            await connection.request(fields_of("/"), end=True).head()
        connection.connection_lost(None)

    asyncio.run(scenario())


def test_content_that_takes_longer_than_the_timeout_while_it_moves() -> None:
    """With wide windows, no event reports what is sent before the end of the content."""

    class Slow(Connection):
        """Its transport takes 64 KiB within each time limit, and at last nothing."""

        limits = 0

        async def wait(self, change: asyncio.Future[None], seconds: float | None) -> None:
            self.limits += 1
            if self.limits <= 5:
                self.transport.write(self.pull(65_536))
            raise asyncio.TimeoutError

    async def scenario() -> None:
        connection = Slow()
        connection.connection_made(Transport())
        windows = wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, wire.MAX_WINDOW))
        wide = wire.window_update(0, wire.MAX_WINDOW - wire.DEFAULT_WINDOW)
        connection.data_received(windows + wide)
        connection.pause_writing()
        stream = connection.request(fields_of("/", "POST"))
        with pytest.raises(asyncio.TimeoutError):
            await stream.write(bytes(1_000_000))
        assert connection.limits == 6
        connection.connection_lost(None)

    asyncio.run(scenario())


def test_a_client_that_goes_together_with_content() -> None:
    """The example server then leaves no task behind that waits for this client."""

    async def scenario() -> None:
        client = Client()
        client.connection_made(TLSTransport())
        head = request(1, "/echo", "POST", end_stream=False)
        client.data_received(wire.PREFACE + wire.settings() + head)
        for _ in range(3):  # the task that answers has begun, and waits for content
            await asyncio.sleep(0)
        assert (len(asyncio.all_tasks()), client.everyone) == (2, {client})
        client.data_received(wire.data(1, b"content"))
        client.connection_lost(None)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=60)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert client.everyone == set()

    asyncio.run(scenario())
