"""How the examples on asyncio close a transport."""

from __future__ import annotations

import asyncio


def close(transport: asyncio.WriteTransport) -> None:
    """Close a transport, unless it is already closing.

    A transport closes by itself when the peer does. From Python 3.11 on, a second `close()` of one
    with TLS makes a later `abort()` ineffective, and calls such as
    `get_write_buffer_size()` then raise AttributeError. In 3.11.2, the Python of Debian 12,
    `abort()` raises it, too.
    """
    if not transport.is_closing():
        transport.close()
