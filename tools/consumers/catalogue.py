"""The consumers whose tests are run, where the tests come from, and the differences we accept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXERCISES = HERE / "exercises"

#: Ways to get the tests: from the source distribution on PyPI, from what is installed, or (where a
#: consumer publishes no tests) an exercise in this folder that uses the consumer as a user would.
SDIST, INSTALLED, EXERCISE = "sdist", "installed", "exercise"


@dataclass(frozen=True)
class Consumer:
    """One program or library that uses h2, and how to run those of its tests that reach h2."""

    #: As PyPI calls it; the version is in `requirements.txt`.
    name: str
    source: str
    #: What pytest or trial gets: modules, or paths in the source distribution.
    tests: tuple[str, ...]
    #: As many tests pass with the published h2. Fewer mean that the suite no longer runs.
    expected: int
    #: Options of pytest, plugins among them: none is loaded by itself.
    options: tuple[str, ...] = ()
    #: A folder beside this file: what the tests import and the source distribution leaves out.
    helpers: str = ""
    #: So long may one run take, in seconds, before it is stopped.
    limit: float = 120


ASYNCIO = (
    *("-p", "pytest_asyncio.plugin"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
#: Leave out the options that a suite sets for itself: they ask for coverage.
NO_OPTIONS = ("-o", "addopts=")
TRIO = ("-p", "pytest_trio.plugin")

CONSUMERS = (
    Consumer(
        "gunicorn",
        SDIST,
        (
            "tests/test_asgi_http2_response.py",
            "tests/test_early_hints.py",
            "tests/test_http2_alpn.py",
            "tests/test_http2_async_connection.py",
            "tests/test_http2_config.py",
            "tests/test_http2_connection.py",
            "tests/test_http2_errors.py",
            "tests/test_http2_h2c.py",
            "tests/test_http2_integration.py",
            "tests/test_http2_live.py",
            "tests/test_http2_request.py",
            "tests/test_http2_response.py",
            "tests/test_http2_stream.py",
        ),
        1,
        (*ASYNCIO, *NO_OPTIONS),
        limit=240,
    ),
    Consumer(
        "Scrapy",
        SDIST,
        ("tests/test_http2_client_protocol.py", "tests/test_downloader_handler_twisted_http2.py"),
        1,
        # Left out: those that ask servers on the internet, and those of TLS versions.
        (*("-p", "twisted"), *("-k", "not RealWebsite and not TLS and not Ciphers")),
        limit=240,
    ),
    Consumer(
        "Twisted", INSTALLED, ("twisted.web.test.test_http2", "twisted.web.test.test_http"), 1
    ),
    Consumer("Hypercorn", SDIST, ("tests",), 194, (*ASYNCIO, *TRIO, *NO_OPTIONS)),
    Consumer(
        "httpcore",
        SDIST,
        (
            "tests/_async",
            "tests/_sync",
            "tests/test_cancellations.py",
        ),
        1,
        # Left out: those that need pytest-httpbin, which does not go with the other versions.
        ("-p", "anyio.pytest_plugin", *TRIO, "--ignore-glob=*/test_integration.py"),
    ),
    Consumer("grpclib", SDIST, ("tests",), 1, ASYNCIO, helpers="grpclib"),
    Consumer(
        "urllib3",
        SDIST,
        ("test/test_http2_connection.py",),
        1,
    ),
    Consumer("echocorn", EXERCISE, ("echocorn_server.py",), 1),
    Consumer("aiosonic", EXERCISE, ("aiosonic_client.py",), 1),
)

#: Tests that pass with the published h2, fail with ours, and say nothing against it: they compare
#: octets of compressed field blocks, or texts of messages. By consumer, then by test, the reason.
ACCEPTED: dict[str, dict[str, str]] = {}


def requirements() -> tuple[str, ...]:
    """What pip installs for the suites: the lines of `requirements.txt` without the comments."""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def version_of(name: str) -> str:
    """The version of a consumer that `requirements.txt` asks for."""
    for line in requirements():
        project, _, version = line.partition(";")[0].strip().partition("==")
        if project == name:
            return version
    raise KeyError(name)
