"""The asyncio server, started as it documents itself, with clients that nobody here wrote."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import wire
from support.cases import Case, Offer, cases
from support.clients import EXCHANGES, Request, Target, curl, exchange, expected, nghttp
from support.matrix import Matrix
from support.peers import require_program
from support.processes import TIMEOUT, Server, complaints, python_command, run, serving
from support.site import MEGABYTES_20, Site, digest
from support.wire import Code, Frame, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "asyncio server"
OFFER = Offer(small="/a/path?x=1", echo="/echo", refused=("DELETE", "/bytes/5"))
PATTERN = bytes(range(256))


def made_up(size: int) -> bytes:
    """What the server answers to /bytes/<size>."""
    return (PATTERN * (size // 256 + 1))[:size]


def started(certificates: Certificate) -> Any:
    folder = str(certificates.authority.parent)
    command = ["-m", "examples.asyncio.server", "--port", "0", "--certificates", folder]
    return serving(python_command(*command))


def check_end(server: Server) -> None:
    """Press Ctrl+C; nothing may be left to complain about."""
    out, err = server.stop()
    assert (server.process.returncode, out, complaints(err)) == (0, "", [])


@pytest.fixture(scope="module")
def server(certificates: Certificate) -> Iterator[Server]:
    with started(certificates) as server:
        yield server
        check_end(server)


@pytest.fixture(scope="module")
def target(server: Server, certificates: Certificate) -> Target:
    return Target(f"https://localhost:{server.port}", certificates.authority)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_standard_case(case: Case, target: Target, site: Site, matrix: Matrix) -> None:
    case.run(target, OFFER, site)
    matrix.passed(SIDE, case.peer, case.name)


@pytest.mark.parametrize("peer", EXCHANGES)
def test_download_of_20_mb(peer: str, target: Target, matrix: Matrix) -> None:
    (result,) = exchange(peer, target, [Request(f"/bytes/{MEGABYTES_20}")])
    assert result == expected(made_up(MEGABYTES_20))
    matrix.passed(SIDE, peer, "download of 20 MB")


# --- What it says about requests ---


def described(target: Target, *arguments: str | Path) -> dict[str, Any]:
    """The JSON that curl gets."""
    done = curl(target, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_curl_gets_its_header_fields_as_json(target: Target) -> None:
    fields = ["-A", "test", "-H", "X-A: one", "-H", "x-a: two", "-H", "x-b: grün"]
    answer = described(target, *fields, f"{target.url}/a?b=c")
    assert answer["headers"] == {
        ":method": "GET",
        ":path": "/a?b=c",
        ":scheme": "https",
        ":authority": target.url.removeprefix("https://"),
        "user-agent": "test",
        "accept": "*/*",
        "x-a": "one, two",
        "x-b": "grün",
    }
    assert answer["content"] == {"length": 0, "sha256": digest(b"")}


def test_curl_uploads_content_of_known_and_unknown_length(target: Target, site: Site) -> None:
    wanted = {"length": MEGABYTES_20, "sha256": digest(site.big)}
    answer = described(target, "--data-binary", f"@{site.big_file}", target.url)
    assert (answer["content"], answer["headers"]["content-length"]) == (wanted, "20000000")
    with site.big_file.open("rb") as content:
        program = require_program("curl")
        command = [program, "-sS", "--cacert", target.trust, "-T", "-", target.url]
        done = run(command, stdin=content)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["content"] == wanted
    assert "content-length" not in answer["headers"]


def test_curl_that_asks_whether_to_go_on_is_told_so(target: Target, site: Site) -> None:
    expect = ["-v", "-H", "expect: 100-continue", "--expect100-timeout", "20"]
    done = curl(target, *expect, "--data-binary", "@" + str(site.folder / "0.svg"), target.url)
    assert done.returncode == 0
    assert done.stderr.index("< HTTP/2 100") < done.stderr.index("< HTTP/2 200")
    assert json.loads(done.stdout)["content"]["length"] == (site.folder / "0.svg").stat().st_size


def test_nghttp_trailers_are_shown(target: Target, site: Site, matrix: Matrix) -> None:
    options = ["--padding=200", "--trailer=x-sum: 1", "--trailer=x-sum: 2"]
    out = nghttp(target, *options, f"--data={site.folder / '0.svg'}", target.url)
    assert json.loads(out)["trailers"] == {"x-sum": "1, 2"}
    matrix.passed(SIDE, "nghttp", "trailers of a request")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/bytes/x", "GET", 400),
        ("/bytes/-1", "GET", 400),
        ("/bytes/" + "9" * 5000, "GET", 400),
        ("/bytes/0", "GET", 200),
        ("/echo", "GET", 405),
    ],
)
def test_bad_requests_get_4xx(path: str, method: str, status: int, target: Target) -> None:
    (result,) = exchange("curl", target, [Request(path, method)])
    assert result == expected(b"", status)


def test_an_upload_that_is_not_wanted_is_stopped(
    target: Target, site: Site, matrix: Matrix
) -> None:
    # (curl 7.88 does not show the response that it got: it takes the reset for an error.)
    out = nghttp(target, "--verbose", f"--data={site.big_file}", f"{target.url}/bytes/1")
    assert ":status: 405" in out
    assert re.search(r"recv RST_STREAM .*\n *\(error_code=NO_ERROR", out)
    sent = sum(map(int, re.findall(r"send DATA frame <length=(\d+)", out)))
    assert sent < MEGABYTES_20 // 2
    matrix.passed(SIDE, "nghttp", "upload that is refused half way")


# --- Flow control ---

SEND_ALL_THEN_READ = """
import { connect } from "node:http2";
import { createReadStream, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
const [url, ca, file] = process.argv.slice(1);
const session = connect(url, { ca: readFileSync(ca) });
const stream = session.request({ ":method": "POST", ":path": "/echo" });
stream.on("finish", () => {
  const hash = createHash("sha256");
  stream.on("data", (chunk) => hash.update(chunk));
  stream.on("end", () => { console.log(hash.digest("hex")); session.close(); });
});
createReadStream(file).pipe(stream);
"""


@contextlib.contextmanager
def needing_at_most(octets: int, server: Server) -> Iterator[None]:
    """Check that the server's memory does not grow by more than this, at any time."""
    process = Path(f"/proc/{server.process.pid}")
    if not process.exists():
        pytest.skip("needs /proc to look at the memory of a process")
    (process / "clear_refs").write_text("5")  # the peak starts anew at what is used now
    before = peak(process)
    yield
    assert peak(process) - before < octets


def peak(process: Path) -> int:
    (kibibytes,) = re.findall(
        r"^VmHWM:\s+(\d+) kB$", (process / "status").read_text(), re.MULTILINE
    )
    return int(kibibytes) * 1024


def test_node_sends_all_and_only_then_reads(
    server: Server, target: Target, site: Site, matrix: Matrix
) -> None:
    # Its window is 64 KiB: what the server could not send meanwhile was somewhere, but it was not
    # in its memory.
    command = [require_program("node"), "-e", SEND_ALL_THEN_READ, "--input-type=module"]
    with needing_at_most(MEGABYTES_20 // 2, server):
        done = run([*command, target.url, target.trust, str(site.big_file)])
    assert (done.returncode, done.stdout.strip()) == (0, digest(site.big)), done
    matrix.passed(SIDE, "Node http2", "echo of 20 MB, read when all is sent")


class Client:
    """A client that keeps to no rules but those of its test."""

    def __init__(self, server: Server, target: Target, *settings: tuple[int, int]) -> None:
        context = ssl.create_default_context(cafile=target.authority)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(plain, server_hostname="localhost")
        self.heard = b""
        self.pings = 0
        self.send(wire.PREFACE, wire.settings(*settings))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *frames: bytes) -> None:
        self.sock.sendall(b"".join(frames))

    def read(self) -> bool:
        """Read on; return whether there was anything."""
        data = self.sock.recv(65536)
        self.heard += data
        return bool(data)

    def frames(self) -> list[Frame]:
        """The frames that have been heard in full."""
        end = 0
        while len(self.heard) >= end + 9:
            following = end + 9 + int.from_bytes(self.heard[end : end + 3], "big")
            if following > len(self.heard):
                break
            end = following
        return wire.parse(self.heard[:end])

    def wait_for(self, type_: Type, stream_id: int) -> Frame:
        """Read until there is such a frame."""
        while True:
            for frame in self.frames():
                if (frame.type, frame.stream_id) == (type_, stream_id) and not (
                    type_ in {Type.SETTINGS, Type.PING} and frame.has(wire.Flag.ACK)
                ):
                    return frame
            assert self.read(), f"the server hung up before {type_.name}: {self.frames()}"

    def sync(self) -> None:
        """Wait until the server has read all that was sent before."""
        self.pings += 1
        token = self.pings.to_bytes(8, "big")
        self.send(wire.ping(token))
        while wire.ping(token, ack=True) not in self.heard:
            assert self.read(), f"the server hung up: {self.frames()[-1]}"

    def rest(self) -> list[Frame]:
        """Read until the server hangs up."""
        while self.read():
            pass
        return self.frames()


def get(stream_id: int, path: bytes = b"/") -> bytes:
    return wire.headers(stream_id, fields(b"GET", path), end_stream=True)


def post(stream_id: int, path: bytes = b"/") -> bytes:
    return wire.headers(stream_id, fields(b"POST", path))


def fields(method: bytes, path: bytes) -> list[tuple[bytes, bytes]]:
    pseudo = {b":method": method, b":path": path, b":scheme": b"https", b":authority": b"localhost"}
    return list(pseudo.items())


HUGE = (wire.Setting.INITIAL_WINDOW_SIZE, wire.MAX_WINDOW)


def test_a_client_that_does_not_read_costs_little(
    server: Server, target: Target, matrix: Matrix
) -> None:
    with needing_at_most(15_000_000, server), Client(server, target, HUGE) as client:
        client.send(wire.window_update(0, wire.MAX_WINDOW - wire.DEFAULT_WINDOW))
        client.send(*(get(stream_id, b"/bytes/999999999") for stream_id in range(1, 41, 2)))
        client.wait_for(Type.DATA, 39)
        # While it looks away, the server has time to make up as much as it likes, and does so.
        (result,) = exchange("curl", target, [Request(f"/bytes/{MEGABYTES_20}")])
        assert result == expected(made_up(MEGABYTES_20))
    matrix.passed(SIDE, "curl", "download of 20 MB beside a client that does not read")


def test_content_that_is_not_taken_is_not_buffered(server: Server, target: Target) -> None:
    # An echo whose answer has no window takes in what its backlog holds, and no more.
    with Client(server, target, (wire.Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(post(1, b"/echo"), wire.data(1, b"first"))
        client.wait_for(Type.HEADERS, 1)
        client.send(wire.window_update(1, 3))
        assert client.wait_for(Type.DATA, 1).data == b"fir"
        client.send(wire.data(1, b", last", end_stream=True), wire.window_update(1, 100))
        while not client.frames()[-1].has(wire.Flag.END_STREAM):
            assert client.read()
        content = b"".join(f.data for f in client.frames() if f.type == Type.DATA)
        assert content == b"first, last"


def test_a_window_that_a_setting_opens_is_used(server: Server, target: Target) -> None:
    with Client(server, target, (wire.Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(get(1, b"/bytes/5"))
        client.wait_for(Type.HEADERS, 1)
        assert all(frame.type != Type.DATA for frame in client.frames())
        client.send(wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, 5)))
        assert client.wait_for(Type.DATA, 1).data == made_up(5)


@pytest.mark.parametrize("path", [b"/", b"/echo", b"/bytes/1"])
def test_windows_are_given_back_whatever_becomes_of_a_request(
    path: bytes, server: Server, target: Target
) -> None:
    # In total more than the window of the connection, which is about 13 MB, and some of it padding.
    with Client(server, target, (wire.Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        for number in range(1000):
            stream_id = 2 * number + 1
            content = wire.data(stream_id, bytes(15_000), pad=200)
            if number % 2:
                client.send(post(stream_id, path), content)
                client.sync()
                client.send(wire.rst_stream(stream_id))
            else:  # the reset comes in the same read
                client.send(post(stream_id, path), content, wire.rst_stream(stream_id))


def test_padding_alone_is_given_back(server: Server, target: Target) -> None:
    with Client(server, target) as client:
        client.send(post(1, b"/echo"))
        for _ in range(10):  # in total more than the window of the stream, which is 128 KiB
            client.send(wire.data(1, b"", pad=255) * 100)
            client.sync()
        client.send(wire.data(1, b"x", end_stream=True))
        assert client.wait_for(Type.DATA, 1).data == b"x"


def test_a_client_that_takes_no_answers_is_cut_off(server: Server, target: Target) -> None:
    pings = wire.ping() * 10_000
    with Client(server, target) as client:
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 1000:  # 170 MB
                client.send(pings)
                sent += 1
        assert sent < 1000


# --- Clients that behave badly ---


def test_requests_that_are_cancelled_harm_no_others(server: Server, target: Target) -> None:
    with Client(server, target, HUGE) as client:
        # In the same read, in the middle of the request, in the middle of the response.
        client.send(get(1), wire.rst_stream(1), get(3))
        client.wait_for(Type.DATA, 3)
        client.send(post(5), wire.data(5, b"half"), wire.rst_stream(5), get(7))
        client.wait_for(Type.DATA, 7)
        client.send(get(9, b"/bytes/999999999"))
        client.wait_for(Type.DATA, 9)
        client.send(wire.rst_stream(9), wire.window_update(0, 100_000), get(11))
        client.wait_for(Type.DATA, 11)
        answered = {frame.stream_id for frame in client.frames() if frame.type == Type.HEADERS}
        assert answered == {3, 7, 9, 11}


@pytest.mark.parametrize(
    ("offense", "code"),
    [
        (wire.data(0, b"no stream"), Code.PROTOCOL_ERROR),
        (wire.frame(Type.PING, payload=b"short"), Code.FRAME_SIZE_ERROR),
        (wire.headers(3, b"\xff\xff\xff\xff\xff\xff\xff"), Code.COMPRESSION_ERROR),
    ],
    ids=["DATA on stream 0", "short PING", "broken field block"],
)
def test_an_offender_is_told_and_hung_up_on(
    offense: bytes, code: Code, server: Server, target: Target
) -> None:
    with Client(server, target, HUGE) as client:
        client.send(get(1, b"/bytes/999999999"))
        client.wait_for(Type.DATA, 1)
        # What it has sent since then is much, and it must still be able to listen.
        client.send(offense, get(5), bytes(500_000))
        last = client.rest()[-1]
        assert (last.type, last.error_code) == (Type.GOAWAY, code)


def test_other_protocols_are_hung_up_on(server: Server, target: Target) -> None:
    done = run([require_program("curl"), "-sS", "--http1.1", "--cacert", target.trust, target.url])
    assert done.returncode != 0
    assert done.stdout == ""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while data := sock.recv(1000):
            answer += data
        assert b"HTTP/2" not in answer


def test_clients_that_vanish_leave_the_server_alone(server: Server, target: Target) -> None:
    half = post(1, b"/echo") + wire.data(1, bytes(1000))[:500]
    for rest in (b"", get(1, b"/bytes/999999999"), half):
        with Client(server, target, HUGE) as client:
            client.send(rest)
            client.wait_for(Type.SETTINGS, 0)
    assert described(target, target.url)["headers"][":method"] == "GET"


IMPATIENT = """
import examples.asyncio.server as program
program.STALL_SECONDS = program.IDLE_SECONDS = program.WATCH_SECONDS = 0.2
program.main()
"""


def test_silent_clients_and_requests_have_an_end(certificates: Certificate) -> None:
    folder = str(certificates.authority.parent)
    command = python_command("-c", IMPATIENT, "--port", "0", "--certificates", folder)
    with serving(command) as server:
        target = Target(f"https://localhost:{server.port}", certificates.authority)
        with Client(server, target, (wire.Setting.INITIAL_WINDOW_SIZE, 0)) as client:
            client.send(post(1), get(3, b"/bytes/5"))  # one waits for content, one for a window
            resets = [client.wait_for(Type.RST_STREAM, stream_id) for stream_id in (1, 3)]
            assert [frame.error_code for frame in resets] == [Code.CANCEL, Code.CANCEL]
            last = client.rest()[-1]
            assert (last.type, last.error_code) == (Type.GOAWAY, Code.NO_ERROR)
        check_end(server)


# --- Ctrl+C ---


def test_ctrl_c_lets_requests_finish_and_says_goodbye(
    certificates: Certificate, matrix: Matrix
) -> None:
    with started(certificates) as server:
        target = Target(f"https://localhost:{server.port}", certificates.authority)
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=10),  # never begins TLS
            Client(server, target) as idle,
            Client(server, target) as busy,
        ):
            idle.sync()
            busy.send(post(1, b"/echo"), wire.data(1, b"before, "))
            busy.wait_for(Type.DATA, 1)
            server.process.send_signal(signal.SIGINT)
            first = busy.wait_for(Type.GOAWAY, 0)
            assert first.last_stream_id == wire.MAX_STREAM_ID
            # A request that was on its way is still answered, and so is the one under way.
            busy.send(get(3, b"/bytes/3"), wire.ping(b"lastcall", ack=True))
            while sum(frame.type == Type.GOAWAY for frame in busy.frames()) < 2:
                assert busy.read()
            busy.send(get(5, b"/bytes/5"), wire.data(1, b"after", end_stream=True))
            frames = busy.rest()
            content = dict.fromkeys((1, 3, 5), b"")
            for frame in frames:
                if frame.type == Type.DATA:
                    content[frame.stream_id] += frame.data
            assert content == {1: b"before, after", 3: made_up(3), 5: b""}
            goaways = [(f.last_stream_id, f.error_code) for f in frames if f.type == Type.GOAWAY]
            assert goaways == [(wire.MAX_STREAM_ID, Code.NO_ERROR), (3, Code.NO_ERROR)]
            assert idle.rest()[-1].type == Type.GOAWAY
        out, err = server.process.communicate(timeout=TIMEOUT)
        assert (server.process.returncode, out, complaints(err)) == (0, "", [])


def test_ctrl_c_with_no_client(certificates: Certificate) -> None:
    with started(certificates) as server:
        check_end(server)
