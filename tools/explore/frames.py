"""Frames as bytes: cut out of what a connection sends."""

from __future__ import annotations

from h2._frames.layout import (
    CONTINUATION,
    END_HEADERS,
    HEADER_LENGTH,
    HEADERS,
    PREFACE,
    PUSH_PROMISE,
)


def split(data: bytes) -> list[bytes]:
    """Cut what a connection sends into frames; the preface is a part of the first one.

    The last one may be incomplete.
    """
    frames = []
    start = 0
    while start < len(data):
        body = start + HEADER_LENGTH
        if data.startswith(PREFACE, start):
            body += len(PREFACE)
        stop = body + int.from_bytes(data[body - HEADER_LENGTH : body - 6], "big")
        frames.append(data[start:stop])
        start = stop
    return frames


def is_whole(frame: bytes) -> bool:
    """Return whether a frame is complete."""
    start = len(PREFACE) if frame.startswith(PREFACE) else 0
    length = int.from_bytes(frame[start : start + 3], "big")
    return len(frame) >= HEADER_LENGTH and len(frame) == start + HEADER_LENGTH + length


def is_begun(type_: int, flags: int) -> bool:
    """Return whether a frame begins a field block that CONTINUATION frames end."""
    return type_ in (HEADERS, PUSH_PROMISE, CONTINUATION) and not flags & END_HEADERS
