"""Class masks of fields, and the combined masks of a block."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2._rules import fields as rules
from h2._rules.fields import (
    AUTHORITY,
    BAD_FORM,
    BAD_NAME,
    BAD_VALUE,
    CONNECT,
    CONNECTION_FIELD,
    CONTENT_LENGTH,
    COOKIE,
    DECIDING,
    HEAD,
    HOST,
    INFORMATIONAL,
    METHOD,
    NO_CONTENT,
    NO_TOKEN,
    ODD_TARGET,
    OF_PROXY,
    PATH,
    PLAIN,
    PRIORITY,
    PROTOCOL,
    PSEUDO,
    SCHEME,
    SENSITIVE,
    STATUS,
    SUCCESSFUL,
    TE,
    UNKNOWN_PSEUDO,
    WITHOUT_LENGTH,
    classify,
)
from h2._rules.messages import check_message
from support.fields import NAMES, VALUES, Field, field_lists

# An independent implementation, in regular expressions: RFC 9110 sections 5.1, 5.5, 5.6.2, RFC
# 3986, and the stricter forms of RFC 9113 sections 8.2.1 and 8.3.
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
ALLOWED_NAME = re.compile(rb"[!-9;-@[-~]+")
VALUE = re.compile(rb"(?![ \t])[^\0\r\n]*(?<![ \t])")
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
LARGEST = b"9223372036854775807"
FORMS = {
    b":method": re.compile(TOKEN),
    b":scheme": re.compile(rb"[0-9A-Za-z+.-]+"),
    b":authority": re.compile(rb"[^\x00-\x20\x7f]*"),
    b":path": re.compile(rb"[^\x00-\x20\x7f]+"),
    b":status": re.compile(rb"(?!101)[1-9][0-9]{2}"),
    b":protocol": re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z/-]+"),
    b"content-length": re.compile(rb"(?![0-9]{641})0*[0-9]{1,19}"),
    b"te": re.compile(rb"(?i)trailers"),
}
OF_NAME = {
    b":method": METHOD,
    b":scheme": SCHEME,
    b":authority": AUTHORITY,
    b":path": PATH,
    b":status": STATUS,
    b":protocol": PROTOCOL,
    b"content-length": CONTENT_LENGTH,
    b"host": HOST,
    b"cookie": COOKIE,
    b"te": TE,
    b"authorization": SENSITIVE,
    b"proxy-authorization": SENSITIVE,
    b"priority": PRIORITY,
    b"via": OF_PROXY,
    b"forwarded": OF_PROXY,
    b"x-forwarded-for": OF_PROXY,
    b"connection": CONNECTION_FIELD,
    b"proxy-connection": CONNECTION_FIELD,
    b"keep-alive": CONNECTION_FIELD,
    b"transfer-encoding": CONNECTION_FIELD,
    b"upgrade": CONNECTION_FIELD,
}


def facts(name: bytes, value: bytes) -> int:
    """Further properties of a valid pseudo-header field value."""
    if name == b":method":
        return {b"HEAD": HEAD, b"CONNECT": CONNECT}.get(value, 0)
    if name == b":status":
        kind = {b"1": INFORMATIONAL | WITHOUT_LENGTH, b"2": SUCCESSFUL}.get(value[:1], 0)
        more = {b"204": NO_CONTENT | WITHOUT_LENGTH, b"304": NO_CONTENT}.get(value, 0)
        return kind | more
    return 0


def odd_target(name: bytes, value: bytes) -> int:
    """Values that only some schemes and methods allow, even if they cannot be part of a URI."""
    odd = (name == b":path" and not value.startswith(b"/")) or (
        name == b":authority" and b"@" in value
    )
    return ODD_TARGET if odd else 0


def second_opinion(name: bytes, value: bytes) -> int:
    mask = OF_NAME.get(name, 0)
    if not mask and not NAME.fullmatch(name):
        mask = UNKNOWN_PSEUDO if name.startswith(b":") else BAD_NAME
        if ALLOWED_NAME.fullmatch(name):
            mask = NO_TOKEN
    if not VALUE.fullmatch(value):
        return mask | BAD_VALUE
    mask |= odd_target(name, value)
    if not FORMS.get(name, VALUE).fullmatch(value):
        return mask | BAD_FORM
    if name == b"content-length" and value[-19:].rjust(19, b"0") > LARGEST:
        return mask | BAD_FORM
    return mask | facts(name, value)


def fold(fields: list[Field]) -> tuple[int, int, int]:
    """The decoder's result for a block: bits seen, bits repeated, end of the leading fields."""
    seen = repeated = leading = 0
    for position, field in enumerate(fields, 1):
        mask = classify(*field)
        repeated |= seen & mask
        seen |= mask
        if mask & PSEUDO:
            leading = position
    return seen, repeated, leading


