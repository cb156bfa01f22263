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

extensions = ["myst_parser", "sphinx.ext.autodoc", "tools.manual"]

# Markdown: `:::{note}` blocks, and links to headings (`errors.md#streams`) as on GitHub.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# What the docstrings name must exist.
nitpicky = True

# The standard library has no pages in this manual, and other manuals are not fetched for a build.
nitpick_ignore_regex = [("py:class", r"collections\.abc\.\w+")]

# Long signatures get a line for each parameter: readable on a phone.
maximum_signature_line_length = 80
python_trailing_comma_in_multi_line_signatures = False
add_module_names = False
python_use_unqualified_type_names = True
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"

# Where nothing else is said, code is what a program prints.
highlight_language = "text"

html_theme = "furo"
html_title = f"h2 {release}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def drop_missing_chapters(app: Sphinx, name: str, content: list[str]) -> None:
    """Leave those chapters out of the table of contents that are not written yet."""

    def entry(line: re.Match[str]) -> str:
        if Path(app.srcdir, f"{line[0].strip()}.md").exists():
            return line[0]
        app.config.suppress_warnings.append("myst.xref_missing")
        return ""

    if name == "index":
        content[0] = re.sub(r"^[a-z-]+\n", entry, content[0], flags=re.MULTILINE)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", drop_missing_chapters)
