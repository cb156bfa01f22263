"""Received header fields: checked, joined, decoded to what the application gets."""

from __future__ import annotations

from typing import Final

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._compiled import COMPILED
from h2._core.state import Connection
from h2._core.stream import CONNECT_METHOD, HEAD_METHOD
from h2._hpack import FieldSection
from h2._rules import registry as rules
from h2._rules.fields import (
    CONTENT_LENGTH,
    COOKIE,
    DECIDING,
    OF_PROXY,
    PLAIN,
    PRIORITY,
    REQUEST,
    SUCCESSFUL,
    is_plain,
)
from h2._rules.messages import check_lengths, check_message
from h2._rules.registry import Violation

_LENGTH_RULES: Final = (rules.CONTENT_LENGTH_INVALID, rules.CONTENT_LENGTH_CONFLICT)

#: All classes of fields except those that may occur several times.
_ONLY_ONCE: Final = ~(COOKIE | PRIORITY | OF_PROXY)


def checked_fields(
    conn: Connection, kind: int, section: FieldSection, stream_id: int
) -> list[HeaderTuple]:
    """Return the fields of a valid block as the application gets them."""
    options = conn.options
    seen = section.seen
    if options.validate_inbound:
        if section.repeated & _ONLY_ONCE or not (
            is_plain(kind, seen, section.leading)
            if COMPILED
            else PLAIN[kind].get(seen & DECIDING) == section.leading
        ):
            found = check_message(kind, section.fields, conn.connect_protocol())
            if found is not None and seen & COOKIE and options.join_cookies:
                found = _with_cookies_joined(conn, found, kind, section)
            if found is not None and not _is_ignored(conn, found, seen, stream_id):
                raise _of_stream(found, conn, kind, stream_id)
    elif seen & CONTENT_LENGTH:
        # Framing depends on it, so it is always checked.
        found = check_lengths(kind, section.fields)
        if found is not None:
            raise _of_stream(found, conn, kind, stream_id)
    if seen & COOKIE and options.join_cookies:
        fields = _join_cookies(section)
    else:
        fields = section.fields.copy()
    encoding = options.encoding
    if encoding and isinstance(encoding, str):
        fields = _decode_text(fields, encoding)
    return fields


def _with_cookies_joined(
    conn: Connection, found: Violation, kind: int, section: FieldSection
) -> Violation:
    """Return what is wrong with the fields once the cookies are joined at the end.

    h2 4.4.1 checks these, so what joining fixes is only a stream error.
    """
    joined = check_message(kind, _join_cookies(section), conn.connect_protocol())
    if joined is None:
        found.rule = rules.COOKIE_MALFORMED
        return found
    return joined


def _of_stream(found: Violation, conn: Connection, kind: int, stream_id: int) -> Violation:
    """Return what is wrong with the fields, as a violation on their stream."""
    found.stream_id = stream_id
    if found.rule in _LENGTH_RULES and _has_no_content(conn, kind, stream_id):
        found.rule = rules.CONTENT_LENGTH_WITHOUT_CONTENT
    return found


def _is_ignored(conn: Connection, found: Violation, seen: int, stream_id: int) -> bool:
    # "A client MUST ignore any Content-Length or Transfer-Encoding header fields received in a
    # successful response to CONNECT." (RFC 9110 section 9.3.6)
    if found.rule is not rules.CONTENT_LENGTH_FORBIDDEN or not seen & SUCCESSFUL:
        return False
    return conn.streams[stream_id].method == CONNECT_METHOD


def _has_no_content(conn: Connection, kind: int, stream_id: int) -> bool:
    """Return whether this is a promised request, or part of the response to HEAD.

    Framing does not depend on their content-length.
    """
    if not conn.client:
        return False
    return kind == REQUEST or conn.streams[stream_id].method == HEAD_METHOD


def _join_cookies(section: FieldSection) -> list[HeaderTuple]:
    """Return the fields with one cookie field, at the end (section 8.2.3)."""
    fields = section.fields
    if not section.repeated & COOKIE:
        position = -1
        while fields[position][0] != b"cookie":
            position -= 1
        moved = fields.copy()
        moved.append(moved.pop(position))
        return moved
    # "If there are multiple Cookie header fields after decompression, these MUST be concatenated
    # into a single octet string using the two-octet delimiter of 0x3b, 0x20"
    cookies = [value for name, value in fields if name == b"cookie"]
    joined = [field for field in fields if field[0] != b"cookie"]
    joined.append(NeverIndexedHeaderTuple(b"cookie", b"; ".join(cookies)))
    return joined


def _decode_text(fields: list[HeaderTuple], encoding: str) -> list[HeaderTuple]:
    """Return the fields as text (``H2Configuration.header_encoding``)."""
    try:
        return [
            field.__class__(field[0].decode(encoding), field[1].decode(encoding))
            for field in fields
        ]
    except UnicodeError:
        return [
            field.__class__(_as_text(field[0], encoding), _as_text(field[1], encoding))
            for field in fields
        ]


def _as_text(part: bytes, encoding: str) -> str:
    # "A recipient SHOULD treat other allowed octets in field content (i.e., obs-text) as opaque
    # data." (RFC 9110 section 5.5) So octets that cannot be decoded become surrogates, which are
    # sent as the same octets again.
    try:
        return part.decode(encoding, "surrogateescape")
    except UnicodeError:
        # Encodings that do not extend ASCII, such as UTF-16, cannot decode everything this way.
        return part.decode("ascii", "surrogateescape")
