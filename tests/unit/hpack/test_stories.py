"""Recorded header lists (hpack-test-case): decoded from other encoders, and round trips."""

from __future__ import annotations

from pathlib import Path

import hpack
import pytest

from h2._hpack import Decoder, Encoder
from unit.hpack.support import (
    DATA,
    STATIC,
    UNLIMITED,
    cases,
    decoder_table,
    encode,
    encoder_table,
    story_files,
)


@pytest.mark.parametrize("file", story_files("nghttp2-change-table-size"))
def test_decoding_with_changing_table_size(file: Path) -> None:
    decoder = Decoder(STATIC)
    for case in cases(file):
        if case.table_size is not None:
            decoder.max_allowed_table_size = case.table_size
        assert decoder.decode(case.wire, UNLIMITED).fields == case.fields


@pytest.mark.parametrize("file", story_files("haskell-http2-linear-huffman"))
def test_decoding(file: Path) -> None:
    decoder = Decoder(STATIC)
    for case in cases(file):
        assert decoder.decode(case.wire, UNLIMITED).fields == case.fields


@pytest.mark.parametrize("file", story_files("raw-data"))
def test_encoding(file: Path) -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    other = hpack.Decoder()
    other.max_header_list_size = UNLIMITED
    for case in cases(file):
        wire = encode(encoder, case.fields)
        assert decoder.decode(wire, UNLIMITED).fields == case.fields
        assert other.decode(wire, raw=True) == case.fields
        assert decoder_table(decoder) == encoder_table(encoder)


def test_size_over_all_stories() -> None:
    files = sorted((DATA / "raw-data").glob("story_*.json"))
    if not files:
        pytest.skip("the stories of hpack-test-case (raw-data) are not beside the repository")
    ours = theirs = 0
    for file in files:
        encoder = Encoder(STATIC)
        other = hpack.Encoder()
        for case in cases(file):
            ours += len(encode(encoder, case.fields))
            theirs += len(other.encode(case.fields, huffman=True))
    # The ratio is 0.999 with adaptive indexing and plain short strings.
    assert ours <= theirs
