"""What connections on asyncio have in common: sending at the other end's pace, limits, the end.

Nothing here is specific to HTTP/2 but the name of the protocol that TLS has to select.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

LINGER_SECONDS = 1.0  # time for the other end to read our last bytes and disconnect


class Link(asyncio.Protocol):
    """One connection, of a server or of a client. Subclasses extend what asyncio calls.

    It sends once in each iteration of the event loop, and only what the transport accepts: the rest
    can still be reordered or cancelled.
    """

    transport: Any = None  # until it is connected

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # A function that returns up to this many bytes to send.
        self.pull: Callable[[int], bytes] = lambda amount: b""
        self.paused = True  # while the transport accepts nothing
        self.flushing = False  # whether `flush()` is about to be called
        self.leaving = False  # whether what arrives is ignored
        self.closed: asyncio.Future[None] = self.loop.create_future()

    def flush_soon(self) -> None:
        """Flush at the end of this iteration of the event loop, after all writes."""
        if not self.flushing:
            self.flushing = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is pending, as much as the transport accepts."""
        self.flushing = sent = False
        while not (self.paused or self.transport.is_closing()) and (data := self.pull(65_536)):
            self.transport.write(data)
            sent = True
        self.flushed(sent)

    def flushed(self, sent: bool) -> None:
        """Do what follows each flush, whether something was sent or not."""

    async def wait(self, change: asyncio.Future[None], seconds: float | None) -> None:
        """Flush, and wait for a change. It belongs to others, too, so it is never cancelled.

        :param seconds: the time limit; `None` means no limit
        :raises asyncio.TimeoutError: when it is reached
        """
        self.flush_soon()
        done, _ = await asyncio.wait([change], timeout=seconds)
        if not done:
            raise asyncio.TimeoutError(f"nothing moved for {seconds:g} seconds")

    def shut_down(self) -> None:
        """Finish what is in progress, then disconnect. Servers call it when the process ends."""
        self.hang_up()

    def hang_up(self, linger: bool = True) -> None:
        """Send what is pending, and disconnect.

        :param linger: whether to give the other end a moment to read it and disconnect first: if
            input from it is left unread, the last output may be lost
        """
        self.leaving = True
        if self.transport is not None:
            if not self.transport.is_closing():
                while data := self.pull(65_536):
                    self.transport.write(data)
                if not linger:
                    close(self.transport)
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    # Called by asyncio.

    def connection_made(self, transport: Any) -> None:
        """Begin to send, unless TLS has selected another protocol."""
        self.transport = transport
        if speaks_http2(transport):
            self.resume_writing()
        else:
            transport.abort()

    def pause_writing(self) -> None:
        """Stop sending: the other end is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """Continue sending."""
        self.paused = False
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that it is closed."""
        close(self.transport)  # otherwise Python 3.10 warns about an unclosed one with TLS
        self.leaving = True
        self.closed.set_result(None)


async def within(
    seconds: float | None, work: Awaitable[T], undo: Callable[[T], object] | None = None
) -> T:
    """Wait for something with a time limit, and return its result.

    `asyncio.wait_for()` does the same, but before Python 3.12 it ignores a cancellation that comes
    together with the result: the task that was cancelled continues. Here the result is lost.

    :param seconds: the time limit; `None` means no limit
    :param undo: is called with a result that is lost, for instance to close a connection
    :raises asyncio.TimeoutError: when the time limit is reached
    """
    task = asyncio.ensure_future(work)
    done: set[asyncio.Future[T]] = set()
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        if not done:
            task.add_done_callback(partial(lose, undo))
            task.cancel()
            await asyncio.wait([task])
    if not done:
        raise asyncio.TimeoutError
    return task.result()


def lose(undo: Callable[[T], object] | None, task: asyncio.Future[T]) -> None:
    """Ignore how a task has ended, and undo what it has done if it was successful."""
    if not task.cancelled() and not task.exception() and undo:
        undo(task.result())


def speaks_http2(transport: asyncio.BaseTransport) -> bool:
    """Return whether ALPN has selected HTTP/2; without TLS, that is taken for granted."""
    tls = transport.get_extra_info("ssl_object")
    return tls is None or tls.selected_alpn_protocol() == "h2"


def close(transport: asyncio.WriteTransport) -> None:
    """Close a transport, unless it is already closing.

    A transport closes by itself when the peer does. From Python 3.11 on, a second `close()` of one
    with TLS makes a later `abort()` ineffective, and calls such as
    `get_write_buffer_size()` then raise AttributeError. In 3.11.2, the Python of Debian 12,
    `abort()` raises it, too.
    """
    if not transport.is_closing():
        transport.close()


def stop_accepting(listener: socket.socket, accepting: asyncio.Task[None]) -> None:
    """Cancel a task that may be waiting in `sock_accept()`.

    If a client connects just then, `sock_accept()` would still accept it, and lose the socket.
    """
    # Not all event loops work like that, and the listener may be closed already.
    with contextlib.suppress(NotImplementedError, ValueError):
        asyncio.get_running_loop().remove_reader(listener)
    accepting.cancel()
