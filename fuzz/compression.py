"""HPACK against the hpack package: both decode the same blocks, and those of the other."""

from __future__ import annotations

from typing import Final

import hpack
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from h2._core.static_table import STATIC
from h2._hpack import Decoder, Encoder, HeaderListTooLarge, HpackDecodingError
from h2._rules.fields import classify

from . import wire
from .check import Broken, require, require_same
from .grammar import EXTRA, REQUEST, RESPONSE, Field
from .source import Source

_TABLE_SIZES: Final = (4_096, 4_096, 0, 100, 65_536, 200, 32, 1_000)
_LIST_SIZES: Final = (65_536, 65_536, 65_536, 200)
_UNLIMITED: Final = 1 << 40
_LARGEST: Final = 1 << 20

Table = list[tuple[bytes, bytes]]


def decode(data: bytes) -> None:
    """Field blocks of any octets: both decoders return the same fields, or both raise."""
    source = Source(data)
    ours = Decoder(STATIC)
    limit = source.pick(_LIST_SIZES)
    theirs = hpack.Decoder(max_header_list_size=limit)
    theirs.max_allowed_table_size = ours.max_allowed_table_size
    blocks: list[bytes] = []
    due = False  # the next block must begin with a size update (RFC 7541 section 4.2)
    while source.more:
        choice = source.octet()
        if choice >= 0xF0:
            size = _TABLE_SIZES[choice & 7]
            ours.max_allowed_table_size = theirs.max_allowed_table_size = size
            due = due or size < theirs.header_table_size
            continue
        if choice >= 0xE0 and blocks:
            block = blocks[choice % len(blocks)]
        elif choice >= 0x80:
            block = b"".join(_representation(source) for _ in range(choice & 7))
        else:
            block = source.take(choice & 0x3F)
        blocks.append(block)
        if not _decode_both(ours, theirs, block, limit, due):
            return
        due = False


def _decode_both(ours: Decoder, theirs: hpack.Decoder, block: bytes, limit: int, due: bool) -> bool:
    """Decode a block with both and compare; return whether there can be another one."""
    fields: list[HeaderTuple] | None = None
    refusal: Exception | None = None
    try:
        section = ours.decode(block, limit)
        fields = section.fields
    except (HpackDecodingError, HeaderListTooLarge) as error:
        refusal = error
    try:
        expected = list(theirs.decode(block, raw=True))
    except hpack.HPACKError as error:
        require(refusal is not None, "hpack refuses a block:", repr(error), block.hex())
        # hpack stops immediately if the list is too large, and does not see what follows.
        oversized = isinstance(error, hpack.OversizedHeaderListError)
        require(oversized or not isinstance(refusal, HeaderListTooLarge), "refused:", repr(error))
        return False
    if due and isinstance(refusal, hpack.InvalidTableSizeError):
        return False  # hpack forgets the lowest size if a larger one follows
    if fields is None:
        raise Broken(f"hpack takes a block, and there is {refusal!r}: {block.hex()}")
    require_same(fields, expected, f"fields of {block.hex()}")
    require_same(list(map(type, fields)), list(map(type, expected)), "classes of fields")
    require_same(section.size, sum(len(n) + len(v) + 32 for n, v in fields), "size of the list")
    require_same(ours.dynamic_entries(), _table(theirs), f"table after {block.hex()}")
    require_same(ours.header_table_size, theirs.header_table_size, "size of the table")
    _check_size(ours.dynamic_entries(), ours.header_table_size)
    return True


def _table(coder: hpack.Decoder | hpack.Encoder) -> Table:
    return [(bytes(name), bytes(value)) for name, value in coder.header_table.dynamic_entries]


def _check_size(table: Table, size: int) -> None:
    """Check that a table is not larger than it may be (RFC 7541 section 4.1)."""
    octets = sum(len(name) + len(value) + 32 for name, value in table)
    require(octets <= size, "a table of", size, "octets holds", octets)


