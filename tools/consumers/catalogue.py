"""The consumers whose tests are run, the sources of the tests, and accepted differences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXERCISES = HERE / "exercises"

#: Ways to get the tests: from the source distribution on PyPI, from what is installed, or (if a
#: consumer publishes no tests) from `exercises`, which use the consumer as a user would.
SDIST, INSTALLED, EXERCISE = "sdist", "installed", "exercise"


@dataclass(frozen=True)
class Consumer:
    """One program or library that uses h2, and how to run those of its tests that reach h2."""

    #: Its name on PyPI.
    name: str
    source: str
    #: Arguments for pytest (paths in the source distribution or in `exercises`), or trial
    #: (modules).
    tests: tuple[str, ...]
    #: At least this many tests pass with the published h2. Fewer mean that the suite no longer
    #: runs.
    at_least: int
    #: Options of pytest, including plugins: none is loaded automatically.
    options: tuple[str, ...] = ()
    #: A folder next to this file: what the tests import but the source distribution lacks.
    helpers: str = ""
    #: Its versions are in `requirements-<set>.txt`, and it runs in environments of its set.
    set: str = "all"
    #: The time limit of one run, in seconds.
    limit: float = 120

    @property
    def version(self) -> str:
        """The version to run."""
        return versions(self.set)[self.name]


ASYNCIO = (
    *("-p", "pytest_asyncio.plugin"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
#: Drop the options that a suite sets for itself: they ask for coverage.
NO_OPTIONS = ("-o", "addopts=")
TRIO = ("-p", "pytest_trio.plugin")

# The slowest ones come first.
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
        640,
        (*ASYNCIO, *NO_OPTIONS),
        limit=240,
    ),
    Consumer(
        "Scrapy",
        SDIST,
        ("tests/test_http2_client_protocol.py", "tests/test_downloader_handler_twisted_http2.py"),
        140,
        # Left out: those that need servers on the internet, and those about TLS versions.
        ("-p", "twisted", "-k", "not RealWebsite and not TLS and not Ciphers"),
        limit=240,
    ),
    Consumer(
        "httpcore",
        SDIST,
        ("tests/_async", "tests/_sync", "tests/test_cancellations.py"),
        180,
        # Left out: those that need httpbin, which does not run with the other versions.
        ("-p", "anyio.pytest_plugin", *TRIO, "--ignore-glob=*/test_integration.py"),
    ),
    Consumer("Hypercorn", SDIST, ("tests",), 190, (*ASYNCIO, *TRIO, *NO_OPTIONS)),
    Consumer(
        "Twisted", INSTALLED, ("twisted.web.test.test_http2", "twisted.web.test.test_http"), 300
    ),
    Consumer(
        "grpclib",
        SDIST,
        ("tests",),
        190,
        # Left out: those about deadlines and signals, which do not use h2 and depend on time.
        (*ASYNCIO, "--ignore-glob=*/test_utils.py"),
        helpers="grpclib",
    ),
    Consumer("urllib3", SDIST, ("test/test_http2_connection.py",), 19),
    Consumer("echocorn", EXERCISE, ("echocorn_server.py",), 5),
    Consumer("aiosonic", EXERCISE, ("aiosonic_client.py",), 3),
    Consumer("mitmproxy", EXERCISE, ("mitmproxy_proxy.py",), 4, set="mitmproxy"),
)

#: Tests that pass with the published h2 and fail with ours for an acceptable reason: they compare
#: octets of compressed field blocks, or texts of messages. The reason, by consumer and test.
ACCEPTED: dict[str, dict[str, str]] = {}


def requirements(of_set: str) -> tuple[str, ...]:
    """The requirements of a set for pip: the lines of the file without the comments."""
    lines = (HERE / f"requirements-{of_set}.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def versions(of_set: str) -> dict[str, str]:
    """The version of each project in a set."""
    found = {}
    for line in requirements(of_set):
        name, _, version = line.partition("==")
        found[name] = version
    return found
