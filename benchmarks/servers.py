"""Whole servers under h2load: CPU time per request of our servers and others.

usage: python -m benchmarks.servers [--only NAME,...] [--rounds N] [--requests N] [--json FILE]

There are two groups. In `minimal`, the same small asyncio server runs on each package, without TLS;
nghttpd and nginx, which are written in C, serve as comparison. In `asgi`, ASGI servers say hello
over TLS: the example of this project and some from PyPI. All have one worker and take turns within
a round. The CPU time includes all processes of a server; the best round counts, because the machine
also runs other jobs. Requires Linux and h2load; nghttpd and nginx are skipped if missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from examples.common.certificate import Certificate, certificate
from tools.venvs import ensure

from .hello import BODY
from .workloads import REQUEST, ROOT, expect

#: Requests at a time on each of the four connections.
STREAMS = (32, 1)
CONNECTIONS = 4
WARM_UP = 1000  # requests before the measured ones
START = 60.0  # time limit in seconds for a server to start

Figures = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Place:
    """The resources of a server: its own port, a folder for its files, a certificate."""

    port: int
    folder: Path
    certificate: Certificate


@dataclass(frozen=True)
class Server:
    """A server: its command line, and the program it requires."""

    title: str
    command: Callable[[Place], list[str]]
    program: str = ""

    @property
    def available(self) -> bool:
        """Whether it can run here."""
        return not self.program or shutil.which(self.program) is not None


def minimal(environment: str, package: str = "h2") -> Callable[[Place], list[str]]:
    """The command of the minimal server with a package."""

    def command(place: Place) -> list[str]:
        python = str(ensure(environment))
        return [python, "-m", "benchmarks.minimal_server", package, str(place.port)]

    return command


def nghttpd(place: Place) -> list[str]:
    """The server of nghttp2, with a file to serve."""
    (place.folder / "hello").write_bytes(BODY)
    return ["nghttpd", "--no-tls", "--htdocs", str(place.folder), str(place.port)]


NGINX = """\
daemon off;
worker_processes 1;
pid %(folder)s/nginx.pid;
error_log %(folder)s/error.log;
events {}
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  server {
    listen 127.0.0.1:%(port)d http2;
    location / { default_type text/plain; return 200 "Hello, world\\n"; }
  }
}
"""


def nginx(place: Place) -> list[str]:
    """An nginx server with a fixed response."""
    file = place.folder / "nginx.conf"
    file.write_text(NGINX % {"folder": place.folder, "port": place.port})
    return ["nginx", "-p", str(place.folder), "-c", str(file)]


def example(environment: str) -> Callable[[Place], list[str]]:
    """The command of the example ASGI server."""

    def command(place: Place) -> list[str]:
        folder = str(place.certificate.key.parent)
        start = [str(ensure(environment)), "-m", "examples.asyncio.asgi_server"]
        return [*start, "--port", str(place.port), "--certificates", folder, "benchmarks.hello:app"]

    return command


def hypercorn(environment: str) -> Callable[[Place], list[str]]:
    """The command of hypercorn, which by default ends connections after 1000 requests."""

    def command(place: Place) -> list[str]:
        file = place.folder / "hypercorn.toml"
        file.write_text("keep_alive_max_requests = 1000000000\n")
        start = [str(ensure(environment)), "-m", "hypercorn", "--config", str(file)]
        files = [
            "--certfile",
            str(place.certificate.chain),
            "--keyfile",
            str(place.certificate.key),
        ]
        return [*start, *files, "--bind", f"127.0.0.1:{place.port}", "benchmarks.hello:app"]

    return command


def h2corn(place: Place) -> list[str]:
    """The command of h2corn."""
    start = [str(ensure("h2corn").parent / "h2corn"), "--no-access-log", "--app-dir", str(ROOT)]
    files = ["--certfile", str(place.certificate.chain), "--keyfile", str(place.certificate.key)]
    return [*start, *files, "--bind", f"127.0.0.1:{place.port}", "benchmarks.hello:app"]


def granian(place: Place) -> list[str]:
    """The command of granian."""
    start = [str(ensure("granian").parent / "granian"), "--interface", "asgi", "--http", "2"]
    files = ["--ssl-certificate", str(place.certificate.chain)]
    files += ["--ssl-keyfile", str(place.certificate.key)]
    return [*start, *files, "--port", str(place.port), "benchmarks.hello:app"]


GROUPS = {
    "minimal": {
        "published": Server("h2 4.4.1", minimal("published")),
        "jh2": Server("jh2", minimal("jh2", "jh2")),
        "ours": Server("pure", minimal("ours")),
        "compiled": Server("compiled", minimal("compiled")),
        "nghttpd": Server("nghttpd (C)", nghttpd, "nghttpd"),
        "nginx": Server("nginx (C)", nginx, "nginx"),
    },
    "asgi": {
        "hypercorn": Server("hypercorn on h2 4.4.1", hypercorn("hypercorn")),
        "hypercorn-ours": Server("hypercorn on h2, pure", hypercorn("asgi")),
        "hypercorn-compiled": Server("hypercorn on h2, compiled", hypercorn("asgi-compiled")),
        "example": Server("our example, pure", example("asgi")),
        "example-compiled": Server("our example, compiled", example("asgi-compiled")),
        "granian": Server("granian (Rust)", granian),
        "h2corn": Server("h2corn (Rust)", h2corn),
    },
}
SCHEMES = {"minimal": "http", "asgi": "https"}
SERVERS = {name: server for servers in GROUPS.values() for name, server in servers.items()}


def make_certificate(folder: Path) -> Certificate:
    """A certificate with its key in PKCS #8, the format that all of these servers read."""
    files = certificate(folder)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def processes(root: int) -> Iterator[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            parent = path.read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(path.parent.name))
    waiting = [root]
    while waiting:
        process = waiting.pop()
        yield process
        waiting += children.get(process, [])


