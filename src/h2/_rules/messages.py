"""The full check of a field block, field by field: reports what is wrong.

Runs only if the masks of the fields (:data:`h2._rules.fields.PLAIN`) do not already show
that the block is valid. RFC 9113 sections 8.2, 8.3, 8.4, 8.5; RFC 8441 section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from h2._rules import registry as rules
from h2._rules.fields import (
    AUTHORITY,
    BAD_FORM,
    BAD_NAME,
    BAD_VALUE,
    CONNECTION_FIELD,
    CONTENT_LENGTH,
    HOST,
    INFORMATIONAL,
    KIND_NAMES,
    METHOD,
    NO_TOKEN,
    PATH,
    PROTOCOL,
    PSEUDO,
    REQUEST,
    REQUEST_PSEUDO,
    RESPONSE,
    SCHEME,
    STATUS,
    TE,
    TRAILERS,
    UNKNOWN_PSEUDO,
    WITHOUT_LENGTH,
    classify,
)
from h2._rules.quote import quoted
from h2._rules.registry import Rule, Violation

Field = tuple[bytes, bytes]


def check_message(
    kind: int, fields: Sequence[Field], connect_protocol: bool, lenient: bool = False
) -> Violation | None:
    """Return what makes this field block malformed (section 8.1.1), or None.

    ``connect_protocol`` says whether SETTINGS_ENABLE_CONNECT_PROTOCOL was advertised by the
    server of this connection (RFC 8441 section 3); ``lenient`` leaves out the rules that
    are not enforced for what we send by default.
    """
    values: dict[int, bytes] = {}
    regular: bytes | None = None
    seen = 0
    for name, value in fields:
        mask = classify(name, value)
        seen |= mask
        found = _check_field(kind, mask, name, value)
        if found is not None and not (lenient and found.rule.sent):
            return found
        if mask & PSEUDO:
            # "All pseudo-header fields MUST appear in a field block before all regular field
            # lines." (section 8.3)
            if regular is not None:
                return _bad(rules.PSEUDO_AFTER_REGULAR, kind, name, f"follows {quoted(regular)}")
            # "The same pseudo-header field name MUST NOT appear more than once" (section 8.3)
            if mask & PSEUDO in values:
                return _bad(rules.PSEUDO_REPEATED, kind, name, "appears more than once")
            values[mask & PSEUDO] = value
        else:
            regular = name
            if mask & (HOST | CONTENT_LENGTH):
                found = _check_single(kind, mask & (HOST | CONTENT_LENGTH), name, value, values)
                if found is not None:
                    return found
    if kind == REQUEST:
        return _check_request(values, connect_protocol)
    return _check_response(values, seen) if kind == RESPONSE else None


def check_lengths(kind: int, fields: Sequence[Field]) -> Violation | None:
    """Check only content-length, on which framing depends even if validation is off."""
    values: dict[int, bytes] = {}
    for name, value in fields:
        if name == b"content-length":
            mask = classify(name, value)
            if mask & (BAD_VALUE | BAD_FORM):
                return _bad_length(kind, name, value)
            found = _check_single(kind, CONTENT_LENGTH, name, value, values)
            if found is not None:
                return found
    return None


def _bad(rule: Rule, kind: int, name: bytes, what: str) -> Violation:
    return _malformed(rule, kind, f"Field {quoted(name.decode('latin-1'))} {what}")


def _malformed(rule: Rule, kind: int, what: str) -> Violation:
    # Field and reason come first: a program may show only the beginning of a message.
    return Violation(rule, f"{what} (malformed {KIND_NAMES[kind]})")


def _check_field(kind: int, mask: int, name: bytes, value: bytes) -> Violation | None:
    """Check one field by itself: its name, its place in this kind of block, its value."""
    if not mask:
        return None
    if mask & (BAD_NAME | NO_TOKEN):
        return _bad_name(kind, mask, name)
    if mask & PSEUDO:
        found = _check_pseudo_place(kind, mask, name)
        if found is not None:
            return found
    # "Any message containing connection-specific header fields MUST be treated as malformed"
    if mask & CONNECTION_FIELD:
        return _bad(rules.CONNECTION_SPECIFIC, kind, name, "is connection-specific")
    if mask & BAD_VALUE:
        octets = 0 in value or 10 in value or 13 in value
        what = (
            "a value with CR, LF or NUL"
            if octets
            else "a value with leading or trailing whitespace"
        )
        return _bad(rules.FIELD_VALUE_INVALID, kind, name, f"has {what}: {quoted(value)}")
    return _bad_form(kind, mask, name, value) if mask & BAD_FORM else None


def _bad_name(kind: int, mask: int, name: bytes) -> Violation:
    if not name:
        return _malformed(rules.FIELD_NAME_EMPTY, kind, "Field with an empty name")
    if mask & NO_TOKEN:
        return _bad(rules.FIELD_NAME_NO_TOKEN, kind, name, "has a name that is not a token")
    return _bad(rules.FIELD_NAME_INVALID, kind, name, "has a name with forbidden characters")


def _check_pseudo_place(kind: int, mask: int, name: bytes) -> Violation | None:
    # "Pseudo-header fields defined for requests MUST NOT appear in responses; pseudo-header
    # fields defined for responses MUST NOT appear in requests. Pseudo-header fields MUST NOT
    # appear in a trailer section." (section 8.3)
    if kind == TRAILERS:
        return _bad(rules.PSEUDO_IN_TRAILERS, kind, name, "is a pseudo-header field")
    if mask & UNKNOWN_PSEUDO:
        return _bad(rules.PSEUDO_UNKNOWN, kind, name, "is not a known pseudo-header field")
    allowed = REQUEST_PSEUDO if kind == REQUEST else STATUS
    if not mask & allowed:
        return _bad(rules.PSEUDO_WRONG_MESSAGE, kind, name, "belongs to the other message")
    return None


#: What is wrong with a value that does not have the form of its field.
_FORMS: Final[dict[int, tuple[Rule, str]]] = {
    METHOD: (rules.METHOD_NO_TOKEN, "is not a token"),
    SCHEME: (rules.PSEUDO_VALUE_INVALID, "is not a valid scheme"),
    AUTHORITY: (rules.PSEUDO_VALUE_INVALID, "contains a space or a control character"),
    PATH: (rules.PSEUDO_VALUE_INVALID, "contains a space or a control character"),
    STATUS: (rules.STATUS_INVALID, "is not a valid HTTP/2 status code"),
    PROTOCOL: (rules.PSEUDO_VALUE_INVALID, "is not a valid protocol"),
    TE: (rules.TE_INVALID, "is not 'trailers'"),
}


def _bad_form(kind: int, mask: int, name: bytes, value: bytes) -> Violation:
    if mask & CONTENT_LENGTH:
        return _bad_length(kind, name, value)
    # 'This pseudo-header field MUST NOT be empty for "http" or "https" URIs' (section 8.3.1); the
    # published API refuses it for every scheme, so applications rely on a path.
    if mask & PATH and not value:
        return _bad(rules.PATH_EMPTY, kind, name, "is empty")
    rule, what = _FORMS[mask & (PSEUDO | TE)]
    return _bad(rule, kind, name, f"{what}: {quoted(value)}")


def _bad_length(kind: int, name: bytes, value: bytes) -> Violation:
    # "a recipient MUST anticipate potentially large decimal numerals and prevent parsing errors due
    # to integer conversion overflows" (RFC 9110 section 8.6)
    if value.isdigit():
        return _bad(rules.CONTENT_LENGTH_TOO_LARGE, kind, name, f"is too large: {quoted(value)}")
    return _bad(rules.CONTENT_LENGTH_INVALID, kind, name, f"is not a number: {quoted(value)}")


def _check_single(
    kind: int, bit: int, name: bytes, value: bytes, values: dict[int, bytes]
) -> Violation | None:
    """Check fields that a message may have once: host, and content-length with one value."""
    if bit in values:
        # RFC 9112 section 3.2 requires that a request with more than one Host field is refused;
        # nothing says that HTTP/2 differs. In other messages the field has no meaning.
        if bit == HOST:
            if kind == REQUEST:
                return _bad(rules.HOST_REPEATED, kind, name, "appears more than once")
        elif int(values[bit]) != int(value):
            what = f"has different values: {quoted(values[bit])} and {quoted(value)}"
            return _bad(rules.CONTENT_LENGTH_CONFLICT, kind, name, what)
    values[bit] = value
    return None


def _check_response(values: dict[int, bytes], seen: int) -> Violation | None:
    # "This pseudo-header field MUST be included in all responses, including interim responses"
    # (section 8.3.2)
    if STATUS not in values:
        return _malformed(rules.PSEUDO_MISSING, RESPONSE, "Field ':status' is missing")
    # "A server MUST NOT send a Content-Length header field in any response with a status code of
    # 1xx (Informational) or 204 (No Content)." (RFC 9110 section 8.6) Servers do send 204 with 0,
    # which is correct and harmless.
    length = values.get(CONTENT_LENGTH)
    if seen & WITHOUT_LENGTH and length is not None and (seen & INFORMATIONAL or int(length)):
        status = values[STATUS].decode("ascii")
        what = f"is not allowed with status {status}: {quoted(length)}"
        return _bad(rules.CONTENT_LENGTH_FORBIDDEN, RESPONSE, b"content-length", what)
    return None


def _check_request(values: dict[int, bytes], connect_protocol: bool) -> Violation | None:
    connect = values.get(METHOD) == b"CONNECT"
    if PROTOCOL not in values:
        found = _check_connect(values) if connect else _check_target(values)
    elif not connect:
        # ":protocol" is only defined for CONNECT requests (RFC 8441 section 4)
        found = _malformed(
            rules.PROTOCOL_WITHOUT_CONNECT,
            REQUEST,
            "Field ':protocol' is allowed only with the method CONNECT",
        )
    else:
        found = _check_target(values)
        if found is None and not connect_protocol:
            # "If a client were to use the provisions of the extended CONNECT method defined in this
            # document without first receiving a SETTINGS_ENABLE_CONNECT_PROTOCOL parameter, a
            # non-supporting peer would detect a malformed request" (RFC 8441 section 3)
            found = _malformed(
                rules.PROTOCOL_NOT_ENABLED,
                REQUEST,
                "Field ':protocol' requires SETTINGS_ENABLE_CONNECT_PROTOCOL",
            )
    return _check_host(values) if found is None else found


def _check_connect(values: dict[int, bytes]) -> Violation | None:
    """Check a CONNECT request without ':protocol' (section 8.5)."""
    # "The ':scheme' and ':path' pseudo-header fields MUST be omitted."
    for bit, shown in ((SCHEME, ":scheme"), (PATH, ":path")):
        if bit in values:
            return _malformed(
                rules.CONNECT_MALFORMED, REQUEST, f"Field {shown!r} is not allowed with CONNECT"
            )
    # "The ':authority' pseudo-header field contains the host and port to connect to"
    authority = values.get(AUTHORITY)
    if authority is not None:
        return _userinfo(authority)
    rule = rules.CONNECT_WITHOUT_AUTHORITY if HOST in values else rules.PSEUDO_MISSING
    return _malformed(rule, REQUEST, "Field ':authority' is missing")


def _check_target(values: dict[int, bytes]) -> Violation | None:
    """Check the target URI of any other request (section 8.3.1)."""
    # "All HTTP/2 requests MUST include exactly one valid value for the ':method', ':scheme', and
    # ':path' pseudo-header fields, unless they are CONNECT requests"; "On requests that contain the
    # :protocol pseudo-header field, the :scheme and :path pseudo-header fields of the target URI
    # (see Section 5) MUST also be included." (RFC 8441 section 4)
    for bit, shown in ((METHOD, ":method"), (SCHEME, ":scheme"), (PATH, ":path")):
        if bit not in values:
            return _malformed(rules.PSEUDO_MISSING, REQUEST, f"Field {shown!r} is missing")
    # '":scheme" is not restricted to "http" and "https" schemed URIs.' Others cannot be checked.
    if values[SCHEME].lower() not in _DEFAULT_PORTS:
        return None
    path = values[PATH]
    # "The ':path' pseudo-header field includes the path and query parts of the target URI (the
    # absolute-path production and, optionally, a '?' character followed by the query production
    # [...]). A request in asterisk form (for OPTIONS) includes the value '*'"
    asterisk = path == b"*" and values[METHOD] == b"OPTIONS"
    if path[:1] != b"/" and not asterisk:
        what = f"does not begin with '/': {quoted(path)}"
        return _bad(rules.PATH_NOT_ABSOLUTE, REQUEST, b":path", what)
    # "A user agent MUST generate a Host header field in a request unless it sends that information
    # as an ':authority' pseudo-header field." (RFC 9110 section 7.2) "request targets for CONNECT
    # or asterisk-form OPTIONS requests never include authority information" (section 8.3.1)
    authority = values.get(AUTHORITY)
    if authority is None:
        if HOST in values or asterisk:
            return None
        what = "Fields ':authority' and 'host' are both missing"
        return _malformed(rules.AUTHORITY_MISSING, REQUEST, what)
    return _userinfo(authority)


def _userinfo(authority: bytes) -> Violation | None:
    # '":authority" MUST NOT include the deprecated userinfo subcomponent for "http" or "https"
    # schemed URIs.' (section 8.3.1) In CONNECT it is host and port.
    if b"@" in authority:
        what = f"contains userinfo: {quoted(authority)}"
        return _bad(rules.PSEUDO_VALUE_INVALID, REQUEST, b":authority", what)
    return None


def _check_host(values: dict[int, bytes]) -> Violation | None:
    # "A server SHOULD treat a request as malformed if it contains a Host header field that
    # identifies an entity that differs from the entity in the ':authority' pseudo-header field."
    authority = values.get(AUTHORITY)
    host = values.get(HOST)
    if authority is None or host is None:
        return None
    # "The values of fields need to be normalized to compare them"; servers "MUST perform
    # scheme-based normalization" (RFC 3986 section 6.2.3)
    scheme = values.get(SCHEME, b"").lower()
    if _without_default_port(authority, scheme) != _without_default_port(host, scheme):
        what = f"differs from ':authority': {quoted(host)} and {quoted(authority)}"
        return _bad(rules.HOST_MISMATCH, REQUEST, b"host", what)
    return None


_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}


def _without_default_port(authority: bytes, scheme: bytes) -> bytes:
    return authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b":"))