def _representation(source: Source) -> bytes:
    """Return one representation of a field."""
    choice = source.octet()
    if choice >= 0x80:
        return wire.indexed(choice & 0x7F)
    if choice >= 0x70:
        return wire.size_update(source.pick(_TABLE_SIZES))
    pattern = (0x40, 0x40, 0x00, 0x10)[choice >> 4 & 3]
    if choice & 8:
        name, value = source.pick(EXTRA)
        return wire.literal(name, value, pattern)
    if choice & 4:
        return wire.literal(source.octet(), source.take(choice & 3), pattern)
    return wire.literal(source.take(1 + choice & 3), source.take(source.octet() & 0xF), pattern)


def encode(data: bytes) -> None:
    """Fields, table sizes and options: both decoders understand the output of our encoder."""
    source = Source(data)
    encoder = Encoder(STATIC)
    readers = _decoder(), hpack.Decoder(max_header_list_size=_UNLIMITED)
    readers[1].max_allowed_table_size = _LARGEST
    while source.more:
        choice = source.octet()
        if choice < 0xE0:
            _encode_ours(encoder, readers, _fields(source, choice))
            continue
        encoder.header_table_size = _TABLE_SIZES[choice & 7]
        if choice & 0x10:
            encoder.huffman = bool(choice & 8)


def encode_elsewhere(data: bytes) -> None:
    """Fields and table sizes: our decoder understands the output of hpack's encoder."""
    source = Source(data)
    encoder = hpack.Encoder()
    reader = _decoder()
    while source.more:
        choice = source.octet()
        if choice < 0xE0:
            _encode_theirs(encoder, reader, _fields(source, choice), choice & 1 == 1)
            continue
        size = _TABLE_SIZES[choice & 7]
        if size != encoder.header_table_size:  # hpack forgets the update if it is set twice
            encoder.header_table_size = size


def _decoder() -> Decoder:
    decoder = Decoder(STATIC)
    decoder.max_allowed_table_size = _LARGEST
    return decoder


def _fields(source: Source, choice: int) -> list[HeaderTuple]:
    """Return the fields of a block."""
    base: list[Field] = [*REQUEST] if choice & 0x80 else [*RESPONSE] if choice & 0x40 else []
    fields = [HeaderTuple(*field) for field in base]
    for _ in range(choice & 7):
        kind = source.octet()
        name, value = EXTRA[kind % len(EXTRA)]
        if kind >= 0x80:
            # Many values, of any length, for a few names such as cookie.
            name = (b"cookie", b"x", b"etag", b"set-cookie")[kind & 3]
            value = source.take(1 + (kind >> 2 & 7)) * (1 if kind < 0xE0 else 40)
        never = (source.octet() if kind & 0x70 == 0x70 else 0) & 1
        fields.append((NeverIndexedHeaderTuple if never else HeaderTuple)(name, value))
    return fields


def _encode_ours(
    ours: Encoder, readers: tuple[Decoder, hpack.Decoder], fields: list[HeaderTuple]
) -> None:
    entries = []
    for field in fields:
        name, value = field
        never = not field.indexable
        entry = None if never else ours.find((name, value))
        entries.append(entry or ours.literal(name, value, classify(name, value), never))
    block = ours.encode(entries)
    own = readers[0].decode(block, _UNLIMITED).fields
    require_same(own, fields, "fields that come back")
    require_same(list(map(type, own)), list(map(type, fields)), "classes of fields")
    try:
        foreign = list(readers[1].decode(block, raw=True))
    except hpack.HPACKError as error:
        raise Broken(f"hpack refuses {block.hex()}: {error!r}") from None
    require_same(foreign, fields, "fields that hpack reads")
    table = ours.dynamic_entries()
    require_same(readers[0].dynamic_entries(), table, "table of our decoder")
    require_same(_table(readers[1]), table, "table of the decoder of hpack")
    _check_size(table, min(ours.header_table_size, readers[0].header_table_size))


def _encode_theirs(
    theirs: hpack.Encoder, reader: Decoder, fields: list[HeaderTuple], huffman: bool
) -> None:
    block = theirs.encode(fields, huffman=huffman)
    require_same(reader.decode(block, _UNLIMITED).fields, fields, "fields of a foreign encoder")
    require_same(reader.dynamic_entries(), _table(theirs), "table of a foreign encoder")
