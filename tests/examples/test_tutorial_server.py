"""The example server, started as documented, with curl, nghttp and h2load as clients."""

from __future__ import annotations

import json
import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.cases import Case, Offer, cases
from support.clients import Target, all_good, h2load, json_texts, nghttp
from support.matrix import Matrix
from support.misbehaving import OFFENSES
from support.peers import require_program
from support.processes import TIMEOUT, Server, python_command, require_module, run, serving
from support.site import Site
from support.sockets import rest_of, until
from support.wire import Code, Flag, Frame, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SCRIPT = "examples/tutorial/server.py"
MEGABYTES_5 = 5_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(python_command(SCRIPT, "--port", "0")) as server:
        yield server
        out, err = server.stop()
        assert (server.process.returncode, err) == (0, "")
        assert out.endswith("stopping\n")


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def tls_target(certificates: Certificate) -> Iterator[Target]:
    files = ["--cert", str(certificates.chain), "--key", str(certificates.key)]
    with serving(python_command(SCRIPT, "--port", "0", *files)) as server:
        yield Target(f"https://localhost:{server.port}", certificates.authority)


OFFER = Offer(small="/")
CLEARTEXT = Offer(small="/", tls=False)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers_over_tls(case: Case, tls_target: Target, site: Site, matrix: Matrix) -> None:
    case.run(tls_target, OFFER, site)
    matrix.passed("tutorial server, TLS", case.peer, case.name)


@pytest.mark.parametrize("case", cases(CLEARTEXT), ids=str)
def test_peers_in_cleartext(case: Case, url: str, site: Site, matrix: Matrix) -> None:
    case.run(Target(url), CLEARTEXT, site)
    matrix.passed("tutorial server, cleartext", case.peer, case.name)


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("upload") / "body"
    path.write_bytes(secrets.token_bytes(MEGABYTES_5))
    return path


# --- curl ---


def curl(*arguments: str, prior_knowledge: bool = True) -> str:
    options = ["--silent", "--show-error", "--max-time", "20"]
    if prior_knowledge:
        options.append("--http2-prior-knowledge")
    done = run([require_program("curl"), *options, *arguments])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_curl_gets_its_header_fields_as_json(url: str) -> None:
    (seen,) = json_texts(curl("--user-agent", "test", "--header", "X-Color: red", f"{url}/a?b=c"))
    assert seen == {
        ":method": "GET",
        ":path": "/a?b=c",
        ":scheme": "http",
        ":authority": url.removeprefix("http://"),
        "user-agent": "test",
        "accept": "*/*",
        "x-color": "red",
    }


def test_curl_repeated_fields_are_joined_and_foreign_bytes_are_shown(url: str) -> None:
    (seen,) = json_texts(curl("-H", "x-a: one", "-H", "x-a: two", "-H", "x-b: grün", url))
    assert seen["x-a"] == "one, two"
    assert seen["x-b"] == "grün"


def test_curl_posts_five_megabytes(url: str, upload: Path) -> None:
    report = "\n[%{http_code}, %{http_version}, %{size_upload}]"
    out = curl("--data-binary", f"@{upload}", "--write-out", report, url)
    body, _, numbers = out.rpartition("\n")
    assert json.loads(numbers) == [200, 2, MEGABYTES_5]
    (seen,) = json_texts(body)
    assert seen[":method"] == "POST"
    assert seen["content-length"] == str(MEGABYTES_5)


def test_curl_uploads_a_body_of_unknown_length(url: str, upload: Path) -> None:
    program = require_program("curl")
    command = [program, "-sS", "--http2-prior-knowledge", "--max-time", "20", "-T", "-", url]
    with upload.open("rb") as body:
        done = run(command, stdin=body)
    assert done.returncode == 0, done.stderr
    (seen,) = json_texts(done.stdout)
    assert seen[":method"] == "PUT"
    assert "content-length" not in seen


def test_curl_many_header_fields_fill_continuation_frames(url: str, tmp_path: Path) -> None:
    # About 32 KB of values, which exceed a frame of 16,384 octets even with Huffman coding.
    fields = {f"x-field-{n}": secrets.token_urlsafe(300) for n in range(80)}
    listing = tmp_path / "fields"
    listing.write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    (seen,) = json_texts(curl("--header", f"@{listing}", url))
    assert {name: seen.get(name) for name in fields} == fields


def test_curl_head_gets_the_length_and_no_body(url: str) -> None:
    out = curl("--head", url)
    (length,) = re.findall(r"^content-length: (\d+)\s*$", out, re.MULTILINE)
    assert out.startswith("HTTP/2 200")
    # GET has the same fields except for the method, which is one letter shorter.
    assert len(curl(url)) == int(length) - 1


