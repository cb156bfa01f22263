"""Why a field block is refused.

They are exceptions of the hpack package as well, which programs catch that decode by themselves.
"""

from __future__ import annotations

from hpack.exceptions import (
    HPACKDecodingError,
    InvalidTableIndex,
    InvalidTableSizeError,
    OversizedHeaderListError,
)


class HpackDecodingError(HPACKDecodingError):
    """The block breaks RFC 7541; the receiver answers with COMPRESSION_ERROR."""


class TableIndexError(HpackDecodingError, InvalidTableIndex):
    """An index is in neither table (RFC 7541 2.3.3)."""


class TableSizeError(HpackDecodingError, InvalidTableSizeError):
    """A table size update is too large, or missing where one is due (RFC 7541 4.2, 6.3)."""


class HeaderListTooLarge(OversizedHeaderListError):  # noqa: N818 - named after the setting
    """The fields of the block exceed the size that the caller allowed (RFC 9113 6.5.2)."""
