"""Names of the published h2 4.4.1 that are missing here.

usage: python -m tools.public_names [--check] [--python PYTHON]

Whatever a program can import from h2 4.4.1, or find on what it imports, must exist here, too, with
the same parameters, or be in `ACCEPTED` with the reason, which docs/differences.md also has.
Names are what the modules of both packages have when they run: attributes of modules, members of
classes and of their objects, parameters of functions. Names that begin with an underscore do not
count, except for those that are known to be used. What a module has from another one counts for
h2.connection alone, where programs find names of all of h2.

PYTHON is an interpreter that has the published h2; without it, the one of the environment
`published` of tools.venvs. It runs this file with `--list`, so the file imports nothing but the
standard library and h2.
"""

from __future__ import annotations

import argparse
import enum
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

#: The parameters of callables: name, kind, and whether it may be omitted.
Parameters = list[list[Any]]

#: Names with their modules, and the parameters of those that are callable.
Names = dict[str, Parameters | None]

#: Private names that programs use anyway.
USED = {"_frame_dispatch_table", "_receive_goaway_frame"}

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]

#: What is missing on purpose: the reason, worded as in docs/differences.md, and patterns of names.
ACCEPTED = {
    "State machines accept no input.": (
        "h2.connection.AllowedStreamIDs*",
        "h2.connection.ConnectionInputs*",
        "h2.connection.H2ConnectionStateMachine.process_input",
        "h2.stream.H2StreamStateMachine.*",
        "h2.stream.STREAM_OPEN",
        "h2.stream.StreamInputs*",
    ),
    "Streams have no methods.": ("h2.stream.H2Stream.*",),
    "Streams and state machines are created by a connection.": (
        "h2.connection.H2ConnectionStateMachine",
        "h2.stream.H2Stream",
        "h2.stream.H2StreamStateMachine",
    ),
    "Internal parts that do not exist.": (
        "h2.connection.H2Connection._frame_dispatch_table",
        "h2.connection.H2Connection.incoming_buffer",
        "h2.events.kw_only",
    ),
}


def listed() -> Names:
    """Every public name of the h2 that this interpreter has."""
    package = importlib.import_module("h2")
    modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
    found: Names = {}
    for module in ("h2", *(f"h2.{name}" for name in modules if not name.startswith("_"))):
        for name, value in vars(importlib.import_module(module)).items():
            if not _counts(name) or inspect.ismodule(value) or isinstance(value, bool):
                continue
            origin = getattr(value, "__module__", module)
            at_home = origin == module or origin.startswith("h2._")
            if at_home or (module == "h2.connection" and origin.startswith("h2.")):
                found[f"{module}.{name}"] = _parameters(value)
            if at_home and inspect.isclass(value):
                found |= _members(f"{module}.{name}", value)
    return found


def _counts(name: str) -> bool:
    return name in USED or not name.startswith("_")


def _members(full: str, cls: type) -> Names:
    """The members of a class and of its objects, except those from other packages."""
    names = {*getattr(cls, "__members__", ()), *vars(_samples().get(full, _Nothing()))}
    for base in cls.__mro__:
        if base.__module__.split(".")[0] == "h2":
            names |= vars(base).keys()
    return {
        f"{full}.{name}": _parameters(getattr(cls, name, None))
        for name in sorted(names)
        if _counts(name)
    }


