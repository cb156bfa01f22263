"""Third-party clients, driven against a server under test.

curl, Node's http2, Java's HttpClient and Go's net/http take a list of requests through one
function, `exchange()`; nghttp, h2load and Chromium have separate functions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from support.peers import require_program
from support.processes import run
from support.site import digest

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Target:
    """The address of a server, and the authority that issued its certificate.

    Without an authority the server speaks cleartext, and clients start with prior knowledge.
    """

    url: str
    authority: Path | None = None

    @property
    def trust(self) -> str:
        return "-" if self.authority is None else str(self.authority)


@dataclass(frozen=True)
class Request:
    """A request whose content, if any, comes from a file."""

    path: str
    method: str = "GET"
    body: Path | None = None


@dataclass(frozen=True)
class Result:
    """A response as seen by a client."""

    status: int
    version: str
    length: int
    digest: str


def expected(content: bytes, status: int = 200) -> Result:
    """A response with this content as a client should see it."""
    return Result(status, "2", len(content), digest(content))


def curl(target: Target, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run curl with these arguments, without checking its exit status."""
    how = ["--cacert", target.trust] if target.authority else ["--http2-prior-knowledge"]
    command = [require_program("curl"), "--silent", "--show-error", "--max-time", "80"]
    return run([*command, *how, *map(str, arguments)])


def _curl_exchange(target: Target, requests: Sequence[Request]) -> list[Result]:
    if target.authority is None and len(requests) > 1:
        # curl 7.88 fails to reuse a connection that it began with prior knowledge.
        return [result for request in requests for result in _curl_exchange(target, [request])]
    # A file of options may describe many requests; `next` separates the options of each.
    how = f'cacert = "{target.trust}"' if target.authority else "http2-prior-knowledge"
    with tempfile.TemporaryDirectory() as folder:
        options = []
        for number, request in enumerate(requests):
            form = f"{number} %{{http_code}} %{{http_version}}\\n"
            lines = [
                f'url = "{target.url}{request.path}"',
                f'output = "{folder}/{number}"',
                f'write-out = "{form}"',
                how,
                "silent",
                "show-error",
                "path-as-is",
                "max-time = 80",
            ]
            if request.method == "HEAD":
                lines.append("head")
            else:
                lines.append(f'request = "{request.method}"')
            if request.body is not None:
                lines.append(f'data-binary = "@{request.body}"')
                lines.append('header = "content-type: application/octet-stream"')
            options.append("\n".join(lines))
        config = Path(folder, "options")
        config.write_text("\nnext\n".join(options))
        program = require_program("curl")
        done = run([program, "--parallel", "--no-progress-meter", "--config", str(config)])
        assert (done.returncode, done.stderr) == (0, ""), done
        seen = {int(n): rest for n, *rest in map(str.split, done.stdout.splitlines())}
        results = []
        for number, request in enumerate(requests):
            status, version = seen[number]
            file = Path(folder, str(number))
            # With --head curl stores the header section in place of the content.
            is_head = request.method == "HEAD" or not file.exists()
            content = b"" if is_head else file.read_bytes()
            results.append(Result(int(status), version, len(content), digest(content)))
        return results


def _program_exchange(
    command: list[str], target: Target, requests: Sequence[Request]
) -> list[Result]:
    arguments = [target.url, target.trust]
    for request in requests:
        arguments += [request.method, request.path, str(request.body or "-")]
    done = run([*command, *arguments])
    assert (done.returncode, done.stderr) == (0, ""), done
    results = []
    for line in done.stdout.splitlines():
        status, version, length, sha256 = line.split()
        results.append(Result(int(status), version, int(length), sha256))
    return results


def _node_exchange(target: Target, requests: Sequence[Request]) -> list[Result]:
    command = [require_program("node"), str(PROGRAMS / "client.mjs")]
    return _program_exchange(command, target, requests)


def _java_exchange(target: Target, requests: Sequence[Request]) -> list[Result]:
    return _program_exchange([require_program("java"), *_java_classes()], target, requests)


