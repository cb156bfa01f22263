"""Which values a setting may have: RFC 9113 section 6.5, RFC 8441 section 3, RFC 9218 2.1."""

from __future__ import annotations

from operator import index
from typing import Any, Final

from h2._rules import registry as rules
from h2._rules.registry import Violation
from h2.errors import ErrorCodes
from h2.exceptions import InvalidSettingsValueError

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6
ENABLE_CONNECT_PROTOCOL: Final = 0x8
NO_RFC7540_PRIORITIES: Final = 0x9

#: On the wire an identifier has 16 bits and a value 32 (RFC 9113 section 6.5.1).
LARGEST_IDENTIFIER: Final = 2**16 - 1
LARGEST_VALUE: Final = 2**32 - 1

_PROTOCOL_ERROR: Final = ErrorCodes.PROTOCOL_ERROR


#: The smallest and the largest value that a setting may have, and the error code for all others.
#: A plain tuple is the fastest to unpack.
Bound = tuple[int, int, ErrorCodes]

#: Everything that fits into the field.
_UNBOUNDED: Final[Bound] = (0, LARGEST_VALUE, _PROTOCOL_ERROR)

#: The values that the known settings may have.
BOUNDS: Final[dict[int, Bound]] = {
    HEADER_TABLE_SIZE: _UNBOUNDED,
    # "Any value other than 0 or 1 MUST be treated as a connection error (Section 5.4.1) of type
    # PROTOCOL_ERROR."
    ENABLE_PUSH: (0, 1, _PROTOCOL_ERROR),
    MAX_CONCURRENT_STREAMS: _UNBOUNDED,
    # "Values above the maximum flow-control window size of 2^31-1 MUST be treated as a connection
    # error (Section 5.4.1) of type FLOW_CONTROL_ERROR."
    INITIAL_WINDOW_SIZE: (0, 2**31 - 1, ErrorCodes.FLOW_CONTROL_ERROR),
    # "The value advertised by an endpoint MUST be between this initial value and the maximum
    # allowed frame size (2^24-1 or 16,777,215 octets), inclusive. Values outside this range MUST
    # be treated as a connection error (Section 5.4.1) of type PROTOCOL_ERROR."
    MAX_FRAME_SIZE: (2**14, 2**24 - 1, _PROTOCOL_ERROR),
    MAX_HEADER_LIST_SIZE: _UNBOUNDED,
    # RFC 8441: "The value of the parameter MUST be 0 or 1."
    ENABLE_CONNECT_PROTOCOL: (0, 1, _PROTOCOL_ERROR),
    # RFC 9218: "The value of SETTINGS_NO_RFC7540_PRIORITIES MUST be 0 or 1. Any value other than 0
    # or 1 MUST be treated as a connection error (see Section 5.4.1 of [HTTP/2]) of type
    # PROTOCOL_ERROR."
    NO_RFC7540_PRIORITIES: (0, 1, _PROTOCOL_ERROR),
}

#: The values that an endpoint may send, by whether it is a client.
SENDER_BOUNDS: Final[dict[bool, dict[int, Bound]]] = {
    True: BOUNDS,
    # "A server MUST NOT explicitly set this value to 1. [...] A client MUST treat receipt of a
    # SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1 as a connection error (Section 5.4.1) of
    # type PROTOCOL_ERROR."
    False: {**BOUNDS, ENABLE_PUSH: (0, 0, _PROTOCOL_ERROR)},
}


def invalid(
    setting: Any, value: Any, code: ErrorCodes, rule: rules.Rule = rules.SETTING_INVALID
) -> Violation:
    """Return the violation for a value that is not allowed."""
    # `format`, because compiled code uses `str`, which differs for an IntEnum on Python 3.10.
    message = f"Setting {format(setting)} has invalid value {format(value)}"
    return Violation(rule, message, 0, InvalidSettingsValueError(message, code))


def value_violation(
    setting: Any, value: Any, bounds: dict[int, Bound] = BOUNDS
) -> Violation | None:
    """Return the violation if ``value`` is out of bounds, and ``None`` if it is fine.

    An unknown setting may have any value that fits into a SETTINGS frame: its receiver ignores it
    (RFC 9113 section 6.5.2). Raises TypeError if it is not an integer.
    """
    minimum, maximum, code = bounds.get(index(setting), _UNBOUNDED)
    if minimum <= index(value) <= maximum and 0 <= setting <= LARGEST_IDENTIFIER:
        return None
    if setting == NO_RFC7540_PRIORITIES:
        return invalid(setting, value, code, rules.PRIORITIES_SETTING_INVALID)
    return invalid(setting, value, code)


def revocation(setting: Any, value: Any, enabled: bool) -> Violation | None:
    """Return the violation if ``value`` revokes extended CONNECT, otherwise ``None``.

    ``enabled`` says whether the sender has sent SETTINGS_ENABLE_CONNECT_PROTOCOL with 1 before.
    """
    # RFC 8441: "A sender MUST NOT send a SETTINGS_ENABLE_CONNECT_PROTOCOL parameter with the value
    # of 0 after previously sending a value of 1."
    if enabled and setting == ENABLE_CONNECT_PROTOCOL and value == 0:
        return invalid(setting, value, _PROTOCOL_ERROR, rules.CONNECT_PROTOCOL_REVOKED)
    return None


def priorities_change(setting: Any, value: Any, before: int | None) -> Violation | None:
    """Return the violation if ``value`` changes SETTINGS_NO_RFC7540_PRIORITIES, otherwise ``None``.

    ``before`` is the value that the sender has sent, ``None`` if it has sent none.
    """
    # RFC 9218: "Senders MUST NOT change the SETTINGS_NO_RFC7540_PRIORITIES value after the first
    # SETTINGS frame. Receivers that detect a change MAY treat it as a connection error of type
    # PROTOCOL_ERROR."
    if setting == NO_RFC7540_PRIORITIES and before is not None and value != before:
        return invalid(setting, value, _PROTOCOL_ERROR, rules.PRIORITIES_SETTING_CHANGED)
    return None
