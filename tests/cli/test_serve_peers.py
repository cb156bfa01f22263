"""`python -m h2 serve` as a separate process, with third-party clients."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.cases import Case, cases
from support.clients import Target, curl, h2load, nghttp
from support.fileserver import FILE_OFFER
from support.matrix import Matrix
from support.processes import TIMEOUT, Server, python_command, run_for_bytes, serving
from support.site import Site
from support.sockets import rest_of, until
from support.wire import Code, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "python -m h2 serve"
OFFER = replace(FILE_OFFER, refused=("POST", "/hello.txt"))
COMMAND = ["-m", "h2", "serve", "--port", "0"]


def ended(server: Server) -> None:
    """Press Ctrl+C and check what is left behind."""
    out, log = server.stop()
    assert (server.process.returncode, out) == (0, "")
    for line in log.splitlines():
        assert re.fullmatch(r"\S+ - - \[.*\] \".* HTTP/2\" \d{3} \d+( \(\w+( \w+)?\))?", line)


@pytest.fixture(scope="module")
def target(site: Site, certificates: Certificate) -> Iterator[Target]:
    files = ["--cert", str(certificates.chain), "--key", str(certificates.key)]
    command = python_command(*COMMAND, *files, str(site.folder))
    with serving(command) as server:
        yield Target(f"https://localhost:{server.port}", certificates.authority)
        ended(server)


@pytest.fixture(scope="module")
def cleartext(site: Site) -> Iterator[Target]:
    command = python_command(*COMMAND, str(site.folder))
    with serving(command) as server:
        yield Target(f"http://127.0.0.1:{server.port}")
        ended(server)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, target: Target, site: Site, matrix: Matrix) -> None:
    case.run(target, OFFER, site)
    matrix.passed(SIDE, case.peer, case.name)


def test_cleartext(cleartext: Target, site: Site) -> None:
    done = curl(cleartext, "--include", f"{cleartext.url}/hello.txt")
    assert done.stdout.startswith("HTTP/2 200 ")
    assert done.stdout.endswith(site.hello.decode())
    assert site.hello.decode().strip() in nghttp(f"{cleartext.url}/hello.txt")
    counts = h2load(cleartext, "/hello.txt", "-n1000", "-m10", "-c4")
    assert (counts["succeeded"], counts["2xx"]) == (1000, 1000)


def test_our_own_client(target: Target, site: Site) -> None:
    command = python_command("-m", "h2", "get", "--cacert", target.trust)
    done = run_for_bytes([*command, f"{target.url}/big.bin"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == site.big


def test_curl_goes_on_where_a_download_broke_off(
    cleartext: Target, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "part"
    file.write_bytes(site.big[:12_345_678])
    done = curl(cleartext, "--continue-at", "-", "--output", file, f"{cleartext.url}/big.bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_bytes() == site.big


def test_curl_does_not_load_what_it_has(cleartext: Target, tmp_path: Path) -> None:
    tag = tmp_path / "tag"
    arguments = ["--etag-save", tag, "--etag-compare", tag, "--write-out", "[%{http_code}]"]
    url = f"{cleartext.url}/hello.txt"
    assert curl(cleartext, *arguments, url).stdout.endswith("[200]")
    assert curl(cleartext, *arguments, url).stdout == "[304]"


def test_a_slow_client_gets_everything(cleartext: Target, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "slow"
    done = curl(cleartext, "--limit-rate", "8M", "-o", file, f"{cleartext.url}/big.bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_bytes() == site.big


@pytest.mark.parametrize("path", ["/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd"])
def test_nothing_outside_is_served(cleartext: Target, path: str) -> None:
    done = curl(cleartext, "--path-as-is", "-o", "-", "-w", "[%{http_code}]", cleartext.url + path)
    assert done.stdout == "403 Forbidden\n[403]"


def test_ctrl_c_says_goodbye(site: Site) -> None:
    with serving(python_command(*COMMAND, str(site.folder))) as server:
        request = wire.headers(1, [*wire.REQUEST[:3], (b":path", b"/hello.txt")], end_stream=True)
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
            sock.sendall(wire.PREFACE + wire.settings() + request)
            heard = until(sock, site.hello)
            server.interrupt()
            heard += rest_of(sock)
        *_, last = wire.parse(heard)
        assert (last.type, last.error_code, last.last_stream_id) == (Type.GOAWAY, Code.NO_ERROR, 1)
        out, log = server.finish()
        assert (server.process.returncode, out, log.count("\n")) == (0, "", 1)


def test_a_certificate_made_for_the_run(site: Site) -> None:
    with serving(python_command(*COMMAND, "--tls", str(site.folder))) as server:
        target = Target(f"https://localhost:{server.port}", Path("/unused"))
        done = curl(target, "--insecure", "-w", "%{http_version}", f"{target.url}/hello.txt")
        assert done.stdout == site.hello.decode() + "2"
        server.stop()
        assert server.process.returncode == 0
