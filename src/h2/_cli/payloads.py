"""Descriptions of payloads, for all frames other than those with fields or content."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from h2._cli.listing import Damage, Frame
from h2._cli.text import preview, printable
from h2._frames import decode
from h2._frames.layout import (
    ACK,
    ALTSVC,
    GOAWAY,
    HEADER_LENGTH,
    KIND_OF,
    ON_CONNECTION,
    ON_STREAM,
    ORIGIN,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    RST_STREAM,
    SETTINGS,
    SHAPES,
    UNKNOWN_KIND,
    WINDOW_UPDATE,
)
from h2._rules.setting_bounds import BOUNDS
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

#: The bounds of an unknown setting.
_ANY: Final = (0, 2**32 - 1, ErrorCodes.NO_ERROR)


def check_shape(frame: Frame, kind: int, stream_id: int) -> None:
    """Check the stream identifier and the length of a frame (RFC 9113 sections 4.2 and 6).

    A wrong stream is noted; a wrong length is `Damage`.
    """
    if KIND_OF[kind] == UNKNOWN_KIND:
        return
    rule, least, most, _ = SHAPES[KIND_OF[kind]]
    if stream_id and rule == ON_CONNECTION:
        frame.fault(frame.offset + 5, f"{frame.name} must be on stream 0")
    if not stream_id and rule == ON_STREAM:
        frame.fault(frame.offset + 5, f"{frame.name} must not be on stream 0")
    if not least <= frame.length <= most:
        bound = f"{least}" if least == most else f"at least {least}"
        text = f"{frame.name} with a payload of {frame.length} octets; must be {bound}"
        raise Damage(frame.offset, text)


def describe(frame: Frame, kind: int, flags: int, payload: bytes) -> None:
    """Describe a payload. It is complete, and its shape has been checked."""
    if kind == SETTINGS and flags & ACK and payload:
        raise Damage(frame.offset, f"SETTINGS acknowledgment with {len(payload)} octets")
    _WORDS.get(kind, _unknown)(frame, payload, frame.offset + HEADER_LENGTH)


def priority(payload: bytes) -> str:
    """Describe the priority fields (RFC 9113 section 6.3)."""
    depends_on, weight, exclusive = decode.priority(payload)
    return f"depends {'exclusively ' if exclusive else ''}on {depends_on}, weight {weight}"


def _priority(frame: Frame, payload: bytes, _at: int) -> None:
    frame.content = priority(payload)


def _rst_stream(frame: Frame, payload: bytes, _at: int) -> None:
    frame.content = _named(ErrorCodes, decode.error_code(payload))


def _settings(frame: Frame, payload: bytes, at: int) -> None:
    whole = len(payload) - len(payload) % 6
    for number, (code, value) in enumerate(decode.settings(payload[:whole])):
        text = f"{_named(SettingCodes, code)} = {value}"
        least, most, _ = BOUNDS.get(code, _ANY)
        if least <= value <= most:
            frame.line(at + 6 * number, text)
        else:
            frame.fault(at + 6 * number, f"{text}; must be between {least} and {most}")
    if whole < len(payload):
        raise Damage(frame.offset, f"SETTINGS of {len(payload)} octets: not a multiple of 6")


def _ping(frame: Frame, payload: bytes, _at: int) -> None:
    frame.content = payload.hex()


def _goaway(frame: Frame, payload: bytes, _at: int) -> None:
    last, code, debug_data = decode.goaway(payload)
    text = f"last stream {last}, {_named(ErrorCodes, code)} {printable(debug_data)}"
    frame.content = text.rstrip()


def _window_update(frame: Frame, payload: bytes, at: int) -> None:
    increment = decode.stream_id(payload)  # 31 bits, like a stream identifier
    frame.content = f"+{increment}"
    if not increment:
        raise Damage(at, "increment of 0")


def _altsvc(frame: Frame, payload: bytes, at: int) -> None:
    parts = decode.altsvc(payload)
    if parts is None:
        raise Damage(at, "origin is longer than the payload")
    origin, value = map(printable, parts)
    frame.content = f"{origin} {value}".strip()


def _origin(frame: Frame, payload: bytes, at: int) -> None:
    position = 0
    while position < len(payload):
        end = position + 2 + int.from_bytes(payload[position : position + 2], "big")
        if end > len(payload):
            raise Damage(at + position, "origin is longer than the payload")
        frame.line(at + position, printable(payload[position + 2 : end]))
        position = end


def _priority_update(frame: Frame, payload: bytes, at: int) -> None:
    stream_id = decode.stream_id(payload)
    frame.content = f"stream {stream_id}: {printable(payload[4:])}"
    if not stream_id:
        raise Damage(at, "PRIORITY_UPDATE for stream 0")


def _unknown(frame: Frame, payload: bytes, _at: int) -> None:
    frame.content = preview(payload)


def _named(registry: type[IntEnum], value: int) -> str:
    try:
        return registry(value).name
    except ValueError:
        return f"{value:#x}"


_WORDS: Final[dict[int, Callable[[Frame, bytes, int], None]]] = {
    PRIORITY: _priority,
    RST_STREAM: _rst_stream,
    SETTINGS: _settings,
    PING: _ping,
    GOAWAY: _goaway,
    WINDOW_UPDATE: _window_update,
    ALTSVC: _altsvc,
    ORIGIN: _origin,
    PRIORITY_UPDATE: _priority_update,
}
