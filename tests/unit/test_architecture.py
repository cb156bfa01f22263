"""The structure of the package: which imports are allowed, and the length of code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import h2

Function = ast.FunctionDef | ast.AsyncFunctionDef

SOURCE = Path(h2.__file__).parent

# What each part may import from the package, besides its own modules. Imports point down only:
# face -> core -> (rules, frames, hpack), with the vocabulary below the core and open to all.
LEAVES = {"errors", "exceptions"}
VOCABULARY = LEAVES | {"config", "events", "limits", "priorities", "settings"}
MECHANISMS = {"_frames", "_hpack", "_rules"}
# Declarations for the compiler, and the check for a compiled build.
BUILD = {"_compiled", "_native"}
REACHED = {"frame_buffer", "stream", "utilities", "windows"}
MAY_IMPORT = {
    "__init__": {"_compiled"},
    "_compiled": set(),
    "_native": set(),
    "errors": set(),
    "_event": set(),
    "_dataclass": set(),
    "exceptions": {"errors", "_event"},
    "_frames": LEAVES | BUILD,
    "_hpack": LEAVES | BUILD,
    "_rules": LEAVES | BUILD,
    "settings": LEAVES | {"_rules"},
    "events": {"errors", "settings", "_dataclass", "_event"},
    "_core": VOCABULARY | MECHANISMS | BUILD,
    "config": {"limits"},
    "limits": {"_dataclass"},
    # Names for programs that reach in: thin, so they may import anything below the connection. It
    # imports them, because programs use them without importing them.
    "priorities": {"_rules"},
    "stream": VOCABULARY | MECHANISMS | {"_core"},
    "frame_buffer": LEAVES,
    "utilities": VOCABULARY | MECHANISMS | {"_core"},
    "windows": VOCABULARY | MECHANISMS | {"_core"},
    "_reachable": VOCABULARY | REACHED,
    "connection": VOCABULARY | {"_core", "_reachable", "frame_buffer"},
    "buffered": VOCABULARY | {"_core", "connection"},
    # A logger, as a program could have its own: nothing below uses it.
    "recorder": {"config", "_frames", "_recording"},
    "_recording": LEAVES | {"_frames", "_hpack", "settings"},
    # The command line may use everything, and nothing may use it.
    "_cli": VOCABULARY | MECHANISMS | {"__init__", "buffered", "connection", "recorder"},
    "__main__": {"_cli"},
}
THIRD_PARTY = {"hpack", "hyperframe"}
# For type checkers and the compiler; not imported at runtime.
TYPES_ALONE = {"h2._native": {"mypy_extensions"}}

LONGEST_FILE = 450
LONGEST_FUNCTION = 60
# Functions that may be longer, each with the reason not to split it.
LONG_FUNCTIONS = {
    "h2._hpack.decoder.Decoder.decode": "a call for each field would cost as much as the rest",
    "h2._hpack.encoder.Encoder.encode": "a call for each literal costs 2.5 % of its instructions",
}


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of every module of the package, by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ["h2", *path.relative_to(SOURCE).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def path_of(module: str) -> Path:
    """The file of a module of the package."""
    stem = SOURCE.joinpath(*module.split(".")[1:])
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def targets(module: str, node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names.

    Statements under `if TYPE_CHECKING` and inside functions count like any other: they would hide
    an import cycle.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module.split(".")
            if path_of(module).name != "__init__.py":
                package.pop()
            package = package[: len(package) - node.level + 1]
            base = ".".join([*package, base]) if base else ".".join(package)
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            yield whole if whole in trees() else base


def imports(module: str) -> set[str]:
    """All modules that a module imports."""
    return {name for node in ast.walk(trees()[module]) for name in targets(module, node)}


def inside(names: set[str]) -> set[str]:
    """Those of the names that are modules of the package."""
    return {name for name in names if name == "h2" or name.startswith("h2.")}


def part(module: str) -> str:
    """The part of the package that a module belongs to: the name below `h2`."""
    return module.split(".")[1] if "." in module else "__init__"


def functions(module: str) -> Iterator[tuple[str, Function]]:
    """Every function of a module with its qualified name."""

    def visit(node: ast.AST, name: str) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, Function | ast.ClassDef):
                inner = f"{name}.{child.name}"
            if isinstance(child, Function):
                yield inner, child
            yield from visit(child, inner)

    yield from visit(trees()[module], module)


def length(function: Function) -> int:
    """Lines from the `def` to the end, the docstring not counted."""
    return (function.end_lineno or 0) - function.lineno + 1 - docstring_length(function)


def docstring_length(node: Function | ast.ClassDef | ast.Module) -> int:
    """The number of lines of the docstring; 0 without one."""
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or 0) - first.lineno + 1


def file_length(module: str) -> int:
    """Lines of the file, docstrings not counted."""
    documented = Function | ast.ClassDef | ast.Module
    nodes = [node for node in ast.walk(trees()[module]) if isinstance(node, documented)]
    lines = path_of(module).read_text(encoding="utf-8").splitlines()
    return len(lines) - sum(map(docstring_length, nodes))


every_module = pytest.mark.parametrize("module", sorted(trees()))


def test_the_package_was_found() -> None:
    assert {"h2", "h2.connection", "h2._core", "h2._rules", "h2._frames", "h2._hpack"} <= set(
        trees()
    )


def test_every_module_has_a_place_in_the_layers() -> None:
    assert {part(module) for module in trees()} == set(MAY_IMPORT)


@every_module
def test_imports_point_down(module: str) -> None:
    own = part(module)
    wrong = {name for name in inside(imports(module)) if part(name) not in MAY_IMPORT[own] | {own}}
    assert not wrong


@every_module
def test_nothing_else_is_needed_to_import_it(module: str) -> None:
    tops = {name.split(".")[0] for name in imports(module)}
    allowed = sys.stdlib_module_names | THIRD_PARTY | {"h2"} | TYPES_ALONE.get(module, set())
    assert tops <= allowed


def test_no_import_goes_in_a_circle() -> None:
    graph = {module: inside(imports(module)) - {module} for module in trees()}
    while free := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in free}
    assert not graph, "these modules import each other, or from such a circle"


@every_module
def test_the_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(trees()[module])


@every_module
def test_nothing_depends_on_assert(module: str) -> None:
    found = [
        node.lineno
        for node in ast.walk(trees()[module])
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Name) and node.id == "__debug__")
    ]
    assert not found, "python -O takes these lines out"


@every_module
def test_the_file_is_short_enough_to_read(module: str) -> None:
    text = path_of(module).read_text(encoding="utf-8")
    generated = "generated by tools/" in text[:1000].lower()
    assert generated or file_length(module) <= LONGEST_FILE


@every_module
def test_functions_are_short_enough_to_read(module: str) -> None:
    too_long = {
        name: length(function)
        for name, function in functions(module)
        if length(function) > LONGEST_FUNCTION and name not in LONG_FUNCTIONS
    }
    assert not too_long


def test_the_list_of_long_functions_is_not_out_of_date() -> None:
    long = {
        name
        for module in trees()
        for name, function in functions(module)
        if length(function) > LONGEST_FUNCTION
    }
    assert set(LONG_FUNCTIONS) <= long


@pytest.mark.parametrize(
    ("module", "statement", "expected"),
    [
        ("h2.connection", "import h2.config, sys", {"h2.config", "sys"}),
        ("h2.connection", "from h2 import config", {"h2.config"}),
        ("h2.connection", "from . import config", {"h2.config"}),
        ("h2.connection", "from .config import H2Configuration", {"h2.config"}),
        ("h2._core", "from . import config", {"h2._core"}),
        ("h2._core", "from .. import config", {"h2.config"}),
        ("h2._core", "from ..config import H2Configuration", {"h2.config"}),
    ],
)
def test_import_statements_are_read_right(module: str, statement: str, expected: set[str]) -> None:
    assert set(targets(module, ast.parse(statement).body[0])) == expected