def cpu_time(root: int) -> float:
    """CPU seconds of a process and all its descendants, including all threads."""
    # The clock ID of another process, computed from its process ID as in the C library on Linux.
    return sum(time.clock_gettime((~process << 3) | 2) for process in processes(root))


@contextlib.contextmanager
def running(server: Server, files: Certificate) -> Iterator[tuple[int, int]]:
    """Run a server in a separate process; yield its process ID and its port."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Place(free_port(), Path(folder), files)
        log = Path(folder, "log")
        with log.open("wb") as output:
            command = server.command(place)
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        try:
            wait_for(place.port, process, log)
            yield process.pid, place.port
        finally:
            process.terminate()
            process.wait(START)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server listens; raise `RuntimeError` with its output if it does not."""
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen:\n{log.read_text()}")


def load(url: str, requests: int, streams: int) -> None:
    """Make this many requests with a browser's fields; all must succeed."""
    command = ["h2load", "-n", str(requests), "-c", str(CONNECTIONS), "-m", str(streams)]
    for name, value in REQUEST[4:-1]:
        command += ["-H", f"{name.decode()}: {value.decode()}"]
    done = subprocess.run([*command, url], check=True, stdout=subprocess.PIPE, text=True)
    found = re.search(r"status codes: (\d+) 2xx", done.stdout)
    expect(int(found[1]) if found else 0, requests)


def cost(server: Server, scheme: str, files: Certificate, requests: int) -> dict[str, float]:
    """Microseconds of CPU time per request, by the number of concurrent streams."""
    figures = {}
    with running(server, files) as (process, port):
        url = f"{scheme}://127.0.0.1:{port}/hello"
        for streams in STREAMS:
            load(url, WARM_UP, streams)
            before = cpu_time(process)
            load(url, requests, streams)
            figures[str(streams)] = (cpu_time(process) - before) / requests * 1e6
    return figures


def measure(names: list[str], rounds: int, requests: int) -> Figures:
    """The best figures of all rounds, by group, server and number of streams."""
    best: Figures = {group: {} for group in GROUPS}
    with tempfile.TemporaryDirectory() as folder:
        files = make_certificate(Path(folder, "certificate"))
        for number in range(rounds):
            for group, servers in GROUPS.items():
                for name in [name for name in servers if name in names]:
                    taken = cost(servers[name], SCHEMES[group], files, requests)
                    known = best[group].setdefault(name, taken)
                    best[group][name] = {key: min(known[key], taken[key]) for key in taken}
            print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return best


def show(figures: Figures) -> None:
    """Print a line for each server."""
    print(f"{'CPU time for a request':28}", *(f"-m {streams:<9}" for streams in STREAMS))
    for servers in figures.values():
        for name, by_streams in servers.items():
            cells = (f"{by_streams[str(streams)]:8.1f} us " for streams in STREAMS)
            print(f"{SERVERS[name].title:28}", *cells)


def main() -> None:
    """Measure the servers named on the command line and print the results."""
    parser = argparse.ArgumentParser(description="Servers under h2load.")
    parser.add_argument(
        "--only",
        default=",".join(SERVERS),
        help=f"names with commas between, out of: {', '.join(SERVERS)}; default all",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all servers (5)")
    parser.add_argument("--requests", type=int, default=10_000, help="that each gets (10000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures there as well")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(SERVERS):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    if shutil.which("h2load") is None:
        parser.error("h2load is not installed")
    for name in [name for name in names if not SERVERS[name].available]:
        print(f"{name}: left out, {SERVERS[name].program} is not installed")
        names.remove(name)
    figures = measure(names, options.rounds, options.requests)
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
