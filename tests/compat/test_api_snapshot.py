"""The public API, compared with `api_snapshot.txt`.

A difference is either a mistake or a change of the API. For a change, write the file again with
`python tests/compat/test_api_snapshot.py --write`, review the diff, and update the changelog.
"""

from __future__ import annotations

import argparse
import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

#: Marks names for internal use, which the API reference omits, too.
PRIVATE = ":meta private:"

SNAPSHOT = Path(__file__).with_name("api_snapshot.txt")
MODULES = (
    "h2.connection",
    "h2.buffered",
    "h2.config",
    "h2.events",
    "h2.exceptions",
    "h2.errors",
    "h2.limits",
    "h2.settings",
    "h2.priorities",
)


def describe_module(name: str) -> list[str]:
    """Return one line for each fact about the public names of a module."""
    module = importlib.import_module(name)
    lines = [f"[{name}]"]
    for public in sorted(public_names(module)):
        lines += describe(public, getattr(module, public))
    return lines


def public_names(module: ModuleType) -> list[str]:
    """Return the exports of a module: `__all__`, or its own names without an underscore."""
    exported: list[str] | None = getattr(module, "__all__", None)
    if exported is not None:
        return exported
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("h2.")
    ]


def describe(name: str, value: object) -> Iterator[str]:
    """Describe a class, a function or a constant."""
    if isinstance(value, type):
        yield ""
        yield f"class {name}({', '.join(base.__name__ for base in value.__bases__)})"
        if issubclass(value, enum.Enum):
            yield from (f"    {member.name} = {member.value!r}" for member in value)
        else:
            yield from describe_members(value)
    elif isinstance(value, FunctionType):
        yield ""
        yield f"def {name}{signature(value)}"
    else:
        yield ""
        yield f"{name} = {value!r}"


def describe_members(cls: type) -> Iterator[str]:
    """Describe constructor, attributes and methods, inherited ones of this package included."""
    own = [base for base in cls.__mro__ if base.__module__.startswith("h2.")]
    if any("__init__" in vars(base) for base in own):
        yield f"    {signature(cls)}"
    types: dict[str, object] = {}
    members: dict[str, object] = {}
    for base in reversed(own):
        types.update(inspect.get_annotations(base))
        members.update(vars(base))
    for name in sorted({*types, *members}):
        if name.startswith("_") or PRIVATE in (getattr(members.get(name), "__doc__", None) or ""):
            continue
        shown = f"{name}: {Plain(types[name])}" if name in types else name
        yield f"    {describe_member(shown, members[name]) if name in members else shown}"


def describe_member(name: str, value: object) -> str:
    """Describe an attribute of a class; its name may be followed by a type."""
    if isinstance(value, FunctionType):
        return f"def {name}{signature(value)}"
    if isinstance(value, (classmethod, staticmethod)):
        return f"{type(value).__name__} {name}{signature(value.__func__)}"
    if isinstance(value, property):
        settable = "" if value.fset is None else ", settable"
        return f"property {name}{signature(value.fget)}{settable}"
    return f"{name} = {value!r}"


class Plain:
    """A type that is shown without quotes, whether or not it is kept as text."""

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation

    def __repr__(self) -> str:
        if isinstance(self.annotation, str):
            return self.annotation
        return inspect.formatannotation(self.annotation)


def signature(function: object) -> str:
    """Return the signature of a function or, without `self`, of a method or a constructor."""
    assert callable(function)
    found = inspect.signature(function)
    parameters = [
        parameter
        if parameter.annotation is parameter.empty
        else parameter.replace(annotation=Plain(parameter.annotation))
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]
    result = found.return_annotation
    if result is not found.empty:
        result = Plain(result)
    return str(found.replace(parameters=parameters, return_annotation=result))


def recorded() -> dict[str, list[str]]:
    """Return the sections of the snapshot by module name."""
    sections: dict[str, list[str]] = {}
    for line in SNAPSHOT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        section.append(line)
    return sections


def without_blank_lines(lines: list[str]) -> list[str]:
    return [line for line in lines if line]


@pytest.mark.parametrize("name", MODULES)
def test_public_api(name: str) -> None:
    """Names, signatures, defaults, bases, members and attributes are those of the snapshot."""
    assert without_blank_lines(describe_module(name)) == without_blank_lines(recorded()[name])


def test_no_other_modules_are_recorded() -> None:
    assert tuple(recorded()) == MODULES


def main() -> None:
    """Write the snapshot, or show it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {SNAPSHOT.name}")
    arguments = parser.parse_args()
    text = "\n\n\n".join("\n".join(describe_module(name)) for name in MODULES) + "\n"
    if arguments.write:
        SNAPSHOT.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