def _parameters(value: object) -> Parameters | None:
    if not callable(value) or (inspect.isclass(value) and issubclass(value, enum.Enum)):
        return None
    try:
        parameters = inspect.signature(value).parameters.values()
    except ValueError:  # a class whose constructor is not implemented in Python
        return None
    return [
        [parameter.name, int(parameter.kind), parameter.default is not parameter.empty]
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


class _Nothing:
    """An object without attributes."""


def _samples() -> Mapping[str, object]:
    """Objects with attributes that their classes do not name."""
    h2: Any = importlib.import_module("h2")
    for name in ("connection", "windows", "frame_buffer"):
        importlib.import_module(f"h2.{name}")
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    connection.send_headers(1, REQUEST)
    stream = connection.streams[1]
    samples = {
        "h2.connection.H2Connection": connection,
        "h2.connection.H2ConnectionStateMachine": connection.state_machine,
        "h2.stream.H2Stream": stream,
        "h2.stream.H2StreamStateMachine": stream.state_machine,
        "h2.config.H2Configuration": connection.config,
        "h2.config.OutputLogger": h2.config.OutputLogger(),
        "h2.windows.WindowManager": h2.windows.WindowManager(100),
        "h2.frame_buffer.FrameBuffer": h2.frame_buffer.FrameBuffer(),
        "h2.settings.ChangedSetting": h2.settings.ChangedSetting(1, 2, 3),
        "h2.exceptions.InvalidBodyLengthError": h2.exceptions.InvalidBodyLengthError(1, 2),
        "h2.exceptions.InvalidSettingsValueError": h2.exceptions.InvalidSettingsValueError("", 1),
        "h2.exceptions.NoSuchStreamError": h2.exceptions.NoSuchStreamError(1),
        "h2.exceptions.StreamClosedError": h2.exceptions.StreamClosedError(1),
        "h2.exceptions.StreamIDTooLowError": h2.exceptions.StreamIDTooLowError(1, 2),
    }
    events = (
        "AlternativeServiceAvailable", "ConnectionTerminated", "PriorityUpdated",
        "PushedStreamReceived", "RemoteSettingsChanged", "SettingsAcknowledged",
    )  # fmt: skip
    samples |= {f"h2.events.{name}": getattr(h2.events, name)() for name in events}
    # Objects with slots name all of their attributes.
    return {name: sample for name, sample in samples.items() if hasattr(sample, "__dict__")}


def missing(published: Names, ours: Names) -> Iterator[tuple[str, str]]:
    """The names of the published package that are missing or different here, with a note."""
    for full, wanted in published.items():
        if full not in ours:
            owner, _, name = full.rpartition(".")
            if owner in sys.modules and hasattr(sys.modules[owner], name):
                continue  # the module provides it on demand
            yield full, "is missing"
        elif wanted is not None:
            given = ours[full]
            if given is None:
                yield full, "cannot be called, or has other parameters"
            else:
                yield from ((full, problem) for problem in _differences(wanted, given))


def _differences(wanted: Parameters, given: Parameters) -> Iterator[str]:
    """How calls that match the expected parameters may not match the actual ones."""
    by_name = {name: (place, kind, optional) for place, (name, kind, optional) in enumerate(given)}
    for place, (name, kind, optional) in enumerate(wanted):
        if name not in by_name:
            yield f"has no parameter {name}"
            continue
        other_place, other_kind, other_optional = by_name.pop(name)
        if kind != other_kind or (place != other_place and kind != inspect.Parameter.KEYWORD_ONLY):
            yield f"takes {name} in another way"
        if optional and not other_optional:
            yield f"asks for {name}"
    yield from (f"asks for {name}" for name, (_, _, optional) in by_name.items() if not optional)


def reason(full: str) -> str | None:
    """The reason why a name may be missing, if there is one."""
    for why, patterns in ACCEPTED.items():
        if any(fnmatchcase(full, pattern) for pattern in patterns):
            return why
    return None


def published_names(python: str) -> Names:
    """The names of the h2 in another interpreter."""
    command = [python, "-I", __file__, "--list"]
    found: Names = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def report(published: Names) -> Iterator[str]:
    """A line for each name that is missing without a reason, and for each reason without a name."""
    problems = list(missing(published, listed()))
    yield from (f"{full} {problem}" for full, problem in problems if reason(full) is None)
    for patterns in ACCEPTED.values():
        for pattern in patterns:
            if not any(fnmatchcase(full, pattern) for full, _ in problems):
                yield f"{pattern} is accepted, and not missing"


def main(arguments: Sequence[str]) -> int:
    """Print what is missing; with `--check`, what is missing without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tools.public_names")
    parser.add_argument("--check", action="store_true", help="fail for what has no reason")
    parser.add_argument("--python", help="an interpreter that has the published h2")
    parser.add_argument("--list", action="store_true", help="print the names of this interpreter")
    options = parser.parse_args(arguments)
    if options.list:
        print(json.dumps(listed()))
        return 0
    python = options.python
    if python is None:
        from tools.venvs import ensure

        python = str(ensure("published"))
    published = published_names(python)
    if options.check:
        problems = list(report(published))
        print(*problems, sep="\n", end="\n" if problems else "")
        return 1 if problems else 0
    for full, problem in missing(published, listed()):
        why = reason(full)
        print(f"{full} {problem}" + (f": {why}" if why else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
