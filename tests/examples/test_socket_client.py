"""The client on plain sockets, started as documented, with third-party servers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.clients import PROGRAMS, Target
from support.http1 import http1_server
from support.matrix import Matrix
from support.peers import require_program
from support.processes import python_command, run_for_bytes, serving
from support.scripted import Client, scripted
from support.servers import SERVERS, nghttpd
from support.site import Site
from support.wire import Code, Frame, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "socket client"


def fetch(target: Target, path: str, *options: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end."""
    trust = ["--authority", target.trust] if target.authority else []
    arguments = [*trust, *map(str, options), target.url + path]
    return run_for_bytes(python_command("-m", "examples.sockets.client", *arguments))


def content(target: Target, path: str, *options: str | Path) -> bytes:
    """The content of a response that must have arrived."""
    done = fetch(target, path, *options)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def complaint(target: Target, path: str, *options: str | Path) -> str:
    """The error output of the program, which must fail."""
    done = fetch(target, path, *options)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


def test_get(real_server: tuple[str, Target], site: Site, matrix: Matrix) -> None:
    peer, target = real_server
    assert content(target, "/hello.txt") == site.hello
    matrix.passed(SIDE, peer, "GET")


@pytest.mark.slow
def test_download_of_20_mb(real_server: tuple[str, Target], site: Site, matrix: Matrix) -> None:
    peer, target = real_server
    assert content(target, "/big.bin") == site.big
    matrix.passed(SIDE, peer, "download of 20 MB")


@pytest.mark.slow
def test_upload_of_20_mb_echoed(
    real_server: tuple[str, Target], site: Site, matrix: Matrix
) -> None:
    peer, target = real_server
    assert content(target, "/echo", "--data", site.big_file) == site.big
    matrix.passed(SIDE, peer, "upload of 20 MB, echoed")


@pytest.mark.parametrize("peer", SERVERS)
def test_prior_knowledge(peer: str, site: Site, matrix: Matrix) -> None:
    with SERVERS[peer](site, None) as target:
        assert content(target, "/hello.txt") == site.hello
    matrix.passed(SIDE, peer, "cleartext with prior knowledge")


@pytest.fixture(scope="module")
def moody() -> Iterator[Target]:
    with serving([require_program("node"), str(PROGRAMS / "moody.mjs")]) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/refuse/9", "the server reset the request: REFUSED_STREAM"),
        ("/reset", "the server reset the request: ENHANCE_YOUR_CALM"),
        ("/cut", "hung up|reset"),
    ],
)
def test_servers_that_end_it_early(path: str, words: str, moody: Target) -> None:
    assert re.search(words, complaint(moody, path))


def test_a_malformed_promise_is_no_matter_of_the_request() -> None:
    def script(server: Client) -> None:
        server.request()
        server.send(
            wire.push_promise(1, 2, wire.RESPONSE),
            wire.headers(1, wire.RESPONSE),
            wire.data(1, b"content", end_stream=True),
        )
        assert server.until(lambda f: f.type == Type.RST_STREAM).stream_id == 2
        server.bye()

    with scripted(script) as port:
        assert content(Target(f"http://127.0.0.1:{port}"), "/") == b"content"


@pytest.mark.parametrize("complete", [True, False])
def test_a_fault_behind_a_response(complete: bool) -> None:
    frames: list[Frame] = []

    def script(server: Client) -> None:
        server.request()
        response = wire.headers(1, wire.RESPONSE), wire.data(1, b"content", end_stream=complete)
        server.send(*response, wire.data(0, b"on no stream"))
        server.bye()
        server.hang_up()
        frames.extend(server.frames)

    with scripted(script) as port:
        done = fetch(Target(f"http://127.0.0.1:{port}"), "/")
    assert done.stdout == b"content"
    assert (done.returncode, not done.stderr) == ((0, True) if complete else (1, False))
    goaways = [frame.error_code for frame in frames if frame.type == Type.GOAWAY]
    assert goaways == [Code.PROTOCOL_ERROR]


def test_a_server_that_is_gone_when_its_response_is_read() -> None:
    def script(server: Client) -> None:
        server.request()
        server.send(wire.headers(1, wire.RESPONSE), wire.data(1, b"content", end_stream=True))
        server.break_off()

    with scripted(script) as port:
        assert content(Target(f"http://127.0.0.1:{port}"), "/") == b"content"


def test_goaway_says_that_a_request_was_not_processed() -> None:
    def script(server: Client) -> None:
        server.request()
        server.send(wire.goaway(0, Code.ENHANCE_YOUR_CALM))
        server.hang_up()

    with scripted(script) as port:
        words = complaint(Target(f"http://127.0.0.1:{port}"), "/")
    assert words.endswith(": the server is going away: ENHANCE_YOUR_CALM\n")


def test_goaway_lets_the_request_finish(moody: Target, matrix: Matrix) -> None:
    assert content(moody, "/goaway") == b"last"
    matrix.passed(SIDE, "Node http2", "GOAWAY while a request is under way")


def test_trailers_are_no_content(moody: Target) -> None:
    assert content(moody, "/trailers") == b"content"


def test_an_early_response_ends_the_upload(moody: Target, site: Site, matrix: Matrix) -> None:
    assert content(moody, "/early", "--data", site.big_file) == b"enough"
    matrix.passed(SIDE, "Node http2", "response before the end of the request")


def test_errors_have_a_message(site: Site, certificates: Certificate, tmp_path: Path) -> None:
    with nghttpd(site, certificates) as target:
        assert "CERTIFICATE_VERIFY_FAILED" in complaint(Target(target.url), "/")
        assert "No such file" in complaint(target, "/", "--data", tmp_path / "none")
        assert "No such file" in complaint(Target(target.url, tmp_path / "none"), "/")
    assert "Connection refused" in complaint(target, "/")
    assert "no URL" in complaint(Target("gopher://localhost"), "/")
    assert "Port could not be cast" in complaint(Target("http://localhost:x"), "/")


def test_servers_of_http_1(certificates: Certificate) -> None:
    with http1_server() as target:
        assert "The peer speaks plain text" in complaint(target, "/")  # as in HTTP/0.9
    with http1_server(certificates) as target:
        assert "does not speak HTTP/2" in complaint(target, "/")
