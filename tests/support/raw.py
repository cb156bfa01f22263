"""TLS connections on which a test reads and writes individual frames, valid or not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from urllib.parse import urlsplit

from support import wire
from support.clients import Target
from support.sockets import break_off
from support.wire import Field, Flag, Frame, Setting, Type

PATIENCE = 15.0  # seconds until a server that does not answer counts as hung
Predicate = Callable[[Frame], bool]


def fields_of(path: str, method: str = "GET", *more: tuple[str, str]) -> list[Field]:
    """The header section of a request."""
    pairs = [(":method", method), (":scheme", "https"), (":authority", "localhost:8443")]
    pairs += [(":path", path), *more]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def request(stream_id: int, path: str, method: str = "GET", *, end_stream: bool = True) -> bytes:
    """The HEADERS frame of a request."""
    return wire.headers(stream_id, fields_of(path, method), end_stream=end_stream)


def ends(stream_id: int) -> Predicate:
    """Whether a frame ends this stream."""
    return lambda frame: (
        frame.stream_id == stream_id
        and (frame.type == Type.RST_STREAM or (frame.type < 2 and frame.has(Flag.END_STREAM)))
    )


def is_pong(frame: Frame) -> bool:
    """Whether a frame answers a PING."""
    return frame.type == Type.PING and frame.has(Flag.ACK)


def content(frames: Sequence[Frame], stream_id: int) -> bytes:
    """The content of these frames on a stream."""
    return b"".join(f.data for f in frames if (f.type, f.stream_id) == (Type.DATA, stream_id))


def connect(target: Target, protocols: Sequence[str] = ("h2",)) -> ssl.SSLSocket:
    """A TLS connection to the server."""
    context = ssl.create_default_context(cafile=target.authority)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    address = ("127.0.0.1", urlsplit(target.url).port)
    sock = socket.create_connection(address, timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(sock, server_hostname="localhost")


class RawConnection:
    """One end of a connection, whose frames a test reads one by one."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self._rest = b""

    def send(self, *parts: bytes) -> None:
        """Send all these octets at once."""
        self.sock.sendall(b"".join(parts))

    def frame(self) -> Frame | None:
        """The next frame; None if the other end has closed the connection."""
        while (found := wire.first(self._rest)) is None:
            try:
                data = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLEOFError):
                data = b""
            if not data:
                return None
            self._rest += data
        frame, self._rest = found
        return frame

    def until(self, wanted: Predicate) -> list[Frame]:
        """All frames up to the first one that meets the condition."""
        frames = []
        while frame := self.frame():
            frames.append(frame)
            if wanted(frame):
                return frames
        raise AssertionError(f"the other end hung up, after {frames}")

    def to_end(self) -> list[Frame]:
        """All frames until the other end closes the connection."""
        return list(iter(self.frame, None))

    def pong(self) -> list[Frame]:
        """Send a PING; return all frames that arrive before the answer."""
        self.send(wire.ping())
        return self.until(is_pong)[:-1]

    def vanish(self) -> None:
        """Abort the connection with a TCP reset."""
        break_off(self.sock)


class RawClient(RawConnection):
    """A client that has exchanged prefaces with a server."""

    def __init__(self, target: Target, *settings: tuple[Setting, int]) -> None:
        super().__init__(connect(target))
        self.send(wire.PREFACE, wire.settings(*settings))

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()
