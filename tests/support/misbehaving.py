"""Misbehaving clients, which every example server must survive.

`tests/examples/conftest.py` starts the server that a module names. Tests run `MISBEHAVIOUR` with
one server for all cases, and `SILENCES` with one that has short timeouts. `support.endings` has the
cases for Ctrl+C, `support.standard` the tests for servers that need no exceptions.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

import pytest
from hpack import Decoder

from support import wire
from support.cases import Offer
from support.example import Served, check_no_files, resident
from support.processes import TIMEOUT
from support.raw import PATIENCE, RawClient, connect, content, ends, fields_of, request
from support.wire import MAX_WINDOW, Code, Frame, Setting, Type

MEGABYTE = 1_000_000


def check_alive(served: Served) -> None:
    """Make sure that the server answers a new client."""
    assert small_content(served)


def small_content(served: Served) -> bytes:
    """The content of the response to a GET."""
    with RawClient(served.target) as client:
        client.send(request(1, served.offer.small))
        return content(client.until(ends(1)), 1)


def goaway_code(frames: Sequence[Frame]) -> int:
    """The error code of the last frame, a GOAWAY."""
    assert frames
    assert frames[-1].type == Type.GOAWAY, frames[-1]
    return frames[-1].error_code


# Clients of another protocol.


def no_http2(served: Served) -> None:
    for protocols in ([], ["http/1.1"]):
        try:
            with connect(served.target, protocols) as sock:
                assert sock.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            pass  # the server may refuse the handshake
    address = ("127.0.0.1", served.server.port)
    with socket.create_connection(address, timeout=TIMEOUT) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(1000):
                assert b"HTTP" not in data
    socket.create_connection(address, timeout=TIMEOUT).close()


def nonsense(served: Served) -> None:
    with connect(served.target) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            while data := sock.recv(1000):
                answer += data
    assert goaway_code(wire.parse(answer)) == Code.PROTOCOL_ERROR


def error_among_requests(served: Served) -> None:
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 1)) as client:
        client.send(request(1, served.offer.small))
        client.until(lambda frame: frame.type == Type.DATA)
        client.send(wire.data(0, b"on no stream"))
        # Frames that the client sends after the error must not prevent the GOAWAY from arriving.
        client.send(wire.ping() * 200_000)
        assert goaway_code(client.to_end()) == Code.PROTOCOL_ERROR


def strange_requests(served: Served) -> None:
    """Requests with unusual methods or for missing resources get their status."""
    decoder = Decoder()
    connect_to = [(b":method", b"CONNECT"), (b":authority", b"localhost:1")]
    with RawClient(served.target) as client:
        client.send(wire.headers(1, connect_to))
        assert b"400" <= status(client.until(ends(1)), decoder) < b"600"
        client.send(request(3, "*", "OPTIONS"))
        assert b"400" <= status(client.until(ends(3)), decoder) < b"500"
        # The connection answers this one itself.
        client.send(wire.headers(5, [(b":method", b"GET")]))
        frames = client.until(lambda frame: frame.type == Type.RST_STREAM)
        assert status(frames, decoder) == b"400"
        assert (frames[-1].stream_id, frames[-1].error_code) == (5, Code.PROTOCOL_ERROR)
        client.send(request(7, served.offer.small))
        assert content(client.until(ends(7)), 7)


def malformed_among_requests(served: Served) -> None:
    """A malformed request only ends its stream, even if the error is in its last frame."""
    path, whole = served.offer.small, small_content(served)
    forbidden = wire.headers(1, fields_of(path, "GET", ("connection", "close")), end_stream=True)
    too_short = wire.headers(3, fields_of(path, "POST", ("content-length", "10")))
    with RawClient(served.target) as client:
        client.send(forbidden, too_short)
        client.send(wire.data(3, b"short", end_stream=True), request(5, path))
        frames = client.until(ends(5)) + client.pong()
    assert content(frames, 5) == whole
    assert {1, 3} <= {frame.stream_id for frame in frames if frame.type == Type.RST_STREAM}


def status(frames: Sequence[Frame], decoder: Decoder) -> bytes:
    """The status code in the one HEADERS frame among these."""
    (block,) = [frame.fragment for frame in frames if frame.type == Type.HEADERS]
    return dict(wire.decode(block, decoder=decoder))[b":status"]


#: Frames that end a connection, and the error code of the GOAWAY frame.
OFFENSES = [
    pytest.param(wire.data(0, b"no stream"), Code.PROTOCOL_ERROR, id="DATA on stream 0"),
    pytest.param(wire.frame(Type.PING, payload=b"short"), Code.FRAME_SIZE_ERROR, id="short PING"),
    pytest.param(wire.headers(1, b"\xff" * 7), Code.COMPRESSION_ERROR, id="broken field block"),
]


# Streams that are reset.


def cancelled_at_once(served: Served) -> None:
    path = served.offer.small
    with RawClient(served.target) as client:
        client.send(request(1, path), wire.rst_stream(1), request(3, path))
        frames = client.until(ends(3)) + client.pong()
        assert 1 not in {frame.stream_id for frame in frames}


def much_that_needs_no_answer(served: Served) -> None:
    # A server that only reads after it has sent something would hang here.
    with RawClient(served.target) as client:
        client.pong()
        client.send(wire.priority(1) * 5_000, request(3, served.offer.small))
        client.until(ends(3))


def cancelled_half_way(served: Served) -> None:
    path, whole = served.offer.small, small_content(served)
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 4)) as client:
        client.send(request(1, path), request(3, path))
        frames = client.pong()
        while not (content(frames, 1) and content(frames, 3)):
            frames += client.pong()
        client.send(wire.rst_stream(1), wire.window_update(3, 1000), wire.window_update(1, 1000))
        later = client.until(ends(3)) + client.pong()
        assert content(frames + later, 3) == whole
        assert 1 not in {frame.stream_id for frame in later}


def cancelled_uploads(served: Served) -> None:
    # The connection window must get back the octets that the server had buffered.
    path, size = served.offer.echo or served.offer.small, 20_000
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        window, frames = 65_535, []
        for stream_id in range(1, 41, 2):
            client.send(request(stream_id, path, "POST", end_stream=False))
            client.send(wire.data(stream_id, bytes(10_000)) * (size // 10_000))
            window -= size
            client.send(wire.rst_stream(stream_id))
            frames += client.pong()
            while window + returned(frames) < size:
                frames += client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)


def padded_uploads(served: Served) -> None:
    # They are mostly padding, which counts for the window, and must be given back, like content.
    path, padded = served.offer.echo or served.offer.small, 257
    with RawClient(served.target) as client:
        window, frames = 65_535, []
        for stream_id in range(1, 13, 2):
            while window + returned(frames) < 100 * padded:
                frames += client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
            client.send(request(stream_id, path, "POST", end_stream=False))
            client.send(wire.data(stream_id, b"x", pad=255) * 100)
            window -= 100 * padded


def returned(frames: Sequence[Frame]) -> int:
    """The sum of the increments of the connection window in these frames."""
    updates = [frame for frame in frames if frame.type == Type.WINDOW_UPDATE]
    return sum(frame.increment for frame in updates if frame.stream_id == 0)


# Windows.


def tiny_windows(served: Served) -> None:
    path, whole = served.offer.small, small_content(served)
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 10)) as client:
        client.send(request(1, path))
        frames = client.until(lambda frame: frame.type == Type.DATA) + client.pong()
        assert content(frames, 1) == whole[:10]
        # The window becomes -6, and 4 once it has been raised.
        client.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 4)), wire.window_update(1, 10))
        frames += client.until(lambda frame: frame.type == Type.DATA) + client.pong()
        assert content(frames, 1) == whole[:14]
        client.send(wire.window_update(1, 1000))
        frames += client.until(ends(1))
        assert content(frames, 1) == whole


def echo_waits(served: Served) -> None:
    assert served.offer.echo
    body = bytes(range(256)) * 255
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.pong()  # a server may immediately enlarge the connection window
        client.send(request(1, served.offer.echo, "POST", end_stream=False))
        client.send(*(wire.data(1, body[i : i + 16_000]) for i in range(0, len(body), 16_000)))
        frames = client.pong() + client.pong()
        # None of it could be echoed, so no more may arrive.
        assert Type.WINDOW_UPDATE not in {frame.type for frame in frames}
        client.send(wire.window_update(1, MAX_WINDOW))
        frames = client.until(lambda frame: frame.type == Type.DATA)
        while len(content(frames, 1)) < len(body):
            frames.append(client.until(lambda frame: frame.type == Type.DATA)[-1])
        assert content(frames, 1) == body
        client.send(wire.window_update(0, 1000), wire.data(1, b"", end_stream=True, pad=255))
        assert content(client.until(ends(1)), 1) == b""


# Clients that disconnect or do not read.


def disconnects(served: Served) -> None:
    for _ in range(5):
        for farewell in (RawClient.vanish, lambda client: client.sock.close()):
            client = RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 5))
            client.send(request(1, served.offer.small))
            if served.offer.echo:
                client.send(request(3, served.offer.echo, "POST", end_stream=False))
                client.send(wire.data(3, bytes(10_000)))
            if served.offer.big:
                client.send(request(5, served.offer.big))
            client.until(lambda frame: frame.type == Type.DATA)
            farewell(client)
    check_alive(served)
    check_no_files(served)


def unread_downloads(served: Served) -> None:
    # Four times 20 MB would fit into the windows; the client leaves them unread.
    assert served.offer.big
    window = (Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)
    before = resident(served)
    with RawClient(served.target, window, (Setting.MAX_FRAME_SIZE, 2**24 - 1)) as client:
        client.send(wire.window_update(0, MAX_WINDOW - 65_535))
        client.send(*(request(stream_id, served.offer.big) for stream_id in (1, 3, 5, 7)))
        client.until(lambda frame: frame.type == Type.DATA)
        for _ in range(3):  # others are served in the meantime
            check_alive(served)
        assert resident(served) - before < 10 * MEGABYTE


def unread_answers(served: Served) -> None:
    # Every PING needs an answer. The server must not buffer answers without limit.
    before = resident(served)
    with RawClient(served.target) as client:
        leave_unread(client)
        check_alive(served)
        assert resident(served) - before < 10 * MEGABYTE


def leave_unread(client: RawClient) -> None:
    """Send PING frames and read nothing, until the server reacts.

    It stops reading, or it disconnects. It may discard input until then.
    """
    client.sock.settimeout(0.3)
    pings = wire.ping() * 4096
    with contextlib.suppress(TimeoutError, ConnectionError, ssl.SSLEOFError):
        for _ in range(60 * MEGABYTE // len(pings)):
            client.send(pings)
        client.sock.settimeout(TIMEOUT)
        assert goaway_code(client.to_end()) == Code.ENHANCE_YOUR_CALM


# Silence.


def silent_before_tls(served: Served) -> None:
    address = ("127.0.0.1", served.server.port)
    with (
        socket.create_connection(address, timeout=PATIENCE) as sock,
        contextlib.suppress(ConnectionResetError),  # nothing was sent that could get lost
    ):
        assert sock.recv(1) == b""


def silent_after_a_request(served: Served) -> None:
    path = served.offer.echo or served.offer.small
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 1)) as client:
        client.send(request(1, path, "POST", end_stream=False))
        # The request may be reset before or after the last one.
        frames = client.to_end()
        assert {frame.error_code for frame in frames if frame.type == Type.GOAWAY} == {
            Code.NO_ERROR
        }


def silent_and_deaf(served: Served) -> None:
    with RawClient(served.target) as client:
        leave_unread(client)
        check_no_files(served)


MISBEHAVIOUR: dict[str, Callable[[Served], None]] = {
    "no HTTP/2": no_http2,
    "nonsense": nonsense,
    "an error among requests": error_among_requests,
    "strange requests": strange_requests,
    "malformed requests among others": malformed_among_requests,
    "requests cancelled at once": cancelled_at_once,
    "many frames without an answer": much_that_needs_no_answer,
    "responses cancelled halfway": cancelled_half_way,
    "uploads cancelled": cancelled_uploads,
    "uploads with padding": padded_uploads,
    "tiny windows": tiny_windows,
    "echo without room": echo_waits,
    "disconnects": disconnects,
    "downloads left unread": unread_downloads,
    "answers left unread": unread_answers,
}
SILENCES: dict[str, Callable[[Served], None]] = {
    "before TLS": silent_before_tls,
    "after a request": silent_after_a_request,
    "reading nothing": silent_and_deaf,
}


def misbehaviour(offer: Offer) -> list[str]:
    """The names of the cases that fit this offer."""
    return [
        name
        for name, case in MISBEHAVIOUR.items()
        if not (case is echo_waits and not offer.echo)
        and not (case is unread_downloads and not offer.big)
    ]
