"""The stored inputs: cases that once broke something, and initial ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

#: One file for each target: an input per line in hexadecimal, optionally with a comment.
KEPT: Final = Path(__file__).resolve().parent / "corpus"


def kept(target: str) -> list[bytes]:
    """Return the inputs of the repository for a target."""
    lines = (KEPT / f"{target}.txt").read_text(encoding="utf-8").splitlines()
    contents = (line.partition("#")[0].strip() for line in lines)
    return [bytes.fromhex(content) for content in contents if content]


def found(folder: Path) -> list[bytes]:
    """Return the inputs in a folder that a search has filled, in the same order every time."""
    return [file.read_bytes() for file in sorted(folder.glob("*")) if file.is_file()]


def save(folder: Path, inputs: Iterable[bytes], prefix: str = "") -> list[Path]:
    """Write each input to a file named after its hash; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for data in inputs:
        files.append(folder / (prefix + hashlib.sha256(data).hexdigest()[:16]))
        files[-1].write_bytes(data)
    return files
