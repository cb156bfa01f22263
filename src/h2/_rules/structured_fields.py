"""Structured fields: the members of a dictionary (RFC 9651 section 4.2.2).

A field counts only if all of it can be parsed. So values of every type are recognized, although
only integers and booleans are used here. No octet is looked at more than twice.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

#: A value that is neither an integer nor a boolean.
OTHER: Final = object()

# Patterns with re.VERBOSE, compiled when they are first needed.
_KEY: Final = rb"[a-z*][a-z0-9_.*-]*"
_SPACES: Final = rb"[ ]*"
_WHITE_SPACE: Final = rb"[ \t]*"
_ESCAPES: Final = rb"%([0-9a-f]{2})"

# One group for each type that needs a closer look. A number continues only if it is a decimal.
_ITEM: Final = rb"""
    (?P<integer>-?[0-9]{1,15}(?![0-9.]))
    | (?P<boolean>\?[01])
    | %"(?P<display>(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*)"
    | -?[0-9]{1,12}\.[0-9]{1,3}
    | "(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"
    | [A-Za-z*][!\#$%&'*+\-.^_`|~0-9A-Za-z:/]*
    | :[A-Za-z0-9+/]*={0,2}:
    | @-?[0-9]{1,15}
"""


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.VERBOSE)


class _ParseError(Exception):
    """The octets are not a structured field."""


def parse_dictionary(field: bytes) -> dict[bytes, object]:
    """Return the members by key: ``int``, ``bool``, or :data:`OTHER`, without their parameters.

    Empty if the field cannot be parsed: "the entire field value MUST be ignored" (section 4.2).
    """
    try:
        return _Reader(field.strip(b" ")).dictionary()
    except _ParseError:
        return {}


class _Reader:
    """A field value, and the position up to which it was read."""

    def __init__(self, field: bytes) -> None:
        self._field = field
        self._place = 0

    def dictionary(self) -> dict[bytes, object]:
        """Read all members (section 4.2.2); the last one with the same key counts."""
        members: dict[bytes, object] = {}
        if not self._field:
            return members
        while True:
            key = self._match(_KEY).group()
            members.pop(key, None)
            members[key] = self._member() if self._take(b"=") else True
            self._parameters()
            self._match(_WHITE_SPACE)
            if self._place == len(self._field):
                return members
            self._demand(b",")
            self._match(_WHITE_SPACE)

    def _member(self) -> object:
        if not self._take(b"("):
            return self._item()
        # An inner list (section 4.2.1.2).
        self._match(_SPACES)
        while not self._take(b")"):
            self._item()
            self._parameters()
            if not self._match(_SPACES).group() and not self._follows(b")"):
                raise _ParseError
        return OTHER

    def _parameters(self) -> None:
        while self._take(b";"):
            self._match(_SPACES)
            self._match(_KEY)
            if self._take(b"="):
                self._item()

    def _item(self) -> object:
        item = self._match(_ITEM)
        if item.lastgroup == "integer":
            return int(item.group())
        if item.lastgroup == "boolean":
            return item.group() == b"?1"
        if item.lastgroup == "display":
            _check_text(item.group("display"))
        return OTHER

    def _match(self, pattern: bytes) -> re.Match[bytes]:
        match = _compiled(pattern).match(self._field, self._place)
        if match is None:
            raise _ParseError
        self._place = match.end()
        return match

    def _follows(self, octet: bytes) -> bool:
        return self._field.startswith(octet, self._place)

    def _take(self, octet: bytes) -> bool:
        follows = self._follows(octet)
        self._place += follows
        return follows

    def _demand(self, octet: bytes) -> None:
        if not self._take(octet):
            raise _ParseError


def _check_text(escaped: bytes) -> None:
    """Check that a display string is UTF-8 (section 4.2.10)."""
    text = _compiled(_ESCAPES).sub(lambda escape: bytes.fromhex(escape[1].decode()), escaped)
    try:
        text.decode()
    except UnicodeDecodeError:
        raise _ParseError from None