def test_curl_over_tls(tmp_path: Path) -> None:
    trustme = require_module("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = ["--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem")]
    trust = ["--cacert", str(tmp_path / "ca.pem")]
    with serving(python_command(SCRIPT, "--port", "0", *files)) as server:
        url = f"https://127.0.0.1:{server.port}"
        # Without an option for the version: ALPN selects HTTP/2.
        report = ["--write-out", "%{http_version} %{ssl_verify_result}"]
        out = curl(*trust, *report, url, prior_knowledge=False)
        body, _, numbers = out.rpartition("\n")
        assert numbers == "2 0"
        assert json_texts(body)[0][":scheme"] == "https"
        # Two requests share a connection.
        report = ["--write-out", "\n#%{http_version} %{num_connects}\n"]
        out = curl(*trust, *report, f"{url}/1", f"{url}/2", prior_knowledge=False)
        assert re.findall("#.*", out) == ["#2 1", "#2 0"]
        # A client without HTTP/2 is rejected, and so is one without TLS.
        for old in (["--http1.1", url], [f"http://127.0.0.1:{server.port}"]):
            done = run([require_program("curl"), "-sS", "--max-time", "20", *trust, *old])
            assert done.returncode != 0
        out, err = server.stop()
        assert (server.process.returncode, out, err) == (0, "stopping\n", "")


# --- nghttp ---


def test_nghttp_fetches_several_pages(url: str) -> None:
    # It first sends PRIORITY frames for five idle streams, on which its requests depend.
    paths = [f"/page{n}" for n in range(12)]
    seen = json_texts(nghttp(*(url + path for path in paths)))
    assert sorted(page[":path"] for page in seen) == sorted(paths)


@pytest.mark.parametrize("push", [["--no-push"], []], ids=["push off", "push on"])
def test_nghttp_push_setting(url: str, push: list[str]) -> None:
    out = nghttp("--verbose", "--null-out", *push, url)
    sent = re.search(r"send SETTINGS frame.*\n(?: +.*\n)*", out)
    assert sent
    assert ("[SETTINGS_ENABLE_PUSH(0x02):0]" in sent[0]) == bool(push)
    assert ":status: 200" in out
    assert "GOAWAY frame <length=8, flags=0x00, stream_id=0>" in out
    assert "error_code=NO_ERROR" in out


def test_nghttp_uploads_with_padding_and_trailers(url: str, upload: Path) -> None:
    # Padding counts for flow control: without credit for it the upload would stop.
    options = ["--padding=255", "--trailer", "x-sum: 1", "-H", "x-color: red"]
    (seen,) = json_texts(nghttp(*options, f"--data={upload}", url))
    assert seen[":method"] == "POST"
    assert seen["content-length"] == str(MEGABYTES_5)
    assert seen["x-color"] == "red"
    assert "x-sum" not in seen


def test_nghttp_expects_100_continue(url: str, upload: Path) -> None:
    out = nghttp("--verbose", "--null-out", "--expect-continue", f"--data={upload}", url)
    statuses = re.findall(r":status: (\d+)", out)
    assert statuses == ["100", "200"]
    assert out.index(":status: 100") < out.index("send DATA frame")


def test_nghttp_small_windows_are_respected(url: str) -> None:
    out = nghttp("--verbose", "--window-bits=4", "--connection-window-bits=16", url)
    sizes = [int(size) for size in re.findall(r"recv DATA frame <length=(\d+)", out)]
    (length,) = re.findall(r"content-length: (\d+)", out)
    assert max(sizes) == 15
    assert sum(sizes) == int(length)


@pytest.mark.parametrize(
    "options",
    [
        ["--weight=200"],
        ["--no-dep"],
        ["--no-rfc7540-pri"],
        ["--continuation"],
        ["--header-table-size=0"],
        ["--header-table-size=64", "--header-table-size=16K"],
        ["--encoder-header-table-size=0"],
        ["--peer-max-concurrent-streams=3"],
    ],
    ids=" ".join,
)
def test_nghttp_options(url: str, options: list[str]) -> None:
    seen = json_texts(nghttp(*options, "--multiply=3", f"{url}/x", f"{url}/y"))
    assert sorted(page[":path"] for page in seen) == ["/x", "/x", "/x", "/y", "/y", "/y"]


# --- h2load ---


def test_h2load_concurrent_uploads(url: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(300_000))
    counts = h2load(Target(url), "/", "--requests=40", "-m10", "--clients=2", f"--data={body}")
    assert counts == all_good(40)


# --- misbehaving clients ---


def talk(server: Server, *parts: bytes, preface: bytes = wire.PREFACE) -> list[Frame]:
    """Send all these octets at once, close the sending side, and read all of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
        sock.sendall(b"".join([preface, wire.settings(), *parts]))
        sock.shutdown(socket.SHUT_WR)
        return wire.parse(rest_of(sock))


def get(stream_id: int) -> bytes:
    return wire.headers(stream_id, wire.REQUEST, end_stream=True)


def ended_streams(frames: list[Frame]) -> list[int]:
    """The streams whose response is complete."""
    return [f.stream_id for f in frames if f.type == Type.DATA and f.has(Flag.END_STREAM)]


def test_requests_of_one_read_are_all_answered(server: Server) -> None:
    answer = talk(server, get(1), get(3), get(5))
    assert ended_streams(answer) == [1, 3, 5]
    assert (answer[-1].type, answer[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)


def test_a_cancelled_request_is_not_answered_and_harms_no_other(server: Server) -> None:
    # The reset arrives in the same read as its request.
    answer = talk(server, get(1), wire.rst_stream(1), get(3))
    assert ended_streams(answer) == [3]
    # It arrives in the middle of the request.
    half = wire.headers(1, wire.POST) + wire.data(1, b"half")
    answer = talk(server, half, wire.rst_stream(1), get(3))
    assert ended_streams(answer) == [3]


def test_a_response_that_is_cancelled_half_way_harms_no_other(server: Server) -> None:
    start = b'{\n  ":metho'  # of every response's JSON
    window = wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, len(start)))
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
        sock.sendall(wire.PREFACE + window + get(1) + get(3))
        heard = b""
        while heard.count(start) < 2:
            heard += sock.recv(65536)
        sock.sendall(wire.rst_stream(1) + wire.window_update(3, 1000))
        sock.shutdown(socket.SHUT_WR)
        heard += rest_of(sock)
    assert ended_streams(wire.parse(heard)) == [3]


def test_more_clients_than_files_may_be_open() -> None:
    limited = ["sh", "-c", 'ulimit -n 128 && exec "$@"', "sh"]
    with serving([*limited, *python_command(SCRIPT, "--port", "0")]) as server:
        address = ("127.0.0.1", server.port)
        idle = [socket.create_connection(address, timeout=TIMEOUT) for _ in range(200)]
        idle[0].sendall(wire.PREFACE + wire.settings() + get(1))
        assert idle[0].recv(1)
        for sock in idle:
            sock.close()
        assert ended_streams(talk(server, get(1))) == [1]
        out, err = server.stop()
        assert (server.process.returncode, out, err) == (0, "stopping\n", "")


def test_padding_is_given_back(server: Server) -> None:
    padded = wire.data(1, b"x", pad=255)
    answer = talk(server, wire.headers(1, wire.POST), padded * 200)
    updates = [f for f in answer if f.type == Type.WINDOW_UPDATE and f.stream_id == 0]
    assert sum(update.increment for update in updates) > 20_000


def test_a_response_waits_for_its_window(server: Server) -> None:
    no_window = wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, 0))
    assert [f for f in talk(server, no_window, get(1)) if f.type == Type.DATA] == []
    by_update = wire.window_update(1, 5)
    (data,) = (f for f in talk(server, no_window, get(1), by_update) if f.type == Type.DATA)
    assert (len(data.data), data.has(Flag.END_STREAM)) == (5, False)
    by_setting = wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, 65_535))
    assert ended_streams(talk(server, no_window, get(1), by_setting)) == [1]


@pytest.mark.parametrize(("offense", "code"), OFFENSES)
def test_an_offender_is_told_and_hung_up_on(server: Server, offense: bytes, code: Code) -> None:
    # The client keeps sending after its error, so the server must still read.
    *_, last = talk(server, offense, get(1), bytes(2_000_000))
    assert (last.type, last.error_code) == (Type.GOAWAY, code)


def test_a_client_of_another_protocol_is_hung_up_on(server: Server) -> None:
    answer = talk(server, preface=b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n" * 3)
    assert ended_streams(answer) == []


def test_clients_that_vanish_leave_the_server_alone(server: Server, url: str) -> None:
    for rest in (b"", get(1), wire.headers(1, wire.POST) + wire.data(1, bytes(1000))[:500]):
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
            sock.sendall(wire.PREFACE + wire.settings() + rest)
    assert json_texts(curl(url))


def test_a_silent_client_makes_room_for_another() -> None:
    program = "import examples.tutorial.server as module; module.IDLE_SECONDS = 0.5; module.main()"
    with serving(python_command("-c", program, "--port", "0")) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
            sock.sendall(wire.PREFACE + wire.settings())
            *_, last = wire.parse(rest_of(sock))
        assert (last.type, last.error_code) == (Type.GOAWAY, Code.NO_ERROR)
        server.stop()
        assert server.process.returncode == 0


def test_ctrl_c_says_goodbye_to_the_clients_that_are_there() -> None:
    with serving(python_command(SCRIPT, "--port", "0")) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
            sock.sendall(wire.PREFACE + wire.settings() + wire.settings(ack=True) + get(1))
            heard = until(sock, b"}")  # the end of the response's JSON
            server.interrupt()
            heard += rest_of(sock)
        *_, last = wire.parse(heard)
        assert (last.type, last.error_code) == (Type.GOAWAY, Code.NO_ERROR)
        assert last.last_stream_id == 1
        out, err = server.finish()
        assert (server.process.returncode, out, err) == (0, "stopping\n", "")
