"""The asyncio server, started as documented, with third-party clients."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import wire
from support.answers import answer
from support.cases import Offer
from support.clients import EXCHANGES, Request, Target, curl, exchange, expected, nghttp
from support.example import Example, Served, finish
from support.matrix import Matrix
from support.peers import require_program
from support.processes import TIMEOUT, run
from support.raw import RawClient, content, ends, fields_of, request
from support.site import MEGABYTES_20, Site, digest
from support.standard import ServerTests
from support.wire import Code, Frame, Setting, Type

SIDE = "asyncio server"
OFFER = Offer(
    small="/a/path?x=1",
    big=f"/bytes/{MEGABYTES_20}",
    echo="/echo",
    refused=("DELETE", "/bytes/5"),
)
#: Not with `-X dev`: asyncio then reports each handshake that fails.
PROGRAM = Example("examples.asyncio.server", OFFER, (), switches=("-W", "default"))
PATTERN = bytes(range(256))
NO_WINDOW = (Setting.INITIAL_WINDOW_SIZE, 0)


def made_up(size: int) -> bytes:
    """The content of the response to /bytes/<size>."""
    return (PATTERN * (size // 256 + 1))[:size]


@pytest.fixture(scope="module")
def target(served: Served) -> Target:
    return served.target


class TestServer(ServerTests):
    side = SIDE
    left_out = (
        "download of 20 MB",  # the content is not the file of the site
        "echo without room",  # the echo of this server buffers some content that cannot be sent yet
    )


@pytest.mark.slow
@pytest.mark.parametrize("peer", EXCHANGES)
def test_download_of_20_mb(peer: str, target: Target, matrix: Matrix) -> None:
    (result,) = exchange(peer, target, [Request(f"/bytes/{MEGABYTES_20}")])
    assert result == expected(made_up(MEGABYTES_20))
    matrix.passed(SIDE, peer, "download of 20 MB")


# --- Its reports of requests ---


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


def test_a_client_whose_content_is_there_is_not_told_to_go_on(target: Target) -> None:
    with RawClient(target) as client:
        head = wire.headers(1, fields_of("/echo", "POST", ("expect", "100-continue")))
        client.send(head, wire.data(1, b"all of it", end_stream=True))
        seen = answer(client.until(ends(1)))
    assert (seen.statuses, seen.content) == ([b"200"], b"all of it")


def test_nghttp_trailers_are_shown(target: Target, site: Site, matrix: Matrix) -> None:
    options = ["--padding=200", "--trailer=x-sum: 1", "--trailer=x-sum: 2"]
    out = nghttp(*options, f"--data={site.folder / '0.svg'}", target.url)
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
    # (curl 7.88 does not show the response: it treats the reset as an error.)
    out = nghttp("--verbose", f"--data={site.big_file}", f"{target.url}/bytes/1")
    assert ":status: 405" in out
    assert re.search(r"recv RST_STREAM .*\n *\(error_code=NO_ERROR", out)
    sent = sum(map(int, re.findall(r"send DATA frame <length=(\d+)", out)))
    assert sent < MEGABYTES_20 // 2
    matrix.passed(SIDE, "nghttp", "upload that is refused half way")


# --- Flow control ---


@contextlib.contextmanager
def needing_at_most(octets: int, served: Served) -> Iterator[None]:
    """Check that the server's memory does not grow by more than this, at any time."""
    process = Path(f"/proc/{served.server.process.pid}")
    if not process.exists():
        pytest.skip("needs /proc to look at the memory of a process")
    (process / "clear_refs").write_text("5")  # reset the peak to the current value
    before = peak(process)
    yield
    assert peak(process) - before < octets


def peak(process: Path) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.slow
def test_a_client_that_does_not_read_costs_little(
    served: Served, target: Target, matrix: Matrix
) -> None:
    huge = (Setting.INITIAL_WINDOW_SIZE, wire.MAX_WINDOW)
    with needing_at_most(15_000_000, served), RawClient(target, huge) as client:
        client.send(wire.window_update(0, wire.MAX_WINDOW - wire.DEFAULT_WINDOW))
        client.send(*(request(stream_id, "/bytes/999999999") for stream_id in range(1, 41, 2)))
        client.until(lambda frame: (frame.type, frame.stream_id) == (Type.DATA, 39))
        # While it reads nothing, the server could generate any amount of content, but must not.
        (result,) = exchange("curl", target, [Request(f"/bytes/{MEGABYTES_20}")])
        assert result == expected(made_up(MEGABYTES_20))
    matrix.passed(SIDE, "curl", "download of 20 MB beside a client that does not read")


