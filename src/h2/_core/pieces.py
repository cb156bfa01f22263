"""Content that arrived in pieces, to be taken in pieces of other sizes."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

#: Smaller pieces are joined, so that a peer that sends single octets does not make us keep an
#: object for each.
SMALL: Final = 512


class Pieces:
    """Octets in the order of their arrival. What is taken from the front is not copied twice."""

    __slots__ = ("_first", "_gone", "_pieces", "_size")

    def __init__(self, piece: bytes) -> None:
        self._pieces: list[bytes] = [piece]
        self._first = 0  # pieces at the front that have been taken, but not cut off yet
        self._gone = 0  # octets of the next piece that have been taken
        self._size = len(piece)

    def __len__(self) -> int:
        return self._size

    def append(self, piece: bytes) -> None:
        """Add what has arrived."""
        self._size += len(piece)
        pieces = self._pieces
        if len(piece) < SMALL and len(pieces[-1]) < SMALL:
            pieces[-1] += piece
        else:
            pieces.append(piece)

    def take_all(self) -> bytes:
        """Return everything. Nothing may be taken or added after that."""
        self._pieces[self._first] = self._pieces[self._first][self._gone :]
        return b"".join(self._pieces[self._first :])

    def take(self, amount: int) -> bytes:
        """Remove and return ``amount`` octets, fewer than all, from the front."""
        self._size -= amount
        pieces = self._pieces
        taken: list[bytes] = []
        place, gone = self._first, self._gone
        while amount:
            piece = pieces[place]
            part = piece[gone : gone + amount]
            taken.append(part)
            amount -= len(part)
            gone += len(part)
            if gone == len(piece):
                pieces[place] = b""
                place += 1
                gone = 0
        # Cutting off taken octets only when they are most of a piece keeps the cost linear. Memory
        # is less than twice the unread content, plus the pieces that have been taken.
        if 2 * gone > len(pieces[place]):
            pieces[place] = pieces[place][gone:]
            gone = 0
        if 2 * place > len(pieces):
            del pieces[:place]
            place = 0
        self._first, self._gone = place, gone
        return b"".join(taken)


#: Content that came in one frame is the payload of that frame.
Content = bytes | Pieces


def take(queue: MutableMapping[int, Content], stream_id: int, amount: int | None) -> bytes:
    """Take at most ``amount`` octets of a stream, or all, out of a queue that has the stream."""
    content = queue[stream_id]
    if amount is None or amount >= len(content):
        del queue[stream_id]
        return content if isinstance(content, bytes) else content.take_all()
    if isinstance(content, bytes):
        content = queue[stream_id] = Pieces(content)
    return content.take(amount)
