"""Small changes of a module, one at a time, for `tools.mutation`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Final, NamedTuple

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

#: A node and its replacement.
Change = tuple[ast.AST, ast.AST]


class Mutant(NamedTuple):
    """One change of a module."""

    file: str  #: relative to the source
    key: str  #: identifies the change even if lines have moved
    lines: tuple[int, ...]  #: from the first to the last one of the statement
    at_import: bool  #: it is not in a function
    module: ast.Module
    path: tuple[tuple[str, int | None], ...]  #: from the module to the node
    replacement: ast.AST

    def tree(self) -> ast.Module:
        """Return the module with the change."""
        module = deepcopy(self.module)
        parent: ast.AST = module
        for field, place in self.path[:-1]:
            parent = _child(parent, field, place)
        field, place = self.path[-1]
        replacement = ast.copy_location(deepcopy(self.replacement), _child(parent, field, place))
        if place is None:
            setattr(parent, field, replacement)
        else:
            getattr(parent, field)[place] = replacement
        return ast.fix_missing_locations(module)


def _child(node: ast.AST, field: str, place: int | None) -> ast.AST:
    value = getattr(node, field)
    child: ast.AST = value if place is None else value[place]
    return child


Path = tuple[tuple[str, int | None], ...]


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Return all mutants of a module."""
    module = ast.parse(source)
    found: list[Mutant] = []
    counts: Counter[str] = Counter()
    for place in _places(module, (), "", None, False):
        for replacement in _changes(place.node):
            before, after = ast.unparse(place.node), ast.unparse(replacement)
            shown = f"{file}:{place.function}: {_short(before)} -> {_short(after)}"
            counts[shown] += 1
            key = shown if counts[shown] == 1 else f"{shown} #{counts[shown]}"
            statement = place.statement
            last = statement.end_lineno or statement.lineno
            if isinstance(statement, ast.If | ast.While | ast.For | ast.With | _Function):
                # The rest of it are other statements.
                last = max(statement.lineno, statement.body[0].lineno - 1)
            lines = tuple(range(statement.lineno, last + 1))
            found.append(
                Mutant(file, key, lines, not place.inside, module, place.path, replacement)
            )
    return found


class _Place(NamedTuple):
    """A node, where it is, and the statement and the function around it."""

    node: ast.AST
    path: Path
    function: str
    statement: ast.stmt
    inside: bool


def _places(
    node: ast.AST, path: Path, function: str, statement: ast.stmt | None, inside: bool
) -> Iterator[_Place]:
    """Yield every node in which something can be changed."""
    if isinstance(node, ast.stmt):
        statement = node
        if _is_left_out(node):
            return
    if statement is not None:
        yield _Place(node, path, function, statement, inside)
    if isinstance(node, _Function):
        function = f"{function}.{node.name}" if function else node.name
        inside = inside or not isinstance(node, ast.ClassDef)
    for field, value in ast.iter_fields(node):
        if field in ("test", "body") and _is_compiled(node):
            continue
        if field in ("annotation", "returns", "decorator_list", "type_params", "ctx"):
            continue
        if isinstance(value, ast.AST):
            yield from _places(value, (*path, (field, None)), function, statement, inside)
        elif isinstance(value, list):
            for place, child in enumerate(value):
                if isinstance(child, ast.AST):
                    below = (*path, (field, place))
                    yield from _places(child, below, function, statement, inside)


def _is_compiled(node: ast.AST) -> bool:
    """Tell whether only the compiled build, which is not mutated, takes the first branch."""
    if not isinstance(node, ast.If | ast.IfExp):
        return False
    return isinstance(node.test, ast.Name) and node.test.id == "COMPILED"


def _is_left_out(statement: ast.stmt) -> bool:
    """Return whether a statement is a docstring, an import, slots, or for type checkers only."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name):
        return statement.test.id == "TYPE_CHECKING"
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id in ("__slots__", "__all__")
    return False


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield replacements for a node."""
    for operator in _OPERATORS:
        yield from operator(node)


def _comparison(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for place, found in enumerate(node.ops):
            changed = deepcopy(node)
            changed.ops[place] = _COMPARISONS[type(found)]()
            yield changed


def _boolean(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(other, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif (
        isinstance(node, ast.If | ast.While | ast.IfExp)
        and isinstance(node.test, ast.Name | ast.Attribute | ast.Call)
        and not _is_compiled(node)
    ):
        changed = deepcopy(node)
        changed.test = ast.UnaryOp(ast.Not(), changed.test)
        yield changed


def _constant(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)


def _call(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield ast.Call(ast.Name(_CALLS[node.func.id], ast.Load()), node.args, node.keywords)


def _return(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Return) and node.value is not None:
        changed = ast.Return(ast.Constant(None))
        if ast.unparse(node) not in ("return None", "return False"):  # mypy sees the latter
            yield changed


def _statement(node: ast.AST) -> Iterator[ast.AST]:
    """Remove a statement. Without the assignment of a name nearly everything breaks."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return
    if isinstance(node, ast.Expr | ast.Raise | ast.Assign | ast.AugAssign | ast.Delete):
        yield ast.Pass()


_OPERATORS: Final[tuple[Callable[[ast.AST], Iterator[ast.AST]], ...]] = (
    *(_comparison, _boolean, _constant, _arithmetic, _call, _return, _statement),
)


def _short(text: str) -> str:
    """Return the first line of a text, which is enough to find it."""
    first, _, rest = text.partition("\n")
    return f"{first} ..." if rest else first
