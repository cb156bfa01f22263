"""Why a field block is rejected.

They are also exceptions of the hpack package, which programs that decode by themselves catch.
"""

from __future__ import annotations

from hpack.exceptions import (
    HPACKDecodingError,
    InvalidTableIndex,
    InvalidTableSizeError,
    OversizedHeaderListError,
)


class HpackDecodingError(HPACKDecodingError):
    """The block violates RFC 7541; the receiver answers with COMPRESSION_ERROR."""


class TableIndexError(HpackDecodingError, InvalidTableIndex):
    """An index is in neither table (RFC 7541 2.3.3)."""


class TableSizeError(HpackDecodingError, InvalidTableSizeError):
    """A table size update is too large, or a required one is missing (RFC 7541 4.2, 6.3)."""


class HeaderListTooLarge(OversizedHeaderListError):  # noqa: N818 - named after the setting
    """The fields of the block exceed the size that the caller allowed (RFC 9113 6.5.2)."""
