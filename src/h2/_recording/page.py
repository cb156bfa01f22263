"""The page that shows recordings: markup, style and script in one file, without network."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent


def page(title: str, recording: str) -> str:
    """Return the page for a recording in its JSON format."""
    parts = {
        "TITLE": html.escape(title),
        "STYLE": _read("page.css"),
        "PROGRAM": _read("page.js"),
        # Inside a script element only its end tag is markup.
        "RECORDING": recording.replace("<", "\\u003c"),
    }
    text = _read("page.html")
    before, _, rest = text.partition("{{")
    found = [before]
    while rest:
        name, _, rest = rest.partition("}}")
        between, _, rest = rest.partition("{{")
        found += [parts[name], between]
    return "".join(found)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
