"""Which values a setting may have: RFC 9113 section 6.5, RFC 8441 section 3."""

from __future__ import annotations

from operator import index
from typing import Final, NamedTuple

from h2.errors import ErrorCodes

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6
ENABLE_CONNECT_PROTOCOL: Final = 0x8

#: On the wire an identifier has 16 bits and a value 32 (RFC 9113 section 6.5.1).
LARGEST_IDENTIFIER: Final = 2**16 - 1
LARGEST_VALUE: Final = 2**32 - 1

_PROTOCOL_ERROR: Final = ErrorCodes.PROTOCOL_ERROR


class Bound(NamedTuple):
    """The values that a setting may have, and the error code for all others."""

    minimum: int
    maximum: int
    error_code: ErrorCodes


#: The settings whose values are limited by more than the width of the field.
BOUNDS: Final[dict[int, Bound]] = {
    # "Any value other than 0 or 1 MUST be treated as a connection error (Section 5.4.1) of type
    # PROTOCOL_ERROR."
    ENABLE_PUSH: Bound(0, 1, _PROTOCOL_ERROR),
    # "Values above the maximum flow-control window size of 2^31-1 MUST be treated as a connection
    # error (Section 5.4.1) of type FLOW_CONTROL_ERROR."
    INITIAL_WINDOW_SIZE: Bound(0, 2**31 - 1, ErrorCodes.FLOW_CONTROL_ERROR),
    # "The value advertised by an endpoint MUST be between this initial value and the maximum
    # allowed frame size (2^24-1 or 16,777,215 octets), inclusive. Values outside this range MUST
    # be treated as a connection error (Section 5.4.1) of type PROTOCOL_ERROR."
    MAX_FRAME_SIZE: Bound(2**14, 2**24 - 1, _PROTOCOL_ERROR),
    # The width of the field, said here so that a local caller hears of a negative value at once.
    MAX_HEADER_LIST_SIZE: Bound(0, LARGEST_VALUE, _PROTOCOL_ERROR),
    # RFC 8441: "The value of the parameter MUST be 0 or 1."
    ENABLE_CONNECT_PROTOCOL: Bound(0, 1, _PROTOCOL_ERROR),
}


#: Least and largest of the values that are fine whoever sends them and whatever the setting was
#: before: one look tells. Any other value goes to :func:`sender_violation`.
SIMPLE: Final[dict[int, tuple[int, int]]] = {
    ENABLE_PUSH: (0, 0),
    HEADER_TABLE_SIZE: (0, LARGEST_VALUE),
    MAX_CONCURRENT_STREAMS: (0, LARGEST_VALUE),
    INITIAL_WINDOW_SIZE: BOUNDS[INITIAL_WINDOW_SIZE][:2],
    MAX_FRAME_SIZE: BOUNDS[MAX_FRAME_SIZE][:2],
    MAX_HEADER_LIST_SIZE: (0, LARGEST_VALUE),
}


def _fits_on_the_wire(setting: int, value: int) -> bool:
    return 0 <= index(setting) <= LARGEST_IDENTIFIER and 0 <= index(value) <= LARGEST_VALUE


def value_violation(setting: int, value: int) -> ErrorCodes | None:
    """Return the error code if no endpoint may use ``value``, and ``None`` if it is fine.

    An unknown setting may have any value that fits into a SETTINGS frame: its receiver ignores it
    (RFC 9113 section 6.5.2). Raises TypeError for what is no integer.
    """
    bound = BOUNDS.get(setting)
    if bound is None:
        return None if _fits_on_the_wire(setting, value) else _PROTOCOL_ERROR
    minimum, maximum, code = bound
    return None if minimum <= index(value) <= maximum else code


def sender_violation(
    setting: int, value: int, by_client: bool, before: int | None
) -> ErrorCodes | None:
    """Return the error code if this endpoint must not send ``value``, ``None`` if it may.

    ``by_client`` says who sends it, ``before`` is the value that the sender announced last.
    """
    if setting == ENABLE_PUSH:
        # "A server MUST NOT explicitly set this value to 1. [...] A client MUST treat receipt of a
        # SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1 as a connection error (Section 5.4.1)
        # of type PROTOCOL_ERROR."
        if value == 1 and not by_client:
            return _PROTOCOL_ERROR
    elif setting == ENABLE_CONNECT_PROTOCOL and value == 0 and before == 1:
        # RFC 8441: "A sender MUST NOT send a SETTINGS_ENABLE_CONNECT_PROTOCOL parameter with the
        # value of 0 after previously sending a value of 1."
        return _PROTOCOL_ERROR
    return value_violation(setting, value)
