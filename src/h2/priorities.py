"""Extensible priorities: how urgent a response is, and whether parts are useful (RFC 9218)."""

from __future__ import annotations

from typing import NamedTuple

from h2._rules.structured_fields import parse_dictionary

__all__ = ["Priority"]

_LEAST_URGENT = 7


class Priority(NamedTuple):
    """The priority of a response, as in the ``priority`` field of a message.

    The defaults are those of a request without the field (RFC 9218 sections 4.1 and 4.2)::

        >>> Priority.parse(b"u=1, i")
        Priority(urgency=1, incremental=True)
        >>> bytes(Priority(urgency=5))
        b'u=5'
    """

    #: From 0, the most urgent, to 7.
    urgency: int = 3

    #: Whether the client can use parts of the response as they arrive.
    incremental: bool = False

    @classmethod
    def parse(cls, field: bytes | str) -> Priority:
        """Parse a field value; anything that is missing or invalid has its default.

        Join the values of several ``priority`` fields with ``", "`` first. Never raises for
        anything a peer can send: unknown parameters, values of a wrong type or out of range, and a
        value that is not a structured field are ignored (RFC 9218 section 4).

        :param field: the value of the field, or of a PRIORITY_UPDATE frame
        """
        return cls().merge(field)

    def merge(self, field: bytes | str) -> Priority:
        """Return this priority, updated with the parameters of a field value.

        A response's ``priority`` field changes only the parameters that it names; those of the
        request stay (RFC 9218 section 8).

        :param field: the value of the field
        """
        octets = field.encode("ascii", "replace") if isinstance(field, str) else field
        members = parse_dictionary(octets)
        urgency, incremental = members.get(b"u"), members.get(b"i")
        # A bool is an int, but "u" and "u=?1" are no urgency.
        if type(urgency) is not int or not 0 <= urgency <= _LEAST_URGENT:
            urgency = self.urgency
        if not isinstance(incremental, bool):
            incremental = self.incremental
        return Priority(urgency, incremental)

    def __bytes__(self) -> bytes:
        """Return the field value for this priority, without default values.

        :raises ValueError: if the urgency is not 0 to 7
        """
        if self.urgency not in range(_LEAST_URGENT + 1):
            raise ValueError(f"urgency must be between 0 and {_LEAST_URGENT}, not {self.urgency}")
        members = []
        if self.urgency != Priority().urgency:
            members.append(b"u=%d" % self.urgency)
        if self.incremental:
            members.append(b"i")
        return b", ".join(members)