def is_plain(kind: int, fields: list[Field]) -> bool:
    seen, repeated, leading = fold(fields)
    return not repeated and PLAIN[kind].get(seen & DECIDING) == leading


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_class_of_every_tricky_pair(name: bytes) -> None:
    for value in VALUES:
        assert classify(name, value) == second_opinion(name, value), value


@pytest.mark.parametrize("zeros", [0, 1, 621, 622, 640, 5_000])
@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        (b"", False),
        (b"0", True),
        (b"5", True),
        (b"9" * 18, True),
        (LARGEST, True),
        (b"9223372036854775808", False),
        (b"9" * 19, False),
        (b"1" + bytes(19).replace(b"\0", b"0"), False),
        (b"9" * 700, False),
        (b"9" * 5_000, False),
        (b"9" * 18 + b"x", False),
    ],
)
def test_lengths_are_numbers_of_63_bits(zeros: int, digits: bytes, valid: bool) -> None:
    """Leading zeros are allowed, up to the number of digits that int() always accepts."""
    value = b"0" * zeros + digits
    valid = (valid or (bool(zeros) and not digits)) and len(value) <= 640
    assert classify(b"content-length", value) == CONTENT_LENGTH | (0 if valid else BAD_FORM)
    assert classify(b"content-length", value) == second_opinion(b"content-length", value)


@given(st.integers(0, 2**64), st.integers(0, 30))
def test_any_length(number: int, zeros: int) -> None:
    mask = classify(b"content-length", b"0" * zeros + b"%d" % number)
    assert mask == CONTENT_LENGTH | (BAD_FORM if number >= 2**63 else 0)


@given(st.binary(max_size=6), st.binary(max_size=6))
def test_class_of_any_pair(name: bytes, value: bytes) -> None:
    assert classify(name, value) == second_opinion(name, value)


@pytest.mark.parametrize("octet", range(256))
def test_class_of_every_octet(octet: int) -> None:
    char = bytes([octet])
    assert classify(char, b"") == second_opinion(char, b"")
    assert classify(b"a" + char, b"") == second_opinion(b"a" + char, b"")
    for name in (*FORMS, b"x", b"host"):
        assert classify(name, char) == second_opinion(name, char)
        assert classify(name, b"1" + char + b"1") == second_opinion(name, b"1" + char + b"1")


@pytest.mark.parametrize("octet", range(256))
def test_octets_that_make_a_name_invalid(octet: int) -> None:
    """Section 8.2.1 forbids these; a name with any other octet that no token has is not a token."""
    forbidden = octet <= 0x20 or 0x41 <= octet <= 0x5A or octet >= 0x7F or octet == ord(":")
    assert classify(b"(" + bytes([octet]), b"") == (BAD_NAME if forbidden else NO_TOKEN)


def test_known_names_are_classified_as_unknown_ones_would_be() -> None:
    for name, mask in rules.KNOWN_NAMES.items():
        assert mask == OF_NAME.get(name, 0), name
        assert name in OF_NAME or NAME.fullmatch(name), name


def test_pseudo_masks_are_the_low_octet() -> None:
    pseudo = [METHOD, SCHEME, AUTHORITY, PATH, STATUS, PROTOCOL, UNKNOWN_PSEUDO]
    others = [CONTENT_LENGTH, HOST, COOKIE, TE, CONNECTION_FIELD, BAD_NAME, BAD_VALUE, HEAD]
    others += [CONNECT, INFORMATIONAL, NO_CONTENT, SENSITIVE, SUCCESSFUL, WITHOUT_LENGTH]
    others += [ODD_TARGET, NO_TOKEN, BAD_FORM, PRIORITY, OF_PROXY]
    assert all(bit & PSEUDO and bit <= PSEUDO for bit in pseudo)
    assert not any(bit & PSEUDO for bit in others)
    every = pseudo + others
    assert sum(every) == sum(1 << bit.bit_length() - 1 for bit in every)
    assert len({*every}) == len(every)


