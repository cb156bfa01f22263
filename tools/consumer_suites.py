"""Run the tests of programs that use h2, with the published h2 and with our wheel, and compare.

usage: python -m tools.consumer_suites [NAME ...]

The consumers are in `tools/consumers/catalogue.py`, their versions in `requirements.txt` beside it.
There is one environment with h2 4.4.1 and one with the wheel of this tree, which is built first;
both have all consumers in them, and are made when they are missing. The tests come from PyPI: from
source distributions, or from what is installed.

A test that passes with 4.4.1 must pass with ours. One that does not is run twice more by itself
before it counts. The exit status is 1 if such a test is left, and 2 if PyPI could not be reached.
"""

from __future__ import annotations

import argparse
import asyncio
import os
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
from pathlib import Path

from tools import wheel_test
from tools.consumers import catalogue, results
from tools.consumers.catalogue import EXERCISE, INSTALLED, SDIST, Consumer
from tools.consumers.results import Report, Results
from tools.venvs import ROOT, Environment, fresh

PLACE = ".consumers"
SDISTS = ROOT / PLACE / "sdists"
PUBLISHED_H2 = "h2==4.4.1"
PUBLISHED, OURS = "published", "ours"
RERUNS = 2
#: The longest that one test may take, in seconds. One that hangs then fails alone.
TEST_LIMIT = 30
#: Last lines of the output that are shown of a run that went wrong.
TAIL = 30


class NotToBeHad(Exception):
    """Something could not be installed or downloaded."""


def environment(kind: str) -> Path:
    """The interpreter of an environment with all consumers and the published h2."""
    wanted = Environment(f"{PLACE}/{kind}", (*catalogue.requirements(), PUBLISHED_H2))
    try:
        return fresh(wanted)
    except subprocess.CalledProcessError as error:
        raise NotToBeHad(f"the environment {wanted.folder} cannot be made: {error}") from error


def put_in(wheel: Path, python: Path) -> None:
    """Replace the h2 of the environment by our wheel, whose version may be the one of yesterday."""
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--force-reinstall", "--no-deps", str(wheel)], check=True)


def check_versions(pythons: dict[str, Path]) -> None:
    """End the program unless each environment has the h2 that it is to have."""
    code = "import h2.connection; print(h2.__version__, h2.__file__)"
    for kind, python in pythons.items():
        asked = subprocess.run(
            [str(python), "-c", code], capture_output=True, text=True, check=True
        )
        version, _, path = asked.stdout.strip().partition(" ")
        published = version == PUBLISHED_H2.partition("==")[2]
        right = published == (kind == PUBLISHED) and path.startswith(str(ROOT / PLACE / kind))
        wheel_test.check(right, f"the environment {kind!r} has h2 {version} in {path}")


