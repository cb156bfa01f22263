"""Reading from a plain socket, for tests that write their own frames."""

from __future__ import annotations

import socket


def rest_of(sock: socket.socket) -> bytes:
    """Everything until the other side hangs up."""
    heard = b""
    while data := sock.recv(65536):
        heard += data
    return heard


def until(sock: socket.socket, wanted: bytes) -> bytes:
    """Read until this has come."""
    heard = b""
    while wanted not in heard:
        data = sock.recv(65536)
        assert data, f"hung up after {heard!r}"
        heard += data
    return heard
