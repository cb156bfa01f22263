"""RFC 9113 section 4.3 and RFC 7541: field blocks."""

from __future__ import annotations

from conformance import hpack, wire
from conformance.build import Made, continuation, headers, message, message_fields
from conformance.case import SERVER, Item, Situation, case
from conformance.expect import connection, either, goes_on, tolerably
from conformance.hpack import Field
from conformance.peer import NotApplicableError, On, Peer
from conformance.wire import Code, Flag, Setting, Type

FRESH, OPEN = Situation.FRESH, Situation.OPEN
ERROR = connection(Code.COMPRESSION_ERROR)
ANSWERED = goes_on(answered=On.CURRENT)
X = (b"x-name", b"value")


def _after(octets: bytes) -> Item:
    """A message with octets after its field block."""
    return message(encode=lambda fields: hpack.block(fields) + octets)


def _one_too_large(peer: Peer) -> bytes:
    """A message that makes the table one octet larger than the endpoint allows."""
    limit = peer.settings.get(Setting.HEADER_TABLE_SIZE, hpack.DEFAULT_TABLE_SIZE)
    return _prefixed(limit + 1)(peer)


WRONG: list[tuple[str, str, str, bytes]] = [
    ("index-zero", "7541 6.1", "an indexed field with index 0", hpack.indexed(0)),
    ("index-beyond", "7541 2.3.3", "index 62 with an empty dynamic table", hpack.indexed(62)),
    ("index-far-beyond", "7541 2.3.3", "index 1,048,576", hpack.indexed(2**20)),
    ("integer-too-large", "7541 5.1", "an index of 20 octets", b"\xff" + b"\xff" * 19 + b"\x01"),
    ("integer-cut", "7541 5.1", "a truncated index", b"\xff\x80"),
    ("name-index-added", "7541 2.3.3", "a literal with name index 62, added", b"\x7e\x01a"),
    ("name-index", "7541 2.3.3", "a literal with name index 62, not added", b"\x0f\x2f\x01a"),
    (
        "name-index-never",
        "7541 2.3.3",
        "a literal with name index 62, never added",
        b"\x1f\x2f\x01a",
    ),
    ("name-cut", "7541 5.2", "a name of 10 octets, of which 2 are sent", b"\x00\x0aab"),
    ("value-cut", "7541 5.2", "a value of 10 octets, of which 2 are sent", b"\x00\x01a\x0aab"),
    ("value-missing", "7541 6.2.2", "a name without a value", b"\x00\x01a"),
    ("length-cut", "7541 5.2", "a truncated length", b"\x00\x01a\x7f\x80"),
    ("length-too-large", "7541 5.1", "a length of 20 octets", b"\x00\x7f" + b"\xff" * 19 + b"\x01"),
    (
        "huffman-padding-long",
        "7541 5.2",
        "a Huffman string with 8 extra bits of padding",
        b"\x00\x01a" + hpack.coded_string(hpack.huffman(b"a") + b"\xff"),
    ),
    (
        "huffman-padding-zeros",
        "7541 5.2",
        "a Huffman string padded with zeros",
        b"\x00\x01a" + hpack.coded_string(hpack.packed("00011000")),
    ),
    (
        "huffman-eos",
        "7541 5.2",
        "a Huffman string with EOS",
        b"\x00\x01a" + hpack.coded_string(hpack.huffman([*b"a", hpack.EOS, *b"b"])),
    ),
    (
        "huffman-only-padding",
        "7541 5.2",
        "a Huffman string of 8 ones",
        b"\x00\x01a" + hpack.coded_string(b"\xff"),
    ),
]
for name, section, words, octets in WRONG:
    case(f"hpack-{name}", section, f"A field block with {words}", [_after(octets)], ERROR, at=FRESH)
case(
    "hpack-size-update-too-large",
    "7541 6.3",
    "A field block with a table size update above SETTINGS_HEADER_TABLE_SIZE",
    [_one_too_large],
    ERROR,
    at=FRESH,
)

