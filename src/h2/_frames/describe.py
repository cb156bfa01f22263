"""Descriptions of frames for log messages."""

from __future__ import annotations

from typing import Final

from h2._frames.layout import (
    CONTINUATION,
    DATA,
    HEADERS,
    KIND_OF,
    NAMES,
    PING,
    PUSH_PROMISE,
    SETTINGS,
    UNKNOWN_KIND,
)

_FLAGS: Final[dict[int, tuple[tuple[int, str], ...]]] = {
    DATA: ((0x01, "END_STREAM"), (0x08, "PADDED")),
    HEADERS: ((0x01, "END_STREAM"), (0x04, "END_HEADERS"), (0x08, "PADDED"), (0x20, "PRIORITY")),
    SETTINGS: ((0x01, "ACK"),),
    PUSH_PROMISE: ((0x04, "END_HEADERS"), (0x08, "PADDED")),
    PING: ((0x01, "ACK"),),
    CONTINUATION: ((0x04, "END_HEADERS"),),
}

#: How much of a payload is shown, so that log lines stay readable.
_SHOWN_OCTETS: Final = 16


def name_of(type_: int) -> str:
    """Return the name of a frame type, or its number."""
    kind = KIND_OF[type_]
    return f"type {type_:#04x}" if kind == UNKNOWN_KIND else NAMES[kind]


def flag_names(type_: int, flags: int) -> list[str]:
    """Return the names of the flags that are set and defined for this type of frame."""
    return [name for bit, name in _FLAGS.get(type_, ()) if flags & bit]


class LoggedFrame:
    """A frame as loggers get it. Its text shows its fields and the beginning of its payload.

    The text is created only on demand.
    """

    __slots__ = ("flags", "payload", "stream_id", "type")

    def __init__(self, type_: int, flags: int, stream_id: int, payload: bytes) -> None:
        self.type = type_
        self.flags = flags
        self.stream_id = stream_id
        self.payload = payload

    def __str__(self) -> str:
        payload = self.payload
        names = flag_names(self.type, self.flags)
        shown = payload[:_SHOWN_OCTETS].hex() + ("..." if len(payload) > _SHOWN_OCTETS else "")
        return (
            f"{name_of(self.type)} stream={self.stream_id} flags=[{', '.join(names)}] "
            f"length={len(payload)} payload={shown}"
        )
