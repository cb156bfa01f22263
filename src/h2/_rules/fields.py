"""Field rules: RFC 9113 sections 8.2 and 8.3, RFC 9110 section 8.6, RFC 8441 section 4.

Every field gets a class mask once, when it enters an HPACK table or arrives as a literal
(:func:`classify`). The masks of its fields usually show that a block is valid (:data:`PLAIN`);
any other block goes to :mod:`h2._rules.messages`, which reports what is wrong.
"""

from __future__ import annotations

from typing import Final

from h2._compiled import COMPILED
from h2._native import i64

# Kinds of field blocks
REQUEST: Final = 0
RESPONSE: Final = 1
TRAILERS: Final = 2
KIND_NAMES: Final = ("request", "response", "trailer section")

# Class masks. The low byte holds the fields that lead a block: HPACK relies on it (LEADING).
METHOD: Final = 0x01
SCHEME: Final = 0x02
AUTHORITY: Final = 0x04
PATH: Final = 0x08
STATUS: Final = 0x10
PROTOCOL: Final = 0x20
UNKNOWN_PSEUDO: Final = 0x40
PSEUDO: Final = 0xFF

# HPACK notes the value of this one (NOTED).
CONTENT_LENGTH: Final = 0x100
HOST: Final = 0x200
COOKIE: Final = 0x400
TE: Final = 0x800
CONNECTION_FIELD: Final = 0x1000
#: Section 8.2.1 forbids a character in the name; a character in the value, or whitespace around it.
BAD_NAME: Final = 0x2000
BAD_VALUE: Final = 0x4000

# Properties of the value of a pseudo-header field.
HEAD: Final = 0x8000
CONNECT: Final = 0x10000
INFORMATIONAL: Final = 0x20000
NO_CONTENT: Final = 0x40000
SENSITIVE: Final = 0x80000
SUCCESSFUL: Final = 0x100000
#: Status 1xx or 204: content-length is not allowed.
WITHOUT_LENGTH: Final = 0x200000
#: A path that does not begin with "/", or userinfo: not allowed for every scheme and method.
ODD_TARGET: Final = 0x400000

#: The name is not a token; the value does not have the form that this field requires.
NO_TOKEN: Final = 0x800000
BAD_FORM: Final = 0x1000000

#: Fields that affect priorities: "priority" itself (RFC 9218 section 5), and those of proxies,
#: which act for several clients (section 13.1).
PRIORITY: Final = 0x2000000
OF_PROXY: Final = 0x4000000

REQUEST_PSEUDO: Final = METHOD | SCHEME | AUTHORITY | PATH | PROTOCOL

#: The masks alone show that a block is valid if no bit occurs more than once and
#: ``PLAIN[kind].get(seen & DECIDING) == leading``, where ``seen`` is the union of the masks and
#: ``leading`` the position after the last pseudo-header field. Any other block needs the full check
#: (:mod:`h2._rules.messages`). Cookies, a valid TE and most properties of values do not.
DECIDING: Final = (
    PSEUDO | CONTENT_LENGTH | HOST | CONNECTION_FIELD | BAD_NAME | BAD_VALUE | CONNECT
    | WITHOUT_LENGTH | ODD_TARGET | NO_TOKEN | BAD_FORM
)  # fmt: skip
_TARGET: Final = METHOD | SCHEME | AUTHORITY | PATH
PLAIN: Final[tuple[dict[int, int], ...]] = (
    {_TARGET: 4, _TARGET | CONTENT_LENGTH: 4},
    {STATUS: 1, STATUS | CONTENT_LENGTH: 1, STATUS | WITHOUT_LENGTH: 1},
    {0: 0, CONTENT_LENGTH: 0},
)


def is_plain(kind: int, seen: i64, leading: i64) -> bool:
    """Return whether :data:`PLAIN` has these; fast in the compiled build."""
    deciding = seen & DECIDING
    if kind == REQUEST:
        return leading == 4 and (deciding == _TARGET or deciding == _TARGET | CONTENT_LENGTH)
    if kind == RESPONSE:
        return leading == 1 and (
            deciding == STATUS
            or deciding == STATUS | CONTENT_LENGTH
            or deciding == STATUS | WITHOUT_LENGTH
        )
    return leading == 0 and (deciding == 0 or deciding == CONTENT_LENGTH)


#: The characters of a token (RFC 9110 section 5.6.2), except upper case.
NAME_CHARACTERS: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_NAME_FORBIDDEN: Final = bytes((*range(0x21), *range(0x41, 0x5B), *range(0x7F, 0x100), 0x3A))
_METHOD_CHARACTERS: Final = NAME_CHARACTERS + b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SCHEME_CHARACTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."
#: Controls, SP and DEL: never part of a URI (RFC 3986 section 2).
_URI_FORBIDDEN: Final = bytes(range(0x21)) + b"\x7f"