@cache
def _java_classes() -> list[str]:
    folder = tempfile.mkdtemp(prefix="h2-java-")
    done = run([require_program("javac"), "-d", folder, str(PROGRAMS / "Client.java")])
    assert done.returncode == 0, done.stderr
    # It reads no content before it has sent its own, so the echo must fit into the window.
    return ["-Djdk.httpclient.windowsize=33554432", "-cp", folder, "Client"]


def _go_exchange(target: Target, requests: Sequence[Request]) -> list[Result]:
    return _program_exchange([_go_client()], target, requests)


@cache
def _go_client() -> str:
    program = tempfile.mkdtemp(prefix="h2-go-") + "/client"
    command = [require_program("go"), "build", "-o", program, str(PROGRAMS / "client.go")]
    # With an empty cache it compiles its whole library first.
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return program


EXCHANGES: dict[str, Callable[[Target, Sequence[Request]], list[Result]]] = {
    "curl": _curl_exchange,
    "Node http2": _node_exchange,
    "Java HttpClient": _java_exchange,
    "Go net/http": _go_exchange,
}


def exchange(peer: str, target: Target, requests: Sequence[Request]) -> list[Result]:
    """Make all these requests with a client, concurrently if it can."""
    results = EXCHANGES[peer](target, requests)
    assert len(results) == len(requests)
    return results


def nghttp(*arguments: str | Path) -> str:
    """The output of nghttp; its error output must be empty."""
    # Its exit status is always 0, so only its output can be checked.
    done = run([require_program("nghttp"), "--timeout=80", *map(str, arguments)])
    complaints = [line for line in done.stderr.splitlines() if "[WARNING]" not in line]
    assert (done.returncode, complaints) == (0, []), done
    return done.stdout


def h2load(target: Target, path: str, *arguments: str) -> dict[str, int]:
    """The counts that h2load reports for its requests and their status codes."""
    program = require_program("h2load")
    options = ["--connection-inactivity-timeout=80", *arguments]
    done = run([program, *options, target.url + path])
    assert done.returncode == 0, done
    counts = re.search(r"^requests: (.*)\nstatus codes: (.*)$", done.stdout, re.MULTILINE)
    assert counts, done.stdout
    found = re.findall(r"(\d+) (\w+)", ", ".join(counts.groups()))
    return {name: int(number) for number, name in found}


def all_good(requests: int) -> dict[str, int]:
    """The counts of h2load if every request succeeded."""
    good = dict.fromkeys(["total", "started", "done", "succeeded", "2xx"], requests)
    return good | dict.fromkeys(["failed", "errored", "timeout", "3xx", "4xx", "5xx"], 0)


def json_texts(text: str) -> list[dict[str, Any]]:
    """The consecutive JSON objects in this text."""
    found = []
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def chromium(target: Target, path: str, *arguments: str, seconds: float = 60) -> str:
    """Load a page in headless Chromium, over TLS; return the document after its load event."""
    assert target.authority is not None, "browsers speak HTTP/2 over TLS only"
    options = [
        "--headless",
        "--no-sandbox",  # it refuses to run as root with its sandbox
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--timeout={seconds * 1000:.0f}",
        f"--ignore-certificate-errors-spki-list={_key_hash(target.authority)}",
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.append(f"--user-data-dir={profile}")
        command = [require_program("chromium"), *options, *arguments, "--dump-dom"]
        done = run([*command, target.url + path])
    assert done.returncode == 0, done
    return done.stdout


def page_report(target: Target, path: str) -> dict[str, Any]:
    """The report of the page of `support.site` once Chromium has loaded it."""
    document = chromium(target, path)
    report = re.search(r"REPORT (\{.*\}) END", document)
    assert report, document
    result = json.loads(report[1])
    assert isinstance(result, dict)
    return result


def _key_hash(authority: Path) -> str:
    """The hash by which Chromium knows the public key of the server's certificate."""
    # The package comes with trustme, which made the certificate.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = (authority.parent / "server.pem").read_bytes()
    key = x509.load_pem_x509_certificate(pem).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
