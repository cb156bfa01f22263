"""Shared by the HPACK tests: a static table, the recorded stories, access to tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2._hpack import Decoder, Encoder, build_static_table

Fields = list[tuple[bytes, bytes]]

UNLIMITED = 1 << 40

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "hpack-test-case"


def classify_name(name: bytes) -> int:
    """Give a name a class mask with every property that HPACK looks at."""
    if name.startswith(b":"):
        return 1 << (len(name) % 8)
    return 0x100 if name == b"content-length" else 0


def classify_value(mask: int, value: bytes) -> int:
    """Add a property of the value, where the name has none."""
    return 0x200 if not mask and b"\n" in value else mask


def classify(name: bytes, value: bytes) -> int:
    """Give the class mask of a field."""
    return classify_value(classify_name(name), value)


STATIC = build_static_table(classify_name, classify_value)


def story_files(kind: str) -> list[object]:
    """Return the parameters of a test over all stories of a kind, one skipped one if absent."""
    files = sorted((DATA / kind).glob("story_*.json"))
    if not files:
        reason = f"the stories of hpack-test-case ({kind}) are not beside the repository"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(file, id=file.stem) for file in files]


class Case:
    """One field block of a story."""

    def __init__(self, record: dict[str, object]) -> None:
        headers = record["headers"]
        assert isinstance(headers, list)
        self.fields: Fields = [
            (name.encode(), value.encode()) for field in headers for name, value in field.items()
        ]
        self.wire = bytes.fromhex(str(record.get("wire", "")))
        size = record.get("header_table_size")
        self.table_size = size if isinstance(size, int) else None


def cases(file: Path) -> Iterator[Case]:
    """Yield the field blocks of a story."""
    for record in json.loads(file.read_text(encoding="utf-8"))["cases"]:
        yield Case(record)


def encode(encoder: Encoder, fields: Fields) -> bytes:
    """Encode plain fields as a caller does: look them up, then encode them."""
    entries = [
        encoder.find((name, value)) or encoder.literal(name, value, classify(name, value))
        for name, value in fields
    ]
    return encoder.encode(entries)


def encoder_table(encoder: Encoder) -> Fields:
    """Return the dynamic table of an encoder, newest entry first."""
    dead = encoder._evicted - (encoder._inserted - len(encoder._entries))
    return [entry.field for entry in reversed(encoder._entries[dead:])]


def decoder_table(decoder: Decoder) -> Fields:
    """Return the dynamic table of a decoder, newest entry first."""
    live = reversed(decoder._entries[decoder._evicted :])
    return [(entry.field[0], entry.field[1]) for entry in live]


def table_octets(fields: Fields) -> int:
    """Return the size of a table as RFC 7541 4.1 counts it."""
    return sum(len(name) + len(value) + 32 for name, value in fields)
