"""A server that runs a script of the test, so that each step happens at the right moment."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from support import wire
from support.processes import TIMEOUT
from support.sockets import break_off, rest_of
from support.wire import Flag, Frame, Type


class Client:
    """The client of a scripted server."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.frames: list[Frame] = []  # all that have arrived
        self._heard = b""

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def until(self, condition: Callable[[Frame], bool]) -> Frame:
        """Wait for a frame; frames that have arrived and were not used yet come first."""
        while True:
            for frame in self._new():
                self.frames.append(frame)
                if condition(frame):
                    return frame
            data = self.sock.recv(65536)
            assert data, "the client hung up"
            self._heard += data

    def _new(self) -> Iterator[Frame]:
        """Cut off the frames that are complete, one by one."""
        self._heard = self._heard.removeprefix(wire.PREFACE)
        while not wire.PREFACE.startswith(self._heard) and (found := wire.first(self._heard)):
            frame, self._heard = found
            yield frame

    def request(self) -> Frame:
        """Send SETTINGS, and wait for the header section of a request."""
        self.send(wire.settings())
        return self.until(lambda frame: frame.type == Type.HEADERS)

    def content(self, stream_id: int = 1) -> bytes:
        """Wait for the end of a request; the content that has arrived."""
        self.until(lambda f: f.stream_id == stream_id and f.has(Flag.END_STREAM))
        return b"".join(frame.data for frame in self.frames if frame.type == Type.DATA)

    def bye(self) -> Frame:
        """Wait for GOAWAY."""
        return self.until(lambda frame: frame.type == Type.GOAWAY)

    def hang_up(self) -> None:
        """Shut down the sending side, and read until the client does the same.

        Closing the socket while input from the client is unread would discard what was sent.
        """
        self.sock.shutdown(socket.SHUT_WR)
        self.frames += self.rest()

    def rest(self) -> list[Frame]:
        """All frames from the client until it disconnects."""
        self._heard += rest_of(self.sock)
        return list(self._new())

    def break_off(self) -> None:
        """Reset the TCP connection."""
        break_off(self.sock)


def scripted(
    script: Callable[[Client], None], context: ssl.SSLContext | None = None
) -> AbstractContextManager[int]:
    """Run `script` with the first client, then close its socket; yield the port.

    An assertion that fails in the script is raised at the end of the block.
    """
    return listening(lambda sock: script(Client(sock)), context=context)


@contextmanager
def listening(
    *scripts: Callable[[socket.socket], None], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """The same for scripts that read and write bytes; each gets one client, in order."""
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            for script in scripts:
                sock, _ = listener.accept()
                with sock:
                    sock.settimeout(TIMEOUT)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    if context is None:
                        script(sock)
                    else:
                        with context.wrap_socket(sock, server_side=True) as tls:
                            script(tls)
        except ConnectionError:
            pass  # the client has disconnected; the test sees why
        except BaseException as error:
            errors.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()
    for error in errors:
        raise error