@given(st.sampled_from([rules.REQUEST, rules.RESPONSE, rules.TRAILERS]), field_lists())
@example(rules.REQUEST, [])
@example(rules.TRAILERS, [])
@example(rules.TRAILERS, [(b":status", b"200")])
def test_a_block_that_is_valid_by_its_masks_is_valid(kind: int, fields: list[Field]) -> None:
    if is_plain(kind, fields):
        assert check_message(kind, fields, connect_protocol=False) is None
        assert check_message(kind, fields, connect_protocol=True) is None


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (rules.REQUEST, [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")]),
        (rules.RESPONSE, [(b":status", b"200")]),
        (rules.RESPONSE, [(b":status", b"304")]),
        (rules.TRAILERS, []),
    ],
)
def test_usual_blocks_are_valid_by_their_masks(kind: int, fields: list[Field]) -> None:
    # If all blocks were checked in full, the property above would hold, but speed would be lost.
    if kind == rules.REQUEST:
        fields = [*fields, (b":authority", b"a.b")]
    more = [(b"cookie", b"a=b"), (b"content-length", b"3"), (b"te", b"trailers"), (b"x", b"y")]
    assert is_plain(kind, [*fields, *more])
    assert is_plain(kind, fields)


@pytest.mark.parametrize(
    ("bit", "change"),
    [
        (UNKNOWN_PSEUDO, (b":new", b"x")),
        (PROTOCOL, (b":protocol", b"x")),
        (HOST, (b"host", b"a.b")),
        (CONNECTION_FIELD, (b"upgrade", b"x")),
        (BAD_NAME, (b"Bad", b"x")),
        (NO_TOKEN, (b"a(b)", b"x")),
        (BAD_VALUE, (b"x", b"\n")),
        (BAD_FORM, (b"te", b"gzip")),
        (BAD_FORM, (b":path", b"/a b")),
        (CONNECT, (b":method", b"CONNECT")),
        (ODD_TARGET, (b":path", b"*")),
        (ODD_TARGET, (b":authority", b"me@a.b")),
    ],
)
def test_what_needs_a_close_look(bit: int, change: Field) -> None:
    fields = {b":method": b"GET", b":scheme": b"https", b":authority": b"a.b", b":path": b"/"}
    assert is_plain(rules.REQUEST, [*fields.items()])
    assert classify(*change) & bit
    fields[change[0]] = change[1]
    assert not is_plain(rules.REQUEST, [*fields.items()])


@pytest.mark.parametrize("status", [b"204", b"103"])
def test_responses_without_content_are_valid_by_their_masks(status: bytes) -> None:
    fields = [(b":status", status), (b"x", b"y")]
    assert is_plain(rules.RESPONSE, fields)
    assert not is_plain(rules.RESPONSE, [*fields, (b"content-length", b"0")])


@pytest.mark.parametrize(
    ("name", "value", "sensitive"),
    [
        (b"authorization", b"Basic " + bytes(50), True),
        (b"proxy-authorization", b"x", True),
        (b"cookie", b"c" * 19, True),
        (b"cookie", b"c" * 20, False),
        (b"set-cookie", b"short", False),
        (b"x", b"short", False),
    ],
)
def test_what_must_never_be_indexed(name: bytes, value: bytes, sensitive: bool) -> None:
    assert rules.is_sensitive(classify(name, value), value) is sensitive


def test_connection_fields() -> None:
    named = {name for name in OF_NAME if rules.is_connection_field(name)}
    assert named == {name for name, mask in OF_NAME.items() if mask == CONNECTION_FIELD}
    assert not rules.is_connection_field(b"te")


def test_what_the_compiled_build_strips() -> None:
    """It looks for whitespace only if the first or last octet may be whitespace."""
    ends = [bytes([octet]) for octet in range(256)]
    for end in ends:
        low = end <= b" "
        assert rules.low_at_an_end(end) is low
        for value in (end + b"a", b"a" + end, end + b"ab", b"ab" + end):
            assert rules.low_at_an_end(value) is low
        assert not rules.low_at_an_end(b"a" + end + b"a")
    assert not rules.low_at_an_end(b"")
