"""Bytes out: what waits to be sent, taken as a whole or in pieces."""

from __future__ import annotations

from typing import Final

from h2._core.send import acknowledge_received_data
from h2._core.state import Connection
from h2._frames.decode import ID_MASK, unpack_header
from h2._frames.describe import describe
from h2._frames.layout import HEADER_LENGTH, PREFACE
from h2.config import DummyLogger, OutputLogger

#: Part of a frame may have gone out without a logger, so what waits may begin anywhere in it.
_UNKNOWN: Final = -1


def data_to_send(conn: Connection, amount: int | None) -> bytes:
    """Return what waits, at most ``amount`` octets of it, and forget it."""
    if conn.used_up:
        _reopen(conn)
    out = conn.out
    if not out:
        return b""
    log = conn.config._active_logger
    if log is not None:
        _log(conn, log)
    if amount is None and not conn.out_position:
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        conn.out_logged = 0
        return data
    return _take(conn, amount)


def _reopen(conn: Connection) -> None:
    """Open the windows that are used up as far as there is room, without waiting for more of it.

    The peer cannot send any more, and the application may keep what it has got for as long as it
    likes: there need not be another acknowledgment, which would open the window, so that the peer
    would wait for ever. Those for the events of the last read have come by now.
    """
    for stream_id in conn.used_up:
        acknowledge_received_data(conn, 0, stream_id)
    conn.used_up = ()


def _take(conn: Connection, amount: int | None) -> bytes:
    """Return the next octets piece by piece, so that what stays behind is not copied."""
    out = conn.out
    position = conn.out_position
    left = sum(map(len, out)) - position if amount is None else amount
    pieces: list[bytes] = []
    done = 0
    while left > 0 and done < len(out):
        piece = out[done][position : position + left]
        pieces.append(piece)
        left -= len(piece)
        position += len(piece)
        if position == len(out[done]):
            done += 1
            position = 0
    del out[:done]
    conn.out_position = position
    data = b"".join(pieces)
    if conn.config._active_logger is not None:
        conn.out_logged = max(conn.out_logged - len(data), 0)
    else:
        conn.out_logged = _UNKNOWN if out else 0
    return data


def clear(conn: Connection) -> None:
    """Forget what waits to be sent."""
    conn.out.clear()
    conn.out_position = 0
    conn.out_logged = 0


def _log(conn: Connection, log: DummyLogger | OutputLogger) -> None:
    """Write the frames that were not logged before to the logger of the connection."""
    data = b"".join(conn.out)[conn.out_position :]
    start = conn.out_logged
    if start == _UNKNOWN:
        conn.out_logged = len(data)
        return
    if data.startswith(PREFACE, start):
        log.debug("Sent connection preface")
        start += len(PREFACE)
    while len(data) - start >= HEADER_LENGTH:
        high, low, type_, flags, stream_id = unpack_header(data, start)
        body = start + HEADER_LENGTH
        start = body + (high << 8 | low)
        log.debug("Sent frame: %s", describe(type_, flags, stream_id & ID_MASK, data[body:start]))
    conn.out_logged = start
