"""The asyncio client, as a program and as a class, with third-party servers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import re
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.asyncio.client import Client, Response
from examples.common.streams import StreamResetError
from h2.exceptions import ProtocolError
from support import wire
from support.clients import PROGRAMS, Target
from support.http1 import http1_server
from support.matrix import Matrix
from support.peers import require_program
from support.processes import TIMEOUT, complaints, python_command, run, serving, started
from support.scripted import Client as ScriptClient
from support.scripted import listening, scripted
from support.servers import SERVERS, nghttpd, nginx
from support.site import Site, digest

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "asyncio client"
LOST = "the peer has closed the connection|Connection reset by peer|Broken pipe"


def command(target: Target, *arguments: str | Path) -> list[str]:
    program = python_command("-m", "examples.asyncio.fetch")
    trust = ["--authority", target.trust] if target.authority else []
    return [*program, *trust, *map(str, arguments)]


def test_the_module_of_the_client_runs_the_program() -> None:
    done = run(python_command("-m", "examples.asyncio.client", "--help"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "--concurrency N" in done.stdout


def fetch(target: Target, *arguments: str | Path) -> list[tuple[int, int, str]]:
    """Status, length and SHA-256 of each response that the program got."""
    done = run(command(target, *arguments))
    assert (done.returncode, complaints(done.stderr)) == (0, []), done
    results = []
    for line in done.stdout.splitlines():
        status, length, sha256, seconds, _ = line.split()
        assert float(seconds) < TIMEOUT
        results.append((int(status), int(length), sha256))
    return results


def good(content: bytes) -> tuple[int, int, str]:
    return 200, len(content), digest(content)


# --- The program, with every server ---


def test_many_requests_at_once(real_server: tuple[str, Target], site: Site, matrix: Matrix) -> None:
    peer, target = real_server
    results = fetch(target, "--repeat", "300", f"{target.url}/hello.txt")
    assert results == [good(site.hello)] * 300
    matrix.passed(SIDE, peer, "300 requests, 100 at a time")


@pytest.mark.slow
def test_downloads_of_20_mb(
    real_server: tuple[str, Target], site: Site, matrix: Matrix, tmp_path: Path
) -> None:
    peer, target = real_server
    urls = [f"{target.url}/big.bin", f"{target.url}/hello.txt", f"{target.url}/big.bin"]
    results = fetch(target, "--output", tmp_path, *urls)
    assert sorted(results) == sorted([good(site.big), good(site.hello), good(site.big)])
    for name, content in ("1", site.big), ("2", site.hello), ("3", site.big):
        assert (tmp_path / name).read_bytes() == content
    matrix.passed(SIDE, peer, "download of 20 MB")


@pytest.mark.slow
def test_upload_of_20_mb_echoed(
    real_server: tuple[str, Target], site: Site, matrix: Matrix, tmp_path: Path
) -> None:
    peer, target = real_server
    options = ["--data", site.big_file, "--output", tmp_path]
    assert fetch(target, *options, f"{target.url}/echo") == [good(site.big)]
    assert (tmp_path / "1").read_bytes() == site.big
    matrix.passed(SIDE, peer, "upload of 20 MB, echoed")


@pytest.mark.parametrize("peer", SERVERS)
def test_prior_knowledge(peer: str, site: Site, matrix: Matrix) -> None:
    with SERVERS[peer](site, None) as target:
        urls = [f"{target.url}/hello.txt", f"{target.url}/none"]
        found, missing = sorted(fetch(target, *urls))
        assert found == good(site.hello)
        assert missing[0] == 404
    matrix.passed(SIDE, peer, "cleartext with prior knowledge")


# --- Failures of the program ---


def complaint(target: Target, *arguments: str | Path) -> str:
    """The error output of the program, which must fail."""
    done = run(command(target, *arguments))
    assert (done.returncode, done.stdout) == (1, ""), done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_errors_have_a_message(site: Site, certificates: Certificate, tmp_path: Path) -> None:
    with nghttpd(site, certificates) as target:
        assert "CERTIFICATE_VERIFY_FAILED" in complaint(Target(target.url), target.url)
        assert "No such file" in complaint(target, "--data", tmp_path / "x", target.url)
        assert "No such file" in complaint(Target("", tmp_path / "x"), target.url)
        url = target.url.replace("https", "http")
        assert re.search(f"{LOST}|broke the protocol", complaint(target, url))
    assert "Connect call failed" in complaint(target, target.url)
    urls = ["gopher://localhost/", "http://localhost:x/", "http://[", "http:///"]
    assert complaint(target, *urls).count("no URL") == len(urls)
    assert run(command(target, "--concurrency", "0", target.url)).returncode == 2


def test_servers_of_http_1(certificates: Certificate) -> None:
    with http1_server() as target:
        assert "broke the protocol" in complaint(target, target.url)
    with http1_server(certificates) as target:
        assert "does not speak HTTP/2" in complaint(target, target.url)


def test_ctrl_c_ends_the_program(moody: Target) -> None:
    with started(command(moody, f"{moody.url}/silent/ctrl-c")) as program:
        asyncio.run(seen(moody, lambda log: "/silent/ctrl-c" in log["attempts"]))
        out, err = program.stop()
    assert (program.process.returncode, out, complaints(err)) == (130, "", [])


# --- Servers that refuse requests, disconnect and shut down ---


@pytest.fixture
def moody() -> Iterator[Target]:
    with serving([require_program("node"), str(PROGRAMS / "moody.mjs")]) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


async def text(client: Client, url: str, method: str = "GET", **more: Any) -> str:
    """The content of a response that must have succeeded."""
    async with client.request(method, url, **more) as response:
        assert response.status == 200
        return (await response.read_all()).decode()


async def seen(moody: Target, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Fetch the log of the server until it meets a condition, and return it."""
    async with Client() as client:
        for _ in range(1000):
            log = json.loads(await text(client, f"{moody.url}/log"))
            if enough(log):
                break
            await asyncio.sleep(0.01)
    assert isinstance(log, dict)
    return log


