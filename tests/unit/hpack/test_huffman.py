"""Huffman code, string literals and integers."""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from types import FrameType

import pytest

from h2._hpack import HpackDecodingError, huffman, huffman_native
from h2._hpack.huffman import decode, encode, encode_string
from h2._hpack.integers import decode_integer, encode_integer
from h2._hpack.tables import HUFFMAN_CODE


def code(*symbols: int, padding: str = "") -> bytes:
    """Return the octets of the code of these symbols (256 is EOS) and padding bits."""
    bits = "".join(format(c, f"0{n}b") for c, n in (HUFFMAN_CODE[s] for s in symbols)) + padding
    assert len(bits) % 8 == 0
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def calls(function: Callable[[bytes], object], argument: bytes) -> int:
    """Return how many calls, of C functions too, the function makes."""
    count = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function(argument)
    finally:
        sys.setprofile(None)
    return count


def test_every_octet_in_every_neighbourhood() -> None:
    chance = random.Random(7541)
    for octet in range(256):
        text = bytes([octet, *chance.choices(range(256), k=3), octet])
        assert decode(encode(text)) == text
        assert decode(encode(bytes([octet]))) == bytes([octet])


@pytest.mark.parametrize("length", [0, 1, 7, 1023, 1024, 1025, 2048, 5000])
@pytest.mark.parametrize("alphabet", [b"ae", b"0123456789abcdef", bytes(range(256))])
def test_any_length(length: int, alphabet: bytes) -> None:
    text = bytes(random.Random(length).choices(alphabet, k=length))
    assert decode(encode(text)) == text


def test_padding_is_the_start_of_eos() -> None:
    assert encode(b"a") == code(ord("a"), padding="111")
    assert encode(b"") == b""
    assert decode(b"") == b""


@pytest.mark.parametrize("ones", range(8))
def test_padding_of_up_to_seven_one_bits(ones: int) -> None:
    # '0' has 5 bits, 'b' has 6: together they reach every length modulo 8.
    for zeros in range(8):
        for others in range(8):
            if (5 * zeros + 6 * others + ones) % 8 == 0:
                text = b"0" * zeros + b"b" * others
                assert decode(code(*text, padding="1" * ones)) == text


@pytest.mark.parametrize(
    "data",
    [
        code(ord("a"), padding="11111111111"),
        code(ord("b"), ord("b"), ord("b"), ord("b"), padding="11111111"),
        b"\xff",
        code(ord("a"), padding="110"),
        code(ord("a"), padding="000"),
        code(ord("a"), 256, padding="11111"),
        code(256, ord("a"), padding="11111"),
        code(256, 256, padding="1111"),
        code(256, ord("a"), ord("a"), ord("a"), ord("a"), ord("a"), padding="1"),
        b"\xff\xff\xff\xff",
        code(10, padding="11")[:-1],
    ],
)
def test_bad_code(data: bytes) -> None:
    with pytest.raises(HpackDecodingError, match="Huffman"):
        decode(data)


def test_string_literal_takes_the_shorter_form() -> None:
    assert encode_string(b"") == b"\x00"
    # Short: plain, which costs both ends less.
    assert encode_string(b"no-cache") == b"\x08no-cache"
    assert encode_string(b"e" * 23) == b"\x17" + b"e" * 23
    # If both have the same length: plain.
    assert encode_string(b"X" * 24) == b"\x18" + b"X" * 24
    assert encode_string(b"e" * 24) == b"\x8f" + encode(b"e" * 24)
    date = encode_string(b"Mon, 21 Oct 2013 20:13:21 GMT")  # RFC 7541 C.6.1
    assert date == bytes.fromhex("96d07abe941054d444a8200595040b8166e082a62d1bff")
    assert encode_string(b"\x00" * 200) == b"\x7f\x49" + b"\x00" * 200
    assert encode_string(b"\x00" * 2000) == encode_integer(2000, 0x7F, 0) + b"\x00" * 2000


@pytest.mark.parametrize("length", [120, 126, 127, 128, 200, 203, 204, 1024, 1025, 3000])
def test_string_literal_of_any_length(length: int) -> None:
    literal = encode_string(b"e" * length)
    body = encode(b"e" * length)
    assert literal == encode_integer(len(body), 0x7F, 0x80) + body


def test_integer_limits() -> None:
    largest = (1 << 32) - 1
    wire = encode_integer(largest, 0x7F, 0x80)
    assert decode_integer(wire, 1, 0x7F) == (largest, 6)
    with pytest.raises(HpackDecodingError, match=r"2\*\*32"):
        decode_integer(encode_integer(largest + 1, 0x7F, 0x80), 1, 0x7F)
    # Leading zeros are allowed up to the limit on the number of octets.
    assert decode_integer(b"\x80\x80\x80\x80\x00", 0, 0x7F) == (0x7F, 5)
    with pytest.raises(HpackDecodingError, match="five octets"):
        decode_integer(b"\x80\x80\x80\x80\x80\x00", 0, 0x7F)
    for cut in (b"", b"\x80", b"\xff\xff\xff\xff"):
        with pytest.raises(HpackDecodingError, match="inside an integer"):
            decode_integer(cut, 0, 0x7F)


