"""The Sphinx configuration of the manual; `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import h2

project = "h2"
release = version = h2.__version__
author = "the authors of h2"
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "tools.manual",
]

# The copy button copies commands only, without prompts and output.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False

# Markdown: `:::{note}` blocks, and links to headings (`errors.md#streams`) as on GitHub.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Every name that a docstring refers to must exist.
nitpicky = True

# The standard library and hpack have no pages in this manual, and a build fetches no other manuals.
nitpick_ignore_regex = [("py:class", r"collections\.abc\.\w+"), ("py:.*", r"hpack\..*")]

# Long signatures get one line per parameter, readable on a phone.
maximum_signature_line_length = 80
python_trailing_comma_in_multi_line_signatures = False
add_module_names = False
python_use_unqualified_type_names = True
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
# Defaults as written in the source: the repr of a function cannot be parsed within a signature.
autodoc_preserve_defaults = True

# Code blocks without a language are program output.
highlight_language = "text"

html_theme = "furo"
html_title = f"h2 {release}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
