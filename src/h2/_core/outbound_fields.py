"""Header fields on their way out: normalised, classified, looked up; nothing is encoded yet.

Planning a field block changes neither the HPACK table nor the connection, so that everything
that can refuse the block is asked before the encoder runs (RFC 9113 section 4.3: the peer's
decoder has to see every block that our encoder made).
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._core.state import STATIC, Connection, Plan
from h2._hpack import LEADING, Entry
from h2._rules.fields import (
    AUTHORITY,
    CONNECTION_FIELD,
    COOKIE,
    DECIDING,
    KNOWN_NAMES,
    PLAIN,
    TRAILERS,
    classify,
    is_connection_field,
    is_sensitive,
)
from h2._rules.messages import check_message

T = TypeVar("T")

_STATIC_ENTRIES: Final = STATIC.exact

#: Text and mixed-case forms of fields in the table, per connection.
_MAX_ALIASES: Final = 64

#: Fields of these types are found in the table as they are. Not so a never-indexed field: it
#: equals a plain one and has to go out never-indexed.
PLAIN_TYPES: Final = ({tuple}, {HeaderTuple}, {tuple, HeaderTuple})


def plan(conn: Connection, kind: int, headers: list[Any]) -> Plan:
    """Return what to encode for these fields; raise if they make no valid message.

    ``kind`` is one of REQUEST, RESPONSE, TRAILERS (:mod:`h2._rules.fields`).
    """
    if conn.config_version != conn.config._version:
        conn.forget_what_was_planned()
    entries = _look_up(conn, headers)
    fresh = False
    authority: bytes | None = None
    seen = repeated = leading = 0
    for position, entry in enumerate(entries):
        if entry is None:
            entry = _prepare(conn, headers[position])
            if entry is None:
                # Some fields stand for none or for several: write them out and start again.
                return plan(conn, kind, _write_out(conn, headers))
            entries[position] = entry
            fresh |= not entry.seq
        mask = entry.mask
        if mask:
            repeated |= seen & mask
            seen |= mask
            if mask & LEADING:
                leading = position + 1
                if mask & AUTHORITY:
                    authority = entry.value
    if (repeated or PLAIN[kind].get(seen & DECIDING) != leading) and (
        conn.config.validate_outbound_headers
    ):
        found = check_message(
            kind, [(entry.name, entry.value) for entry in entries], conn.connect_protocol()
        )
        if found is not None:
            raise found.public()
    if not entries and kind != TRAILERS:
        raise ValueError("a request or a response has at least one field")
    return Plan(entries, seen, authority, fresh)


def _look_up(conn: Connection, headers: list[Any]) -> list[Any]:
    """Return the table entry for each field, or None where none stands for it as it is."""
    known = conn.known
    if {*map(type, headers)} in PLAIN_TYPES:
        try:
            return list(map(known.get, headers))
        except TypeError:  # a field that is not hashable
            pass
    # A never-indexed field equals a plain one, and must not be taken for it.
    return [_find(known, field) if field.__class__ is tuple else None for field in headers]


def _prepare(conn: Connection, field: Any) -> Entry | None:
    """Return the entry for a field that is not in the table as it is.

    None means that it takes the place of no field or of several.
    """
    if field.__class__ is not tuple or len(field) != 2:
        return _prepare_other(conn, field)
    name, value = field
    if name.__class__ is not bytes or value.__class__ is not bytes:
        return _prepare_other(conn, field)
    if conn.config.normalize_outbound_headers and (
        value.strip() != value or (name not in KNOWN_NAMES and name.strip().lower() != name)
    ):
        return _prepare_other(conn, field)
    entry = _STATIC_ENTRIES.get(field)
    if entry is not None:
        conn.known[field] = entry
        return entry
    mask = classify(name, value)
    return _with_mask(conn, field, mask) if mask else Entry(field, 0)


def _with_mask(conn: Connection, field: tuple[bytes, bytes], mask: int) -> Entry | None:
    """Return the entry for a field of a class of its own, in its final form."""
    never = False
    if conn.config.normalize_outbound_headers:
        if mask & CONNECTION_FIELD or (mask & COOKIE and _is_split(conn, field[1])):
            return None
        never = is_sensitive(mask, field[1])
    return Entry(field, mask, never)


def _prepare_other(conn: Connection, field: Any) -> Entry | None:
    """Return the entry for a field that is text, not in its final form, or never-indexed."""
    plain = field.__class__ is tuple
    key = None
    if plain and conn.aliases is not None:
        key = _find(conn.aliases, field)
    if key is None:
        name, value = _as_bytes(field)
        if conn.config.normalize_outbound_headers:
            name = name.strip().lower()
            value = value.strip()
        key = (name, value)
    never = not plain and not getattr(field, "indexable", True)
    known = None if never else conn.known.get(key) or _STATIC_ENTRIES.get(key)
    if known is None:
        entry = _with_mask(conn, key, classify(*key))
        if entry is not None and never:
            entry.never = True
        return entry
    if plain:
        _remember_alias(conn, field, key)
    return known


def _is_split(conn: Connection, cookie: bytes) -> bool:
    return conn.config.split_outbound_cookies and b"; " in cookie


def _write_out(conn: Connection, headers: list[Any]) -> list[Any]:
    """Return the fields that really go out: without those of HTTP/1.1, with cookies split."""
    fields: list[Any] = []
    for field in headers:
        name, value = _as_bytes(field)
        name = name.strip().lower()
        # "An intermediary transforming an HTTP/1.x message to HTTP/2 MUST remove
        # connection-specific header fields" (section 8.2.2)
        if is_connection_field(name):
            continue
        if name == b"cookie" and _is_split(conn, value):
            # "the Cookie header field MAY be split into separate header fields, each with one or
            # more cookie-pairs" (section 8.2.3)
            cls = HeaderTuple if getattr(field, "indexable", True) else NeverIndexedHeaderTuple
            fields += [cls(name, crumb) for crumb in value.strip().split(b"; ")]
        else:
            fields.append(field)
    return fields


def _find(known: dict[Any, T], field: object) -> T | None:
    """Look up a field that may not be hashable."""
    try:
        return known.get(field)
    except TypeError:
        return None


def _remember_alias(conn: Connection, field: object, key: tuple[bytes, bytes]) -> None:
    """Remember the final form of a field that stands in the table in that form."""
    if conn.aliases is None or len(conn.aliases) >= _MAX_ALIASES:
        conn.aliases = {}
    conn.aliases[field] = key


def _as_bytes(field: Any) -> tuple[bytes, bytes]:
    """Return name and value of a field as the application gave it."""
    if isinstance(field, (str, bytes)):
        raise TypeError(f"a header field must be a (name, value) tuple, not {field!r}")
    if len(field) < 2:
        raise ValueError(f"a header field must be a (name, value) tuple, not {field!r}")
    name, value = field[0], field[1]
    if name.__class__ is not bytes or value.__class__ is not bytes:
        name, value = _text_as_bytes(name), _text_as_bytes(value)
    return name, value


def _text_as_bytes(part: Any) -> bytes:
    if isinstance(part, str):
        return part.encode("utf-8")
    if isinstance(part, bytes):
        return part
    raise TypeError(f"name and value of a header field must be bytes or str, not {part!r}")
