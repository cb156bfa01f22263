"""The details that a recording has about a frame, in addition to its header."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from h2._frames import decode
from h2._frames.layout import (
    ALTSVC,
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    KIND_OF,
    ORIGIN,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PRIORITY_UPDATE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SHAPES,
    UNKNOWN_KIND,
    WINDOW_UPDATE,
)
from h2._hpack import Decoder, HeaderListTooLarge, HpackDecodingError, build_static_table
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

_STATIC: Final = build_static_table(lambda _name: 0, lambda _mask, _value: 0)
#: A field section is not decoded beyond this: a few octets can expand to gigabytes.
_MAX_SECTION: Final = 1024 * 1024
_SECRET: Final = {b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"}
_MOST_TEXT: Final = 200  # octets of text that a peer chose: debug data, origins, priorities
#: About what an object takes in memory beside its octets.
_OBJECT: Final = 64

Details = dict[str, Any]


class Direction:
    """One direction of a connection: its field blocks depend on the earlier ones.

    :param secrets: whether to keep the values of fields with credentials
    """

    def __init__(self, secrets: bool) -> None:
        self._secrets = secrets
        self._decoder: Decoder | None = Decoder(_STATIC)
        # The limit is in the SETTINGS of the other end. The encoder announces the size it uses.
        self._decoder.max_allowed_table_size = 2**32 - 1
        self._block = bytearray()
        self._head: Details = {}  # the frame with which the current block began

    def look(
        self, type_: int, flags: int, payload: bytes, found: Details
    ) -> tuple[Details, Details]:
        """Return the recorded frame that a payload says something about, and what it says.

        It is the frame itself, or the one with which its field block began. Whatever the payload
        holds, nothing is raised.
        """
        kind = KIND_OF[type_]
        if kind == UNKNOWN_KIND:
            return found, {}
        _, least, most, _ = SHAPES[kind]
        content = _content(type_, flags, payload)
        if content is None or not least <= len(payload) <= most:
            return found, {"damaged": True}
        if type_ in {HEADERS, PUSH_PROMISE, CONTINUATION}:
            return self._look_at_block(type_, flags, content, found)
        return found, _DETAILS[type_](content)

    def _look_at_block(
        self, type_: int, flags: int, payload: bytes, found: Details
    ) -> tuple[Details, Details]:
        """Add a fragment of a field block; the frame that began the block gets the fields."""
        details: Details = {}
        if type_ != CONTINUATION:
            self._block.clear()
            self._head = found
            prefix = 0
            if type_ == HEADERS and flags & PRIORITY_FLAG:
                prefix = 5
            elif type_ == PUSH_PROMISE:
                prefix = 4
                details["promised"] = decode.stream_id(payload.ljust(4, b"\0"))
            payload = payload[prefix:]
        if len(self._block) + len(payload) > _MAX_SECTION:
            self._decoder = None  # as if it could not be decoded
            self._block.clear()
        else:
            self._block += payload
        if flags & END_HEADERS:
            details["fields"] = self._decode(bytes(self._block))
            self._block.clear()
        return self._head, details

    def _decode(self, block: bytes) -> list[list[str]] | None:
        """Return the fields of a block; None if they, or earlier ones, cannot be decoded.

        The compression table is lost then.
        """
        if self._decoder is None:
            return None
        try:
            fields = self._decoder.decode(block, _MAX_SECTION).fields
        except (HpackDecodingError, HeaderListTooLarge):
            self._decoder = None
            return None
        return [[_text(name), self._shown(name, value)] for name, value in fields]

    def _shown(self, name: bytes, value: bytes) -> str:
        return _text(value) if self._secrets or name not in _SECRET else "(not recorded)"


def memory(thing: object) -> int:
    """Return about how many octets of memory a detail takes."""
    if isinstance(thing, str):
        return _OBJECT + len(thing) * (1 if thing.isascii() else 4)
    if isinstance(thing, dict):
        return sum(map(memory, thing.values()))
    return _OBJECT + (sum(map(memory, thing)) if isinstance(thing, list) else 0)


def _content(type_: int, flags: int, payload: bytes) -> bytes | None:
    """Return the payload without padding; None if the padding is too long."""
    if flags & PADDED and type_ in {DATA, HEADERS, PUSH_PROMISE}:
        return decode.strip_padding(payload) if payload else None
    return payload


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _named(registry: type[IntEnum], value: int) -> str:
    try:
        return registry(value).name
    except ValueError:
        return f"{value:#x}"


def _data(payload: bytes) -> Details:
    return {"content": len(payload)}


def _priority(payload: bytes) -> Details:
    depends_on, weight, exclusive = decode.priority(payload)
    return {"depends_on": depends_on, "weight": weight, "exclusive": exclusive}


def _rst_stream(payload: bytes) -> Details:
    return {"error": _named(ErrorCodes, decode.error_code(payload))}


def _settings(payload: bytes) -> Details:
    whole = len(payload) - len(payload) % 6
    pairs = decode.settings(payload[:whole])
    return {"settings": [[_named(SettingCodes, code), value] for code, value in pairs]}


def _ping(payload: bytes) -> Details:
    return {"opaque": payload.hex()}


def _goaway(payload: bytes) -> Details:
    last, code, debug_data = decode.goaway(payload)
    text = _text(debug_data[:_MOST_TEXT])
    return {"last_stream": last, "error": _named(ErrorCodes, code), "debug_data": text}


def _window_update(payload: bytes) -> Details:
    return {"increment": decode.stream_id(payload)}


def _text_only(payload: bytes) -> Details:
    return {"text": _text(payload[2 : 2 + _MOST_TEXT])}


def _priority_update(payload: bytes) -> Details:
    priority = _text(payload[4 : 4 + _MOST_TEXT])
    return {"prioritized": decode.stream_id(payload), "priority": priority}


_DETAILS: Final[dict[int, Callable[[bytes], Details]]] = {
    DATA: _data,
    PRIORITY: _priority,
    RST_STREAM: _rst_stream,
    SETTINGS: _settings,
    PING: _ping,
    GOAWAY: _goaway,
    WINDOW_UPDATE: _window_update,
    ALTSVC: _text_only,
    ORIGIN: _text_only,
    PRIORITY_UPDATE: _priority_update,
}
