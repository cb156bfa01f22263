"""HPACK (RFC 7541): header blocks to fields and back. Knows nothing of streams or field rules."""

from __future__ import annotations

from .decoder import Decoder
from .encoder import Encoder
from .entry import LEADING, NOTED, Block, Classify, Entry
from .errors import HeaderListTooLarge, HpackDecodingError
from .static import StaticTable, build_static_table

__all__ = [
    "LEADING",
    "NOTED",
    "Block",
    "Classify",
    "Decoder",
    "Encoder",
    "Entry",
    "HeaderListTooLarge",
    "HpackDecodingError",
    "StaticTable",
    "build_static_table",
]
