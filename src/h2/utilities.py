"""The field rules as functions, for programs that apply them by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._rules.fields import (
    REQUEST,
    RESPONSE,
    TRAILERS,
    classify,
    is_connection_field,
    is_sensitive,
)
from h2._rules.flow_control import MAX_WINDOW
from h2._rules.messages import check_message
from h2.exceptions import FlowControlError

if TYPE_CHECKING:
    from hpack.struct import Header

__all__ = [
    "HeaderValidationFlags",
    "guard_increment_window",
    "normalize_outbound_headers",
    "validate_headers",
    "validate_outbound_headers",
]


class HeaderValidationFlags(NamedTuple):
    """What kind of field block is meant."""

    is_client: bool
    is_trailer: bool
    is_response_header: bool
    is_push_promise: bool


def guard_increment_window(current: int, increment: int) -> int:
    """Return a window after WINDOW_UPDATE (RFC 9113 section 6.9.1).

    :raises FlowControlError: if it would be larger than 2**31 - 1
    """
    if current + increment > MAX_WINDOW:
        raise FlowControlError(f"May not increment flow control window past {MAX_WINDOW}")
    return current + increment


def normalize_outbound_headers(
    headers: Iterable[Header],
    hdr_validation_flags: HeaderValidationFlags | None,
    should_split_outbound_cookies: bool = False,
) -> Iterator[Header]:
    """Yield fields in the form in which they go out (RFC 9113 sections 8.2, 8.2.2, 8.2.3)."""
    for field in headers:
        name, value = field[0].strip().lower(), field[1].strip()
        if is_connection_field(name):
            continue
        crumbs = [value]
        if should_split_outbound_cookies and name == b"cookie":
            crumbs = value.split(b"; ")
        never = not getattr(field, "indexable", True)
        for crumb in crumbs:
            if never or is_sensitive(classify(name, crumb), crumb):
                yield NeverIndexedHeaderTuple(name, crumb)
            else:
                yield HeaderTuple(name, crumb)


def validate_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags
) -> list[Any]:
    """Return the fields if they make a valid message (RFC 9113 section 8).

    :raises ProtocolError: if they do not
    """
    fields = list(headers)
    if hdr_validation_flags.is_trailer:
        kind = TRAILERS
    else:
        kind = RESPONSE if hdr_validation_flags.is_response_header else REQUEST
    found = check_message(kind, [(field[0], field[1]) for field in fields], True)
    if found is not None:
        raise found.public()
    return fields


def validate_outbound_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags
) -> list[Any]:
    """Return the fields if they make a valid message: the rules are the same both ways.

    :raises ProtocolError: if they do not
    """
    return validate_headers(headers, hdr_validation_flags)
