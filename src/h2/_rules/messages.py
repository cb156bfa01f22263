"""The exact check of a field block, field by field: words the error for what is wrong.

Runs only where the masks of the fields (:data:`h2._rules.fields.PLAIN`) do not already say
that the block is valid. RFC 9113 sections 8.2, 8.3, 8.4, 8.5; RFC 8441 section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from h2._rules import registry as rules
from h2._rules.fields import (
    AUTHORITY,
    BAD_NAME,
    BAD_VALUE,
    CONNECTION_FIELD,
    CONTENT_LENGTH,
    HOST,
    KIND_NAMES,
    METHOD,
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
    classify,
)
from h2._rules.quoting import quoted
from h2._rules.registry import Rule, Violation

Field = tuple[bytes, bytes]


def check_message(kind: int, fields: Sequence[Field], connect_protocol: bool) -> Violation | None:
    """Return what makes this field block malformed (section 8.1.1), or None.

    ``connect_protocol`` says whether SETTINGS_ENABLE_CONNECT_PROTOCOL was advertised by the
    server of this connection (RFC 8441 section 3).
    """
    values: dict[int, bytes] = {}
    regular: bytes | None = None
    for name, value in fields:
        mask = classify(name, value)
        found = _check_field(kind, mask, name, value)
        if found is not None:
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
    if kind == RESPONSE and STATUS not in values:
        # "This pseudo-header field MUST be included in all responses, including interim
        # responses" (section 8.3.2)
        return Violation(rules.PSEUDO_MISSING, "Malformed response: ':status' is missing")
    return None


def check_lengths(kind: int, fields: Sequence[Field]) -> Violation | None:
    """Check content-length alone: what framing depends on when validation is switched off."""
    values: dict[int, bytes] = {}
    for name, value in fields:
        if name == b"content-length":
            mask = classify(name, value)
            if mask & BAD_VALUE:
                return _bad(
                    rules.CONTENT_LENGTH_INVALID, kind, name, f"is not valid: {quoted(value)}"
                )
            found = _check_single(kind, CONTENT_LENGTH, name, value, values)
            if found is not None:
                return found
    return None


def _bad(rule: Rule, kind: int, name: bytes, what: str) -> Violation:
    shown = quoted(name.decode("latin-1"))
    return Violation(rule, f"Malformed {KIND_NAMES[kind]}: field {shown} {what}")


def _check_field(kind: int, mask: int, name: bytes, value: bytes) -> Violation | None:
    """Check one field by itself: its name, its place in this kind of block, its value."""
    if not mask:
        return None
    if mask & BAD_NAME:
        if not name:
            return Violation(
                rules.FIELD_NAME_EMPTY, f"Malformed {KIND_NAMES[kind]}: empty field name"
            )
        return _bad(rules.FIELD_NAME_INVALID, kind, name, "has characters not allowed in a name")
    if mask & PSEUDO:
        found = _check_pseudo_place(kind, mask, name)
        if found is not None:
            return found
    # "Any message containing connection-specific header fields MUST be treated as malformed"
    if mask & CONNECTION_FIELD:
        return _bad(rules.CONNECTION_SPECIFIC, kind, name, "is connection-specific")
    if mask & BAD_VALUE:
        return _bad(
            _value_rule(mask), kind, name, f"has a value that is not valid: {quoted(value)}"
        )
    return None


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


def _value_rule(mask: int) -> Rule:
    if mask & STATUS:
        return rules.STATUS_INVALID
    if mask & PSEUDO:
        return rules.PSEUDO_VALUE_INVALID
    if mask & CONTENT_LENGTH:
        return rules.CONTENT_LENGTH_INVALID
    return rules.TE_INVALID if mask & TE else rules.FIELD_VALUE_INVALID


def _check_single(
    kind: int, bit: int, name: bytes, value: bytes, values: dict[int, bytes]
) -> Violation | None:
    """Check fields of which a message has one: host, and content-length with one value."""
    if bit in values:
        # RFC 9112 section 3.2 wants a request with more than one Host field refused; nothing says
        # that this is another matter in HTTP/2.
        if bit == HOST:
            return _bad(rules.HOST_REPEATED, kind, name, "appears more than once")
        if int(values[bit]) != int(value):
            return _bad(rules.CONTENT_LENGTH_CONFLICT, kind, name, "has different values")
    values[bit] = value
    return None


def _check_request(values: dict[int, bytes], connect_protocol: bool) -> Violation | None:
    method = values.get(METHOD)
    if method == b"CONNECT":
        found = _check_connect(values, connect_protocol)
    else:
        if PROTOCOL in values:
            # ":protocol" is defined for CONNECT requests alone (RFC 8441 section 4)
            return Violation(
                rules.PROTOCOL_WITHOUT_CONNECT,
                "Malformed request: ':protocol' without the method CONNECT",
            )
        # "All HTTP/2 requests MUST include exactly one valid value for the ':method', ':scheme',
        # and ':path' pseudo-header fields, unless they are CONNECT requests" (section 8.3.1)
        found = _require(values, METHOD | SCHEME | PATH)
        if found is None and AUTHORITY not in values and HOST not in values:
            # Stricter than the RFC, as the published API has it: applications count on one of both.
            found = Violation(
                rules.AUTHORITY_MISSING, "Malformed request: neither ':authority' nor 'host'"
            )
    return _check_authority(values) if found is None else found


def _check_connect(values: dict[int, bytes], connect_protocol: bool) -> Violation | None:
    if PROTOCOL in values:
        if not connect_protocol:
            return Violation(
                rules.PROTOCOL_NOT_ENABLED,
                "Malformed request: ':protocol' without SETTINGS_ENABLE_CONNECT_PROTOCOL",
            )
        # "On requests that contain the :protocol pseudo-header field, the :scheme and :path
        # pseudo-header fields of the target URI (see Section 5) MUST also be included." (RFC 8441
        # section 4)
        return _require(values, SCHEME | PATH | AUTHORITY)
    # "The ':scheme' and ':path' pseudo-header fields MUST be omitted." (section 8.5)
    if SCHEME in values or PATH in values:
        return Violation(
            rules.CONNECT_MALFORMED, "Malformed request: CONNECT with ':scheme' or ':path'"
        )
    # "The ':authority' pseudo-header field contains the host and port to connect to"
    return _require(values, AUTHORITY)


def _check_authority(values: dict[int, bytes]) -> Violation | None:
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
        return Violation(
            rules.HOST_MISMATCH,
            f"Malformed request: 'host' {quoted(host)} differs from "
            f"':authority' {quoted(authority)}",
        )
    return None


_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


def _without_default_port(authority: bytes, scheme: bytes) -> bytes:
    return authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b":"))


_PSEUDO_SHOWN = ((METHOD, ":method"), (SCHEME, ":scheme"), (PATH, ":path"),
                 (AUTHORITY, ":authority"))  # fmt: skip


def _require(values: dict[int, bytes], needed: int) -> Violation | None:
    for bit, shown in _PSEUDO_SHOWN:
        if needed & bit and bit not in values:
            return Violation(rules.PSEUDO_MISSING, f"Malformed request: {shown!r} is missing")
    return None
