"""The examples of RFC 7541 Appendix C."""

from __future__ import annotations

from itertools import groupby

import pytest
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._hpack import Decoder, Encoder
from h2._hpack.integers import decode_integer, encode_integer
from unit.hpack.rfc_examples import EXAMPLES, Example
from unit.hpack.support import (
    STATIC,
    UNLIMITED,
    decoder_table,
    encode,
    encoder_table,
    table_octets,
)

# "C.3" to "C.6" are sequences on one connection, each "C.2.x" is a separate connection.
GROUPS = [
    (key, list(group))
    for key, group in groupby(
        EXAMPLES, lambda e: e.section if e.section.startswith("C.2") else e.section[:3]
    )
]


@pytest.mark.parametrize(
    ("value", "prefix", "wire"), [(10, 0x1F, "0a"), (1337, 0x1F, "1f9a0a"), (42, 0xFF, "2a")]
)
def test_integers(value: int, prefix: int, wire: str) -> None:
    octets = bytes.fromhex(wire)
    assert encode_integer(value, prefix, 0) == octets
    if len(octets) > 1:
        assert decode_integer(octets, 1, prefix) == (value, len(octets))


@pytest.mark.parametrize(("section", "examples"), GROUPS, ids=[key for key, _ in GROUPS])
def test_decoding(section: str, examples: list[Example]) -> None:
    decoder = Decoder(STATIC, 256 if section in ("C.5", "C.6") else 4096)
    for example in examples:
        block = decoder.decode(bytes.fromhex(example.wire), UNLIMITED)
        assert block.fields == example.fields
        assert block.size == table_octets(example.fields)
        assert decoder_table(decoder) == example.table
        assert decoder._used == example.size
        never = section == "C.2.3"
        kind = NeverIndexedHeaderTuple if never else HeaderTuple
        assert all(type(field) is kind for field in block.fields)


@pytest.mark.parametrize(("section", "examples"), GROUPS, ids=[key for key, _ in GROUPS])
def test_encoding_decodes_to_the_same_fields(section: str, examples: list[Example]) -> None:
    encoder = Encoder(STATIC)
    decoder = Decoder(STATIC)
    if section in ("C.5", "C.6"):
        encoder.header_table_size = 256
    for example in examples:
        assert decoder.decode(encode(encoder, example.fields), UNLIMITED).fields == example.fields
        assert decoder_table(decoder) == encoder_table(encoder)


def test_requests_encode_to_the_very_octets_of_the_appendix() -> None:
    # Their strings are short, so these are the examples without Huffman code.
    encoder = Encoder(STATIC)
    for example in EXAMPLES:
        if example.section.startswith("C.3"):
            assert encode(encoder, example.fields).hex() == example.wire


def test_never_indexed_literal_encodes_as_in_the_appendix() -> None:
    encoder = Encoder(STATIC)
    wire = encoder.encode([encoder.literal(b"password", b"secret", 0, never=True)])
    assert wire[0] == 0x10
    block = Decoder(STATIC).decode(wire, UNLIMITED)
    assert block.fields == [(b"password", b"secret")]
    assert type(block.fields[0]) is NeverIndexedHeaderTuple
    assert encoder_table(encoder) == []