def test_work_grows_with_the_length_only() -> None:
    text = b"a long value, over and over. " * 400
    for function, argument in ((encode, text), (decode, encode(text)), (encode_string, text)):
        function(argument * 4)
        once = calls(function, argument)
        assert calls(function, argument * 4) <= 4 * once + 20


def test_cells_are_worked_out_once() -> None:
    data = encode(b"Some text of no special kind, 2026.")
    decode(data)
    # One append for each octet, and the few calls around them.
    assert calls(decode, data) <= len(data) + 10


def clear() -> None:
    """Remove all cells."""
    huffman._cells_left = huffman._MOST_CELLS
    for row in huffman._ROWS.values():
        row[:256] = [None] * 256


@pytest.fixture
def fresh() -> Iterator[None]:
    """Start like a new process: no cell is filled."""
    clear()
    yield
    clear()


def filled() -> list[huffman.Cell]:
    """Return the cells that were computed."""
    return [cell for row in huffman._ROWS.values() for cell in row[:256] if cell is not None]


def decoded(data: bytes, function: Callable[[bytes], bytes] = decode) -> bytes | None:
    """Return the text, or None if the octets are not valid."""
    try:
        return function(data)
    except HpackDecodingError:
        return None


BITS = {
    format(number, f"0{length}b"): symbol for symbol, (number, length) in enumerate(HUFFMAN_CODE)
}
STATES = sorted({bits[:length] for bits in BITS for length in range(len(bits))}, key=len)


def by_the_bit(data: bytes) -> bytes | None:
    """Decode as RFC 7541 5.2 says, bit by bit."""
    text, bits = [], ""
    for bit in "".join(format(octet, "08b") for octet in data):
        bits += bit
        if bits in BITS:
            text.append(BITS[bits])
            bits = ""
    return None if 256 in text or len(bits) > 7 or "0" in bits else bytes(text)


def steps(width: int) -> Iterator[bytes]:
    """Return strings that reach each state, read so many bits there, and end."""
    # The last of these counts: not EOS.
    ends = {bits[:length]: bits[length:] for bits in reversed(BITS) for length in range(len(bits))}
    for state in STATES:
        before = "00000" * (-len(state) * 5 % 8)  # so that the state begins with an octet
        assert (len(before) + len(state)) % 8 == 0
        for number in range(1 << width):
            bits = more = state + format(number, f"0{width}b")
            while more not in ends:
                more = more[next(n for n in range(1, 31) if more[:n] in BITS) :]
            bits = before + bits + (ends[more] if more else "")
            yield code(padding=bits + "1" * (-len(bits) % 8))


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("function", "cells", "width"),
    [(decode, 65_536, 8), (decode, 0, 4), (huffman_native.decode, 0, 8)],
    ids=["octets", "half octets", "native"],
)
def test_every_step(function: Callable[[bytes], bytes], cells: int, width: int) -> None:
    huffman._cells_left = cells
    texts = 0
    for data in steps(width):
        expected = by_the_bit(data)
        assert decoded(data, function) == expected
        texts += expected is not None
    assert texts > 255 << width
    # All that are possible, and none of the others.
    assert len(filled()) == (24_357 if cells else 0)


@pytest.mark.usefixtures("fresh")
def test_cells_are_bounded() -> None:
    chance = random.Random(1)
    texts = [bytes(chance.choices(range(0x20, 0x7F), k=200)) for _ in range(1000)]
    assert [decode(encode(text)) for text in texts] == texts
    assert len(filled()) == huffman._MOST_CELLS
    assert huffman._cells_left == 0
    assert decode(encode(b"Ordinary text, as before.")) == b"Ordinary text, as before."


@pytest.mark.usefixtures("fresh")
def test_rare_text_takes_no_cells() -> None:
    chance = random.Random(1)
    texts = [bytes(chance.choices(range(256), k=200)) for _ in range(1000)]
    assert [decode(encode(text)) for text in texts] == texts
    assert all(cell.text.isascii() for cell in filled())
    assert len(huffman._ROWS) <= 110
    # The beginnings of these strings.
    assert len(filled()) < 3000


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="traces the memory of CPython")
@pytest.mark.usefixtures("fresh")
def test_tables_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huffman, "_ROWS", {})
    huffman._half_octets.cache_clear()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        huffman._half_octets()
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
        # The cells that take the most memory: those with two characters come first.
        for least in (2, 0):
            for state in [state for state in STATES if len(state) <= huffman._DEEPEST]:
                row = huffman._ROWS.setdefault(state, huffman._new_row(state))
                for octet in range(256):
                    if len(huffman._follow(state, format(octet, "08b"))[1]) >= least:
                        huffman._work_out(row, octet)
        assert huffman._cells_left == 0
        assert tracemalloc.get_traced_memory()[0] - before < 1_600_000
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("fresh")
def test_threads_work_out_equal_cells() -> None:
    chance = random.Random(2)
    texts = [bytes(chance.choices(range(256), k=40)) for _ in range(200)]
    codes = [encode(text) for text in texts]
    results: list[list[bytes]] = []
    barrier = Barrier(4)

    def run() -> None:
        barrier.wait()
        results.append([decode(data) for data in codes])

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [texts] * 4
