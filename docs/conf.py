"""How Sphinx builds the manual: `make docs`, with warnings as errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import h2

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "h2"
release = version = h2.__version__
author = "the authors of h2"
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc"]

# Markdown: `:::{note}` blocks, and links to headings (`errors.md#streams`) as on GitHub.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# The diagrams of states are source text for now.
suppress_warnings = ["misc.highlighting_failure"]

# What the docstrings name must exist.
nitpicky = True

html_theme = "furo"
html_title = f"h2 {release}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_copy_source = False
html_show_sphinx = False


def drop_missing_chapters(app: Sphinx, name: str, content: list[str]) -> None:
    """Leave those chapters out of the table of contents that are not written yet."""
    if name == "index":
        content[0] = re.sub(
            r"^[a-z-]+\n",
            lambda entry: entry[0] if Path(app.srcdir, f"{entry[0].strip()}.md").exists() else "",
            content[0],
            flags=re.MULTILINE,
        )


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", drop_missing_chapters)