_CONNECTION_FIELDS: Final = (
    b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade",
)  # fmt: skip

_PSEUDO_NAMES: Final[dict[bytes, int]] = {
    b":method": METHOD,
    b":scheme": SCHEME,
    b":authority": AUTHORITY,
    b":path": PATH,
    b":status": STATUS,
    b":protocol": PROTOCOL,
}

#: Lower-case names whose class is known without checking their characters: those with a class of
#: their own, those of the static table, and other common ones.
KNOWN_NAMES: Final[dict[bytes, int]] = {
    **dict.fromkeys((
        b"accept-charset", b"accept-encoding", b"accept-language", b"accept-ranges", b"accept",
        b"access-control-allow-credentials", b"access-control-allow-headers",
        b"access-control-allow-methods", b"access-control-allow-origin", b"age", b"allow",
        b"alt-svc", b"cache-control", b"content-disposition", b"content-encoding",
        b"content-language", b"content-location", b"content-range", b"content-security-policy",
        b"content-type", b"cross-origin-opener-policy", b"date", b"dnt", b"early-data", b"etag",
        b"expect", b"expires", b"from", b"grpc-accept-encoding", b"grpc-encoding",
        b"grpc-message", b"grpc-status", b"grpc-timeout", b"if-match", b"if-modified-since",
        b"if-none-match", b"if-range", b"if-unmodified-since", b"last-modified", b"link",
        b"location", b"max-forwards", b"origin", b"permissions-policy", b"pragma",
        b"proxy-authenticate", b"purpose", b"range", b"referer", b"referrer-policy", b"refresh",
        b"retry-after", b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform",
        b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-fetch-user", b"server",
        b"server-timing", b"set-cookie", b"strict-transport-security", b"timing-allow-origin",
        b"traceparent", b"tracestate", b"upgrade-insecure-requests", b"user-agent", b"vary",
        b"www-authenticate", b"x-content-type-options",
        b"x-forwarded-host", b"x-forwarded-proto", b"x-frame-options", b"x-powered-by",
        b"x-real-ip", b"x-request-id", b"x-requested-with", b"x-xss-protection",
    ), 0),
    **_PSEUDO_NAMES,
    b"content-length": CONTENT_LENGTH,
    b"host": HOST,
    b"cookie": COOKIE,
    b"te": TE,
    b"authorization": SENSITIVE,
    b"proxy-authorization": SENSITIVE,
    b"priority": PRIORITY,
    **dict.fromkeys((b"via", b"forwarded", b"x-forwarded-for"), OF_PROXY),
    **dict.fromkeys(_CONNECTION_FIELDS, CONNECTION_FIELD),
}  # fmt: skip

#: "a recipient MUST anticipate potentially large decimal numerals and prevent parsing errors due
#: to integer conversion overflows" (RFC 9110 section 8.6): the largest number that is accepted, and
#: the most digits, including leading zeros. int() accepts 640 digits whatever limit is set
#: (``sys.set_int_max_str_digits``), so it works for every valid content-length.
_LARGEST_LENGTH: Final = 2**63 - 1
_MOST_DIGITS: Final = 640

#: A number with this many digits is never too large.
_FEW_DIGITS: Final = 18

#: All whitespace is at most this.
_SPACE: Final = 0x20

_DEL: Final = 0x7F
_SLASH: Final = 0x2F
_ZERO: Final = 0x30

#: A loop over the octets of longer values costs more than a few searches.
_SHORT_VALUE: Final = 64


def classify(name: bytes, value: bytes) -> int:
    """Return the class mask of a field: 0 for an ordinary field whose characters are valid."""
    return classify_value(classify_name(name), value)


def classify_name(name: bytes) -> int:
    """Return the part of a class mask that depends on the name alone."""
    mask = KNOWN_NAMES.get(name)
    if mask is None:
        mask = _odd_name(name) if name.translate(None, NAME_CHARACTERS) or not name else 0
    return mask


def classify_value(mask: int, value: bytes) -> int:
    """Return the class mask of a field with this value; ``mask`` is that of its name."""
    # "A field value MUST NOT contain the zero value (ASCII NUL, 0x00), line feed (ASCII LF,
    # 0x0a), or carriage return (ASCII CR, 0x0d) at any position.", "A field value MUST NOT start or
    # end with an ASCII whitespace character" (section 8.2.1)
    if COMPILED and is_short_and_visible(value):
        if mask == PATH and value and value[0] == _SLASH:
            return PATH
    elif (
        0 in value
        or 10 in value
        or 13 in value
        or ((not COMPILED or low_at_an_end(value)) and value.strip(b" \t") != value)
    ):
        return mask | BAD_VALUE
    if not mask:
        return 0
    # The most common literals with a separate class, so they avoid another call.
    if mask == PATH and value[:1] == b"/" and value.translate(None, _URI_FORBIDDEN) == value:
        return PATH
    if mask == CONTENT_LENGTH and value.isdigit() and len(value) <= _FEW_DIGITS:
        return CONTENT_LENGTH
    return mask | _value_facts(mask, value)


