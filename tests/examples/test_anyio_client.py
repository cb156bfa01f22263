"""The anyio client, started as documented, with various servers, on both backends."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.clients import Target
from support.matrix import Matrix
from support.processes import require_module, run_for_bytes
from support.raw import RawConnection
from support.scripted import listening
from support.servers import SERVERS
from support.site import Site
from support.wire import Code, Flag, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "anyio client"


@pytest.fixture(scope="module", params=SERVERS)
def peer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def target(peer: str, site: Site, certificates: Certificate) -> Iterator[Target]:
    with SERVERS[peer](site, certificates) as target:
        yield target


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    require_module("anyio")
    require_module("trio")
    name: str = request.param
    return name


def command(target: Target, backend: str, *arguments: str | Path) -> list[str]:
    start = [sys.executable, "-W", "default", "-m", "examples.anyio.client"]
    options = ["--backend", backend, "--authority", target.trust]
    return [*start, *options, *map(str, arguments)]


def client(
    target: Target, backend: str, *arguments: str | Path
) -> subprocess.CompletedProcess[bytes]:
    """Run the client to its end; arguments that begin with a slash are paths on the server."""
    urls = [f"{target.url}{a}" if str(a).startswith("/") else a for a in arguments]
    return run_for_bytes(command(target, backend, *urls))


def check(done: subprocess.CompletedProcess[bytes], content: bytes) -> None:
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout == content, f"{len(done.stdout)} octets, not {len(content)}"


@pytest.mark.slow
def test_many_requests_at_once(
    peer: str, target: Target, backend: str, site: Site, matrix: Matrix
) -> None:
    # More than most servers allow at a time, with large ones at the start and in the middle.
    paths = ["/big.bin", *["/hello.txt"] * 60, "/big.bin", *["/0.svg", "/1.svg"] * 60]
    content = b"".join((site.folder / path[1:]).read_bytes() for path in paths)
    done = client(target, backend, *paths, "/missing")
    assert (done.returncode, done.stderr.decode()) == (1, f"{target.url}/missing: status 404\n")
    assert done.stdout.startswith(content)  # the rest is the 404 page of the server
    matrix.passed(SIDE, peer, "183 requests at once, two of them for 20 MB, one for nothing")


@pytest.mark.slow
def test_upload(peer: str, target: Target, backend: str, site: Site, matrix: Matrix) -> None:
    check(client(target, backend, f"--data={site.big_file}", "/echo"), site.big)
    matrix.passed(SIDE, peer, "upload of 20 MB, echoed")


# A server that violates the protocol, or sends frames at unusual times.


class RawServer(RawConnection):
    """A server that has sent its preface to the client."""

    def __init__(self, sock: ssl.SSLSocket, *settings: tuple[Setting, int]) -> None:
        super().__init__(sock)
        start = b""
        while len(start) < len(wire.PREFACE):
            start += sock.recv(len(wire.PREFACE) - len(start))
        assert start == wire.PREFACE
        self.send(wire.settings(*settings))

    def request(self, stream_id: int) -> list[Frame]:
        """Read until a whole request has arrived."""
        return self.until(lambda f: f.stream_id == stream_id and f.has(Flag.END_STREAM))

    def respond(self, stream_id: int, content: bytes) -> None:
        self.send(
            wire.headers(stream_id, wire.RESPONSE), wire.data(stream_id, content, end_stream=True)
        )


Script = Callable[[ssl.SSLSocket], None]


@contextmanager
def scripted(script: Script, certificates: Certificate, protocol: str = "h2") -> Iterator[Target]:
    """A server that accepts one client, and runs the script with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    context.set_alpn_protocols([protocol])
    with listening(script, context=context) as port:
        yield Target(f"https://localhost:{port}", certificates.authority)


def test_goaway_fails_only_what_is_not_processed(certificates: Certificate, backend: str) -> None:
    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        server.request(5)
        server.respond(1, b"one ")
        server.send(wire.goaway(3))
        server.respond(3, b"two ")
        server.to_end()

    with scripted(script, certificates) as target:
        done = client(target, backend, "/1", "/3", "/5")
        assert (done.returncode, done.stdout) == (1, b"one two ")
        assert done.stderr.decode().startswith(f"{target.url}/5: the server takes no more requests")


def test_a_fault_behind_responses(certificates: Certificate, backend: str) -> None:
    seen: list[Frame] = []

    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        server.request(3)
        answers = [
            wire.headers(n, wire.RESPONSE) + wire.data(n, b"%d " % n, end_stream=True)
            for n in (1, 3)
        ]
        server.send(*answers, wire.data(0, b"on no stream"))
        seen.extend(server.to_end())

    with scripted(script, certificates) as target:
        check(client(target, backend, "/1", "/3"), b"1 3 ")
    goaways = [frame.error_code for frame in seen if frame.type == Type.GOAWAY]
    assert goaways == [Code.PROTOCOL_ERROR]


def test_a_reset_fails_one_request(certificates: Certificate, backend: str) -> None:
    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        server.request(3)
        server.send(wire.headers(1, wire.RESPONSE), wire.data(1, b"half "))
        server.send(wire.rst_stream(1, Code.INTERNAL_ERROR))
        server.respond(3, b"all of it")
        server.to_end()

    with scripted(script, certificates) as target:
        done = client(target, backend, "/1", "/3")
        assert (done.returncode, done.stdout) == (1, b"half all of it")
        assert "/1: the server reset the stream" in done.stderr.decode()
        assert "INTERNAL_ERROR" in done.stderr.decode()


