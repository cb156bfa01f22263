"""Header fields on their way in: checked, joined, decoded to what the application gets."""

from __future__ import annotations

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._core.state import Connection
from h2._hpack import Block
from h2._rules import registry as rules
from h2._rules.fields import CONTENT_LENGTH, COOKIE, DECIDING, PLAIN
from h2._rules.messages import check_lengths, check_message
from h2._rules.registry import Violation


def checked_fields(conn: Connection, kind: int, block: Block, stream_id: int) -> list[HeaderTuple]:
    """Return the fields of a valid block as the application gets them."""
    config = conn.config
    seen = block.seen
    if config.validate_inbound_headers:
        if block.repeated & ~COOKIE or PLAIN[kind].get(seen & DECIDING) != block.leading:
            found = check_message(kind, block.fields, conn.connect_protocol())
            if found is not None:
                found.stream_id = stream_id
                raise found
    elif seen & CONTENT_LENGTH:
        # Framing depends on it, so it is checked in any case.
        found = check_lengths(kind, block.fields)
        if found is not None:
            found.stream_id = stream_id
            raise found
    if seen & COOKIE and config.normalize_inbound_headers:
        fields = _join_cookies(block)
    else:
        fields = block.fields.copy()
    if isinstance(config.header_encoding, str):
        fields = _decode_text(fields, config.header_encoding, stream_id)
    return fields


def _join_cookies(block: Block) -> list[HeaderTuple]:
    """Return the fields with one cookie field, at the end (section 8.2.3)."""
    fields = block.fields
    if not block.repeated & COOKIE:
        position = len(fields) - 1
        while fields[position][0] != b"cookie":
            position -= 1
        return [*fields[:position], *fields[position + 1 :], fields[position]]
    # "If there are multiple Cookie header fields after decompression, these MUST be concatenated
    # into a single octet string using the two-octet delimiter of 0x3b, 0x20"
    cookies = [value for name, value in fields if name == b"cookie"]
    joined = [field for field in fields if field[0] != b"cookie"]
    joined.append(NeverIndexedHeaderTuple(b"cookie", b"; ".join(cookies)))
    return joined


def _decode_text(fields: list[HeaderTuple], encoding: str, stream_id: int) -> list[HeaderTuple]:
    """Return the fields as text (``H2Configuration.header_encoding``)."""
    try:
        return [
            field.__class__(field[0].decode(encoding), field[1].decode(encoding))
            for field in fields
        ]
    except (UnicodeError, LookupError) as error:
        raise Violation(
            rules.FIELD_ENCODING,
            f"A field on stream {stream_id} is not {encoding}: {error}",
            stream_id,
        ) from None