case(
    "hpack-size-update-last",
    "7541 4.2",
    "A field block with a table size update after the fields",
    [_after(hpack.table_size(100))],
    # It "MUST occur at the beginning of the first header block following the change"; how to treat
    # another one is not specified.
    either(ERROR, ANSWERED),
    at=FRESH,
)
case(
    "hpack-invalid-trailers",
    "4.3",
    "Trailers that cannot be decoded",
    [headers(b"\x80", end=True)],
    ERROR,
    at=OPEN,
)
case(
    "hpack-invalid-continuation",
    "4.3",
    "A field block whose continuation cannot be decoded",
    [
        lambda peer: headers(hpack.block(message_fields(peer)), True, end_headers=False)(peer),
        continuation(b"\x80"),
    ],
    ERROR,
    at=FRESH,
)

# Valid blocks ------------------------------------------------------------------------------------


def _coded(fields: list[Field]) -> bytes:
    return b"".join(hpack.literal(name, value, coded=True) for name, value in fields)


def _added(fields: list[Field]) -> bytes:
    return b"".join(hpack.added(name, value) for name, value in fields)


def _never(fields: list[Field]) -> bytes:
    return b"".join(hpack.never_indexed(name, value) for name, value in fields)


def _by_name(fields: list[Field]) -> bytes:
    """Names from the static table, if it has them."""
    names = {name: place for place, (name, _) in reversed(list(enumerate(hpack.STATIC_TABLE, 1)))}
    return b"".join(hpack.literal(names.get(name, name), value) for name, value in fields)


def _indexed(fields: list[Field]) -> bytes:
    """Indexed, if the static table has the field."""
    table = hpack.STATIC_TABLE
    return b"".join(
        hpack.indexed(table.index(item) + 1) if item in table else hpack.literal(*item)
        for item in fields
    )


def _added_and_indexed(fields: list[Field]) -> bytes:
    """A field that is added and then referenced by its index in the same block."""
    return hpack.block(fields) + hpack.added(*X) + hpack.indexed(62) * 3


def _evicting(fields: list[Field]) -> bytes:
    """A hundred entries of 100 octets, more than the table holds; then the newest."""
    many = b"".join(hpack.added(b"x-%02d" % number, bytes([97]) * 60) for number in range(60))
    return hpack.block(fields) + many + hpack.indexed(62)


def _emptying(fields: list[Field]) -> bytes:
    """An entry that is larger than the table, which becomes empty, and a new one."""
    large = hpack.added(b"x-large", b"a" * 4096)
    return hpack.block(fields) + hpack.added(*X) + large + hpack.added(*X) + hpack.indexed(62)


def _prefixed(*sizes: int) -> Made:
    return _made(b"".join(map(hpack.table_size, sizes)))


def _made(prefix: bytes) -> Made:
    return message(encode=lambda fields: prefix + hpack.block(fields))


RIGHT: list[tuple[str, str, str, Made]] = [
    ("huffman", "7541 5.2", "in the Huffman code", message(X, encode=_coded)),
    ("added", "7541 6.2.1", "of literals that are added", message(X, encode=_added)),
    ("never-indexed", "7541 6.2.3", "of literals never indexed", message(X, encode=_never)),
    ("name-index", "7541 6.2.2", "with indexed names", message(X, encode=_by_name)),
    ("indexed", "7541 6.1", "of indexed fields", message(X, encode=_indexed)),
    (
        "dynamic",
        "7541 2.3.2",
        "that names an entry it has added",
        message(encode=_added_and_indexed),
    ),
    ("evicting", "7541 4.4", "that evicts entries", message(encode=_evicting)),
    ("emptying", "7541 4.4", "with an entry larger than the table", message(encode=_emptying)),
    ("size-zero", "7541 6.3", "with a table size update to 0", _prefixed(0)),
    ("size-maximum", "7541 6.3", "with a table size update to 4,096", _prefixed(4096)),
    ("size-twice", "7541 4.2", "with two table size updates", _prefixed(0, 4096)),
    ("empty-value", "7541 5.2", "with an empty value", message((b"x-empty", b""))),
    ("long-value", "7541 5.2", "with a value of 2,000 octets", message((b"x-long", b"a" * 2000))),
    ("repeated", "7541 2.3.2", "with the same field added twice", message(X, X, encode=_added)),
    ("many-fields", "4.3", "of 60 fields", message(*[(b"x-%d" % n, b"v") for n in range(60)])),
]
for name, section, words, item in RIGHT:
    case(f"hpack-right-{name}", section, f"A field block {words}", [item], ANSWERED, at=FRESH)


