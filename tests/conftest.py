"""Settings and fixtures for all tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

# Helpers assert as well, and their failures should show values, too.
pytest.register_assert_rewrite("support")

from support.cases import Case  # noqa: E402  (the line above must come first)
from support.limit import last_words, limited  # noqa: E402  (see above)
from support.matrix import Matrix  # noqa: E402  (see above)
from support.processes import forget_ended, outputs, require_module  # noqa: E402
from support.site import Site, make_site  # noqa: E402
from support.skipped import reasons, summary  # noqa: E402

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

_MATRIX = pytest.StashKey[Matrix]()
_DIFFERENCE = pytest.StashKey[list[str]]()

# Tests that `make check` omits to take less than a minute: of the tools and the manual, and long
# searches.
_HEAVY = {
    "test_attacks.py",
    "test_benchmarks.py",
    "test_bytes_warning.py",
    "test_conformance_suite.py",
    "test_consumer_suites.py",
    "test_explore.py",
    "test_generated_docs.py",
    "test_machine_benchmarks.py",
    "test_manual.py",
    "test_mutation.py",
    "test_processes.py",
    "test_receiving_attacks.py",
    "test_receiving_cost.py",
    "test_release.py",
    "test_requirements.py",
    "test_seeded_faults.py",
    "test_sending_cost.py",
    "test_sentences.py",
    "test_settling.py",
    "test_simulation.py",
    "test_skipped.py",
    "test_soak.py",
}

# Runs of developers use new random inputs each time. CI judges a commit, so its runs are all the
# same. No deadlines: the speed of the machine is not under test.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.keys() & {"CI", "H2_REQUIRE_PEERS"} else "local")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A folder of files that servers of any user can read."""
    with tempfile.TemporaryDirectory(prefix="h2-site-") as folder:
        yield make_site(Path(folder))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for servers on this machine; `authority.parent` is its folder."""
    require_module("trustme")
    from examples.common.certificate import certificate

    return certificate(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Matrix:
    """The record of the cases that passed with each peer."""
    return request.config.stash[_MATRIX]


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "write what passed with which peer to docs/interop.json"
    parser.addoption("--write-matrix", action="store_true", help=text)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
        if isinstance(case, Case):
            slow = case.slow
        else:
            # On every Python: the standard cases of the examples, and one server for clients.
            slow = item.path.parent.name == "examples" and "nghttpd" not in item.name
        if slow:
            item.add_marker(pytest.mark.slow)
        if item.path.name in _HEAVY:
            item.add_marker(pytest.mark.heavy)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MATRIX] = Matrix()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    with limited():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    with limited():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    with limited():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += outputs() + last_words(call.excinfo.value if call.excinfo else None)
    if call.when == "teardown":
        forget_ended()
    return report


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    config = session.config
    matrix = config.stash[_MATRIX]
    if hasattr(config, "workeroutput"):  # one of several processes: the first one collects
        config.workeroutput["matrix"] = sorted(matrix.rows)
    elif config.getoption("--write-matrix"):
        matrix.write()
    elif session.exitstatus == pytest.ExitCode.OK and _is_judged(config):
        config.stash[_DIFFERENCE] = matrix.difference()
        if config.stash[_DIFFERENCE]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    rows = getattr(node, "workeroutput", {}).get("matrix", [])
    node.config.stash[_MATRIX].rows.update(map(tuple, rows))


def _is_judged(config: pytest.Config) -> bool:
    """Whether this run had all tests and all peers, so that it must match docs/interop.json."""
    chosen = config.option.keyword or config.option.markexpr or config.option.file_or_dir
    return os.environ.get("H2_REQUIRE_PEERS") == "1" and not chosen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} skipped")
        counts = reasons(report.longrepr for report in skipped)
        terminalreporter.line("\n".join(summary(counts)))
    lines = terminalreporter.config.stash.get(_DIFFERENCE, [])
    if lines:
        terminalreporter.section("docs/interop.json does not say what passed")
        terminalreporter.line("\n".join([*lines, "pytest --write-matrix updates it"]))
