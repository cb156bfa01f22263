"""Run the conformance suite with this package and with peers, and record the results.

usage: python -m tools.conformance_peers [NAME ...]

Without names, all installed subjects are run. The record is
`docs/conformance-peers.json`, from which `tools.conformance_page` makes a page of the manual.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import pages, venvs
from tools.conformance_record import FILE, Failure, Record, Subject, read

_CONTENT = 100_000  # octets of the file that servers serve
_SUITE = ("-m", "conformance")
_SECONDS = "10"  # for each case: the machine may be busy

# The tests, which are not a package, have the code that starts servers and clients.
sys.path.insert(0, str(pages.ROOT / "tests"))


def _support(name: str) -> Any:
    return importlib.import_module(f"support.{name}")


@dataclass(frozen=True)
class Run:
    """How one subject is run: the kind and a function that returns the results of the suite."""

    kind: str  # package, server or client
    version: Callable[[], str]
    play: Callable[[Path], dict[str, Any]]


# Packages ---------------------------------------------------------------------------------------


def _suite(python: str | Path, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the suite; its results."""
    file = folder / "results.json"
    command = [str(python), *_SUITE, *arguments, "--json", str(file), "--timeout", _SECONDS]
    done = subprocess.run(command, cwd=pages.ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise OSError(f"{command}: {done.stderr}")
    results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return results


def _package(environment: str | None, *arguments: str) -> Run:
    def python() -> str:
        return str(venvs.ensure(environment)) if environment else sys.executable

    def version() -> str:
        code = "import h2; print(h2.__version__)"
        command = [python(), "-c", code]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return Run(
        "package", version, lambda folder: _suite(python(), folder, "package", "h2", *arguments)
    )


# Servers ----------------------------------------------------------------------------------------


def _site(folder: Path) -> Any:
    """A folder that any server can read."""
    root = folder / "site"
    root.mkdir()
    folder.chmod(0o755)
    (root / "content.bin").write_bytes(bytes(range(250)) * (_CONTENT // 250))
    return _support("site").Site(root)


def _server(name: str, version: Callable[[], str], *more: str) -> Run:
    def play(folder: Path) -> dict[str, Any]:
        with _support("servers").SERVERS[name](_site(folder), None) as target:
            url = f"{target.url}/content.bin"
            return _suite(sys.executable, folder, "server", url, *more)

    return Run("server", version, play)


def _own_server() -> Run:
    def play(folder: Path) -> dict[str, Any]:
        root = str(_site(folder).folder)
        command = [sys.executable, "-m", "h2", "serve", "--port", "0", root]
        with _support("processes").serving(command) as server:
            url = f"http://127.0.0.1:{server.port}/content.bin"
            return _suite(sys.executable, folder, "server", url)

    return Run("server", _package(None).version, play)


APPLICATION = """
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(100_000)})
"""


def _hypercorn() -> Run:
    @contextmanager
    def running(folder: Path) -> Iterator[int]:
        processes = _support("processes")
        (folder / "application.py").write_text(APPLICATION)
        port = processes.free_port()
        command = [str(venvs.ensure("hypercorn")), "-m", "hypercorn"]
        command += ["--bind", f"127.0.0.1:{port}", "application:application"]
        with processes.listening(command, port, {"PYTHONPATH": str(folder)}):
            yield port

    def play(folder: Path) -> dict[str, Any]:
        with running(folder) as port:
            return _suite(sys.executable, folder, "server", f"http://127.0.0.1:{port}/")

    return Run("server", lambda: "0.18.0", play)


# Clients ----------------------------------------------------------------------------------------


def _client(program: str, command: str, version: Callable[[], str], upload: str = "") -> Run:
    """A client in cleartext, with prior knowledge; ``upload`` is added if it sends content."""

    def play(folder: Path) -> dict[str, Any]:
        _support("peers").require_program(program)
        results = _suite(sys.executable, folder, "client", "--command", command)
        if upload:
            (folder / "content").write_bytes(bytes(_CONTENT))
            words = f"{command} {upload.format(folder / 'content')}"
            more = _suite(sys.executable, folder, "client", "--command", words, "--upload")
            results["cases"] += more["cases"]
        return results

    return Run("client", version, play)


def _secure_client(command: Callable[[], list[str]], version: Callable[[], str]) -> Run:
    """A client of the tests over TLS, with the URL, the CA certificate and the request."""

    def play(folder: Path) -> dict[str, Any]:
        certificate = importlib.import_module("examples.common.certificate")
        files = certificate.certificate(folder / "certificates")
        words = [*command(), "{url}", str(files.authority), "GET", "", "-"]
        shown = " ".join(word or "''" for word in words)
        tls = ("--cert", str(files.chain), "--key", str(files.key))
        return _suite(sys.executable, folder, "client", "--command", shown, *tls)

    return Run("client", version, play)


def _of(*command: str) -> Callable[[], str]:
    """The version that a program reports."""

    def version() -> str:
        program = _support("peers").require_program(command[0])
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+(?:\.\d+)?", done.stdout + done.stderr)
        return found[0] if found else "?"

    return version


def _clients() -> Any:
    return _support("clients")


def _node_client() -> list[str]:
    clients = _clients()
    return ["node", str(clients.PROGRAMS / "client.mjs")]


_OURS = f"{sys.executable} -m h2 get --output /dev/null {{url}}"
# A path that echoes the content of a POST. Apache httpd lets its backend wait for content that does
# not arrive, which would look like a missing answer.
_ECHO = ("--post", "/echo")
RUNS: dict[str, Run] = {
    "this package": _package(None),
    "this package, strict": _package(None, "--strict"),
    "h2 as published": _package("published"),
    "python -m h2 serve": _own_server(),
    "hypercorn with h2 4.4.1": _hypercorn(),
    "nghttpd": _server("nghttpd", _of("nghttpd", "--version"), *_ECHO),
    "nginx": _server("nginx", _of("nginx", "-v"), *_ECHO),
    "Apache httpd": _server("Apache httpd", _of("apache2", "-v")),
    "h2o": _server("h2o", _of("h2o", "--version"), *_ECHO),
    "Node http2, server": _server("Node http2", _of("node", "--version"), *_ECHO),
    "python -m h2 get": _client("python3", _OURS, _package(None).version),
    "curl": _client(
        "curl",
        "curl --silent --output /dev/null --max-time 9 --http2-prior-knowledge {url}",
        _of("curl", "--version"),
        "--header Expect: --data-binary @{}",
    ),
    "nghttp": _client("nghttp", "nghttp {url}", _of("nghttp", "--version"), "--data={}"),
    "h2load": _client("h2load", "h2load -n1 -c1 {url}", _of("h2load", "--version")),
    "Node http2, client": _secure_client(_node_client, _of("node", "--version")),
    "Java HttpClient": _secure_client(
        lambda: ["java", *_clients()._java_classes()], _of("java", "--version")
    ),
    "Go net/http": _secure_client(lambda: [_clients()._go_client()], _of("go", "version")),
}


def _subject(name: str, run: Run) -> Subject:
    with tempfile.TemporaryDirectory() as temporary:
        cases = run.play(Path(temporary))["cases"]
    grades = [case["grade"] for case in cases if case["status"] == "passed"]
    failed = [Failure(case=c["case"], seen=c["seen"]) for c in cases if c["status"] == "failed"]
    return Subject(
        name=name,
        kind=run.kind,
        version=run.version(),
        exact=grades.count("exact"),
        allowed=grades.count("allowed"),
        lenient=grades.count("lenient"),
        skipped=sum(case["status"] == "skipped" for case in cases),
        failed=failed,
    )


def main(names: Sequence[str]) -> int:
    """Run the subjects and write the record; returns the exit status."""
    unknown = set(names) - set(RUNS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(RUNS)}", file=sys.stderr)
        return 2
    record = read() or Record(subjects=[])
    known = {subject["name"]: subject for subject in record["subjects"]}
    for name in names or RUNS:
        known[name] = _subject(name, RUNS[name])
        shown = {key: value for key, value in known[name].items() if key != "failed"}
        print(shown, "failed:", len(known[name]["failed"]), flush=True)
        ordered = [known[name] for name in RUNS if name in known]
        FILE.write_text(json.dumps(Record(subjects=ordered), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
