"""The manual's own Sphinx extension; named in docs/conf.py.

- Every public name of the package is in the API reference: a missing one is a warning, and so
  ends the build.
- The name of a class or of a method in code font becomes a link to the API reference. So the pages
  are plain Markdown, which reads the same on GitHub.
- Drawings become part of the page, so that they have the colors of its theme; elsewhere the same
  files are images.
- Included Python files are highlighted as Python. Program output in columns is marked, so that its
  lines are not broken.
- Long names in tables may be broken, so that a table fits on a phone; short code, such as an
  option, is never broken.
- Uninformative signatures are left out: those of events and of enumerations. The error code of an
  exception is shown by its name.
- The fields of events are separate attributes. Their docstrings explain them as parameters, because
  that is what ``help()`` shows.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event

_log = logging.getLogger(__name__)

#: Where a name or a command may be broken: after underscores, dots etc., and before capitals.
_BREAKS = re.compile(
    r"(?<=\w_)(?=\w)|(?<=[a-z][./])(?=[a-z])|(?<=[a-z]{2})(?=[A-Z][a-z])|(?<=\w[+:=(])(?=[\"\w])"
)

#: Code in text up to this length is never broken.
_SHORT = 12

#: A line of a table in plain text.
_COLUMNS = re.compile(r"\S {3,}\S.* {2,}\S")


@functools.cache
def public_names() -> tuple[str, ...]:
    """Every name that the reference must have: what public modules export, and its members."""
    return tuple(_public_names())


def _public_names() -> Iterator[str]:
    for module in pkgutil.iter_modules(h2.__path__, "h2."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        exported = importlib.import_module(module.name)
        for name in exported.__all__:
            yield f"{module.name}.{name}"
            value = getattr(exported, name)
            # Internal classes are shown where the reference explains them.
            if inspect.isclass(value) and value.__module__ == module.name:
                yield from (f"{module.name}.{name}.{member}" for member in members(value))


def members(cls: type) -> Iterator[str]:
    """The public methods and attributes of a class, including those from inside the package.

    Attributes that are parameters are explained there: the options of a configuration. So are the
    fields of events, which the reference turns into attributes again.
    """
    explained = [] if issubclass(cls, Event) else parameters(cls)
    found: dict[str, None] = {}
    for base in cls.__mro__:
        if base is cls or base.__module__.startswith("h2._"):
            found |= dict.fromkeys(inspect.get_annotations(base))
            found |= dict.fromkeys(vars(base))
    return (
        name
        for name in found
        if not (name.startswith("_") or name in explained or is_private(getattr(cls, name, None)))
    )


def is_private(member: object) -> bool:
    """Whether a docstring marks this as private, as Sphinx reads it."""
    return ":meta private:" in (inspect.getdoc(member) or "")


def parameters(cls: type) -> list[str]:
    """The parameters that the docstring of a class explains."""
    return re.findall(r":param (\w+):", cls.__doc__ or "")


def missing(documented: Set[str]) -> list[str]:
    """The public names that are not documented, in order."""
    return sorted(set(public_names()) - documented)


def check_reference(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that are not in the API reference."""
    documented = {name for name, *_ in env.domains.python_domain.get_objects()}
    for name in missing(documented):
        _log.warning("%s is not in the API reference", name)


def link_names(documented: Set[str]) -> dict[str, str]:
    """Names in code font on a page, and the full name for each.

    A class is referred to by its name, its members as ``Class.member``; codes just by their name,
    as are the members of a connection whose name is not an ordinary word.
    """
    meant: dict[str, str] = {}
    for name in public_names():
        if name not in documented:
            continue
        _, _, local = name.removeprefix("h2.").partition(".")
        owner, _, member = local.rpartition(".")
        meant[name] = name
        if owner or local[0].isupper():
            meant.setdefault(local, name)
        if owner in ("ErrorCodes", "SettingCodes"):
            meant[member] = name
        if owner == H2Connection.__name__:
            meant[f"conn.{member}"] = name
            if "_" in member:
                meant[member] = name
    for option in parameters(H2Configuration):
        meant[option if "_" in option else f"config.{option}"] = "h2.config.H2Configuration"
    for attribute in ("events", "rule"):
        meant[f"exc.{attribute}"] = f"h2.exceptions.H2Error.{attribute}"
    return meant


