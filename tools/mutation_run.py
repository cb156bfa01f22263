"""Run tests on one mutant after another for `tools.mutation`, each in its own process.

Nearly all mutants change a function. The tests are imported once; then, for each mutant, a forked
process replaces the code of the function and runs the tests that reach it, so a mutant costs
little more than its tests. Code that runs at import cannot be replaced afterwards: for such a
mutant, a forked process imports the changed module and everything else itself.

The test that caught the previous mutants of a module runs first. Tests are limited in processor
time, not elapsed time, so a busy machine makes no difference.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final, NamedTuple, NoReturn

import pytest

from .mutants import Mutant

KILLED, SURVIVED, TIMED_OUT, NOT_REACHED = "killed", "survived", "timed out", "not reached"

#: Limits on the processor time of a test: in seconds, and relative to a run without a mutant.
_SECONDS: Final = 2
_PATIENCE: Final = 5
#: Seconds until the tests of a mutant are killed, in case they are waiting for something.
_AT_MOST: Final = 1_800
#: The number of octets a mutant may allocate, in case it loops.
_MEMORY: Final = 4 * 2**30

#: Not a mutant: a test that fails without one and is left out.
FAILS_ANYWAY: Final = "fails anyway"
_AT_IMPORT: Final = "runs at import"

_BROKEN: Final = 99  #: not an exit status of pytest

_IN_FUNCTION: Final = 0x1  #: CO_OPTIMIZED: not set in the code of modules and classes

_PYTEST: Final = ("-q", "-s", "--tb=no", "-p", "no:cacheprovider", "-p", "no:cov")
#: Modules that are slow to import and that every process needs.
_IMPORTED_ONCE: Final = ("hypothesis.strategies", "hypothesis.stateful", "asyncio", "unittest.mock")
#: The number of test files to try first.
_LIKELY: Final = 3

#: Modules imported already need no rewritten assertions.
_IMPORTED: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class Task(NamedTuple):
    """A mutant and the tests to run on it, in this order; `None` means all tests."""

    mutant: Mutant
    tests: list[str] | None
    at_import: bool = False  #: the line also runs when the module is imported


class Outcome(NamedTuple):
    """The fate of a mutant."""

    key: str
    result: str
    test: str = ""  #: the one that caught it


def run(
    tasks: Sequence[Task], arguments: Sequence[str], seconds: Mapping[str, float], source: Path
) -> Iterator[Outcome]:
    """Run the tests of each task on its mutant and yield the outcomes.

    ``arguments`` tell pytest where the tests are; ``seconds`` gives the duration of each test.
    """
    os.environ.setdefault("CI", "1")  # generated inputs are the same in each run
    imported = []
    broken = set()
    noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)  # files of tests by module
    by_key = {task.mutant.key: task for task in tasks}
    for outcome in _Session(tasks, seconds, source).outcomes(arguments):
        if outcome.result == _AT_IMPORT:
            imported.append(by_key[outcome.key])
            continue
        if outcome.result == FAILS_ANYWAY:
            broken.add(outcome.test)
        elif outcome.test:
            noticed[by_key[outcome.key].mutant.file][_file(outcome.test)] += 1
        yield outcome
    for name in _IMPORTED_ONCE:
        importlib.import_module(name)
    for task in imported:
        files = noticed[task.mutant.file]
        likely = {file for file, _ in files.most_common(_LIKELY)}
        sound = None if task.tests is None else [test for test in task.tests if test not in broken]
        first = [test for test in sound or () if _file(test) in likely]
        for tests in (first, sound) if first else (sound,):
            one = task._replace(tests=tests)
            (outcome,) = _Session([one], seconds, source, task.mutant).outcomes(arguments)
            if outcome.result != SURVIVED:
                break
        if outcome.test:
            files[_file(outcome.test)] += 1
        yield outcome


def _file(test: str) -> str:
    return test.partition("::")[0]


class _Session:
    """Collects the tests in a separate process; as a pytest plugin, it loops over the mutants."""

    def __init__(
        self,
        tasks: Sequence[Task],
        seconds: Mapping[str, float],
        source: Path,
        imported: Mutant | None = None,
    ) -> None:
        self._tasks = tasks
        self._seconds = seconds
        self._source = source
        self._imported = imported
        self._noticed: defaultdict[str, list[str]] = defaultdict(list)
        self._failed = False
        self._pipe = -1

    def outcomes(self, arguments: Sequence[str]) -> Iterator[Outcome]:
        """Yield the outcome for each mutant."""
        incoming, self._pipe = os.pipe()
        child = os.fork()
        if not child:
            os.close(incoming)
            self._collect(arguments)
        os.close(self._pipe)
        with os.fdopen(incoming, encoding="utf-8") as lines:
            for line in lines:
                yield Outcome(*json.loads(line))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if (
            status not in (0, _BROKEN) and self._imported is not None
        ):  # the tests cannot even be imported
            yield Outcome(self._imported.key, KILLED)
        elif status:
            sys.exit("the tests cannot run: --fresh measures them")

    def _collect(self, arguments: Sequence[str]) -> NoReturn:
        status = _BROKEN
        try:
            if self._imported is not None:
                _quiet()
                sys.meta_path.insert(0, _Finder(self._imported, self._source))
                if tests := self._tasks[0].tests:
                    arguments = list({_file(test): None for test in tests})
            status = int(pytest.main([*_PYTEST, *_IMPORTED, *arguments], plugins=[self]))
        finally:
            os._exit(status)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests of each mutant instead of all tests."""
        items = {item.nodeid: item for item in session.items}
        chosen = {test for task in self._tasks for test in task.tests or ()}
        if session.testsfailed or not chosen <= items.keys():
            print(f"there are other tests: {sorted(chosen - items.keys())[:3]}", file=sys.stderr)
            raise session.Failed
        functions = _Functions(self._source)
        gc.collect()
        gc.freeze()  # forked processes share what exists by now
        if self._imported is None:
            everything = any(task.tests is None for task in self._tasks)
            run = [test for test in items if everything or test in chosen]
            for test in self._fail_anyway(run, items):
                del items[test]
                self._say(Outcome("", FAILS_ANYWAY, test))
        for task in self._tasks:
            self._say(self._judge(task, items, functions))
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test has failed."""
        self._failed = self._failed or report.failed

    def _say(self, outcome: Outcome) -> None:
        os.write(self._pipe, (json.dumps(outcome) + "\n").encode())

    def _fail_anyway(self, tests: Sequence[str], items: Mapping[str, pytest.Item]) -> list[str]:
        """Return the tests that fail without a mutant."""
        incoming, outgoing = os.pipe()
        child = os.fork()
        if not child:
            _quiet()
            os.close(self._pipe)
            self._run([items[test] for test in tests], outgoing, all_of_them=True)
        os.close(outgoing)
        with os.fdopen(incoming, "rb") as places:
            octets = places.read()
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise RuntimeError("the tests do not end")
        return [tests[place] for place in memoryview(octets).cast("I")]

    def _judge(
        self, task: Task, items: Mapping[str, pytest.Item], functions: _Functions
    ) -> Outcome:
        mutant = task.mutant
        reached = [test for test in (items if task.tests is None else task.tests) if test in items]
        if not reached:
            return Outcome(mutant.key, NOT_REACHED)
        changed: list[tuple[FunctionType, CodeType]] = []
        if self._imported is None:
            changed = [] if task.at_import else functions.changed(mutant)
            if not changed:
                return Outcome(mutant.key, _AT_IMPORT)
        noticed = self._noticed[mutant.file]
        last = [test for test in reversed(noticed) if test in set(reached)]
        tests = list(dict.fromkeys([*last, *reached]))
        incoming, outgoing = os.pipe()
        child = os.fork()
        if not child:
            _quiet()
            os.close(self._pipe)
            os.setsid()
            for function, code in changed:
                function.__code__ = code
            self._run([items[test] for test in tests], outgoing)
        os.close(outgoing)
        result, place = _wait(child, incoming)
        if place is None:
            return Outcome(mutant.key, result)
        noticed[:] = [*[test for test in noticed if test != tests[place]][-19:], tests[place]]
        return Outcome(mutant.key, result, tests[place])

    def _run(
        self, items: Sequence[pytest.Item], pipe: int, *, all_of_them: bool = False
    ) -> NoReturn:
        """Run tests until one fails, writing the index of each, or of all that fail."""
        try:
            import resource  # not on every system

            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            for place, item in enumerate(items):
                limit = _SECONDS + _PATIENCE * self._seconds.get(item.nodeid, 0.0)
                signal.setitimer(signal.ITIMER_PROF, limit)  # the signal ends the process
                if not all_of_them:
                    os.write(pipe, place.to_bytes(4, sys.byteorder))
                following = items[place + 1] if place + 1 < len(items) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self._failed and not all_of_them:
                    os._exit(1)
                if self._failed:
                    os.write(pipe, place.to_bytes(4, sys.byteorder))
                    self._failed = False
            os._exit(0)
        finally:
            os._exit(1)


def _wait(child: int, pipe: int) -> tuple[str, int | None]:
    """Wait for the tests; return the outcome and the index of the last test."""
    place = None
    result = None
    with os.fdopen(pipe, "rb", buffering=0) as places:
        while result is None:
            if not select.select([places], [], [], _AT_MOST)[0]:
                result = TIMED_OUT
            elif octets := places.read(4096):
                place = int.from_bytes(octets[-4:], sys.byteorder)
            else:
                break
    if result is not None:
        os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if result is None:
        result = {0: SURVIVED, -signal.SIGPROF: TIMED_OUT}.get(status, KILLED)
    return result, None if result == SURVIVED else place


def _quiet() -> None:
    with open(os.devnull, "r+b") as nothing:
        for descriptor in (0, 1, 2):
            os.dup2(nothing.fileno(), descriptor)


class _Functions:
    """The functions of the source that exist in this process."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._found: defaultdict[str, list[FunctionType]] = defaultdict(list)
        for found in gc.get_objects():
            if isinstance(found, FunctionType):
                self._found[found.__code__.co_filename].append(found)

    def changed(self, mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
        """Return the functions that a mutant changes, with their new code.

        Return an empty list if the mutant also changes code that runs at import.
        """
        path = str(self._source / mutant.file)
        if mutant.at_import:
            return []
        old = compile(mutant.module, path, "exec", dont_inherit=True)
        new = compile(mutant.tree(), path, "exec", dont_inherit=True)
        codes = list(_different(old, new))
        if not all(before.co_flags & _IN_FUNCTION for before, _ in codes):
            return []
        return [
            (function, after)
            for before, after in codes
            for function in self._found[path]
            if function.__code__ == before
        ]


def _different(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield pairs of old and new code objects that differ by more than nested code objects."""
    inner = [[part for part in code.co_consts if isinstance(part, CodeType)] for code in (old, new)]
    if len(inner[0]) != len(inner[1]):
        yield old, new
        return
    outer = [
        (
            code.co_code,
            code.co_names,
            [*map(repr, (part for part in code.co_consts if not isinstance(part, CodeType)))],
        )
        for code in (old, new)
    ]
    if old.co_flags & _IN_FUNCTION:
        if old != new:
            yield old, new
    elif outer[0] != outer[1]:
        yield old, new
    for before, after in zip(*inner, strict=True):
        yield from _different(before, after)


class _Finder:
    """Finds one module, with a change in it."""

    def __init__(self, mutant: Mutant, source: Path) -> None:
        self._name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self._path = str(source / mutant.file)
        self._tree = mutant.tree()

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> ModuleSpec | None:
        """Return the changed module, or None for any other."""
        if name != self._name:
            return None
        loader = _Loader(name, self._path)
        loader.tree = self._tree
        return importlib.util.spec_from_file_location(name, self._path, loader=loader)


class _Loader(SourceFileLoader):
    tree: ast.Module

    def get_code(self, _name: str) -> CodeType:
        return compile(self.tree, self.path, "exec", dont_inherit=True)
