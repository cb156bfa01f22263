"""HPACK (RFC 7541): field blocks to fields and back. Knows nothing of streams or field rules."""

from __future__ import annotations

from h2._hpack.decoder import Decoder
from h2._hpack.encoder import Encoder
from h2._hpack.entry import LEADING, NOTED, ClassifyName, ClassifyValue, Entry, FieldSection
from h2._hpack.errors import HeaderListTooLarge, HpackDecodingError
from h2._hpack.static import StaticTable, build_static_table

__all__ = [
    "LEADING",
    "NOTED",
    "ClassifyName",
    "ClassifyValue",
    "Decoder",
    "Encoder",
    "Entry",
    "FieldSection",
    "HeaderListTooLarge",
    "HpackDecodingError",
    "StaticTable",
    "build_static_table",
]
