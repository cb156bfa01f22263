"""`python -m h2 get` as a separate process, with third-party servers, compared with curl."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import servers, wire
from support.clients import Target
from support.matrix import Matrix
from support.peers import require_program
from support.processes import free_port, python_command, run_for_bytes
from support.scripted import Client, scripted
from support.site import Site

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "python -m h2 get"


def get(*arguments: str | Path, stdin: Path | None = None) -> tuple[int, bytes, str]:
    """Run the command; exit status and outputs."""
    with open(stdin or "/dev/null", "rb") as file:
        done = run_for_bytes(python_command("-m", "h2", "get", *map(str, arguments)), file)
    return done.returncode, done.stdout, done.stderr.decode()


def trusting(target: Target) -> list[str | Path]:
    return ["--cacert", target.authority] if target.authority else []


@pytest.fixture(scope="module", params=["TLS", "cleartext"])
def certificate(request: pytest.FixtureRequest, certificates: Certificate) -> Certificate | None:
    return certificates if request.param == "TLS" else None


@pytest.fixture(scope="module", params=servers.SERVERS)
def peer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def target(peer: str, site: Site, certificate: Certificate | None) -> Iterator[Target]:
    with servers.SERVERS[peer](site, certificate) as target:
        yield target


def test_get_and_head(target: Target, site: Site, peer: str, matrix: Matrix) -> None:
    url = f"{target.url}/hello.txt"
    assert get(*trusting(target), url) == (0, site.hello, "")
    status, out, err = get(*trusting(target), "-I", url)
    assert (status, err) == (0, "")
    assert out.startswith(b"HTTP/2 200\r\n")
    assert out.endswith(b"\r\n\r\n")
    status, _, err = get(*trusting(target), "--fail", f"{target.url}/missing")
    assert (status, err) == (22, "h2: (22) The requested URL returned error: 404\n")
    matrix.passed(SIDE, peer, "GET and HEAD")


def test_download(target: Target, site: Site, peer: str, matrix: Matrix) -> None:
    status, out, err = get(*trusting(target), f"{target.url}/big.bin")
    assert (status, err) == (0, "")
    assert out == site.big
    matrix.passed(SIDE, peer, "download of 20 MB")


def test_upload(target: Target, site: Site, peer: str, matrix: Matrix) -> None:
    url = f"{target.url}/echo"
    for arguments, stdin in ((["--upload", site.big_file], None), (["-d", "@-"], site.big_file)):
        status, out, err = get(*trusting(target), *arguments, url, stdin=stdin)
        assert (status, err) == (0, "")
        assert out == site.big
    assert get(*trusting(target), "-d", "a=b", "-d", "c", url) == (0, b"a=b&c", "")
    matrix.passed(SIDE, peer, "upload of 20 MB, echoed")


def test_upload_from_a_pipe(target: Target, site: Site, peer: str) -> None:
    command = python_command("-m", "h2", "get", *map(str, trusting(target)))
    with subprocess.Popen(["cat", site.big_file], stdout=subprocess.PIPE) as cat:
        done = run_for_bytes([*command, "--upload", "-", f"{target.url}/echo"], cat.stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == site.big


# --- exit statuses compared with curl's ---


def silent(client: Client) -> None:
    client.request()
    client.sock.recv(1)
    while client.sock.recv(65536):
        pass


def refusing(client: Client) -> None:
    client.request()
    client.send(wire.headers(1, wire.RESPONSE), wire.rst_stream(1, wire.Code.INTERNAL_ERROR))
    while client.sock.recv(65536):
        pass


def both(*arguments: str) -> tuple[int, int]:
    """The exit statuses of the command and of curl."""
    program = require_program("curl")
    command = [program, "-sS", "--http2-prior-knowledge", "-m", "20", *arguments]
    done = run_for_bytes(command)
    return get(*arguments)[0], done.returncode


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--no-such-option", "http://127.0.0.1/"], 2),
        (["nonsense://127.0.0.1/"], 1),
        (["http://127.0.0.1:port/"], 3),
        (["http://no-such-host.invalid/"], 6),
        (["http://127.0.0.1:{closed}/"], 7),
        (["-f", "{url}/missing"], 22),
        (["-o", "/does/not/exist", "{url}/hello.txt"], 23),
        (["-o", "/dev/full", "{url}/hello.txt"], 23),
        (["-T", "/does/not/exist", "{url}/echo"], 26),
    ],
)
def test_statuses_of_curl(site: Site, arguments: list[str], status: int) -> None:
    with servers.nghttpd(site, None) as target:
        filled = [text.format(url=target.url, closed=free_port()) for text in arguments]
        assert both(*filled) == (status, status)


def test_statuses_of_curl_with_tls(site: Site, certificates: Certificate) -> None:
    with servers.nghttpd(site, certificates) as target:
        assert both(f"{target.url}/hello.txt") == (60, 60)
        assert both("-k", f"{target.url}/hello.txt") == (0, 0)
        assert both("--cacert", "/does/not/exist", f"{target.url}/hello.txt") == (77, 77)
    with servers.nghttpd(site, None) as target:
        assert both(target.url.replace("http:", "https:")) == (35, 35)


@pytest.mark.parametrize(
    ("script", "arguments", "status"), [(silent, ["-m", "0.7"], 28), (refusing, [], 92)]
)
def test_statuses_of_curl_with_bad_servers(
    script: Callable[[Client], None], arguments: list[str], status: int
) -> None:
    program = require_program("curl")
    with scripted(script) as port:
        assert get(*arguments, f"http://127.0.0.1:{port}/")[0] == status
    with scripted(script) as port:
        url = f"http://127.0.0.1:{port}/"
        command = [program, "-sS", "--http2-prior-knowledge", *arguments, url]
        done = run_for_bytes(command)
    assert done.returncode == status
