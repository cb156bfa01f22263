"""Field lines for generated tests: names and values that satisfy or break each rule."""

from __future__ import annotations

from hypothesis import strategies as st

Field = tuple[bytes, bytes]

PSEUDO_NAMES = [b":method", b":scheme", b":authority", b":path", b":status", b":protocol"]
NAMES = [
    *PSEUDO_NAMES,
    *(b"host", b"content-length", b"te", b"cookie", b"authorization", b"x", b"accept"),
    *(b"connection", b"upgrade", b"transfer-encoding", b"keep-alive", b"proxy-connection"),
    *(b"", b":", b":new", b"Upper", b"a b", b"a:b", b"a\x00", b"caf\xc3\xa9", b"~!#$%&'*+-.^_`|"),
    *(b"a(b)", b"a/b"),
    *(b":Method", b" :method", b"content-length ", b"HOST", b"\x7f"),
]
VALUES = [
    *(b"GET", b"HEAD", b"POST", b"CONNECT", b"connect", b"G T", b"https", b"ftp+x.1", b"1:2"),
    *(b"/", b"*", b"/a?b#c", b"/a b", b"", b"example.com", b"EXAMPLE.com:443", b"a@b", b"[::1]:80"),
    *(
        b"100",
        b"101",
        b"103",
        b"199",
        b"200",
        b"204",
        b"299",
        b"300",
        b"304",
        b"600",
        b"099",
        b"20",
        b"2000",
        b"2x0",
    ),
    *(b"0", b"5", b"05", b"+5", b"5,5", b" 5", b"5\t", b"\xb2", b"1" * 641, b"trailers"),
    *(
        b"TRAILERS",
        b"trailers, gzip",
        b"a\rb",
        b"a\nb",
        b"a\x00b",
        b"a\tb",
        b"\x7f",
        b"caf\xc3\xa9",
    ),
    *(b"websocket", b"connect-udp/1", b"a; b=c", b"value"),
]
NAME = st.sampled_from(NAMES) | st.binary(max_size=4)
VALUE = st.sampled_from(VALUES) | st.binary(max_size=4)
FIELD = st.tuples(NAME, VALUE)

# Lists that are nearly valid: the fields of a message, with a few changes.
REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.b"), (b":path", b"/")]
BASES: list[list[Field]] = [
    [],
    REQUEST,
    [*REQUEST[:2], REQUEST[3], (b"host", b"a.b")],
    [*REQUEST, (b"host", b"A.B:443"), (b"te", b"trailers")],
    [(b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*")],
    [(b":method", b"GET"), (b":scheme", b"unix"), (b":path", b"info")],
    [(b":method", b"CONNECT"), (b":authority", b"a.b:1")],
    [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *REQUEST[1:]],
    [(b":status", b"200")],
    [(b":status", b"103"), (b"link", b"</style>")],
    [(b":status", b"204"), (b"content-length", b"0")],
    [(b"checksum", b"1")],
]


@st.composite
def field_lists(draw: st.DrawFn) -> list[Field]:
    """A list of fields; many of them form a valid message."""
    fields = list(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(fields)))
        change = draw(st.sampled_from(["insert", "repeat", "drop", "move", "value"]))
        if change == "insert" or not fields or place == len(fields):
            fields.insert(place, draw(FIELD))
        elif change == "repeat":
            fields.append(fields[place])
        elif change == "drop":
            del fields[place]
        elif change == "move":
            fields.append(fields.pop(place))
        else:
            fields[place] = (fields[place][0], draw(VALUE))
    return fields
