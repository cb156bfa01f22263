"""h2._core.pieces: the cost of content in pieces."""

from __future__ import annotations

import tracemalloc

from h2._core.pieces import Pieces


def held(sizes: list[int]) -> int:
    """The memory used by pieces of these sizes."""
    pieces = [bytes([size % 256]) * size for size in sizes]
    tracemalloc.start()
    kept = Pieces(bytes(bytearray(pieces[0])))
    for piece in pieces[1:]:
        kept.append(bytes(bytearray(piece)))  # as from a read: no other reference to it
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) == sum(sizes)
    return taken


def test_small_pieces_take_little_more_than_their_octets() -> None:
    assert held([1] * 65_535) < 1.2 * 65_535 + 1000
    assert held([1, 2, 3, 511] * 500) < 1.2 * 517 * 500 + 1000
    assert held([512, 1] * 500) < 1.5 * 513 * 500 + 1000


def test_pieces_that_were_taken_are_forgotten() -> None:
    kept = Pieces(bytes(16_384))
    tracemalloc.start()
    for _ in range(1000):
        kept.append(bytes(16_384))
        assert kept.take(16_384) == bytes(16_384)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 3 * 16_384


def test_pieces_that_were_taken_are_forgotten_while_others_wait() -> None:
    tracemalloc.start()
    kept = Pieces(bytes(16_384))
    for _ in range(99):
        kept.append(bytes(16_384))
    kept.take(40 * 16_384)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 61 * 16_384


def test_the_rest_of_a_large_piece_does_not_keep_all_of_it() -> None:
    tracemalloc.start()
    kept = Pieces(bytes(2**20))
    kept.take(2**20 - 1)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 1000
    assert kept.take_all() == b"\0"


def test_small_pieces_are_not_added_to_a_large_one() -> None:
    """Each would copy all of it."""
    pieces = Pieces(bytes(10_000))
    for _ in range(100):
        pieces.append(b"small")
    assert [len(piece) for piece in pieces._pieces] == [10_000, 500]
    pieces.append(bytes(10_000))
    assert [len(piece) for piece in pieces._pieces] == [10_000, 500, 10_000]