def sdist(consumer: Consumer) -> Path:
    """The source distribution of a consumer, after downloading it if need be."""
    version = catalogue.version_of(consumer.name)
    folder = SDISTS / f"{consumer.name}-{version}"
    if not any(folder.glob("*.tar.gz")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        what = ["--no-deps", "--no-binary", consumer.name, f"{consumer.name}=={version}"]
        try:
            subprocess.run([*pip, "--dest", str(folder), *what], check=True)
        except subprocess.CalledProcessError as error:
            raise NotToBeHad(
                f"the source distribution of {consumer.name} cannot be downloaded: {error}"
            ) from error
    (found,) = folder.glob("*.tar.gz")
    return found


@dataclass
class Prepared:
    """What all runs need."""

    pythons: dict[str, Path] = field(default_factory=dict)
    sdists: dict[str, Path] = field(default_factory=dict)


def prepare(consumers: Sequence[Consumer], folder: Path) -> Prepared:
    """Build the wheel, make the environments, download the source distributions."""
    prepared = Prepared()
    with ThreadPoolExecutor(3) as pool:
        wheel = pool.submit(wheel_test.build, folder)
        made = {kind: pool.submit(environment, kind) for kind in (PUBLISHED, OURS)}
        found = {
            consumer.name: pool.submit(sdist, consumer)
            for consumer in consumers
            if consumer.source == SDIST
        }
        prepared.pythons = {kind: future.result() for kind, future in made.items()}
        prepared.sdists = {name: future.result() for name, future in found.items()}
        put_in(wheel.result()[1], prepared.pythons[OURS])
    check_versions(prepared.pythons)
    return prepared


@dataclass
class Suite:
    """The tests of one consumer, unpacked, to be run with one h2."""

    consumer: Consumer
    python: Path
    folder: Path
    #: What kept a run from its end.
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
        """Run these tests and return what came of them; the output goes to a file of this name."""
        output, xml = self.folder / f"{name}.txt", self.folder / f"{name}.xml"
        if self.consumer.source == INSTALLED:
            command = ["-m", "twisted.trial", "--reporter=bwverbose", *tests]
        else:
            command = [
                *("-m", "pytest", f"--junitxml={xml}", "-o", "junit_family=xunit1"),
                *("-p", "pytest_timeout", f"--timeout={TEST_LIMIT}"),
                # Warnings that the versions of other packages bring fail no test.
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
        """Run a program and stop all that it started; returns whether it ended in time."""
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
            # Also what the tests have left behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return True


async def run_both(consumer: Consumer, prepared: Prepared, folder: Path) -> Report:
    """Run a suite with both, one after the other: some tests want ports of their own."""
    found: dict[str, Results] = {}
    troubles = []
    for kind, python in prepared.pythons.items():
        suite = Suite(consumer, python, folder / consumer.name / kind)
        suite.unpack(prepared.sdists.get(consumer.name))
        found[kind] = await suite.run(consumer.tests, "all")
        troubles += [f"with {kind} h2, {trouble}" for trouble in suite.troubles]
    for attempt in range(RERUNS):
        again = results.newly_failing(found[PUBLISHED], found[OURS])
        if troubles or not again:
            break
        for test, outcome in (await suite.run(again, f"again-{attempt}")).items():
            if outcome == results.PASSED:
                found[OURS][test] = outcome
    return Report(
        consumer.name,
        catalogue.version_of(consumer.name),
        found[PUBLISHED],
        found[OURS],
        consumer.expected,
        catalogue.ACCEPTED.get(consumer.name, {}),
        troubles,
    )


async def run_all(consumers: Sequence[Consumer], prepared: Prepared, folder: Path) -> list[Report]:
    """Run the suites, as many at a time as there are cores."""
    places = asyncio.Semaphore(os.cpu_count() or 1)

    async def run(consumer: Consumer) -> Report:
        async with places:
            began = time.monotonic()
            report = await run_both(consumer, prepared, folder)
            took = time.monotonic() - began
            print(f"--- {consumer.name}: {took:.0f} s", flush=True)
            return report

    return await asyncio.gather(*map(run, consumers))


def main() -> int:
    """Run the suites and say what came of them; returns the exit status."""
    known = {consumer.name.lower(): consumer for consumer in catalogue.CONSUMERS}
    parser = argparse.ArgumentParser(description="Run the tests of consumers of h2.")
    parser.add_argument("names", nargs="*", type=str.lower, metavar="NAME", help=", ".join(known))
    parser.add_argument("--keep", type=Path, help="a folder for the files and output of the tests")
    options = parser.parse_args()
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no such consumer: {', '.join(sorted(unknown))}")
    consumers = [known[name] for name in options.names or known]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        try:
            prepared = prepare(consumers, folder / "wheel")
        except NotToBeHad as error:
            print(f"consumer-suites: {error}\nCan PyPI be reached?", file=sys.stderr)
            return 2
        reports = asyncio.run(run_all(consumers, prepared, (options.keep or folder).resolve()))
    print(results.table(reports))
    complaints = [f"{report.consumer}: {line}" for report in reports for line in report.complaints]
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