def link_code(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn names in code font on one page into links, unless they are names of modules."""
    if page == "architecture":
        return
    objects = {name: place for name, _, _, *place, _ in _objects(app.env)}
    meant = link_names(objects.keys())
    for literal in list(doctree.findall(nodes.literal)):
        text = re.sub(r"\(.*\)$", "", literal.astext())
        place = objects.get(meant.get(text, ""))
        if place is None or isinstance(literal.parent, (nodes.reference, nodes.title)):
            continue
        target, anchor = place
        uri = app.builder.get_relative_uri(page, target)
        if target == page:
            uri = ""
        link = nodes.reference(
            "", "", internal=True, refuri=f"{uri}#{anchor}", reftitle=meant[text]
        )
        literal.replace_self(link)
        link += literal


def prepare_blocks(app: Sphinx, doctree: nodes.document) -> None:
    """Highlight included files, and mark blocks that are in columns."""
    for block in doctree.findall(nodes.literal_block):
        if "language" not in block and block.get("source", "").endswith(".py"):
            block["language"] = "python"
        if _COLUMNS.search(block.astext()):
            block["classes"].append("columns")


def keep_together(app: Sphinx, doctree: nodes.document) -> None:
    """Mark short code in text, such as options, that must not be broken at its hyphens."""
    for literal in doctree.findall(nodes.literal):
        if len(literal.astext()) <= _SHORT:
            literal["classes"].append("short")


def break_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Allow long names in the cells of tables to break between their parts."""
    if app.builder.format != "html":
        return
    cells = (cell for table in doctree.findall(nodes.table) for cell in table.findall(nodes.entry))
    for text in [text for cell in cells for text in cell.findall(nodes.Text)]:
        first, *others = _BREAKS.split(text.astext())
        if others:
            parts: list[nodes.Node] = [nodes.Text(first)]
            for other in others:
                parts += nodes.raw("", "<wbr>", format="html"), nodes.Text(other)
            text.parent.replace(text, parts)


def draw_in_place(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Inline drawings that the page refers to as images."""
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if app.builder.format == "html" and path.suffix == ".svg":
            drawing = f'<div class="drawn">{path.read_text(encoding="utf-8")}</div>'
            alone = isinstance(image.parent, nodes.paragraph) and len(image.parent) == 1
            place = image.parent if alone else image
            place.replace_self(nodes.raw("", drawing, format="html"))


def _objects(env: BuildEnvironment) -> Iterator[tuple[str, str, str, str, str, int]]:
    return iter(env.domains.python_domain.get_objects())


def shorten_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leave out the parameters of classes whose objects come from the package."""
    if what == "class" and issubclass(obj, (Event, enum.Enum)):
        return "", ""
    return None


def name_code(
    app: Sphinx, what: str, name: str, obj: Any, options: object, lines: list[str]
) -> None:
    """Show the name of the error code of an exception, not just a number."""
    if name.startswith("h2.exceptions.") and name.endswith(".error_code"):
        code = ErrorCodes(obj).name
        lines[:] = [f"{lines[0].rstrip('.')}: :attr:`~h2.errors.ErrorCodes.{code}`."]


def list_fields(
    app: Sphinx, what: str, name: str, obj: Any, options: object, lines: list[str]
) -> None:
    """Turn the parameters of an event into attributes."""
    if what != "class" or not issubclass(obj, Event):
        return
    text, *fields = re.split(r"^:param (\w+): ", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = text.splitlines()
    annotations = inspect.get_annotations(obj)
    for field, explained in zip(fields[::2], fields[1::2], strict=True):
        sentence = explained[0].upper() + " ".join(explained[1:].split()).removesuffix(".") + "."
        lines += [
            f".. attribute:: {field}",
            f"   :type: {in_full(annotations[field])}",
            "",
            f"   {sentence}",
            "",
        ]


def in_full(annotation: str) -> str:
    """An annotation of an event with the full names of the classes of this package."""

    def full_name(match: re.Match[str]) -> str:
        found = getattr(h2.events, match[0], None)
        own = inspect.isclass(found) and found.__module__.startswith("h2.")
        return f"{found.__module__}.{match[0]}" if own else match[0]

    return re.sub(r"\b[A-Z]\w+", full_name, annotation)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of this; called by Sphinx."""
    public_names()  # before autodoc adds annotations to the classes that it inspects
    app.connect("env-check-consistency", check_reference)
    app.connect("doctree-resolved", link_code)
    app.connect("doctree-read", prepare_blocks)
    app.connect("doctree-read", keep_together)
    app.connect("doctree-resolved", break_names)
    app.connect("doctree-resolved", draw_in_place)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-process-docstring", name_code)
    app.connect("autodoc-process-docstring", list_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
