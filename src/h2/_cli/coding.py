"""Compressed content (RFC 9110 section 8.4): gzip, and zstd if Python has it.

Output comes in pieces of a bounded size, however much a few octets expand to.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterator
from typing import Any, Final

from h2._cli.failure import Failure, Status

_PIECE: Final = 65536
_GZIP: Final = 16 + zlib.MAX_WBITS


def _zstd() -> Any:
    """Return the module for zstd, which Python 3.14 and later have."""
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return None


def supported() -> str:
    """Return the value of an `accept-encoding` field."""
    return "gzip, zstd" if _zstd() else "gzip"


def decoder(coding: str) -> Gzip | Zstd | None:
    """Return a decoder for a `content-encoding`; None if there is nothing to decode.

    Raises Failure for an unsupported one.
    """
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding in {"gzip", "x-gzip"}:
        return Gzip()
    if coding == "zstd" and (module := _zstd()):
        return Zstd(module)
    text = f"The content is encoded with {coding!r}, but --compressed supports only {supported()}"
    raise Failure(Status.ENCODING, text)


class Gzip:
    """Decompresses gzip (RFC 1952), any number of members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False  # whether part of a member has arrived

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress these octets, and return the result in pieces."""
        while data:
            self._begun = True
            try:
                yield self._member.decompress(data, _PIECE)
            except zlib.error as error:
                raise _damaged(error) from None
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._member.unused_data
                self._member = zlib.decompressobj(_GZIP)
                self._begun = False

    def finish(self) -> None:
        """Raise Failure if the end is missing."""
        if self._begun:
            raise _damaged("it is truncated")


class Zstd:
    """Decompresses Zstandard (RFC 8878), any number of frames."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._frame = module.ZstdDecompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress these octets, and return the result in pieces."""
        pending = bool(data)
        while pending:
            self._begun = True
            try:
                piece = self._frame.decompress(data, _PIECE)
            except self._module.ZstdError as error:
                raise _damaged(error) from None
            yield piece
            data = b""
            pending = bool(piece) and not self._frame.needs_input
            if self._frame.eof:
                data = self._frame.unused_data
                pending = bool(data)
                self._frame = self._module.ZstdDecompressor()
                self._begun = False

    def finish(self) -> None:
        """Raise Failure if the end is missing."""
        if self._begun:
            raise _damaged("it is truncated")


def _damaged(why: object) -> Failure:
    return Failure(Status.ENCODING, f"The compressed content is damaged: {why}")