def test_an_echo_takes_no_more_than_it_can_keep(target: Target) -> None:
    body = made_up(400_000)
    with RawClient(target, NO_WINDOW) as client:
        client.send(request(1, "/echo", "POST", end_stream=False))
        frames = client.until(lambda frame: frame.type == Type.HEADERS)
        sent, window = 0, wire.DEFAULT_WINDOW
        while sent < min(window, len(body)):
            size = min(10_000, window - sent)
            client.send(wire.data(1, body[sent : sent + size]))
            sent += size
            frames = client.pong() + client.pong()
            window += sum(frame.increment for frame in frames if is_update(frame, 1))
        assert 3 * 65_535 > sent > 65_535
        client.send(wire.window_update(1, wire.MAX_WINDOW), wire.window_update(0, len(body)))
        frames = client.until(lambda frame: is_update(frame, 1))
        client.send(
            *(wire.data(1, body[at : at + 10_000]) for at in range(sent, sent + 60_000, 10_000))
        )
        client.send(wire.data(1, b"", end_stream=True))
        frames += client.until(ends(1))
        assert content(frames, 1) == body[: sent + 60_000]


def is_update(frame: Frame, stream_id: int) -> bool:
    return (frame.type, frame.stream_id) == (Type.WINDOW_UPDATE, stream_id)


def test_a_window_that_a_setting_opens_is_used(target: Target) -> None:
    with RawClient(target, NO_WINDOW) as client:
        client.send(request(1, "/bytes/5"))
        assert all(frame.type != Type.DATA for frame in client.pong() + client.pong())
        client.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 5)))
        assert content(client.until(ends(1)), 1) == made_up(5)


@pytest.mark.parametrize("path", ["/", "/echo", "/bytes/1"])
def test_windows_are_given_back_whatever_becomes_of_a_request(path: str, target: Target) -> None:
    # In total more than the window of the connection, and some of it padding.
    with RawClient(target, NO_WINDOW) as client:
        for number in range(1000):
            stream_id = 2 * number + 1
            start = request(stream_id, path, "POST", end_stream=False)
            piece = wire.data(stream_id, bytes(15_000), pad=200)
            if number % 2:
                client.send(start, piece)
                client.pong()
                client.send(wire.rst_stream(stream_id))
            else:  # the reset arrives in the same read
                client.send(start, piece, wire.rst_stream(stream_id))
        client.pong()


def test_padding_alone_is_given_back(target: Target) -> None:
    with RawClient(target) as client:
        client.send(request(1, "/echo", "POST", end_stream=False))
        for _ in range(10):  # in total more than the window of the stream
            client.send(wire.data(1, b"", pad=255) * 50)
            client.pong()
        client.send(wire.data(1, b"x", end_stream=True))
        assert content(client.until(ends(1)), 1) == b"x"


def test_a_client_that_takes_no_answers_is_cut_off(target: Target) -> None:
    pings = wire.ping() * 10_000
    give_up = time.monotonic() + TIMEOUT
    with RawClient(target) as client, contextlib.suppress(OSError):
        # The server may discard input for a second, so that its GOAWAY frame arrives.
        while time.monotonic() < give_up:
            client.send(pings)
        raise AssertionError("the server reads on although its answers are not read")


def test_silent_requests_are_reset(impatient: Served) -> None:
    with RawClient(impatient.target, NO_WINDOW) as client:
        # One waits for content, one for a window.
        client.send(request(1, "/", "POST", end_stream=False), request(3, "/bytes/5"))
        frames = client.to_end()
    resets = {
        frame.stream_id: frame.error_code for frame in frames if frame.type == Type.RST_STREAM
    }
    assert resets == {1: Code.CANCEL, 3: Code.CANCEL}
    assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)


# --- Ctrl+C ---


def is_goaway(frame: Frame) -> bool:
    return frame.type == Type.GOAWAY


def test_ctrl_c_lets_requests_finish_and_says_goodbye(mortal: Served) -> None:
    address = ("127.0.0.1", mortal.server.port)
    with (
        socket.create_connection(address, timeout=TIMEOUT),  # never starts TLS
        RawClient(mortal.target) as client,
    ):
        client.send(request(1, "/echo", "POST", end_stream=False), wire.data(1, b"before, "))
        frames = client.until(lambda frame: frame.type == Type.DATA)
        mortal.server.interrupt()
        frames += client.until(lambda frame: frame.type == Type.PING)
        # A request in flight is still answered, and so is the one in progress.
        client.send(request(3, "/bytes/3"), wire.ping(frames[-1].payload, ack=True))
        frames += client.until(is_goaway)
        client.send(request(5, "/bytes/5"), wire.data(1, b"after", end_stream=True))
        frames += client.to_end()
    received = [content(frames, stream_id) for stream_id in (1, 3, 5)]
    assert received == [b"before, after", made_up(3), b""]
    goaways = [(frame.last_stream_id, frame.error_code) for frame in frames if is_goaway(frame)]
    assert goaways == [(wire.MAX_STREAM_ID, Code.NO_ERROR), (3, Code.NO_ERROR)]
    finish(mortal)