def _in_pieces(peer: Peer) -> None:
    """The field block in six frames, split anywhere."""
    octets = message(X, encode=_coded)(peer)
    flags, stream_id, block = octets[4], int.from_bytes(octets[5:9], "big"), octets[9:]
    step = len(block) // 5
    pieces = [block[start : start + step] for start in range(0, len(block), step)]
    peer.send(wire.frame(Type.HEADERS, flags & ~Flag.END_HEADERS, stream_id, pieces[0]))
    for piece in pieces[1:-1]:
        peer.send(wire.frame(Type.CONTINUATION, 0, stream_id, piece))
    peer.send(wire.frame(Type.CONTINUATION, Flag.END_HEADERS, stream_id, pieces[-1]))


case(
    "hpack-right-pieces",
    "4.3",
    "A field block that CONTINUATION frames cut within strings and integers",
    _in_pieces,
    ANSWERED,
    at=FRESH,
)
case(
    "hpack-right-next-message",
    "4.3.1",
    "A second request that names an entry which the first one added",
    [
        message(encode=lambda fields: hpack.block(fields) + hpack.added(*X)),
        message(on=On.NEXT, encode=lambda fields: hpack.block(fields) + hpack.indexed(62)),
    ],
    goes_on(answered=On.NEXT),
    at=FRESH,
    roles=SERVER,
)
case(
    "hpack-right-trailers",
    "4.3.1",
    "Trailers that name an entry which the header section added",
    [
        message(
            end=False, method=b"POST", encode=lambda fields: hpack.block(fields) + hpack.added(*X)
        ),
        headers(hpack.indexed(62), end=True),
    ],
    ANSWERED,
    at=FRESH,
    roles=SERVER,
)
case(
    "hpack-right-after-reset",
    "5.1",
    "Trailers on a stream that the endpoint has reset add an entry, which a new request names",
    [
        headers(hpack.added(*X), end=True),
        message(on=On.NEXT, encode=lambda fields: hpack.block(fields) + hpack.indexed(62)),
    ],
    either(
        goes_on(answered=On.NEXT),
        # The suite has received the reset, and the endpoint may know that (section 5.1).
        tolerably(connection(Code.STREAM_CLOSED)),
    ),
    at=Situation.REFUSED,
    roles=SERVER,
)
case(
    "hpack-empty-trailers",
    "4.3",
    "Trailers with an empty field block",
    [headers(b"", end=True)],
    ANSWERED,
    at=OPEN,
    roles=SERVER,
)

# What the endpoint sends -------------------------------------------------------------------------


def _settings_then_request(size: int) -> Item:
    def send(peer: Peer) -> bytes:
        peer.send(wire.settings((Setting.HEADER_TABLE_SIZE, size)))
        if not peer.decoder.size():
            # "reduces the maximum below the current size of the dynamic table" (section 4.3.1)
            raise NotApplicableError("the server has added nothing to the table")
        known = peer.acknowledged
        peer.wait("the acknowledgment", lambda peer: peer.acknowledged > known)
        return message(on=On.NEXT)(peer)

    return send


def _starts_with_update(peer: Peer) -> str:
    number = peer.resolve(On.NEXT)
    for section in peer.seen.sections:
        if section.stream_id == number:
            return "" if section.updates and min(section.updates) == 0 else "no table size update"
    return "no field block"


case(
    "hpack-sent-size-update",
    "4.3.1",
    "SETTINGS_HEADER_TABLE_SIZE = 0 after a response, then another request",
    [_settings_then_request(0)],
    goes_on(
        "the next field block begins with a table size update to 0",
        answered=On.NEXT,
        check=_starts_with_update,
    ),
    at=Situation.CLOSED,
    roles=SERVER,
)
case(
    "hpack-sent-large-table",
    "6.5.2",
    "SETTINGS_HEADER_TABLE_SIZE = 4,294,967,295, then another request",
    [_settings_then_request(2**32 - 1)],
    goes_on("the response can be decoded", answered=On.NEXT),
    at=Situation.CLOSED,
    roles=SERVER,
)
