"""The two ways in which a field block is refused."""

from __future__ import annotations


class HpackDecodingError(Exception):
    """The block breaks RFC 7541; the receiver answers with COMPRESSION_ERROR."""


class HeaderListTooLarge(Exception):  # noqa: N818 - named after SETTINGS_MAX_HEADER_LIST_SIZE
    """The fields of the block exceed the size that the caller allowed (RFC 9113 6.5.2)."""
