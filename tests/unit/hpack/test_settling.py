"""Steady state: a repeating history costs no more than if every field were inserted."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2._hpack import Encoder
from unit.hpack.support import STATIC, Fields, encode
from unit.hpack.test_encoder import kinds

SIZES = [256, 1024, 4096, 16384, 65536]
# Most tables turn over in the measured part, the last half.
BLOCKS = 160


class Source(NamedTuple):
    """A field of each block: its value changes every ``life`` blocks, or never (0)."""

    name: bytes
    life: int


def history(sources: list[Source], length: int = BLOCKS) -> list[Fields]:
    """Return header lists. All values have a length that both encoders code with Huffman."""
    fresh = count()
    values = [b"%032x" % next(fresh) for _ in sources]
    blocks = []
    for block in range(length):
        for place, source in enumerate(sources):
            if source.life and block % source.life == 0:
                values[place] = b"%032x" % next(fresh)
        fields = [(source.name, value) for source, value in zip(sources, values, strict=True)]
        blocks.append([(b":method", b"GET"), *fields])
    return blocks


def assert_settled(blocks: list[Fields], size: int) -> None:
    """Compare the second half of a history with that of the published encoder."""
    encoder = Encoder(STATIC)
    other = hpack.Encoder()
    encoder.header_table_size = other.header_table_size = size
    ours = theirs = literals = 0
    for number, fields in enumerate(blocks):
        wire = encode(encoder, fields)
        expected = other.encode(fields)
        if number >= len(blocks) // 2:
            ours += len(wire)
            theirs += len(expected)
            literals += kinds(wire).count("literal")
    # The index of a name takes one octet more in a literal that is not inserted (RFC 7541 6.2).
    assert ours <= theirs * 1.05 + literals


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("values", [1, 2, 3, 8, 25, 60, 120, 200])
@pytest.mark.parametrize("name", [b"cookie", b"link", b"x-of-no-table"])
def test_many_values_of_a_name(name: bytes, values: int, size: int) -> None:
    assert_settled(history([Source(name, 0)] * values), size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("changing", [1, 5, 20])
@pytest.mark.parametrize("stable", [1, 5, 20, 60])
def test_changing_values_beside_stable_ones(stable: int, changing: int, size: int) -> None:
    assert_settled(
        history([Source(b"cookie", 0)] * stable + [Source(b"cookie", 1)] * changing), size
    )


GROUPS = st.lists(
    st.tuples(
        st.builds(Source, st.sampled_from([b"cookie", b"etag", b"x-a"]), st.sampled_from([0, 0, 1]))
        # The encoder stops inserting a name if much less than half of its values recur.
        | st.builds(
            Source, st.sampled_from([b"link", b"date", b"x-b"]), st.sampled_from([0, 2, 3, 5])
        ),
        st.sampled_from([1, 1, 1, 2, 5, 20]),
    ),
    min_size=1,
    max_size=6,
)


@given(GROUPS, st.sampled_from([256, 1024, 4096]))
def test_generated_histories(groups: list[tuple[Source, int]], size: int) -> None:
    assert_settled(history([source for source, times in groups for _ in range(times)]), size)


@settings(max_examples=5)
@given(GROUPS)
def test_generated_histories_and_a_large_table(groups: list[tuple[Source, int]]) -> None:
    sources = [source for source, times in groups for _ in range(times)]
    assert_settled(history(sources, 5 * BLOCKS), 16384)


def test_stable_values_among_changing_ones_of_their_name() -> None:
    sources = [Source(b"x-a", 1)] * 5 + [Source(b"x-a", 0)] * 2 + [Source(b"link", 2)] * 2
    for number in range(40):
        # Unused sources at the start give the others different values.
        blocks = history([Source(b"x", 0)] * number + sources, 80)
        assert_settled([fields[:1] + fields[1 + number :] for fields in blocks], 1024)


def test_crumbs_and_links_are_indices_from_the_second_block_on() -> None:
    crumbs = [(b"cookie", b"name-%d=value-%d" % (number, number)) for number in range(60)]
    links = [(b"link", b"</style/%d.css>; rel=preload" % number) for number in range(25)]
    for fields, octets in ((crumbs, 60), (links, 25)):
        encoder = Encoder(STATIC)
        encode(encoder, fields)
        assert len(encode(encoder, fields)) == octets
