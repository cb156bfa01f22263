"""The Twisted clients, started as documented, with various servers."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.clients import Target
from support.matrix import Matrix
from support.processes import (
    ROOT,
    TIMEOUT,
    require_installed,
    require_module,
    run,
    run_for_bytes,
    started,
)
from support.raw import content, ends, is_pong
from support.scripted import Client, scripted
from support.servers import SERVERS, nghttpd
from support.site import Site
from support.wire import MAX_WINDOW, Code, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

HEAD = "examples.twisted.head_client"
POST = "examples.twisted.post_client"
MEGABYTE = 1_000_000

Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    require_installed("twisted")


def command(
    module: str, target: Target, path: str, *rest: str | Path, patch: str = ""
) -> list[str]:
    """The command line of a client; `patch` changes constants of its module."""
    how = ["-m", module]
    if patch:
        how = ["-c", f"import {module} as module\n{patch}\nmodule.main()"]
    trust = ["--authority", str(target.authority)] if target.authority else []
    return [sys.executable, "-X", "dev", *how, *trust, target.url + path, *map(str, rest)]


def client(module: str, target: Target, path: str, *rest: str | Path, patch: str = "") -> Done:
    """Run a client to its end."""
    line = command(module, target, path, *rest, patch=patch)
    done = run_for_bytes(line)
    assert not re.search(rb"Traceback|Warning|never|Unhandled", done.stderr), done.stderr.decode()
    return done


def succeeded(done: Done) -> bytes:
    """The output of a client, which must succeed without an error message."""
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def complaint(done: Done) -> str:
    """The error message of a client, which must fail with a single line."""
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    return line


# Third-party servers.


@pytest.fixture(scope="module", params=SERVERS)
def peer(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


@pytest.fixture(scope="module")
def target(peer: str, site: Site, certificates: Certificate) -> Iterator[Target]:
    with SERVERS[peer](site, certificates) as target:
        yield target


def test_head(peer: str, target: Target, site: Site, matrix: Matrix) -> None:
    lines = succeeded(client(HEAD, target, "/hello.txt")).decode().splitlines()
    assert lines[0] == ":status: 200"
    assert f"content-length: {len(site.hello)}" in lines
    matrix.passed("Twisted HEAD client", peer, "HEAD")


def test_head_of_nothing(peer: str, target: Target, matrix: Matrix) -> None:
    done = client(HEAD, target, "/none")
    if peer == "nghttpd":  # 1.52 sends the content of its page, which HEAD must not return
        assert "the request was reset: <ErrorCodes.PROTOCOL_ERROR" in complaint(done)
        return
    assert succeeded(done).startswith(b":status: 404\n")
    matrix.passed("Twisted HEAD client", peer, "HEAD of a missing file")


def test_post(peer: str, target: Target, site: Site, matrix: Matrix) -> None:
    assert succeeded(client(POST, target, "/echo", site.big_file)) == site.big
    matrix.passed("Twisted POST client", peer, "upload of 20 MB, echoed")


def test_post_of_nothing(peer: str, target: Target, tmp_path: Path, matrix: Matrix) -> None:
    (tmp_path / "empty").touch()
    assert succeeded(client(POST, target, "/echo", tmp_path / "empty")) == b""
    matrix.passed("Twisted POST client", peer, "upload of an empty file")


def test_small_windows(
    site: Site, certificates: Certificate, tmp_path: Path, matrix: Matrix
) -> None:
    # Stream windows of 63 octets; the connection window cannot be smaller than its initial size.
    upload = tmp_path / "upload"
    upload.write_bytes(site.big[:50_000])
    with nghttpd(site, certificates, "--window-bits=6") as target:
        assert succeeded(client(POST, target, "/echo", upload)) == site.big[:50_000]
    matrix.passed("Twisted POST client", "nghttpd", "upload into windows of 63 octets")


def test_trailers_padding_and_push(site: Site, certificates: Certificate) -> None:
    options = ["--trailer=x-sum: 1", "--padding=200", "--push=/echo=/big.bin"]
    with nghttpd(site, certificates, *options) as target:
        upload = site.folder / "page.html"
        assert succeeded(client(POST, target, "/echo", upload)) == upload.read_bytes()
        assert succeeded(client(HEAD, target, "/hello.txt")).startswith(b":status: 200\n")


# Scripted servers.


Script = Callable[[Client], object]
RESPONSE = wire.headers(1, [(b":status", b"200")])
ANSWER = RESPONSE + wire.data(1, b"that is enough", end_stream=True)
MUCH = wire.window_update(0, MAX_WINDOW // 2) + wire.window_update(1, MAX_WINDOW // 2)


@contextmanager
def playing(
    certificate: Certificate, script: Script, protocols: tuple[str, ...] = ("h2",)
) -> Iterator[Target]:
    """A server that presents this certificate to its first client and runs the script."""
    from examples.common.certificate import server_context

    context = server_context(certificate.authority.parent, protocols)
    with scripted(script, context) as port:
        yield Target(f"https://localhost:{port}", certificate.authority)


def greet(peer: Client, *settings: tuple[Setting, int]) -> Frame:
    """Send SETTINGS, and wait for the header section of the request."""
    peer.send(wire.settings(*settings))
    return peer.until(lambda frame: frame.type == Type.HEADERS)


def sent(peer: Client) -> bytes:
    """Send a PING; return the content that the client has sent before its answer."""
    peer.send(wire.ping())
    peer.until(is_pong)
    return content(peer.frames, 1)


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("upload") / "file"
    file.write_bytes(bytes(range(256)) * 1000)
    return file


@pytest.mark.parametrize("module", [HEAD, POST])
def test_what_is_asked(module: str, certificates: Certificate, upload: Path) -> None:
    heard: list[wire.Field] = []

    def script(peer: Client) -> None:
        heard.extend(wire.decode(greet(peer).fragment))
        settings = [frame.settings for frame in peer.frames if frame.type == Type.SETTINGS]
        assert any((Setting.ENABLE_PUSH, 0) in pairs for pairs in settings)
        peer.send(RESPONSE, wire.headers(1, [(b"x", b"y")], end_stream=True))
        peer.send(wire.rst_stream(1, Code.NO_ERROR))
        peer.bye()

    rest = [upload] if module == POST else []
    with playing(certificates, script) as target:
        succeeded(client(module, target, "/a%20b?c=d&e#f", *rest))
    size = str(upload.stat().st_size).encode()
    content_fields = [(b"content-type", b"application/octet-stream"), (b"content-length", size)]
    assert heard == [
        (b":method", b"POST" if rest else b"HEAD"),
        (b":scheme", b"https"),
        (b":authority", target.url.removeprefix("https://").encode()),
        (b":path", b"/a%20b?c=d&e"),
        *(content_fields if rest else []),
    ]


def test_windows_and_settings_that_change(certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        # The client sends its first content before it receives these settings.
        greet(peer, (Setting.INITIAL_WINDOW_SIZE, 100), (Setting.MAX_FRAME_SIZE, 2**24 - 1))
        assert len(sent(peer)) == wire.DEFAULT_WINDOW
        peer.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 70_000)))
        assert len(sent(peer)) == wire.DEFAULT_WINDOW  # the connection window is exhausted
        peer.send(wire.window_update(0, 10_000))
        assert len(sent(peer)) == 70_000
        peer.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 60_000)))
        assert len(sent(peer)) == 70_000
        peer.send(wire.window_update(1, 10_010))
        assert len(sent(peer)) == 70_010
        peer.send(MUCH)
        peer.until(ends(1))
        assert content(peer.frames, 1) == upload.read_bytes()
        peer.send(ANSWER)
        assert peer.bye().error_code == Code.NO_ERROR

    with playing(certificates, script) as target:
        assert succeeded(client(POST, target, "/", upload)) == b"that is enough"


def test_the_response_is_complete_before_the_upload(
    certificates: Certificate, upload: Path
) -> None:
    """RFC 9113 section 8.1: after RST_STREAM with NO_ERROR the response is still valid."""

    def script(peer: Client) -> None:
        greet(peer)
        peer.send(ANSWER, wire.rst_stream(1, Code.NO_ERROR))
        assert peer.bye().error_code == Code.NO_ERROR
        assert not any(ends(1)(frame) for frame in peer.frames)

    with playing(certificates, script) as target:
        assert succeeded(client(POST, target, "/", upload)) == b"that is enough"


def test_an_early_response_does_not_end_the_upload(certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        peer.send(ANSWER)
        assert len(sent(peer)) == wire.DEFAULT_WINDOW
        peer.send(MUCH)
        peer.until(ends(1))
        assert content(peer.frames, 1) == upload.read_bytes()
        assert peer.bye().error_code == Code.NO_ERROR

    with playing(certificates, script) as target:
        assert succeeded(client(POST, target, "/", upload)) == b"that is enough"


def test_goaway_lets_the_request_end(certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        peer.send(wire.goaway(1), MUCH)
        peer.until(ends(1))
        peer.send(wire.headers(1, [(b":status", b"103")]), ANSWER)
        peer.bye()

    with playing(certificates, script) as target:
        assert succeeded(client(POST, target, "/", upload)) == b"that is enough"


def test_a_response_larger_than_the_windows(certificates: Certificate, upload: Path) -> None:
    body = os.urandom(300_000)

    def script(peer: Client) -> None:
        greet(peer)
        peer.send(RESPONSE, MUCH)
        rooms = {0: wire.DEFAULT_WINDOW, 1: wire.DEFAULT_WINDOW}
        for start in range(0, len(body), 1000):
            piece = wire.data(1, body[start : start + 1000], pad=255)
            size = len(piece) - wire.FRAME_HEADER
            while min(rooms.values()) < size:
                update = peer.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
                rooms[update.stream_id] += update.increment
            rooms = {stream_id: room - size for stream_id, room in rooms.items()}
            peer.send(piece)
        peer.send(wire.headers(1, [(b"x-trailer", b"1")], end_stream=True))
        peer.bye()

    with playing(certificates, script) as target:
        assert succeeded(client(POST, target, "/", upload)) == body


FAILURES = {
    "refused": (wire.rst_stream(1, Code.REFUSED_STREAM), "the request was reset: .*REFUSED_STREAM"),
    "reset without a response": (wire.rst_stream(1, Code.NO_ERROR), "was reset: .*NO_ERROR"),
    "reset in the response": (RESPONSE + wire.rst_stream(1), "the request was reset: .*CANCEL"),
    "unprocessed": (wire.goaway(0), "the server leaves: .*NO_ERROR"),
    "error": (wire.goaway(1, Code.ENHANCE_YOUR_CALM), "the server leaves: .*ENHANCE_YOUR_CALM"),
    "hangs up": (b"", "the connection ended too early"),
    "hangs up in the response": (RESPONSE, "the connection ended too early"),
}


@pytest.mark.parametrize("module", [HEAD, POST])
@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str, module: str, certificates: Certificate, upload: Path) -> None:
    frames, words = FAILURES[name]

    def script(peer: Client) -> None:
        greet(peer)
        peer.send(frames)
        if frames in {b"", RESPONSE}:
            sent(peer)
            peer.break_off()
        else:
            assert peer.bye().error_code == Code.NO_ERROR

    with playing(certificates, script) as target:
        rest = [upload] if module == POST else []
        line = complaint(client(module, target, "/", *rest))
        assert line.startswith(target.url)
        assert re.search(words, line)


def test_a_malformed_promise_is_no_matter_of_the_request(certificates: Certificate) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        peer.send(wire.push_promise(1, 2, wire.RESPONSE))
        assert peer.until(lambda f: f.type == Type.RST_STREAM).stream_id == 2
        peer.send(wire.headers(1, wire.RESPONSE, end_stream=True))
        peer.bye()

    with playing(certificates, script) as target:
        assert succeeded(client(HEAD, target, "/")).startswith(b":status: 200\n")


@pytest.mark.parametrize("module", [HEAD, POST])
def test_the_server_breaks_the_rules(module: str, certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        peer.send(RESPONSE, wire.data(0, b"on no stream"))
        assert peer.bye().error_code == Code.PROTOCOL_ERROR

    with playing(certificates, script) as target:
        rest = [upload] if module == POST else []
        assert "the server breaks the rules" in complaint(client(module, target, "/", *rest))


@pytest.mark.parametrize("module", [HEAD, POST])
def test_a_fault_behind_a_reset(module: str, certificates: Certificate, upload: Path) -> None:
    frames: list[Frame] = []

    def script(peer: Client) -> None:
        greet(peer)
        peer.send(wire.rst_stream(1), wire.data(0, b"on no stream"))
        peer.bye()
        frames.extend(peer.frames + peer.rest())

    with playing(certificates, script) as target:
        rest = [upload] if module == POST else []
        assert "the request was reset" in complaint(client(module, target, "/", *rest))
    goaways = [frame.error_code for frame in frames if frame.type == Type.GOAWAY]
    assert goaways == [Code.PROTOCOL_ERROR]


@pytest.mark.parametrize("module", [HEAD, POST])
def test_a_fault_behind_the_response(
    module: str, certificates: Certificate, tmp_path: Path
) -> None:
    frames: list[Frame] = []
    (tmp_path / "none").touch()

    def script(peer: Client) -> None:
        greet(peer)
        rest = [wire.headers(1, wire.RESPONSE, end_stream=True)] if module == HEAD else [ANSWER]
        peer.send(*rest, wire.data(0, b"on no stream"))
        peer.bye()
        frames.extend(peer.frames + peer.rest())

    with playing(certificates, script) as target:
        rest = [tmp_path / "none"] if module == POST else []
        said = b"that is enough" if module == POST else b":status: 200\n"
        assert succeeded(client(module, target, "/", *rest)).startswith(said)
    goaways = [frame.error_code for frame in frames if frame.type == Type.GOAWAY]
    assert goaways == [Code.PROTOCOL_ERROR]


def test_status_of_an_error(certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        peer.send(wire.headers(1, [(b":status", b"413")]), wire.data(1, b"no", end_stream=True))
        peer.send(wire.rst_stream(1, Code.NO_ERROR))
        peer.bye()

    with playing(certificates, script) as target:
        done = client(POST, target, "/", upload)
        assert complaint(done).endswith(": status 413")
        assert done.stdout == b"no"


def greet_and_wait(peer: Client) -> None:
    greet(peer)
    with contextlib.suppress(AssertionError):  # the client disconnects
        peer.bye()


@pytest.mark.parametrize("module", [HEAD, POST])
def test_silence(module: str, certificates: Certificate, upload: Path) -> None:
    with playing(certificates, greet_and_wait) as target:
        rest = [upload] if module == POST else []
        patch = "from examples.twisted import request; request.IDLE_SECONDS = 0.5"
        done = client(module, target, "/", *rest, patch=patch)
        assert "neither sends nor takes" in complaint(done)


# The identity of the server.


@pytest.mark.parametrize("module", [HEAD, POST])
def test_no_http2(module: str, certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        assert peer.sock.recv(1) == b""

    with playing(certificates, script, ("http/1.1",)) as target:
        rest = [upload] if module == POST else []
        assert "does not speak HTTP/2" in complaint(client(module, target, "/", *rest))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for another host, from a separate authority."""
    trustme = require_module("trustme")
    from examples.common.certificate import Certificate

    authority = trustme.CA()
    folder = tmp_path_factory.mktemp("stranger")
    files = Certificate(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(files.authority)
    certificate = authority.issue_cert("other.example")
    certificate.cert_chain_pems[0].write_to_path(files.chain)
    certificate.private_key_pem.write_to_path(files.key)
    return files


@pytest.mark.parametrize("module", [HEAD, POST])
@pytest.mark.parametrize("name", ["other host", "unknown authority"])
def test_certificates_that_do_not_fit(
    name: str, module: str, certificates: Certificate, stranger: Certificate, upload: Path
) -> None:
    heard = []

    def script(peer: Client) -> None:
        heard.append(peer.sock.recv(1))

    rest = [upload] if module == POST else []
    shown = stranger if name == "other host" else certificates
    # The server sees an error when the client aborts the handshake.
    with contextlib.suppress(ssl.SSLError, ConnectionError), playing(shown, script) as target:
        line = complaint(client(module, Target(target.url, stranger.authority), "/", *rest))
        assert ("is for another" if shown is stranger else "certificate verify failed") in line
    assert heard in ([], [b""])


def test_nobody_there(upload: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target(f"https://localhost:{listener.getsockname()[1]}")
    assert "refused" in complaint(client(HEAD, target, "/"))
    assert "refused" in complaint(client(POST, target, "/", upload))


def test_urls_that_make_no_sense() -> None:
    https_url = import_module("examples.twisted.request").https_url
    assert https_url("https://[::1]:8443/a?b").hostname == "::1"
    for url in ("http://b/", "https:///x", "https://a@b/", "https://b/ ", "https://b/\u00e4"):
        with pytest.raises(argparse.ArgumentTypeError):
            https_url(url)


@pytest.mark.parametrize("line", [[HEAD, "https://b:x/"], [POST, "https://b/", "/none"]])
def test_command_lines_that_make_no_sense(line: list[str]) -> None:
    done = run([sys.executable, "-m", *line])
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: argument " in done.stderr


# Memory of the clients, and how to stop them.


def position(pid: int, file: Path) -> int:
    """How far a process has read a file; -1 if it has not opened it."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(link) == str(file):
            found = re.search(r"pos:\s+(\d+)", Path(f"/proc/{pid}/fdinfo/{link.name}").read_text())
            return int(found[1]) if found else -1
    return -1


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="reads /proc")
def test_a_server_that_does_not_read_holds_up_the_upload(
    certificates: Certificate, tmp_path: Path
) -> None:
    huge = (tmp_path / "huge").resolve()
    with huge.open("wb") as file:
        file.truncate(500 * MEGABYTE)
    positions = [-1]

    def script(peer: Client) -> None:
        greet(peer, (Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW))
        peer.send(wire.window_update(0, MAX_WINDOW - wire.DEFAULT_WINDOW))
        peer.until(lambda frame: frame.type == Type.DATA)
        # The server stops reading. The client fills the socket buffers, and then waits.
        while (now := position(client.process.pid, huge)) != positions[-1]:
            positions.append(now)
            time.sleep(0.3)
        peer.break_off()

    with (
        playing(certificates, script) as target,
        started(command(POST, target, "/", huge)) as client,
    ):
        out, err = client.finish()
    assert (client.process.returncode, out) == (1, "")
    assert "the connection ended too early" in err
    assert 0 < positions[-1] < 50 * MEGABYTE


@pytest.mark.parametrize("module", [HEAD, POST])
def test_ctrl_c(module: str, certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        client.interrupt()
        client.process.wait(TIMEOUT)

    with playing(certificates, script) as target:
        rest = [upload] if module == POST else []
        with started(command(module, target, "/", *rest)) as client:
            out, err = client.finish()
    assert (client.process.returncode, out, err) == (1, "", f"{target.url}/: interrupted\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to /dev/full")
def test_output_that_cannot_be_written(certificates: Certificate, upload: Path) -> None:
    def script(peer: Client) -> None:
        greet(peer)
        peer.send(ANSWER)
        assert peer.bye().error_code == Code.NO_ERROR

    with playing(certificates, script) as target, open("/dev/full", "wb") as full:
        line = command(POST, target, "/", upload)
        done = subprocess.run(
            line, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False
        )
    assert done.returncode == 1
    assert b"cannot write: [Errno 28]" in done.stderr