def is_short_and_visible(value: bytes) -> bool:
    """Tell whether a short value has no controls, spaces and DEL; fast in the compiled build."""
    length: i64 = len(value)
    if length > _SHORT_VALUE:
        return False
    at: i64 = 0
    octet: i64
    while at < length:
        octet = value[at]
        if octet <= _SPACE or octet == _DEL:
            return False
        at += 1
    return True


def decimal(value: bytes) -> int:
    """Return the number in a valid content-length; fast in the compiled build."""
    length: i64 = len(value)
    if length > _FEW_DIGITS:
        return int(value)
    number: i64 = 0
    at: i64 = 0
    digit: i64
    while at < length:
        digit = value[at]
        number = number * 10 + (digit - _ZERO)
        at += 1
    return number


def low_at_an_end(value: bytes) -> bool:
    """Tell whether a value may start or end with whitespace; fast in the compiled build."""
    length = len(value)
    return length > 0 and (value[0] <= _SPACE or value[length - 1] <= _SPACE)


def _odd_name(name: bytes) -> int:
    """Return the class of a name that is not a token in lower case."""
    if name[:1] == b":":
        return UNKNOWN_PSEUDO
    # "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff
    # (all ranges inclusive)." "With the exception of pseudo-header fields [...] field names MUST
    # NOT include a colon" (section 8.2.1)
    if not name or name.translate(None, _NAME_FORBIDDEN) != name:
        return BAD_NAME
    # "field-name = token" (RFC 9110 section 5.1)
    return NO_TOKEN


def _value_facts(mask: int, value: bytes) -> int:
    """Return what the value adds to the mask, for a field with a class of its own."""
    if mask & PSEUDO:
        return _pseudo_facts(mask, value)
    if mask == CONTENT_LENGTH:
        return 0 if _is_length(value) else BAD_FORM
    if mask == TE:
        # "it MUST NOT contain any value other than 'trailers'" (section 8.2.2)
        return 0 if value.lower() == b"trailers" else BAD_FORM
    return 0


def _is_length(value: bytes) -> bool:
    # "Content-Length = 1*DIGIT" (RFC 9110 section 8.6)
    return value.isdigit() and len(value) <= _MOST_DIGITS and int(value) <= _LARGEST_LENGTH


def _pseudo_facts(mask: int, value: bytes) -> int:
    if mask == METHOD:
        if value == b"HEAD":
            return HEAD
        if value == b"CONNECT":
            return CONNECT
        bad = not value or bool(value.translate(None, _METHOD_CHARACTERS))
    elif mask == STATUS:
        return _status_facts(value)
    elif mask == SCHEME:
        bad = not value or bool(value.translate(None, _SCHEME_CHARACTERS))
    elif mask == AUTHORITY:
        return _target_facts(b"@" in value, value)
    elif mask == PATH:
        return _target_facts(value[:1] != b"/", value) if value else ODD_TARGET | BAD_FORM
    else:
        bad = mask == PROTOCOL and (
            not value or bool(value.translate(None, _METHOD_CHARACTERS + b"/"))
        )
    return BAD_FORM if bad else 0


def _target_facts(odd: bool, value: bytes) -> int:
    bad = value.translate(None, _URI_FORBIDDEN) != value
    return (ODD_TARGET if odd else 0) | (BAD_FORM if bad else 0)


def _status_facts(value: bytes) -> int:
    # "The status code of a response is a three-digit integer code" (RFC 9110 section 15);
    # "HTTP/2 does not support the 101 (Switching Protocols) informational status code"
    # (section 8.6)
    if len(value) != 3 or not value.isdigit() or value < b"100" or value == b"101":
        return BAD_FORM
    if value < b"200":
        return INFORMATIONAL | WITHOUT_LENGTH
    if value < b"300":
        return SUCCESSFUL | NO_CONTENT | WITHOUT_LENGTH if value == b"204" else SUCCESSFUL
    return NO_CONTENT if value == b"304" else 0


def is_connection_field(name: bytes) -> bool:
    """Return whether ``name`` is one of the connection-specific fields of section 8.2.2."""
    return name in _CONNECTION_FIELDS


#: Methods that are safe and cacheable (RFC 9110 sections 9.2.1, 9.2.3), so they may be promised.
PUSHABLE: Final = (b"GET", b"HEAD")

#: A cookie shorter than this could be guessed by brute force (RFC 7541 section 7.1.3).
SHORT_COOKIE: Final = 20


def is_sensitive(mask: int, value: bytes) -> bool:
    """Return whether a field must never be indexed by default (RFC 7541 section 7.1.3)."""
    return bool(mask & SENSITIVE) or (bool(mask & COOKIE) and len(value) < SHORT_COOKIE)