def test_no_more_requests_than_the_server_allows(certificates: Certificate, backend: str) -> None:
    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock, (Setting.MAX_CONCURRENT_STREAMS, 2))
        server.request(3)
        for stream_id in (1, 3, 5):
            seen = {frame.stream_id for frame in server.pong()}
            assert stream_id + 4 not in seen
            server.respond(stream_id, b"%d " % stream_id)
            if stream_id < 5:
                server.request(stream_id + 4)
        # The limit is now higher: the last two are sent without waiting for each other.
        server.send(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 100)))
        server.request(11)
        for stream_id in (7, 9, 11):
            server.respond(stream_id, b"%d " % stream_id)
        server.to_end()

    with scripted(script, certificates) as target:
        check(client(target, backend, *["/a", "/b", "/c", "/d", "/e", "/f"]), b"1 3 5 7 9 11 ")


def test_an_upload_keeps_to_windows_that_change(
    certificates: Certificate, backend: str, tmp_path: Path
) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(range(100)))

    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock, (Setting.INITIAL_WINDOW_SIZE, 10))
        frames = server.until(lambda frame: frame.type == Type.DATA)
        frames += server.pong()
        assert sent(frames) == 10
        # The window becomes -5, then 15, and in the end as large as it needs to be.
        server.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 5)), wire.window_update(1, 20))
        frames += server.until(lambda frame: frame.type == Type.DATA) + server.pong()
        assert sent(frames) == 25
        server.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 1000)))
        frames += server.request(1)
        assert sent(frames) == 100
        assert b"".join(f.data for f in frames if f.type == Type.DATA) == body.read_bytes()
        server.respond(1, b"thanks")
        server.to_end()

    def sent(frames: list[Frame]) -> int:
        return sum(len(frame.payload) for frame in frames if frame.type == Type.DATA)

    with scripted(script, certificates) as target:
        check(client(target, backend, f"--data={body}", "/"), b"thanks")


def test_an_upload_that_is_answered_early_is_given_up(
    certificates: Certificate, backend: str, site: Site
) -> None:
    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        server.until(lambda frame: frame.type == Type.DATA)
        server.respond(1, b"enough")
        reset = server.until(lambda frame: frame.type == Type.RST_STREAM)[-1]
        assert (reset.stream_id, reset.error_code) == (1, Code.CANCEL)
        server.to_end()

    with scripted(script, certificates) as target:
        check(client(target, backend, f"--data={site.big_file}", "/"), b"enough")


@pytest.mark.parametrize("content", [b"", b"x"], ids=["alone", "beside content"])
def test_windows_are_given_back_also_for_padding(
    certificates: Certificate, backend: str, content: bytes
) -> None:
    def script(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        frames = server.request(1)
        server.send(wire.headers(1, wire.RESPONSE), wire.data(1, content, pad=255) * 255)
        padding = 255 * 256
        while granted(frames, 1) < padding // 2:
            frames += server.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
        server.send(wire.data(1, b"content", end_stream=True))
        server.to_end()

    def granted(frames: list[Frame], stream_id: int) -> int:
        updates = [f for f in frames if (f.type, f.stream_id) == (Type.WINDOW_UPDATE, stream_id)]
        return sum(frame.increment for frame in updates)

    with scripted(script, certificates) as target:
        check(client(target, backend, "/"), content * 255 + b"content")


def test_a_broken_connection_fails_what_is_under_way(
    certificates: Certificate, backend: str
) -> None:
    def offend(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        server.request(3)
        server.respond(1, b"one ")
        server.send(wire.data(0, b"on no stream"))
        last = server.to_end()[-1]
        assert (last.type, last.error_code) == (Type.GOAWAY, Code.PROTOCOL_ERROR)

    def vanish(sock: ssl.SSLSocket) -> None:
        server = RawServer(sock)
        server.request(3)
        server.respond(1, b"one ")
        server.send(wire.headers(3, wire.RESPONSE), wire.data(3, b"half"))
        server.vanish()

    for script, reason in (offend, "the server broke the protocol"), (vanish, "the server hung up"):
        with scripted(script, certificates) as target:
            done = client(target, backend, "/1", "/3")
            assert done.returncode == 1
            assert done.stdout.startswith(b"one ")
            assert done.stderr.decode().startswith(f"{target.url}/3: {reason}")


def test_servers_that_cannot_be_used(certificates: Certificate, backend: str) -> None:
    def listen(sock: ssl.SSLSocket) -> None:
        with contextlib.suppress(ConnectionResetError):  # it leaves TLS session tickets unread
            assert sock.recv(100) == b""

    with scripted(listen, certificates, "http/1.1") as target:
        done = client(target, backend, "/")
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"localhost does not speak HTTP/2\n"
    done = client(target, backend, "/")  # no longer listening
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("peer", ["nghttpd"], indirect=True)
def test_a_certificate_of_somebody_else_is_refused(
    target: Target, backend: str, tmp_path: Path
) -> None:
    authority = tmp_path / "other.pem"
    require_module("trustme").CA().cert_pem.write_to_path(authority)
    done = client(Target(target.url, authority), backend, "/hello.txt")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "urls", [["http://localhost/"], ["https://localhost:x/"], ["https://a/", "https://b/"], []]
)
def test_urls_that_make_no_sense_are_refused(urls: list[str]) -> None:
    require_module("anyio")
    done = client(Target("", Path("none")), "asyncio", *urls)
    assert done.returncode == 2
    assert b"usage: " in done.stderr