def play(scene: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine with a time limit."""
    asyncio.run(asyncio.wait_for(scene, TIMEOUT))


def test_refused_requests_are_sent_again(moody: Target, matrix: Matrix) -> None:
    async def scene() -> None:
        async with Client() as client:
            urls = [f"{moody.url}/refuse/{number}" for number in range(4)]
            requests = [text(client, url, "POST", content=b"x") for url in urls]
            answers = await asyncio.gather(*requests)
            assert answers == ["1", "2", "3", "4"]
            assert len(client.connections) == 1

    play(scene())
    matrix.passed(SIDE, "Node http2", "refused requests are sent again")


def test_retries_are_bounded(moody: Target) -> None:
    async def scene() -> None:
        async with Client() as client:
            with pytest.raises(StreamResetError, match="REFUSED_STREAM"):
                await text(client, f"{moody.url}/refuse/100")
        log = await seen(moody, bool)
        assert log["attempts"] == {"/refuse/100": 5}

    play(scene())


def test_content_that_comes_once_is_sent_once(moody: Target) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"once"

    class Repeatable:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return pieces()

    async def scene() -> None:
        async with Client() as client:
            with pytest.raises(StreamResetError, match="REFUSED_STREAM"):
                await text(client, f"{moody.url}/refuse/1", "POST", content=pieces())
            again = f"{moody.url}/refuse/2"
            assert await text(client, again, "POST", content=Repeatable()) == "3"
        log = await seen(moody, bool)
        assert log["attempts"] == {"/refuse/1": 1, "/refuse/2": 3}

    play(scene())


def test_what_may_have_been_processed_is_not_sent_again(moody: Target) -> None:
    async def scene() -> None:
        async with Client() as client:
            with pytest.raises(StreamResetError, match="ENHANCE_YOUR_CALM"):
                await text(client, f"{moody.url}/reset")
            with pytest.raises(ConnectionError, match=LOST):
                await text(client, f"{moody.url}/cut")
        log = await seen(moody, bool)
        assert log["sessions"] == 2  # that of the client, and that of the request for the log

    play(scene())


def test_nginx_retires_connections_before_it_answers(site: Site, matrix: Matrix) -> None:
    # Each connection accepts 20 of 50 requests, and sends GOAWAY before the first response.
    with nginx(site, None, "keepalive_requests 20;") as target:
        options = ["--concurrency", "50", "--repeat", "200", "--data", site.folder / "0.svg"]
        results = fetch(target, *options, f"{target.url}/echo")
    assert results == [good((site.folder / "0.svg").read_bytes())] * 200
    matrix.passed(SIDE, "nginx", "200 POST requests, GOAWAY after each 20")


@pytest.mark.parametrize("late", [True, False], ids=["last stream later", "at once"])
def test_connections_that_take_no_request_have_an_end(late: bool) -> None:
    connections = 0

    def script(sock: socket.socket) -> None:
        nonlocal connections
        connections += 1
        server = ScriptClient(sock)
        server.request()
        server.send(*[wire.goaway(wire.MAX_STREAM_ID)] * late, wire.goaway(0))
        server.hang_up()

    with listening(*[script] * 5) as port:
        target = Target(f"http://127.0.0.1:{port}")
        assert "REFUSED_STREAM" in complaint(target, target.url)
    assert connections == 5


def test_a_connection_for_each_request_is_not_too_many() -> None:
    def script(sock: socket.socket) -> None:
        server = ScriptClient(sock)
        server.request()
        server.send(wire.goaway(1), wire.headers(1, wire.RESPONSE, end_stream=True))
        server.hang_up()

    # The last request is rejected as unprocessed eleven times.
    with listening(*[script] * 12) as port:
        target = Target(f"http://127.0.0.1:{port}")
        assert fetch(target, "--repeat", "12", target.url) == [good(b"")] * 12


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_is_lost_before_the_response(reset: bool, tmp_path: Path) -> None:
    def lose(sock: socket.socket) -> None:
        server = ScriptClient(sock)
        server.request()
        if reset:
            server.break_off()
        else:
            server.hang_up()

    def answer(sock: socket.socket) -> None:
        server = ScriptClient(sock)
        server.request()
        server.send(wire.headers(1, wire.RESPONSE, end_stream=True))
        server.hang_up()

    with listening(lose, answer) as port:
        target = Target(f"http://127.0.0.1:{port}")
        assert fetch(target, target.url) == [good(b"")]
    with listening(*[lose] * 5) as port:
        target = Target(f"http://127.0.0.1:{port}")
        assert re.search(LOST, complaint(target, target.url))
    # The server may have processed this one.
    (tmp_path / "content").write_bytes(b"content")
    with listening(lose) as port:
        target = Target(f"http://127.0.0.1:{port}")
        options = ["--data", tmp_path / "content"]
        assert re.search(LOST, complaint(target, *options, target.url))


def test_a_fault_behind_a_response_that_does_not_wait_for_the_upload() -> None:
    def script(server: ScriptClient) -> None:
        server.request()
        server.send(
            wire.headers(1, ((b":status", b"413"),)),
            wire.data(1, b"too large", end_stream=True),
            wire.data(0, b"on no stream"),
        )
        assert server.bye().error_code == wire.Code.PROTOCOL_ERROR
        assert wire.Type.GOAWAY not in [frame.type for frame in server.rest()]

    async def scene(port: int) -> None:
        async with Client() as client:
            url = f"http://127.0.0.1:{port}/"
            async with client.request("POST", url, content=bytes(1_000_000)) as response:
                assert (response.status, await response.read_all()) == (413, b"too large")

    with scripted(script) as port:
        play(scene(port))


def test_goaway(moody: Target, matrix: Matrix) -> None:
    async def scene() -> None:
        async with Client() as client:
            before = asyncio.create_task(text(client, f"{moody.url}/hold"))
            while not any(connection.streams for connection in client.connections):
                await asyncio.sleep(0)
            # These are sent together. The second one is the last that the server will complete.
            last = asyncio.create_task(text(client, f"{moody.url}/goaway"))
            after = asyncio.create_task(text(client, f"{moody.url}/hold"))
            assert await last == "last"
            (old,) = [connection for connection in client.connections if not connection.usable]
            assert len(old.streams) == 1
            # On a new connection, where the one above waits as well once it has been sent again.
            while not any(connection.streams for connection in client.connections - {old}):
                await asyncio.sleep(0)
            assert await text(client, f"{moody.url}/release") == "done"
            assert await asyncio.gather(before, after) == ["released", "released"]
            await asyncio.wait([old.closed])
            assert old not in client.connections

    play(scene())
    matrix.passed(SIDE, "Node http2", "GOAWAY: some finish, some are sent again")


def test_nginx_closes_after_50_requests(
    site: Site, certificates: Certificate, matrix: Matrix
) -> None:
    with nginx(site, certificates, "keepalive_requests 50;") as target:
        results = fetch(target, "--repeat", "300", f"{target.url}/hello.txt")
        assert results == [good(site.hello)] * 300

        async def scene() -> None:
            ports = set()
            async with Client(_context(target)) as client:
                for _ in range(120):
                    await text(client, f"{target.url}/hello.txt")
                    ports |= {
                        connection.transport.get_extra_info("sockname")[1]
                        for connection in client.connections
                        if connection.usable
                    }
            assert len(ports) >= 3

        play(scene())
    matrix.passed(SIDE, "nginx", "300 requests, GOAWAY after each 50")


def _context(target: Target) -> Any:
    from examples.common.certificate import client_context

    return client_context(target.authority)


def master_of(target: Target) -> int:
    """The process of nginx that takes signals; it shows its command line in its name."""
    port = target.url.rpartition(":")[2]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended since
            name = (folder / "cmdline").read_text()
            master = re.match(r"nginx: master process .* -c (\S+)", name)
            if master and f"listen 127.0.0.1:{port} " in Path(master[1]).read_text():
                return int(folder.name)
    pytest.skip("needs /proc to find the process of nginx")


def test_nginx_reload_while_a_download_is_under_way(
    site: Site, certificates: Certificate, matrix: Matrix
) -> None:
    async def scene(target: Target) -> None:
        async with (
            Client(_context(target)) as client,
            client.request("GET", f"{target.url}/big.bin") as download,
        ):
            (old,) = client.connections
            # It cannot end: its window is exhausted, and nothing is read.
            os.kill(master_of(target), signal.SIGHUP)
            while old.usable:
                assert await text(client, f"{target.url}/hello.txt") == site.hello.decode()
            assert await text(client, f"{target.url}/hello.txt") == site.hello.decode()
            assert len(client.connections) == 2
            assert await download.read_all() == site.big

    with nginx(site, certificates) as target:
        play(scene(target))
    matrix.passed(SIDE, "nginx", "reload while a download is under way")


def test_a_server_that_dies(site: Site, certificates: Certificate) -> None:
    async def scene(target: Target, servers: ExitStack) -> None:
        async with Client(_context(target)) as client:
            async with client.request("GET", f"{target.url}/big.bin") as download:
                servers.close()
                with pytest.raises(ConnectionError, match=LOST):
                    await download.read_all()
            with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
                await text(client, target.url)

    with ExitStack() as servers:
        play(scene(servers.enter_context(nghttpd(site, certificates)), servers))


# --- Limits, timeouts, cancellation, streaming ---


def test_limits_of_concurrency(site: Site, certificates: Certificate, matrix: Matrix) -> None:
    async def scene(target: Target) -> None:
        async with Client(_context(target)) as client:
            most = 0

            async def watch() -> None:
                nonlocal most
                while True:  # in each iteration of the event loop
                    open_streams = [one.h2.open_outbound_streams for one in client.connections]
                    most = max([most, *open_streams])
                    await asyncio.sleep(0)

            watching = asyncio.create_task(watch())
            requests = [text(client, f"{target.url}/hello.txt") for _ in range(50)]
            assert await asyncio.gather(*requests) == [site.hello.decode()] * 50
            watching.cancel()
            assert len(client.connections) == 1
            assert 0 < most <= 5

    with nghttpd(site, certificates, "--max-concurrent-streams=5") as target:
        results = fetch(target, "--repeat", "200", f"{target.url}/hello.txt")
        assert results == [good(site.hello)] * 200
        play(scene(target))
    matrix.passed(SIDE, "nghttpd", "200 requests, 5 at a time at most")


def test_a_limit_of_our_own() -> None:
    def script(server: ScriptClient) -> None:
        server.send(wire.settings())
        for first in (1, 7):
            last = first + 4
            server.until(lambda frame, last=last: frame.stream_id == last)
            server.send(wire.ping())
            server.until(lambda frame: frame.type == wire.Type.PING)
            assert max(frame.stream_id for frame in server.frames) == last
            for stream_id in range(first, last + 1, 2):
                server.send(wire.headers(stream_id, wire.RESPONSE, end_stream=True))
        server.bye()

    with scripted(script) as port:
        target = Target(f"http://127.0.0.1:{port}")
        options = ["--repeat", "6", "--concurrency", "3"]
        assert fetch(target, *options, target.url) == [good(b"")] * 6


def test_time_out(moody: Target) -> None:
    async def scene() -> None:
        async with Client(timeout=1.0) as client:
            other = asyncio.create_task(text(client, f"{moody.url}/refuse/0"))
            with pytest.raises(asyncio.TimeoutError, match="nothing moved for 1 seconds"):
                await text(client, f"{moody.url}/silent")
            assert await other == "1"
            # Our own silence is not a reason.
            assert await text(client, f"{moody.url}/echo", "POST", content=slowly()) == "slow"
            log = await seen(moody, lambda log: bool(log["resets"]))
            assert log["resets"] == [["/silent", 8]]  # CANCEL

    async def slowly() -> AsyncIterator[bytes]:
        yield b"sl"
        await asyncio.sleep(1.5)
        yield b"ow"

    play(scene())


def test_a_server_that_does_not_read_the_answers_it_asks_for() -> None:
    def script(server: ScriptClient) -> None:
        server.request()
        with contextlib.suppress(ConnectionError):
            for _ in range(600):  # 50 MB
                server.send(wire.ping() * 5000)
            raise AssertionError("the client keeps all its answers")

    with scripted(script) as port:
        target = Target(f"http://127.0.0.1:{port}")
        done = run(command(target, f"{target.url}/"))
    (complaint,) = complaints(done.stderr)
    assert done.returncode == 1
    assert "the server broke the protocol: PING and SETTINGS acknowledgments" in complaint


def test_cancelling_one_request_harms_no_others(moody: Target, matrix: Matrix) -> None:
    async def scene() -> None:
        async with Client() as client:
            silent = asyncio.create_task(text(client, f"{moody.url}/silent"))
            held = asyncio.create_task(text(client, f"{moody.url}/hold"))
            await text(client, f"{moody.url}/log")
            silent.cancel()
            with pytest.raises(asyncio.CancelledError):
                await silent
            assert await text(client, f"{moody.url}/release") == "done"
            assert await held == "released"
            (connection,) = client.connections
            assert not connection.streams
            log = await seen(moody, lambda log: bool(log["resets"]))
            assert log["resets"] == [["/silent", 8]]  # CANCEL

    play(scene())
    matrix.passed(SIDE, "Node http2", "one of several requests is cancelled")


def test_a_cancellation_that_comes_with_a_change_is_not_lost(moody: Target) -> None:
    async def scene() -> None:
        async with Client() as client:
            silent = asyncio.create_task(text(client, f"{moody.url}/silent"))
            await seen(moody, lambda log: "/silent" in log["attempts"])
            (connection,) = client.connections
            (response,) = connection.streams.values()
            response.wake()
            silent.cancel()
            await asyncio.wait([silent])
            assert silent.cancelled()

    play(scene())


def test_a_server_that_never_finishes_the_handshake() -> None:
    async def scene(port: int) -> None:
        async with Client(timeout=0.3) as client:
            with pytest.raises(ConnectionError, match="in time"):
                await text(client, f"https://localhost:{port}/")
            # The attempt to connect ends as well.
            assert not client.connections

    with socket.create_server(("localhost", 0)) as listener:
        play(scene(listener.getsockname()[1]))


def test_a_request_that_is_cancelled_while_it_waits_is_never_sent(moody: Target) -> None:
    async def scene() -> None:
        async with Client() as client:
            # The server allows 20.
            held = [asyncio.create_task(text(client, f"{moody.url}/hold")) for _ in range(20)]
            waiting = asyncio.create_task(text(client, f"{moody.url}/refuse/0"))
            while [one.h2.open_outbound_streams for one in client.connections] != [20]:
                await asyncio.sleep(0.01)
            (connection,) = client.connections
            assert connection.h2.waiting_streams == 1
            waiting.cancel()
            async with Client() as other:
                await text(other, f"{moody.url}/release")
            assert await asyncio.gather(*held) == ["released"] * 20
            assert await text(client, f"{moody.url}/log") != ""
        log = await seen(moody, bool)
        assert (log["attempts"], log["resets"]) == ({}, [])

    play(scene())


def test_content_streams_both_ways(moody: Target, matrix: Matrix) -> None:
    async def scene() -> None:
        questions: asyncio.Queue[bytes] = asyncio.Queue()

        async def pieces() -> AsyncIterator[bytes]:
            while piece := await questions.get():
                yield piece

        async with Client() as client:
            url = f"{moody.url}/echo"
            async with client.request("POST", url, content=pieces()) as response:
                answers = aiter(response)
                for piece in b"one", b"two", b"three":
                    questions.put_nowait(piece)
                    assert await anext(answers) == piece
                questions.put_nowait(b"")
                assert [piece async for piece in answers] == []

    play(scene())
    matrix.passed(SIDE, "Node http2", "content streams both ways")


def test_a_server_that_does_not_read_holds_up_the_upload() -> None:
    piece, most, taken = bytes(64 * 1024), 1000, 0
    seen = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < most:
            taken += 1
            yield piece

    def script(server: ScriptClient) -> None:
        windows = wire.settings((wire.Setting.INITIAL_WINDOW_SIZE, wire.MAX_WINDOW))
        server.send(windows, wire.window_update(0, wire.MAX_WINDOW - wire.DEFAULT_WINDOW))
        server.until(lambda frame: frame.type == wire.Type.DATA)
        assert seen.wait(TIMEOUT)
        server.break_off()

    async def scene(url: str) -> None:
        async with Client() as client:
            upload = asyncio.create_task(text(client, url, "POST", content=pieces()))
            while taken < most and not any(one.paused for one in client.connections):
                await asyncio.sleep(0)
            held_up_at = taken
            seen.set()
            with pytest.raises(ConnectionError):
                await upload
        # The windows have room for all of it, but the sockets do not.
        assert held_up_at < most / 2

    with scripted(script) as port:
        play(scene(f"http://127.0.0.1:{port}/"))


def test_a_failing_iterator_ends_its_request(moody: Target) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"some"
        raise KeyError("no more")

    async def scene() -> None:
        async with Client() as client:
            with pytest.raises(KeyError):
                await text(client, f"{moody.url}/echo", "POST", content=pieces())
            with pytest.raises(ProtocolError):
                await text(client, moody.url, headers=[("bad name", "x")])
            with pytest.raises(ValueError, match="no URL"):
                await text(client, "gopher://localhost/")
            assert await text(client, f"{moody.url}/refuse/0") == "1"

    play(scene())


def test_an_early_response_ends_the_upload(moody: Target, matrix: Matrix) -> None:
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1000)
            await asyncio.sleep(0)

    async def scene() -> None:
        async with Client() as client:
            assert await text(client, f"{moody.url}/early", "POST", content=pieces()) == "enough"
            (connection,) = client.connections
            assert not connection.streams
            before = taken
            assert await text(client, f"{moody.url}/refuse/0") == "1"
            assert taken == before

    play(scene())
    matrix.passed(SIDE, "Node http2", "response before the end of the request")


def test_an_unread_response_takes_its_window_and_no_more(
    site: Site, certificates: Certificate, matrix: Matrix
) -> None:
    def size(response: Response) -> int:
        return response.h2.readable(response.id)

    async def scene(target: Target) -> None:
        async with Client(_context(target)) as client:
            url = f"{target.url}/big.bin"
            for _ in range(6):  # in total more than the window of the connection
                async with client.request("GET", url) as response:
                    while size(response) < 256 * 1024:
                        await asyncio.sleep(0)
            async with (
                client.request("GET", url) as one,
                client.request("GET", url) as two,
                client.request("GET", url) as three,
            ):
                assert await text(client, f"{target.url}/hello.txt") == site.hello.decode()
                (connection,) = client.connections
                assert len(connection.streams) == 3
                for response in one, two, three:
                    assert size(response) <= 256 * 1024
                assert await two.read_all() == site.big
            assert not connection.streams

    with nghttpd(site, certificates) as target:
        play(scene(target))
    matrix.passed(SIDE, "nghttpd", "downloads of 20 MB that are read late or not at all")


def test_trailers(moody: Target, matrix: Matrix) -> None:
    async def scene() -> None:
        async with Client() as client:
            async with client.request("GET", f"{moody.url}/trailers") as response:
                assert (b"x-kind", b"plain") in response.headers
                assert await response.read_all() == b"content"
            assert response.trailers == [(b"x-sum", b"1")]

    play(scene())
    matrix.passed(SIDE, "Node http2", "trailers")


def test_closing_the_client_ends_its_requests(moody: Target) -> None:
    async def scene() -> None:
        async with Client() as client:
            url = f"{moody.url}/silent"
            requests = [asyncio.create_task(text(client, url)) for _ in range(30)]
            while not any(connection.streams for connection in client.connections):
                await asyncio.sleep(0)
        for result in await asyncio.gather(*requests, return_exceptions=True):
            assert isinstance(result, ConnectionError)

    play(scene())


def test_closing_the_client_while_it_connects() -> None:
    async def scene(url: str) -> None:
        async with Client() as client:
            requests = [asyncio.create_task(text(client, url)) for _ in range(3)]
            while not client.connections:
                await asyncio.sleep(0)
        assert not client.connections
        for result in await asyncio.gather(*requests, return_exceptions=True):
            assert isinstance(result, ConnectionError)
            assert str(result) == "the client was closed"

    with socket.create_server(("localhost", 0)) as listener:  # it never finishes a handshake
        play(scene(f"https://localhost:{listener.getsockname()[1]}/"))


def test_a_connection_that_fails_after_its_only_request_was_cancelled() -> None:
    logged: list[dict[str, Any]] = []

    async def scene(url: str) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: logged.append(what))
        async with Client() as client:
            request = asyncio.create_task(text(client, url))
            while not client.connections:
                await asyncio.sleep(0)
            request.cancel()
            await asyncio.wait([request])

    with socket.create_server(("localhost", 0)) as listener:  # it never finishes a handshake
        play(scene(f"https://localhost:{listener.getsockname()[1]}/"))
    gc.collect()  # only then, asyncio logs an exception that nobody has seen
    assert not logged
