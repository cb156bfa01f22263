"""Run the tests of programs that use h2, with the published h2 and with our wheel, and compare.

usage: python -m tools.consumer_suites [--keep FOLDER] [--buffered] [--wheel FILE] [NAME ...]

The consumers are in `tools/consumers/catalogue.py`, their versions next to it. The pure wheel of
this tree is built first, unless `--wheel` names one, such as a compiled wheel of `make wheels`. One
environment has h2 4.4.1 and one has that wheel, with all consumers in each (mitmproxy has two
separate ones); missing environments are created. The tests come from PyPI: from source
distributions, or from what is installed. If a consumer does not publish tests, an exercise replaces
them.

A test that passes with 4.4.1 must pass with ours. One that fails is run up to three times more,
after everything else, before it counts. The exit status is 1 if such a test remains or if a suite
did not run, and 2 if something could not be downloaded from PyPI.

`--buffered` is an experiment: it compares our wheel with itself, with `BufferedH2Connection` in
place of `H2Connection`, and shows which tests fail (docs/migrating.md says why). Its exit status is
1 only if a suite did not run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tools import distributions
from tools.consumers import catalogue, results
from tools.consumers.catalogue import EXERCISE, INSTALLED, SDIST, Consumer
from tools.consumers.results import Report, Results
from tools.venvs import ROOT, Environment, fresh

PLACE = ".consumers"
SDISTS = ROOT / PLACE / "sdists"
PUBLISHED, OURS, BUFFERED = "published", "ours", "buffered"
PUBLISHED_VERSION = "4.4.1"
#: Two ways to run a suite that are compared; the experiment runs both with our wheel.
KINDS, EXPERIMENT = (PUBLISHED, OURS), (OURS, BUFFERED)
#: The dependencies of h2, with either h2: some consumers require older versions.
BELOW = ("hpack==4.2.0", "hyperframe==6.1.0")
RERUNS = 3
#: The longest that one test may take, in seconds. One that hangs then fails alone.
TEST_LIMIT = 30
#: How many lines at the end of the output of a failed run are shown.
TAIL = 30


class UnavailableError(Exception):
    """Something could not be installed or downloaded."""


def pip(python: str | Path, action: str, *arguments: str | Path) -> None:
    """Run pip, which reports its own errors."""
    command = [str(python), "-m", "pip", action, "-q", "--disable-pip-version-check"]
    try:
        subprocess.run([*command, *map(str, arguments)], check=True)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"this failed: {shlex.join(map(str, error.cmd))}") from error


def environment(of_set: str, kind: str) -> Path:
    """The interpreter of an environment with consumers, with any h2."""
    wanted = Environment(f"{PLACE}/{of_set}-{kind}", catalogue.requirements(of_set))
    try:
        return fresh(wanted)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(
            f"the environment {wanted.folder} cannot be made: {error}"
        ) from error


def put_in(python: Path, kind: str, wheel: Path) -> None:
    """Install h2 into an environment, whatever the consumers require, and verify that."""
    if kind == PUBLISHED:
        pip(python, "install", "--no-deps", f"h2=={PUBLISHED_VERSION}", *BELOW)
    else:
        pip(python, "install", "--no-deps", *BELOW)
        # The installed one may have the same version but other contents.
        pip(python, "install", "--no-deps", "--force-reinstall", wheel)
    code = (
        "import h2.connection as c, h2;"
        "print(h2.__version__, getattr(h2, '__compiled__', False), c.__file__)"
    )
    asked = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    version, compiled, path = asked.stdout.strip().split(" ", 2)
    right = (version == PUBLISHED_VERSION) == (kind == PUBLISHED)
    if kind != PUBLISHED:
        right &= compiled == str("-none-any" not in wheel.name)
    here = Path(path).is_relative_to(python.parent.parent)
    built = "compiled" if compiled == "True" else "pure"
    distributions.check(right and here, f"{python} has h2 {version} ({built}) in {path}")


def sdist(consumer: Consumer) -> Path:
    """The source distribution of a consumer, downloaded if necessary."""
    wanted = f"{consumer.name}=={consumer.version}"
    folder = SDISTS / wanted
    if not any(folder.glob("*.tar.gz")):
        what = ("--no-deps", "--no-binary", consumer.name, wanted)
        pip(sys.executable, "download", "--dest", folder, *what)
    (found,) = folder.glob("*.tar.gz")
    return found


@dataclass
class Prepared:
    """Everything that all runs need."""

    #: By set and kind.
    pythons: dict[tuple[str, str], Path]
    #: By the name of the consumer.
    sdists: dict[str, Path]


def prepare(
    consumers: Sequence[Consumer], folder: Path, kinds: Sequence[str], given: Path | None
) -> Prepared:
    """Build the wheel if none is given, make environments, download source distributions."""
    kinds = [kind for kind in kinds if kind != BUFFERED]  # has the environment of ours
    wanted = list(product(sorted({consumer.set for consumer in consumers}), kinds))
    packed = [consumer for consumer in consumers if consumer.source == SDIST]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        built = pool.submit(lambda: given or distributions.build(folder)[1])
        found = pool.map(sdist, packed)
        made = pool.map(environment, *zip(*wanted, strict=True))
        pythons = dict(zip(wanted, made, strict=True))
        sdists = {consumer.name: path for consumer, path in zip(packed, found, strict=True)}
        wheel = built.result()
        list(pool.map(lambda key: put_in(pythons[key], key[1], wheel), wanted))
    return Prepared(pythons, sdists)


@dataclass
class Suite:
    """The tests of one consumer, unpacked, to be run with one h2."""

    consumer: Consumer
    python: Path
    folder: Path
    #: A connection that buffers takes the place of `H2Connection`.
    swapped: bool = False
    #: What kept a run from finishing.
    troubles: list[str] = field(default_factory=list)

    @property
    def source(self) -> Path:
        """Where the tests run."""
        return self.folder / "source"

    def unpack(self, archive: Path | None) -> None:
        """Put the files of the tests into the folder."""
        self.folder.mkdir(parents=True)
        if self.consumer.source == EXERCISE:
            shutil.copytree(catalogue.EXERCISES, self.source)
        if archive is None:
            self.source.mkdir(exist_ok=True)
            return
        with tarfile.open(archive) as opened:
            # Older releases of 3.10 and 3.11 have no filters.
            if hasattr(tarfile, "data_filter"):
                opened.extraction_filter = tarfile.data_filter
            opened.extractall(self.folder)
        (unpacked,) = self.folder.iterdir()
        unpacked.rename(self.source)
        if self.consumer.helpers:
            helpers = catalogue.HERE / self.consumer.helpers
            shutil.copytree(helpers, self.source / "tests", dirs_exist_ok=True)

    async def run(self, tests: Sequence[str], name: str) -> Results:
        """Run these tests and return the results; the output goes to a file of this name."""
        output, xml = self.folder / f"{name}.txt", self.folder / f"{name}.xml"
        if self.consumer.source == INSTALLED:
            command = ["-m", "twisted.trial", "--reporter=bwverbose", *tests]
        else:
            command = [
                *("-m", "pytest", f"--junitxml={xml}", "-o", "junit_family=xunit1"),
                *("-p", "pytest_timeout", f"--timeout={TEST_LIMIT}"),
                # Warnings caused by the versions of other packages do not fail tests.
                *("-p", "no:cacheprovider", "-W", "default"),
                *self.consumer.options,
                *tests,
            ]
        ended = await self._start([str(self.python), *command], output)
        if not ended:
            self.troubles.append(f"it was stopped after {self.consumer.limit:.0f} s")
        text = output.read_text(errors="replace")
        if self.consumer.source == INSTALLED:
            found = results.from_trial(text)
        else:
            found = results.from_junit(xml.read_text()) if xml.exists() else {}
        if not (ended and found):
            tail = "\n".join(text.splitlines()[-TAIL:])
            print(f"--- {self.consumer.name}, {self.folder.name}, the end:\n{tail}", flush=True)
        return found

    async def _start(self, command: list[str], output: Path) -> bool:
        """Run a program and stop everything it started; returns whether it ended in time."""
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        kept = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
        environ = kept | {
            "PATH": f"{self.python.parent}:{os.environ.get('PATH', os.defpath)}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(scratch),
            # Some of gunicorn's tests put their logs there.
            "PYTEST_TMP": str(scratch),
        }
        if self.swapped:
            environ["PYTHONPATH"] = str(catalogue.HERE / "swapped")
        with output.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.source,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            await asyncio.wait_for(process.wait(), self.consumer.limit)
        except asyncio.TimeoutError:
            return False
        finally:
            # Including what the tests have left behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return True


async def run_both(
    consumer: Consumer, prepared: Prepared, folder: Path, kinds: Sequence[str]
) -> tuple[Report, Suite]:
    """Run a suite with both, one after the other: some tests use fixed ports.

    Returns the report, and the suite, to run it with ours again.
    """
    found: dict[str, Results] = {}
    troubles = []
    for kind in kinds:
        python = prepared.pythons[consumer.set, OURS if kind == BUFFERED else kind]
        suite = Suite(consumer, python, folder / consumer.name / kind, kind == BUFFERED)
        suite.unpack(prepared.sdists.get(consumer.name))
        found[kind] = await suite.run(consumer.tests, "all")
        troubles += [f"with {kind} h2, {trouble}" for trouble in suite.troubles]
    report = Report(
        consumer.name,
        consumer.version,
        found[kinds[0]],
        found[kinds[1]],
        consumer.at_least,
        {} if BUFFERED in kinds else catalogue.ACCEPTED.get(consumer.name, {}),
        troubles,
    )
    return report, suite


async def run_again(report: Report, suite: Suite) -> None:
    """Run the tests that fail only with ours a few times more: some depend on time."""
    for attempt in range(RERUNS):
        if report.troubles or not report.failing:
            return
        again = await suite.run(report.failing, f"again-{attempt}")
        report.ours.update(dict.fromkeys(results.passed(again), results.PASSED))


async def run_all(
    consumers: Sequence[Consumer], prepared: Prepared, folder: Path, kinds: Sequence[str]
) -> list[Report]:
    """Run the suites, one per core at a time, then some tests again, one by one."""
    places = asyncio.Semaphore(os.cpu_count() or 1)

    async def run(consumer: Consumer) -> tuple[Report, Suite]:
        async with places:
            began = time.monotonic()
            ran = await run_both(consumer, prepared, folder, kinds)
            took = time.monotonic() - began
            print(f"--- {consumer.name}: {took:.0f} s", flush=True)
            return ran

    ran = await asyncio.gather(*map(run, consumers))
    for report, suite in ran:
        await run_again(report, suite)
    return [report for report, _ in ran]


def main() -> int:
    """Run the suites and report the results; returns the exit status."""
    known = {consumer.name.lower(): consumer for consumer in catalogue.CONSUMERS}
    parser = argparse.ArgumentParser(description="Run the tests of consumers of h2.")
    parser.add_argument("names", nargs="*", type=str.lower, metavar="NAME", help=", ".join(known))
    parser.add_argument("--keep", type=Path, help="a folder for the files and output of the tests")
    parser.add_argument(
        "--buffered", action="store_true", help="with BufferedH2Connection in place of H2Connection"
    )
    parser.add_argument("--wheel", type=Path, help="the wheel to test, instead of the pure one")
    options = parser.parse_args()
    kinds = EXPERIMENT if options.buffered else KINDS
    distributions.check(sys.version_info >= (3, 11), "the suites of consumers need Python 3.11")
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no such consumer: {', '.join(sorted(unknown))}")
    # As after Ctrl+C: stop the running programs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    consumers = [known[name] for name in options.names or known]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        try:
            prepared = prepare(consumers, folder / "wheel", kinds, options.wheel)
        except UnavailableError as error:
            print(f"consumer-suites: {error}\nCan PyPI be reached?", file=sys.stderr)
            return 2
        kept = (options.keep or folder).resolve()
        reports = asyncio.run(run_all(consumers, prepared, kept, kinds))
    print(results.table(reports, results.EXPERIMENT if options.buffered else results.COLUMNS))
    if options.buffered:
        for report in reports:
            for line in (*report.troubles, *report.failing):
                print(f"{report.consumer}: {line}")
        return 1 if any(report.troubles for report in reports) else 0
    complaints = [f"{report.consumer}: {line}" for report in reports for line in report.complaints]
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
