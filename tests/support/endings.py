"""Ctrl+C and SIGTERM: how every example server must shut down.

`tests/examples/conftest.py` starts a server for each of `ENDINGS`, which stops it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from support import wire
from support.example import Served, finish
from support.misbehaving import leave_unread, small_content
from support.processes import TIMEOUT
from support.raw import RawClient, content, ends, request
from support.wire import Code, Frame, Setting, Type


def is_goaway(frame: Frame) -> bool:
    return frame.type == Type.GOAWAY


def goaways(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    """The last stream and the error code of each GOAWAY frame."""
    return [(frame.last_stream_id, frame.error_code) for frame in frames if is_goaway(frame)]


#: The first GOAWAY of a graceful shutdown, which allows all streams.
SOON = (wire.MAX_STREAM_ID, Code.NO_ERROR)


def last_call(client: RawClient) -> tuple[list[Frame], bytes]:
    """All frames up to the PING that starts the shutdown, and the answer to that PING.

    Its answer shows that the preceding GOAWAY frame has arrived.
    """
    frames = client.until(lambda frame: frame.type == Type.PING)
    assert goaways(frames) == [SOON]
    assert is_goaway(frames[-2])
    return frames, wire.ping(frames[-1].payload, ack=True)


def stop_when_idle(served: Served) -> None:
    with RawClient(served.target) as client:
        client.send(request(1, served.offer.small))
        client.until(ends(1))
        served.server.interrupt()
        _, pong = last_call(client)
        client.send(pong)
        assert goaways(client.to_end()) == [(1, Code.NO_ERROR)]
    finish(served)


def stop_in_the_middle(served: Served) -> None:
    """The response in progress is completed, and a request in flight is answered.

    A request that arrives after the last GOAWAY frame is not.
    """
    path, whole = served.offer.small, small_content(served)
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 10)) as client:
        client.send(request(1, path))
        frames = client.until(lambda frame: frame.type == Type.DATA)
        served.server.interrupt()
        begin, pong = last_call(client)
        room = [wire.window_update(stream_id, 1_000_000) for stream_id in (3, 5, 1)]
        client.send(request(3, path), room[0])
        frames += begin + client.until(ends(3))
        assert goaways(frames) == [SOON]
        client.send(pong)
        frames += client.until(is_goaway)
        client.send(request(5, path), room[1], room[2])
        frames += client.to_end()
    assert goaways(frames) == [SOON, (3, Code.NO_ERROR)]
    assert content(frames, 1) == whole
    assert ends(3)(next(frame for frame in reversed(frames) if frame.stream_id == 3))
    assert len(content(frames, 3)) == len(whole)
    assert not any(frame.stream_id == 5 for frame in frames)
    finish(served)


def terminate(served: Served) -> None:
    """SIGTERM does the same as Ctrl+C: the response in progress is completed."""
    path, whole = served.offer.small, small_content(served)
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 10)) as client:
        client.send(request(1, path))
        frames = client.until(lambda frame: frame.type == Type.DATA)
        served.server.process.terminate()
        begin, pong = last_call(client)
        client.send(pong, wire.window_update(1, 1_000_000))
        frames += begin + client.to_end()
    assert goaways(frames) == [SOON, (1, Code.NO_ERROR)]
    assert content(frames, 1) == whole
    finish(served)


def stop_together_with_a_request(served: Served) -> None:
    """A request arrives in one read with the answer to the PING: it is the last one."""
    with RawClient(served.target) as client:
        client.send(request(1, served.offer.small))
        client.until(ends(1))
        served.server.interrupt()
        _, pong = last_call(client)
        client.send(request(3, served.offer.small), pong)
        frames = client.to_end()
    assert goaways(frames) == [(3, Code.NO_ERROR)]
    assert content(frames, 3)
    finish(served)


def stop_with_a_client_that_does_not_answer(served: Served) -> None:
    """It neither answers the PING nor opens its window, so the server times out.

    Even then, GOAWAY names the last request.
    """
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(request(1, served.offer.small))
        client.until(lambda frame: frame.type == Type.HEADERS)
        served.server.interrupt()
        last_call(client)
        assert goaways(client.to_end()) == [(1, Code.NO_ERROR)]
    finish(served)


def stop_twice(served: Served) -> None:
    """A second Ctrl+C, while a client stalls, may only make the server stop earlier."""
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(request(1, served.offer.small))
        client.until(lambda frame: frame.type == Type.HEADERS)
        served.server.interrupt()
        client.until(is_goaway)
        served.server.interrupt()
        finish(served)


def stop_with_a_client_that_stalls(served: Served) -> None:
    """One opens no window, one reads nothing, one sends nothing, not even for TLS.

    A fourth one is not accepted, and waits.
    """
    address = ("127.0.0.1", served.server.port)
    with (
        RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client,
        RawClient(served.target) as deaf,
        socket.create_connection(address, timeout=TIMEOUT),
        socket.create_connection(address, timeout=TIMEOUT),
    ):
        client.send(request(1, served.offer.small))
        client.until(lambda frame: frame.type == Type.HEADERS)
        leave_unread(deaf)
        served.server.interrupt()
        finish(served)


ENDINGS: dict[str, Callable[[Served], None]] = {
    "idle client": stop_when_idle,
    "response under way": stop_in_the_middle,
    "request with the answer to the PING": stop_together_with_a_request,
    "SIGTERM": terminate,
    "no answer to the PING": stop_with_a_client_that_does_not_answer,
    "pressed twice": stop_twice,
    "clients that stall": stop_with_a_client_that_stalls,
}
#: Those in which the server must not wait for its timeout.
QUICK_ENDINGS = (
    "idle client",
    "response under way",
    "request with the answer to the PING",
    "SIGTERM",
)
