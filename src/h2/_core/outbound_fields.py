"""Header fields on their way out: normalised, classified, looked up; nothing is encoded yet.

Planning a header block changes neither the HPACK table nor the connection, so that everything
that can refuse the block is asked before the encoder runs (RFC 9113 section 4.3: the peer's
decoder has to see every block that our encoder made).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from hpack.struct import HeaderTuple

from h2._core.state import Connection, Plan
from h2._hpack import LEADING, Entry
from h2._rules.fields import classify, is_connection_field, is_plain, is_sensitive
from h2._rules.messages import check_message

#: Text and mixed-case forms of fields in the table, per connection.
_MAX_ALIASES: Final = 64

Headers = Iterable[Any]


def plan(conn: Connection, kind: int, headers: Headers) -> Plan:
    """Return what to encode for these fields; raise if they make no valid message.

    ``kind`` is one of REQUEST, RESPONSE, TRAILERS (:mod:`h2._rules.fields`).
    """
    known = conn.encoder.fields
    entries: list[Entry] = []
    fresh = False
    for field in headers:
        entry: Entry | None = None
        # A never-indexed field equals a plain tuple: only these two types may match.
        if field.__class__ is tuple or field.__class__ is HeaderTuple:
            try:
                entry = known.get(field)
            except TypeError:  # not hashable: not bytes, that is
                entry = None
        if entry is None:
            fresh |= _prepare(conn, field, entries)
        else:
            entries.append(entry)
    seen = repeated = leading = 0
    for position, entry in enumerate(entries, 1):
        mask = entry.mask
        if mask:
            repeated |= seen & mask
            seen |= mask
            if mask & LEADING:
                leading = position
    if conn.config.validate_outbound_headers and not is_plain(kind, seen, repeated, leading):
        found = check_message(
            kind, [(entry.name, entry.value) for entry in entries], conn.connect_protocol()
        )
        if found is not None:
            raise found.public()
    return Plan(entries, seen, leading, fresh)


def _prepare(conn: Connection, field: Any, entries: list[Entry]) -> bool:
    """Append the entries for a field that is not in the table as it is; tell whether it is new."""
    conn.forget_if_reconfigured()
    normalize = conn.config.normalize_outbound_headers
    aliases = conn.aliases
    aliasable = normalize and field.__class__ is tuple
    if aliasable and aliases is not None:
        alias = _find(aliases, field)
        if alias is not None:
            entries.append(alias)
            return False
    name, value = _as_bytes(field)
    never = not getattr(field, "indexable", True)
    if not normalize:
        return _append(conn, entries, name, value, never)
    name = name.strip().lower()
    value = value.strip()
    # "An intermediary transforming an HTTP/1.x message to HTTP/2 MUST remove connection-specific
    # header fields" (section 8.2.2)
    if is_connection_field(name):
        return False
    if name == b"cookie" and conn.config.split_outbound_cookies:
        # "the Cookie header field MAY be split into separate header fields, each with one or
        # more cookie-pairs" (section 8.2.3)
        new = [_append(conn, entries, name, crumb, never) for crumb in value.split(b"; ")]
        return any(new)
    new_field = _append(conn, entries, name, value, never)
    if aliasable and not new_field and not entries[-1].never:
        _remember_alias(conn, field, entries[-1])
    return new_field


def _find(aliases: dict[object, Entry], field: object) -> Entry | None:
    try:
        return aliases.get(field)
    except TypeError:
        return None


def _remember_alias(conn: Connection, field: object, entry: Entry) -> None:
    """Remember a field that stands in the table in another form, so that it is found at once."""
    if conn.aliases is None or len(conn.aliases) >= _MAX_ALIASES:
        conn.aliases = {}
    conn.aliases[field] = entry


def _as_bytes(field: Any) -> tuple[bytes, bytes]:
    """Return name and value of a field as the application gave it."""
    if isinstance(field, (str, bytes)) or not isinstance(field, Sequence) or len(field) < 2:
        raise TypeError(f"a header field must be a (name, value) tuple, not {field!r}")
    name, value = field[0], field[1]
    if isinstance(name, str):
        name = name.encode("utf-8")
    if isinstance(value, str):
        value = value.encode("utf-8")
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise TypeError(f"name and value of a header field must be bytes or str, not {field!r}")
    return name, value


def _append(conn: Connection, entries: list[Entry], name: bytes, value: bytes, never: bool) -> bool:
    """Append the entry for a field in its final form; tell whether it is in no table."""
    if not never:
        entry = conn.encoder.find((name, value))
        if entry is not None:
            entries.append(entry)
            return False
    mask = classify(name, value)
    if conn.config.normalize_outbound_headers and is_sensitive(mask, value):
        never = True
    entries.append(conn.encoder.literal(name, value, mask, never))
    return True
