"""How the examples on asyncio close a transport, and stop accepting clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket


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

    If a client connects just then, `sock_accept()` would accept it all the same, and lose the
    socket.
    """
    # Not all event loops work like that, and the listener may be closed already.
    with contextlib.suppress(NotImplementedError, ValueError):
        asyncio.get_running_loop().remove_reader(listener)
    accepting.cancel()
