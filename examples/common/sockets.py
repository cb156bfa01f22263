"""Socket options of servers."""

import socket

#: Octets that the operating system buffers and has not sent yet. It does not know priorities.
UNSENT = 128 * 1024
LOW_WATER = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # on Linux and macOS


def prepare(sock: socket.socket) -> None:
    """Send small writes at once, and keep what is not sent yet in the connection."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if LOW_WATER is not None:
        sock.setsockopt(socket.IPPROTO_TCP, LOW_WATER, UNSENT)
