"""The field rules as functions, for programs that apply them themselves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from h2._rules.fields import (
    KNOWN_NAMES,
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
    from hpack.struct import Header, HeaderWeaklyTyped

__all__ = [
    "CONNECTION_HEADERS",
    "INFORMATIONAL_START",
    "SIGIL",
    "HeaderValidationFlags",
    "SizeLimitDict",
    "authority_from_headers",
    "extract_method_header",
    "guard_increment_window",
    "is_informational_response",
    "normalize_inbound_headers",
    "normalize_outbound_headers",
    "utf8_encode_headers",
    "validate_headers",
    "validate_outbound_headers",
]

#: The octet that pseudo-header fields begin with (RFC 9113 section 8.3).
SIGIL = ord(b":")

#: The octet that the status codes of informational responses begin with (RFC 9110 section 15.2).
INFORMATIONAL_START = ord(b"1")

#: The fields that belong to an HTTP/1.1 connection (RFC 9113 section 8.2.2).
CONNECTION_HEADERS = frozenset(name for name in KNOWN_NAMES if is_connection_field(name))


class HeaderValidationFlags(NamedTuple):
    """The kind of field block to check."""

    is_client: bool
    is_trailer: bool
    is_response_header: bool
    is_push_promise: bool


class SizeLimitDict(OrderedDict[Any, Any]):
    """A dict that drops its oldest entries if it has more than ``size_limit``.

    :param args: arguments of ``dict``
    :param size_limit: how many entries it may have; any number if ``None``
    :param kwargs: more entries
    """

    def __init__(self, *args: Any, size_limit: int | None = None, **kwargs: Any) -> None:
        self._size_limit = size_limit
        super().__init__(*args, **kwargs)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if self._size_limit is not None:
            while len(self) > self._size_limit:
                self.popitem(last=False)


def utf8_encode_headers(headers: Iterable[HeaderWeaklyTyped]) -> list[Header]:
    """Return fields with names and values as ``bytes``; text is encoded in UTF-8.

    Octets that arrived as surrogates (see ``header_encoding`` of
    :class:`h2.config.H2Configuration`) become octets again. Fields of ``hpack`` classes keep their
    class, and so their indexing policy.
    """
    encoded: list[Header] = []
    for field in headers:
        name, value = _octets(field[0]), _octets(field[1])
        encoded.append(
            type(field)(name, value) if isinstance(field, HeaderTuple) else (name, value)
        )
    return encoded


def _octets(text: bytes | str) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogateescape")
    if not isinstance(text, bytes):
        raise TypeError(f"names and values must be bytes or str, not {type(text).__name__}")
    return text


def extract_method_header(headers: Iterable[HeaderWeaklyTyped]) -> bytes | None:
    """Return the value of the first ``:method``, or ``None``."""
    return _first_value(headers, b":method")


def authority_from_headers(headers: Iterable[HeaderWeaklyTyped]) -> bytes | None:
    """Return the value of the first ``:authority``, or ``None``."""
    return _first_value(headers, b":authority")


def is_informational_response(headers: Iterable[HeaderWeaklyTyped]) -> bool:
    """Return whether the fields are a response with a status code from 100 to 199."""
    status = _first_value(headers, b":status")
    return status is not None and status.startswith(b"1")


def _first_value(headers: Iterable[HeaderWeaklyTyped], wanted: bytes) -> bytes | None:
    for field in headers:
        if _octets(field[0]) == wanted:
            return _octets(field[1])
    return None


def guard_increment_window(current: int, increment: int) -> int:
    """Return the size of a window after WINDOW_UPDATE (RFC 9113 section 6.9.1).

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
    """Yield fields in the form in which they are sent (RFC 9113 sections 8.2, 8.2.2, 8.2.3)."""
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


def normalize_inbound_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags | None
) -> Iterator[Header]:
    """Yield fields in the form that events have: one ``cookie``, at the end.

    RFC 9113 section 8.2.3. If several are joined, the result is never indexed.
    """
    cookies: list[Header] = []
    for field in headers:
        if isinstance(field[0], bytes) and field[0] == b"cookie":
            cookies.append(field)
        else:
            yield field
    if len(cookies) > 1:
        yield NeverIndexedHeaderTuple(b"cookie", b"; ".join(value for _, value in cookies))
    else:
        yield from cookies


def validate_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags
) -> list[Any]:
    """Return the fields if they are a valid message (RFC 9113 section 8).

    :raises ProtocolError: if they are not
    """
    fields = list(headers)
    if hdr_validation_flags.is_trailer:
        kind = TRAILERS
    else:
        kind = RESPONSE if hdr_validation_flags.is_response_header else REQUEST
    found = check_message(kind, [(field[0], field[1]) for field in fields], True)
    if found is not None:
        raise found.exception()
    return fields


def validate_outbound_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags
) -> list[Any]:
    """Return the fields if they are a valid message: the rules are the same in both directions.

    :raises ProtocolError: if they are not
    """
    return validate_headers(headers, hdr_validation_flags)
