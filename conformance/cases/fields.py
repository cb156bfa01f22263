"""RFC 9113 section 8.2: names and values of fields."""

from __future__ import annotations

from conformance.build import message
from conformance.case import SERVER, Situation, case
from conformance.expect import either, goes_on, malformed
from conformance.hpack import Field
from conformance.peer import On

FRESH = Situation.FRESH
ANSWERED = goes_on(answered=On.CURRENT)
#: What "implementations SHOULD validate", beyond the minimal validation that they MUST do.
SHOULD = either(malformed(), ANSWERED)

NAMES: list[tuple[str, str, bytes]] = [
    ("uppercase", "with an uppercase letter", b"x-Name"),
    ("all-uppercase", "in uppercase", b"X-NAME"),
    ("space", "with a space", b"x name"),
    ("space-first", "that begins with a space", b" x-name"),
    ("space-last", "that ends with a space", b"x-name "),
    ("tab", "with a tab", b"x\tname"),
    ("nul", "with NUL", b"x\x00name"),
    ("line-feed", "with LF", b"x\nname"),
    ("carriage-return", "with CR", b"x\rname"),
    ("control", "with 0x1f", b"x\x1fname"),
    ("delete", "with 0x7f", b"x\x7fname"),
    ("high", "with 0x80", b"x\x80name"),
    ("highest", "with 0xff", b"x\xffname"),
    ("colon", "with a colon", b"x:name"),
    ("colon-last", "that ends with a colon", b"x-name:"),
]
for name, words, octets in NAMES:
    case(
        f"field-name-{name}",
        "8.2.1",
        f"A field name {words}",
        [message((octets, b"value"))],
        malformed(),
        at=FRESH,
    )
for name, octets in (("parenthesis", b"x(name"), ("slash", b"x/name"), ("quote", b'x"name')):
    case(
        f"field-name-{name}",
        "8.2.1",
        f"A field name with {octets[1:2].decode()}, which is not a token character",
        [message((octets, b"value"))],
        SHOULD,
        at=FRESH,
    )
case(
    "field-name-empty",
    "8.2.1",
    "An empty field name",
    [message((b"", b"value"))],
    SHOULD,
    at=FRESH,
)
VALUES: list[tuple[str, str, bytes]] = [
    ("nul", "with NUL", b"a\x00b"),
    ("nul-first", "that begins with NUL", b"\x00ab"),
    ("nul-last", "that ends with NUL", b"ab\x00"),
    ("line-feed", "with LF", b"a\nb"),
    ("line-feed-last", "that ends with LF", b"ab\n"),
    ("carriage-return", "with CR", b"a\rb"),
    ("line-end", "with CR LF", b"a\r\nx: b"),
    ("space-first", "that begins with a space", b" ab"),
    ("space-last", "that ends with a space", b"ab "),
    ("tab-first", "that begins with a tab", b"\tab"),
    ("tab-last", "that ends with a tab", b"ab\t"),
    ("space-only", "that is a space", b" "),
]
for name, words, octets in VALUES:
    case(
        f"field-value-{name}",
        "8.2.1",
        f"A field value {words}",
        [message((b"x-name", octets))],
        malformed(),
        at=FRESH,
    )
for name, octets in (("control", b"a\x01b"), ("delete", b"a\x7fb")):
    case(
        f"field-value-{name}",
        "8.2.1",
        f"A field value with {octets[1]:#04x}, which RFC 9110 section 5.5 does not allow",
        [message((b"x-name", octets))],
        SHOULD,
        at=FRESH,
    )
GOOD: list[tuple[str, str, tuple[Field, ...]]] = [
    ("empty-value", "An empty field value", ((b"x-name", b""),)),
    ("inner-space", "A field value with spaces and tabs inside", ((b"x-name", b"a b\tc"),)),
    ("high-value", "A field value with octets above 0x7f", ((b"x-name", b"a\x80\xff"),)),
    ("token", "A field name with all characters of tokens", ((b"x!#$%&'*+-.^_`|~09", b"v"),)),
    ("repeated", "The same field three times", ((b"x-name", b"a"),) * 3),
    ("long-name", "A field name of 200 octets", ((b"x" * 200, b"v"),)),
    ("invalid-date", "An invalid date", ((b"date", b"yesterday"),)),
]
for name, words, fields in GOOD:
    case(f"field-{name}", "8.2.1", words, [message(*fields)], ANSWERED, at=FRESH)

# Connection-specific fields ----------------------------------------------------------------------

SPECIFIC: list[tuple[bytes, bytes]] = [
    (b"connection", b"close"),
    (b"connection", b"keep-alive"),
    (b"connection", b"x-name"),
    (b"proxy-connection", b"keep-alive"),
    (b"keep-alive", b"timeout=5"),
    (b"transfer-encoding", b"chunked"),
    (b"transfer-encoding", b"identity"),
    (b"upgrade", b"websocket"),
]
for field, value in SPECIFIC:
    case(
        f"field-{field.decode()}-{value.decode().replace('=', '-')}",
        "8.2.2",
        f"{field.decode()}: {value.decode()}",
        [message((field, value))],
        malformed(),
        at=FRESH,
    )
for value in (b"gzip", b"trailers, gzip", b"trailers;q=0.5"):
    case(
        f"field-te-{value.decode().replace(', ', '-').replace(';', '-').replace('=', '-')}",
        "8.2.2",
        f"te: {value.decode()}",
        [message((b"te", value))],
        malformed(),
        at=FRESH,
        roles=SERVER,
    )
case(
    "field-te",
    "8.2.2",
    "te: trailers",
    [message((b"te", b"trailers"))],
    ANSWERED,
    at=FRESH,
    roles=SERVER,
)
case(
    "field-cookies",
    "8.2.3",
    "Three cookie fields",
    [message((b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"cookie", b"e=f"))],
    ANSWERED,
    at=FRESH,
    roles=SERVER,
)
