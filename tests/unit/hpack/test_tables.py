"""The generated tables match the RFC, and the static table is built from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2._hpack import integers, tables
from h2._hpack.integers import encode_integer
from tools import huffman_tables
from unit.hpack.support import STATIC, classify

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def rfc() -> str:
    place = os.environ.get("RFC7541_TEXT")
    file = Path(place) if place else ROOT.parent / "shared" / "spec" / "rfc7541.txt"
    if not file.is_file():
        pytest.skip("no text of RFC 7541: set RFC7541_TEXT to its path")
    return file.read_text(encoding="utf-8")


def test_generated_module_is_up_to_date(rfc: str) -> None:
    file = ROOT / "src" / "h2" / "_hpack" / "tables.py"
    assert huffman_tables.module(rfc) == file.read_text(encoding="utf-8")


def test_generator_prints_the_module(
    rfc: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rfc.txt"
    file.write_text(rfc, encoding="utf-8")
    assert huffman_tables.main([str(file)]) == 0
    assert capsys.readouterr().out == huffman_tables.module(rfc)
    assert huffman_tables.main([]) == 2
    assert "Usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("61    www-authenticate\n", "", "indices 1 to 61"),
        ("' ' ( 32)  |010100", "' ' ( 32)  |010101", "symbol 32"),
        (
            "|010100                                       14  [ 6]",
            "|01010                                        a  [ 5]",
            "prefix code",
        ),
        ("EOS (256)", "EOS (  x)", "complete code"),
    ],
)
def test_generator_refuses_damaged_text(rfc: str, old: str, new: str, message: str) -> None:
    assert rfc.count(old) == 1
    with pytest.raises(ValueError, match=message):
        huffman_tables.module(rfc.replace(old, new))


def test_tables_are_complete() -> None:
    assert len(tables.STATIC_TABLE) == 61
    assert len(tables.HUFFMAN_CODE) == 257
    assert sum(2.0**-length for _, length in tables.HUFFMAN_CODE) == 1


def test_static_table_for_both_directions() -> None:
    for index, key in enumerate(tables.STATIC_TABLE, 1):
        received = STATIC.received[0x80 + index]
        entry = STATIC.exact[key]
        size = len(key[0]) + len(key[1]) + 32
        assert (received.field, received.mask, received.size) == (key, classify(*key), size)
        assert (entry.field, entry.mask, entry.seq) == (key, classify(*key), -index)
        assert not entry.never
        assert STATIC.name_at[index] == key[0]
        assert tables.STATIC_TABLE[STATIC.names[key[0]] - 1][0] == key[0]
        assert STATIC.names[key[0]] <= index


def test_encoded_indices_are_integers() -> None:
    assert [*integers.OCTETS] == [bytes([octet]) for octet in range(256)]
    for table, prefix, first in (
        (integers.INDEXED, 0x7F, 0x80),
        (integers.INSERTED, 0x3F, 0x40),
        (integers.NOT_INDEXED, 0x0F, 0x00),
        (integers.NEVER_INDEXED, 0x0F, 0x10),
    ):
        assert [*table] == [encode_integer(index, prefix, first) for index in range(192)]
