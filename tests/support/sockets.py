"""Helpers for sockets: read up to some octets or to the end, close with a reset."""

from __future__ import annotations

import socket
import struct


def rest_of(sock: socket.socket) -> bytes:
    """Everything until the other side disconnects."""
    heard = b""
    while data := sock.recv(65536):
        heard += data
    return heard


def until(sock: socket.socket, wanted: bytes) -> bytes:
    """Read until these octets have arrived."""
    heard = b""
    while wanted not in heard:
        data = sock.recv(65536)
        assert data, f"hung up after {heard!r}"
        heard += data
    return heard


def break_off(sock: socket.socket) -> None:
    """Close with a TCP reset, as if the program had gone with bytes left unread."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
