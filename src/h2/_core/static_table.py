"""The static table of HPACK with the class of each field, the same for every connection."""

from __future__ import annotations

from typing import Final

from h2._hpack import StaticTable, build_static_table
from h2._rules.fields import classify_name, classify_value

STATIC: Final[StaticTable] = build_static_table(classify_name, classify_value)
